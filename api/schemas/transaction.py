from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from api.schemas.base import (
    Amount,
    AmountOrZero,
    Body,
    Day,
    FlagInQuery,
    NameOrNone,
    OwnType,
    Query,
    dates_in_order,
    example,
    one_of,
    some,
    text,
)
from api.schemas.filters import ByCategory, SubtreeInQuery, TypesInQuery
from api.schemas.page import ListQuery, SearchQuery, Words, words_in
from budget.models.deleted_id import EXTERNAL_ID_LENGTH
from budget.models.transaction import DESCRIPTION_LENGTH, TRANSACTION

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
        Field(description="A category's name; a new one is created. null or blank: Uncategorised."),
    ] = None
    description: Annotated[str, text(DESCRIPTION_LENGTH), Field(description="Any text.")] = ""
    amount: Annotated[
        Amount,
        Field(
            description="More than 0, in the user's currency, with at most two decimals; the type "
            "gives the sign. The digits of a number are taken exactly, never as a float."
        ),
    ]
    type: OwnType = Field(default="expense", validate_default=True)
    external_id: Annotated[
        ExternalId | None,
        Field(
            description="The client's own id of the row, unique for the user, also among deleted "
            "rows. Empty: null."
        ),
    ] = None


class TransactionBatch(Body):
    """Up to 1,000 transactions: either all are stored or none."""

    model_config = example({"items": [{"date": "2018-03-05", "amount": "12.00"}]})

    items: Annotated[
        list[TransactionBody],
        some(1, MAX_ITEMS, "items"),
        Field(
            description=f"1 to {MAX_ITEMS} transactions.",
            json_schema_extra={"minItems": 1, "maxItems": MAX_ITEMS},
        ),
    ]


ORDERINGS = ("-date", "date", "-amount", "amount", "-id", "id")


class TransactionFilters(ByCategory, SearchQuery):
    """Which transactions, and in which order."""

    q: Annotated[Words, words_in("the description or the category's name")] = ""
    subtree: Annotated[
        SubtreeInQuery, Field(description="Also the categories below those, as the tree is now.")
    ] = False
    type: Annotated[
        TypesInQuery, Field(description="The slug of the transaction type; can be repeated.")
    ] = ()
    date_from: Annotated[Day | None, Field(description="The first date.")] = None
    date_to: Annotated[Day | None, Field(description="The last date.")] = None
    amount_min: Annotated[AmountOrZero | None, Field(description="The lowest amount.")] = None
    amount_max: Annotated[AmountOrZero | None, Field(description="The highest amount.")] = None
    external_id: Annotated[ExternalId | None, Field(description="The whole external_id.")] = None
    ordering: Annotated[
        str,
        one_of(ORDERINGS),
        Field(description="By date, amount or id, descending with a minus; then by id."),
    ] = "-date"

    _in_order = field_validator("date_to")(dates_in_order)

    @field_validator("amount_max")
    @classmethod
    def amounts_in_order(cls, most: Decimal, info: ValidationInfo) -> Decimal:
        if most < (info.data.get("amount_min") or 0):
            raise ValueError("Must not be less than amount_min.")
        return most


class DryRunQuery(Query):
    dry_run: Annotated[
        FlagInQuery,
        Field(description="true: store nothing, and answer which alerts would open and resolve."),
    ] = False


class TransactionQuery(ListQuery, TransactionFilters):
    """The same, page by page."""
