"""/api/alert"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from budget.engine import (
    acknowledge,
    close_custom_alert,
    describe_alerts,
    describe_events,
    explain,
    raise_custom_alert,
    read_ledger,
    snooze,
)
from budget.engine.answers import AlertDict, EventDict
from budget.engine.explain import ExplanationDict
from budget.http import Answer, ApiError, ApiRequest, Problem, created, takes, wrong
from budget.http.shapes import DeletedDict, FeedDict, PageDict
from budget.models import (
    Alert,
    AlertEvent,
    AlertStatus,
    Category,
    LedgerState,
    ThresholdRevision,
)
from budget.models.alert import AlertQuerySet
from budget.models.periods import ROLLING_START
from budget.models.search import matching
from budget.paging import Order, Place, feed_page, page, read_cursor, url_of
from budget.schemas import AlertBody, AlertMarks, AlertQuery, PageQuery, PlaceQuery
from budget.schemas.fields import pick
from budget.views.rows import about, chosen, narrow

NEWEST_FIRST = Order(("opened_at", "id"), descending=True)
OLDEST_FIRST = Order(("seq",))


def mine(request: ApiRequest) -> AlertQuerySet:
    return Alert.objects.filter(user=request.user)


def active_on(day: date) -> Q:
    """Open, and still news on the day; a custom alert is as long as it is open."""
    within = Q(active_until__isnull=True) | Q(period_start__lte=day, active_until__gt=day)
    return Q(status=AlertStatus.OPEN) & within


def of_period(day: date, as_of: date) -> Q:
    """With the day in its period, or in the rolling window as it is now."""
    dated = Q(period_start__gt=ROLLING_START, period_start__lte=day, period_end__gt=day)
    if day > as_of:
        return dated
    return dated | Q(period_start=ROLLING_START, threshold__days__gt=(as_of - day).days)


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
    )
    if query.category:
        rows = rows.filter(rested_on(query.category))
    if query.period is not None:
        rows = rows.filter(of_period(query.period, request.ledger.as_of))
    if query.active is not None:
        active = active_on(request.ledger.as_of)
        rows = rows.filter(active if query.active else ~active)
    if query.acknowledged is not None:
        rows = rows.filter(acknowledged_at__isnull=not query.acknowledged)
    if query.snoozed is not None:
        snoozed = Q(snoozed_until__isnull=False, snoozed_until__gt=timezone.now())
        rows = rows.filter(snoozed if query.snoozed else ~snoozed)
    return matching(rows, query.q, "search", "threshold__search")


def rested_on(categories: Collection[Category]) -> Q:
    """Alerts whose threshold, in the revision that they are of, looks at some categories.

    Where that revision was not kept, the threshold as it is now stands for it.
    """
    kept = ThresholdRevision.objects.filter(
        user=OuterRef("user"), threshold=OuterRef("threshold"), revision=OuterRef("revision")
    )
    now = about(categories, "threshold") & ~Exists(kept)
    return now | Exists(kept.filter(category__in=categories))


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


@takes(body=AlertMarks, answer=AlertDict)
def change_alert(request: ApiRequest, body: AlertMarks, key: int) -> Answer:
    """Acknowledge an alert, snooze it, or take that back; it stays open as long as it is true."""
    alert = chosen(request, mine(request), key)
    if "acknowledged" in body.model_fields_set:
        alert = acknowledge(request.user.pk, alert.pk, body.acknowledged)
    if "snoozed_until" in body.model_fields_set:
        alert = snooze(request.user.pk, alert.pk, body.snoozed_until)
    return told(read_ledger(request.user.pk), alert)


@takes(answer=DeletedDict)
def close_alert(request: ApiRequest, key: int) -> Answer:
    """Close an alert of the user's own; it is resolved and stays readable.

    An alert of a threshold follows from the rows and cannot be closed: 409. Closing one twice
    changes nothing.
    """
    alert = close_custom_alert(request.user.pk, chosen(request, mine(request), key).pk)
    return Answer({"id": alert.pk})


@takes(query=PageQuery, steady=True, answer=PageDict[EventDict])
def list_alert_events(request: ApiRequest, query: PageQuery, key: int) -> Answer:
    """All that has happened to one alert, oldest first."""

    def describe(rows: Sequence[AlertEvent]) -> Sequence[Any]:
        return describe_events(request.ledger, rows)

    alert = pick(mine(request), key)
    rows = AlertEvent.objects.filter(user=request.user, alert=alert)
    return page(request, query, rows.select_related("alert"), OLDEST_FIRST, describe)


@takes(query=PlaceQuery, steady=True, answer=ExplanationDict, raises=(Problem.STALE,))
def explain_alert(request: ApiRequest, query: PlaceQuery, key: int) -> Answer:
    """Why an alert is what it is: its sums, then and now, and every transaction they add up.

    What the transactions on all pages add comes to the totals, always: a cursor is good for as long
    as nothing has been written since, and 409 after that.
    """
    ledger, after = request.ledger, None
    alert = pick(mine(request), key)
    if query.cursor is not None:
        version, as_of, day, number = read_cursor(request, query.cursor).values
        if (version, as_of) != (ledger.version, ledger.as_of.isoformat()):
            raise ApiError(Problem.STALE, "Something has been written since the first page.")
        after = (date.fromisoformat(str(day)), int(number))
    told = explain(ledger, alert, after, query.limit)
    if told.ahead is not None:
        last, pk = told.ahead
        values = (ledger.version, ledger.as_of.isoformat(), last.isoformat(), pk)
        told.body["next"] = url_of(request, Place(values, backward=False))
    return Answer({**told.body}, row=alert)
