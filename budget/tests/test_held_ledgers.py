"""A ledger that somebody writes to for long holds up nobody else, and is named."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from itertools import islice
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connections

from budget import engine
from budget.models import Ledger, Rollup
from budget.models.ledger import open_book
from budget.tests.people import at, limit, make_user, spend
from lib.errors import LedgersHeld

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]


SHORT = "SET LOCAL lock_timeout = '100ms'"


@pytest.fixture
def users() -> Iterator[list[User]]:
    """Three users whose day has gone by; nobody waits long for a lock here."""
    with at("2018-03-05"):
        found = [make_user(name) for name in ("alice", "bob", "charlie")]
        for user in found:
            limit(user, "20", "daily", operator="lte", levels=[100])
            spend(user, "10", "2018-03-05")
    with (
        patch("budget.models.ledger.LOCK_TIMEOUT", SHORT),
        patch("budget.engine.reconcile.LOCK_TIMEOUT", SHORT),
    ):
        yield found


@contextmanager
def held(user: User) -> Iterator[Callable[[], None]]:
    """Another connection writes to a user's ledger until the end, or until it is let go."""
    taken, let_go = threading.Event(), threading.Event()

    def write() -> None:
        try:
            with open_book(user.pk):
                taken.set()
                let_go.wait(60)
        finally:
            connections.close_all()

    writer = threading.Thread(target=write)
    writer.start()
    taken.wait(60)

    def end() -> None:
        let_go.set()
        writer.join()

    try:
        yield end
    finally:
        end()


def days() -> dict[str, str]:
    return {one.user.username: str(one.as_of) for one in Ledger.objects.select_related("user")}


def test_a_tick_passes_over_a_ledger_that_is_held_and_names_it(users: list[User]) -> None:
    with at("2018-03-06"), held(users[1]):
        with pytest.raises(CommandError, match="the ledger of bob all the time"):
            call_command("tick", stdout=StringIO())
        assert days() == {"alice": "2018-03-06", "bob": "2018-03-05", "charlie": "2018-03-06"}
        with pytest.raises(CommandError, match="the ledger of 1 user all the time"):
            call_command("tick", verbosity=0, stdout=StringIO())
    with at("2018-03-06"):
        call_command("tick", stdout=StringIO())
        assert set(days().values()) == {"2018-03-06"}


def test_a_tick_tries_again_at_the_end(users: list[User]) -> None:
    tried: list[int] = []

    def move(user_id: int) -> None:
        tried.append(user_id)
        try:
            engine.move_to_today(user_id)
        finally:
            let_go()

    with (
        at("2018-03-06"),
        held(users[1]) as let_go,
        patch("budget.engine.tick.move_to_today", move),
    ):
        assert engine.tick() == 3
    assert tried == [users[1].pk] * 2
    assert set(days().values()) == {"2018-03-06"}


@pytest.mark.parametrize("repair", [False, True])
def test_the_self_audit_passes_over_a_ledger_that_is_held(users: list[User], repair: bool) -> None:
    ids = [user.pk for user in users]
    with at("2018-03-05"):
        Rollup.objects.filter(user__in=users[1:], grain="M").update(amount=1)
        checked = engine.reconcile_users(ids, repair=repair)
        with held(users[1]):
            found = [(user_id, len(drifts)) for user_id, drifts in islice(checked, 2)]
            with pytest.raises(LedgersHeld) as error:
                next(checked)
        assert error.value.user_ids == (users[1].pk,)
        assert found == [(users[0].pk, 0), (users[2].pk, 1)]


def test_the_self_audit_names_whom_it_could_not_look_at(users: list[User]) -> None:
    with at("2018-03-05"):
        Rollup.objects.filter(user=users[1], grain="M").update(amount=1)
        with held(users[1]), pytest.raises(CommandError, match=r"2 users checked, .* bob not"):
            call_command("reconcile", stdout=StringIO())


def test_the_self_audit_tries_again_at_the_end(users: list[User]) -> None:
    with at("2018-03-05"):
        Rollup.objects.filter(user__in=users[:2], grain="M").update(amount=1)
        found = []
        with held(users[0]) as let_go:
            for user_id, drifts in engine.reconcile_users([user.pk for user in users]):
                found.append((user_id, len(drifts)))
                let_go()
    assert found == [(users[1].pk, 1), (users[2].pk, 0), (users[0].pk, 1)]


def test_a_ledger_in_order_is_in_order_however_long_it_is_held(users: list[User]) -> None:
    with at("2018-03-05"), held(users[0]):
        found = dict(engine.reconcile_users([user.pk for user in users]))
    assert found == {user.pk: [] for user in users}
