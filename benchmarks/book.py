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
from budget.engine.evaluate import evaluate_all
from budget.engine.rules import rules_changed
from budget.models import (
    Category,
    Cause,
    Condition,
    Match,
    Measure,
    Operator,
    PeriodType,
    Threshold,
    Transaction,
    TransactionType,
)
from budget.models.ledger import open_book

# Histories end today and go back three years at most: a row a day, or as many more as it takes.
DAYS = 1095
# What no history reaches; what one transaction has to come to; what most of them are.
FAR, LARGE, SMALL = Decimal(10) ** 11, Decimal(50_000), Decimal("12.34")
PLAIN, ENGINE = "plain", "engine"
# Thresholds and rows of one commit, which opens at most 10,000 alerts.
AT_ONCE, MANY = 50, 4_000

# Threshold type, whether it is of one category, and limit: half of them are exceeded in each of
# their periods, so that open alerts stand beside every write.
Limit = tuple[PeriodType, bool, Decimal]
SIX: Sequence[Limit] = (
    (PeriodType.DAILY, False, FAR),
    (PeriodType.WEEKLY, False, Decimal(1)),
    (PeriodType.MONTHLY, False, Decimal(1)),
    (PeriodType.MONTHLY, True, FAR),
    (PeriodType.YEARLY, False, Decimal(1)),
    (PeriodType.TRANSACTION, False, LARGE),
)
# Of each expense; two alerts for each.
EACH: Sequence[Limit] = ((PeriodType.TRANSACTION, False, Decimal(1)),)

# One of every kind beside the six; what is judged at the end is so a year of periods back.
EVERY: tuple[dict[str, Any], ...] = (
    {"type": PeriodType.ROLLING, "days": 30, "amount": Decimal(1)},
    {"type": PeriodType.ROLLING, "days": 366, "amount": FAR, "narrow": True},
    {"type": PeriodType.WEEKLY, "operator": Operator.LTE, "amount": FAR, "levels": [100]},
    {"type": PeriodType.MONTHLY, "measure": Measure.NET, "amount": FAR},
    {"type": PeriodType.DAILY, "measure": Measure.COUNT, "amount": FAR},
    {"type": PeriodType.MONTHLY, "amount": FAR, "rollover": True, "forecast": True},
    {"type": PeriodType.YEARLY, "amount": FAR, "forecast": True, "tree": True},
    {"type": PeriodType.MONTHLY, "match": Match.ALL},
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
    """What a user is to have.

    days: how many the rows are spread over, up to today. every: also one threshold of every other
    kind. alerts: instead of all that, purchases with two alerts each.
    """

    name: str
    rows: int
    days: int = DAYS
    categories: int = 12
    thresholds: int = 6
    every: bool = False
    alerts: int = 0


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
        names = [f"Category {number}" for number in range(plan.categories - 1)]
        categories = [Category(user=user, name=name).prepare(set()) for name in names]
        Category._base_manager.bulk_create(categories)
        if plan.rows:
            write_history(user, plan.rows, plan.days)
        # From here on it is the engine that brings everything up to the rows.
        with open_book(user.pk) as book:
            month_start = book.ledger.calendar.month_start
            rollups.upsert(book, rollups.of_transactions(user.pk, month_start))
        limits = thresholds(user, plan.thresholds, EACH if plan.alerts else SIX)
        for begin in range(0, len(limits), AT_ONCE):
            Threshold._base_manager.bulk_create(limits[begin : begin + AT_ONCE])
            evaluate(user)
        if plan.every:
            add_every_kind(user)
            evaluate(user)
    meet([user.pk])
    purchases = [
        row_of(people[user.pk], number, ENGINE, SMALL) for number in range(plan.alerts // 2)
    ]
    for begin in range(0, len(purchases), MANY):
        engine.record_transactions(user.pk, purchases[begin : begin + MANY])
    return user.pk


def evaluate(user: User) -> None:
    with open_book(user.pk) as book:
        rules_changed(book)
        evaluate_all(book, Cause.THRESHOLD_EDIT)


def thresholds(user: User, count: int, limits: Sequence[Limit]) -> list[Threshold]:
    """The same limits, over and over; those of one category take the categories in turn."""
    categories = list(Category.objects.filter(user=user).order_by("id"))
    found = []
    for number in range(count):
        type, narrow, amount = limits[number % len(limits)]
        category = categories[number // len(limits) % len(categories)] if narrow else None
        name = f"Limit {number}"
        slug = f"limit-{number}"
        row = Threshold(
            user=user, name=name, slug=slug, type=type, category=category, amount=amount
        )
        found.append(row)
    return found


def add_every_kind(user: User) -> None:
    """One threshold of every kind, and a tree of three categories; nothing is evaluated."""
    first, second, third = Category.objects.filter(user=user, builtin=False).order_by("id")[:3]
    Category._base_manager.filter(pk__in=[second.pk, third.pk]).update(parent=first)
    begin = today() - timedelta(days=365)
    for number, fields in enumerate(EVERY):
        own = dict(fields)
        category = second if own.pop("narrow", False) else None
        category = first if own.pop("tree", False) else category
        if own.get("rollover"):
            own["rollover_from"] = begin
        if own.get("operator") == Operator.LTE:
            own["starts_on"] = begin
        name, slug = f"Kind {number}", f"kind-{number}"
        row = Threshold(user=user, name=name, slug=slug, category=category, **own)
        Threshold._base_manager.bulk_create([row])
        if row.match:
            parts = [(first, Measure.SPENDING), (second, Measure.COUNT), (None, Measure.NET)]
            Condition.objects.bulk_create(
                Condition(
                    threshold=row, position=at, category=of, measure=measure, amount=Decimal(1)
                )
                for at, (of, measure) in enumerate(parts, 1)
            )


def write_history(user: User, rows: int, days: int) -> None:
    """Store rows without the engine; the caller brings the rollups and alerts up to them."""
    categories = Category.objects.filter(user=user).order_by("id").values_list("id", flat=True)
    types = dict(TransactionType.objects.filter(user=user).values_list("slug", "id"))
    length = min(days, rows)
    first = today() - timedelta(days=length - 1)
    dates = [(number, first + timedelta(days=number)) for number in range(length)]
    own = list(enumerate(categories))
    statement = HISTORY.format(
        days=", ".join(["(%s, %s)"] * len(dates)),
        categories=", ".join(["(%s, %s)"] * len(own)),
        count=len(dates),
        width=len(own),
    )
    params: list[Any] = [rows, *flat(dates), *flat(own), user.pk]
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
