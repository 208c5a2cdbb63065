"""The parameters of every list."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from api.schemas.base import FlagInQuery, Query, WholeInQuery, between, text

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
SEARCH_LENGTH = 200


Cursor = Annotated[str, Field(min_length=1, json_schema_extra={"format": "cursor"})]


Words = Annotated[str, text(SEARCH_LENGTH)]


def words_in(where: str) -> Any:
    """The description of a search. where: the text that it looks through."""
    return Field(
        description=f"Words in {where}, in any order, case and accents ignored: lodz finds Łódź."
    )


class SearchQuery(Query):
    q: Annotated[Words, words_in("the name")] = ""


class PlaceQuery(Query):
    """One page of a list."""

    limit: Annotated[
        WholeInQuery, between(1, MAX_LIMIT), Field(description="The most rows on a page.")
    ] = DEFAULT_LIMIT
    cursor: Annotated[
        Cursor | None,
        Field(
            description="A place in the list: from `next` or `previous` of an answer.",
        ),
    ] = None


class PageQuery(PlaceQuery):
    """One page of a list that can be counted."""

    count: Annotated[
        FlagInQuery, Field(description="Also answer how many rows all pages have together.")
    ] = False


class ListQuery(PageQuery, SearchQuery):
    """A page of what is searched for."""
