"""Databases that a run makes for itself and takes away again."""

from __future__ import annotations

import os
import secrets
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection

DEFAULT_SERVER = "postgres://postgres@127.0.0.1:5432/postgres"
VARIABLES = ("BENCH_DATABASE_URL", "TEST_DATABASE_URL")
# Makes an empty database and gives its URL.
Make = Callable[[], str]


@dataclass(frozen=True)
class Kind:
    """A kind of database. server: whose scratch databases are made there; empty for SQLite."""

    name: str
    server: str = ""


def kinds() -> list[Kind]:
    """SQLite, and PostgreSQL where a server is named or the local one answers.

    Raises psycopg2.OperationalError for a server that is named and does not answer.
    """
    named = next((os.environ[name] for name in VARIABLES if os.environ.get(name)), None)
    if named is not None:
        connect(named).close()
        return [Kind("SQLite"), Kind("PostgreSQL", named)]
    try:
        connect(DEFAULT_SERVER).close()
    except psycopg2.OperationalError:
        return [Kind("SQLite")]
    return [Kind("SQLite"), Kind("PostgreSQL", DEFAULT_SERVER)]


def on_server(server: str, database: str) -> str:
    """The URL of another database of the same server."""
    return urlunsplit(urlsplit(server)._replace(path=f"/{database}"))


def connect(server: str) -> Connection:
    """Connect to a server's maintenance database: the one that the URL names may not be there."""
    found = psycopg2.connect(
        on_server(server, "postgres"), connect_timeout=5, application_name="benchmarks"
    )
    found.autocommit = True
    return found


@contextmanager
def scratch(kind: Kind) -> Iterator[Make]:
    """Give what makes empty databases, and take them all away at the end, whatever happens."""
    with on_postgres(kind.server) if kind.server else in_files() as make:
        yield make


@contextmanager
def in_files() -> Iterator[Make]:
    with tempfile.TemporaryDirectory(prefix="financial-alerts-bench-") as folder:
        yield lambda: f"sqlite:///{Path(folder, secrets.token_hex(8))}.sqlite3"


@contextmanager
def on_postgres(server: str) -> Iterator[Make]:
    made: list[str] = []

    def make() -> str:
        # A name that nobody has: no database that was there before is ever touched.
        name = f"financial_alerts_bench_{secrets.token_hex(8)}"
        execute(server, "CREATE DATABASE {}", name)
        made.append(name)
        return on_server(server, name)

    try:
        yield make
    finally:
        for name in made:
            execute(server, "DROP DATABASE {} WITH (FORCE)", name)


def execute(server: str, statement: str, name: str) -> None:
    # closing(): the connection's own `with` would open a transaction, which neither may run in.
    with closing(connect(server)) as opened, opened.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(sql.Identifier(name)))


def version_of(kind: Kind) -> str:
    """The version, and what of the settings decides about the price of a commit."""
    if not kind.server:
        return f"{sqlite3.sqlite_version} (WAL, synchronous=NORMAL)"
    with closing(connect(kind.server)) as opened, opened.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('server_version'), current_setting('fsync'),"
            " current_setting('synchronous_commit')"
        )
        ((version, fsync, commit),) = cursor.fetchall()
    return f"{version.split()[0]} (fsync {fsync}, synchronous_commit {commit})"
