"""The engine's SQL: one text for SQLite and PostgreSQL, period bounds given by Python.

Written by hand, because the same as ORM aggregates costs some 20 ms of Python a request.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

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

# The sums of any windows, each by its number. One subquery for all of them, because planning one
# each costs PostgreSQL more than running them; for the same reason types are told apart in the sum
# and not in the WHERE.
SUMS = """
WITH win (number, grain, category, {what}lo, hi) AS (VALUES {windows}){tree}
SELECT {head}win.number, {pad}COALESCE((
  SELECT SUM({sum})
  FROM budget_rollup r
  WHERE r.user_id = %s AND r.grain = win.grain AND r.bucket >= win.lo AND r.bucket < win.hi
  AND (win.category = 0 OR r.category_id = win.category{under})
), 0) FROM win"""
SPENDING = "CASE WHEN r.type_id IN ({spending}) THEN r.amount WHEN r.type_id IN ({refund}) \
THEN -r.amount END"
ANY_MEASURE = """CASE win.what WHEN 0 THEN
    CASE WHEN r.type_id IN ({spending}) THEN r.amount
      WHEN r.type_id IN ({refund}) THEN -r.amount END
    WHEN 1 THEN CASE WHEN r.type_id IN ({income}) THEN r.amount END
    ELSE CASE WHEN r.type_id IN ({spending}) THEN r.count * 100 END END"""
TREE = ", tree (root, member) AS (VALUES {rows})"
UNDER = " OR (win.category, r.category_id) IN (SELECT root, member FROM tree)"
# Reads the partial index budget_alert_open.
OPEN_ALERTS = """
SELECT 1, threshold_id, revision, subject, level, period_start, id FROM budget_alert
WHERE user_id = %s AND status = 'open' AND kind <> 'custom'
AND period_start IN ({starts}) AND subject IN (0, %s)"""

# Spending and income of any spans, each made of windows of one grain, by category or type.
SUMMARY = """
WITH win (number, grain, lo, hi) AS (VALUES {windows})
SELECT win.number, r.{group}_id, SUM({signed}),
SUM(CASE y.effect WHEN 'income' THEN r.amount ELSE 0 END), SUM(r.count)
FROM win JOIN budget_rollup r ON r.grain = win.grain AND r.bucket >= win.lo AND r.bucket < win.hi
JOIN budget_transactiontype y ON y.id = r.type_id
WHERE r.user_id = %s GROUP BY win.number, r.{group}_id
"""

SAVE_LEDGERS = """
WITH new (user_id, as_of, event_seq) AS (VALUES {rows})
UPDATE budget_ledger SET as_of = new.as_of, event_seq = new.event_seq
FROM new WHERE budget_ledger.user_id = new.user_id
"""

# The sums of many users' windows, each by its number; users are few enough to name here.
SUMS_OF_MANY = """
WITH win (number, user_id, grain, category, what, lo, hi) AS (VALUES {windows}){tree}
SELECT win.number, COALESCE((
  SELECT SUM(CASE win.what
    WHEN 0 THEN CASE y.effect WHEN 'spending' THEN r.amount WHEN 'refund' THEN -r.amount END
    WHEN 1 THEN CASE y.effect WHEN 'income' THEN r.amount END
    ELSE CASE y.effect WHEN 'spending' THEN r.count * 100 END END)
  FROM budget_rollup r JOIN budget_transactiontype y ON y.id = r.type_id
  WHERE r.user_id = win.user_id AND r.grain = win.grain
  AND r.bucket >= win.lo AND r.bucket < win.hi
  AND (win.category = 0 OR r.category_id = win.category{under})
), 0) FROM win"""

# What locks a ledger, for all that are behind in a zone and that nobody else is writing to.
BEHIND = """
SELECT user_id FROM budget_ledger WHERE time_zone = %s AND as_of < %s AND user_id > %s
ORDER BY user_id LIMIT %s"""
LOCK_BEHIND = """
UPDATE budget_ledger SET version = version + 1 WHERE user_id IN ({behind}{skip})
RETURNING user_id, as_of, version, event_seq, rules, time_zone, week_start, month_start"""


@lru_cache(maxsize=64)
def add_to_rollups(rows: int) -> str:
    return ADD_TO_ROLLUPS.format(rows=", ".join([ROLLUP_ROW] * rows))


def marks(count: int) -> str:
    """Placeholders for that many parameters."""
    return ", ".join(["%s"] * count)


class Kinds(NamedTuple):
    """How many transaction types a user has of each effect that counts."""

    spending: int
    refund: int
    income: int


@lru_cache(maxsize=1024)
def sums(
    rows: tuple[tuple[int, Grain], ...],
    kinds: Kinds,
    tree: str = "",
    *,
    any_measure: bool = False,
    typed: bool = False,
) -> str:
    """The sums of windows, by number and grain; a window of many grains has a row for each.

    Category (0: all), first day and day after of each are left to the parameters, as is the measure
    before them with any_measure; each of those costs as much Python as ten lines of it. tree: pairs
    of ids as text. typed: in the shape of OPEN_ALERTS.
    """
    what = "%s, " if any_measure else ""
    # NULL: an IN list may not be empty, and nothing is equal to NULL.
    ids = {name: marks(count) or "NULL" for name, count in kinds._asdict().items()}
    return SUMS.format(
        what="what, " if any_measure else "",
        windows=", ".join(f"({number}, '{grain}', %s, {what}%s, %s)" for number, grain in rows),
        tree=TREE.format(rows=tree) if tree else "",
        head="0, " if typed else "",
        pad="0, 0, 0, CAST(NULL AS date), " if typed else "",
        sum=(ANY_MEASURE if any_measure else SPENDING).format(**ids),
        under=UNDER if tree else "",
    )


@lru_cache(maxsize=512)
def open_alerts(starts: int) -> str:
    return OPEN_ALERTS.format(starts=marks(starts))


@lru_cache(maxsize=64)
def save_ledgers(count: int) -> str:
    row = "(%s, %s, %s)"
    if connection.vendor == "postgresql":
        row = "(CAST(%s AS bigint), CAST(%s AS date), CAST(%s AS bigint))"
    return SAVE_LEDGERS.format(rows=", ".join([row] * count))


@lru_cache(maxsize=512)
def sums_of_many(windows: int, tree: str = "") -> str:
    """tree: pairs of ids as text."""
    return SUMS_OF_MANY.format(
        windows=", ".join(["(%s, %s, %s, %s, %s, %s, %s)"] * windows),
        tree=TREE.format(rows=tree) if tree else "",
        under=UNDER if tree else "",
    )


def lock_behind() -> str:
    """Without waiting: a writer that holds a ledger brings its day up to date itself."""
    skip = " FOR NO KEY UPDATE SKIP LOCKED" if connection.vendor == "postgresql" else ""
    return LOCK_BEHIND.format(behind=BEHIND, skip=skip)


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
