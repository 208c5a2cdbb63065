"""From a threshold as a value and the totals of its period to the alerts that must flip.

Reads top down: a threshold as it is judged, what a write or a new day touches, the sums that takes,
the verdicts, and the flips. All amounts are minor units; a count is in hundredths.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, Protocol

from budget.judge.chain import (
    Balance,
    carried_over,
    carry,
    first_of,
    rest_of_block,
    run_of,
    stretch_of,
)
from budget.judge.kinds import SIGNS, Cause, Effect, Match, Measure, Operator, PeriodType
from budget.judge.periods import (
    DAY,
    ROLLING_END,
    ROLLING_START,
    Calendar,
    Span,
    following,
    periods_between,
    rolling_span,
    shifted,
    span_of,
)
from lib.errors import TooManyAlerts

# The level that a forecast is stored under.
FORECAST_LEVEL = 0
# A forecast is given once that many days, and a tenth of the period, have elapsed.
FORECAST_DAYS = 3
# Below that share of the limit, in percent, an open forecast resolves.
FORECAST_CLEAR = 95
# One transaction in a count: hundredths, as amounts are, so that a share of a limit is one too.
ONE = 100
# A range of totals with both ends; LOWEST and HIGHEST lie beyond any sum.
Range = tuple[int, int]
LOWEST, HIGHEST = -(10**30), 10**30
# How many alerts one write may open. What a day or a repair opens is not counted: it must be done.
MAX_OPENED = 10_000
UNBOUNDED = frozenset({Cause.DAY, Cause.PERIOD_END, Cause.REPAIR})


# A threshold and a transaction as they are judged


def share(minor: int, percent: int, *, up: bool) -> int:
    """`percent` of an amount, rounded up or down to a whole unit."""
    return -(-minor * percent // 100) if up else minor * percent // 100


def triggers_of(operator: str, limit: int, percents: Sequence[int]) -> dict[int, int]:
    """The levels in force under a limit, each with the total at which it is reached.

    A limit that a rollover has brought below 0 counts as 0.
    """
    limit = max(limit, 0)
    if not percents:
        return {}
    if operator == Operator.GTE and limit == 0:
        return {100: 1}
    up = operator in (Operator.GTE, Operator.LTE)
    return {percent: share(limit, percent, up=up) for percent in percents}


def range_of(operator: str, trigger: int) -> Range:
    """The totals for which an operator and a trigger hold."""
    match operator:
        case Operator.GTE:
            return trigger, HIGHEST
        case Operator.GT:
            return trigger + 1, HIGHEST
        case Operator.LTE:
            return LOWEST, trigger
        case Operator.LT:
            return LOWEST, trigger - 1
        case _:
            return trigger, trigger


class Term(NamedTuple):
    """What is summed: a measure over a category and all that lie under it (None: over all)."""

    category_id: int | None
    measure: str

    def sign(self, effect: str) -> int:
        """+1, -1 or 0: how a transaction with that effect counts."""
        return SIGNS[self.measure].get(effect, 0)

    def value(self, effect: str, minor: int) -> int:
        """What a transaction of that effect and amount adds."""
        return self.sign(effect) * (ONE if self.measure == Measure.COUNT else minor)

    @property
    def parts(self) -> tuple[Term, ...]:
        """The sums that are read for it, the second one to be taken away: net has two."""
        if self.measure == Measure.NET:
            return self._replace(measure=Measure.INCOME), self._replace(measure=Measure.SPENDING)
        return (self,)


class Level(NamedTuple):
    """A level in force, with the totals at which it is reached, a range for each term."""

    percent: int
    ranges: tuple[Range, ...]


class Bound(NamedTuple):
    """What a condition compares its total with, as the user has written it."""

    operator: str
    amount: int


@dataclass(frozen=True)
class Rule:
    """A threshold as it is judged.

    match: "" for a simple threshold, of one term; else how the conditions are joined, each of which
    has a term, a range in the one level, and a bound, by which nothing is judged. starts_on:
    not None for what is judged when a period is over. carries_from: not None for a rollover, with
    the most that is carried in `cap`, and its balances, None where they are not known. Rules are
    equal by value; few of the fields are hashed, as rules are looked up thousands of times a write.
    """

    threshold_id: int
    revision: int
    type: str = field(hash=False)
    days: int = field(hash=False)
    match: str = field(hash=False)
    terms: tuple[Term, ...] = field(hash=False)
    levels: tuple[Level, ...] = field(hash=False)
    operator: str = field(hash=False)
    limit: int = field(hash=False)
    percents: tuple[int, ...] = field(hash=False)
    starts_on: date | None = field(hash=False)
    carries_from: date | None = field(hash=False)
    cap: int | None = field(hash=False)
    forecast: bool = field(hash=False)
    balances: tuple[Balance, ...] | None = field(hash=False, default=None)
    bounds: tuple[Bound, ...] = field(hash=False, default=())

    @property
    def closing(self) -> bool:
        return self.starts_on is not None

    @property
    def measure(self) -> str:
        """Of a simple threshold; amounts of a combination are shown condition by condition."""
        return self.terms[0].measure

    def holds(self, level: Level, totals: Sequence[int]) -> bool:
        """Whether totals, one for each term, reach a level."""
        held = (lo <= total <= hi for total, (lo, hi) in zip(totals, level.ranges, strict=True))
        return any(held) if self.match == Match.ANY else all(held)

    def levels_at(self, limit: int) -> tuple[Level, ...]:
        """The levels in force under the limit that a period has been left with."""
        if limit == self.limit:
            return self.levels
        return simple_levels(self.operator, limit, self.percents)


# The same few limits come again and again, where the rules of many users are read.
@lru_cache(maxsize=4096)
def simple_levels(operator: str, limit: int, percents: tuple[int, ...]) -> tuple[Level, ...]:
    triggers = triggers_of(operator, limit, percents)
    return tuple(Level(percent, (range_of(operator, at),)) for percent, at in triggers.items())


@dataclass(frozen=True, slots=True)
class Facts:
    """What counts of a transaction. effect: what its type does."""

    id: int
    date: date
    category_id: int
    type_id: int
    effect: str
    minor: int


@dataclass(frozen=True)
class Rules:
    """A user's thresholds in force, what each type counts for, and the tree of categories.

    parents: of the categories that have one.
    """

    thresholds: tuple[Rule, ...]
    effects: dict[int, str]
    parents: dict[int, int]

    def effect_of(self, type_id: int) -> str:
        return self.effects.get(type_id, Effect.NONE)

    def facts(self, row: Mapping[str, Any]) -> Facts:
        """What counts of a transaction's stored row, by column.

        With the effect of its type by these rules: that of a saved instance may be older than the
        lock.
        """
        return Facts(
            row["id"],
            row["date"],
            row["category_id"],
            row["type_id"],
            self.effect_of(row["type_id"]),
            int(row["amount"].scaleb(2)),
        )

    @cached_property
    def types(self) -> dict[str, tuple[int, ...]]:
        """The types of each effect."""
        types: dict[str, list[int]] = defaultdict(list)
        for pk, effect in self.effects.items():
            types[effect].append(pk)
        return {effect: tuple(ids) for effect, ids in types.items()}

    @cached_property
    def by_threshold(self) -> dict[int, Rule]:
        return {rule.threshold_id: rule for rule in self.thresholds}

    @cached_property
    def rollovers(self) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.thresholds if rule.carries_from is not None)

    @cached_property
    def subtrees(self) -> dict[int, frozenset[int]]:
        """The categories that others lie under, each with itself and all of those."""
        members: dict[int, set[int]] = defaultdict(set)
        for pk in self.parents:
            for above in self.chain(pk)[1:]:
                members[above] |= {above, pk}
        return {pk: frozenset(below) for pk, below in members.items()}

    def chain(self, category_id: int) -> list[int]:
        """A category and all that it lies under, upwards; of a circle, each of it once."""
        chain = [category_id]
        while (above := self.parents.get(chain[-1])) is not None and above not in chain:
            chain.append(above)
        return chain

    @cached_property
    def circular(self) -> list[int]:
        """The categories that lie under themselves, which only a hand in the database can do."""
        return sorted(pk for pk in self.parents if self.parents.get(self.chain(pk)[-1]) == pk)

    @cached_property
    def without_levels(self) -> list[Rule]:
        """The thresholds that can open no alert, for which it takes such a hand, too."""
        return [rule for rule in self.thresholds if not rule.levels]

    def within(self, category_id: int, root: int | None) -> bool:
        """Whether a category counts for a term of that one (None: of all)."""
        return root is None or category_id == root or category_id in self.subtrees.get(root, ())

    def members(self, root: int) -> Collection[int]:
        """A category and all that lie under it."""
        return self.subtrees.get(root) or (root,)

    def counts(self, term: Term, facts: Facts) -> bool:
        """Whether a transaction is part of what a term sums."""
        return facts.effect in SIGNS[term.measure] and self.within(
            facts.category_id, term.category_id
        )

    def counted(self, rule: Rule, facts: Facts) -> bool:
        """Whether a transaction is part of any total that a rule looks at."""
        return any(self.counts(term, facts) for term in rule.terms)

    def counting(self, facts: Facts) -> list[Rule]:
        """The rules for which a transaction counts; no other rule is looked at."""
        above = [*self.chain(facts.category_id), None]
        places = {place for pk in above for place in self.by_category.get(pk, ())}
        found = [self.thresholds[place] for place in sorted(places)]
        return [rule for rule in found if self.counted(rule, facts)]

    @cached_property
    def by_category(self) -> dict[int | None, list[int]]:
        """The places of the rules that sum a category (None: all of them)."""
        found: dict[int | None, list[int]] = defaultdict(list)
        for place, rule in enumerate(self.thresholds):
            for category_id in {term.category_id for term in rule.terms}:
                found[category_id].append(place)
        return found


class Day(Protocol):
    """The user's day and calendar.

    was: the day of the judgement before. begun: the day that the commit began with.
    """

    as_of: date
    was: date
    begun: date
    calendar: Calendar


# What a write or a new day touches: thresholds, each in a period


Pair = tuple[Rule, Span]
# Threshold, revision, first day, subject, level: an alert's identity within its user.
Identity = tuple[int, int, date, int, int]


def identity(pair: Pair, level: int) -> Identity:
    rule, span = pair
    start = ROLLING_START if span.type == PeriodType.ROLLING else span.start
    return rule.threshold_id, rule.revision, start, span.subject, level


def due(rule: Rule, span: Span, as_of: date) -> bool:
    """Whether a period is judged at all: of what is judged at its end, only once that is past."""
    return rule.starts_on is None or (rule.starts_on <= span.start and span.end <= as_of)


def due_pairs(rule: Rule, start: date, as_of: date, calendar: Calendar) -> Iterator[Pair]:
    """A rule in each period from that of `start` on that has ended and is due."""
    span = span_of(rule.type, start, calendar)
    while span.end <= as_of:
        if due(rule, span, as_of):
            yield rule, span
        span = following(span, calendar)


class Touched(NamedTuple):
    """What a write touches, and what it takes to judge that.

    causes: of what flips, by threshold and period. keys: the sums to read; singles: those of single
    transactions, which need no reading. starts: the first days of the periods.
    """

    causes: dict[Pair, str]
    keys: list[SumKey]
    singles: list[SumKey]
    starts: set[date]


def touched(
    rules: Rules,
    day: Day,
    rows: Iterable[Facts],
    cause: str,
    later: Iterable[Pair] = (),
    known: Mapping[SumKey, int] | None = None,
) -> Touched:
    """What the writes of some transactions touch, and what the user's day has touched since.

    cause: of what flips by the writes. later: pairs that they touch besides their own. known: sums
    that need no reading.
    """
    causes: dict[Pair, str] = dict(pairs_of_day(rules, day))
    causes |= dict.fromkeys([*pairs_of_rows(rules, day, rows), *later], cause)
    missing = [key for key in sum_keys(causes, day) if key not in (known or ())]
    return Touched(
        causes,
        [key for key in missing if not key.subject],
        [key for key in missing if key.subject],
        {identity(pair, 0)[2] for pair in causes},
    )


def pairs_of_rows(rules: Rules, day: Day, rows: Iterable[Facts]) -> dict[Pair, None]:
    """Each threshold for which a transaction counts, in each period that its total is part of."""
    pairs: dict[Pair, None] = {}
    for facts in rows:
        for rule in rules.counting(facts):
            for span in spans_of_row(rule, day, facts):
                pairs[rule, span] = None
    return pairs


def spans_of_row(rule: Rule, day: Day, facts: Facts) -> Iterator[Span]:
    if rule.type == PeriodType.ROLLING:
        span = rolling_span(day.as_of, rule.days)
        if span.start <= facts.date < span.end:
            yield span
        return
    span = span_of(rule.type, facts.date, day.calendar)
    if rule.type == PeriodType.TRANSACTION:
        yield replace(span, subject=facts.id)
        return
    if due(rule, span, day.as_of):
        yield span
    if rule.carries_from is not None and span.end > rule.carries_from:
        # Their limits change with its total. Later blocks are found where balances are renewed.
        yield from rest_of_block(rule, span, day.calendar)


def pairs_of_day(rules: Rules, day: Day) -> dict[Pair, Cause]:
    """What can change because the user's day has: each with the cause that it changes by."""
    pairs: dict[Pair, Cause] = {}
    if day.as_of <= day.was:
        return pairs
    for rule in rules.thresholds:
        if rule.type == PeriodType.ROLLING:
            pairs[rule, rolling_span(day.as_of, rule.days)] = Cause.DAY
        elif rule.closing:
            span = span_of(rule.type, day.was, day.calendar)
            while span.end <= day.as_of:
                if due(rule, span, day.as_of):
                    pairs[rule, span] = Cause.PERIOD_END
                span = following(span, day.calendar)
        elif rule.forecast:
            past = span_of(rule.type, day.was, day.calendar)
            now = span_of(rule.type, day.as_of, day.calendar)
            pairs[rule, past] = Cause.PERIOD_END
            pairs[rule, now] = Cause.DAY
    return pairs


def counts_in(rules: Rules, pair: Pair, facts: Facts) -> bool:
    """Whether a transaction is part of what a threshold sums in a period."""
    rule, span = pair
    return (
        span.start <= facts.date < span.end
        and span.subject in (0, facts.id)
        and rules.counted(rule, facts)
    )


# The sums that a judgement takes


class SumKey(NamedTuple):
    """A sum: spending, income or count in [start, end), of a category's subtree or (None) of all.

    subject: of that single transaction, if it is in there; else 0.
    """

    start: date
    end: date
    category_id: int | None
    measure: str
    subject: int = 0


Totals = Mapping[SumKey, int]


def sum_keys(pairs: Iterable[Pair], day: Day) -> dict[SumKey, None]:
    """Every sum that the verdicts on some thresholds and periods rest on, each once."""
    return {key: None for pair in pairs for key in keys_of(pair, day)}


def keys_of(pair: Pair, day: Day) -> Iterator[SumKey]:
    """Every sum that the verdicts of a threshold in a period rest on."""
    rule, span = pair
    for term in rule.terms:
        yield from term_keys(term, span)
    if rule.carries_from is not None:
        yield from chain_keys(rule, span, day.calendar)
    if rule.forecast:
        # Of a period that is over or to come, all of it or nothing: no separate sum.
        key = through(rule, span, day.as_of)
        if key.start < key.end < span.end:
            yield key


def term_keys(term: Term, span: Span) -> Iterator[SumKey]:
    """One sum, or for net two."""
    for part in term.parts:
        yield SumKey(span.start, span.end, part.category_id, part.measure, span.subject)


def through(rule: Rule, span: Span, as_of: date) -> SumKey:
    """What of a period is spent through the user's day."""
    end = min(max(as_of + DAY, span.start), span.end)
    return SumKey(span.start, end, rule.terms[0].category_id, Measure.SPENDING)


def chain_keys(rule: Rule, span: Span, calendar: Calendar) -> tuple[SumKey, ...]:
    """What the periods have come to that a rollover's limit follows from."""
    if rule.carries_from is None:
        return ()
    spans = stretch_of(rule, span, calendar).spans
    return keys_of_spans(spans, rule.terms[0].category_id)


# Made once: a write of a rollover reads the periods of a block, each of them in up to 23 chains.
@lru_cache(maxsize=16384)
def keys_of_spans(spans: tuple[Span, ...], category_id: int | None) -> tuple[SumKey, ...]:
    return tuple(SumKey(one.start, one.end, category_id, Measure.SPENDING) for one in spans)


def period_key(rule: Rule, span: Span) -> SumKey:
    """What a period of a rollover comes to."""
    return SumKey(span.start, span.end, rule.terms[0].category_id, Measure.SPENDING)


def single_total(rules: Rules, key: SumKey, facts: Facts | None) -> int:
    """What a single transaction adds as a sum by itself.

    0 for one that is gone, has left the period, or whose type does not add to the measure: a refund
    lowers no single expense.
    """
    if facts is None or not key.start <= facts.date < key.end:
        return 0
    term = Term(key.category_id, key.measure)
    adds = term.sign(facts.effect) > 0 and rules.within(facts.category_id, key.category_id)
    return term.value(facts.effect, facts.minor) if adds else 0


# The verdicts


class Verdict(NamedTuple):
    """Whether an alert must be open (None: as it was), with the numbers it rests on.

    total, limit: None for a combination.
    """

    level: int
    wanted: bool | None
    total: int | None
    limit: int | None
    ranges: tuple[Range, ...] = ()


def verdicts(pair: Pair, totals: Totals, day: Day) -> Iterator[Verdict]:
    """Each level of a threshold in a period, and its forecast where there can be one."""
    rule, span = pair
    sums = [total_of(term, span, totals) for term in rule.terms]
    if rule.match:
        for level in rule.levels:
            yield Verdict(level.percent, rule.holds(level, sums), None, None, level.ranges)
        return
    limit = limit_of(rule, span, totals, day.calendar)
    levels = rule.levels_at(limit)
    for level in levels:
        (lo, hi) = level.ranges[0]
        yield Verdict(level.percent, lo <= sums[0] <= hi, sums[0], limit, level.ranges)
    if rule.carries_from is not None:
        # A limit that carry-over has brought to 0 or less has level 100 only; the others are not
        # reached, so that their alerts resolve.
        for percent in sorted({100, *rule.percents} - {level.percent for level in levels}):
            yield Verdict(percent, False, sums[0], limit)
    if rule.forecast and (span.holds(day.as_of) or span.holds(day.was)):
        yield forecast_verdict(pair, totals, day, limit)


def total_of(term: Term, span: Span, totals: Totals) -> int:
    """A term's total."""
    sums = [totals[key] for key in term_keys(term, span)]
    return sums[0] - sums[1] if term.measure == Measure.NET else sums[0]


def limit_of(rule: Rule, span: Span, totals: Totals, calendar: Calendar) -> int:
    """The limit of a period: the amount and the carry-over; may be below 0."""
    if rule.carries_from is None:
        return rule.limit
    stretch = stretch_of(rule, span, calendar)
    return rule.limit + carried_over(rule, stretch, lambda one: totals[period_key(rule, one)])


class Forecast(NamedTuple):
    """What a period will come to, with the numbers it is made of; minor units and days."""

    projected: int
    through: int
    later: int
    elapsed: int
    days: int


def forecast_verdict(pair: Pair, totals: Totals, day: Day, limit: int) -> Verdict:
    """Open at the limit, resolved below 95 % of it, as it was in between."""
    rule, span = pair
    projected = forecast_of(rule, span, totals, day.as_of).projected
    wanted: bool | None = None
    if not forecast_given(span, day.as_of):
        wanted = False
    elif limit <= 0:
        wanted = projected > 0
    elif projected >= limit:
        wanted = True
    elif projected * 100 < limit * FORECAST_CLEAR:
        wanted = False
    return Verdict(FORECAST_LEVEL, wanted, projected, limit)


def forecast_of(rule: Rule, span: Span, totals: Totals, as_of: date) -> Forecast:
    """through * days / elapsed, rounded half up, and what is dated later."""
    total = total_of(rule.terms[0], span, totals)
    key = through(rule, span, as_of)
    spent = 0 if key.end == span.start else totals[key]
    elapsed = min(max((as_of - span.start).days + 1, 1), span.days)
    projected = (2 * spent * span.days + elapsed) // (2 * elapsed) + total - spent
    return Forecast(projected, spent, total - spent, elapsed, span.days)


def forecast_given(span: Span, as_of: date) -> bool:
    """Whether enough of a period has elapsed, and not all of it."""
    elapsed = (as_of - span.start).days + 1
    return as_of < span.end and elapsed >= max(FORECAST_DAYS, -(-span.days // 10))


# The flips


@dataclass(slots=True)
class Flip:
    """An alert that changes from not open to open or back, with all that is stored of it.

    key: its identity, by which alerts are written in order. total, limit: None for a combination.
    ranges: the totals at which the level holds, by term. alert_id: 0 until the alert is there. new:
    whether the alert was made for this flip. tip: the transaction that tipped it; of one that
    resolves, the one by whose write it does. then: the running total at the tipping transaction,
    else the total. late, until: of one that opens, whether its period was over, and the first day
    on which it is no longer news.
    """

    rule: Rule
    span: Span
    level: int
    opens: bool
    total: int | None
    limit: int | None
    cause: str
    key: Identity
    ranges: tuple[Range, ...] = ()
    alert_id: int = 0
    new: bool = False
    tip: int | None = None
    then: int | None = None
    late: bool = False
    until: date = ROLLING_END

    @property
    def tippable(self) -> bool:
        """Whether a transaction reaches it: not the end of a period, nor a forecast."""
        return self.opens and not self.rule.closing and self.level != FORECAST_LEVEL


def flips_of(
    causes: Mapping[Pair, str],
    totals: Totals,
    opened: Mapping[Identity, int],
    day: Day,
    judged: set[Identity] | None = None,
) -> list[Flip]:
    """What flips among some thresholds and periods, given their totals.

    causes: of what flips, by threshold and period. opened: the ids of the alerts that are open
    there. judged: gets the identity of every verdict. Raises TooManyAlerts, with their number,
    where more would open than one write may; no more than that are kept in memory.
    """
    flips: list[Flip] = []
    opening = 0
    for pair, cause in causes.items():
        rule, span = pair
        for level, wanted, total, limit, ranges in verdicts(pair, totals, day):
            key = identity(pair, level)
            if judged is not None:
                judged.add(key)
            alert_id = opened.get(key)
            if wanted is None or wanted == (alert_id is not None):
                continue
            opening += wanted and cause not in UNBOUNDED
            if opening > MAX_OPENED:
                continue
            flip = Flip(rule, span, level, wanted, total, limit, cause, key, ranges, alert_id or 0)
            if wanted:
                flip.late = is_late(pair, level, day)
                flip.until = active_until(pair, day.calendar)
            flips.append(flip)
    refuse_beyond(opening)
    return flips


def refuse_beyond(opening: int, least: str = "") -> None:
    """Raise TooManyAlerts for a write that opens more alerts than one commit may hold."""
    if opening > MAX_OPENED:
        raise TooManyAlerts(
            f"This would open {least}{opening} alerts; one request opens at most {MAX_OPENED}. "
            "Send fewer rows at once, or limit less."
        )


def active_until(pair: Pair, calendar: Calendar) -> date:
    """The first day on which an open alert is no longer news."""
    rule, span = pair
    if rule.type == PeriodType.ROLLING:
        return ROLLING_END
    return following(span, calendar).end if rule.closing else span.end


def is_late(pair: Pair, level: int, day: Day) -> bool:
    """Whether an alert that opens now comes after its period was over.

    What is judged at the end is late when an earlier day than this commit's has closed the period.
    """
    rule, span = pair
    if rule.type == PeriodType.ROLLING or level == FORECAST_LEVEL:
        return False
    return span.end <= (day.begun if rule.closing else day.as_of)


def flips_of_write(
    rules: Rules,
    day: Day,
    causes: Mapping[Pair, str],
    totals: Totals,
    opened: Mapping[Identity, int],
    written: tuple[Facts | None, Facts | None, str],
) -> list[Flip]:
    """What flips by the write of one transaction, which is named on what it tips or resolves.

    written: the transaction before and after, and the cause of its flips.
    """
    flips = flips_of(causes, totals, opened, day)
    name_rows(rules, flips, *written)
    return flips


def name_rows(
    rules: Rules, flips: Iterable[Flip], before: Facts | None, after: Facts | None, cause: str
) -> None:
    """Name the transaction that was written on the flips that it tips or resolves.

    A transaction can open an alert only if it counts in that period. It can resolve an alert also
    after leaving the period, or in an earlier one. Flips of another cause are the new day's.
    """
    for flip in flips:
        row = after
        if not flip.opens:
            row = (after or before) if flip.cause == cause else None
        elif row is not None and (
            flip.level == FORECAST_LEVEL or not counts_in(rules, (flip.rule, flip.span), row)
        ):
            row = None
        flip.tip = None if row is None else row.id


# What a limit is explained by


# How many periods before one explain its limit.
EXPLAINED = 24


def periods_before(rule: Rule, span: Span, calendar: Calendar) -> tuple[Span, ...]:
    """The last periods of a rollover's chain before one, at most 24, in order."""
    number = periods_between(first_of(rule, calendar), span)
    count = min(max(number, 0), EXPLAINED)
    return run_of(shifted(span, -count, calendar), count, calendar)


def carries(
    rule: Rule, span: Span, totals: Totals, calendar: Calendar
) -> Iterator[tuple[Span, int, int, int]]:
    """Of each of the last periods of the chain: its limit, its total and what it leaves."""
    for earlier in periods_before(rule, span, calendar):
        limit = limit_of(rule, earlier, totals, calendar)
        total = total_of(rule.terms[0], earlier, totals)
        yield earlier, limit, total, carry(rule, limit - total)
