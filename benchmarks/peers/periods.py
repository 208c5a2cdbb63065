"""The period of a threshold that contains a day."""

from __future__ import annotations

from datetime import date, timedelta


def period_of(type: str, day: date) -> tuple[date, date]:
    """From its first day up to, not including, its end; one day for a single transaction."""
    if type == "weekly":
        start = day - timedelta(days=day.weekday())
        return start, start + timedelta(days=7)
    if type == "monthly":
        start = day.replace(day=1)
        return start, (start + timedelta(days=31)).replace(day=1)
    if type == "yearly":
        return date(day.year, 1, 1), date(day.year + 1, 1, 1)
    return day, day + timedelta(days=1)
