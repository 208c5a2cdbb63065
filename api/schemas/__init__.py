"""What a client may send: one strict schema a body and a query string."""

from __future__ import annotations

from api.schemas.alert import AlertBody, AlertMarks, AlertQuery
from api.schemas.base import Body, Query, partial
from api.schemas.category import CategoryBody, CategoryQuery, MergeBody, TransactionTypeBody
from api.schemas.page import ListQuery, PageQuery, PlaceQuery
from api.schemas.profile import ProfileBody
from api.schemas.threshold import PreviewBody, ThresholdBody, ThresholdQuery
from api.schemas.transaction import (
    DryRunQuery,
    TransactionBatch,
    TransactionBody,
    TransactionFilters,
    TransactionQuery,
)

__all__ = [
    "AlertBody",
    "AlertMarks",
    "AlertQuery",
    "Body",
    "CategoryBody",
    "CategoryQuery",
    "DryRunQuery",
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
    "partial",
]
