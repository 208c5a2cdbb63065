"""Many transactions of one user written or deleted set by set, with one evaluation.

Some statements for the rows and some for their days and months, however many rows there are; what
is evaluated is one row of each day, category and type, and each row that an alert may be about.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import islice
from typing import NamedTuple

from django.db import connection, models

from budget.engine import rollups, sql
from budget.engine.evaluate import evaluate_rows
from budget.engine.rollups import Alike
from budget.engine.rules import rules_of
from budget.engine.sql import check_total
from budget.engine.totals import facts_by_id
from budget.judge.judgement import Facts, Rules
from budget.judge.kinds import PeriodType
from budget.models import Alert, Transaction
from budget.models.ledger import Book
from budget.models.money import to_minor
from budget.models.transaction import TransactionQuerySet

TABLE = Transaction._meta.db_table
LINES_AT_ONCE = 200
DRAW_IDS = "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)"


class NewRow(NamedTuple):
    """A transaction to store, valid already: its values as the database holds them.

    minor: minor units. search: search_key() of the description.
    """

    date: date
    category_id: int
    description: str
    search: str
    minor: int
    type_id: int
    external_id: str | None = None
    imported_as: str | None = None
    import_id: int | None = None


WRITTEN = (
    "id",
    "user_id",
    "date",
    "category_id",
    "description",
    "search",
    "amount",
    "type_id",
    "external_id",
    "imported_as",
    "import_id",
)


def store_rows(book: Book, rows: Sequence[NewRow], cause: str) -> list[int]:
    """Store new transactions under the lock, with rollups and alerts; gives their ids, ascending.

    Each gets a higher id than the one before. Raises LedgerOverflow, TooManyAlerts, and
    IntegrityError for an external_id that is there; a caller in a transaction has to roll back
    then.
    """
    if not rows:
        return []
    ids = new_ids(len(rows))
    write_rows(book.ledger.user_id, ids, rows)
    check_total(book.ledger, sum(row.minor for row in rows))
    sums: dict[Alike, tuple[int, int]] = {}
    firsts: set[int] = set()
    for pk, row in zip(ids, rows, strict=True):
        alike = row.date, row.category_id, row.type_id
        if (found := sums.get(alike)) is None:
            sums[alike] = row.minor, 1
            firsts.add(pk)
        else:
            sums[alike] = found[0] + row.minor, found[1] + 1
    rollups.add(book, sums)
    rules = rules_of(book.ledger)
    least = least_of_singles(rules)
    evaluated = [
        facts_of(rules, pk, row)
        for pk, row in zip(ids, rows, strict=True)
        if pk in firsts or (least is not None and row.minor >= least)
    ]
    evaluate_rows(book, evaluated, cause)
    return ids


def facts_of(rules: Rules, pk: int, row: NewRow) -> Facts:
    effect = rules.effect_of(row.type_id)
    return Facts(pk, row.date, row.category_id, row.type_id, effect, row.minor)


def least_of_singles(rules: Rules) -> int | None:
    """The least amount of a transaction that can open an alert by itself; None for no amount."""
    singles = (rule for rule in rules.thresholds if rule.type == PeriodType.TRANSACTION)
    return min((level.ranges[0][0] for rule in singles for level in rule.levels), default=None)


def remove_rows(book: Book, rows: TransactionQuerySet, cause: str) -> int:
    """Delete transactions of the book's user, with rollups and alerts; gives how many went.

    They may be very many. Notes no external_id as deleted. Raises TooManyAlerts where what stays
    opens too many; a caller in a transaction has to roll back then.
    """
    user_id = book.ledger.user_id
    mine = rows.filter(user_id=user_id).order_by()
    groups = mine.values_list("date", "category_id", "type_id").annotate(
        models.Sum("amount"), models.Count("id"), models.Min("id")
    )
    rules = rules_of(book.ledger)
    sums: dict[Alike, tuple[int, int]] = {}
    gone: dict[int, Facts] = {}
    for day, category_id, type_id, amount, count, pk in groups.iterator():
        minor = to_minor(amount)
        sums[day, category_id, type_id] = minor, count
        effect = rules.effect_of(type_id)
        gone[pk] = Facts(pk, day, category_id, type_id, effect, minor)
    gone |= facts_by_id(book.ledger, ids_with_alerts(user_id, mine))
    mine._raw_delete(mine.db)
    rollups.take(book, sums)
    evaluate_rows(book, list(gone.values()), cause, gone=True)
    return sum(count for _, count in sums.values())


def ids_with_alerts(user_id: int, rows: TransactionQuerySet) -> set[int]:
    """Which rows have tipped an alert, or have an open one for themselves."""
    alerts = Alert.objects.filter(user_id=user_id)
    ids = rows.values("id")
    tipped = alerts.filter(transaction_id__in=ids).values_list("transaction_id", flat=True)
    single = alerts.open().filter(subject__in=ids).values_list("subject", flat=True)
    return {*filter(None, tipped), *single}


def new_ids(count: int) -> list[int]:
    """So many ids that no transaction has had, ascending; the lock is held."""
    if connection.vendor == "postgresql":
        return sorted(pk for (pk,) in sql.run([(DRAW_IDS, [TABLE, count])]))
    # The lock is that of the whole database, so nobody else takes one meanwhile.
    found = sql.run([("SELECT seq FROM sqlite_sequence WHERE name = %s", [TABLE])])
    last = int(found[0][0]) if found else 0
    return list(range(last + 1, last + 1 + count))


def write_rows(user_id: int, ids: Sequence[int], rows: Sequence[NewRow]) -> None:
    columns = ", ".join(WRITTEN)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            lines = Lines(copy_lines(user_id, ids, rows))
            with connection.wrap_database_errors:
                cursor.copy_expert(f"COPY {TABLE} ({columns}) FROM STDIN", lines)
        else:
            cursor.executemany(
                f"INSERT INTO {TABLE} ({columns}) VALUES ({sql.marks(len(WRITTEN))})",  # noqa: S608 - of constants
                [
                    (pk, user_id, row[0].isoformat(), *row[1:])
                    for pk, row in zip(ids, rows, strict=True)
                ],
            )


class Lines:
    """A text of lines that are made as they are read: the database stores some meanwhile."""

    def __init__(self, lines: Iterator[str]) -> None:
        self.lines = lines

    def read(self, size: int = -1) -> str:
        """The next few lines, whatever the size asked for; "" at the end."""
        return "".join(islice(self.lines, LINES_AT_ONCE))


# What a text of COPY writes otherwise.
SPECIAL = re.compile(r"[\\\t\n\r]")
ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
NULL = r"\N"


def copy_lines(user_id: int, ids: Sequence[int], rows: Sequence[NewRow]) -> Iterator[str]:
    """Rows in the text format of COPY."""
    special = SPECIAL.search
    for pk, (day, category_id, text, search, minor, type_id, own, said, source) in zip(
        ids, rows, strict=True
    ):
        if special(text):
            text, search = text.translate(ESCAPES), search.translate(ESCAPES)
        if own is None:
            own = NULL
        elif special(own):
            own = own.translate(ESCAPES)
        yield (
            f"{pk}\t{user_id}\t{day}\t{category_id}\t{text}\t{search}\t{minor}\t{type_id}\t{own}\t"
            f"{NULL if said is None else said}\t{NULL if source is None else source}\n"
        )
