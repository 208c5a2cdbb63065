"""The tables of the peers, as Django models; with_fastapi.py maps the same tables."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import User
from django.db import models

TYPES = [("expense", "Expense"), ("refund", "Refund"), ("income", "Income")]


class Token(models.Model):
    digest = models.CharField(max_length=64, primary_key=True)
    user = models.ForeignKey(User, models.CASCADE)


class Category(models.Model):
    user = models.ForeignKey(User, models.CASCADE, db_index=False)
    name = models.CharField(max_length=100)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "name"], name="own_name")]


class Transaction(models.Model):
    user = models.ForeignKey(User, models.CASCADE, db_index=False)
    date = models.DateField()
    category = models.ForeignKey(Category, models.PROTECT, db_index=False)
    description = models.CharField(max_length=500, blank=True)
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    type = models.CharField(max_length=10, choices=TYPES)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["user", "-date", "-id"], name="of_user"),
            models.Index(fields=["user", "category", "-date", "-id"], name="of_category"),
        ]


class Threshold(models.Model):
    user = models.ForeignKey(User, models.CASCADE)
    name = models.CharField(max_length=100)
    type = models.CharField(max_length=12)
    category = models.ForeignKey(Category, models.PROTECT, null=True)
    amount = models.DecimalField(max_digits=14, decimal_places=2)
    levels = models.JSONField()


class Alert(models.Model):
    user = models.ForeignKey(User, models.CASCADE, db_index=False)
    threshold = models.ForeignKey(Threshold, models.CASCADE, db_index=False)
    level = models.SmallIntegerField()
    period_start = models.DateField()
    period_end = models.DateField()
    transaction = models.ForeignKey(Transaction, models.CASCADE, null=True)
    status = models.CharField(max_length=8, default="open")
    message = models.CharField(max_length=200)
    total = models.DecimalField(max_digits=14, decimal_places=2)
    limit = models.DecimalField(max_digits=14, decimal_places=2)
    opened_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["user", "-opened_at", "-id"], name="newest"),
            models.Index(
                fields=["threshold", "period_start"],
                condition=models.Q(status="open"),
                name="open_of_threshold",
            ),
        ]
