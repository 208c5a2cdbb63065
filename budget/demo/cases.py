"""What the demo shows today, on whatever day it is made.

A current period may have begun today, so each case uses entries that fit into the period so far.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from budget.demo.household import (
    CLOTHING,
    COFFEE,
    EATING_OUT,
    GROCERIES,
    HOME,
    TRAVEL,
    Entry,
    days_from,
    ordinary_life,
    without,
)
from budget.judge.periods import span_of
from budget.models import Calendar, Operator, PeriodType


class Limit(NamedTuple):
    """A threshold of the demo; amount in whole units of the currency."""

    name: str
    amount: int
    type: PeriodType
    category: str | None = None
    levels: tuple[int, ...] = (80, 100)
    operator: Operator = Operator.GTE


LIMITS = (
    Limit("Daily spending", 120, PeriodType.DAILY, levels=(100,)),
    Limit("Coffee", 20, PeriodType.WEEKLY, COFFEE),
    Limit("Monthly spending", 2_900, PeriodType.MONTHLY, levels=(80, 100, 120)),
    Limit("Groceries", 480, PeriodType.MONTHLY, GROCERIES),
    Limit("Eating out", 240, PeriodType.MONTHLY, EATING_OUT, operator=Operator.GT),
    Limit("Clothing", 350, PeriodType.QUARTERLY, CLOTHING),
    Limit("Travel", 1_800, PeriodType.YEARLY, TRAVEL, levels=(50, 100, 125)),
    Limit("Large purchase", 1_500, PeriodType.TRANSACTION, levels=(100,)),
)


class Case(NamedTuple):
    """The entries of one category in its current period, in minor units."""

    limit: str
    category: str
    type: PeriodType
    entries: tuple[tuple[str, int], ...]


# Approaching: 88 % of 480.
GROCERIES_NOW = Case(
    "Groceries",
    GROCERIES,
    PeriodType.MONTHLY,
    (
        ("Green Basket", 6_842),
        ("Market Hall", 8_115),
        ("Corner Bakery", 1_260),
        ("Green Basket", 9_498),
        ("Oak & Onion", 7_335),
        ("Market Hall", 9_190),
    ),
)
# Open: 113 % of 240.
EATING_OUT_NOW = Case(
    "Eating out",
    EATING_OUT,
    PeriodType.MONTHLY,
    (
        ("Noodle Bar Ito", 2_480),
        ("The Copper Pan", 7_350),
        ("Trattoria Lina", 8_620),
        ("Trattoria Lina, birthday dinner", 8_670),
    ),
)
# Open, and its first level acknowledged: 106 % of 20.
COFFEE_NOW = Case(
    "Coffee",
    COFFEE,
    PeriodType.WEEKLY,
    (
        ("Platform 2 Espresso", 390),
        ("Three Sparrows Coffee", 450),
        ("Three Sparrows Coffee, beans 250 g", 1_290),
    ),
)
# 42 % of 350, before the coat and after it was sent back.
CLOTHING_NOW = Case(
    "Clothing",
    CLOTHING,
    PeriodType.QUARTERLY,
    (
        ("Harbour Shoes", 7_990),
        ("Loom & Thread", 6_850),
    ),
)
CASES = (GROCERIES_NOW, EATING_OUT_NOW, COFFEE_NOW, CLOTHING_NOW)

# The trip of the year before, by day of September: beyond 125 % of 1,800, and found late.
TRIP = (
    (2, "Skylark Air, two tickets", 64_800),
    (6, "Hotel Miramar, six nights", 98_400),
    (8, "Island ferry", 8_600),
    (9, "Sailing school, weekend course", 56_000),
)
SOFA = "Nordhaus Furniture, sofa"


def case_entries(case: Case, today: date) -> list[Entry]:
    """A case's entries, spread over its current period so far; the last one is today."""
    first = span_of(case.type, today, Calendar()).start
    days = list(days_from(first, today))
    last = len(case.entries) - 1
    return [
        Entry(days[(len(days) - 1) * number // last], case.category, description, minor)
        for number, (description, minor) in enumerate(case.entries)
    ]


def history(today: date) -> list[Entry]:
    """All entries up to today, by date."""
    entries = ordinary_life(today)
    for case in CASES:
        entries = without(entries, case.category, span_of(case.type, today, Calendar()).start)
        entries += case_entries(case, today)
    entries += past_cases(today)
    return sorted(entries, key=lambda entry: entry.date)


def past_cases(today: date) -> list[Entry]:
    """Large entries of past periods: last year's trip, a sofa in the last nine months."""
    # Last year's September is within the 18 months on any day of this year.
    trip = [
        Entry(date(today.year - 1, 9, day), TRAVEL, description, minor)
        for day, description, minor in TRIP
    ]
    return [*trip, Entry(today - timedelta(days=260), HOME, SOFA, 164_000)]
