"""The first look of the tick: who of many users has a new day that changes no alert.

One statement for a slice of users, in a snapshot and without a lock: the totals of rolling windows
and of periods that end, against levels and open alerts. It only selects who is looked at, and says
nothing about what flips: whom it does not call quiet, the engine judges under the lock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date

from django.db import DatabaseError, connection

from budget.engine import sql
from budget.engine.snapshot import begun
from budget.engine.sql import (
    FIRST_MONDAY,
    SHORT,
    days_before,
    days_later,
    days_since,
    month_number,
    month_starting,
    months_later,
    rest_of,
    signed,
)
from budget.judge.kinds import SIGNS, Operator, PeriodType
from budget.judge.periods import DAY, MONTHS, ROLLING_START

# The thresholds that a new day may matter to, each with the period that is judged: a window as it
# will be, or the period of the ledger's day. judged: whether this statement can say what comes of
# it, which takes one term, a limit without carry-over, and no second period that has ended since.
# Step by step, each held, as otherwise each use of a column would be worked out again.
LOUD = """
WITH RECURSIVE cut AS MATERIALIZED (
  SELECT l.user_id, l.as_of, l.month_start, t.id, t.revision, t.category_id AS category, t.measure,
  t.operator, t.amount, t.levels, t.starts_on, COALESCE(t.days, 0) AS days, t.type,
  t.type = 'rolling' AS rolling, {months} AS months, {first} AS first,
  t.match = '' AND NOT t.rollover AND NOT t.forecast AND t.type <> 'transaction'
  AND (t.type = 'rolling' OR l.as_of = {yesterday}) AS judged
  FROM budget_ledger l JOIN budget_threshold t ON t.user_id = l.user_id
  WHERE l.user_id BETWEEN {least} AND {most} AND l.time_zone = %s AND l.as_of < {today}
  AND t.user_id BETWEEN {least} AND {most} AND t.enabled AND t.deleted_at IS NULL
  AND (t.forecast OR t.starts_on IS NOT NULL OR t.type = 'rolling')
), begun AS MATERIALIZED (
  SELECT cut.*, CASE WHEN months > 1 THEN {long} ELSE first END AS start FROM cut
), ended AS MATERIALIZED (
  SELECT begun.*, {until} AS until FROM begun
), watch AS MATERIALIZED (
  SELECT ended.*, {whole} AS whole, {last} AS last FROM ended
  WHERE CASE WHEN rolling THEN judged OR {crossed} WHEN starts_on IS NULL THEN NOT judged
  ELSE until <= {today} AND (starts_on <= start OR NOT judged) END
), tree (user_id, root, member) AS (
  SELECT DISTINCT user_id, category, category FROM watch WHERE category IS NOT NULL
  UNION
  SELECT c.user_id, tree.root, c.id FROM tree JOIN budget_category c
  ON c.user_id = tree.user_id AND c.parent_id = tree.member
), kind AS MATERIALIZED (
  SELECT y.id, y.effect FROM budget_transactiontype y
  WHERE y.user_id BETWEEN {least} AND {most} AND y.user_id IN (SELECT user_id FROM watch)
), total AS MATERIALIZED (
  SELECT watch.*, CASE WHEN months > 0 THEN {of_months} WHEN days <= {short} THEN {of_days}
  ELSE {of_long} END AS total
  FROM watch WHERE judged
), level AS (
  SELECT total.*, {percent} AS percent, {trigger} AS at FROM total CROSS JOIN {each}
)
SELECT user_id FROM watch WHERE NOT judged
UNION
SELECT user_id FROM level WHERE CASE WHEN {reached} THEN 1 ELSE 0 END <> (
  SELECT COUNT(*) FROM budget_alert a WHERE a.user_id = level.user_id
  AND a.threshold_id = level.id AND a.revision = level.revision AND a.level = level.percent
  AND a.period_start = CASE WHEN level.rolling THEN {rolling_start} ELSE level.start END
  AND a.subject = 0 AND a.status = 'open'
)
UNION
SELECT a.user_id FROM watch JOIN budget_alert a
ON a.user_id = watch.user_id AND a.threshold_id = watch.id
JOIN budget_transaction t ON t.id = a.transaction_id
WHERE watch.rolling AND a.period_start = {rolling_start} AND a.status = 'open'
AND t.date < watch.start
"""


# What a period of a threshold comes to, by rollups of one grain.
SUM = """COALESCE((
  SELECT SUM({sum}) FROM budget_rollup r
  WHERE r.user_id = watch.user_id AND r.grain = '{grain}' AND r.bucket >= {lo} AND r.bucket < {hi}
  AND (watch.category IS NULL OR r.category_id = watch.category
  OR (watch.category, r.category_id) IN (SELECT root, member FROM tree))
), 0)"""
# A row leaves a window, or comes into it.
CROSSED = """EXISTS (
  SELECT 1 FROM budget_rollup r WHERE r.user_id = ended.user_id AND r.grain = 'D'
  AND r.bucket > {left} AND r.bucket < ended.start
) OR EXISTS (
  SELECT 1 FROM budget_rollup r WHERE r.user_id = ended.user_id AND r.grain = 'D'
  AND r.bucket > ended.as_of AND r.bucket < ended.until
)"""
# As judge/judgement.py has them in triggers_of(), share() and range_of().
LEAST = f"operator = '{Operator.GTE}' AND amount = 0"
PERCENT = "CAST(e.value AS bigint)"
SHARE = (
    f"(amount * {PERCENT} + CASE WHEN operator IN ('{Operator.GTE}', '{Operator.LTE}') "
    "THEN 99 ELSE 0 END) / 100"
)
REACHED: dict[str, str] = {
    Operator.GTE: "total >= at",
    Operator.GT: "total > at",
    Operator.LTE: "total <= at",
    Operator.LT: "total < at",
    Operator.EQ: "total = at",
}


def quiet(users: Collection[int], zone: str, today: date) -> set[int]:
    """The users of a zone, among some behind, whose day can be moved without another look.

    As their rows are in one snapshot, which is no lock: it holds for a ledger whose version, read
    before, is still the same. Nobody, where the database cannot tell.
    """
    try:
        return set(users) - loud(min(users), max(users), zone, today)
    except DatabaseError:
        return set()


def loud(least: int, most: int, zone: str, today: date) -> set[int]:
    """The users from one to another for whom the day may change an alert or its tipping row."""
    with begun(connection) as begin:
        steps = [*sql.for_sets(), (loud_ones(least, most, today), [zone])]
        return {user_id for (user_id,) in sql.run([(begin, []), *steps] if begin else steps)}


def loud_ones(least: int, most: int, today: date) -> str:
    into_week = rest_of(f"({days_since('l.as_of', FIRST_MONDAY)} + 8 - l.week_start)", "7")
    into_long = rest_of(f"({month_number('first')} - 1)", "months")
    firsts = {
        PeriodType.ROLLING: days_before(sql.day_text(today), "t.days - 1"),
        PeriodType.WEEKLY: days_before("l.as_of", into_week),
        **dict.fromkeys(MONTHS, month_with("l.as_of", "l.month_start")),
    }
    return LOUD.format(
        least=least,
        most=most,
        yesterday=sql.day_text(today - DAY),
        today=sql.day_text(today),
        months=f"CASE t.type {whens(MONTHS)} ELSE 0 END",
        first=f"CASE t.type {whens(firsts)} ELSE l.as_of END",
        long=months_later("first", f"-({into_long})"),
        until=f"CASE WHEN rolling THEN {sql.day_text(today + DAY)} "
        f"WHEN months > 0 THEN {months_later('start', 'months')} "
        f"WHEN type = '{PeriodType.WEEKLY}' THEN {days_later('start', '7')} "
        f"ELSE {days_later('start', '1')} END",
        whole=months_later(month_with(days_before("start", "1"), "month_start"), "1"),
        last=month_with("until", "month_start"),
        crossed=CROSSED.format(left=days_before("ended.as_of", "ended.days")),
        short=SHORT.days,
        of_months=total("M", "start", "until"),
        of_days=total("D", "start", "until"),
        # Where whole months lie within.
        of_long=" + ".join(
            (total("D", "start", "whole"), total("M", "whole", "last"), total("D", "last", "until"))
        ),
        percent=f"CASE WHEN {LEAST} THEN 100 ELSE {PERCENT} END",
        trigger=f"CASE WHEN {LEAST} THEN 1 ELSE {SHARE} END",
        each=sql.each_of("total.levels"),
        reached=f"CASE operator {whens(REACHED)} END",
        rolling_start=sql.day_text(ROLLING_START),
    )


def total(grain: str, lo: str, hi: str) -> str:
    sums = {measure: signed(measure, of_kind) for measure in SIGNS}
    return SUM.format(
        sum=f"CASE watch.measure {whens(sums)} END",
        grain=grain,
        lo=f"watch.{lo}",
        hi=f"watch.{hi}",
    )


def of_kind(effect: str) -> str:
    return f"r.type_id IN (SELECT id FROM kind WHERE effect = '{effect}')"  # noqa: S608


def whens(cases: Mapping[str, object]) -> str:
    return " ".join(f"WHEN '{case}' THEN {value}" for case, value in cases.items())


def month_with(day: str, first: str) -> str:
    """The first day of a user's month that holds a day."""
    return month_starting(days_before(day, f"{first} - 1"), first)
