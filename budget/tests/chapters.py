"""One fixed life through all features, compared after every step, in independent chapters.

Each leaves its users without rows and thresholds, and the days go on from chapter to chapter.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from budget.tests.compare import money
from budget.tests.oracle_rules import ONE_DAY, Key, Limit, Settings, Term
from budget.tests.play import Play

LEAP_DAY, DAY_AFTER, LAST_YEAR = date(2024, 2, 29), date(2024, 3, 1), date(2023, 12, 31)


class Teller:
    """Tells one user's life, and compares after each sentence."""

    def __init__(self, play: Play, user: int) -> None:
        self.play = play
        self.user = user
        self.home = play.owned[user][0]
        self.book = play.oracle.books[user]

    @property
    def today(self) -> date:
        """The date where the user lives, which may be later than what the ledger stands at."""
        return self.book.settings.today(self.play.oracle.now)

    def spend(
        self, amount: int, day: date | None = None, to: int | None = None, effect: str = "spending"
    ) -> int:
        type = self.play.type_of(self.user, effect)
        pk = self.play.create(self.user, day or self.today, to or self.home, type, amount)
        self.play.check()
        return pk

    def edit(self, pk: int, **changes: Any) -> None:
        self.play.edit(self.user, pk, **changes)
        self.play.check()

    def delete(self, pk: int) -> None:
        self.play.delete(pk)
        self.play.check()

    def limit(self, amount: int | None, type: str, **fields: Any) -> int:
        pk = self.play.new_limit(self.user, Limit(0, amount, type, **fields))
        self.play.check()
        return pk

    def change(self, pk: int, **changes: Any) -> None:
        self.play.edit_limit(self.user, pk, **changes)
        self.play.check()

    def bulk(self, *entries: tuple[date, int, str, int]) -> None:
        typed = [
            (day, to, self.play.type_of(self.user, of), cents) for day, to, of, cents in entries
        ]
        self.play.bulk(self.user, typed)
        self.play.check()

    def category(self) -> int:
        return self.play.new_category(self.user)

    def hang(self, pk: int, under: int | None) -> None:
        self.play.reparent(self.user, pk, under)
        self.play.check()

    def settle(self, *settings: Any) -> None:
        self.play.save_settings(self.user, Settings(*settings))
        self.play.check()

    def sleep(self, days: int = 1, *, tick: bool = False) -> None:
        """Let days go by, and look, or let the tick look."""
        self.play.advance(timedelta(days=days))
        if tick:
            self.play.tick()
        else:
            self.play.look(self.user)
        self.play.check()

    def sleep_until(self, day: date) -> None:
        self.sleep((day - self.today).days)

    def opened(self) -> list[Key]:
        return sorted(self.book.open_alerts())

    def clear(self) -> None:
        """Ask what would have been, and leave nothing that others would have to know of."""
        for back in (0, 99):
            for pk in self.book.limits:
                self.play.preview(self.user, pk, self.book.as_of - back * ONE_DAY)
        for pk, limit in self.book.limits.items():
            if not limit.deleted:
                self.play.delete_limit(self.user, pk)
        self.play.delete_many(list(self.book.rows))
        self.play.check()


def spending(play: Play) -> None:
    """The core: every kind of write flips something."""
    alice, charlie = play.users
    told = Teller(play, alice)
    home, food = told.home, told.category()
    expense = play.type_of(alice, "spending")
    month = told.limit(10_000, "monthly")
    groceries = told.limit(3333, "weekly", category=food, operator="gt", levels=(33, 80, 100))
    single = told.limit(5000, "transaction", operator="gt", levels=(100,))
    play.new_limit(charlie, Limit(0, 0, "daily"))
    play.check()
    rent = told.spend(7999, LEAP_DAY)
    told.spend(1, LEAP_DAY)
    gift = told.spend(5001, LEAP_DAY)
    told.spend(3002, LEAP_DAY, effect="refund")
    wine = told.spend(1, LEAP_DAY, food, "refund")
    gone = [told.spend(9000, DAY_AFTER), told.spend(9000, DAY_AFTER, effect="refund")]
    play.delete_many(gone[1:])
    play.check()
    told.edit(gone[0], date=date(2023, 8, 1))
    told.delete(gone[0])
    old = told.spend(20_000, LAST_YEAR, food)
    told.edit(old, date=DAY_AFTER)
    told.edit(gift, amount=money(5000))
    told.edit(wine, partial=True, type_id=expense)
    told.delete(old)
    told.spend(10_000, LAST_YEAR)
    play.advance(timedelta(hours=2))
    told.spend(20_000, date(2024, 2, 28))
    told.change(month, amount=15_000)
    told.change(month, levels=(50, 150), operator="gt")
    told.change(single, amount=8000)
    told.change(groceries, enabled=False)
    told.change(groceries, enabled=True, amount=0, operator="gte")
    told.bulk(*[(DAY_AFTER, food, "spending", amount) for amount in (4000, 4000, 7001)])
    play.merge(alice, food, home)
    play.check()
    other = {"category_id": play.owned[charlie][0], "type_id": play.type_of(charlie, "spending")}
    told.edit(rent, user_id=charlie, **other)
    play.acknowledge(alice, told.opened()[0])
    play.check()
    own = play.new_type(alice, "none")
    play.change_effect(alice, own, "spending")
    play.create(alice, date(2024, 5, 5), home, own, 30_000)
    play.check()
    told.settle("Pacific/Kiritimati", 7, 28)
    told.spend(30_000, date(2024, 3, 27))
    play.delete_limit(alice, month)
    play.check()
    told.clear()
    Teller(play, charlie).clear()


def rolling(play: Play) -> None:
    """Windows that move on by themselves."""
    told = Teller(play, play.users[0])
    today = told.today
    window = told.limit(1000, "rolling", days=3, levels=(50, 100))
    before, first = today - 3 * ONE_DAY, today - 2 * ONE_DAY
    told.spend(5000, before)
    told.spend(600, first)
    told.spend(300, today - ONE_DAY)
    told.spend(300, today)
    told.spend(150, today + ONE_DAY)
    told.sleep()
    told.sleep(tick=True)
    told.bulk((told.today, told.home, "spending", 400), (told.today, told.home, "spending", 400))
    told.spend(2000, told.today - 3 * ONE_DAY)
    told.change(window, days=4)
    told.change(window, days=3, measure="count", amount=200)
    told.change(window, measure="spending", amount=1000)
    # A refund leaves the window, and the new day opens what it had closed.
    told.spend(900, told.today - 2 * ONE_DAY, effect="refund")
    told.spend(199)
    told.sleep()
    # Rows elsewhere do not touch the window, so that this flip too is the day's.
    play.advance(timedelta(days=1))
    told.spend(1, date(2023, 1, 1))
    play.advance(timedelta(days=1))
    told.spend(1)
    told.spend(1200)
    told.settle("Pacific/Pago_Pago", 7, 28)
    told.settle("UTC", 1, 1)
    told.clear()


def closing(play: Play) -> None:
    """What is judged when its period is over, empty ones too."""
    told = Teller(play, play.users[0])
    told.sleep_until(date(2024, 4, 14))
    frugal = told.limit(500, "daily", operator="lte", levels=(100,))
    saving = told.limit(0, "monthly", operator="lt", measure="net", levels=(100,))
    visits = told.limit(200, "weekly", operator="eq", measure="count", levels=(100,))
    told.spend(500)
    told.sleep()
    told.spend(501)
    play.advance(timedelta(days=1))
    # The day that ends with this write is judged with it.
    told.spend(1, told.today - ONE_DAY, effect="refund")
    late = told.spend(3, told.today - 2 * ONE_DAY, effect="refund")
    told.delete(late)
    told.spend(1, told.today - 2 * ONE_DAY)
    told.edit(late := told.spend(2, told.today - 2 * ONE_DAY, effect="refund"), amount=money(1))
    told.edit(late, date=told.today)
    told.sleep(5, tick=True)
    told.sleep_until(date(2024, 5, 2))
    told.spend(400, date(2024, 4, 30), effect="income")
    told.spend(1000, date(2024, 4, 30), effect="income")
    told.change(saving, starts_on=date(2024, 2, 2), operator="lte")
    told.change(visits, operator="gte", starts_on=None)
    told.change(visits, operator="lt", starts_on=None)
    told.spend(1)
    told.spend(1)
    told.spend(1, effect="refund")
    told.change(frugal, amount=0)
    told.change(frugal, amount=600, type="weekly")
    told.sleep(20)
    told.settle("UTC", 4, 15)
    told.settle("Pacific/Kiritimati", 4, 15)
    told.settle("Pacific/Pago_Pago", 4, 15)
    told.settle("UTC", 1, 1)
    told.sleep(33)
    told.clear()


def combinations(play: Play) -> None:
    """Several conditions in one threshold."""
    told = Teller(play, play.users[0])
    told.sleep_until(date(2024, 7, 3))
    food, rent = told.category(), told.category()
    dining = Term(food, "spending", "gt", 20_000)
    both = told.limit(
        None, "monthly", levels=(100,), conditions=(dining, Term(None, "net", "lt", 0))
    )
    either = told.limit(
        None,
        "weekly",
        levels=(100,),
        conditions=(Term(food, amount=0), Term(rent, "count", "gte", 200)),
        match="any",
    )
    told.spend(20_000, to=food)
    told.spend(1, to=food)
    told.spend(500, to=rent, effect="income")
    told.sleep_until(date(2024, 8, 1))
    flat = told.spend(1000, to=rent)
    told.spend(1000, to=rent)
    told.delete(flat)
    told.spend(30_000, date(2024, 7, 9), rent, "income")
    told.change(both, conditions=(dining, Term(None, "income", "gt", 0)))
    told.change(both, match="any")
    told.change(both, conditions=(dining,), match="all")
    told.change(
        either,
        match="all",
        conditions=(Term(food, amount=100), Term(rent, amount=1000), Term(None, "income", "gt", 0)),
    )
    told.bulk(
        (told.today, food, "spending", 60),
        (told.today, rent, "spending", 1000),
        (told.today, food, "income", 5),
        (told.today, food, "spending", 60),
        (told.today, food, "spending", 60),
    )
    play.merge(told.user, rent, food)
    play.check()
    told.change(either, amount=1000, conditions=(), match="all", levels=(80, 100))
    told.change(either, amount=None, conditions=(Term(amount=1000),), levels=(100,))
    told.change(either, type="rolling", days=2)
    told.sleep()
    told.sleep()
    told.clear()


def tree(play: Play) -> None:
    """Categories under categories."""
    told = Teller(play, play.users[0])
    food, meals, bread, rye, fuel = (told.category() for _ in range(5))
    told.hang(meals, food)
    told.hang(bread, meals)
    told.limit(1000, "monthly", category=food)
    told.limit(300, "transaction", category=meals, levels=(100,))
    told.limit(500, "rolling", days=10, category=meals, levels=(100,))
    told.limit(900, "weekly", category=bread, operator="gt", levels=(100,))
    told.spend(300, to=food)
    told.spend(300, to=meals)
    told.spend(450, to=bread)
    told.bulk((told.today, rye, "spending", 500), (told.today, fuel, "spending", 400))
    told.hang(rye, bread)
    told.hang(meals, None)
    told.hang(meals, fuel)
    for wrong in (fuel, meals, bread, rye, told.home):
        told.hang(fuel, wrong)
    told.hang(told.home, fuel)
    told.hang(food, rye)
    told.hang(told.category(), food)
    told.hang(rye, food)
    told.hang(rye, None)
    for source, target in ((fuel, meals), (meals, fuel), (fuel, told.home), (bread, food)):
        play.merge(told.user, source, target)
        play.check()
    play.delete_category(told.user, fuel)
    play.delete_category(told.user, told.category())
    told.clear()


def rollover(play: Play) -> None:
    """What a period leaves over goes to the next one."""
    told = Teller(play, play.users[0])
    told.sleep_until(date(2024, 10, 3))
    food = told.category()
    months = told.limit(
        1000, "monthly", rollover=True, rollover_from=date(2024, 7, 15), levels=(50, 100)
    )
    weeks = told.limit(
        700, "weekly", category=food, rollover=True, rollover_cap=300, operator="gt", levels=(100,)
    )
    told.spend(2500)
    july = told.spend(600, date(2024, 7, 3))
    told.spend(1, date(2024, 6, 30))
    august = told.spend(2500, date(2024, 8, 9))
    told.edit(july, amount=money(99))
    told.edit(august, date=date(2024, 11, 1))
    told.bulk((date(2024, 9, 9), told.home, "spending", 1000), (told.today, food, "spending", 699))
    told.sleep(7)
    for amount in (999, 1, 2):
        told.spend(amount, to=food)
    told.sleep(7)
    told.spend(700, to=food)
    told.spend(601, told.today - 14 * ONE_DAY, food, "refund")
    told.change(weeks, rollover_cap=0)
    told.change(weeks, rollover_cap=None)
    told.change(months, rollover_from=date(2024, 9, 1))
    told.change(months, amount=0)
    # A limit of 0 has only level 100; what a refund carries to it has the others.
    told.change(months, rollover_from=date(2025, 2, 1), levels=(10, 60, 80))
    gift = told.spend(100, date(2025, 2, 1), effect="refund")
    told.spend(70, date(2025, 3, 1))
    told.delete(gift)
    told.bulk((date(2025, 2, 1), told.home, "refund", 100))
    told.bulk((date(2025, 2, 2), told.home, "spending", 100))
    told.spend(1, date(2025, 2, 3), effect="refund")
    told.change(months, amount=10, type="yearly", rollover_from=date(1999, 1, 1))
    told.spend(240, date(2024, 2, 1))
    told.spend(5, date(1999, 6, 1))
    told.spend(5, date(2001, 6, 1))
    told.change(months, rollover=False, rollover_from=None)
    told.change(months, rollover=True, type="quarterly")
    told.settle("UTC", 1, 28)
    told.settle("UTC", 1, 1)
    told.clear()


def long_chain(play: Play) -> None:
    """What was left over, or overspent, years ago is carried for as long as there is a chain."""
    told = Teller(play, play.users[0])
    told.sleep_until(date(2025, 1, 8))
    food, fun = told.category(), told.category()
    begin = date(2022, 1, 3)
    weeks = told.limit(
        1000, "weekly", rollover=True, rollover_from=begin, levels=(80, 100), forecast=True
    )
    capped = told.limit(
        500, "weekly", category=food, rollover=True, rollover_cap=2000, rollover_from=begin
    )
    months = told.limit(3000, "monthly", category=fun, rollover=True, rollover_from=begin)
    told.spend(100_000, begin)
    told.spend(90_000, begin + timedelta(weeks=30), fun)
    told.spend(5000, begin + timedelta(weeks=31), food)
    told.spend(2000, to=food)
    told.sleep(7)
    told.spend(30_000, to=fun)
    # Before all balances, between two of them, and in a block without any rows.
    early = told.spend(20_000, begin + timedelta(weeks=1), food)
    between = told.spend(3000, begin + timedelta(weeks=50), food)
    told.edit(early, amount=money(40_000))
    told.edit(early, date=begin + timedelta(weeks=120))
    told.edit(between, type_id=play.type_of(told.user, "refund"))
    told.bulk(
        (begin + timedelta(weeks=5), food, "spending", 700),
        (begin + timedelta(weeks=100), fun, "refund", 99_000),
        (told.today, told.home, "spending", 1),
    )
    told.delete(early)
    told.spend(500, told.today + timedelta(weeks=200))
    told.change(capped, amount=700)
    told.change(weeks, rollover_cap=60_000)
    told.change(months, enabled=False)
    told.spend(777, begin + timedelta(weeks=9), fun)
    told.change(months, enabled=True, amount=3100)
    told.hang(fun, food)
    told.settle("UTC", 7, 15)
    told.spend(4000, begin + timedelta(weeks=26), fun)
    told.sleep(30, tick=True)
    play.merge(told.user, fun, food)
    play.check()
    told.settle("UTC", 1, 1)
    told.clear()


def forecast(play: Play) -> None:
    """What the limit will come to if it goes on like this."""
    told = Teller(play, play.users[0])
    told.sleep_until(date(2025, 1, 3))
    limit = told.limit(31_000, "monthly", forecast=True, levels=(1000,))
    week = told.limit(700, "weekly", forecast=True, operator="gt", levels=(100,))
    first = told.spend(3000)
    told.sleep(1)
    told.spend(1000)
    told.spend(5)
    told.sleep(6)
    # 40.05 in 10 of 31 days are projected to 124.155, and so to 124.16: 310.00 with these two.
    told.bulk((date(2025, 1, 31), told.home, "spending", 18_583))
    edge = told.spend(1, date(2025, 1, 31))
    # 294.50 is 95 %, and rests on the half that is rounded up, too.
    told.edit(first, amount=money(2500))
    told.edit(first, amount=money(2499))
    told.edit(edge, amount=money(1554))
    told.edit(edge, amount=money(1555))
    told.change(limit, amount=40_000)
    told.change(limit, amount=30_000, enabled=False)
    told.change(limit, enabled=True)
    told.change(limit, forecast=False)
    told.change(limit, forecast=True, operator="gt")
    told.change(limit, amount=1000, rollover=True, rollover_from=date(2024, 12, 1))
    told.spend(100, date(2024, 12, 9))
    told.spend(3000, date(2024, 12, 9))
    told.change(week, amount=100)
    told.spend(50)
    told.sleep(4)
    told.sleep(7, tick=True)
    told.settle("Pacific/Kiritimati", 1, 20)
    told.settle("UTC", 1, 1)
    told.sleep(12)
    told.clear()


def verbs_and_days(play: Play) -> None:
    """What the user says to alerts, and days that come late, twice or never."""
    alice, charlie = (Teller(play, user) for user in play.users)
    for told in (alice, charlie):
        told.limit(100, "daily", levels=(100,))
        told.limit(1, "daily", operator="lt", levels=(100,))
    row = alice.spend(100)
    alice.sleep()
    key = alice.opened()[0]
    until = play.oracle.now + timedelta(days=3)
    for when in (until, until, until + timedelta(hours=1)):
        play.snooze(alice.user, key, when)
        play.check()
    play.acknowledge(alice.user, key)
    alice.edit(row, amount=money(99))
    alice.edit(row, amount=money(101))
    play.snooze(alice.user, key, None)
    play.snooze(alice.user, key, None)
    play.check()
    play.advance(timedelta(days=2))
    play.snooze(alice.user, key, until)
    play.check()
    play.advance(timedelta(days=1))
    play.acknowledge(alice.user, key)
    play.check()
    # The tick comes to those whose day has changed, and to nobody twice.
    charlie.settle("Pacific/Kiritimati", 1, 1)
    play.advance(
        datetime.combine(alice.today, datetime.min.time()) - play.oracle.now.replace(tzinfo=None)
    )
    play.advance(timedelta(hours=34))
    play.tick()
    play.check()
    play.tick()
    play.advance(timedelta(hours=14))
    play.tick()
    play.check()
    alice.clear()
    charlie.clear()


Chapter = Callable[[Play], None]
CHAPTERS: tuple[Chapter, ...] = (
    spending,
    rolling,
    closing,
    combinations,
    tree,
    rollover,
    long_chain,
    forecast,
    verbs_and_days,
)
