"""What clients were told, and whether the database agrees with it.

Every write is sent again until it is answered, so in the end nothing is open: the rows stored must
be exactly those acknowledged, with the values acknowledged last.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple


class Row(NamedTuple):
    """A transaction. amount: minor units."""

    date: date
    category: str
    description: str
    amount: int
    type: str
    external_id: str | None


class Limit(NamedTuple):
    """A threshold that is not deleted. amount: minor units, None where there are conditions."""

    name: str
    type: str
    amount: int | None
    enabled: bool


class Settings(NamedTuple):
    """A user's profile."""

    time_zone: str
    week_start: int
    month_start: int


class Event(NamedTuple):
    """One event of the feed."""

    seq: int
    alert: int
    kind: str


@dataclass
class Journal:
    """What one client was told last; None: that it is gone.

    messages: of the alerts that it made. feed: the events that it has read, where it reads them.
    refused: the keys of POSTs that the service answered with 503, and when it first did. open: what
    it was never answered. wrong: what it was told and must not have been.
    """

    user: int
    rows: dict[int, Row | None] = field(default_factory=dict)
    limits: dict[int, Limit | None] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    settings: Settings | None = None
    feed: list[Event] = field(default_factory=list)
    refused: dict[str, datetime] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def kept(self) -> dict[int, Row]:
        return {pk: row for pk, row in self.rows.items() if row is not None}


class Shown(NamedTuple):
    """An alert as it is stored; identity is what there may be only one of, None for custom ones."""

    user: int
    status: str
    episodes: int
    message: str
    identity: tuple[Any, ...] | None


@dataclass
class Stored:
    """What the database holds in one snapshot. events: by user, in order; last: the ledgers'."""

    rows: dict[int, tuple[int, Row]] = field(default_factory=dict)
    limits: dict[int, tuple[int, Limit]] = field(default_factory=dict)
    settings: dict[int, Settings] = field(default_factory=dict)
    alerts: dict[int, Shown] = field(default_factory=dict)
    events: dict[int, list[Event]] = field(default_factory=dict)
    last: dict[int, int] = field(default_factory=dict)


ROWS = """
SELECT r.id, r.user_id, r.date, c.name, r.description, r.amount, t.slug, r.external_id
FROM budget_transaction r JOIN budget_category c ON c.id = r.category_id
JOIN budget_transactiontype t ON t.id = r.type_id
"""
LIMITS = """
SELECT id, user_id, name, type, CASE WHEN match = '' THEN amount END, enabled
FROM budget_threshold WHERE deleted_at IS NULL
"""
ALERTS = """
SELECT id, user_id, status, episodes, message,
  kind, threshold_id, revision, period_start, subject, level
FROM budget_alert
"""


def read_stored(cursor: Any) -> Stored:
    """Read everything by plain SQL, in the transaction of a cursor."""
    stored = Stored()
    cursor.execute(ROWS)
    stored.rows = {pk: (user, Row(*row)) for pk, user, *row in cursor.fetchall()}
    cursor.execute(LIMITS)
    stored.limits = {pk: (user, Limit(*row)) for pk, user, *row in cursor.fetchall()}
    cursor.execute("SELECT user_id, time_zone, week_start, month_start FROM accounts_profile")
    stored.settings = {user: Settings(*row) for user, *row in cursor.fetchall()}
    cursor.execute(ALERTS)
    for pk, user, status, episodes, message, kind, *identity in cursor.fetchall():
        whose = None if kind == "custom" else (user, kind, *identity)
        stored.alerts[pk] = Shown(user, status, episodes, message, whose)
    cursor.execute("SELECT user_id, event_seq FROM budget_ledger")
    stored.last = dict(cursor.fetchall())
    stored.events = {user: [] for user in stored.last}
    cursor.execute(
        "SELECT user_id, seq, alert_id, kind FROM budget_alertevent ORDER BY user_id, seq, id"
    )
    for user, *event in cursor.fetchall():
        stored.events[user].append(Event(*event))
    return stored


def stored_after_all(cursor: Any, journals: Sequence[Journal]) -> tuple[int, int]:
    """How many POSTs were answered with 503, and how many of those had been stored by then.

    That is no fault: where a connection ends during a commit, nobody on this side of it can know.
    """
    refused = {key: at for journal in journals for key, at in journal.refused.items()}
    cursor.execute(
        "SELECT key, created_at FROM budget_idempotentanswer WHERE key = ANY(%s)", [[*refused]]
    )
    return len(refused), sum(created < refused[key] for key, created in cursor.fetchall())


def faults(journals: Sequence[Journal], stored: Stored) -> list[str]:
    """Give every promise that was broken, in words; [] where all were kept."""
    found = [text for journal in journals for text in journal.wrong]
    found += [f"never answered: {what}" for journal in journals for what in journal.open]
    found += [*compare("transaction", journals, "rows", stored.rows)]
    found += [*compare("threshold", journals, "limits", stored.limits)]
    found += [*compare_messages(journals, stored.alerts)]
    for journal in journals:
        told, held = journal.settings, stored.settings.get(journal.user)
        if told is not None and told != held:
            found.append(f"user {journal.user}: settings {told} acknowledged, {held} stored")
    found += [*compare_alerts(stored)]
    for journal in journals:
        seen = journal.feed
        if seen != stored.events.get(journal.user, [])[: len(seen)]:
            found.append(f"user {journal.user}: the feed told other events than are stored")
    return found


def compare(
    what: str, journals: Iterable[Journal], name: str, stored: Mapping[int, tuple[int, Any]]
) -> Iterator[str]:
    """Hold the rows of all journals together against a table: nothing lost, changed, or more."""
    told: dict[int, tuple[int, Any]] = {}
    gone: set[int] = set()
    for journal in journals:
        for pk, row in getattr(journal, name).items():
            if row is None:
                gone.add(pk)
            else:
                told[pk] = journal.user, row
    for pk in sorted(told.keys() - stored.keys()):
        yield f"{what} {pk} was acknowledged and is lost"
    for pk in sorted(told.keys() & stored.keys()):
        if told[pk] != stored[pk]:
            yield f"{what} {pk} was acknowledged as {told[pk][1]} and holds {stored[pk][1]}"
    for pk in sorted(stored.keys() - told.keys()):
        was = "acknowledged as deleted" if pk in gone else "acknowledged to nobody: applied twice?"
        yield f"{what} {pk} is stored, and was {was}"


def compare_messages(journals: Iterable[Journal], alerts: Mapping[int, Shown]) -> Iterator[str]:
    """A user's own alert is there once for each that was acknowledged."""
    told = Counter((journal.user, text) for journal in journals for text in journal.messages)
    held = Counter((shown.user, shown.message) for shown in alerts.values() if not shown.identity)
    for key in sorted(told.keys() | held.keys()):
        if told[key] != held[key]:
            user, text = key
            counts = f"acknowledged {told[key]} times, stored {held[key]}"
            yield f"user {user}: alert {text!r} {counts}"


def compare_alerts(stored: Stored) -> Iterator[str]:
    """Each alert exactly once; events numbered 1, 2, 3, ...; opened and resolved in turn."""
    identities = Counter(shown.identity for shown in stored.alerts.values() if shown.identity)
    for identity, count in identities.items():
        if count > 1:
            yield f"alert {identity} is there {count} times"
    for user, events in stored.events.items():
        numbers = [event.seq for event in events]
        if numbers != list(range(1, stored.last[user] + 1)):
            yield f"user {user}: events are not numbered 1 to {stored.last[user]} without a gap"
        yield from compare_flips(user, events, stored.alerts)


def compare_flips(user: int, events: Iterable[Event], alerts: Mapping[int, Shown]) -> Iterator[str]:
    """Opened first, then resolved and opened in turn; the last is what the alert shows."""
    flips: dict[int, list[str]] = defaultdict(list)
    for event in events:
        if event.kind in ("opened", "resolved"):
            flips[event.alert].append(event.kind)
    for pk, shown in alerts.items():
        if shown.user != user:
            continue
        kinds = flips.get(pk, [])
        must = [("opened", "resolved")[number % 2] for number in range(len(kinds))]
        last = {"opened": "open", "resolved": "resolved"}.get(kinds[-1] if kinds else "")
        if kinds != must:
            yield f"user {user}: alert {pk} was opened or resolved twice in a row"
        elif (last, kinds.count("opened")) != (shown.status, shown.episodes):
            yield f"user {user}: alert {pk} is {shown.status}, which its events do not say"


def minor(amount: str) -> int:
    """An amount as the API writes it, in minor units."""
    return int(Decimal(amount) * 100)


def row_of(told: Mapping[str, Any]) -> Row:
    """A transaction as the API tells it."""
    return Row(
        date.fromisoformat(told["date"]),
        told["category"],
        told["description"],
        minor(told["amount"]),
        told["type"],
        told["external_id"],
    )


def limit_of(told: Mapping[str, Any]) -> Limit:
    """A threshold as the API tells it."""
    amount = None if told["amount"] is None else minor(told["amount"])
    return Limit(told["name"], told["type"], amount, told["enabled"])
