"""The user's day: brought up to date before anything is shown as true."""

from __future__ import annotations

from budget.engine.evaluate import move_day
from budget.engine.reading import ledger_of
from budget.models import LedgerState
from budget.models.ledger import open_book


def move_to_today(user_id: int, known: LedgerState | None = None) -> LedgerState:
    """The user's ledger, its day moved to today with every alert that this opens or resolves.

    A write, with the lock, on the first call of a user's day; one query on all others, and none if
    `known` is the ledger as it was read a moment ago.
    """
    ledger = known or ledger_of(user_id)
    if ledger is not None and ledger.as_of >= ledger.today:
        return ledger
    with open_book(user_id) as book:
        move_day(book)
    return book.ledger
