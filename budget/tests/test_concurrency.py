"""Eight processes write while a ninth recomputes; the same with each known mistake put in."""

from __future__ import annotations

import multiprocessing
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.models import User
from django.db import connection

from budget import engine
from budget.models import Category, Condition, Ledger, Threshold, Transaction, TransactionType
from budget.tests.concurrency import start
from budget.tests.concurrency.controls import CONTROLS
from budget.tests.concurrency.snapshot import WRONG_ALERTS, Findings, Recomputer, watch
from budget.tests.concurrency.writer import Fields, Report, fields, write

WRITERS = 8
# A control's run ends as soon as it is caught. One that was not caught soon seldom is later, on any
# machine: a new user is better than more time.
CONTROL_SECONDS, DEADLOCK_SECONDS, RUNS = 15.0, 4.0, 15
FIRST = date(2024, 1, 20)
DEADLOCK, SERIALIZATION, LOCK_TIMEOUT = "40P01", "40001", "55P03"
LONG = pytest.mark.long

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
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
    """Nine child processes that stay for all runs of this file, forked off one that is set up."""

    def __init__(self) -> None:
        fork = multiprocessing.get_context("forkserver")
        fork.set_forkserver_preload(["budget.tests.concurrency.ready"])
        self.shared = start.Shared(fork.Barrier(WRITERS + 1), fork.Event(), fork.Value("i", 0))
        name = connection.settings_dict["NAME"]
        self.pool = ProcessPoolExecutor(
            WRITERS + 1,
            mp_context=fork,
            initializer=start.begin,
            initargs=(name, self.shared),
        )

    def run(self, users: Sequence[int], seconds: float, control: str = "") -> Run:
        """Let eight write and one recompute."""
        self.shared.stop.clear()
        seed = random.randrange(10**6)  # noqa: S311 (not for secrets)
        watching = self.pool.submit(watch, users, seconds, bool(control))
        writing = [
            self.pool.submit(write, number, users, control, seed + number)
            for number in range(WRITERS)
        ]
        return Run(watching.result(), [each.result() for each in writing])


@pytest.fixture(scope="module")
def pool(django_db_setup: None, django_db_blocker: Any) -> Iterator[Crew]:
    crew = Crew()
    yield crew
    crew.pool.shutdown()


@pytest.fixture
def crew(pool: Crew) -> Iterator[Crew]:
    """The crew, with the clock of all processes turned back, and kept by this one too."""
    pool.shared.hours.value = 0
    with patch("django.utils.timezone.now", pool.shared.now):
        yield pool


def make_users(count: int) -> list[int]:
    """Users with a tree of categories, a custom type and thresholds of every kind."""
    users = []
    for _ in range(count):
        user = User.objects.create_user(f"user{User.objects.count()}")
        food, *others = [Category(user=user, name=name) for name in ("Food", "Groceries", "Rent")]
        food.save()
        for category in others:
            category.parent = food if category.name == "Groceries" else None
            category.save()
        TransactionType(user=user, name="Cash", effect="spending").save()
        for kind in ("daily", "weekly", "monthly", "quarterly", "yearly", "transaction"):
            part = food if kind in ("monthly", "yearly") else None
            Threshold(user=user, name=kind, type=kind, category=part, amount=Decimal(100)).save()
        tens = list(range(10, 101, 10))
        for more in (
            {"type": "monthly", "amount": Decimal(300), "levels": tens},
            {"type": "rolling", "days": 7, "amount": Decimal(60), "levels": tens},
            {"type": "daily", "operator": "lte", "amount": Decimal(5), "starts_on": FIRST},
            {"type": "weekly", "operator": "lt", "measure": "net", "starts_on": FIRST},
            {"type": "weekly", "amount": Decimal(60), "rollover": True, "rollover_from": FIRST},
            {"type": "monthly", "amount": Decimal(200), "forecast": True},
        ):
            Threshold(user=user, name="more", **more).save()
        both = Threshold(user=user, name="both", type="weekly", match="all")
        both.new_conditions = [
            Condition(category=food, operator="gt", amount=Decimal(20)),
            Condition(measure="count", operator="gte", amount=Decimal(4)),
        ]
        both.save()
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


@pytest.mark.parametrize(
    ("count", "seconds"),
    [(1, 8), (20, 8), pytest.param(1, 60, marks=LONG), pytest.param(20, 60, marks=LONG)],
)
def test_the_invariant_holds_at_every_snapshot(crew: Crew, count: int, seconds: float) -> None:
    users = make_users(count)
    run = crew.run(users, seconds)
    print(run)
    assert run.found.texts == []
    errors = run.total("errors")
    assert errors[DEADLOCK] == errors[SERIALIZATION] == 0
    assert set(errors) <= {LOCK_TIMEOUT}, "only a wait that took too long may be refused"
    for user in users:
        shown = {row.pk: fields(row) for row in Transaction.objects.filter(user_id=user)}
        assert shown == replay(run, user), "a write that was acknowledged is not there"
        assert engine.reconcile(user) == []
    assert Recomputer(users).violations() == []
    # Each write counts the version of a ledger it locks; these need not write at all.
    writes = run.total("done") - Counter(dict.fromkeys(("look", "tick", "time_passes"), 10**9))
    assert sum(writes.values()) <= sum(
        Ledger.objects.filter(user_id__in=users).values_list("version", flat=True)
    )


def runs(crew: Crew, seconds: float, control: str) -> Iterator[Run]:
    """Runs of a broken engine, each with a new user."""
    for _ in range(RUNS):
        run = crew.run(make_users(1), seconds, control)
        print(run)
        yield run


@pytest.mark.any_postgres
@pytest.mark.parametrize("control", [name for name in CONTROLS if "INSERT" not in name])
def test_the_ninth_process_catches(crew: Crew, control: str) -> None:
    assert any(
        run.found.kinds.keys() & WRONG_ALERTS for run in runs(crew, CONTROL_SECONDS, control)
    )


@pytest.mark.any_postgres
def test_inserting_before_the_lock_deadlocks(crew: Crew) -> None:
    control = "INSERT first, then FOR UPDATE on the user"
    assert any(run.total("errors")[DEADLOCK] > 0 for run in runs(crew, DEADLOCK_SECONDS, control))
