"""The programs of a run: each in a separate process group, with its log in the run's folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lib.env import VARIABLES
from tools.programs import PATH, ROOT, UNPRIVILEGED, Broken, find

# Seconds that any program has to end in.
PATIENCE = 60.0


def base() -> dict[str, str]:
    """Return an environment that says nothing about the service yet."""
    left = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return left | {"PATH": PATH}


class Place:
    """A folder for one run, removed in the end with every program that was started in it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="financial-alerts-proof-"))
        self.programs: list[Program] = []
        if UNPRIVILEGED:
            shutil.chown(self.folder, UNPRIVILEGED)

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *error: object) -> None:
        # The first signal lets PostgreSQL and gunicorn end their children.
        for number, seconds in ((signal.SIGQUIT, 2.0), (signal.SIGKILL, PATIENCE)):
            for program in self.programs:
                program.stop(number, seconds)
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, name: str, text: str) -> str:
        """Write a file that every program of the run may read; give its path."""
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def program(
        self,
        name: str,
        *command: str,
        environ: Mapping[str, str] | None = None,
        plain: bool = False,
    ) -> Program:
        """Name a program, not started yet; a plain one runs as the unprivileged user."""
        words = (find(command[0]) or command[0], *command[1:])
        made = Program(self, name, words, {**base(), **(environ or {})}, plain)
        self.programs.append(made)
        return made

    def call(
        self, *command: str, environ: Mapping[str, str] | None = None, plain: bool = False
    ) -> str:
        """Run a command to its end and give its output. Raises Broken if it fails."""
        done = subprocess.run(
            [find(command[0]) or command[0], *command[1:]],
            cwd=self.folder if plain else ROOT,
            env={**base(), **(environ or {})},
            user=UNPRIVILEGED if plain else None,
            capture_output=True,
            text=True,
            timeout=300,
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
    command: tuple[str, ...]
    environ: Mapping[str, str]
    plain: bool
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def log(self) -> Path:
        return self.place.folder / f"{self.name}.log"

    @property
    def running(self) -> subprocess.Popen[bytes]:
        if self.process is None:
            raise Broken(f"{self.name} was not started")
        return self.process

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.place.folder if self.plain else ROOT,
                env=dict(self.environ),
                user=UNPRIVILEGED if self.plain else None,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send its first process a signal, and give its exit code. Raises Broken."""
        self.running.send_signal(number)
        try:
            return self.running.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise Broken(f"{self.name} does not end") from None

    def kill(self) -> None:
        """End it and its children, as a machine that loses power does."""
        os.killpg(self.running.pid, signal.SIGKILL)
        self.running.wait(PATIENCE)

    def stop(self, number: int, seconds: float) -> None:
        """Send a signal to it and its children, if they run, and wait so long."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)

    def tail(self, lines: int = 12) -> str:
        """Give the end of its log, long lines cut."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(line[:300] for line in text.splitlines()[-lines:])
