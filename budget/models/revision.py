"""Earlier revisions of thresholds, by which their old alerts are explained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from django.conf import settings
from django.db import models

from budget.judge.kinds import Match, Measure, Operator, PeriodType
from budget.models.category import Category
from budget.models.money import MoneyField
from budget.models.threshold import Condition, Threshold
from budget.models.threshold_rules import MAX_CONDITIONS


class ThresholdRevision(models.Model):
    """One condition of a threshold in a revision that an edit has ended.

    A simple threshold has one row, a combined one a row for each condition, by position; what they
    share is in each. amount and levels are those at the end of the revision. Rows are written by
    that edit; only a merge of categories changes them later.
    """

    SHARED = (
        "type",
        "days",
        "match",
        "levels",
        "starts_on",
        "rollover",
        "rollover_cap",
        "rollover_from",
    )
    OWN = ("category_id", "measure", "operator", "amount")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="threshold_revisions",
        db_index=False,
    )
    threshold = models.ForeignKey(
        Threshold, models.PROTECT, related_name="revisions", db_index=False
    )
    revision = models.IntegerField()
    position = models.SmallIntegerField()
    category = models.ForeignKey(
        Category, models.PROTECT, related_name="revisions", null=True, db_index=False
    )
    measure = models.CharField(max_length=8, choices=Measure)
    operator = models.CharField(max_length=3, choices=Operator)
    amount = MoneyField()
    type = models.CharField(max_length=12, choices=PeriodType)
    days = models.SmallIntegerField(null=True)
    match = models.CharField(max_length=3, choices=Match, blank=True)
    levels = models.JSONField()
    starts_on = models.DateField(null=True)
    rollover = models.BooleanField()
    rollover_cap = MoneyField(null=True)
    rollover_from = models.DateField(null=True)

    class Meta:
        ordering: ClassVar = ["threshold", "revision", "position"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "threshold", "revision", "position"],
                name="budget_thresholdrevision_unique",
            ),
            models.CheckConstraint(
                condition=models.Q(position__range=(1, MAX_CONDITIONS)),
                name="budget_thresholdrevision_position",
            ),
            models.CheckConstraint(
                condition=models.Q(match="", position=1) | models.Q(match__in=Match.values),
                name="budget_thresholdrevision_match",
            ),
        ]

    def __str__(self) -> str:
        return f"revision {self.revision} of threshold {self.threshold_id}: {self.measure}"

    @classmethod
    def sums_of(cls, old: Threshold, parts: Sequence[Condition]) -> list[ThresholdRevision]:
        """The rows of a threshold as it is, unsaved. parts: its conditions, in order."""
        shared = {name: getattr(old, name) for name in cls.SHARED}
        sums: Sequence[Condition | Threshold] = parts or [old]
        return [
            cls(
                user_id=old.user_id,
                threshold_id=old.pk,
                revision=old.revision,
                position=position,
                **shared,
                **{name: getattr(one, name) for name in cls.OWN},
            )
            for position, one in enumerate(sums, 1)
        ]
