"""Eight processes write while a ninth recomputes; the same with each known mistake put in."""

from __future__ import annotations

import multiprocessing
import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from multiprocessing.synchronize import Event
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from budget import engine
from budget.models import Category, Ledger, Threshold, Transaction, TransactionType
from budget.tests.concurrency import start
from budget.tests.concurrency.controls import CONTROLS
from budget.tests.concurrency.snapshot import WRONG_ALERTS, Findings, Recomputer, watch
from budget.tests.concurrency.writer import Fields, Report, fields, write

WRITERS = 8
SECONDS = float(os.environ.get("CONCURRENCY_SECONDS", "20"))
# A control ends as soon as it is caught.
CONTROL_SECONDS, DEADLOCK_SECONDS = 20.0, 4.0
DEADLOCK, SERIALIZATION, LOCK_TIMEOUT = "40P01", "40001", "55P03"

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
    # One after another, however many workers share the suite: the writers need the cores.
    pytest.mark.xdist_group("concurrency"),
]


@dataclass
class Run:
    """What came of one run."""

    found: Findings
    reports: list[Report]

    def total(self, what: str) -> Counter[str]:
        """One of the writers' counters, added up."""
        return sum((getattr(report, what) for report in self.reports), Counter())

    def __str__(self) -> str:
        return (
            f"{self.found.snapshots} snapshots, {self.found.violating} violating"
            f" {dict(self.found.kinds)}; writes {dict(self.total('done'))},"
            f" refused {dict(self.total('refused'))}, errors {dict(self.total('errors'))}"
        )


class Crew:
    """Nine child processes that stay for all runs of this file: starting one takes a second."""

    def __init__(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.stop: Event = spawn.Event()
        name = connection.settings_dict["NAME"]
        self.pool = ProcessPoolExecutor(
            WRITERS + 1,
            mp_context=spawn,
            initializer=start.begin,
            initargs=(name, spawn.Barrier(WRITERS + 1), self.stop),
        )

    def run(self, users: Sequence[int], seconds: float, control: str = "") -> Run:
        """Let eight write and one recompute."""
        self.stop.clear()
        seed = random.randrange(10**6)  # noqa: S311 (not for secrets)
        watching = self.pool.submit(watch, users, seconds, bool(control))
        writing = [
            self.pool.submit(write, number, users, seconds, control, seed + number)
            for number in range(WRITERS)
        ]
        return Run(watching.result(), [each.result() for each in writing])


@pytest.fixture(scope="module")
def crew(django_db_setup: None, django_db_blocker: Any) -> Iterator[Crew]:
    crew = Crew()
    yield crew
    crew.pool.shutdown()


def make_users(count: int) -> list[int]:
    """Users with some categories, a type of their own and thresholds of every type."""
    users = []
    for number in range(count):
        user = User.objects.create_user(f"user{number}")
        for name in ("Groceries", "Rent", "Travel"):
            Category(user=user, name=name).save()
        TransactionType(user=user, name="Cash", effect="spending").save()
        groceries = Category.objects.get(user=user, name="Groceries")
        for kind in ("daily", "weekly", "monthly", "quarterly", "yearly", "transaction"):
            category = groceries if kind in ("monthly", "yearly") else None
            Threshold(
                user=user, name=kind, type=kind, category=category, amount=Decimal(100)
            ).save()
        tens = list(range(10, 101, 10))
        Threshold(user=user, name="all", type="monthly", amount=Decimal(300), levels=tens).save()
        users.append(user.pk)
    return users


def replay(run: Run, user: int) -> dict[int, Fields]:
    """The user's rows as the acknowledged writes, in the order of their commits, leave them."""
    entries = [entry for report in run.reports for entry in report.entries if entry.user == user]
    rows: dict[int, Fields] = {}
    for entry in sorted(entries, key=lambda entry: entry.version):
        if isinstance(entry.after, int):
            for pk, row in rows.items():
                if row.category == -entry.row:
                    rows[pk] = row._replace(category=entry.after)
        elif entry.after is None:
            rows.pop(entry.row, None)
        else:
            rows[entry.row] = entry.after
    return rows


@pytest.mark.parametrize("count", [1, 20], ids=["one-user", "twenty-users"])
def test_the_invariant_holds_at_every_snapshot(crew: Crew, count: int) -> None:
    users = make_users(count)
    run = crew.run(users, SECONDS)
    print(run)
    assert run.found.texts == []
    assert run.found.snapshots >= 5
    errors = run.total("errors")
    assert errors[DEADLOCK] == errors[SERIALIZATION] == 0
    assert set(errors) <= {LOCK_TIMEOUT}, "only a wait that took too long may be refused"
    for user in users:
        shown = {row.pk: fields(row) for row in Transaction.objects.filter(user_id=user)}
        assert shown == replay(run, user), "a write that was acknowledged is not there"
        assert engine.reconcile(user) == []
    assert Recomputer(users).violations() == []
    assert sum(run.total("done").values()) <= sum(
        Ledger.objects.filter(user_id__in=users).values_list("version", flat=True)
    )


@pytest.mark.parametrize("control", [name for name in CONTROLS if "INSERT" not in name])
def test_the_ninth_process_catches(crew: Crew, control: str) -> None:
    users = make_users(1)
    run = crew.run(users, CONTROL_SECONDS, control)
    print(run)
    assert run.found.kinds.keys() & WRONG_ALERTS, str(run)


def test_inserting_before_the_lock_deadlocks(crew: Crew) -> None:
    run = crew.run(make_users(1), DEADLOCK_SECONDS, "INSERT first, then FOR UPDATE on the user")
    print(run)
    assert run.total("errors")[DEADLOCK] > 0, str(run)
