"""Servers, started for a run and watched by /proc: the service, its peers, the floor."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg2
from psycopg2.extensions import connection as Connection

from benchmarks.start import environment_of

ROOT = Path(__file__).resolve().parent.parent
# Where `make bench` installs what benchmarks/peers needs.
PEERS = ROOT / ".deploy" / "peers" / "bin" / "python"
OURS, FLOOR = "ours", "floor"
WORKERS = 2
# Seconds until a server has to answer, and until it has to be gone.
PATIENCE = 30
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
BACKENDS = """
SELECT pid FROM pg_stat_activity WHERE datname = current_database()
AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True)
class Command:
    """How to start a server: {port} stands for the port that it is to listen on."""

    line: Sequence[str]
    environment: Mapping[str, str]


@dataclass
class Server:
    """A server that runs. database: for a look at its backends. log: where it prints."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    database: Connection
    log: Path

    def ask(
        self, path: str, token: str, body: bytes | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """One request; status, headers and body of the answer."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        url = f"http://127.0.0.1:{self.port}{path}"
        try:
            request = urllib.request.Request(url, body, headers)
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 - http
                return answer.status, dict(answer.headers), answer.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read()

    @property
    def workers(self) -> list[int]:
        """The ids of the processes that the server has started."""
        pid = self.process.pid
        return [*map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]

    def cpu(self) -> float:
        """CPU seconds of its processes so far, those that have ended included."""
        return cpu_of(self.process.pid, ended=True) + sum(map(cpu_of, self.workers))

    def database_cpu(self) -> dict[int, float]:
        """CPU seconds so far of PostgreSQL's processes for its database, by their ids."""
        with self.database.cursor() as cursor:
            cursor.execute(BACKENDS)
            return {pid: cpu_of(pid) for (pid,) in cursor.fetchall()}


def cpu_of(pid: int, *, ended: bool = False) -> float:
    """Seconds of a process; ended: with those of its children that have ended. 0 if it is gone."""
    try:
        # The name in brackets may hold blanks; user and system time stand 14th and 15th.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11 : 15 if ended else 13])) / TICKS_A_SECOND


def service(url: str, *options: str) -> Command:
    """The service as in production, but without throttles. options: more of gunicorn's."""
    gunicorn = [sys.executable, "-m", "gunicorn", "--config=gunicorn.conf.py", *options]
    environment = environment_of(url) | {
        "WEB_CONCURRENCY": str(WORKERS),
        # Each request is logged.
        "LOG_LEVEL": "INFO",
        "PORT": "{port}",
    }
    return Command([*gunicorn, "financial_alerts.wsgi"], environment)


def services(url: str) -> dict[str, Command]:
    """What is compared: the peers, the floor and the service, each on the same database."""
    gunicorn = [str(PEERS), "-m", "gunicorn", "--config=benchmarks/peers/gunicorn.conf.py"]
    gunicorn.append("--bind=127.0.0.1:{port}")
    uvicorn = [str(PEERS), "-m", "uvicorn", f"--workers={WORKERS}", "--port={port}"]
    django = [*gunicorn, "django.core.wsgi:get_wsgi_application()"]
    fastapi = [*uvicorn, "--no-access-log", "benchmarks.peers.with_fastapi:app"]
    settings = {"DJANGO_SETTINGS_MODULE": "benchmarks.peers.settings", "SECRET_KEY": "x" * 60}
    base = {"DATABASE_URL": url, **settings}
    return {
        "DRF": Command(django, base | {"PEER": "with_drf"}),
        "ninja": Command(django, base | {"PEER": "with_ninja"}),
        "FastAPI": Command(fastapi, base),
        FLOOR: Command([*gunicorn, "benchmarks.peers.floor:application"], base),
        OURS: service(url),
    }


@contextmanager
def serving(name: str, command: Command, url: str) -> Iterator[Server]:
    """Start a server, wait for its first answer, and stop it in the end.

    Raises RuntimeError if it does not answer.
    """
    port = str(free_port())
    environment = {"PATH": os.environ["PATH"], **command.environment}
    with (
        closing(psycopg2.connect(url)) as database,
        TemporaryDirectory(prefix="financial-alerts-bench-") as folder,
        Path(folder, "log").open("wb") as log,
    ):
        database.autocommit = True
        process = subprocess.Popen(
            [part.replace("{port}", port) for part in command.line],
            cwd=ROOT,
            env={key: value.replace("{port}", port) for key, value in environment.items()},
            stdout=log,
            stderr=log,
        )
        server = Server(name, int(port), process, database, Path(log.name))
        try:
            await_answer(server)
            yield server
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_answer(server: Server) -> None:
    """Wait until there is any answer. Raises RuntimeError, with what the server has printed."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and server.process.poll() is None:
        try:
            server.ask("/api/profile", "nobody")
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise RuntimeError(f"{server.name} does not answer: {server.log.read_text()[-2000:]}")
