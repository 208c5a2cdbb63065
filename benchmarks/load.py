"""Load by wrk: the same requests of many users, again and again, on several servers in turn."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from benchmarks.book import today
from benchmarks.measure import rounds_of
from benchmarks.serving import ROOT, Server

CONNECTIONS = 8
CATEGORY = "Category 3"
DONE = re.compile(r"^done (\d+) (\d+) (\d+) (\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Case:
    """A request that is repeated for all users. unchanged: with the ETag of its last answer."""

    name: str
    path: str
    body: bytes | None = None
    unchanged: bool = False

    def request(self, server: Server, token: str) -> bytes:
        """The request of a user, as it is sent."""
        headers = {"Host": "127.0.0.1", "Authorization": f"Bearer {token}"}
        if self.unchanged:
            headers["If-None-Match"] = server.ask(self.path, token)[1]["ETag"]
        if self.body is not None:
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(self.body))}
        method = "GET" if self.body is None else "POST"
        lines = [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([f"{method} {self.path} HTTP/1.1", *lines, "", ""])
        return head.encode() + (self.body or b"")


def purchase(**changes: str) -> Case:
    """A POST of a transaction."""
    body = {"date": today().isoformat(), "category": CATEGORY, "description": "Market"}
    body |= {"amount": "12.34", "type": "expense", **changes}
    return Case("POST transaction, alerts kept true", "/api/transaction", json.dumps(body).encode())


POST = purchase()
LIST = Case("GET 50 transactions", "/api/transaction?limit=50")
NARROW = Case("GET 50 of a category", f"{LIST.path}&category={quote(CATEGORY)}")
THRESHOLDS = Case("GET thresholds with totals", "/api/threshold")
ALERTS = Case("GET 50 alerts", "/api/alert?limit=50")
UNCHANGED = Case("GET 50 transactions, unchanged: 304", LIST.path, unchanged=True)


@dataclass(frozen=True)
class Asked:
    """Who is asked for what. tokens: one a user; the requests spread over them."""

    server: Server
    case: Case
    tokens: Sequence[str]
    connections: int = CONNECTIONS


@dataclass(frozen=True)
class Load:
    """What came of some seconds: requests a second, and CPU seconds a request.

    database: those of the processes that the server uses in PostgreSQL.
    """

    rate: float
    server: float
    database: float


def in_turn(
    asked: Mapping[str, Asked], rounds: int, seconds: float, what: str
) -> dict[str, list[Load]]:
    """Load one after another, round after round; by name, one value for each round."""
    found: dict[str, list[Load]] = defaultdict(list)
    with TemporaryDirectory(prefix="financial-alerts-bench-") as folder:
        for number, each in enumerate(asked.values()):
            requests = [each.case.request(each.server, token) for token in each.tokens]
            Path(folder, str(number)).write_bytes(b"\0".join(requests))
        for at, counts in enumerate(rounds_of(rounds, what)):
            for number, (name, each) in enumerate(asked.items()):
                # No round begins with the users of the one before.
                skip = at * 7919 % len(each.tokens)
                done = load(each.server, Path(folder, str(number)), skip, seconds, each.connections)
                if counts:
                    found[name].append(done)
    return found


def load(
    server: Server, requests: Path, skip: int, seconds: float, connections: int = CONNECTIONS
) -> Load:
    """Ask for some seconds. requests: a file, separated by NUL. skip: how many not to begin with.

    Raises RuntimeError if wrk is missing, or anything but success was answered.
    """
    own, database = server.cpu(), server.database_cpu()
    count, duration = run_wrk(server, requests, skip, seconds, connections)
    used = sum(now - database.get(pid, 0.0) for pid, now in server.database_cpu().items())
    return Load(count / duration, (server.cpu() - own) / count, used / count)


def run_wrk(
    server: Server, requests: Path, skip: int, seconds: float, connections: int
) -> tuple[int, float]:
    """How many requests were answered, in how many seconds."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise RuntimeError("wrk is missing: apt-get install wrk")
    options = ["--threads=1", f"--connections={connections}", f"--duration={seconds:.0f}s"]
    script = f"--script={ROOT / 'benchmarks' / 'wrk.lua'}"
    address = f"http://127.0.0.1:{server.port}"
    command = [wrk, *options, script, address, "--", str(requests), str(skip)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = DONE.search(said)
    if found is None:
        raise RuntimeError(f"wrk says: {said}")
    count, microseconds, refused, broken = map(int, found.groups())
    if refused or broken or not count:
        sent = requests.read_bytes().partition(b"\r\n")[0].decode()
        raise RuntimeError(f"{server.name}: {refused} refused, {broken} broken of {count}: {sent}")
    return count, microseconds / 1_000_000


def rates(found: Sequence[Load]) -> list[float]:
    return [load.rate for load in found]


def costs(found: Sequence[Load]) -> list[float]:
    """CPU seconds a request, of both."""
    return [load.server + load.database for load in found]
