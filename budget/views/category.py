"""/api/category"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from budget.engine import merge_categories
from budget.http import Answer, ApiRequest, created, takes
from budget.models import Category
from budget.models.category import CategoryQuerySet
from budget.models.search import matching
from budget.paging import Order, page
from budget.schemas import CategoryBody, ListQuery, MergeBody, partial
from budget.schemas.fields import pick
from budget.views.rows import chosen, delete, shown, store

BY_NAME = Order(("key", "id"))


def mine(request: ApiRequest) -> CategoryQuerySet:
    return Category.objects.filter(user=request.user)


def describe(rows: Sequence[Category]) -> list[dict[str, Any]]:
    return [row.to_dict() for row in rows]


@takes(query=ListQuery)
def list_categories(request: ApiRequest, query: ListQuery) -> Answer:
    """The user's categories by name."""
    return page(request, query, matching(mine(request), query.q, "search"), BY_NAME, describe)


@takes(body=CategoryBody)
def create_category(request: ApiRequest, body: CategoryBody) -> Answer:
    row = store(Category(user=request.user), body.to_store())
    return created(request, row.to_dict(), row)


def get_category(request: ApiRequest, key: int | str) -> Answer:
    return shown(pick(mine(request), key))


@takes(body=CategoryBody)
def replace_category(request: ApiRequest, body: CategoryBody, key: int | str) -> Answer:
    return shown(store(chosen(request, mine(request), key), body.to_store()))


@takes(body=partial(CategoryBody))
def change_category(request: ApiRequest, body: CategoryBody, key: int | str) -> Answer:
    return shown(store(chosen(request, mine(request), key), body.to_store()))


def delete_category(request: ApiRequest, key: int | str) -> Answer:
    """Delete a category that nothing uses."""
    return delete(chosen(request, mine(request), key))


@takes(body=MergeBody)
def merge_category(request: ApiRequest, body: MergeBody, key: int | str) -> Answer:
    """Move everything of this category into another; the answer is that other one."""
    merge_categories(chosen(request, mine(request), key), body.into)
    return shown(body.into)
