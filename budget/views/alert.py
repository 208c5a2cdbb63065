"""/api/alert"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.db.models import Q

from budget.engine import (
    acknowledge,
    describe_alerts,
    describe_events,
    raise_custom_alert,
    read_ledger,
)
from budget.engine.answers import AlertDict, EventDict
from budget.http import Answer, ApiRequest, Problem, created, takes, wrong
from budget.http.shapes import FeedDict
from budget.models import Alert, AlertEvent, AlertStatus, LedgerState
from budget.models.alert import AlertQuerySet
from budget.models.search import matching
from budget.paging import Order, feed_page, page
from budget.schemas import AcknowledgeBody, AlertBody, AlertQuery
from budget.schemas.fields import pick
from budget.views.rows import chosen, narrow

NEWEST_FIRST = Order(("opened_at", "id"), descending=True)


def mine(request: ApiRequest) -> AlertQuerySet:
    return Alert.objects.filter(user=request.user)


def active_on(day: date) -> Q:
    """Open, with the day in its period; a custom alert has no period."""
    within = Q(period_start__isnull=True) | Q(period_start__lte=day, period_end__gt=day)
    return Q(status=AlertStatus.OPEN) & within


def told(ledger: LedgerState, alert: Alert) -> Answer:
    """An alert in numbers and words."""
    return Answer({**describe_alerts(ledger, [alert])[0]}, row=alert)


@takes(query=AlertQuery, steady=True, answer=FeedDict[AlertDict] | FeedDict[EventDict])
def list_alerts(request: ApiRequest, query: AlertQuery) -> Answer:
    """The user's alerts, opened last first; or, with `since`, what has happened to them."""

    def describe(rows: Sequence[Alert]) -> Sequence[Any]:
        return describe_alerts(request.ledger, rows)

    if query.since is not None:
        return feed(request, query.since, query.limit)
    answer = page(request, query, found(request, query), NEWEST_FIRST, describe)
    # From here on the change feed tells what this list does not know yet.
    answer.body["since"] = request.ledger.event_seq
    return answer


def found(request: ApiRequest, query: AlertQuery) -> AlertQuerySet:
    """The user's alerts that meet the filters."""
    rows = narrow(
        mine(request),
        status=query.status,
        threshold=query.threshold,
        level=query.level,
        kind=query.kind,
        threshold__category__in=query.category or None,
        period_start__lte=query.period,
        period_end__gt=query.period,
    )
    if query.active is not None:
        active = active_on(request.ledger.as_of)
        rows = rows.filter(active if query.active else ~active)
    if query.acknowledged is not None:
        rows = rows.filter(acknowledged_at__isnull=not query.acknowledged)
    return matching(rows, query.q, "search", "threshold__search")


def feed(request: ApiRequest, since: int, limit: int) -> Answer:
    """The events after a number, in order, each with its alert as it is now.

    Numbers are given under the ledger's lock: none is ever seen before a lower one. `since` in the
    answer is where to go on, also where there is nothing new. Raises ApiError for a number that is
    still to come: the client has it from data that are no longer there.
    """
    last = request.ledger.event_seq
    if since > last:
        detail = f"The last event is {last}; start anew with since=0."
        raise wrong(Problem.PARAMETERS, [{"detail": detail, "parameter": "since"}])
    rows = AlertEvent.objects.filter(user=request.user, seq__gt=since)
    events = list(rows.select_related("alert").order_by("seq")[: limit + 1])
    more = len(events) > limit
    del events[limit:]
    reached = events[-1].seq if events else since
    items = describe_events(request.ledger, events)
    return feed_page(request, items, reached, more=more)


@takes(body=AlertBody, answer=AlertDict, status=201)
def create_alert(request: ApiRequest, body: AlertBody) -> Answer:
    """A custom alert, with the user's own message."""
    alert = raise_custom_alert(request.user.pk, body.message, body.threshold)
    return created(request, told(read_ledger(request.user.pk), alert).body, alert)


@takes(steady=True, answer=AlertDict)
def get_alert(request: ApiRequest, key: int) -> Answer:
    """One alert, with the numbers as they are now."""
    return told(request.ledger, pick(mine(request), key))


@takes(body=AcknowledgeBody, answer=AlertDict)
def change_alert(request: ApiRequest, body: AcknowledgeBody, key: int) -> Answer:
    """Acknowledge an alert or take that back; it stays open as long as it is true."""
    found = chosen(request, mine(request), key)
    changed = acknowledge(request.user.pk, found.pk, body.acknowledged)
    return told(read_ledger(request.user.pk), changed)
