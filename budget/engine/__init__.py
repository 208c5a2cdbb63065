"""The engine: what every write and every new day does to rollups and alerts.

It follows the verdicts of budget.judge, and knows nothing about HTTP.
"""

from __future__ import annotations

from budget.engine.account import delete_account, export_account
from budget.engine.alerts import acknowledge, close_custom_alert, raise_custom_alert, snooze
from budget.engine.day import move_to_today
from budget.engine.evaluate import move_day
from budget.engine.generation import start_generation
from budget.engine.reading import Moved, Reading, fetch
from budget.engine.reconcile import Drift, next_users, reconcile, reconcile_users, unseen_since
from budget.engine.replay import TooMuch, replay_threshold
from budget.engine.rules import subtrees_of
from budget.engine.snapshot import one_state, snapshot
from budget.engine.tick import lag, tick
from budget.engine.writes import merge_categories, provision, record_transactions
from budget.models.ledger import Book, Flipped, open_book, open_books

__all__ = [
    "Book",
    "Drift",
    "Flipped",
    "Moved",
    "Reading",
    "TooMuch",
    "acknowledge",
    "close_custom_alert",
    "delete_account",
    "export_account",
    "fetch",
    "lag",
    "merge_categories",
    "move_day",
    "move_to_today",
    "next_users",
    "one_state",
    "open_book",
    "open_books",
    "provision",
    "raise_custom_alert",
    "reconcile",
    "reconcile_users",
    "record_transactions",
    "replay_threshold",
    "snapshot",
    "snooze",
    "start_generation",
    "subtrees_of",
    "tick",
    "unseen_since",
]
