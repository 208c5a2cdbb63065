"""What the alerts must be, said again in plain Python, so that the engine can be compared with it.

Nothing here is clever and nothing is kept that could be counted again: periods are found by walking
from day to day, totals by adding up every row. It imports nothing of the project. Money is whole
minor units (cents) throughout.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

ONE_DAY = timedelta(days=1)
SIGN = {"spending": 1, "refund": -1, "income": 0, "none": 0}
SINGLE = "transaction"


class Settings(NamedTuple):
    """How a user's periods are cut. Weeks start on ISO weekday 1 to 7, months on day 1 to 28."""

    time_zone: str = "UTC"
    week_start: int = 1
    month_start: int = 1

    def today(self, now: datetime) -> date:
        """The calendar date of the instant `now` where the user lives."""
        return now.astimezone(ZoneInfo(self.time_zone)).date()


class Row(NamedTuple):
    """One transaction."""

    id: int
    date: date
    category: int
    type: int
    amount: int


@dataclass
class Limit:
    """One threshold; `levels` are the percents the user asked for."""

    id: int
    amount: int
    type: str
    category: int | None = None
    operator: str = "gte"
    levels: tuple[int, ...] = (80, 100)
    enabled: bool = True
    deleted: bool = False
    revision: int = 1

    def reached(self, total: int, level: int) -> bool:
        """Whether `total` reaches `level`, in whole numbers: total * 100 against the limit."""
        if self.operator == "gte" and self.amount == 0:
            return total > 0
        if self.operator == "gte":
            return total * 100 >= self.amount * level
        return total * 100 > self.amount * level

    def levels_in_force(self) -> tuple[int, ...]:
        """The levels that can hold: for gte with amount 0 that is 100 alone."""
        if self.operator == "gte" and self.amount == 0:
            return (100,)
        return tuple(sorted(self.levels))

    def trigger(self, level: int) -> int:
        """The least total (gte), or the greatest total not enough (gt), for `level`."""
        if self.operator == "gte" and self.amount == 0:
            return 1
        whole, rest = divmod(self.amount * level, 100)
        return whole + 1 if rest and self.operator == "gte" else whole


class Key(NamedTuple):
    """What makes an alert the same alert."""

    threshold: int
    revision: int
    start: date
    subject: int
    level: int


class Definition(NamedTuple):
    """What one revision of a threshold looks at."""

    type: str
    category: int | None


@dataclass
class AlertState:
    """Everything remembered of one alert."""

    status: str
    end: date
    tip: int | None
    then_total: int
    then_limit: int
    then_at: datetime
    opened_at: datetime
    late: bool
    episodes: int
    resolved_at: datetime | None = None
    acknowledged_at: datetime | None = None


class Event(NamedTuple):
    """One line of the event log, without its number."""

    key: Key
    kind: str
    cause: str
    at: datetime
    total: int
    limit: int
    transaction: int | None


@cache
def period(day: date, kind: str, week_start: int, month_start: int) -> tuple[date, date]:
    """The half-open period of `kind` around `day`: walk back to a start, then on to the next."""

    def starts(at: date) -> bool:
        first = at.day == month_start
        return {
            "daily": True,
            "transaction": True,
            "weekly": at.isoweekday() == week_start,
            "monthly": first,
            "quarterly": first and at.month in (1, 4, 7, 10),
            "yearly": first and at.month == 1,
        }[kind]

    start = day
    while not starts(start):
        start -= ONE_DAY
    end = day + ONE_DAY
    while not starts(end):
        end += ONE_DAY
    return start, end


@dataclass
class Book:
    """All that one user owns, and the alerts that follow from it."""

    now: datetime
    as_of: date
    settings: Settings = field(default_factory=Settings)
    types: dict[int, str] = field(default_factory=dict)
    rows: dict[int, Row] = field(default_factory=dict)
    limits: dict[int, Limit] = field(default_factory=dict)
    definitions: dict[tuple[int, int], Definition] = field(default_factory=dict)
    alerts: dict[Key, AlertState] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def period(self, day: date, kind: str) -> tuple[date, date]:
        """The period of `kind` around `day` by this user's settings."""
        return period(day, kind, self.settings.week_start, self.settings.month_start)

    def sign(self, row: Row) -> int:
        """+1 for spending, -1 for a refund, 0 for what does not count."""
        return SIGN[self.types[row.type]]

    def counting(self, limit: Limit) -> Iterator[Row]:
        """The rows a threshold looks at, in the order in which their running total is kept."""
        for row in sorted(self.rows.values(), key=lambda row: (row.date, row.id)):
            wanted = self.sign(row) == 1 if limit.type == "transaction" else self.sign(row) != 0
            if wanted and limit.category in (None, row.category):
                yield row

    def windows(self, limit: Limit) -> dict[tuple[date, int], list[Row]]:
        """The counting rows of a threshold by (period start, subject)."""
        windows: dict[tuple[date, int], list[Row]] = {}
        for row in self.counting(limit):
            start, _ = self.period(row.date, limit.type)
            subject = row.id if limit.type == "transaction" else 0
            windows.setdefault((start, subject), []).append(row)
        return windows

    def total(self, rows: list[Row]) -> int:
        """Expenses minus refunds."""
        return sum(self.sign(row) * row.amount for row in rows)

    def live(self) -> list[Limit]:
        """The thresholds that are judged at all."""
        return [limit for limit in self.limits.values() if limit.enabled and not limit.deleted]

    def holding(self) -> dict[Key, list[Row]]:
        """Every identity whose condition holds now, with the rows of its window: the invariant."""
        held: dict[Key, list[Row]] = {}
        for limit in self.live():
            for (start, subject), rows in self.windows(limit).items():
                total = self.total(rows)
                for level in limit.levels_in_force():
                    if limit.reached(total, level):
                        held[Key(limit.id, limit.revision, start, subject, level)] = rows
        return held

    def tipping_row(self, limit: Limit, level: int, rows: list[Row]) -> tuple[Row, int]:
        """The first row at which the running total reaches `level`, and that running total."""
        running = 0
        for row in rows:
            running += self.sign(row) * row.amount
            if limit.reached(running, level):
                return row, running
        raise AssertionError("a total that reaches a level has a row at which it does")

    def total_then(self, key: Key) -> int:
        """The present total of an alert's own window, whatever has become of its threshold."""
        category = self.definitions[key.threshold, key.revision].category
        end = self.alerts[key].end
        if key.subject:
            row = self.rows.get(key.subject)
            fits = row and self.sign(row) == 1 and category in (None, row.category)
            return row.amount if row and fits and key.start <= row.date < end else 0
        inside = (row for row in self.rows.values() if key.start <= row.date < end)
        return self.total([row for row in inside if category in (None, row.category)])

    def open_alerts(self) -> set[Key]:
        """The identities shown as open."""
        return {key for key, alert in self.alerts.items() if alert.status == "open"}

    def move(self, now: datetime) -> None:
        """Bring `as_of` to the user's local date, never back."""
        self.now = now
        self.as_of = max(self.as_of, self.settings.today(now))

    def commit(self, cause: str, *, written: int | None = None, in_order: bool = True) -> None:
        """Close one commit: state before against state after, one flip an alert at most.

        `written` is the row of a single write. Openings by anything else name the tipping row by
        the running total, unless `in_order` is false (other rows deleted), when they name none.
        """
        held = self.holding()
        before = self.open_alerts()
        for key in sorted(before | held.keys()):
            if key not in before:
                self._open(key, held[key], cause, written, in_order)
            elif key not in held:
                self._resolve(key, cause)
            else:
                self._keep_tip(key, held[key])
        for alert in self.alerts.values():
            if alert.tip not in self.rows:
                alert.tip = None

    def _open(
        self, key: Key, rows: list[Row], cause: str, written: int | None, in_order: bool
    ) -> None:
        limit = self.limits[key.threshold]
        tip: int | None
        if in_order and written is None:
            row, total = self.tipping_row(limit, key.level, rows)
            tip = row.id
        else:
            total = self.total(rows)
            tip = written if written in {row.id for row in rows} else None
        _, end = self.period(rows[0].date, limit.type)
        old = self.alerts.get(key)
        late = end <= self.as_of
        episodes = old.episodes + 1 if old else 1
        self.alerts[key] = AlertState(
            "open", end, tip, total, limit.amount, self.now, self.now, late, episodes
        )
        self._record(key, "opened", cause)

    def _resolve(self, key: Key, cause: str) -> None:
        alert = self.alerts[key]
        alert.status = "resolved"
        alert.then_total = self.total_then(key)
        alert.then_limit = self.limits[key.threshold].amount
        alert.then_at = alert.resolved_at = self.now
        self._record(key, "resolved", cause)

    def _record(self, key: Key, kind: str, cause: str) -> None:
        alert = self.alerts[key]
        self.events.append(
            Event(key, kind, cause, self.now, alert.then_total, alert.then_limit, alert.tip)
        )

    def acknowledge(self, key: Key, cause: str) -> None:
        """Note that the user has seen an alert; it stays as true as it was."""
        if self.alerts[key].acknowledged_at is None:
            self.alerts[key].acknowledged_at = self.now
            self._record(key, "acknowledged", cause)

    def _keep_tip(self, key: Key, rows: list[Row]) -> None:
        alert = self.alerts[key]
        if alert.tip is not None and alert.tip not in {row.id for row in rows}:
            tip, _ = self.tipping_row(self.limits[key.threshold], key.level, rows)
            alert.tip = tip.id

    def rollups(self) -> dict[tuple[str, date, int, int], tuple[int, int]]:
        """(grain, bucket, category, type) -> (amount, count), as the rollup rows must say."""
        sums: dict[tuple[str, date, int, int], tuple[int, int]] = {}
        for row in self.rows.values():
            for grain, kind in (("D", "daily"), ("M", "monthly")):
                bucket, _ = self.period(row.date, kind)
                key = (grain, bucket, row.category, row.type)
                amount, count = sums.get(key, (0, 0))
                sums[key] = (amount + row.amount, count + 1)
        return sums


class Oracle:
    """Several users' books and every operation on them; ids come from whoever plays along."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.books: dict[int, Book] = {}

    def add_user(self, user: int, types: dict[int, str]) -> Book:
        """A user with default settings and the given types (id -> effect)."""
        book = Book(self.now, Settings().today(self.now), types=dict(types))
        self.books[user] = book
        return book

    def write(self, user: int) -> Book:
        """Begin a write, which moves `as_of` first; the caller changes the book and commits it."""
        book = self.books[user]
        book.move(self.now)
        return book

    def save_row(self, user: int, row: Row) -> None:
        """Create or edit one row, taking it from another user where it was theirs."""
        owners = [owner for owner, book in self.books.items() if row.id in book.rows]
        if owners and owners != [user]:
            self.delete_rows([row.id], written=row.id)
        book = self.write(user)
        book.rows[row.id] = row
        book.commit(SINGLE, written=row.id)

    def delete_rows(self, ids: list[int], *, written: int | None = None) -> None:
        """Delete rows of any users, evaluating once a user."""
        for user, book in sorted(self.books.items()):
            gone = [pk for pk in ids if pk in book.rows]
            if gone:
                self.write(user)
                for pk in gone:
                    del book.rows[pk]
                book.commit(SINGLE, written=written, in_order=False)

    def bulk(self, user: int, rows: list[Row], cause: str) -> None:
        """Store many rows of one user in one commit."""
        book = self.write(user)
        book.rows.update({row.id: row for row in rows})
        book.commit(cause)

    def save_limit(self, user: int, limit: Limit, cause: str) -> None:
        """Create or edit a threshold; what changes what it looks at starts a new revision."""
        book = self.write(user)
        old = book.limits.get(limit.id)
        if old:
            same = (old.type, old.category, old.operator)
            limit.revision = old.revision + (same != (limit.type, limit.category, limit.operator))
        book.limits[limit.id] = limit
        book.definitions[limit.id, limit.revision] = Definition(limit.type, limit.category)
        book.commit(cause)

    def delete_limit(self, user: int, limit: int, cause: str) -> None:
        """Put a threshold away; its alerts stay readable."""
        book = self.write(user)
        book.limits[limit].deleted = True
        book.commit(cause)

    def merge(self, user: int, source: int, target: int, cause: str) -> None:
        """Move everything of one category to another, with no new revision."""
        book = self.write(user)
        for pk, row in book.rows.items():
            if row.category == source:
                book.rows[pk] = row._replace(category=target)
        for limit in book.limits.values():
            if limit.category == source:
                limit.category = target
        for which, definition in book.definitions.items():
            if definition.category == source:
                book.definitions[which] = definition._replace(category=target)
        book.commit(cause)

    def save_settings(self, user: int, settings: Settings, cause: str) -> None:
        """Cut every period anew; another time zone may put the user's date a day back."""
        book = self.write(user)
        if settings != book.settings:
            book.settings = settings
            book.as_of = settings.today(self.now)
            book.commit(cause)
