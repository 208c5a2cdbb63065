"""Writing what flips: alerts, their events, and the ledger they are true for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import date

from django.db import connection
from django.utils import timezone

from budget.engine import statements
from budget.engine.periods import Span, span_of
from budget.models import (
    Alert,
    AlertEvent,
    AlertKind,
    AlertStatus,
    Calendar,
    EventKind,
    LedgerState,
)
from budget.models.money import from_minor

BATCH = 500


@dataclass
class Flip:
    """A level that has changed sides. total, limit and trigger in minor units.

    alert_id: the alert of this identity, None where there never was one. tip: the transaction that
    tipped it. then: the running total at that transaction, else the total.
    """

    threshold_id: int
    revision: int
    span: Span
    level: int
    opens: bool
    total: int
    limit: int
    trigger: int
    strict: bool
    category_id: int | None
    alert_id: int | None = None
    tip: int | None = None
    then: int | None = None

    @property
    def needed(self) -> int:
        """The least total that reaches the level."""
        return self.trigger + self.strict

    @property
    def identity(self) -> tuple[int, int, date, int, int]:
        """The alert's key within its user; also the order in which alerts are written."""
        span = self.span
        return (self.threshold_id, self.revision, span.start, span.subject, self.level)

    def present_span(self, calendar: Calendar) -> Span:
        """The period as the calendar cuts it now, from the same first day."""
        span = span_of(self.span.type, self.span.start, calendar)
        return replace(span, subject=self.span.subject)


@dataclass
class Flipped:
    """The alerts that a write has opened and resolved."""

    opened: list[Alert] = field(default_factory=list)
    resolved: list[Alert] = field(default_factory=list)


_recording: ContextVar[Flipped | None] = ContextVar("recording", default=None)


@contextmanager
def recording() -> Iterator[Flipped]:
    """Collect the alerts that the writes inside open and resolve."""
    flipped = Flipped()
    token = _recording.set(flipped)
    try:
        yield flipped
    finally:
        _recording.reset(token)


def record(alerts: Sequence[Alert]) -> None:
    """Note alerts that have just been opened or resolved, where somebody wants to know."""
    flipped = _recording.get()
    if flipped is not None:
        for alert in alerts:
            side = flipped.opened if alert.status == AlertStatus.OPEN else flipped.resolved
            side.append(alert)


def write_flips(ledger: LedgerState, flips: Sequence[Flip], cause: str) -> None:
    """Write alerts and one event each, in key order, and move the ledger's event number."""
    if not flips:
        return
    now = timezone.now()
    ordered = sorted(flips, key=lambda flip: flip.identity)
    known = Alert.objects.in_bulk([flip.alert_id for flip in ordered if flip.alert_id is not None])
    new, changed, alerts = [], [], []
    for flip in ordered:
        alert = known.get(flip.alert_id) if flip.alert_id is not None else None
        if alert is None:
            alert = Alert(
                user_id=ledger.user_id,
                kind=AlertKind.THRESHOLD,
                threshold_id=flip.threshold_id,
                revision=flip.revision,
                period_start=flip.span.start,
                period_end=flip.span.end,
                subject=flip.span.subject,
                level=flip.level,
                episodes=0,
            )
            new.append(alert)
        else:
            changed.append(alert)
        alerts.append(alert)
        alert.then_total = from_minor(flip.total if flip.then is None else flip.then)
        alert.then_limit = from_minor(flip.limit)
        alert.then_at = now
        if flip.opens:
            alert.status = AlertStatus.OPEN
            alert.opened_at, alert.resolved_at, alert.acknowledged_at = now, None, None
            alert.episodes += 1
            alert.late = flip.span.end <= ledger.as_of
            alert.transaction_id = flip.tip
        else:
            alert.status = AlertStatus.RESOLVED
            alert.resolved_at = now
    Alert.objects.bulk_create(new, batch_size=BATCH)
    if changed:
        Alert.objects.bulk_update(changed, FLIPPING, batch_size=BATCH)
    append_events(ledger, alerts, cause)
    record(alerts)


FLIPPING = [
    "status",
    "then_total",
    "then_limit",
    "then_at",
    "opened_at",
    "resolved_at",
    "acknowledged_at",
    "episodes",
    "late",
    "transaction",
]


def append_events(
    ledger: LedgerState, alerts: Sequence[Alert], cause: str, kind: str | None = None
) -> None:
    """Append one event an alert, numbered on from the ledger's last; kind follows the status."""
    events = []
    for alert in alerts:
        ledger.event_seq += 1
        opened = alert.status == AlertStatus.OPEN
        events.append(
            AlertEvent(
                user_id=ledger.user_id,
                seq=ledger.event_seq,
                alert_id=alert.pk,
                kind=kind or (EventKind.OPENED if opened else EventKind.RESOLVED),
                cause=cause,
                at=timezone.now(),
                total=alert.then_total,
                limit=alert.then_limit,
                transaction_id=alert.transaction_id,
            )
        )
    AlertEvent.objects.bulk_create(events, batch_size=BATCH)
    save_ledger(ledger)


def save_ledger(ledger: LedgerState) -> None:
    """Store the day and the event number of a ledger that is locked."""
    with connection.cursor() as cursor:
        cursor.execute(statements.SAVE_LEDGER, [ledger.as_of, ledger.event_seq, ledger.user_id])
