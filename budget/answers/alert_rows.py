"""What is read of alerts and their events: one SELECT for each, and the filters of lists.

One text for SQLite and PostgreSQL. The filters are constants with parameters: nothing that was sent
becomes the text of a statement.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any, NamedTuple

from django.db import connection

from budget.engine import Reading
from budget.judge.periods import ROLLING_START
from budget.models.alert import ACTIVE
from budget.models.search import words_like
from lib.columns import instant, made_as
from lib.select import Select


class AlertRow(NamedTuple):
    """An alert's own columns (see the model), with the words that its sentence needs.

    then_total, then_limit: minor units. name: of its threshold; None without one. currency: of the
    user's amounts, ISO 4217.
    """

    id: int
    user_id: int
    kind: str
    threshold_id: int | None
    revision: int
    period_start: date | None
    period_end: date | None
    active_until: date | None
    subject: int
    level: int | None
    measure: str
    status: str
    message: str
    transaction_id: int | None
    then_total: int | None
    then_limit: int | None
    then_at: datetime | None
    opened_at: datetime
    resolved_at: datetime | None
    acknowledged_at: datetime | None
    snoozed_until: datetime | None
    episodes: int
    late: bool
    name: str | None = None
    currency: str | None = None

    @property
    def is_rolling(self) -> bool:
        return self.period_start == ROLLING_START

    @property
    def period(self) -> tuple[date, date]:
        """First day and first day after, of a threshold alert; ValueError for a custom one."""
        if self.period_start is None or self.period_end is None:
            raise ValueError("A custom alert has no period.")
        return self.period_start, self.period_end


class EventRow(NamedTuple):
    """An event's own columns (see the model); total, limit: minor units."""

    seq: int
    alert_id: int
    kind: str
    cause: str
    at: datetime
    total: int | None
    limit: int | None
    transaction_id: int | None


OWN = AlertRow._fields[:-2]
Alerts = Select[AlertRow]
ALERTS = Select(
    AlertRow,
    f"{', '.join(f'r.{name}' for name in OWN)}, t.name, p.currency",
    "budget_alert r LEFT JOIN budget_threshold t ON t.id = r.threshold_id"
    " LEFT JOIN accounts_profile p ON p.user_id = r.user_id",
)
EVENTS = Select(
    EventRow, ", ".join(f'r."{name}"' for name in EventRow._fields), "budget_alertevent r"
)
NEXT_SNOOZE_END = """
SELECT snoozed_until FROM budget_alert WHERE user_id = %s AND snoozed_until > %s
ORDER BY snoozed_until LIMIT 1
"""


def alerts_of(user_id: int) -> Alerts:
    return ALERTS.where("r.user_id = %s", user_id)


def events_of(user_id: int) -> Select[EventRow]:
    return EVENTS.where("r.user_id = %s", user_id)


def read_alerts(reading: Reading, ids: Iterable[int]) -> dict[int, AlertRow]:
    """The user's alerts of some ids, by id."""
    wanted = [*ids]
    if not wanted:
        return {}
    rows = alerts_of(reading.ledger.user_id).among("r.id", wanted)
    make = made_as(AlertRow, reading.database)
    return {row[0]: make(row) for row in reading.rows(rows.text, rows.params)}


def next_snooze_end(reading: Reading, now: datetime) -> datetime | None:
    """When the next of the user's alerts stops being snoozed; None if none is snoozed."""
    found = reading.rows(NEXT_SNOOZE_END, [reading.ledger.user_id, stored(now)])
    return instant(found[0][0]) if found else None


def stored(moment: datetime) -> Any:
    """A time as the database compares it."""
    return connection.ops.adapt_datetimefield_value(moment)


# The filters of a list


DATED = f"(r.period_start > '{ROLLING_START}' AND r.period_start <= %s AND r.period_end > %s)"
NOW_ROLLING = f"(r.period_start = '{ROLLING_START}' AND t.days > %s)"
# The index of the identity is probed once for each alert, so that a page costs the same however
# many alerts there are.
HIGHEST = """(r.kind <> 'threshold' OR NOT EXISTS (
  SELECT 1 FROM budget_alert h WHERE h.user_id = r.user_id AND h.threshold_id = r.threshold_id
  AND h.revision = r.revision AND h.period_start = r.period_start AND h.subject = r.subject
  AND h.level > r.level AND h.kind = 'threshold' AND h.status = r.status
))"""
KEPT = """SELECT 1 FROM budget_thresholdrevision k
  WHERE k.user_id = r.user_id AND k.threshold_id = r.threshold_id AND k.revision = r.revision"""
ON_CATEGORIES = f"""(EXISTS ({KEPT} AND k.category_id IN ({{ids}})) OR (NOT EXISTS ({KEPT}) AND (
  t.category_id IN ({{ids}}) OR EXISTS (
    SELECT 1 FROM budget_condition c WHERE c.threshold_id = t.id AND c.category_id IN ({{ids}})
))))"""  # noqa: S608 (constants)


def active(rows: Alerts, day: date, wanted: bool) -> Alerts:
    """Those that are active on the user's day, or those that are not."""
    return rows.where(unless(wanted, ACTIVE.format(alert="r", day="%s")), day, day)


def acknowledged(rows: Alerts, wanted: bool) -> Alerts:
    """Those that the user has acknowledged, or those that were not."""
    return rows.where(unless(wanted, "(r.acknowledged_at IS NOT NULL)"))


def snoozed(rows: Alerts, now: datetime, wanted: bool) -> Alerts:
    """Those that are snoozed at a time, or those that are not."""
    condition = "(r.snoozed_until IS NOT NULL AND r.snoozed_until > %s)"
    return rows.where(unless(wanted, condition), stored(now))


def unless(wanted: bool, condition: str) -> str:
    return condition if wanted else f"NOT {condition}"


def with_day(rows: Alerts, day: date, as_of: date) -> Alerts:
    """Those whose period contains a day; of rolling ones, whose current window contains it.

    as_of: the user's day.
    """
    if day > as_of:
        return rows.where(DATED, day, day)
    return rows.where(f"({DATED} OR {NOW_ROLLING})", day, day, (as_of - day).days)


def on_categories(rows: Alerts, ids: Collection[int]) -> Alerts:
    """Those whose threshold, in the alert's revision, measures one of some categories.

    If that revision was not kept, the current one decides.
    """
    marks = ", ".join(["%s"] * len(ids))
    return rows.where(ON_CATEGORIES.format(ids=marks), *ids, *ids, *ids)


def highest(rows: Alerts) -> Alerts:
    """Without those of which a higher level has the same status, in the same period.

    Forecasts and custom alerts have no level, so they stay.
    """
    return rows.where(HIGHEST)


def with_words(rows: Alerts, text: str) -> Alerts:
    """Those with every word of a text in their message or in the name of their threshold."""
    condition, params = words_like(text, "r.search", "COALESCE(t.search, '')")
    return rows.where(condition, *params)
