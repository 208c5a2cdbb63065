"""The way into the admin in a real browser: a code, a second factor, recovery codes."""

from __future__ import annotations

from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core import mail
from django.core.cache import cache
from playwright.sync_api import Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.tests.clients import CODE, PASSWORD, totp
from financial_alerts.tests.browser import chromium, needs_chromium

pytestmark = [needs_chromium, pytest.mark.once, pytest.mark.django_db(transaction=True)]

OTHER = "another horse 8 battery"


@pytest.fixture(autouse=True)
def as_in_production(settings: Settings) -> None:
    settings.ADMIN_SECOND_FACTOR = True
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    cache.clear()


def code() -> str:
    found = CODE.search(str(mail.outbox[-1].body))
    assert found is not None
    return found[0]


def send(page: Page, **fields: str) -> None:
    for name, text in fields.items():
        page.fill(f"[name={name}]", text)
    page.press(f"[name={name}]", "Enter")


def fits(page: Page) -> bool:
    """Whether nothing of the page lies beyond its right edge."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize("width", [390, 1280])
def test_the_first_log_in_sets_up_a_second_factor(
    width: int, live_server: LiveServer, tmp_path: Path
) -> None:
    User.objects.create_superuser("root", "root@example.com", PASSWORD)
    said: list[str] = []
    with chromium(tmp_path) as browser:
        page = browser.new_page()
        page.set_viewport_size({"width": width, "height": 900})
        page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
        page.goto(f"{live_server.url}/admin/")
        assert fits(page)
        send(page, login="root@example.com", password=PASSWORD)
        page.wait_for_url("**/accounts/confirm-email/**")
        send(page, code=code())
        page.wait_for_url("**/accounts/2fa/totp/activate/**")
        assert fits(page)
        # The picture is drawn: the policy of the page lets it in.
        assert page.evaluate("document.querySelector('.qr').naturalWidth") > 100
        send(page, code=totp(page.inner_text("#secret")))
        page.wait_for_url("**/accounts/2fa/recovery-codes/")
        assert fits(page)
        assert page.locator(".codes li").count() == 10
        page.click("text=Go to the admin")
        page.wait_for_url("**/admin/")
        page.goto(f"{live_server.url}/admin/accounts/apitoken/add/")
        expect(page.get_by_text("the data of every user").first).to_be_visible()
        assert fits(page)
    assert said == []


def test_a_forgotten_password_is_replaced(live_server: LiveServer, tmp_path: Path) -> None:
    root = User.objects.create_superuser("root", "root@example.com", PASSWORD)
    EmailAddress.objects.create(user=root, email=root.email, verified=True, primary=True)
    with chromium(tmp_path) as browser:
        page = browser.new_page()
        page.goto(f"{live_server.url}/admin/")
        page.click("text=Forgot your password?")
        send(page, email="root@example.com")
        page.wait_for_url("**/password/reset/confirm/")
        send(page, code=code())
        page.wait_for_url("**/password/reset/complete/")
        send(page, password1=OTHER, password2=OTHER)
        page.wait_for_url("**/password/reset/done/")
        page.click("text=Log in")
        send(page, login="root@example.com", password=OTHER)
        page.wait_for_url(f"{live_server.url}/")
        page.goto(f"{live_server.url}/admin/")
        page.wait_for_url("**/accounts/2fa/totp/activate/**")
