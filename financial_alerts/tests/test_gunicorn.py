"""gunicorn as production starts it: its settings, how it logs, and an end that loses nothing."""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from accounts.models import ApiToken
from budget.models import Transaction
from financial_alerts.tests.test_env import KEY
from tools.programs import free_port
from tools.traffic import Clients, Site, SlowPost, soon, until

# With PostgreSQL `make rehearse` ends it under load.
pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]
GUNICORN = [sys.executable, "-m", "gunicorn", "--config", str(ROOT / "gunicorn.conf.py")]
SERVICE = "financial_alerts.wsgi"
HOST = "alerts.example.com"


def test_it_fits_a_load_balancer_and_a_read_only_file_system() -> None:
    conf = configuration()
    assert conf["keepalive"] > 60, "an ALB keeps an idle connection for 60 s"
    assert conf["graceful_timeout"] < 60
    assert conf["max_requests"] > conf["max_requests_jitter"] > 0
    assert conf["worker_tmp_dir"].startswith("/dev/")
    assert conf["control_socket_disable"] is True
    assert conf["accesslog"] is None
    assert conf["forwarded_allow_ips"] == ""
    assert conf["bind"] == ["127.0.0.1:8000"]
    assert conf["workers"] * conf["threads"] == 8


def test_its_size_and_place_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"WEB_CONCURRENCY": "3", "GUNICORN_THREADS": "5", "LISTEN_ADDRESS": "::", "PORT": "80"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    conf = configuration()
    assert (conf["workers"], conf["threads"], conf["bind"]) == (3, 5, ["[::]:80"])


@pytest.mark.parametrize("name", ["WEB_CONCURRENCY", "GUNICORN_THREADS", "PORT"])
@pytest.mark.parametrize("value", ["0", "-1", "2.5", "auto", "65536", "²"])
def test_a_number_that_is_none_is_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match=f"{name} must be a whole number from 1 to"):
        configuration()


def configuration() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "gunicorn.conf.py"))


class Server:
    """gunicorn on the tests' database, in a separate process group."""

    def __init__(self, log: Path, *options: str, service: str = SERVICE, host: str = HOST) -> None:
        port = free_port()
        self.log = log
        token = ApiToken.issue(User.objects.create_user("alice"), "test")[1]
        self.site = Site(port, host, token)
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "financial_alerts.settings",
            "SECRET_KEY": KEY,
            "ALLOWED_HOSTS": host,
            "DATABASE_URL": database_url(),
            "SECURE_SSL_REDIRECT": "true",
            "TRUST_X_FORWARDED_PROTO": "true",
            "LOG_LEVEL": "INFO",
            "PORT": str(port),
            # The static files are collected only into an image, and WhiteNoise misses them here.
            "PYTHONWARNINGS": "ignore:No directory at:UserWarning",
        }
        with log.open("w") as stderr:
            self.process = subprocess.Popen(
                [*GUNICORN, *options, service],
                cwd=ROOT,
                env=environment,
                stderr=stderr,
                start_new_session=True,
            )

    def answers(self) -> bool:
        return self.site.lives()

    def terminate(self) -> None:
        self.process.terminate()

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


def database_url() -> str:
    """The URL of the database that this test is on."""
    return f"sqlite:///{connection.settings_dict['NAME']}"


Start = Callable[..., Server]


@pytest.fixture
def start(transactional_db: None, tmp_path: Path) -> Iterator[Start]:
    servers = []

    def begin(*options: str, service: str = SERVICE) -> Server:
        server = Server(tmp_path / "log", *options, service=service)
        servers.append(server)
        until(server.answers, "gunicorn")
        return server

    yield begin
    for server in servers:
        if server.process.poll() is None:
            server.kill()
        server.process.wait()


def stored() -> set[str | None]:
    return set(Transaction.objects.values_list("external_id", flat=True))


@dataclass(frozen=True)
class Outcome:
    """What was seen of an end: faults() says what is wrong with it."""

    refused: bool
    finished: int | None
    clients: Clients

    def faults(self, stored: Set[str | None]) -> list[str]:
        """Give each promise that was broken, in words; `stored` are the keys in the database."""
        found = []
        if not self.refused:
            found.append("new connections were not refused while a request was running")
        if self.finished != HTTPStatus.CREATED:
            found.append(f"the running request ended with {self.finished}")
        # A connection that ends without an answer promised nothing.
        if wrong := sorted(filter(str.isdigit, self.clients.failed)):
            found.append(f"clients saw errors: {wrong}")
        return [*found, *self.clients.lost(stored)]


def end(
    site: Site, terminate: Callable[[], None], pause: float = 0.5, patience: float = 10.0
) -> Outcome:
    """Write, begin a slow request, end the service, and finish the request `pause` s later."""
    clients = Clients([site] * 3, "client")
    clients.start(20)
    slow = SlowPost(site, "slow")
    terminate()
    refused = soon(site.refuses, patience)
    time.sleep(pause)
    finished = slow.finish()
    clients.stop()
    if finished == HTTPStatus.CREATED:
        clients.acknowledged.append("slow")
    return Outcome(refused, finished, clients)


def test_sigterm_ends_it_and_nothing_is_lost(start: Start) -> None:
    server = start()
    outcome = end(server.site, server.terminate)
    assert server.process.wait(60) == 0
    assert outcome.faults(stored()) == []
    assert len(outcome.clients.acknowledged) >= 20


def test_a_request_that_is_cut_is_seen(start: Start) -> None:
    server = start("--graceful-timeout", "1")
    outcome = end(server.site, server.terminate, pause=4)
    server.process.wait(60)
    assert outcome.faults(stored()) == ["the running request ended with None"]


def test_a_kill_is_seen(start: Start) -> None:
    server = start()
    outcome = end(server.site, server.kill)
    assert outcome.faults(stored()) == ["the running request ended with None"]


def test_connections_that_are_taken_in_and_never_answered_are_seen(
    start: Start, tmp_path: Path
) -> None:
    plain = tmp_path / "plain.conf.py"
    plain.write_text(f"{(ROOT / 'gunicorn.conf.py').read_text()}\n\ndel when_ready\n")
    server = start("--config", str(plain))
    outcome = end(server.site, server.terminate, patience=2)
    assert outcome.faults(stored())[0].startswith("new connections were not refused")


def test_a_write_that_is_acknowledged_too_early_is_seen(start: Start) -> None:
    server = start(service="financial_alerts.tests.eager")
    outcome = end(server.site, server.terminate)
    assert server.process.wait(60) == 0
    assert "acknowledged writes are lost" in outcome.faults(stored())[-1]


def test_workers_that_are_replaced_cut_nobody_off(start: Start) -> None:
    server = start("--max-requests", "15", "--max-requests-jitter", "5")
    clients = Clients([server.site] * 3, "client")
    # Each worker answers 20 requests at most: these are a read for every write, too.
    clients.start(60)
    clients.stop()
    assert (clients.failed, clients.lost(stored())) == ({}, [])
    booted = [line for line in server.lines if line["message"].startswith("Booting worker")]
    assert len(booted) >= 4


def test_no_connection_is_made_before_the_fork() -> None:
    """Two processes that share one connection of PostgreSQL read each other's answers."""
    load = f"import {SERVICE}; from django.db import connection; print(connection.connection)"
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "financial_alerts.settings",
        "DATABASE_URL": database_url(),
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", load],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("None\n", "")


LOADED_BY_A_REQUEST = f"""
import sys
from django.test import RequestFactory
from {SERVICE} import application
def ours():
    return {{name for name in sys.modules if name.split(".")[0] in ("accounts", "api", "allauth")}}
before = ours()
print(application(RequestFactory().get("/api/profile").environ, lambda *words: None).status_code)
print(sorted(ours() - before))
"""


def test_all_is_loaded_before_the_fork() -> None:
    """What the first request of each worker has to load is slow then, and in no shared memory."""
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "financial_alerts.settings",
        "DATABASE_URL": "sqlite:///:memory:",
        "ALLOWED_HOSTS": "testserver",
        "SECURE_SSL_REDIRECT": "false",
        "LOG_LEVEL": "ERROR",
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOADED_BY_A_REQUEST],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("401\n[]\n", "")


def test_every_line_is_json_and_probes_have_none(start: Start) -> None:
    server = start()
    assert server.site.get("/api/profile", **server.site.headers)[0] == 200
    server.terminate()
    assert server.process.wait(60) == 0
    loggers = [line["logger"] for line in server.lines]
    assert loggers.count("financial_alerts.access") == 1
    assert set(loggers) == {"gunicorn.error", "financial_alerts.access"}
    assert any("Starting gunicorn" in line["message"] for line in server.lines)


def test_after_sighup_it_logs_as_before(start: Start) -> None:
    server = start()

    def lines(start: str) -> int:
        return sum(line["message"].startswith(start) for line in server.lines)

    def access() -> list[dict[str, Any]]:
        return [line for line in server.lines if line["logger"] == "financial_alerts.access"]

    until(lambda: lines("Booting worker") == 2, "both workers")
    server.process.send_signal(signal.SIGHUP)
    until(lambda: lines("Worker exiting") == 2, "the end of the old workers")
    headers = {**server.site.headers, "X-Request-ID": "after-sighup"}
    for _ in range(20):
        assert server.site.get("/api/profile", **headers)[0] == 200
    until(lambda: len(access()) == 20, "lines of the requests")
    assert {line.get("request_id") for line in access()} == {"after-sighup"}


def test_settings_that_do_not_load_end_it_at_once(tmp_path: Path) -> None:
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "financial_alerts.settings",
        "SECRET_KEY": "short",
    }
    done = subprocess.run(
        [*GUNICORN, SERVICE], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert "SECRET_KEY: too weak" in done.stderr
