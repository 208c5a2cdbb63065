"""Whom the tick's first look calls quiet is whom the engine would change nothing of."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from budget import engine
from budget.engine import quiet, sql
from budget.models import Alert, AlertEvent, Profile, Transaction
from budget.tests.people import (
    at,
    category,
    combine,
    limit,
    make_user,
    open_levels,
    spend,
    transaction_of,
)
from financial_alerts.tests.at_once import at_once

pytestmark = pytest.mark.django_db

START = date(2018, 6, 15)
USERS = 20
NAMES = ("Food", "Bread", "Rent")


def make_watcher(rng: random.Random, name: str) -> User:
    """A user with a few thresholds that a day can matter to, all of which SQL can judge."""
    with at(START):
        user = make_user(name)
        profile = Profile.objects.get(user=user)
        profile.week_start, profile.month_start = rng.randint(1, 7), rng.choice([1, 17, 28])
        profile.save()
        parent, child = category(user, "Food"), category(user, "Bread")
        child.parent = parent
        child.save()
        for _ in range(rng.choice([1, 1, 2])):
            limit(user, **some_limit(rng))
        engine.record_transactions(user.pk, [some_row(rng, user) for _ in range(15)])
    return user


def some_row(rng: random.Random, user: User) -> Transaction:
    day = START + timedelta(days=rng.choice([rng.randint(-90, 20), rng.randint(-6, 12)]))
    type = rng.choice(["expense", "expense", "expense", "refund", "income", "transfer"])
    return transaction_of(
        user, rng.choice(["10", "20", "30"]), str(day), to=rng.choice(NAMES), type=type
    )


def some_limit(rng: random.Random) -> dict[str, Any]:
    measure = rng.choice(["spending", "spending", "spending", "income", "net", "count"])
    amount = rng.choice(["1", "2", "3"] if measure == "count" else ["0", "10", "20.01", "30"])
    fields = {"measure": measure, "amount": amount, "of": rng.choice([None, "Food", "Bread"])}
    if rng.random() < 0.6:
        days, operator = rng.choice([1, 5, 20, 75, 80]), rng.choice(["gte", "gte", "gt"])
        levels = rng.choice([[100], [50, 100], [50, 80, 150]])
        return {**fields, "type": "rolling", "days": days, "operator": operator, "levels": levels}
    type = rng.choice(["daily", "daily", "weekly", "weekly", "monthly", "yearly"])
    operator = rng.choice(["lte", "lt", "eq"])
    return {**fields, "type": type, "operator": operator, "levels": [100]}


# What chance leaves out: a threshold, and the day of a row of 10 that comes to just as much.
POINTED: dict[str, tuple[dict[str, Any], str]] = {
    "half of 20.01": (
        {"amount": "20.01", "type": "rolling", "days": 5, "levels": [50]},
        "2018-06-16",
    ),
    "just as much": ({"amount": "10", "type": "daily", "operator": "lte"}, "2018-06-16"),
    "not due": (
        {"amount": "30", "type": "monthly", "operator": "lt", "starts_on": START},
        "2018-06-16",
    ),
    "by months": ({"amount": "10", "type": "rolling", "days": 75}, "2018-06-01"),
}


def make_pointed(name: str) -> User:
    fields, day = POINTED[name]
    with at(START):
        user = make_user(name)
        profile = Profile.objects.get(user=user)
        profile.month_start = 17 if name == "not due" else 1
        profile.save()
        limit(user, **{"levels": [100], **fields})
        spend(user, "10", day)
    return user


def untouched(users: list[User]) -> set[int]:
    """The users whom the engine moves without a flip and without another tipping row."""
    with transaction.atomic():
        before = shown(users)
        with patch("budget.engine.tick.quiet", return_value=set()):
            assert engine.tick() == len(users)
        changed = {user_id for user_id, *_ in before ^ shown(users)}
        transaction.set_rollback(True)
    return {user.pk for user in users} - changed


def shown(users: list[User]) -> set[tuple[Any, ...]]:
    alerts = Alert.objects.filter(user__in=users)
    events = AlertEvent.objects.filter(user__in=users)
    return {
        *alerts.values_list("user_id", "pk", "status", "transaction_id"),
        *events.values_list("user_id", "seq"),
    }


# Parts of the statement, with what it would say if it were wrong.
BROKEN = {
    "at least": ("total >= at", "total > at"),
    "more than": ("total > at", "total >= at"),
    "less than": ("total < at", "total <= at"),
    "at most": ("total <= at", "total < at"),
    "exactly": ("total = at", "total > at"),
    "a share is rounded": ("THEN 99 ELSE 0", "THEN 0 ELSE 0"),
    "nothing is not at least nothing": ("AND amount = 0", "AND amount < 0"),
    "what lies under a category": (
        "IN (SELECT root, member FROM tree)",
        "IN (SELECT root, root FROM tree)",
    ),
    "a tip that was left": ("t.date < watch.start", "t.date < watch.as_of AND 1 = 0"),
    "whole months": ("r.bucket < watch.whole", "r.bucket < watch.until"),
    "the rest of a window": ("r.bucket >= watch.last", "r.bucket > watch.last"),
    "what is open": ("a.status = 'open'\n)", "a.status = 'none'\n)"),
    "refunds": ("effect = 'refund') THEN -r.amount", "effect = 'refund') THEN r.amount"),
    "what is not due": ("starts_on <= start", "starts_on <= until"),
}


@contextmanager
def broken(part: str) -> Iterator[None]:
    real, (right, wrong) = quiet.loud_ones, BROKEN[part]

    def loud_ones(least: int, most: int, today: date) -> str:
        text = real(least, most, today)
        assert right in text, part
        return text.replace(right, wrong)

    with patch("budget.engine.quiet.loud_ones", loud_ones):
        yield


def test_whom_the_look_calls_quiet_the_engine_would_not_change() -> None:
    caught: set[str] = set()
    counts = {True: 0, False: 0}
    rng = random.Random(1)  # noqa: S311
    users = [make_watcher(rng, f"user {number}") for number in range(USERS)]
    users += map(make_pointed, POINTED)
    ids = [user.pk for user in users]
    day = START
    for step in [1, 1, 1, 2, 1, 1, 9, 1, 1, 1]:
        day += timedelta(days=step)
        with at(day):
            right = untouched(users)
            found = quiet.quiet(ids, "UTC", day)
            # After a gap it leaves periods that have ended to the engine.
            assert found == right if step == 1 else found <= right, day
            for part in BROKEN.keys() - caught if step == 1 else ():
                with broken(part):
                    if quiet.quiet(ids, "UTC", day) != right:
                        caught.add(part)
            for pk in ids:
                counts[pk in found] += 1
            assert engine.tick() == len(users)
    assert caught == set(BROKEN)
    assert min(counts.values()) > 30, counts


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "monthly", "forecast": True},
        {"type": "weekly", "rollover": True, "forecast": True},
    ],
)
def test_what_the_look_cannot_judge_is_left_to_the_engine(fields: dict[str, Any]) -> None:
    with at("2018-06-15"):
        user, other = make_user(), make_user("other")
        limit(user, "50", **fields)
        limit(other, "50", "weekly", rollover=True)
    assert quiet.quiet([user.pk, other.pk], "UTC", date(2018, 6, 16)) == {other.pk}


def test_a_combination_is_looked_at_when_a_row_comes_or_goes_or_its_period_ends() -> None:
    with at("2018-06-15"):
        rolling, closing = make_user(), make_user("closing")
        combine(rolling, (None, "spending", "gte", "5"), type="rolling", days=3)
        combine(closing, (None, "spending", "lte", "5"), type="weekly")
        spend(rolling, "1", "2018-06-15")
        spend(rolling, "1", "2018-06-21")
    loud = []
    for number in range(16, 26):
        day = date(2018, 6, number)
        with at(day):
            found = quiet.quiet([rolling.pk, closing.pk], "UTC", day)
            loud += [(number, user) for user in (rolling, closing) if user.pk not in found]
            engine.tick()
    # Two rows come and go; the week ends on Sunday night.
    assert loud == [(18, rolling), (18, closing), (21, rolling), (24, rolling), (25, closing)]


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgres
@pytest.mark.parametrize("conditional", [True, False])
def test_a_write_between_the_look_and_the_move_is_judged(conditional: bool) -> None:
    """And without the condition on the version it is not: the control."""
    with at("2018-06-15"):
        user = make_user()
        limit(user, "5", "daily", operator="lte", levels=[100])
        spend(user, "6", "2018-06-15")
    real = quiet.quiet

    def refunded_meanwhile(*args: Any) -> set[int]:
        found = real(*args)
        # As before midnight: the write does not move the day itself.
        with at("2018-06-15T23:59"):
            at_once([lambda: spend(user, "2", "2018-06-15", type="refund")])
        return found

    text = sql.MOVE_UNCHANGED
    if not conditional:
        text = text.replace(" AND version = seen_version", "")
    with (
        at("2018-06-16"),
        patch("budget.engine.tick.quiet", refunded_meanwhile),
        patch("budget.engine.sql.MOVE_UNCHANGED", text),
    ):
        assert engine.tick() == 1
    assert open_levels(user) == ([("2018-06-15", 100)] if conditional else [])
