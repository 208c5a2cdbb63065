"""A PostgreSQL of a run's own: one server, with or without TLS, and what is asked of it."""

from __future__ import annotations

import signal
from contextlib import closing
from typing import Any

import psycopg2

from proof.place import Place
from tools.programs import free_port, wait_for

ADMIN = "postgres"
DATABASE = "alerts"
SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
shared_buffers = 64MB
max_connections = 60
wal_keep_size = 512MB
"""
TLS = """
ssl = on
ssl_cert_file = '{folder}/server.pem'
ssl_key_file = '{folder}/server.key'
"""
# Prints a token for each name among its arguments.
MAKE_USERS = """
import django, json, sys
django.setup()
from django.contrib.auth.models import User
from accounts.models import ApiToken
users = [User.objects.create(username=name) for name in sys.argv[1:]]
print(json.dumps([ApiToken.issue(user, "proof")[1] for user in users]))
"""


class Server:
    """One server. passwords: of each user by name; the administrator's is among them.

    host: with it, only TLS is let in, by a certificate for this name of the authority that stands
    in `authority`.
    """

    def __init__(self, place: Place, name: str, passwords: dict[str, str], host: str = "") -> None:
        self.place, self.name, self.passwords, self.host = place, name, passwords, host
        self.port = free_port()
        self.data = f"{place.folder}/{name}"
        self.authority = place.folder / "authority.pem"
        words = ("postgres", "-D", self.data, "-c", f"port={self.port}")
        self.program = place.program(name, *words, plain=True)

    def url(self, user: str = ADMIN, database: str = DATABASE) -> str:
        """Give a URL of a database for this machine's own programs."""
        proof = f"?sslmode=verify-full&sslrootcert={self.authority}" if self.host else ""
        return f"postgres://{user}:{self.passwords[user]}@127.0.0.1:{self.port}/{database}{proof}"

    def make(self) -> str:
        """Make the cluster, start it, and create the database; give its version."""
        folder = self.place.folder
        password = self.place.write("password", self.passwords[ADMIN])
        self.place.call(
            *("initdb", "-D", self.data, "-U", ADMIN, "-E", "UTF8", "--locale=C.UTF-8"),
            *("--auth=scram-sha-256", "--pwfile", password, "--no-sync"),
            plain=True,
        )
        with (folder / self.name / "postgresql.conf").open("a") as conf:
            conf.write(SETTINGS + (TLS.format(folder=folder) if self.host else ""))
        if self.host:
            self.certify()
            (folder / self.name / "pg_hba.conf").write_text("hostssl all all all scram-sha-256\n")
        self.start()
        run_sql(self.url(database="postgres"), f"CREATE DATABASE {DATABASE}")
        return str(self.ask("SHOW server_version"))

    def certify(self) -> None:
        """Make an authority, and a certificate of its for the server's name."""
        folder = self.place.folder
        request = ("openssl", "req", "-newkey", "rsa:2048", "-nodes")
        signed = ("-x509", "-days", "2", "-subj", "/CN=proof", "-keyout", f"{folder}/ca.key")
        self.place.call(*request, *signed, "-out", str(self.authority), plain=True)
        new = ("-subj", f"/CN={self.host}", "-keyout", f"{folder}/server.key")
        self.place.call(*request, *new, "-out", f"{folder}/request", plain=True)
        self.place.write("names", f"subjectAltName=DNS:{self.host},IP:127.0.0.1")
        self.place.call(
            *("openssl", "x509", "-req", "-days", "2", "-in", f"{folder}/request"),
            *("-CA", str(self.authority), "-CAkey", f"{folder}/ca.key", "-CAcreateserial"),
            *("-extfile", f"{folder}/names", "-out", f"{folder}/server.pem"),
            plain=True,
        )
        # A container's own user reads this one.
        self.authority.chmod(0o644)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.program.start()
        wait_for(lambda: can_connect(self.url(database="postgres")), self.name)

    def crash(self) -> None:
        """Stop it at once, as pg_ctl's mode immediate: its next start is a recovery."""
        self.program.end(signal.SIGQUIT)

    def ask(self, statement: str) -> Any:
        """Ask for one value, as the administrator."""
        return run_sql(self.url(), statement)[0][0]

    def stored(self) -> set[str | None]:
        """Give the external ids of all transactions."""
        return {key for (key,) in run_sql(self.url(), "SELECT external_id FROM budget_transaction")}


def can_connect(url: str) -> bool:
    try:
        run_sql(url, "SELECT 1")
    except psycopg2.OperationalError:
        return False
    return True


def run_sql(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement outside of a transaction; give its rows."""
    with closing(psycopg2.connect(url)) as server:
        server.autocommit = True
        with server.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
