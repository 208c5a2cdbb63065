"""Keeping the rollups equal to many transactions at once; commit.py does it for one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from django.db import models

from budget.engine import sql
from budget.engine.sql import Key, Sums
from budget.judge.judgement import Facts
from budget.judge.periods import month_of
from budget.models import Grain, Rollup, Transaction
from budget.models.ledger import Book
from budget.models.money import to_minor

# SQLite allows 32,766 parameters a statement; a row has seven.
ROWS_A_STATEMENT = 1000


# What rows of one day, category and type come to: minor units, and how many they are.
Alike = tuple[date, int, int]


def add(book: Book, alike: Mapping[Alike, tuple[int, int]]) -> None:
    """Add transactions to their days and months.

    Raises LedgerOverflow beyond 9 * 10^15 minor units.
    """
    upsert(book, in_buckets(book, alike))


def in_buckets(book: Book, alike: Mapping[Alike, tuple[int, int]]) -> Sums:
    """The same by day and by month."""
    month_start = book.ledger.calendar.month_start
    sums: dict[Key, tuple[int, int]] = {}
    for (day, category_id, type_id), (amount, count) in alike.items():
        sums[Grain.DAY, day, category_id, type_id] = amount, count
        month = Grain.MONTH, month_of(day, month_start), category_id, type_id
        before = sums.get(month, (0, 0))
        sums[month] = before[0] + amount, before[1] + count
    return sums


def upsert(book: Book, sums: Sums) -> None:
    """Add amounts and counts to rollup rows, in key order."""
    for part in parts_of(sums):
        sql.run([sql.add_step(book.ledger, part)])


def take(book: Book, alike: Mapping[Alike, tuple[int, int]]) -> None:
    """Take transactions out of their days and months."""
    for part in parts_of(in_buckets(book, alike)):
        sql.run([sql.take_many_step(book.ledger, part)])


def parts_of(sums: Sums) -> Iterator[Sequence[tuple[Key, tuple[int, int]]]]:
    """As many as one statement takes at a time, in key order."""
    ordered = sorted(sums.items())
    for at in range(0, len(ordered), ROWS_A_STATEMENT):
        yield ordered[at : at + ROWS_A_STATEMENT]


def alike(rows: Iterable[Facts]) -> dict[Alike, tuple[int, int]]:
    """What rows of each day, category and type come to."""
    sums: dict[Alike, tuple[int, int]] = {}
    for facts in rows:
        key = facts.date, facts.category_id, facts.type_id
        amount, count = sums.get(key, (0, 0))
        sums[key] = amount + facts.minor, count + 1
    return sums


def of_transactions(user_id: int, month_start: int) -> Sums:
    """What the rollups must be, computed from the transactions."""
    days = (
        Transaction.objects.filter(user_id=user_id)
        .order_by()
        .values_list("date", "category_id", "type_id")
        .annotate(amount=models.Sum("amount"), count=models.Count("id"))
    )
    sums: dict[Key, list[int]] = defaultdict(lambda: [0, 0])
    for day, category_id, type_id, amount, count in days.iterator():
        for grain, bucket in ((Grain.DAY, day), (Grain.MONTH, month_of(day, month_start))):
            found = sums[grain, bucket, category_id, type_id]
            found[0] += to_minor(amount)
            found[1] += count
    return {key: (amount, count) for key, (amount, count) in sums.items()}


def rebuild_months(book: Book) -> None:
    """Rebuild the month rollups from the day rollups, by the ledger's calendar."""
    ledger = book.ledger
    mine = Rollup.objects.filter(user_id=ledger.user_id)
    days = mine.filter(grain=Grain.DAY).values_list(
        "bucket", "category_id", "type_id", "amount", "count"
    )
    sums: dict[Key, list[int]] = defaultdict(lambda: [0, 0])
    for day, category_id, type_id, amount, count in days.iterator():
        month = month_of(day, ledger.calendar.month_start)
        found = sums[Grain.MONTH, month, category_id, type_id]
        found[0] += amount
        found[1] += count
    mine.filter(grain=Grain.MONTH).delete()
    upsert(book, {key: (amount, count) for key, (amount, count) in sums.items()})


def merge(book: Book, source_id: int, target_id: int) -> None:
    """Move a category's rollups to another category."""
    user_id = book.ledger.user_id
    sql.run([(sql.MERGE_ROLLUPS, [target_id, user_id, source_id])])
    Rollup.objects.filter(user_id=user_id, category_id=source_id).delete()
