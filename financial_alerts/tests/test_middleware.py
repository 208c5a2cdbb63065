"""Ids, log lines and strict headers: what every answer has."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, OperationalError, connection, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.test import Client, override_settings
from django.urls import path
from pytest_django import Settings

from accounts.models import ApiToken
from budget.models import Category
from financial_alerts.middleware import SecurityHeaders
from financial_alerts.tests.logbook import Log, reading

MADE = re.compile(r"[0-9a-f]{32}")
FIELDS = {
    "time", "level", "logger", "message", "request_id",
    "method", "route", "status", "ms", "queries", "db_ms", "user", "credential",
}  # fmt: skip
STRICT = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
NOTHING = "default-src 'none'; frame-ancestors 'none'"


@pytest.fixture
def log() -> Iterator[Log]:
    with reading() as log:
        yield log


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", "alice@example.com", "swordfish-4711")


@pytest.fixture
def secret(alice: User) -> str:
    return ApiToken.issue(alice, "test")[1]


@pytest.fixture
def client(secret: str) -> Client:
    return Client(raise_request_exception=False, headers={"Authorization": f"Bearer {secret}"})


@pytest.mark.django_db
def test_every_answer_has_an_id_of_its_own(client: Client) -> None:
    found = [client.get("/api/profile")["X-Request-ID"] for _ in range(3)]
    assert len(set(found)) == 3
    assert all(map(MADE.fullmatch, found))


@pytest.mark.django_db
@pytest.mark.parametrize("sent", ["a", "7f3c.A-b_9", "x" * 128])
def test_a_client_may_choose_it(client: Client, sent: str) -> None:
    assert client.get("/api/profile", headers={"X-Request-ID": sent})["X-Request-ID"] == sent


@pytest.mark.django_db
@pytest.mark.parametrize(
    "sent", ["", "x" * 129, "a b", "a,b", "a\nb", "a\n", "é", "<b>", '"', "a;b", "٣"]
)
def test_but_not_one_that_could_forge_a_line(client: Client, sent: str) -> None:
    answer = client.get("/api/profile", HTTP_X_REQUEST_ID=sent)
    assert MADE.fullmatch(answer["X-Request-ID"])


def crash(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("swordfish-4711")


def absent(request: HttpRequest) -> HttpResponse:
    raise Http404


def own_policy(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<p>", headers={"Content-Security-Policy": "default-src 'self'"})


handler500 = "api.http.server_error"
urlpatterns = [
    path("crash", crash),
    path("absent", absent),
    path("own", own_policy),
    path("api/crash", crash),
]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "options", "status"),
    [
        ("/api/profile", {}, 200),
        ("/api/nothing", {}, 404),
        ("/api/threshold/none", {}, 404),
        ("/api/transaction?colour=red", {}, 400),
        ("/api/profile", {"HTTP_AUTHORIZATION": "Basic x"}, 401),
        ("/api/profile", {"HTTP_HOST": "evil.example.com"}, 400),
        ("/api/profile", {"HTTP_HOST": "two words"}, 400),
        ("/_allauth/app/v1/auth/session", {}, 401),
        ("/nothing", {}, 404),
        ("/accounts/login/", {}, 200),
        ("/admin/", {}, 302),
    ],
)
def test_id_and_strict_headers_are_on_whatever_is_answered(
    client: Client, address: str, options: dict[str, Any], status: int
) -> None:
    answer = client.get(address, **options)
    assert answer.status_code == status
    assert MADE.fullmatch(answer["X-Request-ID"])
    check_strict(answer)


@pytest.mark.django_db
def test_on_the_refusal_of_plain_http_too(client: Client, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    for host, status in (("testserver", 301), ("evil.example.com", 400)):
        answer = client.get("/api/profile", headers={"Host": host})
        assert answer.status_code == status
        assert MADE.fullmatch(answer["X-Request-ID"])
        check_strict(answer)


@pytest.mark.parametrize("address", ["/crash", "/api/crash", "/absent"])
@override_settings(ROOT_URLCONF=__name__)
def test_on_a_crash_too(address: str) -> None:
    answer = Client(raise_request_exception=False).get(address)
    assert answer.status_code == (404 if address == "/absent" else 500)
    assert MADE.fullmatch(answer["X-Request-ID"])
    check_strict(answer)


def check_strict(answer: Any) -> None:
    assert {name: answer.get(name) for name in STRICT} == STRICT
    assert "camera=()" in answer["Permissions-Policy"]
    policy = answer["Content-Security-Policy"]
    if answer.get("Content-Type", "").startswith("text/html"):
        assert policy.startswith("default-src 'self'; img-src 'self' data:; object-src 'none';")
        assert "unsafe" not in policy
    else:
        assert policy == NOTHING


@override_settings(ROOT_URLCONF=__name__)
def test_a_view_may_say_its_own_policy() -> None:
    assert Client().get("/own")["Content-Security-Policy"] == "default-src 'self'"


def test_a_304_leaves_the_policy_of_what_the_browser_has() -> None:
    answer = SecurityHeaders(lambda request: HttpResponseNotModified())(HttpRequest())
    assert "Content-Security-Policy" not in answer
    assert answer["X-Content-Type-Options"] == "nosniff"


@override_settings(ROOT_URLCONF=__name__, DEBUG=True)
def test_the_pages_of_debug_may_be_read() -> None:
    client = Client(raise_request_exception=False)
    for address in ("/crash", "/absent"):
        assert "Content-Security-Policy" not in client.get(address)
    assert client.get("/own")["Content-Security-Policy"] == "default-src 'self'"


@pytest.mark.django_db
def test_one_line_says_who_asked_what_and_what_it_cost(
    log: Log, client: Client, alice: User
) -> None:
    answer = client.get("/api/threshold/absent?limit=x", headers={"X-Request-ID": "phone-1"})
    assert answer.status_code == 400
    (line,) = log.lines
    assert set(line) == FIELDS
    assert line.pop("ms") > 0
    assert line.pop("time").endswith("+00:00")
    assert line.pop("message").startswith("GET api/threshold/<key:key>: 400 in ")
    token = ApiToken.objects.get()
    assert line == {
        "level": "INFO",
        "logger": "financial_alerts.access",
        "request_id": "phone-1",
        "method": "GET",
        "route": "api/threshold/<key:key>",
        "status": 400,
        "queries": line["queries"],
        "db_ms": line["db_ms"],
        "user": alice.pk,
        "credential": f"token:{token.pk}",
    }


@pytest.mark.django_db
def test_the_queries_are_counted(log: Log, client: Client, django_assert_num_queries: Any) -> None:
    # The first use of a token is noted.
    client.get("/api/profile")
    client.get("/api/profile")
    count = log.access[-1]["queries"]
    assert count > 0
    with django_assert_num_queries(count):
        client.get("/api/profile")
    assert log.access[-1]["queries"] == count
    assert connection.execute_wrappers == []


@pytest.mark.django_db
def test_strangers_and_unknown_places_have_a_line_too(log: Log) -> None:
    client = Client()
    client.get("/api/profile")
    client.get("/api/no/such/place?q=swordfish")
    client.get("/api/profile", headers={"Host": "evil.example.com"})
    client.get("/_allauth/app/v1/config")
    client.get("/accounts/login/")
    found = [(line["route"], line["status"], line["user"]) for line in log.access]
    assert found == [
        ("api/profile", 401, None),
        ("api/", 404, None),
        (None, 400, None),
        ("_allauth/app/v1/config", 200, None),
    ]
    assert "swordfish" not in log.text


@pytest.mark.django_db(transaction=True)
def test_a_stream_has_its_line_when_it_has_ended(log: Log, client: Client) -> None:
    answer = client.get("/api/transaction/export", headers={"X-Request-ID": "export-1"})
    assert log.access == []
    assert b"".join(answer)
    (line,) = log.access
    assert (line["status"], line["request_id"]) == (200, "export-1")
    assert line["queries"] > 1
    assert connection.execute_wrappers == []


@pytest.mark.django_db
def test_lines_between_requests_belong_to_none(log: Log, client: Client) -> None:
    client.get("/api/profile")
    logging.getLogger("anything").warning("now")
    assert log.lines[-1]["request_id"] == "-"


@pytest.mark.django_db
def test_a_refusal_outside_the_api_has_the_id_of_its_request(log: Log) -> None:
    answer = Client().get("/nothing?q=swordfish")
    (line,) = [line for line in log.lines if line["logger"] == "django.request"]
    assert line["request_id"] == answer["X-Request-ID"]
    assert "swordfish" not in log.text


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "address", "options", "logger"),
    [
        ("GET", "/api/nothing", {}, "financial_alerts.access"),
        ("GET", "/api/profile", {"HTTP_HOST": "evil.example.com"}, "financial_alerts.access"),
        ("HEAD", "/api/profile", {}, "financial_alerts.access"),
        ("GET", "/nothing", {}, "django.request"),
        ("HEAD", "/nothing", {}, "django.request"),
        (
            "GET",
            "/admin/login/",
            {"HTTP_HOST": "evil.example.com"},
            "django.security.DisallowedHost",
        ),
        ("POST", "/admin/login/", {}, "django.security.csrf"),
        ("POST", "/problems/", {}, "django.request"),
        ("DELETE", "/livez", {}, "django.request"),
    ],
)
def test_a_refusal_is_one_line_and_no_warning(
    log: Log, method: str, address: str, options: dict[str, Any], logger: str
) -> None:
    client = Client(enforce_csrf_checks=True)
    assert 400 <= client.generic(method, address, **options).status_code < 500
    assert [(line["logger"], line["level"]) for line in log.lines] == [(logger, "INFO")]
    assert "error" not in log.lines[0]
    logging.getLogger().setLevel(logging.WARNING)
    client.generic(method, address, **options)
    assert len(log.lines) == 1


# The amounts are too long to stand in a time or in a request's id by chance.
PRIVATE = ("4711238904.67", "471123890467", "Swordfish", "plaice", "fa_", "secret-word-9")


@pytest.mark.django_db
def test_nothing_that_people_send_is_logged(log: Log, client: Client, secret: str) -> None:
    row = {
        "date": "2026-03-01",
        "amount": "4711238904.67",
        "description": "Swordfish",
        "category": "plaice",
    }
    calls = [
        ("POST", "/api/transaction", row),
        ("POST", "/api/transaction", row | {"type": "Swordfish"}),
        ("POST", "/api/transaction", row | {"amount": "4711238904.67 Swordfish"}),
        ("POST", "/api/transaction", [row]),
        ("GET", "/api/transaction?q=Swordfish&amount_min=4711238904.67", None),
        ("GET", f"/api/transaction?token={secret}", None),
        ("GET", "/api/threshold/plaice", None),
        (
            "POST",
            "/_allauth/app/v1/auth/login",
            {"email": "a@b.example", "password": "secret-word-9"},
        ),
    ]
    for method, address, body in calls:
        client.generic(method, address, json.dumps(body), content_type="application/json")
    client.post("/admin/login/", {"username": "plaice", "password": "secret-word-9"})
    client.get("/api/profile", headers={"Authorization": "Bearer fa_" + "x" * 43})
    client.get("/api/profile", headers={"X-Session-Token": "secret-word-9"})
    assert len(log.access) == len(calls) + 2
    check_private(log)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("4711238904.67 Swordfish"),
        ValueError("invalid literal for int(): 'Swordfish'"),
        KeyError("plaice"),
        IntegrityError("Failing row contains (1, 4711238904.67, Swordfish, plaice)"),
    ],
)
def test_a_crash_is_logged_without_its_words(log: Log, client: Client, error: Exception) -> None:
    with mock.patch("api.http.ledgered.open_book", side_effect=error):
        answer = client.post("/api/category", {"name": "x"}, content_type="application/json")
    assert answer.status_code == 500
    crashed = [line for line in log.lines if line["level"] == "ERROR"]
    assert [line["request_id"] for line in crashed] == [answer["X-Request-ID"]]
    assert type(error).__name__ in crashed[0]["error"]
    assert ", in write_once" in crashed[0]["error"]
    check_private(log)


@pytest.mark.django_db
def test_a_database_that_names_the_row_is_not_quoted(log: Log, alice: User) -> None:
    Category.objects.create(user=alice, name="Swordfish")
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO budget_category SELECT * FROM budget_category WHERE name = 'Swordfish'"
            )
    except IntegrityError:
        logging.getLogger("anything").exception("It failed")
    error = log.lines[-1]["error"]
    assert "django.db.utils.IntegrityError" in error
    assert ("23505" if connection.vendor == "postgresql" else "SQLITE_CONSTRAINT") in error
    check_private(log)


def test_what_a_machine_says_is_logged(log: Log) -> None:
    try:
        raise OperationalError("could not connect: Connection refused\nDETAIL: Swordfish")
    except OperationalError:
        logging.getLogger("anything").exception("It failed")
    assert log.lines[-1]["error"].endswith(
        "django.db.utils.OperationalError: could not connect: Connection refused"
    )


def check_private(log: Log) -> None:
    assert log.text
    for word in PRIVATE:
        assert word.lower() not in log.text.lower(), word
