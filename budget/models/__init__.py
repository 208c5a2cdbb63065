"""The rows: what the database holds and what it refuses."""

from __future__ import annotations

from budget.models.alert import Alert, AlertEvent, AlertKind, AlertStatus, Cause, EventKind
from budget.models.category import Category
from budget.models.errors import Conflict, LedgerOverflow, UnsignalledWrite
from budget.models.idempotency import IdempotentAnswer
from budget.models.ledger import Calendar, Ledger, LedgerModel, LedgerState
from budget.models.rollup import Grain, Rollup
from budget.models.threshold import Measure, Operator, PeriodType, Threshold, ThresholdLevel
from budget.models.transaction import Transaction
from budget.models.transaction_type import Effect, TransactionType

__all__ = [
    "Alert",
    "AlertEvent",
    "AlertKind",
    "AlertStatus",
    "Calendar",
    "Category",
    "Cause",
    "Conflict",
    "Effect",
    "EventKind",
    "Grain",
    "IdempotentAnswer",
    "Ledger",
    "LedgerModel",
    "LedgerOverflow",
    "LedgerState",
    "Measure",
    "Operator",
    "PeriodType",
    "Rollup",
    "Threshold",
    "ThresholdLevel",
    "Transaction",
    "TransactionType",
    "UnsignalledWrite",
]
