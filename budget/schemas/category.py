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
    one_of,
    pick_named,
    to_name,
    to_whole,
)
from budget.schemas.filters import CategoriesInQuery
from budget.schemas.page import ListQuery

CategoryName = Annotated[
    Name, Field(description="Names that differ only in case, spaces or Unicode form are one.")
]
SlugOrNone = Annotated[
    Slug | None, Field(description="Made from the name where there is none, then kept.")
]


def own_category(value: object, info: ValidationInfo) -> Category:
    """A category that the body names by its id or its name."""
    mine = Category.objects.filter(user=asker(info))
    if not isinstance(value, str):
        found: Category = pick_named(mine, to_whole(value), info)
        return found
    named = mine.named(to_name(value))
    if named is None:
        raise ValueError("There is no such category.")
    return named


OwnCategory = Annotated[Category, Rule(PlainValidator(own_category), **ID_OR_NAME_SCHEMA)]


class CategoryBody(Body):
    """A category's name, slug and place in the tree."""

    model_config = example({"name": "Groceries", "slug": "groceries", "parent": None})

    name: CategoryName
    slug: SlugOrNone = None
    parent: Annotated[
        OwnCategory | None,
        Field(description="The category that it is a part of, by id or name; null for none."),
    ] = None


class CategoryQuery(ListQuery):
    """q: words in the name. parent: by name, any number of times; those right under it."""

    parent: CategoriesInQuery = ()


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


class MergeBody(Body):
    """Where everything of a category goes."""

    model_config = example({"into": "Restaurants"})

    into: OwnCategory = Field(description="The category that takes everything over, by id or name.")
