"""The CSV export of Mint (mint.intuit.com).

Dates are month/day/year, amounts bear no sign: the transaction type says which way money went. The
full export has nine columns; those that a user may have taken out are optional here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from budget.imports.csv_table import (
    Cells,
    Layout,
    open_text,
    read_header,
    read_records,
    read_table,
)
from budget.imports.rows import BadLine, LeftOut, ParsedRow
from budget.imports.values import (
    parse_amount,
    parse_category,
    parse_description,
    parse_us_date,
    shown,
)
from budget.models.text import fold

NAME = "mint"
TITLE = "Mint export"
LAYOUT = Layout(
    required=(
        "Date",
        "Description",
        "Amount",
        "Transaction Type",
        "Category",
        "Account Name",
    ),
    optional=("Original Description", "Labels", "Notes"),
)
TYPES = {"debit": "expense", "credit": "income"}
# Both sides of such a movement are in the export, and neither is spending.
TRANSFERS = frozenset({"transfer", "credit card payment"})

T = TypeVar("T")


def recognises(path: Path) -> bool:
    """Whether the file looks like such an export, though its columns may not be all right."""
    with open_text(path) as text:
        return LAYOUT.recognises(read_header(read_records(text))[1])


def read(path: Path) -> Iterator[ParsedRow | BadLine | LeftOut]:
    """What each line of an export says, in the order of the file. Raises BadFile for its header."""
    with open_text(path) as text:
        for record in read_table(text, LAYOUT):
            yield record if isinstance(record, BadLine) else read_row(*record)


def read_row(line: int, cells: Cells) -> ParsedRow | BadLine | LeftOut:
    """One line; every problem that it has is named at once."""
    problems: list[str] = []

    def attempt(read_value: Callable[[str], T], column: str) -> T | None:
        try:
            return read_value(cells[column])
        except ValueError as error:
            problems.append(str(error))
            return None

    day = attempt(parse_us_date, "Date")
    amount = attempt(parse_amount, "Amount")
    side = attempt(read_side, "Transaction Type")
    category = attempt(parse_category, "Category")
    description = attempt(parse_description, "Description")
    if day is None or amount is None or side is None or category is None or description is None:
        return BadLine(line, "; ".join(problems))
    if not amount:
        return LeftOut(line, "an amount of 0.00 moves no money")
    # What the bank wrote stays when a user renames the payee in Mint.
    text = cells.get("Original Description") or description
    return ParsedRow(
        line=line,
        date=day,
        description=description,
        amount=amount,
        type="transfer" if fold(category) in TRANSFERS else TYPES[side],
        category=category,
        identity="\n".join((str(day), str(amount), side, fold(cells["Account Name"]), fold(text))),
    )


def read_side(text: str) -> str:
    """debit or credit. Raises ValueError."""
    if (side := fold(text)) not in TYPES:
        raise ValueError(f"transaction type {shown(text)} is neither debit nor credit")
    return side
