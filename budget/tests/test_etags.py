"""Tags of every route: good for who got them, where, and as long as the answer stays the same.

The routes come from api.urls, so a new one is covered without a word here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern
from django.utils import timezone

from accounts.models import ApiToken, Scope
from api.http.door import Door
from api.http.endpoint import Endpoint
from api.openapi.parameters import CONVERTED, in_query
from api.urls import documented
from budget.engine import snooze
from budget.models import Alert, Delivery, Ledger
from budget.tests.base import ApiTestCase, issue_token, turn_back_the_day
from budget.tests.people import at, fill_browser, fill_endpoint, fill_import, limit, spend

pytestmark = pytest.mark.once

NOW = "2018-03-20 09:30"
DAY = "2018-03-20"
# A value that is right for any user, by a parameter's schema.
WORDS = {"date": DAY, "cursor": None}
NOBODY = 10**12


def endpoints(url: URLPattern) -> dict[str, Endpoint]:
    door = url.callback
    assert isinstance(door, Door)
    return door.endpoints


def readable() -> list[URLPattern]:
    return [url for url in documented if "GET" in endpoints(url)]


def value_of(schema: dict[str, Any]) -> str | None:
    """A value for a parameter; None for those that only the stored rows could tell."""
    if "enum" in schema:
        return str(schema["enum"][0])
    if schema.get("format") in WORDS:
        return WORDS[schema["format"]]
    return {"boolean": "false", "integer": str(schema.get("minimum", 1))}.get(
        schema.get("type", "")
    )


def questions(url: URLPattern, user: User) -> Iterator[str]:
    """Query strings for a route: what it must have, and then each other parameter once."""
    parameters = in_query(endpoints(url)["GET"].query)
    must = [(one["name"], value_of(one["schema"])) for one in parameters if one.get("required")]
    yield "&".join(f"{name}={value}" for name, value in must)
    for one in parameters:
        value = str(user.pk) if one["name"] == "user" else value_of(one["schema"])
        if not one.get("required") and value is not None:
            yield "&".join(f"{name}={text}" for name, text in [*must, (one["name"], value)])


class Walker:
    """Asks every route that can be read, each with each of its parameters once."""

    def __init__(self, users: list[User]) -> None:
        self.users = {user.username: user for user in users}
        self.tokens = {name: issue_token(user) for name, user in self.users.items()}

    def ask(self, who: str, path: str, *tags: str) -> tuple[Any, bytes]:
        """An answer to a request that has these tags already, and its body, read to the end."""
        sent = {"Authorization": f"Bearer {self.tokens[who]}"}
        if tags:
            sent["If-None-Match"] = ", ".join(tags)
        answer = Client(headers=sent).get(path)
        return answer, b"".join(answer) if answer.streaming else answer.content

    def addresses(self, who: str) -> Iterator[str]:
        for url in readable():
            for path in self.paths(who, url):
                for query in questions(url, self.users[who]):
                    yield path + ("?" + query if query else "")

    def paths(self, who: str, url: URLPattern) -> list[str]:
        """The path of a route, for the first two rows of its list where it is about one row."""
        before, *after = CONVERTED.split(str(url.pattern))
        if not after:
            return [f"/api/{before}"]
        if before == "delivery/":
            keys = Delivery.objects.filter(user=self.users[who]).values_list("id", flat=True)
            return [f"/api/{before}{key}" for key in keys]
        items = json.loads(self.ask(who, f"/api/{before.rstrip('/')}")[1])["items"]
        assert items, url
        return [f"/api/{before}{item['id']}{after[-1]}" for item in items[:2]]

    def tags(self) -> dict[tuple[str, str], str]:
        """The tag of every answer that has one, by user and address."""
        found = {}
        for who in self.users:
            for path in self.addresses(who):
                answer, body = self.ask(who, path)
                # Some parameters go with others only.
                assert answer.status_code in (200, 400), (path, body)
                if answer.has_header("ETag"):
                    found[who, path] = answer["ETag"]
        return found


def fill(user: User) -> None:
    """The same rows for anybody: transactions, thresholds, alerts, and one of these snoozed."""
    for _ in range(2):
        spend(user, "5.00", DAY)
    fill_import(user)
    fill_endpoint(user)
    fill_browser(user)
    limit(user, "4.00", name="Food")
    limit(user, "8.00", "weekly", of="Groceries")
    alert = Alert.objects.filter(user=user).order_by("id")[0]
    snooze(user.pk, alert.pk, timezone.now() + timedelta(hours=2, minutes=30))


class TagTestCase(ApiTestCase):
    """Alice and Charlie have the same rows, so that their ledgers agree in all that counts up."""

    walker: Walker
    tags: dict[tuple[str, str], str]

    @classmethod
    def setUpTestData(cls) -> None:
        super().setUpTestData()
        with at(NOW):
            turn_back_the_day()
            for user in (cls.alice, cls.charlie):
                fill(user)
            (_,) = set(Ledger.objects.values_list("version", "as_of", "event_seq"))
            cls.walker = Walker([cls.alice, cls.charlie])
            cls.tags = cls.walker.tags()

    def setUp(self) -> None:
        self.enterContext(at(NOW))

    def ask(self, who: str, path: str, *tags: str, status: int | None = 200) -> bytes:
        self.answer, body = self.walker.ask(who, path, *tags)
        if status is not None:
            self.assertEqual(self.answer.status_code, status, (path, body))
        return body

    def others(self, tag: str) -> set[str]:
        return set(self.tags.values()) - {tag}

    def test_every_answer_has_a_tag_that_no_other_has(self) -> None:
        self.assertEqual(len(set(self.tags.values())), len(self.tags))
        tagged = {path.partition("?")[0] for _, path in self.tags}
        every = {path for url in readable() for path in self.walker.paths("alice", url)}
        self.assertEqual(every - tagged, {"/api/account/export"})

    def test_a_tag_is_good_where_it_was_given(self) -> None:
        for (who, path), tag in self.tags.items():
            with self.subTest(path):
                self.assertEqual(self.ask(who, path, tag, status=304), b"")
                self.assertEqual(self.answer["ETag"], tag)
                token = self.walker.tokens[who]
                head = {"Authorization": f"Bearer {token}", "If-None-Match": f"W/{tag}"}
                self.assertEqual(self.client.head(path, headers=head).status_code, 304)

    def test_a_tag_of_another_user_or_address_is_good_for_nothing(self) -> None:
        for (who, path), tag in self.tags.items():
            with self.subTest(who=who, path=path):
                fresh = self.ask(who, path)
                self.assertEqual(self.ask(who, path, *self.others(tag)), fresh)

    def test_no_tag_hides_that_a_request_is_refused(self) -> None:
        tags = self.tags.values()
        for url in readable():
            for path in self.walker.paths("alice", url):
                with self.subTest(path):
                    self.ask("alice", f"{path}?nonsense=1", *tags, status=400)
                    self.assertEqual(self.answer["Cache-Control"], "no-store")
        for url in filter(lambda url: url.pattern.converters, readable()):
            gone = "/api/" + CONVERTED.sub(str(NOBODY), str(url.pattern))
            for path in (gone, *self.walker.paths("charlie", url)):
                with self.subTest(path):
                    self.ask("alice", path, *tags, status=404)

    def test_a_tag_of_another_generation_is_good_for_nothing(self) -> None:
        for ledger in Ledger.objects.all():
            Ledger.objects.filter(pk=ledger.pk).update(generation=ledger.generation + 1)
        for (who, path), tag in self.tags.items():
            with self.subTest(path):
                self.ask(who, path, tag, status=200)

    def test_a_tag_of_another_release_is_good_for_nothing(self) -> None:
        with mock.patch("api.http.ledgered.release", return_value="another"):
            for (who, path), tag in self.tags.items():
                with self.subTest(path):
                    self.ask(who, path, tag, status=200)

    def test_a_service_has_each_user_under_an_address_of_its_own(self) -> None:
        self.walker.tokens["service"] = ApiToken.issue(self.alice, "s", scope=Scope.SERVICE)[1]
        one, other = (f"/api/transaction?user={user.pk}" for user in (self.alice, self.charlie))
        for path in (one, other):
            fresh = self.ask("service", path)
            tag = self.answer["ETag"]
            self.ask("service", path, tag, status=304)
            self.assertEqual(self.ask("service", path, *self.others(tag)), fresh)

    def test_whoever_has_no_account_any_more_gets_no_304(self) -> None:
        User.objects.filter(pk=self.alice.pk).update(is_active=False)
        for (who, path), tag in self.tags.items():
            if who == "alice":
                self.ask(who, path, tag, status=401)

    def test_a_tag_of_a_write_is_good_for_a_write_and_for_no_read(self) -> None:
        self.patch("/api/category/groceries", {"slug": "food"})
        tag = self.answer["ETag"]
        self.ask("alice", "/api/category/groceries", tag, status=404)
        self.ask("alice", "/api/category/food", tag, status=200)
        self.patch("/api/category/food", {"name": "Food"}, HTTP_IF_MATCH=tag)

    def test_a_row_tag_is_good_for_its_own_row_only(self) -> None:
        first, second = self.ids("/api/transaction")
        self.get(f"/api/transaction/{first}")
        tag = self.answer["ETag"]
        self.patch(f"/api/transaction/{second}", {"amount": "6"}, HTTP_IF_MATCH=tag, status=412)
        self.patch(f"/api/transaction/{first}", {"amount": "6"}, HTTP_IF_MATCH=tag)

    def test_a_304_is_never_older_than_the_answer_would_be(self) -> None:
        # Charlie's rows are the same as hers.
        tags = {path: tag for (who, path), tag in self.tags.items() if who == "alice"}
        kept = {path: self.ask("alice", path) for path in tags}
        good = set()
        # Before the snooze ends, when it does, and at the end of the day.
        for moment in ("11:59", "12:00", "23:59"):
            with at(f"{DAY} {moment}"):
                for path, tag in tags.items():
                    self.ask("alice", path, tag, status=None)
                    if self.answer.status_code == 304:
                        self.assertEqual(self.ask("alice", path), kept[path], (path, moment))
                        good.add((path, moment))
        self.assertIn(("/api/alert?snoozed=false", "11:59"), good)
        self.assertNotIn(("/api/alert?snoozed=false", "12:00"), good)
        self.assertIn(("/api/alert", "23:59"), good)

    def test_an_alert_is_back_when_its_snooze_has_ended(self) -> None:
        path = "/api/alert?active=true&snoozed=false"
        before = self.ids(path)
        tag = self.answer["ETag"]
        self.ask("alice", path, tag, status=304)
        with at(f"{DAY} 12:30"):
            fresh = json.loads(self.ask("alice", path, tag))
            after = [item["id"] for item in fresh["items"]]
            self.assertEqual(len(after), len(before) + 1)
            self.ask("alice", path, self.answer["ETag"], status=304)

    def test_a_snooze_that_ends_within_a_second_is_not_rounded_up(self) -> None:
        alert = Alert.objects.filter(user=self.alice, snoozed_until=None)[0]
        end = timezone.now() + timedelta(minutes=1, milliseconds=300)
        snooze(self.alice.pk, alert.pk, end)
        path = "/api/alert?snoozed=true"
        self.ask("alice", path)
        tag = self.answer["ETag"]
        with at((end + timedelta(milliseconds=1)).replace(tzinfo=None).isoformat()):
            fresh = json.loads(self.ask("alice", path, tag))
            self.assertNotIn(alert.pk, [item["id"] for item in fresh["items"]])
