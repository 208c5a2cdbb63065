"""/api/alert"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.db.models import Q

from budget.engine import acknowledge, describe_alerts, raise_custom_alert, read_ledger
from budget.http import Answer, ApiRequest, created, takes
from budget.models import Alert, AlertStatus
from budget.models.alert import AlertQuerySet
from budget.paging import Order, page
from budget.schemas import AcknowledgeBody, AlertBody, AlertQuery
from budget.schemas.fields import pick
from budget.views.rows import narrow

NEWEST_FIRST = Order(("opened_at", "id"), descending=True)


def mine(request: ApiRequest) -> AlertQuerySet:
    return Alert.objects.filter(user=request.user)


def active_on(day: date) -> Q:
    """Open, with the day in its period; a custom alert has no period."""
    within = Q(period_start__isnull=True) | Q(period_start__lte=day, period_end__gt=day)
    return Q(status=AlertStatus.OPEN) & within


def shown(request: ApiRequest, alert: Alert) -> dict[str, Any]:
    """An alert as a write has left it."""
    return {**describe_alerts(read_ledger(request.user.pk), [alert])[0]}


@takes(query=AlertQuery, steady=True)
def list_alerts(request: ApiRequest, query: AlertQuery) -> Answer:
    """The user's alerts, opened last first."""

    def describe(rows: Sequence[Alert]) -> Sequence[Any]:
        return describe_alerts(request.ledger, rows)

    rows = narrow(mine(request), status=query.status, threshold=query.threshold)
    if query.active is not None:
        active = active_on(request.ledger.as_of)
        rows = rows.filter(active if query.active else ~active)
    return page(request, query, rows, NEWEST_FIRST, describe)


@takes(body=AlertBody)
def create_alert(request: ApiRequest, body: AlertBody) -> Answer:
    """A custom alert, with the user's own message."""
    alert = raise_custom_alert(request.user.pk, body.message, body.threshold)
    return created(request, shown(request, alert))


@takes(steady=True)
def get_alert(request: ApiRequest, key: int) -> Answer:
    found = pick(mine(request), key)
    return Answer({**describe_alerts(request.ledger, [found])[0]})


@takes(body=AcknowledgeBody)
def change_alert(request: ApiRequest, body: AcknowledgeBody, key: int) -> Answer:
    """Acknowledge an alert or take that back; it stays open as long as it is true."""
    found = pick(mine(request), key)
    return Answer(shown(request, acknowledge(request.user.pk, found.pk, body.acknowledged)))
