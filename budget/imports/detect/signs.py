"""What a sign means, decided from the rows by balances, by words, by how many there are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise

from budget.imports.csv_table import split_line
from budget.imports.detect.amounts import value
from budget.imports.detect.dates import formats_of, is_date
from budget.imports.detect.table import Column, Table
from budget.imports.detect.words import (
    ACCOUNT_KINDS,
    ACCOUNT_STATEMENT,
    BACK,
    CARD_STATEMENT,
    CLOSING,
    OF_ACCOUNTS,
    OF_CARDS,
    OPENING,
    PAID_TO_CARD,
    SPENT,
    USED,
    WAGES,
    plain,
)
from budget.imports.formats.statement import BILL_PAID
from budget.imports.values import AmountStyle, day_by, is_blank
from lib.text import fold

Numbers = Sequence[Decimal | None]

MONEY = re.compile(r"[-+\u2212]?[0-9][0-9.,' \u00a0\u202f\u2019]*[.,][0-9]{2}(?![0-9])-?")


def told_signs(table: Table, amount: Column, style: AmountStyle) -> str | None:
    """bank where what is spent is negative, card where it is positive; None where nothing tells."""
    numbers = [value(style, cell) for cell in amount.cells]
    if any(style.parted(cell)[0] for cell in amount.values):
        return "bank"
    followed = way_of_balance(table, amount, numbers)
    if followed and not (followed == "bank" and may_owe(table, amount)):
        return followed
    if is_account(table, numbers):
        return "bank"
    if followed and (way := way_of_debt(table, numbers)):
        return way
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

    The payment of a card's bill tells nothing, nor does what comes back after use.
    """
    found = set()
    for column in columns:
        for cell, money in zip(column.cells, numbers, strict=True):
            text = plain(cell)
            if money and words.search(text) and not (words is USED and BACK.search(text)):
                found |= set() if is_bill(cell) else {money > 0}
    return found


def is_bill(cell: str) -> bool:
    return BILL_PAID.search(fold(cell)) is not None


def beside(numbers: Numbers, others: Numbers) -> set[bool]:
    """The signs that amounts have in the rows in which another column is filled in."""
    found = {money > 0 for money, there in zip(numbers, others, strict=True) if money and there}
    return found if len(found) == 1 else set()


def way_of_balance(table: Table, amount: Column, numbers: Numbers) -> str | None:
    """What a sign means by a running balance, named so or not; None where none follows.

    bank where it goes up by each amount, card where it goes down by it.
    """
    turned = [number if number is None else -number for number in numbers]
    others = [c for c in table.columns if not c.role and c.has_amounts and c is not amount]
    for column in (*table.named("balance"), *others):
        up, down = (follows(moved, column.numbers) for moved in (numbers, turned))
        if up and up == down and (newest_first := is_newest_first(table)) is not None:
            # The same amount each time: only the days tell which balance was the first.
            up, down = (follows(moved, column.numbers, newest_first) for moved in (numbers, turned))
        if not column.has_amounts or up == down or (down > up and column in others):
            continue
        if not column.role:
            column.role = "balance"
        return "bank" if up > down else "card"
    return None


def is_newest_first(table: Table) -> bool | None:
    """Whether the days go back from line to line; None where they do not tell."""
    cells = next((column.filled for column in table.columns if column.has_dates), [])
    if not cells:
        return None
    first, last = days_of(cells[0]), days_of(cells[-1])
    found = {first[order] > last[order] for order in first.keys() & last if first != last}
    return found.pop() if len(found) == 1 else None


def days_of(cell: str) -> dict[str, date]:
    """The day that a cell stands for, by each order of its parts."""
    read = ((order, day_by(form, cell, None)) for order, form in formats_of(cell))
    return {order: day for order, day in read if day}


def may_owe(table: Table, amount: Column) -> bool:
    """Whether a balance that follows the amounts may be what is owed on a card: above zero."""
    balances = [c for c in table.named("balance") if c.has_amounts and c is not amount]
    numbers = [number for column in balances[:1] for number in column.numbers if number]
    is_above = sum(number > 0 for number in numbers) > len(numbers) / 2
    return is_above and (is_of_card(table) or any(map(tells_of_card, texts_of(table))))


def tells_of_card(column: Column) -> bool:
    return any(PAID_TO_CARD.search(plain(cell)) for cell in column.values)


def way_of_debt(table: Table, numbers: Numbers) -> str | None:
    """What a sign means on a card by the payments of its bill; None without any.

    Most rows of a card are purchases: where most are below zero, payments below zero may be those
    of an account that has paid others, and they say nothing.
    """
    paid = {
        money > 0
        for column in texts_of(table)
        for cell, money in zip(column.cells, numbers, strict=True)
        if money and PAID_TO_CARD.search(plain(cell))
    }
    if len(paid) != 1:
        return None
    if paid.pop():
        return "bank"
    signs = [money > 0 for money in numbers if money]
    return None if signs.count(False) > signs.count(True) else "card"


def steps_right(moved: Numbers, balances: Numbers) -> int:
    """In how many steps balances after what moves on their lines go up by it, or the other way."""
    known = [
        (m, b) for m, b in zip(moved, balances, strict=True) if m is not None and b is not None
    ]
    down = sum(b2 - b1 == m2 for (_, b1), (m2, b2) in pairwise(known))
    return max(down, sum(b1 - b2 == m1 for (m1, b1), (_, b2) in pairwise(known)))


def fee_sign(amount: Column, fee: Column, balances: Iterable[Column]) -> int:
    """What a fee does beside its amount: 1 and -1 where it goes off or is added, 0 if it is in it.

    By a running balance where there is one, else by its own sign.
    """
    fees = [number or Decimal() for number in fee.numbers]
    ways = {
        sign: [
            None if money is None else money - sign * each
            for money, each in zip(amount.numbers, fees, strict=True)
        ]
        for sign in (1, -1, 0)
    }
    usual = -1 if all(each <= 0 for each in fees) else 1
    right = {
        sign: max((steps_right(moved, column.numbers) for column in balances), default=0)
        for sign, moved in ways.items()
    }
    return max(right, key=lambda sign: (right[sign], sign == usual))


def runs(moved: Numbers, balances: Numbers) -> bool:
    """Whether balances go up by what moved, and do not as well go down by it."""
    turned = [number if number is None else -number for number in moved]
    return follows(moved, balances) > follows(turned, balances)


def follows(moved: Numbers, balances: Numbers, newest_first: bool | None = None) -> int:
    """How surely balances go up by what moved, from line to line or the other way: 0 is not at all.

    2 where a balance stands after what moves on its line, 1 where it stands before it, as is rare.
    newest_first: which way, where that is known.
    """
    known = [
        (money, balance)
        for money, balance in zip(moved, balances, strict=True)
        if money is not None and balance is not None
    ]
    steps = list(pairwise(known))
    after: tuple[int, ...] = (
        sum(b2 - b1 == m2 for (_, b1), (m2, b2) in steps),
        sum(b1 - b2 == m1 for (m1, b1), (_, b2) in steps),
    )
    before: tuple[int, ...] = (
        sum(b2 - b1 == m1 for (m1, b1), (_, b2) in steps),
        sum(b1 - b2 == m2 for (_, b1), (m2, b2) in steps),
    )
    # The same amounts once more, such as in another currency, can look so for a step.
    is_sure = len(steps) > 1 or len({money > 0 for money, _ in known}) > 1
    needed = max(1, 0.6 * len(steps))
    if newest_first is not None:
        after, before = (after[newest_first],), (before[newest_first],)
    if max(after) >= needed:
        return 2
    return int(is_sure and max(before) >= needed)


def between_balances(table: Table, numbers: Numbers, style: AmountStyle) -> str | None:
    """What a sign means by the balances that stand before and after the rows; None by none."""
    moved = sum((money for money in numbers if money), Decimal())
    around = [
        *(split_line(line, table.dialect) for line in table.preamble),
        *(cells for _, cells in table.records if not table.is_movement(cells)),
    ]
    opening = {money for cells in around for money in amounts_in(cells, OPENING, style)}
    closing = {money for cells in around for money in amounts_in(cells, CLOSING, style)}
    if not moved or len(opening) != 1 or len(closing) != 1 or is_of_card(table):
        return None
    change = closing.pop() - opening.pop()
    return {moved: "bank", -moved: "card"}.get(change)


def is_of_card(table: Table) -> bool:
    """Whether words around the rows are those of a card, whose balance may be what is owed."""
    names = (column.header for column in table.columns)
    return any(OF_CARDS.search(plain(text)) for text in (*table.preamble, *names))


def is_card_statement(table: Table, numbers: Numbers) -> bool:
    """Whether what stands before the rows says so, and nothing says that it is an account."""
    lines = [plain(line) for line in table.preamble]
    is_said = any(map(CARD_STATEMENT.search, lines)) and not any(
        map(ACCOUNT_STATEMENT.search, lines)
    )
    return (
        is_said
        and not is_account(table, numbers)
        and not any(
            WAGES.search(plain(cell)) for column in texts_of(table) for cell in column.values
        )
    )


def amounts_in(cells: Sequence[str], words: re.Pattern[str], style: AmountStyle) -> set[Decimal]:
    """The amounts on a line that has some word."""
    if not words.search(plain(" ".join(cells))):
        return set()
    texts = [cell for cell in cells if not is_blank(cell) and not is_date(cell)]
    amounts = (value(style, text) for cell in texts if (text := last(MONEY.findall(cell))))
    return {money for money in amounts if money is not None}


def last(texts: Sequence[str]) -> str:
    return texts[-1].strip() if texts else ""
