"""/api/transaction"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from api.http import Answer, ApiRequest, Stream, endpoint
from api.http.shapes import DeletedDict, ItemsDict, PageDict
from api.paging import Order, each, page, walk
from api.schemas import (
    TransactionBatch,
    TransactionBody,
    TransactionFilters,
    TransactionQuery,
    partial,
)
from api.views.csv_file import EXPORT_PAGE, csv_of
from api.views.rows import chosen, delete, read_row, row_answer, store
from budget.engine import record_transactions, subtrees_of
from budget.models import Category, Transaction
from budget.models.category import UNCATEGORISED
from budget.models.money import to_minor
from budget.models.search import words_like
from budget.models.transaction import (
    TRANSACTIONS,
    TransactionDict,
    TransactionQuerySet,
    TransactionRow,
    describe_transaction,
)
from lib.select import Select

ORDERS = {
    "date": Order(("date", "id")),
    "amount": Order(("amount", "id")),
    "id": Order(("id",)),
}
ORDERS |= {f"-{name}": replace(order, descending=True) for name, order in ORDERS.items()}


def mine(request: ApiRequest) -> TransactionQuerySet:
    rows = Transaction.objects.filter(user=request.user)
    return rows.select_related("category", "type")


def category_of(request: ApiRequest, name: str | None) -> Category:
    """The user's category of that name, created if it is new; without a name "Uncategorised"."""
    return Category.objects.find_or_create(request.ledger, name or UNCATEGORISED)


def columns(request: ApiRequest, body: TransactionBody) -> dict[str, Any]:
    """The columns that a body sets."""
    values = body.to_store()
    if "category" in values:
        values["category"] = category_of(request, values["category"])
    return values


def record(request: ApiRequest, items: Sequence[TransactionBody]) -> list[Transaction]:
    """Store many transactions with one evaluation."""
    names = dict.fromkeys(item.category for item in items)
    categories = {name: category_of(request, name) for name in names}
    rows = [
        Transaction(user=request.user, **{**item.to_store(), "category": categories[item.category]})
        for item in items
    ]
    return record_transactions(request.user.pk, rows)


def categories_of(request: ApiRequest, query: TransactionFilters) -> list[int]:
    """The ids of the named categories; with `subtree` also of all below them."""
    named = [category.pk for category in query.categories]
    return subtrees_of(request.ledger, named) if query.subtree else named


def filtered(request: ApiRequest, query: TransactionFilters) -> Select[TransactionRow]:
    """The user's transactions that meet the filters."""
    rows = TRANSACTIONS.where("r.user_id = %s", request.user.pk)
    if categories := categories_of(request, query):
        rows = rows.among("r.category_id", categories)
    if query.type:
        rows = rows.among("r.type_id", [found.pk for found in query.type])
    if query.date_from is not None:
        rows = rows.where("r.date >= %s", query.date_from)
    if query.date_to is not None:
        rows = rows.where("r.date <= %s", query.date_to)
    if query.amount_min is not None:
        rows = rows.where("r.amount >= %s", to_minor(query.amount_min))
    if query.amount_max is not None:
        rows = rows.where("r.amount <= %s", to_minor(query.amount_max))
    if query.external_id is not None:
        rows = rows.where("r.external_id = %s", query.external_id)
    if query.q:
        condition, words = words_like(query.q, "r.search", "c.search")
        rows = rows.where(condition, *words)
    return rows


@endpoint(query=TransactionQuery, answer=PageDict[TransactionDict], replica=True)
def list_transactions(request: ApiRequest, query: TransactionQuery) -> Answer:
    """The user's transactions, newest date first unless another order is asked for."""
    rows, order = filtered(request, query), ORDERS[query.ordering]
    return page(request, query, rows, order, each(describe_transaction))


@endpoint(query=TransactionFilters, media_type="text/csv", replica=True)
def export_transactions(request: ApiRequest, query: TransactionFilters) -> Stream:
    """All transactions that meet the filters, as CSV that a spreadsheet can open safely."""
    rows, order = filtered(request, query), ORDERS[query.ordering]
    pages = walk(request.reading.database, rows, order, EXPORT_PAGE)
    return Stream(
        chunks=csv_of(pages),
        content_type="text/csv; charset=utf-8; header=present",
        filename="transactions.csv",
    )


@endpoint(
    body=TransactionBody,
    batch_body=TransactionBatch,
    answer=TransactionDict | ItemsDict[TransactionDict],
    status=201,
    dry_run=True,
)
def create_transaction(request: ApiRequest, body: TransactionBody | TransactionBatch) -> Answer:
    """Store a transaction, or with `items` up to 1,000 at once: all of them or none."""
    if isinstance(body, TransactionBatch):
        return Answer({"items": [row.to_dict() for row in record(request, body.items)]})
    row = Transaction(user=request.user, **columns(request, body))
    row.save()
    return Answer({**row.to_dict()}, row=row)


@endpoint(answer=TransactionDict)
def get_transaction(request: ApiRequest, key: int) -> Answer:
    """One transaction."""
    return read_row(request, TRANSACTIONS, Transaction, describe_transaction, key)


@endpoint(body=TransactionBody, answer=TransactionDict, dry_run=True)
def replace_transaction(request: ApiRequest, body: TransactionBody, key: int) -> Answer:
    """Set every field of a transaction; a missing one gets its default."""
    return row_answer(store(chosen(request, mine(request), key), columns(request, body)))


@endpoint(body=partial(TransactionBody, {"amount": "99.90"}), answer=TransactionDict, dry_run=True)
def change_transaction(request: ApiRequest, body: TransactionBody, key: int) -> Answer:
    """Set the fields of a transaction that are sent."""
    return row_answer(store(chosen(request, mine(request), key), columns(request, body)))


@endpoint(answer=DeletedDict, dry_run=True)
def delete_transaction(request: ApiRequest, key: int) -> Answer:
    """Delete a transaction; its totals and alerts follow."""
    return delete(chosen(request, mine(request), key))
