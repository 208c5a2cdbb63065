"""Reads of one user's ledger in one state, without a database transaction and without a lock.

Every commit of a user counts the version of the ledger. So two looks at the ledger that show the
same version and generation show that all that was read between them is of that one state: the first
look begins a reading, and its last statement is the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from budget.models import LedgerState
from budget.models.ledger import STATE_COLUMNS
from lib.postgresql import Prepared

# "Same" comes with the rows, so that it is of the moment at which they were read. The order stands
# at the outside, because no other is promised.
READ = """
SELECT l.version = %s AND l.generation = %s, r.*
FROM budget_ledger l LEFT JOIN ({statement}) r ON TRUE WHERE l.user_id = %s {order}
"""
LEDGER = Prepared(f"SELECT {STATE_COLUMNS} FROM budget_ledger l WHERE l.user_id = %s")  # noqa: S608 (columns)
LOOK = Prepared("SELECT version = %s AND generation = %s FROM budget_ledger WHERE user_id = %s")


class Moved(Exception):
    """Something was committed since a reading began: what it has read may be of two states."""


@dataclass(slots=True)
class Reading:
    """One user's ledger, read in one state.

    ledger: the state. database: where it is read. sure: whether the last statement has shown that
    the state still was the same; what was read before that is then of this state, too.
    """

    ledger: LedgerState
    database: str = DEFAULT_DB_ALIAS
    sure: bool = field(init=False, default=False)

    def rows(
        self, statement: str, params: Sequence[Any] = (), order: str = ""
    ) -> list[tuple[Any, ...]]:
        """The rows of one SELECT, read in the state of the ledger. Raises Moved.

        statement: its first column is never null. order: of the rows, with the columns of the
        statement as those of r, such as "r.date DESC, r.id DESC"; without it they come in any.
        """
        text = READ.format(statement=statement, order=f"ORDER BY {order}" if order else "")
        # How many rows have a word follows from the word. A plan that is kept, for any word, reads
        # all of the user's rows to find a common one.
        found = self._look(text if " LIKE " in text else Prepared(text), params)
        # A ledger without a row of the statement is one row of nulls.
        return [row[1:] for row in found if row[1] is not None]

    def check(self) -> None:
        """Be sure of what was read by other statements. Raises Moved."""
        self._look(LOOK)

    def _look(self, text: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a statement, each of which begins with whether the state is the same."""
        ledger = self.ledger
        self.sure = False
        params = (ledger.version, ledger.generation, *params, ledger.user_id)
        found = fetch(self.database, text, params)
        if not found or not found[0][0]:
            raise Moved
        self.sure = True
        return found


def fetch(database: str, statement: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """The rows of one statement, of whatever state the database is in."""
    with connections[database].cursor() as cursor:
        cursor.execute(statement, params)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def ledger_of(
    user_id: int, database: str = DEFAULT_DB_ALIAS, statement: str = LEDGER
) -> LedgerState | None:
    """The current ledger of a user, with no lock; None if there is none yet."""
    found = fetch(database, statement, [user_id])
    return LedgerState.from_row(found[0]) if found else None
