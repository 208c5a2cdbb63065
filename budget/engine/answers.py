"""Thresholds and alerts as the API shows them: with the numbers as they are now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import TypedDict

from django.db import transaction

from budget.engine.evaluate import move_as_of
from budget.engine.periods import span_of
from budget.engine.totals import Window, single_totals, window_totals
from budget.models import (
    Alert,
    AlertKind,
    AlertStatus,
    Calendar,
    Ledger,
    LedgerState,
    PeriodType,
    Threshold,
)
from budget.models.ledger import lock_ledger
from budget.models.money import from_minor, to_minor
from budget.models.text import moment
from budget.models.threshold import ThresholdDict


class ThenDict(TypedDict):
    """The numbers of the last flip; total is the running total at the tipping transaction."""

    total: str
    limit: str
    at: str


class AlertDict(TypedDict):
    id: int
    user: int
    kind: str
    threshold: int | None
    level: int | None
    status: str
    active: bool
    message: str
    period_start: str | None
    period_end: str | None
    total: str | None
    limit: str | None
    percent: int | None
    then: ThenDict | None
    transaction: int | None
    opened_at: str
    resolved_at: str | None
    acknowledged_at: str | None
    episodes: int
    late: bool
    as_of: str


class CurrentDict(TypedDict):
    """The present period of a threshold; remaining is negative once the limit is passed."""

    period_start: str
    period_end: str
    total: str
    remaining: str
    percent: int | None
    level_reached: int | None
    as_of: str


class DescribedThreshold(ThresholdDict):
    current: CurrentDict | None


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
    if (alert.level or 0) < 100 and total < limit:
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
