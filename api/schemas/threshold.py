from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from api.schemas.base import (
    AmountOrZero,
    Body,
    Day,
    FlagInQuery,
    Name,
    Whole,
    WholeInQuery,
    between,
    dates_in_order,
    example,
    one_of,
    some,
)
from api.schemas.category import SlugOrNone
from api.schemas.filters import ByCategory, CategoriesInQuery, PeriodTypesInQuery
from api.schemas.page import ListQuery
from budget.models import Match, Measure, Operator, PeriodType
from budget.models.threshold import MAX_PAST_PERIODS, means
from budget.models.threshold_rules import (
    MAX_CONDITIONS,
    MAX_DAYS,
    MAX_LEVELS,
    MAX_PERCENT,
    REQUIRED,
)
from lib.schema import Schema


def distinct(levels: list[int]) -> list[int]:
    if len(set(levels)) < len(levels):
        raise ValueError("Must be distinct.")
    return levels


# More than any preview can flip.
MAX_OFFSET = 1_000_000_000

Percent = Annotated[Whole, between(1, MAX_PERCENT)]
CategoryOrNone = Annotated[
    Name | None, means("category", "By name; a new one is created. null: all transactions count.")
]


class ConditionBody(Schema):
    """One condition of a combined threshold."""

    model_config = example(
        {"category": "Restaurants", "measure": "spending", "operator": "gt", "amount": "200.00"}
    )

    category: CategoryOrNone = None
    measure: Annotated[str, one_of(Measure.values), means("measure")] = Measure.SPENDING
    operator: Annotated[str, one_of(Operator.values), means("operator")] = Operator.GTE
    amount: Annotated[AmountOrZero, means("amount")]


class ThresholdBody(Body):
    """A limit in each period, in the last days or on each transaction; or a combination of
    conditions.
    """

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
    conditions: Annotated[
        list[ConditionBody],
        some(0, MAX_CONDITIONS, "conditions"),
        means("conditions", json_schema_extra={"maxItems": MAX_CONDITIONS}),
    ] = Field(default_factory=list)
    amount: Annotated[AmountOrZero | None, means("amount", REQUIRED)] = Field(
        default=None, validate_default=True
    )
    type: Annotated[str, one_of(PeriodType.values), means("type")]
    days: Annotated[Annotated[Whole, between(1, MAX_DAYS)] | None, means("days")] = None
    category: CategoryOrNone = None
    operator: Annotated[Annotated[str, one_of(Operator.values)] | None, means("operator")] = (
        Operator.GTE
    )
    measure: Annotated[Annotated[str, one_of(Measure.values)] | None, means("measure")] = (
        Measure.SPENDING
    )
    match: Annotated[Annotated[str, one_of(Match.values)] | None, means("match", "null: all.")] = (
        None
    )
    levels: Annotated[
        Annotated[
            list[Percent],
            some(1, MAX_LEVELS, "levels"),
            AfterValidator(distinct),
            Field(
                json_schema_extra={"minItems": 1, "maxItems": MAX_LEVELS, "uniqueItems": True},
            ),
        ]
        | None,
        means("levels", "null: [80, 100], or [100] where only 100 is possible."),
    ] = None
    starts_on: Annotated[
        Day | None,
        means(
            "starts_on",
            f"At most {MAX_PAST_PERIODS} periods back. null: unchanged; of a new threshold the "
            "first day of the current period.",
        ),
    ] = None
    rollover: Annotated[bool, means("rollover")] = False
    rollover_cap: Annotated[AmountOrZero | None, means("rollover_cap", "null: everything.")] = None
    rollover_from: Annotated[
        Day | None,
        means("rollover_from", "null: unchanged; at first a day in the current period."),
    ] = None
    forecast: Annotated[bool, means("forecast")] = False
    enabled: Annotated[bool, means("enabled")] = True

    @field_validator("amount", "operator", "measure")
    @classmethod
    def null_needs_conditions(cls, value: Any, info: ValidationInfo) -> Any:
        """Checked here too, so that it is reported with all other missing fields."""
        if value is None and not info.data.get("conditions", True):
            raise ValueError(REQUIRED)
        return value


class PreviewBody(ThresholdBody):
    """An unsaved threshold, and the days to preview it on."""

    model_config = example(
        {
            "amount": "200.00",
            "type": "monthly",
            "category": "Restaurants",
            "date_from": "2018-01-01",
            "date_to": "2018-12-31",
        }
    )

    name: Annotated[Name, Field(description="Ignored.")] = "Preview"
    date_from: Annotated[Day, Field(description="The first day whose flips are listed.")]
    date_to: Annotated[Day, Field(description="The last day, at most today.")]
    offset: Annotated[
        Whole,
        between(0, MAX_OFFSET),
        Field(description="How many flips to skip, for the next page."),
    ] = 0

    _in_order = field_validator("date_to")(dates_in_order)

    def to_store(self) -> dict[str, Any]:
        fields = super().to_store()
        return {name: fields[name] for name in fields.keys() - {"date_from", "date_to", "offset"}}


class ThresholdQuery(ByCategory, ListQuery):
    category: Annotated[
        CategoriesInQuery,
        Field(
            description="The name of the threshold's category, or of a condition's; can be "
            "repeated."
        ),
    ] = ()
    type: Annotated[PeriodTypesInQuery, Field(description="The type; can be repeated.")] = ()
    enabled: Annotated[FlagInQuery | None, Field(description="Whether it opens alerts.")] = None
    level_reached: Annotated[
        Annotated[WholeInQuery, between(1, MAX_PERCENT)] | None,
        Field(description="Thresholds that have reached this level, or a higher one, now."),
    ] = None
