"""What a client may send: one strict schema a body and a query string."""

from __future__ import annotations

from budget.schemas.alert import AcknowledgeBody, AlertBody, AlertQuery
from budget.schemas.base import Body, Query, partial
from budget.schemas.category import CategoryBody, MergeBody, TransactionTypeBody
from budget.schemas.page import ListQuery
from budget.schemas.profile import ProfileBody
from budget.schemas.threshold import ThresholdBody, ThresholdQuery
from budget.schemas.transaction import (
    TransactionBatch,
    TransactionBody,
    TransactionFilters,
    TransactionQuery,
)

__all__ = [
    "AcknowledgeBody",
    "AlertBody",
    "AlertQuery",
    "Body",
    "CategoryBody",
    "ListQuery",
    "MergeBody",
    "ProfileBody",
    "Query",
    "ThresholdBody",
    "ThresholdQuery",
    "TransactionBatch",
    "TransactionBody",
    "TransactionFilters",
    "TransactionQuery",
    "TransactionTypeBody",
    "partial",
]
