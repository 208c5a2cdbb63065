"""What an endpoint's owner, or its receiver, can do with it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from budget.delivering.dispatch import resume
from budget.engine import open_book, raise_custom_alert
from budget.models import Delivery, Endpoint
from budget.models.endpoint import DeliveryKind, DeliveryState, EndpointState
from budget.models.ledger import Book
from lib.text import moment


def put(book: Book, endpoint: Endpoint, state: str, because: str = "") -> None:
    """Put an endpoint on, pause it or switch it off; under the user's lock.

    What waits for one that is paused leaves when it is on again. One that was off begins with the
    next event. because: why the service does it.
    """
    now = book.ledger.now
    # Locked before its deliveries, as when their outcomes are stored.
    was = Endpoint.objects.select_for_update(no_key=True).get(pk=endpoint.pk)
    endpoint.state, endpoint.because = state, because
    changed: dict[str, Any] = {"state": state, "because": because}
    if state == was.state:
        changed.pop("because")
    elif state == EndpointState.ON:
        changed |= {"failing_since": None, "wait_until": None}
        if was.state == EndpointState.OFF:
            changed["seq"] = book.ledger.event_seq
    Endpoint.objects.filter(pk=endpoint.pk).update(**changed)
    endpoint.refresh_from_db()
    mine = Delivery.objects.filter(user_id=endpoint.user_id, endpoint=endpoint)
    reported = mine.exclude(kind=DeliveryKind.EXAMPLE)
    if state == EndpointState.ON:
        resume(endpoint, now)
    elif state == EndpointState.PAUSED:
        reported.filter(state=DeliveryState.PENDING).update(state=DeliveryState.HELD)
    else:
        waiting = reported.filter(state__in=(DeliveryState.PENDING, DeliveryState.HELD))
        waiting.update(state=DeliveryState.FAILED, ended_at=now)


def replay(book: Book, endpoint: Endpoint, since: int) -> None:
    """Tell an endpoint again what has happened after an event, as far as it is true; it is on then.

    Messages have the ids that they had. What waits already is sent once.
    """
    put(book, endpoint, EndpointState.ON)
    endpoint.seq = since
    endpoint.save(update_fields=["seq"])


def send_example(endpoint: Endpoint, now: datetime) -> Delivery:
    """A message that tells of nothing, to try a receiver with, whatever state the endpoint has."""
    return Delivery.objects.create(
        user_id=endpoint.user_id,
        endpoint=endpoint,
        kind=DeliveryKind.EXAMPLE,
        due_at=now,
        created_at=now,
    )


def stop(endpoint_id: int, state: str, because: str, since: datetime | None = None) -> bool:
    """Pause an endpoint that is on, or switch it off, and tell its owner by an alert.

    since: pause it only if nothing has arrived since then. False where it was not to be done.
    """
    user_id = Endpoint.objects.filter(pk=endpoint_id).values_list("user_id", flat=True).first()
    if user_id is None:
        return False
    with transaction.atomic(), open_book(user_id) as book:
        endpoint = Endpoint.objects.filter(pk=endpoint_id).first()
        if endpoint is None:
            return False
        failing = endpoint.failing_since
        if endpoint.state != EndpointState.ON or (since and (failing is None or failing > since)):
            return False
        put(book, endpoint, state, because)
        when = moment(timezone.now())
        url = endpoint.url if len(endpoint.url) <= 200 else endpoint.url[:199] + "…"
        raise_custom_alert(
            endpoint.user_id, f"Endpoint {endpoint.pk} ({url}) is {state} since {when}: {because}"
        )
    return True
