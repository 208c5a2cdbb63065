"""docs/api.md tells the truth: its requests are sent as written, and the answers are compared.

Ids, tokens, tags, cursors and addresses stand for those of the application (budget/tests/guide.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from budget.tests.guide import Reader, read_json
from budget.tests.people import at
from lib.throttle import CREDENTIAL, throttle

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "api.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```http\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NOW = "2026-03-14T09:30:00"

CODE = re.compile(r"\b[A-Z]{4}-[A-Z]{4}\b")
# As the service runs without a word about them.
LIMITS = {"credential": (600, 60), "address": (3000, 60), "unauthenticated": (60, 60)}


@dataclass
class Message:
    """A request or an answer, as HTTP has it."""

    start: str
    headers: dict[str, str]
    body: str

    @classmethod
    def read(cls, block: str) -> Message:
        head, _, body = block.partition("\n\n")
        start, *lines = head.strip().splitlines()
        return cls(start, dict(line.split(": ", 1) for line in lines), body.strip())


def exchanges() -> Iterator[tuple[Message, Message]]:
    """Each request with its answer."""
    messages = [Message.read(found) for found in BLOCK.findall(GUIDE)]
    for request, answer in zip(messages[::2], messages[1::2], strict=True):
        assert not request.start.startswith("HTTP/"), request.start
        assert answer.start.startswith("HTTP/1.1 "), answer.start
        yield request, answer


class Follower(Reader):
    """Somebody who sends what the guide says, and reads the mail."""

    def follow(self, request: Message, answer: Message) -> None:
        """Send a request and hold the answer against the guide's. Raises AssertionError."""
        for code in CODE.findall(request.body):
            self.known[code] = CODE.findall(str(mail.outbox[-1].body))[-1]
        if " 429 " in answer.start:
            use_up(CREDENTIAL, f"user:{User.objects.get().pk}")
        found = self.send(request)
        text = text_of(found)
        told = f"{request.start}\n{found.status_code} {found.headers}\n{text}"
        assert f"HTTP/1.1 {found.status_code} {found.reason_phrase}" == answer.start, told
        if answer.headers.get("Content-Type", "").endswith("json"):
            self.same("", read_json(answer.body), json.loads(text), told)
        else:
            plain = text.removeprefix("\ufeff").replace("\r\n", "\n").strip()
            assert plain == self.real(answer.body), told
        for name, value in answer.headers.items():
            self.same(name, value, found.headers.get(name), told)
        if found.status_code == 429:
            begin_anew(int(found["Retry-After"]))

    def send(self, request: Message) -> Any:
        method, path, version = self.real(request.start).split(" ")
        assert version == "HTTP/1.1"
        headers = {name: self.real(value) for name, value in request.headers.items()}
        kind = headers.pop("Content-Type", "")
        # A new client each time: nothing is sent but what is written.
        return Client().generic(
            method, path, self.real(request.body), content_type=kind, headers=headers
        )


def use_up(limit: str, subject: str) -> None:
    for _ in range(LIMITS[limit][0]):
        throttle().count(limit, subject)


def begin_anew(seconds: int) -> None:
    """Wait for so long."""
    now = throttle().clock() + seconds
    throttle().clock = lambda: now


def text_of(answer: Any) -> str:
    body: bytes = b"".join(answer) if answer.streaming else answer.content
    return body.decode()


@pytest.fixture
def limits(settings: Settings) -> Iterator[None]:
    settings.THROTTLE_LIMITS = LIMITS
    # No window ends while the test runs.
    throttle().clock = lambda: 1_773_480_600.0
    yield
    throttle.cache_clear()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("limits")
def test_every_request_is_answered_as_written() -> None:
    cache.clear()
    reader = Follower()
    with at(NOW):
        for request, answer in exchanges():
            reader.follow(request, answer)
    assert {"FJZR-SHTR", "88101", "5120"} <= reader.known.keys()


@pytest.mark.parametrize(
    ("shown", "found"),
    [
        ('{"percent": 82}', {"percent": 83}),
        ('{"percent": 82}', {"percent": 82, "more": None}),
        ('{"percent": 82, "more": null, …}', {"percent": 82}),
        ('{"percent": 82, …}', {"percent": "82"}),
        ('{"items": [1, 2]}', {"items": [1]}),
        ('{"items": [1, 2, …]}', {"items": [1]}),
        ('{"items": [1]}', {"items": [1, 2]}),
        ('{"since": null}', {"since": 0}),
        ('{"id": 8801}', {"id": None}),
        ('[{"id": 8801}, {"id": 8801}]', [{"id": 1}, {"id": 2}]),
        ('[{"id": 8801}, {"id": 8802}]', [{"id": 1}, {"id": 1}]),
        ('[{"token": "a"}, {"token": "a"}]', [{"token": "x"}, {"token": "y"}]),
        ('{"next": "/api/alert?cursor=a"}', {"next": "/api/token?cursor=x"}),
        ('{"next": "/api/alert?cursor=a"}', {"next": None}),
        ('{"Retry-After": "0"}', {"Retry-After": "12"}),
    ],
)
def test_an_answer_that_is_another_is_noticed(shown: str, found: object) -> None:
    with pytest.raises(AssertionError):
        Reader().same("", read_json(shown), found, "")


@pytest.mark.parametrize(
    ("shown", "found"),
    [
        ('{"percent": 82, …}', {"percent": 82, "more": None}),
        ('{"items": [1, 2, …]}', {"items": [1, 2, 3]}),
        ('[{"id": 8801}, {"id": 8801}, {"id": 5101}]', [{"id": 1}, {"id": 1}, {"id": 1}]),
        ('{"next": "/api/alert?cursor=a"}', {"next": "/api/alert?cursor=x%3Ay"}),
        ('{"Retry-After": "12"}', {"Retry-After": "34"}),
    ],
)
def test_an_answer_that_is_the_same_is_let_through(shown: str, found: object) -> None:
    Reader().same("", read_json(shown), found, "")


def test_its_links_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.+)$", GUIDE, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    for target in re.findall(r"\]\(([^)]+)\)", GUIDE):
        if target.startswith("#"):
            assert target[1:] in anchors, target
        elif not target.startswith("https://"):
            assert (DOCS / target.partition("#")[0]).is_file(), target
