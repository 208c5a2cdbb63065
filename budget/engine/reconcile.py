"""The self-audit: everything derived, computed again from the transactions alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db import models, transaction

from accounts.models import Profile
from budget.engine import rollups
from budget.engine.evaluate import (
    IDS_A_QUERY,
    counts_in,
    evaluate_set,
    flip_of,
    replace_tips,
)
from budget.engine.flips import append_events, recording, save_ledger
from budget.engine.rollups import Key, Sums
from budget.engine.rules import rules_changed
from budget.engine.writes import set_calendar, store_levels
from budget.models import (
    Alert,
    AlertEvent,
    AlertStatus,
    Calendar,
    Cause,
    EventKind,
    LedgerState,
    Rollup,
    Threshold,
    ThresholdLevel,
    Transaction,
)
from budget.models.ledger import Row, lock_ledger

FLIPS = (EventKind.OPENED, EventKind.RESOLVED)


@dataclass(frozen=True)
class Drift:
    """One thing that was not as the transactions say. kind: calendar, rollup, level, alert, tip,
    period or event."""

    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


class Undo(Exception):
    """Rolls the repair back where only a report is wanted."""


def reconcile(user_id: int, *, repair: bool = False) -> list[Drift]:
    """Every drift of one user's derived rows, repaired in the same commit if asked.

    The check is the repair itself, rolled back when it was not asked for, so that a drift found is
    always one that a repair mends. Holds the user's ledger lock meanwhile.
    """
    drifts: list[Drift] = []
    try:
        with transaction.atomic():
            ledger = lock_ledger(user_id)
            if repair:
                # Whoever has changed rows behind the engine's back has not noted new rules either.
                rules_changed(ledger)
            for step in STEPS:
                drifts += step(ledger)
            if not repair:
                raise Undo
    except Undo:
        pass
    return drifts


def mend_calendar(ledger: LedgerState) -> Iterator[Drift]:
    """The ledger's calendar is the profile's."""
    profile = Profile.objects.filter(user_id=ledger.user_id).first()
    calendar = profile.calendar if profile else Calendar()
    if ledger.calendar != calendar:
        yield Drift("calendar", f"{ledger.calendar} in force, {calendar} in the settings")
        set_calendar(ledger, calendar)


def mend_rollups(ledger: LedgerState) -> Iterator[Drift]:
    """The rollups are the sums of the transactions."""
    must = rollups.of_transactions(ledger.user_id, ledger.calendar.month_start)
    have = stored_rollups(ledger.user_id)
    wrong = sorted(key for key in must.keys() | have.keys() if must.get(key) != have.get(key))
    for key in wrong:
        yield Drift("rollup", f"{name_of(key)} holds {have.get(key)}, must hold {must.get(key)}")
        grain, bucket, category_id, type_id = key
        Rollup.objects.filter(
            user_id=ledger.user_id,
            grain=grain,
            bucket=bucket,
            category_id=category_id,
            type_id=type_id,
        ).delete()
    rollups.upsert(ledger, {key: must[key] for key in wrong if key in must})


def stored_rollups(user_id: int) -> Sums:
    """The rollup rows as they are, without those that have gone back to nothing."""
    rows = Rollup.objects.filter(user_id=user_id).values_list(
        "grain", "bucket", "category_id", "type_id", "amount", "count"
    )
    return {
        (grain, bucket, category_id, type_id): (amount, count)
        for grain, bucket, category_id, type_id, amount, count in rows.iterator()
        if (amount, count) != (0, 0)
    }


def name_of(key: Key) -> str:
    grain, bucket, category_id, type_id = key
    span = "day" if grain == "D" else "month"
    return f"{span} {bucket}, category {category_id}, type {type_id}"


def mend_levels(ledger: LedgerState) -> Iterator[Drift]:
    """Each threshold's levels in force are what its amount, operator and levels say."""
    for threshold in Threshold.objects.filter(user_id=ledger.user_id):
        have = dict(
            ThresholdLevel.objects.filter(threshold=threshold).values_list("percent", "trigger")
        )
        if store_levels(threshold):
            rules_changed(ledger)
            yield Drift("level", f"threshold {threshold.pk} has {have}")


def mend_alerts(ledger: LedgerState) -> Iterator[Drift]:
    """The open alerts are the levels reached."""
    thresholds = list(Threshold.objects.filter(user_id=ledger.user_id))
    with recording() as flipped:
        evaluate_set(ledger, thresholds, Cause.REPAIR)
    for alert in flipped.opened:
        yield Drift("alert", f"{identity(alert)} must be open")
    for alert in flipped.resolved:
        yield Drift("alert", f"{identity(alert)} must be resolved")


def identity(alert: Alert) -> str:
    return (
        f"threshold {alert.threshold_id} revision {alert.revision} period {alert.period_start} "
        f"subject {alert.subject} level {alert.level}"
    )


def open_alerts(ledger: LedgerState) -> models.QuerySet[Alert]:
    mine = Alert.objects.filter(user_id=ledger.user_id).of_thresholds().open()
    return mine.select_related("threshold").order_by("id")


def mend_periods(ledger: LedgerState) -> Iterator[Drift]:
    """An open alert's period ends where the calendar says."""
    for alert in open_alerts(ledger):
        span = flip_of(alert).present_span(ledger.calendar)
        if (alert.period_start, alert.period_end) != (span.start, span.end):
            yield Drift("period", f"{identity(alert)} ends on {alert.period_end}, not {span.end}")
            Alert.objects.filter(pk=alert.pk).update(period_end=span.end)


def mend_tips(ledger: LedgerState) -> Iterator[Drift]:
    """An open alert's tipping transaction is there and counts in its period."""
    gone = {}
    alerts = list(open_alerts(ledger).filter(transaction__isnull=False))
    rows = stored_rows({alert.transaction_id or 0 for alert in alerts})
    for alert in alerts:
        flip, tip = flip_of(alert), alert.transaction_id or 0
        row = rows.get(tip)
        if row is None or not counts_in(row, flip.category_id, flip.span):
            yield Drift("tip", f"{identity(alert)} names transaction {tip}")
            gone[tip] = row
    replace_tips(ledger, gone)


def stored_rows(ids: Iterable[int]) -> dict[int, Row]:
    """Transactions as `Transaction.stored_row` gives them, by id."""
    ordered, found = sorted(ids), {}
    for at in range(0, len(ordered), IDS_A_QUERY):
        for row in Transaction.rows_stored(ordered[at : at + IDS_A_QUERY]):
            found[row["id"]] = row
    return found


def mend_events(ledger: LedgerState) -> Iterator[Drift]:
    """Each alert's last flip event is its status, and its episodes are its openings."""
    mine = AlertEvent.objects.filter(user_id=ledger.user_id)
    last_seq = mine.aggregate(last=models.Max("seq"))["last"] or 0
    if last_seq > ledger.event_seq:
        yield Drift("event", f"the ledger stands at {ledger.event_seq}, the events at {last_seq}")
        ledger.event_seq = last_seq
        save_ledger(ledger)
    openings: dict[int, int] = {}
    last: dict[int, str] = {}
    flips = mine.filter(kind__in=FLIPS).order_by("seq").values_list("alert_id", "kind")
    for alert_id, kind in flips.iterator():
        last[alert_id] = kind
        openings[alert_id] = openings.get(alert_id, 0) + (kind == EventKind.OPENED)
    for alert in Alert.objects.filter(user_id=ledger.user_id).order_by("id"):
        must = EventKind.OPENED if alert.status == AlertStatus.OPEN else EventKind.RESOLVED
        if last.get(alert.pk) != must:
            yield Drift("event", f"{identity(alert)} is {alert.status}, but no event says so")
            append_events(ledger, [alert], Cause.REPAIR)
            openings[alert.pk] = openings.get(alert.pk, 0) + (must == EventKind.OPENED)
        if alert.episodes != max(openings.get(alert.pk, 0), 1):
            yield Drift("event", f"{identity(alert)} counts {alert.episodes} episodes")
            Alert.objects.filter(pk=alert.pk).update(episodes=max(openings.get(alert.pk, 0), 1))


STEPS = (
    mend_calendar,
    mend_rollups,
    mend_levels,
    mend_alerts,
    mend_periods,
    mend_tips,
    mend_events,
)
