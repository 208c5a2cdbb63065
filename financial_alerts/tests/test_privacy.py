"""Words that nobody may read in a log, sent through every address there is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django import Settings

from accounts.models import ApiToken
from api.http.door import Door
from api.http.endpoint import Endpoint
from budget.tests.people import limit, spend
from financial_alerts import middleware
from financial_alerts.tests.logbook import Log, reading
from lib import logs

pytestmark = pytest.mark.any_postgres

# An amount as text and in minor units, too long to stand in a time or in a request's id by chance.
AMOUNT = "4711238904.67"
MINOR = "471123890467"
# What is typed, stored and shown.
PRIVATE = (re.escape(AMOUNT), MINOR, "swordfish", "plaice", "hunter2", r"jane\.doe", r"\bfa_")
WORD = "swordfish"
SECRET = "hunter2-hunter2-hunter2-hunter22"
EMAIL = "jane.doe@example.com"
BODY = {
    "amount": AMOUNT,
    "category": "plaice",
    "code": SECRET,
    "confirm": WORD,
    "credential": {"id": SECRET},
    "date": "2026-03-01",
    "description": WORD,
    "email": EMAIL,
    "into": "plaice",
    "key": SECRET,
    "login": EMAIL,
    "message": WORD,
    "name": WORD,
    "password": SECRET,
    "slug": "plaice",
    "username": "jane.doe",
}
QUERY = f"?q={WORD}&category=plaice&amount_min={AMOUNT}&token={SECRET}&cursor={SECRET}"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# What stands in for each part of an address that is left open; a converter that is not named here
# takes a word.
PARTS = {"int": MINOR, "path": "plaice", "key": "plaice"}
PART = re.compile(r"<(?:(\w+):)?\w+>")


def addresses(found: Iterable[URLPattern | URLResolver], before: str = "/") -> Iterator[Any]:
    """Every address, with words of a person where it is open, and its view."""
    for pattern in found:
        text = str(pattern.pattern)
        if not PART.search(text):
            text = re.sub(r"\(\?P<\w+>[^)]*\)|\\Z|[\^$]", WORD if "(?P" in text else "", text)
        path = before + PART.sub(lambda part: PARTS.get(part[1] or "", "plaice"), text)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns, path)
        else:
            yield path, pattern.callback


def calls(prefix: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each method of each address that begins so, and what to send there.

    Once all there is, which few take, and to the API once more what the route takes.
    """
    for path, view in addresses(get_resolver().url_patterns):
        if not path.startswith(prefix):
            continue
        endpoints = view.endpoints if isinstance(view, Door) else dict.fromkeys(METHODS)
        for method, endpoint in endpoints.items():
            yield method, path + QUERY, BODY
            if endpoint is not None:
                yield method, path, fitting(endpoint)


def fitting(endpoint: Endpoint) -> dict[str, Any]:
    """The part of the body that a route takes."""
    fields = endpoint.body.model_fields if endpoint.body else {}
    body = {name: value for name, value in BODY.items() if name in fields}
    return body | {"type": "monthly"} if "levels" in fields else body


@pytest.fixture
def clients(db: None, settings: Settings) -> list[Client]:
    """Who asks: nobody known, a user with a token, and an administrator in a browser."""
    settings.SLOW_REQUEST_MS = settings.SLOW_QUERY_MS = 0
    jane = User.objects.create_superuser("jane.doe", EMAIL, SECRET)
    limit(jane, AMOUNT, name=WORD)
    spend(jane, AMOUNT, description=WORD)
    token = {"Authorization": f"Bearer {ApiToken.issue(jane, WORD)[1]}"}
    strange = {"Authorization": f"Bearer fa_{'x' * 43}", "X-Session-Token": SECRET}
    browser = Client(raise_request_exception=False)
    browser.force_login(jane)
    return [
        Client(raise_request_exception=False, headers=strange),
        Client(raise_request_exception=False, headers=token),
        browser,
    ]


def walk(clients: Iterable[Client], prefix: str) -> list[int]:
    """Send all of it everywhere; gives the status of each answer."""
    statuses = []
    for client in clients:
        for method, address, body in calls(prefix):
            answer = client.generic(
                method, address, json.dumps(body), content_type="application/json"
            )
            # The line of a stream is written at its end.
            b"".join(answer) if answer.streaming else answer.content
            statuses.append(answer.status_code)
    return statuses


def leaks(log: Log) -> list[str]:
    """The private words that stand in the log."""
    return [word for word in PRIVATE if re.search(word, log.text, re.IGNORECASE)]


@pytest.mark.parametrize("prefix", ["/api/", "/_allauth/", "/accounts/", "/problems", "/admin/"])
def test_no_line_has_a_word_of_what_was_sent_or_stored(clients: list[Client], prefix: str) -> None:
    with reading() as log:
        statuses = walk(clients, prefix)
    assert len(log.of("slow_request")) == len(statuses) > 0
    assert log.of("slow_query") or prefix == "/problems"
    if prefix == "/api/":
        assert {200, 201, 400, 401, 403, 404, 409, 422} <= set(statuses)
    assert leaks(log) == []


def whole_address(request: Any) -> str:
    return str(request.get_full_path())


def with_values(
    self: Any, execute: Callable[..., Any], statement: str, params: Any, *more: Any
) -> Any:
    logs.slow_query.warning("%s with %s", statement, params)
    return execute(statement, params, *more)


def everything(self: Any, log_data: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value) for name, value in log_data.items()}


@pytest.mark.once
@pytest.mark.parametrize(
    ("where", "name", "broken"),
    [
        (middleware.Line, "route", property(lambda line: whole_address(line.request))),
        (logs, "hide", lambda *of: None),
        (middleware.Line, "count", with_values),
        (logs.Json, "process_log_record", everything),
    ],
)
def test_a_log_that_tells_more_is_caught(
    clients: list[Client], monkeypatch: pytest.MonkeyPatch, where: object, name: str, broken: object
) -> None:
    monkeypatch.setattr(where, name, broken)
    with reading() as log:
        walk(clients[1:], "/accounts/" if name in ("hide", "process_log_record") else "/api/")
    assert leaks(log)


@pytest.mark.parametrize("quoted", [False, True])
def test_a_failure_says_where_and_not_of_what(
    clients: list[Client], monkeypatch: pytest.MonkeyPatch, quoted: bool
) -> None:
    if quoted:
        monkeypatch.setattr(logs, "summary", str)
    error = IntegrityError(f"Failing row contains ({MINOR}, swordfish)")
    with reading() as log, mock.patch("api.http.ledgered.open_book", side_effect=error):
        answer = clients[1].patch("/api/category/plaice" + QUERY, BODY, "application/json")
    assert answer.status_code == 500
    (line,) = (line for line in log.lines if line["level"] == "ERROR")
    assert line["message"] == "PATCH api/category/<key:key> failed"
    assert bool(leaks(log)) is quoted


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("SELECT 'sword''fish', 4711.23, 471123", "SELECT ?, ?, ?"),
        ("SELECT $$plaice$$, $a$plaice$a$ , 1", "SELECT ?, ? , ?"),
        ('SELECT "t1"."a"\n  WHERE id IN (%s, %s,%s)', 'SELECT "t1"."a" WHERE id IN (%s, ...)'),
        ("UPDATE x SET a = %s WHERE b = -12", "UPDATE x SET a = %s WHERE b = -?"),
        ("SELECT " + "x" * 2000, "SELECT " + "x" * 993),
    ],
)
def test_a_statement_is_told_without_its_values(statement: str, told: str) -> None:
    assert logs.without_literals(statement) == told
