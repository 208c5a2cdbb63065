"""Transactions as CSV (RFC 4180, UTF-8), made page by page while it is sent."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from budget.models.money import minor_text
from budget.models.transaction import TransactionRow

# Rows read at once, so that the memory of a download does not depend on its length.
EXPORT_PAGE = 1000
HEADER = ("id", "date", "category", "description", "amount", "type", "external_id")
# Without it Excel reads UTF-8 as the code page of the machine.
MARK = "\ufeff"
# What a spreadsheet reads as a formula at the start of a cell, full-width forms included; a cell
# also starts after a semicolon, a tab or a line break, depending on the reader's settings.
FORMULA = re.compile(r"(^|[;\t\r\n])(?=[ \u00a0\u3000]*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20])")


def csv_of(pages: Iterable[Sequence[TransactionRow]]) -> Iterator[bytes]:
    """The file in pieces: a header, then one line a transaction; amounts stay numbers."""
    yield (MARK + lines([HEADER])).encode()
    for page in pages:
        yield lines(cells(row) for row in page).encode()


def cells(row: TransactionRow) -> tuple[Any, ...]:
    return (
        row.id,
        row.date.isoformat(),
        harmless(row.category),
        harmless(row.description),
        minor_text(row.amount),
        harmless(row.type),
        harmless(row.external_id or ""),
    )


def harmless(text: str) -> str:
    """Text that no spreadsheet runs: an apostrophe before whatever would start a formula."""
    return FORMULA.sub(r"\1'", text)


def lines(rows: Iterable[Sequence[Any]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()
