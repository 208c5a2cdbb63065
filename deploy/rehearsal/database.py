"""A real PostgreSQL in the place of RDS: TLS alone, passwords, and a certificate for its name."""

from __future__ import annotations

import secrets

from deploy.machines.programs import Place, free_port, listens, wait_for
from deploy.machines.stack import can_connect, run_sql, tool
from deploy.rehearsal.templates import DATABASE

ADMIN, NAME = "postgres", "alerts"
TOOLS = ("initdb", "postgres", "openssl")
# Whoever comes without TLS, or without a password, is not let in.
ACCESS = "hostssl all all all scram-sha-256\n"
SETTINGS = """
listen_addresses = '127.0.0.1,{gateway}'
port = {port}
unix_socket_directories = ''
shared_buffers = 64MB
max_connections = 60
ssl = on
ssl_cert_file = '{folder}/server.pem'
ssl_key_file = '{folder}/server.key'
"""


class Database:
    """One cluster in a run's folder, for tasks at the gateway of their network and for the host."""

    def __init__(self, place: Place, gateway: str) -> None:
        self.place = place
        self.gateway = gateway
        self.port = free_port()
        self.password = secrets.token_urlsafe(24)
        self.authority = place.folder / "authority.pem"
        data = f"{place.folder}/database"
        self.server = place.program("database", tool("postgres"), "-D", data, plain=True)

    def start(self) -> str:
        """Make the cluster, start it and create the database; its version."""
        folder = self.place.folder
        self.certify()
        (folder / "password").write_text(self.password)
        self.place.call(
            *(tool("initdb"), "-D", f"{folder}/database", "-U", ADMIN, "-E", "UTF8"),
            *("--locale=C.UTF-8", "--auth=scram-sha-256", "--pwfile", f"{folder}/password"),
            plain=True,
        )
        (folder / "database" / "pg_hba.conf").write_text(ACCESS)
        with (folder / "database" / "postgresql.conf").open("a") as conf:
            conf.write(SETTINGS.format(gateway=self.gateway, port=self.port, folder=folder))
        self.server.start()
        wait_for(self.answers, "the database")
        run_sql(self.url("postgres"), f"CREATE DATABASE {NAME}")
        return str(self.ask("SHOW server_version"))

    def certify(self) -> None:
        """Make an authority, and a certificate of its for the database's name."""
        folder = self.place.folder
        key, request = f"{folder}/server.key", f"{folder}/request"
        new = (tool("openssl"), "req", "-newkey", "rsa:2048", "-nodes")
        signed = ("-x509", "-days", "2", "-subj", "/CN=rehearsal", "-keyout", f"{folder}/ca.key")
        self.place.call(*new, *signed, "-out", str(self.authority), plain=True)
        subject = ("-subj", f"/CN={DATABASE}", "-keyout", key)
        self.place.call(*new, *subject, "-out", request, plain=True)
        (folder / "names").write_text(f"subjectAltName=DNS:{DATABASE},IP:127.0.0.1")
        self.place.call(
            *(tool("openssl"), "x509", "-req", "-days", "2", "-in", request),
            *("-CA", str(self.authority), "-CAkey", f"{folder}/ca.key", "-CAcreateserial"),
            *("-extfile", f"{folder}/names", "-out", f"{folder}/server.pem"),
            plain=True,
        )
        # A container's own user reads this one.
        self.authority.chmod(0o644)

    def url(self, name: str = NAME) -> str:
        """Give the address for this machine's own programs, as the administrator."""
        proof = f"sslmode=verify-full&sslrootcert={self.authority}"
        return f"postgres://{ADMIN}:{self.password}@127.0.0.1:{self.port}/{name}?{proof}"

    def answers(self) -> bool:
        """Also where the tasks' network ends."""
        return can_connect(self.url("postgres")) and listens(self.port, self.gateway)

    def ask(self, statement: str) -> object:
        """Give one value."""
        return run_sql(self.url(), statement)[0][0]

    def has(self, column: str) -> bool:
        """Whether any transaction has something in a column."""
        return bool(self.ask(f"SELECT count({column}) FROM budget_transaction"))  # noqa: S608

    def stored(self) -> set[str | None]:
        """Give the senders' names of all transactions."""
        return {key for (key,) in run_sql(self.url(), "SELECT external_id FROM budget_transaction")}
