"""The judgement: which levels hold in which period, from totals alone.

Nothing here reads or writes: a write, the tick, an audit and a preview all judge by these functions
and differ only in where the totals come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from budget.engine.rules import FORECAST_LEVEL, Rule, Rules, Term
from budget.models import Calendar, Cause, LedgerState, Measure, PeriodType
from budget.models.ledger import Row
from budget.models.periods import (
    DAY,
    ROLLING_END,
    Span,
    following,
    rolling_span,
    shifted,
    span_of,
)
from budget.models.threshold import Range

# How many periods back a rollover's chain begins at most.
CHAIN = 24
# A forecast is given once that many days, and a tenth of the period, have elapsed.
FORECAST_DAYS = 3
# Below that share of the limit, in percent, an open forecast resolves.
FORECAST_CLEAR = 95

Pair = tuple[Rule, Span]
# Threshold, revision, first day, subject, level: an alert's identity within its user.
Identity = tuple[int, int, date, int, int]


class Window(NamedTuple):
    """A sum to be read: spending, income or count in [start, end), of a category's subtree or
    (None) of all; subject: of that single transaction, if it lies there."""

    start: date
    end: date
    category_id: int | None
    measure: str
    subject: int = 0


Totals = Mapping[Window, int]


class Verdict(NamedTuple):
    """Whether an alert must be open (None: as it was), with the numbers it rests on, minor units.

    total, limit: None for a combination.
    """

    level: int
    wanted: bool | None
    total: int | None
    limit: int | None
    ranges: tuple[Range, ...] = ()


def identity(pair: Pair, level: int) -> Identity:
    rule, span = pair
    return rule.threshold_id, rule.revision, span.key, span.subject, level


def due(rule: Rule, span: Span, as_of: date) -> bool:
    """Whether a period is judged at all: of what is judged at its end, only once that is past."""
    return rule.starts_on is None or (rule.starts_on <= span.start and span.end <= as_of)


# Which periods are touched


def pairs_of_rows(rules: Rules, ledger: LedgerState, rows: Iterable[Row]) -> dict[Pair, None]:
    """Each threshold for which a row counts, in each period that its total is part of."""
    pairs: dict[Pair, None] = {}
    for row in rows:
        for rule in rules.thresholds:
            if rules.counted(rule, row):
                for span in spans_of_row(rule, ledger, row):
                    pairs[rule, span] = None
    return pairs


def spans_of_row(rule: Rule, ledger: LedgerState, row: Row) -> Iterator[Span]:
    day = row["date"]
    if rule.type == PeriodType.ROLLING:
        span = rolling_span(ledger.as_of, rule.days)
        if span.holds(day):
            yield span
        return
    span = span_of(rule.type, day, ledger.calendar)
    if rule.type == PeriodType.TRANSACTION:
        yield replace(span, subject=row["id"])
        return
    if due(rule, span, ledger.as_of):
        yield span
    if rule.carries_from is not None and span.end > rule.carries_from:
        yield from followers(span, ledger.calendar)


@lru_cache(maxsize=4096)
def followers(span: Span, calendar: Calendar) -> tuple[Span, ...]:
    """The periods after one whose limit its total can change."""
    found = []
    for _ in range(CHAIN):
        span = following(span, calendar)
        found.append(span)
    return tuple(found)


def pairs_of_day(rules: Rules, ledger: LedgerState) -> dict[Pair, Cause]:
    """What can change because the user's day has: each with the cause that it changes by."""
    pairs: dict[Pair, Cause] = {}
    if ledger.as_of <= ledger.was:
        return pairs
    for rule in rules.thresholds:
        if rule.type == PeriodType.ROLLING:
            pairs[rule, rolling_span(ledger.as_of, rule.days)] = Cause.DAY
        elif rule.closing:
            span = span_of(rule.type, ledger.was, ledger.calendar)
            while span.end <= ledger.as_of:
                if due(rule, span, ledger.as_of):
                    pairs[rule, span] = Cause.PERIOD_END
                span = following(span, ledger.calendar)
        elif rule.forecast:
            past = span_of(rule.type, ledger.was, ledger.calendar)
            now = span_of(rule.type, ledger.as_of, ledger.calendar)
            pairs[rule, past] = Cause.PERIOD_END
            pairs[rule, now] = Cause.DAY
    return pairs


# Which sums a judgement needs


def windows_of(pair: Pair, ledger: LedgerState) -> Iterator[Window]:
    """Every sum that the verdicts of a threshold in a period rest on."""
    rule, span = pair
    for term in rule.terms:
        yield from term_windows(term, span)
    if rule.carries_from is not None:
        yield from chain_windows(rule, span, ledger.calendar)
    if rule.forecast:
        # Of a period that is over or to come, all of it or nothing: no sum of its own.
        window = through(rule, span, ledger.as_of)
        if window.start < window.end < span.end:
            yield window


def term_windows(term: Term, span: Span) -> Iterator[Window]:
    """One sum, or for net two."""
    for part in term.parts:
        yield Window(span.start, span.end, part.category_id, part.measure, span.subject)


def through(rule: Rule, span: Span, as_of: date) -> Window:
    """What of a period is spent through the user's day."""
    end = min(max(as_of + DAY, span.start), span.end)
    return Window(span.start, end, rule.terms[0].category_id, Measure.SPENDING)


@lru_cache(maxsize=16384)
def chain_of(carries_from: date, span: Span, calendar: Calendar) -> tuple[Span, ...]:
    """The periods before one from which a rollover carries on, first to last."""
    first = span_of(span.type, carries_from, calendar)
    earliest = shifted(span, -CHAIN, calendar)
    at = first if first.start > earliest.start else earliest
    found = []
    while at.start < span.start:
        found.append(at)
        at = following(at, calendar)
    return tuple(found)


def chain_windows(rule: Rule, span: Span, calendar: Calendar) -> tuple[Window, ...]:
    """What each period of a rollover's chain has come to."""
    if rule.carries_from is None:
        return ()
    return windows_of_chain(rule.carries_from, span, calendar, rule.terms[0].category_id)


# Made once: a write of a rollover reads 49 periods, each of them in 25 chains.
@lru_cache(maxsize=16384)
def windows_of_chain(
    carries_from: date, span: Span, calendar: Calendar, category_id: int | None
) -> tuple[Window, ...]:
    return tuple(
        Window(one.start, one.end, category_id, Measure.SPENDING)
        for one in chain_of(carries_from, span, calendar)
    )


# The judgement


def total_of(term: Term, span: Span, totals: Totals) -> int:
    """A term's total, in minor units (a count in hundredths)."""
    found = [totals[window] for window in term_windows(term, span)]
    return found[0] - found[1] if term.measure == Measure.NET else found[0]


def limit_of(rule: Rule, span: Span, totals: Totals, calendar: Calendar) -> int:
    """The limit of a period: the amount and what is carried; may be below 0."""
    limit = rule.limit
    for window in chain_windows(rule, span, calendar):
        limit = rule.limit + carry(rule, limit - totals[window])
    return limit


def carry(rule: Rule, left: int) -> int:
    """What of a period's rest, or overspending, is carried on."""
    return left if rule.cap is None else max(-rule.cap, min(rule.cap, left))


def carries(
    rule: Rule, span: Span, totals: Totals, calendar: Calendar
) -> Iterator[tuple[Span, int, int, int]]:
    """Of each period in the chain: its limit, its total and what it leaves to the next one."""
    if rule.carries_from is None:
        return
    limit = rule.limit
    for earlier in chain_of(rule.carries_from, span, calendar):
        total = total_of(rule.terms[0], earlier, totals)
        carried = carry(rule, limit - total)
        yield earlier, limit, total, carried
        limit = rule.limit + carried


class Forecast(NamedTuple):
    """What a period will come to, with the numbers it is made of; minor units and days."""

    projected: int
    through: int
    later: int
    elapsed: int
    days: int


def forecast_of(rule: Rule, span: Span, totals: Totals, as_of: date) -> Forecast:
    """through * days / elapsed, rounded half up, and what is dated later."""
    total = total_of(rule.terms[0], span, totals)
    window = through(rule, span, as_of)
    spent = 0 if window.end == span.start else totals[window]
    elapsed = min(max((as_of - span.start).days + 1, 1), span.days)
    projected = (2 * spent * span.days + elapsed) // (2 * elapsed) + total - spent
    return Forecast(projected, spent, total - spent, elapsed, span.days)


def forecast_given(span: Span, as_of: date) -> bool:
    """Whether enough of a period has elapsed, and not all of it."""
    elapsed = (as_of - span.start).days + 1
    return as_of < span.end and elapsed >= max(FORECAST_DAYS, -(-span.days // 10))


def verdicts(pair: Pair, totals: Totals, ledger: LedgerState) -> Iterator[Verdict]:
    """Each level of a threshold in a period, and its forecast where there can be one."""
    rule, span = pair
    sums = [total_of(term, span, totals) for term in rule.terms]
    if rule.match:
        for level in rule.levels:
            yield Verdict(level.percent, rule.holds(level, sums), None, None, level.ranges)
        return
    limit = limit_of(rule, span, totals, ledger.calendar)
    levels = rule.levels_at(limit)
    for level in levels:
        (lo, hi) = level.ranges[0]
        yield Verdict(level.percent, lo <= sums[0] <= hi, sums[0], limit, level.ranges)
    if rule.carries_from is not None:
        # A limit that is carried to nothing has other levels than one that is not; those that this
        # one is without hold nothing.
        for percent in sorted({100, *rule.percents} - {level.percent for level in levels}):
            yield Verdict(percent, False, sums[0], limit)
    if rule.forecast and (span.holds(ledger.as_of) or span.holds(ledger.was)):
        yield forecast_verdict(pair, totals, ledger, limit)


def forecast_verdict(pair: Pair, totals: Totals, ledger: LedgerState, limit: int) -> Verdict:
    """Open at the limit, resolved below 95 % of it, as it was in between."""
    rule, span = pair
    projected = forecast_of(rule, span, totals, ledger.as_of).projected
    wanted: bool | None = None
    if not forecast_given(span, ledger.as_of):
        wanted = False
    elif limit <= 0:
        wanted = projected > 0
    elif projected >= limit:
        wanted = True
    elif projected * 100 < limit * FORECAST_CLEAR:
        wanted = False
    return Verdict(FORECAST_LEVEL, wanted, projected, limit)


# What an alert is, once open


def active_until(pair: Pair, calendar: Calendar) -> date:
    """The first day on which an open alert is no longer news."""
    rule, span = pair
    if rule.type == PeriodType.ROLLING:
        return ROLLING_END
    return following(span, calendar).end if rule.closing else span.end


def is_late(pair: Pair, level: int, ledger: LedgerState) -> bool:
    """Whether an alert that opens now comes after its period was over.

    What is judged at the end is late when an earlier day than this commit's has closed the period.
    """
    rule, span = pair
    if rule.type == PeriodType.ROLLING or level == FORECAST_LEVEL:
        return False
    return span.end <= (ledger.was if rule.closing else ledger.as_of)
