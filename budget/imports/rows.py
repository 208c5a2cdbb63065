"""What a file gives, whatever its format: rows to store, lines to leave out, lines that are bad."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

# How many bad lines are kept to be shown; the rest are counted.
MOST_BAD = 100
NO_MONEY = "an amount of 0.00 moves no money"


class ParsedRow(NamedTuple):
    """One movement of money as a source tells it.

    line: where it starts in the file, from 1. amount: 0.01 to 999999999999.99. type: slug of a
    built-in transaction type. identity: what the source itself says of the movement (date, amount,
    account, its own text); equal in each export that has the row, so nothing that a user may
    change there belongs in it. cut: the description is longer there than fits here.
    currency: ISO 4217 code, "" where the source names none. stored_as: the id of the transaction
    that was exported, where this service did; then external_id is whole, without a prefix.
    """

    line: int
    date: date
    description: str
    amount: Decimal
    type: str
    category: str
    identity: str
    external_id: str | None = None
    cut: bool = False
    currency: str = ""
    stored_as: int | None = None


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be read; reason: all that is wrong with it, in words."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A valid line that is not a transaction; reason: why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    """What a person should know of a file that was read, in words."""

    text: str


# What a reader gives of a file.
Item = ParsedRow | BadLine | LeftOut | Note


@dataclass(frozen=True, slots=True)
class BudgetLine:
    """A limit for one category in each month. amount: 0 to 999999999999.99."""

    line: int
    category: str
    amount: Decimal


class BadFile(Exception):
    """A file with lines that cannot be read; nothing of it is stored.

    bad: the first of them, in the order of the file. more: how many there are besides.
    """

    def __init__(self, bad: list[BadLine], more: int = 0) -> None:
        super().__init__(f"{len(bad) + more} bad lines")
        self.bad = bad
        self.more = more
