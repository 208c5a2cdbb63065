"""Everything works through PgBouncer in transaction mode, which lends a connection at a time."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg2
import pytest

from financial_alerts.tests.postgres import a_database, manage, run_python, run_sql, url_of
from tools.programs import free_port

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or ""
pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(not PGBOUNCER, reason="pgbouncer is not installed"),
]

# Two connections of the server for all clients, and no parameter that is let through by exception.
CONFIG = """
[databases]
* = host={host} port={port} user={user}{password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
"""
# Threads that write and read through every kind of request; each must find what it has stored.
CLIENTS = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
import django
django.setup()
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from accounts.models import ApiToken
from budget.tests.people import limit

ROUNDS, THREADS = 12, 8
YEAR = "/api/summary?date_from=2018-01-01&date_to=2018-12-31&group_by=category"

def ask(client, method, path, body=None):
    text = "" if body is None else json.dumps(body)
    answer = client.generic(method, path, text, content_type="application/json")
    content = b"".join(answer) if answer.streaming else answer.content
    assert answer.status_code in (200, 201), (method, path, answer.status_code, content)
    return content

def life(number):
    user = User.objects.create(username=f"user{number}")
    secret = ApiToken.issue(user, "test")[1]
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    limit(user, "20.00", name="All")
    for round in range(1, ROUNDS + 1):
        row = {"date": "2018-03-05", "amount": "3.00", "category": f"c{round % 3}"}
        made = json.loads(ask(client, "POST", "/api/transaction", row))
        ask(client, "PATCH", f"/api/transaction/{made['id']}", {"amount": "4.00"})
        assert len(json.loads(ask(client, "GET", "/api/transaction?limit=200"))["items"]) == round
        assert ask(client, "GET", "/api/transaction/export").count(b"2018-03-05") == round
        assert json.loads(ask(client, "GET", YEAR))["spending"] == f"{4 * round}.00"
        open = json.loads(ask(client, "GET", "/api/alert?active=false"))["items"]
        assert len(open) == (round >= 4) + (round >= 5), (round, open)
    assert ask(client, "GET", "/api/account/export").count(b'"external_id"') == ROUNDS
    connections.close_all()
    return ROUNDS

with ThreadPoolExecutor(THREADS) as threads:
    print(sum(threads.map(life, range(THREADS))))
"""


@dataclass
class Pool:
    """A database with its tables: the URL of the server, and by way of the pooler."""

    direct: str
    pooled: str


@contextmanager
def pooler(direct: str) -> Iterator[int]:
    """A PgBouncer of our own before a server; its port."""
    server = urlsplit(direct)
    port = free_port()
    config = CONFIG.format(
        host=server.hostname,
        port=server.port,
        user=unquote(server.username or ""),
        password=f" password='{unquote(server.password)}'" if server.password else "",
        listen=port,
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "pgbouncer.ini")
        file.write_text(config)
        command = [PGBOUNCER, "-q", str(file)]
        if os.getuid() == 0:
            # It refuses to run as root; whom it turns into has to read its file.
            shutil.chown(folder, "nobody")
            command[1:1] = ["-u", "nobody"]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            wait_for(port)
            yield port
        finally:
            process.terminate()
            process.wait()


def wait_for(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(port)


@pytest.fixture(scope="module")
def pool(django_db_setup: None) -> Iterator[Pool]:
    with a_database() as name:
        direct = url_of(name)
        manage("migrate", "--verbosity", "0", DATABASE_URL=direct)
        with pooler(direct) as port:
            yield Pool(direct, url_of(name, port=port))


def test_clients_share_two_connections_and_find_what_they_stored(pool: Pool) -> None:
    off = {"THROTTLE_USER": "off", "THROTTLE_ADDRESS": "off"}
    done = run_python("-c", CLIENTS, ok=False, DATABASE_URL=pool.pooled, LOG_LEVEL="ERROR", **off)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["96"]
    stored = run_sql(pool.direct, "SELECT count(*), sum(amount) FROM budget_transaction")
    assert [int(number) for number in stored[0]] == [96, 96 * 400]
    assert "no drift" in manage("reconcile", DATABASE_URL=pool.pooled).stdout
    idle = "SELECT count(*) FROM pg_stat_activity WHERE state ~ 'in transaction'"
    assert run_sql(pool.direct, f"{idle} AND datname = current_database()") == [(0,)]


def test_no_session_keeps_what_a_request_has_set(pool: Pool) -> None:
    # Each transaction may get the other of the two connections: both are looked at together.
    with_both = [psycopg2.connect(pool.pooled) for _ in range(2)]
    try:
        for client in with_both:
            with client.cursor() as cursor:
                cursor.execute("SELECT current_setting('lock_timeout'), count(*) FROM pg_cursors")
                assert cursor.fetchone() == ("0", 0)
                cursor.execute("SELECT count(*) FROM pg_prepared_statements")
                assert cursor.fetchone() == (0,)
    finally:
        for client in with_both:
            client.close()


def test_a_session_setting_would_reach_another_client(pool: Pool) -> None:
    run_sql(pool.pooled, "SET lock_timeout = '7s'")
    assert run_sql(pool.pooled, "SHOW lock_timeout") == [("7s",)]
    run_sql(pool.pooled, "RESET lock_timeout")


CURSOR = """
import django
django.setup()
from django.contrib.auth.models import Permission
from django.db import connection
import psycopg2, sys
connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"] = {disabled}
rows = Permission.objects.order_by("pk").iterator(chunk_size=2)
next(rows)
# Somebody else takes the connection that the first rows came over.
other = psycopg2.connect(sys.argv[1])
other.cursor().execute("SELECT 1")
print(len(list(rows)))
"""


@pytest.mark.parametrize("disabled", [True, False])
def test_a_cursor_of_the_server_would_be_lost(pool: Pool, disabled: bool) -> None:
    text = CURSOR.format(disabled=disabled).replace("sys.argv[1]", json.dumps(pool.pooled))
    done = run_python("-c", text, ok=False, DATABASE_URL=pool.pooled)
    if disabled:
        assert done.returncode == 0, done.stderr
        assert int(done.stdout) > 50
    else:
        assert done.returncode != 0
        assert "34000" in done.stderr or "does not exist" in done.stderr


def test_options_of_the_server_would_be_refused(pool: Pool) -> None:
    with pytest.raises(psycopg2.OperationalError, match="unsupported startup parameter"):
        run_sql(f"{pool.pooled}?options=-c%20lock_timeout%3D2s", "SELECT 1")
