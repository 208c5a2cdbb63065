"""A small production on one machine: what compose.yaml promises, Caddy, a backup and its return."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest
import yaml
from django.db import connection

from financial_alerts.tests.postgres import a_database, run_sql, url_of
from financial_alerts.tests.test_gunicorn import Server
from lib.env import VARIABLES, database_of
from lib.web_push import Sender
from tools.programs import free_port
from tools.traffic import until

HERE = Path(__file__).parents[2] / "deploy" / "one_machine"
COMPOSE = (HERE / "compose.yaml").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE)["services"]
OURS = [name for name, each in SERVICES.items() if each["image"].startswith("${IMAGE")]


def test_only_caddy_listens_to_the_world() -> None:
    assert [name for name, each in SERVICES.items() if "ports" in each] == ["caddy"]
    assert SERVICES["db"]["network_mode"] == SERVICES["backup"]["network_mode"] == "none"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_container_has_only_what_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"]
    assert service["logging"]["options"]["max-size"]


def test_no_password_is_known_and_none_is_empty() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|KEY", name):
                # Only web push may be missing: it is then off.
                words = "-" if name == "VAPID_PRIVATE_KEY" else r"\?[a-z ./]+"
                assert re.fullmatch(rf"\$\{{[A-Z_]+(:{words})?\}}", value), name
    for name in ("SECRET_KEY", "ADMIN_PASSWORD", "OWNER_PASSWORD", "APP_PASSWORD", "DOMAIN"):
        assert f"${{{name}:?" in COMPOSE, f"{name} may not be missing"


@pytest.mark.parametrize("name", OURS)
def test_the_service_gets_settings_that_it_has(name: str) -> None:
    assert set(SERVICES[name]["environment"]) <= {*VARIABLES}
    url = re.sub(r"\$\{[^}]+\}", "x" * 48, SERVICES[name]["environment"]["DATABASE_URL"])
    database = database_of(url)
    assert (database["HOST"], database["NAME"]) == ("/var/run/postgresql", "alerts")


def test_each_connects_as_the_role_that_it_needs() -> None:
    urls = {name: SERVICES[name]["environment"]["DATABASE_URL"] for name in OURS}
    users = {name: url.split(":")[1].removeprefix("//") for name, url in urls.items()}
    assert users == {
        "app": "financial_alerts_app",
        "clock": "financial_alerts_app",
        "migrate": "financial_alerts_owner",
        "roles": "alerts",
        "deliver": "financial_alerts_app",
        "work": "financial_alerts_app",
    }


def test_the_clock_runs_each_command_in_its_turn(tmp_path: Path) -> None:
    """A day of 288 times five minutes, with commands in place of sleep and python."""
    log = tmp_path / "log"
    sleep = f'echo >>{log}.turns; [ "$(wc -l <{log}.turns)" -le 288 ]'
    for name, script in {"sleep": sleep, "python": f'echo "$2" >>{log}'}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    command = [word.replace("$$", "$") for word in SERVICES["clock"]["command"]]
    path = f"{tmp_path}:{os.environ['PATH']}"
    subprocess.run(command, env=os.environ | {"PATH": path}, check=False)
    assert Counter(log.read_text().split()) == {"tick": 288, "reconcile": 24, "clearsessions": 1}


def setup(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(HERE / "setup", folder)
    return subprocess.run([folder / "setup", *words], capture_output=True, text=True)


DOMAIN = ("alerts.example.com", "submission://u:p%40$x@smtp.example.com", "A <a@example.com>")


def test_setup_writes_random_passwords_once(tmp_path: Path) -> None:
    assert setup(tmp_path, *DOMAIN).returncode == 0
    file = tmp_path / ".env"
    assert file.stat().st_mode & 0o077 == 0
    said = dict(re.findall(r"^(\w+)='(.*)'$", file.read_text(), re.MULTILINE))
    assert (said["DOMAIN"], said["EMAIL_URL"], said["DEFAULT_FROM_EMAIL"]) == DOMAIN
    sender = Sender.of(said["VAPID_PRIVATE_KEY"], said["VAPID_SUBJECT"])
    assert (len(sender.public), sender.subject) == (87, f"https://{DOMAIN[0]}")
    secrets = [said[name] for name in said if "PASSWORD" in name or name == "SECRET_KEY"]
    assert len({*secrets}) == 4
    assert all(re.fullmatch("[0-9a-f]{48,}", secret) for secret in secrets)
    before = file.read_text()
    again = setup(tmp_path, *DOMAIN)
    assert (again.returncode, file.read_text()) == (1, before)
    assert "keep it" in again.stderr
    used = {*re.findall(r"\$\{([A-Z_]+):\?", COMPOSE), *re.findall(r"\$\{(VAPID_\w+):-\}", COMPOSE)}
    assert used == {*said}


@pytest.mark.parametrize("words", [(), DOMAIN[:2], ("a'b", *DOMAIN[1:]), ("a\nb", *DOMAIN[1:])])
def test_setup_refuses_what_it_cannot_write(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert setup(tmp_path, *words).returncode == 2
    assert [each.name for each in tmp_path.iterdir()] == ["setup"]


class Backups:
    """A database with a table, and the two scripts run against it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.url = url_of(name)
        parts = urlsplit(self.url)
        self.environ = os.environ | {
            "PGHOST": parts.hostname or "",
            "PGPORT": str(parts.port),
            "PGUSER": parts.username or "",
            "PGPASSWORD": parts.password or "",
            "PGDATABASE": name,
            "OWNER": parts.username or "",
            "FOLDER": str(folder),
            "KEEP": "2",
        }
        run_sql(self.url, "CREATE TABLE t (n int PRIMARY KEY)", "INSERT INTO t VALUES (1), (2)")

    def run(self, script: str, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [HERE / script, *words], env=self.environ, capture_output=True, text=True
        )

    @property
    def files(self) -> list[str]:
        return sorted(each.name for each in self.folder.iterdir())

    @property
    def rows(self) -> list[int]:
        return [n for (n,) in run_sql(self.url, "SELECT n FROM t ORDER BY n")]

    def others(self) -> list[str]:
        """The databases that were set aside."""
        found = run_sql(url_of("postgres"), "SELECT datname FROM pg_database")
        return [name for (name,) in found if name.startswith(f"{self.name}_")]


def client_version() -> int:
    """The major version of the programs that back up; 0 where they are not installed."""
    if shutil.which("pg_dump") is None:
        return 0
    said = subprocess.run(["pg_dump", "--version"], capture_output=True, text=True, check=True)
    return int(re.findall(r"\d+", said.stdout)[0])


@pytest.fixture
def backups(db: None, tmp_path: Path) -> Iterator[Backups]:
    version = connection.cursor().connection.server_version // 10000
    if client_version() < version:
        pytest.skip(f"pg_dump is older than the server, PostgreSQL {version}")
    with a_database() as name:
        found = Backups(name, tmp_path)
        yield found
        for other in found.others():
            run_sql(url_of("postgres"), f'DROP DATABASE "{other}" WITH (FORCE)')


@pytest.mark.postgres
def test_a_backup_comes_back_and_what_was_there_stays_aside(backups: Backups) -> None:
    done = backups.run("backup")
    assert done.returncode == 0, done.stderr
    (file,) = backups.files
    run_sql(backups.url, "DELETE FROM t WHERE n = 1", "INSERT INTO t VALUES (3)")
    done = backups.run("restore", str(backups.folder / file))
    assert done.returncode == 0, done.stderr
    assert backups.rows == [1, 2]
    (aside,) = backups.others()
    assert aside in done.stdout
    assert run_sql(url_of(aside), "SELECT n FROM t ORDER BY n") == [(2,), (3,)]


@pytest.mark.postgres
def test_a_broken_backup_changes_nothing(backups: Backups) -> None:
    assert backups.run("backup").returncode == 0
    good = (backups.folder / backups.files[0]).read_bytes()
    broken = backups.folder / "broken"
    broken.write_bytes(good[: len(good) // 2])
    assert backups.run("restore", str(broken)).returncode != 0
    assert (backups.rows, backups.others()) == ([1, 2], [])


@pytest.mark.postgres
def test_a_restore_waits_for_nobody_and_loses_nothing(backups: Backups) -> None:
    """Somebody who is connected keeps the old database in its place."""
    assert backups.run("backup").returncode == 0
    connected = psycopg2.connect(backups.url)
    done = backups.run("restore", str(backups.folder / backups.files[0]))
    connected.close()
    assert done.returncode != 0
    assert "is being accessed by other users" in done.stderr
    assert backups.rows == [1, 2]


@pytest.mark.postgres
def test_the_newest_are_kept_and_a_failure_takes_none_away(backups: Backups) -> None:
    for day in ("20260101T000000Z", "20260102T000000Z", "20260103T000000Z"):
        (backups.folder / f"{day}.dump").touch()
    (backups.folder / "20260104T000000Z.dump.part").touch()
    before = backups.files
    backups.environ["PGDATABASE"] = "no_such_database"
    assert backups.run("backup").returncode != 0
    assert [file for file in before if file.endswith(".dump")] == backups.files
    backups.environ["PGDATABASE"] = backups.name
    assert backups.run("backup").returncode == 0
    assert len(backups.files) == 2
    assert backups.files[0] == "20260103T000000Z.dump"


class Caddy:
    """Caddy with the Caddyfile, but for its ports, its authority and where the service is."""

    def __init__(self, folder: Path, service: int) -> None:
        self.http, self.https = free_port(), free_port()
        here = (
            f"{{\n\tadmin off\n\thttp_port {self.http}\n\thttps_port {self.https}\n\tlocal_certs\n"
            "\tskip_install_trust\n\tdefault_bind 127.0.0.1\n"
        )
        text = (HERE / "Caddyfile").read_text()
        text = text.replace("{\n", here, 1).replace("app:8000", f"127.0.0.1:{service}")
        (folder / "Caddyfile").write_text(text)
        environ = os.environ | {"DOMAIN": "localhost", "XDG_DATA_HOME": str(folder)}
        environ["XDG_CONFIG_HOME"] = str(folder)
        self.authority = folder / "caddy/pki/authorities/local/root.crt"
        words = ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
        with (folder / "caddy.log").open("w") as log:
            self.process = subprocess.Popen(words, env=environ, stderr=log)
        until(self.answers, "Caddy")

    def answers(self) -> bool:
        with suppress(OSError):
            return self.get("/livez")[0] == 200
        return False

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        trust = ssl.create_default_context(cafile=str(self.authority))
        line = HTTPSConnection("localhost", self.https, context=trust, timeout=10)
        try:
            line.request("GET", path, headers=headers)
            answer = line.getresponse()
            return answer.status, answer.read().decode()
        finally:
            line.close()


@pytest.mark.once
@pytest.mark.skipif(shutil.which("caddy") is None, reason="caddy is not installed")
def test_caddy_speaks_https_for_the_service(
    transactional_db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUSTED_PROXY_COUNT", "1")
    server = Server(tmp_path / "log", host="localhost")
    caddy = None
    try:
        until(server.answers, "gunicorn")
        caddy = Caddy(tmp_path, server.site.port)
        token = {"Authorization": f"Bearer {server.site.token}"}
        assert caddy.get("/api/profile", **token)[0] == 200
        # What a client says about itself does not count.
        said = {"X-Forwarded-Proto": "http", "X-Forwarded-For": "203.0.113.9"}
        assert caddy.get("/api/profile", **token, **said)[0] == 200
        with socket.create_connection(("127.0.0.1", caddy.http), timeout=10) as plain:
            plain.sendall(b"GET /api HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = plain.recv(1000)
        assert answer.startswith(b"HTTP/1.1 308 ")
        assert b"Location: https://localhost" in answer
    finally:
        server.kill()
        server.process.wait()
        if caddy is not None:
            caddy.process.terminate()
            caddy.process.wait()
