"""/api/transaction-type"""

from __future__ import annotations

from api.http import Answer, ApiRequest, endpoint
from api.http.shapes import DeletedDict, PageDict
from api.paging import Order, each, page
from api.schemas import ListQuery, TransactionTypeBody, partial
from api.views.rows import chosen, delete, read_row, row_answer, searched, store
from budget.models import TransactionType
from budget.models.transaction_type import (
    TRANSACTION_TYPES,
    TransactionTypeDict,
    TransactionTypeQuerySet,
    describe_type,
)

BY_ID = Order(("id",))


def mine(request: ApiRequest) -> TransactionTypeQuerySet:
    return TransactionType.objects.filter(user=request.user)


@endpoint(query=ListQuery, answer=PageDict[TransactionTypeDict])
def list_types(request: ApiRequest, query: ListQuery) -> Answer:
    """The user's transaction types, the built-in ones first."""
    rows = TRANSACTION_TYPES.where("r.user_id = %s", request.user.pk)
    return page(request, query, searched(rows, query.q), BY_ID, each(describe_type))


@endpoint(body=TransactionTypeBody, answer=TransactionTypeDict, status=201)
def create_type(request: ApiRequest, body: TransactionTypeBody) -> Answer:
    """Store a transaction type of the user's own."""
    return row_answer(store(TransactionType(user=request.user), body.to_store()))


@endpoint(answer=TransactionTypeDict)
def get_type(request: ApiRequest, key: int | str) -> Answer:
    """One transaction type."""
    return read_row(request, TRANSACTION_TYPES, TransactionType, describe_type, key)


@endpoint(body=TransactionTypeBody, answer=TransactionTypeDict)
def replace_type(request: ApiRequest, body: TransactionTypeBody, key: int | str) -> Answer:
    """Set every field of a transaction type; without a slug it keeps its own."""
    return row_answer(store(chosen(request, mine(request), key), body.to_store()))


@endpoint(body=partial(TransactionTypeBody, {"name": "Fees"}), answer=TransactionTypeDict)
def change_type(request: ApiRequest, body: TransactionTypeBody, key: int | str) -> Answer:
    """Set the fields of a transaction type that are sent."""
    return row_answer(store(chosen(request, mine(request), key), body.to_store()))


@endpoint(answer=DeletedDict)
def delete_type(request: ApiRequest, key: int | str) -> Answer:
    """Delete a type of the user's own that no transaction has."""
    return delete(chosen(request, mine(request), key))
