"""Finds programs and ports of this machine, for tests and for proofs."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
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


def find(name: str) -> str | None:
    """Return the path of a tool; None if the machine has none."""
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
