"""The parameters of every list."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from budget.schemas.base import Query
from budget.schemas.fields import NumberInQuery, between

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


class ListQuery(Query):
    """limit: rows a page, 1 to 200. cursor: from `next` or `previous` of the same list."""

    limit: Annotated[NumberInQuery, between(1, MAX_LIMIT)] = DEFAULT_LIMIT
    cursor: Annotated[str, Field(min_length=1)] | None = None
