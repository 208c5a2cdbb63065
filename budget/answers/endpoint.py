"""Endpoints, their deliveries and each try, as the API shows them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, NamedTuple

from pydantic import Field
from typing_extensions import TypedDict

from budget.models import Delivery, Endpoint
from budget.models.endpoint import (
    MAX_A_DAY,
    MAX_QUIET,
    PERSONAL,
    Brief,
    DeliveryKind,
    DeliveryState,
    Digest,
    EndpointState,
    message_id_of,
)
from lib.columns import made_as
from lib.select import Select
from lib.shapes import MAX_SEQ, Id, MomentText, UserId, shape, words
from lib.text import moment

ENDPOINT: dict[str, object] = {
    "id": 4,
    "user": 7,
    "url": "https://example.com/alerts",
    "kinds": ["opened", "resolved"],
    "thresholds": [],
    "levels": [100],
    "late": False,
    "quiet": 0,
    "brief": "nothing",
    "highest": False,
    "quiet_hours": "22:00-07:00",
    "digest": "none",
    "digest_at": "08:00",
    "digest_on": 1,
    "per_day": 0,
    "state": "on",
    "because": None,
    "seq": 17,
    "delivered": 12,
    "folded": 2,
    "failed": 1,
    "failing_since": None,
    "wait_until": None,
    "old_secret_until": None,
    "created_at": "2018-03-01T09:30:00.000000Z",
}
NOTIFICATION: dict[str, object] = {
    name: value
    for name, value in {"channel": "email", "endpoint": 5, **ENDPOINT, "state": "on"}.items()
    if name not in ("id", "url", "old_secret_until", "created_at")
}
SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="  # noqa: S105 - an example
DELIVERY: dict[str, object] = {
    "id": 91,
    "user": 7,
    "endpoint": 4,
    "kind": "event",
    "message_id": "event_7_17",
    "seq": 17,
    "last_seq": None,
    "state": "delivered",
    "tries": 1,
    "status": 204,
    "due_at": None,
    "created_at": "2018-03-05T18:02:11.500000Z",
    "ended_at": "2018-03-05T18:02:11.731000Z",
}
TRY: dict[str, object] = {
    "at": "2018-03-05T18:02:11.612000Z",
    "took": 84,
    "status": 204,
    "text": "",
}
Seq = Annotated[int, Field(ge=0, le=MAX_SEQ)]
Count = Annotated[int, Field(ge=0)]


class PreferencesDict(TypedDict):
    """Which of the user's events are sent, and when."""

    kinds: Annotated[list[str], Field(description="The kinds of events that are sent.")]
    thresholds: Annotated[
        list[int], Field(description="The ids of the thresholds that are sent; empty: all.")
    ]
    levels: Annotated[
        list[int], Field(description="The levels that are sent; empty: all, and no level.")
    ]
    late: Annotated[bool, Field(description="Whether late alerts of past periods are sent, too.")]
    quiet: Annotated[
        int, Field(ge=0, le=MAX_QUIET, description="Seconds that an event waits before it leaves.")
    ]
    brief: Annotated[
        str,
        words(Brief.values),
        Field(
            description="What is sent of an alert that has passed before anything of it was sent: "
            "nothing, or once that it has passed."
        ),
    ]
    highest: Annotated[
        bool, Field(description="Whether only the highest open level of a threshold is sent.")
    ]
    quiet_hours: Annotated[
        str | None,
        Field(description="HH:MM-HH:MM of the user, when nothing is sent; null: never."),
    ]
    digest: Annotated[
        str,
        words(Digest.values),
        Field(description="none: each message at once; day or week: one message of all."),
    ]
    digest_at: Annotated[
        str, Field(description="When a digest leaves, HH:MM in the user's time zone.")
    ]
    digest_on: Annotated[
        int, Field(ge=1, le=7, description="The day of a weekly digest: 1 is Monday, 7 Sunday.")
    ]
    per_day: Annotated[
        int,
        Field(ge=0, le=MAX_A_DAY, description="The messages of one day at most; 0: any number."),
    ]


class SentDict(PreferencesDict):
    """What is sent to an endpoint, and what has come of it."""

    state: Annotated[
        str,
        words(EndpointState.values),
        Field(description="on. paused: messages wait. off: what happens meanwhile is not sent."),
    ]
    because: Annotated[
        str | None, Field(description="Why it is not on, where the service has decided that.")
    ]
    seq: Annotated[Seq, Field(description="The last event that was looked at for it.")]
    delivered: Annotated[Count, Field(description="Messages that have arrived.")]
    folded: Annotated[Count, Field(description="Messages not sent: no longer true by then.")]
    failed: Annotated[Count, Field(description="Tries that have failed.")]
    failing_since: Annotated[
        MomentText | None, Field(description="Since when nothing has arrived; null: all is well.")
    ]
    wait_until: Annotated[
        MomentText | None, Field(description="Until when the receiver wants nothing.")
    ]


@shape(ENDPOINT)
class EndpointDict(SentDict):
    """A URL that gets the user's events, without its secret."""

    id: Id
    user: UserId
    url: Annotated[str, Field(description="Where messages go.")]
    old_secret_until: Annotated[
        MomentText | None, Field(description="Until when the secret before signs, too.")
    ]
    created_at: MomentText


@shape(NOTIFICATION)
class NotificationDict(SentDict):
    """How messages reach the user by a channel; all its places share it."""

    channel: Annotated[str, words([*PERSONAL])]
    user: UserId
    endpoint: Annotated[
        Id | None,
        Field(description="Its id as an endpoint; null until its settings are first changed."),
    ]


@shape({"items": [NOTIFICATION]})
class NotificationsDict(TypedDict):
    """The channels that a user has once."""

    items: list[NotificationDict]


@shape({**ENDPOINT, "secret": SECRET})
class NewEndpointDict(EndpointDict):
    """An endpoint with a secret that was just made."""

    secret: Annotated[
        str, Field(description="Proves that messages are from here; it cannot be had again.")
    ]


@shape(DELIVERY)
class DeliveryDict(TypedDict):
    """One message to an endpoint."""

    id: Id
    user: UserId
    endpoint: Id
    kind: Annotated[str, words(DeliveryKind.values)]
    message_id: Annotated[str, Field(description="The webhook-id, the same at each try.")]
    seq: Annotated[
        int | None, Field(description="Its event; of many the first; null for an example.")
    ]
    last_seq: Annotated[int | None, Field(description="The last event of many, else null.")]
    state: Annotated[
        str,
        words(DeliveryState.values),
        Field(
            description="pending: to be sent. held: until the endpoint is on. folded: no longer "
            "true, so not sent. failed: given up."
        ),
    ]
    tries: Annotated[Count, Field(description="Since it was made, or since the last replay.")]
    status: Annotated[int | None, Field(description="The HTTP status of the last answer.")]
    due_at: Annotated[MomentText | None, Field(description="When it is sent next.")]
    created_at: MomentText
    ended_at: MomentText | None


@shape(TRY)
class TryDict(TypedDict):
    """One try to send a message."""

    at: MomentText
    took: Annotated[Count, Field(description="Milliseconds.")]
    status: Annotated[int | None, Field(description="The HTTP status; null without an answer.")]
    text: Annotated[
        str,
        Field(max_length=1024, description="The first KiB of the answer, or what went wrong."),
    ]


@shape({**DELIVERY, "made": [TRY]})
class TriedDeliveryDict(DeliveryDict):
    """One message to an endpoint, with each try."""

    made: Annotated[list[TryDict], Field(description="The last 50 tries, oldest first.")]


class EndpointRow(NamedTuple):
    """An endpoint as a SELECT gives it; kinds, thresholds and levels are JSON."""

    id: int
    user_id: int
    url: str
    kinds: str
    thresholds: str
    levels: str
    late: bool
    quiet: int
    brief: str
    highest: bool
    quiet_hours: str
    digest: str
    digest_at: str
    digest_on: int
    per_day: int
    state: str
    because: str
    seq: int
    delivered: int
    folded: int
    failed: int
    failing_since: datetime | None
    wait_until: datetime | None
    old_secret_until: datetime | None
    created_at: datetime


class DeliveryRow(NamedTuple):
    """A delivery as a SELECT gives it."""

    id: int
    user_id: int
    endpoint_id: int
    kind: str
    seq: int | None
    last_seq: int | None
    state: str
    tries: int
    status: int | None
    due_at: datetime
    created_at: datetime
    ended_at: datetime | None


class TryRow(NamedTuple):
    """A try as a SELECT gives it."""

    id: int
    at: datetime
    took: int
    status: int | None
    text: str


def columns(row: type[tuple[object, ...]]) -> str:
    return ", ".join(f'r."{name}"' for name in row._fields)  # type: ignore[attr-defined]


ENDPOINTS = Select(EndpointRow, columns(EndpointRow), "budget_endpoint r")
DELIVERIES = Select(DeliveryRow, columns(DeliveryRow), "budget_delivery r")
TRIES = Select(TryRow, columns(TryRow), "budget_deliverytry r")
MAX_TRIES_SHOWN = 50


def describe_endpoint(row: EndpointRow) -> EndpointDict:
    return {
        "id": row.id,
        "user": row.user_id,
        "url": row.url,
        **sent_of(row),
        "old_secret_until": moment_or_none(row.old_secret_until),
        "created_at": moment(row.created_at),
    }


def sent_of(row: EndpointRow) -> SentDict:
    return {
        "kinds": parsed(row.kinds),
        "thresholds": parsed(row.thresholds),
        "levels": parsed(row.levels),
        "late": row.late,
        "quiet": row.quiet,
        "brief": row.brief,
        "highest": row.highest,
        "quiet_hours": row.quiet_hours or None,
        "digest": row.digest,
        "digest_at": row.digest_at,
        "digest_on": row.digest_on,
        "per_day": row.per_day,
        "state": row.state,
        "because": row.because or None,
        "seq": row.seq,
        "delivered": row.delivered,
        "folded": row.folded,
        "failed": row.failed,
        "failing_since": moment_or_none(row.failing_since),
        "wait_until": moment_or_none(row.wait_until),
    }


def moment_or_none(at: datetime | None) -> str | None:
    return None if at is None else moment(at)


def parsed(value: Any) -> list[Any]:
    """A list of a JSON column: as text from a SELECT, as it is from a model."""
    return [*json.loads(value)] if isinstance(value, str) else [*value]


def describe_delivery(row: DeliveryRow) -> DeliveryDict:
    waits = row.state == DeliveryState.PENDING
    return {
        "id": row.id,
        "user": row.user_id,
        "endpoint": row.endpoint_id,
        "kind": row.kind,
        "message_id": message_id_of(row.user_id, row.kind, row.seq, row.id),
        "seq": row.seq,
        "last_seq": row.last_seq,
        "state": row.state,
        "tries": row.tries,
        "status": row.status,
        "due_at": moment(row.due_at) if waits else None,
        "created_at": moment(row.created_at),
        "ended_at": moment_or_none(row.ended_at),
    }


def describe_tries(rows: Sequence[tuple[object, ...]], database: str) -> list[TryDict]:
    """Tries, which come newest first, oldest first."""
    make = made_as(TryRow, database)
    return [
        {"at": moment(row.at), "took": row.took, "status": row.status, "text": row.text}
        for row in map(make, reversed(rows))
    ]


def shown_endpoint(endpoint: Endpoint) -> EndpointDict:
    return describe_endpoint(row_of(endpoint))


def row_of(endpoint: Endpoint) -> EndpointRow:
    return EndpointRow(*(getattr(endpoint, name) for name in EndpointRow._fields))


def shown_notification(endpoint: Endpoint) -> NotificationDict:
    return {
        "channel": endpoint.channel,
        "user": endpoint.user_id,
        "endpoint": endpoint.pk,
        **sent_of(row_of(endpoint)),
    }


def shown_delivery(delivery: Delivery) -> DeliveryDict:
    return describe_delivery(
        DeliveryRow(*(getattr(delivery, name) for name in DeliveryRow._fields))
    )
