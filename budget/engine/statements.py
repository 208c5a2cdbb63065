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

# One read: the totals of the thresholds that a write touches, and only the levels that flip.
# MATERIALIZED keeps a total from being summed once a level. The alert's state is a scalar
# subselect by its full key, because a join makes PostgreSQL scan all alerts of the user.
FLIPS = """
WITH span (number, kind, grain, lo, hi, subject) AS (VALUES {spans}),
scope AS MATERIALIZED (
  SELECT span.number, span.lo, span.subject, t.id, t.revision, t.operator, t.category_id, t.amount,
    CASE WHEN span.subject = 0 THEN COALESCE((
      SELECT SUM({signed}) FROM budget_rollup r JOIN budget_transactiontype y ON y.id = r.type_id
      WHERE r.user_id = t.user_id AND r.grain = span.grain
      AND r.bucket >= span.lo AND r.bucket < span.hi
      AND (t.category_id IS NULL OR r.category_id = t.category_id)
    ), 0) ELSE COALESCE((
      SELECT x.amount FROM budget_transaction x JOIN budget_transactiontype y ON y.id = x.type_id
      WHERE x.id = span.subject AND x.user_id = t.user_id AND x.date = span.lo
      AND y.effect = 'spending' AND (t.category_id IS NULL OR x.category_id = t.category_id)
    ), 0) END AS total
  FROM budget_threshold t JOIN span ON span.kind = t.type
  WHERE t.user_id = %s AND t.enabled AND t.deleted_at IS NULL
  AND (t.category_id IS NULL OR t.category_id IN (%s, %s))
),
judged AS (
  SELECT s.*, l.percent, l.trigger,
    CASE s.operator WHEN 'gte' THEN s.total >= l.trigger ELSE s.total > l.trigger END AS reached,
    (SELECT CASE a.status WHEN 'open' THEN a.id ELSE -a.id END FROM budget_alert a
     WHERE a.user_id = %s AND a.threshold_id = s.id AND a.revision = s.revision
     AND a.period_start = s.lo AND a.subject = s.subject AND a.level = l.percent
     AND a.kind = 'threshold') AS state
  FROM scope s JOIN budget_thresholdlevel l ON l.threshold_id = s.id
)
SELECT number, id, revision, operator, category_id, amount, percent, trigger, total, state, reached
FROM judged WHERE reached <> (COALESCE(state, 0) > 0)
ORDER BY id, lo, subject, percent
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


@lru_cache(maxsize=64)
def flips(spans: int) -> str:
    row = "(%s, %s, %s, %s, %s, %s)"
    return FLIPS.format(spans=", ".join([row] * spans), signed=SIGNED_ROLLUP)


@lru_cache(maxsize=512)
def totals(windows: int) -> str:
    row = "(%s, %s, %s, %s, %s)"
    return TOTALS.format(windows=", ".join([row] * windows), signed=SIGNED_ROLLUP)
