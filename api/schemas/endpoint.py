"""What a client sends about an endpoint."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema

from api.schemas.base import (
    Body,
    OwnThreshold,
    Validator,
    Whole,
    between,
    example,
    one_of,
    some,
    text,
)
from api.schemas.page import PageQuery
from api.schemas.threshold import Percent, distinct
from budget.models import EventKind, Threshold
from budget.models.endpoint import (
    MAX_A_DAY,
    MAX_QUIET,
    Brief,
    DeliveryState,
    Digest,
    EndpointState,
)
from lib.outside import URL_LENGTH, Guard, Refused
from lib.shapes import MAX_SEQ

MAX_FILTERED_LEVELS = 20
TIME = "([01][0-9]|2[0-3]):[0-5][0-9]"
HOUR = re.compile(TIME)
HOUR_PATTERN, HOURS_PATTERN = f"^{TIME}$", f"^{TIME}-{TIME}$"
GUARD = Guard()


def outside(url: str) -> str:
    """A URL that a message may go to, as far as the URL itself shows.

    Where its host lies is looked at when a message leaves.
    """
    try:
        GUARD.place_of(url)
    except Refused as error:
        raise ValueError(str(error)) from None
    return url


def unlike(values: list[str]) -> list[str]:
    if len(set(values)) < len(values):
        raise ValueError("Must be distinct.")
    return values


def hour(text: str) -> str:
    if not HOUR.fullmatch(text):
        raise ValueError("Must be a time of day written HH:MM.")
    return text


def hours(value: object) -> str:
    """From when to when, as a column keeps it; null is empty."""
    if value is None:
        return ""
    parts = value.split("-") if isinstance(value, str) else []
    if len(parts) != 2 or not all(map(HOUR.fullmatch, parts)) or parts[0] == parts[1]:
        raise ValueError("Must be two different times of day written HH:MM-HH:MM, or null.")
    return "-".join(parts)


class PreferencesBody(Body):
    """Which of the user's events are sent, and when."""

    kinds: Annotated[
        list[Annotated[str, one_of(EventKind.values)]],
        some(1, len(EventKind.values), "kinds"),
        AfterValidator(unlike),
        Field(
            description="The kinds of events to tell.",
            json_schema_extra={
                "minItems": 1,
                "maxItems": len(EventKind.values),
                "uniqueItems": True,
            },
        ),
    ] = Field(default_factory=lambda: ["opened", "resolved"])
    thresholds: Annotated[
        list[OwnThreshold],
        some(0, Threshold.MAX_A_USER, "thresholds"),
        Field(
            description="The thresholds to send, by id or slug; empty: all alerts.",
            json_schema_extra={"maxItems": Threshold.MAX_A_USER},
        ),
    ] = Field(default_factory=list)
    levels: Annotated[
        list[Percent],
        some(0, MAX_FILTERED_LEVELS, "levels"),
        AfterValidator(distinct),
        Field(
            description="The levels to tell of; empty: all, and alerts without a level.",
            json_schema_extra={"maxItems": MAX_FILTERED_LEVELS, "uniqueItems": True},
        ),
    ] = Field(default_factory=list)
    late: Annotated[
        bool, Field(description="Whether to tell of late alerts of past periods, too.")
    ] = False
    quiet: Annotated[
        Whole,
        between(0, MAX_QUIET),
        Field(description="Seconds that an event waits; what has passed by then is not sent."),
    ] = 0
    brief: Annotated[
        str,
        one_of(Brief.values),
        Field(description="What to tell of an alert that has passed before it was reported."),
    ] = Brief.NOTHING
    highest: Annotated[
        bool,
        Field(description="Whether to tell only of the highest open level of a threshold."),
    ] = False
    quiet_hours: Annotated[
        str,
        PlainValidator(hours),
        WithJsonSchema({"type": ["string", "null"], "pattern": HOURS_PATTERN}),
        Field(
            validate_default=True,
            description="HH:MM-HH:MM in the user's time zone, over midnight too: what happens then "
            "is sent after it, if it is still true. null: always.",
        ),
    ] = Field(default=None)  # type: ignore[assignment]
    digest: Annotated[
        str,
        one_of(Digest.values),
        Field(description="none: each message at once; day or week: one message of all."),
    ] = Digest.NONE
    digest_at: Annotated[
        str,
        Validator(AfterValidator(hour), type="string", pattern=HOUR_PATTERN),
        Field(description="When a digest leaves, HH:MM in the user's time zone."),
    ] = "08:00"
    digest_on: Annotated[
        Whole,
        between(1, 7),
        Field(description="The day on which a weekly digest leaves: 1 is Monday, 7 Sunday."),
    ] = 1
    per_day: Annotated[
        Whole,
        between(0, MAX_A_DAY),
        Field(
            description="The messages of one day at most; one of the next day tells what is over. "
            "0: any number."
        ),
    ] = 0
    state: Annotated[
        str,
        one_of(EndpointState.values),
        Field(description="on; paused: messages wait; off: what happens meanwhile is not sent."),
    ] = EndpointState.ON

    def to_store(self) -> dict[str, Any]:
        fields = super().to_store()
        if "thresholds" in fields:
            fields["thresholds"] = list(dict.fromkeys(one.pk for one in fields["thresholds"]))
        return fields


class EndpointBody(PreferencesBody):
    """Where the user's events go, and which of them."""

    model_config = example(
        {
            "url": "https://example.com/alerts",
            "kinds": ["opened", "resolved"],
            "thresholds": [],
            "levels": [100],
        }
    )

    url: Annotated[
        str,
        text(URL_LENGTH, shortest=1),
        AfterValidator(outside),
        Field(
            description="https, port 443, the full name of a host on the public network. No "
            "redirect is followed.",
            json_schema_extra={"format": "uri", "pattern": "^https://"},
        ),
    ]


class NotificationBody(PreferencesBody):
    """Whether and how messages reach the user by a channel."""

    model_config = example(
        {"state": "on", "levels": [100], "quiet_hours": "22:00-07:00", "digest": "day"}
    )


class ReplayBody(Body):
    """From where an endpoint is reported again."""

    model_config = example({"since": 17})

    since: Annotated[
        Whole,
        between(0, MAX_SEQ),
        Field(description="Events after this number are reported again; 0: all."),
    ]


class DeliveryQuery(PageQuery):
    state: Annotated[
        Annotated[str, one_of(DeliveryState.values)] | None, Field(description="The state.")
    ] = None
