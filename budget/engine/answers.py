"""Thresholds and alerts as the API shows them: with the numbers as they are now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated

from django.db import transaction
from pydantic import Field
from typing_extensions import TypedDict

from budget.engine.evaluate import move_as_of
from budget.engine.periods import span_of
from budget.engine.totals import Window, single_totals, window_totals
from budget.models import (
    Alert,
    AlertEvent,
    AlertKind,
    AlertStatus,
    Calendar,
    Cause,
    EventKind,
    Ledger,
    LedgerState,
    PeriodType,
    Threshold,
)
from budget.models.ledger import lock_ledger
from budget.models.money import from_minor, to_minor
from budget.models.shapes import DayText, Id, MomentText, MoneyText, UserId, shape, words
from budget.models.text import moment
from budget.models.threshold import MAX_PERCENT, ThresholdDict

AsOf = Annotated[DayText, Field(description="The user's day that the answer is true for.")]
PeriodEnd = Annotated[DayText, Field(description="The first day after the period.")]
Percent = Annotated[int, Field(description="Total in whole percents of the limit, rounded down.")]
Level = Annotated[int, Field(ge=1, le=MAX_PERCENT)]
THEN = {"total": "162.40", "limit": "150.00", "at": "2018-03-05T18:02:11.482113Z"}
ALERT: dict[str, object] = {
    "id": 88,
    "user": 7,
    "kind": "threshold",
    "threshold": 3,
    "level": 100,
    "status": "open",
    "active": True,
    "message": "Groceries: 162.40 of 150.00 spent in March 2018, 108 %",
    "period_start": "2018-03-01",
    "period_end": "2018-04-01",
    "total": "162.40",
    "limit": "150.00",
    "percent": 108,
    "then": THEN,
    "transaction": 1207,
    "opened_at": "2018-03-05T18:02:11.482113Z",
    "resolved_at": None,
    "acknowledged_at": None,
    "episodes": 1,
    "late": False,
    "as_of": "2018-03-05",
}
CURRENT = {
    "period_start": "2018-03-01",
    "period_end": "2018-04-01",
    "total": "162.40",
    "remaining": "37.60",
    "percent": 81,
    "level_reached": 80,
    "as_of": "2018-03-05",
}


@shape(THEN)
class ThenDict(TypedDict):
    """The numbers of the last flip."""

    total: Annotated[MoneyText, Field(description="The running total at the tipping transaction.")]
    limit: MoneyText
    at: MomentText


@shape(ALERT)
class AlertDict(TypedDict):
    """A level reached in one period (kind threshold), or a message of the user's own (custom).

    A custom alert has no period and no numbers: they are null.
    """

    id: Id
    user: UserId
    kind: Annotated[str, words(AlertKind.values)]
    threshold: Annotated[Id | None, Field(description="The id of the threshold, if there is one.")]
    level: Annotated[Level | None, Field(description="Percents of the limit that were reached.")]
    status: Annotated[
        str, words(AlertStatus.values), Field(description="open: as long as it is true.")
    ]
    active: Annotated[bool, Field(description="Open, and the user's day lies in its period.")]
    message: Annotated[str, Field(description="What a person reads, with the present numbers.")]
    period_start: Annotated[DayText | None, Field(description="The first day of the period.")]
    period_end: PeriodEnd | None
    total: Annotated[MoneyText | None, Field(description="Spent in the period, as of now.")]
    limit: Annotated[MoneyText | None, Field(description="The threshold's amount, as of now.")]
    percent: Percent | None
    then: ThenDict | None
    transaction: Annotated[
        Id | None, Field(description="The id of the transaction that tipped it, while it exists.")
    ]
    opened_at: MomentText
    resolved_at: Annotated[MomentText | None, Field(description="null while it is open.")]
    acknowledged_at: Annotated[
        MomentText | None, Field(description="When the user has said to have seen it.")
    ]
    episodes: Annotated[int, Field(ge=1, description="How many times it has opened.")]
    late: Annotated[bool, Field(description="Opened when its period was over already.")]
    as_of: AsOf


@shape(
    {
        "seq": 17,
        "kind": "opened",
        "cause": "transaction",
        "at": "2018-03-05T18:02:11.482113Z",
        "total": "162.40",
        "limit": "150.00",
        "transaction": 1207,
        "alert": ALERT,
    }
)
class EventDict(TypedDict):
    """Something that has happened to an alert, and the alert as it is now."""

    seq: Annotated[int, Field(ge=1, description="1, 2, 3, ...: the order of all events.")]
    kind: Annotated[str, words(EventKind.values)]
    cause: Annotated[str, words(Cause.values)]
    at: MomentText
    total: Annotated[MoneyText | None, Field(description="The total then; null for custom ones.")]
    limit: Annotated[MoneyText | None, Field(description="The limit then; null for custom ones.")]
    transaction: Annotated[Id | None, Field(description="What tipped it; may be gone by now.")]
    alert: AlertDict


@shape(CURRENT)
class CurrentDict(TypedDict):
    """The present period of a threshold."""

    period_start: DayText
    period_end: PeriodEnd
    total: Annotated[MoneyText, Field(description="Spent in the period so far.")]
    remaining: Annotated[MoneyText, Field(description="Negative once the limit is passed.")]
    percent: Percent | None
    level_reached: Annotated[
        Level | None, Field(description="The highest level that the total has reached.")
    ]
    as_of: AsOf


@shape(
    {
        "id": 3,
        "user": 7,
        "name": "Eating out",
        "slug": "eating-out",
        "amount": "200.00",
        "type": "monthly",
        "category": "Restaurants",
        "operator": "gte",
        "measure": "spending",
        "levels": [80, 100],
        "enabled": True,
        "current": CURRENT,
    }
)
class DescribedThreshold(ThresholdDict):
    """A limit on what is spent in each period, or in each transaction."""

    current: Annotated[CurrentDict | None, Field(description="null where the type is transaction.")]


def read_ledger(user_id: int) -> LedgerState:
    """The ledger of a user, its day brought up to date first; one query on most calls."""
    row = Ledger.objects.filter(pk=user_id).first()
    if row is not None:
        calendar = Calendar(row.time_zone, row.week_start, row.month_start)
        if row.as_of >= calendar.today():
            return LedgerState(user_id, row.as_of, row.version, row.event_seq, row.rules, calendar)
    with transaction.atomic():
        ledger = lock_ledger(user_id)
        move_as_of(ledger)
    return ledger


def describe_thresholds(
    ledger: LedgerState, thresholds: Sequence[Threshold]
) -> list[DescribedThreshold]:
    """Thresholds with their present period, in one query; categories should be selected already.

    A `transaction` threshold has no period, so its `current` is null.
    """
    spans = [span_of(threshold.type, ledger.as_of, ledger.calendar) for threshold in thresholds]
    windows = [
        Window(span.start, span.end, threshold.category_id)
        for threshold, span in zip(thresholds, spans, strict=True)
    ]
    totals = window_totals(ledger, windows)
    described: list[DescribedThreshold] = []
    for threshold, span, total in zip(thresholds, spans, totals, strict=True):
        current: CurrentDict | None = None
        if threshold.type != PeriodType.TRANSACTION:
            current = {
                "period_start": span.start.isoformat(),
                "period_end": span.end.isoformat(),
                "total": str(from_minor(total)),
                "remaining": str(threshold.amount - from_minor(total)),
                "percent": percent_of(total, to_minor(threshold.amount)),
                "level_reached": threshold.level_reached(total),
                "as_of": ledger.as_of.isoformat(),
            }
        described.append({**threshold.to_dict(), "current": current})
    return described


def describe_alerts(ledger: LedgerState, alerts: Sequence[Alert]) -> list[AlertDict]:
    """Alerts with total, limit, percent and message as they are now, in at most three queries.

    An alert of an earlier revision of its threshold is history: it keeps its last flip's numbers.
    """
    ids = {alert.threshold_id for alert in alerts if alert.threshold_id is not None}
    thresholds = Threshold.objects.filter(user_id=ledger.user_id).in_bulk(list(ids)) if ids else {}
    totals = present_totals(ledger, alerts, thresholds)
    return [
        describe_alert(ledger, alert, thresholds.get(alert.threshold_id or 0), totals.get(alert.pk))
        for alert in alerts
    ]


def describe_events(ledger: LedgerState, events: Sequence[AlertEvent]) -> list[EventDict]:
    """Events with their alerts, which should be selected already, in at most three queries."""
    alerts = {event.alert_id: event.alert for event in events}
    described = {alert["id"]: alert for alert in describe_alerts(ledger, list(alerts.values()))}
    return [
        {
            "seq": event.seq,
            "kind": event.kind,
            "cause": event.cause,
            "at": moment(event.at),
            "total": None if event.total is None else str(event.total),
            "limit": None if event.limit is None else str(event.limit),
            "transaction": event.transaction_id,
            "alert": described[event.alert_id],
        }
        for event in events
    ]


def present_totals(
    ledger: LedgerState, alerts: Sequence[Alert], thresholds: dict[int, Threshold]
) -> dict[int, int]:
    """Minor units spent now, by the id of the alert, for those of a present revision."""
    periods: dict[int, Window] = {}
    singles: dict[int, tuple[int, Window]] = {}
    for alert in alerts:
        threshold = thresholds.get(alert.threshold_id or 0)
        if threshold is None or alert.kind == AlertKind.CUSTOM:
            continue
        if alert.revision != threshold.revision:
            continue
        window = Window(*alert.period, threshold.category_id)
        if alert.subject:
            singles[alert.pk] = (alert.subject, window)
        else:
            periods[alert.pk] = window
    totals = dict(zip(periods, window_totals(ledger, list(periods.values())), strict=True))
    alone = single_totals(ledger.user_id, list(singles.values()))
    return totals | dict(zip(singles, alone, strict=True))


def describe_alert(
    ledger: LedgerState, alert: Alert, threshold: Threshold | None, present: int | None
) -> AlertDict:
    """One alert; present: its total now in minor units, None for custom and earlier revisions."""
    total = limit = percent = None
    message, then = alert.message, None
    if alert.kind == AlertKind.THRESHOLD and threshold is not None:
        then_total, then_limit, then_at = alert.then
        total = then_total if present is None else from_minor(present)
        limit = then_limit if present is None else threshold.amount
        percent = percent_of(to_minor(total), to_minor(limit))
        message = message_of(alert, threshold, total, limit, percent)
        then = ThenDict(total=str(then_total), limit=str(then_limit), at=moment(then_at))
    return {
        "id": alert.pk,
        "user": alert.user_id,
        "kind": alert.kind,
        "threshold": alert.threshold_id,
        "level": alert.level,
        "status": alert.status,
        "active": is_active(alert, ledger.as_of),
        "message": message,
        "period_start": alert.period_start.isoformat() if alert.period_start else None,
        "period_end": alert.period_end.isoformat() if alert.period_end else None,
        "total": None if total is None else str(total),
        "limit": None if limit is None else str(limit),
        "percent": percent,
        "then": then,
        "transaction": alert.transaction_id,
        "opened_at": moment(alert.opened_at),
        "resolved_at": moment(alert.resolved_at) if alert.resolved_at else None,
        "acknowledged_at": moment(alert.acknowledged_at) if alert.acknowledged_at else None,
        "episodes": alert.episodes,
        "late": alert.late,
        "as_of": ledger.as_of.isoformat(),
    }


def is_active(alert: Alert, as_of: date) -> bool:
    """Open, and the user's day lies within its period; a custom alert has none."""
    if alert.status != AlertStatus.OPEN:
        return False
    if alert.period_start is None or alert.period_end is None:
        return True
    return alert.period_start <= as_of < alert.period_end


def percent_of(total: int, limit: int) -> int | None:
    """Whole percent of the limit, rounded down; None for a limit of 0."""
    return total * 100 // limit if limit else None


def message_of(
    alert: Alert, threshold: Threshold, total: Decimal, limit: Decimal, percent: int | None
) -> str:
    """What a person reads, such as "Groceries: 162.40 of 150.00 spent in March 2018, 108 %"."""
    name = threshold.name
    if alert.status == AlertStatus.OPEN and (alert.level or 0) < 100 and total < limit:
        name = f"{name}, approaching"
    share = "" if percent is None else f", {percent} %"
    when = period_name(alert)
    if alert.subject:
        return f"{name}: {total} in one transaction {when}, limit {limit}{share}"
    return f"{name}: {total} of {limit} spent {when}{share}"


def day_name(day: date) -> str:
    return f"{day.day} {day:%B} {day.year}"


def period_name(alert: Alert) -> str:
    """The period in words; its own length tells what it is, whatever the threshold is today."""
    start, end = alert.period
    days = (end - start).days
    if days == 1:
        return f"on {day_name(start)}"
    if days == 7:
        return f"in the week of {day_name(start)}"
    if days <= 31:
        return f"in {start:%B} {start.year}"
    if days <= 92:
        return f"in quarter {(start.month + 2) // 3} of {start.year}"
    return f"in {start.year}"
