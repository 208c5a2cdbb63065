"""The alerts that an unsaved threshold would have opened and resolved, as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from budget.answers.alert import percent_of
from budget.answers.numbers import judged_conditions
from budget.answers.shapes import PreviewDict, PreviewFlipDict
from budget.engine import replay_threshold
from budget.engine.replay import Happening
from budget.judge.judgement import FORECAST_LEVEL
from budget.models import AlertKind, Condition, EventKind, LedgerState, PeriodType, Threshold
from budget.models.money import amount_text


def preview(
    ledger: LedgerState, draft: Threshold, date_from: date, date_to: date, offset: int = 0
) -> PreviewDict:
    """What an unsaved threshold would have opened and resolved between two days; stores nothing.

    date_to: at most the ledger's day. offset: how many flips to leave out. Raises ValidationError
    for an invalid threshold, and TooMuch for more than 50,000 transactions.
    """
    past = replay_threshold(ledger, draft, date_from, date_to, offset)
    starts_on, carries_from = draft.starts_on, draft.rollover_from
    parts = draft.parts()
    answer: PreviewDict = {
        "date_from": date_from.isoformat(),
        "date_to": date_to.isoformat(),
        "transactions": past.transactions,
        "open_before": past.open_before,
        "opened": past.opened,
        "open": past.open,
        "starts_on": starts_on.isoformat() if starts_on else None,
        "rollover_from": carries_from.isoformat() if carries_from else None,
        "flips": [flip_dict(one, parts) for one in past.flips],
    }
    if (more := past.count - offset - len(past.flips)) > 0:
        answer["more_flips"] = more
    return answer


def flip_dict(one: Happening, parts: Sequence[Condition]) -> PreviewFlipDict:
    """A flip of a replay; parts: the conditions of a combination."""
    flip, rule, span = one.flip, one.flip.rule, one.flip.span
    forecast = flip.level == FORECAST_LEVEL
    rolling = span.type == PeriodType.ROLLING
    both = flip.total is not None and flip.limit is not None
    names = {part.category.pk: part.category.name for part in parts if part.category}
    return {
        "on": one.on.isoformat(),
        "kind": str(EventKind.OPENED if flip.opens else EventKind.RESOLVED),
        "cause": str(flip.cause),
        "alert": str(AlertKind.FORECAST if forecast else AlertKind.THRESHOLD),
        "period_start": None if rolling else span.start.isoformat(),
        "period_end": None if rolling else span.end.isoformat(),
        "level": None if forecast else flip.level,
        "total": None if flip.total is None else amount_text(flip.total, rule.measure),
        "limit": None if flip.limit is None else amount_text(flip.limit, rule.measure),
        "percent": percent_of(flip.total or 0, flip.limit or 0) if both else None,
        "conditions": judged_conditions(rule, names, one.totals) if rule.match else [],
        "transaction": flip.tip,
        "late": one.flip.late,
    }
