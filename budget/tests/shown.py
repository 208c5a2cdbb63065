"""Rows of the models as the API shows them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from budget import answers
from budget.answers.explain import Explanation
from budget.answers.shapes import AlertDict, DescribedThreshold
from budget.answers.threshold_rows import THRESHOLDS, read_thresholds
from budget.engine import Reading
from budget.models import Alert, LedgerState, Threshold


def alerts_shown(ledger: LedgerState, alerts: Iterable[Alert]) -> list[AlertDict]:
    """Alerts, in their order."""
    reading, ids = Reading(ledger), [alert.pk for alert in alerts]
    rows = answers.read_alerts(reading, ids)
    return answers.describe_alerts(reading, [rows[pk] for pk in ids])


def thresholds_shown(
    ledger: LedgerState, thresholds: Iterable[Threshold]
) -> list[DescribedThreshold]:
    """Thresholds, in their order."""
    reading, ids = Reading(ledger), [threshold.pk for threshold in thresholds]
    rows = THRESHOLDS.where("r.user_id = %s", ledger.user_id).among("r.id", ids)
    found = {row.id: row for row in read_thresholds(reading, rows)}
    return answers.describe_thresholds(reading, [found[pk] for pk in ids])


def explained(ledger: LedgerState, alert: Alert, *page: Any) -> Explanation:
    """A page of an alert's explanation."""
    reading = Reading(ledger)
    (row,) = answers.read_alerts(reading, [alert.pk]).values()
    return answers.explain(reading, row, *page)
