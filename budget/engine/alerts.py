"""The user's own verbs: acknowledging an alert, snoozing it, raising one and closing that."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from budget.engine.evaluate import move_as_of
from budget.engine.flips import append_event, record
from budget.models import Alert, AlertKind, AlertStatus, Cause, Conflict, EventKind, Threshold
from budget.models.ledger import lock_ledger


def acknowledge(user_id: int, alert_id: int, acknowledged: bool = True) -> Alert:
    """Acknowledge an alert, or take that back; says nothing on whether the alert is true.

    Doing it twice changes nothing and appends no event. Raises Alert.DoesNotExist.
    """
    with transaction.atomic(savepoint=False):
        ledger = lock_ledger(user_id)
        move_as_of(ledger)
        alert = Alert.objects.get(user_id=user_id, pk=alert_id)
        if (alert.acknowledged_at is not None) == acknowledged:
            return alert
        alert.acknowledged_at = timezone.now() if acknowledged else None
        alert.save(update_fields=["acknowledged_at"])
        kind = EventKind.ACKNOWLEDGED if acknowledged else EventKind.UNACKNOWLEDGED
        append_event(ledger, alert, Cause.USER, kind)
    return alert


def snooze(user_id: int, alert_id: int, until: datetime | None) -> Alert:
    """Put an alert aside until a time, or (None) take that back; it stays as true as it was.

    Saying the same twice changes nothing and appends no event. A re-opened alert is still snoozed.
    Raises Alert.DoesNotExist.
    """
    with transaction.atomic(savepoint=False):
        ledger = lock_ledger(user_id)
        move_as_of(ledger)
        alert = Alert.objects.get(user_id=user_id, pk=alert_id)
        if alert.snoozed_until == until:
            return alert
        alert.snoozed_until = until
        alert.save(update_fields=["snoozed_until"])
        kind = EventKind.UNSNOOZED if until is None else EventKind.SNOOZED
        append_event(ledger, alert, Cause.USER, kind)
    return alert


def raise_custom_alert(user_id: int, message: str, threshold: Threshold | None = None) -> Alert:
    """Open an alert with the user's own message, 1 to 1000 characters; the user alone closes it."""
    with transaction.atomic(savepoint=False):
        ledger = lock_ledger(user_id)
        move_as_of(ledger)
        alert = Alert.objects.create(
            user_id=user_id,
            kind=AlertKind.CUSTOM,
            threshold=threshold,
            message=message,
            status=AlertStatus.OPEN,
            opened_at=timezone.now(),
        )
        append_event(ledger, alert, Cause.USER)
        record([alert])
    return alert


def close_custom_alert(user_id: int, alert_id: int) -> Alert:
    """Resolve an alert that the user has raised; it stays readable, with all its events.

    Doing it twice changes nothing and appends no event. Raises Alert.DoesNotExist, and Conflict for
    an alert of a threshold: that is true or not by the rows alone.
    """
    with transaction.atomic(savepoint=False):
        ledger = lock_ledger(user_id)
        move_as_of(ledger)
        alert = Alert.objects.get(user_id=user_id, pk=alert_id)
        if alert.kind != AlertKind.CUSTOM:
            raise Conflict(
                "This alert follows from the rows and resolves with them; only one of the user's "
                "own can be closed."
            )
        if alert.status == AlertStatus.RESOLVED:
            return alert
        alert.status = AlertStatus.RESOLVED
        alert.resolved_at = timezone.now()
        alert.save(update_fields=["status", "resolved_at"])
        append_event(ledger, alert, Cause.USER)
        record([alert])
    return alert
