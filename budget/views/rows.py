"""What several views do with rows."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from accounts.models import Profile
from budget.http import Answer, ApiRequest
from budget.http.etags import check_match
from budget.models import Category, Condition, LedgerModel, Transaction, TransactionType
from budget.models.category import UNCATEGORISED
from budget.schemas.fields import pick

R = TypeVar("R", bound=LedgerModel)
Rows = TypeVar("Rows", bound=QuerySet[Any])


def narrow(rows: Rows, **conditions: object) -> Rows:
    """The rows that meet every condition which is not None."""
    return rows.filter(**{name: value for name, value in conditions.items() if value is not None})


def about(categories: Collection[Category], way: str = "") -> Q:
    """Thresholds on some categories, conditions included; way: from the rows to their threshold."""
    conditions = Condition.objects.filter(category__in=categories).values("threshold")
    prefix = f"{way}__" if way else ""
    return Q(**{f"{prefix}category__in": categories}) | Q(**{f"{prefix}pk__in": conditions})


def chosen(request: ApiRequest, rows: QuerySet[Any], key: int | str) -> Any:
    """The row that a write is about, if it is still the one the client saw (If-Match).

    Raises Http404, and ApiError 412.
    """
    row = pick(rows, key)
    check_match(request, row)
    return row


def shown(row: Category | Profile | Transaction | TransactionType) -> Answer:
    """A row as it is."""
    return Answer({**row.to_dict()}, row=row)


def store(row: R, values: dict[str, Any]) -> R:
    """Set columns of a row and save it; its alerts follow.

    A slug of None stays as it is, or is made from the name: it is part of the row's address.
    """
    for name, value in values.items():
        if name != "slug" or value is not None:
            setattr(row, name, value)
    row.save()
    return row


def category_of(user: User, name: str | None) -> Category:
    """The user's category of that name, made where it is new; without a name "Uncategorised"."""
    name = name or UNCATEGORISED
    found = Category.objects.filter(user=user).named(name)
    if found is None:
        found = Category(user=user, name=name)
        found.save()
    return found


def delete(row: LedgerModel) -> Answer:
    """Delete a row; the answer says which, and what became of its alerts."""
    body: dict[str, Any] = {"id": row.pk}
    row.delete()
    return Answer(body)
