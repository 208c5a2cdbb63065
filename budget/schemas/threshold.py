from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from budget.models import Measure, Operator, PeriodType
from budget.models.threshold import MAX_LEVELS, MAX_PERCENT, default_levels
from budget.schemas.base import Body, example
from budget.schemas.category import SlugOrNone
from budget.schemas.fields import (
    AmountOrZero,
    FlagInQuery,
    Name,
    NumberInQuery,
    Whole,
    between,
    one_of,
)
from budget.schemas.filters import CategoriesInQuery, PeriodTypesInQuery
from budget.schemas.page import ListQuery

# What a client may know from the design and this version cannot do yet.
LATER_FIELDS = {"days", "conditions", "starts_on"}
LATER_TYPES = {"rolling"}
LATER_OPERATORS = {"lte", "lt", "eq"}
LATER_MEASURES = {"income", "net", "count"}


def some_distinct(levels: list[int]) -> list[int]:
    if not 1 <= len(levels) <= MAX_LEVELS:
        raise ValueError(f"Must have 1 to {MAX_LEVELS} levels.")
    if len(set(levels)) < len(levels):
        raise ValueError("Must be distinct.")
    return levels


Percent = Annotated[Whole, between(1, MAX_PERCENT)]


class ThresholdBody(Body):
    """A limit on what is spent in each period, or in each transaction."""

    model_config = example(
        {
            "name": "Eating out",
            "slug": "eating-out",
            "amount": "200.00",
            "type": "monthly",
            "category": "Restaurants",
            "operator": "gte",
            "measure": "spending",
            "levels": [80, 100],
            "enabled": True,
        }
    )

    name: Annotated[Name, Field(description="The name that its alerts start with.")]
    slug: SlugOrNone = None
    amount: Annotated[
        AmountOrZero,
        Field(description="The limit, in the user's currency, with at most two decimals."),
    ]
    type: Annotated[
        str,
        one_of(PeriodType.values, LATER_TYPES),
        Field(description="What it limits: every period of this length, or each transaction."),
    ]
    category: Annotated[
        Name | None,
        Field(description="A category's name, made where it is new; null where all count."),
    ] = None
    operator: Annotated[
        str,
        one_of(Operator.values, LATER_OPERATORS),
        Field(description="gte: a level is reached by a total of as much; gt: of more."),
    ] = Operator.GTE
    measure: Annotated[
        str,
        one_of(Measure.values, LATER_MEASURES),
        Field(description="spending: expenses minus refunds."),
    ] = Measure.SPENDING
    levels: Annotated[
        list[Percent],
        AfterValidator(some_distinct),
        Field(
            description="Whole percents of the amount; each raises an alert of its own.",
            json_schema_extra={
                "minItems": 1,
                "maxItems": MAX_LEVELS,
                "uniqueItems": True,
                "default": default_levels(),
            },
        ),
    ] = Field(default_factory=default_levels)
    enabled: Annotated[bool, Field(description="Whether it raises alerts.")] = True

    @classmethod
    def unknown(cls, name: str) -> str:
        if name in LATER_FIELDS or name.startswith("rollover"):
            return f"{name} is not available yet."
        return super().unknown(name)


class ThresholdQuery(ListQuery):
    """q: words in the name. type: of the period, any number of times. category: by name, any number
    of times. enabled: true or false. level_reached: a percent; those that have now reached a level
    of it or more.
    """

    type: PeriodTypesInQuery = ()
    category: CategoriesInQuery = ()
    enabled: FlagInQuery | None = None
    level_reached: Annotated[NumberInQuery, between(1, MAX_PERCENT)] | None = None
