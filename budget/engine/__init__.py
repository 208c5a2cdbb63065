"""The engine: every rule about crossing thresholds, and nothing about HTTP."""

from __future__ import annotations

from budget.engine.account import delete_account, export_account
from budget.engine.alerts import acknowledge, close_custom_alert, raise_custom_alert, snooze
from budget.engine.answers import (
    describe_alerts,
    describe_events,
    describe_thresholds,
    read_ledger,
)
from budget.engine.explain import Explanation, explain
from budget.engine.flips import Flipped, recording
from budget.engine.reconcile import Drift, next_users, reconcile, unseen_since
from budget.engine.replay import TooMuch, preview
from budget.engine.rules import subtrees_of
from budget.engine.tick import lag, tick
from budget.engine.writes import merge_categories, provision, record_transactions

__all__ = [
    "Drift",
    "Explanation",
    "Flipped",
    "TooMuch",
    "acknowledge",
    "close_custom_alert",
    "delete_account",
    "describe_alerts",
    "describe_events",
    "describe_thresholds",
    "explain",
    "export_account",
    "lag",
    "merge_categories",
    "next_users",
    "preview",
    "provision",
    "raise_custom_alert",
    "read_ledger",
    "reconcile",
    "record_transactions",
    "recording",
    "snooze",
    "subtrees_of",
    "tick",
    "unseen_since",
]
