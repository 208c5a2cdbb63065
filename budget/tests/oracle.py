"""What the alerts must be, said again in plain Python, so that the engine can be compared with it.

Nothing here is clever and nothing is kept that could be counted again: periods are found by walking
from day to day, totals by adding up every row. It imports nothing of the project. Money is whole
minor units (cents) throughout.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import NamedTuple

from budget.tests.oracle_rules import (
    FORECAST,
    ONE_DAY,
    ONE_TRANSACTION,
    SIGNS,
    Key,
    Limit,
    Row,
    Settings,
    Span,
    Term,
    half_up,
    period,
)

SINGLE = "transaction"


@dataclass
class AlertState:
    """Everything remembered of one alert."""

    status: str
    end: date
    active_until: date
    tip: int | None
    then_total: int | None
    then_limit: int | None
    then_at: datetime
    opened_at: datetime
    late: bool
    episodes: int
    resolved_at: datetime | None = None
    acknowledged_at: datetime | None = None
    snoozed_until: datetime | None = None


class Event(NamedTuple):
    """One line of the event log, without its number."""

    key: Key
    kind: str
    cause: str
    at: datetime
    total: int | None
    limit: int | None
    transaction: int | None


class Held(NamedTuple):
    """A condition that holds: where, by which rows, and the numbers to remember of it."""

    span: Span
    rows: list[Row]
    total: int | None
    limit: int | None


@dataclass(frozen=True)
class Write:
    """What one commit has written, which decides over causes and tips.

    rows: as they were before and as they are after. limits: thresholds edited. row: the one row of
    a single write, as it is after. id: of the one row of a single write, a delete too. in_order:
    openings name the row at which the running total came to the level.
    """

    cause: str
    rows: tuple[Row, ...] = ()
    limits: frozenset[int] = frozenset()
    everything: bool = False
    row: Row | None = None
    id: int | None = None
    in_order: bool = False


NOTHING = Write("day")


def in_order(row: Row) -> tuple[date, int]:
    """The order in which running totals are kept."""
    return row.date, row.id


@dataclass
class Book:
    """All that one user owns, and the alerts that follow from it.

    parents: by category, the one it is a part of; without an entry it is part of none. definitions:
    by threshold and revision, the threshold as it was last under that revision. was: the day that
    the ledger had when the present commit took it.
    """

    now: datetime
    as_of: date
    settings: Settings = field(default_factory=Settings)
    types: dict[int, str] = field(default_factory=dict)
    rows: dict[int, Row] = field(default_factory=dict)
    parents: dict[int, int] = field(default_factory=dict)
    limits: dict[int, Limit] = field(default_factory=dict)
    definitions: dict[tuple[int, int], Limit] = field(default_factory=dict)
    alerts: dict[Key, AlertState] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    was: date = date.min

    def period(self, day: date, kind: str) -> tuple[date, date]:
        """The period of `kind` around `day` by this user's settings."""
        return period(day, kind, self.settings.week_start, self.settings.month_start)

    # What counts

    def within(self, category: int, root: int | None) -> bool:
        """Whether a category is in the subtree of another; None is the root of all."""
        at: int | None = category
        while at is not None:
            if root in (None, at):
                return True
            at = self.parents.get(at)
        return False

    def limits_above(self, *categories: int | None) -> frozenset[int]:
        """The thresholds on some categories or on what those lie under: rows have come or gone."""
        return frozenset(
            limit.id
            for limit in self.limits.values()
            for term in limit.terms
            for category in categories
            if None not in (category, term.category) and self.within(category or 0, term.category)
        )

    def share(self, limit: Limit, term: Term, row: Row) -> int | None:
        """What a row adds to a term's total; None where it does not count."""
        sign = SIGNS[term.measure].get(self.types[row.type])
        if sign is None or not self.within(row.category, term.category):
            return None
        if limit.type == SINGLE and sign < 0:
            return None
        return ONE_TRANSACTION if term.measure == "count" else sign * row.amount

    def counts(self, limit: Limit, row: Row) -> bool:
        """Whether a row counts for any term."""
        return any(self.share(limit, term, row) is not None for term in limit.terms)

    def counting(self, limit: Limit) -> list[Row]:
        """The rows a threshold looks at, in the order in which their running total is kept."""
        rows = [row for row in self.rows.values() if self.counts(limit, row)]
        return sorted(rows, key=in_order)

    def totals(self, limit: Limit, rows: Iterable[Row]) -> list[int]:
        """The totals of some rows, one a term."""
        rows = list(rows)
        return [sum(self.share(limit, term, row) or 0 for row in rows) for term in limit.terms]

    def total(self, limit: Limit, rows: Iterable[Row]) -> int | None:
        """The total of a simple threshold; a combination has none."""
        return None if limit.conditions else self.totals(limit, rows)[0]

    def present(self, limit: Limit, span: Span) -> list[Row]:
        """The counting rows of a window."""
        return [row for row in self.counting(limit) if span.has(row)]

    # Windows

    def rolling(self, days: int) -> Span:
        """The window of the last `days` days, today included; its alerts have no period."""
        first = date.fromordinal(self.as_of.toordinal() - days + 1)
        return Span(date.min, date.max, first, self.as_of + ONE_DAY)

    def span(self, limit: Limit, day: date, subject: int = 0) -> Span:
        """The period around a day."""
        start, end = self.period(day, limit.type)
        return Span(start, end, start, end, subject)

    def closed(self, limit: Limit) -> Iterator[Span]:
        """All periods that are over and start on or after `starts_on`, empty ones too."""
        if limit.starts_on is None:
            return
        span = self.span(limit, limit.starts_on)
        while span.end <= self.as_of:
            if span.start >= limit.starts_on:
                yield span
            span = self.span(limit, span.end)

    def windows(self, limit: Limit) -> dict[Span, list[Row]]:
        """Every window that is judged, with its counting rows."""
        rows = self.counting(limit)
        if limit.type == "rolling":
            span = self.rolling(limit.days or 0)
            return {span: [row for row in rows if span.has(row)]}
        filled: dict[Span, list[Row]] = {}
        for row in rows:
            subject = row.id if limit.type == SINGLE else 0
            filled.setdefault(self.span(limit, row.date, subject), []).append(row)
        if limit.closing:
            return {span: filled.get(span, []) for span in self.closed(limit)}
        return filled

    # Rollover

    def limit_at(self, limit: Limit, day: date) -> int | None:
        """The limit of the period around a day: the amount, and what the ones before left over."""
        if limit.amount is None or limit.rollover_from is None or not limit.rollover:
            return limit.amount
        spent: dict[date, int] = {}
        for row in self.counting(limit):
            start, _ = self.period(row.date, limit.type)
            spent[start] = spent.get(start, 0) + self.totals(limit, [row])[0]
        at = limit.amount
        start, end = self.period(limit.rollover_from, limit.type)
        while end <= day:
            carry = at - spent.get(start, 0)
            if limit.rollover_cap is not None:
                carry = max(-limit.rollover_cap, min(limit.rollover_cap, carry))
            at = limit.amount + carry
            start, end = self.period(end, limit.type)
        return at

    # Forecast

    def pace(self, limit: Limit, span: Span) -> tuple[int, int, int, int]:
        """Spending through today, spending after it, days elapsed and days in all."""
        length = (span.end - span.start).days
        elapsed = max(1, min(length, (self.as_of - span.start).days + 1))
        rows = self.present(limit, span)
        so_far = self.totals(limit, [row for row in rows if row.date <= self.as_of])[0]
        after = self.totals(limit, [row for row in rows if row.date > self.as_of])[0]
        return so_far, after, elapsed, length

    def projected(self, limit: Limit, span: Span) -> int:
        """Spending so far, carried on to the period's end, and what is dated after today."""
        so_far, after, elapsed, length = self.pace(limit, span)
        return half_up(so_far * length, elapsed) + after

    def too_early(self, span: Span) -> bool:
        """Whether the period is too young for a forecast: before 3 days or a tenth of it."""
        elapsed, length = (self.as_of - span.start).days + 1, (span.end - span.start).days
        return elapsed < 3 or elapsed * 10 < length

    def forecast(self, limit: Limit) -> tuple[Key, Held] | None:
        """The forecast that must be open, or may stay so."""
        if not limit.forecast:
            return None
        span = self.span(limit, self.as_of)
        if self.too_early(span):
            return None
        key = Key(limit.id, limit.revision, span.start, 0, FORECAST)
        total, at = self.projected(limit, span), self.limit_at(limit, span.start) or 0
        if at <= 0:
            stands = total > 0
        elif key in self.open_alerts():
            stands = total * 100 >= at * 95
        else:
            stands = total >= at
        return (key, Held(span, [], total, at)) if stands else None

    # The invariant

    def live(self) -> list[Limit]:
        """The thresholds that are judged at all."""
        return [limit for limit in self.limits.values() if limit.enabled and not limit.deleted]

    def holding(self) -> dict[Key, Held]:
        """Every identity whose condition holds now: the invariant."""
        held: dict[Key, Held] = {}
        for limit in self.live():
            for span, rows in self.windows(limit).items():
                shown = self.limit_at(limit, span.start)
                amount = None if shown is None else max(shown, 0)
                totals = self.totals(limit, rows)
                for level in limit.levels_in_force(amount):
                    if limit.reached(totals, amount, level):
                        key = Key(limit.id, limit.revision, span.start, span.subject, level)
                        held[key] = Held(span, rows, self.total(limit, rows), shown)
            if ahead := self.forecast(limit):
                held[ahead[0]] = ahead[1]
        return held

    def open_alerts(self) -> set[Key]:
        """The identities shown as open."""
        return {key for key, alert in self.alerts.items() if alert.status == "open"}

    def active(self, key: Key) -> bool:
        """Whether an alert is open, and now in its time."""
        alert = self.alerts[key]
        return alert.status == "open" and key.start <= self.as_of < alert.active_until

    # What an alert says of itself

    def defined(self, key: Key) -> Limit:
        """What an alert rests on: its threshold, or what that was in the alert's own revision."""
        limit = self.limits[key.threshold]
        edited = key.revision != limit.revision
        return self.definitions[key.threshold, key.revision] if edited else limit

    def own_span(self, key: Key) -> Span:
        """An alert's own window, whatever has become of its threshold."""
        defined, end = self.definitions[key.threshold, key.revision], self.alerts[key].end
        if defined.type == "rolling":
            return self.rolling(defined.days or 0)
        return Span(key.start, end, key.start, end, key.subject)

    def total_now(self, key: Key) -> int | None:
        """The present total of an alert's own window, by what its own revision looked at."""
        defined, span = self.definitions[key.threshold, key.revision], self.own_span(key)
        if key.level == FORECAST:
            return self.projected(defined, span)
        return self.total(defined, self.present(defined, span))

    def limit_now(self, key: Key) -> int | None:
        """The present limit of an alert's period; none for a combination."""
        return self.limit_at(self.defined(key), key.start)

    def tipping_row(self, limit: Limit, held: Held, level: int) -> tuple[Row, int | None]:
        """The first row at which the running totals reach `level`, and that running total."""
        amount = None if held.limit is None else max(held.limit, 0)
        for number, row in enumerate(held.rows, start=1):
            earlier = held.rows[:number]
            if limit.reached(self.totals(limit, earlier), amount, level):
                return row, self.total(limit, earlier)
        raise AssertionError("a total that reaches a level has a row at which it does")

    # Commits

    def move(self, now: datetime) -> None:
        """Bring `as_of` to the user's local date, never back."""
        self.now = now
        self.was = self.as_of
        self.as_of = max(self.as_of, self.settings.today(now))

    def commit(self, write: Write = NOTHING) -> None:
        """Close one commit: state before against state after, one flip an alert at most."""
        held = self.holding()
        before = self.open_alerts()
        for key in sorted(before | held.keys()):
            if key not in before:
                self._open(key, held[key], write)
            elif key not in held:
                self._resolve(key, write)
            else:
                self._keep_tip(key, held[key])
        for alert in self.alerts.values():
            if alert.tip not in self.rows:
                alert.tip = None

    def touched(self, write: Write, key: Key, span: Span) -> bool:
        """Whether what was written could have flipped an alert, whatever the day has done."""
        if write.everything or key.threshold in write.limits:
            return True
        limit = self.limits[key.threshold]
        if limit.rollover_from is not None:
            begin, _ = self.period(limit.rollover_from, limit.type)
            span = span._replace(first=min(begin, span.first))
        return any(self.counts(limit, row) and span.has(row) for row in write.rows)

    def cause(self, write: Write, key: Key, span: Span) -> str:
        """Why an alert flips: by what was written, else by the day."""
        if self.touched(write, key, span):
            return write.cause
        over = key.level == FORECAST and span.end <= self.as_of
        return "period_end" if over or self.limits[key.threshold].closing else "day"

    def _open(self, key: Key, held: Held, write: Write) -> None:
        limit, span, old = self.limits[key.threshold], held.span, self.alerts.get(key)
        tip, total = None, held.total
        if key.level != FORECAST and self.touched(write, key, span):
            if write.row is not None and write.row in held.rows:
                tip = write.row.id
            elif write.in_order and not limit.closing:
                row, total = self.tipping_row(limit, held, key.level)
                tip = row.id
        active_until = self.period(span.end, limit.type)[1] if limit.closing else span.end
        late = span.end <= (self.was if limit.closing else self.as_of)
        self.alerts[key] = AlertState(
            status="open",
            end=span.end,
            active_until=active_until,
            tip=tip,
            then_total=total,
            then_limit=held.limit,
            then_at=self.now,
            opened_at=self.now,
            late=late,
            episodes=old.episodes + 1 if old else 1,
            snoozed_until=old.snoozed_until if old else None,
        )
        self._record(key, "opened", self.cause(write, key, span), tip)

    def _resolve(self, key: Key, write: Write) -> None:
        alert = self.alerts[key]
        alert.status = "resolved"
        alert.then_total, alert.then_limit = self.total_now(key), self.limit_now(key)
        alert.then_at = alert.resolved_at = self.now
        span = self.own_span(key)
        by = write.id if self.touched(write, key, span) else None
        self._record(key, "resolved", self.cause(write, key, span), by)

    def _record(self, key: Key, kind: str, cause: str, row: int | None = None) -> None:
        alert = self.alerts[key]
        self.events.append(
            Event(key, kind, cause, self.now, alert.then_total, alert.then_limit, row)
        )

    def _keep_tip(self, key: Key, held: Held) -> None:
        limit, alert = self.limits[key.threshold], self.alerts[key]
        if alert.tip is None or alert.tip in {row.id for row in held.rows}:
            return
        alert.tip = None if limit.closing else self.tipping_row(limit, held, key.level)[0].id

    def acknowledge(self, key: Key, cause: str) -> None:
        """Note that the user has seen an alert; it stays as true as it was."""
        if self.alerts[key].acknowledged_at is None:
            self.alerts[key].acknowledged_at = self.now
            self._record(key, "acknowledged", cause)

    def snooze(self, key: Key, until: datetime | None, cause: str) -> None:
        """Keep an alert quiet until a time, or no longer; it stays as true as it was."""
        if self.alerts[key].snoozed_until != until:
            self.alerts[key].snoozed_until = until
            self._record(key, "snoozed" if until else "unsnoozed", cause)

    # What would have been

    def replayed(self, limit: Limit, first: date, last: date) -> Iterator[tuple[date, Event, bool]]:
        """The flips, between two days, of an account that got a threshold before all its rows.

        The rows come each on its day; the account is looked at on the day before the first, and on
        the day after the last, or today. The answer has the day, the flip, and whether it was late.
        """
        rows = sorted((row for row in self.rows.values() if row.date <= last), key=in_order)
        eve = first - ONE_DAY
        book = Book(
            self.now,
            min([eve, *(row.date for row in rows)]),
            self.settings,
            self.types,
            parents=self.parents,
        )
        book.limits[limit.id] = book.definitions[limit.id, limit.revision] = limit
        book.commit(Write("threshold_edit", limits=frozenset({limit.id})))
        steps = [(row.date, Write(SINGLE, (row,), row=row, id=row.id)) for row in rows]
        before = sum(row.date < first for row in rows)
        steps.insert(before, (eve, NOTHING))
        steps.append((min(last + ONE_DAY, self.as_of), NOTHING))
        for place, (day, write) in enumerate(steps):
            book.events.clear()
            book.was, book.as_of = book.as_of, max(book.as_of, day)
            book.rows.update({row.id: row for row in write.rows})
            book.commit(write)
            if place > before:
                for event in book.events:
                    yield book.as_of, event, book.alerts[event.key].late

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

    def rename_category(self, old: int, new: int) -> None:
        """Put one category in the place of another, wherever it is named."""
        self.rows = {
            pk: row._replace(category=new) if row.category == old else row
            for pk, row in self.rows.items()
        }
        for limit in [*self.limits.values(), *self.definitions.values()]:
            limit.category = new if limit.category == old else limit.category
            limit.conditions = tuple(
                term._replace(category=new) if term.category == old else term
                for term in limit.conditions
            )
        for child, parent in self.parents.items():
            if parent == old:
                self.parents[child] = new
        self.parents.pop(old, None)


class Oracle:
    """Several users' books and every operation on them; ids come from the caller."""

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

    def look(self, user: int) -> bool:
        """Read, which brings the day up to date; tell whether it moved."""
        book = self.write(user)
        book.commit()
        return book.as_of != book.was

    def tick(self) -> int:
        """Let the day come for everybody; tell for how many it did."""
        return sum([self.look(user) for user in sorted(self.books)])

    def save_row(self, user: int, row: Row) -> None:
        """Create or edit one row, taking it from another user where it was theirs."""
        owners = [owner for owner, book in self.books.items() if row.id in book.rows]
        if owners and owners != [user]:
            self.delete_row(row.id)
        book = self.write(user)
        before = book.rows.get(row.id)
        book.rows[row.id] = row
        rows = (before, row) if before else (row,)
        book.commit(Write(SINGLE, rows=rows, row=row, id=row.id))

    def delete_row(self, pk: int) -> None:
        """Delete one row, which is named by what resolves."""
        self.delete_rows([pk], pk)

    def delete_rows(self, ids: list[int], named: int | None = None) -> None:
        """Delete rows of any users, evaluating once a user; nothing is named as having tipped."""
        for user, book in sorted(self.books.items()):
            gone = [book.rows[pk] for pk in ids if pk in book.rows]
            if gone:
                self.write(user)
                for row in gone:
                    del book.rows[row.id]
                book.commit(Write(SINGLE, rows=tuple(gone), id=named))

    def bulk(self, user: int, rows: list[Row], cause: str) -> None:
        """Store many rows of one user in one commit."""
        book = self.write(user)
        book.rows.update({row.id: row for row in rows})
        book.commit(Write(cause, rows=tuple(rows), in_order=True))

    def save_limit(self, user: int, limit: Limit, cause: str) -> None:
        """Create or edit a threshold; what changes what it looks at starts a new revision."""
        book = self.write(user)
        self.begin_limit(book, limit)
        if old := book.limits.get(limit.id):
            limit.revision = old.revision + (old.looks_at() != limit.looks_at())
        book.limits[limit.id] = limit
        book.definitions[limit.id, limit.revision] = replace(limit)
        book.commit(Write(cause, limits=frozenset({limit.id}), in_order=True))

    def begin_limit(self, book: Book, limit: Limit) -> None:
        """Fill in the days from which a threshold is judged or rolls over, as of today."""
        if not limit.closing:
            limit.starts_on = None
        elif limit.starts_on is None:
            limit.starts_on, _ = book.period(book.as_of, limit.type)
        if limit.rollover and limit.rollover_from is None:
            limit.rollover_from, _ = book.period(book.as_of, limit.type)

    def delete_limit(self, user: int, limit: int, cause: str) -> None:
        """Put a threshold away; its alerts stay readable."""
        book = self.write(user)
        book.limits[limit].deleted = True
        book.commit(Write(cause, limits=frozenset({limit})))

    def merge(self, user: int, source: int, target: int, cause: str) -> None:
        """Move everything of one category to another, with no new revision."""
        book = self.write(user)
        above = book.parents.get(source)
        book.rename_category(source, target)
        book.commit(Write(cause, limits=book.limits_above(above, target), in_order=True))

    def reparent(self, user: int, category: int, parent: int | None, cause: str) -> None:
        """Hang a category under another; None: under none."""
        if parent == self.books[user].parents.get(category):
            return
        book = self.write(user)
        above = book.parents.pop(category, None)
        if parent is not None:
            book.parents[category] = parent
        book.commit(Write(cause, limits=book.limits_above(above, parent), in_order=True))

    def save_settings(self, user: int, settings: Settings, cause: str) -> None:
        """Cut all periods again; another time zone may put the user's date a day back."""
        book = self.write(user)
        if settings == book.settings:
            book.commit()
            return
        book.settings = settings
        book.as_of = settings.today(self.now)
        book.commit(Write(cause, everything=True, in_order=True))

    def acknowledge(self, user: int, key: Key, cause: str) -> None:
        """The day comes first, then the user's word."""
        self.look(user)
        self.books[user].acknowledge(key, cause)

    def snooze(self, user: int, key: Key, until: datetime | None, cause: str) -> None:
        """The day comes first, then the user's word."""
        self.look(user)
        self.books[user].snooze(key, until, cause)
