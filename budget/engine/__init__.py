"""The engine: every rule about crossing thresholds, and nothing about HTTP."""

from __future__ import annotations

from budget.engine.account import delete_account, export_account
from budget.engine.alerts import acknowledge, raise_custom_alert
from budget.engine.answers import (
    describe_alerts,
    describe_events,
    describe_thresholds,
    read_ledger,
)
from budget.engine.flips import Flipped, recording
from budget.engine.reconcile import Drift, reconcile
from budget.engine.writes import merge_categories, provision, record_transactions

__all__ = [
    "Drift",
    "Flipped",
    "acknowledge",
    "delete_account",
    "describe_alerts",
    "describe_events",
    "describe_thresholds",
    "export_account",
    "merge_categories",
    "provision",
    "raise_custom_alert",
    "read_ledger",
    "reconcile",
    "record_transactions",
    "recording",
]
