"""Clients that write and read all the time, and what they may hold against a release."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Sequence, Set
from contextlib import closing
from dataclasses import dataclass, field
from http import HTTPStatus

from deploy.image.traffic import PATIENCE, Site, transaction, until

# Seconds between a client's requests: the machine has other things to do during a release.
PAUSE = 0.03
# A load of fewer writes would show nothing.
LEAST = 20


@dataclass
class Clients:
    """Threads that each send one request after the other, and try none again."""

    sites: Sequence[Site]
    """The service once for each client, with a token of its own."""
    name: str
    """What the keys of their rows begin with."""
    threads: list[threading.Thread] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    read: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    """Every answer but the one that was due, and every request without one."""
    slowest: float = 0.0
    """Seconds."""
    stopping: bool = False

    def start(self) -> None:
        """Start them, and wait until all is under way."""
        for number, site in enumerate(self.sites):
            arguments = (site, f"{self.name}-{number}")
            thread = threading.Thread(target=self.run, args=arguments, daemon=True)
            thread.start()
            self.threads.append(thread)
        until(lambda: len(self.acknowledged) >= LEAST or self.failed.total() > 0, "writes")

    def stop(self) -> None:
        """Let each finish the request that it is at."""
        self.stopping = True
        for thread in self.threads:
            thread.join(PATIENCE)

    def run(self, site: Site, name: str) -> None:
        number = 0
        with closing(site.connect()) as connection:
            while not self.stopping:
                key = f"{name}-{number}"
                row = transaction(key)
                if self.ask(connection, site, "POST", "", row, HTTPStatus.CREATED):
                    self.acknowledged.append(key)
                if self.ask(connection, site, "GET", "?limit=5", None, HTTPStatus.OK):
                    self.read += 1
                number += 1

    def ask(
        self,
        connection: http.client.HTTPConnection,
        site: Site,
        method: str,
        query: str,
        body: bytes | None,
        due: HTTPStatus,
    ) -> bool:
        """Send one request, and tell whether it was answered as is due."""
        begun = time.monotonic()
        try:
            connection.request(method, f"/api/transaction{query}", body, headers=site.headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.failed[f"{method}: {type(error).__name__}"] += 1
            connection.close()
            time.sleep(PAUSE)
            return False
        self.slowest = max(self.slowest, time.monotonic() - begun)
        if answer.status != due:
            self.failed[f"{method}: {answer.status}"] += 1
        time.sleep(PAUSE)
        return answer.status == due

    def faults(self, stored: Set[str | None]) -> list[str]:
        """Give each promise that was broken, in words; `stored` are the keys in the database."""
        found = [f"{count} x {what}" for what, count in sorted(self.failed.items())]
        if len(self.acknowledged) < LEAST:
            found.append(f"only {len(self.acknowledged)} writes: that shows nothing")
        if lost := sorted(set(self.acknowledged) - stored):
            found.append(f"{len(lost)} acknowledged writes are lost: {', '.join(lost[:3])}")
        if any(thread.is_alive() for thread in self.threads):
            found.append("a client still waits for an answer")
        return found

    def __str__(self) -> str:
        """Say what was done, in a line."""
        sent = f"{len(self.acknowledged)} writes and {self.read} reads"
        return f"{sent}, the slowest {self.slowest * 1000:.0f} ms"
