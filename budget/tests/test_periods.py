from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budget.judge.periods import PERIODS, span_of
from budget.models import Calendar

days = st.dates(date(1900, 1, 1), date(2199, 12, 31))
calendars = st.builds(
    Calendar,
    week_start=st.integers(1, 7),
    month_start=st.integers(1, 28),
)


@pytest.mark.parametrize(
    ("type", "day", "calendar", "start", "end"),
    [
        ("daily", "2024-02-29", Calendar(), "2024-02-29", "2024-03-01"),
        # The week that holds New Year's Day belongs to the year it started in.
        ("weekly", "2027-01-01", Calendar(), "2026-12-28", "2027-01-04"),
        ("weekly", "2027-01-01", Calendar(week_start=7), "2026-12-27", "2027-01-03"),
        ("weekly", "2026-12-27", Calendar(week_start=7), "2026-12-27", "2027-01-03"),
        ("monthly", "2024-02-29", Calendar(), "2024-02-01", "2024-03-01"),
        ("monthly", "2023-03-27", Calendar(month_start=28), "2023-02-28", "2023-03-28"),
        ("monthly", "2024-02-28", Calendar(month_start=28), "2024-02-28", "2024-03-28"),
        ("monthly", "2024-01-01", Calendar(month_start=28), "2023-12-28", "2024-01-28"),
        ("quarterly", "2024-04-14", Calendar(month_start=15), "2024-01-15", "2024-04-15"),
        ("quarterly", "2024-04-15", Calendar(month_start=15), "2024-04-15", "2024-07-15"),
        ("quarterly", "2024-12-31", Calendar(), "2024-10-01", "2025-01-01"),
        ("yearly", "2024-01-14", Calendar(month_start=15), "2023-01-15", "2024-01-15"),
        ("yearly", "2024-12-31", Calendar(), "2024-01-01", "2025-01-01"),
        ("monthly", "1900-01-01", Calendar(month_start=15), "1899-12-15", "1900-01-15"),
        ("yearly", "2199-12-31", Calendar(), "2199-01-01", "2200-01-01"),
    ],
)
def test_a_day_lies_in_the_period_that_the_settings_cut(
    type: str, day: str, calendar: Calendar, start: str, end: str
) -> None:
    span = span_of(type, date.fromisoformat(day), calendar)
    assert (span.start.isoformat(), span.end.isoformat()) == (start, end)


@given(st.sampled_from(PERIODS), days, calendars)
def test_periods_cover_every_day_exactly_once(type: str, day: date, calendar: Calendar) -> None:
    span = span_of(type, day, calendar)
    assert span.start <= day < span.end
    assert span_of(type, span.start, calendar) == span
    assert span_of(type, span.end - timedelta(days=1), calendar) == span
    assert span_of(type, span.end, calendar).start == span.end


@given(days, calendars)
def test_months_nest_in_quarters_and_quarters_in_years(day: date, calendar: Calendar) -> None:
    month, quarter, year = (span_of(type, day, calendar) for type in PERIODS[2:])
    assert quarter.start <= month.start
    assert month.end <= quarter.end
    assert year.start <= quarter.start
    assert quarter.end <= year.end
