"""What several views do with rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from django.db.models import Model, QuerySet

from api.http import Answer, ApiRequest
from api.http.ledgered import check_match
from api.schemas.base import nothing_here, pick
from budget.models import Category, LedgerModel, Profile, Transaction, TransactionType
from budget.models.search import words_like
from lib.columns import columns_of, instance_of, made_as
from lib.select import Select
from lib.shapes import MAX_ID
from lib.text import SLUG

R = TypeVar("R", bound=LedgerModel)
Rows = TypeVar("Rows", bound=QuerySet[Any])
Row = TypeVar("Row", bound=NamedTuple)


def narrow(rows: Rows, **conditions: object) -> Rows:
    """The rows that meet every condition that is not None."""
    return rows.filter(**{name: value for name, value in conditions.items() if value is not None})


def searched(rows: Select[Row], words: str) -> Select[Row]:
    """The rows of a SELECT whose name has every word of a search."""
    condition, patterns = words_like(words, "r.search")
    return rows.where(condition, *patterns)


def chosen(request: ApiRequest, rows: QuerySet[Any], key: int | str) -> Any:
    """The row to write, if the client has seen its current state (If-Match).

    Raises Http404, and ApiError 412.
    """
    row = pick(rows, key)
    check_match(request, row)
    return row


def read_row(
    request: ApiRequest,
    rows: Select[Row],
    model: type[Model],
    describe: Callable[[Row], Mapping[str, Any]],
    key: int | str | None = None,
) -> Answer:
    """One row of the user's, as the API shows it; rows: of the model's table.

    key: its id or its slug; None for the only one. Raises Http404.
    """
    rows = rows.where("r.user_id = %s", request.user.pk)
    if isinstance(key, int):
        rows = rows.where("r.id = %s", key) if key <= MAX_ID else nothing_here()
    elif key is not None:
        rows = rows.where("r.slug = %s", key) if SLUG.fullmatch(key) else nothing_here()
    database = request.reading.database
    found = request.reading.rows(rows.beside(columns_of(model)).text, rows.params)
    if not found:
        nothing_here()
    shown = len(rows.row._fields)
    row = made_as(rows.row, database)(found[0][:shown])
    return Answer({**describe(row)}, row=instance_of(model, found[0][shown:], database))


def row_answer(row: Category | Profile | Transaction | TransactionType) -> Answer:
    """A row as the API shows it."""
    return Answer({**row.to_dict()}, row=row)


def store(row: R, values: dict[str, Any]) -> R:
    """Set columns of a row and save it; its alerts follow.

    A slug of None stays as it is, or is made from the name: it is part of the row's path.
    """
    for name, value in values.items():
        if name != "slug" or value is not None:
            setattr(row, name, value)
    row.save()
    return row


def delete(row: LedgerModel) -> Answer:
    """Delete a row; the answer has its id and the alerts that resolved."""
    body: dict[str, Any] = {"id": row.pk}
    row.delete()
    return Answer(body)
