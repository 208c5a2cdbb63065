"""An API request with a token skips what is for browsers, and nobody can tell by the answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.core.handlers.wsgi import WSGIHandler
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, TestCase
from pytest_django import Settings

from accounts.models import ApiToken, Scope
from budget.tests.people import at, limit, spend
from financial_alerts import settings as ours
from financial_alerts.middleware import Direct, is_direct
from financial_alerts.tests.logbook import reading
from financial_alerts.tests.test_privacy import calls
from lib.throttle import throttle

DIRECT = "financial_alerts.middleware.Direct"
# What no two requests have in common.
OWN = "X-Request-ID"
OWN_OF_LINE = {"time", "ms", "db_ms", "message", "request_id"}

Handler = Callable[[HttpRequest], Any]


def handler(middleware: list[str], settings: Settings) -> Handler:
    settings.MIDDLEWARE = middleware
    return WSGIHandler().get_response


@pytest.fixture
def both(settings: Settings) -> tuple[Handler, Handler]:
    """The application as it is, and with the whole way for all."""
    assert DIRECT in settings.MIDDLEWARE
    whole = [name for name in settings.MIDDLEWARE if name != DIRECT]
    return handler(settings.MIDDLEWARE, settings), handler(whole, settings)


@pytest.fixture(autouse=True)
def standing_clock() -> Iterator[None]:
    with at("2026-03-05"):
        yield
    throttle.cache_clear()


@pytest.fixture
def senders(db: None) -> dict[str, dict[str, str]]:
    """The headers of everyone who asks with a token, good or not."""
    alice = User.objects.create_user("alice", "alice@example.com", "swordfish-4711")
    limit(alice, "100", name="swordfish")
    spend(alice, "90", description="swordfish")
    found = {
        scope: {"Authorization": f"Bearer {ApiToken.issue(alice, scope, Scope(scope))[1]}"}
        for scope in Scope.values
    }
    browser = Client()
    browser.force_login(alice)
    session = browser.cookies["sessionid"].value
    return found | {
        "session": {"X-Session-Token": session},
        "both": {**found["write"], "X-Session-Token": session},
        "wrong token, right session": {"Authorization": "Bearer x", "X-Session-Token": session},
        "wrong session": {"X-Session-Token": "a" * 32},
        "unknown": {"Authorization": f"Bearer fa_{'A' * 43}"},
        "basic": {"Authorization": "Basic x"},
        "empty": {"Authorization": ""},
    }


@contextmanager
def undone() -> Iterator[None]:
    """Take back what is written, and what is counted against limits, whose clock stands, too."""
    throttle.cache_clear()
    throttle().clock = lambda: 1_000_000_000.0
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def tell(answer: Handler, method: str, path: str, body: Any, **headers: Any) -> dict[str, Any]:
    """All that can be seen of a request: the answer, its log line and whether it crashed."""
    data = "" if body is None else json.dumps(body)
    options: dict[str, Any] = {"data": data, "content_type": "application/json"} if data else {}
    request = RequestFactory().generic(method, path, **options, headers=headers)
    with undone(), reading() as log, TestCase.captureOnCommitCallbacks() as after:
        response = answer(request)
        text = b"".join(response).decode()
    assert is_direct(request)
    assert response.headers.pop(OWN)
    return {
        "status": response.status_code,
        "headers": dict(response.headers),
        "cookies": response.cookies.output(),
        "body": text,
        "lines": [plain(line) for line in log.lines],
        "after": len(after),
    }


def plain(line: dict[str, Any]) -> dict[str, Any]:
    """A log line without what is its own; of an error its class, not the way that led there."""
    found = {name: value for name, value in line.items() if name not in OWN_OF_LINE}
    if line.get("method") != "GET":
        # The first of two writes reads the user's rules, which the process then remembers.
        found.pop("queries", None)
    return found | {"error": line.get("error", "").rpartition("\n")[2]}


def same(both: tuple[Handler, Handler], method: str, path: str, body: Any, **headers: Any) -> int:
    """Check that both say the same; the status."""
    short, whole = (tell(answer, method, path, body, **headers) for answer in both)
    assert short == whole, f"{method} {path}"
    return int(short["status"])


# On PostgreSQL a row that is rolled back has used its id up, so the second answer has another.
@pytest.mark.once
@pytest.mark.django_db
def test_every_route_answers_as_by_the_whole_way(
    both: tuple[Handler, Handler], senders: dict[str, dict[str, str]]
) -> None:
    statuses = set()
    for who in ("write", "read", "session", "unknown"):
        for method, path, body in calls("/api/"):
            sent = None if method == "GET" else body
            statuses.add(same(both, method, path, sent, **senders[who]))
    assert {200, 201, 400, 401, 403, 404, 422} <= statuses
    for headers in senders.values():
        for method in ("GET", "PATCH"):
            same(both, method, "/api/profile", {}, **headers)


@pytest.mark.once
@pytest.mark.django_db
@pytest.mark.parametrize("origin", [None, "https://app.example.com", "https://evil.example"])
def test_other_requests_do_too(
    both: tuple[Handler, Handler],
    senders: dict[str, dict[str, str]],
    settings: Settings,
    origin: str | None,
) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.com"]
    settings.CORS_ALLOW_CREDENTIALS = True
    more: dict[str, str] = {} if origin is None else {"Origin": origin}
    asked = {**senders["write"], **more}
    paths = ("/api/profile", "/api/transaction/export", "/api/", "/api/docs", "/api/no/such/")
    for path in (*paths, "/api/openapi.json", "/api/profile/", "/api//", "/api/transaction/1"):
        for method in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "TRACE", "BREW"):
            same(both, method, path, None, **asked)
            preflight = {"Access-Control-Request-Method": "PATCH"}
            same(both, method, path, None, **asked, **preflight)
        for host in ("evil.example.com", "two words", "", "testserver:99999"):
            same(both, "GET", path, None, **asked, Host=host)
        same(both, "POST", path, [1], **asked)


@pytest.mark.once
@pytest.mark.django_db
def test_refusals_by_count_do_too(
    both: tuple[Handler, Handler], senders: dict[str, dict[str, str]], settings: Settings
) -> None:
    for name in ("credential", "address", "unauthenticated"):
        settings.THROTTLE_LIMITS = {name: (0, 3600)}
        found = {same(both, "GET", "/api/profile", None, **sent) for sent in senders.values()}
        assert 429 in found


@pytest.mark.once
@pytest.mark.django_db
def test_redirects_to_https_do_too(senders: dict[str, dict[str, str]], settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 100
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    whole = [name for name in settings.MIDDLEWARE if name != DIRECT]
    both = handler(settings.MIDDLEWARE, settings), handler(whole, settings)
    assert same(both, "GET", "/api/profile", None, **senders["write"]) == 301
    secure = {**senders["write"], "X-Forwarded-Proto": "https"}
    assert same(both, "GET", "/api/profile", None, **secure) == 200


def crash(request: HttpRequest, *args: object) -> HttpResponse:
    raise RuntimeError("swordfish-4711")


@pytest.mark.once
@pytest.mark.django_db
@pytest.mark.parametrize("where", ["api.http.door.admitted", "api.http.door.answer_to"])
def test_crashes_do_too(
    both: tuple[Handler, Handler], senders: dict[str, dict[str, str]], where: str
) -> None:
    """One that the door catches, and one that nobody does."""
    with mock.patch("api.http.door.admitted", crash), mock.patch(where, crash):
        for method in ("GET", "POST"):
            assert same(both, method, "/api/profile", None, **senders["write"]) == 500


@pytest.mark.once
@pytest.mark.django_db
def test_a_short_way_that_took_any_host_would_be_seen(
    both: tuple[Handler, Handler], senders: dict[str, dict[str, str]]
) -> None:
    def careless(request: HttpRequest) -> Any:
        with mock.patch.object(HttpRequest, "get_host", return_value="testserver"):
            return both[0](request)

    ways = careless, both[1]
    with pytest.raises(AssertionError):
        same(ways, "GET", "/api/profile", None, **senders["write"], Host="evil.example.com")


@pytest.mark.parametrize(
    ("path", "headers", "direct"),
    [
        ("/api/profile", {"Authorization": "Bearer x"}, True),
        ("/api/profile", {"X-Session-Token": "x"}, True),
        ("/api/profile", {"Authorization": ""}, True),
        ("/api/profile", {}, False),
        ("/api/profile", {"Cookie": "sessionid=x"}, False),
        ("/api/profile", {"Authorization": "Bearer x", "Cookie": "a=b"}, False),
        ("/api/profile", {"X-Session-Token": "x", "Cookie": "csrftoken="}, False),
        ("/api", {"Authorization": "Bearer x"}, False),
        ("/admin/", {"Authorization": "Bearer x"}, False),
        ("/_allauth/app/v1/config", {"X-Session-Token": "x"}, False),
    ],
)
def test_only_a_token_without_any_cookie_goes_straight(
    path: str, headers: dict[str, str], direct: bool
) -> None:
    went: list[HttpRequest] = []

    def whole(request: HttpRequest) -> HttpResponse:
        went.append(request)
        return HttpResponse()

    request = RequestFactory().get(path, headers=headers)
    with mock.patch("api.http.door.Door.__call__", return_value=HttpResponse()):
        Direct(whole)(request)
    assert bool(went) is not direct


def test_what_is_skipped_refuses_nothing_that_is_set() -> None:
    """CommonMiddleware, which is skipped, would also refuse programs and move hosts."""
    assert not hasattr(ours, "DISALLOWED_USER_AGENTS")
    assert not hasattr(ours, "PREPEND_WWW")
