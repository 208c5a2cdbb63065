"""What is true of a delivery when it leaves: its message, or nothing.

An alert that has opened is reported only while it is open and by its last opening; one that has
resolved only while it is resolved and if the receiver may know that it was open. So whatever
arrives, the last message of an alert says what it is. An alert that its user has acknowledged or
snoozed is not reported as opened; that it has resolved is, to those who may take it for open.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Q
from django.utils import timezone

from budget.answers import describe_events
from budget.answers.alert_rows import AlertRow, EventRow, events_of, read_alerts
from budget.answers.shapes import EventDict
from budget.delivering.sql import Taken, rows_of
from budget.engine import Reading, one_state
from budget.judge.kinds import Cause
from budget.models import AlertEvent, Delivery, Endpoint, EventKind, Import, ImportState
from budget.models.alert import AlertStatus
from budget.models.endpoint import SPANS, Brief, DeliveryKind, DeliveryState
from budget.models.imports import LEASE
from lib.columns import made_as
from lib.text import moment

SPAN_TYPES: dict[str, str] = {
    DeliveryKind.IMPORT: "alerts.imported",
    DeliveryKind.DIGEST: "alerts.digest",
}
FLIPS = (EventKind.OPENED, EventKind.RESOLVED)
# The alerts that a message of many shows; it says how many more there are.
MAX_SHOWN = 10
# How long the message of an import waits for its end.
LONGEST_IMPORT = timedelta(hours=1)


class Message(NamedTuple):
    """What is sent for a row. folded: nothing, now or ever. later: nothing yet, until some time;
    None: in a moment."""

    row: Taken
    body: bytes = b""
    folded: bool = False
    later: bool = False
    until: datetime | None = None


def messages_of(
    user_id: int, rows: Sequence[Taken], endpoints: Mapping[int, Endpoint], token: str
) -> list[Message]:
    """The messages of a user's rows, all of one state of the ledger. token: that the rows have."""
    examples = [Message(row, example_of(row)) for row in rows if row.kind == DeliveryKind.EXAMPLE]
    rows = [row for row in rows if row.kind != DeliveryKind.EXAMPLE]
    if not rows:
        return examples
    with one_state(user_id) as ledger:
        state = State(Reading(ledger), endpoints, token)
        return [*examples, *state.singles(rows), *state.spans(rows)]


class State:
    """One state of a user's ledger, with what rows need of it.

    reading: of a snapshot, so that nothing moves.
    """

    def __init__(self, reading: Reading, endpoints: Mapping[int, Endpoint], token: str) -> None:
        self.reading, self.endpoints, self.token = reading, endpoints, token
        self.user_id = reading.ledger.user_id
        self.levels: dict[int, list[tuple[int, bool]]] = {}

    def singles(self, rows: Sequence[Taken]) -> list[Message]:
        """The messages of single events."""
        rows = [row for row in rows if row.kind == DeliveryKind.EVENT]
        if not rows:
            return []
        wanted = events_of(self.user_id).among("r.seq", list({row.seq for row in rows}))
        events = {event.seq: event for event in self.events(wanted.text, wanted.params)}
        alerts = read_alerts(self.reading, dict.fromkeys(one.alert_id for one in events.values()))
        last = self.last_flips(alerts)
        self.look_for_higher(rows, alerts)
        verdicts = {row: self.verdict(row, events, alerts, last) for row in rows}
        reported = {row.seq or 0 for row in rows if verdicts[row] not in SILENT}
        described = self.described([events[seq] for seq in sorted(reported)])
        return [
            Message(row, folded=verdict == FOLDED, later=verdict == LATER)
            if verdict in SILENT
            else Message(row, body_of(verdict, described[row.seq or 0]))
            for row, verdict in verdicts.items()
        ]

    def verdict(
        self,
        row: Taken,
        events: Mapping[int, EventRow],
        alerts: Mapping[int, AlertRow],
        last: Mapping[int, int],
    ) -> str:
        """The type of a row's message, or FOLDED, or LATER."""
        event = events.get(row.seq or 0)
        if event is None:
            return FOLDED
        alert = alerts[event.alert_id]
        if not still_true(event, alert, last):
            return FOLDED
        endpoint = self.endpoints[row.endpoint_id]
        if event.kind == EventKind.OPENED and self.is_silent(endpoint, alert):
            return FOLDED
        if event.kind != EventKind.RESOLVED or row.left_at is not None:
            return f"alert.{event.kind}"
        known = self.known_of(row, event)
        if known == UNTOLD:
            told = endpoint.brief == Brief.ONCE and not self.is_silent(endpoint, alert)
            return "alert.passed" if told else FOLDED
        return LATER if known == LEAVING else "alert.resolved"

    def known_of(self, row: Taken, event: EventRow) -> str:
        """Whether the receiver may take the alert of a resolved event for open.

        By the last opening or resolving before it that has left.
        """
        flips = rows_of(BEFORE, [self.user_id, event.alert_id, event.seq])
        mine = Delivery.objects.filter(user_id=self.user_id, endpoint_id=row.endpoint_id)
        single = {one.seq: one for one in mine.filter(kind=DeliveryKind.EVENT, seq__in=dict(flips))}
        for seq, kind in flips:
            covering = mine.filter(kind__in=SPANS, seq__lte=seq, last_seq__gte=seq)
            delivery = single.get(seq) or covering.first()
            # Without a delivery: it was before the endpoint, or a filter left it out.
            gone = delivery is None or delivery.left_at is not None
            if gone and kind == EventKind.OPENED:
                return TOLD
            # A resolving that has left and may be lost does not count: what was before it decides.
            if delivery is None or delivery.state == DeliveryState.DELIVERED:
                return UNTOLD
            if not gone and delivery.token not in ("", self.token):
                return LEAVING
        return UNTOLD

    def spans(self, rows: Sequence[Taken]) -> list[Message]:
        """The messages of imports and digests: one each."""
        return [self.of_span(row) for row in rows if row.kind in SPANS]

    def of_span(self, row: Taken) -> Message:
        """What many events have opened and resolved, as far as it still is so."""
        endpoint = self.endpoints[row.endpoint_id]
        if row.kind == DeliveryKind.IMPORT and self.goes_on(row, endpoint):
            return Message(row, later=True)
        span = events_of(self.user_id).where("r.seq >= %s AND r.seq <= %s", row.seq, row.last_seq)
        if row.kind == DeliveryKind.IMPORT:
            span = span.where("r.cause = %s", Cause.IMPORT)
        events = sorted(self.without_others(row, self.events(span.text, span.params)))
        alerts = read_alerts(self.reading, dict.fromkeys(one.alert_id for one in events))
        last = self.last_flips(alerts)
        self.look_for_higher([row], alerts)
        begun = {event.alert_id for event in events if event.kind == EventKind.OPENED}
        true = [
            event
            for event in events
            if endpoint.wants(event.kind, *filtered_by(alerts[event.alert_id]))
            and still_true(event, alerts[event.alert_id], last)
            and not (
                # What came and went meanwhile is not worth a word.
                event.alert_id in begun
                if event.kind == EventKind.RESOLVED
                else event.kind == EventKind.OPENED
                and self.is_silent(endpoint, alerts[event.alert_id])
            )
        ]
        if not true:
            return Message(row, folded=True)
        data = {
            "first_seq": row.seq,
            "last_seq": row.last_seq,
            "opened": sum(event.kind == EventKind.OPENED for event in true),
            "resolved": sum(event.kind == EventKind.RESOLVED for event in true),
            "events": list(self.described(true[:MAX_SHOWN]).values()),
        }
        return Message(row, json_of(SPAN_TYPES[row.kind], moment(true[-1].at), data))

    def goes_on(self, row: Taken, endpoint: Endpoint) -> bool:
        """Whether more may come of the import that a row tells of, so that it has to wait.

        Not for ever: not where its worker has been silent, nor a command made an event, for so long
        that it is dead; and what goes on for an hour is reported by the hour.
        """
        now = timezone.now()
        if row.left_at is not None or row.created_at <= now - LONGEST_IMPORT:
            return False
        if endpoint.seq < self.reading.ledger.event_seq:
            # Its last events may not be of the row yet.
            return True
        begun = Import.objects.filter(user_id=self.user_id, dry_run=False).filter(
            Q(state__in=(ImportState.RUNNING, ImportState.UNDOING))
            # Left to the next worker after some of it was stored.
            | Q(state=ImportState.WAITING, stored__gt=0)
        )
        if begun.filter(due_at__gt=now - LEASE).exists():
            return True
        last = AlertEvent.objects.filter(user_id=self.user_id, seq=row.last_seq or 0)
        return begun.filter(due_at=None).exists() and last.filter(at__gt=now - LEASE).exists()

    def without_others(self, row: Taken, events: Sequence[EventRow]) -> list[EventRow]:
        """The events of a span, without those that the endpoint gets in another message.

        Not in one of before a replay, which had ended when this one began. Of two messages of the
        same kind the older row has what both have, so that one of them tells it.
        """
        mine = Delivery.objects.filter(user_id=self.user_id, endpoint_id=row.endpoint_id)
        mine = mine.filter(Q(ended_at=None) | Q(ended_at__gt=row.created_at))
        mine = mine.filter(seq__lte=row.last_seq).exclude(pk=row.id)
        alone = set(mine.filter(kind="event", seq__gte=row.seq).values_list("seq", flat=True))
        spans = mine.filter(last_seq__gte=row.seq)
        older = spans.filter(pk__lt=row.id)
        digest = row.kind == DeliveryKind.DIGEST
        imported = ranges_of((spans if digest else older).filter(kind="import"))
        digested = ranges_of(older.filter(kind="digest")) if digest else []
        return [
            event
            for event in events
            if event.seq not in alone
            and not any(event.seq in some for some in digested)
            and not (event.cause == Cause.IMPORT and any(event.seq in some for some in imported))
        ]

    def look_for_higher(self, rows: Iterable[Taken], alerts: Iterable[int]) -> None:
        """Read the higher levels of alerts that are open, or were, while these were open."""
        ids = ", ".join(map(str, alerts))
        if ids and any(self.endpoints[row.endpoint_id].highest for row in rows):
            for alert, level, late in rows_of(HIGHER.format(ids=ids), [self.user_id]):
                self.levels.setdefault(alert, []).append((level, bool(late)))

    def is_silent(self, endpoint: Endpoint, alert: AlertRow) -> bool:
        """Whether an alert's opening is not sent: the user knows of it, or of a higher one."""
        until = alert.snoozed_until
        if alert.acknowledged_at is not None or (until and until > self.reading.ledger.now):
            return True
        return endpoint.highest and any(
            endpoint.wants(EventKind.OPENED, alert.threshold_id, level, late)
            for level, late in self.levels.get(alert.id, ())
        )

    def events(self, text: str, params: Sequence[Any]) -> list[EventRow]:
        return list(map(made_as(EventRow, self.reading.database), self.reading.rows(text, params)))

    def last_flips(self, alerts: Iterable[int]) -> dict[int, int]:
        """The number of the last opening or resolving of each alert."""
        ids = ", ".join(map(str, alerts))
        return dict(rows_of(LAST.format(ids=ids), [self.user_id])) if ids else {}

    def described(self, events: Sequence[EventRow]) -> dict[int, EventDict]:
        """Events by number, each with its alert's numbers of now."""
        shown = describe_events(self.reading, events) if events else []
        return {one["seq"]: one for one in shown}


# Whether a receiver may know of an opening; LEAVING: another process has it in hand just now.
TOLD, UNTOLD, LEAVING = "reported", "untold", "leaving"
FOLDED, LATER = "folded", "later"


SILENT = (FOLDED, LATER)
LAST = """
SELECT alert_id, MAX(seq) FROM budget_alertevent
WHERE user_id = %s AND alert_id IN ({ids}) AND kind IN ('opened', 'resolved') GROUP BY alert_id
"""
HIGHER = """
SELECT a.id, h.level, h.late FROM budget_alert a JOIN budget_alert h ON h.user_id = a.user_id
AND h.threshold_id = a.threshold_id AND h.revision = a.revision
AND h.period_start = a.period_start AND h.subject = a.subject AND h.level > a.level
WHERE a.user_id = %s AND a.id IN ({ids}) AND a.level > 0
AND (h.status = 'open' OR (a.status = 'resolved' AND h.resolved_at >= a.opened_at))
"""
BEFORE = """
SELECT seq, kind FROM budget_alertevent
WHERE user_id = %s AND alert_id = %s AND seq < %s AND kind IN ('opened', 'resolved')
ORDER BY seq DESC LIMIT 100
"""


def still_true(event: EventRow, alert: AlertRow, last: Mapping[int, int]) -> bool:
    """Whether an alert still is what an event has made of it."""
    if event.kind in FLIPS:
        status = AlertStatus.OPEN if event.kind == EventKind.OPENED else AlertStatus.RESOLVED
        return alert.status == status and last.get(alert.id) == event.seq
    acknowledged, snoozed = alert.acknowledged_at is not None, alert.snoozed_until is not None
    return {
        EventKind.ACKNOWLEDGED: acknowledged,
        EventKind.UNACKNOWLEDGED: not acknowledged,
        EventKind.SNOOZED: snoozed,
        EventKind.UNSNOOZED: not snoozed,
    }[EventKind(event.kind)]


def ranges_of(spans: Iterable[Delivery]) -> list[range]:
    return [range(one.seq or 0, (one.last_seq or 0) + 1) for one in spans]


def filtered_by(alert: AlertRow) -> tuple[int | None, int | None, bool]:
    return alert.threshold_id, alert.level or None, alert.late


def body_of(kind: str, event: EventDict) -> bytes:
    return json_of(kind, event["at"], event)


def example_of(row: Taken) -> bytes:
    return json_of("example", moment(row.created_at), {"endpoint": row.endpoint_id})


def json_of(kind: str, at: str, data: Mapping[str, Any]) -> bytes:
    """A message as Standard Webhooks has it: type, timestamp of what happened, data."""
    return json.dumps({"type": kind, "timestamp": at, "data": data}, separators=(",", ":")).encode()
