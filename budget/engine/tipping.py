"""Which transaction tipped an alert: the first at which the running totals reach the level."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterable, Sequence
from datetime import date
from typing import NamedTuple

from django.db import models

from budget.engine.flips import Flip
from budget.engine.judging import Pair
from budget.engine.rules import Level, Rules, Term, rules_of
from budget.models import (
    Effect,
    Grain,
    LedgerState,
    Match,
    Measure,
    PeriodType,
    Rollup,
    Transaction,
)
from budget.models.money import to_minor

DATES_A_QUERY = 500
# What counts for any measure.
COUNTED = (Effect.SPENDING, Effect.REFUND, Effect.INCOME)


class Bucket(NamedTuple):
    """What rows of one day, category and effect come to together; amount in minor units."""

    category_id: int
    effect: str
    amount: int
    rows: int

    def value(self, term: Term) -> int:
        """What they add to a term's total."""
        each = term.value(self.effect, self.amount)
        return each * self.rows if term.measure == Measure.COUNT else each


# One transaction: id, and itself as a bucket of one.
Entry = tuple[int, Bucket]
Days = dict[date, list[Bucket]]
Walk = Generator[date, list[Entry], tuple[int, int | None] | None]


def find_tips(ledger: LedgerState, flips: Iterable[Flip]) -> None:
    """Set tip and then on each opening flip, from the present rows of its period.

    Rows run in (date, id) order. The day rollups tell the days on which the level can have been
    reached at all, so only the rows of those days are read, whatever the period holds.
    """
    opening = [flip for flip in flips if flip.tippable]
    for flip in opening:
        if flip.span.type == PeriodType.TRANSACTION:
            flip.tip, flip.then = flip.span.subject, flip.total
    periods = [flip for flip in opening if flip.span.type != PeriodType.TRANSACTION]
    if not periods:
        return
    rules = rules_of(ledger)
    days = read_days(ledger.user_id, [flip.pair for flip in periods], rules)
    walks = [(flip, walk(rules, days, flip)) for flip in periods]
    # A walk that asks for no day at all has no tipping row.
    waiting = [(flip, steps, day) for flip, steps in walks for day in [next(steps, None)] if day]
    while waiting:
        entries = read_entries(ledger.user_id, {day for _, _, day in waiting}, rules)
        still = []
        for flip, steps, day in waiting:
            try:
                still.append((flip, steps, steps.send(entries[day])))
            except StopIteration as end:
                if end.value is not None:
                    flip.tip, flip.then = end.value
        waiting = still


def walk(rules: Rules, days: Days, flip: Flip) -> Walk:
    """Ask for the rows of each day that can reach the level, until one of them does."""
    rule, span = flip.pair
    level = Level(flip.level, flip.ranges)
    running = [0] * len(rule.terms)
    for day in sorted(day for day in days if span.start <= day < span.end):
        buckets = [
            [
                bucket.value(term)
                for bucket in days[day]
                if rules.within(bucket.category_id, term.category_id)
            ]
            for term in rule.terms
        ]
        most = [
            total + sum(value for value in values if value > 0)
            for total, values in zip(running, buckets, strict=True)
        ]
        if reachable(rule.match, level, most):
            at = list(running)
            for number, one in (yield day):
                for place, term in enumerate(rule.terms):
                    if rules.within(one.category_id, term.category_id):
                        at[place] += one.value(term)
                if rule.holds(level, at):
                    return number, None if rule.match else at[0]
        running = [total + sum(values) for total, values in zip(running, buckets, strict=True)]
    return None


def reachable(match: str, level: Level, most: Sequence[int]) -> bool:
    """Whether totals that rise that far at most can reach the level."""
    reached = (total >= lo for total, (lo, _) in zip(most, level.ranges, strict=True))
    return any(reached) if match == Match.ANY else all(reached)


def read_days(user_id: int, pairs: Sequence[Pair], rules: Rules) -> Days:
    """What each day comes to, by category and effect, in the range of some periods."""
    rows = (
        Rollup.objects.filter(
            user_id=user_id,
            grain=Grain.DAY,
            bucket__gte=min(span.start for _, span in pairs),
            bucket__lt=max(span.end for _, span in pairs),
        )
        .order_by()
        .values_list("bucket", "category_id", "type_id")
        .annotate(amounts=models.Sum("amount"), counts=models.Sum("count"))
    )
    days: Days = defaultdict(list)
    for day, category_id, type_id, amount, count in rows.iterator():
        effect = rules.effect_of(type_id)
        if effect in COUNTED:
            days[day].append(Bucket(category_id, effect, int(amount), int(count)))
    return days


def read_entries(user_id: int, dates: set[date], rules: Rules) -> dict[date, list[Entry]]:
    """The rows of some days that count for anything, in id order."""
    entries: dict[date, list[Entry]] = {day: [] for day in dates}
    ordered = sorted(dates)
    for at in range(0, len(ordered), DATES_A_QUERY):
        rows = (
            Transaction.objects.filter(user_id=user_id, date__in=ordered[at : at + DATES_A_QUERY])
            .order_by("id")
            .values_list("date", "id", "category_id", "type_id", "amount")
        )
        for day, number, category_id, type_id, amount in rows.iterator():
            effect = rules.effect_of(type_id)
            if effect in COUNTED:
                entries[day].append((number, Bucket(category_id, effect, to_minor(amount), 1)))
    return entries
