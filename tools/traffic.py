"""Clients that find out what an end of the service loses: a slow request and many quick ones."""

from __future__ import annotations

import http.client
import itertools
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence, Set
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus

# Seconds after which a client gives up on an answer, or on seeing what it waits for.
PATIENCE = 30.0
# What a load balancer's probe says, which knows a machine only by its address.
FOREIGN = "10.0.1.23"
PATHS = {"POST": "/api/transaction", "GET": "/api/transaction?limit=5"}


@dataclass(frozen=True)
class Site:
    """A service on this machine, as its load balancer sees it, and a token that may write."""

    port: int
    host: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {
            "Host": self.host,
            "X-Forwarded-Proto": "https",
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
        }

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        """Give status and body. Raises OSError where nobody answers."""
        with closing(self.connect()) as connection:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def lives(self) -> bool:
        """Whether /livez answers a load balancer's probe."""
        try:
            return self.get("/livez", Host=FOREIGN)[0] == HTTPStatus.OK
        except OSError:
            return False

    def refuses(self) -> bool:
        """Tell whether a new connection is refused, rather than taken in."""
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
        return False


def transaction(key: str) -> bytes:
    """Give the body of one write; `key` finds its row again."""
    row = {"date": "2026-03-31", "amount": "1.00", "category": "Bread", "external_id": key}
    return json.dumps(row).encode()


class SlowPost:
    """A write whose second half comes when it is asked for: in flight for as long as one likes."""

    def __init__(self, site: Site, key: str) -> None:
        self.body = transaction(key)
        self.connection = site.connect()
        self.connection.putrequest("POST", "/api/transaction", skip_host=True)
        for name, value in site.headers.items():
            self.connection.putheader(name, value)
        self.connection.putheader("Content-Length", str(len(self.body)))
        # The server answers this at once, which tells that it has taken the request on.
        self.connection.putheader("Expect", "100-continue")
        self.connection.endheaders()
        said = self.connection.sock.recv(1024)
        if not said.startswith(b"HTTP/1.1 100 "):
            raise ConnectionError(f"no 100 Continue: {said!r}")
        self.connection.send(self.body[:10])

    def finish(self) -> int | None:
        """Send the rest and give the status of the answer, or None without one."""
        try:
            self.connection.send(self.body[10:])
            answer = self.connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            self.connection.close()
        return answer.status


class Clients:
    """Threads that each write and read, one request after the other, and repeat none.

    sites: the service, once for each thread. name: what the keys of their rows begin with.
    pause: seconds between requests.
    """

    def __init__(self, sites: Sequence[Site], name: str, pause: float = 0.0) -> None:
        self.sites, self.name, self.pause = sites, name, pause
        self.threads: list[threading.Thread] = []
        self.acknowledged: list[str] = []
        # Each answer that was not due, by its status, and each request without one, by its error.
        self.failed: Counter[str] = Counter()
        self.slowest = 0.0
        self.stopping = False

    def start(self, least: int = 20) -> None:
        """Start them, and wait for so many writes."""
        for number, site in enumerate(self.sites):
            arguments = (site, f"{self.name}-{number}")
            self.threads.append(threading.Thread(target=self.run, args=arguments, daemon=True))
            self.threads[-1].start()
        until(lambda: len(self.acknowledged) >= least or self.failed.total() > 0, "writes")

    def stop(self) -> None:
        """Let each finish its request."""
        self.stopping = True
        for thread in self.threads:
            thread.join(PATIENCE)

    def run(self, site: Site, name: str) -> None:
        with closing(site.connect()) as connection:
            for number in itertools.count():
                if self.stopping:
                    return
                key = f"{name}-{number}"
                if self.ask(connection, site, "POST", transaction(key), HTTPStatus.CREATED):
                    self.acknowledged.append(key)
                self.ask(connection, site, "GET", None, HTTPStatus.OK)

    def ask(
        self,
        connection: http.client.HTTPConnection,
        site: Site,
        method: str,
        body: bytes | None,
        due: HTTPStatus,
    ) -> bool:
        """Send one request; True if its answer has the status that is due."""
        begun = time.monotonic()
        try:
            connection.request(method, PATHS[method], body, headers=site.headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.failed[type(error).__name__] += 1
            connection.close()
            time.sleep(0.05)
            return False
        self.slowest = max(self.slowest, time.monotonic() - begun)
        if answer.status != due:
            self.failed[str(answer.status)] += 1
        time.sleep(self.pause)
        return answer.status == due

    def lost(self, stored: Set[str | None]) -> list[str]:
        """Say which acknowledged writes are not among the keys that are stored; [] for none."""
        lost = sorted(set(self.acknowledged) - stored)
        return [f"{len(lost)} acknowledged writes are lost: {', '.join(lost[:3])}"] if lost else []

    def __str__(self) -> str:
        """Say what was done, in a line."""
        return f"{len(self.acknowledged)} writes, the slowest answer {self.slowest * 1000:.0f} ms"


def soon(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Tell whether a condition comes true within so many seconds."""
    limit = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < limit:
        time.sleep(0.05)
    return met


def until(condition: Callable[[], bool], name: str) -> None:
    """Wait for a condition. Raises TimeoutError, naming it, where it does not come true."""
    if not soon(condition, PATIENCE):
        raise TimeoutError(name)
