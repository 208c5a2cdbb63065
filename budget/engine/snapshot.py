"""Reads that see one state of the database, whatever is committed meanwhile, and lock nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from budget.engine.day import move_to_today
from budget.engine.reading import LEDGER, ledger_of
from budget.models import LedgerState
from budget.models.ledger import STATE_COLUMNS

SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;"
LEDGERS = f"SELECT {STATE_COLUMNS} FROM budget_ledger l WHERE l.user_id IN ({{users}})"  # noqa: S608


@contextmanager
def snapshot(user_id: int, database: str = DEFAULT_DB_ALIAS) -> Iterator[LedgerState | None]:
    """Let all reads of a database inside see one state of it; gives the user's ledger there.

    Nothing may be written inside. Within a transaction of the caller's it is that one that decides
    what is seen.
    """
    with begun(connections[database]) as begin:
        yield ledger_of(user_id, database, begin + LEDGER if begin else LEDGER)


@contextmanager
def snapshots(user_ids: Sequence[int]) -> Iterator[dict[int, LedgerState]]:
    """The same of the primary, with the ledgers of many users; not every user has one."""
    statement = LEDGERS.format(users=", ".join(["%s"] * len(user_ids)))
    with begun(connection) as begin:
        with connection.cursor() as cursor:
            cursor.execute(begin + statement, list(user_ids))
            ledgers = [LedgerState.from_row(row) for row in cursor.fetchall()]
        yield {ledger.user_id: ledger for ledger in ledgers}


@contextmanager
def begun(db: BaseDatabaseWrapper) -> Iterator[str]:
    """A transaction that sees one state; gives what its first statement has to begin with."""
    if db.in_atomic_block:
        yield ""
        return
    with deferred(db), transaction.atomic(using=db.alias):
        # One message with the first statement, which saves a round trip.
        yield SNAPSHOT if db.vendor == "postgresql" else ""


@contextmanager
def deferred(db: BaseDatabaseWrapper) -> Iterator[None]:
    """Let a transaction of SQLite begin without the write lock, which a write takes at once."""
    if db.vendor != "sqlite":
        yield
        return
    db.ensure_connection()  # which sets the mode of the settings
    mode = db.transaction_mode  # type: ignore[attr-defined]
    db.transaction_mode = "DEFERRED"  # type: ignore[attr-defined]
    try:
        yield
    finally:
        db.transaction_mode = mode  # type: ignore[attr-defined]


@contextmanager
def one_state(user_id: int) -> Iterator[LedgerState]:
    """A snapshot of the primary with the user's ledger, whose day is brought up to date first."""
    with snapshot(user_id) as ledger:
        if ledger is not None and ledger.as_of >= ledger.today:
            yield ledger
            return
    # A write, which no snapshot takes.
    moved = move_to_today(user_id)
    with snapshot(user_id) as ledger:
        yield ledger or moved
