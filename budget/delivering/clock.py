"""The user's time of day: quiet hours, the hour of a digest, where a day begins and ends.

All of it by what a clock on the user's wall shows. Where clocks go forward, an hour that is skipped
begins at once; where they go back, it is there twice, and a digest leaves at the first one.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from budget.models.endpoint import Digest, Preferences

DAY = timedelta(days=1)
# A week, with a day that a zone may have left out.
LOOKED_AT = 9


def quiet_until(at: datetime, zone: str, hours: str) -> datetime | None:
    """The end of the quiet hours that a time is in; None where it is in none.

    hours: HH:MM-HH:MM, up to, not including, the second one, which may be on the next day.
    """
    if not is_quiet(at, zone, hours):
        return None
    today, end = at.astimezone(ZoneInfo(zone)).date(), hours[6:]
    ends = (
        reached(today + DAY * days, end, zone, fold=fold) for days in range(3) for fold in (0, 1)
    )
    return min(one for one in ends if one > at and not is_quiet(one, zone, hours))


def is_quiet(at: datetime, zone: str, hours: str) -> bool:
    shown, start, end = f"{at.astimezone(ZoneInfo(zone)):%H:%M}", hours[:5], hours[6:]
    return start <= shown < end if start <= end else not end <= shown < start


def next_digest(at: datetime, zone: str, wishes: Preferences) -> datetime:
    """When the next digest leaves, after a time."""
    today = at.astimezone(ZoneInfo(zone)).date()
    for days in range(2 * LOOKED_AT):
        day = today + DAY * days
        if wishes.digest == Digest.WEEK and day.isoweekday() != wishes.digest_on:
            continue
        leaves = reached(day, wishes.digest_at, zone)
        # Not on a day that the zone has left out.
        if leaves > at and leaves.astimezone(ZoneInfo(zone)).date() == day:
            return leaves
    raise AssertionError("A day has come in two weeks.")


def day_of(at: datetime, zone: str) -> tuple[datetime, datetime]:
    """When the user's day began, and when the next one begins."""
    today = at.astimezone(ZoneInfo(zone)).date()
    return reached(today, "00:00", zone), reached(today + DAY, "00:00", zone)


def reached(day: date, text: str, zone: str, fold: int = 0) -> datetime:
    """When clocks first show a time (HH:MM) of a day, or a later one; fold 1: the second time."""
    there = ZoneInfo(zone)
    shown = datetime.combine(day, time.fromisoformat(text), there).replace(fold=fold)
    found = shown.astimezone(UTC)
    if found.astimezone(there).replace(tzinfo=None) == shown.replace(tzinfo=None):
        return found
    return end_of_gap(shown)


def end_of_gap(shown: datetime) -> datetime:
    """When clocks went forward, over a time that they never showed."""
    there = shown.tzinfo
    before, after = (int(shown.replace(fold=fold).timestamp()) for fold in (1, 0))
    old = datetime.fromtimestamp(before, there).utcoffset()
    while after - before > 1:
        middle = (before + after) // 2
        if datetime.fromtimestamp(middle, there).utcoffset() == old:
            before = middle
        else:
            after = middle
    return datetime.fromtimestamp(after, UTC)
