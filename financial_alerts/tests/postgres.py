"""Databases and processes of a test's own, on the PostgreSQL that the tests run on."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg2
import pytest
from django.db import connection

from lib.env import VARIABLES

ROOT = Path(__file__).resolve().parent.parent.parent
MANAGE = str(ROOT / "manage.py")


def url_of(name: str, user: str | None = None, password: str = "", port: int | None = None) -> str:
    """The URL of a database on the server of the tests, as another user, or by a pooler's port."""
    known = connection.settings_dict
    user, password = (user, password) if user else (known["USER"], known["PASSWORD"])
    host = "127.0.0.1" if port else known["HOST"] or "localhost"
    who = f"{quote(user)}:{quote(password)}" if password else quote(user)
    return f"postgres://{who}@{host}:{port or known['PORT'] or 5432}/{name}"


def run_sql(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements one by one, outside of a transaction; the rows of the last one."""
    server = psycopg2.connect(url)
    server.autocommit = True
    try:
        with server.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        server.close()


@contextmanager
def a_database() -> Iterator[str]:
    """The name of an empty database; without PostgreSQL the test is skipped."""
    if connection.vendor != "postgresql":
        pytest.skip("only on postgres")
    if run_sql(url_of("postgres"), "SHOW is_superuser") != [("on",)]:
        pytest.skip("needs a superuser of PostgreSQL")
    name = f"{connection.settings_dict['NAME']}_{uuid.uuid4().hex[:8]}"
    run_sql(url_of("postgres"), f'CREATE DATABASE "{name}" TEMPLATE template0')
    try:
        yield name
    finally:
        run_sql(url_of("postgres"), f'DROP DATABASE "{name}" WITH (FORCE)')


def manage(*words: str, ok: bool = True, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run manage.py as production does, with an environment that says only this much."""
    return run_python(MANAGE, *words, ok=ok, **environ)


def run_python(*words: str, ok: bool = True, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the project, with that environment."""
    base = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    said = {
        "DJANGO_SETTINGS_MODULE": "financial_alerts.settings",
        "DOTENV_PATH": "",
        "SECRET_KEY": "only-for-tests-0123456789-abcdefghijklmnopqrstuvwxyz",
        "ALLOWED_HOSTS": "testserver",
        "SECURE_SSL_REDIRECT": "false",
    }
    done = subprocess.run(
        [sys.executable, *words],
        env=base | said | environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if ok:
        assert done.returncode == 0, done.stdout + done.stderr
    return done
