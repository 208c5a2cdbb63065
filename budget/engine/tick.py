"""The tick: every user's day brought up to date, with what a day that begins opens and resolves.

Users by the thousand, a few statements a batch. Doing it twice changes nothing: whose day is up to
date is left alone, and a read or a write of the user's own does the same for one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection, models, transaction
from django.utils import timezone

from budget.engine import statements
from budget.engine.evaluate import first_days, give_tips, key_of, left_tips, move_as_of
from budget.engine.flips import Flip, find_earlier, flips_of, judge, write_all
from budget.engine.judging import Identity, Pair, Window, pairs_of_day, windows_of
from budget.engine.rollups import exact_sums
from budget.engine.rules import Rules, read_rules
from budget.engine.totals import WHAT, parts_of, tree_of
from budget.models import Alert, Calendar, Ledger, LedgerState
from budget.models.ledger import lock_ledger

USERS_A_COMMIT = 500
ROWS_A_STATEMENT = 2000

Progress = Callable[[int], object]
Owned = tuple[LedgerState, Window]


class Lag(NamedTuple):
    """How many users are in a new day that their ledger does not know of, and for how long."""

    users: int
    seconds: int


def lag() -> Lag:
    """What a tick would have to do now; seconds: since midnight where it has been longest."""
    users, longest = 0, timedelta()
    now = timezone.now()
    for zone, today in days().items():
        behind = Ledger.objects.filter(time_zone=zone, as_of__lt=today).aggregate(
            users=models.Count("*"), first=models.Min("as_of")
        )
        if behind["users"]:
            users += behind["users"]
            dawn = behind["first"] + timedelta(days=1)
            since = datetime(dawn.year, dawn.month, dawn.day, tzinfo=ZoneInfo(zone))
            longest = max(longest, now - since)
    return Lag(users, int(longest.total_seconds()))


def tick(*, batch: int = USERS_A_COMMIT, progress: Progress | None = None) -> int:
    """Bring every ledger up to its user's local date; how many were behind.

    batch: users a commit. progress: called with the number of users of each commit. One that cannot
    be finished (killed, cut off) goes on where it stopped when it is called again.
    """
    moved = 0
    for zone, today in days().items():
        last = 0
        while True:
            with transaction.atomic():
                ledgers = lock_batch(zone, today, last, batch)
                move(ledgers, today)
            if not ledgers:
                break
            last = ledgers[-1].user_id
            moved += told(len(ledgers), progress)
        moved += told(move_left(zone, today), progress)
    return moved


def told(users: int, progress: Progress | None) -> int:
    if users and progress is not None:
        progress(users)
    return users


def days() -> dict[str, date]:
    """The local date in each zone that any user lives in."""
    zones = Ledger.objects.order_by("time_zone").values_list("time_zone", flat=True).distinct()
    return {zone: Calendar(zone).today() for zone in zones}


def lock_batch(zone: str, today: date, after: int, count: int) -> list[LedgerState]:
    """Lock ledgers that are behind, ascending by user, passing over those that are locked."""
    with connection.cursor() as cursor:
        cursor.execute(statements.lock_behind(), [zone, today, after, count])
        return [LedgerState.from_row(row) for row in sorted(cursor.fetchall())]


def move_left(zone: str, today: date) -> int:
    """Move, one by one, the ledgers that somebody else was holding as their batch came."""
    behind = Ledger.objects.filter(time_zone=zone, as_of__lt=today).order_by("user_id")
    ids = list(behind.values_list("user_id", flat=True))
    for user_id in ids:
        with transaction.atomic():
            move_as_of(lock_ledger(user_id))
    return len(ids)


def move(ledgers: Sequence[LedgerState], today: date) -> None:
    """Bring locked ledgers up to a day and judge what it touches, all in a few statements."""
    if not ledgers:
        return
    rules = read_rules([ledger.user_id for ledger in ledgers])
    pairs: dict[int, dict[Pair, str]] = {}
    for ledger in ledgers:
        ledger.as_of = today
        pairs[ledger.user_id] = dict(pairs_of_day(rules[ledger.user_id], ledger))
    totals = read_totals(ledgers, pairs, rules)
    opened = open_alerts(pairs)
    books: list[tuple[LedgerState, Sequence[Flip]]] = []
    for ledger in ledgers:
        pk = ledger.user_id
        judged = judge(ledger, pairs[pk], totals[pk])
        books.append((ledger, list(flips_of(judged, pairs[pk], opened[pk]))))
    find_earlier(list(rules), [flip for _, flips in books for flip in flips])
    write_all(books)
    renew_tips(ledgers, rules)


def renew_tips(ledgers: Sequence[LedgerState], rules: dict[int, Rules]) -> None:
    """Find the next tipping rows for rolling windows that have left theirs, user by user."""
    firsts: dict[int, date] = {}
    for ledger in ledgers:
        firsts |= first_days(ledger, rules[ledger.user_id])
    if not firsts:
        return
    left: dict[int, list[Alert]] = defaultdict(list)
    for alert in left_tips(list(rules), firsts):
        left[alert.user_id].append(alert)
    for ledger in ledgers:
        if ledger.user_id in left:
            give_tips(ledger, left[ledger.user_id])


def read_totals(
    ledgers: Sequence[LedgerState], pairs: dict[int, dict[Pair, str]], rules: dict[int, Rules]
) -> dict[int, dict[Window, int]]:
    """The sums that the judgement of many users rests on, by user."""
    totals: dict[int, dict[Window, int]] = {ledger.user_id: {} for ledger in ledgers}
    params: list[Any] = []
    owned: list[Owned] = []
    roots: dict[int, frozenset[int]] = {}
    for ledger in ledgers:
        mine = totals[ledger.user_id]
        for window in dict.fromkeys(
            window for pair in pairs[ledger.user_id] for window in windows_of(pair, ledger)
        ):
            mine[window] = 0
            if window.start >= window.end:
                continue
            category = window.category_id or 0
            if category in rules[ledger.user_id].subtrees:
                roots[category] = rules[ledger.user_id].subtrees[category]
            for grain, start, end in parts_of(
                window.start, window.end, ledger.calendar.month_start
            ):
                params += [len(owned), ledger.user_id, grain, category]
                params += [WHAT[window.measure], start, end]
                owned.append((ledger, window))
    tree = tree_of(roots)
    for at in range(0, len(owned), ROWS_A_STATEMENT):
        part = params[at * 7 : (at + ROWS_A_STATEMENT) * 7]
        with connection.cursor() as cursor, exact_sums():
            cursor.execute(statements.sums_of_many(len(part) // 7, tree), part)
            for number, total in cursor.fetchall():
                ledger, window = owned[number]
                totals[ledger.user_id][window] += int(total)
    return totals


def open_alerts(pairs: dict[int, dict[Pair, str]]) -> dict[int, dict[Identity, int]]:
    """The ids of the alerts that are open in the periods of many users, by user and identity."""
    opened: dict[int, dict[Identity, int]] = defaultdict(dict)
    users = [user_id for user_id, mine in pairs.items() if mine]
    starts = {span.key for mine in pairs.values() for _, span in mine}
    if users:
        alerts = Alert.objects.filter(user_id__in=users, period_start__in=starts)
        for alert in alerts.of_thresholds().open():
            opened[alert.user_id][key_of(alert)] = alert.pk
    return opened
