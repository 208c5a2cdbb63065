"""One of the eight processes: random writes, each acknowledged one put down.

A write's place in time is the version of the ledger it was committed under, so all the logs put
together can be played again in order; what comes out must be what the table holds.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models.signals import post_delete

from budget import engine
from budget.models import (
    Alert,
    Category,
    Condition,
    Conflict,
    Ledger,
    Profile,
    Threshold,
    Transaction,
    TransactionType,
)
from budget.tests.concurrency.controls import CONTROLS
from budget.tests.concurrency.snapshot import GATE_SECONDS
from budget.tests.concurrency.start import shared

# Some four months, so that rows share periods of every kind.
FIRST_DAY = date(2024, 1, 20)
DAYS = 120
# All rows together are kept to about this many: the ninth process adds them all up each time.
ROWS, FEWEST = 160, 25
THRESHOLDS = 14
KINDS = ("daily", "weekly", "monthly", "monthly", "quarterly", "yearly", "transaction", "rolling")
LONG_KINDS = ("weekly", "monthly", "quarterly", "yearly")
MEASURES = ("spending", "spending", "spending", "income", "net", "count")
AT_ONCE, CLOSING = ("gte", "gt"), ("lte", "lt", "eq")
AMOUNTS = (0, 10, 50, 100, 300)
LEVELS = ([80, 100], [10, 20, 30, 40, 50, 60, 70, 80, 90, 100], [100, 150], [50])
ZONES = ("UTC", "Pacific/Kiritimati", "America/New_York")
# What the rules, or another's write that came first, may well refuse.
REFUSALS = (Conflict, ValidationError, ObjectDoesNotExist, IntegrityError)


class Fields(NamedTuple):
    """What is compared of a row in the end."""

    date: date
    category: int
    type: int
    amount: Decimal
    description: str


class Entry(NamedTuple):
    """One acknowledged change of one user's rows.

    row: its id; for a category merged away, that one's id with a minus. after: what the row holds
    now, None where it is gone; for a category, the one it was merged into.
    """

    user: int
    version: int
    row: int
    after: Fields | int | None


@dataclass
class Report:
    """What one writer did; errors counts the database's refusals by their code."""

    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    entries: list[Entry] = field(default_factory=list)


def fields(row: Transaction) -> Fields:
    """What a row holds."""
    return Fields(row.date, row.category_id, row.type_id, row.amount, row.description)


class Writer:
    """Random writes to some users."""

    def __init__(self, number: int, users: Sequence[int], seed: int, *, broken: bool) -> None:
        self.broken = broken
        self.random = random.Random(seed)  # noqa: S311 (not for secrets)
        self.number = number
        self.users = users
        self.report = Report()
        self.written = 0
        self.user = users[0]
        self.changed: list[tuple[int, int, Fields | int | None]] = []

    def step(self) -> None:
        """One write in one commit."""
        self.user = self.random.choice(self.users)
        name = self.choose()
        operation: Callable[[], None] = getattr(self, name)
        self.changed = []
        try:
            # The tick goes from user to user in separate commits.
            with nullcontext() if name == "tick" else transaction.atomic():
                operation()
                # Read under the lock, so that it is the version of this very commit.
                versions = {user: self.version(user) for user, _, _ in self.changed}
        except REFUSALS as error:
            self.report.refused[type(error).__name__] += 1
        except DatabaseError as error:
            self.report.errors[getattr(error.__cause__, "pgcode", None) or str(error)] += 1
        except Exception as error:
            # Without its lock the engine meets what cannot be: it is to show wrong alerts as well.
            if not self.broken:
                raise
            self.report.errors[type(error).__name__] += 1
        else:
            self.report.done[name] += 1
            self.report.entries += [
                Entry(user, versions[user], row, after) for user, row, after in self.changed
            ]

    def choose(self) -> str:
        """More deletes the more rows there are."""
        enough = max(ROWS // len(self.users), FEWEST)
        if Transaction.objects.filter(user_id=self.user).count() > enough:
            return self.random.choice(("delete", "delete", "delete_many", "edit"))
        return self.random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]

    def version(self, user: int) -> int:
        return Ledger.objects.values_list("version", flat=True).get(pk=user)

    def note(self, user: int, row: int, after: Fields | int | None) -> None:
        self.changed.append((user, row, after))

    # Choices

    def category(self, user: int) -> int:
        ids = Category.objects.filter(user_id=user).order_by("id").values_list("id", flat=True)
        return self.random.choice(list(ids))

    def type(self, user: int) -> int:
        effect = self.random.choices(("spending", "refund", "income"), (8, 2, 1))[0]
        types = TransactionType.objects.filter(user_id=user, effect=effect)
        return self.random.choice(list(types.values_list("id", flat=True)))

    def day(self) -> date:
        return FIRST_DAY + timedelta(days=self.random.randrange(DAYS))

    def amount(self) -> Decimal:
        return Decimal(self.random.choice((1, 500, 999, 1000, self.random.randint(1, 3000)))) / 100

    def text(self) -> str:
        """A description that no other write has."""
        self.written += 1
        return f"{self.number}.{self.written}"

    def row(self) -> Transaction:
        ids = list(Transaction.objects.filter(user_id=self.user).values_list("id", flat=True))
        if not ids:
            raise Transaction.DoesNotExist
        return Transaction.objects.get(pk=self.random.choice(ids))

    def new_row(self) -> Transaction:
        return Transaction(
            user_id=self.user,
            date=self.day(),
            category_id=self.category(self.user),
            type_id=self.type(self.user),
            amount=self.amount(),
            description=self.text(),
        )

    def threshold(self) -> Threshold:
        found = list(Threshold.objects.kept().filter(user_id=self.user))
        if not found:
            raise Threshold.DoesNotExist
        return self.random.choice(found)

    # Writes

    def create(self) -> None:
        row = self.new_row()
        row.save()
        self.note(self.user, row.pk, fields(row))

    def edit(self) -> None:
        row = self.row()
        what = self.random.randrange(4)
        if what == 0:
            row.amount = self.amount()
        elif what == 1:
            row.date = self.day()
        elif what == 2:
            row.category_id = self.category(self.user)
        else:
            row.type_id = self.type(self.user)
        row.description = self.text()
        row.save()
        self.note(self.user, row.pk, fields(row))

    def move(self) -> None:
        """Give a row to another user."""
        row = self.row()
        other = self.random.choice(self.users)
        row.user_id = other
        row.category_id, row.type_id = self.category(other), self.type(other)
        row.description = self.text()
        row.save()
        if other != self.user:
            self.note(self.user, row.pk, None)
        self.note(other, row.pk, fields(row))

    def delete(self) -> None:
        row = self.row()
        user, pk = self.user, row.pk
        if row.delete()[0]:
            self.note(user, pk, None)

    def delete_many(self) -> None:
        """Delete rows of several users at once."""
        users = {self.random.choice(self.users) for _ in range(3)}
        rows = Transaction.objects.filter(user_id__in=users).values_list("id", flat=True)
        ids = self.random.sample(list(rows), min(len(rows), 4))

        def gone(instance: Transaction, **kwargs: object) -> None:
            self.note(instance.user_id, instance.pk, None)

        # Some may be gone by the time the locks are held; the signal tells which were there.
        post_delete.connect(gone, Transaction)
        try:
            Transaction.objects.filter(pk__in=ids).delete()
        finally:
            post_delete.disconnect(gone, Transaction)

    def bulk(self) -> None:
        rows = [self.new_row() for _ in range(self.random.randint(2, 6))]
        for row in engine.record_transactions(self.user, rows):
            self.note(self.user, row.pk, fields(row))

    def merge(self) -> None:
        """A new category, and an old one merged into it or the other way round."""
        new = Category(user_id=self.user, name=f"Category {self.text()}")
        new.save()
        old = Category.objects.get(pk=self.category(self.user))
        if self.random.random() < 0.5 and not old.builtin:
            new, old = old, new
        source = new.pk
        engine.merge_categories(new, old)
        self.note(self.user, -source, old.pk)

    def new_threshold(self) -> None:
        if Threshold.objects.kept().filter(user_id=self.user).count() >= THRESHOLDS:
            self.threshold().delete()
            return
        threshold = Threshold(user_id=self.user, name=f"Limit {self.text()}")
        self.shape(threshold)
        threshold.save()

    def shape(self, threshold: Threshold) -> None:
        """Make it a threshold of any kind."""
        kind = self.random.choice(KINDS)
        closing = kind not in ("rolling", "transaction") and self.random.random() < 0.4
        threshold.type = kind
        threshold.days = self.random.choice((1, 7, 30)) if kind == "rolling" else None
        threshold.operator = self.random.choice(CLOSING if closing else AT_ONCE)
        threshold.measure = self.random.choice(MEASURES[:4] if kind == "transaction" else MEASURES)
        threshold.amount = Decimal(self.random.choice(AMOUNTS))
        threshold.levels = [100] if closing else self.random.choice(LEVELS)
        threshold.starts_on = self.day() if closing and self.random.random() < 0.5 else None
        threshold.category_id = self.category_or_all()
        carries = kind in LONG_KINDS and not closing and threshold.measure == "spending"
        threshold.rollover = carries and self.random.random() < 0.5
        threshold.rollover_cap = self.random.choice((None, Decimal(50)))
        threshold.rollover_from = self.day() if self.random.random() < 0.5 else None
        threshold.forecast = carries and self.random.random() < 0.7
        parts = [self.condition(closing) for _ in range(self.random.randint(1, 3))]
        together = kind != "transaction" and self.random.random() < 0.25
        threshold.new_conditions = parts if together else []
        threshold.match = self.random.choice(("all", "any")) if together else ""
        if together:
            threshold.rollover = threshold.forecast = False
            threshold.levels = [100]

    def condition(self, closing: bool) -> Condition:
        operators = AT_ONCE + CLOSING if closing else AT_ONCE
        return Condition(
            category_id=self.category_or_all(),
            measure=self.random.choice(MEASURES),
            operator=self.random.choice(operators),
            amount=Decimal(self.random.choice(AMOUNTS)),
        )

    def category_or_all(self) -> int | None:
        return None if self.random.random() < 0.6 else self.category(self.user)

    def edit_threshold(self) -> None:
        threshold = self.threshold()
        what = self.random.randrange(4)
        if what == 0:
            threshold.enabled = not threshold.enabled
        elif what == 1:
            self.shape(threshold)
        else:
            threshold.amount = Decimal(self.random.randint(0, 300))
        threshold.save()

    def change_settings(self) -> None:
        profile = Profile.objects.get(user_id=self.user)
        profile.time_zone = self.random.choice(ZONES)
        profile.week_start = self.random.choice((1, 7))
        profile.month_start = self.random.choice((1, 15, 28))
        profile.save()

    def acknowledge(self) -> None:
        alerts = Alert.objects.filter(user_id=self.user).of_thresholds()[:50]
        if alerts:
            alert = self.random.choice(alerts)
            engine.acknowledge(self.user, alert.pk, alert.acknowledged_at is None)

    def snooze(self) -> None:
        alerts = Alert.objects.filter(user_id=self.user).of_thresholds()[:50]
        if alerts:
            until = self.random.choice((None, datetime(2030, 1, 1, tzinfo=UTC)))
            engine.snooze(self.user, self.random.choice(alerts).pk, until)

    def reparent(self) -> None:
        """Hang a category under another; often refused, as it would be a cycle or too deep."""
        category = Category.objects.get(pk=self.category(self.user))
        category.parent_id = self.category_or_all()
        category.save()

    def look(self) -> None:
        engine.move_to_today(self.user)

    def tick(self) -> None:
        engine.tick()

    def time_passes(self) -> None:
        shared[0].let_time_pass()


WEIGHTS = {
    "create": 30,
    "edit": 20,
    "delete": 10,
    "delete_many": 3,
    "bulk": 4,
    "move": 4,
    "edit_threshold": 16,
    "new_threshold": 3,
    "change_settings": 2,
    "merge": 2,
    "acknowledge": 2,
    "snooze": 1,
    "reparent": 3,
    "look": 1,
    "tick": 1,
    "time_passes": 4,
}


def write(number: int, users: Sequence[int], control: str, seed: int) -> Report:
    """Write until the run is ended; `control` names what is broken, if anything."""
    ours = shared[0]
    writer = Writer(number, users, seed, broken=bool(control))
    broken = CONTROLS[control]() if control else nullcontext()
    try:
        with broken:
            ours.gate.wait(GATE_SECONDS)
            while not ours.stop.is_set():
                writer.step()
    finally:
        connection.close()
    return writer.report
