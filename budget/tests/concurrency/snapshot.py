"""The ninth process: everything recomputed from one REPEATABLE READ snapshot after another.

Rows are read with separate SQL and judged by the oracle; nothing of the engine is used.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction

from budget.tests.concurrency.start import shared
from budget.tests.oracle import AlertState, Book, Held
from budget.tests.oracle_rules import FORECAST, Key, Limit, Row, Settings, Term, holds

GATE_SECONDS = 120
USERS_A_SNAPSHOT = 5
# However slow the machine, a run that saw less has shown nothing.
FEWEST = 5
# The kinds of violations that a user would see.
WRONG_ALERTS = {"missing", "untrue"}


@dataclass
class Findings:
    """What the ninth process saw; texts holds the first few violations in words."""

    snapshots: int = 0
    violating: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    texts: list[str] = field(default_factory=list)

    def add(self, violations: Sequence[tuple[str, str]]) -> None:
        self.snapshots += 1
        self.violating += bool(violations)
        self.kinds.update(kind for kind, _ in violations)
        self.texts += [f"{kind}: {text}" for kind, text in violations[: 5 - len(self.texts)]]


@dataclass
class Log:
    """What the events of one alert add up to."""

    opened: int = 0
    kind: str = ""
    total: int | None = None
    limit: int | None = None


@dataclass
class Folded:
    """One user's event log, read so far."""

    seq: int = 0
    logs: dict[int, Log] = field(default_factory=dict)


@dataclass
class Shown:
    """An alert as the database shows it."""

    id: int
    key: Key
    state: AlertState


class Recomputer:
    """Reads snapshots and tells what in them is not as it must be."""

    def __init__(self, users: Sequence[int]) -> None:
        self.users = users
        self.folded = {user: Folded() for user in users}

    def violations(self, some: int | None = None) -> list[tuple[str, str]]:
        """Everything wrong in one snapshot, of all users or of some, chosen again each time."""
        users = self.users if some is None else random.sample(self.users, some)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            return [
                (kind, f"user {user}: {text}")
                for user in users
                for kind, text in self._of_user(cursor, user)
            ]

    def _of_user(self, cursor: Any, user: int) -> Iterator[tuple[str, str]]:
        book, last_seq, settings = read_book(cursor, user)
        if settings != book.settings:
            yield "settings", f"periods are cut by {book.settings}, the profile says {settings}"
        yield from compare_rollups(cursor, user, book)
        alerts = read_alerts(cursor, user)
        # Between its two bounds a forecast stays as it is: as it is shown.
        book.alerts = {alert.key: alert.state for alert in alerts}
        yield from compare_alerts(book, alerts)
        yield from self._fold(cursor, user, last_seq)
        yield from compare_logs(alerts, self.folded[user].logs)

    def _fold(self, cursor: Any, user: int, last_seq: int) -> Iterator[tuple[str, str]]:
        """Read the events since the last snapshot: numbered on, opened and resolved in turn."""
        folded = self.folded[user]
        cursor.execute(
            'SELECT e.seq, e.alert_id, a.kind, e.kind, e.total, e."limit" FROM budget_alertevent e'
            " JOIN budget_alert a ON a.id = e.alert_id"
            " WHERE e.user_id = %s AND e.seq > %s ORDER BY e.seq",
            [user, folded.seq],
        )
        for seq, alert, about, kind, total, limit in cursor.fetchall():
            if seq != folded.seq + 1:
                yield "events", f"{seq} follows {folded.seq}"
            folded.seq = seq
            if about == "custom" or kind not in ("opened", "resolved"):
                continue
            log = folded.logs.setdefault(alert, Log())
            if kind == (log.kind or "resolved"):
                yield "events", f"alert {alert} was {kind} twice, at {seq}"
            log.opened += kind == "opened"
            log.kind, log.total, log.limit = kind, total, limit
        if folded.seq != last_seq:
            yield "events", f"the ledger stands at {last_seq}, the events at {folded.seq}"


def read_book(cursor: Any, user: int) -> tuple[Book, int, Settings]:
    """The user's rows, the ledger's last event number, and the settings of the profile."""
    cursor.execute(
        "SELECT l.as_of, l.event_seq, l.time_zone, l.week_start, l.month_start,"
        " p.time_zone, p.week_start, p.month_start FROM budget_ledger l"
        " JOIN accounts_profile p ON p.user_id = l.user_id WHERE l.user_id = %s",
        [user],
    )
    as_of, last_seq, *cut = cursor.fetchone()
    book = Book(datetime.now(UTC), as_of, Settings(*cut[:3]))
    cursor.execute("SELECT id, effect FROM budget_transactiontype WHERE user_id = %s", [user])
    book.types = dict(cursor.fetchall())
    cursor.execute(
        "SELECT id, date, category_id, type_id, amount FROM budget_transaction WHERE user_id = %s",
        [user],
    )
    book.rows = {row[0]: Row(*row) for row in cursor.fetchall()}
    cursor.execute("SELECT id, parent_id FROM budget_category WHERE user_id = %s", [user])
    book.parents = {child: parent for child, parent in cursor.fetchall() if parent is not None}
    book.limits = read_limits(cursor, user)
    book.definitions = {(pk, limit.revision): limit for pk, limit in book.limits.items()}
    return book, last_seq, Settings(*cut[3:])


def read_limits(cursor: Any, user: int) -> dict[int, Limit]:
    """The thresholds, with their conditions."""
    cursor.execute(
        "SELECT c.threshold_id, c.category_id, c.measure, c.operator, c.amount"
        " FROM budget_condition c JOIN budget_threshold t ON t.id = c.threshold_id"
        " WHERE t.user_id = %s ORDER BY c.threshold_id, c.position",
        [user],
    )
    conditions: dict[int, list[Term]] = {}
    for threshold, *term in cursor.fetchall():
        conditions.setdefault(threshold, []).append(Term(*term))
    cursor.execute(
        "SELECT id, amount, type, category_id, operator, levels::text, enabled,"
        " deleted_at IS NOT NULL, revision, measure, days, starts_on, match, rollover,"
        " rollover_cap, rollover_from, forecast FROM budget_threshold WHERE user_id = %s",
        [user],
    )
    limits = {}
    for pk, amount, kind, category, operator, levels, *columns in cursor.fetchall():
        enabled, deleted, revision, measure, days, starts_on, match, *carries = columns
        percents = tuple(int(level) for level in levels.strip("[]").split(","))
        parts = tuple(conditions.get(pk, ())) if match else ()
        head = (pk, None if parts else amount, kind, category, operator, percents)
        state = (enabled, deleted, revision, measure, days, starts_on)
        limits[pk] = Limit(*head, *state, parts, match or "all", *carries)
    return limits


def read_alerts(cursor: Any, user: int) -> list[Shown]:
    """All alerts of the user's thresholds, forecasts included."""
    cursor.execute(
        "SELECT id, threshold_id, revision, period_start, subject, level, status, period_end,"
        " active_until, transaction_id, then_total, then_limit, then_at, opened_at, late, episodes"
        " FROM budget_alert WHERE user_id = %s AND kind IN ('threshold', 'forecast')",
        [user],
    )
    return [Shown(pk, Key(*rest[:5]), AlertState(*rest[5:])) for pk, *rest in cursor.fetchall()]


def compare_rollups(cursor: Any, user: int, book: Book) -> Iterator[tuple[str, str]]:
    """Rollups are the sums of the transactions; a row that has gone to nothing may stay."""
    cursor.execute(
        "SELECT grain, bucket, category_id, type_id, amount, count FROM budget_rollup"
        " WHERE user_id = %s",
        [user],
    )
    shown = {row[:4]: row[4:] for row in cursor.fetchall()}
    must = book.rollups()
    for key in shown.keys() | must.keys():
        if shown.get(key, (0, 0)) != must.get(key, (0, 0)):
            yield "rollups", f"{key} holds {shown.get(key)}, must hold {must.get(key)}"


def compare_alerts(book: Book, alerts: Sequence[Shown]) -> Iterator[tuple[str, str]]:
    """The invariant, and what each open alert says of itself."""
    must = book.holding()
    opened = book.open_alerts()
    if missing := must.keys() - opened:
        yield "missing", f"{len(missing)} alerts that must be open, such as {told(book, missing)}"
    if untrue := opened - must.keys():
        yield "untrue", f"{len(untrue)} open alerts that must not be, such as {told(book, untrue)}"
    for alert in alerts:
        tip = alert.state.tip
        if alert.state.status == "open" and alert.key in must:
            yield from compare_open(book, alert, must[alert.key])
        elif tip is not None and tip not in book.rows:
            yield "tips", f"resolved {alert.key} names {tip}, which is not the user's"


def told(book: Book, keys: Collection[Key]) -> str:
    """The first of some alerts, with all that it takes to see why it is wrong."""
    key = min(keys)
    limit = book.limits[key.threshold]
    at = book.limit_at(limit, key.start)
    counted = [row for row in book.counting(limit) if row.date >= key.start]
    return f"{key} of {limit}, as of {book.as_of} at {at} by {book.settings}, with rows {counted}"


def compare_open(book: Book, alert: Shown, held: Held) -> Iterator[tuple[str, str]]:
    """The period's end, the tipping row, and that the numbers of the flip reach the level."""
    limit, state = book.limits[alert.key.threshold], alert.state
    until = book.period(held.span.end, limit.type)[1] if limit.closing else held.span.end
    if (state.end, state.active_until) != (held.span.end, until):
        yield "periods", f"{alert.key} ends on {state.end}, news until {state.active_until}"
    if state.tip is not None and state.tip not in {row.id for row in held.rows}:
        yield "tips", f"{alert.key} was tipped by {state.tip}, which is not in its period"
    if not reached_then(limit, alert):
        yield "then", f"{alert.key} opened at {state.then_total} of {state.then_limit}"


def reached_then(limit: Limit, alert: Shown) -> bool:
    """Whether the numbers of the flip are such as open the alert; a combination has none."""
    total, at = alert.state.then_total, alert.state.then_limit
    if limit.conditions or total is None or at is None:
        return bool(limit.conditions) and total is None and at is None
    if alert.key.level == FORECAST:
        return holds("gte", total, max(at, 0))
    return limit.reached([total], max(at, 0), alert.key.level)


def compare_logs(alerts: Sequence[Shown], logs: dict[int, Log]) -> Iterator[tuple[str, str]]:
    """The last flip of an alert is its status, its numbers, and its openings are its episodes."""
    for alert in alerts:
        log = logs.get(alert.id, Log())
        state = alert.state
        kind = "opened" if state.status == "open" else "resolved"
        shown = (state.episodes, kind, state.then_total, state.then_limit)
        if shown != (log.opened, log.kind, log.total, log.limit):
            yield "log", f"{alert.key} shows {shown}, its events say {log}"
    if strangers := logs.keys() - {alert.id for alert in alerts}:
        yield "log", f"events of alerts that are not there: {sorted(strangers)[:5]}"


def watch(users: Sequence[int], seconds: float, until_wrong: bool) -> Findings:
    """Recompute again and again, and end the run; with `until_wrong`, as soon as an alert is."""
    ours = shared[0]
    found, recomputer = Findings(), Recomputer(users)
    try:
        ours.gate.wait(GATE_SECONDS)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline or found.snapshots < FEWEST:
            begun = time.monotonic()
            found.add(recomputer.violations(min(len(users), USERS_A_SNAPSHOT)))
            if until_wrong and found.kinds.keys() & WRONG_ALERTS:
                break
            # Two cores are few: most of them belong to the writers.
            time.sleep(2 * (time.monotonic() - begun))
    finally:
        ours.stop.set()
        connection.close()
    return found
