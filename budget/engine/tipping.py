"""Which transaction tipped an alert: the first at which the running total reaches the level."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Generator, Sequence
from datetime import date

from django.db import models

from budget.engine.flips import Flip
from budget.models import Effect, Grain, PeriodType, Rollup, Transaction
from budget.models.money import to_minor

DATES_A_QUERY = 500
# What counts for spending, one way or the other.
COUNTED = (Effect.SPENDING, Effect.REFUND)

# One day of one category: spent and refunded, minor units.
Day = tuple[date, int, int]
# One transaction: id, category, signed minor units.
Entry = tuple[int, int, int]
Walk = Generator[date, list[Entry], tuple[int, int] | None]


def find_tips(user_id: int, flips: Sequence[Flip]) -> None:
    """Set tip and then on each opening flip, from the present rows of its period.

    Rows run in (date, id) order. The day rollups tell the days on which the level can have been
    reached at all, so only the rows of those days are read, whatever the period holds.
    """
    opening = [flip for flip in flips if flip.opens]
    for flip in opening:
        if flip.span.type == PeriodType.TRANSACTION:
            flip.tip, flip.then = flip.span.subject, flip.total
    periods = [flip for flip in opening if flip.span.type != PeriodType.TRANSACTION]
    if not periods:
        return
    days = read_days(user_id, periods)
    walks = [(flip, walk(days[flip.category_id], flip)) for flip in periods]
    # A walk that asks for no day at all has no tipping row.
    waiting = [(flip, steps, day) for flip, steps in walks for day in [next(steps, None)] if day]
    while waiting:
        entries = read_entries(user_id, {day for _, _, day in waiting})
        still = []
        for flip, steps, day in waiting:
            try:
                still.append((flip, steps, steps.send(entries[day])))
            except StopIteration as end:
                if end.value is not None:
                    flip.tip, flip.then = end.value
        waiting = still


def walk(days: list[Day], flip: Flip) -> Walk:
    """Ask for the rows of each day that can reach the level, until one of them does."""
    running = 0
    for day, spent, refunded in days[bisect_left(days, (flip.span.start, 0, 0)) :]:
        if day >= flip.span.end:
            break
        if running + spent >= flip.needed:
            before = running
            for number, category_id, signed in (yield day):
                if flip.category_id in (None, category_id):
                    before += signed
                    if before >= flip.needed:
                        return number, before
        running += spent - refunded
    return None


def read_days(user_id: int, flips: Sequence[Flip]) -> dict[int | None, list[Day]]:
    """Spent and refunded a day, by category and (None) over all, in the range of the flips."""
    sums: dict[tuple[int | None, date], list[int]] = defaultdict(lambda: [0, 0])
    rows = (
        Rollup.objects.filter(
            user_id=user_id,
            grain=Grain.DAY,
            bucket__gte=min(flip.span.start for flip in flips),
            bucket__lt=max(flip.span.end for flip in flips),
            type__effect__in=COUNTED,
        )
        .values_list("bucket", "category_id", "type__effect")
        .annotate(sum=models.Sum("amount"))
    )
    for bucket, category_id, effect, amount in rows.iterator():
        for scope in (None, category_id):
            sums[scope, bucket][effect == Effect.REFUND] += int(amount)
    days: dict[int | None, list[Day]] = defaultdict(list)
    for (scope, bucket), (spent, refunded) in sorted(sums.items(), key=lambda item: item[0][1]):
        days[scope].append((bucket, spent, refunded))
    return days


def read_entries(user_id: int, dates: set[date]) -> dict[date, list[Entry]]:
    """The rows of some days that count for spending, in id order."""
    entries: dict[date, list[Entry]] = {day: [] for day in dates}
    ordered = sorted(dates)
    for at in range(0, len(ordered), DATES_A_QUERY):
        rows = (
            Transaction.objects.filter(
                user_id=user_id,
                date__in=ordered[at : at + DATES_A_QUERY],
                type__effect__in=COUNTED,
            )
            .order_by("id")
            .values_list("date", "id", "category_id", "amount", "type__effect")
        )
        for day, number, category_id, amount, effect in rows.iterator():
            sign = -1 if effect == Effect.REFUND else 1
            entries[day].append((number, category_id, sign * to_minor(amount)))
    return entries
