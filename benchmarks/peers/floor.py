"""The floor: a bare WSGI function with one SQL statement a request, on the service's own tables.

Its answers have the JSON of the service's for the users of this benchmark: thresholds on spending
with operator gte, and no rows after today. It checks nothing but the token. A cursor is not signed;
it is filled up to the length of the service's. A POST is a bare INSERT into a table beside.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qs

import orjson
import psycopg2

Rows = list[tuple[Any, ...]]

db = psycopg2.connect(os.environ["DATABASE_URL"])
db.autocommit = True

WHO = """
WITH who AS MATERIALIZED (
  SELECT token.user_id, ledger.as_of, ledger.event_seq, profile.currency
  FROM accounts_apitoken token JOIN auth_user ON auth_user.id = token.user_id AND is_active
  JOIN budget_ledger ledger ON ledger.user_id = token.user_id
  JOIN accounts_profile profile ON profile.user_id = token.user_id
  WHERE digest = %(digest)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
)
"""
LIST = """
SELECT row.id, who.user_id, row.date, category.name, row.description, row.amount, type.slug,
  row.external_id
FROM who CROSS JOIN LATERAL (
  SELECT * FROM budget_transaction WHERE user_id = who.user_id {condition}
  ORDER BY date DESC, id DESC LIMIT 51
) row
JOIN budget_category category ON category.id = row.category_id
JOIN budget_transactiontype type ON type.id = row.type_id
ORDER BY row.date DESC, row.id DESC
"""
OF_CATEGORY = """AND category_id = (
  SELECT id FROM budget_category WHERE user_id = who.user_id AND key = %(category)s)"""
# What the rollups of a period add up to: days for a day or a week, months for what is longer.
TOTAL = """
SELECT coalesce(sum(CASE effect WHEN 'spending' THEN amount WHEN 'refund' THEN -amount END), 0)
FROM budget_rollup rollup JOIN budget_transactiontype type ON type.id = rollup.type_id
WHERE rollup.user_id = {of}.user_id AND bucket >= {of}.start AND bucket < {of}.stop
  AND grain = CASE WHEN {of}.stop - {of}.start > 7 THEN 'M' ELSE 'D' END
  AND ({of}.category_id IS NULL OR rollup.category_id = {of}.category_id)
"""
THRESHOLDS = f"""
SELECT mine.id, mine.user_id, mine.name, mine.slug, mine.amount, mine.type, category.name,
  mine.levels, mine.start, mine.stop, ({TOTAL.format(of="mine")}), mine.as_of
FROM (
  SELECT threshold.*, as_of, start, (start + CASE threshold.type
    WHEN 'weekly' THEN interval '7 days' WHEN 'monthly' THEN interval '1 month'
    WHEN 'yearly' THEN interval '1 year' ELSE interval '1 day' END)::date AS stop
  FROM who JOIN budget_threshold threshold ON threshold.user_id = who.user_id
  CROSS JOIN LATERAL (SELECT date_trunc(CASE threshold.type WHEN 'weekly' THEN 'week'
    WHEN 'monthly' THEN 'month' WHEN 'yearly' THEN 'year' ELSE 'day' END, as_of)::date) at (start)
  WHERE deleted_at IS NULL
) mine LEFT JOIN budget_category category ON category.id = mine.category_id
ORDER BY mine.id
"""
ALERTS = f"""
, page AS MATERIALIZED (
  SELECT alert.*, threshold.name, threshold.amount, threshold.category_id, as_of, event_seq,
    currency
  FROM who CROSS JOIN LATERAL (
    SELECT * FROM budget_alert WHERE user_id = who.user_id
    ORDER BY opened_at DESC, id DESC LIMIT 51
  ) alert JOIN budget_threshold threshold ON threshold.id = alert.threshold_id
), total AS (
  SELECT threshold_id, start, ({TOTAL.format(of="pair")}) AS minor
  FROM (SELECT DISTINCT user_id, threshold_id, category_id, period_start AS start,
    period_end AS stop FROM page WHERE subject = 0) pair
)
SELECT page.id, user_id, page.threshold_id, level, status, active_until, name, period_start,
  period_end, coalesce(total.minor, then_total), amount, then_total, then_limit, then_at,
  transaction_id, opened_at, resolved_at, acknowledged_at, snoozed_until, episodes, late, as_of,
  event_seq, currency, subject
FROM page LEFT JOIN total ON total.threshold_id = page.threshold_id AND start = period_start
ORDER BY opened_at DESC, page.id DESC
"""
INSERT = """
INSERT INTO floor_transaction (user_id, date, category_id, description, search, amount, type_id)
SELECT who.user_id, %(date)s, category.id, %(description)s, %(search)s,
  (%(amount)s::numeric * 100)::bigint, type.id
FROM who JOIN budget_category category ON category.user_id = who.user_id AND key = %(key)s
JOIN budget_transactiontype type ON type.user_id = who.user_id AND type.slug = %(type)s
RETURNING id, user_id
"""


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    digest = hashlib.sha256(environ["HTTP_AUTHORIZATION"][7:].encode()).hexdigest()
    path, status = environ["PATH_INFO"], "200 OK"
    if environ["REQUEST_METHOD"] == "POST":
        status, body = "201 Created", insert(digest, orjson.loads(environ["wsgi.input"].read()))
    else:
        query = parse_qs(environ["QUERY_STRING"])
        body = ANSWERS[path](digest, query)
    sent = orjson.dumps(body)
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(sent)))]
    start_response(status, headers)
    return [sent]


def run(statement: str, **parameters: Any) -> Rows:
    with db.cursor() as cursor:
        cursor.execute(WHO + statement, parameters)
        return cursor.fetchall()


def transactions(digest: str, query: dict[str, list[str]]) -> dict[str, Any]:
    name = query.get("category", [None])[0]
    condition = OF_CATEGORY if name is not None else ""
    rows = run(LIST.format(condition=condition), digest=digest, category=name and name.casefold())
    items = [
        {
            "id": id,
            "user": user,
            "date": day,
            "category": category,
            "description": description,
            "amount": money(amount),
            "type": type,
            "external_id": external,
        }
        for id, user, day, category, description, amount, type, external in rows[:50]
    ]
    return {"items": items, "next": more(rows, "/api/transaction"), "previous": None}


def thresholds(digest: str, query: dict[str, list[str]]) -> dict[str, Any]:
    items = [threshold(*row) for row in run(THRESHOLDS, digest=digest)]
    return {"items": items, "next": None, "previous": None}


def threshold(
    id: int,
    user: int,
    name: str,
    slug: str,
    amount: int,
    type: str,
    category: str | None,
    levels: list[int],
    start: date,
    end: date,
    total: int,
    as_of: date,
) -> dict[str, Any]:
    total, limit = int(total), money(amount)
    current = (
        None
        if type == "transaction"
        else {
            "period_start": start,
            "period_end": end,
            "total": money(total),
            "limit": limit,
            "carried": None,
            "remaining": money(amount - total),
            "percent": total * 100 // amount,
            "level_reached": max(
                (each for each in levels if total * 100 >= amount * each), default=None
            ),
            "conditions": [],
            "forecast": forecast(start, end, total, as_of) if (end - start).days > 7 else None,
            "as_of": as_of,
        }
    )
    return {
        "id": id,
        "user": user,
        "name": name,
        "slug": slug,
        "amount": limit,
        "type": type,
        "days": None,
        "category": category,
        "operator": "gte",
        "measure": "spending",
        "match": None,
        "levels": levels,
        "starts_on": None,
        "rollover": False,
        "rollover_cap": None,
        "rollover_from": None,
        "forecast": False,
        "enabled": True,
        "conditions": [],
        "current": current,
    }


def forecast(start: date, end: date, total: int, as_of: date) -> dict[str, Any]:
    gone, days = (as_of - start).days + 1, (end - start).days
    spent = money(total)
    return {
        "projected": money((2 * total * days + gone) // (2 * gone)),
        "spent": spent,
        "later": "0.00",
        "days_elapsed": gone,
        "days": days,
        "formula": f"{spent} * {days} / {gone} + 0.00",
    }


def alerts(digest: str, query: dict[str, list[str]]) -> dict[str, Any]:
    rows = run(ALERTS, digest=digest)
    return {
        "items": [alert(row) for row in rows[:50]],
        "next": more(rows, "/api/alert"),
        "previous": None,
        "since": rows[0][22],
    }


def alert(row: tuple[Any, ...]) -> dict[str, Any]:
    id, user, threshold, level, status, until, name, start, end, total, limit, *rest = row
    then_total, then_limit, then_at, transaction, opened, resolved, seen, snoozed, *rest = rest
    episodes, late, as_of, _, currency, subject = rest
    total, percent = int(total), int(total) * 100 // limit
    reached = "limit reached" if level == 100 else f"{level} % of the limit reached"
    of = f"{money(total)} of {money(limit)} {currency}"
    where = "in one transaction" if subject else "spent"
    return {
        "id": id,
        "user": user,
        "kind": "threshold",
        "threshold": threshold,
        "level": level,
        "status": status,
        "active": start <= as_of < until,
        "message": f"{name}: {reached}, {of} {where} {period_name(start, end)}, {percent} %",
        "period_start": start,
        "period_end": end,
        "total": money(total),
        "limit": money(limit),
        "percent": percent,
        "then": {"total": money(then_total), "limit": money(then_limit), "at": moment(then_at)},
        "transaction": transaction,
        "opened_at": moment(opened),
        "resolved_at": moment(resolved),
        "acknowledged_at": moment(seen),
        "snoozed_until": moment(snoozed),
        "conditions": [],
        "forecast": None,
        "episodes": episodes,
        "late": late,
        "as_of": as_of,
    }


def insert(digest: str, body: dict[str, str]) -> dict[str, Any]:
    folded = {"key": body["category"].casefold(), "search": body["description"].casefold()}
    ((id, user),) = run(INSERT, digest=digest, **body, **folded)
    none: dict[str, Any] = {"external_id": None, "alerts": {"opened": [], "resolved": []}}
    return {"id": id, "user": user, **body, **none}


def money(minor: int | None) -> str | None:
    if minor is None:
        return None
    sign, minor = ("-", -minor) if minor < 0 else ("", minor)
    return f"{sign}{minor // 100}.{minor % 100:02}"


def moment(at: datetime | None) -> str | None:
    return at and at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def more(rows: Rows, path: str) -> str | None:
    return f"{path}?limit=50&cursor={'0' * 144}" if len(rows) > 50 else None


def period_name(start: date, end: date) -> str:
    length = (end - start).days
    if length > 31:
        return f"in {start.year}"
    if length > 7:
        return f"in {start:%B} {start.year}"
    day = f"{start.day} {start:%B} {start.year}"
    return f"in the week of {day}" if length > 1 else f"on {day}"


ANSWERS = {
    "/api/transaction": transactions,
    "/api/threshold": thresholds,
    "/api/alert": alerts,
}
