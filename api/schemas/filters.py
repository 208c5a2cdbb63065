"""What lists are filtered by: rows that a query string names, each parameter many times."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, PlainValidator, ValidationInfo, WithJsonSchema

from api.schemas.base import ID_SCHEMA, NO_NUL, FlagInQuery, Query, lookups_of, to_number
from budget.models import Category, PeriodType, TransactionType
from lib.shapes import MAX_ID
from lib.text import NAME_LENGTH, fold

N = TypeVar("N", Category, TransactionType)
MAX_REPEATS = 50
TEXT = {"type": "string", "pattern": NO_NUL}


def at_most(values: Sequence[str]) -> Sequence[str]:
    """Refuse more values of one parameter than anybody types."""
    if len(values) > MAX_REPEATS:
        raise ValueError(f"Must be given at most {MAX_REPEATS} times.")
    return values


def categories_named(values: Sequence[str], info: ValidationInfo) -> tuple[Category, ...]:
    """The categories of some names. Raises ValueError with those that are missing."""
    keys = {fold(value): value for value in at_most(values)}
    found = named(Category, info, "key", list(keys))
    refuse_missing("category", keys, {row.key for row in found})
    return found


def categories_with_ids(values: Sequence[str], info: ValidationInfo) -> tuple[Category, ...]:
    """The categories of some ids. Raises ValueError with those that are missing."""
    ids = {str(to_number(value)): value for value in at_most(values)}
    stored = [int(key) for key in ids if int(key) <= MAX_ID]
    found = named(Category, info, "id", stored)
    refuse_missing("category", ids, {str(row.pk) for row in found})
    return found


def named(
    model: type[N], info: ValidationInfo, column: str, values: Sequence[str | int]
) -> tuple[N, ...]:
    """The user's rows that have one of some values, in one query at most."""
    ledger = lookups_of(info).ledger
    if len(values) == 1:
        one = model.objects.known(ledger, column, values[0])
        return () if one is None else (one,)
    # None of another state: the answer itself may come from a replica, which is still in this one.
    mine = model.objects.filter(user_id=ledger.user_id, user__ledger__rules=ledger.rules)
    return tuple(mine.filter(**{f"{column}__in": values}))


def refuse_missing(what: str, asked: Mapping[str, str], found: Collection[str]) -> None:
    """Raise ValueError with what does not exist or belongs to another user.

    asked: the values as they were sent, by their keys. found: the keys that exist.
    """
    missing = [shortened(value) for key, value in asked.items() if key not in found]
    if missing:
        raise ValueError(f"There is no {what} {', '.join(missing)}.")


def shortened(value: str) -> str:
    return f'"{value}"' if len(value) <= NAME_LENGTH else f'"{value[:NAME_LENGTH]}..."'


def beside_category(subtree: bool, info: ValidationInfo) -> bool:
    """Refuse subtree without a category; a wrong category has its own error."""
    if subtree and info.data.get("category") == info.data.get("category_id") == ():
        raise ValueError("Only with category or category_id.")
    return subtree


def types_with_slugs(values: Sequence[str], info: ValidationInfo) -> tuple[TransactionType, ...]:
    """The transaction types of some slugs. Raises ValueError with those that are missing."""
    slugs = {value: value for value in at_most(values)}
    found = named(TransactionType, info, "slug", list(slugs))
    refuse_missing("transaction type", slugs, {row.slug for row in found})
    return found


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
CategoryIdsInQuery = Annotated[
    tuple[Category, ...], PlainValidator(categories_with_ids), any_number_of(ID_SCHEMA)
]
# For a field after both, so that they are validated by then.
SubtreeInQuery = Annotated[FlagInQuery, AfterValidator(beside_category)]
TypesInQuery = Annotated[
    tuple[TransactionType, ...], PlainValidator(types_with_slugs), any_number_of(TEXT)
]
PeriodTypesInQuery = Annotated[
    tuple[str, ...],
    PlainValidator(period_types),
    any_number_of({"type": "string", "enum": PeriodType.values}),
]


class ByCategory(Query):
    category: Annotated[
        CategoriesInQuery, Field(description="The category's name; can be repeated.")
    ] = ()
    category_id: Annotated[
        CategoryIdsInQuery, Field(description="The category's id; can be repeated.")
    ] = ()

    @property
    def categories(self) -> tuple[Category, ...]:
        """Those named by name or by id, each once."""
        return tuple({each.pk: each for each in (*self.category, *self.category_id)}.values())
