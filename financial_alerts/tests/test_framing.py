"""How answers end: the length that each states, and no body where HTTP has none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.test import RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern
from pytest_django import Settings

from accounts.models import ApiToken
from financial_alerts.middleware import Framing
from financial_alerts.tests.logbook import Log, reading

pytestmark = pytest.mark.once

Answer = tuple[int, dict[str, str], bytes]


application = cache(WSGIHandler)


def call(method: str, path: str, **environ: Any) -> Answer:
    """What a server gets of the application: status, headers, and all of the body."""
    request = RequestFactory().generic(method, path, **environ)
    answer = application().get_response(request)
    return answer.status_code, dict(answer.headers), b"".join(answer)


@pytest.fixture
def bearer(db: None) -> dict[str, str]:
    alice = User.objects.create_user("alice")
    return {"HTTP_AUTHORIZATION": f"Bearer {ApiToken.issue(alice, 'test')[1]}"}


@pytest.fixture
def log() -> Iterator[Log]:
    with reading() as log:
        yield log


PLACES = [
    "/livez",
    "/readyz",
    "/api/profile",
    "/api/transaction",
    "/api/transaction/export",
    "/api/account/export",
    "/api/openapi.json",
    "/api/docs",
    "/api/nothing",
    "/api",
    "/problems/",
    "/problems/malformed",
    "/accounts/login/",
    "/admin/",
    "/admin/login/",
    "/nothing",
    "/_allauth/app/v1/config",
    "/_allauth/app/v1/auth/session",
    "/_allauth/nothing",
]


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("known", [True, False])
def test_head_is_what_get_is_without_the_body(
    bearer: dict[str, str], log: Log, path: str, known: bool
) -> None:
    options = bearer if known else {}
    status, headers, body = call("GET", path, **options)
    found, same, nothing = call("HEAD", path, **options)
    assert (found, nothing) == (status, b"")
    if "Content-Length" in headers:
        assert headers["Content-Length"] == same["Content-Length"] == str(len(body))
    else:
        assert status == 200, "only a stream has no length"
        assert "attachment" in headers["Content-Disposition"]
    assert headers.get("Content-Type") == same.get("Content-Type")
    assert [line for line in log.lines if line["level"] not in ("DEBUG", "INFO")] == []


def addresses(patterns: list[Any], start: str = "/") -> Iterator[str]:
    """Each address with a route, with 1 for every key."""
    for each in patterns:
        if isinstance(each, URLResolver):
            yield from addresses(each.url_patterns, start + plain(each))
        elif isinstance(each.pattern, RoutePattern):
            yield start + plain(each)


def plain(each: URLPattern | URLResolver) -> str:
    return re.sub(r"<[^>]+>", "1", str(each.pattern))


def test_head_has_no_body_on_any_route(bearer: dict[str, str], subtests: Any) -> None:
    routes = sorted(set(addresses(get_resolver().url_patterns)))
    assert len(routes) > 100
    for route in routes:
        with subtests.test(route=route):
            check_head(route, bearer)


def check_head(route: str, bearer: dict[str, str]) -> None:
    for options in (bearer, {}, {"HTTP_HOST": "evil.example.com"}, {"QUERY_STRING": "colour=red"}):
        status, headers, body = call("HEAD", route, **options)
        assert (body, status < 500) == (b"", True)
        assert "Content-Length" in headers or "attachment" in headers["Content-Disposition"]


def test_a_redirect_to_https_states_its_length_and_head_has_no_body(
    bearer: dict[str, str], settings: Settings
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    application.cache_clear()
    for method in ("GET", "HEAD"):
        status, headers, body = call(method, "/api/profile", **bearer)
        assert (status, headers["Content-Length"], body) == (301, "0", b"")
    application.cache_clear()


def test_an_export_is_logged_once_whatever_the_method(bearer: dict[str, str], log: Log) -> None:
    for method in ("GET", "HEAD"):
        call(method, "/api/transaction/export", **bearer)
    assert [line["method"] for line in log.access] == ["GET", "HEAD"]


def framed(method: str, response: HttpResponseBase) -> HttpResponseBase:
    request = HttpRequest()
    request.method = method
    return Framing(lambda _: response)(request)


@pytest.mark.parametrize("status", [204, 304])
def test_some_answers_have_no_body_whatever_the_view_says(status: int) -> None:
    for headers in ({}, {"Content-Length": "4"}):
        answer = framed("GET", HttpResponse("body", status=status, headers=headers))
        assert isinstance(answer, HttpResponse)
        assert (answer.content, "Content-Length" in answer.headers) == (b"", False)


@pytest.mark.django_db(transaction=True)
def test_a_stream_for_head_is_not_begun_and_is_closed() -> None:
    class Chunks(BytesIO):
        def __next__(self) -> bytes:
            raise AssertionError("begun")

    chunks = Chunks()
    answer = framed("HEAD", StreamingHttpResponse(chunks))
    assert isinstance(answer, StreamingHttpResponse)
    assert list(answer) == []
    answer.close()
    assert chunks.closed


def test_a_body_for_get_stays() -> None:
    answer = framed("GET", HttpResponse("body", status=HTTPStatus.NOT_FOUND))
    assert isinstance(answer, HttpResponse)
    assert (answer.content, answer.headers["Content-Length"]) == (b"body", "4")
