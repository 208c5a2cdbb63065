"""From a date to its period, as the user's calendar cuts it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from budget.judge.kinds import PeriodType

DAY = timedelta(days=1)
# What a transaction may have for a date, and a threshold for a first day.
MIN_DATE = date(1900, 1, 1)
MAX_DATE = date(2199, 12, 31)
# What a rolling window has for a first day in the identity of its alert: it moves, its alert stays.
ROLLING_START = date(1, 1, 1)
# First day after a rolling window, and until when its alert is active: as long as it is open.
ROLLING_END = date(9999, 12, 31)


@dataclass(frozen=True)
class Calendar:
    """The settings that cut a user's time into periods.

    time_zone: IANA name; week_start: 1 (Monday) to 7; month_start: first day of the month, 1 to 28.
    """

    time_zone: str = "UTC"
    week_start: int = 1
    month_start: int = 1


PERIODS = (
    PeriodType.DAILY,
    PeriodType.WEEKLY,
    PeriodType.MONTHLY,
    PeriodType.QUARTERLY,
    PeriodType.YEARLY,
)


@dataclass(frozen=True)
class Span:
    """One period [start, end) of a threshold type; subject: the transaction's id, else 0."""

    type: str
    start: date
    end: date
    subject: int = 0

    @property
    def key(self) -> date:
        """What stands for the period in an alert's identity."""
        return ROLLING_START if self.type == PeriodType.ROLLING else self.start

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    def holds(self, day: date) -> bool:
        """Whether a day is in it."""
        return self.start <= day < self.end


def month_of(day: date, first: int) -> date:
    """The first day of the day's month, if months start on day `first`."""
    if day.day >= first:
        return day.replace(day=first)
    return add_months(day.replace(day=first), -1)


def add_months(day: date, months: int) -> date:
    """The same day of another month; the day is at most 28, so every month has it."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return day.replace(year=year, month=month + 1)


def months_between(start: date, end: date) -> int:
    """How many months lie between the same day of two months; below 0 where the end is earlier."""
    return (end.year - start.year) * 12 + end.month - start.month


def _day(day: date, calendar: Calendar) -> tuple[date, date]:
    return day, day + DAY


def _week(day: date, calendar: Calendar) -> tuple[date, date]:
    start = day - timedelta(days=(day.isoweekday() - calendar.week_start) % 7)
    return start, start + timedelta(days=7)


def _months(length: int) -> Callable[[date, Calendar], tuple[date, date]]:
    def bounds(day: date, calendar: Calendar) -> tuple[date, date]:
        month = month_of(day, calendar.month_start)
        start = add_months(month, -((month.month - 1) % length))
        return start, add_months(start, length)

    return bounds


MONTHS: dict[str, int] = {PeriodType.MONTHLY: 1, PeriodType.QUARTERLY: 3, PeriodType.YEARLY: 12}
BOUNDS: dict[str, Callable[[date, Calendar], tuple[date, date]]] = {
    PeriodType.DAILY: _day,
    PeriodType.WEEKLY: _week,
    PeriodType.MONTHLY: _months(1),
    PeriodType.QUARTERLY: _months(3),
    PeriodType.YEARLY: _months(12),
    PeriodType.TRANSACTION: _day,
}


def rolling_span(as_of: date, days: int) -> Span:
    """The window of the last days: (as_of - days, as_of]."""
    return Span(PeriodType.ROLLING, as_of - timedelta(days=days - 1), as_of + DAY)


def shifted(span: Span, periods: int, calendar: Calendar) -> Span:
    """The period that many periods later (earlier where negative), of weeks or longer."""
    if span.type == PeriodType.WEEKLY:
        return span_of(span.type, span.start + timedelta(weeks=periods), calendar)
    months = MONTHS[span.type] * periods
    return span_of(span.type, add_months(span.start, months), calendar)


def periods_between(first: Span, other: Span) -> int:
    """How many periods another one comes after a first of its type, of weeks or longer."""
    if first.type == PeriodType.WEEKLY:
        return (other.start - first.start).days // 7
    months = (other.start.year - first.start.year) * 12 + other.start.month - first.start.month
    return months // MONTHS[first.type]


def following(span: Span, calendar: Calendar) -> Span:
    """The period after this one."""
    return span_of(span.type, span.end, calendar)


@lru_cache(maxsize=16384)
def span_of(type: str, day: date, calendar: Calendar) -> Span:
    """The period of a type that contains the day.

    Quarters start with months 1, 4, 7 and 10, years with month 1, on the month's first day as the
    calendar has it; a month is named after the month it starts in.
    """
    return Span(type, *BOUNDS[type](day, calendar))
