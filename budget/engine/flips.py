"""Writing what flips: alerts, their events, and the ledger they are true for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection
from django.utils import timezone

from budget.engine import statements
from budget.engine.judging import (
    Identity,
    Pair,
    Totals,
    Verdict,
    active_until,
    identity,
    is_late,
    verdicts,
)
from budget.engine.rules import FORECAST_LEVEL, Rule
from budget.models import Alert, AlertEvent, AlertKind, AlertStatus, EventKind, LedgerState
from budget.models.money import from_minor
from budget.models.periods import ROLLING_END, ROLLING_START, Span
from budget.models.threshold import Range

BATCH = 500


@dataclass
class Flip:
    """A level that has changed sides. total and limit in minor units, None for a combination.

    ranges: the totals at which the level holds, by term. alert_id: the alert of this identity, None
    where there never was one. tip: the transaction that tipped it; of one that resolves, the one by
    whose write it does. then: the running total at the tipping transaction, else the total.
    """

    rule: Rule
    span: Span
    level: int
    opens: bool
    total: int | None
    limit: int | None
    cause: str
    ranges: tuple[Range, ...] = ()
    alert_id: int | None = None
    tip: int | None = None
    then: int | None = None

    @property
    def pair(self) -> Pair:
        return self.rule, self.span

    @property
    def identity(self) -> Identity:
        """The alert's key within its user; also the order in which alerts are written."""
        return identity(self.pair, self.level)

    @property
    def tippable(self) -> bool:
        """Whether some row is the one at which it holds: not at a period's end, nor by forecast."""
        return self.opens and not self.rule.closing and self.level != FORECAST_LEVEL


def judge(
    ledger: LedgerState, pairs: Iterable[Pair], totals: Totals
) -> Iterator[tuple[Pair, Verdict]]:
    """The verdicts on some thresholds and periods."""
    for pair in pairs:
        for verdict in verdicts(pair, totals, ledger):
            yield pair, verdict


def flips_of(
    judged: Iterable[tuple[Pair, Verdict]],
    causes: Mapping[Pair, str],
    opened: Mapping[Identity, int],
) -> Iterator[Flip]:
    """What has changed sides among the verdicts on some thresholds and periods.

    causes: of what flips, by threshold and period. opened: the ids of the alerts that are open
    there.
    """
    for pair, verdict in judged:
        alert_id = opened.get(identity(pair, verdict.level))
        if verdict.wanted is None or verdict.wanted == (alert_id is not None):
            continue
        yield Flip(
            rule=pair[0],
            span=pair[1],
            level=verdict.level,
            opens=verdict.wanted,
            total=verdict.total,
            limit=verdict.limit,
            cause=causes[pair],
            ranges=verdict.ranges,
            alert_id=alert_id,
        )


IDENTITY = ("threshold_id", "revision", "period_start", "subject", "level")


def find_earlier(user_ids: Collection[int], flips: Iterable[Flip]) -> None:
    """Give opening flips the alert that was open and resolved before, where there is one.

    user_ids: whose flips they may be.
    """
    opening = {flip.identity: flip for flip in flips if flip.opens}
    if not opening:
        return
    starts = {flip.span.key for flip in opening.values()}
    earlier = Alert.objects.filter(
        user_id__in=user_ids,
        threshold_id__in={flip.rule.threshold_id for flip in opening.values()},
    ).of_thresholds()
    if len(starts) <= BATCH:
        earlier = earlier.filter(period_start__in=starts)
    for pk, *key in earlier.values_list("id", *IDENTITY):
        found = opening.get(tuple(key))
        if found is not None:
            found.alert_id = pk


@dataclass
class Flipped:
    """The alerts that a write has opened and resolved."""

    opened: list[Alert] = field(default_factory=list)
    resolved: list[Alert] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.opened or self.resolved)


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


def write_flips(ledger: LedgerState, flips: Sequence[Flip]) -> None:
    """Write flips as alerts and one event each, in key order, and store the ledger's state."""
    write_all([(ledger, flips)])


def write_all(books: Sequence[tuple[LedgerState, Sequence[Flip]]]) -> None:
    """Write the flips of several users, whose ledgers are locked, in a few statements."""
    now = timezone.now()
    ids = [flip.alert_id for _, flips in books for flip in flips if flip.alert_id is not None]
    known: dict[int, Alert] = {}
    for at in range(0, len(ids), BATCH):
        known |= Alert.objects.in_bulk(ids[at : at + BATCH])
    new: list[Alert] = []
    written: list[tuple[LedgerState, Alert, Flip]] = []
    for ledger, flips in books:
        for flip in sorted(flips, key=lambda flip: flip.identity):
            alert = known.get(flip.alert_id or 0)
            if alert is None:
                alert = new_alert(ledger, flip)
                new.append(alert)
            turn(alert, flip, ledger, now)
            written.append((ledger, alert, flip))
    Alert.objects.bulk_create(new, batch_size=BATCH)
    if known:
        Alert.objects.bulk_update(known.values(), FLIPPING, batch_size=BATCH)
    AlertEvent.objects.bulk_create(
        [event_of(ledger, alert, flip.cause, row=flip.tip) for ledger, alert, flip in written],
        batch_size=BATCH,
    )
    save_ledgers([ledger for ledger, flips in books if flips or ledger.as_of != ledger.stored])
    record([alert for _, alert, _ in written])


def turn(alert: Alert, flip: Flip, ledger: LedgerState, now: datetime) -> None:
    """Set on an alert what a flip changes."""
    then = flip.total if flip.then is None else flip.then
    alert.then_total = None if then is None else from_minor(then)
    alert.then_limit = None if flip.limit is None else from_minor(flip.limit)
    alert.then_at = now
    if flip.opens:
        alert.status = AlertStatus.OPEN
        alert.opened_at, alert.resolved_at, alert.acknowledged_at = now, None, None
        alert.episodes += 1
        alert.late = is_late(flip.pair, flip.level, ledger)
        alert.active_until = active_until(flip.pair, ledger.calendar)
        alert.transaction_id = flip.tip
    else:
        alert.status = AlertStatus.RESOLVED
        alert.resolved_at = now


def new_alert(ledger: LedgerState, flip: Flip) -> Alert:
    """The first alert of a flip's identity, without what every flip sets."""
    threshold_id, revision, start, subject, level = flip.identity
    return Alert(
        user_id=ledger.user_id,
        kind=AlertKind.FORECAST if level == FORECAST_LEVEL else AlertKind.THRESHOLD,
        threshold_id=threshold_id,
        revision=revision,
        period_start=start,
        period_end=ROLLING_END if start == ROLLING_START else flip.span.end,
        subject=subject,
        level=level,
        measure=flip.rule.measure,
        episodes=0,
    )


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
    "active_until",
    "transaction",
]


def append_event(ledger: LedgerState, alert: Alert, cause: str, kind: str | None = None) -> None:
    """Append an event of an alert; its kind follows from the status unless it is given."""
    event_of(ledger, alert, cause, kind).save()
    save_ledgers([ledger])


def event_of(
    ledger: LedgerState,
    alert: Alert,
    cause: str,
    kind: str | None = None,
    row: int | None = None,
) -> AlertEvent:
    """The next event of a user, numbered on from the ledger's last.

    An opening names the row that tips the alert; row: what any other event names.
    """
    ledger.event_seq += 1
    kind = kind or (EventKind.OPENED if alert.status == AlertStatus.OPEN else EventKind.RESOLVED)
    return AlertEvent(
        user_id=ledger.user_id,
        seq=ledger.event_seq,
        alert_id=alert.pk,
        kind=kind,
        cause=cause,
        at=timezone.now(),
        total=alert.then_total,
        limit=alert.then_limit,
        transaction_id=alert.transaction_id if kind == EventKind.OPENED else row,
    )


def save_ledgers(ledgers: Sequence[LedgerState]) -> None:
    """Store the day and the event number of ledgers that are locked."""
    for at in range(0, len(ledgers), BATCH):
        part = ledgers[at : at + BATCH]
        params = [
            value for ledger in part for value in (ledger.user_id, ledger.as_of, ledger.event_seq)
        ]
        with connection.cursor() as cursor:
            cursor.execute(statements.save_ledgers(len(part)), params)
        for ledger in part:
            ledger.stored = ledger.as_of
