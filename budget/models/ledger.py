"""The ledger row: the one lock that every write of a user's money takes first.

Lock order everywhere: ledger rows ascending by user, then transactions, rollups and alerts.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
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

from budget.models.errors import Conflict, UnsignalledWrite
from budget.models.search import with_search

MIN_DATE = date(1900, 1, 1)
MAX_DATE = date(2199, 12, 31)
# When a ledger was checked that never was.
NEVER = datetime(1970, 1, 1, tzinfo=UTC)

# Sent once for a whole QuerySet.delete(), with the ledgers locked for it and the rows deleted.
rows_deleted = ModelSignal()


@dataclass(frozen=True)
class Calendar:
    """The settings that cut a user's time into periods.

    time_zone: IANA name; week_start: 1 (Monday) to 7; month_start: first day of the month, 1 to 28.
    """

    time_zone: str = "UTC"
    week_start: int = 1
    month_start: int = 1

    def today(self) -> date:
        """The user's local calendar date now."""
        return timezone.now().astimezone(ZoneInfo(self.time_zone)).date()


@dataclass
class LedgerState:
    """What the ledger row holds; while it is locked, nobody else can change it.

    rules: a random number that changes with every threshold, category tree and transaction type of
    the user, so that what was read of them under it holds for as long as it stands. was: the day
    that the alerts were true for when the lock was taken. stored: the day that the row has by now.
    """

    user_id: int
    as_of: date
    version: int
    event_seq: int
    rules: int
    calendar: Calendar
    was: date = field(init=False)
    stored: date = field(init=False)

    def __post_init__(self) -> None:
        self.was = self.stored = self.as_of

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> Self:
        """A ledger by the columns that LOCK returns."""
        user_id, as_of, version, event_seq, rules, *calendar = row
        return cls(user_id, as_date(as_of), version, event_seq, rules, Calendar(*calendar))


def new_rules() -> int:
    """A number that no ledger has had. Counting on would repeat one after a rollback."""
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


# An UPDATE takes the same lock as SELECT ... FOR NO KEY UPDATE and counts the version in the same
# round trip, with one text for both databases. It is a statement of its own: a lock inside the
# statement that sums would sum with a snapshot taken before the lock was granted.
LOCK = """
UPDATE budget_ledger SET version = version + 1 WHERE user_id = %s
RETURNING user_id, as_of, version, event_seq, rules, time_zone, week_start, month_start
"""
# SET LOCAL ends with the transaction, so a pooled connection keeps no state.
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '2s';"
MAKE = """
INSERT INTO budget_ledger
(user_id, as_of, version, event_seq, rules, time_zone, week_start, month_start)
VALUES (%s, %s, 0, 0, %s, 'UTC', 1, 1) ON CONFLICT DO NOTHING
"""


def as_date(value: date | str) -> date:
    """SQLite hands raw statements their dates as text."""
    return value if isinstance(value, date) else date.fromisoformat(value)


_held: ContextVar[LedgerState | None] = ContextVar("held", default=None)


@contextmanager
def holding(user_id: int) -> Iterator[LedgerState]:
    """Lock one user's ledger, and let each lock of it meanwhile be this one, without a statement.

    So a write of many steps counts one version. Must run inside an atomic block that ends with it,
    and nothing in it may go back to a savepoint: the state would be ahead of the row.
    """
    ledger = lock_ledger(user_id)
    token = _held.set(ledger)
    try:
        yield ledger
    finally:
        _held.reset(token)


def held_ledger(user_id: int) -> LedgerState | None:
    """The user's ledger where it is held, at the beginning of another step."""
    held = _held.get()
    if held is None or held.user_id != user_id:
        return None
    # What the step before has moved the day by, it has judged.
    held.was = held.as_of
    return held


def lock_ledger(user_id: int) -> LedgerState:
    """Lock one user's ledger row until the transaction ends, making it where it is missing.

    Waits up to 2 s on PostgreSQL (OperationalError after that), 20 s on SQLite. Must be the first
    statement of a write and must run inside an atomic block.
    """
    if (held := held_ledger(user_id)) is not None:
        return held
    statement = LOCK if connection.vendor == "sqlite" else LOCK_TIMEOUT + LOCK
    with connection.cursor() as cursor:
        cursor.execute(statement, [user_id])
        row = cursor.fetchone()
        if row is None:
            cursor.execute(MAKE, [user_id, Calendar().today(), new_rules()])
            cursor.execute(statement, [user_id])
            row = cursor.fetchone()
    return LedgerState.from_row(row)


def lock_ledgers(user_ids: Iterable[int]) -> dict[int, LedgerState]:
    """Lock several users' ledgers, ascending by user so that two such calls cannot deadlock."""
    return {user_id: lock_ledger(user_id) for user_id in sorted(set(user_ids))}


Row = dict[str, Any]
_gathered: ContextVar[list[Row] | None] = ContextVar("gathered", default=None)


@contextmanager
def gathering() -> Iterator[list[Row]]:
    """Gather the rows deleted meanwhile, so that one evaluation can follow them all."""
    rows: list[Row] = []
    token = _gathered.set(rows)
    try:
        yield rows
    finally:
        _gathered.reset(token)


def gather(row: Row) -> bool:
    """Put a deleted row aside for the evaluation of the whole set; False when none is coming."""
    rows = _gathered.get()
    if rows is None:
        return False
    rows.append(row)
    return True


@dataclass
class Change:
    """One row's write: the ledgers locked for it, and the stored row before (None: no row)."""

    ledgers: dict[int, LedgerState]
    before: Row | None


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
        """Delete under the ledgers' locks, ascending by user, with one evaluation a user."""
        users = self.order_by().values_list("user_id", flat=True).distinct()
        with transaction.atomic(savepoint=False):
            ledgers = lock_ledgers(users)
            # A row that has moved to another user meanwhile is under no lock held here.
            mine = self.filter(user_id__in=list(ledgers))
            if self.model.check_delete is not LedgerModel.check_delete:
                for row in mine:
                    row.check_delete()
            with gathering() as rows:
                result = super(LedgerQuerySet, mine).delete()
            rows_deleted.send(sender=self.model, ledgers=ledgers, rows=rows)
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
    change: Change | None = None
    _loaded_user_id: int | None = None

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write the row and every alert that follows from it, in one commit.

        Raises Conflict where the rules forbid the write, ValidationError for a value that is none.
        """
        if kwargs.get("update_fields") is not None:
            kwargs["update_fields"] = with_search(type(self), set(kwargs["update_fields"]))
        self._write(self.check_write, lambda: models.Model.save(self, *args, **kwargs))
        self._loaded_user_id = self.user_id

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete the row and resolve every alert that rested on it, in one commit.

        Raises Conflict where the rules forbid it.
        """
        return self._write(
            lambda before: self.check_delete(), lambda: models.Model.delete(self, *args, **kwargs)
        )

    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> Self:
        instance = super().from_db(*args, **kwargs)
        instance._loaded_user_id = instance.__dict__.get("user_id")
        return instance

    def stored_row(self) -> Row | None:
        """The row as the database holds it now, by column; None where there is none."""
        columns = [field.attname for field in self._meta.concrete_fields]
        row: Row | None = type(self)._base_manager.filter(pk=self.pk).values(*columns).first()
        return row

    def in_memory(self) -> Row:
        """The row as this instance holds it, by column."""
        return {field.attname: getattr(self, field.attname) for field in self._meta.concrete_fields}

    def check_write(self, before: Row | None) -> None:
        """Refuse a write that the rules forbid; runs under the lock, before the first statement."""

    def check_delete(self) -> None:
        """Refuse a delete that the rules forbid; runs under the lock."""

    def _write(self, check: Callable[[Row | None], None], write: Callable[[], T]) -> T:
        """Take the locks, ask whether the write may be, and write."""
        users = {self.user_id, self._loaded_user_id or self.user_id}
        with transaction.atomic(savepoint=False):
            ledgers = lock_ledgers(users)
            before = self.stored_row() if self.pk is not None else None
            self.change = Change(ledgers, before)
            try:
                if before is not None and before["user_id"] not in ledgers:
                    raise Conflict("The row has moved to another user meanwhile.")
                check(before)
            except (Conflict, ValidationError) as error:
                # Raised below, where it does not spoil the caller's own atomic block.
                refusal = error
            else:
                return write()
            finally:
                self.change = None
        raise refusal
