"""What a threshold would have raised: the past replayed in memory by the engine's own judgement."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from django.core.exceptions import ValidationError

from budget.engine.rules import read_chain, rule_of, rules_of
from budget.judge.chain import (
    balance_before,
    block_of,
    carried_over,
    first_of,
    stretch_of,
    with_balances_of,
)
from budget.judge.judgement import (
    Facts,
    Flip,
    Identity,
    Pair,
    Rule,
    Rules,
    SumKey,
    Term,
    flips_of,
    name_rows,
    pairs_of_day,
    pairs_of_rows,
    period_key,
    single_total,
    sum_keys,
    total_of,
)
from budget.judge.periods import DAY, MIN_DATE, ROLLING_START, span_of
from budget.models import (
    Calendar,
    Cause,
    LedgerState,
    PeriodType,
    Threshold,
    Transaction,
)
from budget.models.threshold import MAX_PAST_PERIODS, periods_back

# How many transactions a preview goes through at most, and how many flips it lists.
MAX_ROWS = 50_000
MAX_FLIPS = 1000


class TooMuch(ValueError):
    """More transactions lie in the span than a preview goes through."""


class Sums:
    """Running sums of rows that come in date order: any window's total is two look-ups."""

    def __init__(self, rules: Rules, terms: Iterable[Term]) -> None:
        self.rules = rules
        parts = [part for term in terms for part in term.parts]
        self.dates: dict[Term, list[date]] = {part: [] for part in parts}
        self.running: dict[Term, list[int]] = {part: [0] for part in parts}
        self.row: Facts | None = None

    def add(self, row: Facts) -> None:
        self.row = row
        for term, dates in self.dates.items():
            if self.rules.counts(term, row):
                dates.append(row.date)
                running = self.running[term]
                running.append(running[-1] + term.value(row.effect, row.minor))

    def total(self, window: SumKey) -> int:
        term = Term(window.category_id, window.measure)
        if window.subject:
            # A single transaction is judged as it comes, and never again.
            return single_total(self.rules, window, self.row)
        dates, running = self.dates[term], self.running[term]
        first, last = bisect_left(dates, window.start), bisect_left(dates, window.end)
        return running[max(last, first)] - running[first]


@dataclass(frozen=True)
class Happening:
    """A flip of the replay, and the day it came on. totals: by term, in minor units."""

    on: date
    flip: Flip
    totals: tuple[int, ...]


@dataclass
class Past:
    """What a replay has come to, in little memory: one page of flips, and how many there were.

    offset: how many flips come before the page. transactions: how many lie in the span. holding:
    the alerts that are open, each with whether it counts: it has opened in the span, or is of the
    window or the period that contains the span's first day. Alerts of single transactions are only
    counted, since no later row changes them. open_before: how many counted as it began.
    """

    offset: int = 0
    transactions: int = 0
    holding: dict[Identity, bool] = field(default_factory=dict)
    flips: list[Happening] = field(default_factory=list)
    count: int = 0
    opened: int = 0
    open_before: int = 0
    singles: int = 0
    within: bool = False

    def turn(self, flip: Flip) -> None:
        """Note an alert's flip."""
        if flip.span.subject:
            self.singles += self.within
        elif flip.opens:
            self.holding[flip.key] = self.within
        else:
            del self.holding[flip.key]

    def tell(self, one: Happening) -> None:
        """Note a flip within the span."""
        self.count += 1
        self.opened += one.flip.opens
        if self.count > self.offset and len(self.flips) < MAX_FLIPS:
            self.flips.append(one)

    def begin(self, running: date) -> None:
        """The span begins. running: the key of the period that contains its first day."""
        self.within = True
        self.holding = {key: key[2] == running for key in self.holding}
        self.open_before = self.open

    @property
    def open(self) -> int:
        return sum(self.holding.values()) + self.singles


def replay_threshold(
    ledger: LedgerState, draft: Threshold, date_from: date, date_to: date, offset: int = 0
) -> Past:
    """The alerts that an unsaved threshold would have opened between two days; writes nothing.

    Simulates an empty account with this threshold that receives today's transactions in (date, id)
    order, each on its own date, and is read on the day before `date_from` and on the day after
    `date_to`, or today. Returns what flips after the first of these reads, also for a threshold
    that is switched off.

    date_to: at most the ledger's day. offset: how many flips to skip; each page replays all
    transactions. The draft gets the days it begins on, if it has none. Raises ValidationError for
    an invalid draft, and TooMuch for more than 50,000 transactions.
    """
    draft.prepare()
    settle(ledger, draft, date_from, date_to)
    begin = run_up(ledger, draft, date_from)
    rows = list(rows_between(ledger, begin, date_to))
    end = min(date_to + DAY, ledger.as_of)
    past = Past(offset, transactions=sum(row.date >= date_from for row in rows))
    replay(replace(ledger, as_of=begin), draft, rows, date_from, end, past)
    return past


def eve(day: date) -> date:
    """The day before; of the first day there is, itself."""
    return max(day, MIN_DATE + DAY) - DAY


def run_up(ledger: LedgerState, draft: Threshold, date_from: date) -> date:
    """The day from which on rows matter for what holds on the eve of a span.

    A forecast keeps its state between its bounds, so the eve's own period is gone through whole.
    """
    day = eve(date_from)
    if draft.type == PeriodType.ROLLING:
        return max(day - timedelta(days=(draft.days or 1) - 1), MIN_DATE)
    span = span_of(draft.type, day, ledger.calendar)
    if draft.rollover and draft.rollover_from and draft.rollover_from < span.start:
        return block_of(rule_of(draft, draft.parts()), span, ledger.calendar).start
    return span.start


def settle(ledger: LedgerState, draft: Threshold, date_from: date, date_to: date) -> None:
    """Fill in where the draft begins, as a save on the first day would.

    Raises ValidationError where more finished periods would be judged than for one that is stored.
    """
    if draft.rollover and draft.rollover_from is None:
        draft.rollover_from = span_of(draft.type, date_from, ledger.calendar).start
    if not draft.closing:
        draft.starts_on = None
        return
    begin = span_of(draft.type, date_from, ledger.calendar).start
    draft.starts_on = draft.starts_on or begin
    earliest = periods_back(draft.type, date_to, ledger.calendar)
    if max(draft.starts_on, begin) < earliest:
        raise ValidationError(
            {"date_from": f"At most {MAX_PAST_PERIODS} periods: {earliest} or later."}
        )


def rows_between(ledger: LedgerState, first: date, last: date) -> Iterator[Facts]:
    """A user's rows from one day to another, in (date, id) order. Raises TooMuch."""
    rules = rules_of(ledger)
    mine = Transaction.objects.filter(user_id=ledger.user_id, date__range=(first, last))
    columns = ("id", "date", "category_id", "type_id", "amount")
    found: list[dict[str, Any]] = list(mine.order_by("date", "id").values(*columns)[: MAX_ROWS + 1])
    if len(found) > MAX_ROWS:
        raise TooMuch(f"A preview goes through {MAX_ROWS} transactions at most.")
    for row in found:
        yield rules.facts(row)


def replay(
    now: LedgerState,
    draft: Threshold,
    rows: Sequence[Facts],
    date_from: date,
    end: date,
    past: Past,
) -> None:
    """Judge one threshold row by row, and tell `past` what flips from a day on.

    now: a ledger of our own, as it is before the rows; it goes along with them.
    """
    present = rules_of(now)
    rule = begun(now, present, rule_of(draft, draft.parts()))
    rules = Rules((rule,), present.effects, present.parents)
    sums = Sums(rules, rule.terms)

    def step(day: date, row: Facts | None = None) -> Iterator[Happening]:
        nonlocal rules
        if row is not None:
            rules = carried_on(rules, sums, now.calendar, row)
        return happenings(rules, now, sums, past, day, row)

    before = bisect_left(rows, date_from, key=lambda row: row.date)
    for row in rows[:before]:
        for _ in step(row.date, row):
            pass
    for _ in step(eve(date_from)):
        pass
    rolling = rule.type == PeriodType.ROLLING
    past.begin(ROLLING_START if rolling else span_of(rule.type, date_from, now.calendar).start)
    for row in rows[before:]:
        for one in step(row.date, row):
            past.tell(one)
    for one in step(end):
        past.tell(one)


def begun(now: LedgerState, present: Rules, rule: Rule) -> Rule:
    """A rule as a replay begins with it: a rollover with what the rows before have left."""
    if rule.carries_from is None:
        return rule
    begin = span_of(rule.type, now.as_of, now.calendar)
    if begin.start <= first_of(rule, now.calendar).start:
        return replace(rule, balances=())
    periods = read_chain(now, present, rule)
    before = {span: total for span, total in periods.items() if span.start < begin.start}
    stretch = stretch_of(with_balances_of(rule, now.calendar, before), begin, now.calendar)
    carried = carried_over(rule, stretch, lambda span: before.get(span, 0))
    return replace(rule, balances=((begin.start, carried),))


def carried_on(rules: Rules, sums: Sums, calendar: Calendar, row: Facts) -> Rules:
    """Rules with the balance of the block that contains a row; all rows before it have come."""
    (rule,) = rules.thresholds
    if rule.carries_from is None or not rules.counted(rule, row):
        return rules
    block = block_of(rule, span_of(rule.type, row.date, calendar), calendar)
    if block.start <= balance_before(rule, date.max, calendar)[0].start:
        return rules
    stretch = stretch_of(rule, block, calendar)
    carried = carried_over(rule, stretch, lambda span: sums.total(period_key(rule, span)))
    balances = (*(rule.balances or ()), (block.start, carried))
    return replace(rules, thresholds=(replace(rule, balances=balances),))


def happenings(
    rules: Rules,
    now: LedgerState,
    sums: Sums,
    past: Past,
    day: date,
    row: Facts | None,
) -> Iterator[Happening]:
    """What flips as a day comes, with a row or without, in the order of alerts."""
    now.begun = now.was = now.as_of
    now.as_of = max(now.as_of, day)
    pairs: dict[Pair, str] = dict(pairs_of_day(rules, now))
    if row is not None:
        sums.add(row)
        # What lies ahead has no rows yet, so nothing can hold there.
        for pair in pairs_of_rows(rules, now, [row]):
            if pair[1].start <= row.date:
                pairs[pair] = Cause.TRANSACTION
    totals = {key: sums.total(key) for key in sum_keys(pairs, now)}
    flips = flips_of(pairs, totals, past.holding, now)
    name_rows(rules, flips, None, row, Cause.TRANSACTION)
    for flip in sorted(flips, key=lambda flip: flip.key):
        past.turn(flip)
        sums_then = tuple(total_of(term, flip.span, totals) for term in flip.rule.terms)
        yield Happening(now.as_of, flip, sums_then)
