"""/api/alert"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from django.utils import timezone

from api.http import Answer, ApiError, ApiRequest, Problem, endpoint
from api.http.shapes import DeletedDict, FeedDict, PageDict
from api.paging import (
    Order,
    Place,
    feed_page,
    gone,
    page,
    read_cursor,
    read_part,
    url_of,
)
from api.schemas import AlertBody, AlertMarks, AlertQuery, PageQuery, PlaceQuery
from api.schemas.base import pick
from api.views.rows import chosen, read_row
from budget.answers import describe_alerts, describe_events, explain, read_alerts
from budget.answers.alert_rows import (
    ALERTS,
    AlertRow,
    Alerts,
    EventRow,
    acknowledged,
    active,
    alerts_of,
    events_of,
    highest,
    next_snooze_end,
    on_categories,
    snoozed,
    with_day,
    with_words,
)
from budget.answers.shapes import AlertDict, EventDict, ExplanationDict
from budget.engine import (
    Reading,
    acknowledge,
    close_custom_alert,
    raise_custom_alert,
    snooze,
)
from budget.models import Alert, LedgerState
from budget.models.alert import AlertQuerySet
from lib.shapes import MAX_SEQ

NEWEST_FIRST = Order(("opened_at", "id"), descending=True)
OLDEST_FIRST = Order(("seq",))


def mine(request: ApiRequest) -> AlertQuerySet:
    return Alert.objects.filter(user=request.user)


def alert_answer(ledger: LedgerState, alert: Alert) -> Answer:
    """An alert that was written, with its current numbers and message."""
    reading = Reading(ledger)
    (row,) = read_alerts(reading, [alert.pk]).values()
    return Answer({**describe_alerts(reading, [row])[0]}, row=alert)


@endpoint(query=AlertQuery, answer=FeedDict[AlertDict] | FeedDict[EventDict])
def list_alerts(request: ApiRequest, query: AlertQuery) -> Answer:
    """The user's alerts, newest first; or, with `since`, the events after that number."""
    if query.since is not None:
        return feed(request, query.since, query.limit)
    reading, now = request.reading, timezone.now()

    def describe(rows: Sequence[AlertRow]) -> list[AlertDict]:
        return describe_alerts(reading, rows)

    answer = page(request, query, filtered(request, query, now), NEWEST_FIRST, describe)
    if query.snoozed is not None:
        answer.until = next_snooze_end(reading, now)
    # From here on the change feed has what this list does not know yet.
    answer.body["since"] = request.ledger.event_seq
    return answer


def filtered(request: ApiRequest, query: AlertQuery, now: datetime) -> Alerts:
    """The user's alerts that meet the filters at a time."""
    rows, as_of = alerts_of(request.user.pk), request.ledger.as_of
    if query.status is not None:
        rows = rows.where("r.status = %s", query.status)
    if query.threshold is not None:
        rows = rows.where("r.threshold_id = %s", query.threshold.pk)
    if query.level is not None:
        rows = rows.where("r.level = %s", query.level)
    if query.kind is not None:
        rows = rows.where("r.kind = %s", query.kind)
    if query.categories:
        rows = on_categories(rows, [category.pk for category in query.categories])
    if query.period is not None:
        rows = with_day(rows, query.period, as_of)
    if query.active is not None:
        rows = active(rows, as_of, query.active)
    if query.acknowledged is not None:
        rows = acknowledged(rows, query.acknowledged)
    if query.snoozed is not None:
        rows = snoozed(rows, now, query.snoozed)
    if query.highest:
        rows = highest(rows)
    return with_words(rows, query.q) if query.q else rows


def feed(request: ApiRequest, since: int, limit: int) -> Answer:
    """The events after a number, in order, each with its alert's current state.

    Numbers are given out under the ledger's lock, so no event appears after one with a higher
    number. `since` in the answer is the number to continue from, even if nothing is new. Raises
    ApiError 410 for a number that this ledger has not given out, as after a restore.
    """
    reading = request.reading
    rows = events_of(request.user.pk).where("r.seq >= %s", since)
    # One more at each end: the event that the client had last, and whether there is another page.
    # SQLite takes no number that no event can have.
    events = read_part(reading, rows, OLDEST_FIRST, None, limit + 2) if since <= MAX_SEQ else []
    if events and events[0].seq == since:
        del events[0]
    elif since not in (0, request.ledger.event_base, request.ledger.event_seq):
        raise gone("since", "You have no event with this number; start again with since=0.")
    more = len(events) > limit
    del events[limit:]
    reached = events[-1].seq if events else since
    return feed_page(request, describe_events(reading, events), reached, more=more)


@endpoint(body=AlertBody, answer=AlertDict, status=201)
def create_alert(request: ApiRequest, body: AlertBody) -> Answer:
    """A custom alert, with the user's own message."""
    alert = raise_custom_alert(request.user.pk, body.message, body.threshold)
    return alert_answer(request.ledger, alert)


@endpoint(answer=AlertDict)
def get_alert(request: ApiRequest, key: int) -> Answer:
    """One alert with its current numbers."""

    def describe(row: AlertRow) -> AlertDict:
        return describe_alerts(request.reading, [row])[0]

    return read_row(request, ALERTS, Alert, describe, key)


@endpoint(body=AlertMarks, answer=AlertDict)
def change_alert(request: ApiRequest, body: AlertMarks, key: int) -> Answer:
    """Acknowledge or snooze an alert, or undo that; it stays open as long as it is true."""
    alert = chosen(request, mine(request), key)
    if "acknowledged" in body.model_fields_set:
        alert = acknowledge(request.user.pk, alert.pk, body.acknowledged)
    if "snoozed_until" in body.model_fields_set:
        alert = snooze(request.user.pk, alert.pk, body.snoozed_until)
    return alert_answer(request.ledger, alert)


@endpoint(answer=DeletedDict)
def close_alert(request: ApiRequest, key: int) -> Answer:
    """Close an alert of the user's own; it is resolved and stays readable.

    An alert of a threshold follows from the rows and cannot be closed: 409. Closing one twice
    changes nothing.
    """
    alert = close_custom_alert(request.user.pk, chosen(request, mine(request), key).pk)
    return Answer({"id": alert.pk})


@endpoint(query=PageQuery, answer=PageDict[EventDict])
def list_alert_events(request: ApiRequest, query: PageQuery, key: int) -> Answer:
    """All that has happened to one alert, oldest first."""

    alert = pick(mine(request), key)
    rows = events_of(request.user.pk).where("r.alert_id = %s", alert.pk)

    def describe(rows: Sequence[EventRow]) -> list[EventDict]:
        return describe_events(request.reading, rows)

    return page(request, query, rows, OLDEST_FIRST, describe)


@endpoint(query=PlaceQuery, answer=ExplanationDict, raises=(Problem.STALE,))
def explain_alert(request: ApiRequest, query: PlaceQuery, key: int) -> Answer:
    """Why an alert is what it is: its sums, then and now, and every transaction they add up.

    What the transactions on all pages add comes to the totals, always: a cursor is good for as long
    as nothing has been written since, and 409 after that.
    """
    ledger = request.ledger
    state = (ledger.version, ledger.as_of.isoformat())

    def describe(row: AlertRow) -> ExplanationDict:
        after = None
        if query.cursor is not None:
            *seen, day, number = read_cursor(request, query).values
            if tuple(seen) != state:
                raise ApiError(Problem.STALE, "Something has been written since the first page.")
            after = (date.fromisoformat(str(day)), int(number))
        told = explain(request.reading, row, after, query.limit)
        if told.ahead is not None:
            last, pk = told.ahead
            place = Place((*state, last.isoformat(), pk), backward=False)
            told.body["next"] = url_of(request, query, place)
        return told.body

    return read_row(request, ALERTS, Alert, describe, key)
