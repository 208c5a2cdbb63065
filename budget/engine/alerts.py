"""The user's own verbs: acknowledging an alert, and raising one."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from budget.engine.evaluate import move_as_of
from budget.engine.flips import append_events, record
from budget.models import Alert, AlertKind, AlertStatus, Cause, EventKind, Threshold
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
        append_events(ledger, [alert], Cause.USER, kind)
    return alert


def raise_custom_alert(user_id: int, message: str, threshold: Threshold | None = None) -> Alert:
    """Open an alert with the user's own message, 1 to 1000 characters; no rule ever closes it."""
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
        append_events(ledger, [alert], Cause.USER)
        record([alert])
    return alert
