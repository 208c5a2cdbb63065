"""The rows: what the database holds, what it refuses, and `to_dict()`, a row in the JSON API."""

from __future__ import annotations

from budget.judge.kinds import Cause, Effect, Match, Measure, Operator, PeriodType
from budget.judge.periods import Calendar
from budget.models.alert import Alert, AlertEvent, AlertKind, AlertStatus, EventKind
from budget.models.category import Category
from budget.models.deleted_id import DeletedId
from budget.models.endpoint import Delivery, DeliveryTry, Endpoint
from budget.models.former_name import FormerName
from budget.models.idempotency import IdempotentAnswer
from budget.models.imports import (
    ChangeKind,
    Import,
    ImportAnswer,
    ImportChange,
    ImportPart,
    ImportState,
)
from budget.models.ledger import Ledger, LedgerModel, LedgerState
from budget.models.revision import ThresholdRevision
from budget.models.rollup import Grain, Rollup
from budget.models.settings import Profile
from budget.models.threshold import Condition, Threshold
from budget.models.transaction import Transaction
from budget.models.transaction_type import TransactionType
from lib.errors import Conflict, LedgerOverflow, TooManyAlerts, UnsignalledWrite

__all__ = [
    "Alert",
    "AlertEvent",
    "AlertKind",
    "AlertStatus",
    "Calendar",
    "Category",
    "Cause",
    "ChangeKind",
    "Condition",
    "Conflict",
    "DeletedId",
    "Delivery",
    "DeliveryTry",
    "Effect",
    "Endpoint",
    "EventKind",
    "FormerName",
    "Grain",
    "IdempotentAnswer",
    "Import",
    "ImportAnswer",
    "ImportChange",
    "ImportPart",
    "ImportState",
    "Ledger",
    "LedgerModel",
    "LedgerOverflow",
    "LedgerState",
    "Match",
    "Measure",
    "Operator",
    "PeriodType",
    "Profile",
    "Rollup",
    "Threshold",
    "ThresholdRevision",
    "TooManyAlerts",
    "Transaction",
    "TransactionType",
    "UnsignalledWrite",
]
