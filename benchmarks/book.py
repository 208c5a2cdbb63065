"""Users with thresholds and years of transactions, made fast and still without a drift."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, transaction

from budget import engine
from budget.engine import rollups
from budget.engine.evaluate import evaluate_set
from budget.engine.rules import rules_changed
from budget.engine.writes import store_levels
from budget.models import Category, Cause, PeriodType, Threshold, Transaction, TransactionType
from budget.models.ledger import lock_ledger

# Histories end today and go back three years at most: a row a day, or as many more as it takes.
DAYS = 1095
# What no history reaches; and what one transaction has to come to.
FAR, LARGE = Decimal(10) ** 11, Decimal(50_000)
PLAIN = "plain"

# Threshold type, whether it is of one category, and limit: half of them are exceeded in each of
# their periods, so that open alerts stand beside every write.
SIX = (
    (PeriodType.DAILY, False, FAR),
    (PeriodType.WEEKLY, False, Decimal(1)),
    (PeriodType.MONTHLY, False, Decimal(1)),
    (PeriodType.MONTHLY, True, FAR),
    (PeriodType.YEARLY, False, Decimal(1)),
    (PeriodType.TRANSACTION, False, LARGE),
)

# Runs on both databases, in order of date, as a real history has been written.
HISTORY = """
WITH RECURSIVE n (i) AS (
  SELECT CAST(0 AS bigint) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < %s
), day (k, date) AS (VALUES {days}), own (k, id) AS (VALUES {categories})
INSERT INTO budget_transaction (user_id, date, category_id, description, search, amount, type_id)
SELECT %s, day.date, own.id, 'history', 'history', 100 + (n.i * 7919) %% 9900,
  CASE WHEN n.i %% 19 = 3 THEN %s WHEN n.i %% 23 = 5 THEN %s ELSE %s END
FROM n JOIN day ON day.k = n.i * {count} / %s JOIN own ON own.k = n.i %% {width}
"""


@dataclass(frozen=True)
class Plan:
    """What a user is to have."""

    name: str
    rows: int
    categories: int = 12
    thresholds: int = 6


@dataclass(frozen=True)
class Person:
    """A user as a client knows them, with rows that need no reading again."""

    user: User
    categories: tuple[Category, ...]
    expense: TransactionType


def today() -> date:
    """Every user here lives by UTC."""
    return datetime.now(UTC).date()


def migrate() -> None:
    """Make the tables of an empty database."""
    call_command("migrate", verbosity=0)


def settle() -> None:
    """Leave a filled database as autovacuum would, had it had the time."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("CHECKPOINT")


def fill(plans: Sequence[Plan]) -> list[int]:
    """Make users, and give their ids."""
    return [fill_one(plan) for plan in plans]


def fill_one(plan: Plan) -> int:
    with transaction.atomic():
        user = User.objects.create(username=plan.name)
        ledger = lock_ledger(user.pk)
        names = [f"Category {number}" for number in range(plan.categories - 1)]
        categories = [Category(user=user, name=name).prepare(set()) for name in names]
        Category._base_manager.bulk_create(categories)
        write_history(user, plan.rows)
        # From here on it is the engine that brings everything up to the rows.
        rollups.upsert(ledger, rollups.of_transactions(user.pk, ledger.calendar.month_start))
        limits = Threshold._base_manager.bulk_create(thresholds(user, plan.thresholds))
        for limit in limits:
            store_levels(limit)
        rules_changed(ledger)
        evaluate_set(ledger, limits, Cause.THRESHOLD_EDIT)
    return user.pk


def thresholds(user: User, count: int) -> list[Threshold]:
    """The six, over and over; those of one category take the categories in turn."""
    categories = list(Category.objects.filter(user=user).order_by("id"))
    found = []
    for number in range(count):
        type, narrow, amount = SIX[number % len(SIX)]
        category = categories[number // len(SIX) % len(categories)] if narrow else None
        name = f"Limit {number}"
        slug = f"limit-{number}"
        row = Threshold(
            user=user, name=name, slug=slug, type=type, category=category, amount=amount
        )
        found.append(row)
    return found


def write_history(user: User, rows: int) -> None:
    """Store rows without the engine; the caller brings the rollups and alerts up to them."""
    categories = Category.objects.filter(user=user).order_by("id").values_list("id", flat=True)
    types = dict(TransactionType.objects.filter(user=user).values_list("slug", "id"))
    length = min(DAYS, rows)
    first = today() - timedelta(days=length - 1)
    days = [(number, first + timedelta(days=number)) for number in range(length)]
    own = list(enumerate(categories))
    statement = HISTORY.format(
        days=", ".join(["(%s, %s)"] * len(days)),
        categories=", ".join(["(%s, %s)"] * len(own)),
        count=len(days),
        width=len(own),
    )
    params: list[Any] = [rows, *flat(days), *flat(own), user.pk]
    params += [types[slug] for slug in ("refund", "income", "expense")]
    with connection.cursor() as cursor:
        cursor.execute(statement, [*params, rows])


def flat(pairs: Sequence[tuple[Any, Any]]) -> list[Any]:
    return [value for pair in pairs for value in pair]


def check(user_id: int) -> None:
    """Raise RuntimeError unless every rollup and alert of a user is what the rows say."""
    drifts = engine.reconcile(user_id)
    if drifts:
        raise RuntimeError(f"User {user_id} has {len(drifts)} drifts, such as {drifts[0]}")


def forget_plain() -> None:
    """Take the rows away that were stored without the engine; what is left must add up."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM budget_transaction WHERE description = %s", [PLAIN])


def check_all(user_ids: Sequence[int]) -> None:
    for user_id in user_ids:
        check(user_id)


# Whom this process has met, by id.
people: dict[int, Person] = {}


def meet(user_ids: Sequence[int]) -> None:
    """Read users before any watch runs."""
    categories: dict[int, list[Category]] = defaultdict(list)
    for category in Category.objects.filter(user__in=user_ids).order_by("id"):
        categories[category.user_id].append(category)
    expenses = TransactionType.objects.filter(user__in=user_ids, slug="expense")
    for expense in expenses.select_related("user"):
        own = tuple(categories[expense.user_id])
        people[expense.user_id] = Person(expense.user, own, expense)


def row_of(who: Person, number: int, description: str, amount: Decimal) -> Transaction:
    """An unsaved row of the last four weeks."""
    return Transaction(
        user=who.user,
        date=today() - timedelta(days=number % 28),
        category=who.categories[number % len(who.categories)],
        description=description,
        amount=amount,
        type=who.expense,
    )
