"""A replica that lags: a user always reads their own writes, on either database."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from unittest import mock

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import OperationalError, connection, connections
from django.test import Client
from django.utils import timezone

from api.http import replica
from api.schemas import filters
from api.views import summary
from budget.answers.summary import summarize
from budget.engine import Reading
from budget.models.named import read_known
from budget.tests.base import issue_token
from budget.tests.people import category, limit, spend
from budget.tests.test_one_state import see_the_same
from financial_alerts.tests.at_once import at_once
from financial_alerts.tests.logbook import reading
from financial_alerts.tests.postgres import run_sql, url_of

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

LIST = "/api/transaction"
EXPORT = "/api/transaction/export"
SUMMARY = "/api/summary?date_from=2018-01-01&date_to=2018-12-31&group_by=category"
READS = (LIST, EXPORT, SUMMARY)
PRIMARY, REPLICA = "Groceries", "Of the replica"
RENAME = "UPDATE budget_category SET name = 'Of the replica' WHERE name = 'Groceries'"


class Replica:
    """A copy of the tests' database as it was at some time. url: how to reach it beside Django."""

    def __init__(self) -> None:
        self.name = f"{connection.settings_dict['NAME']}_{uuid.uuid4().hex[:8]}"
        self.url = url_of(self.name)

    def catch_up(self) -> None:
        """Become what the primary is now, but for the name of each category."""
        self.drop()
        # A database that somebody is connected to cannot be copied.
        connection.close()
        copied = connection.settings_dict["NAME"]
        run_sql(url_of("postgres"), f'CREATE DATABASE "{self.name}" TEMPLATE "{copied}"')
        run_sql(self.url, RENAME)

    def drop(self) -> None:
        connections["replica"].close()
        run_sql(url_of("postgres"), f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')


@pytest.fixture
def copy() -> Iterator[Replica]:
    """A second database beside that of the tests, known to Django while a test runs."""
    copy = Replica()
    place = {**settings.DATABASES["default"], "NAME": copy.name}
    settings.DATABASES["replica"] = place
    database = connections["replica"]

    def ensure_connection() -> None:
        # Django's own lets a test connect only to the databases that existed at its start.
        if database.connection is None:
            with database.wrap_database_errors:
                database.connect()

    replica.breaker.answered()
    try:
        with mock.patch.object(database, "ensure_connection", ensure_connection):
            yield copy
    finally:
        copy.drop()
        del connections["replica"], settings.DATABASES["replica"]
        replica.breaker.answered()


class Person:
    """Somebody with a token, which carries no cookie from one request to the next."""

    def __init__(self, name: str) -> None:
        self.user = User.objects.create(username=name)
        self.headers = {"Authorization": f"Bearer {issue_token(self.user)}"}
        spend(self.user, "5.00")

    def get(self, path: str, **headers: str) -> Any:
        answer = Client(headers=self.headers | headers).get(path)
        assert answer.status_code in (200, 304), answer.content
        return answer

    def write(self, method: str, path: str, body: object = None) -> Any:
        answer = Client(headers=self.headers).generic(
            method, path, "" if body is None else json.dumps(body), content_type="application/json"
        )
        assert answer.status_code in (200, 201), answer.content
        return answer.json()

    def served_by(self, path: str = LIST) -> str:
        """The database that a read was answered from, by the name of the category there."""
        answer = self.get(path)
        text = b"".join(answer) if answer.streaming else answer.content
        (found,) = [name for name in (PRIMARY, REPLICA) if name.encode() in text]
        return found


@pytest.fixture
def alice(copy: Replica) -> Person:
    alice = Person("alice")
    copy.catch_up()
    return alice


ROW = {"date": "2018-03-06", "amount": "7.00", "category": PRIMARY}
WRITES = [
    ("POST", "/api/transaction", ROW),
    ("POST", "/api/transaction", {"items": [ROW, ROW]}),
    ("PATCH", "/api/transaction/{pk}", {"amount": "9.00"}),
    ("PUT", "/api/transaction/{pk}", ROW),
    ("POST", "/api/category", {"name": "Bakery"}),
    ("POST", "/api/threshold", {"name": "All", "amount": "4", "type": "monthly"}),
    ("PATCH", "/api/profile", {"month_start": 5}),
]


def test_whoever_has_written_reads_it_until_the_replica_has_it(
    copy: Replica, alice: Person
) -> None:
    assert [alice.served_by(path) for path in READS] == [REPLICA] * 3
    pk = alice.user.transactions.get().pk
    for method, where, body in WRITES:
        alice.write(method, where.format(pk=pk), body)
        assert [alice.served_by(path) for path in READS] == [PRIMARY] * 3
        copy.catch_up()
        assert [alice.served_by(path) for path in READS] == [REPLICA] * 3


def test_what_was_deleted_is_gone_at_once(copy: Replica, alice: Person) -> None:
    spend(alice.user, "6.00")
    copy.catch_up()
    last = alice.get(LIST).json()["items"][-1]["id"]
    alice.write("DELETE", f"{LIST}/{last}")
    assert last not in [item["id"] for item in alice.get(LIST).json()["items"]]


def test_without_the_comparison_it_would_not(
    copy: Replica, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reading, "_look", see_the_same)
    alice.write("POST", LIST, ROW)
    assert alice.served_by() == REPLICA
    assert len(alice.get(LIST).json()["items"]) == 1


def test_what_others_write_does_not_count(copy: Replica, alice: Person) -> None:
    Person("bob").write("POST", LIST, ROW)
    assert alice.served_by() == REPLICA


def test_a_new_day_is_read_where_it_has_begun(copy: Replica, alice: Person) -> None:
    tomorrow = timezone.now() + timedelta(days=1)
    with mock.patch("django.utils.timezone.now", return_value=tomorrow):
        assert alice.served_by() == PRIMARY
        copy.catch_up()
        assert alice.served_by() == REPLICA


@pytest.mark.parametrize("ahead", ["version = version + 1", "generation = generation + 1"])
def test_a_replica_of_what_was_before_a_restore_is_not_asked(
    copy: Replica, alice: Person, ahead: str
) -> None:
    run_sql(copy.url, f"UPDATE budget_ledger SET {ahead}")  # noqa: S608
    for path in READS:
        assert alice.served_by(path) == PRIMARY


def test_alerts_and_all_else_come_from_the_primary(copy: Replica, alice: Person) -> None:
    limit(alice.user, "4", name="All")
    copy.catch_up()
    run_sql(copy.url, "DELETE FROM budget_alertevent", "DELETE FROM budget_alert")
    run_sql(copy.url, "UPDATE budget_threshold SET name = 'Of the replica'")
    assert alice.get("/api/alert").json()["items"]
    assert alice.get("/api/threshold").json()["items"][0]["name"] == "All"
    names = [item["name"] for item in alice.get("/api/category").json()["items"]]
    assert PRIMARY in names
    assert REPLICA.encode() not in b"".join(alice.get("/api/account/export"))


def test_an_etag_holds_on_both(copy: Replica, alice: Person) -> None:
    tags = {path: alice.get(path)["ETag"] for path in (LIST, SUMMARY)}
    for path, tag in tags.items():
        assert alice.get(path, **{"If-None-Match": tag}).status_code == 304
    copy.drop()
    assert {path: alice.get(path)["ETag"] for path in tags} == tags


def test_the_primary_stands_in_for_one_that_is_gone(copy: Replica, alice: Person) -> None:
    copy.drop()
    with reading() as log:
        assert [alice.served_by(path) for path in READS] == [PRIMARY] * 3
    told = [line for line in log.lines if "The replica does not answer" in line["message"]]
    assert len(told) == 1
    copy.catch_up()
    assert [alice.served_by(path) for path in READS] == [PRIMARY] * 3
    replica.breaker.back_at = 0
    assert [alice.served_by(path) for path in READS] == [REPLICA] * 3


def test_and_for_one_that_fails_half_way(alice: Person) -> None:
    def conflicting(found: Reading, *args: Any) -> Any:
        if found.database == "replica":
            raise OperationalError("canceling statement due to conflict with recovery")
        return summarize(found, *args)

    with mock.patch.object(summary, "summarize", conflicting):
        assert alice.served_by(SUMMARY) == PRIMARY


def test_a_summary_is_of_one_state_though_the_replica_moves_on(
    copy: Replica, alice: Person
) -> None:
    """If it moves on, nothing of it is shown."""
    assert alice.served_by(SUMMARY) == REPLICA
    asked = []

    def overtaken(found: Reading, *args: Any) -> Any:
        asked.append(found.database)
        if found.database == "default":
            return summarize(found, *args)
        run_sql(
            copy.url,
            "UPDATE budget_ledger SET version = version + 1",
            "UPDATE budget_category SET name = 'Overtaken'",
        )
        return summarize(found, *args)

    with mock.patch.object(summary, "summarize", overtaken):
        assert alice.served_by(SUMMARY) == PRIMARY
    assert asked == ["replica", "default"]


def test_queries_of_both_are_counted(alice: Person) -> None:
    with reading() as log:
        alice.get(LIST)
        with mock.patch.object(replica, "REPLICA", "none"):
            alice.get(LIST)
    with_replica, without = (line["queries"] for line in log.access)
    assert with_replica == without > 1


@pytest.mark.parametrize("names", ["category=Groceries", "category=Groceries&category=Bars"])
def test_names_are_not_looked_up_in_a_later_state(copy: Replica, alice: Person, names: str) -> None:
    """They come from the primary, on which something is committed just before."""
    spend(alice.user, "6.00", to="Bars")
    copy.catch_up()
    real, path = filters.named, f"{LIST}?{names}"
    committed = iter([True])

    def later(*args: Any) -> Any:
        if next(committed, False):
            at_once([partial(swap_names, alice.user)])
        return real(*args)

    read_known.cache_clear()
    with mock.patch.object(filters, "named", later):
        answer = Client(headers=alice.headers).get(path)
    assert answer.status_code == 200
    assert answer.json() == Client(headers=alice.headers).get(path).json()


def swap_names(user: User) -> None:
    groceries, bars = category(user, "Groceries"), category(user, "Bars")
    for row, name in ((groceries, "Other"), (bars, "Groceries"), (groceries, "Bars")):
        row.name = name
        row.save()
