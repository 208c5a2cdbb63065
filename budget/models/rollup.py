"""Rollups: sums that bound the cost of an evaluation, whatever the history."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from budget.models.category import Category
from budget.models.transaction_type import TransactionType

MAX_MINOR = 9 * 10**15


class Grain(models.TextChoices):
    DAY = "D"
    MONTH = "M"


class Rollup(models.Model):
    """What a user moved in one day or month, by category and type.

    bucket: the day, or the first day of the user's month as the ledger's month_start cuts it.
    amount: minor units, always positive (the type's effect gives the sign), at most 9 * 10^15.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    grain = models.CharField(max_length=1, choices=Grain)
    bucket = models.DateField()
    category = models.ForeignKey(Category, models.CASCADE, related_name="+", db_index=False)
    type = models.ForeignKey(TransactionType, models.CASCADE, related_name="+", db_index=False)
    amount = models.BigIntegerField()
    count = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "grain", "bucket", "category", "type"],
                name="budget_rollup_unique_bucket",
            ),
            models.CheckConstraint(
                condition=models.Q(amount__range=(-MAX_MINOR, MAX_MINOR)),
                name="budget_rollup_amount_range",
            ),
            models.CheckConstraint(
                condition=models.Q(grain__in=Grain.values), name="budget_rollup_grain"
            ),
            models.CheckConstraint(condition=models.Q(count__gte=0), name="budget_rollup_count"),
        ]

    def __str__(self) -> str:
        return f"{self.grain} {self.bucket}: {self.amount}"
