"""The self-audit finds every kind of damage, names it and mends it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from io import StringIO
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import models

from budget.engine import audit, reconcile
from budget.engine.audit import in_order
from budget.models import (
    Alert,
    AlertEvent,
    AlertStatus,
    Category,
    Condition,
    Ledger,
    Profile,
    Rollup,
    Threshold,
    Transaction,
)
from budget.tests.people import category, combine, limit, make_user, open_levels, spend
from financial_alerts.tests.at_once import at_once

pytestmark = pytest.mark.django_db


def unsignalled(model: type[models.Model], **fields: object) -> None:
    """Damage rows as a hand in the database would."""
    model._base_manager.all().update(**fields)


@pytest.fixture
def alice() -> User:
    user = make_user("alice")
    limit(user, "100", of="Groceries", name="Food")
    limit(user, "500", "yearly")
    spend(user, "60", "2018-03-05")
    spend(user, "60", "2018-03-07")
    return user


DAMAGE: dict[str, tuple[Callable[[], object], str]] = {
    "a rollup is wrong": (lambda: Rollup.objects.filter(grain="M").update(amount=1), "rollup"),
    "a rollup is gone": (lambda: Rollup.objects.filter(grain="D").delete(), "rollup"),
    "a transaction came in unseen": (
        lambda: Transaction._base_manager.bulk_create([copy_of(Transaction.objects.all()[0])]),
        "rollup",
    ),
    "a transaction went unseen": (lambda: drop_row(), "rollup"),
    "an amount changed unseen": (lambda: unsignalled(Transaction, amount="500"), "rollup"),
    "a limit changed unseen": (lambda: unsignalled(Threshold, amount="1000"), "alert"),
    "an alert stays news too long": (
        lambda: Alert.objects.update(active_until="2019-01-01"),
        "period",
    ),
    "an alert is open that must not be": (
        lambda: reopen_after_a_refund(),
        "alert",
    ),
    "an alert is resolved that must not be": (
        lambda: Alert.objects.update(status="resolved", resolved_at="2018-01-01T00:00Z"),
        "alert",
    ),
    "an alert is gone": (
        lambda: (AlertEvent.objects.all().delete(), Alert.objects.all().delete()),
        "alert",
    ),
    "an alert's period is wrong": (lambda: Alert.objects.update(period_end="2019-01-01"), "period"),
    "a tip lies elsewhere": (
        lambda: Alert.objects.update(transaction=spend(User.objects.get(), "1", to="Other")),
        "tip",
    ),
    "episodes are miscounted": (lambda: Alert.objects.update(episodes=7), "event"),
    "an event is gone": (lambda: AlertEvent.objects.all().delete(), "event"),
    "the event number is behind": (lambda: Ledger.objects.update(event_seq=0), "event"),
    "a combination has lost its conditions": (
        lambda: combination_without_conditions(),
        "threshold",
    ),
    "a threshold has lost its levels": (lambda: unsignalled(Threshold, levels=[]), "threshold"),
    "levels are no levels": (lambda: unsignalled(Threshold, levels={"80": "x"}), "threshold"),
    "levels are of no kind": (lambda: unsignalled(Threshold, levels=[None, "80"]), "threshold"),
    "categories lie under each other": (lambda: circle(), "category"),
    "balances are no pairs": (lambda: rollover_with([7]), "balance"),
    "balances are of no day": (lambda: rollover_with([["long ago", 1]]), "balance"),
    "the calendar is not the user's": (lambda: unsignalled(Profile, month_start=6), "calendar"),
}


def copy_of(row: Transaction) -> Transaction:
    row.pk = None
    return row


def drop_row() -> None:
    Alert.objects.update(transaction=None)
    rows = Transaction._base_manager.filter(date="2018-03-05")
    rows._raw_delete(rows.db)


def reopen_after_a_refund() -> None:
    spend(User.objects.get(), "110", type="refund")
    Alert.objects.update(status="open", resolved_at=None)


def combination_without_conditions() -> None:
    combine(User.objects.get(), (None, "spending", "gte", "50"), (None, "count", "gte", "1"))
    Condition.objects.all().delete()


def circle() -> None:
    upper, lower = category(User.objects.get(), "Groceries"), category(User.objects.get(), "Bread")
    Category._base_manager.filter(pk=upper.pk).update(parent=lower)
    Category._base_manager.filter(pk=lower.pk).update(parent=upper)


def rollover_with(balances: object) -> None:
    limit(User.objects.get(), "100", rollover=True, rollover_from=date(2018, 1, 1))
    Threshold._base_manager.filter(rollover=True).update(balances=balances)


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named_and_mended(alice: User, name: str) -> None:
    assert reconcile(alice.pk) == []
    damage, kind = DAMAGE[name]
    damage()
    found = reconcile(alice.pk)
    assert kind in {drift.kind for drift in found}
    assert reconcile(alice.pk) == found, "looking must change nothing"
    assert reconcile(alice.pk, repair=True) == found
    assert reconcile(alice.pk) == []
    total = sum(
        row.amount * (-1 if row.type.slug == "refund" else 1)
        for row in Transaction.objects.filter(category__name="Groceries")
    )
    calendar = Ledger.objects.get().month_start
    if calendar == 1 and Threshold.objects.get(name="Food").enabled:
        amount = Threshold.objects.get(name="Food").amount
        monthly = {level for start, level in open_levels(alice) if start == "2018-03-01"}
        assert monthly == {level for level in (80, 100) if total * 100 >= amount * level}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_seen_without_the_lock(alice: User, name: str) -> None:
    assert in_order([alice.pk]) == {alice.pk: Ledger.objects.get().version}
    damage, kind = DAMAGE[name]
    damage()
    assert in_order([alice.pk]) == {}
    found = reconcile(alice.pk, repair=True)
    assert kind in {drift.kind for drift in found}
    assert in_order([alice.pk]) == {alice.pk: Ledger.objects.get().version}


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_writes_go_on_while_it_looks(alice: User) -> None:
    real = audit.suspects

    def suspects(ledgers: audit.Ledgers) -> set[int]:
        # The alert that opens meanwhile is not in the snapshot.
        at_once([lambda: spend(User.objects.get(), "500", "2018-04-02")])
        return real(ledgers)

    before = Ledger.objects.get().version
    with patch("budget.engine.audit.suspects", suspects):
        assert reconcile(alice.pk) == []
    ledger = Ledger.objects.get()
    assert (ledger.checked_version, ledger.version) == (before, before + 1)
    assert ("2018-04-01", 100) in open_levels(alice)


def test_the_command_names_drift_and_fails_until_it_is_repaired(alice: User) -> None:
    make_user("bob")
    out = StringIO()
    call_command("reconcile", stdout=out)
    assert re.fullmatch(r"2 users checked, \d+ a second, no drift\.\n", out.getvalue())
    Rollup.objects.filter(grain="M").update(amount=1)
    out = StringIO()
    with pytest.raises(CommandError, match="drifted"):
        call_command("reconcile", stdout=out)
    assert "alice: rollup: month 2018-03-01" in out.getvalue()
    call_command("reconcile", "--user", "bob", stdout=StringIO())
    call_command("reconcile", "--repair", "--user", "alice", stdout=StringIO())
    call_command("reconcile", stdout=StringIO())


def test_the_command_says_so_when_there_is_no_such_user() -> None:
    with pytest.raises(CommandError, match="no user named 'nobody'"):
        call_command("reconcile", "--user", "nobody")


def test_open_alerts_of_a_deleted_threshold_are_drift(alice: User) -> None:
    Threshold.objects.get(name="Food").delete()
    Alert.objects.update(status=AlertStatus.OPEN, resolved_at=None)
    assert {drift.kind for drift in reconcile(alice.pk, repair=True)} == {"alert"}
    assert open_levels(alice) == []
