"""What a client sends about an endpoint."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from api.schemas.base import Body, OwnThreshold, Whole, between, example, one_of, some, text
from api.schemas.page import PageQuery
from api.schemas.threshold import Percent, distinct
from budget.models import EventKind, Threshold
from budget.models.endpoint import MAX_QUIET, Brief, DeliveryState, EndpointState
from lib.outside import URL_LENGTH, Guard, Refused
from lib.shapes import MAX_SEQ

MAX_FILTERED_LEVELS = 20
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


class EndpointBody(Body):
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
