"""A client of the service: random writes, each sent until it is answered, and reads that must show
what it was told.

It edits only rows that it has made itself, in categories of its own, so whatever others do at the
same time, it knows exactly what every read must show.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from deploy.image.traffic import Site
from deploy.machines.journal import Event, Journal, Limit, Row, Settings, limit_of, minor, row_of
from deploy.machines.samples import Sample

# Seconds in which a write is answered, however often it is sent; between two tries; and, on
# average, between two requests of a client.
PATIENCE, PAUSE, REST = 60.0, 0.1, 0.04
ROWS, LIMITS = 30, 4
DAYS_BACK, DAYS_AHEAD = 40, 5

AT_ONCE, CLOSING = ("gte", "gt"), ("lte", "lt", "eq")
KINDS = ("daily", "weekly", "monthly", "quarterly", "yearly", "rolling", "transaction")
LONG_KINDS = ("weekly", "monthly", "quarterly", "yearly")
MEASURES = ("spending", "income", "net", "count")
TYPES = ("expense", "expense", "expense", "expense", "refund", "income", "transfer")
ZONES = ("UTC", "Pacific/Kiritimati", "America/New_York")

Body = dict[str, Any]


class Client(threading.Thread):
    """One device of a user. leads: of several devices, this one reads the feed and the settings."""

    def __init__(
        self,
        number: int,
        user: int,
        site: Site,
        *,
        leads: bool,
        stop: threading.Event,
        samples: list[Sample],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name=f"client {number}", daemon=True)
        self.random = random.Random()  # noqa: S311 (not for secrets)
        self.site, self.leads, self.stop, self.samples = site, leads, stop, samples
        self.clock = clock
        self.me = f"c{number}"
        self.journal = Journal(user)
        self.home = [f"{self.me} {name}" for name in ("food", "rent", "fun")]
        self.slugs: list[str] = []
        self.made = 0
        self.since = 0
        self.kept: list[tuple[str, Body, str, Body]] = []
        self.connection = site.connect()
        self.weights = {
            "create": 26,
            "edit": 18,
            "delete": 8,
            "bulk": 5,
            "new_limit": 4,
            "edit_limit": 14,
            "drop_limit": 2,
            "message": 2,
            "merge": 1,
            "reparent": 2,
            "acknowledge": 3,
            "snooze": 2,
            "abandon": 2,
            "again": 3,
            "read_row": 3,
            "read_limits": 3,
            **({"settings": 3, "feed": 6} if leads else {}),
        }

    def run(self) -> None:
        try:
            for name in self.home:
                told = self.write("POST", "/api/category", {"name": name})
                self.slugs.append(told["slug"])
            while not self.stop.wait(self.random.uniform(0, 2 * REST)):
                self.step()
            # One last look at everything, with nothing going on any more.
            self.read_rows()
            self.read_sums()
            if self.leads:
                self.feed()
        except Exception as error:  # what it is, the verdict says
            self.wrong(f"it ended with {error!r}")
        finally:
            self.connection.close()

    def step(self) -> None:
        """One write or read of a kind; after most writes, a look whether it is there."""
        name = self.random.choices(list(self.weights), list(self.weights.values()))[0]
        if len(self.journal.kept) > ROWS and name in ("create", "bulk", "abandon"):
            name = "delete"
        getattr(self, name)()
        if self.random.random() < 0.5:
            self.random.choice((self.read_rows, self.read_sums))()

    def wrong(self, text: str) -> None:
        self.journal.wrong.append(f"{self.me}: {text}")

    # The wire

    def attempt(self, method: str, path: str, body: Body | None, key: str | None) -> Any:
        """Send a request once; status and body, or None where no answer came."""
        begun = self.clock()
        headers = dict(self.site.headers) | ({"Idempotency-Key": key} if key else {})
        error, answer = "", None
        try:
            sent = None if body is None else json.dumps(body)
            self.connection.request(method, path, sent, headers)
            response = self.connection.getresponse()
            text = response.read()
            if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                error = str(response.status)
                if key and "problem+json" in response.headers.get("Content-Type", ""):
                    self.journal.refused.setdefault(key, datetime.now(UTC))
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
                    self.wrong(f"{method} {path} {body}: {status} {said}")
                    return None
            time.sleep(PAUSE)
        self.journal.open.append(f"{self.me}: {method} {path} {body}")
        return None

    def read(self, path: str, **query: Any) -> Any:
        address = f"{path}?{urlencode(query, doseq=True)}" if query else path
        return self.ask("GET", address)

    def write(self, method: str, path: str, body: Body | None = None) -> Any:
        """Write; a POST with a key, by which it is done once however often it is sent."""
        if method != "POST" or body is None:
            return self.ask(method, path, body)
        key = str(uuid.uuid4())
        return self.post(path, body, key)

    def post(self, path: str, body: Body, key: str) -> Any:
        answer = self.ask("POST", path, body, key)
        if answer is not None:
            self.kept = [*self.kept[-4:], (path, body, key, answer)]
        return answer

    # Transactions

    def text(self) -> str:
        """Words that no other row has."""
        self.made += 1
        return f"{self.me} {self.made}"

    def day(self) -> str:
        away = self.random.randint(-DAYS_BACK, DAYS_AHEAD)
        return (datetime.now(UTC).date() + timedelta(days=away)).isoformat()

    def amount(self) -> str:
        return f"{self.random.randint(1, 3000) / 100:.2f}"

    def new_row(self) -> Body:
        """A row; half of them with an external_id, without which a key alone keeps it from coming
        twice.
        """
        text = self.text()
        return {
            "date": self.day(),
            "category": self.random.choice(self.home),
            "description": text,
            "amount": self.amount(),
            "type": self.random.choice(TYPES),
            "external_id": self.random.choice((text, None)),
        }

    def note(self, told: Mapping[str, Any] | None, sent: Mapping[str, Any]) -> None:
        """Note a row as it was acknowledged, which is as it was sent."""
        if told is None:
            return
        differ = {name: told[name] for name, value in sent.items() if told[name] != value}
        if differ:
            self.wrong(f"sent {sent}, acknowledged {differ}")
        self.journal.rows[told["id"]] = row_of(told)

    def create(self) -> None:
        row = self.new_row()
        self.note(self.write("POST", "/api/transaction", row), row)

    def bulk(self) -> None:
        rows = [self.new_row() for _ in range(self.random.randint(2, 6))]
        if answer := self.write("POST", "/api/transaction", {"items": rows}):
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
        self.note(self.post("/api/transaction", row, key), row)

    def again(self) -> None:
        """Send an answered write once more: the same answer, and nothing is done."""
        if self.kept:
            path, body, key, answer = self.random.choice(self.kept)
            replayed = self.ask("POST", path, body, key)
            if replayed not in (None, answer):
                self.wrong(f"the same key was answered {answer}, then {replayed}")

    def some_row(self) -> int | None:
        return self.random.choice(list(self.journal.kept) or [None])

    def edit(self) -> None:
        if (pk := self.some_row()) is None:
            return
        change: Body = self.random.choice(
            (
                {"amount": self.amount()},
                {"date": self.day()},
                {"category": self.random.choice(self.home)},
                {"type": self.random.choice(TYPES), "amount": self.amount()},
            )
        )
        self.note(self.write("PATCH", f"/api/transaction/{pk}", change), change)

    def delete(self) -> None:
        pk = self.some_row()
        if pk is not None and self.write("DELETE", f"/api/transaction/{pk}") is not None:
            self.journal.rows[pk] = None

    def merge(self) -> None:
        """A new category with a row, merged into one of the others."""
        made = self.write("POST", "/api/category", {"name": f"{self.me} {uuid.uuid4()}"})
        if made is None:
            return
        row = self.new_row() | {"category": made["name"]}
        told = self.write("POST", "/api/transaction", row)
        into = self.random.choice(self.home)
        path = f"/api/category/{made['slug']}/merge"
        if told and self.write("POST", path, {"into": into}) is not None:
            self.journal.rows[told["id"]] = row_of(told | {"category": into})
        elif told:
            self.note(told, row)

    def reparent(self) -> None:
        """Hang a category under the first, or take it off: limits on that one follow."""
        change = {"parent": self.random.choice((self.home[0], None))}
        path = f"/api/category/{self.random.choice(self.slugs[1:])}"
        told = self.write("PATCH", path, change)
        if told is not None and told["parent"] != change["parent"]:
            self.wrong(f"sent {change}, acknowledged {told}")

    # Thresholds, settings and alerts

    def shape(self) -> Body:
        """A threshold of any kind."""
        kind = self.random.choice(KINDS)
        closing = kind in ("daily", *LONG_KINDS) and self.random.random() < 0.35
        if kind != "transaction" and self.random.random() < 0.25:
            parts = [self.condition(closing) for _ in range(self.random.randint(1, 3))]
            body: Body = {"conditions": parts, "match": self.random.choice(("all", "any"))}
        else:
            body = self.condition(closing)
            if kind == "transaction":
                body["measure"] = self.random.choice(MEASURES[:2])
            if not closing:
                body["levels"] = self.random.choice(([80, 100], [50], [10, 40, 100, 150]))
                if kind in LONG_KINDS and body["measure"] == "spending":
                    body |= self.carries()
        if kind == "rolling":
            body["days"] = self.random.choice((1, 7, 30))
        operators = {part["operator"] for part in body.get("conditions", [body])}
        if operators & set(CLOSING):
            body["starts_on"] = self.day_past()
        return body | {"type": kind}

    def condition(self, closing: bool) -> Body:
        return {
            "category": self.random.choice((None, None, *self.home)),
            "measure": self.random.choice((*MEASURES, "spending", "spending")),
            "operator": self.random.choice(CLOSING if closing else AT_ONCE),
            "amount": str(self.random.choice((0, 5, 20, 60, 150, 400))),
        }

    def carries(self) -> Body:
        """Rollover and forecast, which long periods of spending may have."""
        body: Body = {"forecast": self.random.random() < 0.6}
        if self.random.random() < 0.5:
            cap = self.random.choice((None, "50"))
            body |= {"rollover": True, "rollover_cap": cap, "rollover_from": self.day_past()}
        return body

    def day_past(self) -> str:
        back = timedelta(days=self.random.randint(1, 20))
        return (datetime.now(UTC).date() - back).isoformat()

    def limits(self) -> dict[int, Limit]:
        return {pk: limit for pk, limit in self.journal.limits.items() if limit is not None}

    def note_limit(self, told: Mapping[str, Any] | None) -> None:
        if told is not None:
            self.journal.limits[told["id"]] = limit_of(told)

    def new_limit(self) -> None:
        if len(self.limits()) >= LIMITS:
            self.drop_limit()
        else:
            body = self.shape() | {"name": self.text()}
            self.note_limit(self.write("POST", "/api/threshold", body))

    def edit_limit(self) -> None:
        """Another amount, on or off, or another kind altogether."""
        if not (mine := self.limits()):
            return
        pk, limit = self.random.choice(list(mine.items()))
        path = f"/api/threshold/{pk}"
        what = self.random.randrange(3)
        if what == 0 and limit.amount is not None:
            change = {"amount": str(self.random.randint(0, 300))}
            self.note_limit(self.write("PATCH", path, change))
        elif what == 1:
            self.note_limit(self.write("PATCH", path, {"enabled": not limit.enabled}))
        else:
            body = self.shape() | {"name": limit.name}
            self.note_limit(self.write("PUT", path, body))

    def drop_limit(self) -> None:
        if mine := self.limits():
            pk = self.random.choice(list(mine))
            if self.write("DELETE", f"/api/threshold/{pk}") is not None:
                self.journal.limits[pk] = None

    def settings(self) -> None:
        change: Body = self.random.choice(
            (
                {"time_zone": self.random.choice(ZONES)},
                {"week_start": self.random.choice((1, 7))},
                {"month_start": self.random.choice((1, 15, 28))},
            )
        )
        if told := self.write("PATCH", "/api/profile", change):
            names = ("time_zone", "week_start", "month_start")
            self.journal.settings = Settings(*(told[name] for name in names))

    def message(self) -> None:
        """An alert of the user's own, which nothing but its key keeps from coming twice."""
        text = self.text()
        if self.write("POST", "/api/alert", {"message": text}) is not None:
            self.journal.messages.append(text)

    def some_alert(self) -> Body | None:
        page = self.read("/api/alert", limit=20)
        found: Body | None = self.random.choice(page["items"] or [None]) if page else None
        return found

    def acknowledge(self) -> None:
        if alert := self.some_alert():
            seen = alert["acknowledged_at"] is None
            self.write("PATCH", f"/api/alert/{alert['id']}", {"acknowledged": seen})

    def snooze(self) -> None:
        if alert := self.some_alert():
            until = (datetime.now(UTC) + timedelta(days=1)).isoformat()
            later = until if alert["snoozed_until"] is None else None
            self.write("PATCH", f"/api/alert/{alert['id']}", {"snoozed_until": later})

    # Looks

    def read_rows(self) -> None:
        """The list, which a replica may serve: all that it was told, and nothing that is gone."""
        page = self.read("/api/transaction", category=self.home, limit=200, ordering="-id")
        if page is not None:
            shown = {told["id"]: row_of(told) for told in page["items"]}
            self.same("the list", shown, self.journal.kept)

    def read_sums(self) -> None:
        """The summary, which a replica may serve and Redis keep."""
        today = datetime.now(UTC).date()
        dates = {
            "date_from": today - timedelta(days=DAYS_BACK + 2),
            "date_to": today + timedelta(days=DAYS_AHEAD + 2),
        }
        told = self.read("/api/summary", group_by="category", **dates)
        if told is not None:
            shown = {
                group["name"]: (minor(group["spending"]), minor(group["income"]), group["count"])
                for group in told["groups"]
                if group["name"] in self.home and group["count"]
            }
            self.same("the summary", shown, sums(self.journal.kept))

    def read_row(self) -> None:
        if (pk := self.some_row()) is not None:
            told = self.read(f"/api/transaction/{pk}")
            if told is not None:
                self.same("the row", row_of(told), self.journal.rows[pk])

    def read_limits(self) -> None:
        page = self.read("/api/threshold", limit=200, q=f"{self.me} ")
        if page is not None:
            shown = {told["id"]: limit_of(told) for told in page["items"]}
            for pk, limit in self.limits().items():
                self.same(f"threshold {pk}", shown.get(pk), limit)

    def same(self, what: str, shown: object, told: object) -> None:
        if shown != told:
            self.wrong(f"{what} does not show what was acknowledged: {shown} instead of {told}")

    def feed(self) -> None:
        """Read on in the feed, which leaves nothing out and tells nothing twice."""
        more = True
        while more:
            page = self.read("/api/alert", since=self.since, limit=100)
            if page is None:
                return
            for item in page["items"]:
                if item["seq"] != self.since + 1:
                    self.wrong(f"in the feed {item['seq']} follows {self.since}")
                self.since = item["seq"]
                self.journal.feed.append(Event(item["seq"], item["alert"]["id"], item["kind"]))
            more = page["next"] is not None


def sums(rows: Mapping[int, Row]) -> dict[str, tuple[int, int, int]]:
    """Spending, income and number of rows by category."""
    found: dict[str, tuple[int, int, int]] = {}
    effects = {"expense": (1, 0), "refund": (-1, 0), "income": (0, 1), "transfer": (0, 0)}
    for row in rows.values():
        spending, income, count = found.get(row.category, (0, 0, 0))
        spent, earned = (sign * row.amount for sign in effects[row.type])
        found[row.category] = spending + spent, income + earned, count + 1
    return found
