"""A CSV file read as a mapping says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import TypeVar

from budget.imports.csv_table import Dialect, Record, misfit, open_text, read_header, read_records
from budget.imports.mapping import Mapping, RuleSection, Slug
from budget.imports.rows import BadFile, BadLine, LeftOut, ParsedRow
from budget.imports.values import parse_category, parse_date, parse_description, shown
from budget.models.text import fold
from budget.models.transaction import EXTERNAL_ID_LENGTH

Column = str | int

T = TypeVar("T")


@dataclass(frozen=True)
class MappedReader:
    """The reader that a mapping makes."""

    mapping: Mapping

    @property
    def NAME(self) -> str:
        return self.mapping.name

    @property
    def TITLE(self) -> str:
        return self.mapping.title

    def read(self, path: Path) -> Iterator[ParsedRow | BadLine | LeftOut]:
        """What each line says, in the order of the file. Raises BadFile for its header."""
        file = self.mapping.file
        dialect = Dialect(file.encoding, file.delimiter, file.quote, file.skip_lines)
        with open_text(path, file.encoding) as text:
            records = read_records(text, dialect)
            first = read_header(records)
            table = Table(self.mapping, first)
            yield from table.rows(records if file.header else chain([first], records))


class Table:
    """The records of one file under the first of them, which may be the header."""

    def __init__(self, mapping: Mapping, first: Record) -> None:
        """Find every column. Raises BadFile where one cannot be found."""
        self.mapping = mapping
        line, cells = first
        self.width = len(cells)
        self.header = list(map(fold, cells)) if mapping.file.header else []
        self.style = mapping.amount.style
        self.formats = tuple(mapping.date.formats)
        self.places: dict[Column, int] = {}
        problems = []
        for key, column in mapping.columns_named():
            try:
                self.places[column] = self.find(column)
            except ValueError as error:
                problems.append(f"{error} ({key} of the mapping)")
        if problems:
            if self.header:
                problems.append(f"the header has {', '.join(map(shown, map(str.strip, cells)))}")
            raise BadFile([BadLine(line, "; ".join(problems))])

    def find(self, column: Column) -> int:
        """Where a column stands, from 0. Raises ValueError."""
        if isinstance(column, int):
            if column > self.width:
                raise ValueError(f"no column {column}, there are {self.width}")
            return column - 1
        found = self.header.count(fold(column))
        if not found:
            raise ValueError(f"no column {shown(column)}")
        if found > 1:
            raise ValueError(f"column {shown(column)} is there {found} times, so give its number")
        return self.header.index(fold(column))

    def rows(self, records: Iterator[Record | BadLine]) -> Iterator[ParsedRow | BadLine | LeftOut]:
        """What each record says."""
        lines: dict[str, int] = {}
        for record in records:
            row = record if isinstance(record, BadLine) else Line(self, *record).read()
            if isinstance(row, ParsedRow) and row.external_id is not None:
                before = lines.setdefault(row.external_id, row.line)
                if before != row.line:
                    said = f"id {shown(row.external_id)} stands on line {before} already"
                    row = BadLine(row.line, said)
            yield row


class Line:
    """One record, and all that is wrong with it."""

    def __init__(self, table: Table, line: int, cells: list[str]) -> None:
        self.table = table
        self.mapping = table.mapping
        self.line = line
        self.cells = list(map(str.strip, cells))
        self.problems: list[str] = []

    def cell(self, column: Column) -> str:
        """A cell without blanks around it; "" where the record ends before it."""
        at = self.table.places[column]
        return self.cells[at] if at < len(self.cells) else ""

    def attempt(self, read: Callable[[], T]) -> T | None:
        """What can be read, or None and the problem noted."""
        try:
            return read()
        except ValueError as error:
            self.problems.append(str(error))
            return None

    def read(self) -> ParsedRow | BadLine | LeftOut:
        rules = []
        for number, rule in enumerate(self.mapping.rule, 1):
            if rule.matches(self.cell(rule.column)):
                if rule.skip:
                    return LeftOut(self.line, f"by rule {number} of the mapping")
                rules.append(rule)
        first = "header" if self.mapping.file.header else "first line"
        if said := misfit(self.cells, self.table.width, first):
            return BadLine(self.line, said)
        self.check_expected()
        columns = self.mapping.columns
        day = self.attempt(lambda: parse_date(self.cell(columns.date), self.table.formats))
        money = self.attempt(self.read_money)
        slug = self.attempt(lambda: self.read_type(rules, money))
        category = self.attempt(lambda: self.read_category(rules))
        description = self.attempt(self.read_description)
        external_id = self.attempt(self.read_id)
        if self.problems or day is None or money is None or slug is None:
            return BadLine(self.line, "; ".join(self.problems))
        side, amount = money
        if not amount:
            return LeftOut(self.line, "an amount of 0.00 moves no money")
        told = [*columns.description, *columns.identity]
        if columns.type is not None:
            told.append(columns.type)
        return ParsedRow(
            line=self.line,
            date=day,
            description=description or "",
            amount=abs(amount),
            type=slug,
            category=category or "",
            identity="\n".join((str(day), side, str(amount), *map(fold, map(self.cell, told)))),
            external_id=external_id,
        )

    def check_expected(self) -> None:
        """Note each cell that is not what every row must say."""
        for number, expected in enumerate(self.mapping.expect, 1):
            cell = self.cell(expected.column)
            if fold(cell) not in expected.equals:
                self.problems.append(
                    f"column {shown(str(expected.column))} is {shown(cell)}, "
                    f"which expect {number} of the mapping does not allow"
                )

    def read_money(self) -> tuple[str, Decimal]:
        """The side, debit or credit, "" where there is one column for both, and the amount."""
        columns = self.mapping.columns
        if columns.amount is not None:
            return "", self.read_amount(columns.amount)
        sides = {"debit": columns.debit, "credit": columns.credit}
        found = [
            (side, self.read_amount(column))
            for side, column in sides.items()
            if column is not None and self.cell(column)
        ]
        if not found:
            raise ValueError("no amount, neither debit nor credit")
        moved = [each for each in found if each[1]]
        if len(moved) > 1:
            raise ValueError("an amount as debit and one as credit")
        return (moved or found)[0]

    def read_amount(self, column: Column) -> Decimal:
        text = self.cell(column)
        amount = self.table.style.parse(text)
        if amount < 0 and not (self.mapping.amount.by_sign or self.mapping.amount.ignore_sign):
            raise ValueError(
                f"amount {shown(text)} is negative, and the mapping does not say what that means "
                "(amount.ignore_sign)"
            )
        return amount

    def read_type(
        self, rules: Sequence[RuleSection], money: tuple[str, Decimal] | None
    ) -> Slug | None:
        """The type by the first rule that gives one, else by the mapping's source of types.

        None where it hangs on an amount that cannot be read.
        """
        columns, how = self.mapping.columns, self.mapping.amount
        for rule in rules:
            if rule.type is not None:
                return rule.type
        if columns.type is not None:
            text = self.cell(columns.type)
            slug = self.mapping.type.get(fold(text))
            if slug is None:
                raise ValueError(f"type {shown(text)} is none of the mapping's (table type)")
            return slug
        if self.mapping.constant.type is not None or money is None:
            return self.mapping.constant.type
        side, amount = money
        if side:
            return how.debit if side == "debit" else how.credit
        return how.negative if amount < 0 else how.positive

    def read_category(self, rules: Sequence[RuleSection]) -> str:
        """The category by the first rule that gives one, else what its columns say."""
        for rule in rules:
            if rule.category is not None:
                return rule.category
        if not self.mapping.columns.category:
            return parse_category(self.mapping.constant.category)
        text = self.joined(self.mapping.columns.category, self.mapping.category.join)
        return self.mapping.category.rename.get(fold(text)) or parse_category(text)

    def read_description(self) -> str:
        if not self.mapping.columns.description:
            return self.mapping.constant.description
        return parse_description(
            self.joined(self.mapping.columns.description, self.mapping.description.join)
        )

    def read_id(self) -> str | None:
        """The source's own id of the row, which a row must have where there is such a column."""
        column = self.mapping.columns.external_id
        if column is None:
            return None
        text = self.cell(column)
        longest = EXTERNAL_ID_LENGTH - len(self.mapping.name) - 1
        if not text:
            raise ValueError(f"no id in column {shown(str(column))}")
        if len(text) > longest:
            raise ValueError(f"an id of {len(text)} characters, at most {longest} fit")
        return text

    def joined(self, columns: Sequence[Column], between: str) -> str:
        """The cells that are not blank, one after the other."""
        return between.join(filter(None, map(self.cell, columns)))
