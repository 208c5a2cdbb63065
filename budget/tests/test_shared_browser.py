"""Two people, one after the other, at one browser: nobody is shown the other one's money."""

from __future__ import annotations

from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core.cache import cache
from playwright.sync_api import Page
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from budget.models import Ledger
from budget.tests.base import issue_token
from budget.tests.people import limit, spend
from financial_alerts.tests.browser import chromium, needs_chromium
from financial_alerts.tests.logbook import Log, reading

pytestmark = [needs_chromium, pytest.mark.once, pytest.mark.django_db(transaction=True)]

PASSWORD = "correct horse 7 battery"
PATHS = (
    "/api/transaction",
    "/api/transaction?limit=5",
    "/api/alert",
    "/api/alert?since=0",
    "/api/threshold",
    "/api/category",
    "/api/summary?date_from=2018-03-01&date_to=2018-03-31&group_by=category",
)
MODES = ("default", "no-cache", "force-cache", "only-if-cached")
# What a page's script does; a browser that finds nothing to answer with gives the empty string.
ASK = """async ([ways, headers]) => {
    const found = [];
    for (const [path, cache] of ways) {
        try {
            const options = {cache, mode: "same-origin", headers};
            found.push(await (await fetch(path, options)).text());
        } catch (error) {
            found.push("");
        }
    }
    return found;
}"""
ACCOUNT = """async ([method, path, body]) => {
    await fetch("/_allauth/browser/v1/config");
    const csrf = document.cookie.match(/csrftoken=([^;]+)/)[1];
    const answer = await fetch("/_allauth/browser/v1/" + path, {
        method, body, headers: {"Content-Type": "application/json", "X-CSRFToken": csrf},
    });
    return answer.status;
}"""


@pytest.fixture(autouse=True)
def plain_http(settings: Settings) -> None:
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    cache.clear()


class Person:
    """Somebody whose every row and answer has a word in it that nobody else's has."""

    def __init__(self, name: str) -> None:
        email = f"{name}@example.com"
        self.name, self.email = name, email
        self.user = User.objects.create_user(name, email, PASSWORD)
        EmailAddress.objects.create(user=self.user, email=email, verified=True, primary=True)
        limit(self.user, "4.00", name=f"Limit of {name}")
        spend(self.user, "5.00", to=f"Shop of {name}", description=f"Paid by {name}")
        self.token = issue_token(self.user)

    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


People = tuple[Person, Person]


@pytest.fixture
def people() -> People:
    """Two people whose ledgers differ in nothing that a tag could be made of but who they are."""
    alice, bob = Person("alice"), Person("bob")
    (one, other) = Ledger.objects.order_by("pk").values_list("version", "as_of", "event_seq")
    assert one == other
    return alice, bob


def blank(page: Page, server: LiveServer) -> Page:
    """A page of the service, without a word about anybody."""
    page.goto(f"{server.url}/api/docs")
    return page


def ask(page: Page, path: str, mode: str = "default", **headers: str) -> str:
    found: list[str] = page.evaluate(ASK, [[(path, mode)], headers])
    return found[0]


def log_in(page: Page, person: Person) -> None:
    body = f'{{"email": "{person.email}", "password": "{PASSWORD}"}}'
    assert page.evaluate(ACCOUNT, ["POST", "auth/login", body]) == 200


def log_out(page: Page) -> None:
    # 401 is how allauth says that nobody is logged in now.
    assert page.evaluate(ACCOUNT, ["DELETE", "auth/session", None]) == 401


def seen(page: Page, **headers: str) -> dict[tuple[str, str], str]:
    """What each way of asking shows, by address and cache mode."""
    ways = [(path, mode) for path in PATHS for mode in MODES]
    return dict(zip(ways, page.evaluate(ASK, [ways, headers]), strict=True))


def check_own(found: dict[tuple[str, str], str], owner: Person, other: Person) -> None:
    """All that is shown belongs to the owner."""
    for (path, mode), text in found.items():
        assert other.name not in text, (path, mode)
        if mode != "only-if-cached":
            assert owner.name in text, (path, mode)


def statuses(log: Log) -> list[int]:
    return [line["status"] for line in log.access if line["route"].startswith("api/")]


def test_with_cookies(live_server: LiveServer, people: People, tmp_path: Path) -> None:
    alice, bob = people
    with chromium(tmp_path) as browser:
        page = blank(browser.new_page(), live_server)
        log_in(page, alice)
        check_own(seen(page), alice, bob)
        log_out(page)
        for text in seen(page).values():
            assert alice.name not in text
        log_in(page, bob)
        check_own(seen(page), bob, alice)
        log_out(page)
        log_in(page, alice)
        check_own(seen(page), alice, bob)
    # Started again, it knows the session: a second person logs out first.
    with chromium(tmp_path) as browser:
        page = blank(browser.new_page(), live_server)
        assert alice.name in ask(page, PATHS[0])
        log_out(page)
        log_in(page, bob)
        check_own(seen(page), bob, alice)


def test_with_tokens(live_server: LiveServer, people: People, tmp_path: Path) -> None:
    alice, bob = people
    with chromium(tmp_path) as browser:
        page = blank(browser.new_page(), live_server)
        check_own(seen(page, **alice.bearer()), alice, bob)
        check_own(seen(page, **bob.bearer()), bob, alice)
        check_own(seen(page, **alice.bearer()), alice, bob)
        for text in seen(page).values():
            assert alice.name not in text
            assert bob.name not in text
    with chromium(tmp_path) as browser:
        page = blank(browser.new_page(), live_server)
        check_own(seen(page, **bob.bearer()), bob, alice)


def test_going_back_shows_nothing_of_who_was_there_before(
    live_server: LiveServer, people: People, tmp_path: Path
) -> None:
    alice, bob = people
    address = f"{live_server.url}{PATHS[0]}"
    with chromium(tmp_path) as browser:
        page = blank(browser.new_page(), live_server)
        log_in(page, alice)
        page.goto(address)
        assert alice.name in page.content()
        blank(page, live_server)
        log_out(page)
        page.go_back()
        assert page.url == address
        assert alice.name not in page.content()
        blank(page, live_server)
        log_in(page, bob)
        page.go_back()
        assert page.url == address
        assert bob.name in page.content()
        assert alice.name not in page.content()


def test_the_browser_does_keep_answers_and_asks_whether_they_are_good(
    live_server: LiveServer, people: People, tmp_path: Path
) -> None:
    """Without this the tests above would be passed by a browser that keeps nothing."""
    alice, bob = people
    with chromium(tmp_path) as browser:
        page = blank(browser.new_page(), live_server)
        first = ask(page, PATHS[0], **alice.bearer())
        with reading() as log:
            assert ask(page, PATHS[0], **alice.bearer()) == first
        assert statuses(log) == [304]
        with reading() as log:
            assert bob.name in ask(page, PATHS[0], **bob.bearer())
        assert statuses(log) == [200]
    with chromium(tmp_path) as browser:
        page = blank(browser.new_page(), live_server)
        with reading() as log:
            assert bob.name in ask(page, PATHS[0], **bob.bearer())
        assert statuses(log) == [304]
