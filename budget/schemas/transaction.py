from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, PlainValidator, ValidationInfo, model_validator

from budget.models import Category, TransactionType
from budget.models.transaction import DESCRIPTION_LENGTH, EXTERNAL_ID_LENGTH
from budget.schemas.base import Body
from budget.schemas.fields import (
    Amount,
    Day,
    NameOrNone,
    OwnType,
    asker,
    nothing_here,
    text,
)
from budget.schemas.page import ListQuery


class TransactionBody(Body):
    """date: a calendar date. category: by name, made where it is new; null or blank is
    "Uncategorised". amount: more than 0; the type says which way it went. type: by slug.
    """

    date: Day
    category: NameOrNone = None
    description: Annotated[str, text(DESCRIPTION_LENGTH)] = ""
    amount: Amount
    type: OwnType = Field(default="expense", validate_default=True)
    external_id: Annotated[str, text(EXTERNAL_ID_LENGTH)] | None = None


def category_named(value: str, info: ValidationInfo) -> Category:
    return Category.objects.filter(user=asker(info)).named(value) or nothing_here()


def type_with_slug(value: str, info: ValidationInfo) -> TransactionType:
    mine = TransactionType.objects.filter(user=asker(info))
    return mine.filter(slug=value).first() or nothing_here()


CategoryInQuery = Annotated[Category, PlainValidator(category_named)]
TypeInQuery = Annotated[TransactionType, PlainValidator(type_with_slug)]


class TransactionQuery(ListQuery):
    """category: by name. type: by slug. date_from, date_to: both inclusive."""

    category: CategoryInQuery | None = None
    type: TypeInQuery | None = None
    date_from: Day | None = None
    date_to: Day | None = None
    external_id: str | None = None

    @model_validator(mode="after")
    def dates_in_order(self) -> Self:
        if self.date_from and self.date_to and self.date_from > self.date_to:
            raise ValueError("date_from lies after date_to.")
        return self
