"""/api/transaction"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from budget.engine import record_transactions, subtrees_of
from budget.http import Answer, ApiRequest, Stream, created, takes
from budget.http.shapes import DeletedDict, ItemsDict, PageDict
from budget.models import Transaction
from budget.models.search import matching
from budget.models.transaction import TransactionDict, TransactionQuerySet
from budget.paging import Order, page, walk
from budget.schemas import (
    TransactionBatch,
    TransactionBody,
    TransactionFilters,
    TransactionQuery,
    partial,
)
from budget.schemas.fields import pick
from budget.views.csv_file import EXPORT_PAGE, csv_of
from budget.views.rows import category_of, chosen, delete, narrow, shown, store

ORDERS = {
    "date": Order(("date", "id")),
    "amount": Order(("amount", "id")),
    "id": Order(("id",)),
}
ORDERS |= {f"-{name}": replace(order, descending=True) for name, order in ORDERS.items()}


def mine(request: ApiRequest) -> TransactionQuerySet:
    rows = Transaction.objects.using(request.database).filter(user=request.user)
    return rows.select_related("category", "type")


def save(request: ApiRequest, row: Transaction, body: TransactionBody) -> Transaction:
    values = body.to_store()
    if "category" in values:
        values["category"] = category_of(request.user, values["category"])
    return store(row, values)


def record(request: ApiRequest, items: Sequence[TransactionBody]) -> list[Transaction]:
    """Store many transactions with one evaluation."""
    names = dict.fromkeys(item.category for item in items)
    categories = {name: category_of(request.user, name) for name in names}
    rows = [
        Transaction(user=request.user, **{**item.to_store(), "category": categories[item.category]})
        for item in items
    ]
    return record_transactions(request.user.pk, rows)


def describe(rows: Sequence[Transaction]) -> list[TransactionDict]:
    return [row.to_dict() for row in rows]


def categories_of(request: ApiRequest, query: TransactionFilters) -> list[int]:
    """The ids of the categories named, and with `subtree` of all that lie under them."""
    named = [category.pk for category in query.category]
    return subtrees_of(request.ledger, named) if query.subtree else named


def found(request: ApiRequest, query: TransactionFilters) -> TransactionQuerySet:
    """The user's transactions that meet the filters."""
    rows = narrow(
        mine(request),
        category__in=categories_of(request, query) or None,
        type__in=query.type or None,
        date__gte=query.date_from,
        date__lte=query.date_to,
        amount__gte=query.amount_min,
        amount__lte=query.amount_max,
        external_id=query.external_id,
    )
    return matching(rows, query.q, "search", "category__search")


@takes(query=TransactionQuery, answer=PageDict[TransactionDict], replica=True)
def list_transactions(request: ApiRequest, query: TransactionQuery) -> Answer:
    """The user's transactions, newest date first unless another order is asked for."""
    return page(request, query, found(request, query), ORDERS[query.ordering], describe)


@takes(query=TransactionFilters, media="text/csv", replica=True)
def export_transactions(request: ApiRequest, query: TransactionFilters) -> Stream:
    """All transactions that meet the filters, as CSV that a spreadsheet can open safely."""
    pages = walk(found(request, query), ORDERS[query.ordering], EXPORT_PAGE)
    return Stream(
        chunks=csv_of(pages),
        content_type="text/csv; charset=utf-8; header=present",
        filename="transactions.csv",
    )


@takes(
    body=TransactionBody,
    many=TransactionBatch,
    answer=TransactionDict | ItemsDict[TransactionDict],
    status=201,
    trial=True,
)
def create_transaction(request: ApiRequest, body: TransactionBody | TransactionBatch) -> Answer:
    """Store a transaction, or with `items` up to 1,000 at once: all of them or none."""
    if isinstance(body, TransactionBatch):
        return Answer({"items": describe(record(request, body.items))}, 201)
    row = save(request, Transaction(user=request.user), body)
    return created(request, {**row.to_dict()}, row)


@takes(answer=TransactionDict)
def get_transaction(request: ApiRequest, key: int) -> Answer:
    """One transaction."""
    return shown(pick(mine(request), key))


@takes(body=TransactionBody, answer=TransactionDict, trial=True)
def replace_transaction(request: ApiRequest, body: TransactionBody, key: int) -> Answer:
    """Set every field of a transaction; one that is left out gets its default."""
    return shown(save(request, chosen(request, mine(request), key), body))


@takes(body=partial(TransactionBody, {"amount": "99.90"}), answer=TransactionDict, trial=True)
def change_transaction(request: ApiRequest, body: TransactionBody, key: int) -> Answer:
    """Set the fields of a transaction that are sent."""
    return shown(save(request, chosen(request, mine(request), key), body))


@takes(answer=DeletedDict, trial=True)
def delete_transaction(request: ApiRequest, key: int) -> Answer:
    """Delete a transaction; the totals and alerts that it counted for follow."""
    return delete(chosen(request, mine(request), key))
