"""The year of days that are written without one, by the dates that stand around the rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise

from budget.imports.detect.dates import readings_of
from budget.imports.detect.table import Table
from budget.imports.values import same_day

FULL = re.compile(
    r"[0-9]{1,4}([-/.])[0-9]{1,2}\1[0-9]{2,4}"
    r"|[0-9]{1,2}\.? [^\W\d_]{3,12}\.? [0-9]{4}|[^\W\d_]{3,12}\.? [0-9]{1,2},? [0-9]{4}"
)
# How far a row is from the only date of its statement, at most.
NEAR = timedelta(days=62)


def year_before(day: date) -> date:
    """The first day of the year that ends with one."""
    return same_day(day, day.year - 1) + timedelta(days=1)


def around(table: Table) -> Iterator[date]:
    """The full dates before and after the rows that can be read in one way."""
    lines = [*table.preamble, *("\n".join(c) for _, c in table.records if not table.is_movement(c))]
    for line in lines:
        for match in FULL.finditer(line):
            days = {day for _, day in readings_of(match[0]).values()}
            if len(days) == 1:
                yield days.pop()


def since_when(table: Table, days: Sequence[date]) -> date | None:
    """The earliest day that a row can be, where the dates around the rows leave one reading.

    days: those of the rows, in any year.
    """
    found = sorted(set(around(table)))
    if not found:
        return None
    first, last = found[0], found[-1]
    until = [to_year_from(day, year_before(last)) for day in days]
    after = [to_year_from(day, first) for day in days]
    if until == after or (first < last and min(until) >= first - NEAR):
        return year_before(last)
    are_before, are_after = min(until) >= last - NEAR, max(after) <= first + NEAR
    if are_before == are_after:
        return None
    return year_before(last) if are_before else first


def to_year_from(day: date, since: date) -> date:
    """The day of the same name within the year from one on."""
    found = same_day(day, since.year)
    return found if found >= since else same_day(day, since.year + 1)


def newest(days: Sequence[date]) -> date:
    """The newest of some days of one year that may begin in the year before: before a long gap."""
    found = sorted(set(days))
    gap, at = max((b - a, a) for a, b in pairwise([*found, found[0] + timedelta(days=366)]))
    return at if gap > NEAR else found[-1]
