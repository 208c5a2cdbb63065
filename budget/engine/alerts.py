"""The user's own verbs: acknowledging an alert, snoozing it, raising one and closing that."""

from __future__ import annotations

from datetime import datetime

from budget.engine import sql
from budget.engine.evaluate import move_day
from budget.models import (
    Alert,
    AlertEvent,
    AlertKind,
    AlertStatus,
    Cause,
    Conflict,
    EventKind,
    Threshold,
)
from budget.models.ledger import Book, open_book


def acknowledge(user_id: int, alert_id: int, acknowledged: bool = True) -> Alert:
    """Acknowledge an alert, or undo that; it does not change whether the alert is true.

    Doing it twice changes nothing and appends no event. Raises Alert.DoesNotExist.
    """
    with open_book(user_id) as book:
        move_day(book)
        alert = Alert.objects.get(user_id=user_id, pk=alert_id)
        if (alert.acknowledged_at is not None) == acknowledged:
            return alert
        alert.acknowledged_at = book.ledger.now if acknowledged else None
        alert.save(update_fields=["acknowledged_at"])
        kind = EventKind.ACKNOWLEDGED if acknowledged else EventKind.UNACKNOWLEDGED
        append_event(book, alert, Cause.USER, kind)
    return alert


def snooze(user_id: int, alert_id: int, until: datetime | None) -> Alert:
    """Snooze an alert until a time, or (None) end the snooze; it stays as true as it was.

    Saying the same twice changes nothing and appends no event. A re-opened alert is still snoozed.
    Raises Alert.DoesNotExist.
    """
    with open_book(user_id) as book:
        move_day(book)
        alert = Alert.objects.get(user_id=user_id, pk=alert_id)
        if alert.snoozed_until == until:
            return alert
        alert.snoozed_until = until
        alert.save(update_fields=["snoozed_until"])
        kind = EventKind.UNSNOOZED if until is None else EventKind.SNOOZED
        append_event(book, alert, Cause.USER, kind)
    return alert


def raise_custom_alert(user_id: int, message: str, threshold: Threshold | None = None) -> Alert:
    """Open an alert with the user's own message, 1 to 1000 characters; only the user closes it."""
    with open_book(user_id) as book:
        move_day(book)
        alert = Alert.objects.create(
            user_id=user_id,
            kind=AlertKind.CUSTOM,
            threshold=threshold,
            message=message,
            status=AlertStatus.OPEN,
            opened_at=book.ledger.now,
        )
        append_event(book, alert, Cause.USER)
        book.flipped.flips.append((alert.pk, True))
        book.flipped.new.add(alert.pk)
    return alert


def close_custom_alert(user_id: int, alert_id: int) -> Alert:
    """Resolve an alert that the user has raised; it stays readable, with all its events.

    Doing it twice changes nothing and appends no event. Raises Alert.DoesNotExist, and Conflict for
    an alert of a threshold: the transactions decide whether that is true.
    """
    with open_book(user_id) as book:
        move_day(book)
        alert = Alert.objects.get(user_id=user_id, pk=alert_id)
        if alert.kind != AlertKind.CUSTOM:
            raise Conflict(
                "This alert follows from the rows and resolves with them; only one of the user's "
                "own can be closed."
            )
        if alert.status == AlertStatus.RESOLVED:
            return alert
        alert.status = AlertStatus.RESOLVED
        alert.resolved_at = book.ledger.now
        alert.save(update_fields=["status", "resolved_at"])
        append_event(book, alert, Cause.USER)
        book.flipped.flips.append((alert.pk, False))
    return alert


def append_event(book: Book, alert: Alert, cause: str, kind: str | None = None) -> None:
    """Append an event of an alert; its kind follows from the status unless it is given."""
    ledger = book.ledger
    ledger.event_seq += 1
    kind = kind or (EventKind.OPENED if alert.status == AlertStatus.OPEN else EventKind.RESOLVED)
    AlertEvent.objects.create(
        user_id=ledger.user_id,
        seq=ledger.event_seq,
        alert_id=alert.pk,
        kind=kind,
        cause=cause,
        at=ledger.now,
        total=alert.then_total,
        limit=alert.then_limit,
        transaction_id=alert.transaction_id if kind == EventKind.OPENED else None,
    )
    sql.save_ledgers([ledger], sql.notify_steps([ledger.user_id]))
