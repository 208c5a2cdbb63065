"""/api/category"""

from __future__ import annotations

from api.http import Answer, ApiRequest, endpoint
from api.http.shapes import DeletedDict, PageDict
from api.paging import Order, each, page
from api.schemas import CategoryBody, CategoryQuery, MergeBody, partial
from api.views.rows import chosen, delete, read_row, row_answer, searched, store
from budget.engine import merge_categories
from budget.models import Category
from budget.models.category import (
    CATEGORIES,
    CategoryDict,
    CategoryQuerySet,
    describe_category,
)

BY_NAME = Order(("key", "id"))


def mine(request: ApiRequest) -> CategoryQuerySet:
    return Category.objects.filter(user=request.user).select_related("parent")


@endpoint(query=CategoryQuery, answer=PageDict[CategoryDict])
def list_categories(request: ApiRequest, query: CategoryQuery) -> Answer:
    """The user's categories by name."""
    rows = CATEGORIES.where("r.user_id = %s", request.user.pk)
    if parents := {found.pk for found in (*query.parent, *query.parent_id)}:
        rows = rows.among("r.parent_id", sorted(parents))
    return page(request, query, searched(rows, query.q), BY_NAME, each(describe_category))


@endpoint(body=CategoryBody, answer=CategoryDict, status=201)
def create_category(request: ApiRequest, body: CategoryBody) -> Answer:
    """Store a category."""
    return row_answer(store(Category(user=request.user), body.to_store()))


@endpoint(answer=CategoryDict)
def get_category(request: ApiRequest, key: int | str) -> Answer:
    """One category."""
    return read_row(request, CATEGORIES, Category, describe_category, key)


@endpoint(body=CategoryBody, answer=CategoryDict)
def replace_category(request: ApiRequest, body: CategoryBody, key: int | str) -> Answer:
    """Set every field of a category; without a slug it keeps its own."""
    return row_answer(store(chosen(request, mine(request), key), body.to_store()))


@endpoint(body=partial(CategoryBody, {"name": "Bread"}), answer=CategoryDict)
def change_category(request: ApiRequest, body: CategoryBody, key: int | str) -> Answer:
    """Set the fields of a category that are sent."""
    return row_answer(store(chosen(request, mine(request), key), body.to_store()))


@endpoint(answer=DeletedDict)
def delete_category(request: ApiRequest, key: int | str) -> Answer:
    """Delete a category that nothing uses."""
    return delete(chosen(request, mine(request), key))


@endpoint(body=MergeBody, answer=CategoryDict)
def merge_category(request: ApiRequest, body: MergeBody, key: int | str) -> Answer:
    """Merge this category into another, which is the answer.

    Everything in it moves there, and so do the categories below it.
    """
    merge_categories(chosen(request, mine(request), key), body.into)
    return row_answer(body.into)
