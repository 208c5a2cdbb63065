"""The ledger row: the one lock that every write of a user's money takes first.

Lock order everywhere: the idempotency key of a request, then ledger rows ascending by user, then
transactions, rollups and alerts.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, ClassVar, NoReturn, Self, TypeVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, models, transaction
from django.db.models.signals import ModelSignal
from django.utils import timezone

from budget.judge.judgement import Flip, Rules
from budget.judge.periods import Calendar
from budget.models.search import with_search
from lib.errors import Conflict, SavepointInBook, UnsignalledWrite
from lib.postgresql import Message, Prepared

# When a ledger was checked that never was.
NEVER = datetime(1970, 1, 1, tzinfo=UTC)

# Sent once for a whole QuerySet.delete(), with the users' books, which hold the rows deleted.
rows_deleted = ModelSignal()


@dataclass
class LedgerState:
    """What the ledger row holds; while it is locked, nobody else can change it.

    rules: a random number that changes with every threshold, category and transaction type of the
    user, so that what was read of them under it holds for as long as it stands. generation: a
    random number that changes when the database is restored from a backup; what clients and caches
    keep is good for one generation only. event_base: the last event number that was given out
    before this generation. begun: the day that the alerts were true for when the lock was taken.
    was: the day of the last judgement under this lock; `begun` before the first. stored: the day
    that the row has by now.
    now: when the row was locked, or read: the one instant of everything that a commit stores.
    today: the user's local date then, for which the alerts are true once `as_of` has come up to it.
    unchecked: what this commit has added since it last read the total of all amounts, minor units.
    rules_read: the rules that this commit judges by, with the number they were read under; the
    engine fills it in, once for each number.
    """

    user_id: int
    as_of: date
    version: int
    event_seq: int
    rules: int
    generation: int
    event_base: int
    calendar: Calendar
    begun: date = field(init=False)
    was: date = field(init=False)
    stored: date = field(init=False)
    now: datetime = field(init=False, compare=False)
    today: date = field(init=False)
    unchecked: int = field(init=False, default=0, compare=False)
    rules_read: tuple[int, Rules | None] = field(
        init=False, default=(-1, None), compare=False, repr=False
    )

    def __post_init__(self) -> None:
        self.begun = self.was = self.stored = self.as_of
        self.now = timezone.now()
        self.today = local_day(self.calendar.time_zone, self.now)

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> Self:
        """A ledger by its columns, in the order of STATE."""
        user_id, as_of, version, event_seq, rules, generation, event_base, *calendar = row
        numbers = (version, event_seq, rules, generation, event_base)
        return cls(user_id, as_date(as_of), *numbers, Calendar(*calendar))


def local_day(time_zone: str, now: datetime) -> date:
    """The calendar date in a time zone, by its IANA name, at an instant."""
    return now.astimezone(ZoneInfo(time_zone)).date()


# The columns of a ledger's state, in the order in which LedgerState.from_row() takes them.
STATE = (
    "user_id",
    "as_of",
    "version",
    "event_seq",
    "rules",
    "generation",
    "event_base",
    "time_zone",
    "week_start",
    "month_start",
)

# The same columns of budget_ledger l, in a statement.
STATE_COLUMNS = ", ".join(f"l.{column}" for column in STATE)


def known_state(row: Sequence[Any]) -> LedgerState | None:
    """A ledger by its columns in an outer join; None for a user without one."""
    return None if row[0] is None else LedgerState.from_row(row)


def new_rules() -> int:
    """A number that no ledger has had. Counting on would repeat one after a rollback."""
    return secrets.randbits(63)


def new_generation() -> int:
    """A number that no ledger has had. Counting on would repeat one after a restore."""
    return secrets.randbits(63)


class Ledger(models.Model):
    """One row a user: the write lock, the day the alerts are true for, and the version.

    Its own table, because a lock on the user's row would block log-ins and deadlock with the
    foreign keys that point there. The calendar is a copy of the profile's, as the periods and the
    month rollups are cut now; it moves with them, under the lock. checked_version, checked_at: what
    the self-audit last found in order, and when.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.PROTECT, primary_key=True, related_name="ledger"
    )
    as_of = models.DateField()
    version = models.BigIntegerField(default=0)
    event_seq = models.BigIntegerField(default=0)
    rules = models.BigIntegerField(default=new_rules)
    generation = models.BigIntegerField(default=new_generation, db_default=0)
    event_base = models.BigIntegerField(default=0, db_default=0)
    time_zone = models.CharField(max_length=64, default="UTC")
    week_start = models.SmallIntegerField(default=1)
    month_start = models.SmallIntegerField(default=1)
    checked_version = models.BigIntegerField(default=-1, db_default=-1)
    checked_at = models.DateTimeField(default=NEVER, db_default=NEVER)

    class Meta:
        indexes: ClassVar = [
            # The self-audit, which goes on with the ledgers that were not looked at for longest.
            models.Index(fields=["checked_at", "user"], name="budget_ledger_by_check"),
            # The tick, which looks for ledgers whose day is over, zone by zone.
            models.Index(fields=["time_zone", "as_of"], name="budget_ledger_by_day"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(week_start__range=(1, 7)), name="budget_ledger_week_start"
            ),
            models.CheckConstraint(
                condition=models.Q(month_start__range=(1, 28)), name="budget_ledger_month_start"
            ),
        ]

    def __str__(self) -> str:
        return f"ledger of user {self.user_id}, version {self.version}"

    def state(self) -> LedgerState:
        return LedgerState.from_row([getattr(self, column) for column in STATE])


# An UPDATE takes the same lock as SELECT ... FOR NO KEY UPDATE and counts the version in the same
# round trip, with one text for both databases. It is a separate statement: a lock inside the
# statement that sums would sum with a snapshot taken before the lock was granted.
COUNT_ON = "UPDATE budget_ledger SET version = version + 1 WHERE user_id"
RETURNING = "RETURNING " + ", ".join(STATE)
LOCK = Prepared(f"{COUNT_ON} = %s {RETURNING}")
# SET LOCAL ends with the transaction, so a pooled connection keeps no state.
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '2s'"
MAKE = """
INSERT INTO budget_ledger
(user_id, as_of, version, event_seq, rules, generation, time_zone, week_start, month_start)
VALUES (%s, %s, 0, 0, %s, %s, 'UTC', 1, 1) ON CONFLICT DO NOTHING
"""


def as_date(value: date | str) -> date:
    """SQLite hands raw statements their dates as text."""
    return value if isinstance(value, date) else date.fromisoformat(value)


def lock(user_id: int) -> LedgerState:
    """Lock one user's ledger row until the transaction ends, making it where it is missing.

    Waits up to 2 s on PostgreSQL (OperationalError after that), 20 s on SQLite.
    """
    with connection.cursor() as cursor:
        statement: str = LOCK
        if connection.vendor == "postgresql":
            statement = Message(LOCK_TIMEOUT, LOCK)
        cursor.execute(statement, [user_id])
        row = cursor.fetchone()
        if row is None:
            today = local_day(Calendar().time_zone, timezone.now())
            cursor.execute(MAKE, [user_id, today, new_rules(), new_generation()])
            cursor.execute(statement, [user_id])
            row = cursor.fetchone()
    return LedgerState.from_row(row)


Row = dict[str, Any]


@dataclass(slots=True)
class Flipped:
    """The alerts that a commit has opened and resolved, by id, in the order of writing.

    flips: every flip, each with whether it opened. new: the alerts that this commit has made.
    """

    flips: list[tuple[int, bool]] = field(default_factory=list)
    new: set[int] = field(default_factory=set)

    def net(self) -> tuple[list[int], list[int]]:
        """The alerts opened and those resolved, without those that are as they were before."""
        ended: dict[int, bool] = {}
        for pk, opens in self.flips:
            if ended.pop(pk, opens) == opens:
                ended[pk] = opens
        return [pk for pk in ended if ended[pk]], [pk for pk in ended if not ended[pk]]

    @property
    def opened(self) -> list[int]:
        return self.net()[0]

    @property
    def resolved(self) -> list[int]:
        return self.net()[1]

    def __bool__(self) -> bool:
        return any(self.net())


@dataclass(slots=True)
class Write:
    """One row's save or delete: what its signal hands to the engine.

    before: the stored row, None for an insert. after: the row as it is stored now, None for a
    delete. cause: why it was written, if that is not the row's kind; else "". books: of each user
    that the row belonged or belongs to.
    """

    row: LedgerModel
    before: Row | None
    cause: str
    books: dict[int, Book]
    after: Row | None = None


@dataclass(slots=True, eq=False)
class Book:
    """One user's ledger, locked, in this commit; save() and delete() of the rows need an open one.

    The tick makes books of ledgers that it locks by the batch; the self-audit makes one without a
    lock, of a snapshot in which the database refuses to write.

    ledger: the locked row, always as it is stored or will be at the end of the commit. flipped:
    what the commit has opened and resolved; fresh: the flips of its last judgement, for as long as
    nothing has opened the book again. write: the row that is being written. deleted: the rows of a
    delete of many; None outside of one. savepoints: those that were open when it was opened.
    """

    ledger: LedgerState
    savepoints: list[str]
    flipped: Flipped = field(default_factory=Flipped)
    fresh: Sequence[Flip] = ()
    write: Write | None = None
    deleted: list[Row] | None = None


# The books that are open, by user: the one thing here that is not passed on as an argument. Django
# calls save(), and the receivers of its signals, with nothing but the row, so they have to find the
# book; all other functions pass it on. A book is in here for as long as its `with` block runs.
_books: ContextVar[Mapping[int, Book]] = ContextVar("books", default={})  # noqa: B039


@contextmanager
def open_books(user_ids: Iterable[int]) -> Iterator[dict[int, Book]]:
    """Lock the ledgers of some users, ascending by user, and open their books in one commit.

    A book that is open already is the same one, without a statement: the steps in one block count
    one version, and a later block of the same commit another. The locks last until the transaction
    ends, also after the block. Raises SavepointInBook inside a savepoint that is younger than the
    book: going back to it would leave the book ahead of the ledger row. RuntimeError for a user
    whose id is lower than that of another open book. OperationalError where another writer holds a
    lock too long.
    """
    already = _books.get()
    with transaction.atomic(savepoint=False):
        savepoints = list(filter(None, connection.savepoint_ids))
        books: dict[int, Book] = {}
        for user_id in sorted(set(user_ids)):
            book = already.get(user_id)
            if book is None:
                if already and user_id < max(already):
                    raise RuntimeError(
                        "Open the books of all users at once: locks are taken ascending by user."
                    )
                book = Book(lock(user_id), savepoints)
            elif book.savepoints != savepoints:
                raise SavepointInBook
            book.fresh = ()
            books[user_id] = book
        token = _books.set({**already, **books})
        try:
            yield books
        finally:
            _books.reset(token)


@contextmanager
def open_book(user_id: int) -> Iterator[Book]:
    """Lock one user's ledger and open its book; see open_books()."""
    with open_books([user_id]) as books:
        yield books[user_id]


def saved_write(row: LedgerModel, update_fields: Collection[str] | None) -> Write:
    """The write of a row that has just been saved. Raises UnsignalledWrite without one."""
    write = write_of(row)
    # A partial save leaves the database with columns that this instance may hold otherwise.
    write.after = row.in_memory() if update_fields is None else row.stored_row()
    return write


def write_of(row: LedgerModel) -> Write:
    """The write that a signal of a row belongs to. Raises UnsignalledWrite without one."""
    book = _books.get().get(row.user_id)
    if book is None or book.write is None or book.write.row is not row:
        raise UnsignalledWrite(
            f"A {type(row).__name__} was written past its own save() or delete(), so its ledger is "
            "not locked and no alert can follow."
        )
    return book.write


def note_deleted(row: LedgerModel) -> bool:
    """Note a row that a delete of many has deleted; False for a delete of one row."""
    book = _books.get().get(row.user_id)
    if book is None or book.deleted is None:
        return False
    book.deleted.append(row.in_memory())
    return True


def book_of(row: LedgerModel) -> Book:
    """The book that a row is deleted in, by itself or with many. Raises UnsignalledWrite."""
    book = _books.get().get(row.user_id)
    if book is None or book.deleted is None:
        return write_of(row).books[row.user_id]
    return book


T = TypeVar("T")
M = TypeVar("M", bound="LedgerModel", covariant=True)


class LedgerQuerySet(models.QuerySet[M]):
    """A queryset whose writes are always seen by the engine."""

    def _refuse(self, method: str) -> NoReturn:
        raise UnsignalledWrite(
            f"{self.model.__name__}.objects.{method}() sends no signal, so no alert would follow. "
            "Save the rows one by one, or use budget.engine.record_transactions for many."
        )

    def update(self, **kwargs: Any) -> NoReturn:
        self._refuse("update")

    def bulk_create(self, *args: Any, **kwargs: Any) -> NoReturn:
        self._refuse("bulk_create")

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        self._refuse("bulk_update")

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete under the ledgers' locks, ascending by user, with one evaluation a user.

        Raises Conflict where the rules forbid it; a caller in a transaction has to roll back then.
        """
        users = self.order_by().values_list("user_id", flat=True).distinct()
        with open_books(users) as books:
            # A row that has moved to another user meanwhile is under no lock held here.
            mine = self.filter(user_id__in=list(books))
            if self.model.check_delete is not LedgerModel.check_delete:
                for row in mine:
                    row.check_delete()
            for book in books.values():
                book.deleted = []
            try:
                result = super(LedgerQuerySet, mine).delete()
                rows_deleted.send(sender=self.model, books=books)
            finally:
                for book in books.values():
                    book.deleted = None
        return result

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]


class LedgerModel(models.Model):
    """A row that alerts depend on: every write of it takes its owner's ledger lock first.

    `save()` and `delete()` open the atomic block themselves, because Django sends post_save after
    its own block has ended: without this one an evaluation that fails would leave the row behind.
    """

    user: models.ForeignKey[Any, Any]
    user_id: int
    _loaded_user_id: int | None = None

    class Meta:
        abstract = True

    def save(self, *args: Any, cause: str = "", **kwargs: Any) -> None:
        """Write the row and every alert that follows from it, in one commit.

        post_save (budget/signals.py) calls the engine: engine/commit.py for a transaction,
        engine/writes.py for all else. cause: what the events of a transaction say, where its write
        is part of something else, such as an import. Raises Conflict where the rules forbid the
        write, ValidationError for an invalid value; refused outside of a transaction, it still
        counts a version of the ledger.
        """
        if kwargs.get("update_fields") is not None:
            kwargs["update_fields"] = with_search(type(self), set(kwargs["update_fields"]))
        self._write(self.before_write, lambda: models.Model.save(self, *args, **kwargs), cause)
        self._loaded_user_id = self.user_id

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete the row and resolve every alert that rested on it, in one commit.

        Raises Conflict where the rules forbid it.
        """
        return self._write(
            lambda book, before: self.check_delete(),
            lambda: models.Model.delete(self, *args, **kwargs),
        )

    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> Self:
        instance = super().from_db(*args, **kwargs)
        instance._loaded_user_id = instance.__dict__.get("user_id")
        return instance

    def stored_row(self) -> Row | None:
        """The row as the database holds it now, by column; None if it does not exist."""
        columns = [field.attname for field in self._meta.concrete_fields]
        row: Row | None = type(self)._base_manager.filter(pk=self.pk).values(*columns).first()
        return row

    def in_memory(self) -> Row:
        """The row as this instance holds it, by column."""
        return {field.attname: getattr(self, field.attname) for field in self._meta.concrete_fields}

    def before_write(self, book: Book, before: Row | None) -> None:
        """Fill in what follows from other values, and refuse a write that the rules forbid.

        Runs under the lock, before the first statement. Raises ValidationError and Conflict.
        book: the owner's. before: the stored row, None for an insert.
        """

    def check_delete(self) -> None:
        """Refuse a delete that the rules forbid; runs under the lock."""

    def _write(
        self, check: Callable[[Book, Row | None], None], write: Callable[[], T], cause: str = ""
    ) -> T:
        """Take the locks, ask whether the write may be, and write."""
        users = {self.user_id, self._loaded_user_id or self.user_id}
        with open_books(users) as books:
            before = self.stored_row() if self.pk is not None else None
            book = books[self.user_id]
            outer, book.write = book.write, Write(self, before, cause, books)
            try:
                if before is not None and before["user_id"] not in books:
                    raise Conflict("The row has moved to another user meanwhile.")
                check(book, before)
            except (Conflict, ValidationError) as error:
                # Raised below, where it does not spoil the caller's own atomic block.
                refusal = error
            else:
                return write()
            finally:
                book.write = outer
        raise refusal
