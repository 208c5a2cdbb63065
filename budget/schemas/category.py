from __future__ import annotations

from typing import Annotated

from pydantic import Field, PlainValidator, ValidationInfo

from budget.models import Category, Effect
from budget.schemas.base import Body, example
from budget.schemas.fields import (
    ID_OR_NAME_SCHEMA,
    Name,
    Rule,
    Slug,
    asker,
    nothing_here,
    one_of,
    pick,
    to_name,
    to_whole,
)

CategoryName = Annotated[
    Name, Field(description="Names that differ only in case, spaces or Unicode form are one.")
]
SlugOrNone = Annotated[
    Slug | None, Field(description="Made from the name where there is none, then kept.")
]


class CategoryBody(Body):
    """A category's name and slug."""

    model_config = example({"name": "Groceries", "slug": "groceries"})

    name: CategoryName
    slug: SlugOrNone = None


class TransactionTypeBody(Body):
    """A transaction type's name, slug and effect."""

    model_config = example({"name": "Fee", "slug": "fee", "effect": "spending"})

    name: Annotated[Name, Field(description="The name that is shown.")]
    slug: SlugOrNone = None
    effect: Annotated[
        str,
        one_of(Effect.values),
        Field(description="What an amount of this type does; fixed once a transaction has it."),
    ]


def own_category(value: object, info: ValidationInfo) -> Category:
    """A category that the body names by its id or its name."""
    mine = Category.objects.filter(user=asker(info))
    if isinstance(value, str):
        return mine.named(to_name(value)) or nothing_here()
    found: Category = pick(mine, to_whole(value))
    return found


OwnCategory = Annotated[
    Category,
    Rule(
        PlainValidator(own_category),
        **ID_OR_NAME_SCHEMA,
        description="The category that takes everything over, by id or name.",
    ),
]


class MergeBody(Body):
    """Where everything of a category goes."""

    model_config = example({"into": "Restaurants"})

    into: OwnCategory
