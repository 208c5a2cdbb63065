"""Django's connection to PostgreSQL, which asks whether it works only where that is in doubt.

With CONN_HEALTH_CHECKS the first statement of each request waits for a SELECT 1: a round trip, of
the two or three that a request has. A server that goes away says so nearly always; one that goes
without a word is met with the SELECT 1 as soon as a connection has been unused for a moment.
"""

from __future__ import annotations

import select
import time
from typing import Any

from django.db.backends.postgresql import base
from django.db.backends.postgresql.operations import DatabaseOperations

from lib.postgresql import Message, Prepared
from lib.postgresql.prepared import Connection, Cursor

# Seconds for which a connection that works is taken to work on, unless the server says otherwise.
TRUST = 1.0


class Operations(DatabaseOperations):
    def last_executed_query(self, cursor: Any, sql: str, params: Any) -> str:
        """What is captured of a statement, the same whether or not it was run as prepared."""
        if isinstance(sql, (Message, Prepared)):
            return str(cursor.mogrify(sql, params).decode())
        return super().last_executed_query(cursor, sql, params)


class DatabaseWrapper(base.DatabaseWrapper):
    ops_class = Operations
    health_check_done: bool
    trusted_until = 0.0

    def get_connection_params(self) -> dict[str, Any]:
        kinds = {"connection_factory": Connection, "cursor_factory": Cursor}
        return super().get_connection_params() | kinds

    def close_if_health_check_failed(self) -> None:
        """Django calls this before each statement, for the first one of a request."""
        if self.connection is None or self.health_check_done:
            return
        now = time.monotonic()
        if now < self.trusted_until and self.is_quiet():
            self.health_check_done = True
        super().close_if_health_check_failed()
        self.trusted_until = now + TRUST

    def is_quiet(self) -> bool:
        """Whether nothing has come that was not asked for, such as the end of the connection."""
        if self.connection.closed:
            return False
        poll = select.poll()
        poll.register(self.connection.fileno(), select.POLLIN)
        return not poll.poll(0)
