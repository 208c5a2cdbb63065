"""The project's URLs and, beside them, a plain view that stores a transaction."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

from django.db import models
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from accounts.authentication import authenticate
from budget.models import Category, Transaction, TransactionType
from financial_alerts import urls

PLAIN = "plain/transaction"


@csrf_exempt
def plain_transaction(request: HttpRequest) -> HttpResponse:
    """The same request as the API's POST: credential, category, type and one INSERT, no engine."""
    user = authenticate(request).user
    body = json.loads(request.body)
    row = Transaction(
        user=user,
        date=date.fromisoformat(body["date"]),
        category=Category.objects.get(user=user, name=body["category"]),
        description=body["description"],
        amount=Decimal(body["amount"]),
        type=TransactionType.objects.get(user=user, slug=body["type"]),
    )
    models.Model.save(row)
    return JsonResponse(row.to_dict(), status=201)


urlpatterns = [*urls.urlpatterns, path(PLAIN, plain_transaction)]
