"""What the answers of many routes have in common."""

from __future__ import annotations

from typing import Annotated, Generic, NotRequired, TypeVar

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from lib.shapes import MAX_SEQ, Id, shape

Item = TypeVar("Item")


@with_config(ConfigDict(extra="forbid"))
class PageDict(TypedDict, Generic[Item]):
    """One page of a list."""

    items: list[Item]
    next: Annotated[str | None, Field(description="The URL of the next page, if there is one.")]
    previous: Annotated[str | None, Field(description="The URL of the page before.")]
    count: NotRequired[
        Annotated[int, Field(ge=0, description="The rows on all pages, where count=true.")]
    ]


@with_config(ConfigDict(extra="forbid"))
class FeedDict(PageDict[Item], Generic[Item]):
    """One page of what changes, and where the change feed goes on from it."""

    since: Annotated[
        int,
        Field(
            ge=0,
            le=MAX_SEQ,
            description="Send it as `since` to get what has happened after this answer.",
        ),
    ]


@with_config(ConfigDict(extra="forbid"))
class ItemsDict(TypedDict, Generic[Item]):
    """The rows that one request has stored, in the order in which they were sent."""

    items: list[Item]


@shape({"id": 1207})
class DeletedDict(TypedDict):
    """What has been deleted."""

    id: Id
