"""/api/transaction"""

from __future__ import annotations

from collections.abc import Sequence

from budget.http import Answer, ApiRequest, created, takes
from budget.models import Transaction
from budget.models.transaction import TransactionDict, TransactionQuerySet
from budget.paging import Order, page
from budget.schemas import TransactionBody, TransactionQuery, partial
from budget.schemas.fields import pick
from budget.views.rows import category_of, delete, narrow, store

NEWEST_FIRST = Order(("date", "id"), descending=True)


def mine(request: ApiRequest) -> TransactionQuerySet:
    return Transaction.objects.filter(user=request.user).select_related("category", "type")


def save(request: ApiRequest, row: Transaction, body: TransactionBody) -> Transaction:
    values = body.to_store()
    if "category" in values:
        values["category"] = category_of(request.user, values["category"])
    return store(row, values)


def describe(rows: Sequence[Transaction]) -> list[TransactionDict]:
    return [row.to_dict() for row in rows]


@takes(query=TransactionQuery)
def list_transactions(request: ApiRequest, query: TransactionQuery) -> Answer:
    """The user's transactions, newest date first."""
    rows = narrow(
        mine(request),
        category=query.category,
        type=query.type,
        date__gte=query.date_from,
        date__lte=query.date_to,
        external_id=query.external_id,
    )
    return page(request, query, rows, NEWEST_FIRST, describe)


@takes(body=TransactionBody)
def create_transaction(request: ApiRequest, body: TransactionBody) -> Answer:
    row = save(request, Transaction(user=request.user), body)
    return created(request, {**row.to_dict()})


def get_transaction(request: ApiRequest, key: int) -> Answer:
    return Answer(pick(mine(request), key).to_dict())


@takes(body=TransactionBody)
def replace_transaction(request: ApiRequest, body: TransactionBody, key: int) -> Answer:
    return Answer({**save(request, pick(mine(request), key), body).to_dict()})


@takes(body=partial(TransactionBody))
def change_transaction(request: ApiRequest, body: TransactionBody, key: int) -> Answer:
    return Answer({**save(request, pick(mine(request), key), body).to_dict()})


def delete_transaction(request: ApiRequest, key: int) -> Answer:
    return delete(pick(mine(request), key))
