"""Which web pages of other origins may call the API, and with what."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

APP = "https://app.example.com"
PATHS = ("/api/profile", "/_allauth/browser/v1/config")


@pytest.fixture
def named(settings: Settings) -> None:
    settings.CORS_ALLOWED_ORIGINS = [APP]
    settings.CORS_ALLOW_CREDENTIALS = True


def preflight(path: str, origin: str, method: str = "POST", headers: str = "") -> Any:
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    if headers:
        asked["Access-Control-Request-Headers"] = headers
    return Client().options(path, headers=asked)


def listed(answer: Any, name: str) -> set[str]:
    return {word.strip().lower() for word in answer.get(name, "").split(",")}


@pytest.mark.django_db
@pytest.mark.parametrize("path", PATHS)
def test_without_a_word_no_page_of_another_origin_may_read(path: str) -> None:
    answer = Client().get(path, headers={"Origin": APP})
    assert "Access-Control-Allow-Origin" not in answer
    assert "Access-Control-Allow-Origin" not in preflight(path, APP)


@pytest.mark.django_db
@pytest.mark.usefixtures("named")
@pytest.mark.parametrize("path", PATHS)
def test_a_named_origin_may_with_its_cookies(path: str) -> None:
    answer = Client().get(path, headers={"Origin": APP})
    assert answer["Access-Control-Allow-Origin"] == APP
    assert answer["Access-Control-Allow-Credentials"] == "true"
    assert "origin" in listed(answer, "Vary")
    assert {
        "etag",
        "idempotent-replayed",
        "link",
        "location",
        "retry-after",
        "ratelimit",
        "ratelimit-policy",
        "x-request-id",
    } <= listed(answer, "Access-Control-Expose-Headers")


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize("path", PATHS)
def test_it_may_send_every_header_that_is_read(path: str) -> None:
    wanted = {
        "authorization",
        "content-type",
        "x-session-token",
        "x-csrftoken",
        "idempotency-key",
        "if-match",
        "if-none-match",
        "x-request-id",
        "x-email-verification-key",
        "x-password-reset-key",
    }
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        answer = preflight(path, APP, method, ", ".join(sorted(wanted)))
        assert answer.status_code == 200
        assert wanted <= listed(answer, "Access-Control-Allow-Headers")
        assert method.lower() in listed(answer, "Access-Control-Allow-Methods")


@pytest.mark.django_db
@pytest.mark.usefixtures("named")
@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "http://app.example.com", f"{APP}.evil.example", f"{APP}:444", "null"],
)
def test_another_origin_may_not(origin: str) -> None:
    for answer in (
        Client().get(PATHS[0], headers={"Origin": origin}),
        preflight(PATHS[0], origin),
    ):
        assert "Access-Control-Allow-Origin" not in answer


@pytest.mark.django_db
@pytest.mark.usefixtures("named")
def test_the_admin_is_for_no_other_origin() -> None:
    for path in ("/admin/", "/accounts/login/", "/nothing"):
        answer = Client().get(path, headers={"Origin": APP})
        assert "Access-Control-Allow-Origin" not in answer


@pytest.mark.django_db
def test_any_origin_may_without_cookies(settings: Settings) -> None:
    settings.CORS_ALLOW_ALL_ORIGINS = True
    answer = Client().get(PATHS[0], headers={"Origin": "https://anybody.example"})
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer


@pytest.mark.django_db
@pytest.mark.usefixtures("named")
def test_a_problem_can_be_read_like_an_answer() -> None:
    answer = Client().get(PATHS[0], headers={"Origin": APP})
    assert answer.status_code == 401
    assert answer["Access-Control-Allow-Origin"] == APP
