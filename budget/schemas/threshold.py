from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from budget.models import Match, Measure, Operator, PeriodType
from budget.models.threshold import (
    MAX_CONDITIONS,
    MAX_DAYS,
    MAX_LEVELS,
    MAX_PERCENT,
)
from budget.schemas.base import Body, Schema, example
from budget.schemas.category import SlugOrNone
from budget.schemas.fields import (
    AmountOrZero,
    Day,
    FlagInQuery,
    Name,
    Whole,
    WholeInQuery,
    between,
    dates_in_order,
    one_of,
)
from budget.schemas.filters import CategoriesInQuery, PeriodTypesInQuery
from budget.schemas.page import ListQuery


def some_distinct(levels: list[int]) -> list[int]:
    if not 1 <= len(levels) <= MAX_LEVELS:
        raise ValueError(f"Must have 1 to {MAX_LEVELS} levels.")
    if len(set(levels)) < len(levels):
        raise ValueError("Must be distinct.")
    return levels


def some_conditions(conditions: list[ConditionBody]) -> list[ConditionBody]:
    if len(conditions) > MAX_CONDITIONS:
        raise ValueError(f"Must have at most {MAX_CONDITIONS} conditions.")
    return conditions


Percent = Annotated[Whole, between(1, MAX_PERCENT)]
CategoryOrNone = Annotated[
    Name | None,
    Field(description="A category's name, made where it is new; null where all count."),
]


class ConditionBody(Schema):
    """One of the conditions of a combination."""

    model_config = example(
        {"category": "Restaurants", "measure": "spending", "operator": "gt", "amount": "200.00"}
    )

    category: CategoryOrNone = None
    measure: Annotated[str, one_of(Measure.values), Field(description="What is summed.")] = (
        Measure.SPENDING
    )
    operator: Annotated[
        str, one_of(Operator.values), Field(description="How the total is held against the amount.")
    ] = Operator.GTE
    amount: Annotated[AmountOrZero, Field(description="A whole number for measure count.")]


class ThresholdBody(Body):
    """A limit in each period, in the last days or in each transaction; or a combination of
    conditions, which take the place of category, operator, measure and amount.
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
        AfterValidator(some_conditions),
        Field(
            description="Of a combination, 1 to 5; they share the period.",
            json_schema_extra={"maxItems": MAX_CONDITIONS},
        ),
    ] = Field(default_factory=list)
    amount: Annotated[
        AmountOrZero | None,
        Field(
            description="The limit, in the user's currency, with at most two decimals; a whole "
            "number for measure count. Required, unless there are conditions."
        ),
    ] = Field(default=None, validate_default=True)
    type: Annotated[
        str,
        one_of(PeriodType.values),
        Field(
            description="What it limits: every period of this length, the last `days` days, or "
            "each transaction."
        ),
    ]
    days: Annotated[
        Annotated[Whole, between(1, MAX_DAYS)] | None,
        Field(description="How many days type rolling looks back on, today included."),
    ] = None
    category: CategoryOrNone = None
    operator: Annotated[
        Annotated[str, one_of(Operator.values)] | None,
        Field(
            description="gte: a level is reached by a total of as much; gt: of more. lte, lt, eq: "
            "judged when the period is over."
        ),
    ] = Operator.GTE
    measure: Annotated[
        Annotated[str, one_of(Measure.values)] | None,
        Field(
            description="spending: expenses minus refunds; income; net: income minus spending; "
            "count: the number of expenses."
        ),
    ] = Measure.SPENDING
    match: Annotated[
        Annotated[str, one_of(Match.values)] | None,
        Field(description="Whether all conditions must hold, or any; null is all."),
    ] = None
    levels: Annotated[
        Annotated[
            list[Percent],
            AfterValidator(some_distinct),
            Field(
                json_schema_extra={"minItems": 1, "maxItems": MAX_LEVELS, "uniqueItems": True},
            ),
        ]
        | None,
        Field(
            description="Whole percents of the amount; each raises an alert of its own. [80, 100] "
            "where they are not said; of a combination, and with lte, lt and eq, [100].",
        ),
    ] = None
    starts_on: Annotated[
        Day | None,
        Field(
            description="With lte, lt or eq: the first day that a period may start on to be "
            "judged, at most 400 periods back. At first that of the present period, then kept."
        ),
    ] = None
    rollover: Annotated[
        bool,
        Field(
            description="Whether what a period leaves over, or overspends, is carried to the next; "
            "for gte and gt on spending, in weeks or longer periods."
        ),
    ] = False
    rollover_cap: Annotated[
        AmountOrZero | None, Field(description="The most that is carried, either way.")
    ] = None
    rollover_from: Annotated[
        Day | None,
        Field(
            description="A day in the first period that carries anything on. At first that of the "
            "present period, then kept."
        ),
    ] = None
    forecast: Annotated[
        bool,
        Field(
            description="Whether it also raises an alert when the limit will be passed; for gte "
            "and gt on spending, in weeks or longer periods."
        ),
    ] = False
    enabled: Annotated[bool, Field(description="Whether it raises alerts.")] = True

    @field_validator("amount", "operator", "measure", "levels")
    @classmethod
    def null_goes_with_conditions(cls, value: Any, info: ValidationInfo) -> Any:
        """Said here already, so that it is said with all else that is missing."""
        if value is None and not info.data.get("conditions", True):
            said = "This field is required" if info.field_name == "amount" else "Must not be null"
            raise ValueError(f"{said}, unless there are conditions.")
        return value


class PreviewBody(ThresholdBody):
    """A threshold as it might be, and the days to try it on."""

    model_config = example(
        {
            "amount": "200.00",
            "type": "monthly",
            "category": "Restaurants",
            "date_from": "2018-01-01",
            "date_to": "2018-12-31",
        }
    )

    name: Annotated[Name, Field(description="Of no account here.")] = "Preview"
    date_from: Annotated[Day, Field(description="The first day of which flips are told.")]
    date_to: Annotated[Day, Field(description="The last day, today at most.")]

    _in_order = field_validator("date_to")(dates_in_order)

    def to_store(self) -> dict[str, Any]:
        fields = super().to_store()
        return {name: fields[name] for name in fields.keys() - {"date_from", "date_to"}}


class ThresholdQuery(ListQuery):
    """q: words in the name. type: of the period, any number of times. category: by name, any number
    of times; its own, or that of one of its conditions. enabled: true or false. level_reached: a
    percent; those that have now reached a level of it or more.
    """

    type: PeriodTypesInQuery = ()
    category: CategoriesInQuery = ()
    enabled: FlagInQuery | None = None
    level_reached: Annotated[WholeInQuery, between(1, MAX_PERCENT)] | None = None
