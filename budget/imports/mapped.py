"""A CSV file read as a mapping says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from budget.imports.csv_table import (
    Dialect,
    Record,
    find_header,
    first_lines,
    misfit,
    open_text,
    other_delimiter,
    read_header,
    read_records,
)
from budget.imports.detect.table import filled, is_amount
from budget.imports.detect.words import (
    PENDING_WORDS,
    SIGNS,
    TOTAL_WORDS,
    is_balance,
    plain,
    starts_with_word,
)
from budget.imports.formats.statement import PENDING as PENDING_ROW
from budget.imports.mapping import MOST_SKIPPED, Mapping, RuleSection, Slug
from budget.imports.pairing import PENDING
from budget.imports.rows import NO_MONEY, BadFile, BadLine, Item, LeftOut, Note, ParsedRow
from budget.imports.values import (
    cut_description,
    is_blank,
    listed,
    parse_category,
    parse_date,
    shown,
)
from budget.models.deleted_id import EXTERNAL_ID_LENGTH
from lib.text import fold

Column = str | int

T = TypeVar("T")

# Headers of a column that is seldom meant to be left out.
FEES = frozenset({"fee", "fees", "commission"})
# Which way money goes by a type; a transfer goes both ways.
SIDE_OF: dict[Slug, str] = {"expense": "debit", "income": "credit", "refund": "credit"}


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

    def read(self, path: Path, zone: ZoneInfo) -> Iterator[Item]:
        """What each line says, in the order of the file. Raises BadFile for its header."""
        file = self.mapping.file
        lenient, lines = file.quotes == "any", file.quotes == "lines"
        dialect = Dialect(
            file.encoding, file.delimiter, file.quote, file.skip_lines, lenient, lines
        )
        if file.header:
            dialect = self.with_header_found(path, dialect)
        with open_text(path, file.encoding) as text:
            records = read_records(text, dialect)
            first = read_header(records)
            table = Table(self.mapping, first, zone)
            if self.mapping.journal:
                table.inner = self.inner_entries(path, dialect, table)
            yield from table.rows(records if file.header else chain([first], records))

    def inner_entries(self, path: Path, dialect: Dialect, table: Table) -> frozenset[str]:
        """The entries of a journal that touch no accounts but the user's own."""
        is_inner: dict[str, bool] = {}
        with open_text(path, dialect.encoding) as text:
            for record in table.complete(read_records(text, dialect)):
                if not isinstance(record, BadLine):
                    entry, is_own = Line(table, *record).entry()
                    is_inner[entry] = is_inner.get(entry, True) and is_own
        return frozenset(entry for entry, inner in is_inner.items() if inner)

    def with_header_found(self, path: Path, dialect: Dialect) -> Dialect:
        """The dialect that skips as many lines as stand before the header.

        Raises BadFile where other marks part the columns than the mapping says.
        """
        names = self.mapping.header_names
        lines = first_lines(path, dialect.encoding, dialect.skip + MOST_SKIPPED)
        found = find_header(lines, dialect, names) if names else dialect.skip
        if found is not None:
            return replace(dialect, skip=found)
        for number, line in enumerate(lines[dialect.skip :], dialect.skip + 1):
            if line.strip():
                if mark := other_delimiter(line, dialect.delimiter):
                    said = (
                        f"the columns are parted by {mark!r}, and file.delimiter of the mapping is "
                        f"{dialect.delimiter!r}"
                    )
                    raise BadFile([BadLine(number, said)])
                break
        return dialect


class Table:
    """The records of one file under the first of them, which may be the header.

    zone: whose day a time with an offset is stored under.
    """

    def __init__(self, mapping: Mapping, first: Record, zone: ZoneInfo) -> None:
        """Find every column. Raises BadFile where one cannot be found."""
        self.mapping = mapping
        self.zone = zone if any("%z" in form for form in mapping.date.formats) else None
        line, cells = first
        self.header = list(map(fold, cells)) if mapping.file.header else []
        self.columns = len(cells)
        # A header may end in blank cells that no row has, and a row in cells that no header names.
        named = max((at for at, name in enumerate(self.header, 1) if name), default=self.columns)
        self.least = named
        self.width = max(named, min(mapping.highest_number, self.columns))
        self.leaves_out = mapping.file.other_lines == "leave_out"
        self.next_line = mapping.file.next_line
        if self.leaves_out:
            self.width = max(self.width, self.columns)
        self.width = max(self.width, mapping.file.columns)
        self.style = mapping.amount.style
        self.formats = tuple(mapping.date.formats)
        self.places: dict[Column, int] = {}
        self.signs: dict[tuple[str, str], dict[str, int]] = {}
        self.fee_line = 0
        self.balances = Balances()
        self.inner: frozenset[str] = frozenset()
        problems = []
        for key, column in mapping.columns_named():
            try:
                self.places[column] = self.find(column)
            except ValueError as error:
                problems.append(f"{error} ({key} of the mapping)")
        used = set(self.places.values())
        self.fees = [at for at, name in enumerate(self.header) if name in FEES and at not in used]
        if problems:
            if self.header:
                problems.append(f"the header has {listed([cell.strip() for cell in cells])}")
            raise BadFile([BadLine(line, "; ".join(problems))])

    def find(self, column: Column) -> int:
        """Where a column stands, from 0. Raises ValueError."""
        if isinstance(column, int):
            if column > self.columns:
                raise ValueError(f"no column {column}, there are {self.columns}")
            return column - 1
        found = self.header.count(fold(column))
        if not found:
            raise ValueError(f"no column {shown(column)}")
        if found > 1:
            raise ValueError(f"column {shown(column)} is there {found} times, so give its number")
        return self.header.index(fold(column))

    def rows(self, records: Iterator[Record | BadLine]) -> Iterator[Item]:
        """What each record says."""
        known: dict[tuple[str, str], ParsedRow] = {}
        for record in self.complete(records):
            if isinstance(record, BadLine):
                yield record
                continue
            for row in Line(self, *record).read():
                yield self.unrepeated(row, known) if isinstance(row, ParsedRow) else row
        yield from self.notes()

    def complete(self, records: Iterator[Record | BadLine]) -> Iterator[Record | BadLine]:
        """The records, each with what the lines around it say of it."""
        if self.next_line == "description":
            return self.whole(records)
        return self.with_entries(records) if self.next_line == "entry" else records

    def with_entries(self, records: Iterator[Record | BadLine]) -> Iterator[Record | BadLine]:
        """The records; one without a day has what the entry before says of all its lines."""
        columns, journal = self.mapping.columns, self.mapping.journal
        names = [columns.date, *columns.description, columns.currency, columns.external_id]
        names += [journal.entry] if journal else []
        places = [self.places[name] for name in names if name is not None]
        before: list[str] = []
        for record in records:
            if not isinstance(record, BadLine):
                line, cells = record
                at = self.places[columns.date]
                if at < len(cells) and cells[at].strip():
                    before = cells
                elif before:
                    record = line, filled(cells, before, places)
            yield record

    def whole(self, records: Iterator[Record | BadLine]) -> Iterator[Record | BadLine]:
        """The records, each with the lines that go on with its description."""
        before: Record | None = None
        for record in records:
            if isinstance(record, BadLine):
                if before:
                    yield before
                before = None
                yield record
            elif before and (more := self.more_text(record[1])):
                line, cells = before
                at = self.places[self.mapping.columns.description[-1]]
                cells += [""] * (at + 1 - len(cells))
                cells[at] = f"{cells[at]} {more}".strip()
                before = line, cells
            else:
                if before:
                    yield before
                before = record
        if before:
            yield before

    def more_text(self, cells: list[str]) -> str:
        """What a line adds to the description of the line before; "" for any other line."""
        told = {self.places[column] for column in self.mapping.columns.description}
        filled = {at: text for at, cell in enumerate(cells) if (text := cell.strip())}
        text = " ".join(filled.values()) if len(cells) > 1 and filled.keys() <= told else ""
        return "" if starts_with_word(plain(text), TOTAL_WORDS) else text

    def note(self, source: str, line: int, slug: str, money: Money) -> None:
        """Take down which types a rule, or a value of columns.type, gives to which sign."""
        if slug in SIDE_OF:
            self.signs.setdefault((source, slug), {}).setdefault(money.sign, line)

    def notes(self) -> Iterator[Note]:
        """Where one type goes to money both in and out, and where balances do not follow."""
        yield from self.balances.notes()
        for (source, slug), lines in self.signs.items():
            if len(lines) > 1:
                yield Note(
                    f"{source} makes {slug} of amounts of both signs, such as on lines "
                    f"{' and '.join(map(str, sorted(lines.values())))}; a rule with sign parts them"
                )
        if self.fee_line:
            yield Note(
                f"a column of fees has amounts, first on line {self.fee_line}, and the mapping "
                "does not name it; where the amounts are without them, columns.fee stores them"
            )

    def unrepeated(
        self, row: ParsedRow, known: dict[tuple[str, str], ParsedRow]
    ) -> ParsedRow | BadLine:
        """The row, or what is wrong where it seems to be a payment that an earlier line has.

        One id may stand for several rows, such as a purchase and its fee; for one text it may not.
        """
        if row.external_id is None or self.leaves_out:
            return row
        before = known.setdefault((row.external_id, fold(row.description)), row)
        if before is row or abs(before.date - row.date) > PENDING:
            return row
        said = f"id {shown(row.external_id)} stands on line {before.line} already"
        return BadLine(row.line, f"{said}, with the same text")


class Balances:
    """A column of running balances, compared with the amounts of a file, from either end."""

    def __init__(self) -> None:
        self.before: tuple[Decimal, Decimal] | None = None
        self.steps = 0
        # By direction: how many lines agree, and the first that does not.
        self.right = {"down": 0, "up": 0}
        self.wrong: dict[str, int] = {}

    def see(self, line: int, moved: Decimal, balance: Decimal) -> None:
        if self.before is not None:
            moved_before, balance_before = self.before
            self.steps += 1
            for way, step in (
                ("down", balance - balance_before == moved),
                ("up", balance_before - balance == moved_before),
            ):
                if step:
                    self.right[way] += 1
                else:
                    self.wrong.setdefault(way, line)
        self.before = moved, balance

    def notes(self) -> Iterator[Note]:
        """What to say where the balances follow the amounts on most lines, and not on all."""
        way = max(self.right, key=lambda way: self.right[way])
        if self.wrong.get(way) and self.right[way] >= 0.8 * self.steps:
            yield Note(
                f"the balances follow the amounts on {self.right[way]} of {self.steps} lines, and "
                f"not on line {self.wrong[way]}; a line may be missing there"
            )


@dataclass(frozen=True)
class Money:
    """An amount as it stands. side: debit or credit where a column or a word says so, else "".

    column: whether a column says the side.
    """

    amount: Decimal
    side: str = ""
    column: bool = False

    @property
    def sign(self) -> str:
        """positive or negative; a debit is negative."""
        return "negative" if self.amount < 0 or self.side == "debit" else "positive"


class Line:
    """One record, and all that is wrong with it."""

    def __init__(self, table: Table, line: int, cells: list[str]) -> None:
        self.table = table
        self.mapping = table.mapping
        self.line = line
        self.cells = list(map(str.strip, cells))
        self.problems: list[str] = []
        self.money: Money | None = None

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

    def read(self) -> Iterator[ParsedRow | BadLine | LeftOut]:
        """The row, and its fee if it has one; or why it is left out."""
        rules = []
        for number, rule in enumerate(self.mapping.rule, 1):
            if self.is_met(rule):
                if rule.skip:
                    yield LeftOut(self.line, f"by rule {number} of the mapping")
                    return
                rules.append(rule)
        if self.table.leaves_out and (reason := self.no_movement()):
            yield LeftOut(self.line, reason)
            return
        if self.mapping.journal and not self.entry()[1]:
            yield LeftOut(self.line, "the other side of an entry")
            return
        first = "header" if self.mapping.file.header else "first line"
        least = 1 if self.table.leaves_out else self.table.least
        if said := misfit(self.cells, self.table.width, first, least):
            yield BadLine(self.line, said)
            return
        if self.moves_nothing():
            yield LeftOut(self.line, NO_MONEY)
            return
        row = self.read_row(rules)
        fee = self.attempt(self.read_fee)
        if row is None or self.problems:
            yield BadLine(self.line, "; ".join(self.problems))
            return
        if not self.table.fee_line and any(map(self.has_money, self.table.fees)):
            self.table.fee_line = self.line
        self.note_balance(fee or Decimal())
        if row.amount:
            yield row
        else:
            yield LeftOut(self.line, NO_MONEY)
        if fee:
            yield self.fee_of(row, fee)

    def entry(self) -> tuple[str, bool]:
        """The entry of a journal that the line is of, and whether its account is the user's own."""
        journal = self.mapping.journal
        if journal is None:
            return "", True
        return fold(self.cell(journal.entry)), fold(self.cell(journal.account)) in journal.own

    def no_movement(self) -> str:
        """Why a line moves no money, such as a total or a footer; "" if it does."""
        day = self.cell(self.mapping.columns.date)
        if plain(day) in PENDING_WORDS:
            return PENDING_ROW
        columns = self.mapping.columns
        told = [column for column in (columns.amount, columns.debit, columns.credit) if column]
        money = [cell for cell in map(self.cell, told) if not is_blank(cell)]
        if not money:
            return "it has no amount"
        if day and self.is_read(lambda: self.read_day(None)):
            texts = map(self.cell, columns.description)
            return "a total or a balance" if any(map(is_balance, texts)) else ""
        if not any(map(is_amount, money)):
            return "it has neither a date nor an amount"
        first = next((plain(cell) for cell in self.cells if cell), "")
        return "a total or a balance" if starts_with_word(first, TOTAL_WORDS) else ""

    def is_read(self, read: Callable[[], object]) -> bool:
        try:
            read()
        except ValueError:
            return False
        return True

    def note_balance(self, fee: Decimal) -> None:
        """Hold the balance of the line, where it has one, against what moved."""
        column = self.mapping.columns.balance
        if column is None or is_blank(self.cell(column)):
            return
        try:
            money = self.read_money()
            balance = self.table.style.parse(self.table.style.parted(self.cell(column))[1])
        except ValueError:
            return
        moved = money.amount
        if money.side or self.mapping.columns.type is not None:
            out = money.side == "debit" or self.usual_type(money) == "expense"
            moved = -abs(moved) if out else abs(moved)
        elif self.mapping.amount.positive == "expense":
            moved = -moved
        if self.mapping.fee.negative == "expense":
            fee = abs(fee)
        self.table.balances.see(self.line, moved - fee, balance)

    def has_money(self, at: int) -> bool:
        """Whether a cell holds an amount other than 0."""
        text = self.cells[at] if at < len(self.cells) else ""
        try:
            return not is_blank(text) and bool(self.table.style.parse(text))
        except ValueError:
            return False

    def moves_nothing(self) -> bool:
        """Whether neither amount nor fee is anything but 0; then nothing else need be right."""
        try:
            return not self.read_money().amount and not self.read_fee()
        except ValueError:
            return False

    def is_met(self, rule: RuleSection) -> bool:
        """Whether the rule is for this row; one for a sign is not where no amount can be read."""
        if not all(cell.matches(self.cell(cell.column)) for cell in (rule, *rule.also)):
            return False
        if rule.sign is None:
            return True
        try:
            return self.read_money().sign == rule.sign
        except ValueError:
            return False

    def read_row(self, rules: Sequence[RuleSection]) -> ParsedRow | None:
        """The row, or None and all problems noted."""
        columns = self.mapping.columns
        self.check_expected()
        written = self.attempt(lambda: self.read_day(None))
        day = self.attempt(lambda: self.read_day(self.table.zone)) if written else None
        money = self.attempt(self.read_money)
        slug = self.attempt(lambda: self.read_type(rules, money))
        category = self.attempt(lambda: self.read_category(rules))
        external_id = self.attempt(self.read_id)
        if day is None or written is None or money is None or slug is None or category is None:
            return None
        description, cut = self.read_description()
        told = [*columns.description, *columns.identity]
        if columns.type is not None:
            told.append(columns.type)
        # Where the user lives, and which words stand for a debit, decides over no id.
        side = money.side if money.column or money.side == "credit" else ""
        cells = map(fold, map(self.cell, told))
        return ParsedRow(
            line=self.line,
            date=day,
            description=description,
            amount=abs(money.amount),
            type=slug,
            category=category,
            identity="\n".join((str(written), side, str(money.amount), *cells)),
            external_id=external_id,
            cut=cut,
            currency=self.read_currency(),
        )

    def read_currency(self) -> str:
        """The code of the currency, "" where nothing says it; a sign such as £ stands for one."""
        column = self.mapping.columns.currency
        text = self.cell(column).strip() if column is not None else ""
        return SIGNS.get(text, text.upper()) or self.mapping.constant.currency

    def fee_of(self, row: ParsedRow, fee: Decimal) -> ParsedRow:
        """The fee of a row, as a row."""
        how = self.mapping.fee
        return row._replace(
            description=cut_description(f"Fee: {row.description}")[0],
            amount=abs(fee),
            type=how.negative if fee < 0 else how.positive,
            category=how.category,
            identity=f"{row.identity}\nfee {fee}",
            cut=False,
        )

    def read_day(self, zone: ZoneInfo | None) -> date:
        text, since = self.cell(self.mapping.columns.date), self.mapping.date.since
        return parse_date(text, self.table.formats, zone, since)

    def check_expected(self) -> None:
        """Note each cell that is not what every row must say."""
        for number, expected in enumerate(self.mapping.expect, 1):
            cell = self.cell(expected.column)
            if fold(cell) not in expected.equals:
                self.problems.append(
                    f"column {shown(str(expected.column))} is {shown(cell)}, "
                    f"which expect {number} of the mapping does not allow"
                )

    def read_money(self) -> Money:
        """The amount of the row, and its side where something says it; read once."""
        if self.money is None:
            self.money = self.find_money()
        return self.money

    def find_money(self) -> Money:
        columns = self.mapping.columns
        if columns.amount is not None:
            return self.read_amount(columns.amount)
        sides = {"debit": columns.debit, "credit": columns.credit}
        found = [
            Money(self.read_amount(column, side).amount, side, column=True)
            for side, column in sides.items()
            if column is not None and not is_blank(self.cell(column))
        ]
        if not found:
            raise ValueError("no amount, neither debit nor credit")
        moved = [money for money in found if money.amount]
        if len(moved) > 1:
            raise ValueError("an amount as debit and one as credit")
        return (moved or found)[0]

    def read_amount(self, column: Column, only: str = "") -> Money:
        """An amount with its sign and word. only: the side that its column is for."""
        text = self.cell(column)
        side, digits = self.table.style.parted(text)
        if is_blank(digits):
            raise ValueError("no amount")
        amount = self.table.style.parse(digits)
        how = self.mapping.amount
        if only and side not in ("", only):
            raise ValueError(f"amount {shown(text)} says {side} in the column of the other side")
        if amount < 0 and not (how.by_sign or how.ignore_sign):
            raise ValueError(
                f"amount {shown(text)} is negative, and the mapping does not say what that means "
                "(amount.ignore_sign)"
            )
        return Money(amount, side)

    def read_fee(self) -> Decimal:
        """The fee with its sign, 0 if missing."""
        column = self.mapping.columns.fee
        if column is None or is_blank(self.cell(column)):
            return Decimal()
        return self.table.style.parse(self.cell(column))

    def read_type(self, rules: Sequence[RuleSection], money: Money | None) -> Slug | None:
        """The type by the first rule that gives one, else by the mapping's source of types.

        None where it hangs on an amount that cannot be read.
        """
        if self.mapping.journal and self.entry()[0] in self.table.inner:
            return "transfer"
        for rule in rules:
            if rule.type is not None:
                if money is not None:
                    number = self.mapping.rule.index(rule) + 1
                    self.table.note(f"rule {number}", self.line, rule.type, money)
                return rule.type
        slug = self.usual_type(money)
        if slug and money and self.mapping.columns.type and self.mapping.amount.ignore_sign:
            said = shown(self.cell(self.mapping.columns.type))
            self.table.note(f"type {said}", self.line, slug, money)
        if money is None or money.column or not money.side or self.mapping.amount.ignore_sign:
            return slug
        return self.type_by_word(slug, money)

    def usual_type(self, money: Money | None) -> Slug | None:
        """The type that a row of this kind has, whatever word stands beside its amount."""
        columns, how = self.mapping.columns, self.mapping.amount
        if columns.type is not None:
            text = self.cell(columns.type)
            slug = self.mapping.type.get(fold(text))
            if slug is None:
                raise ValueError(f"type {shown(text)} is none of the mapping's (table type)")
            return slug
        if self.mapping.constant.type is not None or money is None:
            return self.mapping.constant.type
        if money.column:
            return how.debit if money.side == "debit" else how.credit
        return how.negative if money.amount < 0 else how.positive

    def type_by_word(self, usual: Slug | None, money: Money) -> Slug | None:
        """The type of an amount such as 5.00 CR. Raises ValueError where the word cannot be right.

        Where the sign tells the type, the word says which of its two it is; on a card that has
        only expenses, a credit is a refund.
        """
        if usual is None or SIDE_OF.get(usual, money.side) == money.side:
            return usual
        how = self.mapping.amount
        if self.mapping.columns.type is not None or money.amount < 0:
            raise ValueError(f"the amount says {money.side}, and all else says {usual}")
        if self.mapping.constant.type is not None:
            return "refund" if usual == "expense" else "expense"
        for slug in (how.positive, how.negative):
            if slug is not None and SIDE_OF.get(slug) == money.side:
                return slug
        raise ValueError(f"the amount says {money.side}, and the mapping has no type for that")

    def read_category(self, rules: Sequence[RuleSection]) -> str:
        """The category by the first rule that gives one, else what its columns say."""
        for rule in rules:
            if rule.category is not None:
                return rule.category
        if not self.mapping.columns.category:
            return parse_category(self.mapping.constant.category)
        cells = map(self.cell, self.mapping.columns.category)
        text = self.mapping.category.join.join(cell for cell in cells if not is_blank(cell))
        return self.mapping.category.rename.get(fold(text)) or parse_category(text)

    def read_description(self) -> tuple[str, bool]:
        """The description, and whether it was cut."""
        if not self.mapping.columns.description:
            return self.mapping.constant.description, False
        cells = map(self.cell, self.mapping.columns.description)
        return cut_description(self.mapping.description.join.join(filter(None, cells)))

    def read_id(self) -> str | None:
        """The source's own id of the row, which a row must have where there is such a column."""
        column = self.mapping.columns.external_id
        if column is None:
            return None
        text = self.cell(column)
        longest = EXTERNAL_ID_LENGTH - len(self.mapping.name) - 1
        if self.table.leaves_out and not 0 < len(text) <= longest:
            return None
        if not text:
            raise ValueError(f"no id in column {shown(str(column))}")
        if len(text) > longest:
            raise ValueError(
                f"an id of {len(text)} characters, at most {longest} fit; name its column as "
                "columns.identity of the mapping instead of columns.external_id"
            )
        return text
