"""How the total of an alert has run through its period, day by day, for a picture of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

from budget.answers.alert import bases_of, source_of
from budget.answers.alert_rows import AlertRow
from budget.answers.explain import read_counting
from budget.answers.numbers import read_numbers
from budget.engine import Reading
from budget.judge.judgement import Pair
from budget.judge.periods import DAY, Span

# No picture shows more days, and no day more rows before the tipping one.
MOST_DAYS = 366
MOST_ROWS = 1000


@dataclass(frozen=True)
class Course:
    """days: the running total at the end of each day of the period, in minor units.

    limit: of the period, carry-over included. tip: the day of the tipping transaction and the
    running total at it, in (date, id) order; None where it is gone, or does not count any more.
    """

    measure: str
    limit: int
    days: list[tuple[date, int]]
    tip: tuple[date, int] | None


def course_of(reading: Reading, alert: AlertRow, tip: tuple[date, int] | None) -> Course | None:
    """The course of an alert's total; tip: date and id of its tipping transaction.

    None where nothing runs: of a combination, a single transaction, a note, or a revision that was
    not kept. Two statements.
    """
    source = source_of(alert)
    basis = bases_of(reading, {source: alert}).get(source)
    if basis is None or basis.pair is None or basis.limits is None:
        return None
    pair = basis.pair
    rule, span = pair
    if rule.match or span.subject or span.days > MOST_DAYS:
        return None
    # A day by itself needs neither the periods before nor what is to come.
    plain = replace(rule, carries_from=None, balances=None, forecast=False)
    spans = [span.start + timedelta(days=n) for n in range(span.days)]
    pairs: list[Pair] = [(plain, Span(span.type, day, day + DAY)) for day in spans]
    numbers = read_numbers(reading, [rule], [*pairs, basis.limits])
    total, days = 0, list[tuple[date, int]]()
    for day, one in zip(spans, pairs, strict=True):
        total += numbers.sums(one)[0]
        days.append((day, total))
    before = 0
    if tip is not None:
        before = next((total for day, total in reversed(days) if day < tip[0]), 0)
    at = None if tip is None else running_at(reading, pair, tip, before)
    measure = rule.measure
    limit = numbers.limit(basis.limits)
    return Course(measure, limit, days, None if tip is None or at is None else (tip[0], at))


def running_at(reading: Reading, pair: Pair, tip: tuple[date, int], before: int) -> int | None:
    """The running total at a transaction; before: at the end of the day before it."""
    rule = pair[0]
    total = before
    for row, facts in read_counting(reading, pair, (tip[0], 0), MOST_ROWS):
        if (row.date, row.id) > tip:
            break
        total += rule.terms[0].value(facts.effect, facts.minor)
        if row.id == tip[1]:
            return total
    return None
