"""The engine's SQL: one text for SQLite and PostgreSQL, period bounds given by Python.

Written by hand, because the same as ORM aggregates costs some 20 ms of Python a request.
"""

from __future__ import annotations

from functools import lru_cache

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

# One pass over the few rollup rows that a write touches, with a column for each total needed.
TOUCHED_TOTALS = """
SELECT {columns} FROM budget_rollup r
WHERE r.user_id = %s AND ({ranges}) AND r.type_id IN ({counted}){categories}
"""
TOUCHED_COLUMN = """
COALESCE(SUM(CASE WHEN r.type_id IN ({refunds}) THEN -r.amount ELSE r.amount END)
FILTER (WHERE r.grain = '{grain}' AND r.bucket >= %s AND r.bucket < %s{category}), 0)"""
TOUCHED_RANGE = "(r.grain = '{grain}' AND r.bucket >= %s AND r.bucket < %s)"

# What is open in some periods; reads the partial index budget_alert_open.
OPEN_ALERTS = """
SELECT threshold_id, revision, period_start, subject, level, id FROM budget_alert
WHERE user_id = %s AND status = 'open' AND kind = 'threshold'
AND period_start IN ({starts}) AND subject IN (0, %s)
"""

# The totals of any windows, for answers: one read for a whole page.
TOTALS = """
WITH win (number, category, grain, lo, hi) AS (VALUES {windows})
SELECT win.number, COALESCE((
  SELECT SUM({signed}) FROM budget_rollup r JOIN budget_transactiontype y ON y.id = r.type_id
  WHERE r.user_id = %s AND r.grain = win.grain AND r.bucket >= win.lo AND r.bucket < win.hi
  AND (win.category = 0 OR r.category_id = win.category)
), 0) FROM win
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
