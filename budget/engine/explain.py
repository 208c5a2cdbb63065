"""Why an alert is what it is: the condition, the sums, and every transaction that they add up."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from django.db import models
from pydantic import Field
from typing_extensions import TypedDict

from budget.engine.answers import (
    ALERT,
    AlertDict,
    ForecastDict,
    PeriodEnd,
    Reading,
    describe_alert,
    forecast_dict,
    names_of,
    pairs_of_alerts,
    read_for,
)
from budget.engine.evaluate import limit_pair
from budget.engine.judging import Pair, carries, verdicts
from budget.engine.revisions import definitions_of
from budget.engine.rules import FORECAST_LEVEL, ONE, Rule, Rules, Term, rules_of
from budget.models import Alert, Condition, LedgerState, Measure, Transaction
from budget.models.ledger import Row
from budget.models.money import from_minor, to_minor
from budget.models.shapes import AmountText, DayText, MoneyText, shape
from budget.models.threshold import HIGHEST, LOWEST, shown
from budget.models.transaction import TRANSACTION, TransactionDict

SUM: dict[str, object] = {
    "category": "Food",
    "categories": ["Food", "Groceries", "Restaurants"],
    "measure": "spending",
    "operator": "gte",
    "amount": "150.00",
    "at_least": "150.00",
    "at_most": None,
    "total": "162.40",
    "holds": True,
}


@shape(SUM)
class SumDict(TypedDict):
    """One sum that the alert rests on, and the totals at which it holds, both ends included."""

    category: Annotated[str | None, Field(description="null where all categories count.")]
    categories: Annotated[
        list[str] | None, Field(description="Itself and all that lie under it, by name.")
    ]
    measure: str
    operator: str
    amount: Annotated[AmountText | None, Field(description="The limit, before levels.")]
    at_least: AmountText | None
    at_most: AmountText | None
    total: Annotated[AmountText, Field(description="What the transactions below add up to.")]
    holds: Annotated[bool | None, Field(description="null of a forecast, which judges another.")]


@shape(
    {
        "period_start": "2018-02-01",
        "period_end": "2018-03-01",
        "limit": "150.00",
        "total": "120.00",
        "carried": "30.00",
    }
)
class CarriedDict(TypedDict):
    """A period before, and what it leaves to the next one."""

    period_start: DayText
    period_end: PeriodEnd
    limit: MoneyText
    total: MoneyText
    carried: MoneyText


@shape({"transaction": TRANSACTION, "adds": ["162.40"]})
class PartDict(TypedDict):
    """A transaction that counts, and what it adds to each sum."""

    transaction: TransactionDict
    adds: Annotated[
        list[AmountText | None],
        Field(description="In the order of `sums`; null where it does not count."),
    ]


@shape(
    {
        "alert": ALERT,
        "period_start": "2018-03-01",
        "period_end": "2018-04-01",
        "time_zone": "Europe/Berlin",
        "match": None,
        "sums": [SUM],
        "carried": None,
        "forecast": None,
        "tipped_by": TRANSACTION,
        "edited": False,
        "version": 412,
        "items": [{"transaction": TRANSACTION, "adds": ["162.40"]}],
        "next": None,
    }
)
class ExplanationDict(TypedDict):
    """Why an alert is what it is. What `items` on all pages add comes to the totals of `sums`."""

    alert: Annotated[AlertDict, Field(description="Its numbers now, and then.")]
    period_start: Annotated[
        DayText | None, Field(description="The first day that counts, of a rolling window too.")
    ]
    period_end: PeriodEnd | None
    time_zone: Annotated[str, Field(description="By which days are told apart.")]
    match: Annotated[str | None, Field(description="Of a combination: all or any.")]
    sums: list[SumDict]
    carried: Annotated[
        list[CarriedDict] | None, Field(description="Of a rollover: the periods before, in order.")
    ]
    forecast: ForecastDict | None
    tipped_by: TransactionDict | None
    edited: Annotated[
        bool,
        Field(
            description="The threshold looks at something else by now. The alert is history, and "
            "told by what it rested on."
        ),
    ]
    version: Annotated[int, Field(ge=0, description="Of the ledger; all pages are of one.")]
    items: list[PartDict]
    next: Annotated[str | None, Field(description="The address of the next page.")]


Place = tuple[date, int]


@dataclass
class Explanation:
    """One page; ahead: the place that the next one starts after, None on the last."""

    body: ExplanationDict
    ahead: Place | None


def explain(
    ledger: LedgerState, alert: Alert, after: Place | None = None, limit: int = 50
) -> Explanation:
    """Why an alert is what it is, with up to `limit` of its transactions after a place.

    Rows run in (date, id) order. ledger: the state that the answer is true for; the caller sees to
    it that nothing is written meanwhile, and that all pages are of one version.
    """
    definitions = definitions_of(ledger.user_id, [alert])
    definition = definitions.get(alert.pk)
    parts = [] if definition is None else definition.parts
    pair = pairs_of_alerts(ledger, [alert], definitions).get(alert.pk)
    wanted = [] if pair is None else [pair, limit_pair(ledger, alert, pair[0])]
    reading = read_for(ledger, wanted, [parts])
    body: ExplanationDict = {
        "alert": describe_alert(reading, alert, definition, pair),
        "period_start": None,
        "period_end": None,
        "time_zone": ledger.calendar.time_zone,
        "match": None,
        "sums": [],
        "carried": None,
        "forecast": None,
        "tipped_by": tipping_row(alert),
        "edited": definition is not None and definition.edited,
        "version": ledger.version,
        "items": [],
        "next": None,
    }
    if pair is None:
        return Explanation(body, None)
    rule, span = pair
    body["period_start"], body["period_end"] = span.start.isoformat(), span.end.isoformat()
    body["match"] = rule.match or None
    body["sums"] = sums_of(reading, alert, pair, parts)
    if rule.carries_from is not None:
        body["carried"] = carried_of(reading, pair)
    if alert.level == FORECAST_LEVEL:
        body["forecast"] = forecast_dict(reading.forecast(pair))
    rows = list(counting(ledger, pair, after)[: limit + 1])
    more = len(rows) > limit
    del rows[limit:]
    rules = rules_of(ledger)
    body["items"] = [{"transaction": row.to_dict(), "adds": adds(rules, rule, row)} for row in rows]
    return Explanation(body, (rows[-1].date, rows[-1].pk) if more else None)


def tipping_row(alert: Alert) -> TransactionDict | None:
    """The transaction that tipped an alert, as it is now."""
    rows = Transaction.objects.select_related("category", "type")
    row = rows.filter(user_id=alert.user_id, pk=alert.transaction_id or 0).first()
    return row.to_dict() if row else None


def sums_of(
    reading: Reading, alert: Alert, pair: Pair, parts: Sequence[Condition]
) -> list[SumDict]:
    """Each sum with the range in which it holds for the alert's level."""
    rule = pair[0]
    rules = rules_of(reading.ledger)
    ids = {pk for term in rule.terms if term.category_id for pk in rules.members(term.category_id)}
    names = names_of(reading.ledger.user_id, ids)
    found = [
        verdict
        for verdict in verdicts(pair, reading.totals, reading.ledger)
        if verdict.level == alert.level
    ]
    ranges = found[0].ranges if found else ()
    sums: list[SumDict] = []
    for place, (term, total) in enumerate(zip(rule.terms, reading.sums(pair), strict=True)):
        lo, hi = ranges[place] if ranges else (LOWEST, HIGHEST)
        amount = parts[place].amount if rule.match else from_minor(reading.limit(pair))
        sums.append(
            {
                "category": None if term.category_id is None else names[term.category_id],
                "categories": members_by_name(rules, term, names),
                "measure": term.measure,
                "operator": parts[place].operator if rule.match else rule.operator,
                "amount": shown(amount, term.measure),
                "at_least": None if lo == LOWEST else least_of(term, lo),
                "at_most": None if hi == HIGHEST else shown(from_minor(hi), term.measure),
                "total": shown(from_minor(total), term.measure),
                "holds": lo <= total <= hi if ranges else None,
            }
        )
    return sums


def least_of(term: Term, lo: int) -> str:
    """The lowest total of a range; of a count the first whole number in it."""
    if term.measure == Measure.COUNT:
        lo = -(-lo // ONE) * ONE
    return shown(from_minor(lo), term.measure)


def members_by_name(rules: Rules, term: Term, names: dict[int, str]) -> list[str] | None:
    if term.category_id is None:
        return None
    return sorted(names[pk] for pk in rules.members(term.category_id) if pk in names)


def carried_of(reading: Reading, pair: Pair) -> list[CarriedDict]:
    """The chain of periods that the limit comes from."""
    calendar = reading.ledger.calendar
    return [
        {
            "period_start": span.start.isoformat(),
            "period_end": span.end.isoformat(),
            "limit": str(from_minor(limit)),
            "total": str(from_minor(total)),
            "carried": str(from_minor(carried)),
        }
        for span, limit, total, carried in carries(*pair, reading.totals, calendar)
    ]


def counting(ledger: LedgerState, pair: Pair, after: Place | None) -> models.QuerySet[Transaction]:
    """The rows that count for any sum of a threshold in a period, in (date, id) order."""
    rule, span = pair
    rules = rules_of(ledger)
    any_term = models.Q(pk__in=[])
    for term in rule.terms:
        one = models.Q(type_id__in=types_of(rules, term, single=bool(span.subject)))
        if term.category_id is not None:
            one &= models.Q(category_id__in=rules.members(term.category_id))
        any_term |= one
    rows = Transaction.objects.filter(
        any_term, user_id=ledger.user_id, date__gte=span.start, date__lt=span.end
    )
    if span.subject:
        rows = rows.filter(pk=span.subject)
    if after is not None:
        day, pk = after
        rows = rows.filter(models.Q(date__gt=day) | models.Q(date=day, pk__gt=pk))
    return rows.order_by("date", "id").select_related("category", "type")


def types_of(rules: Rules, term: Term, *, single: bool) -> Collection[int]:
    """The types that count for a term; a single transaction is lowered by no refund."""
    counted = (1,) if single else (1, -1)
    return [pk for pk, effect in rules.effects.items() if term.sign(effect) in counted]


def adds(rules: Rules, rule: Rule, row: Transaction) -> list[str | None]:
    """What a transaction adds to each sum of a rule."""
    effect = rules.effect_of(row.type_id)
    plain: Row = {"effect": effect, "category_id": row.category_id}
    return [
        shown(from_minor(term.value(effect, to_minor(row.amount))), term.measure)
        if rules.counts(term, plain)
        else None
        for term in rule.terms
    ]
