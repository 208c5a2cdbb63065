"""What lists are filtered by: rows that a query string names, any number of times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, PlainValidator, ValidationInfo, WithJsonSchema

from budget.models import Category, PeriodType, TransactionType
from budget.models.text import fold
from budget.schemas.fields import NO_NUL, FlagInQuery, asker, nothing_here

MAX_REPEATS = 50
TEXT = {"type": "string", "pattern": NO_NUL}


def at_most(values: Sequence[str]) -> Sequence[str]:
    """Refuse more of one parameter than anybody types."""
    if len(values) > MAX_REPEATS:
        raise ValueError(f"Must be given at most {MAX_REPEATS} times.")
    return values


def categories_named(values: Sequence[str], info: ValidationInfo) -> tuple[Category, ...]:
    """The categories of some names, in one query. Raises Http404 where one is missing."""
    keys = {fold(value) for value in at_most(values)}
    found = Category.objects.filter(user=asker(info), key__in=keys)
    return tuple(found) if len(found) == len(keys) else nothing_here()


def beside_category(subtree: bool, info: ValidationInfo) -> bool:
    """Refuse to look under categories where none is named; a wrong one is refused as it is."""
    if subtree and info.data.get("category") == ():
        raise ValueError("Goes with category: it looks under those that are named.")
    return subtree


def types_with_slugs(values: Sequence[str], info: ValidationInfo) -> tuple[TransactionType, ...]:
    """The transaction types of some slugs, in one query. Raises Http404 where one is missing."""
    slugs = set(at_most(values))
    found = TransactionType.objects.filter(user=asker(info), slug__in=slugs)
    return tuple(found) if len(found) == len(slugs) else nothing_here()


def period_types(values: Sequence[str]) -> tuple[str, ...]:
    if not set(at_most(values)) <= set(PeriodType.values):
        raise ValueError(f"Must be one of {', '.join(PeriodType.values)}.")
    return tuple(values)


def any_number_of(schema: dict[str, Any]) -> WithJsonSchema:
    """What the description of the API says of a parameter that may be repeated."""
    return WithJsonSchema({"type": "array", "items": schema, "maxItems": MAX_REPEATS})


CategoriesInQuery = Annotated[
    tuple[Category, ...], PlainValidator(categories_named), any_number_of(TEXT)
]
# For a field that stands after `category`, so that this is known by then.
SubtreeInQuery = Annotated[FlagInQuery, AfterValidator(beside_category)]
TypesInQuery = Annotated[
    tuple[TransactionType, ...], PlainValidator(types_with_slugs), any_number_of(TEXT)
]
PeriodTypesInQuery = Annotated[
    tuple[str, ...],
    PlainValidator(period_types),
    any_number_of({"type": "string", "enum": PeriodType.values}),
]
