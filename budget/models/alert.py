"""Alerts and their append-only history."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.db import models

from budget.models.money import MoneyField
from budget.models.search import SearchField
from budget.models.threshold import Threshold
from budget.models.transaction import Transaction

MESSAGE_LENGTH = 1000


class AlertKind(models.TextChoices):
    THRESHOLD = "threshold"
    CUSTOM = "custom"


class AlertStatus(models.TextChoices):
    OPEN = "open"
    RESOLVED = "resolved"


class AlertQuerySet(models.QuerySet["Alert"]):
    def open(self) -> AlertQuerySet:
        return self.filter(status=AlertStatus.OPEN)

    def of_thresholds(self) -> AlertQuerySet:
        return self.filter(kind=AlertKind.THRESHOLD)


class Alert(models.Model):
    """A level reached in one period (kind threshold), or a message of the user's own (custom).

    Identity of a threshold alert: user, threshold, revision, period_start, subject and level, one
    row for ever. subject is the transaction's id for `transaction` thresholds, else 0. period_end
    is the first day after the period. then_*: total and limit at the last flip, and its time.
    transaction: the row that tipped it, while that row exists.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="alerts", db_index=False
    )
    kind = models.CharField(max_length=9, choices=AlertKind, default=AlertKind.THRESHOLD)
    threshold = models.ForeignKey(
        Threshold, models.PROTECT, related_name="alerts", null=True, blank=True, db_index=False
    )
    revision = models.IntegerField(default=1)
    period_start = models.DateField(null=True, blank=True)
    period_end = models.DateField(null=True, blank=True)
    subject = models.BigIntegerField(default=0)
    level = models.SmallIntegerField(null=True, blank=True)
    status = models.CharField(max_length=8, choices=AlertStatus, default=AlertStatus.OPEN)
    message = models.CharField(max_length=MESSAGE_LENGTH, blank=True)
    search = SearchField(of="message")
    # DO_NOTHING: the engine looks for the next tipping row itself, within the same commit.
    transaction = models.ForeignKey(
        Transaction, models.DO_NOTHING, related_name="+", null=True, blank=True, db_index=False
    )
    then_total = MoneyField(null=True, blank=True)
    then_limit = MoneyField(null=True, blank=True)
    then_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    episodes = models.IntegerField(default=1)
    late = models.BooleanField(default=False)

    objects = AlertQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-opened_at", "-id"]
        indexes: ClassVar = [
            # The list of a user's alerts, newest first.
            models.Index(fields=["user", "opened_at", "id"], name="budget_alert_by_opened"),
            # The list of what is open, which front ends poll; the engine's read of one write, too,
            # which for its subject must not go through all other single rows of the day.
            models.Index(
                fields=["user", "period_start", "subject"],
                condition=models.Q(status="open"),
                name="budget_alert_open",
            ),
            # The engine, when a tipping transaction goes; also the foreign key's own check.
            models.Index(
                fields=["transaction"],
                condition=models.Q(transaction__isnull=False),
                name="budget_alert_by_transaction",
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                # A custom alert has no period_start, and NULLs are never the same.
                fields=["user", "threshold", "revision", "period_start", "subject", "level"],
                name="budget_alert_unique_identity",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="custom")
                | models.Q(
                    kind="threshold",
                    threshold__isnull=False,
                    period_start__isnull=False,
                    period_end__isnull=False,
                    level__isnull=False,
                    then_total__isnull=False,
                    then_limit__isnull=False,
                    then_at__isnull=False,
                ),
                name="budget_alert_identity_complete",
            ),
            models.CheckConstraint(
                condition=models.Q(status="open", resolved_at__isnull=True)
                | models.Q(status="resolved", resolved_at__isnull=False),
                name="budget_alert_resolved_at",
            ),
            models.CheckConstraint(
                condition=models.Q(period_end__isnull=True)
                | models.Q(period_end__gt=models.F("period_start")),
                name="budget_alert_period",
            ),
            models.CheckConstraint(
                condition=models.Q(episodes__gte=1), name="budget_alert_episodes"
            ),
        ]

    def __str__(self) -> str:
        return f"alert {self.pk}, {self.status}"

    @property
    def period(self) -> tuple[date, date]:
        """First day and first day after, of a threshold alert; ValueError for a custom one."""
        if self.period_start is None or self.period_end is None:
            raise ValueError("A custom alert has no period.")
        return self.period_start, self.period_end

    @property
    def then(self) -> tuple[Decimal, Decimal, datetime]:
        """Total, limit and time of the last flip; ValueError for a custom alert."""
        if self.then_total is None or self.then_limit is None or self.then_at is None:
            raise ValueError("A custom alert has no total.")
        return self.then_total, self.then_limit, self.then_at


class EventKind(models.TextChoices):
    OPENED = "opened"
    RESOLVED = "resolved"
    ACKNOWLEDGED = "acknowledged"
    UNACKNOWLEDGED = "unacknowledged"


class Cause(models.TextChoices):
    """Why an alert flipped."""

    TRANSACTION = "transaction"
    IMPORT = "import"
    BULK = "bulk"
    THRESHOLD_EDIT = "threshold_edit"
    THRESHOLD_DELETED = "threshold_deleted"
    CATEGORY_MERGE = "category_merge"
    SETTINGS = "settings"
    REPAIR = "repair"
    USER = "user"


class AlertEvent(models.Model):
    """One change of one alert, never edited: the change feed and the outbox.

    seq: 1, 2, 3, ... a user, taken under the ledger's lock, so that no later commit has a lower
    one. transaction_id: the bare id of the row that tipped it, which may be gone by now.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="alert_events", db_index=False
    )
    seq = models.BigIntegerField()
    alert = models.ForeignKey(Alert, models.PROTECT, related_name="events")
    kind = models.CharField(max_length=14, choices=EventKind)
    cause = models.CharField(max_length=17, choices=Cause)
    at = models.DateTimeField()
    total = MoneyField(null=True)
    limit = MoneyField(null=True)
    transaction_id = models.BigIntegerField(null=True)

    class Meta:
        ordering: ClassVar = ["user", "seq"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "seq"], name="budget_alertevent_unique_seq"),
        ]

    def __str__(self) -> str:
        return f"{self.seq}: {self.kind}"
