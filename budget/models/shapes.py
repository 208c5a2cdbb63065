"""The types that answers are made of: plain to the code, described to whoever reads the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, Field, WithJsonSchema, with_config

MAX_ID = 2**63 - 1

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
    Field(description="Money with two decimals; of measure count a whole number."),
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
        description="The row's name in addresses: 1 to 60 of a-z, 0-9, _ and -, a letter first.",
    ),
]


def words(values: list[str]) -> Any:
    """What is said of a string that is one of some words."""
    return Field(json_schema_extra={"enum": list(values)})


def shape(example: dict[str, Any]) -> Callable[[T], T]:
    """Declare a TypedDict to be a whole answer, or a part of one: no other key, and an example."""
    return with_config(ConfigDict(extra="forbid", json_schema_extra={"examples": [example]}))
