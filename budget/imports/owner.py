"""What of a user's settings and rows a file is read by."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.contrib.auth.models import User

from budget.models import Calendar


def zone_of(user: User) -> ZoneInfo:
    """The time zone of the user's settings; that of new settings for one not saved yet."""
    calendar = Calendar() if user._state.adding else user.profile.calendar
    return ZoneInfo(calendar.time_zone)


def currency_of(user: User) -> str | None:
    """The currency of the user's amounts; None for one who has none yet, nor has chosen one."""
    if user._state.adding:
        return None
    has_amounts = user.transactions.exists() or user.thresholds.exists()
    default = user.profile._meta.get_field("currency").default
    chosen = user.profile.currency
    return str(chosen) if has_amounts or chosen != default else None
