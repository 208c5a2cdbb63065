"""The engine with its lock broken, one way each: what the ninth process must be able to catch.

Each stands in for the real thing in one child process, by replacing as little as it can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from django.db import connection
from django.db.backends.postgresql.psycopg_any import IsolationLevel

from budget.engine import commit, evaluate, rules, sql, writes
from budget.models import Threshold, ledger

# A lost update of the ledger's last event number would refuse every later flip, for the numbers
# are unique, and with nothing written nothing wrong is shown. So they go on from the events there
# are: what is broken stays broken, and the writers go on.
EVENT_SEQ = (
    "greatest(event_seq, (SELECT max(seq) FROM budget_alertevent e WHERE e.user_id = l.user_id))"
)
COLUMNS = ", ".join({"event_seq": EVENT_SEQ}.get(column, column) for column in ledger.STATE)
# Without the lock at the start the later ones deadlock as well; a run is not to wait for that.
SOON = "SET LOCAL lock_timeout = 400"
# The same columns, and no lock.
UNLOCKED = f"SELECT {COLUMNS} FROM budget_ledger l WHERE user_id = %s"  # noqa: S608
LOCKED = f"""
UPDATE budget_ledger l SET version = version + 1 WHERE user_id = %s RETURNING {COLUMNS}
"""  # noqa: S608


@contextmanager
def unlocked() -> Iterator[None]:
    """Read the ledger where it should be locked: what post_save examples do."""
    with patch.multiple(ledger, LOCK=UNLOCKED, LOCK_TIMEOUT=SOON):
        yield


@contextmanager
def lock_in_the_sum() -> Iterator[None]:
    """Lock inside the statement that sums: it sums with a snapshot from before the wait."""
    real = sql.read_step

    def read(state: ledger.LedgerState, *args: Any) -> sql.Step:
        text, params = real(state, *args)
        locked = "SELECT user_id FROM budget_ledger WHERE user_id = %s FOR NO KEY UPDATE"
        held = f"WITH locked AS MATERIALIZED ({locked}) SELECT * FROM ("  # noqa: S608
        waiting = ") found LIMIT (SELECT count(*) * 1000000 FROM locked)"
        return " ".join([held, text, waiting]), [state.user_id, *params]

    with unlocked(), patch.object(sql, "read_step", read):
        yield


@contextmanager
def repeatable_read() -> Iterator[None]:
    """Trust REPEATABLE READ in place of the lock: two writers each miss the other's row."""
    connection.close()
    options = connection.settings_dict["OPTIONS"]
    with unlocked(), patch.dict(options, isolation_level=IsolationLevel.REPEATABLE_READ):
        yield


@contextmanager
def thresholds_outside() -> Iterator[None]:
    """Edit thresholds without the lock that all other writes take."""
    save = Threshold.save

    def unlocked_save(self: Threshold, *args: Any, **kwargs: Any) -> None:
        with unlocked():
            save(self, *args, **kwargs)

    def threshold_written(threshold: Threshold, write: ledger.Write) -> None:
        # Noting new rules locks the ledger row too, so here it comes after the evaluation.
        book = write.books[threshold.user_id]
        user_id = threshold.user_id
        book.ledger.rules = ledger.new_rules()
        writes.store_conditions(threshold)
        # Held, because no number is stored yet that they could be read by.
        read = rules.read_rules([user_id])[user_id]
        rules.hold_rules(book.ledger, rules.filled(book.ledger, read))
        whole = {threshold.pk: rules.rule_of(threshold)}
        evaluate.evaluate_whole(book, whole, "threshold_edit")
        rules.rules_changed(book)

    with ExitStack() as stack:
        stack.enter_context(patch.multiple(ledger, LOCK=LOCKED, LOCK_TIMEOUT=SOON))
        stack.enter_context(patch.object(Threshold, "save", unlocked_save))
        stack.enter_context(patch.object(writes, "threshold_written", threshold_written))
        yield


@contextmanager
def insert_first() -> Iterator[None]:
    """Insert first and lock the user's row after it, where foreign keys are checked at once."""
    written = commit.transaction_written

    def lock_late(write: ledger.Write) -> None:
        with connection.cursor() as cursor:
            for user in write.books:
                cursor.execute("SELECT id FROM auth_user WHERE id = %s FOR UPDATE", [user])
        written(write)

    # Django's foreign keys are checked at the commit; the deadlock needs those of plain SQL.
    early = f"SET CONSTRAINTS ALL IMMEDIATE; {UNLOCKED}"
    with (
        patch.object(ledger, "LOCK", early),
        patch.object(commit, "transaction_written", lock_late),
    ):
        yield


CONTROLS: dict[str, Callable[[], Any]] = {
    "no lock": unlocked,
    "the lock inside the statement that sums": lock_in_the_sum,
    "REPEATABLE READ without a lock": repeatable_read,
    "threshold edits outside the lock": thresholds_outside,
    "INSERT first, then FOR UPDATE on the user": insert_first,
}
