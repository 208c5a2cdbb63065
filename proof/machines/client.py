"""A client of the service: random writes, each sent until it is answered, and reads that must show
what it was answered.

It edits only rows that it has made itself, in a separate category, so whatever others do at the
same time, it knows exactly what every read must show.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import quote

from proof.machines.faults import Sample
from tools.traffic import Site

# Seconds in which a write is answered, however often it is sent; between two tries; and, on
# average, between two requests of a client.
PATIENCE, PAUSE, REST = 60.0, 0.1, 0.04
ROWS = 30
DAYS_BACK, DAYS_AHEAD = 40, 5
TYPES = ("expense", "expense", "expense", "refund", "income", "transfer")
Body = dict[str, Any]
THRESHOLDS: tuple[Body, ...] = (
    {"type": "monthly", "amount": "150", "levels": [10, 40, 100]},
    {"type": "weekly", "amount": "60", "category": None, "levels": [80, 100]},
    {"type": "rolling", "days": 7, "amount": "40", "levels": [100]},
)


class Row(NamedTuple):
    """A transaction as the API tells it."""

    date: str
    category: str
    description: str
    amount: str
    type: str
    external_id: str | None


def row_of(told: Body) -> Row:
    return Row(**{name: told[name] for name in Row._fields})


class Client(threading.Thread):
    """One device of a user.

    rows: the last answer about each row; None: it is gone. wrong: answers that must not have been
    given, and what was never answered.
    """

    def __init__(
        self,
        number: int,
        site: Site,
        stop: threading.Event,
        samples: list[Sample],
        clock: Callable[[], float],
    ) -> None:
        super().__init__(name=f"client {number}", daemon=True)
        self.random = random.Random()  # noqa: S311 (not for secrets)
        self.site, self.stop, self.samples, self.clock = site, stop, samples, clock
        self.home = f"category {number}"
        self.rows: dict[int, Row | None] = {}
        self.wrong: list[str] = []
        self.made = 0
        self.last: tuple[Body, str, Body] | None = None
        self.connection = site.connect()

    @property
    def kept(self) -> dict[int, Row]:
        return {pk: row for pk, row in self.rows.items() if row is not None}

    def run(self) -> None:
        """Write and read until stopped, and look at everything once more."""
        writes = (self.create, self.create, self.edit, self.edit, self.delete, self.bulk)
        actions = (*writes, self.abandon, self.again, self.look, self.look, self.look)
        try:
            self.ask("POST", "/api/category", {"name": self.home}, str(uuid.uuid4()))
            while not self.stop.wait(self.random.uniform(0, 2 * REST)):
                action = self.random.choice(actions)
                if len(self.kept) > ROWS and action in (self.create, self.bulk, self.abandon):
                    action = self.delete
                action()
            self.look()
        except Exception as error:  # what it is, the verdict says
            self.wrong.append(f"it ended with {error!r}")
        finally:
            self.connection.close()

    def attempt(self, method: str, path: str, body: Body | None, key: str | None) -> Any:
        """Send a request once; status and body, or None where no answer came."""
        begun = self.clock()
        headers = self.site.headers | ({"Idempotency-Key": key} if key else {})
        error, answer = "", None
        try:
            sent = None if body is None else json.dumps(body)
            self.connection.request(method, path, sent, headers)
            response = self.connection.getresponse()
            text = response.read()
            if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                error = str(response.status)
            else:
                answer = response.status, json.loads(text)
        except (OSError, http.client.HTTPException, ValueError) as failure:
            error = type(failure).__name__
            self.connection.close()
        self.samples.append(Sample(begun, self.clock(), method != "GET", error))
        return answer

    def ask(self, method: str, path: str, body: Body | None = None, key: str | None = None) -> Any:
        """Send a request until it is answered; the body, or None where it never is.

        An answer that is a refusal is a fault of the service, but for two: a first request that is
        still running, and a row that is gone because an earlier try has deleted it.
        """
        until = time.monotonic() + PATIENCE
        tries = 0
        while time.monotonic() < until:
            tries += 1
            answer = self.attempt(method, path, body, key)
            if answer is not None:
                status, said = answer
                if status in (HTTPStatus.OK, HTTPStatus.CREATED):
                    return said
                if method == "DELETE" and tries > 1 and status == HTTPStatus.NOT_FOUND:
                    return {}
                if status != HTTPStatus.CONFLICT or "still-running" not in said["type"]:
                    self.wrong.append(f"{method} {path} {body}: {status} {said}")
                    return None
            time.sleep(PAUSE)
        self.wrong.append(f"never answered: {method} {path} {body}")
        return None

    def post(self, body: Body, key: str = "") -> Any:
        """Write rows with a key, by which they are written once however often they are sent."""
        key = key or str(uuid.uuid4())
        answer = self.ask("POST", "/api/transaction", body, key)
        if answer is not None:
            self.last = body, key, answer
        return answer

    def note(self, told: Body | None, sent: Body) -> None:
        """Note a row as it was acknowledged, which is as it was sent."""
        if told is None:
            return
        differ = {name: told[name] for name, value in sent.items() if told[name] != value}
        if differ:
            self.wrong.append(f"sent {sent}, acknowledged {differ}")
        self.rows[told["id"]] = row_of(told)

    def some_row(self) -> int | None:
        return self.random.choice(list(self.kept) or [None])

    def day(self) -> str:
        away = self.random.randint(-DAYS_BACK, DAYS_AHEAD)
        return (datetime.now(UTC).date() + timedelta(days=away)).isoformat()

    def amount(self) -> str:
        return f"{self.random.randint(1, 3000) / 100:.2f}"

    def new_row(self) -> Body:
        """A row; half of them without an external_id: only the key keeps it from coming twice."""
        self.made += 1
        text = f"{self.home}: {self.made}"
        return {
            "date": self.day(),
            "category": self.home,
            "description": text,
            "amount": self.amount(),
            "type": self.random.choice(TYPES),
            "external_id": self.random.choice((text, None)),
        }

    # Writes

    def create(self) -> None:
        row = self.new_row()
        self.note(self.post(row), row)

    def bulk(self) -> None:
        rows = [self.new_row() for _ in range(self.random.randint(2, 6))]
        if answer := self.post({"items": rows}):
            for told, sent in zip(answer["items"], rows, strict=True):
                self.note(told, sent)

    def abandon(self) -> None:
        """Hang up on a write without waiting for its answer, then ask for it."""
        row, key = self.new_row(), str(uuid.uuid4())
        try:
            with closing(self.site.connect()) as other:
                headers = {**self.site.headers, "Idempotency-Key": key}
                other.request("POST", "/api/transaction", json.dumps(row), headers)
                time.sleep(self.random.choice((0, 0.005, 0.02)))
        except (OSError, http.client.HTTPException):
            pass
        self.note(self.post(row, key), row)

    def again(self) -> None:
        """Send the last answered write once more: the same answer, and nothing is done."""
        if self.last:
            body, key, answer = self.last
            replayed = self.ask("POST", "/api/transaction", body, key)
            if replayed not in (None, answer):
                self.wrong.append(f"the same key was answered {answer}, then {replayed}")

    def edit(self) -> None:
        if (pk := self.some_row()) is not None:
            change: Body = self.random.choice(
                (
                    {"amount": self.amount()},
                    {"date": self.day()},
                    {"type": self.random.choice(TYPES)},
                )
            )
            self.note(self.ask("PATCH", f"/api/transaction/{pk}", change), change)

    def delete(self) -> None:
        pk = self.some_row()
        if pk is not None and self.ask("DELETE", f"/api/transaction/{pk}") is not None:
            self.rows[pk] = None

    # Looks

    def look(self) -> None:
        """The list, which a replica may serve, and the summary, which Redis may keep."""
        query = f"category={quote(self.home)}&limit=200"
        if page := self.ask("GET", f"/api/transaction?{query}"):
            shown = {told["id"]: row_of(told) for told in page["items"]}
            self.same("the list", shown, self.kept)
        today = datetime.now(UTC).date()
        first, last = today - timedelta(DAYS_BACK + 2), today + timedelta(DAYS_AHEAD + 2)
        dates = f"date_from={first}&date_to={last}"
        if told := self.ask("GET", f"/api/summary?group_by=category&{dates}"):
            groups = [group for group in told["groups"] if group["name"] == self.home]
            sums = [(group["spending"], group["count"]) for group in groups if group["count"]]
            signs = {"expense": 1, "refund": -1}
            spent = sum(signs.get(row.type, 0) * Decimal(row.amount) for row in self.kept.values())
            must = [(f"{spent:.2f}", len(self.kept))] if self.kept else []
            self.same("the summary", sums, must)

    def same(self, what: str, shown: object, must: object) -> None:
        if shown != must:
            self.wrong.append(f"{what} does not show what was acknowledged: {shown}, not {must}")


def faults(clients: list[Client], stored: dict[int, Row]) -> list[str]:
    """Give every promise that was broken, in words: the rows stored are those acknowledged."""
    found = [f"{client.name}: {text}" for client in clients for text in client.wrong]
    told = {pk: row for client in clients for pk, row in client.kept.items()}
    found += [f"row {pk} was acknowledged and is lost" for pk in told.keys() - stored.keys()]
    found += [
        f"row {pk} is stored, and was not acknowledged: written twice, or deleted?"
        for pk in stored.keys() - told.keys()
    ]
    found += [
        f"row {pk} was acknowledged as {told[pk]} and holds {stored[pk]}"
        for pk in told.keys() & stored.keys()
        if told[pk] != stored[pk]
    ]
    return found
