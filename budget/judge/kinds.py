"""The kinds that a judgement tells apart, which are the choices of the models' columns, too."""

from __future__ import annotations

from django.db.models import TextChoices


class PeriodType(TextChoices):
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    YEARLY = "yearly"
    ROLLING = "rolling"
    TRANSACTION = "transaction"


class Operator(TextChoices):
    GTE = "gte", "at least"
    GT = "gt", "more than"
    LTE = "lte", "at most"
    LT = "lt", "less than"
    EQ = "eq", "exactly"


class Measure(TextChoices):
    SPENDING = "spending", "expenses minus refunds"
    INCOME = "income", "income"
    NET = "net", "income minus spending"
    COUNT = "count", "number of expenses"


class Match(TextChoices):
    ALL = "all", "all conditions"
    ANY = "any", "any condition"


class Effect(TextChoices):
    """What an amount of a transaction type does; SIGNS has its sign in each measure."""

    SPENDING = "spending", "adds to spending"
    REFUND = "refund", "lowers spending"
    INCOME = "income", "adds to income"
    NONE = "none", "counts for nothing"


# What an amount of each effect adds to each measure: the one place where its sign is decided. The
# SQL of the sums is made from it. Net is income minus spending and has no separate sum.
SIGNS: dict[str, dict[str, int]] = {
    Measure.SPENDING: {Effect.SPENDING: 1, Effect.REFUND: -1},
    Measure.INCOME: {Effect.INCOME: 1},
    Measure.COUNT: {Effect.SPENDING: 1},
}
SIGNS[Measure.NET] = SIGNS[Measure.INCOME] | {
    effect: -sign for effect, sign in SIGNS[Measure.SPENDING].items()
}


class Cause(TextChoices):
    """Why an alert flipped."""

    TRANSACTION = "transaction"
    IMPORT = "import"
    BULK = "bulk"
    THRESHOLD_EDIT = "threshold_edit"
    THRESHOLD_DELETED = "threshold_deleted"
    CATEGORY_MERGE = "category_merge"
    CATEGORY_EDIT = "category_edit"
    SETTINGS = "settings"
    DAY = "day"
    PERIOD_END = "period_end"
    REPAIR = "repair"
    USER = "user"
