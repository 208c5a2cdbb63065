"""The self-audit in slices: who has written comes first, and nobody is left out."""

from __future__ import annotations

from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from budget.engine import next_users, reconcile
from budget.models import Ledger, Rollup
from budget.tests.people import make_user, spend

pytestmark = pytest.mark.django_db


@pytest.fixture
def users() -> list[User]:
    found = [make_user(f"user {number}") for number in range(8)]
    for user in found:
        spend(user, "10.00")
        reconcile(user.pk)
    return found


def test_users_who_have_written_come_first_then_who_has_waited_longest(users: list[User]) -> None:
    spend(users[6], "1.00")
    assert next_users(4) == [users[6].pk, users[0].pk, users[1].pk, users[2].pk]


def test_writers_take_half_of_a_slice_at_most(users: list[User]) -> None:
    for user in users[3:]:
        spend(user, "1.00")
    assert next_users(4) == [users[3].pk, users[4].pk, users[0].pk, users[1].pk]


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_damage_of_an_idle_user_is_found_within_one_round(users: list[User], size: int) -> None:
    idle = users[5]
    Rollup.objects.filter(user=idle, grain="M").update(amount=1)
    # Half of the places, at least one, go to those who have waited longest.
    places = size - size // 2
    for _ in range(-(-len(users) // places)):
        for user in users:
            if user != idle:
                spend(user, "1.00")
        if any(reconcile(pk) for pk in next_users(size)):
            return
    pytest.fail("a whole round did not find it")


def test_slices_go_on_where_the_last_one_stopped(users: list[User]) -> None:
    seen = [next_users(3)]
    for pk in seen[0]:
        reconcile(pk)
    seen.append(next_users(3))
    assert not set(seen[0]) & set(seen[1])


def test_a_version_that_was_found_right_is_not_looked_at_twice(users: list[User]) -> None:
    ledger = Ledger.objects.get(user=users[0])
    assert ledger.checked_version == ledger.version
    Rollup.objects.filter(user=users[0]).update(amount=1)
    assert reconcile(users[0].pk)
    assert Ledger.objects.get(user=users[0]).checked_version == -1
    assert reconcile(users[0].pk, repair=True)
    ledger.refresh_from_db()
    assert ledger.checked_version == ledger.version


def test_the_command_says_how_fast(users: list[User]) -> None:
    out = StringIO()
    call_command("reconcile", slice=3, stdout=out)
    assert out.getvalue().startswith("3 users checked, ")
    assert "a second, no drift." in out.getvalue()
    with pytest.raises(CommandError, match="1 or more"):
        call_command("reconcile", slice=0)
