"""Connections on which a statement is planned once: to plan a join takes longer than to run it.

By PREPARE and EXECUTE in SQL, which is all that psycopg2 has. Whatever goes wrong with these, the
statement is run as it is. That works outside of database transactions only, which an error ends:
one that sends a Message begins again after an error that is_forgotten() names, and the connection
prepares nothing from then on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from hashlib import blake2b
from itertools import count
from typing import Any

from psycopg2 import DataError, Error, NotSupportedError, ProgrammingError, extensions
from psycopg2.errors import InvalidSqlStatementName

from lib.postgresql import Message, Prepared

# Which use of a statement prepares it, and how many a connection prepares, and counts.
USE = 3
MOST_PREPARED = 100
MOST_COUNTED = 1000
MARK = re.compile("%[s%]")
# PostgreSQL would round them to a value of a whole number's type.
FRACTIONS = (float, Decimal)
# What was prepared has gone, or a table has changed.
FORGOTTEN = (InvalidSqlStatementName, NotSupportedError)
# A value does not fit into its type, or a table has changed.
UNFIT = (DataError, ProgrammingError, NotSupportedError)


class Connection(extensions.connection):
    """calls: what runs each statement that is prepared; None for one that could not be.

    keeps: whether what is prepared is there the next time; None while that is not known.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.keeps: bool | None = None
        self.calls: dict[str, str | None] = {}
        self.uses: dict[str, int] = {}

    def call_of(self, statement: str) -> str | None:
        """What runs a statement as a prepared one; None where it is to be run as it is."""
        if self.keeps is False:
            return None
        if statement not in self.calls and self.is_due(statement):
            if self.keeps is None:
                self.keeps = self.is_direct()
            self.calls[statement] = self.prepare(statement) if self.keeps else None
        return self.calls.get(statement)

    def text_of(self, message: Message) -> str:
        """What runs a message's statements, those prepared that can be."""
        return ";".join(
            (isinstance(part, Prepared) and self.call_of(part)) or part for part in message.parts
        )

    def is_direct(self) -> bool:
        """Whether the process that greeted answers: a pooler greets itself, and lends others."""
        with self.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            return bool(cursor.fetchone() == (self.get_backend_pid(),))

    def is_due(self, statement: str) -> bool:
        """Count a use of a statement; whether it should be prepared now."""
        if len(self.uses) >= MOST_COUNTED:
            self.uses.clear()
        self.uses[statement] = self.uses.get(statement, 0) + 1
        return self.uses[statement] >= USE and len(self.calls) < MOST_PREPARED

    def prepare(self, statement: str) -> str | None:
        """Prepare a statement, beside a database transaction if there is one: no error ends it."""
        # One name for one text: should it be there already, it is the same.
        name = f"kept_{blake2b(statement.encode(), digest_size=12).hexdigest()}"
        numbers = count(1)
        text = MARK.sub(lambda mark: f"${next(numbers)}" if mark[0] == "%s" else "%", statement)
        values = ", ".join(["%s"] * (next(numbers) - 1))
        with self.cursor() as cursor:
            if not self.autocommit:
                cursor.execute("SAVEPOINT preparing")
            try:
                cursor.execute(f"PREPARE {name} AS {text}")
            except Error:
                call = None
            else:
                call = f"EXECUTE {name} ({values})"
            if not self.autocommit:
                cursor.execute("ROLLBACK TO preparing; RELEASE preparing")
        return call


class Cursor(extensions.cursor):
    connection: Connection

    def execute(self, query: Any, vars: Any = None) -> None:
        plain = query
        first = self.connection.info.transaction_status == extensions.TRANSACTION_STATUS_IDLE
        if isinstance(query, Message):
            query = self.connection.text_of(query)
            first = first and query != plain
        may_be = isinstance(query, Prepared) and vars and self.connection.autocommit
        if may_be and self.has_run(query, vars):
            return
        try:
            super().execute(query, vars)
        except FORGOTTEN:
            self.connection.keeps = False
            if not (isinstance(plain, Message) and first):
                raise
            # Nothing came before it: so the transaction can begin again here.
            self.connection.rollback()
            super().execute(plain, vars)

    def has_run(self, statement: str, values: Sequence[Any]) -> bool:
        """Run a statement as a prepared one, where that can be done."""
        call = self.connection.call_of(statement)
        if call is None or any(isinstance(value, FRACTIONS) for value in values):
            return False
        try:
            super().execute(call, values)
        except InvalidSqlStatementName:
            self.connection.keeps = False
            return False
        except UNFIT:
            self.connection.calls[statement] = None
            return False
        return True


def is_forgotten(error: BaseException) -> bool:
    """Whether a transaction failed for what it wanted to run as prepared; another need not."""
    return isinstance(error.__cause__, FORGOTTEN)
