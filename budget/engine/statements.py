"""The engine's SQL: one text for SQLite and PostgreSQL, period bounds given by Python.

Written by hand, because the same as ORM aggregates costs some 20 ms of Python a request.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.db import connection

from budget.models import Grain

Step = tuple[str, list[Any]]

# The one place where a type's effect becomes a sign.
SIGNED = "CASE y.effect WHEN 'spending' THEN {0} WHEN 'refund' THEN -{0} ELSE 0 END"
SIGNED_ROLLUP = SIGNED.format("r.amount")

ADD_TO_ROLLUPS = """
INSERT INTO budget_rollup (user_id, grain, bucket, category_id, type_id, amount, count)
VALUES {rows}
ON CONFLICT (user_id, grain, bucket, category_id, type_id) DO UPDATE
SET amount = budget_rollup.amount + excluded.amount, count = budget_rollup.count + excluded.count
"""
ROLLUP_ROW = "(%s, %s, %s, %s, %s, %s, %s)"

# An UPDATE, because the upsert above checks its proposed row (count -1) before it sees a conflict.
TAKE_FROM_ROLLUPS = """
UPDATE budget_rollup SET amount = amount - %s, count = count - %s
WHERE user_id = %s AND category_id = %s AND type_id = %s
AND ((grain = 'D' AND bucket = %s) OR (grain = 'M' AND bucket = %s))
"""

MERGE_ROLLUPS = """
INSERT INTO budget_rollup (user_id, grain, bucket, category_id, type_id, amount, count)
SELECT user_id, grain, bucket, %s, type_id, amount, count
FROM budget_rollup WHERE user_id = %s AND category_id = %s
ON CONFLICT (user_id, grain, bucket, category_id, type_id) DO UPDATE
SET amount = budget_rollup.amount + excluded.amount, count = budget_rollup.count + excluded.count
"""

# All that one write needs to know, as rows of one shape: a total for each window, by its number,
# and the alerts that are open in those periods, by their identity. One subquery for all windows,
# because planning one each costs PostgreSQL more than running them; for the same reason types are
# told apart in the sum and not in the WHERE.
TOUCHED_TOTALS = """
WITH win (number, grain, category, lo, hi) AS (VALUES {windows})
SELECT 0, win.number, 0, 0, 0, CAST(NULL AS date), COALESCE((
  SELECT SUM(CASE WHEN r.type_id IN ({spending}) THEN r.amount
    WHEN r.type_id IN ({refunds}) THEN -r.amount END)
  FROM budget_rollup r
  WHERE r.user_id = %s AND r.grain = win.grain AND r.bucket >= win.lo AND r.bucket < win.hi
  AND (win.category = 0 OR r.category_id = win.category)
), 0) FROM win"""
# Reads the partial index budget_alert_open.
OPEN_ALERTS = """
SELECT 1, threshold_id, revision, subject, level, period_start, id FROM budget_alert
WHERE user_id = %s AND status = 'open' AND kind = 'threshold'
AND period_start IN ({starts}) AND subject IN (0, %s)"""

# The totals of any windows, for answers: one read for a whole page.
TOTALS = """
WITH win (number, category, grain, lo, hi) AS (VALUES {windows})
SELECT win.number, COALESCE((
  SELECT SUM({signed}) FROM budget_rollup r JOIN budget_transactiontype y ON y.id = r.type_id
  WHERE r.user_id = %s AND r.grain = win.grain AND r.bucket >= win.lo AND r.bucket < win.hi
  AND (win.category = 0 OR r.category_id = win.category)
), 0) FROM win
"""

# Spending and income of any spans, each made of windows of one grain, by category or type.
SUMMARY = """
WITH win (number, grain, lo, hi) AS (VALUES {windows})
SELECT win.number, r.{group}_id, SUM({signed}),
SUM(CASE y.effect WHEN 'income' THEN r.amount ELSE 0 END), SUM(r.count)
FROM win JOIN budget_rollup r ON r.grain = win.grain AND r.bucket >= win.lo AND r.bucket < win.hi
JOIN budget_transactiontype y ON y.id = r.type_id
WHERE r.user_id = %s GROUP BY win.number, r.{group}_id
"""

SAVE_LEDGER = "UPDATE budget_ledger SET as_of = %s, event_seq = %s WHERE user_id = %s"


@lru_cache(maxsize=64)
def add_to_rollups(rows: int) -> str:
    return ADD_TO_ROLLUPS.format(rows=", ".join([ROLLUP_ROW] * rows))


def marks(count: int) -> str:
    """Placeholders for that many parameters."""
    return ", ".join(["%s"] * count)


@lru_cache(maxsize=512)
def totals(windows: int) -> str:
    row = "(%s, %s, %s, %s, %s)"
    return TOTALS.format(windows=", ".join([row] * windows), signed=SIGNED_ROLLUP)


@lru_cache(maxsize=512)
def touched(grains: tuple[Grain, ...], spending: int, refunds: int, starts: int) -> str:
    """The one read of a write: for windows of those grains, that many types and first days.

    Of a window, category (0: all), first day and day after are left to the parameters; each of
    those costs as much Python as ten lines of it.
    """
    alerts = OPEN_ALERTS.format(starts=marks(starts))
    if not grains:
        return alerts
    rows = [f"({number}, '{grain}', %s, %s, %s)" for number, grain in enumerate(grains)]
    # NULL: an IN list may not be empty, and nothing is equal to NULL.
    totals = TOUCHED_TOTALS.format(
        windows=", ".join(rows),
        spending=marks(spending) or "NULL",
        refunds=marks(refunds) or "NULL",
    )
    return f"{totals} UNION ALL {alerts}"


@lru_cache(maxsize=512)
def summary(windows: int, group: str) -> str:
    """group: category or type."""
    rows = ", ".join(["(%s, %s, %s, %s)"] * windows)
    return SUMMARY.format(windows=rows, group=group, signed=SIGNED_ROLLUP)


def run(steps: Sequence[Step]) -> list[tuple[Any, ...]]:
    """Run statements in turn and give the rows of the last.

    PostgreSQL takes them as one message, which saves a round trip each while the lock is held.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            text = ";".join(statement for statement, _ in steps)
            cursor.execute(text, [value for _, params in steps for value in params])
        else:
            for statement, params in steps:
                cursor.execute(statement, params)
        return cursor.fetchall() if cursor.description else []
