"""The statements of the deliverer: take rows that are due, let them leave, store what came of it.

One text for SQLite and PostgreSQL. A row is taken with a token and for a time: a process
that dies loses it by that time, and one that is late changes nothing: the token is another one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import InterfaceError, OperationalError, connection

from budget.models.endpoint import message_id_of
from lib.columns import made_as


class Taken(NamedTuple):
    """A row that this process has for a time."""

    id: int
    user_id: int
    endpoint_id: int
    kind: str
    seq: int | None
    last_seq: int | None
    tries: int
    left_at: datetime | None
    created_at: datetime

    @property
    def message_id(self) -> str:
        return message_id_of(self.user_id, self.kind, self.seq, self.id)


class Outcome(NamedTuple):
    """What becomes of a row that was taken. due_at, ended_at: one of them; status: of the answer.

    tried: whether it was sent.
    """

    id: int
    state: str
    tried: int
    due_at: datetime | None
    ended_at: datetime | None
    status: int | None


TAKE = """
WITH due AS MATERIALIZED (
  SELECT d.id FROM budget_delivery d
  JOIN budget_endpoint e ON e.id = d.endpoint_id AND e.user_id = d.user_id
  WHERE d.state = 'pending' AND d.due_at <= %s AND (d.kind = 'example' OR e.state = 'on'){but}
  ORDER BY d.due_at, d.id LIMIT {limit:d}{skip}
)
UPDATE budget_delivery SET token = %s, due_at = %s
WHERE id IN (SELECT id FROM due) RETURNING {columns}
"""
LEAVE = """
UPDATE budget_delivery SET left_at = COALESCE(left_at, {now})
WHERE id IN ({ids}) AND token = %s AND state IN ('pending', 'held') RETURNING id
"""
# A row to be tried again keeps what its endpoint made of it meanwhile: held, or given up.
SETTLE = """
WITH new (id, state, tried, due_at, ended_at, status) AS (VALUES {rows})
UPDATE budget_delivery SET token = '', tries = tries + new.tried,
state = CASE new.state WHEN 'pending' THEN budget_delivery.state ELSE new.state END,
ended_at = CASE new.state WHEN 'pending' THEN budget_delivery.ended_at ELSE new.ended_at END,
due_at = COALESCE(new.due_at, budget_delivery.due_at),
status = COALESCE(new.status, budget_delivery.status)
FROM new WHERE budget_delivery.id = new.id AND budget_delivery.token = %s
RETURNING budget_delivery.id
"""
SETTLE_ROW = ("bigint", "text", "smallint", "timestamptz", "timestamptz", "smallint")
COLUMNS = ", ".join(Taken._fields)


def take(
    now: datetime, until: datetime, token: str, limit: int, but: Collection[int] = ()
) -> list[Taken]:
    """Take rows that are due, the longest due first. but: endpoints that have to wait."""
    postgresql = connection.vendor == "postgresql"
    others = f" AND d.endpoint_id NOT IN ({', '.join(map(str, but))})" if but else ""
    skip = " FOR UPDATE OF d SKIP LOCKED" if postgresql else ""
    text = TAKE.format(limit=limit, but=others, skip=skip, columns=COLUMNS)
    found = rows_of(text, [stored(now), token, stored(until)])
    return sorted(map(made_as(Taken), found), key=lambda row: (row.seq or 0, row.id))


def leave(now: datetime, token: str, ids: Sequence[int]) -> set[int]:
    """Note that rows are about to leave; those that this process still has."""
    if not ids:
        return set()
    cast = "CAST(%s AS timestamptz)" if connection.vendor == "postgresql" else "%s"
    text = LEAVE.format(ids=", ".join(map(str, ids)), now=cast)
    return {pk for (pk,) in rows_of(text, [stored(now), token])}


def settle(token: str, outcomes: Sequence[Outcome]) -> set[int]:
    """Store what became of rows; those that this process still had."""
    if not outcomes:
        return set()
    params: list[Any] = []
    for one in outcomes:
        params += [one.id, one.state, one.tried, stored(one.due_at), stored(one.ended_at)]
        params.append(one.status)
    text = SETTLE.format(rows=marked(len(outcomes)))
    return {pk for (pk,) in rows_of(text, [*params, token])}


def marked(count: int) -> str:
    """Places of rows; PostgreSQL learns the types from the first one."""
    plain = f"({', '.join(['%s'] * len(SETTLE_ROW))})"
    if connection.vendor != "postgresql":
        return ", ".join([plain] * count)
    first = f"({', '.join(f'CAST(%s AS {kind})' for kind in SETTLE_ROW)})"
    return ", ".join([first, *[plain] * (count - 1)])


def stored(moment: datetime | None) -> Any:
    """A time as a statement takes it."""
    return None if moment is None else connection.ops.adapt_datetimefield_value(moment)


def rows_of(text: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(text, params)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def is_of_connection(error: Exception) -> bool:
    """Whether the database is away, rather than something wrong with what it was asked."""
    if isinstance(error, OperationalError):
        return not connection.is_usable()
    return isinstance(error, InterfaceError)
