"""The tick: moves every user's day to today, with the alerts that this opens and resolves.

Users by the thousand, a few statements a batch. Doing it twice changes nothing: a user whose day is
up to date is skipped. A read or a write by a user does the same for that user.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db import OperationalError, models, transaction
from django.utils import timezone

from budget.engine import sql
from budget.engine.commit import write_flips
from budget.engine.day import move_to_today
from budget.engine.quiet import quiet
from budget.engine.rules import read_rules_of_day, rules_of
from budget.engine.tips import renew_tips
from budget.engine.totals import read_totals_of
from budget.judge.judgement import Flip, Identity, Pair, flips_of, pairs_of_day, sum_keys
from budget.models import Ledger, LedgerState
from budget.models.ledger import Book, local_day
from lib.errors import LedgersHeld, is_busy

USERS_A_COMMIT = 500

Progress = Callable[[int], object]


class Lag(NamedTuple):
    """How many users are in a new day that their ledger does not know of, and for how long."""

    users: int
    seconds: int


def lag() -> Lag:
    """What a tick has to do now. seconds: since the earliest midnight that was not seen yet."""
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
    be finished (killed, cut off) goes on where it stopped when it is called again. Raises
    LedgersHeld, once all others are moved, for users whom other writers never let it move.
    """
    moved, held = 0, list[int]()
    progress = progress or no_progress
    for zone, today in days().items():
        last = 0
        while seen := sql.behind(zone, today, last, batch):
            last = max(seen)
            for step in (move_quiet, move_judged):
                if done := step(seen, zone, today):
                    moved += len(done)
                    progress(len(done))
                    seen = {pk: version for pk, version in seen.items() if pk not in done}
        left = left_behind(zone, today)
        held += move_each(left, progress)
        moved += len(left)
    if held:
        held = move_each(held, progress)
    if held:
        raise LedgersHeld(held)
    return moved


def no_progress(users: int) -> None:
    """Report nothing."""


def days() -> dict[str, date]:
    """The local date in each zone that any user lives in."""
    zones = Ledger.objects.order_by("time_zone").values_list("time_zone", flat=True).distinct()
    now = timezone.now()
    return {zone: local_day(zone, now) for zone in zones}


def left_behind(zone: str, today: date) -> list[int]:
    """The users whose ledgers other writers held when their batch came."""
    behind = Ledger.objects.filter(time_zone=zone, as_of__lt=today).order_by("user_id")
    return list(behind.values_list("user_id", flat=True))


def move_each(user_ids: Sequence[int], progress: Progress) -> list[int]:
    """Move users one by one; those whose ledger was held too long."""
    held: list[int] = []
    for user_id in user_ids:
        try:
            move_to_today(user_id)
            progress(1)
        except OperationalError as error:
            if not is_busy(error):
                raise
            held.append(user_id)
    return held


def move_quiet(seen: Mapping[int, int], zone: str, today: date) -> Collection[int]:
    """Move the users for whom the day changes nothing; seen: versions, read before the look."""
    still = quiet(seen, zone, today) if seen else ()
    return sql.move_unchanged({pk: seen[pk] for pk in seen if pk in still}, today)


def move_judged(seen: Mapping[int, int], zone: str, today: date) -> Collection[int]:
    """Judge users under the lock, but for those that others hold."""
    with transaction.atomic():
        ledgers = sql.lock_behind(seen, zone, today) if seen else []
        if ledgers:
            move(ledgers, today)
    return [ledger.user_id for ledger in ledgers]


def move(ledgers: Sequence[LedgerState], today: date) -> None:
    """Bring locked ledgers to a day and judge what it touches, all in a few statements.

    For most users nothing opens and nothing resolves: their ledgers are moved, and no more.
    """
    rules = read_rules_of_day(ledgers, today)
    sql.move_ledgers(ledgers, today)
    books = [Book(ledger, []) for ledger in ledgers if ledger.user_id in rules]
    pairs: dict[int, dict[Pair, str]] = {}
    for ledger in (book.ledger for book in books):
        pk = ledger.user_id
        if any(rule.balances is None for rule in rules[pk].rollovers):
            # They take single sums, by the effects of the types.
            rules[pk] = rules_of(ledger)
        pairs[pk] = dict(pairs_of_day(rules[pk], ledger))
    keys = {
        book.ledger.user_id: sum_keys(pairs[book.ledger.user_id], book.ledger) for book in books
    }
    totals = read_totals_of([book.ledger for book in books], rules, keys)
    opened = open_alerts_of(pairs)
    written: list[tuple[Book, Sequence[Flip]]] = []
    for book in books:
        pk = book.ledger.user_id
        if flips := flips_of(pairs[pk], totals[pk], opened[pk], book.ledger):
            written.append((book, flips))
    write_flips(written)
    renew_tips([(book, rules[book.ledger.user_id]) for book in books])


def open_alerts_of(pairs: dict[int, dict[Pair, str]]) -> dict[int, dict[Identity, int]]:
    """The ids of the alerts that are open in the periods of many users, by user and identity."""
    opened: dict[int, dict[Identity, int]] = defaultdict(dict)
    users = [user_id for user_id, mine in pairs.items() if mine]
    starts = {span.key for mine in pairs.values() for _, span in mine}
    if users:
        for user_id, pk, key in sql.open_of_many(users, starts):
            opened[user_id][key] = pk
    return opened
