"""What shows alerts and thresholds: their numbers, their messages and their explanations.

It reads what the engine has judged and stored. It stores nothing.
"""

from __future__ import annotations

from budget.answers.alert import describe_alerts, describe_events, describe_flipped
from budget.answers.alert_rows import read_alerts
from budget.answers.explain import Explanation, explain
from budget.answers.preview import preview
from budget.answers.threshold import describe_thresholds

__all__ = [
    "Explanation",
    "describe_alerts",
    "describe_events",
    "describe_flipped",
    "describe_thresholds",
    "explain",
    "preview",
    "read_alerts",
]
