"""Mint exports and budget files, written for one test."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from unittest.mock import DEFAULT, Mock, patch

from budget.engine.bulk import store_rows
from budget.imports import store
from budget.models import Alert, Transaction

SHORT = ("Date", "Description", "Amount", "Transaction Type", "Category", "Account Name")
FULL = (
    "Date",
    "Description",
    "Original Description",
    "Amount",
    "Transaction Type",
    "Category",
    "Account Name",
    "Labels",
    "Notes",
)

Line = Sequence[str]


def line(
    day: str = "03/05/2018",
    description: str = "Corner shop",
    amount: str = "10.00",
    side: str = "debit",
    category: str = "Groceries",
    account: str = "Checking",
) -> Line:
    """A line with the columns of SHORT."""
    return (day, description, amount, side, category, account)


def write_csv(path: Path, lines: Iterable[Line], header: Line = SHORT) -> Path:
    with path.open("w", encoding="utf-8", newline="") as text:
        csv.writer(text).writerows([header, *lines])
    return path


def write_budget(path: Path, **limits: str) -> Path:
    return write_csv(path, limits.items(), ("Category", "Budget"))


AlertState = tuple[str, str, int, str, str | None, str, str, bool]


def alert_states(username: str) -> set[AlertState]:
    """Everything about a user's alerts that does not depend on ids or on the time of day."""
    alerts = Alert.objects.filter(user__username=username).select_related("threshold")
    tips = dict(
        Transaction.objects.filter(user__username=username).values_list("pk", "external_id")
    )
    return {
        (
            str(alert.threshold),
            str(alert.period_start),
            alert.level or 0,
            alert.status,
            tips.get(alert.transaction_id or 0),
            str(alert.then_total),
            str(alert.then_limit),
            alert.late,
        )
        for alert in alerts
    }


RowState = tuple[str, str, str, str, str, str | None]


def row_states(username: str) -> list[RowState]:
    """A user's transactions, in the order of their ids."""
    rows = Transaction.objects.filter(user__username=username).order_by("id")
    return [
        (
            str(row.date),
            row.description,
            str(row.amount),
            row.type.slug,
            row.category.name,
            row.external_id,
        )
        for row in rows.select_related("type", "category")
    ]


def interrupted() -> AbstractContextManager[Mock]:
    """Let an import be interrupted at its third chunk."""
    ends = [DEFAULT, DEFAULT, KeyboardInterrupt]
    return patch.object(store, "store_rows", wraps=store_rows, side_effect=ends)
