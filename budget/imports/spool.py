"""The rows of a file on disk while they wait to be stored: a file of any size, a few MB of memory.

A database of SQLite's in a separate file, which is gone once the spool is. It puts the rows in
order, numbers those that are alike, and keeps what becomes of each.
"""

from __future__ import annotations

import marshal
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from enum import IntEnum
from functools import lru_cache
from itertools import chain, groupby
from operator import attrgetter, eq
from typing import Any, NamedTuple, overload

from budget.imports.identity import digest_of, numbered
from budget.imports.rows import ParsedRow
from budget.models.money import from_minor, to_minor

# SQLite allows 32,766 parameters a statement; a row has four.
ROWS_AT_ONCE = 1000

# known: what an alike row has, too. number: among those, from 1; NULL for a row that is like no
# other. fate, given: what becomes of the row, and the external_id that it has in the database,
# where that is not the one of its number. rest: all else, which no statement looks at.
TABLE = """
CREATE TABLE row (
  id INTEGER PRIMARY KEY, line INTEGER, day INTEGER, known BLOB, rest BLOB,
  number INTEGER, fate INTEGER NOT NULL DEFAULT 0, given TEXT
)"""
ADD = "INSERT INTO row (line, day, known, rest) VALUES "
IN_ORDER = "SELECT * FROM row WHERE (day, line, id) > (?, ?, ?) ORDER BY day, line, id LIMIT ?"
# Those that are alike come by what they are known by, behind all others.
BY_ID = "SELECT * FROM row WHERE id > ? AND number IS NULL ORDER BY id LIMIT ?"
ALIKE = "SELECT * FROM row WHERE number IS NOT NULL ORDER BY known, number"
REPEATED = """
SELECT * FROM row WHERE known IN (SELECT known FROM row GROUP BY known HAVING COUNT(*) > 1)
ORDER BY known, id
"""

Place = tuple[int, int, int]
BEGINNING: Place = (-1, -1, -1)


class Fate(IntEnum):
    """What becomes of a row of the file."""

    NEW = 0
    PRESENT = 1
    # Known as it was when it was pending: gets what the file says now.
    UPDATED = 2
    # Deleted by the user before.
    DELETED = 3


class Told(NamedTuple):
    """What is kept of a row besides its day and line; minor: minor units."""

    description: str
    minor: int
    type: str
    category: str
    identity: str
    external_id: str | None
    cut: bool
    currency: str
    stored_as: int | None


class Step(NamedTuple):
    """A row of the file, the external_id that it has or gets, and what becomes of it.

    id: which one it is in the spool. known: see Spool.
    """

    external_id: str
    fate: Fate
    id: int
    line: int
    date: date
    known: bytes
    told: Told

    @property
    def row(self) -> ParsedRow:
        text, minor, slug, category, identity, own, cut, currency, stored_as = self.told
        return ParsedRow(
            self.line,
            self.date,
            text,
            from_minor(minor),
            slug,
            category,
            identity,
            own,
            cut,
            currency,
            stored_as,
        )

    @property
    def place(self) -> Place:
        return self.date.toordinal(), self.line, self.id


day_of = lru_cache(maxsize=4096)(date.fromordinal)
FATES = tuple(Fate)


class Spool(Sequence[tuple[str, ParsedRow]]):
    """Rows by date, then line, each with the external_id of somebody who has none of them yet.

    prefix: what the external_ids begin with. sums: of each type, how many rows are of it, and what
    they come to in minor units. currencies: how many rows have each that is named, and the first of
    them. cut: the lines with descriptions longer than fits.
    """

    def __init__(self, prefix: str, rows: Iterable[ParsedRow] = ()) -> None:
        self.prefix = prefix
        # "": a file without a name, which goes when it is closed, whatever ends the process.
        self.database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self.database.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4096"
        )
        self.database.execute(TABLE)
        self.waiting: list[tuple[int, int, bytes, bytes]] = []
        self.forget_counts()
        self.is_own = False
        for row in rows:
            self.add(row)
        self.finish()

    def forget_counts(self) -> None:
        self.length = 0
        self.amounts: dict[str, list[int]] = {}
        self.category_names: set[str] = set()
        self.currencies: dict[str, tuple[int, ParsedRow]] = {}
        self.cut: list[int] = []

    def add(self, row: ParsedRow) -> None:
        """Take one more row down; finish() after the last."""
        line, day, description, amount, slug, category, identity, own, cut, currency, stored = row
        minor = to_minor(amount)
        told = (description, minor, slug, category, identity, own, cut, currency, stored)
        known = digest_of(identity, own)
        self.waiting.append((line, day.toordinal(), known, marshal.dumps(told)))
        self.count_in(row, minor)
        if len(self.waiting) >= ROWS_AT_ONCE:
            self.flush()

    def count_in(self, row: ParsedRow, minor: int) -> None:
        self.length += 1
        if (sums := self.amounts.get(row.type)) is None:
            sums = self.amounts[row.type] = [0, 0]
        sums[0] += 1
        sums[1] += minor
        self.category_names.add(row.category)
        if row.currency:
            count, first = self.currencies.get(row.currency, (0, row))
            self.currencies[row.currency] = count + 1, first
        if row.cut:
            self.cut.append(row.line)
        if row.stored_as is not None:
            self.is_own = True

    def flush(self) -> None:
        if self.waiting:
            # One statement, as each costs more than the row that it adds.
            rows = ", ".join(["(?, ?, ?, ?)"] * len(self.waiting))
            self.database.execute(ADD + rows, list(chain.from_iterable(self.waiting)))
            self.waiting = []

    def finish(self) -> None:
        """Put the rows in order and number those that are alike."""
        self.flush()
        self.database.execute("CREATE INDEX IF NOT EXISTS row_in_order ON row (day, line)")
        self.database.execute("CREATE INDEX IF NOT EXISTS row_known ON row (known)")
        repeated = map(self.step_of, self.database.execute(REPEATED))
        numbers = [
            (number, step.id)
            for _, group in groupby(repeated, attrgetter("known"))
            for number, step in enumerate(sorted(group, key=content), 1)
        ]
        self.database.executemany("UPDATE row SET number = ? WHERE id = ?", numbers)
        self.cut.sort()

    def run(self, statement: str, *params: object) -> list[tuple[Any, ...]]:
        return self.database.execute(statement, params).fetchall()

    # In the order of dates

    def steps(self, after: Place, at_most: int) -> list[Step]:
        """The rows behind a place, in order, with what becomes of them."""
        return list(map(self.step_of, self.run(IN_ORDER, *after, at_most)))

    def step_of(self, stored: tuple[Any, ...]) -> Step:
        pk, line, day, known, text, number, fate, given = stored
        told = Told._make(marshal.loads(text))  # noqa: S302 - written by this process
        if not given:
            if told.stored_as is not None:
                given = told.external_id or f"{self.prefix}:{told.stored_as}"
            else:
                given = numbered(self.prefix, told.external_id, known, number or 1)
        return Step(given, FATES[fate], pk, line, day_of(day), known, told)

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[tuple[str, ParsedRow]]:
        place = BEGINNING
        while found := self.steps(place, ROWS_AT_ONCE):
            yield from ((step.external_id, step.row) for step in found)
            place = found[-1].place

    @overload
    def __getitem__(self, index: int) -> tuple[str, ParsedRow]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[str, ParsedRow]]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return list(self)[index]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(map(eq, self, other))

    __hash__ = object.__hash__

    # What is to become of them

    def groups(self) -> Iterator[list[Step]]:
        """The rows that share what they are known by, in an order that follows from what they say.

        Where they stand in the file decides nothing, so another order of lines gives the same.
        """
        last = 0
        while found := self.run(BY_ID, last, ROWS_AT_ONCE):
            yield from ([self.step_of(row)] for row in found)
            last = found[-1][0]
        alike = map(self.step_of, self.run(ALIKE))
        yield from (list(group) for _, group in groupby(alike, attrgetter("known")))

    def settle(self, steps: Iterable[Step]) -> None:
        """Note what becomes of rows, and the ids that they have."""
        self.database.execute("BEGIN")
        self.database.executemany(
            "UPDATE row SET fate = ?, given = ? WHERE id = ?",
            ((step.fate, step.external_id, step.id) for step in steps),
        )
        self.database.execute("COMMIT")

    def forget_fates(self) -> None:
        """Let all rows be new again."""
        self.database.execute("UPDATE row SET fate = 0, given = NULL WHERE given IS NOT NULL")

    # What they are, all in all

    def categories(self, fates: Sequence[Fate]) -> set[str]:
        """The categories of rows of some fates."""
        if not self.run("SELECT 1 FROM row WHERE fate <> 0 LIMIT 1") and Fate.NEW in fates:
            return self.category_names
        found: set[str] = set()
        last = 0
        while rows := self.run("SELECT * FROM row WHERE id > ? ORDER BY id LIMIT 1000", last):
            steps = list(map(self.step_of, rows))
            found |= {step.told.category for step in steps if step.fate in fates}
            last = steps[-1].id
        return found

    def types(self) -> set[str]:
        return set(self.amounts)

    def sums(self) -> list[tuple[str, int, Decimal]]:
        """Each type, how many rows are of it, and what they come to."""
        found = sorted(self.amounts.items())
        return [(slug, count, from_minor(minor)) for slug, (count, minor) in found]

    def first(self, at_most: int) -> list[ParsedRow]:
        """The first rows in the order of the file."""
        found = self.run("SELECT * FROM row ORDER BY line, id LIMIT ?", at_most)
        return [self.step_of(row).row for row in found]

    def days(self) -> tuple[date, date] | None:
        """The first and the last day; None without rows."""
        ((first, last),) = self.run("SELECT MIN(day), MAX(day) FROM row")
        return None if first is None else (day_of(first), day_of(last))

    def leave(self, currency: str) -> list[tuple[int, str]]:
        """Leave rows in other currencies out; gives the line and the currency of each."""
        if self.currencies.keys() <= {currency}:
            return []
        self.flush()
        self.forget_counts()
        out: list[tuple[int, str]] = []
        gone: list[tuple[int]] = []
        for stored in self.database.execute("SELECT * FROM row ORDER BY id"):
            step = self.step_of(stored)
            if step.told.currency in ("", currency):
                self.count_in(step.row, step.told.minor)
            else:
                out.append((step.line, step.told.currency))
                gone.append((step.id,))
        self.database.executemany("DELETE FROM row WHERE id = ?", gone)
        return out

    def close(self) -> None:
        """Free the disk; what is read after that is an error."""
        self.database.close()

    def __del__(self) -> None:
        self.database.close()


def content(step: Step) -> tuple[date, str, str, int]:
    """What would be stored of a row, in a fixed order."""
    return step.date, step.told.category, step.told.description, step.told.minor
