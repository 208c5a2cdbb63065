"""A database that has to prove who it is: the right one is let in, any other is not."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from financial_alerts.tests.postgres import manage
from tools.programs import free_port

BINARIES = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/nonexistent"))
pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(not (BINARIES / "initdb").exists(), reason="no PostgreSQL to start"),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed"),
]
AS_POSTGRES: list[str | Path] = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []


@dataclass
class Server:
    port: int
    folder: Path

    def url(self, host: str = "localhost", **options: str) -> str:
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return f"postgres://postgres@{host}:{self.port}/postgres?{query}"


def run(*command: str | Path) -> None:
    subprocess.run([*map(str, command)], check=True, capture_output=True, cwd="/")


def certify(folder: Path, name: str) -> None:
    """A certificate authority of that name, and a certificate of its for localhost."""
    pem, key, request, extra = (folder / f"{name}.{end}" for end in ("pem", "key", "csr", "ext"))
    new = ("openssl", "req", "-newkey", "rsa:2048", "-nodes")
    run(*new, "-x509", "-days", "2", "-subj", f"/CN={name}", "-out", pem, "-keyout", key)
    server_key, server_pem = folder / f"{name}-server.key", folder / f"{name}-server.pem"
    run(*new, "-subj", "/CN=localhost", "-out", request, "-keyout", server_key)
    extra.write_text("subjectAltName=DNS:localhost")
    sign = ("openssl", "x509", "-req", "-days", "2", "-CA", pem, "-CAkey", key, "-CAcreateserial")
    run(*sign, "-in", request, "-extfile", extra, "-out", server_pem)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A PostgreSQL server that accepts only TLS, and a certificate authority it does not use."""
    port = free_port()
    with tempfile.TemporaryDirectory() as name:
        folder, data = Path(name), Path(name, "data")
        certify(folder, "ours")
        certify(folder, "theirs")
        if AS_POSTGRES:
            run("chown", "-R", "postgres", folder)
        control: list[str | Path] = [*AS_POSTGRES, BINARIES / "pg_ctl", "-D", data, "-w"]
        run(*AS_POSTGRES, BINARIES / "initdb", "-D", data, "-A", "trust", "-U", "postgres")
        (data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 trust\n")
        with (data / "postgresql.conf").open("a") as settings:
            settings.write(f"port={port}\nlisten_addresses='127.0.0.1'\nssl=on\n")
            settings.write(f"unix_socket_directories='{folder}'\n")
            settings.write(f"ssl_cert_file='{folder}/ours-server.pem'\n")
            settings.write(f"ssl_key_file='{folder}/ours-server.key'\n")
        run(*control, "-l", data / "log", "start")
        try:
            yield Server(port, folder)
        finally:
            run(*control, "-m", "immediate", "stop")


def answers(url: str) -> bool:
    """Whether the service, as it is set up in production, gets through to its database."""
    command = ("check", "--deploy", "--database", "default", "--tag", "database")
    done = manage(*command, ok=False, DATABASE_URL=url)
    assert ("financial_alerts.E005" in done.stderr) is (done.returncode != 0), done.stderr
    return done.returncode == 0


def test_the_right_server_is_believed(server: Server) -> None:
    bundle = str(server.folder / "ours.pem")
    assert answers(server.url(sslmode="verify-full", sslrootcert=bundle))


def test_another_authority_is_not(server: Server) -> None:
    bundle = str(server.folder / "theirs.pem")
    assert not answers(server.url(sslmode="verify-full", sslrootcert=bundle))


def test_another_name_is_not(server: Server) -> None:
    bundle = str(server.folder / "ours.pem")
    assert not answers(server.url("127.0.0.1", sslmode="verify-full", sslrootcert=bundle))


def test_less_than_verify_full_would_believe_anybody(server: Server) -> None:
    assert answers(server.url("127.0.0.1", sslmode="require"))


def test_plain_text_is_refused(server: Server) -> None:
    assert not answers(server.url(sslmode="disable"))
