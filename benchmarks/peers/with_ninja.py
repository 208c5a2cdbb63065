"""django-ninja: functions, schemas and its cursor pagination."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from django.db import transaction
from django.shortcuts import get_object_or_404
from django.urls import path
from ninja import Field, NinjaAPI, Schema
from ninja.pagination import CursorPagination, paginate
from ninja.security import HttpBearer

from benchmarks.peers.keeping import keep_true, thresholds_of
from benchmarks.peers.models import Alert, Category, Token, Transaction


class DigestAuth(HttpBearer):
    def authenticate(self, request: Any, token: str) -> Any:
        digest = hashlib.sha256(token.encode()).hexdigest()
        found = Token.objects.select_related("user").filter(digest=digest).first()
        return found.user if found is not None and found.user.is_active else None


class TransactionIn(Schema):
    date: date
    category: str
    description: str = Field("", max_length=500)
    amount: Decimal = Field(gt=0, max_digits=14, decimal_places=2)
    type: Literal["expense", "refund", "income"]


class TransactionOut(Schema):
    id: int
    user: int = Field(alias="user_id")
    date: date
    category: str = Field(alias="category.name")
    description: str
    amount: Decimal
    type: str


class CurrentOut(Schema):
    period_start: date
    period_end: date
    total: Decimal


class ThresholdOut(Schema):
    id: int
    user: int = Field(alias="user_id")
    name: str
    amount: Decimal
    type: str
    category: str | None = Field(None, alias="category.name")
    levels: list[int]
    current: CurrentOut | None


class AlertOut(Schema):
    id: int
    user: int = Field(alias="user_id")
    threshold: int = Field(alias="threshold_id")
    level: int
    period_start: date
    period_end: date
    transaction: int | None = Field(alias="transaction_id")
    status: str
    message: str
    total: Decimal
    limit: Decimal
    opened_at: datetime
    resolved_at: datetime | None


api = NinjaAPI(auth=DigestAuth())


@api.get("/transaction", response=list[TransactionOut])
@paginate(CursorPagination, ordering=("-date", "-id"), page_size=50)
def list_transactions(request: Any, category: str | None = None) -> Any:
    rows = Transaction.objects.filter(user=request.auth).select_related("category")
    return rows.filter(category__name=category) if category is not None else rows


@api.post("/transaction", response={201: TransactionOut})
def create_transaction(request: Any, body: TransactionIn) -> Any:
    values = body.dict()
    name = values.pop("category")
    category = get_object_or_404(Category, user=request.auth, name=name)
    with transaction.atomic():
        row = Transaction.objects.create(user=request.auth, category=category, **values)
        keep_true(row)
    return 201, row


@api.get("/threshold", response=list[ThresholdOut])
def list_thresholds(request: Any) -> Any:
    return thresholds_of(request.auth.pk)


@api.get("/alert", response=list[AlertOut])
@paginate(CursorPagination, ordering=("-opened_at", "-id"), page_size=50)
def list_alerts(request: Any) -> Any:
    return Alert.objects.filter(user=request.auth)


urlpatterns = [path("api/", api.urls)]
