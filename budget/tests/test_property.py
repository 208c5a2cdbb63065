"""Random lives of two users, compared with the oracle after every step."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pkgutil import resolve_name
from typing import Any, NamedTuple, TypeVar
from unittest.mock import patch

import pytest
from django.db import DatabaseError, transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from budget import engine
from budget.models import Threshold, TransactionType
from budget.tests.oracle import Definition, Limit, Settings
from budget.tests.play import Disagreement, Play, money

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
            self.begin(user)

    def begin(self, user: int) -> None:
        """Something to lose: open alerts, and a refund that keeps one closed."""
        self.play.new_category(user)
        home = self.play.owned[user][0]
        expense, refund = self.play.type_of(user, "spending"), self.play.type_of(user, "refund")
        self.play.new_limit(user, Limit(0, 1000, "monthly", home))
        self.play.new_limit(user, Limit(0, 1000, "transaction", home))
        self.play.create(user, DAYS[0], home, expense, 1100)
        self.play.create(user, DAYS[0], home, refund, 500)

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

    @rule(
        who=numbers,
        what=st.sampled_from(["new", "change", "delete"]),
        which=numbers,
        effect=st.sampled_from(EFFECTS),
    )
    def types(self, who: int, what: str, which: int, effect: str) -> None:
        user = self.user(who)
        newest_first = list(reversed(self.play.oracle.books[user].types))
        if what == "new":
            self.play.new_type(user, effect)
        elif what == "change":
            self.play.change_effect(user, one_of(newest_first, which), effect)
        else:
            self.play.delete_type(user, one_of(newest_first, which))

    @rule(who=numbers, what=st.sampled_from(["new", "rename", "delete"]), which=numbers)
    def categories(self, who: int, what: str, which: int) -> None:
        user = self.user(who)
        if what == "new":
            self.play.new_category(user)
        elif what == "rename":
            self.play.rename(user, self.category(user, which))
        else:
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
    @rule(which=numbers, what=st.sampled_from(["toggle", "toggle", "delete"]))
    def switch_limit(self, which: int, what: str) -> None:
        user, pk = one_of(self.limits(), which)
        if what == "delete":
            self.play.delete_limit(user, pk)
        else:
            enabled = self.play.oracle.books[user].limits[pk].enabled
            self.play.edit_limit(user, pk, enabled=not enabled)

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


def live(examples: int, steps: int, phases: Sequence[Phase]) -> None:
    """Play that many random lives of that many steps."""
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            print_blob=True,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.django_db
def test_random_lives_agree_with_the_oracle() -> None:
    live(int(os.environ.get("LIVES", "24")), 30, QUICK_PHASES)


@pytest.mark.long
@pytest.mark.django_db
def test_many_long_random_lives_agree_with_the_oracle() -> None:
    live(int(os.environ.get("LONG_LIVES", "200")), 60, ALL_PHASES)


@pytest.fixture
def play() -> Play:
    return Play(START)


LEAP_DAY, DAY_AFTER, LAST_YEAR = date(2024, 2, 29), date(2024, 3, 1), date(2023, 12, 31)
MOST = 99_999_999_999_999


def one_of_everything(play: Play) -> None:
    """A short life in which every kind of write flips something, compared after each."""
    alice, charlie = play.users
    home, food = play.owned[alice][0], play.new_category(alice)
    expense, refund = play.type_of(alice, "spending"), play.type_of(alice, "refund")
    month = play.new_limit(alice, Limit(0, 10_000, "monthly"))
    groceries = play.new_limit(alice, Limit(0, 3333, "weekly", food, "gt", (33, 80, 100)))
    single = play.new_limit(alice, Limit(0, 5000, "transaction", operator="gt", levels=(100,)))
    play.new_limit(charlie, Limit(0, 0, "daily"))
    play.check()

    def spend(amount: int, day: date = LEAP_DAY, category: int = home, type: int = expense) -> int:
        pk = play.create(alice, day, category, type, amount)
        play.check()
        return pk

    rent = spend(7999)
    spend(1)
    gift = spend(5001)
    spend(3002, type=refund)
    wine = spend(1, category=food, type=refund)
    gone = [spend(9000, DAY_AFTER), spend(9000, DAY_AFTER, type=refund)]
    play.delete_many(gone[1:])
    play.check()
    play.edit(alice, gone[0], date=date(2023, 8, 1))
    play.check()
    play.delete(gone[0])
    play.check()
    old = spend(20_000, LAST_YEAR, food)
    play.edit(alice, old, date=DAY_AFTER)
    play.check()
    play.edit(alice, gift, amount=money(5000))
    play.check()
    play.edit(alice, wine, partial=True, type_id=expense)
    play.check()
    play.delete(old)
    play.check()
    spend(10_000, LAST_YEAR)
    play.advance(timedelta(hours=2))
    spend(20_000, date(2024, 2, 28))
    play.edit_limit(alice, month, amount=15_000)
    play.check()
    play.edit_limit(alice, month, levels=(50, 150), operator="gt")
    play.check()
    play.edit_limit(alice, single, amount=8000)
    play.check()
    play.edit_limit(alice, groceries, enabled=False)
    play.check()
    play.edit_limit(alice, groceries, enabled=True, amount=0, operator="gte")
    play.check()
    entries = [(DAY_AFTER, food, expense, amount) for amount in (4000, 4000, 7001)]
    play.bulk(alice, entries)
    play.check()
    play.merge(alice, food, home)
    play.check()
    play.edit(
        alice,
        rent,
        user_id=charlie,
        category_id=play.owned[charlie][0],
        type_id=play.type_of(charlie, "spending"),
    )
    play.check()
    play.acknowledge(alice, min(play.oracle.books[alice].open_alerts()))
    play.check()
    own = play.new_type(alice, "none")
    play.change_effect(alice, own, "spending")
    spend(30_000, date(2024, 5, 5), type=own)
    play.save_settings(alice, Settings("Pacific/Kiritimati", 7, 28))
    play.check()
    spend(30_000, date(2024, 3, 27))
    play.delete_limit(alice, month)
    play.check()
    play.delete_many(list(play.oracle.books[alice].rows))
    play.check()


@pytest.mark.django_db
def test_one_of_everything_agrees_with_the_oracle(play: Play) -> None:
    one_of_everything(play)


@pytest.mark.django_db
def test_the_effect_of_a_type_is_the_stored_one_whatever_the_instance_holds(play: Play) -> None:
    alice = play.users[0]
    for kind in ("transaction", "monthly"):
        play.new_limit(alice, Limit(0, 1000, kind))
    own = play.new_type(alice, "none")
    play.change_effect(alice, own, "spending")
    play.create(alice, LEAP_DAY, play.owned[alice][0], own, 1500)
    play.check()


@pytest.mark.django_db
def test_rows_deleted_together_tip_nothing_as_one_row_does_not(play: Play) -> None:
    alice = play.users[0]
    play.new_limit(alice, Limit(0, 1000, "monthly"))
    for effect, amount in (("spending", 1500), ("refund", 800), ("refund", 600)):
        play.create(alice, LEAP_DAY, play.owned[alice][0], play.type_of(alice, effect), amount)
    refunds = sorted(play.oracle.books[alice].rows)[1:]
    play.check()
    play.delete_many(refunds)
    play.check()


@pytest.mark.django_db
@pytest.mark.parametrize("what", ["date", "category", "type"])
def test_a_single_transaction_that_left_its_window_counts_nothing_there(
    play: Play, what: str
) -> None:
    alice = play.users[0]
    home, food = play.owned[alice][0], play.new_category(alice)
    play.new_limit(alice, Limit(0, 1000, "transaction", home))
    pk = play.create(alice, LEAP_DAY, home, play.type_of(alice, "spending"), 1500)
    changes: dict[str, Any] = {
        "date": {"date": DAY_AFTER},
        "category": {"category_id": food},
        "type": {"type_id": play.type_of(alice, "refund")},
    }
    play.edit(alice, pk, **changes[what])
    play.check()


@pytest.mark.django_db
def test_totals_outgrow_the_largest_amount(play: Play) -> None:
    alice = play.users[0]
    play.new_limit(alice, Limit(0, MOST, "yearly", levels=(100, 150, 1000)))
    play.new_limit(alice, Limit(0, MOST, "transaction", levels=(1, 100, 1000)))
    play.new_limit(alice, Limit(0, MOST, "transaction", levels=(1000,)))
    for _ in range(3):
        play.create(alice, LEAP_DAY, play.owned[alice][0], play.type_of(alice, "spending"), MOST)
        play.check()


@pytest.mark.django_db
def test_a_threshold_rolled_back_leaves_no_trace_in_memory(play: Play) -> None:
    alice = play.users[0]
    pk = play.new_limit(alice, Limit(0, 1000, "monthly"))
    expense = play.type_of(alice, "spending")
    with play.writing():
        play.edit_limit(alice, pk, amount=1)
        play.create(alice, LEAP_DAY, play.owned[alice][0], expense, 500)
        transaction.set_rollback(True)
    play.oracle.delete_rows(list(play.oracle.books[alice].rows))
    play.oracle.books[alice].limits[pk].amount = 1000
    play.oracle.books[alice].alerts.clear()
    play.oracle.books[alice].events.clear()
    play.loaded.clear()
    play.create(alice, LEAP_DAY, play.owned[alice][0], expense, 500)
    play.check()


@pytest.mark.django_db
def test_rules_restored_behind_the_engine_hold_after_a_repair(play: Play) -> None:
    alice = play.users[0]
    home, expense = play.owned[alice][0], play.type_of(alice, "spending")
    pk = play.new_limit(alice, Limit(0, 1000, "monthly", levels=(100,)))
    play.create(alice, LEAP_DAY, home, expense, 100)
    threshold = Threshold.objects.get(pk=pk)
    threshold.amount = money(150)
    threshold.save_base(raw=True)
    play.oracle.books[alice].limits[pk].amount = 150
    with play.clock():
        assert [drift.kind for drift in engine.reconcile(alice, repair=True)] == ["level"]
    threshold.type = "yearly"
    threshold.save_base(raw=True)
    play.oracle.books[alice].limits[pk].type = "yearly"
    play.oracle.books[alice].definitions[pk, 1] = Definition("yearly", None)
    with play.clock():
        assert engine.reconcile(alice, repair=True) == []
    play.create(alice, LEAP_DAY, home, expense, 100)
    play.check()


Function = Callable[..., Any]


class Mutant(NamedTuple):
    """One rule broken: what stands in for a function, wherever it is called from."""

    breaks: Callable[[Function], Function]
    where: tuple[str, ...]


def _no_write_on_delete(real: Function) -> Function:
    def evaluate_write(ledger: Any, before: Any, after: Any, cause: str) -> None:
        if after is not None:
            real(ledger, before, after, cause)

    return evaluate_write


def _no_old_period(real: Function) -> Function:
    def evaluate_write(ledger: Any, before: Any, after: Any, cause: str) -> None:
        real(ledger, before if after is None else None, after, cause)

    return evaluate_write


def _never(real: Function) -> Function:
    return lambda *args, **kwargs: None


def _as_of_ignored(real: Function) -> Function:
    def write_flips(ledger: Any, flips: Any, cause: str) -> None:
        as_of, ledger.as_of = ledger.as_of, date.min
        real(ledger, flips, cause)
        ledger.as_of = as_of

    return write_flips


def _always_active(real: Function) -> Function:
    return lambda alert, as_of: alert.status == "open"


def _refunds_add(real: Function) -> Function:
    def read_rules(user_id: int, number: int) -> Any:
        rules = real(user_id, number)
        return replace(rules, spending=rules.spending | rules.refunds, refunds=frozenset())

    return read_rules


def _gt_is_gte(real: Function) -> Function:
    def reached(self: Any, trigger: int) -> bool:
        return bool(self.total >= trigger)

    return reached


def _levels_only(real: Function) -> Function:
    def threshold_written(threshold: Any, change: Any) -> None:
        resolve_name("budget.engine.writes.store_levels")(threshold)
        ledger = change.ledgers[threshold.user_id]
        resolve_name("budget.engine.writes.rules_changed")(ledger)

    return threshold_written


def _tips_always(real: Function) -> Function:
    def evaluate_many(ledger: Any, rows: Any, cause: str, *, tips: bool = True) -> None:
        real(ledger, rows, cause)

    return evaluate_many


def _stale_effect(real: Function) -> Function:
    return lambda self, type_id: TransactionType(pk=type_id).effect


def _subject_anywhere(real: Function) -> Function:
    def single_totals(user_id: int, windows: Any) -> Any:
        always = [(pk, replace(one, start=date.min, end=date.max)) for pk, one in windows]
        return real(user_id, always)

    return single_totals


WRITES = "budget.engine.writes"
MUTANTS = {
    "a delete is not evaluated": Mutant(_no_write_on_delete, (f"{WRITES}.evaluate_write",)),
    "a queryset's delete is not evaluated": Mutant(_never, (f"{WRITES}.transactions_deleted",)),
    "the old period is not evaluated on a move": Mutant(
        _no_old_period, (f"{WRITES}.evaluate_write",)
    ),
    "as_of never moves": Mutant(
        _never,
        tuple(f"budget.engine.{module}.move_as_of" for module in ("evaluate", "writes", "alerts")),
    ),
    "late does not look at as_of": Mutant(_as_of_ignored, ("budget.engine.evaluate.write_flips",)),
    "active does not look at as_of": Mutant(_always_active, ("budget.engine.answers.is_active",)),
    "a threshold's edit is not evaluated": Mutant(_levels_only, (f"{WRITES}.threshold_written",)),
    "old rules stay in memory": Mutant(_never, (f"{WRITES}.rules_changed",)),
    "a refund adds": Mutant(_refunds_add, ("budget.engine.rules._read_rules",)),
    "gt is taken for gte": Mutant(_gt_is_gte, ("budget.engine.touched.Judged.reached",)),
    "a bulk entry is not evaluated": Mutant(_never, (f"{WRITES}.evaluate_many",)),
    "new settings are not applied": Mutant(_never, (f"{WRITES}.profile_written",)),
    "month rollups keep the old month start": Mutant(
        _never, ("budget.engine.rollups.rebuild_months",)
    ),
    "a merge leaves the rollups": Mutant(_never, ("budget.engine.rollups.merge",)),
    "a tipping row that went is kept": Mutant(
        _never, ("budget.engine.evaluate.replace_tips", f"{WRITES}.replace_tips")
    ),
    "rows deleted together name a tipping row": Mutant(_tips_always, (f"{WRITES}.evaluate_many",)),
    "a type has no effect on its own row": Mutant(
        _stale_effect, ("budget.engine.rules.Rules.effect_of",)
    ),
    "a single transaction counts where it no longer is": Mutant(
        _subject_anywhere, ("budget.engine.answers.single_totals",)
    ),
    "a bulk entry names no tipping row": Mutant(_never, ("budget.engine.evaluate.find_tips",)),
}


@pytest.fixture(params=MUTANTS.values(), ids=[name.replace(" ", "-") for name in MUTANTS])
def broken(request: pytest.FixtureRequest) -> Iterator[None]:
    """One broken rule at a time."""
    mutant: Mutant = request.param
    rules = resolve_name("budget.engine.rules._read_rules")
    with ExitStack() as stack:
        for where in mutant.where:
            stack.enter_context(patch(where, mutant.breaks(resolve_name(where))))
        yield
    rules.cache_clear()


@pytest.mark.django_db
@pytest.mark.usefixtures("broken")
def test_a_broken_rule_is_caught(play: Play) -> None:
    with transaction.atomic():
        with pytest.raises((Disagreement, DatabaseError)):
            one_of_everything(play)
        transaction.set_rollback(True)


@pytest.mark.long
@pytest.mark.django_db
@pytest.mark.usefixtures("broken")
def test_random_lives_catch_a_broken_rule() -> None:
    with pytest.raises((Disagreement, DatabaseError)):
        live(200, 30, QUICK_PHASES)
