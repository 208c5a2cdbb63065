"""This service's own CSV of transactions: it comes back row for row, with its ids and types.

Apostrophes that keep a spreadsheet from running a cell are taken away again.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path

from budget.imports.csv_table import Cells, Layout, open_text, read_table
from budget.imports.reading import Hints, Reading
from budget.imports.rows import BadLine, Item, ParsedRow
from budget.imports.values import (
    parse_amount,
    parse_category,
    parse_date,
    shown,
)
from budget.models.deleted_id import EXTERNAL_ID_LENGTH
from budget.models.transaction import DESCRIPTION_LENGTH
from lib.text import SLUG_LENGTH

TITLE = "own export"
PREFIX = "own"
COLUMNS = ("id", "date", "category", "description", "amount", "type", "external_id")
LAYOUT = Layout(COLUMNS)
# What the export writes an apostrophe before (api/views/csv_file.py).
KEPT_FROM_RUNNING = re.compile(
    r"(^|[;\t\r\n])'(?=[ \u00a0\u3000]*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20])"
)
SLUG = re.compile(r"[a-z][a-z0-9_-]*")


def recognises(start: bytes) -> bool:
    return start.removeprefix(BOM_UTF8).startswith(",".join(COLUMNS).encode())


def read(path: Path, hints: Hints) -> Reading:
    """Raises OSError, and BadFile for another header."""
    return Reading(TITLE, PREFIX, rows(path))


def rows(path: Path) -> Iterator[Item]:
    with open_text(path) as text:
        for record in read_table(text, LAYOUT):
            yield record if isinstance(record, BadLine) else row_of(*record)


def row_of(line: int, cells: Cells) -> ParsedRow | BadLine:
    """One line; everything that is wrong with it is named at once."""
    told = {name: KEPT_FROM_RUNNING.sub(r"\1", cell) for name, cell in cells.items()}
    problems: list[str] = []
    day = amount = category = None
    try:
        day = parse_date(told["date"], ("%Y-%m-%d",))
    except ValueError as error:
        problems.append(str(error))
    try:
        amount = parse_amount(told["amount"])
    except ValueError as error:
        problems.append(str(error))
    try:
        category = parse_category(told["category"])
    except ValueError as error:
        problems.append(str(error))
    if not told["id"].isdecimal():
        problems.append(f"id {shown(told['id'])} is no number")
    if not SLUG.fullmatch(told["type"]) or len(told["type"]) > SLUG_LENGTH:
        problems.append(f"type {shown(told['type'])} is not a type")
    if len(told["external_id"]) > EXTERNAL_ID_LENGTH:
        problems.append(f"an external_id of more than {EXTERNAL_ID_LENGTH} characters")
    if problems or day is None or amount is None or category is None:
        return BadLine(line, "; ".join(problems))
    description = told["description"]
    return ParsedRow(
        line=line,
        date=day,
        description=description[:DESCRIPTION_LENGTH],
        amount=amount,
        type=told["type"],
        category=category,
        identity=f"{told['id']}\n{day}\n{amount}",
        external_id=told["external_id"] or None,
        cut=len(description) > DESCRIPTION_LENGTH,
        stored_as=int(told["id"]),
    )
