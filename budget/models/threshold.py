"""Thresholds: what a user wants to be told about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from pydantic import Field
from typing_extensions import TypedDict

from budget.models.category import NAME_LENGTH, Category
from budget.models.errors import Conflict
from budget.models.ledger import MAX_DATE, MIN_DATE, Calendar, LedgerModel, LedgerQuerySet, Row
from budget.models.money import MAX_AMOUNT, MoneyField, parse_amount, share, to_minor
from budget.models.periods import DAY, PeriodType, span_of
from budget.models.search import SearchField
from budget.models.shapes import (
    AmountText,
    DayText,
    Id,
    MoneyText,
    SlugText,
    UserId,
    shape,
    words,
)
from budget.models.text import NOT_A_SLUG, SLUG_LENGTH, check_slug, make_slug, tidy

MAX_LEVELS = 10
MAX_PERCENT = 1000


class Operator(models.TextChoices):
    GTE = "gte", "at least"
    GT = "gt", "more than"
    LTE = "lte", "at most"
    LT = "lt", "less than"
    EQ = "eq", "exactly"


class Measure(models.TextChoices):
    SPENDING = "spending", "expenses minus refunds"
    INCOME = "income", "income"
    NET = "net", "income minus spending"
    COUNT = "count", "number of expenses"


class Match(models.TextChoices):
    ALL = "all", "all conditions"
    ANY = "any", "any condition"


# Judged as soon as a row is written; the others once the period is over.
AT_ONCE = (Operator.GTE, Operator.GT)
# The types of period that never end, so that nothing can be judged at their end.
WITHOUT_END = (PeriodType.ROLLING, PeriodType.TRANSACTION)
# The types of period that carry over and are forecast: as long as a week or longer.
LONG_PERIODS = (PeriodType.WEEKLY, PeriodType.MONTHLY, PeriodType.QUARTERLY, PeriodType.YEARLY)
MAX_DAYS = 366
MAX_CONDITIONS = 5
WHOLE = "A count is a whole number."
# How many finished periods a threshold that is judged at their end may begin with.
MAX_PAST_PERIODS = 400
# A range of totals, in minor units, with both ends; LOWEST and HIGHEST lie beyond any sum.
Range = tuple[int, int]
LOWEST, HIGHEST = -(2**62), 2**62

CHOICES: dict[str, type[models.TextChoices]] = {
    "type": PeriodType,
    "operator": Operator,
    "measure": Measure,
}


def default_levels() -> list[int]:
    return [80, 100]


@shape({"category": "Restaurants", "measure": "spending", "operator": "gt", "amount": "200.00"})
class ConditionDict(TypedDict):
    """One of the conditions of a combination."""

    category: Annotated[
        str | None, Field(description="The category's name; null where all of them count.")
    ]
    measure: Annotated[str, words(Measure.values)]
    operator: Annotated[str, words(Operator.values)]
    amount: AmountText


class PlainThresholdDict(TypedDict):
    id: Id
    user: UserId
    name: str
    slug: SlugText
    amount: Annotated[
        AmountText | None,
        Field(
            description="The limit, 0 or more, in each period; a whole number for measure count, "
            "null for a combination."
        ),
    ]
    type: Annotated[
        str,
        words(PeriodType.values),
        Field(
            description="What it limits: every period of this length, the last `days` days, or "
            "each transaction."
        ),
    ]
    days: Annotated[
        int | None, Field(ge=1, le=MAX_DAYS, description="The length of a rolling window.")
    ]
    category: Annotated[
        str | None,
        Field(
            description="The category's name; all that lie under it count too. null where all "
            "categories count."
        ),
    ]
    operator: Annotated[
        str | None,
        Field(
            description="gte, gt: a level is reached by a total of as much, or of more, at once. "
            "lte, lt, eq: judged when the period is over. null for a combination.",
            json_schema_extra={"enum": [*Operator.values, None]},
        ),
    ]
    measure: Annotated[
        str | None,
        Field(
            description="spending: expenses minus refunds; income; net: income minus spending; "
            "count: the number of expenses. null for a combination.",
            json_schema_extra={"enum": [*Measure.values, None]},
        ),
    ]
    match: Annotated[
        str | None,
        Field(
            description="Whether all conditions of a combination must hold, or any; else null.",
            json_schema_extra={"enum": [*Match.values, None]},
        ),
    ]
    levels: Annotated[
        list[Annotated[int, Field(ge=1, le=MAX_PERCENT)]],
        Field(description="Percents of the amount; each raises an alert of its own."),
    ]
    starts_on: Annotated[
        DayText | None,
        Field(
            description="Of what is judged at the end of periods: those that start on this day or "
            "later are."
        ),
    ]
    rollover: Annotated[
        bool, Field(description="Whether what a period leaves over, or overspends, is carried on.")
    ]
    rollover_cap: Annotated[
        MoneyText | None, Field(description="The most that is carried, either way.")
    ]
    rollover_from: Annotated[
        DayText | None, Field(description="The first period that carries anything on.")
    ]
    forecast: Annotated[
        bool, Field(description="Whether it also raises an alert when the limit will be passed.")
    ]
    enabled: Annotated[bool, Field(description="Whether it raises alerts.")]


class ThresholdDict(PlainThresholdDict):
    conditions: Annotated[
        list[ConditionDict],
        Field(max_length=MAX_CONDITIONS, description="Of a combination; else empty."),
    ]


class ThresholdQuerySet(LedgerQuerySet["Threshold"]):
    def kept(self) -> ThresholdQuerySet:
        """Without the deleted ones, which stay only so that their alerts stay readable."""
        return self.filter(deleted_at__isnull=True)

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete softly, one threshold after another."""
        found = list(self.kept())
        for threshold in found:
            threshold.delete()
        return len(found), {"budget.Threshold": len(found)}


class Threshold(LedgerModel):
    """A limit in each day, week, month, quarter or year, in the last days, or on one transaction.

    amount: 0 to 999999999999.99 in the user's currency; a whole number for measure count. levels: 1
    to 10 distinct whole percents of it from 1 to 1000; each raises an alert of its own. category:
    only rows of its subtree count. days: the length of a rolling window, 1 to 366.

    match: "all" or "any" for a combination of 1 to 5 conditions (`new_conditions`), which take the
    place of category, measure, operator and amount; else "". starts_on: for what is judged when a
    period is over (lte, lt, eq), the first day on which such a period may start. rollover: what a
    period leaves over is carried to the next, at most `rollover_cap` either way, beginning with the
    period of `rollover_from`. forecast: also raises an alert when the limit will be passed.

    At most 200 thresholds a user (Conflict). Editing what a threshold looks at (IDENTITY, the
    conditions) starts a new revision; a delete is soft.
    """

    MAX_A_USER = 200
    IDENTITY = (
        "type",
        "days",
        "category_id",
        "operator",
        "measure",
        "match",
        "rollover",
        "rollover_cap",
        "rollover_from",
    )

    # What the conditions are to be after the next save(); None leaves them as they are.
    new_conditions: Sequence[Condition] | None = None

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="thresholds", db_index=False
    )
    name = models.CharField(max_length=NAME_LENGTH)
    search = SearchField(of="name")
    slug = models.CharField(max_length=SLUG_LENGTH, blank=True)
    amount = MoneyField(default=0)
    type = models.CharField(max_length=12, choices=PeriodType)
    days = models.SmallIntegerField(null=True, blank=True)
    category = models.ForeignKey(
        Category, models.PROTECT, related_name="thresholds", null=True, blank=True, db_index=False
    )
    operator = models.CharField(max_length=3, choices=Operator, default=Operator.GTE)
    measure = models.CharField(max_length=8, choices=Measure, default=Measure.SPENDING)
    match = models.CharField(max_length=3, choices=Match, default="", db_default="", blank=True)
    levels = models.JSONField(default=default_levels)
    starts_on = models.DateField(null=True, blank=True)
    rollover = models.BooleanField(default=False, db_default=False)
    rollover_cap = MoneyField(null=True, blank=True)
    rollover_from = models.DateField(null=True, blank=True)
    forecast = models.BooleanField(default=False, db_default=False)
    enabled = models.BooleanField(default=True)
    revision = models.IntegerField(default=1, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ThresholdQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [
            # Read by every evaluation: the thresholds in force that a type and category touch.
            models.Index(
                fields=["user", "type"],
                condition=models.Q(enabled=True, deleted_at__isnull=True),
                name="budget_threshold_in_force",
            ),
        ]
        constraints: ClassVar = [
            # What foreign keys of the same user's rows point to on PostgreSQL (migration 0007).
            models.UniqueConstraint(fields=["user", "id"], name="budget_threshold_unique_of_user"),
            models.UniqueConstraint(
                fields=["user", "slug"],
                condition=models.Q(deleted_at__isnull=True),
                name="budget_threshold_unique_slug",
            ),
            models.CheckConstraint(
                condition=models.Q(slug__regex=r"^[a-z][a-z0-9_-]*$")
                & ~models.Q(slug__in=sorted(NOT_A_SLUG)),
                name="budget_threshold_slug",
            ),
            models.CheckConstraint(
                condition=models.Q(amount__gte=0) & models.Q(amount__lte=MAX_AMOUNT),
                name="budget_threshold_amount_range",
            ),
            models.CheckConstraint(
                condition=models.Q(type__in=PeriodType.values), name="budget_threshold_type"
            ),
            models.CheckConstraint(
                condition=models.Q(operator__in=Operator.values), name="budget_threshold_operator"
            ),
            models.CheckConstraint(
                condition=models.Q(measure__in=Measure.values), name="budget_threshold_measure"
            ),
            models.CheckConstraint(
                condition=models.Q(revision__gte=1), name="budget_threshold_revision"
            ),
            models.CheckConstraint(
                condition=models.Q(type="rolling", days__range=(1, MAX_DAYS))
                | (~models.Q(type="rolling") & models.Q(days=None)),
                name="budget_threshold_days",
            ),
            models.CheckConstraint(
                condition=models.Q(match__in=["", *Match.values]), name="budget_threshold_match"
            ),
            models.CheckConstraint(
                condition=models.Q(rollover=True, rollover_from__isnull=False)
                | models.Q(rollover=False, rollover_cap=None, rollover_from=None),
                name="budget_threshold_rollover",
            ),
            models.CheckConstraint(
                condition=models.Q(rollover_cap=None)
                | (models.Q(rollover_cap__gte=0) & models.Q(rollover_cap__lte=MAX_AMOUNT)),
                name="budget_threshold_rollover_cap",
            ),
            models.CheckConstraint(
                condition=models.Q(rollover=False, forecast=False)
                | models.Q(
                    match="",
                    operator__in=AT_ONCE,
                    measure="spending",
                    type__in=LONG_PERIODS,
                ),
                name="budget_threshold_carries",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def parts(self) -> list[Condition]:
        """The conditions that will stand after a save, in order; none for a simple threshold."""
        if self.new_conditions is not None:
            return list(self.new_conditions)
        return list(self.conditions.all()) if self.match and self.pk is not None else []

    @property
    def closing(self) -> bool:
        """Whether it is judged when its period is over, and not before."""
        if self.match:
            return any(part.operator not in AT_ONCE for part in self.parts())
        return self.operator not in AT_ONCE

    def triggers(self) -> dict[int, int]:
        """The levels in force, each with the amount in minor units that its total is held against.

        The share is rounded up for gte and lte and down for gt and lt. A limit of 0 has level 100
        only under gte, reached as soon as the total is above 0. A combination has 100 only, and the
        amounts in its conditions.
        """
        return triggers_of(self.operator, to_minor(self.amount), () if self.match else self.levels)

    def prepare(self) -> None:
        """Make every value what the database will hold. Raises ValidationError, all at once.

        What does not go with the threshold's kind is cleared.
        """
        errors: dict[str, str] = {}
        self.name = tidy(self.name)
        if not 1 <= len(self.name) <= NAME_LENGTH:
            errors["name"] = f"A name has 1 to {NAME_LENGTH} characters."
        parts = self.parts()
        if self.new_conditions is not None:
            self.match = (self.match or Match.ALL) if parts else ""
        if self.match:
            self.amount, self.category, self.levels = Decimal(), None, [100]
            self.operator, self.measure = Operator.GTE, Measure.SPENDING
            errors |= wrong_conditions(parts, self.user_id)
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices.values:
                errors[name] = f"{getattr(self, name)!r} is not available."
        if self.match not in ("", *Match.values):
            errors["match"] = "Conditions are joined by all or any."
        try:
            self.amount = limit_of(self.amount, self.measure)
        except ValidationError as error:
            errors["amount"] = error.messages[0]
        if self.category is not None and self.category.user_id != self.user_id:
            errors["category"] = "The category belongs to another user."
        errors |= self.wrong_levels() | self.wrong_type() | self.wrong_rollover()
        if errors:
            raise ValidationError(errors)
        self.levels = sorted(self.levels)

    def wrong_levels(self) -> dict[str, str]:
        if self.closing and self.levels == default_levels():
            self.levels = [100]
        if not valid_levels(self.levels):
            return {
                "levels": f"Levels are 1 to {MAX_LEVELS} distinct whole percents from 1 to "
                f"{MAX_PERCENT}."
            }
        if self.closing and self.levels != [100]:
            return {"levels": "What is judged at the end of a period has level 100 only."}
        return {}

    def wrong_type(self) -> dict[str, str]:
        """What does not go with the type."""
        errors = {}
        if self.type != PeriodType.ROLLING:
            self.days = None
        elif self.days is None or not 1 <= self.days <= MAX_DAYS:
            errors["days"] = f"A rolling window has 1 to {MAX_DAYS} days."
        where = "conditions" if self.match else "operator"
        if self.type in WITHOUT_END and self.closing:
            errors[where] = no_end(self.type)
        if self.type == PeriodType.TRANSACTION:
            if self.match:
                errors["conditions"] = "A single transaction has no conditions."
            if self.measure not in (Measure.SPENDING, Measure.INCOME):
                errors["measure"] = "A single transaction is measured by spending or income."
        return errors

    def wrong_rollover(self) -> dict[str, str]:
        """What does not go with rollover and forecast."""
        errors = {}
        can = not self.match and carries_over(self.type, self.operator, self.measure)
        for name in ("rollover", "forecast"):
            if getattr(self, name) and not can:
                errors[name] = "Goes with gte or gt on spending, in weeks or longer periods."
        if not self.rollover:
            self.rollover_cap = self.rollover_from = None
        elif self.rollover_cap is not None:
            try:
                self.rollover_cap = limit_of(self.rollover_cap)
            except ValidationError as error:
                errors["rollover_cap"] = error.messages[0]
        for name in ("starts_on", "rollover_from"):
            day = getattr(self, name)
            if day is not None and not MIN_DATE <= day <= MAX_DATE:
                errors[name] = f"A date lies between {MIN_DATE} and {MAX_DATE}."
        return errors

    def settle_dates(self, before: Row | None) -> None:
        """Fill in where it begins: the present period, unless it is said. Raises ValidationError.

        Runs under the lock, which knows the user's day and calendar.
        """
        if self.change is None:
            raise RuntimeError("Where a threshold begins is settled while it is saved.")
        ledger = self.change.ledgers[self.user_id]
        today = max(ledger.as_of, ledger.calendar.today())
        if self.rollover and self.rollover_from is None:
            self.rollover_from = span_of(self.type, today, ledger.calendar).start
        if not self.closing:
            self.starts_on = None
            return
        span = span_of(self.type, today, ledger.calendar)
        self.starts_on = self.starts_on or span.start
        if before and (before["starts_on"], before["type"]) == (self.starts_on, self.type):
            return
        earliest = periods_back(self.type, today, ledger.calendar)
        if self.starts_on < earliest:
            raise ValidationError(
                {"starts_on": f"At most {MAX_PAST_PERIODS} periods back: {earliest} or later."}
            )

    def check_write(self, before: Row | None) -> None:
        self.prepare()
        siblings = Threshold.objects.kept().filter(user_id=self.user_id).exclude(pk=self.pk)
        if not self.slug:
            self.slug = make_slug(
                self.name, "threshold", set(siblings.values_list("slug", flat=True))
            )
        check_slug(self.slug)
        if self.deleted_at is None and siblings.filter(slug=self.slug).exists():
            raise Conflict(f"There is a threshold with the slug {self.slug} already.")
        if before is None:
            if siblings.count() >= self.MAX_A_USER:
                raise Conflict(f"A user has at most {self.MAX_A_USER} thresholds.")
            self.settle_dates(before)
            return
        if before["user_id"] != self.user_id:
            raise Conflict("A threshold stays with its user.")
        if before["deleted_at"] is not None:
            if self.deleted_at is None:
                # A copy read before the delete would otherwise bring the threshold back.
                raise Conflict("The threshold has been deleted.")
            self.deleted_at = before["deleted_at"]
        if self.deleted_at is None:
            self.settle_dates(before)
        moved = any(before[name] != getattr(self, name) for name in self.IDENTITY)
        moved = moved or self.conditions_move()
        self.revision = before["revision"] + moved

    def conditions_move(self) -> bool:
        """Whether the conditions to be stored are other ones than those that are."""
        if self.new_conditions is None:
            return False
        stored = [part.content for part in self.conditions.all()]
        return stored != [part.content for part in self.new_conditions]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write the threshold, its levels and every alert that opens or resolves by it.

        Raises ValidationError (all fields at once) and Conflict.
        """
        # revision and slug follow from the other fields, so a partial save would lose them.
        kwargs.pop("update_fields", None)
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete softly: the alerts resolve and stay readable, the slug is free again."""
        if self.deleted_at is None:
            self.deleted_at = timezone.now()
            self.save()
        return 1, {"budget.Threshold": 1}

    def to_dict(self) -> PlainThresholdDict:
        """The threshold as the API shows it, without its conditions and `current`."""
        simple = not self.match
        cap, carries_from, begins = self.rollover_cap, self.rollover_from, self.starts_on
        return {
            "id": self.pk,
            "user": self.user_id,
            "name": self.name,
            "slug": self.slug,
            "amount": shown(self.amount, self.measure) if simple else None,
            "type": self.type,
            "days": self.days,
            "category": self.category.name if self.category else None,
            "operator": self.operator if simple else None,
            "measure": self.measure if simple else None,
            "match": self.match or None,
            "levels": self.levels,
            "starts_on": begins.isoformat() if begins else None,
            "rollover": self.rollover,
            "rollover_cap": None if cap is None else str(cap),
            "rollover_from": carries_from.isoformat() if carries_from else None,
            "forecast": self.forecast,
            "enabled": self.enabled,
        }


def no_end(type: str) -> str:
    """Why nothing can be judged at the end of a type of period."""
    return f"lte, lt and eq need a period that ends; type {type} has none."


def carries_over(type: str, operator: str, measure: str) -> bool:
    """Whether rollover and forecast go with a simple threshold of that kind."""
    return operator in AT_ONCE and measure == Measure.SPENDING and type in LONG_PERIODS


def shown(amount: Decimal, measure: str) -> str:
    """An amount or a total as the API shows it: a count is a whole number."""
    return str(int(amount)) if measure == Measure.COUNT else str(amount)


def limit_of(value: Decimal | int | str, measure: str = Measure.SPENDING) -> Decimal:
    """A limit from 0 to 999999999999.99, whole for a count. Raises ValidationError."""
    amount = parse_amount(value)
    if not 0 <= amount <= MAX_AMOUNT:
        raise ValidationError(f"An amount lies between 0 and {MAX_AMOUNT}.")
    if measure == Measure.COUNT and amount != int(amount):
        raise ValidationError(WHOLE)
    return amount


def triggers_of(operator: str, limit: int, levels: Sequence[int]) -> dict[int, int]:
    """The levels in force of a limit, with their triggers; limit and triggers in minor units.

    A limit that a rollover has brought below 0 counts as 0.
    """
    limit = max(limit, 0)
    if not levels:
        return {}
    if operator == Operator.GTE and limit == 0:
        return {100: 1}
    up = operator in (Operator.GTE, Operator.LTE)
    return {percent: share(limit, percent, up=up) for percent in levels}


def periods_back(type: str, day: date, calendar: Calendar) -> date:
    """The first day of the earliest period that is judged at its end, seen from a day."""
    span = span_of(type, day, calendar)
    for _ in range(MAX_PAST_PERIODS):
        span = span_of(type, max(span.start - DAY, MIN_DATE), calendar)
    return span.start


def range_of(operator: str, trigger: int) -> Range:
    """The totals, in minor units, of which an operator and a trigger hold."""
    match operator:
        case Operator.GTE:
            return trigger, HIGHEST
        case Operator.GT:
            return trigger + 1, HIGHEST
        case Operator.LTE:
            return LOWEST, trigger
        case Operator.LT:
            return LOWEST, trigger - 1
        case _:
            return trigger, trigger


def wrong_conditions(parts: Sequence[Condition], user_id: int) -> dict[str, str]:
    """What is wrong with the conditions of a combination."""
    if not 1 <= len(parts) <= MAX_CONDITIONS:
        return {"conditions": f"A combination has 1 to {MAX_CONDITIONS} conditions."}
    for position, part in enumerate(parts, 1):
        part.position = position
        try:
            part.prepare(user_id)
        except ValidationError as error:
            return {"conditions": f"Condition {position}: {error.messages[0]}"}
    return {}


def valid_levels(levels: object) -> bool:
    """Whether these are 1 to 10 distinct whole percents from 1 to 1000."""
    return (
        isinstance(levels, list)
        and 1 <= len(levels) <= MAX_LEVELS
        and all(type(level) is int and 1 <= level <= MAX_PERCENT for level in levels)
        and len(set(levels)) == len(levels)
    )


class Condition(models.Model):
    """One of the 1 to 5 conditions that a combination joins; they share its period.

    amount: 0 to 999999999999.99, whole for measure count; for gte, 0 is reached above 0.
    """

    threshold = models.ForeignKey(
        Threshold, models.CASCADE, related_name="conditions", db_index=False
    )
    position = models.SmallIntegerField()
    category = models.ForeignKey(
        Category, models.PROTECT, related_name="conditions", null=True, blank=True
    )
    measure = models.CharField(max_length=8, choices=Measure, default=Measure.SPENDING)
    operator = models.CharField(max_length=3, choices=Operator, default=Operator.GTE)
    amount = MoneyField()

    class Meta:
        ordering: ClassVar = ["threshold", "position"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["threshold", "position"], name="budget_condition_unique_position"
            ),
            models.CheckConstraint(
                condition=models.Q(position__range=(1, MAX_CONDITIONS)),
                name="budget_condition_position",
            ),
            models.CheckConstraint(
                condition=models.Q(amount__gte=0) & models.Q(amount__lte=MAX_AMOUNT),
                name="budget_condition_amount_range",
            ),
            models.CheckConstraint(
                condition=models.Q(operator__in=Operator.values), name="budget_condition_operator"
            ),
            models.CheckConstraint(
                condition=models.Q(measure__in=Measure.values), name="budget_condition_measure"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.measure} {self.operator} {self.amount}"

    @property
    def content(self) -> tuple[int | None, str, str, Decimal]:
        """What makes it the same condition as another."""
        return self.category_id, self.measure, self.operator, self.amount

    def prepare(self, user_id: int) -> None:
        """Check the condition for a threshold of that user. Raises ValidationError."""
        if self.operator not in Operator.values:
            raise ValidationError(f"{self.operator!r} is not available.")
        if self.measure not in Measure.values:
            raise ValidationError(f"{self.measure!r} is not available.")
        if self.category is not None and self.category.user_id != user_id:
            raise ValidationError("The category belongs to another user.")
        self.amount = limit_of(self.amount, self.measure)
