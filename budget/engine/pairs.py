"""The rule and the period that a stored alert rests on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Protocol

from budget.judge.judgement import FORECAST_LEVEL, Identity, Pair, Rule
from budget.judge.periods import Span, rolling_span, span_of
from budget.models import Alert, LedgerState


class Placed(Protocol):
    """What of an alert says where it belongs."""

    @property
    def level(self) -> int | None: ...

    @property
    def subject(self) -> int: ...

    @property
    def is_rolling(self) -> bool: ...

    @property
    def period(self) -> tuple[date, date]: ...


def key_of(alert: Alert) -> Identity:
    return (
        alert.threshold_id or 0,
        alert.revision,
        alert.period[0],
        alert.subject,
        alert.level or 0,
    )


def span_of_alert(ledger: LedgerState, alert: Placed, rule: Rule) -> Span:
    """The period of an alert; of a rolling one, its current window."""
    if alert.is_rolling:
        return rolling_span(ledger.as_of, max(rule.days, 1))
    return Span(rule.type, *alert.period, alert.subject)


def pair_of_alert(ledger: LedgerState, alert: Placed, rule: Rule) -> Pair:
    """A rule in the period of an alert; of a forecast that is switched off now, as it was one."""
    if alert.level == FORECAST_LEVEL:
        rule = replace(rule, forecast=True)
    return rule, span_of_alert(ledger, alert, rule)


def limit_pair(ledger: LedgerState, alert: Placed, rule: Rule) -> Pair:
    """The period whose limit an alert shows: of the threshold's present type, where its own began.

    They differ after a change of the settings that cut periods, or of the type.
    """
    if alert.is_rolling:
        # A window that moves has no period before it.
        rule = replace(rule, carries_from=None)
    if rule.carries_from is None:
        return rule, span_of_alert(ledger, alert, rule)
    return rule, span_of(rule.type, alert.period[0], ledger.calendar)
