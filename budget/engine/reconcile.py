"""The self-audit: everything derived, computed again from the transactions alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import DatabaseError, connection, models, transaction
from django.utils import timezone

from accounts.models import Profile
from budget.engine import rollups
from budget.engine.answers import state_of
from budget.engine.evaluate import give_tips, move_as_of, span_of_alert, wrong_tips
from budget.engine.flips import append_event, recording, save_ledgers
from budget.engine.judging import active_until
from budget.engine.rollups import Key, Sums
from budget.engine.rules import rules_changed, rules_of
from budget.engine.writes import evaluate_all, set_calendar
from budget.models import (
    Alert,
    AlertEvent,
    AlertStatus,
    Calendar,
    Cause,
    EventKind,
    Ledger,
    LedgerState,
    Rollup,
)
from budget.models.ledger import lock_ledger, new_rules
from budget.models.periods import ROLLING_END, span_of

FLIPS = (EventKind.OPENED, EventKind.RESOLVED)


@dataclass(frozen=True)
class Drift:
    """One thing that was not as the transactions say. kind: calendar, rollup, alert, tip, period
    or event."""

    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


def reconcile(user_id: int, *, repair: bool = False) -> list[Drift]:
    """Every drift of one user's derived rows, repaired in the same commit if asked.

    On PostgreSQL a first look needs no lock, so that nobody's writes wait for the audit of many
    rows; only where it is not satisfied does a second one hold the user's ledger lock. Notes on the
    ledger that and when it was looked at, and the version that was found, or made, right.
    """
    drifts: list[Drift] = []
    version = version_in_order(user_id)
    if version is None:
        drifts, version = mend(user_id, keep=repair)
    looked = Ledger.objects.filter(user_id=user_id)
    if drifts and not repair:
        version = -1
    looked.update(checked_at=timezone.now(), checked_version=version)
    return drifts


def mend(user_id: int, *, keep: bool) -> tuple[list[Drift], int]:
    """Mend every drift under the lock; the drifts, and the version at which nothing drifts.

    The check is the repair itself, rolled back unless it is to be kept, so that a drift found is
    always one that a repair mends.
    """
    drifts: list[Drift] = []
    with transaction.atomic():
        ledger = lock_ledger(user_id)
        # Whoever has changed rows behind the engine's back has not noted new rules either.
        rules_changed(ledger)
        # What a day that nobody has noticed yet opens and resolves is no drift.
        move_as_of(ledger)
        ledger.was = ledger.as_of
        for step in STEPS:
            drifts += step(ledger)
        transaction.set_rollback(not keep)
    return drifts, ledger.version if keep else ledger.version - 1


SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


def version_in_order(user_id: int) -> int | None:
    """The ledger's version if nothing has drifted at it, seen without a lock in one snapshot.

    None where that can't be told: something has drifted, a day waits to be moved, the ledger is
    missing; on SQLite, whose one writer waits for nothing here; inside another transaction.
    """
    if connection.vendor != "postgresql" or connection.in_atomic_block:
        return None
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(SNAPSHOT)
            row = Ledger.objects.filter(user_id=user_id).first()
            if row is None:
                return None
            ledger = state_of(row)
            if ledger.as_of < ledger.calendar.today():
                return None
            # Read anew, for the same reason as under the lock.
            ledger.rules = new_rules()
            drifting = (drift for step in STEPS for drift in step(ledger))
            return ledger.version if next(drifting, None) is None else None
    except DatabaseError:
        # A step that mends something, which the database refuses here.
        return None


def next_users(count: int) -> list[int]:
    """Whom to look at next, by id: users who have written since, then those not seen for longest.

    The second have at least half of the places, so that a round through all users takes no longer
    for how much is written: what is damaged behind an idle user's back is found within one.
    """
    waiting = Ledger.objects.order_by("checked_at", "user_id")
    written = waiting.exclude(checked_version=models.F("version"))
    changed = list(written.values_list("user_id", flat=True)[: count // 2])
    oldest = waiting.values_list("user_id", flat=True)[:count]
    return list(dict.fromkeys([*changed, *oldest]))[:count]


def unseen_since() -> datetime | None:
    """When the user that has waited longest was last looked at; None where there is no user."""
    seen: datetime | None = Ledger.objects.aggregate(first=models.Min("checked_at"))["first"]
    return seen


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


def mend_alerts(ledger: LedgerState) -> Iterator[Drift]:
    """The open alerts are the levels reached; a forecast between its two bounds stays as it is."""
    with recording() as flipped:
        evaluate_all(ledger, Cause.REPAIR)
    for alert, must in (
        *((alert, "open") for alert in flipped.opened),
        *((alert, "resolved") for alert in flipped.resolved),
    ):
        yield Drift("alert", f"{identity(alert)} must be {must}")


def identity(alert: Alert) -> str:
    return (
        f"threshold {alert.threshold_id} revision {alert.revision} period {alert.period_start} "
        f"subject {alert.subject} level {alert.level}"
    )


def open_alerts(ledger: LedgerState) -> models.QuerySet[Alert]:
    return Alert.objects.filter(user_id=ledger.user_id).of_thresholds().open().order_by("id")


def mend_periods(ledger: LedgerState) -> Iterator[Drift]:
    """An open alert's period ends, and stops being news, when the calendar says."""
    rules = rules_of(ledger)
    for alert in open_alerts(ledger):
        rule = rules.by_threshold[alert.threshold_id or 0]
        span = span_of_alert(ledger, alert, rule)
        if not alert.is_rolling:
            span = replace(span_of(rule.type, span.start, ledger.calendar), subject=span.subject)
        end = ROLLING_END if alert.is_rolling else span.end
        until = active_until((rule, span), ledger.calendar)
        if (alert.period_end, alert.active_until) != (end, until):
            yield Drift(
                "period",
                f"{identity(alert)} ends on {alert.period_end} and is active until "
                f"{alert.active_until}, not {end} and {until}",
            )
            Alert.objects.filter(pk=alert.pk).update(period_end=end, active_until=until)


def mend_tips(ledger: LedgerState) -> Iterator[Drift]:
    """An open alert's tipping transaction is there and counts in its period."""
    wrong = wrong_tips(ledger)
    for alert in wrong:
        yield Drift("tip", f"{identity(alert)} names transaction {alert.transaction_id}")
    if wrong:
        give_tips(ledger, wrong)


def mend_events(ledger: LedgerState) -> Iterator[Drift]:
    """Each alert's last flip event is its status, and its episodes are its openings."""
    mine = AlertEvent.objects.filter(user_id=ledger.user_id)
    last_seq = mine.aggregate(last=models.Max("seq"))["last"] or 0
    if last_seq > ledger.event_seq:
        yield Drift("event", f"the ledger stands at {ledger.event_seq}, the events at {last_seq}")
        ledger.event_seq = last_seq
        save_ledgers([ledger])
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
            append_event(ledger, alert, Cause.REPAIR)
            openings[alert.pk] = openings.get(alert.pk, 0) + (must == EventKind.OPENED)
        if alert.episodes != max(openings.get(alert.pk, 0), 1):
            yield Drift("event", f"{identity(alert)} counts {alert.episodes} episodes")
            Alert.objects.filter(pk=alert.pk).update(episodes=max(openings.get(alert.pk, 0), 1))


STEPS = (
    mend_calendar,
    mend_rollups,
    # Before the alerts, whose evaluation finds new tips without a word.
    mend_tips,
    mend_alerts,
    mend_periods,
    mend_events,
)
