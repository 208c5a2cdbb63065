"""From events to deliveries: exactly one of each event and endpoint, by a rule of the database.

It is not done in the commit that writes the event: that would hold the ledger's lock for longer.
Each endpoint has the number of the last event that was looked at for it. A user's events are
numbered under the ledger's lock, so no event comes after one with a higher number.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping, MutableMapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from budget.delivering.clock import next_digest
from budget.delivering.limits import zone_of
from budget.delivering.sql import is_of_connection, rows_of, stored
from budget.judge.kinds import Cause
from budget.models import Delivery, Endpoint
from budget.models.endpoint import DeliveryKind, DeliveryState, Digest

logger = logging.getLogger(__name__)

ENDPOINTS_A_COMMIT = 50
EVENTS_A_LOOK = 1000
# Seconds that an endpoint is passed over after an error in making its deliveries.
ASIDE = 60.0
# An import commits many times. It is reported once it has ended and nothing more has come of it for
# so long.
IMPORT_QUIET = timedelta(seconds=10)


class Seen(NamedTuple):
    """What decides whether an event is reported."""

    seq: int
    kind: str
    cause: str
    threshold_id: int | None
    level: int | None
    late: Any


BEHIND = """
SELECT e.id, l.event_seq FROM budget_endpoint e JOIN budget_ledger l ON l.user_id = e.user_id
WHERE e.state = 'on' AND e.seq < l.event_seq{among} ORDER BY e.id LIMIT {limit:d}{skip}
"""
SEEN = """
SELECT v.seq, v.kind, v.cause, a.threshold_id, a.level, a.late
FROM budget_alertevent v JOIN budget_alert a ON a.id = v.alert_id AND a.user_id = v.user_id
WHERE v.user_id = %s AND v.seq > %s ORDER BY v.seq LIMIT {limit:d}
"""
# A row that is there already has been reported before: a replay sends it again.
ADD = """
INSERT INTO budget_delivery
(user_id, endpoint_id, kind, seq, last_seq, state, tries, due_at, token, created_at)
VALUES {rows}
ON CONFLICT (user_id, endpoint_id, seq) DO UPDATE
SET state = 'pending', tries = 0, ended_at = NULL, due_at = EXCLUDED.due_at, token = '',
kind = EXCLUDED.kind, last_seq = EXCLUDED.last_seq, created_at = EXCLUDED.created_at
WHERE budget_delivery.state IN ('delivered', 'folded', 'failed')
"""
ADD_ROW = "(%s, %s, %s, %s, %s, 'pending', 0, %s, '', %s)"


def dispatch(
    users: Collection[int] | None = None, aside: MutableMapping[int, float] | None = None
) -> int:
    """Make the deliveries of what has happened; gives how many endpoints had something new.

    users: only of these; None: of all. aside: the endpoints of which it failed, and until when, by
    the monotonic clock, they are passed over; kept from call to call. Any number of processes may
    do this at once.
    """
    aside = {} if aside is None else aside
    now = time.monotonic()
    for pk in [pk for pk, until in aside.items() if until <= now]:
        del aside[pk]
    among = "" if users is None else f" AND e.user_id IN ({ids_of(users)})"
    among += f" AND e.id NOT IN ({ids_of(aside)})" if aside else ""
    postgresql = connection.vendor == "postgresql"
    skip = " FOR UPDATE OF e SKIP LOCKED" if postgresql else ""
    text = BEHIND.format(among=among, limit=ENDPOINTS_A_COMMIT, skip=skip)
    if not postgresql and not rows_of(text, []):
        # SQLite's transactions begin with the one lock there is.
        return 0
    try:
        with transaction.atomic():
            behind = dict(rows_of(text, []))
            for endpoint in Endpoint.objects.filter(pk__in=behind):
                catch_up(endpoint, behind[endpoint.pk], timezone.now())
    except Exception as error:
        if is_of_connection(error):
            raise
        logger.warning("Endpoints are looked at one by one after an error: %s", error)
        return one_by_one(text, aside)
    return len(behind)


def one_by_one(text: str, aside: MutableMapping[int, float]) -> int:
    """As dispatch, with a savepoint for each endpoint: what is wrong with one holds up no other."""
    with transaction.atomic():
        behind = dict(rows_of(text, []))
        for endpoint in Endpoint.objects.filter(pk__in=behind):
            try:
                with transaction.atomic():
                    catch_up(endpoint, behind[endpoint.pk], timezone.now())
            except Exception as error:
                if is_of_connection(error):
                    raise
                logger.exception("No deliveries could be made for endpoint %s", endpoint.pk)
                aside[endpoint.pk] = time.monotonic() + ASIDE
    return len(behind)


def ids_of(pks: Collection[int]) -> str:
    """For IN, which may not be empty."""
    return ", ".join(map(str, pks)) or "NULL"


def catch_up(endpoint: Endpoint, newest: int, now: datetime) -> None:
    """Make an endpoint's deliveries of the next events; it is locked. newest: the last number."""
    found = rows_of(SEEN.format(limit=EVENTS_A_LOOK), [endpoint.user_id, endpoint.seq])
    events = [Seen(*row) for row in found]
    reported = [event for event in events if endpoint.sends and passes(endpoint, event)]
    due = max(now, endpoint.wait_until or now) + timedelta(seconds=endpoint.quiet)
    reached = events[-1].seq if len(events) == EVENTS_A_LOOK else newest
    Endpoint.objects.filter(pk=endpoint.pk).update(seq=max(reached, endpoint.seq))
    if endpoint.digest != Digest.NONE:
        into_digest(endpoint, [event.seq for event in reported], now)
        return
    single = [event.seq for event in reported if event.cause != Cause.IMPORT]
    add(endpoint, [(DeliveryKind.EVENT, seq, None) for seq in single], due, now)
    imported = [event.seq for event in reported if event.cause == Cause.IMPORT]
    imported = without_waiting(endpoint, imported)
    if imported:
        due = max(due, now + IMPORT_QUIET)
        if not extend(endpoint, DeliveryKind.IMPORT, imported, {"due_at": due}):
            add(endpoint, [(DeliveryKind.IMPORT, imported[0], imported[-1])], due, now)


def passes(endpoint: Endpoint, event: Seen) -> bool:
    return endpoint.wants(event.kind, event.threshold_id, event.level or None, bool(event.late))


Row = tuple[str, int, int | None]


def add(endpoint: Endpoint, rows: Sequence[Row], due: datetime, now: datetime) -> None:
    """rows: kind, seq and last_seq."""
    if not rows:
        return
    params: list[Any] = []
    for kind, seq, last in rows:
        params += [endpoint.user_id, endpoint.pk, kind, seq, last, stored(due), stored(now)]
    with connection.cursor() as cursor:
        cursor.execute(ADD.format(rows=", ".join([ADD_ROW] * len(rows))), params)


def extend(endpoint: Endpoint, kind: str, seqs: Sequence[int], also: Mapping[str, Any]) -> bool:
    """Let a message of many events that waits take in more; False where none waits.

    Of an import also one that a process has in hand and has not let leave: it loses it.
    """
    waiting = Delivery.objects.filter(
        user_id=endpoint.user_id,
        endpoint=endpoint,
        kind=kind,
        state=DeliveryState.PENDING,
        left_at=None,
        last_seq__lt=seqs[0],
    )
    if kind == DeliveryKind.DIGEST:
        waiting = waiting.filter(token="")
    pk = waiting.order_by("-seq").values_list("pk", flat=True).first()
    if pk is None:
        return False
    return bool(waiting.filter(pk=pk).update(last_seq=seqs[-1], token="", **also))


def into_digest(endpoint: Endpoint, seqs: Sequence[int], now: datetime) -> None:
    """Keep events for the next digest: one row of each endpoint and period."""
    seqs = without_waiting(endpoint, seqs)
    if seqs and not extend(endpoint, DeliveryKind.DIGEST, seqs, {}):
        due = next_digest(now, zone_of(endpoint.user_id), endpoint)
        add(endpoint, [(DeliveryKind.DIGEST, seqs[0], seqs[-1])], due, now)


def without_waiting(endpoint: Endpoint, seqs: Sequence[int]) -> list[int]:
    """Events without those whose own row waits, of before a replay: that leaves on its own."""
    if not seqs:
        return []
    mine = Delivery.objects.filter(user_id=endpoint.user_id, endpoint=endpoint, ended_at=None)
    apart = set(mine.filter(seq__in=seqs).values_list("seq", flat=True))
    return [seq for seq in seqs if seq not in apart]


def put_off(endpoint: Endpoint, now: datetime) -> None:
    """Let the digest that waits leave when the endpoint's preferences now say so."""
    due = now
    if endpoint.digest != Digest.NONE:
        due = next_digest(now, zone_of(endpoint.user_id), endpoint)
    waiting = Delivery.objects.filter(user_id=endpoint.user_id, endpoint=endpoint)
    waiting = waiting.filter(kind=DeliveryKind.DIGEST, token="", left_at=None, ended_at=None)
    waiting.update(due_at=due)


def resume(endpoint: Endpoint, now: datetime) -> None:
    """Let what waits for an endpoint leave."""
    held = Delivery.objects.filter(
        user_id=endpoint.user_id, endpoint=endpoint, state=DeliveryState.HELD
    )
    held.update(state=DeliveryState.PENDING, due_at=now)


def skip_what_was_missed(endpoint: Endpoint) -> None:
    """Let an endpoint begin with the next event."""
    ledger = endpoint.user.ledger
    Endpoint.objects.filter(pk=endpoint.pk).update(seq=ledger.event_seq)
