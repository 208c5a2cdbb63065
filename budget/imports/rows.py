"""What a file gives, whatever its format: rows to store, lines to leave out, lines that are bad."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class ParsedRow:
    """One movement of money as a source tells it.

    line: where it starts in the file, from 1. amount: 0.01 to 999999999999.99. type: slug of a
    built-in transaction type. identity: what the source itself says of the movement (date, amount,
    account, its own text); equal in each export that has the row, so nothing that a user may
    change there belongs in it.
    """

    line: int
    date: date
    description: str
    amount: Decimal
    type: str
    category: str
    identity: str
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be read; reason: all that is wrong with it, in words."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A line that is right but no transaction; reason: why it is none."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """A limit for one category in each month. amount: 0 to 999999999999.99."""

    line: int
    category: str
    amount: Decimal


class BadFile(Exception):
    """A file with lines that cannot be read; nothing of it is stored."""

    def __init__(self, bad: list[BadLine]) -> None:
        super().__init__(f"{len(bad)} bad lines")
        self.bad = bad
