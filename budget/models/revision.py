"""What thresholds looked at before they were edited, kept for the alerts of then."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.db import models

from budget.models.category import Category
from budget.models.money import MoneyField
from budget.models.periods import PeriodType
from budget.models.threshold import (
    MAX_CONDITIONS,
    Condition,
    Match,
    Measure,
    Operator,
    Threshold,
)


class ThresholdRevision(models.Model):
    """A sum that a threshold rested on in a revision which an edit has ended.

    A simple threshold has one, a combination one for each condition, by position; what they share
    stands in each. amount and levels are those that the revision ended with. Written by that edit
    and never again, but that a category which is merged away takes its rows along.
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
        """A threshold as it is, unsaved; parts: its conditions, in order."""
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

    @classmethod
    def put_together(
        cls, sums: Sequence[ThresholdRevision], now: Threshold
    ) -> tuple[Threshold, list[Condition]]:
        """A threshold as it was, with its conditions; not to be saved.

        sums: all of one revision, in order. now: the threshold as it is, whose name it goes by.
        """
        first = sums[0]
        shared = {name: getattr(first, name) for name in cls.SHARED}
        own = [{name: getattr(one, name) for name in cls.OWN} for one in sums]
        old = Threshold(
            pk=now.pk,
            user_id=now.user_id,
            name=now.name,
            revision=first.revision,
            **shared,
            **({"amount": Decimal()} if first.match else own[0]),
        )
        parts = [
            Condition(threshold_id=now.pk, position=one.position, **values)
            for one, values in zip(sums, own, strict=True)
        ]
        return old, parts if first.match else []
