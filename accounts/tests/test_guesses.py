"""A mailed code may be guessed three times, however many guesses come at once."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import CodeGuesses
from accounts.tests.clients import CODE, PASSWORD, Browser, Device, Phone
from financial_alerts.tests.at_once import AT_ONCE, at_once
from financial_alerts.tests.test_cache import Server

OTHER = "another horse 8 battery"
WRONG = "BBBB-CCCC"
DATABASE = {
    "BACKEND": "django.core.cache.backends.db.DatabaseCache",
    "LOCATION": "accounts_cache",
}
LOCAL = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "guesses"}

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["database", "local memory", "redis", "redis that is down"])
def any_cache(request: pytest.FixtureRequest, settings: Settings) -> Iterator[None]:
    """Each cache that may be configured, with the sessions that go with it."""
    caches: dict[str, Any] = {"default": LOCAL if request.param == "local memory" else DATABASE}
    server = Server()
    if "redis" in request.param:
        if shutil.which("redis-server") is None:
            pytest.skip("redis-server is not installed")
        if request.param == "redis":
            server.begin()
        redis = {"BACKEND": "lib.cache.RedisCache", "LOCATION": server.url}
        caches = {
            "default": redis | {"OPTIONS": {"fallback": "database"}},
            "sessions": redis | {"OPTIONS": {"fallback": "nothing", "longest": 300}},
            "database": DATABASE,
            "nothing": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
        }
        settings.SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
        settings.SESSION_CACHE_ALIAS = "sessions"
    settings.CACHES = caches | {
        "summaries": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}
    }
    cache.clear()
    yield
    server.end()


@pytest.fixture(autouse=True)
def no_mail_before() -> None:
    """Mails to one address are limited, too."""
    cache.clear()


def code() -> str:
    found = CODE.search(str(mail.outbox[-1].body))
    assert found is not None
    return found[0]


def client_of(device: Device) -> Client:
    """A client with the device's cookies, for one thread: a client is not for several."""
    client = Client()
    for name, kept in device.client.cookies.items():
        client.cookies[name] = kept.value
    return client


def send(device: Device, path: str, body: object) -> int:
    return (
        client_of(device)
        .post(
            f"/_allauth/{device.flavour}/v1/{path}",
            json.dumps(body),
            content_type="application/json",
            headers=device.headers(),
        )
        .status_code
    )


def sign_up(device: Device, email: str = "alice@example.com") -> None:
    device.account("POST", "auth/signup", {"email": email, "password": PASSWORD}, status=401)


@pytest.mark.parametrize("make", [Phone, Browser])
def test_many_guesses_at_once_of_a_new_address_are_three(
    make: type[Device], any_cache: None
) -> None:
    device = make()
    sign_up(device)
    statuses = at_once([lambda: send(device, "auth/email/verify", {"key": WRONG})] * AT_ONCE)
    assert Counter(statuses) == {400: 3, 409: AT_ONCE - 3}
    assert send(device, "auth/email/verify", {"key": code()}) == 409
    assert not device.is_in()


@pytest.mark.parametrize("make", [Phone, Browser])
def test_many_guesses_at_once_of_a_reset_are_three(make: type[Device], any_cache: None) -> None:
    phone = Phone()
    sign_up(phone)
    phone.account("POST", "auth/email/verify", {"key": code()})
    device = make()
    body = {"email": "alice@example.com"}
    device.account("POST", "auth/password/request", body, status=401)
    guess = {"key": WRONG, "password": OTHER}
    statuses = Counter(at_once([lambda: send(device, "auth/password/reset", guess)] * AT_ONCE))
    # Most reach a rate limit first: they are not compared, and give their guess back.
    assert set(statuses) <= {400, 409, 429}
    compared = statuses[400]
    cache.clear()
    while send(device, "auth/password/reset", guess) == 400:
        compared += 1
    assert compared <= 3
    assert send(device, "auth/password/reset", {"key": code(), "password": OTHER}) == 409
    Phone().log_in()


def test_many_guesses_at_once_that_are_sent_to_look_are_three() -> None:
    """A GET compares, too."""
    phone = Phone()
    sign_up(phone)

    def look() -> int:
        headers = phone.headers() | {"X-Email-Verification-Key": WRONG}
        return Client().get("/_allauth/app/v1/auth/email/verify", headers=headers).status_code

    assert Counter(at_once([look] * AT_ONCE)) == {400: 3, 409: AT_ONCE - 3}


def test_many_guesses_at_once_on_the_page_are_three() -> None:
    browser = Browser()
    sign_up(browser)
    page = "/accounts/confirm-email/"

    def guess() -> int:
        answer = client_of(browser).post(page, {"code": WRONG, "action": "verify"})
        return 400 if b"Incorrect code" in answer.content else answer.status_code

    statuses = Counter(at_once([guess] * AT_ONCE))
    # The third wrong one leads back to the log-in, as one too many does.
    assert 2 <= statuses[400] <= 3
    assert set(statuses) == {302, 400}
    client_of(browser).post(page, {"code": code(), "action": "verify"})
    assert not browser.is_in()


def test_another_code_of_the_same_sign_up_gives_no_more_guesses() -> None:
    phone = Phone()
    sign_up(phone)
    for _ in range(2):
        assert send(phone, "auth/email/verify", {"key": WRONG}) == 400
    cache.clear()
    phone.account("POST", "auth/email/verify/resend")
    assert send(phone, "auth/email/verify", {"key": WRONG}) == 400
    assert send(phone, "auth/email/verify", {"key": code()}) == 409


def test_another_sign_up_has_guesses_of_its_own() -> None:
    first, second = Phone(), Phone()
    sign_up(first)
    for status in (400, 400, 400, 409):
        assert send(first, "auth/email/verify", {"key": WRONG}) == status
    sign_up(second, "bob@example.com")
    assert send(second, "auth/email/verify", {"key": code()}) == 200


def test_a_right_code_is_no_guess_and_may_be_shown_again() -> None:
    phone = Phone()
    sign_up(phone)
    phone.account("POST", "auth/email/verify", {"key": code()})
    browser = Browser()
    body = {"email": "alice@example.com"}
    browser.account("POST", "auth/password/request", body, status=401)
    for _ in range(5):
        browser.account("GET", "auth/password/reset", X_Password_Reset_Key=code())
        weak = {"key": code(), "password": "short"}
        browser.account("POST", "auth/password/reset", weak, status=400)
    strong = {"key": code(), "password": OTHER}
    browser.account("POST", "auth/password/reset", strong, status=401)


def test_counts_of_codes_that_have_expired_go() -> None:
    old = timezone.now() - timedelta(hours=2)
    CodeGuesses.objects.create(key="old", count=3, created_at=old)
    phone = Phone()
    sign_up(phone)
    send(phone, "auth/email/verify", {"key": WRONG})
    assert [row.count for row in CodeGuesses.objects.all()] == [1]
