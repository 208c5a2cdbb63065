"""/api/category"""

from __future__ import annotations

from collections.abc import Sequence

from budget.engine import merge_categories
from budget.http import Answer, ApiRequest, created, takes
from budget.http.shapes import DeletedDict, PageDict
from budget.models import Category
from budget.models.category import CategoryDict, CategoryQuerySet
from budget.models.search import matching
from budget.paging import Order, page
from budget.schemas import CategoryBody, CategoryQuery, MergeBody, partial
from budget.schemas.fields import pick
from budget.views.rows import chosen, delete, narrow, shown, store

BY_NAME = Order(("key", "id"))


def mine(request: ApiRequest) -> CategoryQuerySet:
    return Category.objects.filter(user=request.user).select_related("parent")


def describe(rows: Sequence[Category]) -> list[CategoryDict]:
    return [row.to_dict() for row in rows]


@takes(query=CategoryQuery, answer=PageDict[CategoryDict])
def list_categories(request: ApiRequest, query: CategoryQuery) -> Answer:
    """The user's categories by name."""
    found = narrow(mine(request), parent__in=query.parent or None)
    return page(request, query, matching(found, query.q, "search"), BY_NAME, describe)


@takes(body=CategoryBody, answer=CategoryDict, status=201)
def create_category(request: ApiRequest, body: CategoryBody) -> Answer:
    """Store a category."""
    row = store(Category(user=request.user), body.to_store())
    return created(request, {**row.to_dict()}, row)


@takes(answer=CategoryDict)
def get_category(request: ApiRequest, key: int | str) -> Answer:
    """One category."""
    return shown(pick(mine(request), key))


@takes(body=CategoryBody, answer=CategoryDict)
def replace_category(request: ApiRequest, body: CategoryBody, key: int | str) -> Answer:
    """Set every field of a category; without a slug it keeps its own."""
    return shown(store(chosen(request, mine(request), key), body.to_store()))


@takes(body=partial(CategoryBody, {"name": "Bread"}), answer=CategoryDict)
def change_category(request: ApiRequest, body: CategoryBody, key: int | str) -> Answer:
    """Set the fields of a category that are sent."""
    return shown(store(chosen(request, mine(request), key), body.to_store()))


@takes(answer=DeletedDict)
def delete_category(request: ApiRequest, key: int | str) -> Answer:
    """Delete a category that nothing uses."""
    return delete(chosen(request, mine(request), key))


@takes(body=MergeBody, answer=CategoryDict)
def merge_category(request: ApiRequest, body: MergeBody, key: int | str) -> Answer:
    """Move everything of this category into another, which is the answer.

    What lies under this one lies under the other then.
    """
    merge_categories(chosen(request, mine(request), key), body.into)
    return shown(body.into)
