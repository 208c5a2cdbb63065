"""Thresholds: what a user wants to be told about."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from pydantic import Field
from typing_extensions import TypedDict

from budget.models.category import NAME_LENGTH, Category
from budget.models.errors import Conflict
from budget.models.ledger import LedgerModel, LedgerQuerySet, Row
from budget.models.money import MAX_AMOUNT, MoneyField, parse_amount, share
from budget.models.search import SearchField
from budget.models.shapes import Id, MoneyText, SlugText, UserId, words
from budget.models.text import NOT_A_SLUG, SLUG_LENGTH, check_slug, make_slug, tidy

MAX_LEVELS = 10
MAX_PERCENT = 1000


class PeriodType(models.TextChoices):
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    YEARLY = "yearly"
    TRANSACTION = "transaction"


class Operator(models.TextChoices):
    GTE = "gte", "at least"
    GT = "gt", "more than"


class Measure(models.TextChoices):
    SPENDING = "spending"


CHOICES: dict[str, type[models.TextChoices]] = {
    "type": PeriodType,
    "operator": Operator,
    "measure": Measure,
}


def default_levels() -> list[int]:
    return [80, 100]


class ThresholdDict(TypedDict):
    id: Id
    user: UserId
    name: str
    slug: SlugText
    amount: Annotated[MoneyText, Field(description="The limit, 0 or more, in each period.")]
    type: Annotated[
        str,
        words(PeriodType.values),
        Field(description="What it limits: every period of this length, or each transaction."),
    ]
    category: Annotated[
        str | None, Field(description="The category's name; null where all of them count.")
    ]
    operator: Annotated[
        str,
        words(Operator.values),
        Field(description="gte: a level is reached by a total of as much; gt: of more."),
    ]
    measure: Annotated[
        str, words(Measure.values), Field(description="spending: expenses minus refunds.")
    ]
    levels: Annotated[
        list[Annotated[int, Field(ge=1, le=MAX_PERCENT)]],
        Field(description="Percents of the amount; each raises an alert of its own."),
    ]
    enabled: Annotated[bool, Field(description="Whether it raises alerts.")]


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
    """A limit on spending in each day, week, month, quarter or year, or on one transaction.

    amount: 0 to 999999999999.99 in the user's currency. levels: 1 to 10 distinct whole percents of
    it from 1 to 1000; each raises an alert of its own. category: only that category's rows count.
    At most 200 thresholds a user (Conflict). Editing type, category, operator or measure starts a
    new revision; a delete is soft.
    """

    MAX_A_USER = 200
    IDENTITY = ("type", "category_id", "operator", "measure")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="thresholds", db_index=False
    )
    name = models.CharField(max_length=NAME_LENGTH)
    search = SearchField(of="name")
    slug = models.CharField(max_length=SLUG_LENGTH, blank=True)
    amount = MoneyField()
    type = models.CharField(max_length=12, choices=PeriodType)
    category = models.ForeignKey(
        Category, models.PROTECT, related_name="thresholds", null=True, blank=True, db_index=False
    )
    operator = models.CharField(max_length=3, choices=Operator, default=Operator.GTE)
    measure = models.CharField(max_length=8, choices=Measure, default=Measure.SPENDING)
    levels = models.JSONField(default=default_levels)
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
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def in_force(self) -> bool:
        return self.enabled and self.deleted_at is None

    def triggers(self) -> dict[int, int]:
        """The levels in force, each with the total in minor units that reaches it.

        gte compares >= with the share rounded up, gt compares > with the share rounded down. A
        limit of 0 has level 100 only under gte, reached as soon as anything is spent.
        """
        if self.operator == Operator.GTE and self.amount == 0:
            return {100: 1}
        up = self.operator == Operator.GTE
        return {percent: share(self.amount, percent, up=up) for percent in self.levels}

    def level_reached(self, total: int) -> int | None:
        """The highest level that a total, in minor units, reaches."""
        strict = self.operator == Operator.GT
        reached = [level for level, trigger in self.triggers().items() if total >= trigger + strict]
        return max(reached, default=None)

    def prepare(self) -> None:
        """Make every value what the database will hold. Raises ValidationError, all at once."""
        errors: dict[str, str] = {}
        self.name = tidy(self.name)
        if not 1 <= len(self.name) <= NAME_LENGTH:
            errors["name"] = f"A name has 1 to {NAME_LENGTH} characters."
        try:
            self.amount = parse_amount(self.amount)
            if not 0 <= self.amount <= MAX_AMOUNT:
                raise ValidationError(f"An amount lies between 0 and {MAX_AMOUNT}.")
        except ValidationError as error:
            errors["amount"] = error.messages[0]
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices.values:
                errors[name] = f"{getattr(self, name)!r} is not available."
        if not valid_levels(self.levels):
            errors["levels"] = (
                f"Levels are 1 to {MAX_LEVELS} distinct whole percents from 1 to {MAX_PERCENT}."
            )
        if self.category is not None and self.category.user_id != self.user_id:
            errors["category"] = "The category belongs to another user."
        if errors:
            raise ValidationError(errors)
        self.levels = sorted(self.levels)

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
            return
        if before["user_id"] != self.user_id:
            raise Conflict("A threshold stays with its user.")
        if before["deleted_at"] is not None:
            if self.deleted_at is None:
                # A copy read before the delete would otherwise bring the threshold back.
                raise Conflict("The threshold has been deleted.")
            self.deleted_at = before["deleted_at"]
        moved = any(before[name] != getattr(self, name) for name in self.IDENTITY)
        self.revision = before["revision"] + moved

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

    def to_dict(self) -> ThresholdDict:
        """The threshold as the API shows it, without `current`, which takes the totals."""
        return {
            "id": self.pk,
            "user": self.user_id,
            "name": self.name,
            "slug": self.slug,
            "amount": str(self.amount),
            "type": self.type,
            "category": self.category.name if self.category else None,
            "operator": self.operator,
            "measure": self.measure,
            "levels": self.levels,
            "enabled": self.enabled,
        }


def valid_levels(levels: object) -> bool:
    """Whether these are 1 to 10 distinct whole percents from 1 to 1000."""
    return (
        isinstance(levels, list)
        and 1 <= len(levels) <= MAX_LEVELS
        and all(type(level) is int and 1 <= level <= MAX_PERCENT for level in levels)
        and len(set(levels)) == len(levels)
    )


class ThresholdLevel(models.Model):
    """A level in force and the total, in minor units, that reaches it.

    Computed once, when the threshold is saved, so that the evaluation compares and never
    multiplies.
    """

    threshold = models.ForeignKey(
        Threshold, models.CASCADE, related_name="levels_in_force", db_index=False
    )
    percent = models.SmallIntegerField()
    trigger = models.BigIntegerField()

    class Meta:
        ordering: ClassVar = ["threshold", "percent"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["threshold", "percent"], name="budget_thresholdlevel_unique_percent"
            ),
            models.CheckConstraint(
                condition=models.Q(percent__range=(1, MAX_PERCENT)),
                name="budget_thresholdlevel_percent",
            ),
            models.CheckConstraint(
                condition=models.Q(trigger__gte=0), name="budget_thresholdlevel_trigger"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.percent} %"
