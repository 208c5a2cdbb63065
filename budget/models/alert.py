"""Alerts and their append-only history."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.expressions import RawSQL

from budget.judge.kinds import Cause, Measure
from budget.judge.periods import ROLLING_START
from budget.models.money import MoneyField
from budget.models.search import SearchField
from budget.models.threshold import Threshold
from budget.models.transaction import Transaction

MESSAGE_LENGTH = 1000


class AlertKind(models.TextChoices):
    THRESHOLD = "threshold"
    FORECAST = "forecast"
    CUSTOM = "custom"


class AlertStatus(models.TextChoices):
    OPEN = "open"
    RESOLVED = "resolved"


# Open, and on the user's day within its time; a custom alert has no end. Here for rows of the
# database, and in is_active() for one in memory. alert: how a statement names the table.
ACTIVE = """({alert}.status = 'open' AND ({alert}.active_until IS NULL
OR ({alert}.period_start <= {day} AND {alert}.active_until > {day})))"""
THEIR_DAY = "(SELECT as_of FROM budget_ledger l WHERE l.user_id = budget_alert.user_id)"


def is_active(status: str, start: date | None, until: date | None, day: date) -> bool:
    """Whether an alert is open, and on the user's day within its time."""
    if status != AlertStatus.OPEN:
        return False
    return start is None or until is None or start <= day < until


class AlertQuerySet(models.QuerySet["Alert"]):
    def open(self) -> AlertQuerySet:
        return self.filter(status=AlertStatus.OPEN)

    def of_thresholds(self) -> AlertQuerySet:
        """Those that follow from the transactions: of levels and forecasts."""
        return self.exclude(kind=AlertKind.CUSTOM)

    def active(self, *, active: bool = True) -> AlertQuerySet:
        """Those that are active on the day of their user, or those that are not."""
        condition = ACTIVE.format(alert="budget_alert", day=THEIR_DAY)
        text = condition if active else f"NOT {condition}"
        return self.filter(RawSQL(text, (), models.BooleanField()))  # noqa: S611 (constants)


class Alert(models.Model):
    """A level reached in one period (kind threshold), a limit that will be passed (forecast), or a
    message of the user's own (custom).

    Identity of the first two: user, threshold, revision, period_start, subject and level, one row
    for ever. subject is the transaction's id for `transaction` thresholds, else 0; a forecast has
    level 0. period_end is the first day after the period; a rolling window stores 0001-01-01 and
    9999-12-31. active_until: the first day on which it is no longer news. then_*: total and limit
    at the last flip (null for a combination), and its time. transaction: the row that tipped it,
    while that row exists. snoozed_until: until when the user does not want to see it.
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
    active_until = models.DateField(null=True, blank=True)
    subject = models.BigIntegerField(default=0)
    level = models.SmallIntegerField(null=True, blank=True)
    # The threshold's, when it opened: an edit of that does not change the numbers of old alerts.
    measure = models.CharField(
        max_length=8,
        choices=Measure,
        default=Measure.SPENDING,
        db_default=Measure.SPENDING,
        editable=False,
    )
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
    snoozed_until = models.DateTimeField(null=True, blank=True)
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
            # A list by snooze, which says until when it is true: the end of a snooze that is next.
            models.Index(
                fields=["user", "snoozed_until"],
                condition=models.Q(snoozed_until__isnull=False),
                name="budget_alert_by_snooze",
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
                    kind__in=["threshold", "forecast"],
                    threshold__isnull=False,
                    period_start__isnull=False,
                    period_end__isnull=False,
                    active_until__isnull=False,
                    level__isnull=False,
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
    def is_rolling(self) -> bool:
        return self.period_start == ROLLING_START

    def is_active_on(self, day: date) -> bool:
        """Whether it is open, and on the user's day within its time."""
        return is_active(self.status, self.period_start, self.active_until, day)


class EventKind(models.TextChoices):
    OPENED = "opened"
    RESOLVED = "resolved"
    ACKNOWLEDGED = "acknowledged"
    UNACKNOWLEDGED = "unacknowledged"
    SNOOZED = "snoozed"
    UNSNOOZED = "unsnoozed"


class AlertEvent(models.Model):
    """One change of one alert, never edited: the change feed and the outbox.

    seq: 1, 2, 3, ... a user, taken under the ledger's lock, so that no later commit has a lower
    one. transaction_id: the bare id of the row that tipped it, of `resolved` the one by whose write
    it was; it may be gone by now.
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
