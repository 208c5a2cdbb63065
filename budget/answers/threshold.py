"""Thresholds as the API shows them, each with the numbers of its current period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from budget.answers.alert import percent_of
from budget.answers.definitions import definitions_of
from budget.answers.numbers import Numbers, conditions_of, forecast_dict, read_numbers
from budget.answers.shapes import CurrentDict, DescribedThreshold
from budget.answers.threshold_rows import ThresholdRow
from budget.engine import Reading
from budget.judge.judgement import Pair, Rule, forecast_given
from budget.judge.periods import Span, rolling_span, span_of
from budget.models import LedgerState, PeriodType
from budget.models.money import amount_text, minor_text
from budget.models.threshold_rules import carries_over


def describe_thresholds(
    reading: Reading, thresholds: Sequence[ThresholdRow]
) -> list[DescribedThreshold]:
    """Thresholds with their current period, in a few statements.

    A `transaction` threshold has no period: its `current` is null.
    """
    ledger = reading.ledger
    definitions = definitions_of(reading, [(row.id, row.revision) for row in thresholds])
    rules = [shown_as(definition.rule) for definition in definitions.values()]
    pairs = [
        (rule, current_span(ledger, rule)) for rule in rules if rule.type != PeriodType.TRANSACTION
    ]
    numbers = read_numbers(reading, rules, pairs)
    current = {pair[0].threshold_id: describe_current(numbers, pair) for pair in pairs}
    conditions = {rule.threshold_id: conditions_of(rule, numbers.names) for rule in rules}
    return [
        {**row.to_dict(), "conditions": conditions[row.id], "current": current.get(row.id)}
        for row in thresholds
    ]


@lru_cache(maxsize=4096)
def shown_as(rule: Rule) -> Rule:
    """The rule with a forecast, which is shown whether or not it raises alerts."""
    forecast = can_be_forecast(rule)
    return rule if rule.forecast == forecast else replace(rule, forecast=forecast)


def can_be_forecast(rule: Rule) -> bool:
    """Whether its periods are forecast: limits on spending, in weeks or longer."""
    return not rule.match and carries_over(rule.type, rule.operator, rule.measure)


def current_span(ledger: LedgerState, rule: Rule) -> Span:
    """The period, or the rolling window, that contains the user's day."""
    if rule.type == PeriodType.ROLLING:
        return rolling_span(ledger.as_of, rule.days)
    return span_of(rule.type, ledger.as_of, ledger.calendar)


def describe_current(numbers: Numbers, pair: Pair) -> CurrentDict:
    """The current period of a threshold, in numbers."""
    rule, span = pair
    ledger = numbers.ledger
    sums = numbers.sums(pair)
    current: CurrentDict = {
        "period_start": span.start.isoformat(),
        "period_end": span.end.isoformat(),
        "total": None,
        "limit": None,
        "carried": None,
        "remaining": None,
        "percent": None,
        "level_reached": None,
        "conditions": numbers.conditions(pair) if rule.match else [],
        "forecast": None,
        "as_of": ledger.as_of.isoformat(),
    }
    limit = numbers.limit(pair)
    if not rule.closing:
        levels = rule.levels_at(limit)
        reached = [level.percent for level in levels if rule.holds(level, sums)]
        current["level_reached"] = max(reached, default=None)
    if rule.match:
        return current
    total = sums[0]
    current["total"] = amount_text(total, rule.measure)
    current["limit"] = amount_text(limit, rule.measure)
    current["remaining"] = amount_text(limit - total, rule.measure)
    current["percent"] = percent_of(total, limit)
    if rule.carries_from is not None:
        current["carried"] = minor_text(limit - rule.limit)
    if rule.forecast and forecast_given(span, ledger.as_of):
        current["forecast"] = forecast_dict(numbers.forecast(pair))
    return current
