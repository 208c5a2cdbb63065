"""The parameters of every list."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from budget.schemas.base import Query
from budget.schemas.fields import FlagInQuery, WholeInQuery, between, text

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
SEARCH_LENGTH = 200


Cursor = Annotated[str, Field(min_length=1, json_schema_extra={"format": "cursor"})]


class SearchQuery(Query):
    """q: words that each stand somewhere in the row, whatever their case and accents."""

    q: Annotated[str, text(SEARCH_LENGTH)] = ""


class PlaceQuery(Query):
    """limit: rows a page, 1 to 200. cursor: from `next` or `previous` of the same list."""

    limit: Annotated[
        WholeInQuery, between(1, MAX_LIMIT), Field(description="The most rows in the answer.")
    ] = DEFAULT_LIMIT
    cursor: Annotated[
        Cursor | None,
        Field(
            description="A place in the list: from `next` or `previous` of an answer.",
        ),
    ] = None


class PageQuery(PlaceQuery):
    """count: say how many rows there are on all pages, which takes a count of them."""

    count: FlagInQuery = False


class ListQuery(PageQuery, SearchQuery):
    """A page of what is searched for."""
