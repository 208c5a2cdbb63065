"""/api/transaction-type"""

from __future__ import annotations

from collections.abc import Sequence

from budget.http import Answer, ApiRequest, created, takes
from budget.http.shapes import DeletedDict, PageDict
from budget.models import TransactionType
from budget.models.search import matching
from budget.models.transaction_type import TransactionTypeDict, TransactionTypeQuerySet
from budget.paging import Order, page
from budget.schemas import ListQuery, TransactionTypeBody, partial
from budget.schemas.fields import pick
from budget.views.rows import chosen, delete, shown, store

BY_ID = Order(("id",))


def mine(request: ApiRequest) -> TransactionTypeQuerySet:
    return TransactionType.objects.filter(user=request.user)


def describe(rows: Sequence[TransactionType]) -> list[TransactionTypeDict]:
    return [row.to_dict() for row in rows]


@takes(query=ListQuery, answer=PageDict[TransactionTypeDict])
def list_types(request: ApiRequest, query: ListQuery) -> Answer:
    """The user's transaction types, the built-in ones first."""
    return page(request, query, matching(mine(request), query.q, "search"), BY_ID, describe)


@takes(body=TransactionTypeBody, answer=TransactionTypeDict, status=201)
def create_type(request: ApiRequest, body: TransactionTypeBody) -> Answer:
    """Store a transaction type of the user's own."""
    row = store(TransactionType(user=request.user), body.to_store())
    return created(request, {**row.to_dict()}, row)


@takes(answer=TransactionTypeDict)
def get_type(request: ApiRequest, key: int | str) -> Answer:
    """One transaction type."""
    return shown(pick(mine(request), key))


@takes(body=TransactionTypeBody, answer=TransactionTypeDict)
def replace_type(request: ApiRequest, body: TransactionTypeBody, key: int | str) -> Answer:
    """Set every field of a transaction type; without a slug it keeps its own."""
    return shown(store(chosen(request, mine(request), key), body.to_store()))


@takes(body=partial(TransactionTypeBody, {"name": "Fees"}), answer=TransactionTypeDict)
def change_type(request: ApiRequest, body: TransactionTypeBody, key: int | str) -> Answer:
    """Set the fields of a transaction type that are sent."""
    return shown(store(chosen(request, mine(request), key), body.to_store()))


@takes(answer=DeletedDict)
def delete_type(request: ApiRequest, key: int | str) -> Answer:
    """Delete a type of the user's own that no transaction has."""
    return delete(chosen(request, mine(request), key))
