"""The pages as people use them, in a real browser, on a phone and on a wide screen.

Each page is looked at once it is there: nothing of it lies beside the screen, also at 320 pixels,
axe-core finds nothing serious, and the browser has nothing to complain of, such as the policy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from django.core.cache import cache
from playwright.sync_api import Browser, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.tests.clients import PASSWORD, totp
from budget.tests.people import limit, spend
from financial_alerts.tests.browser import needs_chromium, one_chromium

pytestmark = [needs_chromium, pytest.mark.any_postgres, pytest.mark.django_db(transaction=True)]

OTHER = "another horse 8 battery"
EMAIL = "alice@example.com"
WIDTHS = pytest.mark.parametrize("width", [390, 1280])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with one_chromium() as found:
        yield found


@pytest.fixture(autouse=True)
def developers_machine(settings: Settings) -> None:
    """No mail arrives there, so that the page shows the code."""
    settings.DEBUG = True
    settings.MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    settings.LANGUAGE_COOKIE_SECURE = False
    cache.clear()


class Person:
    """Somebody before a screen, who looks at each page."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url, self.said = page, url, list[str]()
        page.on("console", lambda line: self.hear(line.type, line.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))

    def hear(self, kind: str, text: str) -> None:
        if kind == "error":
            self.said.append(text)

    def go(self, path: str) -> None:
        self.page.goto(f"{self.url}{path}")
        self.look()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def fill(self, **fields: str) -> None:
        for name, text in fields.items():
            self.page.fill(f"[name={name}]", text)

    def arrive(self, path: str) -> None:
        self.page.wait_for_url(re.compile(re.escape(f"{self.url}{path}") + r"(\?.*)?$"))
        self.look()

    def code(self) -> str:
        return self.page.inner_text("#developers-code code")

    def look(self) -> None:
        """Whether anybody can read and use what is on the screen."""
        page = self.page
        found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        serious = [one for one in found if one["impact"] in ("serious", "critical")]
        assert [(one["id"], one["nodes"][0]["html"]) for one in serious] == [], page.url
        size = page.viewport_size
        for width in (320, size["width"] if size else 320):
            page.set_viewport_size({"width": width, "height": 900})
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{page.url} is {wide} wide at {width}"


@contextmanager
def person(
    browser: Browser, live_server: LiveServer, width: int, **options: Any
) -> Iterator[Person]:
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    context.set_default_timeout(60_000)
    try:
        found = Person(context.new_page(), live_server.url)
        yield found
        assert found.said == []
    finally:
        context.close()


def known() -> User:
    """alice, who has confirmed her address."""
    alice = User.objects.create_user("alice", EMAIL, PASSWORD)
    EmailAddress.objects.create(user=alice, email=EMAIL, verified=True, primary=True)
    return alice


def log_in(one: Person, password: str = PASSWORD) -> None:
    one.go("/")
    one.fill(login=EMAIL, password=password)
    one.press("Log in")


@WIDTHS
def test_from_signing_up_to_the_second_factor(
    width: int, browser: Browser, live_server: LiveServer
) -> None:
    with person(browser, live_server, width) as alice:
        alice.go("/")
        alice.page.get_by_role("link", name="Sign up").click()
        alice.arrive("/accounts/signup/")
        alice.fill(email=EMAIL, password1=PASSWORD)
        alice.press("Sign up")
        alice.arrive("/accounts/confirm-email/")
        alice.fill(code=alice.code())
        alice.press("Confirm")
        alice.arrive("/")
        expect(alice.page.get_by_text("You have no limit yet.")).to_be_visible()
        alice.go("/account")
        alice.go("/accounts/2fa/")
        alice.page.get_by_role("link", name="Set one up").click()
        alice.arrive("/accounts/2fa/totp/activate/")
        secret = alice.page.inner_text("#secret")
        alice.fill(code=totp(secret))
        alice.press("Set up")
        alice.arrive("/accounts/2fa/recovery-codes/")
        spare = alice.page.locator(".codes li").first.inner_text()
        alice.go("/account")
        alice.press("Log out")
        alice.arrive("/accounts/login/")
        log_in(alice)
        alice.arrive("/accounts/2fa/authenticate/")
        alice.fill(code=spare)
        alice.press("Log in")
        alice.arrive("/")


def test_a_passkey_is_added_and_logs_in(browser: Browser, live_server: LiveServer) -> None:
    known()
    with person(browser, live_server, 390) as alice:
        session = alice.page.context.new_cdp_session(alice.page)
        session.send("WebAuthn.enable")
        key = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True}
        verified = {"hasUserVerification": True, "isUserVerified": True}
        session.send("WebAuthn.addVirtualAuthenticator", {"options": key | verified})
        log_in(alice)
        alice.arrive("/")
        alice.go("/accounts/2fa/webauthn/add/")
        alice.fill(name="phone")
        alice.page.get_by_role("checkbox").check()
        alice.press("Add it")
        alice.page.wait_for_url("**/accounts/2fa/recovery-codes/")
        alice.go("/accounts/2fa/webauthn/")
        expect(alice.page.get_by_text("phone")).to_be_visible()
        alice.go("/account")
        alice.press("Log out")
        alice.arrive("/accounts/login/")
        alice.press("Use a passkey")
        alice.arrive("/")


def test_a_forgotten_password_ends_the_other_devices(
    browser: Browser, live_server: LiveServer
) -> None:
    known()
    with (
        person(browser, live_server, 390) as alice,
        person(browser, live_server, 1280) as elsewhere,
    ):
        log_in(elsewhere)
        elsewhere.arrive("/")
        alice.go("/accounts/login/")
        alice.page.get_by_role("link", name="Forgot your password?").click()
        alice.arrive("/accounts/password/reset/")
        alice.fill(email=EMAIL)
        alice.press("Send the code")
        alice.arrive("/accounts/password/reset/confirm/")
        alice.fill(code=alice.code())
        alice.press("Continue")
        alice.arrive("/accounts/password/reset/complete/")
        alice.fill(password1=OTHER, password2=OTHER)
        alice.press("Change the password")
        alice.arrive("/accounts/password/reset/done/")
        elsewhere.go("/")
        elsewhere.arrive("/accounts/login/")
        log_in(alice, OTHER)
        alice.arrive("/")
        log_in(elsewhere, OTHER)
        elsewhere.arrive("/")
        alice.go("/accounts/sessions/")
        assert alice.page.locator(".rows li").count() == 2
        alice.press("Log out all others")
        alice.arrive("/accounts/sessions/")
        assert alice.page.locator(".rows li").count() == 1
        elsewhere.go("/")
        elsewhere.arrive("/accounts/login/")


def test_a_token_is_made_and_revoked(browser: Browser, live_server: LiveServer) -> None:
    known()
    with person(browser, live_server, 390) as alice:
        log_in(alice)
        alice.arrive("/")
        alice.go("/account/tokens")
        alice.fill(name="Widget")
        alice.press("Make a token")
        expect(alice.page.locator("#secret")).to_contain_text("fa_")
        alice.look()
        alice.press("Revoke Widget")
        expect(alice.page.get_by_text("The token “Widget” is revoked.")).to_be_visible()
        alice.look()


@WIDTHS
def test_an_alert_is_seen(width: int, browser: Browser, live_server: LiveServer) -> None:
    owner = known()
    limit(owner, "100", name="Eating", levels=[80, 100])
    limit(owner, "300", name="Saving", operator="lte", levels=[100])
    limit(owner, "500", "transaction", name="Large", levels=[100])
    today = str(owner.ledger.as_of)
    spend(owner, "85", today, description="Dinner for all of us at the harbour")
    with person(browser, live_server, width, color_scheme="dark", locale="de-DE") as alice:
        alice.go("/accounts/login/")
        alice.fill(login=EMAIL, password=PASSWORD)
        alice.press("Anmelden")
        alice.arrive("/")
        notice = alice.page.locator(".notice")
        expect(notice).to_contain_text("80 % erreicht")
        expect(notice).to_contain_text("Dinner for all of us")
        alice.press("Eating habe ich gesehen")
        expect(alice.page.get_by_text("1 Alarm gesehen oder verschoben")).to_be_visible()
        alice.look()
        alice.press("English")
        expect(alice.page.get_by_text("1 alert seen or put off")).to_be_visible()


def test_all_of_it_works_without_scripts(browser: Browser, live_server: LiveServer) -> None:
    owner = known()
    limit(owner, "100", name="Eating", levels=[100])
    spend(owner, "120", str(owner.ledger.as_of))
    context = browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        page.goto(live_server.url)
        page.fill("[name=login]", EMAIL)
        page.fill("[name=password]", PASSWORD)
        page.get_by_role("button", name="Log in", exact=True).click()
        expect(page.locator(".notice")).to_contain_text("limit reached")
        page.get_by_role("button", name="Show Eating later").click()
        expect(page.get_by_text("You will see it again tomorrow")).to_be_visible()
    finally:
        context.close()


def test_without_a_net_nothing_of_anybody_is_shown(
    browser: Browser, live_server: LiveServer, tmp_path: Path
) -> None:
    owner = known()
    limit(owner, "100", name="Eating")
    with person(browser, live_server, 390) as alice:
        log_in(alice)
        alice.arrive("/")
        alice.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        alice.go("/")
        kept = alice.page.evaluate(
            "caches.keys().then(names => Promise.all(names.map(name => caches.open(name))))"
            ".then(all => Promise.all(all.map(cache => cache.keys())))"
            ".then(lists => lists.flat().map(request => new URL(request.url).pathname))"
        )
        assert sorted(kept) == sorted(
            ["/offline", "/static/web/icon.svg", "/static/web/shell.js", "/static/web/style.css"]
        )
        alice.page.context.set_offline(True)
        alice.page.goto(f"{live_server.url}/")
        expect(alice.page.get_by_text("No connection")).to_be_visible()
        alice.said.clear()  # what did not load
