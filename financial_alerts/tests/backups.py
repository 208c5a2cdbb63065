"""A backup of the tests' own database, and its restore: the real thing on both databases."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

from financial_alerts.tests.postgres import run_sql, url_of


class Backup:
    """The database as it was when this was made; each restore gives exactly that back."""

    def __init__(self) -> None:
        self.original = str(connection.settings_dict["NAME"])
        self.name = f"{self.original}_{uuid.uuid4().hex[:8]}"
        self.copy(self.original, self.name)

    def restore(self) -> None:
        self.drop(self.original)
        self.copy(self.name, self.original)

    def copy(self, source: str, target: str) -> None:
        # A database that somebody is connected to cannot be copied.
        connection.close()
        if connection.vendor == "postgresql":
            run_sql(url_of("postgres"), f'CREATE DATABASE "{target}" TEMPLATE "{source}"')
            return
        with sqlite3.connect(source) as one, sqlite3.connect(target) as other:
            one.backup(other)
        one.close()
        other.close()

    def drop(self, name: str) -> None:
        connection.close()
        if connection.vendor == "postgresql":
            run_sql(url_of("postgres"), f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            return
        for suffix in ("", "-wal", "-shm"):
            Path(name + suffix).unlink(missing_ok=True)


@contextmanager
def a_backup() -> Iterator[Backup]:
    """A backup of the database, for a test in which nothing is in a transaction."""
    backup = Backup()
    try:
        yield backup
    finally:
        backup.drop(backup.name)
