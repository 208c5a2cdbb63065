"""Summaries kept in Redis: for one state of the ledger, and never when it matters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.core.cache import caches
from django.test import Client
from pytest_django import Settings

from accounts.models import ApiToken
from api.http import cached
from api.views import summary
from budget.tests.people import limit, spend
from lib.breaker import redis_breaker

pytestmark = pytest.mark.django_db

YEAR = "/api/summary?date_from=2018-01-01&date_to=2018-12-31&group_by=category"


@pytest.fixture(autouse=True)
def memory(settings: Settings) -> Iterator[None]:
    """A cache in memory in Redis' place; test_cache.py has the real one and its failures."""
    cache = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "summaries"}
    settings.CACHES = settings.CACHES | {"summaries": cache}
    caches["summaries"].clear()
    yield
    caches["summaries"].clear()


class Person:
    def __init__(self, name: str) -> None:
        self.user = User.objects.create(username=name)
        self.client = Client(
            headers={"Authorization": f"Bearer {ApiToken.issue(self.user, 'test')[1]}"}
        )
        spend(self.user, "5.00")

    def get(self, path: str = YEAR) -> Any:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def computed(self, path: str = YEAR) -> bool:
        """Whether the answer was computed for this request."""
        with mock.patch.object(summary, "summarize", wraps=summary.summarize) as asked:  # type: ignore[attr-defined]
            self.get(path)
        return bool(asked.called)


@pytest.fixture
def alice() -> Person:
    return Person("alice")


def test_it_is_computed_once_for_a_state(alice: Person) -> None:
    assert alice.computed()
    assert not alice.computed()
    first = alice.client.get(YEAR)
    caches["summaries"].clear()
    again = alice.client.get(YEAR)
    assert first.json() == again.json()
    assert first["ETag"] == again["ETag"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/transaction", {"date": "2018-03-06", "amount": "7.00"}),
        ("PATCH", "/api/category/groceries", {"name": "Food"}),
        ("PATCH", "/api/profile", {"month_start": 5}),
    ],
)
def test_any_write_of_the_user_ends_it(alice: Person, method: str, path: str, body: object) -> None:
    before = alice.get()
    answer = alice.client.generic(method, path, json.dumps(body), content_type="application/json")
    assert answer.status_code in (200, 201)
    assert alice.computed()
    if path != "/api/profile":
        assert alice.get() != before


def test_another_day_another_question_and_another_user_have_their_own(alice: Person) -> None:
    bob = Person("bob")
    spend(bob.user, "6.00")
    assert alice.computed()
    assert bob.computed()
    assert alice.computed(YEAR.replace("category", "type"))
    assert alice.computed(YEAR.replace("12-31", "12-30"))
    assert alice.get()["spending"] == "5.00"
    assert bob.get()["spending"] == "11.00"
    alice.user.ledger.as_of = alice.user.ledger.as_of.replace(year=2100)
    alice.user.ledger.save()
    assert alice.computed()


def test_another_release_makes_its_own(alice: Person) -> None:
    assert alice.computed()
    with mock.patch("api.http.cached.release", return_value="another"):
        assert alice.computed()
    assert not alice.computed()


def test_nothing_is_kept_of_a_refusal(alice: Person) -> None:
    wrong = YEAR.replace("2018-12-31", "2017-01-01")
    assert [alice.client.get(wrong).status_code for _ in range(2)] == [400, 400]


@pytest.mark.parametrize("path", ["/api/alert", "/api/threshold", "/api/transaction"])
def test_alerts_and_lists_are_never_kept(alice: Person, path: str) -> None:
    limit(alice.user, "4")
    with mock.patch.object(cached, "caches") as asked:
        alice.get(path)
    assert not asked.mock_calls


def test_what_somebody_else_put_there_is_no_code(alice: Person) -> None:
    with mock.patch("api.http.cached.key_of", return_value="k"):
        caches["summaries"].set("k", object)
        assert alice.get()["spending"] == "5.00"


def test_keys_have_no_dates_of_a_person(alice: Person) -> None:
    with mock.patch.object(cached, "caches") as asked:
        asked["summaries"].get.return_value = None
        alice.get()
    (key,) = asked["summaries"].get.call_args.args
    assert "2018" not in key


DUMMY = {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}
# Nobody listens on port 1.
GONE = {
    "BACKEND": "lib.cache.RedisCache",
    "LOCATION": "redis://127.0.0.1:1/0",
    "OPTIONS": {"fallback": "nothing"},
}


@pytest.mark.parametrize("cache", [DUMMY, GONE])
def test_without_redis_it_is_computed_each_time(
    alice: Person, settings: Settings, cache: dict[str, object]
) -> None:
    settings.CACHES = settings.CACHES | {"summaries": cache, "nothing": DUMMY}
    assert alice.computed()
    assert alice.computed()
    redis_breaker.cache_clear()
