"""The programs of a run: each in a process group of its own, with its log in the run's folder."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from financial_alerts.env import VARIABLES

ROOT = Path(__file__).resolve().parent.parent.parent
# Seconds that any program has to start or to end in.
PATIENCE = 60.0
# PostgreSQL and PgBouncer refuse to run as root; this user owns nothing on the machine.
UNPRIVILEGED = "nobody" if os.geteuid() == 0 else None
# Debian keeps some tools where only root's PATH looks, and those of PostgreSQL by version.
ELSEWHERE = (
    *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True),
    "/usr/sbin",
)
PATH = ":".join((*ELSEWHERE, os.environ.get("PATH", os.defpath)))


class Broken(Exception):
    """A program of the run does not do what it must; the text says which."""


def base() -> dict[str, str]:
    """Give an environment in which nothing is said about the service yet."""
    left = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return left | {"PATH": PATH}


def find(name: str) -> str | None:
    """Give the path of a tool; None where the machine has none."""
    return shutil.which(name, path=PATH)


# What free_port() has given; the system may offer the same port again before anybody listens there.
_given: set[int] = set()


def free_port() -> int:
    """Give a port at which nobody listens, and never one twice."""
    while True:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port


def wait_for(condition: Callable[[], bool], name: str, seconds: float = PATIENCE) -> float:
    """Wait until a condition holds, and give the seconds it took. Raises Broken after `seconds`."""
    begun = time.monotonic()
    while not condition():
        if time.monotonic() - begun > seconds:
            raise Broken(f"{name}: not within {seconds:g} s")
        time.sleep(0.05)
    return time.monotonic() - begun


def listens(port: int, host: str = "127.0.0.1") -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


class Place:
    """A folder for one run, which a janitor removes with every program that was started in it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="financial-alerts-machines-"))
        self.programs: list[Program] = []
        # No other process inherits the end that is written to: it closes with this one.
        read, write = os.pipe()
        self.pipe = os.fdopen(write, "w")
        self.janitor = subprocess.Popen(
            [sys.executable, "-m", "deploy.machines.janitor", str(self.folder)],
            cwd=ROOT,
            stdin=read,
            start_new_session=True,
        )
        os.close(read)
        if UNPRIVILEGED:
            shutil.chown(self.folder, UNPRIVILEGED)

    def __enter__(self) -> Place:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Have everything ended and removed."""
        self.pipe.close()
        # What has ended is waited for here, as long as the janitor waits for it to be gone.
        while self.janitor.poll() is None:
            for program in self.programs:
                if program.process is not None:
                    program.process.poll()
            time.sleep(0.05)
        for program in self.programs:
            if program.process is not None:
                program.process.wait()

    def tell(self, word: str, pid: int) -> None:
        """Tell the janitor of a process group that was "started", or is "gone"."""
        self.pipe.write(f"{word} {pid}\n")
        self.pipe.flush()

    def program(
        self,
        name: str,
        *command: str,
        environ: Mapping[str, str] | None = None,
        plain: bool = False,
    ) -> Program:
        """Name a program, not started yet; a plain one runs as the unprivileged user."""
        log = self.folder / f"{name}.log"
        user = UNPRIVILEGED if plain else None
        made = Program(self, name, command, {**base(), **(environ or {})}, log, user)
        self.programs.append(made)
        return made

    def call(
        self, *command: str, environ: Mapping[str, str] | None = None, plain: bool = False
    ) -> str:
        """Run a command to its end and give what it printed.

        Raises Broken, with the end of what it said, where it fails.
        """
        done = subprocess.run(
            command,
            cwd=self.folder if plain else ROOT,
            env={**base(), **(environ or {})},
            user=UNPRIVILEGED if plain else None,
            capture_output=True,
            text=True,
            timeout=120,
        )
        if done.returncode:
            said = (done.stdout + done.stderr)[-2000:]
            raise Broken(f"{Path(command[0]).name} {' '.join(command[1:3])} failed:\n{said}")
        return done.stdout


@dataclass
class Program:
    """One program that is started, ended and started again."""

    place: Place
    name: str
    command: Sequence[str]
    environ: Mapping[str, str]
    log: Path
    user: str | None
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def running(self) -> subprocess.Popen[bytes]:
        if self.process is None:
            raise Broken(f"{self.name} was not started")
        return self.process

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.place.folder if self.user else ROOT,
                env=dict(self.environ),
                user=self.user,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.place.tell("started", self.process.pid)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send its first process a signal, and give what it ended with. Raises Broken."""
        self.running.send_signal(number)
        return self.gone()

    def kill(self) -> None:
        """End it and its children as a machine that loses power does."""
        os.killpg(self.running.pid, signal.SIGKILL)
        self.gone()

    def gone(self) -> int:
        try:
            code = self.running.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Broken(f"{self.name} does not end") from None
        self.place.tell("gone", self.running.pid)
        return code

    def tail(self, lines: int = 12) -> str:
        """Give the end of its log, long lines cut."""
        if not self.log.exists():
            return ""
        return "\n".join(
            line[:300] for line in self.log.read_text(errors="replace").splitlines()[-lines:]
        )

    def failures(self) -> list[str]:
        """Give what a host's log says of each failure: the exception, and where it was raised."""
        found = []
        for line in self.log.read_text(errors="replace").splitlines() if self.log.exists() else ():
            with contextlib.suppress(ValueError):
                said = json.loads(line)
                if isinstance(said, dict) and said.get("error"):
                    found.append(f"{said.get('message')}\n{str(said['error'])[-1500:]}")
        return found
