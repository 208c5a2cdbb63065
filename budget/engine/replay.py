"""What a threshold would have raised: the past replayed in memory by the engine's own judgement."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Annotated, Any

from django.core.exceptions import ValidationError
from pydantic import Field
from typing_extensions import TypedDict

from budget.engine.answers import JudgedConditionDict, Percent, judged_conditions, percent_of
from budget.engine.evaluate import written_row
from budget.engine.flips import Flip, flips_of, judge
from budget.engine.judging import (
    CHAIN,
    Identity,
    Pair,
    Window,
    is_late,
    pairs_of_day,
    pairs_of_rows,
    total_of,
    windows_of,
)
from budget.engine.rules import FORECAST_LEVEL, Rules, Term, rule_of, rules_of
from budget.engine.totals import single_total
from budget.models import (
    AlertKind,
    Cause,
    Condition,
    EventKind,
    LedgerState,
    PeriodType,
    Threshold,
    Transaction,
)
from budget.models.ledger import MIN_DATE, Row
from budget.models.money import from_minor, to_minor
from budget.models.periods import DAY, ROLLING_START, shifted, span_of
from budget.models.shapes import AmountText, DayText, Id, shape, words
from budget.models.threshold import MAX_PAST_PERIODS, MAX_PERCENT, periods_back, shown

# How many transactions a preview goes through at most.
MAX_ROWS = 50_000
FLIP: dict[str, object] = {
    "on": "2018-03-05",
    "kind": "opened",
    "cause": "transaction",
    "alert": "threshold",
    "period_start": "2018-03-01",
    "period_end": "2018-04-01",
    "level": 100,
    "total": "162.40",
    "limit": "150.00",
    "percent": 108,
    "conditions": [],
    "transaction": 1207,
    "late": False,
}


@shape(FLIP)
class PreviewFlipDict(TypedDict):
    """An alert that the threshold would have opened or resolved."""

    on: Annotated[DayText, Field(description="The day on which it would have.")]
    kind: Annotated[str, words([EventKind.OPENED, EventKind.RESOLVED])]
    cause: Annotated[str, words([Cause.TRANSACTION, Cause.DAY, Cause.PERIOD_END])]
    alert: Annotated[str, words([AlertKind.THRESHOLD, AlertKind.FORECAST])]
    period_start: Annotated[DayText | None, Field(description="null of a rolling window.")]
    period_end: DayText | None
    level: Annotated[int, Field(ge=1, le=MAX_PERCENT)] | None
    total: Annotated[
        AmountText | None, Field(description="null of a combination, as is the limit.")
    ]
    limit: AmountText | None
    percent: Percent | None
    conditions: Annotated[
        list[JudgedConditionDict], Field(description="Of a combination; else empty.")
    ]
    transaction: Annotated[
        Id | None, Field(description="The one that would have tipped or resolved it.")
    ]
    late: bool


@shape(
    {
        "date_from": "2018-01-01",
        "date_to": "2018-12-31",
        "transactions": 806,
        "open_before": 0,
        "opened": 1,
        "open": 1,
        "starts_on": None,
        "rollover_from": None,
        "flips": [FLIP],
    }
)
class PreviewDict(TypedDict):
    """What a threshold would have raised between two days, in the order in which it would have."""

    date_from: DayText
    date_to: DayText
    transactions: Annotated[int, Field(ge=0, description="How many lie between the two days.")]
    open_before: Annotated[
        int,
        Field(
            ge=0,
            description="How many alerts of the window, or of the period that the first day lies "
            "in, would have been open already.",
        ),
    ]
    opened: Annotated[int, Field(ge=0, description="How often an alert would have opened.")]
    open: Annotated[int, Field(ge=0, description="How many of all these would be open at the end.")]
    starts_on: DayText | None
    rollover_from: DayText | None
    flips: list[PreviewFlipDict]


class TooMuch(ValueError):
    """More transactions lie in the span than a preview goes through."""


class Sums:
    """Running sums of rows that come in date order: any window's total is two look-ups."""

    def __init__(self, rules: Rules, terms: Iterable[Term]) -> None:
        self.rules = rules
        parts = [part for term in terms for part in term.parts]
        self.dates: dict[Term, list[date]] = {part: [] for part in parts}
        self.running: dict[Term, list[int]] = {part: [0] for part in parts}
        self.row: Row = {}

    def add(self, row: Row) -> None:
        self.row = row
        for term, dates in self.dates.items():
            if self.rules.counts(term, row):
                dates.append(row["date"])
                running = self.running[term]
                running.append(running[-1] + term.value(row["effect"], to_minor(row["amount"])))

    def total(self, window: Window) -> int:
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
    late: bool
    totals: tuple[int, ...]

    def to_dict(self, parts: Sequence[Condition]) -> PreviewFlipDict:
        """As the API shows it; parts: the conditions of a combination."""
        flip, rule, span = self.flip, self.flip.rule, self.flip.span
        forecast = flip.level == FORECAST_LEVEL
        rolling = span.type == PeriodType.ROLLING
        both = flip.total is not None and flip.limit is not None
        names = {part.category.pk: part.category.name for part in parts if part.category}
        return {
            "on": self.on.isoformat(),
            "kind": str(EventKind.OPENED if flip.opens else EventKind.RESOLVED),
            "cause": str(flip.cause),
            "alert": str(AlertKind.FORECAST if forecast else AlertKind.THRESHOLD),
            "period_start": None if rolling else span.start.isoformat(),
            "period_end": None if rolling else span.end.isoformat(),
            "level": None if forecast else flip.level,
            "total": None if flip.total is None else shown(from_minor(flip.total), rule.measure),
            "limit": None if flip.limit is None else shown(from_minor(flip.limit), rule.measure),
            "percent": percent_of(flip.total or 0, flip.limit or 0) if both else None,
            "conditions": judged_conditions(parts, names, self.totals, flip.ranges)
            if parts
            else [],
            "transaction": flip.tip,
            "late": self.late,
        }


@dataclass
class Past:
    """What a replay has come to. open_before: of the alerts open as the span begins, those of the
    window or the period that its first day lies in. open: those and the ones opened since."""

    happened: list[Happening]
    open_before: set[Identity]
    open: set[Identity]


def preview(ledger: LedgerState, draft: Threshold, date_from: date, date_to: date) -> PreviewDict:
    """What a threshold that is not stored would have raised between two days; writes nothing.

    It is what really happens to an account without rows that gets this threshold and then the
    present rows one by one, in (date, id) order, each on its own date, and that is looked at on the
    day before `date_from`, and on the day after `date_to`, or today. Told is what flips after the
    first look. date_to: at most the ledger's day.

    One that is switched off is gone through as well. Raises ValidationError for a draft that is
    none, and TooMuch for more than 50,000 transactions.
    """
    draft.prepare()
    settle(ledger, draft, date_from, date_to)
    begin = run_up(ledger, draft, date_from)
    rows = list(rows_between(ledger, begin, date_to))
    end = min(date_to + DAY, ledger.as_of)
    past = replay(replace(ledger, as_of=begin), draft, rows, date_from, end)
    starts_on, carries_from = draft.starts_on, draft.rollover_from
    parts = draft.parts()
    return {
        "date_from": date_from.isoformat(),
        "date_to": date_to.isoformat(),
        "transactions": sum(row["date"] >= date_from for row in rows),
        "open_before": len(past.open_before),
        "opened": sum(one.flip.opens for one in past.happened),
        "open": len(past.open),
        "starts_on": starts_on.isoformat() if starts_on else None,
        "rollover_from": carries_from.isoformat() if carries_from else None,
        "flips": [one.to_dict(parts) for one in past.happened],
    }


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
        first = span_of(draft.type, draft.rollover_from, ledger.calendar)
        return max(first.start, shifted(span, -CHAIN, ledger.calendar).start)
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


def rows_between(ledger: LedgerState, first: date, last: date) -> Iterator[Row]:
    """A user's rows from one day to another, in (date, id) order. Raises TooMuch."""
    rules = rules_of(ledger)
    mine = Transaction.objects.filter(user_id=ledger.user_id, date__range=(first, last))
    columns = ("id", "date", "category_id", "type_id", "amount")
    found: list[dict[str, Any]] = list(mine.order_by("date", "id").values(*columns)[: MAX_ROWS + 1])
    if len(found) > MAX_ROWS:
        raise TooMuch(f"A preview goes through {MAX_ROWS} transactions at most.")
    for row in found:
        yield rules.with_effect(row)


def replay(
    now: LedgerState, draft: Threshold, rows: Sequence[Row], date_from: date, end: date
) -> Past:
    """Judge one threshold row by row, and keep what flips from a day on.

    now: a ledger of our own, as it is before the rows; it goes along with them.
    """
    present = rules_of(now)
    rule = rule_of(draft, draft.parts())
    rules = Rules((rule,), present.effects, present.parents)
    sums = Sums(rules, rule.terms)
    opened: dict[Identity, int] = {}

    def step(day: date, row: Row | None = None) -> list[Happening]:
        return list(happenings(rules, now, sums, opened, day, row))

    before = bisect_left(rows, date_from, key=lambda row: row["date"])
    for row in rows[:before]:
        step(row["date"], row)
    step(eve(date_from))
    rolling = rule.type == PeriodType.ROLLING
    running = ROLLING_START if rolling else span_of(rule.type, date_from, now.calendar).start
    open_before = {key for key in opened if key[2] == running}
    happened = [one for row in rows[before:] for one in step(row["date"], row)] + step(end)
    since = {one.flip.identity for one in happened if one.flip.opens}
    return Past(happened, open_before, (open_before | since) & opened.keys())


def happenings(
    rules: Rules,
    now: LedgerState,
    sums: Sums,
    opened: dict[Identity, int],
    day: date,
    row: Row | None,
) -> Iterator[Happening]:
    """What flips as a day comes, with a row or without, in the order of alerts."""
    now.was, now.as_of = now.as_of, max(now.as_of, day)
    pairs: dict[Pair, str] = dict(pairs_of_day(rules, now))
    if row is not None:
        sums.add(row)
        # What lies ahead has no rows yet, so nothing can hold there.
        for pair in pairs_of_rows(rules, now, [row]):
            if pair[1].start <= row["date"]:
                pairs[pair] = Cause.TRANSACTION
    windows = dict.fromkeys(window for pair in pairs for window in windows_of(pair, now))
    totals = {window: sums.total(window) for window in windows}
    flips = flips_of(judge(now, pairs, totals), pairs, opened)
    for flip in sorted(flips, key=lambda flip: flip.identity):
        if flip.opens:
            opened[flip.identity] = 1
        else:
            del opened[flip.identity]
        flip.tip = written_row(rules, flip, None, row, Cause.TRANSACTION)
        late = flip.opens and is_late(flip.pair, flip.level, now)
        sums_then = tuple(total_of(term, flip.span, totals) for term in flip.rule.terms)
        yield Happening(now.as_of, flip, late, sums_then)
