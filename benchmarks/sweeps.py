"""What the commands cost that go through all users: the self-audit, and a midnight."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest import mock

from django.contrib.auth.models import User
from django.utils import timezone

from benchmarks import book
from benchmarks.book import Plan
from benchmarks.crowds import Bases, check_some, copy_user
from benchmarks.measure import Scale, Spread, ratios, rounds_of
from benchmarks.start import Client
from benchmarks.table import Table, in_rate, in_times
from budget import engine
from budget.engine.reconcile import mend
from budget.models import Operator, PeriodType, Threshold

# So many users take their turn one by one, beside all of them together.
ONE_BY_ONE = 5
ROWS_AT_MIDNIGHT = 100
# A row leaves the windows each day, and a day ends each day.
OF_A_DAY: tuple[dict[str, Any], ...] = (
    {"type": PeriodType.ROLLING, "days": 30, "amount": Decimal(1)},
    {"type": PeriodType.ROLLING, "days": 7, "amount": Decimal(10_000)},
    {"type": PeriodType.DAILY, "operator": Operator.LTE, "amount": Decimal(1), "levels": [100]},
    {"type": PeriodType.MONTHLY, "operator": Operator.LT, "amount": Decimal(1), "levels": [100]},
)
Pace = list[float]


def audits(bases: Bases, scale: Scale) -> Table:
    """All users in slices, against the check of everything of a user under the lock."""
    crowd = bases.crowd(scale.users, scale.rows_each)
    with Client(crowd.url) as client:
        together, alone = client.run(audit_paces, scale.rounds)
    what = f"users with {scale.rows_each:,} rows"
    return table("The self-audit of", what, "under the lock", together, alone)


def midnights(bases: Bases, scale: Scale) -> Table:
    """All users in batches, against one by one; most have an alert whose tipping row leaves."""
    with Client(bases.make()) as client:
        client.run(filled_with_days, scale.users)
        together, alone = client.run(day_paces, scale.rounds)
    return table("A midnight of", "users", "one by one", together, alone)


def table(title: str, what: str, other: str, together: Pace, alone: Pace) -> Table:
    headings = (f"{what}, a second", f"{other}, a second", "ratio")
    rates = (in_rate(Spread.of(together)), in_rate(Spread.of(alone)))
    return Table(f"{title} {what}", headings, [(*rates, in_times(ratios(together, alone)))])


def filled_with_days(users: int) -> None:
    """Users with the six thresholds and those that a new day can touch."""
    book.migrate()
    (pk,) = book.fill([Plan("user", ROWS_AT_MIDNIGHT)])
    for number, fields in enumerate(OF_A_DAY):
        Threshold(user_id=pk, name=f"Day {number}", **fields).save()
    copy_user(users - 1)
    check_some()
    book.settle()


def audit_paces(rounds: int) -> tuple[Pace, Pace]:
    ids = all_users()
    together: Pace = []
    alone: Pace = []
    for counts in rounds_of(rounds, "audits"):
        few = some_of(ids, len(alone))
        paces = pace(audit, ids), pace(look_again, few)
        if counts:
            together.append(paces[0])
            alone.append(paces[1])
    return together, alone


def audit(users: Sequence[int]) -> None:
    if any(drifts for _, drifts in engine.reconcile_users(users)):
        raise RuntimeError("A user of the benchmark has a drift.")


def look_again(users: Sequence[int]) -> None:
    for pk in users:
        mend(pk, keep=False)


def day_paces(rounds: int) -> tuple[Pace, Pace]:
    """One midnight after another: rows leave windows, tipping rows among them, and periods end."""
    ids = all_users()
    together: Pace = []
    alone: Pace = []
    now = timezone.now
    for days, counts in enumerate(rounds_of(rounds, "midnights"), 1):
        few = some_of(ids, days)
        with mock.patch.object(timezone, "now", lambda days=days: now() + timedelta(days=days)):
            # One by one for a few; then all others together.
            paces = pace(one_by_one, few), pace(tick, sorted({*ids} - {*few}))
        if counts:
            alone.append(paces[0])
            together.append(paces[1])
    return together, alone


def one_by_one(users: Sequence[int]) -> None:
    for pk in users:
        engine.move_to_today(pk)


def tick(users: Sequence[int]) -> None:
    if (moved := engine.tick()) != len(users):
        raise RuntimeError(f"{moved} users were moved, not {len(users)}.")


def all_users() -> list[int]:
    return list(User.objects.order_by("id").values_list("id", flat=True))


def some_of(users: Sequence[int], seed: int) -> list[int]:
    return random.Random(seed).sample(users, min(len(users), ONE_BY_ONE))  # noqa: S311


def pace(way: Callable[[Sequence[int]], object], users: Sequence[int]) -> float:
    """Users a second."""
    begun = time.perf_counter()
    way(users)
    return len(users) / (time.perf_counter() - begun)
