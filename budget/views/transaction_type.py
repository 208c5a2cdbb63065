"""/api/transaction-type"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from budget.http import Answer, ApiRequest, created, takes
from budget.models import TransactionType
from budget.models.transaction_type import TransactionTypeQuerySet
from budget.paging import Order, page
from budget.schemas import ListQuery, TransactionTypeBody, partial
from budget.schemas.fields import pick
from budget.views.rows import delete, store

BY_ID = Order(("id",))


def mine(request: ApiRequest) -> TransactionTypeQuerySet:
    return TransactionType.objects.filter(user=request.user)


def describe(rows: Sequence[TransactionType]) -> list[dict[str, Any]]:
    return [row.to_dict() for row in rows]


@takes(query=ListQuery)
def list_types(request: ApiRequest, query: ListQuery) -> Answer:
    """The user's transaction types, the built-in ones first."""
    return page(request, query, mine(request), BY_ID, describe)


@takes(body=TransactionTypeBody)
def create_type(request: ApiRequest, body: TransactionTypeBody) -> Answer:
    return created(request, store(TransactionType(user=request.user), body.to_store()).to_dict())


def get_type(request: ApiRequest, key: int | str) -> Answer:
    return Answer(pick(mine(request), key).to_dict())


@takes(body=TransactionTypeBody)
def replace_type(request: ApiRequest, body: TransactionTypeBody, key: int | str) -> Answer:
    return Answer(store(pick(mine(request), key), body.to_store()).to_dict())


@takes(body=partial(TransactionTypeBody))
def change_type(request: ApiRequest, body: TransactionTypeBody, key: int | str) -> Answer:
    return Answer(store(pick(mine(request), key), body.to_store()).to_dict())


def delete_type(request: ApiRequest, key: int | str) -> Answer:
    """Delete a type of the user's own that no transaction has."""
    return delete(pick(mine(request), key))
