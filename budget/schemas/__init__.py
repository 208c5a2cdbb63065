"""What a client may send: one strict schema a body and a query string."""

from __future__ import annotations

from budget.schemas.alert import AlertBody, AlertMarks, AlertQuery
from budget.schemas.base import Body, Query, partial
from budget.schemas.category import CategoryBody, CategoryQuery, MergeBody, TransactionTypeBody
from budget.schemas.page import ListQuery, PageQuery, PlaceQuery
from budget.schemas.profile import ProfileBody
from budget.schemas.threshold import PreviewBody, ThresholdBody, ThresholdQuery
from budget.schemas.transaction import (
    TransactionBatch,
    TransactionBody,
    TransactionFilters,
    TransactionQuery,
    TrialQuery,
)

__all__ = [
    "AlertBody",
    "AlertMarks",
    "AlertQuery",
    "Body",
    "CategoryBody",
    "CategoryQuery",
    "ListQuery",
    "MergeBody",
    "PageQuery",
    "PlaceQuery",
    "PreviewBody",
    "ProfileBody",
    "Query",
    "ThresholdBody",
    "ThresholdQuery",
    "TransactionBatch",
    "TransactionBody",
    "TransactionFilters",
    "TransactionQuery",
    "TransactionTypeBody",
    "TrialQuery",
    "partial",
]
