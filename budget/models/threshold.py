"""Thresholds: the limits that a user sets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from pydantic import Field
from typing_extensions import TypedDict

from budget.judge.judgement import triggers_of
from budget.judge.kinds import Match, Measure, Operator, PeriodType
from budget.judge.periods import DAY, MIN_DATE, Calendar, span_of
from budget.models.category import Category
from budget.models.ledger import Book, LedgerModel, LedgerQuerySet, LedgerState, Row
from budget.models.money import MAX_AMOUNT, MoneyField, parse_amount, to_minor
from budget.models.search import SearchField
from budget.models.threshold_rules import (
    AT_ONCE,
    LONG_PERIODS,
    MAX_CONDITIONS,
    MAX_DAYS,
    MAX_PERCENT,
    MEANING,
    Fields,
    Path,
    Problem,
    default_levels,
    is_closing,
    normalise,
    problems,
)
from lib.errors import Conflict
from lib.shapes import (
    AmountText,
    DayText,
    Id,
    MoneyText,
    SlugText,
    UserId,
    shape,
    words,
)
from lib.text import NAME_LENGTH, NOT_A_SLUG, SLUG_LENGTH, check_slug, make_slug, tidy

WITH_CONDITIONS = "null with conditions."
# What columns that cannot be null hold where the API has null.
NULL_IN_COLUMNS: Fields = {
    "amount": Decimal(),
    "operator": Operator.GTE,
    "measure": Measure.SPENDING,
    "match": "",
}
# Pairs of a first day and minor units; None where nothing has been computed.
Balances = list[tuple[str, int]] | None
# How many finished periods a threshold that is judged at their end may begin with.
MAX_PAST_PERIODS = 400


@shape({"category": "Restaurants", "measure": "spending", "operator": "gt", "amount": "200.00"})
class ConditionDict(TypedDict):
    """One of the conditions of a combination."""

    category: Annotated[
        str | None, Field(description="The category's name; null where all of them count.")
    ]
    measure: Annotated[str, words(Measure.values)]
    operator: Annotated[str, words(Operator.values)]
    amount: AmountText


def means(name: str, null: str = "", **schema: Any) -> Any:
    """The description of a field. null: what it says of the value null."""
    return Field(description=f"{MEANING[name]} {null}".strip(), **schema)


class PlainThresholdDict(TypedDict):
    id: Id
    user: UserId
    name: str
    slug: SlugText
    amount: Annotated[AmountText | None, means("amount", WITH_CONDITIONS)]
    type: Annotated[str, words(PeriodType.values), means("type")]
    days: Annotated[int | None, means("days", ge=1, le=MAX_DAYS)]
    category: Annotated[str | None, means("category", "null: all transactions count.")]
    operator: Annotated[
        str | None,
        means("operator", WITH_CONDITIONS, json_schema_extra={"enum": [*Operator.values, None]}),
    ]
    measure: Annotated[
        str | None,
        means("measure", WITH_CONDITIONS, json_schema_extra={"enum": [*Measure.values, None]}),
    ]
    match: Annotated[
        str | None,
        means(
            "match",
            "null: no conditions.",
            json_schema_extra={"enum": [*Match.values, None]},
        ),
    ]
    levels: Annotated[
        list[Annotated[int, Field(ge=1, le=MAX_PERCENT)]],
        means("levels"),
    ]
    starts_on: Annotated[DayText | None, means("starts_on")]
    rollover: Annotated[bool, means("rollover")]
    rollover_cap: Annotated[MoneyText | None, means("rollover_cap", "null: everything.")]
    rollover_from: Annotated[DayText | None, means("rollover_from")]
    forecast: Annotated[bool, means("forecast")]
    enabled: Annotated[bool, means("enabled")]


class ThresholdDict(PlainThresholdDict):
    conditions: Annotated[
        list[ConditionDict],
        means("conditions", max_length=MAX_CONDITIONS),
    ]


class ThresholdQuerySet(LedgerQuerySet["Threshold"]):
    def kept(self) -> ThresholdQuerySet:
        """Without the deleted ones, which stay for their alerts."""
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
    to 10 distinct whole percents of it from 1 to 1000; each opens its own alert. category: only
    transactions of its subtree count. days: the length of a rolling window, 1 to 366.

    match: "all" or "any" for a combination of 1 to 5 conditions (`new_conditions`), which take the
    place of category, measure, operator and amount; else "". starts_on: for what is judged when a
    period is over (lte, lt, eq), the first day on which such a period may start. rollover: what a
    period leaves over is carried to the next, at most `rollover_cap` either way, beginning with the
    period of `rollover_from`. forecast: also raises an alert when the limit will be passed.

    At most 200 thresholds a user (Conflict). Editing what a threshold looks at (IDENTITY, the
    conditions) starts a new revision; a delete is soft.
    """

    MAX_A_USER = 200
    # Columns that change without an edit, because they follow from other rows.
    DERIVED: ClassVar = frozenset({"balances"})
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

    # The conditions after the next save(); None: unchanged.
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
    # What a rollover in force has carried into each block of its chain, oldest first: pairs of the
    # first day and minor units (budget/judge/chain.py). The engine stores it; null: not computed.
    balances = models.JSONField(null=True, default=None, editable=False)
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
                # A CHECK lets NULL pass, so that it has to be ruled out by itself.
                condition=models.Q(type="rolling", days__isnull=False, days__range=(1, MAX_DAYS))
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
        """The conditions after a save, in order; empty for a simple threshold."""
        if self.new_conditions is not None:
            return list(self.new_conditions)
        return list(self.conditions.all()) if self.match and self.pk is not None else []

    @property
    def closing(self) -> bool:
        """Whether it is judged only when its period is over."""
        return is_closing({"conditions": self.parts(), "operator": self.operator})

    def triggers(self) -> dict[int, int]:
        """The levels in force, each with its trigger in minor units.

        The share is rounded up for gte and lte and down for gt and lt. A limit of 0 has level 100
        only under gte, reached as soon as the total is above 0. A combination has 100 only, and the
        amounts in its conditions.
        """
        return triggers_of(self.operator, to_minor(self.amount), () if self.match else self.levels)

    def fields(self) -> Fields:
        """The fields that rules are about, by the names of the API; see threshold_rules."""
        parts = self.parts()
        simple = not parts
        return {
            "name": self.name,
            "amount": self.amount if simple else None,
            "type": self.type,
            "days": self.days,
            "category": self.category if simple else None,
            "operator": self.operator if simple else None,
            "measure": self.measure if simple else None,
            "match": self.match or None,
            "conditions": parts,
            "levels": self.levels,
            "starts_on": self.starts_on,
            "rollover": self.rollover,
            "rollover_cap": self.rollover_cap,
            "rollover_from": self.rollover_from,
            "forecast": self.forecast,
        }

    def set_fields(self, fields: Fields) -> None:
        """Set columns by the names of the API; `conditions` are not among them."""
        for name in fields.keys() - {"conditions"}:
            value = fields[name]
            setattr(self, name, NULL_IN_COLUMNS.get(name) if value is None else value)

    def prepare(self) -> None:
        """Make every value what the database will hold. Raises ValidationError, all at once."""
        self.name = tidy(self.name)
        fields = normalise(self.fields(), self.wished())
        found = [*problems(fields), *self.foreign_categories()]
        if found:
            raise ValidationError(by_field(found))
        self.set_fields(fields)
        self.amount = parse_amount(self.amount)
        self.levels = sorted(self.levels)
        if self.rollover_cap is not None:
            self.rollover_cap = parse_amount(self.rollover_cap)
        for position, part in enumerate(self.new_conditions or (), 1):
            part.position, part.amount = position, parse_amount(part.amount)

    def wished(self) -> set[str]:
        """The fields that are refused where they do not fit; a form sends the others anyhow."""
        wished = {"rollover", "forecast"}
        if self.levels != default_levels():
            wished.add("levels")
        if self.new_conditions is None:
            wished.add("match")
        return wished

    def foreign_categories(self) -> Iterator[Problem]:
        categories: list[tuple[Path, Category | None]] = [(("category",), self.category)]
        for position, part in enumerate(self.parts()):
            categories.append((("conditions", position, "category"), part.category))
        for place, category in categories:
            if category is not None and category.user_id != self.user_id:
                yield place, "The category belongs to another user."

    def settle_dates(self, ledger: LedgerState, before: Row | None) -> None:
        """Fill in where it begins: the current period, if nothing is set. Raises ValidationError.

        ledger: the owner's, locked, with the user's day and calendar.
        """
        today = max(ledger.as_of, ledger.today)
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

    def known_balances(self) -> tuple[tuple[date, int], ...] | None:
        """The stored balances: what is carried into each block; None if not computed yet."""
        return balances_known(self.balances)

    @classmethod
    def store_balances(
        cls, user_id: int, threshold_id: int, balances: Iterable[tuple[date, int]]
    ) -> None:
        """Store the balances; under the lock."""
        rows = cls._base_manager.filter(user_id=user_id, pk=threshold_id)
        rows.update(balances=[[day.isoformat(), minor] for day, minor in balances])

    def before_write(self, book: Book, before: Row | None) -> None:
        self.prepare()
        siblings = Threshold.objects.kept().filter(user_id=self.user_id).exclude(pk=self.pk)
        if not self.slug:
            self.slug = make_slug(
                self.name, "threshold", set(siblings.values_list("slug", flat=True))
            )
        self.refuse(before, siblings)
        self.derive(book.ledger, before)

    def refuse(self, before: Row | None, siblings: ThresholdQuerySet) -> None:
        """Raise ValidationError or Conflict if the user's other rows or its past forbid the write.

        siblings: the user's other thresholds that are not deleted.
        """
        check_slug(self.slug)
        if self.deleted_at is None and siblings.filter(slug=self.slug).exists():
            raise Conflict(f"There is a threshold with the slug {self.slug} already.")
        if before is None:
            if siblings.count() >= self.MAX_A_USER:
                raise Conflict(f"A user has at most {self.MAX_A_USER} thresholds.")
        elif before["user_id"] != self.user_id:
            raise Conflict("A threshold cannot move to another user.")
        elif before["deleted_at"] is not None and self.deleted_at is None:
            # A copy read before the delete would otherwise bring the threshold back.
            raise Conflict("The threshold has been deleted.")

    def derive(self, ledger: LedgerState, before: Row | None) -> None:
        """Fill in what follows from the other values. Raises ValidationError for its dates."""
        # An edit may change all of them: the engine computes them after it.
        self.balances = None
        if before is None or self.deleted_at is None:
            self.settle_dates(ledger, before)
        else:
            self.deleted_at = before["deleted_at"] or ledger.now
        if before is not None:
            moved = any(before[name] != getattr(self, name) for name in self.IDENTITY)
            self.revision = before["revision"] + (moved or self.conditions_move())

    def conditions_move(self) -> bool:
        """Whether the new conditions differ from the stored ones."""
        if self.new_conditions is None:
            return False
        stored = [part.content for part in self.conditions.all()]
        return stored != [part.content for part in self.new_conditions]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write the threshold and every alert that opens or resolves because of it.

        Raises ValidationError (all fields at once) and Conflict.
        """
        # revision and slug follow from the other fields, so a partial save would lose them.
        kwargs.pop("update_fields", None)
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete softly: the alerts resolve and can still be read, and the slug is free again."""
        if self.deleted_at is None:
            # save() stores the instant of the lock.
            self.deleted_at = timezone.now()
            try:
                self.save()
            except BaseException:
                self.deleted_at = None
                raise
        return 1, {"budget.Threshold": 1}


def balances_known(stored: Balances) -> tuple[tuple[date, int], ...] | None:
    """Balances from the column that holds them; None where it holds none that can be read."""
    if stored is None:
        return None
    try:
        return tuple((date.fromisoformat(day), int(minor)) for day, minor in stored)
    except (TypeError, ValueError):
        return None


def periods_back(type: str, day: date, calendar: Calendar) -> date:
    """The first day of the earliest period that a new threshold can judge, counted from a day."""
    span = span_of(type, day, calendar)
    for _ in range(MAX_PAST_PERIODS):
        span = span_of(type, max(span.start - DAY, MIN_DATE), calendar)
    return span.start


def by_field(found: Iterable[Problem]) -> dict[str, list[str]]:
    """Problems as a ValidationError takes them; those of a condition say which one."""
    errors: dict[str, list[str]] = {}
    for (name, *rest), text in found:
        where = f"Condition {int(rest[0]) + 1}, {rest[1]}: " if rest else ""
        errors.setdefault(str(name), []).append(f"{where}{text}")
    return errors


class Condition(models.Model):
    """One of the 1 to 5 conditions of a combined threshold; they share its period.

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
        where = "" if self.category is None else f" of {self.category}"
        return f"{self.measure}{where} {self.operator} {self.amount}"

    @property
    def content(self) -> tuple[int | None, str, str, Decimal]:
        """Two conditions with the same content are the same."""
        return self.category_id, self.measure, self.operator, self.amount
