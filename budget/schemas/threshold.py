from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from budget.models import Measure, Operator, PeriodType
from budget.models.threshold import MAX_LEVELS, MAX_PERCENT, default_levels
from budget.schemas.base import Body
from budget.schemas.fields import AmountOrZero, Name, Slug, Whole, between, one_of

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
    """amount: 0 or more. category: by name, made where it is new; null is all categories. levels:
    whole percents of the amount. slug: made from the name where there is none, then kept.
    """

    name: Name
    slug: Slug | None = None
    amount: AmountOrZero
    type: Annotated[str, one_of(PeriodType.values, LATER_TYPES)]
    category: Name | None = None
    operator: Annotated[str, one_of(Operator.values, LATER_OPERATORS)] = Operator.GTE
    measure: Annotated[str, one_of(Measure.values, LATER_MEASURES)] = Measure.SPENDING
    levels: Annotated[list[Percent], AfterValidator(some_distinct)] = Field(
        default_factory=default_levels
    )
    enabled: bool = True

    @classmethod
    def unknown(cls, name: str) -> str:
        if name in LATER_FIELDS or name.startswith("rollover"):
            return f"{name} is not available yet."
        return super().unknown(name)
