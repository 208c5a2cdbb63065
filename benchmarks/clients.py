"""What a client process does in its turn: one kind of write, again and again, with a watch."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

from django.contrib.auth.models import User
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application
from django.db import connection, models

from accounts.models import ApiToken
from benchmarks import urls
from benchmarks.book import LARGE, PLAIN, Person, people, row_of

SMALL = Decimal("12.34")
ENGINE = "engine"
TICKS_A_SECOND = 100  # what /proc counts in, on every Linux
HERE = ("", "localhost", "127.0.0.1", "::1")
rows, visits = count(), count()


@dataclass(frozen=True)
class Turn:
    """What came of one turn. server: CPU seconds of the connection's backend, None if unknown."""

    times: list[float]
    seconds: float
    client: float
    server: float | None


def plain_save(who: Person, number: int) -> None:
    models.Model.save(row_of(who, number, PLAIN, SMALL))


def engine_save(who: Person, number: int) -> None:
    row_of(who, number, ENGINE, SMALL).save()


def flipping_save(who: Person, number: int) -> None:
    """Opens both alerts of the threshold on single transactions."""
    row_of(who, number, ENGINE, LARGE).save()


def plain_post(who: Person, number: int) -> None:
    post(f"/{urls.PLAIN}", who, number, PLAIN)


def engine_post(who: Person, number: int) -> None:
    post("/api/transaction", who, number, ENGINE)


@cache
def token_of(user: User) -> str:
    return ApiToken.issue(user, "benchmark")[1]


@cache
def application() -> WSGIHandler:
    return get_wsgi_application()


def post(path: str, who: Person, number: int, description: str) -> None:
    """One request through the whole of the WSGI application, as a server hands it over.

    Raises RuntimeError for any answer but 201.
    """
    row = row_of(who, number, description, SMALL)
    body = json.dumps(
        {
            "date": row.date.isoformat(),
            "category": row.category.name,
            "description": row.description,
            "amount": str(row.amount),
            "type": "expense",
        }
    ).encode()
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_AUTHORIZATION": f"Bearer {token_of(who.user)}",
        "wsgi.input": BytesIO(body),
    }
    setup_testing_defaults(environ)
    said: list[str] = []
    answer: Any = application()  # takes any callable, where its stub wants one of WSGI's own kind
    response = answer(environ, lambda status, headers: said.append(status))
    text = b"".join(response)
    response.close()
    if said != ["201 Created"]:
        raise RuntimeError(f"{path} answered {said}: {text.decode()}")


Write = Callable[[Person, int], None]


def take_turn(write: Write, user_ids: Sequence[int], seconds: float, begin: float = 0.0) -> Turn:
    """Write for some seconds, for one user after another; begin: a time of the monotonic clock."""
    return watch(write, around(user_ids), seconds, begin)


def take_round(write: Write, user_ids: Sequence[int]) -> Turn:
    """Write once for each user."""
    return watch(write, [people[user_id] for user_id in user_ids], float("inf"))


def around(user_ids: Sequence[int]) -> Iterator[Person]:
    """The users in turn, on from where this client stopped the last time."""
    while True:
        yield people[user_ids[next(visits) % len(user_ids)]]


def watch(write: Write, whom: Iterable[Person], seconds: float, begin: float = 0.0) -> Turn:
    server = server_cpu()
    time.sleep(max(0.0, begin - time.monotonic()))
    times: list[float] = []
    cpu, started = time.process_time(), time.perf_counter()
    last = started
    for who in whom:
        write(who, next(rows))
        now = time.perf_counter()
        times.append(now - last)
        last = now
        if now - started >= seconds:
            break
    client = time.process_time() - cpu
    after = server_cpu()
    used = None if server is None or after is None else after - server
    return Turn(times, last - started, client, used)


def server_cpu() -> float | None:
    """CPU seconds of this connection's backend so far, where it is a process of this machine."""
    if connection.vendor != "postgresql" or connection.settings_dict["HOST"] not in HERE:
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        process = Path("/proc", str(cursor.fetchone()[0]))
    try:
        if (process / "comm").read_text().strip() != "postgres":
            return None
        # The name in brackets may hold blanks; user and system time stand 14th and 15th.
        fields = (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND
