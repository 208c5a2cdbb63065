"""CODA of the Belgian banks (Febelfin), by the library febelfin-coda: lines of 128 characters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from budget.imports.detect.encoding import find_encoding
from budget.imports.formats.statement import Account, Movement, balance_note, read_bytes
from budget.imports.reading import Hints, Reading
from budget.imports.rows import BadFile, BadLine, Item, Note
from budget.imports.values import exact

if TYPE_CHECKING:
    from coda import Move, Statement

TITLE = "CODA statement"
PREFIX = "coda"
WIDTH = 128
START = re.compile(rb"0[0 ]{4}[0-9]{9}[0-9 ]{2}[D ][ 0-9]{7}[^\r\n]{103}2")
# The library asserts where it finds something wrong.
FAULTS = (AssertionError, ValueError, ArithmeticError, AttributeError, IndexError, KeyError)


def recognises(start: bytes) -> bool:
    return START.match(start) is not None


def read(path: Path, hints: Hints) -> Reading:
    """Raises OSError and BadFile."""
    text = read_bytes(path).decode(find_encoding(path), errors="replace")
    lines = [line.ljust(WIDTH) for line in re.split(r"\r\n|\r|\n", text) if line.strip("\x1a ")]
    return Reading(TITLE, PREFIX, rows(lines))


def rows(lines: list[str]) -> Iterator[Item]:
    starts = [at for at, line in enumerate(lines) if line.startswith("0")]
    found = False
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        for item in statement_rows(lines[start:end], start + 1):
            found = found or not isinstance(item, Note)
            yield item
    if not found:
        yield Note("the file has no movements of money")


def statement_rows(lines: list[str], first: int) -> Iterator[Item]:
    statement = parsed(lines, first)
    places = [first + at for at, line in enumerate(lines) if is_movement(line)]
    if len(places) != len(statement.moves):
        reason = f"{len(places)} movements, and {len(statement.moves)} of them can be read"
        yield BadLine(first, reason)
        return
    account = Account(statement.account, statement.account_currency.strip())
    moved = Decimal()
    for line, move in zip(places, statement.moves, strict=True):
        try:
            movement = movement_of(move, line, account)
        except FAULTS as error:
            yield BadLine(line, f"no movement of CODA: {error}")
            continue
        moved += movement.amount
        yield movement.row()
    opening, closing = statement.old_balance, statement.new_balance
    if None not in (opening, closing) and (note := balance_note(account, opening, moved, closing)):
        yield note


def parsed(lines: list[str], first: int) -> Statement:
    """Raises BadFile where the library finds the statement wrong, or cut off."""
    from coda import CODA  # only files of CODA need it

    if not lines[-1].startswith("9"):
        raise BadFile([BadLine(first, "the last line (9) of this statement is missing")])
    try:
        (statement,) = CODA(iter(lines)).statements
    except FAULTS as error:
        what = "its sums or counts do not agree" if isinstance(error, AssertionError) else error
        raise BadFile([BadLine(first, f"no statement of CODA: {what}")]) from None
    return statement


def is_movement(line: str) -> bool:
    """Whether a line begins a movement and not the details of one."""
    return line.startswith("21") and line[53] in "0123"


def movement_of(move: Move, line: int, account: Account) -> Movement:
    """Raises ValueError for more than two decimals."""
    text = str(abs(move.amount))
    return Movement(
        line=line,
        account=account,
        date=move.entry_date,
        amount=exact(text, text) * (-1 if move.amount < 0 else 1),
        texts=[move.counterparty_name or "", re.sub(" +", " ", move.communication or "")],
        marks=[move.bank_reference, move.customer_reference or ""],
    )
