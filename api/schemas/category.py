from __future__ import annotations

from typing import Annotated

from pydantic import Field, PlainValidator, ValidationInfo

from api.schemas.base import (
    ID_OR_NAME_SCHEMA,
    Body,
    Name,
    Slug,
    Validator,
    example,
    one_of,
    pick_named,
    to_name,
    to_whole,
    user_of,
)
from api.schemas.filters import CategoriesInQuery, CategoryIdsInQuery
from api.schemas.page import ListQuery
from budget.models import Category, Effect

CategoryName = Annotated[
    Name, Field(description="Names that differ only in case, spaces or Unicode form are the same.")
]
SlugOrNone = Annotated[
    Slug | None, Field(description="null: unchanged; at first made from the name.")
]


def own_category(value: object, info: ValidationInfo) -> Category:
    """A category that the body names by its id or its name."""
    mine = Category.objects.filter(user=user_of(info))
    if not isinstance(value, str):
        found: Category = pick_named(mine, to_whole(value), info)
        return found
    named = mine.named(to_name(value))
    if named is None:
        raise ValueError("There is no such category.")
    return named


OwnCategory = Annotated[Category, Validator(PlainValidator(own_category), **ID_OR_NAME_SCHEMA)]


class CategoryBody(Body):
    """A category's name, slug and place in the tree."""

    model_config = example({"name": "Groceries", "slug": "groceries", "parent": None})

    name: CategoryName
    slug: SlugOrNone = None
    parent: Annotated[
        OwnCategory | None,
        Field(description="The category above it, by id or name; null: none."),
    ] = None


class CategoryQuery(ListQuery):
    parent: Annotated[
        CategoriesInQuery,
        Field(description="The name of the category directly above; can be repeated."),
    ] = ()
    parent_id: Annotated[
        CategoryIdsInQuery,
        Field(description="The id of the category directly above; can be repeated."),
    ] = ()


class TransactionTypeBody(Body):
    """A transaction type's name, slug and effect."""

    model_config = example({"name": "Fee", "slug": "fee", "effect": "spending"})

    name: Annotated[Name, Field(description="The name that is shown.")]
    slug: SlugOrNone = None
    effect: Annotated[
        str,
        one_of(Effect.values),
        Field(description="What an amount of this type does; fixed once the type is used."),
    ]


class MergeBody(Body):
    """The category to merge into."""

    model_config = example({"into": "Restaurants"})

    into: OwnCategory = Field(description="The category that stays, by id or name.")
