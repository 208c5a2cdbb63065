"""Keeping the rollups equal to the transactions they sum."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date

from django.db import DataError, IntegrityError, OperationalError, connection, models

from budget.engine import statements
from budget.engine.statements import Step
from budget.models import Grain, LedgerOverflow, LedgerState, Rollup, Transaction
from budget.models.ledger import Row
from budget.models.money import to_minor
from budget.models.periods import month_of

# SQLite allows 32,766 parameters a statement; a row has seven.
ROWS_A_STATEMENT = 1000
Key = tuple[str, date, int, int]
Sums = dict[Key, tuple[int, int]]


@contextmanager
def exact_sums() -> Iterator[None]:
    """Turn a sum that leaves its range, in whichever database, into LedgerOverflow."""
    try:
        yield
    except IntegrityError as error:
        if "budget_rollup_amount_range" not in str(error):
            raise
        raise LedgerOverflow("The total would leave the range of exact sums.") from error
    except (DataError, OperationalError) as error:
        if "overflow" not in str(error) and "out of range" not in str(error):
            raise
        raise LedgerOverflow("The total would leave the range of exact sums.") from error


def keys_of(ledger: LedgerState, row: Row) -> list[Key]:
    """The day and the month that a row counts in."""
    tail = (row["category_id"], row["type_id"])
    month = month_of(row["date"], ledger.calendar.month_start)
    return [(Grain.DAY, row["date"], *tail), (Grain.MONTH, month, *tail)]


def add(ledger: LedgerState, rows: Iterable[Row]) -> None:
    """Add rows to their days and months. Raises LedgerOverflow beyond 9 * 10^15 minor units."""
    upsert(ledger, sums_of(ledger, rows))


def sums_of(ledger: LedgerState, rows: Iterable[Row]) -> Sums:
    """Amount and count of some rows, by day and by month."""
    sums: dict[Key, list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        for key in keys_of(ledger, row):
            found = sums[key]
            found[0] += to_minor(row["amount"])
            found[1] += 1
    return {key: (amount, count) for key, (amount, count) in sums.items()}


def upsert(ledger: LedgerState, sums: Sums) -> None:
    """Add amounts and counts to rollup rows, in key order."""
    ordered = sorted(sums.items())
    with exact_sums():
        for at in range(0, len(ordered), ROWS_A_STATEMENT):
            statements.run([upsert_step(ledger, ordered[at : at + ROWS_A_STATEMENT])])


def upsert_step(ledger: LedgerState, sums: Sequence[tuple[Key, tuple[int, int]]]) -> Step:
    params = [value for key, sum in sums for value in (ledger.user_id, *key, *sum)]
    return statements.add_to_rollups(len(sums)), params


def take_step(ledger: LedgerState, row: Row, minor: int, count: int) -> Step:
    """Take minor units and a number of rows out of the day and month that a row lies in."""
    (_, day, category_id, type_id), (_, month, _, _) = keys_of(ledger, row)
    params = [minor, count, ledger.user_id, category_id, type_id, day, month]
    return statements.TAKE_FROM_ROLLUPS, params


def take_all(ledger: LedgerState, rows: Iterable[Row]) -> None:
    """Take many rows out of their days and months."""
    sums: dict[Key, list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        found = sums[keys_of(ledger, row)[0]]
        found[0] += to_minor(row["amount"])
        found[1] += 1
    for (_, day, category_id, type_id), (amount, count) in sorted(sums.items()):
        row = {"date": day, "category_id": category_id, "type_id": type_id}
        statements.run([take_step(ledger, row, amount, count)])


def steps(ledger: LedgerState, before: Row | None, after: Row | None) -> list[Step]:
    """What replaces a row's old part in the rollups by its new one."""
    if before and after and keys_of(ledger, before) == keys_of(ledger, after):
        change = to_minor(before["amount"]) - to_minor(after["amount"])
        return [take_step(ledger, before, change, 0)]
    found = []
    if before:
        found.append(take_step(ledger, before, to_minor(before["amount"]), 1))
    if after:
        found.append(upsert_step(ledger, sorted(sums_of(ledger, [after]).items())))
    return found


def of_transactions(user_id: int, month_start: int) -> Sums:
    """What the rollups must be, computed from the transactions alone."""
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


def rebuild_months(ledger: LedgerState) -> None:
    """Cut the month rollups anew from the day rollups, as the ledger's calendar has it now."""
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
    upsert(ledger, {key: (amount, count) for key, (amount, count) in sums.items()})


def merge(ledger: LedgerState, source_id: int, target_id: int) -> None:
    """Move a category's rollups to another category."""
    with connection.cursor() as cursor, exact_sums():
        cursor.execute(statements.MERGE_ROLLUPS, [target_id, ledger.user_id, source_id])
    Rollup.objects.filter(user_id=ledger.user_id, category_id=source_id).delete()
