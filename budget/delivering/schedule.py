"""When a message is sent again: the schedule of Standard Webhooks."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

# Seconds after each failed try; after the tenth it is given up, three days after the first.
WAITS: tuple[float, ...] = (
    5,
    5 * 60,
    30 * 60,
    2 * 3600,
    5 * 3600,
    10 * 3600,
    14 * 3600,
    20 * 3600,
    24 * 3600,
)
MAX_TRIES = len(WAITS) + 1
# Each wait is longer or shorter by up to this share, so that what failed at once comes apart.
JITTER = 0.2
LONGEST = timedelta(hours=24)


def next_try(tries: int, now: datetime) -> datetime | None:
    """When to try again after some tries that failed; None to give up."""
    if tries >= MAX_TRIES:
        return None
    share = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret
    return now + timedelta(seconds=WAITS[tries - 1] * share)


def wished(retry_after: str | None, now: datetime) -> datetime | None:
    """The time that a Retry-After names, seconds or a date; at most 24 hours from now."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        at = now + min(timedelta(seconds=int(text[:9])), LONGEST)
    else:
        try:
            at = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        if at.tzinfo is None:
            return None
    return min(at, now + LONGEST) if at > now else None
