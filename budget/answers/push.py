"""Browsers that get web push, as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, NamedTuple

from pydantic import Field
from typing_extensions import TypedDict

from budget.answers.endpoint import Count, columns, moment_or_none
from budget.models import Endpoint
from budget.models.endpoint import EndpointState
from lib.select import Select
from lib.shapes import Id, MomentText, UserId, shape, words
from lib.text import moment

BROWSER: dict[str, object] = {
    "id": 5,
    "user": 7,
    "endpoint": "https://push.example.com/send/dGhlIGJyb3dzZXI",
    "state": "on",
    "because": None,
    "delivered": 12,
    "folded": 2,
    "failed": 1,
    "failing_since": None,
    "created_at": "2018-03-01T09:30:00.000000Z",
}
KEY = "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"


@shape(BROWSER)
class BrowserDict(TypedDict):
    """A browser that gets the user's messages, without its keys."""

    id: Id
    user: UserId
    endpoint: Annotated[str, Field(description="The URL of its push service.")]
    state: Annotated[
        str,
        words(EndpointState.values),
        Field(description="on. paused: messages wait. off: what happens meanwhile is not sent."),
    ]
    because: Annotated[
        str | None, Field(description="Why it is not on, where the service has decided that.")
    ]
    delivered: Annotated[Count, Field(description="Messages that its push service has taken.")]
    folded: Annotated[Count, Field(description="Messages not sent: no longer true by then.")]
    failed: Annotated[Count, Field(description="Tries that have failed.")]
    failing_since: Annotated[
        MomentText | None, Field(description="Since when nothing was taken; null: all is well.")
    ]
    created_at: MomentText


@shape({"key": KEY})
class PushKeyDict(TypedDict):
    """What a browser subscribes with."""

    key: Annotated[str, Field(description="The applicationServerKey, in base64url.")]


class BrowserRow(NamedTuple):
    """A browser as a SELECT gives it."""

    id: int
    user_id: int
    url: str
    state: str
    because: str
    delivered: int
    folded: int
    failed: int
    failing_since: datetime | None
    created_at: datetime


BROWSERS = Select(BrowserRow, columns(BrowserRow), "budget_endpoint r")


def describe_browser(row: BrowserRow) -> BrowserDict:
    return {
        "id": row.id,
        "user": row.user_id,
        "endpoint": row.url,
        "state": row.state,
        "because": row.because or None,
        "delivered": row.delivered,
        "folded": row.folded,
        "failed": row.failed,
        "failing_since": moment_or_none(row.failing_since),
        "created_at": moment(row.created_at),
    }


def shown_browser(endpoint: Endpoint) -> BrowserDict:
    return describe_browser(BrowserRow(*(getattr(endpoint, name) for name in BrowserRow._fields)))
