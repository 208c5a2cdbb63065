"""What an endpoint's owner, or its receiver, can do with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone

from budget.delivering.dispatch import put_off, resume
from budget.engine import open_book, raise_custom_alert
from budget.models import Delivery, Endpoint, Ledger
from budget.models.endpoint import Channel, DeliveryKind, DeliveryState, EndpointState
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


def channel_of(user_id: int, channel: str) -> Endpoint:
    """The settings of a channel that a user has once; unsaved, and off, before the first change."""
    found = Endpoint.objects.filter(user_id=user_id, channel=channel, url="").first()
    return found or Endpoint(user_id=user_id, channel=channel, state=EndpointState.OFF)


def change_channel(book: Book, channel: str, values: Mapping[str, Any]) -> Endpoint:
    """Set what is sent by a channel, on all its devices; values: preferences, and the state."""
    user_id = book.ledger.user_id
    settings = channel_of(user_id, channel)
    if settings._state.adding:
        settings.seq, settings.created_at = book.ledger.event_seq, book.ledger.now
        settings.save()
    others = Endpoint.objects.filter(user_id=user_id, channel=channel).exclude(pk=settings.pk)
    rows = [settings, *others.order_by("pk")]
    wishes = {name: value for name, value in values.items() if name != "state"}
    set_preferences(book, rows, wishes)
    if "state" in values:
        for row in rows:
            put(book, row, values["state"])
    return settings


def stop_channel(user_id: int, channel: str) -> None:
    """Switch a channel off, as the link in a message asks; twice is once."""
    if not Ledger.objects.filter(user_id=user_id).exists():
        return
    with transaction.atomic(), open_book(user_id) as book:
        for row in Endpoint.objects.filter(user_id=user_id, channel=channel).order_by("pk"):
            put(book, row, EndpointState.OFF, "It was stopped by the link in a message.")


def set_preferences(book: Book, rows: Sequence[Endpoint], values: Mapping[str, Any]) -> None:
    """Set fields of endpoints of a user; only these, as others count messages meanwhile."""
    Endpoint.objects.filter(pk__in=[row.pk for row in rows]).update(**values)
    for row in rows:
        for name, value in values.items():
            setattr(row, name, value)
        if any(name.startswith("digest") for name in values):
            put_off(row, book.ledger.now)


def send_example(endpoint: Endpoint, now: datetime) -> Delivery:
    """A message that tells of nothing, to try a receiver with, whatever state the endpoint has."""
    return Delivery.objects.create(
        user_id=endpoint.user_id,
        endpoint=endpoint,
        kind=DeliveryKind.EXAMPLE,
        due_at=now,
        created_at=now,
    )


def named(endpoint: Endpoint) -> str:
    """What an endpoint's owner knows it by."""
    if endpoint.channel == Channel.EMAIL:
        return "E-mail"
    if endpoint.channel == Channel.PUSH:
        # Not all of its URL, which is what entitles to send there.
        return f"Browser {endpoint.pk} ({urlsplit(endpoint.url).hostname})"
    url = endpoint.url if len(endpoint.url) <= 200 else endpoint.url[:199] + "…"
    return f"Endpoint {endpoint.pk} ({url})"


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
        raise_custom_alert(
            endpoint.user_id, f"{named(endpoint)} is {state} since {when}: {because}"
        )
    return True
