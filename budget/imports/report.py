"""What an import has done, for a person to read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from budget.engine import describe_alerts, read_ledger
from budget.engine.answers import AlertDict, level_words
from budget.imports.store import Outcome
from budget.models import Alert, AlertStatus


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
    opened, resolved = (
        describe(user_id, outcome.flipped_to(status), at_most)
        for status in (AlertStatus.OPEN, AlertStatus.RESOLVED)
    )
    return Report(outcome, opened, resolved)


def describe(user_id: int, alerts: Sequence[Alert], at_most: int | None) -> Described:
    """Describe alerts in their order, up to so many periods."""
    periods: dict[tuple[int | None, int, str, date, int], list[Alert]] = {}
    for alert in alerts:
        key = (alert.threshold_id, alert.revision, alert.kind, alert.period[0], alert.subject)
        periods.setdefault(key, []).append(alert)
    groups = [sorted(group, key=lambda alert: alert.level or 0) for group in periods.values()]
    shown = groups[:at_most]
    highest = [group[-1] for group in shown]
    dicts = describe_alerts(read_ledger(user_id), highest) if highest else []
    lines = [line_of(alert, group) for alert, group in zip(dicts, shown, strict=True)]
    left = len(alerts) - sum(map(len, shown))
    return Described(len(alerts), [*lines, f"and {left} more"] if left else lines)


def line_of(highest: AlertDict, alerts: Sequence[Alert]) -> str:
    """The message of the highest level, with all levels instead of its own; a forecast has none."""
    if highest["level"] is None:
        return highest["message"]
    message = highest["message"].removesuffix(level_words(highest["level"]))
    return f"{message} ({level_names(alerts)})"


def level_names(alerts: Sequence[Alert]) -> str:
    """Such as "levels 80 and 100"."""
    levels = [str(alert.level) for alert in alerts]
    if len(levels) == 1:
        return f"level {levels[0]}"
    return f"levels {', '.join(levels[:-1])} and {levels[-1]}"
