"""Quiet hours and digests by the clock on the user's wall, beside a plain walk by minutes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.delivering.clock import day_of, next_digest, quiet_until
from budget.models import Endpoint

MINUTE = timedelta(minutes=1)
# Clocks change by an hour, by half of one, at midnight, and by leaving out a day.
CHANGES = [
    ("Europe/Berlin", datetime(2018, 3, 25, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2018, 10, 28, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2018, 3, 11, 7, tzinfo=UTC)),
    ("America/New_York", datetime(2018, 11, 4, 6, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2018, 4, 7, 15, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2018, 10, 6, 15, 30, tzinfo=UTC)),
    ("America/Sao_Paulo", datetime(2018, 11, 4, 3, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),
    ("Asia/Kolkata", datetime(2018, 3, 25, 1, tzinfo=UTC)),
]
HOURS = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))
NEAR = st.integers(-40 * 60, 40 * 60).map(lambda minutes: MINUTE * minutes)


def shown(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%H:%M}"


def plain_until(at: datetime, zone: str, hours: str) -> datetime | None:
    """Walk on minute by minute until the clock shows a time that is not quiet."""
    start, end = hours.split("-")
    minutes = {f"{n // 60:02}:{n % 60:02}" for n in range(24 * 60)}
    quiet = {
        one for one in minutes if (start <= one < end if start < end else one >= start or one < end)
    }
    found = at
    while shown(found, zone) in quiet:
        found += MINUTE
    return None if found == at else found


@settings(max_examples=100, deadline=None)
@given(change=st.sampled_from(CHANGES), away=NEAR, start=HOURS, end=HOURS)
def test_quiet_hours_end_when_the_clock_says_so(
    change: tuple[str, datetime], away: timedelta, start: str, end: str
) -> None:
    zone, at = change[0], change[1] + away
    if start != end:
        hours = f"{start}-{end}"
        assert quiet_until(at, zone, hours) == plain_until(at, zone, hours)


def plain_digest(at: datetime, zone: str, hour: str, weekday: int | None) -> datetime:
    """The first minute of a day, after some time, at which the clock shows the hour or more."""
    there = ZoneInfo(zone)
    found = at - timedelta(days=2)
    done = found.astimezone(there).date()
    while True:
        found += MINUTE
        day = found.astimezone(there).date()
        wanted = weekday is None or day.isoweekday() == weekday
        if day != done and wanted and shown(found, zone) >= hour:
            done = day
            if found > at:
                return found


@settings(max_examples=25, deadline=None)
@given(
    change=st.sampled_from(CHANGES),
    away=NEAR,
    hour=HOURS.filter(lambda hour: hour < "23:30"),
    weekday=st.one_of(st.none(), st.integers(1, 7)),
)
def test_a_digest_leaves_once_a_day_or_week(
    change: tuple[str, datetime], away: timedelta, hour: str, weekday: int | None
) -> None:
    zone, at = change[0], change[1] + away
    digest = "day" if weekday is None else "week"
    wishes = Endpoint(digest=digest, digest_at=hour, digest_on=weekday or 1)
    assert next_digest(at, zone, wishes) == plain_digest(at, zone, hour, weekday)


@pytest.mark.parametrize(
    ("at", "until"),
    [
        # The night of 25 March has an hour less: 22:30 to 07:00 takes 7.5 hours.
        ("2018-03-24T21:30", "2018-03-25T05:00"),
        # The night of 28 October has one more.
        ("2018-10-27T20:30", "2018-10-28T06:00"),
        ("2018-07-01T05:00", None),
    ],
)
def test_a_night_over_a_change_of_clocks(at: str, until: str | None) -> None:
    found = quiet_until(datetime.fromisoformat(f"{at}+00:00"), "Europe/Berlin", "22:00-07:00")
    assert found == (until and datetime.fromisoformat(f"{until}+00:00"))


def test_an_end_that_the_clock_skips_is_the_change() -> None:
    at = datetime(2018, 3, 25, 0, 30, tzinfo=UTC)
    change = datetime(2018, 3, 25, 1, tzinfo=UTC)
    assert quiet_until(at, "Europe/Berlin", "01:00-02:30") == change


def test_a_day_that_begins_at_one() -> None:
    """In São Paulo clocks went from midnight to one on 4 November 2018."""
    begins, ends = day_of(datetime(2018, 11, 4, 12, tzinfo=UTC), "America/Sao_Paulo")
    assert (begins.hour, ends - begins) == (3, timedelta(hours=23))
