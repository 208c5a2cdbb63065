"""The first page: who may see it, what it says of each kind of limit, and its buttons."""

from __future__ import annotations

import gzip
import re
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client, TestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import ApiToken
from budget.answers.overview import left_per_day
from budget.models import Alert
from budget.tests.base import turn_back_the_day
from budget.tests.people import at, combine, limit, spend


class PageTestCase(TestCase):
    """alice is logged in, on 10 March 2018."""

    alice: User
    charlie: User

    @classmethod
    def setUpTestData(cls) -> None:
        cls.alice = User.objects.create_user("alice", "alice@example.com", password="swordfish")
        cls.charlie = User.objects.create_user("charlie", "charlie@example.com")

    def setUp(self) -> None:
        self.enterContext(at("2018-03-10"))
        turn_back_the_day()
        self.client.force_login(self.alice)

    def text(self, path: str = "/", **headers: str) -> str:
        """What a reader sees of a page, in one line."""
        answer = self.client.get(path, headers=headers)
        self.assertEqual(answer.status_code, 200)
        words = re.sub(
            r"<(script|title)[^>]*>.*?</\1>|<[^>]+>", " ", answer.content.decode(), flags=re.S
        )
        return " ".join(words.replace("&nbsp;", " ").replace("\N{NO-BREAK SPACE}", " ").split())


class OverviewTest(PageTestCase):
    def test_a_stranger_is_led_to_the_log_in(self) -> None:
        for path in ("/", "/account", "/account/tokens"):
            answer = Client().get(path)
            self.assertRedirects(answer, f"/accounts/login/?next={path}")

    def test_it_shows_what_is_spent_and_left_and_how_much_that_is_a_day(self) -> None:
        limit(self.alice, "300", of="Food", name="Eating", levels=[80, 100])
        spend(self.alice, "80", "2018-03-02", to="Food")
        text = self.text()
        self.assertIn(
            "Eating within the limit Food · March 2018 80.00 USD of 300.00 USD spent", text
        )
        # 22 days from the 10th to the 31st.
        self.assertIn("220.00 USD left 10.00 USD a day for 22 days", text)
        self.assertIn("heading for 248.00 USD by 31 March 2018", text)
        self.assertIn("No alert waits for you.", text)

    def test_it_shows_the_highest_level_with_the_two_largest_rows(self) -> None:
        limit(self.alice, "100", name="Eating", levels=[50, 80, 100])
        for amount, words in (("5", "tea"), ("60", "dinner"), ("50", "lunch")):
            spend(self.alice, amount, "2018-03-02", description=words)
        spend(self.alice, "70", "2018-03-03", type="refund", description="back")
        spend(self.alice, "70", "2018-03-04", type="income", description="wages")
        spend(self.alice, "60", "2018-03-04", description="books")
        text = self.text()
        self.assertIn(
            "1 alert is true now Eating limit reached March 2018 105.00 USD of 100.00 USD spent "
            "books 4 March 60.00 USD dinner 2 March 60.00 USD Why? Seen Later",
            text,
        )

    def test_each_kind_of_limit_has_a_card_that_is_right_for_it(self) -> None:
        limit(self.alice, "50", "rolling", days=7, name="Week", levels=[100])
        limit(self.alice, "200", "transaction", name="Large")
        limit(self.alice, "100", operator="lte", name="Saving", levels=[100])
        limit(self.alice, "3", measure="count", name="Often")
        limit(self.alice, "10", name="Paused", enabled=False)
        parts = (("Food", "spending", "gte", "30"), (None, "spending", "gte", "500"))
        combine(self.alice, *parts, match="all", name="Both")
        spend(self.alice, "40", "2018-03-09", to="Food")
        text = self.text()
        self.assertIn("Week within the limit all categories · last 7 days", text)
        self.assertIn("An alert for each one of at least 200.00 USD.", text)
        self.assertIn("Judged after 31 March 2018: an alert for at most 100.00 USD.", text)
        self.assertIn("1 of 3 expenses", text)
        self.assertIn("1 limit is switched off", text)
        self.assertIn("1 of 2 conditions hold an alert if all of them do Food: at least", text)

    def test_the_page_is_german_for_who_reads_german_and_the_api_is_not(self) -> None:
        limit(self.alice, "1000", name="Essen")
        spend(self.alice, "1234.5", "2018-03-02")
        german = {"accept-language": "de-AT,de;q=0.9,en;q=0.8"}
        text = self.text(**german)
        self.assertIn("Limit erreicht März 2018 1.234,50 USD von 1.000,00 USD ausgegeben", text)
        self.assertIn("Überblick 10. März 2018", text)
        message = self.client.get("/api/alert", headers=german).json()["items"][0]["message"]
        self.assertIn("limit reached", message)
        self.client.post("/language", {"language": "en", "next": "/"})
        self.assertIn("limit reached", self.text(**german))

    def test_seen_and_later_put_an_alert_aside_and_back(self) -> None:
        limit(self.alice, "10", name="Eating", levels=[100])
        spend(self.alice, "12", "2018-03-02")
        alert = Alert.objects.get()
        self.assertIn("1 alert is true now", self.text())
        self.mark(alert, "seen")
        self.assertIn("1 alert seen or put off", self.text())
        self.mark(alert, "back")
        self.assertIn("1 alert is true now", self.text())
        self.mark(alert, "later")
        self.assertIn("You will see it again tomorrow", self.text())
        alert.refresh_from_db()
        self.assertEqual(alert.snoozed_until, timezone.now() + timedelta(days=1))

    def mark(self, alert: Alert, word: str, status: int = 302) -> None:
        answer = self.client.post(f"/alert/{alert.pk}/mark", {"mark": word})
        self.assertEqual(answer.status_code, status)

    def test_what_belongs_to_another_user_is_neither_shown_nor_marked(self) -> None:
        limit(self.charlie, "10", name="Secret", levels=[100])
        spend(self.charlie, "12", "2018-03-02")
        alert = Alert.objects.get()
        self.assertNotIn("Secret", self.text())
        self.mark(alert, "seen", status=404)
        alert.refresh_from_db()
        self.assertIsNone(alert.acknowledged_at)

    def test_a_form_of_another_site_changes_nothing(self) -> None:
        limit(self.alice, "10", levels=[100])
        spend(self.alice, "12", "2018-03-02")
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(self.alice)
        answer = strict.post(f"/alert/{Alert.objects.get().pk}/mark", {"mark": "seen"})
        self.assertEqual(answer.status_code, 403)

    def test_more_limits_take_no_more_statements(self) -> None:
        def fill(count: int) -> None:
            for number in range(count):
                limit(self.alice, "10", of=f"C{number}", name=f"{count} {number}")
                spend(self.alice, "12", "2018-03-02", to=f"C{number}")

        fill(2)
        few = self.statements()
        fill(12)
        self.assertEqual(self.statements(), few)
        self.assertLessEqual(few, 12)

    def statements(self) -> int:
        self.client.get("/")
        with CaptureQueriesContext(
            connection,
        ) as found:
            self.client.get("/")
        return len(found)

    def test_a_page_of_twenty_limits_is_small(self) -> None:
        for number in range(20):
            limit(self.alice, "10", of=f"C{number}", name=f"Limit {number}")
            spend(self.alice, "12", "2018-03-02", to=f"C{number}", description=f"row {number}")
        self.assertLess(len(gzip.compress(self.client.get("/").content)), 60_000)

    def test_no_cache_keeps_it_and_no_script_but_ours_runs(self) -> None:
        answer = self.client.get("/")
        self.assertEqual(answer["Cache-Control"], "no-store")
        self.assertIn("default-src 'self'", answer["Content-Security-Policy"])
        self.assertNotIn("unsafe", answer["Content-Security-Policy"])
        self.assertNotRegex(
            answer.content.decode(), r"<script(?! src=)|\sstyle=|\son\w+=|javascript:"
        )


@pytest.mark.parametrize(
    ("remaining", "end", "expected"),
    [
        ("60.00", "2018-04-01", "12.00"),  # 27 to 31 March
        ("100.00", "2018-03-30", "33.33"),
        ("100.00", "2018-03-28", None),  # over after today
        ("0.00", "2018-04-01", None),
        ("-5.00", "2018-04-01", None),
        (None, "2018-04-01", None),
    ],
)
def test_left_per_day(remaining: str | None, end: str, expected: str | None) -> None:
    current: Any = {"remaining": remaining, "period_end": end, "as_of": "2018-03-27"}
    found = left_per_day(current)
    assert (None if found is None else str(found)) == expected


class AccountTest(PageTestCase):
    def test_a_token_is_shown_once_and_opens_the_api_until_it_is_revoked(self) -> None:
        self.client.logout()
        EmailAddress.objects.create(
            user=self.alice, email=self.alice.email, verified=True, primary=True
        )
        sent = {"login": "alice@example.com", "password": "swordfish"}
        self.assertRedirects(self.client.post("/accounts/login/", sent), "/")
        answer = self.client.post("/account/tokens", {"name": "Widget", "scope": "read"})
        found = re.search(r"fa_[\w-]{43}", answer.content.decode())
        assert found is not None
        self.assertEqual(answer["Cache-Control"], "no-store")
        self.assertNotIn(found[0], self.text("/account/tokens"))
        header = {"authorization": f"Bearer {found[0]}"}
        self.assertEqual(Client().get("/api/alert", headers=header).status_code, 200)
        key = self.alice.api_tokens.get().pk
        self.client.post(f"/account/tokens/{key}/revoke")
        self.assertIn("Widget revoked", self.text("/account/tokens"))
        self.assertEqual(Client().get("/api/alert", headers=header).status_code, 401)

    def test_nobody_revokes_the_token_of_another(self) -> None:
        token, _ = ApiToken.issue(self.charlie, "theirs")
        self.assertEqual(self.client.post(f"/account/tokens/{token.pk}/revoke").status_code, 404)
        self.assertNotIn("theirs", self.text("/account/tokens"))


class ShellTest(TestCase):
    def test_the_worker_keeps_the_shell_and_nothing_of_anybody(self) -> None:
        worker = self.client.get("/service-worker.js")
        self.assertEqual(worker["Content-Type"], "text/javascript")
        kept = re.search(r'"kept": \[([^]]*)\]', worker.content.decode())
        assert kept is not None
        for address in re.findall(r'"([^"]+)"', kept[1]):
            self.assertRegex(address, r"^(/static/web/|/offline$)")
        self.assertNotIn("cookie", self.client.get("/offline").headers.get("Vary", "").lower())

    def test_the_manifest_names_icons_that_are_there(self) -> None:
        manifest = self.client.get("/manifest.webmanifest").json()
        self.assertEqual(manifest["start_url"], "/")
        for icon in manifest["icons"]:
            self.assertIsNotNone(finders.find(icon["src"].removeprefix("/static/")))
