"""Alerts and their events as the API shows them, with the current numbers.

Alerts of one threshold in one period show the same figures, which are made once for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from django.db import connection

from budget.answers.alert_rows import AlertRow, EventRow, read_alerts
from budget.answers.definitions import Definition, definitions_of
from budget.answers.numbers import Numbers, forecast_dict, last_episodes, read_numbers
from budget.answers.shapes import AlertDict, EventDict, FlippedDict, ThenDict
from budget.answers.words import AlertFacts, Episode, Figures, message_of
from budget.engine import Reading
from budget.engine.pairs import limit_pair, pair_of_alert
from budget.judge.judgement import FORECAST_LEVEL, Flip, Pair
from budget.judge.periods import ROLLING_END, ROLLING_START
from budget.models import AlertKind, AlertStatus, LedgerState
from budget.models.alert import is_active
from budget.models.ledger import Book
from budget.models.money import amount_texts
from lib.text import in_iso, moment

NAMES = """
SELECT t.id, t.name, p.currency FROM budget_threshold t JOIN accounts_profile p USING (user_id)
WHERE t.user_id = %s AND t.id IN ({ids})
"""
# How many alerts of each side, opened and resolved, the answer to a write shows.
MAX_SHOWN = 200
# A total and a limit as the API shows them.
Texts = Sequence[str | None]
NO_TEXTS: Texts = (None, None)
# What the figures of an alert follow from; None for a custom one.
Source = tuple[int | None, int, date | None, date | None, int, bool] | None


class Basis(NamedTuple):
    """A threshold in the period of an alert, and in the one whose limit the alert shows.

    Both are None if the alert's revision was not kept, and mostly the same. forecast: whether the
    alert is one.
    """

    definition: Definition
    forecast: bool
    pair: Pair | None = None
    limits: Pair | None = None

    @property
    def pairs(self) -> list[Pair]:
        """Those whose sums are read."""
        pairs = [self.pair] if self.limits is self.pair else [self.pair, self.limits]
        return [pair for pair in pairs if pair is not None]


def describe_alerts(reading: Reading, alerts: Sequence[AlertRow]) -> list[AlertDict]:
    """Alerts with current total, limit, percent and message, in a few statements.

    An alert of an earlier revision of its threshold is described by that revision. If the revision
    was not kept, the alert has the numbers of its last flip.
    """
    sources = [source_of(alert) for alert in alerts]
    bases = bases_of(reading, dict(zip(sources, alerts, strict=True)))
    numbers = read_numbers(
        reading,
        [basis.definition.rule for basis in bases.values()],
        [pair for basis in bases.values() for pair in basis.pairs],
    )
    episodes = last_episodes(reading, alerts)
    figures = {source: figures_of(numbers, basis) for source, basis in bases.items()}
    return [
        describe_alert(
            reading.ledger,
            alert,
            bases.get(source),
            figures.get(source),
            episodes.get(alert.id),
        )
        for alert, source in zip(alerts, sources, strict=True)
    ]


def source_of(alert: AlertRow) -> Source:
    if alert.kind == AlertKind.CUSTOM:
        return None
    return (
        alert.threshold_id,
        alert.revision,
        alert.period_start,
        alert.period_end,
        alert.subject,
        alert.level == FORECAST_LEVEL,
    )


def bases_of(reading: Reading, alerts: Mapping[Source, AlertRow]) -> dict[Source, Basis]:
    """What alerts of thresholds rest on, by source; alerts: one of each."""
    keys = {source: (source[0] or 0, source[1]) for source in alerts if source is not None}
    definitions = definitions_of(reading, set(keys.values()))
    return {
        source: basis_of(reading.ledger, alerts[source], definitions[key])
        for source, key in keys.items()
    }


def basis_of(ledger: LedgerState, alert: AlertRow, definition: Definition) -> Basis:
    forecast = alert.level == FORECAST_LEVEL
    if not definition.kept:
        return Basis(definition, forecast)
    pair = limits = pair_of_alert(ledger, alert, definition.rule)
    if definition.rule.carries_from is not None:
        limits = limit_pair(ledger, alert, pair[0])
    return Basis(definition, forecast, pair, limits)


def figures_of(numbers: Numbers, basis: Basis) -> Figures | None:
    """What alerts on a basis show now; None where that is not known."""
    if basis.pair is None or basis.limits is None:
        return None
    rule = basis.pair[0]
    if rule.match:
        return Figures(rule.measure, conditions=numbers.conditions(basis.pair))
    total, limit = numbers.sums(basis.pair)[0], numbers.limit(basis.limits)
    if not basis.forecast:
        return simple_figures(rule.measure, total, limit)
    forecast = numbers.forecast(basis.pair)
    figures = simple_figures(rule.measure, forecast.projected, limit)
    return figures._replace(forecast=forecast_dict(forecast))


def simple_figures(measure: str, total: int | None, limit: int | None) -> Figures:
    """Figures of a total and a limit, in minor units."""
    if total is None or limit is None:
        return Figures(measure)
    total_text, limit_text = amount_texts(measure, total, limit)
    return Figures(measure, total_text, limit_text, percent_of(total, limit))


def percent_of(total: int, limit: int) -> int | None:
    """Whole percent of the limit, rounded down; None for a limit of 0 or below."""
    return total * 100 // limit if limit > 0 else None


def describe_alert(
    ledger: LedgerState,
    alert: AlertRow,
    basis: Basis | None,
    figures: Figures | None,
    episode: Episode | None,
) -> AlertDict:
    """One alert. basis: None for a custom one. figures: None where its revision was not kept."""
    active = is_active(alert.status, alert.period_start, alert.active_until, ledger.as_of)
    if basis is None:
        return alert_dict(ledger, alert, active, alert.message, Figures(alert.measure), NO_TEXTS)
    past = figures is None
    if figures is None:
        figures = simple_figures(alert.measure, alert.then_total, alert.then_limit)
    facts = AlertFacts(alert, basis.definition.rule, figures, episode, past)
    then = amount_texts(figures.measure, alert.then_total, alert.then_limit)
    return alert_dict(ledger, alert, active, message_of(facts), figures, then)


def alert_dict(
    ledger: LedgerState,
    alert: AlertRow,
    active: bool,
    message: str,
    figures: Figures,
    then: Texts,
) -> AlertDict:
    """An alert as the API shows it. then: its total and limit at the last flip."""
    start, end = alert.period_start, alert.period_end
    if start == ROLLING_START:
        start = end = None
    begins, ends, opened_at, resolved_at, acknowledged_at, snoozed_until, then_at, as_of = in_iso(
        start,
        end,
        alert.opened_at,
        alert.resolved_at,
        alert.acknowledged_at,
        alert.snoozed_until,
        alert.then_at,
        ledger.as_of,
    )
    last: ThenDict | None = None
    if then_at is not None:
        last = {"total": then[0], "limit": then[1], "at": then_at}
    return {
        "id": alert.id,
        "user": alert.user_id,
        "kind": alert.kind,
        "threshold": alert.threshold_id,
        "level": alert.level or None,
        "status": alert.status,
        "active": active,
        "message": message,
        "period_start": begins,
        "period_end": ends,
        "total": figures.total,
        "limit": figures.limit,
        "percent": figures.percent,
        "then": last,
        "transaction": alert.transaction_id,
        "opened_at": opened_at or "",
        "resolved_at": resolved_at,
        "acknowledged_at": acknowledged_at,
        "snoozed_until": snoozed_until,
        "conditions": [*figures.conditions],
        "forecast": figures.forecast,
        "episodes": alert.episodes,
        "late": alert.late,
        "as_of": as_of or "",
    }


# The answer to a write


def describe_flipped(book: Book) -> FlippedDict:
    """The alerts that a commit as a whole has opened and resolved, as they are at its end.

    Those that its last judgement has opened for the first time are shown from their flips: nothing
    has happened to them since. All others are read.
    """
    opened, resolved = book.flipped.net()
    answer: FlippedDict = {"opened": [], "resolved": []}
    if opened or resolved:
        ids = dict.fromkeys([*opened[:MAX_SHOWN], *resolved[:MAX_SHOWN]])
        fresh = [flip for flip in book.fresh if flip.alert_id in ids and tells_all(flip)]
        shown = describe_opened(book.ledger, fresh) if fresh else {}
        if others := [pk for pk in ids if pk not in shown]:
            reading = Reading(book.ledger)
            rows = read_alerts(reading, others)
            described = describe_alerts(reading, [*rows.values()])
            shown |= {alert["id"]: alert for alert in described}
        answer["opened"] = [shown[pk] for pk in opened[:MAX_SHOWN]]
        answer["resolved"] = [shown[pk] for pk in resolved[:MAX_SHOWN]]
    if len(opened) > MAX_SHOWN:
        answer["more_opened"] = len(opened) - MAX_SHOWN
    if len(resolved) > MAX_SHOWN:
        answer["more_resolved"] = len(resolved) - MAX_SHOWN
    return answer


def tells_all(flip: Flip) -> bool:
    """Whether a flip has every fact of its alert: not the conditions, nor the forecast."""
    return flip.opens and flip.new and not flip.rule.match and flip.level != FORECAST_LEVEL


def describe_opened(ledger: LedgerState, flips: Sequence[Flip]) -> dict[int, AlertDict]:
    """Alerts that a commit has just made, by id; only the names of their thresholds are read."""
    ids = {flip.rule.threshold_id for flip in flips}
    marks = ", ".join(["%s"] * len(ids))
    with connection.cursor() as cursor:
        cursor.execute(NAMES.format(ids=marks), [ledger.user_id, *ids])
        names = {pk: (name, currency) for pk, name, currency in cursor.fetchall()}
    described: dict[int, AlertDict] = {}
    for flip in flips:
        alert = row_of_flip(ledger, flip, *names[flip.rule.threshold_id])
        figures, then = figures_of_flip(alert, flip)
        message = message_of(AlertFacts(alert, flip.rule, figures))
        # As is_active() says of one that is open.
        active = flip.key[2] <= ledger.as_of < flip.until
        described[alert.id] = alert_dict(ledger, alert, active, message, figures, then)
    return described


def figures_of_flip(alert: AlertRow, flip: Flip) -> tuple[Figures, Texts]:
    """The figures of an alert of a level that has just been made, and those of its flip."""
    total, limit, *then = amount_texts(
        alert.measure, flip.total, flip.limit, alert.then_total, alert.then_limit
    )
    percent = percent_of(flip.total or 0, flip.limit or 0)
    return Figures(alert.measure, total, limit, percent), then


def row_of_flip(ledger: LedgerState, flip: Flip, name: str, currency: str) -> AlertRow:
    """An alert that has just been made; nothing of it is read."""
    threshold_id, revision, start, subject, level = flip.key
    return AlertRow(
        id=flip.alert_id,
        user_id=ledger.user_id,
        kind=AlertKind.THRESHOLD,
        threshold_id=threshold_id,
        revision=revision,
        period_start=start,
        period_end=ROLLING_END if start == ROLLING_START else flip.span.end,
        active_until=flip.until,
        subject=subject,
        level=level,
        measure=flip.rule.terms[0].measure,
        status=AlertStatus.OPEN,
        message="",
        transaction_id=flip.tip,
        then_total=flip.total if flip.then is None else flip.then,
        then_limit=flip.limit,
        then_at=ledger.now,
        opened_at=ledger.now,
        resolved_at=None,
        acknowledged_at=None,
        snoozed_until=None,
        episodes=1,
        late=flip.late,
        name=name,
        currency=currency,
    )


# Events


def describe_events(reading: Reading, events: Sequence[EventRow]) -> list[EventDict]:
    """Events, each with its alert in its current state, in a few statements."""
    alerts = read_alerts(reading, dict.fromkeys(event.alert_id for event in events))
    described = {alert["id"]: alert for alert in describe_alerts(reading, [*alerts.values()])}
    return [
        event_dict(event, alerts[event.alert_id].measure, described[event.alert_id])
        for event in events
    ]


def event_dict(event: EventRow, measure: str, alert: AlertDict) -> EventDict:
    """measure: of the event's total and limit."""
    total, limit = amount_texts(measure, event.total, event.limit)
    return {
        "seq": event.seq,
        "kind": event.kind,
        "cause": event.cause,
        "at": moment(event.at),
        "total": total,
        "limit": limit,
        "transaction": event.transaction_id,
        "alert": alert,
    }
