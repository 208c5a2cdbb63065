"""The first look of the self-audit: which of many users have rows that do not follow from others.

A slice of users, one snapshot, a few statements. They compare whole sets in the database, by
periods that it cuts itself; only what takes more than that, such as a carry-over, is judged
here. It writes nothing and waits for nobody. Whom it suspects, reconcile.py looks at again under
the lock: that one says what is wrong, and mends it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db import DatabaseError

from budget.engine import sql
from budget.engine.balances import agree
from budget.engine.rules import read_rules
from budget.engine.snapshot import snapshots
from budget.engine.totals import read_totals_of
from budget.judge.chain import Periods, first_of, with_balances_of
from budget.judge.judgement import (
    Identity,
    Pair,
    Range,
    Rule,
    Rules,
    SumKey,
    Term,
    active_until,
    due_pairs,
    flips_of,
    keys_of,
    period_key,
    through,
)
from budget.judge.kinds import SIGNS, Cause, PeriodType
from budget.judge.periods import (
    MONTHS,
    ROLLING_END,
    Calendar,
    Span,
    rolling_span,
    span_of,
)
from budget.models import Alert, LedgerOverflow, LedgerState, Profile
from budget.models.ledger import as_date

# So many users share a snapshot, and so many thresholds a statement.
USERS_A_SLICE = 20
RULES_A_STATEMENT = 1000

# All totals, in the range of the databases' integers.
ALL: Range = (-(2**62), 2**62)

Ledgers = Mapping[int, LedgerState]
AllRules = Mapping[int, Rules]


def in_order(user_ids: Sequence[int], *, of_today: bool = False) -> dict[int, int]:
    """The users in whose rows all follows from their transactions, each with the version it does
    at.

    Without a lock, in one snapshot, for the day of each ledger. Left out is who has no ledger, who
    cannot be decided about, as a sum of theirs leaves its range, and, with of_today, whose day
    waits to be moved.
    """
    try:
        with snapshots(user_ids) as ledgers:
            wrong = suspects(ledgers)
            if of_today:
                wrong |= {pk for pk, one in ledgers.items() if one.as_of < one.today}
            return {pk: one.version for pk, one in ledgers.items() if pk not in wrong}
    except (DatabaseError, LedgerOverflow):
        if len(user_ids) == 1:
            return {}
    half = len(user_ids) // 2
    first = in_order(user_ids[:half], of_today=of_today)
    return first | in_order(user_ids[half:], of_today=of_today)


def suspects(ledgers: Ledgers) -> set[int]:
    """The users of some ledgers with a drift of any kind, by what the database holds now."""
    users = list(ledgers)
    if not users:
        return set()
    sql.run(sql.for_sets())
    rules = read_rules(users)
    found = other_calendars(ledgers)
    found |= {pk for pk, mine in rules.items() if mine.circular or mine.without_levels}
    for statement in (sql.wrong_days(users), sql.wrong_months(users), sql.wrong_events(users)):
        found |= users_of(statement)
    for part in parts(rules):
        found |= users_of(sql.wrong_tips(part, terms_of(part)))
        found |= wrong_alerts(ledgers, part)
        found |= judged_apart(ledgers, part)
    return found


def users_of(statement: str) -> set[int]:
    return {user_id for (user_id,) in sql.run([(statement, [])])}


def parts(rules: AllRules) -> Iterator[dict[int, Rules]]:
    """The users by as many as have RULES_A_STATEMENT thresholds together."""
    part: dict[int, Rules] = {}
    count = 0
    for user_id, mine in rules.items():
        part[user_id] = mine
        count += len(mine.thresholds)
        if count >= RULES_A_STATEMENT:
            yield part
            part, count = {}, 0
    if part:
        yield part


def other_calendars(ledgers: Ledgers) -> set[int]:
    """The users whose ledger has not the calendar of their profile."""
    profiles = Profile.objects.filter(user_id__in=list(ledgers))
    calendars = {one.user_id: one.calendar for one in profiles}
    return {pk for pk, one in ledgers.items() if one.calendar != calendars.get(pk, Calendar())}


def terms_of(rules: AllRules) -> Iterator[tuple[int, int, int, int]]:
    for mine in rules.values():
        for rule in mine.thresholds:
            for term in rule.terms:
                for category in categories_of(mine, term):
                    what = sql.SIGNED_WHAT[term.measure]
                    yield rule.threshold_id, rule.days, category, what


def categories_of(rules: Rules, term: Term) -> Collection[int]:
    """The categories whose rows a term counts; 0 for all."""
    return (0,) if term.category_id is None else rules.members(term.category_id)


# Judged by the database


def plain(rule: Rule) -> bool:
    """Whether an alert of a threshold is open exactly where its total reaches a level.

    So without a look at other periods, at the day, or at periods in which no row lies.
    """
    simple = not rule.match and not rule.closing and rule.carries_from is None
    if not simple or not rule.levels or rule.forecast or rule.type == PeriodType.ROLLING:
        return False
    return all(lo > 0 for level in rule.levels for lo, _ in level.ranges)


def wrong_alerts(ledgers: Ledgers, rules: AllRules) -> set[int]:
    """The users whose open alerts of plain thresholds are not the levels that are reached."""
    windows: list[sql.Window] = []
    levels: list[tuple[int, ...]] = []
    singles: list[tuple[int, ...]] = []
    apart: list[int] = []
    for user_id, mine in rules.items():
        for rule in mine.thresholds:
            if not plain(rule):
                apart.append(rule.threshold_id)
            elif rule.type == PeriodType.TRANSACTION:
                singles += singles_of(user_id, mine, rule)
            else:
                (term,) = rule.terms
                least = min(lo for level in rule.levels for lo, _ in level.ranges)
                windows += windows_of(ledgers[user_id], mine, rule, term, rule.threshold_id, least)
                _, _, months, week_start, *_ = windows[-1]
                levels += [(*key, week_start, months) for key in keys_of_levels(user_id, rule)]
    wrong = sql.wrong_alerts(rules, kinds_of(rules), windows, levels, singles, apart)
    return {user_id for (user_id,) in sql.run_hashed(wrong)}


def kinds_of(rules: AllRules) -> Iterator[tuple[int | None, ...]]:
    """What each type of some users adds to each measure, by the order of sql.SIGNED_WHAT."""
    for mine in rules.values():
        for type_id, effect in mine.effects.items():
            signs = [Term(None, measure).value(effect, 1) or None for measure in sql.SIGNED_WHAT]
            yield type_id, *signs


def windows_of(
    ledger: LedgerState, rules: Rules, rule: Rule, term: Term, number: int, least: int = ALL[0]
) -> Iterator[sql.Window]:
    """What the periods of a threshold are summed by; least: totals below it are of no interest."""
    months = MONTHS.get(rule.type, 0)
    week_start = ledger.calendar.week_start if rule.type == PeriodType.WEEKLY else 0
    what = sql.SIGNED_WHAT[term.measure]
    for category in categories_of(rules, term):
        yield number, ledger.user_id, months, week_start, category, what, least


def singles_of(user_id: int, rules: Rules, rule: Rule) -> Iterator[tuple[int, ...]]:
    """The levels of a threshold on single transactions, for each category and type that adds."""
    (term,) = rule.terms
    adding = [effect for effect, sign in SIGNS[term.measure].items() if sign > 0]
    types = [type_id for effect in adding for type_id in rules.types.get(effect, ())]
    for key in keys_of_levels(user_id, rule):
        for category in categories_of(rules, term):
            for type_id in types:
                yield *key, category, type_id


def keys_of_levels(user_id: int, rule: Rule) -> Iterator[tuple[int, ...]]:
    """Each level with the totals at which it is reached."""
    for percent, ((lo, hi),) in rule.levels:
        lo, hi = max(lo, ALL[0]), min(hi, ALL[1])
        yield rule.threshold_id, user_id, rule.revision, percent, lo, hi


# Judged here


@dataclass
class Apart:
    """The thresholds of one user that are not plain, and what their judgement takes.

    totals: of whole periods, without those in which no row lies. spans: the periods with rows, by
    threshold, in order of date. opened: the open alerts, with the end of their period and of their
    time as active.
    """

    ledger: LedgerState
    rules: list[Rule]
    totals: dict[SumKey, int] = field(default_factory=lambda: defaultdict(int))
    spans: dict[int, dict[Span, None]] = field(default_factory=lambda: defaultdict(dict))
    opened: dict[Identity, tuple[date, date]] = field(default_factory=dict)


def judged_apart(ledgers: Ledgers, rules: AllRules) -> set[int]:
    """The users with an open alert of a threshold that is not plain, or one missing, against the
    verdicts; or with balances of a rollover that its periods do not lead to."""
    found: dict[int, Apart] = {}
    for user_id, mine in rules.items():
        apart = [rule for rule in mine.thresholds if not plain(rule)]
        if apart:
            found[user_id] = Apart(ledgers[user_id], apart)
    if not found:
        return set()
    read_periods(found, rules)
    read_open(found)
    wrong = {pk for pk, mine in found.items() if undecided(mine) or wrong_balances(mine)}
    pairs = {pk: list(pairs_of(mine)) for pk, mine in found.items() if pk not in wrong}
    today = {pk: list(keys_of_today(mine, found[pk].ledger)) for pk, mine in pairs.items()}
    for pk, totals in read_totals_of([ledgers[pk] for pk in pairs], rules, today).items():
        found[pk].totals.update(totals)
    return wrong | {pk for pk, mine in pairs.items() if not agrees(found[pk], mine)}


def read_periods(found: Mapping[int, Apart], rules: AllRules) -> None:
    """Read what every period with rows has come to."""
    numbered: list[tuple[Apart, Rule, Term]] = []
    windows: list[sql.Window] = []
    for user_id, mine in found.items():
        for rule in mine.rules:
            if rule.type == PeriodType.ROLLING:
                continue
            for part in dict.fromkeys(part for term in rule.terms for part in term.parts):
                windows += windows_of(mine.ledger, rules[user_id], rule, part, len(numbered))
                numbered.append((mine, rule, part))
    statement = sql.period_sums(kinds_of(rules), windows)
    for number, start, total in sql.run_hashed(statement):
        mine, rule, term = numbered[number]
        span = span_of(rule.type, as_date(start), mine.ledger.calendar)
        mine.spans[rule.threshold_id][span] = None
        mine.totals[SumKey(span.start, span.end, term.category_id, term.measure)] = int(total)


def read_open(found: Mapping[int, Apart]) -> None:
    """Read the open alerts."""
    ids = [rule.threshold_id for mine in found.values() for rule in mine.rules]
    alerts = Alert.objects.filter(user_id__in=list(found), threshold_id__in=ids)
    columns = ("threshold_id", "revision", "period_start", "subject", "level")
    rows: Any = (
        alerts.of_thresholds()
        .open()
        .order_by()
        .values_list("user_id", *columns, "period_end", "active_until")
    )
    for user_id, threshold_id, revision, start, subject, level, *ends in rows.iterator():
        key = threshold_id, revision, start, subject, level
        found[user_id].opened[key] = (ends[0], ends[1])


def undecided(mine: Apart) -> bool:
    """Whether a level may be reached in a period without rows, none of which was read."""
    return any(
        rule.holds(level, [0] * len(rule.terms))
        for rule in mine.rules
        if not rule.closing and rule.type != PeriodType.ROLLING
        for level in rule.levels
    )


def wrong_balances(mine: Apart) -> bool:
    """Whether the stored balances of a rollover are not what its periods lead to."""
    calendar = mine.ledger.calendar
    for rule in mine.rules:
        if rule.carries_from is None:
            continue
        if rule.balances is None:
            return True
        periods = chain_of(mine, rule)
        right = with_balances_of(rule, calendar, periods)
        if not agree(rule.balances, right, calendar, periods):
            return True
    return False


def chain_of(mine: Apart, rule: Rule) -> Periods:
    """What each period of a rollover's chain with rows has come to."""
    first = first_of(rule, mine.ledger.calendar)
    spans = (span for span in mine.spans[rule.threshold_id] if span.start >= first.start)
    return {
        span: mine.totals[period_key(rule, span)]
        for span in sorted(spans, key=lambda span: span.start)
    }


def pairs_of(mine: Apart) -> Iterator[Pair]:
    """Every period in which a level can be reached."""
    ledger = mine.ledger
    for rule in mine.rules:
        if rule.type == PeriodType.ROLLING:
            yield rule, rolling_span(ledger.as_of, rule.days)
        elif rule.starts_on is not None:
            yield from due_pairs(rule, rule.starts_on, ledger.as_of, ledger.calendar)
        else:
            for span in mine.spans[rule.threshold_id]:
                yield rule, span


def keys_of_today(pairs: Iterable[Pair], ledger: LedgerState) -> Iterator[SumKey]:
    """The sums of verdicts that are not of a whole period: they depend on the user's day."""
    for rule, span in pairs:
        if rule.type == PeriodType.ROLLING:
            yield from keys_of((rule, span), ledger)
        elif rule.forecast and span.holds(ledger.as_of):
            yield through(rule, span, ledger.as_of)


def agrees(mine: Apart, pairs: Sequence[Pair]) -> bool:
    """Whether the open alerts are those of the verdicts, with the ends that the calendar says."""
    ledger = mine.ledger
    judged: set[Identity] = set()
    opened = dict.fromkeys(mine.opened, 1)
    causes = dict.fromkeys(pairs, Cause.REPAIR)
    if flips_of(causes, mine.totals, opened, ledger, judged) or not mine.opened.keys() <= judged:
        return False
    by_threshold = {rule.threshold_id: rule for rule in mine.rules}
    for key, ends in mine.opened.items():
        rule, start = by_threshold[key[0]], key[2]
        if rule.type == PeriodType.ROLLING:
            if ends != (ROLLING_END, ROLLING_END):
                return False
            continue
        span = span_of(rule.type, start, ledger.calendar)
        if ends != (span.end, active_until((rule, span), ledger.calendar)):
            return False
    return True
