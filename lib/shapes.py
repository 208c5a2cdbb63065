"""The types that answers are made of: plain types in the code, described in the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, Field, WithJsonSchema, with_config

MAX_ID = 2**63 - 1
# What every JSON reader holds exactly, also in JavaScript.
MAX_SEQ = 2**53 - 1

T = TypeVar("T", bound=type)

Id = Annotated[int, Field(ge=1, le=MAX_ID, description="An id.", examples=[7])]
UserId = Annotated[int, Field(ge=1, le=MAX_ID, description="The id of the user whose row it is.")]
MoneyText = Annotated[
    str,
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]{1,16}\.[0-9]{2}$"}),
    Field(description="Money in the user's currency, with two decimals."),
]
AmountText = Annotated[
    str,
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]{1,16}(\.[0-9]{2})?$"}),
    Field(description="Money with two decimals; with measure count a whole number."),
]
DayText = Annotated[
    str,
    WithJsonSchema({"type": "string", "format": "date"}),
    Field(description="A calendar date."),
]
MomentText = Annotated[
    str,
    WithJsonSchema({"type": "string", "format": "date-time"}),
    Field(description="A point in time, ISO 8601 in UTC."),
]
SlugText = Annotated[
    str,
    Field(
        pattern="^[a-z][a-z0-9_-]*$",
        max_length=60,
        description="The row's name in URLs: 1 to 60 of a-z, 0-9, _ and -, starting with a letter.",
    ),
]


def words(values: list[str]) -> Any:
    """The schema of a string that is one of some words."""
    return Field(json_schema_extra={"enum": list(values)})


def shape(example: dict[str, Any]) -> Callable[[T], T]:
    """Declare a TypedDict as an answer or a part of one: no other keys, and an example."""
    return with_config(ConfigDict(extra="forbid", json_schema_extra={"examples": [example]}))
