"""The first look of the self-audit suspects whom the second would repair, nobody else."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, models, transaction

from budget.engine import audit, sql
from budget.engine.reconcile import mend
from budget.judge.periods import MONTHS, PERIODS, Calendar, month_of, span_of
from budget.models import (
    Alert,
    AlertEvent,
    Category,
    Ledger,
    Profile,
    Rollup,
    Threshold,
    Transaction,
    TransactionType,
)
from budget.models.ledger import as_date
from budget.tests.people import at, category, combine, limit, make_user, spend

pytestmark = pytest.mark.django_db

TODAY = date(2018, 6, 15)
NAMES = ("Food", "Bread", "Rent", "Fun")


def suspected(*users: User) -> set[int]:
    ledgers = Ledger.objects.filter(user__in=users)
    return audit.suspects({ledger.user_id: ledger.state() for ledger in ledgers})


@contextmanager
def for_now() -> Iterator[None]:
    """Undo everything afterwards."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def make_life(rng: random.Random, name: str) -> User:
    """A user with thresholds of every kind and half a year of rows."""
    with at(TODAY - timedelta(days=120)):
        user = make_user(name)
        profile = Profile.objects.get(user=user)
        profile.week_start, profile.month_start = rng.randint(1, 7), rng.choice([1, 6, 28])
        profile.save()
        parent = category(user, "Food")
        child = category(user, "Bread")
        child.parent = parent
        child.save()
        for type in (*PERIODS, "transaction"):
            limit(user, str(rng.choice([20, 60, 150])), type, of=rng.choice([None, *NAMES]))
        limit(user, "30", "weekly", measure="net", operator="gt")
        limit(user, "4", "monthly", measure="count", of="Food", levels=[50, 100])
        days, of = rng.choice([3, 30, 90]), rng.choice([None, *NAMES])
        for amount in ("40", "70"):
            limit(user, amount, "rolling", days=days, of=of)
        limit(user, "30", rng.choice(["daily", "weekly"]), operator=rng.choice(["lte", "lt"]))
        limit(user, "80", "monthly", rollover=True, forecast=True, rollover_cap="50")
        limit(user, "25", "weekly", rollover=True, of="Food")
        limit(user, "200", "quarterly", forecast=True)
        combine(
            user,
            ("Food", "spending", "gte", "20"),
            (None, "net", "gte", "0"),
            (None, "count", "gt", "1"),
            match=rng.choice(["all", "any"]),
        )
        combine(user, ("Food", "spending", "lte", "9"), (None, "income", "eq", "0"), type="weekly")
    with at(TODAY):
        for _ in range(40):
            day = TODAY + timedelta(days=rng.randint(-180, 10))
            type = rng.choice(["expense", "expense", "expense", "refund", "income", "transfer"])
            amount = f"{rng.randint(1, 60)}.{rng.choice(['00', '37'])}"
            spend(user, amount, day.isoformat(), to=rng.choice(NAMES), type=type)
    return user


Damage = Callable[[random.Random, User], object]


def change(model: type[models.Model], **changes: Callable[[random.Random, Any], object]) -> Damage:
    """Change columns of a random row as a hand in the database would."""

    def damage(rng: random.Random, user: User) -> object:
        row = rng.choice(list(model._base_manager.filter(user=user).order_by("pk")))
        values = {name: make(rng, row) for name, make in changes.items()}
        return model._base_manager.filter(pk=row.pk).update(**values)

    return damage


def drop(model: type[models.Model]) -> Damage:
    def damage(rng: random.Random, user: User) -> object:
        rows = model._base_manager.filter(user=user).order_by("pk")
        chosen = model._base_manager.filter(pk=rng.choice(list(rows)).pk)
        return chosen._raw_delete(chosen.db)

    return damage


def a_copy(rng: random.Random, user: User) -> object:
    """A transaction that nobody has seen."""
    row = rng.choice(list(Transaction.objects.filter(user=user).order_by("pk")))
    row.pk = None
    return Transaction._base_manager.bulk_create([row])


def another(model: type[models.Model]) -> Callable[[random.Random, Any], int]:
    """The id of one of the user's rows."""
    return lambda rng, row: (
        rng.choice(list(model._base_manager.filter(user_id=row.user_id).order_by("pk"))).pk
    )


def days(name: str) -> Callable[[random.Random, Any], date]:
    """A day some days away."""
    return lambda rng, row: (getattr(row, name) or TODAY) + timedelta(days=rng.choice([1, 7, 40]))


DAMAGES: dict[str, Damage] = {
    "a sum": change(Rollup, amount=lambda rng, row: row.amount + rng.choice([-1, 1, 5000])),
    "a number of rows": change(Rollup, count=lambda rng, row: row.count + 1),
    "the day of a sum": change(Rollup, bucket=days("bucket")),
    "the category of a sum": change(Rollup, category_id=another(Category)),
    "a sum less": drop(Rollup),
    "an amount": change(Transaction, amount=lambda rng, row: row.amount + rng.choice([1, 70])),
    "a date": change(Transaction, date=days("date")),
    "the category of a row": change(Transaction, category_id=another(Category)),
    "the type of a row": change(Transaction, type_id=another(TransactionType)),
    "a row more": a_copy,
    "an effect": change(
        TransactionType, effect=lambda rng, row: rng.choice(["spending", "income", "none"])
    ),
    "a parent": change(Category, parent_id=lambda rng, row: None),
    "a limit": change(Threshold, amount=lambda rng, row: rng.choice([5, 35, 500])),
    "levels": change(Threshold, levels=lambda rng, row: rng.choice([[100], [10, 100], [200]])),
    "a threshold off": change(Threshold, enabled=lambda rng, row: False),
    "a revision": change(Threshold, revision=lambda rng, row: row.revision + 1),
    "a first day": change(
        Threshold, starts_on=lambda rng, row: row.starts_on and row.starts_on - timedelta(days=35)
    ),
    "balances": change(
        Threshold,
        balances=lambda rng, row: (
            row.balances and rng.choice([None, [[day, minor + 1] for day, minor in row.balances]])
        ),
    ),
    "the end of a period": change(Alert, period_end=days("period_end")),
    "the end of news": change(Alert, active_until=days("active_until")),
    "the level of an alert": change(Alert, level=lambda rng, row: 77),
    "the start of an alert": change(
        Alert, period_start=lambda rng, row: row.period_start - timedelta(days=1)
    ),
    "the subject of an alert": change(Alert, subject=lambda rng, row: row.subject + 1),
    "a tip": change(Alert, transaction_id=another(Transaction)),
    "resolved": change(
        Alert, status=lambda rng, row: "resolved", resolved_at=lambda rng, row: row.opened_at
    ),
    "open": change(Alert, status=lambda rng, row: "open", resolved_at=lambda rng, row: None),
    "episodes": change(Alert, episodes=lambda rng, row: row.episodes + 1),
    "an event less": drop(AlertEvent),
    "the kind of an event": change(
        AlertEvent, kind=lambda rng, row: rng.choice(["opened", "resolved", "snoozed"])
    ),
    "the event number": change(Ledger, event_seq=lambda rng, row: row.event_seq - 1),
    "a calendar": change(Profile, month_start=lambda rng, row: row.month_start % 28 + 1),
    "a week": change(Profile, week_start=lambda rng, row: row.week_start % 7 + 1),
    "nothing": lambda rng, user: None,
}


@pytest.mark.parametrize("seed", range(2))
def test_the_first_look_suspects_whom_the_lock_would_mend(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    whole, damaged = make_life(rng, "whole"), make_life(rng, "damaged")
    with at(TODAY):
        assert suspected(whole, damaged) == set()
        for name in rng.sample(sorted(DAMAGES), len(DAMAGES)):
            with for_now():
                try:
                    with transaction.atomic():
                        DAMAGES[name](rng, damaged)
                except IntegrityError:
                    # The database itself refuses some of them.
                    continue
                drifts, _ = mend(damaged.pk, keep=False)
                assert (damaged.pk in suspected(whole, damaged)) == bool(drifts), (name, drifts)
                assert whole.pk not in suspected(whole, damaged)


def test_each_part_of_the_first_look_sees_what_no_other_does() -> None:
    """A control of the test above: without the part, the damage goes unseen."""
    with at(TODAY):
        user = make_user()
        limit(user, "100", of="Groceries")
        limit(user, "100", "rolling", days=30, of="Rent")
        spend(user, "110", TODAY.isoformat())
        spend(user, "20", TODAY.isoformat(), to="Rent")
    row = Transaction.objects.get(category__name="Rent")
    damages: dict[str, Callable[[], object]] = {
        "sql.wrong_days": lambda: Transaction._base_manager.filter(pk=row.pk).update(amount="21"),
        "sql.wrong_months": lambda: Rollup.objects.filter(grain="M", category=row.category).update(
            amount=2100
        ),
        "sql.wrong_events": lambda: Alert.objects.update(episodes=7),
        "sql.wrong_tips": lambda: Alert.objects.update(transaction=row),
        "audit.wrong_alerts": lambda: Alert.objects.update(period_end="2019-01-01"),
        "audit.judged_apart": lambda: Threshold._base_manager.filter(type="rolling").update(
            amount="9"
        ),
        "audit.other_calendars": lambda: Profile._base_manager.update(week_start=2),
    }
    nobody = "SELECT user_id FROM budget_ledger WHERE user_id < 0"
    for part, damage in damages.items():
        nothing = nobody if part.startswith("sql") else set()
        with for_now():
            damage()
            assert suspected(user) == {user.pk}, part
            with patch(f"budget.engine.{part}", return_value=nothing):
                assert suspected(user) == set(), part


@pytest.mark.parametrize("month_start", [1, 6, 28])
def test_periods_are_cut_in_the_database_as_in_the_judgement(month_start: int) -> None:
    user = make_user()
    row = spend(user, "1", "1900-01-01")
    first = {"user": user, "category": row.category, "type": row.type}
    starts = [date(1900, 1, 1), date(2019, 12, 20), date(2024, 2, 20), date(2199, 12, 1)]
    dates = [start + timedelta(days=number) for start in starts for number in range(31)]
    months = {month_of(day, month_start) for day in dates}
    Rollup.objects.all().delete()
    Rollup.objects.bulk_create(
        Rollup(grain=grain, bucket=bucket, amount=100, count=1, **first)
        for grain, buckets in (("D", dates), ("M", months))
        for bucket in sorted(buckets)
    )
    for week_start in range(1, 8):
        calendar = Calendar("UTC", week_start, month_start)
        # The number, user, months, week start, category and measure of each.
        windows = [
            (number, user.pk, MONTHS.get(type, 0), week_start * (type == "weekly"), of, 0, 0)
            for number, type in enumerate(PERIODS)
            for of in (0, row.category_id)
        ]
        kinds = [(row.type_id, 1, None, 1, 1)]
        rows = sql.run_hashed(sql.period_sums(kinds, windows))
        for number, type in enumerate(PERIODS):
            found = {as_date(start) for one, start, _ in rows if one == number}
            assert found == {span_of(type, day, calendar).start for day in dates}, type


@pytest.mark.parametrize("reverse", [False, True])
def test_events_of_another_user_do_not_count(reverse: bool) -> None:
    """An alert's last event is given to somebody who is looked at in the same slice."""
    alice, bob = make_user("alice"), make_user("bob")
    with at(TODAY):
        for user in (alice, bob):
            limit(user, "10.00")
            spend(user, "11.00", TODAY.isoformat())
        users = (bob, alice) if reverse else (alice, bob)
        assert suspected(*users) == set()
        event = AlertEvent.objects.filter(user=alice).latest("seq")
        AlertEvent._base_manager.filter(pk=event.pk).update(user=bob, seq=9)
        assert alice.pk in suspected(*users)
        assert mend(alice.pk, keep=False)[0]
