"""The numbers that answers are made of, read at once for many thresholds and alerts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from budget.answers.alert_rows import AlertRow
from budget.answers.shapes import ForecastDict, JudgedConditionDict
from budget.answers.words import Episode
from budget.engine import Reading
from budget.engine.sql import marks
from budget.engine.totals import read_totals
from budget.judge.judgement import (
    Bound,
    Forecast,
    Pair,
    Rule,
    Term,
    Totals,
    forecast_of,
    keys_of,
    limit_of,
    total_of,
)
from budget.models import AlertKind, AlertStatus, EventKind, LedgerState
from budget.models.money import amount_text, minor_text
from budget.models.threshold import ConditionDict

NAMES = "SELECT id, name FROM budget_category WHERE user_id = %s AND id IN ({ids})"
LAST_FLIPS = """
SELECT e.alert_id, e.kind, e.total, e."limit", e.cause
FROM budget_alertevent e WHERE e.user_id = %s AND e.seq IN (
  SELECT MAX(seq) FROM budget_alertevent
  WHERE user_id = %s AND alert_id IN ({ids}) AND kind IN ('opened', 'resolved')
  GROUP BY alert_id, kind
)"""


@dataclass
class Numbers:
    """What was read for some thresholds, periods and alerts.

    names: of categories, by id.
    """

    ledger: LedgerState
    totals: Totals
    names: Mapping[int, str]

    def sums(self, pair: Pair) -> list[int]:
        """The total of each term, minor units."""
        rule, span = pair
        return [total_of(term, span, self.totals) for term in rule.terms]

    def limit(self, pair: Pair) -> int:
        """The limit with its carry-over, minor units."""
        return limit_of(*pair, self.totals, self.ledger.calendar)

    def forecast(self, pair: Pair) -> Forecast:
        return forecast_of(*pair, self.totals, self.ledger.as_of)

    def conditions(self, pair: Pair) -> list[JudgedConditionDict]:
        """The conditions of a combination with their totals."""
        return judged_conditions(pair[0], self.names, self.sums(pair))


def read_numbers(reading: Reading, rules: Iterable[Rule], pairs: Iterable[Pair]) -> Numbers:
    """Read what the answers about some thresholds, in some periods, need. rules: of all of them."""
    ledger = reading.ledger
    keys = dict.fromkeys(key for pair in pairs for key in keys_of(pair, ledger))
    named = {term.category_id for rule in rules if rule.match for term in rule.terms}
    names = names_of(reading, {pk for pk in named if pk is not None})
    return Numbers(ledger, read_totals(ledger, keys, reading.rows), names)


def names_of(reading: Reading, ids: Collection[int]) -> dict[int, str]:
    """The names of some categories, by id."""
    if not ids:
        return {}
    return dict(reading.rows(NAMES.format(ids=marks(len(ids))), [reading.ledger.user_id, *ids]))


def last_episodes(reading: Reading, alerts: Iterable[AlertRow]) -> dict[int, Episode]:
    """The last episode of each resolved alert, by the alert's id; no query if all are open."""
    ids = [
        alert.id
        for alert in alerts
        if alert.status == AlertStatus.RESOLVED and alert.kind != AlertKind.CUSTOM
    ]
    if not ids:
        return {}
    user_id = reading.ledger.user_id
    rows = reading.rows(LAST_FLIPS.format(ids=marks(len(ids))), [user_id, user_id, *ids])
    events: dict[int, dict[str, Episode]] = defaultdict(dict)
    for alert_id, kind, total, limit, cause in rows:
        events[alert_id][kind] = Episode(total, limit, cause)
    return {
        pk: both[EventKind.OPENED]._replace(cause=both[EventKind.RESOLVED].cause)
        for pk, both in events.items()
        if len(both) == 2
    }


def condition_dict(term: Term, bound: Bound, names: Mapping[int, str]) -> ConditionDict:
    """A condition as the API shows it; names: of the categories, by id."""
    return {
        "category": None if term.category_id is None else names[term.category_id],
        "measure": term.measure,
        "operator": bound.operator,
        "amount": amount_text(bound.amount, term.measure),
    }


def conditions_of(rule: Rule, names: Mapping[int, str]) -> list[ConditionDict]:
    """The conditions of a combination; none of a simple threshold."""
    if not rule.match:
        return []
    return [
        condition_dict(term, bound, names)
        for term, bound in zip(rule.terms, rule.bounds, strict=True)
    ]


def judged_conditions(
    rule: Rule, names: Mapping[int, str], totals: Sequence[int]
) -> list[JudgedConditionDict]:
    """The conditions of a combination with their totals: one in its range holds."""
    (level,) = rule.levels
    return [
        {
            **condition_dict(term, bound, names),
            "total": amount_text(total, term.measure),
            "holds": lo <= total <= hi,
        }
        for term, bound, total, (lo, hi) in zip(
            rule.terms, rule.bounds, totals, level.ranges, strict=True
        )
    ]


def forecast_dict(forecast: Forecast) -> ForecastDict:
    spent, later = minor_text(forecast.through), minor_text(forecast.later)
    return {
        "projected": minor_text(forecast.projected),
        "spent": spent,
        "later": later,
        "days_elapsed": forecast.elapsed,
        "days": forecast.days,
        "formula": f"{spent} * {forecast.days} / {forecast.elapsed} + {later}",
    }
