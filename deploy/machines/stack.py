"""The machines of a run: databases, pooler, Redis, hosts and a balancer, all on loopback.

Each machine is a group of processes with ports of its own. Network namespaces would need root and
show nothing more of what is asked here: a killed group resets its connections and refuses new ones,
as a machine does whose kernel is still there. What neither shows is a network that says nothing.
"""

from __future__ import annotations

import csv
import json
import secrets
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg2

from deploy.image.traffic import Site
from deploy.machines.programs import ROOT, Place, Program, find, free_port, listens, wait_for

TOOLS = ("initdb", "pg_basebackup", "postgres", "pgbouncer", "redis-server", "haproxy")
HOST = "alerts.example.com"
DATABASE = "alerts"
APP, OWNER = "financial_alerts_app", "financial_alerts_owner"

POSTGRES = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
shared_buffers = 64MB
max_connections = 60
wal_keep_size = 512MB
"""
# A query waits 5 s for a connection of the server, and one that was refused is tried again after
# 1 s. With the defaults, 120 and 15, clients see errors for up to 15 s after the server is back.
PGBOUNCER = """
[databases]
{database} = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
default_pool_size = 8
max_client_conn = 200
query_wait_timeout = 5
server_login_retry = 1
log_connections = 0
log_disconnections = 0
"""
# As the ALB it sends no request twice, and each to the host that has the fewest. A host that
# refuses is taken out within 1.5 s; one that is only slow, on a machine that does everything at
# once, is not.
HAPROXY = """
global
    stats socket {admin} mode 600 level admin
defaults
    mode http
    retries 0
    timeout connect 2s
    timeout client 65s
    timeout server 65s
    timeout check 5s
frontend world
    bind 127.0.0.1:{port}
    option forwardfor
    http-request set-header X-Forwarded-Proto https
    default_backend hosts
backend hosts
    balance leastconn
    option httpchk GET /livez
    http-check expect status 200
    default-server check inter 500ms fall 2 rise 1
{servers}
"""
# Prints a token for each of the names that it is given.
MAKE_USERS = """
import django, json, sys
django.setup()
from django.contrib.auth.models import User
from accounts.models import ApiToken
users = [User.objects.create(username=name) for name in sys.argv[1:]]
print(json.dumps([[user.pk, ApiToken.issue(user, "load")[1]] for user in users]))
"""


@dataclass(frozen=True)
class Account:
    """A user of the service, with a token that may write."""

    user: int
    site: Site


class Stack:
    """All machines; making one starts nothing."""

    def __init__(self, place: Place, hosts: int) -> None:
        self.place = place
        folder = place.folder
        self.words = {name: secrets.token_urlsafe(24) for name in ("postgres", APP, OWNER)}
        self.ports = {
            name: free_port() for name in ("primary", "replica", "pooler", "redis", "balancer")
        }
        self.host_ports = [free_port() for _ in range(hosts)]
        self.primary = self.server("primary")
        self.replica = self.server("replica")
        self.pooler = place.program("pooler", tool("pgbouncer"), f"{folder}/pooler.ini", plain=True)
        self.redis = place.program("redis", *self.redis_command(), plain=True)
        self.hosts = [
            place.program(
                f"host{number}",
                *(sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py")),
                "financial_alerts.wsgi",
                environ=self.service | {"PORT": str(port)},
            )
            for number, port in enumerate(self.host_ports, 1)
        ]
        config = f"{folder}/balancer.cfg"
        self.balancer = place.program("balancer", tool("haproxy"), "-db", "-f", config, plain=True)

    def server(self, name: str) -> Program:
        data = f"{self.place.folder}/{name}"
        port = f"port={self.ports[name]}"
        return self.place.program(name, tool("postgres"), "-D", data, "-c", port, plain=True)

    def redis_command(self) -> list[str]:
        port, folder = str(self.ports["redis"]), str(self.place.folder)
        command = [tool("redis-server"), "--bind", "127.0.0.1", "--port", port, "--dir", folder]
        return [*command, "--save", "", "--appendonly", "no"]

    def url(self, at: str, user: str = APP, database: str = DATABASE) -> str:
        """Give the URL of a database at the "primary", the "replica" or the "pooler"."""
        return f"postgres://{user}:{self.words[user]}@127.0.0.1:{self.ports[at]}/{database}"

    @property
    def service(self) -> dict[str, str]:
        """What the service is told by its environment, on every host alike."""
        return {
            "DJANGO_SETTINGS_MODULE": "financial_alerts.settings",
            "DOTENV_PATH": "",
            "SECRET_KEY": self.words[APP] * 2,
            "ALLOWED_HOSTS": HOST,
            "DATABASE_URL": self.url("pooler"),
            "REPLICA_DATABASE_URL": self.url("replica"),
            "REDIS_URL": f"redis://127.0.0.1:{self.ports['redis']}/0",
            "SECURE_SSL_REDIRECT": "true",
            "TRUST_X_FORWARDED_PROTO": "true",
            "TRUSTED_PROXY_COUNT": "1",
            # Counted, and never reached.
            "THROTTLE_USER": "100000/min",
            "THROTTLE_ADDRESS": "100000/min",
            "WEB_CONCURRENCY": "2",
            "GUNICORN_THREADS": "2",
            "LOG_LEVEL": "WARNING",
            # On a machine that does everything at once, slow is no news.
            "SLOW_REQUEST_MS": "10000",
            "SLOW_QUERY_MS": "10000",
            "PYTHONWARNINGS": "ignore:No directory at:UserWarning",
        }

    # Starting

    def make_primary(self) -> str:
        """Make a cluster, the service's roles and its tables."""
        folder = self.place.folder
        password = self.write("password", self.words["postgres"])
        self.place.call(
            *(tool("initdb"), "-D", f"{folder}/primary", "-U", "postgres", "-E", "UTF8"),
            *("--locale=C.UTF-8", "--auth=scram-sha-256", "--pwfile", password, "--no-sync"),
            plain=True,
        )
        with (folder / "primary" / "postgresql.conf").open("a") as conf:
            conf.write(POSTGRES)
        self.start_server("primary")
        run_sql(self.url("primary", "postgres", "postgres"), f"CREATE DATABASE {DATABASE}")
        admin = {
            "DATABASE_URL": self.url("primary", "postgres"),
            "DATABASE_OWNER_PASSWORD": self.words[OWNER],
            "DATABASE_APP_PASSWORD": self.words[APP],
        }
        self.manage("database_roles", environ=admin)
        owner = {"DATABASE_URL": self.url("primary", OWNER)}
        self.manage("migrate", "--verbosity", "0", environ=owner)
        return f"PostgreSQL {self.ask('primary', 'SHOW server_version')}, migrated by {OWNER}"

    def make_replica(self) -> str:
        """Copy the primary, and let the copy follow it."""
        data = f"{self.place.folder}/replica"
        self.place.call(
            *(tool("pg_basebackup"), "-D", data, "-R", "-X", "stream", "-c", "fast", "--no-sync"),
            *("-h", "127.0.0.1", "-p", str(self.ports["primary"]), "-U", "postgres"),
            environ={"PGPASSWORD": self.words["postgres"]},
            plain=True,
        )
        self.start_server("replica")
        wait_for(self.streams, "the replica")
        return "it streams"

    def start_rest(self) -> str:
        """Start pooler, Redis, hosts and balancer."""
        users = f'"{APP}" "{self.words[APP]}"\n'
        self.write(
            "pooler.ini",
            PGBOUNCER.format(
                database=DATABASE,
                server=self.ports["primary"],
                port=self.ports["pooler"],
                users=self.write("users.txt", users),
            ),
        )
        servers = "".join(
            f"    server {host.name} 127.0.0.1:{port}\n"
            for host, port in zip(self.hosts, self.host_ports, strict=True)
        )
        admin, port = f"{self.place.folder}/balancer.sock", self.ports["balancer"]
        self.write("balancer.cfg", HAPROXY.format(admin=admin, port=port, servers=servers))
        for program in (self.pooler, self.redis, *self.hosts, self.balancer):
            program.start()
        for name in ("pooler", "redis", "balancer"):
            wait_for(partial(listens, self.ports[name]), name)
        for host in self.hosts:
            self.wait_until_up(host)
        return f"PgBouncer, Redis, {len(self.hosts)} hosts and the balancer answer"

    def make_accounts(self, count: int) -> list[Account]:
        """Make users, by way of the pooler."""
        names = [f"user{number}" for number in range(count)]
        said = self.place.call(sys.executable, "-c", MAKE_USERS, *names, environ=self.service)
        port = self.ports["balancer"]
        return [Account(user, Site(port, HOST, token)) for user, token in json.loads(said)]

    def write(self, name: str, text: str) -> str:
        """Write a file that all of the run may read and nobody else; its path."""
        path = self.place.folder / name
        path.write_text(text)
        return str(path)

    # Looking

    def ask(self, at: str, statement: str) -> Any:
        """Ask a server for one value, as its administrator."""
        return run_sql(self.url(at, "postgres"), statement)[0][0]

    def streams(self) -> bool:
        return bool(
            self.ask(
                "primary", "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
            )
        )

    def replayed(self) -> bool:
        """Whether the replica has everything that the primary has written so far."""
        written = self.ask("primary", "SELECT pg_current_wal_lsn()")
        behind = f"SELECT pg_wal_lsn_diff('{written}', pg_last_wal_replay_lsn()) <= 0"
        return bool(self.ask("replica", behind))

    def replica_reads(self) -> int:
        """How often the replica has looked for transactions since it was started."""
        table = "pg_stat_user_tables WHERE relname = 'budget_transaction'"
        return int(self.ask("replica", f"SELECT seq_scan + idx_scan FROM {table}"))  # noqa: S608

    def balance(self, command: str) -> str:
        return ask_haproxy(self.place.folder, command)

    def seen(self, host: Program) -> dict[str, str]:
        return seen_by_haproxy(self.place.folder, host.name)

    def wait_until_up(self, host: Program) -> float:
        return wait_for(lambda: self.seen(host)["status"] == "UP", f"{host.name} at the balancer")

    # Doing

    def manage(self, *words: str, environ: dict[str, str] | None = None) -> str:
        """Run manage.py as on a host; `environ` says what is different there."""
        environ = self.service | (environ or {})
        return self.place.call(sys.executable, "manage.py", *words, environ=environ)

    def turn_back(self, users: list[int]) -> None:
        """Let it be yesterday for users, in their ledgers."""
        yesterday = "as_of = (now() AT TIME ZONE 'UTC')::date - 1"
        ids = ", ".join(map(str, users))
        run_sql(
            self.url("primary", "postgres"),
            f"UPDATE budget_ledger SET {yesterday} WHERE user_id IN ({ids})",  # noqa: S608
        )

    def turned_back(self, users: list[int]) -> int:
        """How many of them live in yesterday still."""
        past = "as_of < (now() AT TIME ZONE 'UTC')::date"
        ids = ", ".join(map(str, users))
        count = f"SELECT count(*) FROM budget_ledger WHERE {past} AND user_id IN ({ids})"  # noqa: S608
        return int(self.ask("primary", count))

    def start_server(self, name: str) -> None:
        """Start one of the two servers, and wait until it answers."""
        (self.primary if name == "primary" else self.replica).start()
        port, user = self.ports[name], "postgres"
        url = self.url(name, user, "postgres")
        wait_for(lambda: listens(port) and can_connect(url), name)

    def crash(self, server: Program) -> None:
        """Stop a server at once, as pg_ctl's mode immediate: its next start is a recovery."""
        server.end(signal.SIGQUIT)

    def replace(self, host: Program) -> None:
        """Release: drain a host, end it gently, start it anew and take it in again."""
        self.balance(f"set server hosts/{host.name} state drain")
        wait_for(lambda: self.seen(host)["scur"] == "0", f"{host.name} drained")
        if code := host.end():
            raise RuntimeError(f"{host.name} ended with {code}")
        host.start()
        self.balance(f"set server hosts/{host.name} state ready")
        self.wait_until_up(host)


def tool(name: str) -> str:
    """Give the path of a tool that the run has found before it began."""
    return find(name) or name


def ask_haproxy(folder: Path, command: str) -> str:
    """Give what the haproxy of a run answers to a command for its administrator."""
    with socket.socket(socket.AF_UNIX) as admin:
        admin.connect(f"{folder}/balancer.sock")
        admin.sendall(f"{command}\n".encode())
        return b"".join(iter(lambda: admin.recv(65536), b"")).decode()


def seen_by_haproxy(folder: Path, name: str) -> dict[str, str]:
    """Give what it knows of a server: `status`, `check_status`, `scur` (requests that it has)."""
    table = csv.DictReader(ask_haproxy(folder, "show stat").removeprefix("# ").splitlines())
    return next(row for row in table if row["svname"] == name)


def can_connect(url: str) -> bool:
    try:
        run_sql(url, "SELECT 1")
    except psycopg2.OperationalError:
        return False
    return True


def run_sql(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement outside of a transaction; its rows."""
    with closing(psycopg2.connect(url)) as server:
        server.autocommit = True
        with server.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []


@contextmanager
def undone(url: str) -> Iterator[Any]:
    """Give a cursor of a transaction that is rolled back in the end."""
    with closing(psycopg2.connect(url)) as server, server.cursor() as cursor:
        yield cursor
        server.rollback()
