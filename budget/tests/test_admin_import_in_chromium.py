"""A customer's file in a real browser, from the file to the undo."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from playwright.sync_api import expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from budget.models import Transaction
from budget.tests.people import limit, make_user
from budget.tests.test_admin_import import ADD, UNCLEAR
from financial_alerts.tests.browser import chromium, needs_chromium

pytestmark = [needs_chromium, pytest.mark.once, pytest.mark.django_db(transaction=True)]


def test_a_file_is_handed_in_answered_stored_and_undone(
    live_server: LiveServer, tmp_path: Path, settings: Settings
) -> None:
    settings.ADMIN_SECOND_FACTOR = False
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    alice = make_user()
    limit(alice, "10.00")
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="swordfish"))
    file = tmp_path / "bank.csv"
    file.write_bytes(UNCLEAR)
    said: list[str] = []
    with chromium(tmp_path / "profile") as browser:
        name = django_settings.SESSION_COOKIE_NAME
        cookie = client.cookies[name].value
        browser.add_cookies([{"name": name, "value": cookie, "url": live_server.url}])
        page = browser.new_page()
        page.on("console", lambda line: said.append(line.text) if line.type == "error" else None)
        page.goto(f"{live_server.url}{ADD}?user={alice.pk}")
        page.set_input_files("[name=file]", file)
        page.click("text=Show what would be stored")
        page.check("text=03/04/2024 is 3 April 2024")
        page.click("text=Try again")
        call_command("work", once=True)
        expect(page.locator("#sample")).to_contain_text("Shop")
        expect(page.locator("#opened li")).to_have_count(1)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert not Transaction.objects.exists()
        page.click("[name=store]")
        call_command("work", once=True)
        expect(page.locator("#state")).to_contain_text("stored")
        assert Transaction.objects.count() == 2
        page.click("[name=undo]")
        expect(page.locator("#state")).to_contain_text("undone")
        assert not Transaction.objects.exists()
    assert said == []
