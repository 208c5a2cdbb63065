"""The shape of a table: how its columns are parted, where it begins, and what each column is."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from itertools import islice
from pathlib import Path

from budget.imports.csv_table import DELIMITERS, Dialect, Record, bare, open_text
from budget.imports.detect.amounts import Amounts, style_of, value
from budget.imports.detect.dates import is_date, is_short_date
from budget.imports.detect.words import CURRENCIES, SIGNS, role_of, way_of
from budget.imports.values import is_blank, same_signs

# How much of a file decides its shape; all of it decides dates and amounts.
MOST_LINES = 1500
MOST_PREAMBLE = 100
MOST_CELL = 100_000
MOST_COLUMNS = 500
RARE_DELIMITERS = ("~", "^")
BESIDE = r"(?P<{}>(?:[^\d\s.,()\[\]<>+'\u2010-\u2015\u2212-]{{1,{}}}\.?)?)"
SIGN = r"\s*[-+\u2010-\u2015\u2212]?\s*"
AMOUNT = re.compile(
    rf"{BESIDE.format('zero', 4)}\s*\(?{SIGN}{BESIDE.format('one', 4)}{SIGN}"
    r"(?P<digits>[0-9][0-9.,' \u00a0\u202f\u2019]*|[.,][0-9]+)"
    rf"\s*[-+]?\s*{BESIDE.format('two', 6)}\s*[-+]?\s*\)?\s*(?P<word>(?:\([^\W\d_]{{1,6}}\))?)"
)
GROUPED = re.compile(
    r"[0-9]*[.,]?[0-9]*|[0-9]{1,3}(?P<mark>[.,' \u00a0\u202f\u2019])[0-9]{2,3}"
    r"(?:(?P=mark)[0-9]{2,3})*(?:[.,][0-9]*)?"
)


IsDay = Callable[[str], bool]


def amount_in(text: str) -> re.Match[str] | None:
    """The parts of a cell that may be an amount."""
    match = AMOUNT.fullmatch(text)
    if match is None or not GROUPED.fullmatch(match["digits"].strip()):
        return None
    return match


def is_amount(text: str) -> bool:
    return amount_in(text) is not None


def symbols_in(text: str) -> Iterator[str]:
    """What stands beside the digits of an amount and is no word of a direction."""
    if match := amount_in(text):
        for beside in (match["zero"], match["one"], match["two"]):
            if beside and not (way_of(beside) and beside.removesuffix(".").isalpha()):
                yield beside


@dataclass
class Column:
    """One column of a sample: place from 0, its header, what it is by that, and what is in it."""

    place: int
    header: str
    role: str
    sure: int
    cells: list[str] = field(default_factory=list)
    is_day: IsDay = is_date

    def __post_init__(self) -> None:
        self.filled = [cell for cell in self.cells if not is_blank(cell)]
        self.values = Counter(self.filled)
        self.dates = sum(count for cell, count in self.values.items() if self.is_day(cell))
        self.amounts = sum(
            count
            for cell, count in self.values.items()
            if is_amount(cell) and not self.is_day(cell)
        )

    @cached_property
    def numbers(self) -> list[Decimal | None]:
        """Each cell as an amount, by the first style that fits the column; None for any other."""
        amounts = Amounts(tuple({mark: None for cell in self.values for mark in symbols_in(cell)}))
        for cell in self.values:
            if is_amount(cell):
                amounts.see(0, cell)
        style = style_of(amounts.styles()[0], amounts.symbols)
        found = {cell: value(style, cell) for cell in self.values}
        return [found.get(cell) for cell in self.cells]

    def share(self, count: int) -> float:
        return count / len(self.filled) if self.filled else 0.0

    @property
    def has_dates(self) -> bool:
        return self.share(self.dates) >= 0.6

    @property
    def has_amounts(self) -> bool:
        """Whether what is filled in are amounts, but for a few lines such as totals."""
        return self.share(self.amounts) >= 0.6

    @property
    def has_sign(self) -> bool:
        """Whether some of the amounts are below zero."""
        return any(
            text[:1] in "-(" or text[-1:] == "-" or "-" in text[:4] or "(" in text[:4]
            for text in map(same_signs, self.values)
            if is_amount(text)
        )

    @property
    def has_currencies(self) -> bool:
        return bool(self.filled) and all(
            value.strip().upper() in CURRENCIES or value.strip() in SIGNS for value in self.values
        )


@dataclass
class Table:
    """The shape of a file: how it is written, its header, and a sample of what follows.

    header: None if missing. preamble: what stands before it. is_day: what is a date in it.
    has_entries: whether only the first line of an entry has what all its lines share; then the
    records have it as well.
    """

    dialect: Dialect
    header: Record | None
    preamble: list[str]
    columns: list[Column]
    records: list[Record]
    is_day: IsDay = is_date
    has_entries: bool = False

    def is_movement(self, cells: Iterable[str]) -> bool:
        return is_movement(cells, self.is_day)

    @property
    def width(self) -> int:
        return len(self.columns)

    def named(self, *roles: str) -> list[Column]:
        """The columns of some roles, the most certain first."""
        found = [column for column in self.columns if column.role in roles]
        return sorted(found, key=lambda column: (roles.index(column.role), -column.sure))


def records_of(lines: Sequence[str], dialect: Dialect) -> list[Record]:
    """The records of some lines, whatever their quotes; blank ones are left out."""
    reader = dialect.reader(iter(lines), strict=False)
    found: list[Record] = []
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return found
        except csv.Error:
            continue
        if any(map(str.strip, cells)):
            found.append((line, [cell.strip() for cell in bare(cells, "".join(cells))]))


def sample(path: Path, encoding: str) -> list[str]:
    with open_text(path, encoding) as text:
        return list(islice((line[:MOST_CELL] for line in text), MOST_LINES))


def is_movement(cells: Iterable[str], is_day: IsDay) -> bool:
    """Whether a record has a date and an amount beside it."""
    cells = list(cells)
    dates = [is_day(cell) for cell in cells]
    return any(dates) and any(
        is_amount(cell) and not date for cell, date in zip(cells, dates, strict=True)
    )


def find_table(path: Path, encoding: str) -> Table | None:
    """The shape of a file, None where no columns with dates and amounts are found."""
    lines = sample(path, encoding)
    found = shape_of(lines, encoding, is_date) or shape_of(lines, encoding, is_short_date)
    return found or header_only(lines, encoding)


def shape_of(lines: Sequence[str], encoding: str, is_day: IsDay) -> Table | None:
    """The same for lines, by what is a date."""
    best: tuple[float, list[Record], Dialect] = 0.0, [], Dialect()
    for dialect in dialects(encoding, lines):
        records = records_of(lines, dialect)
        score = quality(records, is_day) - (0.01 if not dialect.quote else 0)
        if score > best[0]:
            best = score, records, dialect
        if best[0] and dialect.delimiter == DELIMITERS[-1] and not dialect.quote:
            break
    score, records, dialect = best
    if not records:
        return None
    return shaped(lines, records, dialect, is_day)


def dialects(encoding: str, lines: Sequence[str]) -> Iterator[Dialect]:
    """How a file may be written: the usual ways first, and the rare ones after them."""
    has_apostrophes = any(line.startswith("'") for line in lines[:MOST_PREAMBLE])
    for delimiter in DELIMITERS:
        for quote in ("'", '"', "") if has_apostrophes else ('"', ""):
            yield Dialect(encoding, delimiter, quote)
    for delimiter in DELIMITERS:
        yield Dialect(encoding, delimiter, lines=True)
    for delimiter in RARE_DELIMITERS:
        yield Dialect(encoding, delimiter)


def quality(records: Sequence[Record], is_day: IsDay) -> float:
    """How well some records look like a table of movements."""
    good = [cells for _, cells in records[:400] if len(cells) > 1 and is_movement(cells, is_day)]
    if not good:
        return 0.0
    widths = Counter(map(len, good))
    return len(good) * (0.5 + 0.5 * max(widths.values()) / len(good)) + 0.001 * max(widths)


def header_only(lines: Sequence[str], encoding: str) -> Table | None:
    """A table with only a header, or one whose dates or amounts cannot be read."""
    for delimiter in DELIMITERS:
        dialect = Dialect(encoding, delimiter)
        records = records_of(lines, dialect)
        at = header_at(records, is_date)
        if at is not None:
            return shaped(lines, records, dialect, is_date)
    return None


def header_at(records: Sequence[Record], is_day: IsDay) -> int | None:
    """Which record is the header: the first with words for a date and for money."""
    for at, (_, cells) in enumerate(records[:MOST_PREAMBLE]):
        if is_movement(cells, is_day):
            # Unknown words are a header all the same, where they have the width of the rows.
            before = records[at - 1][1] if at else []
            filled = [cell for cell in before if cell]
            if (
                len(before) == len(cells)
                and len(filled) > len(cells) // 2
                and not any(is_day(cell) or is_amount(cell) for cell in filled)
            ):
                return at - 1
            return None
        roles = {role_of(cell)[0] for cell in cells if cell}
        has_day = roles & {"day", "date", "booked", "value_date"}
        has_money = roles & {"amount", "debit", "credit"}
        if has_day and has_money and len(cells) > 2:
            return at
    return None


def first_row(rows: Sequence[Record], is_day: IsDay) -> int:
    """Where rows without a header begin: with the first that has its first date where most have."""
    places = [
        next((at for at, cell in enumerate(cells) if is_day(cell)), None)
        if is_movement(cells, is_day)
        else None
        for _, cells in rows
    ]
    usual = Counter(place for place in places if place is not None).most_common(1)
    return places.index(usual[0][0]) if usual else 0


def shaped(
    lines: Sequence[str], records: Sequence[Record], dialect: Dialect, is_day: IsDay
) -> Table:
    at = header_at(records, is_day)
    header = None if at is None else records[at]
    rows = list(records if at is None else records[at + 1 :])
    first = header[0] - 1 if header else 0
    if header is None:
        start = first_row(rows, is_day)
        first = rows[start][0] - 1 if rows else 0
        rows = rows[start:]
    widths = Counter(len(cells) for _, cells in rows if is_movement(cells, is_day))
    usual = widths.most_common(1)[0][0] if widths else 0
    width = min(max(len(header[1]) if header else 0, usual), MOST_COLUMNS)
    while header and width > usual and not any(header[1][width - 1 :]):
        width -= 1
    names = [*(header[1] if header else []), *[""] * width][:width]
    dialect = replace(dialect, skip=first)
    preamble = [line for line in lines[:first] if line.strip()]
    columns = columns_of(names, rows, is_day)
    whole = entries(columns, rows, is_day)
    if whole is None:
        return Table(dialect, header, preamble, columns, rows, is_day)
    columns = columns_of(names, whole, is_day)
    return Table(dialect, header, preamble, columns, whole, is_day, has_entries=True)


def columns_of(names: Sequence[str], rows: Sequence[Record], is_day: IsDay) -> list[Column]:
    moving = [cells for _, cells in rows if is_movement(cells, is_day)] or [
        cells for _, cells in rows
    ]
    columns = []
    for place, name in enumerate(names):
        role, sure = role_of(name) if name else ("", 0)
        cells = [row[place] if place < len(row) else "" for row in moving]
        columns.append(Column(place, name, role, sure, cells, is_day))
    return columns


def entries(
    columns: Sequence[Column], rows: Sequence[Record], is_day: IsDay
) -> list[Record] | None:
    """The rows of a journal whose entries have their day and number on the first line only.

    Each line has the cells of that one for its empty ones; None where this is no such journal.
    """
    days = [column.place for column in columns if column.has_dates]
    accounts = [column.place for column in columns if column.role == "account"]
    ids = [column.place for column in columns if column.role == "id" and column.filled]
    if not days or not accounts or not ids:
        return None
    shared = [*days, *ids, *(c.place for c in columns if c.role in ("text", "who", "currency"))]
    found: list[Record] = []
    before: list[str] = []
    count = 0
    for line, cells in rows:
        if is_movement(cells, is_day):
            before = cells
        elif before and goes_on(cells, [*days, *ids], accounts):
            cells = filled(cells, before, shared)
            count += 1
        found.append((line, cells))
    return found if count >= sum(is_movement(cells, is_day) for _, cells in rows) else None


def goes_on(cells: Sequence[str], blank: Iterable[int], accounts: Iterable[int]) -> bool:
    """Whether a line is a further one of an entry: it has an account and an amount, and no day."""
    has_account = any(place < len(cells) and cells[place] for place in accounts)
    is_bare = not any(place < len(cells) and cells[place] for place in blank)
    return has_account and is_bare and any(map(is_amount, cells))


def filled(cells: Sequence[str], before: Sequence[str], places: Iterable[int]) -> list[str]:
    """The cells, with those of the line before for the empty ones at some places."""
    found = list(cells)
    for place in places:
        if place < min(len(found), len(before)) and not found[place].strip():
            found[place] = before[place]
    return found
