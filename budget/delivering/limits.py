"""What the user's hours allow: nothing in the quiet ones, so many messages on a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from budget.delivering.clock import day_of, quiet_until
from budget.delivering.sql import Taken, leave
from budget.models import Delivery, Endpoint, Ledger
from budget.models.endpoint import DeliveryKind, DeliveryState


def zone_of(user_id: int) -> str:
    """The user's time zone."""
    return Ledger.objects.values_list("time_zone", flat=True).get(user_id=user_id)


def quiet_hours(
    user_id: int, rows: Sequence[Taken], endpoints: Mapping[int, Endpoint]
) -> dict[Taken, datetime]:
    """The rows of a user that must wait, and the end of the quiet hours that they are in."""
    asked = [
        row
        for row in rows
        if row.kind != DeliveryKind.EXAMPLE and endpoints[row.endpoint_id].quiet_hours
    ]
    if not asked:
        return {}
    zone, now = zone_of(user_id), timezone.now()
    found = {}
    for row in asked:
        until = quiet_until(now, zone, endpoints[row.endpoint_id].quiet_hours)
        if until is not None:
            found[row] = until
    return found


def leave_within(
    now: datetime, token: str, rows: Sequence[Taken], endpoints: Mapping[int, Endpoint]
) -> set[int]:
    """Let rows leave, of an endpoint no more than it takes on a day; gives those that do.

    What is over is not lost: one message of the next day tells it.
    """
    bounded = sorted({pk for row in rows if endpoints[pk := row.endpoint_id].per_day})
    free = [row.id for row in rows if row.endpoint_id not in bounded]
    if not bounded:
        return leave(now, token, free)
    with transaction.atomic():
        locked = Endpoint.objects.select_for_update(no_key=True).order_by("pk")
        for endpoint in locked.filter(pk__in=bounded):
            mine = [row for row in rows if row.endpoint_id == endpoint.pk]
            begins, ends = day_of(now, zone_of(endpoint.user_id))
            left = Delivery.objects.filter(user_id=endpoint.user_id, endpoint=endpoint)
            left = left.filter(left_at__gte=begins).exclude(kind=DeliveryKind.EXAMPLE)
            room = max(endpoint.per_day - left.count(), 0)
            # A try that is made again is no further message.
            first = [row for row in mine if row.left_at is None and row.seq is not None]
            over = set(first[room:])
            free += [row.id for row in mine if row not in over]
            for row in first[room:]:
                fold_over(endpoint, row, ends, token)
        return leave(now, token, free)


def fold_over(endpoint: Endpoint, row: Taken, due: datetime, token: str) -> None:
    """Leave a row's events to the message of many that waits for another day, or make it that."""
    mine = Delivery.objects.filter(user_id=endpoint.user_id, endpoint=endpoint)
    same = mine.filter(pk=row.id, token=token)
    last = F("seq") if row.last_seq is None else F("last_seq")
    if row.kind != DeliveryKind.DIGEST:
        waiting = mine.filter(
            kind=DeliveryKind.DIGEST,
            state=DeliveryState.PENDING,
            token="",
            left_at=None,
            due_at__gte=due,
            last_seq__lt=row.seq,
        )
        pk = waiting.order_by("-seq").values_list("pk", flat=True).first()
        if pk is not None and waiting.filter(pk=pk).update(last_seq=row.last_seq or row.seq):
            same.delete()
            return
    same.update(kind=DeliveryKind.DIGEST, last_seq=last, due_at=due, token="")
