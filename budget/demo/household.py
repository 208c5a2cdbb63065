"""Eighteen months of an invented household, the same for the same day of making."""

from __future__ import annotations

import calendar
from collections.abc import Collection, Iterator
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple

DAY = timedelta(days=1)
MONTHS = 18
SEED = 20180301


class Entry(NamedTuple):
    """One movement of money; amount in minor units, type a built-in slug."""

    date: date
    category: str
    description: str
    minor: int
    type: str = "expense"

    @property
    def amount(self) -> Decimal:
        return Decimal(self.minor).scaleb(-2)


RENT, GROCERIES, EATING_OUT, COFFEE = "Rent", "Groceries", "Eating out", "Coffee"
TRANSPORT, UTILITIES, CLOTHING, HOME = "Transport", "Utilities", "Clothing", "Home"
TRAVEL, SALARY, SAVINGS, NONE = "Travel", "Salary", "Savings", "Uncategorised"

# What comes each month: day of the month, category, description, minor units, type.
MONTHLY = (
    (1, RENT, "Rent, 14 Birch Street", 142_000, "expense"),
    (2, TRANSPORT, "Metro monthly pass", 5_900, "expense"),
    (3, HOME, "Reelhouse streaming", 1_299, "expense"),
    (5, UTILITIES, "Lumen Mobile", 2_490, "expense"),
    (8, UTILITIES, "Fibreline Internet", 3_990, "expense"),
    (25, SALARY, "Northwind Cycles, salary", 342_500, "income"),
    (26, SAVINGS, "To savings account", 35_000, "transfer"),
)
# The electricity and heating bill of each month, minor units.
ENERGY = (13_840, 13_115, 11_260, 9_470, 7_635, 6_380, 6_120, 6_245, 6_790, 8_510, 10_930, 12_985)


class Habit(NamedTuple):
    """What happens on some days: chance a day in percent, places, least and most minor units."""

    category: str
    weekday: int
    weekend: int
    places: tuple[str, ...]
    least: int
    most: int


HABITS = (
    Habit(GROCERIES, 22, 45, ("Green Basket", "Market Hall", "Oak & Onion"), 1_450, 6_900),
    Habit(GROCERIES, 12, 15, ("Corner Bakery", "Fishmonger Lund"), 480, 1_950),
    Habit(EATING_OUT, 12, 38, ("Noodle Bar Ito", "Trattoria Lina", "The Copper Pan"), 1_380, 5_400),
    Habit(COFFEE, 62, 15, ("Three Sparrows Coffee", "Platform 2 Espresso"), 290, 480),
    Habit(TRANSPORT, 5, 9, ("City Taxi", "Railway ticket"), 880, 3_600),
    Habit(CLOTHING, 2, 6, ("Loom & Thread", "Harbour Shoes"), 2_490, 8_900),
    Habit(HOME, 4, 9, ("Hammer & Pine", "Lamp Post", "Bookshop Ferrer"), 950, 7_800),
    Habit(TRAVEL, 1, 3, ("Youth hostel", "Coach to the coast"), 2_400, 6_900),
    Habit(NONE, 3, 3, ("Cash withdrawal",), 4_000, 4_000),
)


def first_day(today: date) -> date:
    """The day after the one 18 months before today."""
    year, month = divmod(today.year * 12 + today.month - 1 - MONTHS, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(today.day, last)) + DAY


def days_from(first: date, last: date) -> Iterator[date]:
    """Each day from the first to the last, both included."""
    for offset in range((last - first).days + 1):
        yield first + offset * DAY


def ordinary_life(today: date) -> list[Entry]:
    """The household's entries from the first day to today, in order."""
    random = Random(SEED)  # noqa: S311 - made-up purchases, not secrets
    entries: list[Entry] = []
    for day in days_from(first_day(today), today):
        entries += regular(day)
        entries += everyday(day, random)
    return entries


def regular(day: date) -> Iterator[Entry]:
    """What is paid on a day of every month."""
    for due, category, description, minor, type in MONTHLY:
        if day.day == due:
            yield Entry(day, category, description, minor, type)
    if day.day == 12:
        yield Entry(day, UTILITIES, "City Power and Heating", ENERGY[day.month - 1])


def everyday(day: date, random: Random) -> Iterator[Entry]:
    """What happens on this day by habit; now and then something is sent back."""
    for habit in HABITS:
        chance = habit.weekend if day.weekday() >= 5 else habit.weekday
        if random.randrange(100) < chance:
            minor = random.randint(habit.least, habit.most)
            yield Entry(day, habit.category, random.choice(habit.places), minor)
    if random.randrange(100) < 2:
        yield Entry(day, CLOTHING, "Loom & Thread, return", random.randint(1_500, 4_000), "refund")


def without(entries: Collection[Entry], category: str, since: date) -> list[Entry]:
    """The entries but those of one category from a day on."""
    return [entry for entry in entries if entry.category != category or entry.date < since]
