"""What a sign means, told from the rows: by balances, by words, by how many there are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import pairwise

from budget.imports.csv_table import split_line
from budget.imports.detect.amounts import value
from budget.imports.detect.dates import is_date
from budget.imports.detect.table import Column, Table
from budget.imports.detect.words import (
    ACCOUNT_KINDS,
    CLOSING,
    OF_ACCOUNTS,
    OPENING,
    SPENT,
    USED,
    WAGES,
    plain,
)
from budget.imports.formats.statement import BILL_PAID
from budget.imports.values import AmountStyle, is_blank
from lib.text import fold

Numbers = Sequence[Decimal | None]

MONEY = re.compile(r"[-+\u2212]?[0-9][0-9.,' \u00a0\u202f\u2019]*[.,][0-9]{2}(?![0-9])-?")


def told_signs(table: Table, amount: Column, style: AmountStyle) -> str | None:
    """bank where what is spent is negative, card where it is positive; None where nothing tells."""
    numbers = [value(style, cell) for cell in amount.cells]
    if any(style.parted(cell)[0] for cell in amount.values):
        return "bank"
    if follows_balance(table, amount, numbers) or is_account(table, numbers):
        return "bank"
    if any(cell.lstrip("( ").startswith("+") for cell in amount.values):
        return "bank"
    if way := between_balances(table, numbers, style):
        return way
    spent = signs_of(table.named("side"), SPENT, numbers)
    spent = spent or signs_of(texts_of(table), USED, numbers)
    if len(spent) == 1:
        return "card" if spent == {True} else "bank"
    for role, way in (("debit", "card"), ("credit", "bank")):
        named = [c for c in table.named(role) if c.has_amounts and c is not amount]
        other = next(iter(named), None)
        if other is not None:
            signs = beside(numbers, other.numbers)
            if signs:
                return {"card": "bank", "bank": "card"}[way] if signs == {False} else way
    if plain(amount.header) in ("inflow", "money in", "paid in"):
        return "bank"
    below = sum(each is not None and each < 0 for each in numbers)
    above = sum(each is not None and each > 0 for each in numbers)
    return "bank" if below > above else None


def texts_of(table: Table) -> list[Column]:
    """The columns that may say what a row is for."""
    named = table.named("who", "text", "category", "note")
    return [*named, *(c for c in table.columns if not c.role and not c.has_amounts)]


def is_account(table: Table, numbers: Numbers) -> bool:
    """Whether what it says is that of an account and not of a card.

    It names the account of the other side, or one who pays as well as one who is paid, or what
    kind of account it is; or wages come in, all above zero.
    """
    for column in table.columns:
        if column.filled and OF_ACCOUNTS.search(plain(column.header)):
            return True
        if column.role == "account" and {plain(cell) for cell in column.values} & ACCOUNT_KINDS:
            return True
    return signs_of(texts_of(table), WAGES, numbers) == {True}


def signs_of(columns: Iterable[Column], words: re.Pattern[str], numbers: Numbers) -> set[bool]:
    """Whether amounts are above zero in the rows in which a text has some word.

    The payment of a card's bill is told by no word.
    """
    found = set()
    for column in columns:
        for cell, money in zip(column.cells, numbers, strict=True):
            if money and words.search(plain(cell)) and not BILL_PAID.search(fold(cell)):
                found.add(money > 0)
    return found


def beside(numbers: Numbers, others: Numbers) -> set[bool]:
    """The signs that amounts have in the rows in which another column is filled in."""
    found = {money > 0 for money, there in zip(numbers, others, strict=True) if money and there}
    return found if len(found) == 1 else set()


def follows_balance(table: Table, amount: Column, numbers: Numbers) -> bool:
    """Whether a running balance, named so or not, goes up by each amount."""
    others = [c for c in table.columns if not c.role and c.has_amounts and c is not amount]
    for column in (*table.named("balance"), *others):
        if column.has_amounts and runs(numbers, column.numbers):
            if not column.role:
                column.role = "balance"
            return True
    return False


def runs(moved: Numbers, balances: Numbers) -> bool:
    """Whether balances go up by what moved, from line to line or the other way.

    A balance stands before what moves on its line, or after it.
    """
    known = [
        (money, balance)
        for money, balance in zip(moved, balances, strict=True)
        if money is not None and balance is not None
    ]
    steps = list(pairwise(known))
    right = (
        sum(b2 - b1 == m2 for (_, b1), (m2, b2) in steps),
        sum(b1 - b2 == m1 for (m1, b1), (_, b2) in steps),
        sum(b2 - b1 == m1 for (m1, b1), (_, b2) in steps),
        sum(b1 - b2 == m2 for (_, b1), (m2, b2) in steps),
    )
    return max(right) >= max(1, 0.6 * len(steps))


def between_balances(table: Table, numbers: Numbers, style: AmountStyle) -> str | None:
    """What a sign means by the balances that stand before and after the rows; None by none."""
    moved = sum((money for money in numbers if money), Decimal())
    around = [
        *(split_line(line, table.dialect) for line in table.preamble),
        *(cells for _, cells in table.records if not table.is_movement(cells)),
    ]
    opening = {money for cells in around for money in amounts_in(cells, OPENING, style)}
    closing = {money for cells in around for money in amounts_in(cells, CLOSING, style)}
    if not moved or len(opening) != 1 or len(closing) != 1:
        return None
    change = closing.pop() - opening.pop()
    return {moved: "bank", -moved: "card"}.get(change)


def amounts_in(cells: Sequence[str], words: re.Pattern[str], style: AmountStyle) -> set[Decimal]:
    """The amounts on a line that has some word."""
    if not words.search(plain(" ".join(cells))):
        return set()
    texts = [cell for cell in cells if not is_blank(cell) and not is_date(cell)]
    amounts = (value(style, text) for cell in texts if (text := last(MONEY.findall(cell))))
    return {money for money in amounts if money is not None}


def last(texts: Sequence[str]) -> str:
    return texts[-1].strip() if texts else ""
