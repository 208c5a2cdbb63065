"""What an import has done, for a person to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from budget.answers import describe_alerts, read_alerts
from budget.answers.alert_rows import AlertRow
from budget.answers.shapes import AlertDict
from budget.engine import Reading, one_state
from budget.imports.store import Outcome

IDS_A_QUERY = 500


@dataclass(frozen=True)
class Described:
    """How many alerts, and a line for each period of a threshold with all its levels together, or
    for its forecast.

    The latest period comes first; the last line counts the alerts that have none.
    """

    count: int
    lines: list[str]


@dataclass(frozen=True)
class Report:
    """The outcome, and its alerts in words, which can be had only while their rows are there."""

    outcome: Outcome
    opened: Described
    resolved: Described


def report_on(user_id: int, outcome: Outcome, at_most: int | None) -> Report:
    """Describe up to so many periods in which alerts opened, and resolved; None for all."""
    opened, resolved = (describe(user_id, ids, at_most) for ids in outcome.flipped.net())
    return Report(outcome, opened, resolved)


def alerts_of(reading: Reading, ids: Sequence[int]) -> list[AlertRow]:
    """Alerts by their ids, the latest period first."""
    alerts: list[AlertRow] = []
    for at in range(0, len(ids), IDS_A_QUERY):
        alerts += read_alerts(reading, ids[at : at + IDS_A_QUERY]).values()
    return sorted(alerts, key=lambda alert: (alert.period[0], alert.id), reverse=True)


def describe(user_id: int, ids: Sequence[int], at_most: int | None) -> Described:
    """Describe alerts, the latest period first, up to so many periods."""
    with one_state(user_id) as ledger:
        reading = Reading(ledger)
        alerts = alerts_of(reading, ids)
        periods: dict[tuple[int | None, int, str, date, int], list[AlertRow]] = {}
        for alert in alerts:
            key = (alert.threshold_id, alert.revision, alert.kind, alert.period[0], alert.subject)
            periods.setdefault(key, []).append(alert)
        groups = [sorted(group, key=lambda alert: alert.level or 0) for group in periods.values()]
        shown = groups[:at_most]
        dicts = describe_alerts(reading, [group[-1] for group in shown])
    lines = [line_of(alert, group) for alert, group in zip(dicts, shown, strict=True)]
    left = len(alerts) - sum(map(len, shown))
    return Described(len(alerts), [*lines, f"and {left} more"] if left else lines)


def line_of(highest: AlertDict, alerts: Sequence[AlertRow]) -> str:
    """The message of the highest level; where there are more, it names them all."""
    if len(alerts) == 1:
        return highest["message"]
    *lower, last = [str(alert.level) for alert in alerts]
    return f"{highest['message']} (levels {', '.join(lower)} and {last})"
