from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from budget.models.transaction import DESCRIPTION_LENGTH, EXTERNAL_ID_LENGTH
from budget.schemas.base import Body, example
from budget.schemas.fields import (
    Amount,
    AmountOrZero,
    Day,
    NameOrNone,
    OwnType,
    one_of,
    text,
)
from budget.schemas.filters import CategoriesInQuery, TypesInQuery
from budget.schemas.page import ListQuery, SearchQuery

MAX_ITEMS = 1000


ExternalId = Annotated[str, text(EXTERNAL_ID_LENGTH)]


class TransactionBody(Body):
    """One movement of money on one calendar date."""

    model_config = example(
        {
            "date": "2018-03-05",
            "category": "Groceries",
            "description": "Market",
            "amount": "162.40",
            "type": "expense",
            "external_id": "bank-2018-0305-17",
        }
    )

    date: Annotated[Day, Field(description="A calendar date from 1900-01-01 to 2199-12-31.")]
    category: Annotated[
        NameOrNone,
        Field(
            description="A category's name, made where it is new; null or blank is Uncategorised."
        ),
    ] = None
    description: Annotated[
        str, text(DESCRIPTION_LENGTH), Field(description="What it was, in any words.")
    ] = ""
    amount: Annotated[
        Amount,
        Field(
            description="More than 0, in the user's currency, at most two decimals; the type "
            "gives the sign. A number is taken by its digits, never through a float."
        ),
    ]
    type: OwnType = Field(default="expense", validate_default=True)
    external_id: Annotated[
        ExternalId | None,
        Field(description="The sender's own name for the row, unique a user."),
    ] = None


def some_items(items: list[TransactionBody]) -> list[TransactionBody]:
    if not 1 <= len(items) <= MAX_ITEMS:
        raise ValueError(f"Must have 1 to {MAX_ITEMS} items.")
    return items


class TransactionBatch(Body):
    """Up to 1,000 transactions at once: all are stored or none, with one evaluation."""

    model_config = example({"items": [{"date": "2018-03-05", "amount": "12.00"}]})

    items: Annotated[
        list[TransactionBody],
        AfterValidator(some_items),
        Field(
            description=f"1 to {MAX_ITEMS} transactions.",
            json_schema_extra={"minItems": 1, "maxItems": MAX_ITEMS},
        ),
    ]


ORDERINGS = ("-date", "date", "-amount", "amount", "-id", "id")


class TransactionFilters(SearchQuery):
    """q: words in the description or the category's name. category: by name, any number of times.
    type: by slug, any number of times. date_from, date_to: inclusive. amount_min, amount_max: in
    the user's currency, inclusive. external_id: the whole of it. ordering: by date, amount or id, a
    minus for the other way round; rows of the same by their ids.
    """

    category: CategoriesInQuery = ()
    type: TypesInQuery = ()
    date_from: Day | None = None
    date_to: Day | None = None
    amount_min: AmountOrZero | None = None
    amount_max: AmountOrZero | None = None
    external_id: ExternalId | None = None
    ordering: Annotated[str, one_of(ORDERINGS)] = "-date"

    @model_validator(mode="after")
    def dates_in_order(self) -> Self:
        if self.date_from and self.date_to and self.date_from > self.date_to:
            raise ValueError("date_from lies after date_to.")
        return self

    @model_validator(mode="after")
    def amounts_in_order(self) -> Self:
        if self.amount_max is not None and (self.amount_min or 0) > self.amount_max:
            raise ValueError("amount_min is more than amount_max.")
        return self


class TransactionQuery(ListQuery, TransactionFilters):
    """The filters, in pages."""
