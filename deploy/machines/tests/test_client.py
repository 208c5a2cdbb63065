"""A client sends until it is answered, knows what it was told, and notices what differs."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest

from deploy.image.traffic import Site
from deploy.machines import client as module
from deploy.machines.client import Body, Client
from deploy.machines.journal import Event, minor

ANSWERED = {"user": 1, "description": "", "external_id": None, "type": "expense"}


class Service:
    """Transactions in memory, as the API answers them, with one fault or none."""

    def __init__(self, fault: str = "") -> None:
        self.fault = fault
        self.rows: dict[int, Body] = {}
        self.keys: dict[str, Any] = {}
        self.asked = 0

    def answer(self, method: str, path: str, body: Body | None, key: str | None) -> Any:
        """Answer as Client.attempt does."""
        self.asked += 1
        if self.fault == "deaf" or (self.fault == "hard of hearing" and self.asked % 2):
            # Every other request is done, and its answer lost.
            if self.fault != "deaf":
                self.do(method, path, body, key)
            return None
        return self.do(method, path, body, key)

    def do(self, method: str, path: str, body: Body | None, key: str | None) -> Any:
        if self.fault == "refuses":
            return 422, {"type": "/problems/validation"}
        if method == "GET":
            return 200, self.read(path)
        if method == "POST" and key in self.keys and self.fault != "no keys":
            return self.keys[key]
        pk = len(self.keys) + 1 if method == "POST" else int(path.rpartition("/")[2])
        if method == "DELETE":
            return (
                (404, {"type": "/problems/not-found"}) if not self.rows.pop(pk, None) else (200, {})
            )
        self.rows[pk] = {**ANSWERED, **self.rows.get(pk, {"id": pk}), **(body or {})}
        answer = 201, dict(self.rows[pk])
        if self.fault == "forgets":
            self.rows[pk]["amount"] = "0.01"
        if key is not None:
            self.keys[key if key not in self.keys else f"{key} again"] = answer
        return answer

    def read(self, path: str) -> Any:
        rows = [row for pk, row in self.rows.items() if self.fault != "stale" or pk > 1]
        if path.startswith("/api/summary"):
            spent = sum(minor(row["amount"]) for row in rows)
            group = {"name": "c0 food", "spending": f"{spent / 100:.2f}", "income": "0.00"}
            return {"groups": [group | {"count": len(rows)}]}
        return {"items": [json.loads(json.dumps(row)) for row in rows]}


@pytest.fixture(autouse=True)
def hasty() -> Iterator[None]:
    """Let no test wait as long as a client of a real service does."""
    with mock.patch.multiple(module, PATIENCE=0.05, PAUSE=0.0):
        yield


def client_of(service: Any) -> Client:
    site = Site(1, "alerts.example.com", "fa_token")
    made = Client(0, 1, site, leads=True, stop=threading.Event(), samples=[])
    made.attempt = service.answer  # type: ignore[method-assign]
    # All of the fake's money is spent in one place.
    made.new_row = lambda: {  # type: ignore[method-assign]
        "date": "2026-03-01",
        "category": "c0 food",
        "description": made.text(),
        "amount": "4.00",
    }
    return made


def live(client: Client) -> list[str]:
    for name in ("create", "create", "again", "again", "read_rows", "read_sums"):
        getattr(client, name)()
    client.delete()
    client.read_rows()
    client.read_sums()
    return client.journal.wrong


def test_an_honest_service_is_no_fault() -> None:
    client = client_of(Service())
    assert live(client) == []
    assert (len(client.journal.rows), len(client.journal.kept)) == (2, 1)


def test_lost_answers_are_asked_for_again_and_nothing_is_done_twice() -> None:
    service = Service("hard of hearing")
    client = client_of(service)
    assert live(client) == []
    assert client.journal.open == []
    assert service.rows.keys() == client.journal.kept.keys()


@pytest.mark.parametrize(
    ("fault", "must"),
    [
        ("stale", "the list does not show what was acknowledged"),
        ("forgets", "the list does not show what was acknowledged"),
        ("no keys", "the same key was answered"),
        ("refuses", "422"),
    ],
)
def test_what_a_service_gets_wrong_is_noticed(fault: str, must: str) -> None:
    found = live(client_of(Service(fault)))
    assert any(must in text for text in found), found


def test_a_write_that_is_never_answered_stays_open() -> None:
    client = client_of(Service("deaf"))
    client.create()
    assert len(client.journal.open) == 1
    assert client.journal.rows == {}


def test_an_answer_that_is_not_what_was_sent_is_noticed() -> None:
    client = client_of(Service())
    client.note({"id": 1, **ANSWERED, "date": "2026-03-01", "category": "a", "amount": "1.00"}, {})
    assert client.journal.wrong == []
    client.note(
        {"id": 1, **ANSWERED, "date": "2026-03-01", "category": "a", "amount": "1.00"},
        {"amount": "2.00"},
    )
    assert "acknowledged {'amount': '1.00'}" in client.journal.wrong[0]


def page(*numbers: int) -> Any:
    items = [{"seq": number, "kind": "opened", "alert": {"id": 88}} for number in numbers]
    return 200, {"items": items, "next": None}


@pytest.mark.parametrize(
    ("second", "wrong"),
    [((3,), 0), ((4,), 1), ((2, 3), 1)],
    ids=["goes on", "leaves one out", "tells one twice"],
)
def test_the_feed_goes_on_where_it_was(second: tuple[int, ...], wrong: int) -> None:
    client = client_of(Service())
    answers = iter([page(1, 2), page(*second)])
    client.attempt = lambda *sent: next(answers)  # type: ignore[method-assign]
    client.feed()
    client.feed()
    assert len(client.journal.wrong) == wrong
    assert client.journal.feed[:2] == [Event(1, 88, "opened"), Event(2, 88, "opened")]
