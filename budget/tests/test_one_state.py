"""Reads beside writes: every answer is of one state, whatever is committed while it is made."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from budget.engine import Reading, fetch, merge_categories
from budget.engine.rules import _read_rules
from budget.models import (
    Alert,
    Category,
    Measure,
    Threshold,
    ThresholdRevision,
    Transaction,
    TransactionType,
)
from budget.tests.base import issue_token
from budget.tests.people import category, combine, limit, spend
from financial_alerts.tests.at_once import at_once

pytestmark = pytest.mark.django_db(transaction=True)

DATES = "date_from=2018-01-01&date_to=2018-12-31"
READS = (
    "/api/alert?count=true",
    "/api/alert?category=Restaurants",
    "/api/alert?since=0",
    "/api/alert/{alert}",
    "/api/alert/{alert}/events",
    "/api/alert/{alert}/explain",
    "/api/alert/{both}/explain",
    "/api/threshold?count=true",
    "/api/threshold?level_reached=80",
    "/api/threshold?category=Restaurants",
    "/api/threshold/{threshold}",
    "/api/transaction?count=true",
    "/api/transaction?category=Food&subtree=true",
    "/api/transaction/{row}",
    "/api/category?count=true",
    "/api/category/{category}",
    "/api/transaction-type",
    "/api/profile",
    f"/api/summary?{DATES}&group_by=category&period=quarter",
    f"/api/summary?{DATES}&group_by=type",
    "/api/threshold/preview",
)
PREVIEW = {
    "type": "monthly",
    "date_from": "2018-01-01",
    "date_to": "2018-12-31",
    "conditions": [
        {"category": "Restaurants", "amount": "1.00"},
        {"category": "Bars", "amount": "1.00"},
    ],
}
numbers = itertools.count()


@dataclass
class Person:
    """A new user with money spent in two categories, and limits on them that are passed."""

    user: User = field(init=False)
    headers: dict[str, str] = field(init=False)
    ids: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.user = user = User.objects.create(username=f"person {next(numbers)}")
        self.headers = {"Authorization": f"Bearer {issue_token(user)}"}
        self.client = Client(headers=self.headers)
        self.client.raise_request_exception = False
        food = category(user, "Food")
        for name in ("Restaurants", "Bars"):
            part = category(user, name)
            part.parent = food
            part.save()
            spend(user, "30.00", to=name)
        one = limit(user, "20.00", of="Restaurants", levels=[100])
        both = combine(
            user, *((of, "spending", "gte", "20.00") for of in ("Restaurants", "Bars")), name="Both"
        )
        self.ids = {
            "alert": one.alerts.get().pk,
            "both": both.alerts.get().pk,
            "threshold": one.pk,
            "category": category(user, "Restaurants").pk,
            "row": Transaction.objects.filter(user=user).latest("id").pk,
        }

    def read(self, path: str) -> tuple[int, Any]:
        """Status and body of an answer, made by a process that has read no rules yet."""
        _read_rules.cache_clear()
        path = path.format(**self.ids)
        if path.endswith("preview"):
            body = json.dumps(PREVIEW)
            answer = self.client.post(path, body, content_type="application/json")
        else:
            answer = self.client.get(path)
        return answer.status_code, answer.json()


def merge(user: User) -> None:
    merge_categories(category(user, "Restaurants"), category(user, "Bars"))


def rename(user: User) -> None:
    for name in ("Restaurants", "Food"):
        found = category(user, name)
        found.name = f"{name} and more"
        found.save()


def delete_thresholds(user: User) -> None:
    for threshold in Threshold.objects.kept().filter(user=user):
        threshold.delete()


def measure_income(user: User) -> None:
    """Another revision of the threshold, and another name of a type."""
    threshold = Threshold.objects.get(user=user, match="")
    threshold.measure = Measure.INCOME
    threshold.save()


def delete_rows(user: User) -> None:
    Transaction.objects.filter(user=user).delete()
    Category.objects.get(user=user, key="bars").save()


def add_type(user: User) -> None:
    fee = TransactionType(user=user, name="Fee", effect="spending")
    fee.save()
    spend(user, "5.00", to="Restaurants", type="fee")


WRITES = (merge, rename, delete_thresholds, measure_income, delete_rows, add_type)


def elsewhere(write: Callable[[User], object], user: User) -> None:
    """Do a write in another thread and connection; it is committed then."""
    at_once([partial(write, user)])


@contextmanager
def before_query(number: int, do: Callable[[], object]) -> Iterator[list[str]]:
    """Do something before a query of this connection, counted from 1; gives the queries."""
    queries: list[str] = []

    def wrapper(execute: Any, sql: Any, *args: Any) -> Any:
        queries.append(str(sql))
        if len(queries) == number:
            do()
        return execute(sql, *args)

    with connection.execute_wrapper(wrapper):
        yield queries


def check(write: Callable[[User], object], path: str) -> None:
    """Commit a write before each query of a read in turn; the answer is of before or of after."""
    for number in range(1, 100):
        person = Person()
        before = person.read(path)
        with before_query(number, partial(elsewhere, write, person.user)) as queries:
            between = person.read(path)
        if len(queries) < number:
            assert number > 2
            return
        assert between in (before, person.read(path)), queries
    raise AssertionError("a read of a hundred queries")


@pytest.mark.parametrize("path", READS[::3])
def test_an_answer_is_of_before_a_merge_or_of_after(path: str) -> None:
    check(merge, path)


@pytest.mark.long
@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("write", WRITES)
def test_an_answer_is_of_before_a_write_or_of_after(
    write: Callable[[User], object], path: str
) -> None:
    check(write, path)


def test_an_explanation_by_an_unknown_revision_is_of_one_state() -> None:
    """It has no sums, which are read last elsewhere, but a tipping transaction."""
    for number in itertools.count(1):
        person = Person()
        alert = Alert.objects.filter(user=person.user, threshold=person.ids["threshold"]).earliest(
            "id"
        )
        tip = Transaction.objects.filter(user=person.user).earliest("id")
        ThresholdRevision.objects.filter(user=person.user).delete()
        Alert.objects.filter(pk=alert.pk).update(transaction_id=tip.pk, revision=0)
        path = f"/api/alert/{alert.pk}/explain"
        before = person.read(path)
        with before_query(number, partial(elsewhere, describe_rows, person.user)) as queries:
            between = person.read(path)
        assert between in (before, person.read(path))
        if len(queries) < number:
            break
    assert before[1]["tipped_by"] is not None


def describe_rows(user: User) -> None:
    for row in Transaction.objects.filter(user=user):
        row.description = "after"
        row.save()


def see_the_same(reading: Reading, text: str, params: Sequence[Any] = ()) -> list[Any]:
    """Stands in for Reading._look: a look that does not compare."""
    ledger = reading.ledger
    reading.sure = True
    params = (ledger.version, ledger.generation, *params, ledger.user_id)
    return fetch(reading.database, text, params)


@pytest.mark.parametrize("path", ["/api/transaction?count=true", "/api/category?count=true"])
def test_without_the_comparison_answers_are_of_two_states(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reading, "_look", see_the_same)
    with pytest.raises(AssertionError, match=r"\(200, "):
        check(delete_rows if "transaction" in path else merge, path)


def test_a_read_takes_no_lock_and_is_made_twice_at_most() -> None:
    """However many writes come in between."""
    person = Person()
    path = "/api/alert"
    person.client.get(path)
    with before_query(-1, lambda: None) as queries:
        person.client.get(path)
    person.user.ledger.refresh_from_db()
    version = person.user.ledger.version

    def every(execute: Any, sql: Any, *args: Any) -> Any:
        elsewhere(lambda user: spend(user, "1.00", to="Bars"), person.user)
        return execute(sql, *args)

    with connection.execute_wrapper(every), before_query(-1, lambda: None) as beside:
        assert person.client.get(path).status_code == 200
    # The second time in a snapshot, which SQLite begins with a statement.
    assert len(queries) < len(beside) <= 2 * len(queries) + 1
    person.user.ledger.refresh_from_db()
    assert person.user.ledger.version == version + len(beside)


@pytest.mark.postgres
def test_no_read_fails_beside_merges_without_a_pause() -> None:
    person = Person()
    done = threading.Event()
    wrong: list[tuple[str, int, Any]] = []

    def writer() -> None:
        try:
            for number in range(25):
                name = f"Passing {number}"
                combine(person.user, (name, "spending", "gte", "1.00"), name=name)
                spend(person.user, "1.00", to=name)
                merge_categories(category(person.user, name), category(person.user, "Bars"))
        finally:
            done.set()

    def reader(path: str) -> None:
        mine = Client(headers=person.headers)
        mine.raise_request_exception = False
        while not done.is_set():
            answer = mine.get(path)
            if answer.status_code != 200:
                wrong.append((path, answer.status_code, answer.json()))

    paths = ("/api/threshold", "/api/alert", f"/api/summary?{DATES}&group_by=category")
    works: list[Callable[[], None]] = [writer, *(partial(reader, path) for path in paths)]
    at_once(works)
    assert not wrong, wrong[:3]
