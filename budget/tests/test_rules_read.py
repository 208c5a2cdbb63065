"""A write judges right whatever a process remembers of a user's rules, and while others read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import date
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, TransactionTestCase

from budget import engine
from budget.engine import Moved, rules
from budget.judge.judgement import Rules
from budget.models import AlertEvent, Ledger, Profile, Threshold, Transaction
from budget.models.ledger import open_book
from budget.tests.base import issue_token
from budget.tests.people import at, category, combine, limit, make_user, spend, transaction_of

Step = Callable[[User], object]
Surroundings = Callable[[], AbstractContextManager[None]]


@contextmanager
def nothing_remembered() -> Iterator[None]:
    """Every look at the rules reads them from the database, as new objects."""

    def read(user_id: int, number: int) -> Rules:
        return rules.read_rules([user_id])[user_id]

    with mock.patch.object(rules, "_read_rules", read):
        yield


@contextmanager
def a_reader_beside() -> Iterator[None]:
    """A cold process in which another thread reads the rules during the writer's first look."""
    real = rules.read_rules
    inside: list[bool] = []

    def read(user_ids: Collection[int]) -> dict[int, Rules]:
        found = real(user_ids)
        if not inside:
            inside.append(True)
            for user_id in user_ids:
                rules._read_rules(user_id, Ledger.objects.get(pk=user_id).rules)
        return found

    rules._read_rules.cache_clear()
    with mock.patch.object(rules, "read_rules", read):
        yield


def edit(row: Any, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(row, name, value)
    row.save()


def threshold_of(user: User) -> Threshold:
    return Threshold.objects.kept().get(user=user, name="Weeks")


def many(user: User) -> list[Transaction]:
    rows = [transaction_of(user, "30", f"2018-03-{day:02}") for day in (6, 7, 8)]
    return engine.record_transactions(user.pk, rows)


STEPS: dict[str, Step] = {
    "one row": lambda user: spend(user, "70", "2018-03-06"),
    "an edit": lambda user: edit(
        Transaction.objects.filter(user=user).earliest("id"), amount=90, date=date(2018, 3, 7)
    ),
    "a delete": lambda user: Transaction.objects.filter(user=user).earliest("id").delete(),
    "many rows": many,
    "many deletes": lambda user: Transaction.objects.filter(user=user).delete(),
    "a new threshold": lambda user: limit(user, "5", "daily", name="new"),
    "a threshold's edit": lambda user: edit(threshold_of(user), days=3),
    "a threshold's new amount": lambda user: edit(threshold_of(user), amount=500),
    "a threshold's delete": lambda user: threshold_of(user).delete(),
    "a setting": lambda user: edit(Profile.objects.get(user=user), month_start=6),
    "another zone": lambda user: edit(
        Profile.objects.get(user=user), time_zone="Pacific/Kiritimati"
    ),
    "a place in the tree": lambda user: edit(
        category(user, "Groceries"), parent=category(user, "Food")
    ),
    "a merge": lambda user: engine.merge_categories(
        category(user, "Groceries"), category(user, "Food")
    ),
    "a tick": lambda user: engine.tick(),
    "a look": lambda user: engine.move_to_today(user.pk),
    "an audit": lambda user: engine.reconcile(user.pk, repair=True),
}


def flips_of(step: Step, name: str, surroundings: Surroundings) -> list[tuple[Any, ...]]:
    """What one step on a new day flips for a user with thresholds that the day touches, too."""
    with at("2018-03-01 12:00"):
        user = make_user(name)
        category(user, "Food")
        limit(user, "100", "rolling", days=7, name="Weeks", of="Groceries")
        limit(user, "90", "daily", operator="lte", levels=[100], name="frugal")
        limit(user, "200", forecast=True, levels=[100], name="pace")
        limit(user, "40", "weekly", rollover=True, levels=[80, 100], name="carried")
        combine(user, ("Food", "spending", "lt", "1"), (None, "count", "gte", "1"), match="all")
        spend(user, "50", "2018-03-02")
        spend(user, "65", "2018-03-05")
    with at("2018-03-06 12:00"), surroundings():
        step(user)
        assert engine.reconcile(user.pk) == []
    events = AlertEvent.objects.filter(user=user).select_related("alert__threshold")
    first = Threshold.objects.filter(user=user).earliest("id").pk
    return [
        (
            (event.alert.threshold_id or 0) - first,
            *(event.alert.period_start, event.alert.level),
            *(event.kind, event.cause, event.total, event.limit),
        )
        for event in events.order_by("seq")
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("surroundings", [nothing_remembered, a_reader_beside])
@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_what_is_remembered_of_the_rules_changes_nothing(
    step: Step, surroundings: Surroundings
) -> None:
    must = flips_of(step, "warm", nullcontext)
    assert flips_of(step, "cold", surroundings) == must
    assert len(must) > 4


@pytest.mark.django_db
def test_every_step_of_a_commit_judges_by_the_same_rules() -> None:
    user = make_user()
    limit(user, "100")
    with nothing_remembered(), open_book(user.pk) as book:
        before = rules.rules_of(book.ledger)
        assert rules.rules_of(book.ledger) is before
        rules.rules_changed(book)
        assert rules.rules_of(book.ledger) is not before
        assert rules.rules_of(book.ledger).thresholds == before.thresholds


@pytest.mark.django_db
def test_rules_of_another_number_are_neither_used_nor_remembered() -> None:
    """A reader has no lock: what it reads may be newer than the number that it has."""
    user = make_user()
    threshold = limit(user, "100")
    ledger = Ledger.objects.get(pk=user.pk).state()
    rules._read_rules.cache_clear()
    edit(threshold, amount=200)
    for _ in range(2):
        with pytest.raises(Moved):
            rules.rules_of(ledger)
    ledger = Ledger.objects.get(pk=user.pk).state()
    assert [rule.limit for rule in rules.rules_of(ledger).thresholds] == [20000]


@pytest.mark.postgres
class TogetherTestCase(TransactionTestCase):
    """A GET of the thresholds and a PATCH of the profile, in two threads of a process."""

    def test_settings_are_saved_while_another_thread_reads_the_rules(self) -> None:
        with at("2018-03-05 12:00"):
            self.user = make_user()
            limit(self.user, "100", "rolling", days=7)
            spend(self.user, "120", "2018-03-06")
            self.secret = issue_token(self.user)
            rules._read_rules.cache_clear()
            self.meet()
        self.assertEqual({name: status for name, (status, _) in self.answers.items()}, self.good)
        self.assertEqual(Profile.objects.get(user=self.user).time_zone, "Pacific/Kiritimati")

    good = {"reader": 200, "writer": 200}

    def meet(self) -> None:
        """Let both read the rules before either goes on, and the reader be through first."""
        real = rules.read_rules
        reading, writing, through = (threading.Event() for _ in range(3))
        self.answers: dict[str, tuple[int, bytes]] = {}

        def read(user_ids: Collection[int]) -> dict[int, Rules]:
            found = real(user_ids)
            if threading.current_thread().name == "reader":
                reading.set()
                writing.wait(10)
            elif not writing.is_set():
                writing.set()
                through.wait(10)
            return found

        def ask(name: str, method: str, path: str, body: str) -> None:
            client = Client(headers={"Authorization": f"Bearer {self.secret}"})
            answer = client.generic(method, path, body, content_type="application/json")
            self.answers[name] = answer.status_code, answer.content
            if name == "reader":
                through.set()
            connection.close()

        with mock.patch.object(rules, "read_rules", read):
            zone = '{"time_zone": "Pacific/Kiritimati"}'
            reader = threading.Thread(
                target=ask, args=("reader", "GET", "/api/threshold", ""), name="reader"
            )
            writer = threading.Thread(
                target=ask, args=("writer", "PATCH", "/api/profile", zone), name="writer"
            )
            reader.start()
            self.assertTrue(reading.wait(10))
            writer.start()
            writer.join(30)
            reader.join(30)
