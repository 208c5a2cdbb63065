"""The chain of a rollover: what each of its periods carries on to the next one, at flat cost.

Periods are counted from the one of `rollover_from`, in blocks of 24. Each block but the first that
has rows has a balance: what is carried into its first period. So a limit follows from one balance
and at most 24 sums, however long the chain is; a block without a balance is an empty one.

A rule here is one that carries over. All amounts are minor units.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from budget.judge.periods import (
    Calendar,
    Span,
    following,
    periods_between,
    shifted,
    span_of,
)

if TYPE_CHECKING:
    from budget.judge.judgement import Rule

BLOCK = 24
# The first day of a block, and what is carried into it.
Balance = tuple[date, int]
# What periods with rows have come to, in date order.
Periods = Mapping[Span, int]


class Stretch(NamedTuple):
    """What leads to a period: what is carried into the first of `spans`, and how many periods
    without rows come between those and it."""

    carried: int
    spans: tuple[Span, ...]
    empty: int


def first_of(rule: Rule, calendar: Calendar) -> Span:
    """The period in which the chain begins, with nothing carried."""
    if rule.carries_from is None:
        raise ValueError("This threshold carries nothing over.")
    return span_of(rule.type, rule.carries_from, calendar)


def block_of(rule: Rule, span: Span, calendar: Calendar) -> Span:
    """The first period of the block that contains a period of the chain."""
    first = first_of(rule, calendar)
    number = periods_between(first, span)
    return shifted(first, number - number % BLOCK, calendar)


def rest_of_block(rule: Rule, span: Span, calendar: Calendar) -> tuple[Span, ...]:
    """The periods of a block after one of them."""
    number = periods_between(first_of(rule, calendar), span)
    return run_of(following(span, calendar), BLOCK - 1 - number % BLOCK, calendar)


@lru_cache(maxsize=16384)
def run_of(begin: Span, count: int, calendar: Calendar) -> tuple[Span, ...]:
    """So many periods from one on."""
    spans, at = [], begin
    for _ in range(count):
        spans.append(at)
        at = following(at, calendar)
    return tuple(spans)


def balance_before(rule: Rule, day: date, calendar: Calendar) -> tuple[Span, int]:
    """The last block with a balance that begins on a day or before it, with what it is."""
    if rule.balances is None:
        raise ValueError("What is carried has not been read.")
    place = bisect_right(rule.balances, day, key=lambda balance: balance[0])
    if not place:
        return first_of(rule, calendar), 0
    begin, carried = rule.balances[place - 1]
    return span_of(rule.type, begin, calendar), carried


def stretch_of(rule: Rule, span: Span, calendar: Calendar) -> Stretch:
    """From the last balance up to a period; nothing is carried into one before the chain."""
    at, carried = balance_before(rule, span.start, calendar)
    number = periods_between(at, span)
    if number <= 0:
        return Stretch(carried, (), 0)
    spans = run_of(at, min(number, BLOCK), calendar)
    return Stretch(carried, spans, number - len(spans))


def carried_over(rule: Rule, stretch: Stretch, total_of: Callable[[Span], int]) -> int:
    """What is carried into the period that a stretch leads to."""
    carried = stretch.carried
    for span in stretch.spans:
        carried = carry(rule, rule.limit + carried - total_of(span))
    return carry_empty(rule, carried, stretch.empty)


def carry(rule: Rule, left: int) -> int:
    """What of a period's rest, or overspending, is carried on."""
    return left if rule.cap is None else max(-rule.cap, min(rule.cap, left))


def carry_empty(rule: Rule, carried: int, periods: int) -> int:
    """What is carried on after some periods in which nothing was spent."""
    return carry(rule, carried + periods * rule.limit) if periods else carried


def balances_of(
    rule: Rule, calendar: Calendar, at: Span, carried: int, periods: Periods
) -> list[Balance]:
    """The balance of each block with rows after the one that begins with `at`.

    carried: into `at`. periods: all that have rows, from `at` on.
    """
    found: list[Balance] = []
    block = at
    for span, total in periods.items():
        begin = block_of(rule, span, calendar)
        if begin != block:
            carried = carry_empty(rule, carried, periods_between(at, begin))
            at = block = begin
            found.append((begin.start, carried))
        carried = carry_empty(rule, carried, periods_between(at, span))
        carried = carry(rule, rule.limit + carried - total)
        at = following(span, calendar)
    return found


def with_balances_of(rule: Rule, calendar: Calendar, periods: Periods) -> Rule:
    first = first_of(rule, calendar)
    return replace(rule, balances=tuple(balances_of(rule, calendar, first, 0, periods)))


def outside_last_block(rule: Rule, calendar: Calendar, days: Iterable[date]) -> Span | None:
    """The first period of some days, if any of them is in the chain outside its last block.

    What is written in the last block changes no balance.
    """
    first = first_of(rule, calendar)
    spans = {span_of(rule.type, day, calendar) for day in days if day >= first.start}
    last, _ = balance_before(rule, date.max, calendar)
    if all(block_of(rule, span, calendar) == last for span in spans):
        return None
    return min(spans, key=lambda span: span.start)
