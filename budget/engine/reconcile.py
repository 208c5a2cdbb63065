"""The self-audit: everything derived, computed again from the transactions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import OperationalError, connection, models, transaction
from django.utils import timezone

from budget.engine import rollups, sql
from budget.engine.alerts import append_event
from budget.engine.audit import USERS_A_SLICE, in_order
from budget.engine.balances import store, wrong_balances
from budget.engine.evaluate import evaluate_all, move_day
from budget.engine.pairs import span_of_alert
from budget.engine.rules import rules_changed, rules_of
from budget.engine.sql import Key, Sums, save_ledgers
from budget.engine.tips import give_tips, wrong_tips
from budget.engine.writes import set_calendar
from budget.judge.chain import Balance
from budget.judge.judgement import active_until
from budget.judge.periods import ROLLING_END, Calendar, span_of
from budget.models import (
    Alert,
    AlertEvent,
    AlertStatus,
    Category,
    Cause,
    EventKind,
    Ledger,
    Profile,
    Rollup,
    Threshold,
)
from budget.models.ledger import LOCK_TIMEOUT, Book, open_book
from lib.errors import LedgersHeld, is_busy

FLIPS = (EventKind.OPENED, EventKind.RESOLVED)


@dataclass(frozen=True)
class Drift:
    """One thing that was not as the transactions say. kind: calendar, category, threshold, rollup,
    balance, alert, tip, period or event."""

    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


def reconcile(user_id: int, *, repair: bool = False) -> list[Drift]:
    """Every drift of one user's derived rows, repaired in the same commit if asked."""
    ((_, drifts),) = reconcile_users([user_id], repair=repair)
    return drifts


def reconcile_users(
    user_ids: Sequence[int], *, repair: bool = False
) -> Iterator[tuple[int, list[Drift]]]:
    """Every drift of some users' derived rows, user by user, repaired in a commit each if asked.

    A first look, which locks nothing, clears whole slices of users. Only who is not cleared is
    looked at again, under the ledger's lock. The ledger keeps when it was checked, and at which
    version it was found, or made, right. It may be cut off at any time. A user whose ledger another
    writer holds too long is looked at again at the end; raises LedgersHeld for those still held.
    """
    held: list[int] = []
    for at in range(0, len(user_ids), USERS_A_SLICE):
        part = user_ids[at : at + USERS_A_SLICE]
        # A repair also does what the day has left to do.
        cleared = in_order(part, of_today=repair) if sees_one_state() else {}
        note(cleared)
        yield from each_free(part, cleared, held, repair=repair)
    if held:
        still: list[int] = []
        yield from each_free(held, {}, still, repair=repair)
        if still:
            raise LedgersHeld(still)


def each_free(
    user_ids: Sequence[int], cleared: Mapping[int, int], held: list[int], *, repair: bool
) -> Iterator[tuple[int, list[Drift]]]:
    """The drifts of some users, of whom some are cleared at a version; held: gets who is passed
    over."""
    for user_id in user_ids:
        try:
            drifts = drifts_of(user_id, cleared.get(user_id), repair=repair)
        except OperationalError as error:
            if not is_busy(error):
                raise
            held.append(user_id)
        else:
            yield user_id, drifts


def drifts_of(user_id: int, cleared: int | None, *, repair: bool) -> list[Drift]:
    """cleared: the version at which the first look has found no drift, if it has."""
    if cleared is None:
        return look_again(user_id, repair=repair)
    if repair:
        forget(user_id, cleared)
    return []


def sees_one_state() -> bool:
    """Whether statements that follow one another can see one state without the lock.

    Not in a transaction of the caller's on PostgreSQL, in which each sees what was committed last.
    """
    return connection.vendor == "sqlite" or not connection.in_atomic_block


def forget(user_id: int, version: int) -> None:
    """Let processes and clients forget what they remember of a user who was in order at a version.

    Rules that were changed behind the engine's back have the number of those before.
    """
    with open_book(user_id) as book:
        rules_changed(book)
    if book.ledger.version == version + 1:
        wait_and_note(user_id, book.ledger.version)


def look_again(user_id: int, *, repair: bool) -> list[Drift]:
    """Every drift of a user, found and perhaps repaired under the lock."""
    drifts, version = mend(user_id, keep=repair)
    if drifts and not repair:
        version = -1
    wait_and_note(user_id, version)
    return drifts


def note(cleared: Mapping[int, int]) -> None:
    """Note in the ledgers of some users at which version they were found in order."""
    if not cleared:
        return
    noted = sql.note_checked(cleared, timezone.now())
    for user_id in cleared.keys() - noted:
        wait_and_note(user_id, cleared[user_id])


def wait_and_note(user_id: int, version: int) -> None:
    """The same for one user, after the write that may be going on; not if that takes too long."""
    ledger = Ledger.objects.filter(user_id=user_id)
    try:
        with transaction.atomic():
            if connection.vendor == "postgresql":
                sql.run([(LOCK_TIMEOUT, [])])
            ledger.update(checked_at=timezone.now(), checked_version=version)
    except OperationalError as error:
        if not is_busy(error):
            raise


def mend(user_id: int, *, keep: bool) -> tuple[list[Drift], int]:
    """Repair every drift under the lock; the drifts, and the version at which nothing drifts.

    The check is the repair itself, rolled back unless it is to be kept, so that a drift found is
    always one that a repair mends.
    """
    drifts: list[Drift] = []
    with transaction.atomic():
        with open_book(user_id) as book:
            # A change behind the engine's back has not noted new rules either.
            rules_changed(book)
            # What a new day opens and resolves is no drift.
            move_day(book)
            for step in STEPS:
                drifts += step(book)
        transaction.set_rollback(not keep)
    return drifts, book.ledger.version if keep else book.ledger.version - 1


def next_users(count: int) -> list[int]:
    """The users to check next, by id: those who wrote since their last check, then the oldest.

    The oldest have at least half of the places. So a round through all users takes no longer if
    much is written, and damage to an idle user's rows is found within one round.
    """
    waiting = Ledger.objects.order_by("checked_at", "user_id")
    written = waiting.exclude(checked_version=models.F("version"))
    changed = list(written.values_list("user_id", flat=True)[: count // 2])
    oldest = waiting.values_list("user_id", flat=True)[:count]
    return list(dict.fromkeys([*changed, *oldest]))[:count]


def unseen_since() -> datetime | None:
    """When the user who has waited longest was last checked; None if there is no user."""
    seen: datetime | None = Ledger.objects.aggregate(first=models.Min("checked_at"))["first"]
    return seen


def mend_calendar(book: Book) -> Iterator[Drift]:
    """The ledger's calendar is the profile's."""
    ledger = book.ledger
    profile = Profile.objects.filter(user_id=ledger.user_id).first()
    calendar = profile.calendar if profile else Calendar()
    if ledger.calendar != calendar:
        yield Drift("calendar", f"{ledger.calendar} in force, {calendar} in the settings")
        set_calendar(book, calendar)


def mend_categories(book: Book) -> Iterator[Drift]:
    """No category lies under itself; one that does is taken out of the one above it."""
    ledger = book.ledger
    while circular := rules_of(ledger).circular:
        yield Drift("category", f"category {circular[0]} lies under itself")
        rows = Category._base_manager.filter(user_id=ledger.user_id, pk=circular[0])
        rows.update(parent=None)
        rules_changed(book)


def mend_thresholds(book: Book) -> Iterator[Drift]:
    """Every threshold in force can open an alert; one that cannot is switched off.

    What its conditions or levels were, nobody can tell.
    """
    ledger = book.ledger
    for rule in rules_of(ledger).without_levels:
        missing = "conditions" if rule.match else "levels"
        yield Drift("threshold", f"threshold {rule.threshold_id} has no {missing}")
        rows = Threshold._base_manager.filter(user_id=ledger.user_id, pk=rule.threshold_id)
        rows.update(enabled=False)
        rules_changed(book)


def mend_rollups(book: Book) -> Iterator[Drift]:
    """The rollups are the sums of the transactions."""
    ledger = book.ledger
    must = rollups.of_transactions(ledger.user_id, ledger.calendar.month_start)
    have = stored_rollups(ledger.user_id)
    wrong = sorted(key for key in must.keys() | have.keys() if must.get(key) != have.get(key))
    for key in wrong:
        yield Drift(
            "rollup", f"{name_of_rollup(key)} holds {have.get(key)}, must hold {must.get(key)}"
        )
        grain, bucket, category_id, type_id = key
        Rollup.objects.filter(
            user_id=ledger.user_id,
            grain=grain,
            bucket=bucket,
            category_id=category_id,
            type_id=type_id,
        ).delete()
    rollups.upsert(book, {key: must[key] for key in wrong if key in must})


def mend_balances(book: Book) -> Iterator[Drift]:
    """The stored balances of a rollover follow from the transactions."""
    ledger = book.ledger
    in_force = [rule.threshold_id for rule in rules_of(ledger).thresholds]
    for rule, stored in wrong_balances(ledger, in_force):
        yield Drift(
            "balance",
            f"threshold {rule.threshold_id} carries {carry_over(stored)}, must carry "
            f"{carry_over(rule.balances)}",
        )
        store(book, {rule.threshold_id: rule})


def carry_over(balances: Sequence[Balance] | None) -> str:
    if balances is None:
        return "what was never computed"
    return ", ".join(f"{minor} into {day}" for day, minor in balances) or "nothing"


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


def name_of_rollup(key: Key) -> str:
    grain, bucket, category_id, type_id = key
    span = "day" if grain == "D" else "month"
    return f"{span} {bucket}, category {category_id}, type {type_id}"


def mend_alerts(book: Book) -> Iterator[Drift]:
    """The open alerts are the levels reached; a forecast between its two bounds stays as it is."""
    before = len(book.flipped.flips)
    evaluate_all(book, Cause.REPAIR)
    flips = book.flipped.flips[before:]
    alerts = Alert.objects.in_bulk([pk for pk, _ in flips])
    for pk, opens in sorted(flips, key=lambda flip: not flip[1]):
        yield Drift(
            "alert", f"{name_of_alert(alerts[pk])} must be {'open' if opens else 'resolved'}"
        )


def name_of_alert(alert: Alert) -> str:
    return (
        f"threshold {alert.threshold_id} revision {alert.revision} period {alert.period_start} "
        f"subject {alert.subject} level {alert.level}"
    )


def mend_periods(book: Book) -> Iterator[Drift]:
    """An open alert's period, and its time as active, end when the calendar says."""
    ledger = book.ledger
    rules = rules_of(ledger)
    mine = Alert.objects.filter(user_id=ledger.user_id)
    for alert in mine.of_thresholds().open().order_by("id"):
        rule = rules.by_threshold[alert.threshold_id or 0]
        span = span_of_alert(ledger, alert, rule)
        if not alert.is_rolling:
            span = replace(span_of(rule.type, span.start, ledger.calendar), subject=span.subject)
        end = ROLLING_END if alert.is_rolling else span.end
        until = active_until((rule, span), ledger.calendar)
        if (alert.period_end, alert.active_until) != (end, until):
            yield Drift(
                "period",
                f"{name_of_alert(alert)} ends on {alert.period_end} and is active until "
                f"{alert.active_until}, not {end} and {until}",
            )
            Alert.objects.filter(pk=alert.pk).update(period_end=end, active_until=until)


def mend_tips(book: Book) -> Iterator[Drift]:
    """An open alert's tipping transaction is there and counts in its period."""
    ledger = book.ledger
    wrong = wrong_tips(ledger)
    for alert in wrong:
        yield Drift("tip", f"{name_of_alert(alert)} names transaction {alert.transaction_id}")
    if wrong:
        give_tips(book, wrong)


def mend_events(book: Book) -> Iterator[Drift]:
    """Each alert's last flip event is its status, and its episodes are its openings."""
    ledger = book.ledger
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
            yield Drift("event", f"{name_of_alert(alert)} is {alert.status}, but no event says so")
            append_event(book, alert, Cause.REPAIR)
            openings[alert.pk] = openings.get(alert.pk, 0) + (must == EventKind.OPENED)
        if alert.episodes != max(openings.get(alert.pk, 0), 1):
            yield Drift("event", f"{name_of_alert(alert)} counts {alert.episodes} episodes")
            Alert.objects.filter(pk=alert.pk).update(episodes=max(openings.get(alert.pk, 0), 1))


STEPS = (
    mend_calendar,
    mend_categories,
    mend_thresholds,
    mend_rollups,
    # Before everything that is judged.
    mend_balances,
    # Before the alerts, whose evaluation finds new tips without a word.
    mend_tips,
    mend_alerts,
    mend_periods,
    mend_events,
)
