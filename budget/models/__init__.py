"""The rows: what the database holds and what it refuses."""

from __future__ import annotations

from budget.models.alert import Alert, AlertEvent, AlertKind, AlertStatus, Cause, EventKind
from budget.models.category import Category
from budget.models.errors import Conflict, LedgerOverflow, UnsignalledWrite
from budget.models.idempotency import IdempotentAnswer
from budget.models.ledger import Calendar, Ledger, LedgerModel, LedgerState
from budget.models.periods import PeriodType
from budget.models.revision import ThresholdRevision
from budget.models.rollup import Grain, Rollup
from budget.models.threshold import Condition, Match, Measure, Operator, Threshold
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
    "Condition",
    "Conflict",
    "Effect",
    "EventKind",
    "Grain",
    "IdempotentAnswer",
    "Ledger",
    "LedgerModel",
    "LedgerOverflow",
    "LedgerState",
    "Match",
    "Measure",
    "Operator",
    "PeriodType",
    "Rollup",
    "Threshold",
    "ThresholdRevision",
    "Transaction",
    "TransactionType",
    "UnsignalledWrite",
]
