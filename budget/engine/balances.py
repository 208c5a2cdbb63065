"""Keeping the balances of rollovers equal to the rows that they follow from.

A row in the last block of a chain, where almost every write lies, changes no balance and costs
nothing here. One before it changes the limit of every later period: these are read at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from budget.engine.rules import hold_rules, read_chain, read_periods, rules_changed, rules_of
from budget.judge.chain import (
    BLOCK,
    Balance,
    Periods,
    balance_before,
    balances_of,
    block_of,
    carried_over,
    outside_last_block,
    run_of,
    stretch_of,
    with_balances_of,
)
from budget.judge.judgement import Facts, Pair, Rule, SumKey, period_key
from budget.judge.periods import Calendar, Span, span_of
from budget.models import LedgerState, Threshold
from budget.models.ledger import Book

# The first period whose rows have changed, by threshold.
Since = dict[int, Span]


@dataclass
class Later:
    """The later periods with rows whose limits a write may have changed, and what was read of
    them."""

    pairs: list[Pair] = field(default_factory=list)
    known: dict[SumKey, int] = field(default_factory=dict)


NOTHING_LATER = Later()


def changed_since(ledger: LedgerState, rows: Collection[Facts]) -> Since:
    """The rollovers whose balances some transactions change."""
    rules = rules_of(ledger)
    since: Since = {}
    for rule in rules.rollovers:
        days = {facts.date for facts in rows if rules.counted(rule, facts)}
        span = outside_last_block(rule, ledger.calendar, days)
        if span is not None:
            since[rule.threshold_id] = span
    return since


def renew(book: Book, since: Since) -> Later:
    """Bring balances up to rows that have changed; the rollups hold them already."""
    ledger = book.ledger
    rules = rules_of(ledger)
    later = Later()
    renewed: dict[int, Rule] = {}
    for threshold_id, span in since.items():
        rule = rules.by_threshold[threshold_id]
        block = block_of(rule, span, ledger.calendar)
        at, carried = balance_before(rule, block.start, ledger.calendar)
        periods = read_periods(ledger, rules, rule, at.start)
        kept = [balance for balance in rule.balances or () if balance[0] <= at.start]
        added = balances_of(rule, ledger.calendar, at, carried, periods)
        rule = renewed[threshold_id] = replace(rule, balances=(*kept, *added))
        later.pairs += [(rule, one) for one in periods if one.start > span.start]
        later.known |= keys_known(rule, ledger.calendar, periods)
    store(book, renewed)
    return later


def keys_known(rule: Rule, calendar: Calendar, periods: Periods) -> dict[SumKey, int]:
    """The total of each period in the blocks with rows; 0 for a period without rows."""
    blocks = dict.fromkeys(block_of(rule, span, calendar) for span in periods)
    return {
        period_key(rule, span): periods.get(span, 0)
        for block in blocks
        for span in run_of(block, BLOCK, calendar)
    }


class Wrong(NamedTuple):
    """A rollover whose balances are not what the rows come to."""

    rule: Rule
    stored: list[Balance] | None


def wrong_balances(ledger: LedgerState, ids: Iterable[int]) -> list[Wrong]:
    """The rollovers in force among some thresholds that are stored with other balances, each with
    the right ones."""
    rules = rules_of(ledger)
    mine = [rules.by_threshold[pk] for pk in ids if pk in rules.by_threshold]
    mine = [rule for rule in mine if rule.carries_from is not None]
    found: list[Wrong] = []
    if not mine:
        return found
    rows = Threshold.objects.filter(
        user_id=ledger.user_id, pk__in=[rule.threshold_id for rule in mine]
    )
    stored = {row.pk: row.known_balances() for row in rows}
    for rule in mine:
        periods = read_chain(ledger, rules, rule)
        right = with_balances_of(rule, ledger.calendar, periods)
        have = stored.get(rule.threshold_id)
        if have is None or not agree(have, right, ledger.calendar, periods):
            found.append(Wrong(right, None if have is None else list(have)))
    return found


def agree(have: tuple[Balance, ...], right: Rule, calendar: Calendar, periods: Periods) -> bool:
    """Whether stored balances are true and none is missing; one of a block whose rows have gone may
    stay."""
    if {begin for begin, _ in right.balances or ()} - {begin for begin, _ in have}:
        return False
    for begin, carried in have:
        span = span_of(right.type, begin, calendar)
        stretch = stretch_of(right, span, calendar)
        if span.start != begin or block_of(right, span, calendar) != span:
            return False
        if carried != carried_over(right, stretch, lambda one: periods.get(one, 0)):
            return False
    return True


def renew_whole(book: Book, ids: Iterable[int]) -> list[Wrong]:
    """Compute the balances of some thresholds from all rows; gives those that were wrong."""
    wrong = wrong_balances(book.ledger, ids)
    store(book, {one.rule.threshold_id: one.rule for one in wrong})
    return wrong


def store(book: Book, renewed: Mapping[int, Rule]) -> None:
    """Store balances, and judge by them from here on."""
    if not renewed:
        return
    ledger = book.ledger
    rules = rules_of(ledger)
    for threshold_id, rule in renewed.items():
        Threshold.store_balances(ledger.user_id, threshold_id, rule.balances or ())
    rules_changed(book)
    thresholds = tuple(renewed.get(rule.threshold_id, rule) for rule in rules.thresholds)
    hold_rules(ledger, replace(rules, thresholds=thresholds))
