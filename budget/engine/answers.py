"""Thresholds and alerts as the API shows them: with the numbers as they are now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated

from django.db import transaction
from pydantic import Field
from typing_extensions import TypedDict

from budget.engine.evaluate import limit_pair, move_as_of, pair_of_alert
from budget.engine.judging import (
    Forecast,
    Pair,
    Totals,
    forecast_given,
    forecast_of,
    limit_of,
    total_of,
    windows_of,
)
from budget.engine.revisions import Definition, definitions_of
from budget.engine.rules import FORECAST_LEVEL, Rule, conditions_of, rule_of
from budget.engine.totals import read_totals
from budget.models import (
    Alert,
    AlertEvent,
    AlertKind,
    AlertStatus,
    Calendar,
    Category,
    Cause,
    Condition,
    EventKind,
    Ledger,
    LedgerState,
    Match,
    Measure,
    Operator,
    PeriodType,
    Threshold,
)
from budget.models.ledger import held_ledger, lock_ledger
from budget.models.money import from_minor, to_minor
from budget.models.periods import Span, rolling_span, span_of
from budget.models.shapes import (
    AmountText,
    DayText,
    Id,
    MomentText,
    MoneyText,
    UserId,
    shape,
    words,
)
from budget.models.text import moment
from budget.models.threshold import (
    AT_ONCE,
    MAX_PERCENT,
    ConditionDict,
    Range,
    ThresholdDict,
    carries_over,
    shown,
)

AsOf = Annotated[DayText, Field(description="The user's day that the answer is true for.")]
PeriodEnd = Annotated[DayText, Field(description="The first day after the period.")]
Percent = Annotated[int, Field(description="Total in whole percents of the limit, rounded down.")]
Level = Annotated[int, Field(ge=1, le=MAX_PERCENT)]
THEN = {"total": "162.40", "limit": "150.00", "at": "2018-03-05T18:02:11.482113Z"}
ALERT: dict[str, object] = {
    "id": 88,
    "user": 7,
    "kind": "threshold",
    "threshold": 3,
    "level": 100,
    "status": "open",
    "active": True,
    "message": "Groceries: 162.40 of 150.00 spent in March 2018, 108 %",
    "period_start": "2018-03-01",
    "period_end": "2018-04-01",
    "total": "162.40",
    "limit": "150.00",
    "percent": 108,
    "then": THEN,
    "transaction": 1207,
    "opened_at": "2018-03-05T18:02:11.482113Z",
    "resolved_at": None,
    "acknowledged_at": None,
    "snoozed_until": None,
    "conditions": [],
    "forecast": None,
    "episodes": 1,
    "late": False,
    "as_of": "2018-03-05",
}
FORECAST = {
    "projected": "285.20",
    "spent": "92.00",
    "later": "0.00",
    "days_elapsed": 10,
    "days": 31,
    "formula": "92.00 * 31 / 10 + 0.00",
}
CURRENT: dict[str, object] = {
    "period_start": "2018-03-01",
    "period_end": "2018-04-01",
    "total": "162.40",
    "limit": "200.00",
    "carried": None,
    "remaining": "37.60",
    "percent": 81,
    "level_reached": 80,
    "conditions": [],
    "forecast": FORECAST,
    "as_of": "2018-03-05",
}


@shape(THEN)
class ThenDict(TypedDict):
    """The numbers of the last flip; null for a combination."""

    total: Annotated[
        AmountText | None, Field(description="The running total at the tipping transaction.")
    ]
    limit: AmountText | None
    at: MomentText


@shape(FORECAST)
class ForecastDict(TypedDict):
    """What the period will come to, if it goes on as it has, with the numbers it is made of."""

    projected: Annotated[
        MoneyText, Field(description="spent * days / days_elapsed + later, rounded half up.")
    ]
    spent: Annotated[MoneyText, Field(description="Dated up to the user's day, that day included.")]
    later: Annotated[MoneyText, Field(description="Dated after it, in the period.")]
    days_elapsed: Annotated[int, Field(ge=1, description="Today included.")]
    days: Annotated[int, Field(ge=1, description="The length of the period.")]
    formula: str


@shape(
    {
        "category": "Restaurants",
        "measure": "spending",
        "operator": "gt",
        "amount": "200.00",
        "total": "212.00",
        "holds": True,
    }
)
class JudgedConditionDict(ConditionDict):
    """A condition with its own total, as of now."""

    total: AmountText
    holds: bool


@shape(ALERT)
class AlertDict(TypedDict):
    """A level reached in one period (kind threshold), a limit that will be passed (forecast), or a
    message of the user's own (custom).

    A custom alert has no period and no numbers: they are null. A rolling window has no first day.
    Of a combination total, limit and percent are null, and each condition has its own.
    """

    id: Id
    user: UserId
    kind: Annotated[str, words(AlertKind.values)]
    threshold: Annotated[Id | None, Field(description="The id of the threshold, if there is one.")]
    level: Annotated[
        Level | None,
        Field(description="Percents of the limit reached; null for a forecast."),
    ]
    status: Annotated[
        str, words(AlertStatus.values), Field(description="open: as long as it is true.")
    ]
    active: Annotated[
        bool,
        Field(
            description="Open and news: the user's day lies in its period, or in the one after for "
            "what is judged at the end."
        ),
    ]
    message: Annotated[
        str,
        Field(
            description="What a person reads, with the present numbers; any level but 100 is named "
            "at its end."
        ),
    ]
    period_start: Annotated[DayText | None, Field(description="The first day of the period.")]
    period_end: PeriodEnd | None
    total: Annotated[
        AmountText | None,
        Field(description="What the measure comes to, as of now; of a forecast what is projected."),
    ]
    limit: Annotated[
        AmountText | None, Field(description="The limit, with what is carried over, as of now.")
    ]
    percent: Percent | None
    then: ThenDict | None
    transaction: Annotated[
        Id | None, Field(description="The id of the transaction that tipped it, while it exists.")
    ]
    opened_at: MomentText
    resolved_at: Annotated[MomentText | None, Field(description="null while it is open.")]
    acknowledged_at: Annotated[
        MomentText | None, Field(description="When the user has said to have seen it.")
    ]
    snoozed_until: Annotated[
        MomentText | None, Field(description="Until when the user does not want to see it.")
    ]
    conditions: Annotated[
        list[JudgedConditionDict], Field(description="Of a combination; else empty.")
    ]
    forecast: Annotated[ForecastDict | None, Field(description="Of a forecast; else null.")]
    episodes: Annotated[int, Field(ge=1, description="How many times it has opened.")]
    late: Annotated[bool, Field(description="Opened when its period was over already.")]
    as_of: AsOf


@shape(
    {
        "seq": 17,
        "kind": "opened",
        "cause": "transaction",
        "at": "2018-03-05T18:02:11.482113Z",
        "total": "162.40",
        "limit": "150.00",
        "transaction": 1207,
        "alert": ALERT,
    }
)
class EventDict(TypedDict):
    """Something that has happened to an alert, and the alert as it is now."""

    seq: Annotated[int, Field(ge=1, description="1, 2, 3, ...: the order of all events.")]
    kind: Annotated[str, words(EventKind.values)]
    cause: Annotated[str, words(Cause.values)]
    at: MomentText
    total: Annotated[AmountText | None, Field(description="The total then; null for custom ones.")]
    limit: Annotated[AmountText | None, Field(description="The limit then; null for custom ones.")]
    transaction: Annotated[
        Id | None,
        Field(
            description="opened: the row that tipped it; resolved: the row by whose write, if it "
            "was one row's; else null. It may be gone by now."
        ),
    ]
    alert: AlertDict


@shape(CURRENT)
class CurrentDict(TypedDict):
    """The present period of a threshold; of a combination each condition has its own numbers."""

    period_start: DayText
    period_end: PeriodEnd
    total: Annotated[
        AmountText | None, Field(description="What the measure has come to in the period so far.")
    ]
    limit: Annotated[
        AmountText | None, Field(description="The amount, and what is carried over to the period.")
    ]
    carried: Annotated[MoneyText | None, Field(description="Of a rollover: may be negative.")]
    remaining: Annotated[AmountText | None, Field(description="Negative once the limit is passed.")]
    percent: Percent | None
    level_reached: Annotated[
        Level | None,
        Field(
            description="The highest level that is reached now; null for what is judged when the "
            "period is over."
        ),
    ]
    conditions: Annotated[
        list[JudgedConditionDict], Field(description="Of a combination; else empty.")
    ]
    forecast: Annotated[
        ForecastDict | None,
        Field(
            description="Of a limit on spending in weeks or longer, once three days and a tenth "
            "of the period have elapsed."
        ),
    ]
    as_of: AsOf


@shape(
    {
        "id": 3,
        "user": 7,
        "name": "Eating out",
        "slug": "eating-out",
        "amount": "200.00",
        "type": "monthly",
        "days": None,
        "category": "Restaurants",
        "operator": "gte",
        "measure": "spending",
        "match": None,
        "conditions": [],
        "levels": [80, 100],
        "starts_on": None,
        "rollover": False,
        "rollover_cap": None,
        "rollover_from": None,
        "forecast": False,
        "enabled": True,
        "current": CURRENT,
    }
)
class DescribedThreshold(ThresholdDict):
    """A limit on what is spent in each period, or in each transaction."""

    current: Annotated[CurrentDict | None, Field(description="null where the type is transaction.")]


def read_ledger(user_id: int) -> LedgerState:
    """The ledger of a user, its day brought up to date first; one query on most calls.

    None at all where the ledger is held.
    """
    state = held_ledger(user_id)
    if state is None and (row := Ledger.objects.filter(pk=user_id).first()) is not None:
        state = state_of(row)
    if state is not None and state.as_of >= state.calendar.today():
        return state
    with transaction.atomic():
        ledger = lock_ledger(user_id)
        move_as_of(ledger)
    return ledger


def state_of(row: Ledger) -> LedgerState:
    calendar = Calendar(row.time_zone, row.week_start, row.month_start)
    return LedgerState(row.user_id, row.as_of, row.version, row.event_seq, row.rules, calendar)


def condition_dict(part: Condition, names: Mapping[int, str]) -> ConditionDict:
    """A condition as the API shows it; names: of the categories, by id."""
    return {
        "category": None if part.category_id is None else names[part.category_id],
        "measure": part.measure,
        "operator": part.operator,
        "amount": shown(part.amount, part.measure),
    }


@dataclass
class Reading:
    """What answers about some thresholds and periods are made of, read at once.

    names: of the categories, by id.
    """

    ledger: LedgerState
    totals: Totals
    names: dict[int, str]

    def sums(self, pair: Pair) -> list[int]:
        """The total of each term, minor units."""
        rule, span = pair
        return [total_of(term, span, self.totals) for term in rule.terms]

    def limit(self, pair: Pair) -> int:
        """The limit with what is carried over, minor units."""
        return limit_of(*pair, self.totals, self.ledger.calendar)

    def forecast(self, pair: Pair) -> Forecast:
        return forecast_of(*pair, self.totals, self.ledger.as_of)

    def conditions(self, pair: Pair, parts: Sequence[Condition]) -> list[JudgedConditionDict]:
        """The conditions of a combination with their totals."""
        (level,) = pair[0].levels
        return judged_conditions(parts, self.names, self.sums(pair), level.ranges)


def judged_conditions(
    parts: Sequence[Condition],
    names: Mapping[int, str],
    totals: Sequence[int],
    ranges: Sequence[Range],
) -> list[JudgedConditionDict]:
    """Conditions with their totals, and whether those lie in the ranges in which each holds."""
    return [
        {
            **condition_dict(part, names),
            "total": shown(from_minor(total), part.measure),
            "holds": lo <= total <= hi,
        }
        for part, total, (lo, hi) in zip(parts, totals, ranges, strict=True)
    ]


def read_for(
    ledger: LedgerState, pairs: Iterable[Pair], parts: Iterable[Sequence[Condition]]
) -> Reading:
    """Everything that answers about some thresholds and periods need, in a few queries."""
    windows = [window for pair in pairs for window in windows_of(pair, ledger)]
    named = {part.category_id for some in parts for part in some}
    names = names_of(ledger.user_id, [pk for pk in named if pk is not None])
    return Reading(ledger, read_totals(ledger, windows), names)


def names_of(user_id: int, ids: Collection[int]) -> dict[int, str]:
    """The names of some categories, by id."""
    if not ids:
        return {}
    rows = Category.objects.filter(user_id=user_id, pk__in=ids)
    return dict(rows.values_list("pk", "name"))


def forecast_dict(forecast: Forecast) -> ForecastDict:
    spent, later = from_minor(forecast.through), from_minor(forecast.later)
    return {
        "projected": str(from_minor(forecast.projected)),
        "spent": str(spent),
        "later": str(later),
        "days_elapsed": forecast.elapsed,
        "days": forecast.days,
        "formula": f"{spent} * {forecast.days} / {forecast.elapsed} + {later}",
    }


def can_be_forecast(rule: Rule) -> bool:
    """Whether its periods are forecast: limits on spending, in weeks or longer."""
    return not rule.match and carries_over(rule.type, rule.operator, rule.measure)


def present_span(ledger: LedgerState, rule: Rule) -> Span:
    if rule.type == PeriodType.ROLLING:
        return rolling_span(ledger.as_of, rule.days)
    return span_of(rule.type, ledger.as_of, ledger.calendar)


def describe_thresholds(
    ledger: LedgerState, thresholds: Sequence[Threshold]
) -> list[DescribedThreshold]:
    """Thresholds with their present period; categories should be selected already.

    A `transaction` threshold has no period, so its `current` is null.
    """
    parts = conditions_of(thresholds)
    pairs: list[Pair] = []
    for threshold in thresholds:
        rule = rule_of(threshold, parts.get(threshold.pk, []))
        # Shown whether or not it raises alerts: read what it takes.
        rule = replace(rule, forecast=can_be_forecast(rule))
        pairs.append((rule, present_span(ledger, rule)))
    periods = [pair for pair in pairs if pair[0].type != PeriodType.TRANSACTION]
    reading = read_for(ledger, periods, parts.values())
    described: list[DescribedThreshold] = []
    for threshold, pair in zip(thresholds, pairs, strict=True):
        current: CurrentDict | None = None
        own = parts.get(threshold.pk, [])
        if threshold.type != PeriodType.TRANSACTION:
            current = describe_current(reading, pair, own)
        conditions = [condition_dict(part, reading.names) for part in own]
        described.append({**threshold.to_dict(), "conditions": conditions, "current": current})
    return described


def describe_current(reading: Reading, pair: Pair, parts: Sequence[Condition]) -> CurrentDict:
    """The present period of a threshold, in numbers."""
    rule, span = pair
    ledger = reading.ledger
    sums = reading.sums(pair)
    current: CurrentDict = {
        "period_start": span.start.isoformat(),
        "period_end": span.end.isoformat(),
        "total": None,
        "limit": None,
        "carried": None,
        "remaining": None,
        "percent": None,
        "level_reached": None,
        "conditions": reading.conditions(pair, parts) if rule.match else [],
        "forecast": None,
        "as_of": ledger.as_of.isoformat(),
    }
    limit = reading.limit(pair)
    if not rule.closing:
        levels = rule.levels_at(limit)
        reached = [level.percent for level in levels if rule.holds(level, sums)]
        current["level_reached"] = max(reached, default=None)
    if rule.match:
        return current
    total = sums[0]
    current["total"] = shown(from_minor(total), rule.measure)
    current["limit"] = shown(from_minor(limit), rule.measure)
    current["remaining"] = shown(from_minor(limit - total), rule.measure)
    current["percent"] = percent_of(total, limit)
    if rule.carries_from is not None:
        current["carried"] = str(from_minor(limit - rule.limit))
    if rule.forecast and forecast_given(span, ledger.as_of):
        current["forecast"] = forecast_dict(reading.forecast(pair))
    return current


def describe_alerts(ledger: LedgerState, alerts: Sequence[Alert]) -> list[AlertDict]:
    """Alerts with total, limit, percent and message as they are now, in a few queries.

    An alert of an earlier revision of its threshold is told by what that looked at; where that was
    not kept it has the numbers of its last flip.
    """
    definitions = definitions_of(ledger.user_id, alerts)
    pairs = pairs_of_alerts(ledger, alerts, definitions)
    limits = [
        limit_pair(ledger, alert, pairs[alert.pk][0]) for alert in alerts if alert.pk in pairs
    ]
    parts = [definition.parts for definition in definitions.values()]
    reading = read_for(ledger, [*pairs.values(), *limits], parts)
    return [
        describe_alert(reading, alert, definitions.get(alert.pk), pairs.get(alert.pk))
        for alert in alerts
    ]


def pairs_of_alerts(
    ledger: LedgerState, alerts: Iterable[Alert], definitions: Mapping[int, Definition]
) -> dict[int, Pair]:
    """The rule and the period that each alert rests on, where they are known, by the alert's id."""
    pairs: dict[int, Pair] = {}
    for alert in alerts:
        definition = definitions.get(alert.pk)
        if definition is not None and definition.rule is not None:
            pairs[alert.pk] = pair_of_alert(ledger, alert, definition.rule)
    return pairs


def describe_events(ledger: LedgerState, events: Sequence[AlertEvent]) -> list[EventDict]:
    """Events with their alerts, which should be selected already, in a few queries."""
    alerts = {event.alert_id: event.alert for event in events}
    described = {alert["id"]: alert for alert in describe_alerts(ledger, list(alerts.values()))}
    return [
        {
            "seq": event.seq,
            "kind": event.kind,
            "cause": event.cause,
            "at": moment(event.at),
            "total": None if event.total is None else shown(event.total, event.alert.measure),
            "limit": None if event.limit is None else shown(event.limit, event.alert.measure),
            "transaction": event.transaction_id,
            "alert": described[event.alert_id],
        }
        for event in events
    ]


@dataclass
class Numbers:
    """What an alert shows: as it is now, or, past, as it was at its last flip."""

    total: Decimal | None
    limit: Decimal | None
    measure: str
    conditions: list[JudgedConditionDict]
    forecast: ForecastDict | None = None
    past: bool = False

    def show(self, amount: Decimal | None) -> str | None:
        return None if amount is None else shown(amount, self.measure)

    @property
    def percent(self) -> int | None:
        if self.total is None or self.limit is None:
            return None
        return percent_of(to_minor(self.total), to_minor(self.limit))


def numbers_of(
    reading: Reading, alert: Alert, parts: Sequence[Condition], pair: Pair | None
) -> Numbers:
    """pair: what the alert rests on; None where that is not known any more."""
    if pair is None:
        return Numbers(alert.then_total, alert.then_limit, alert.measure, [], past=True)
    rule = pair[0]
    if rule.match:
        return Numbers(None, None, rule.measure, reading.conditions(pair, parts))
    total = reading.sums(pair)[0]
    limit = reading.limit(limit_pair(reading.ledger, alert, rule))
    forecast = None
    if alert.level == FORECAST_LEVEL:
        found = reading.forecast(pair)
        total, forecast = found.projected, forecast_dict(found)
    return Numbers(from_minor(total), from_minor(limit), rule.measure, [], forecast)


def describe_alert(
    reading: Reading, alert: Alert, definition: Definition | None, pair: Pair | None
) -> AlertDict:
    """One alert, in numbers and words; definition: None for a custom one."""
    ledger = reading.ledger
    message, then, numbers = alert.message, None, Numbers(None, None, "", [])
    if definition is not None and alert.then_at is not None:
        numbers = numbers_of(reading, alert, definition.parts, pair)
        message = message_of(alert, definition.threshold, numbers)
        then = ThenDict(
            total=numbers.show(alert.then_total),
            limit=numbers.show(alert.then_limit),
            at=moment(alert.then_at),
        )
    dated = not alert.is_rolling
    start, end = alert.period_start, alert.period_end
    return {
        "id": alert.pk,
        "user": alert.user_id,
        "kind": alert.kind,
        "threshold": alert.threshold_id,
        "level": alert.level or None,
        "status": alert.status,
        "active": is_active(alert, ledger.as_of),
        "message": message,
        "period_start": start.isoformat() if start and dated else None,
        "period_end": end.isoformat() if end and dated else None,
        "total": numbers.show(numbers.total),
        "limit": numbers.show(numbers.limit),
        "percent": numbers.percent,
        "then": then,
        "transaction": alert.transaction_id,
        "opened_at": moment(alert.opened_at),
        "resolved_at": moment(alert.resolved_at) if alert.resolved_at else None,
        "acknowledged_at": moment(alert.acknowledged_at) if alert.acknowledged_at else None,
        "snoozed_until": moment(alert.snoozed_until) if alert.snoozed_until else None,
        "conditions": numbers.conditions,
        "forecast": numbers.forecast,
        "episodes": alert.episodes,
        "late": alert.late,
        "as_of": ledger.as_of.isoformat(),
    }


def is_active(alert: Alert, as_of: date) -> bool:
    """Open, and still news on the user's day; a custom alert is as long as it is open."""
    if alert.status != AlertStatus.OPEN:
        return False
    if alert.period_start is None or alert.active_until is None:
        return True
    return alert.period_start <= as_of < alert.active_until


def percent_of(total: int, limit: int) -> int | None:
    """Whole percent of the limit, rounded down; None for a limit of 0 or below."""
    return total * 100 // limit if limit > 0 else None


WORDS = {
    Measure.SPENDING: "spent",
    Measure.INCOME: "earned",
    Measure.NET: "net",
    Measure.COUNT: "expenses",
}


def message_of(alert: Alert, threshold: Threshold, numbers: Numbers) -> str:
    """What a person reads, such as "Groceries: 162.40 of 150.00 spent in March 2018, 108 %"."""
    return sentence_of(alert, threshold, numbers) + level_words(alert.level)


def level_words(level: int | None) -> str:
    """What a message ends in, such as " (level 80)"; 100 is the limit itself and goes unsaid.

    One row may jump several levels, whose messages would be the same without it.
    """
    return f" (level {level})" if level not in (None, FORECAST_LEVEL, 100) else ""


def sentence_of(alert: Alert, threshold: Threshold, numbers: Numbers) -> str:
    name, when = threshold.name, period_name(alert, threshold)
    if numbers.total is None or numbers.limit is None:
        held = conditions_words(numbers.conditions, threshold.match)
        return f"{name}: {held}, {when}" if held else f"{name}, {when}"
    total, limit = numbers.show(numbers.total), numbers.show(numbers.limit)
    share = "" if numbers.percent is None else f", {numbers.percent} %"
    if alert.level == FORECAST_LEVEL:
        return f"{name}: {total} of {limit} forecast {when}{share}"
    if threshold.operator not in AT_ONCE and not numbers.past:
        words = f"{WORDS[Measure(threshold.measure)]} {when}"
        return f"{name}: {total} {words}, {threshold.get_operator_display()} {limit}"
    early = alert.status == AlertStatus.OPEN and (alert.level or 0) < 100
    if early and numbers.total < numbers.limit:
        name = f"{name}, approaching"
    if alert.subject:
        return f"{name}: {total} in one transaction {when}, limit {limit}{share}"
    return f"{name}: {total} of {limit} {WORDS[Measure(numbers.measure)]} {when}{share}"


def conditions_words(conditions: Sequence[JudgedConditionDict], match: str) -> str:
    """The conditions in words; of those of which any must hold the ones that do, if any does."""
    if match == Match.ALL:
        return " and ".join(map(condition_words, conditions))
    holding = [one for one in conditions if one["holds"]]
    return " or ".join(map(condition_words, holding or conditions))


def condition_words(one: JudgedConditionDict) -> str:
    """A condition with its total, such as "Restaurants 212.00 spent, more than 200.00"."""
    of = f"{one['category']} " if one["category"] else ""
    word, operator = WORDS[Measure(one["measure"])], Operator(one["operator"]).label
    return f"{of}{one['total']} {word}, {operator} {one['amount']}"


def day_name(day: date) -> str:
    return f"{day.day} {day:%B} {day.year}"


def period_name(alert: Alert, threshold: Threshold) -> str:
    """The period in words; its own length tells what it is, whatever the threshold is today."""
    if alert.is_rolling:
        return f"in the last {threshold.days} days" if threshold.days else "in the last days"
    start, end = alert.period
    days = (end - start).days
    if days == 1:
        return f"on {day_name(start)}"
    if days == 7:
        return f"in the week of {day_name(start)}"
    if days <= 31:
        name = f"{start:%B} {start.year}"
    elif days <= 92:
        name = f"quarter {(start.month + 2) // 3} of {start.year}"
    else:
        name = f"{start.year}"
    return f"in {name}{days_within(start, end)}"


def days_within(start: date, end: date) -> str:
    """The days of a period whose name does not tell them, as its months begin on another day."""
    if start.day == 1:
        return ""
    last = end - timedelta(days=1)
    first = day_name(start)
    if start.year == last.year:
        first = first.removesuffix(f" {start.year}")
    return f" ({first} to {day_name(last)})"
