"""Transactions as CSV (RFC 4180, UTF-8), made page by page while it is sent."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from budget.models import Transaction

# Rows read at once: what a download takes of memory, however long it is.
EXPORT_PAGE = 1000
HEADER = ("id", "date", "category", "description", "amount", "type", "external_id")
# Without it Excel reads UTF-8 as the code page of the machine.
MARK = "\ufeff"
# What a spreadsheet takes for a formula at the start of a cell, full-width forms included; a cell
# also starts after a semicolon, a tab or a line break, by the settings of whoever opens the file.
FORMULA = re.compile(r"(^|[;\t\r\n])(?=[ \u00a0\u3000]*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20])")


def csv_of(pages: Iterable[Sequence[Transaction]]) -> Iterator[bytes]:
    """The file in pieces: a header, then one line a transaction; amounts stay numbers."""
    yield (MARK + lines([HEADER])).encode()
    for page in pages:
        yield lines(cells(row) for row in page).encode()


def cells(row: Transaction) -> tuple[Any, ...]:
    return (
        row.pk,
        row.date.isoformat(),
        harmless(row.category.name),
        harmless(row.description),
        row.amount,
        harmless(row.type.slug),
        harmless(row.external_id or ""),
    )


def harmless(text: str) -> str:
    """Text that no spreadsheet runs: an apostrophe before whatever would start a formula."""
    return FORMULA.sub(r"\1'", text)


def lines(rows: Iterable[Sequence[Any]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()
