"""Whatever the dialect, a mapping of it reads back exactly the rows that were written in it."""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from budget.imports import BadFile, BadMapping, Hints, mapped, read_export
from budget.imports.mapping import Mapping, Section
from budget.imports.values import AmountStyle, parse_date
from budget.tests.mappings import mapping_of
from lib.text import tidy

# Read as other days by none of the others.
FORMATS = ("%Y-%m-%d", "%d/%m/%Y", "%d/%m/%Y %H:%M:%S", "%d.%m.%y", "%Y%m%d", "%B %d, %Y")
SIGNS: dict[str, Callable[[str], str]] = {
    "before": "-{}".format,
    "after": "{}-".format,
    "brackets": "({})".format,
}
LETTERS = "abÄé€ßB1 .,;|\t'\"#=-\n"


@dataclass(frozen=True)
class Row:
    """What a row means; the time only for a day, and its id of the file's dialect."""

    day: date
    amount: Decimal
    type: str
    category: str
    description: str


@dataclass(frozen=True)
class Dialect:
    """How a file is written. source: where the type stands. order: which column comes when."""

    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    newline: str = "\n"
    preamble: int = 0
    header: bool = True
    numbers: bool = False
    formats: tuple[str, ...] = FORMATS[:1]
    short_days: bool = False
    decimal: str = "."
    thousands: str = ""
    symbol: str = ""
    minor_units: bool = False
    sign: str = "before"
    source: str = "sign"
    ids: bool = False
    order: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)

    # Columns, in the order that `order` turns round.
    NAMES = ("Day", "Sum", "Out", "Kind", "Class", "Text", "Number")

    def mapping(self) -> str:
        """The mapping that describes it."""
        columns = {"date": "Day", "category": "Class", "description": "Text"}
        if self.ids:
            columns["external_id"] = "Number"
        amount: dict[str, object] = {
            "decimal": self.decimal,
            "thousands": self.thousands,
            "symbols": [self.symbol] if self.symbol else [],
            "minor_units": self.minor_units,
        }
        tables: dict[str, dict[str, object]] = {}
        if self.source == "sides":
            columns |= {"debit": "Out", "credit": "Sum"}
        else:
            columns["amount"] = "Sum"
        if self.source == "sign":
            amount |= {"positive": "income", "negative": "expense"}
        elif self.source == "column":
            columns["type"] = "Kind"
            kinds = ("expense", "income", "refund", "transfer")
            tables["type"] = {kind.upper(): kind for kind in kinds}
        elif self.source == "constant":
            tables["constant"] = {"type": "expense"}
        by_number = self.numbers or not self.header
        tables["columns"] = {
            key: self.order.index(self.NAMES.index(name)) + 1 if by_number else name
            for key, name in columns.items()
        }
        tables["file"] = {
            "encoding": self.encoding,
            "delimiter": self.delimiter,
            "quote": self.quote,
            "skip_lines": self.preamble,
            "header": self.header,
        }
        tables["date"] = {"formats": list(self.formats)}
        tables["amount"] = amount
        lines = ['name = "made"']
        for name, values in tables.items():
            lines.append(f"[{name}]")
            lines += [f"{json.dumps(key)} = {json.dumps(value)}" for key, value in values.items()]
        return "\n".join(lines)

    def file(self, rows: list[Row]) -> bytes:
        """The rows as this dialect writes them."""
        records: list[tuple[str, ...]] = [self.NAMES] if self.header else []
        records += [self.cells(number, row) for number, row in enumerate(rows)]
        text = io.StringIO()
        writer = csv.writer(
            text,
            delimiter=self.delimiter,
            quotechar=self.quote or None,
            quoting=self.quoting(),
            lineterminator=self.newline,
        )
        writer.writerows([[cells[at] for at in self.order] for cells in records])
        before = "".join(f'Of "7 {self.newline}' for _ in range(self.preamble))
        return (before + text.getvalue()).encode(self.encoding)

    def quoting(self) -> Literal[0, 1, 3]:
        """Where lines end otherwise, the writer by itself puts no quotes around a line feed."""
        if not self.quote:
            return csv.QUOTE_NONE
        return csv.QUOTE_ALL if self.newline == "\r" else csv.QUOTE_MINIMAL

    def cells(self, number: int, row: Row) -> tuple[str, ...]:
        amount = self.digits(row.amount)
        if self.source == "sides":
            sides = ("", amount) if row.type == "expense" else (amount, "")
        else:
            minus = self.source == "sign" and row.type == "expense"
            sides = (SIGNS[self.sign](amount) if minus else amount, "")
        form = self.formats[number % len(self.formats)]
        day = datetime.combine(row.day, time(23, 59, 59)).strftime(form)
        if self.short_days and "/" in form:
            day = re.sub(r"\b0([1-9]/)", r"\1", day)
        text, category = row.description, row.category
        if not self.quote:
            unsafe = str.maketrans(dict.fromkeys((self.delimiter, "\n", '"', "'"), " "))
            text, category = text.translate(unsafe), category.translate(unsafe)
        return (day, *sides, row.type.upper(), category, text, f"N{number}")

    def digits(self, amount: Decimal) -> str:
        if self.minor_units:
            return str(int(amount * 100))
        whole, cents = f"{amount:,.2f}".split(".")
        return f"{self.symbol}{whole.replace(',', self.thousands)}{self.decimal}{cents}"

    def meant(self, row: Row) -> Row:
        """What can be read of a row: text without quotes loses what would part cells."""
        text, category = self.cells(0, row)[5], self.cells(0, row)[4]
        return Row(row.day, row.amount, row.type, tidy(category), tidy(text))


def reads_back(dialect: Dialect, rows: list[Row]) -> bool:
    """Whether the rows come out as they went in, in their order, with the ids of the file."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "made.csv")
        file.write_bytes(dialect.file(rows))
        export = read_export(file, Hints(mapping=mapping_of(Path(folder), dialect.mapping())))
    found = sorted(export.rows, key=lambda item: item[1].line)
    if dialect.ids and [number for number, _ in found] != [
        f"made:N{number}" for number in range(len(rows))
    ]:
        return False
    read = [Row(row.date, row.amount, row.type, row.category, row.description) for _, row in found]
    return not export.left_out and read == [dialect.meant(row) for row in rows]


@st.composite
def dialects(draw: st.DrawFn) -> Dialect:
    """Any dialect that can tell its cells apart."""
    quote = draw(st.sampled_from(['"', '"', "'", ""]))
    decimal = draw(st.sampled_from([".", ","]))
    thousands = draw(st.sampled_from(["", ",", ".", " ", "'"]).filter(lambda mark: mark != decimal))
    header = draw(st.booleans())
    return Dialect(
        encoding=draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252", "cp1250"])),
        # Without quotes, nothing may stand in a date or an amount that parts cells.
        delimiter=draw(st.sampled_from([",", ";", "\t", "|"] if quote else [";", "\t", "|"])),
        quote=quote,
        newline=draw(st.sampled_from(["\n", "\r\n", "\r"])),
        preamble=draw(st.integers(0, 3)),
        header=header,
        numbers=draw(st.booleans()),
        formats=tuple(draw(st.lists(st.sampled_from(FORMATS), min_size=1, unique=True))),
        short_days=draw(st.booleans()),
        decimal=decimal,
        # A mark that quotes cannot part thousands as well where nothing else quotes it.
        thousands=thousands if quote else thousands.replace("'", ""),
        symbol=draw(st.sampled_from(["", "€", "EUR"])),
        minor_units=draw(st.booleans()),
        sign=draw(st.sampled_from(sorted(SIGNS))),
        source=draw(st.sampled_from(["sign", "sides", "column", "constant"])),
        ids=draw(st.booleans()),
        order=tuple(draw(st.permutations(range(7)))),
    )


TYPES = {
    "sign": ["expense", "income"],
    "sides": ["expense", "income"],
    "column": ["expense", "income", "refund", "transfer"],
    "constant": ["expense"],
}


@st.composite
def files(draw: st.DrawFn) -> tuple[Dialect, list[Row]]:
    """A dialect, and rows that it can write."""
    dialect = draw(dialects())
    row = st.builds(
        Row,
        day=st.dates(date(1969, 1, 1), date(2068, 12, 31)),
        amount=st.decimals("0.01", "999999999999.99", places=2),
        type=st.sampled_from(TYPES[dialect.source]),
        category=st.sampled_from(["Food", "Rent; more", "Café, bar", 'The "rest"', "a\nb"]),
        description=st.text(LETTERS, max_size=12),
    )
    return dialect, draw(st.lists(row, min_size=1, max_size=6))


SAMPLE = [
    Row(date(2024, 3, 4), Decimal("1234.50"), "expense", "Food", "Shop"),
    Row(date(2024, 5, 6), Decimal("0.07"), "income", "Pay", "Work"),
]
GERMAN = Dialect(
    "cp1252", ";", formats=("%d/%m/%Y",), decimal=",", thousands=".", symbol="€", sign="after"
)


@given(files())
@example((GERMAN, SAMPLE))
def test_what_was_written_is_read_back(made: tuple[Dialect, list[Row]]) -> None:
    assert reads_back(*made)


def swapped(text: str, formats: tuple[str, ...], *more: object) -> date:
    day = parse_date(text, formats)
    return day.replace(month=day.day, day=day.month)


def unsigned(style: AmountStyle, text: str) -> Decimal:
    return abs(Decimal(re.sub(r"[^0-9]", "", text)) / 100)


@pytest.mark.parametrize(
    ("place", "name", "broken"),
    [
        (mapped, "parse_date", swapped),
        (AmountStyle, "parse", unsigned),
        (mapped.Line, "read_description", lambda line: ("", False)),
        (mapped.Line, "read_category", lambda line, rules: "Food"),
    ],
)
def test_a_reader_that_errs_is_caught(
    place: object, name: str, broken: Callable[..., object]
) -> None:
    assert reads_back(GERMAN, SAMPLE)
    with patch.object(place, name, broken):
        assert not reads_back(GERMAN, SAMPLE)


values = st.one_of(
    st.booleans(),
    st.integers(-1, 9),
    st.text("ab%dmY/\\\"'é\t;:, ", max_size=8),
    st.sampled_from(["expense", "utf-7", "idna", "undefined", "utf-16", "Day", "%d%m%Y", ""]),
)
sections = {
    name: list(info.annotation.model_fields)
    for name, info in Mapping.model_fields.items()
    if isinstance(info.annotation, type) and issubclass(info.annotation, Section)
}


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """The mapping of a dialect with some keys set to something."""
    found = tomllib.loads(draw(dialects()).mapping())
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from(sorted(sections)))
        key = draw(st.sampled_from(sections[name]))
        found.setdefault(name, {})[key] = draw(values | st.lists(values, max_size=2))
    name = found.pop("name")
    lines = [f"name = {json.dumps(name)}"]
    for table, entries in found.items():
        lines.append(f"[{table}]")
        lines += [f"{json.dumps(key)} = {json.dumps(value)}" for key, value in entries.items()]
    return "\n".join(lines)


@given(mutated(), st.binary(max_size=60) | st.text(LETTERS + "Day\0\r", max_size=60))
@example(GERMAN.mapping().replace("cp1252", "idna"), "Day;Sum;Class;Text\n1;ü;x;y\n")
@example(GERMAN.mapping().replace("cp1252", "utf-16"), b"D")
def test_whatever_is_given_is_read_or_refused_in_words(text: str, content: str | bytes) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder, "made.csv")
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        said = ["read"]
        try:
            read_export(file, Hints(mapping=mapping_of(Path(folder), text)))
        except BadMapping as error:
            said = error.problems
        except BadFile as error:
            said = [bad.reason for bad in error.bad]
    assert said
    assert all(said)
