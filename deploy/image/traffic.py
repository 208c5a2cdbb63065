"""Clients that find out what an end of the service loses: a slow request and many quick ones."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Set
from contextlib import closing
from dataclasses import dataclass, field
from http import HTTPStatus

# Seconds after which a client gives up on an answer, or on seeing what it waits for.
PATIENCE = 30.0
# What a load balancer's probe says, which knows a machine by its address alone.
FOREIGN = "10.0.1.23"


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
        """Send the rest and give the status of the answer, or None where there is none."""
        try:
            self.connection.send(self.body[10:])
            answer = self.connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            self.connection.close()
        return answer.status


@dataclass
class Writers:
    """Threads that write one row after another until nobody answers any more."""

    site: Site
    threads: list[threading.Thread] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    wrong: list[int] = field(default_factory=list)
    """Statuses other than 201: an end must not show as an error, either."""
    cut: int = 0
    """Connections that ended before an answer came."""
    stopping: bool = False

    def start(self, clients: int) -> None:
        for client in range(clients):
            thread = threading.Thread(target=self.write, args=(f"client-{client}",))
            thread.start()
            self.threads.append(thread)

    def write(self, name: str) -> None:
        with closing(self.site.connect()) as connection:
            for number in range(100_000):
                if self.stopping:
                    return
                try:
                    self.send(connection, f"{name}-{number}")
                except ConnectionRefusedError:
                    return
                except (OSError, http.client.HTTPException):
                    # Nothing was promised. The next one connects anew.
                    connection.close()
                    self.cut += 1

    def send(self, connection: http.client.HTTPConnection, key: str) -> None:
        body = transaction(key)
        connection.request("POST", "/api/transaction", body, headers=self.site.headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status == HTTPStatus.CREATED:
            self.acknowledged.append(key)
        else:
            self.wrong.append(answer.status)

    def stop(self) -> None:
        """Let each finish the row that it is at."""
        self.stopping = True
        self.join()

    def join(self) -> None:
        for thread in self.threads:
            thread.join(PATIENCE)


@dataclass(frozen=True)
class Outcome:
    """What was seen of an end: faults() says what is wrong with it."""

    refused: bool
    finished: int | None
    acknowledged: tuple[str, ...]
    wrong: tuple[int, ...]

    def faults(self, stored: Set[str | None]) -> list[str]:
        """Give each promise that was broken, in words; `stored` are the keys in the database."""
        found = []
        if not self.refused:
            found.append("new connections were not refused while a request was running")
        if self.finished != HTTPStatus.CREATED:
            found.append(f"the running request ended with {self.finished}")
        if self.wrong:
            found.append(f"clients saw errors: {sorted(set(self.wrong))}")
        if lost := sorted(set(self.acknowledged) - stored):
            found.append(f"{len(lost)} acknowledged writes are lost: {', '.join(lost[:3])}")
        return found


def end(site: Site, terminate: Callable[[], None], clients: int = 3, pause: float = 0.5) -> Outcome:
    """Write, begin a slow request, end the service, and finish the request `pause` s later."""
    writers = Writers(site)
    writers.start(clients)
    until(lambda: len(writers.acknowledged) >= 20 * clients, "writes")
    slow = SlowPost(site, "slow")
    terminate()
    refused = soon(site.refuses)
    time.sleep(pause)
    finished = slow.finish()
    writers.join()
    acknowledged = [*writers.acknowledged, *(["slow"] if finished == HTTPStatus.CREATED else [])]
    return Outcome(refused, finished, tuple(acknowledged), tuple(writers.wrong))


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
