"""Random lives of two users, compared with the oracle after every step."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from budget.tests.oracle import Limit, Settings
from budget.tests.play import Play, money

T = TypeVar("T")

# Shrinking a failure takes minutes; the long test, and a rerun with the printed blob, have time.
QUICK_PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
ALL_PHASES = tuple(Phase)

# A late evening, so that time zones disagree on the date; the next day is a leap day.
START = datetime(2024, 2, 28, 22, 30, tzinfo=UTC)
# Few days, so that rows meet in one period, and each beside a boundary of some kind of period.
DAYS = [
    date(2024, 2, 29),
    date(2024, 2, 28),
    date(2024, 3, 1),
    date(2024, 2, 14),
    date(2024, 2, 15),
    date(2024, 1, 27),
    date(2024, 1, 28),
    date(2024, 1, 31),
    date(2024, 2, 1),
    date(2024, 2, 25),
    date(2024, 2, 26),
    date(2024, 3, 31),
    date(2024, 4, 1),
    date(2023, 12, 31),
    date(2024, 1, 1),
    date(2024, 12, 30),
    date(2025, 1, 1),
    date(2023, 2, 28),
    date(1900, 1, 1),
    date(2199, 12, 31),
]
KINDS = ["monthly", "daily", "weekly", "quarterly", "yearly", "transaction"]
EFFECTS = ["spending", "refund", "income", "none"]
ZONES = ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/New_York", "Europe/Berlin"]

numbers = st.integers(0, 1_000)
days = st.sampled_from(DAYS)
amounts = st.one_of(
    st.sampled_from([1, 99, 100, 101, 799, 800, 801, 999, 1000, 1001, 2666, 2667, 3333, 8000]),
    st.integers(1, 20_000),
)
limit_amounts = st.sampled_from([0, 1, 100, 1000, 3333, 10_000])
levels = st.sampled_from([(80, 100), (100,), (1,), (50, 80, 100, 150), (33, 66, 99), (1000,)])


def one_of(items: Sequence[T], number: int) -> T:
    """An item chosen by any number, so that a shorter list never makes a run invalid."""
    return items[number % len(items)]


class Life(RuleBasedStateMachine):
    """Everything two users do, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.play = Play(START)
        self.alice, self.charlie = self.play.users
        for user in self.play.users:
            self.play.new_category(user)
            self.play.new_limit(user, Limit(0, 1000, "monthly"))

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.savepoint.__exit__(None, None, None)

    @invariant()
    def agrees(self) -> None:
        self.play.check()

    def user(self, number: int) -> int:
        """Mostly alice; charlie often enough for a leak to show."""
        return self.charlie if number % 4 == 3 else self.alice

    def category(self, user: int, number: int) -> int:
        return one_of(self.play.owned[user], number)

    def type(self, user: int, number: int) -> int:
        """Every other time an expense; else any type, a user's own ones included."""
        types = list(self.play.oracle.books[user].types)
        return self.play.type_of(user, "spending") if number % 2 else one_of(types, number // 2)

    def rows(self) -> list[tuple[int, int]]:
        books = self.play.oracle.books.items()
        return [(user, pk) for user, book in books for pk in book.rows]

    def limits(self) -> list[tuple[int, int]]:
        books = self.play.oracle.books.items()
        return [
            (user, pk)
            for user, book in books
            for pk, limit in book.limits.items()
            if not limit.deleted
        ]

    def has_rows(self) -> bool:
        return bool(self.rows())

    def has_limits(self) -> bool:
        return bool(self.limits())

    def has_alerts(self) -> bool:
        return any(book.alerts for book in self.play.oracle.books.values())

    # Transactions

    @rule(who=numbers, day=days, category=numbers, type=numbers, amount=amounts)
    def spend(self, who: int, day: date, category: int, type: int, amount: int) -> None:
        user = self.user(who)
        self.play.create(user, day, self.category(user, category), self.type(user, type), amount)

    @precondition(has_limits)
    @rule(which=numbers, level=numbers, day=days, category=numbers, off=st.integers(-1, 1))
    def hit(self, which: int, level: int, day: date, category: int, off: int) -> None:
        """Bring a total exactly to a level, or one cent beside it, by an expense or a refund."""
        user, pk = one_of(self.limits(), which)
        book = self.play.oracle.books[user]
        limit = book.limits[pk]
        start, _ = book.period(day, limit.type)
        total = book.total(book.windows(limit).get((start, 0), []))
        gap = limit.trigger(one_of(limit.levels_in_force(), level)) + off - total
        if gap:
            effect = "spending" if gap > 0 else "refund"
            into = limit.category or self.category(user, category)
            self.play.create(user, day, into, self.play.type_of(user, effect), abs(gap))

    @precondition(has_rows)
    @rule(
        which=numbers,
        what=st.sets(st.sampled_from(["amount", "date", "category", "type"]), min_size=1),
        day=days,
        category=numbers,
        type=numbers,
        amount=amounts,
        partial=st.booleans(),
    )
    def edit(self, which: int, what: set[str], partial: bool, day: date, **numbers: int) -> None:
        user, pk = one_of(self.rows(), which)
        possible: dict[str, tuple[str, Any]] = {
            "amount": ("amount", money(numbers["amount"])),
            "date": ("date", day),
            "category": ("category_id", self.category(user, numbers["category"])),
            "type": ("type_id", self.type(user, numbers["type"])),
        }
        changes = dict(possible[name] for name in sorted(what))
        self.play.edit(user, pk, partial=partial, **changes)

    @precondition(has_rows)
    @rule(which=numbers, category=numbers, type=numbers)
    def give_away(self, which: int, category: int, type: int) -> None:
        user, pk = one_of(self.rows(), which)
        other = self.charlie if user == self.alice else self.alice
        self.play.edit(
            user,
            pk,
            user_id=other,
            category_id=self.category(other, category),
            type_id=self.type(other, type),
        )

    @rule(which=numbers)
    def save_stale(self, which: int) -> None:
        usable = self.play.usable_stale()
        if usable:
            self.play.save_stale(one_of(usable, which))

    @precondition(has_rows)
    @rule(which=numbers)
    def delete(self, which: int) -> None:
        self.play.delete(one_of(self.rows(), which)[1])

    @precondition(has_rows)
    @rule(which=st.sets(numbers, min_size=1, max_size=4))
    def delete_many(self, which: set[int]) -> None:
        rows = self.rows()
        self.play.delete_many(sorted({one_of(rows, number)[1] for number in which}))

    @rule(
        who=numbers,
        entries=st.lists(st.tuples(days, numbers, numbers, amounts), min_size=1, max_size=6),
    )
    def bulk(self, who: int, entries: list[tuple[date, int, int, int]]) -> None:
        user = self.user(who)
        self.play.bulk(
            user,
            [
                (day, self.category(user, category), self.type(user, type), amount)
                for day, category, type, amount in entries
            ],
        )

    # Types and categories

    @rule(who=numbers, effect=st.sampled_from(EFFECTS))
    def new_type(self, who: int, effect: str) -> None:
        self.play.new_type(self.user(who), effect)

    @rule(who=numbers, which=numbers, effect=st.sampled_from(EFFECTS))
    def change_effect(self, who: int, which: int, effect: str) -> None:
        user = self.user(who)
        newest_first = list(reversed(self.play.oracle.books[user].types))
        self.play.change_effect(user, one_of(newest_first, which), effect)

    @rule(who=numbers, which=numbers)
    def delete_type(self, who: int, which: int) -> None:
        user = self.user(who)
        newest_first = list(reversed(self.play.oracle.books[user].types))
        self.play.delete_type(user, one_of(newest_first, which))

    @rule(who=numbers)
    def new_category(self, who: int) -> None:
        self.play.new_category(self.user(who))

    @rule(who=numbers, which=numbers)
    def rename(self, who: int, which: int) -> None:
        user = self.user(who)
        self.play.rename(user, self.category(user, which))

    @rule(who=numbers, which=numbers)
    def delete_category(self, who: int, which: int) -> None:
        user = self.user(who)
        self.play.delete_category(user, self.category(user, which))

    @rule(who=numbers, source=numbers, into=numbers)
    def merge(self, who: int, source: int, into: int) -> None:
        user = self.user(who)
        self.play.merge(user, self.category(user, source), self.category(user, into))

    # Thresholds and settings

    @rule(
        who=numbers,
        amount=limit_amounts,
        kind=st.sampled_from(KINDS),
        category=st.none() | numbers,
        operator=st.sampled_from(["gte", "gt"]),
        levels=levels,
    )
    def new_limit(self, who: int, category: int | None, kind: str, **fields: Any) -> None:
        user = self.user(who)
        into = None if category is None else self.category(user, category)
        self.play.new_limit(user, Limit(0, type=kind, category=into, **fields))

    @precondition(has_limits)
    @rule(
        which=numbers,
        what=st.sets(
            st.sampled_from(["amount", "type", "category", "operator", "levels"]), min_size=1
        ),
        amount=limit_amounts,
        type=st.sampled_from(KINDS),
        category=st.none() | numbers,
        operator=st.sampled_from(["gte", "gt"]),
        levels=levels,
    )
    def edit_limit(self, which: int, what: set[str], category: int | None, **fields: Any) -> None:
        user, pk = one_of(self.limits(), which)
        into = None if category is None else self.category(user, category)
        possible = {"category": into, **fields}
        self.play.edit_limit(user, pk, **{name: possible[name] for name in sorted(what)})

    @precondition(has_limits)
    @rule(which=numbers)
    def toggle_limit(self, which: int) -> None:
        user, pk = one_of(self.limits(), which)
        self.play.edit_limit(user, pk, enabled=not self.play.oracle.books[user].limits[pk].enabled)

    @precondition(has_limits)
    @rule(which=numbers)
    def delete_limit(self, which: int) -> None:
        self.play.delete_limit(*one_of(self.limits(), which))

    @rule(
        who=numbers,
        time_zone=st.sampled_from(ZONES),
        week_start=st.sampled_from([1, 7, 4]),
        month_start=st.sampled_from([1, 28, 15]),
    )
    def save_settings(self, who: int, **fields: Any) -> None:
        self.play.save_settings(self.user(who), Settings(**fields))

    # Alerts and time

    @precondition(has_alerts)
    @rule(which=numbers)
    def acknowledge(self, which: int) -> None:
        books = self.play.oracle.books.items()
        alerts = [(user, key) for user, book in books for key in sorted(book.alerts)]
        self.play.acknowledge(*one_of(alerts, which))

    @rule(hours=st.sampled_from([1, 2, 12, 24, 8 * 24, 40 * 24]), who=numbers, look=st.booleans())
    def time_passes(self, hours: int, who: int, look: bool) -> None:
        self.play.advance(timedelta(hours=hours))
        if look:
            self.play.look(self.user(who))


def live(examples: int, steps: int, *, shrink: bool) -> None:
    """Play that many random lives of that many steps."""
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            print_blob=True,
            phases=ALL_PHASES if shrink else QUICK_PHASES,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.django_db
def test_random_lives_agree_with_the_oracle() -> None:
    live(examples=int(os.environ.get("LIVES", "40")), steps=30, shrink=False)


@pytest.mark.long
@pytest.mark.django_db
def test_many_long_random_lives_agree_with_the_oracle() -> None:
    live(examples=int(os.environ.get("LONG_LIVES", "600")), steps=60, shrink=True)
