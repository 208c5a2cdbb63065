from __future__ import annotations

from typing import Annotated

from pydantic import PlainValidator, ValidationInfo

from budget.models import Category, Effect
from budget.schemas.base import Body
from budget.schemas.fields import (
    Name,
    Slug,
    asker,
    nothing_here,
    one_of,
    pick,
    to_name,
    to_whole,
)


class CategoryBody(Body):
    """slug: made from the name where there is none, then kept."""

    name: Name
    slug: Slug | None = None


class TransactionTypeBody(Body):
    """effect: what an amount of this type does. slug: as a category's."""

    name: Name
    slug: Slug | None = None
    effect: Annotated[str, one_of(Effect.values)]


def own_category(value: object, info: ValidationInfo) -> Category:
    """A category that the body names by its id or its name."""
    mine = Category.objects.filter(user=asker(info))
    if isinstance(value, str):
        return mine.named(to_name(value)) or nothing_here()
    found: Category = pick(mine, to_whole(value))
    return found


OwnCategory = Annotated[Category, PlainValidator(own_category)]


class MergeBody(Body):
    """into: the category that takes everything over, by id or name."""

    into: OwnCategory
