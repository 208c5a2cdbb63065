"""The rules of the oracle that need no ledger: how days are cut, and what a threshold asks for.

Like the oracle it imports nothing of the project. Money is whole minor units (cents) throughout;
for the measure `count` one transaction is 100.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

ONE_DAY = timedelta(days=1)
CLOSING = ("lte", "lt", "eq")
# What a row's effect adds to a measure, by sign; an effect that is not named does not count.
SIGNS = {
    "spending": {"spending": 1, "refund": -1},
    "income": {"income": 1},
    "net": {"income": 1, "spending": -1, "refund": 1},
    "count": {"spending": 1},
}
ONE_TRANSACTION = 100
FORECAST = 0


class Settings(NamedTuple):
    """How a user's periods are cut. Weeks start on ISO weekday 1 to 7, months on day 1 to 28."""

    time_zone: str = "UTC"
    week_start: int = 1
    month_start: int = 1

    def today(self, now: datetime) -> date:
        """The calendar date of the instant `now` where the user lives."""
        return now.astimezone(ZoneInfo(self.time_zone)).date()


class Row(NamedTuple):
    """One transaction."""

    id: int
    date: date
    category: int
    type: int
    amount: int


class Term(NamedTuple):
    """One condition: which rows count, how they add up, and what is asked of the total."""

    category: int | None = None
    measure: str = "spending"
    operator: str = "gte"
    amount: int = 0


def holds(operator: str, total: int, amount: int, level: int = 100) -> bool:
    """Whether a total is where `level` percents of an amount want it.

    At least nothing is no condition, so gte with amount 0 asks for more than nothing.
    """
    if operator == "gte" and amount == 0:
        return total > 0
    have, want = total * 100, amount * level
    return {
        "gte": have >= want,
        "gt": have > want,
        "lte": have <= want,
        "lt": have < want,
        "eq": have == want,
    }[operator]


@dataclass
class Limit:
    """One threshold; `levels` are the percents the user asked for.

    With `conditions` it is a combination: amount is None, and category, measure, operator and
    levels mean nothing.
    """

    id: int
    amount: int | None
    type: str
    category: int | None = None
    operator: str = "gte"
    levels: tuple[int, ...] = (80, 100)
    enabled: bool = True
    deleted: bool = False
    revision: int = 1
    measure: str = "spending"
    days: int | None = None
    starts_on: date | None = None
    conditions: tuple[Term, ...] = ()
    match: str = "all"
    rollover: bool = False
    rollover_cap: int | None = None
    rollover_from: date | None = None
    forecast: bool = False

    @property
    def terms(self) -> tuple[Term, ...]:
        """The conditions of a combination, or the one that a simple threshold is."""
        own = Term(self.category, self.measure, self.operator, self.amount or 0)
        return self.conditions or (own,)

    @property
    def closing(self) -> bool:
        """Whether it is judged when a period is over."""
        return any(term.operator in CLOSING for term in self.terms)

    def looks_at(self) -> tuple[object, ...]:
        """What starts a new revision where it is another than before."""
        if self.conditions:
            return self.type, self.days, self.conditions, self.match
        simple = self.category, self.operator, self.measure
        return self.type, self.days, *simple, self.rollover, self.rollover_cap, self.rollover_from

    def levels_in_force(self, amount: int | None) -> tuple[int, ...]:
        """The levels that can hold at an amount: for gte with amount 0 only 100."""
        if self.conditions or self.closing or (self.operator == "gte" and not amount):
            return (100,)
        return tuple(sorted(self.levels))

    def reached(self, totals: Sequence[int], amount: int | None, level: int) -> bool:
        """Whether the totals, one a term, reach `level` of the amount."""
        if self.conditions:
            each = [
                holds(term.operator, total, term.amount)
                for term, total in zip(self.conditions, totals, strict=True)
            ]
            return all(each) if self.match == "all" else any(each)
        return holds(self.operator, totals[0], amount or 0, level)

    def trigger(self, level: int) -> int:
        """The total of a simple threshold at which `level` begins or ends to be reached."""
        amount = self.amount or 0
        if self.operator == "gte" and amount == 0:
            return 1
        whole, rest = divmod(amount * level, 100)
        return whole + 1 if rest and self.operator in ("gte", "lte") else whole


class Key(NamedTuple):
    """What makes an alert the same alert; level 0 is a forecast."""

    threshold: int
    revision: int
    start: date
    subject: int
    level: int


class Span(NamedTuple):
    """A window: how an alert names it (start, end), and the days that count [first, after)."""

    start: date
    end: date
    first: date
    after: date
    subject: int = 0

    def has(self, row: Row) -> bool:
        """Whether the row's date, and for a single transaction its id, lie in the window."""
        return self.first <= row.date < self.after and self.subject in (0, row.id)


@cache
def period(day: date, kind: str, week_start: int, month_start: int) -> tuple[date, date]:
    """The half-open period of `kind` around `day`: walk back to a start, then on to the next."""

    def starts(at: date) -> bool:
        first = at.day == month_start
        return {
            "daily": True,
            "transaction": True,
            "weekly": at.isoweekday() == week_start,
            "monthly": first,
            "quarterly": first and at.month in (1, 4, 7, 10),
            "yearly": first and at.month == 1,
        }[kind]

    start = day
    while not starts(start):
        start -= ONE_DAY
    end = day + ONE_DAY
    while not starts(end):
        end += ONE_DAY
    return start, end


def half_up(numerator: int, denominator: int) -> int:
    """The fraction rounded to a whole number, a half toward plus infinity."""
    return (2 * numerator + denominator) // (2 * denominator)
