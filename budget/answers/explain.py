"""Why an alert is open or resolved: the condition, the sums, and every transaction in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import chain

from budget.answers.alert import bases_of, describe_alert, figures_of, source_of
from budget.answers.alert_rows import AlertRow
from budget.answers.numbers import Numbers, forecast_dict, last_episodes, names_of, read_numbers
from budget.answers.shapes import CarriedDict, ExplanationDict, SumDict
from budget.engine import Reading
from budget.engine.rules import rules_of
from budget.engine.sql import marks
from budget.judge.judgement import (
    FORECAST_LEVEL,
    HIGHEST,
    LOWEST,
    ONE,
    Facts,
    Pair,
    Rule,
    Rules,
    Term,
    carries,
    periods_before,
    verdicts,
)
from budget.models import LedgerState, Measure
from budget.models.money import amount_text, minor_text
from budget.models.transaction import (
    TRANSACTIONS,
    TransactionDict,
    TransactionRow,
    describe_transaction,
)
from lib.columns import made_as

Place = tuple[date, int]


@dataclass
class Explanation:
    """One page. ahead: the place after which the next one starts; None on the last page."""

    body: ExplanationDict
    ahead: Place | None


def explain(
    reading: Reading, alert: AlertRow, after: Place | None = None, limit: int = 50
) -> Explanation:
    """Why an alert is open or resolved, with up to `limit` of its transactions after a place.

    Transactions are in (date, id) order. The caller allows only pages of one version.
    """
    ledger, source = reading.ledger, source_of(alert)
    basis = bases_of(reading, {source: alert}).get(source)
    pair = None if basis is None else basis.pair
    wanted: list[Pair] = []
    if basis is not None and pair is not None:
        wanted = [*basis.pairs, *pairs_before(ledger, pair)]
    numbers = read_numbers(reading, [rule for rule, _ in wanted], wanted)
    figures = None if basis is None else figures_of(numbers, basis)
    episode = last_episodes(reading, [alert]).get(alert.id)
    body: ExplanationDict = {
        "alert": describe_alert(ledger, alert, basis, figures, episode),
        "period_start": None,
        "period_end": None,
        "time_zone": ledger.calendar.time_zone,
        "match": None,
        "sums": [],
        "carried": None,
        "forecast": None,
        "tipped_by": tipping_row(reading, alert),
        "edited": basis is not None and basis.definition.edited,
        "version": ledger.version,
        "items": [],
        "next": None,
    }
    if pair is None:
        return Explanation(body, None)
    rule, span = pair
    body["period_start"], body["period_end"] = span.start.isoformat(), span.end.isoformat()
    body["match"] = rule.match or None
    body["sums"] = sums_of(reading, numbers, alert, pair)
    if rule.carries_from is not None:
        body["carried"] = carried_of(numbers, pair)
    if alert.level == FORECAST_LEVEL:
        body["forecast"] = forecast_dict(numbers.forecast(pair))
    rows = read_counting(reading, pair, after, limit + 1)
    more = len(rows) > limit
    del rows[limit:]
    rules = rules_of(ledger)
    body["items"] = [
        {"transaction": describe_transaction(row), "adds": adds(rules, rule, facts)}
        for row, facts in rows
    ]
    return Explanation(body, (rows[-1][0].date, rows[-1][0].id) if more else None)


def pairs_before(ledger: LedgerState, pair: Pair) -> list[Pair]:
    """The earlier periods that explain a rollover's limit."""
    rule, span = pair
    if rule.carries_from is None:
        return []
    return [(rule, one) for one in periods_before(rule, span, ledger.calendar)]


def tipping_row(reading: Reading, alert: AlertRow) -> TransactionDict | None:
    """The tipping transaction of an alert, with its current values."""
    if alert.transaction_id is None:
        return None
    found = TRANSACTIONS.where("r.user_id = %s AND r.id = %s", alert.user_id, alert.transaction_id)
    rows = reading.rows(found.text, found.params)
    make = made_as(TransactionRow, reading.database)
    return describe_transaction(make(rows[0])) if rows else None


def sums_of(reading: Reading, numbers: Numbers, alert: AlertRow, pair: Pair) -> list[SumDict]:
    """Each total, with the range in which the alert's level is reached."""
    rule = pair[0]
    rules = rules_of(numbers.ledger)
    ids = {pk for term in rule.terms if term.category_id for pk in rules.members(term.category_id)}
    names = names_of(reading, ids)
    found = [
        verdict
        for verdict in verdicts(pair, numbers.totals, numbers.ledger)
        if verdict.level == alert.level
    ]
    ranges = found[0].ranges if found else ()
    sums: list[SumDict] = []
    for place, (term, total) in enumerate(zip(rule.terms, numbers.sums(pair), strict=True)):
        lo, hi = ranges[place] if ranges else (LOWEST, HIGHEST)
        operator, amount = (
            rule.bounds[place] if rule.match else (rule.operator, numbers.limit(pair))
        )
        sums.append(
            {
                "category": None if term.category_id is None else names[term.category_id],
                "categories": members_by_name(rules, term, names),
                "measure": term.measure,
                "operator": operator,
                "amount": amount_text(amount, term.measure),
                "at_least": None if lo == LOWEST else least_of(term, lo),
                "at_most": None if hi == HIGHEST else amount_text(hi, term.measure),
                "total": amount_text(total, term.measure),
                "holds": lo <= total <= hi if ranges else None,
            }
        )
    return sums


def least_of(term: Term, lo: int) -> str:
    """The lowest total of a range; for a count the first whole number in it."""
    if term.measure == Measure.COUNT:
        lo = -(-lo // ONE) * ONE
    return amount_text(lo, term.measure)


def members_by_name(rules: Rules, term: Term, names: dict[int, str]) -> list[str] | None:
    if term.category_id is None:
        return None
    return sorted(names[pk] for pk in rules.members(term.category_id) if pk in names)


def carried_of(numbers: Numbers, pair: Pair) -> list[CarriedDict]:
    """The earlier periods that the limit follows from."""
    calendar = numbers.ledger.calendar
    return [
        {
            "period_start": span.start.isoformat(),
            "period_end": span.end.isoformat(),
            "limit": minor_text(limit),
            "total": minor_text(total),
            "carried": minor_text(carried),
        }
        for span, limit, total, carried in carries(*pair, numbers.totals, calendar)
    ]


def read_counting(
    reading: Reading, pair: Pair, after: Place | None, limit: int
) -> list[tuple[TransactionRow, Facts]]:
    """The first transactions after a place that count for any term of a rule in a period, in
    (date, id) order, each with what counts of it."""
    rule, span = pair
    rules, user_id = rules_of(reading.ledger), reading.ledger.user_id
    rows = TRANSACTIONS.where(
        "r.user_id = %s AND r.date >= %s AND r.date < %s", user_id, span.start, span.end
    )
    terms = [counting(rules, term, single=bool(span.subject)) for term in rule.terms]
    texts, values = zip(*terms, strict=True)
    rows = rows.where(f"({' OR '.join(texts)})", *chain.from_iterable(values))
    if span.subject:
        rows = rows.where("r.id = %s", span.subject)
    if after is not None:
        rows = rows.where("(r.date, r.id) > (%s, %s)", *after)
    order, shown = "r.date, r.id", len(TransactionRow._fields)
    text = f"{rows.beside('r.category_id, r.type_id').text} ORDER BY {order} LIMIT {limit:d}"
    make = made_as(TransactionRow, reading.database)
    found: list[tuple[TransactionRow, Facts]] = []
    for values in reading.rows(text, rows.params, order):
        row, (category_id, type_id) = make(values[:shown]), values[shown:]
        effect = rules.effect_of(type_id)
        found.append((row, Facts(row.id, row.date, category_id, type_id, effect, row.amount)))
    return found


def counting(rules: Rules, term: Term, *, single: bool) -> tuple[str, list[int]]:
    """The condition, with its parameters, that a transaction counts for a term.

    single: by itself, where refunds lower nothing.
    """
    counted = (1,) if single else (1, -1)
    types = [pk for pk, effect in rules.effects.items() if term.sign(effect) in counted]
    if not types:
        return "1 = 0", []
    if term.category_id is None:
        return f"r.type_id IN ({marks(len(types))})", types
    members = sorted(rules.members(term.category_id))
    text = f"(r.type_id IN ({marks(len(types))}) AND r.category_id IN ({marks(len(members))}))"
    return text, [*types, *members]


def adds(rules: Rules, rule: Rule, facts: Facts) -> list[str | None]:
    """What a transaction adds to each sum of a rule."""
    return [
        amount_text(term.value(facts.effect, facts.minor), term.measure)
        if rules.counts(term, facts)
        else None
        for term in rule.terms
    ]
