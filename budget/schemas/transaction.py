from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from budget.models.transaction import DESCRIPTION_LENGTH, EXTERNAL_ID_LENGTH, TRANSACTION
from budget.schemas.base import Body, Query, example
from budget.schemas.fields import (
    Amount,
    AmountOrZero,
    Day,
    FlagInQuery,
    NameOrNone,
    OwnType,
    dates_in_order,
    one_of,
    text,
)
from budget.schemas.filters import CategoriesInQuery, SubtreeInQuery, TypesInQuery
from budget.schemas.page import ListQuery, SearchQuery

MAX_ITEMS = 1000


ExternalId = Annotated[str, text(EXTERNAL_ID_LENGTH)]


class TransactionBody(Body):
    """One movement of money on one calendar date."""

    model_config = example(
        {name: shown for name, shown in TRANSACTION.items() if name not in ("id", "user")}
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
        Field(description="The sender's own name for the row, unique a user; empty is null."),
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
    subtree: with all categories that lie under those, as the tree is now. type: by slug, any number
    of times. date_from, date_to: inclusive. amount_min, amount_max: in the user's currency,
    inclusive. external_id: the whole of it. ordering: by date, amount or id, a minus for the other
    way round; rows of the same by their ids.
    """

    category: CategoriesInQuery = ()
    subtree: SubtreeInQuery = False
    type: TypesInQuery = ()
    date_from: Day | None = None
    date_to: Day | None = None
    amount_min: AmountOrZero | None = None
    amount_max: AmountOrZero | None = None
    external_id: ExternalId | None = None
    ordering: Annotated[str, one_of(ORDERINGS)] = "-date"

    _in_order = field_validator("date_to")(dates_in_order)

    @field_validator("amount_max")
    @classmethod
    def amounts_in_order(cls, most: Decimal, info: ValidationInfo) -> Decimal:
        if most < (info.data.get("amount_min") or 0):
            raise ValueError("Must not be less than amount_min.")
        return most


class TrialQuery(Query):
    """dry_run: true only tells which alerts would open and resolve; nothing is stored."""

    dry_run: FlagInQuery = False


class TransactionQuery(ListQuery, TransactionFilters):
    """The filters, in pages."""
