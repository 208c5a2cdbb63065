"""A mapping: a small TOML file that says how to read the CSV of a bank or a program.

TOML, because people write these by hand: it has comments, typed values and no indentation to get
wrong, and Python reads it without another library. docs/imports.md explains each key.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self, TypeVar, cast, get_args

from pydantic import (
    AfterValidator,
    Field,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from budget.imports.values import (
    AmountStyle,
    check_date_format,
    has_year,
    listed,
    parse_category,
    parse_description,
    shown,
)
from lib.schema import Schema, sentence
from lib.text import fold

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

T = TypeVar("T")
Slug = Literal["expense", "income", "refund", "transfer"]

SYMBOL = re.compile(r"[^0-9\s()\[\]<>+\u2010-\u2015\u2212-]{1,10}")
NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
# The prefixes of external_ids of the other readers.
RESERVED = frozenset({"mint", "ofx", "qif", "camt", "mt940", "n43", "coda", "csv", "xlsx", "own"})
MOST_SKIPPED = 1000
MOST_COLUMNS = 1000
LONGEST_WORD = 20
TABLES = {"model_type": "Must be a table.", "dict_type": "Must be a table."}


class BadMapping(Exception):
    """A mapping that cannot be used; problems: all of them, each with its key."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def to_column(value: object) -> str | int:
    """A column by its name in the header, or by its number, the first being 1."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    if isinstance(value, str) and fold(value):
        return value
    raise ValueError("Must be the name of a column, or its number from 1.")


def to_columns(value: object) -> tuple[str | int, ...]:
    """One column or a list of some."""
    values = value if isinstance(value, list) else [value]
    if not values:
        raise ValueError("Must name a column.")
    return tuple(map(to_column, values))


def to_words(value: object) -> tuple[str, ...]:
    """Texts to compare with a cell, whatever the case and the spaces."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("Must be a list of strings.")
    return tuple(map(fold, value))


def to_sides(value: object) -> tuple[str, ...]:
    """Words that stand beside an amount."""
    words = to_words(value)
    if not all(word.isalpha() and len(word) <= LONGEST_WORD for word in words):
        raise ValueError(f"Must be a list of words, 1 to {LONGEST_WORD} letters each.")
    return words


def folded_keys(values: dict[str, T]) -> dict[str, T]:
    """The same by folded key; no two may be one."""
    folded = {fold(key): value for key, value in values.items()}
    if len(folded) < len(values):
        raise ValueError("Two of its keys differ only in case or spaces.")
    return folded


def checked_symbol(text: str) -> str:
    if not SYMBOL.fullmatch(text):
        raise ValueError("Must be 1 to 10 characters, no digit, sign, bracket or space.")
    return text


def checked_currency(code: str) -> str:
    if code and not re.fullmatch("[A-Z]{3}", code):
        raise ValueError(f"{shown(code)} is no code of ISO 4217, such as EUR.")
    return code


def checked_encoding(name: str) -> str:
    try:
        "".encode(name)
    except (LookupError, UnicodeError, ValueError):
        raise ValueError(f"{shown(name)} is no encoding, such as utf-8 or cp1252.") from None
    return name


def checked_delimiter(mark: str) -> str:
    if len(mark) != 1 or mark.isalnum() or mark in "\"'\\ \r\n\0":
        raise ValueError('Must be one character, such as ",", ";" or "\\t".')
    return mark


def checked_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError("Must be 1 to 40 of a-z, 0-9, _ and -, a letter first.")
    if name in RESERVED:
        raise ValueError(f"The name {name} belongs to a format that is read without a mapping.")
    return name


Column = Annotated[str | int, PlainValidator(to_column)]
Columns = Annotated[tuple[str | int, ...], PlainValidator(to_columns)]
Words = Annotated[tuple[str, ...], PlainValidator(to_words)]


def agreed(value: T, problems: list[str]) -> T:
    """The value. Raises ValueError with all problems where there are any."""
    if problems:
        raise ValueError(" ".join(problems))
    return value


class Section(Schema):
    """A table of the file; an unknown key is refused."""

    @classmethod
    def unknown(cls, name: str) -> str:
        near = difflib.get_close_matches(name, cls.model_fields, 1)
        if near:
            return f"There is no such key; {near[0]} is meant?"
        return f"There is no such key; there are {', '.join(cls.model_fields)}."


class FileSection(Section):
    """The file itself. skip_lines: how many stand before the header, 0 to 1000.

    other_lines: what to do with lines that are no movements, such as totals and footers. quotes:
    whether a quote within a quoted cell must be doubled, and whether lines are quoted as a whole.
    columns: how many a row has, where that is more than the header. next_line: what a line with
    nothing but a text says: a line like any other, or more of the description of the one before.
    Of a journal, entry: a line without a day is a further one of the entry before.
    """

    encoding: Annotated[str, AfterValidator(checked_encoding)] = "utf-8"
    delimiter: Annotated[str, AfterValidator(checked_delimiter)] = ","
    quote: Literal['"', "'", ""] = '"'
    skip_lines: Annotated[int, Field(ge=0, le=MOST_SKIPPED)] = 0
    header: bool = True
    quotes: Literal["doubled", "any", "lines"] = "doubled"
    columns: Annotated[int, Field(ge=0, le=MOST_COLUMNS)] = 0
    other_lines: Literal["refuse", "leave_out"] = "refuse"
    next_line: Literal["own", "description", "entry"] = "own"


class ColumnsSection(Section):
    """Which column is what. identity: what tells rows apart beside date, amount and description."""

    date: Column
    amount: Column | None = None
    debit: Column | None = None
    credit: Column | None = None
    type: Column | None = None
    fee: Column | None = None
    currency: Column | None = None
    balance: Column | None = None
    category: Columns = ()
    description: Columns = ()
    external_id: Column | None = None
    identity: Columns = ()

    @model_validator(mode="after")
    def amounts(self) -> Self:
        pair = (self.debit is not None) + (self.credit is not None)
        if (self.amount is None) != (pair == 2) or pair == 1:
            raise ValueError("Must have either amount, or debit and credit.")
        return self


class ConstantSection(Section):
    """What every row says, where no column does."""

    type: Slug | None = None
    category: Annotated[str, AfterValidator(parse_category)] = ""
    description: Annotated[str, AfterValidator(parse_description)] = ""
    currency: Annotated[str, AfterValidator(checked_currency)] = ""


class DateSection(Section):
    """How dates are written; a cell that two formats read as two days is refused, not guessed.

    since: the earliest day of a file whose dates have no year; each is within a year from then.
    """

    formats: Annotated[list[Annotated[str, AfterValidator(check_date_format)]], Field(min_length=1)]
    since: date | None = None

    @model_validator(mode="after")
    def years(self) -> Self:
        if not self.since and not all(map(has_year, self.formats)):
            raise ValueError("A format without a year needs since, the earliest day of the file.")
        return self


class AmountSection(Section):
    """How amounts are written, and what their sign or their column makes of a row."""

    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " ", "'"] = ""
    symbols: list[Annotated[str, AfterValidator(checked_symbol)]] = []
    minor_units: bool = False
    positive: Slug | None = None
    negative: Slug | None = None
    ignore_sign: bool = False
    debit: Slug = "expense"
    credit: Slug = "income"
    debit_words: Annotated[tuple[str, ...], PlainValidator(to_sides)] = ("dr", "d", "s")
    credit_words: Annotated[tuple[str, ...], PlainValidator(to_sides)] = ("cr", "c", "h", "k")

    @property
    def by_sign(self) -> bool:
        """Whether the sign tells the type."""
        return self.positive is not None

    @property
    def style(self) -> AmountStyle:
        return AmountStyle(
            self.decimal,
            self.thousands,
            tuple(self.symbols),
            self.minor_units,
            self.debit_words,
            self.credit_words,
        )

    @model_validator(mode="after")
    def signs(self) -> Self:
        problems = []
        if self.decimal == self.thousands:
            problems.append("decimal and thousands must differ.")
        if (self.positive is None) != (self.negative is None):
            problems.append("positive and negative come together.")
        elif self.by_sign and self.ignore_sign:
            problems.append("ignore_sign contradicts positive and negative.")
        if both := {*self.debit_words} & {*self.credit_words}:
            problems.append(f"debit_words and credit_words both have {listed(sorted(both))}.")
        return agreed(self, problems)


class FeeSection(Section):
    """What a fee in a column beside the amount becomes: a separate row."""

    category: Annotated[str, AfterValidator(parse_category)] = "Fees"
    positive: Slug = "expense"
    negative: Slug = "refund"


class CategorySection(Section):
    """How a category is put together, and what some are called here."""

    join: str = ": "
    rename: Annotated[
        dict[str, Annotated[str, AfterValidator(parse_category)]], AfterValidator(folded_keys)
    ] = {}


class DescriptionSection(Section):
    """How a description is put together."""

    join: str = ", "


class CellSection(Section):
    """What a cell must say: one of some texts, or begin with, hold or end with one."""

    column: Column
    equals: Words = ()
    starts_with: Words = ()
    contains: Words = ()
    ends_with: Words = ()

    def faults(self) -> list[str]:
        """What is wrong with the texts."""
        parts = {
            "starts_with": self.starts_with,
            "contains": self.contains,
            "ends_with": self.ends_with,
        }
        if not self.equals and not any(parts.values()):
            return ["Must have equals, starts_with, contains or ends_with."]
        return [f"{name} must not be blank." for name, words in parts.items() if "" in words]

    def matches(self, cell: str) -> bool:
        folded = fold(cell)
        return (
            folded in self.equals
            or folded.startswith(self.starts_with)
            or folded.endswith(self.ends_with)
            or any(word in folded for word in self.contains)
        )


class AlsoSection(CellSection):
    """Another cell that a rule looks at."""

    @model_validator(mode="after")
    def whole(self) -> Self:
        return agreed(self, self.faults())


class RuleSection(CellSection):
    """What to make of rows by their cells: leave them out, or give them a type or a category.

    also: further cells, all of which must match. sign: of the amount as it stands; a debit is
    negative, a credit positive.
    """

    also: list[AlsoSection] = []
    sign: Literal["positive", "negative"] | None = None
    skip: bool = False
    type: Slug | None = None
    category: Annotated[str, AfterValidator(parse_category)] | None = None

    @model_validator(mode="after")
    def whole(self) -> Self:
        problems = self.faults()
        if self.skip == (self.type is not None or self.category is not None):
            problems.append("Must have either skip = true, or a type or category to give.")
        return agreed(self, problems)


class ExpectSection(Section):
    """What a cell must be in every row that is not left out; another value makes a bad line."""

    column: Column
    equals: Words

    @field_validator("equals")
    @classmethod
    def some(cls, equals: tuple[str, ...]) -> tuple[str, ...]:
        return agreed(equals, [] if equals else ["Must name a value."])


class JournalSection(Section):
    """A double-entry journal: each entry has a line for every account that it touches.

    own: the accounts whose lines are taken; an entry between two of them is a transfer.
    """

    entry: Column
    account: Column
    own: Words

    @field_validator("own")
    @classmethod
    def some(cls, own: tuple[str, ...]) -> tuple[str, ...]:
        return agreed(own, [] if own else ["Must name an account."])


class Mapping(Section):
    """A whole mapping. name: the prefix of its rows' external_ids, one for each account.

    The order of the fields matters: the checks of a later one look at those before.
    """

    name: Annotated[str, AfterValidator(checked_name)]
    title: Annotated[str, Field(min_length=1, max_length=100)] = "Mapped CSV"
    file: FileSection = FileSection()
    columns: ColumnsSection
    constant: ConstantSection = ConstantSection()
    date: DateSection
    amount: AmountSection = AmountSection()
    type: Annotated[dict[str, Slug], AfterValidator(folded_keys)] = Field({}, validate_default=True)
    fee: FeeSection = FeeSection()
    category: CategorySection = CategorySection()
    description: DescriptionSection = DescriptionSection()
    rule: list[RuleSection] = []
    expect: list[ExpectSection] = []
    journal: JournalSection | None = None

    @field_validator("columns", "rule", "expect", "journal")
    @classmethod
    def numbers(cls, value: T, info: ValidationInfo) -> T:
        """Without a header, columns have no names."""
        file = info.data.get("file")
        named = [
            f"{key} is {shown(column)}, but a file without header has numbers for columns."
            for key, column in columns_of(str(info.field_name), value)
            if isinstance(column, str) and file and not file.header
        ]
        return agreed(value, named)

    @field_validator("constant")
    @classmethod
    def no_column_too(cls, constant: ConstantSection, info: ValidationInfo) -> ConstantSection:
        """What is constant has no column."""
        columns = info.data.get("columns")
        both = [
            f"{name} is a column already."
            for name in ("category", "description", "currency")
            if columns and getattr(constant, name) and getattr(columns, name)
        ]
        return agreed(constant, both)

    @field_validator("type")
    @classmethod
    def one_source(cls, values: dict[str, Slug], info: ValidationInfo) -> dict[str, Slug]:
        """The type of a row comes from exactly one place."""
        columns, amount, constant = map(info.data.get, ("columns", "amount", "constant"))
        if not columns or not amount or not constant:
            return values
        sources = {
            "columns.type": columns.type is not None,
            "columns.debit and columns.credit": columns.debit is not None,
            "amount.positive and amount.negative": amount.by_sign,
            "constant.type": constant.type is not None,
        }
        found = [name for name, there in sources.items() if there]
        problems = []
        if len(found) != 1:
            what = f"It has {'; '.join(found)}." if found else "It has none."
            problems.append(f"The type comes from exactly one of {'; '.join(sources)}. {what}")
        if (columns.type is not None) != bool(values):
            problems.append("columns.type and the values of it, in the table type, come together.")
        return agreed(values, problems)

    @property
    def header_names(self) -> frozenset[str]:
        """The columns that the header must have, folded."""
        return frozenset(fold(name) for _, name in self.columns_named() if isinstance(name, str))

    @property
    def highest_number(self) -> int:
        """The last column that goes by its number; 0 where none does."""
        return max((n for _, n in self.columns_named() if isinstance(n, int)), default=0)

    def columns_named(self) -> Iterator[tuple[str, str | int]]:
        """Each key of the mapping that names a column, with what it names."""
        for field in ("columns", "rule", "expect", "journal"):
            yield from columns_of(field, getattr(self, field))


def columns_of(field: str, value: object) -> Iterator[tuple[str, str | int]]:
    """The keys of one part of a mapping that name a column, with what they name."""
    if isinstance(value, ColumnsSection):
        for name, named in value:
            for column in named if isinstance(named, tuple) else (named,):
                if column is not None:
                    yield f"{field}.{name}", column
    elif isinstance(value, JournalSection):
        yield f"{field}.entry", value.entry
        yield f"{field}.account", value.account
    elif isinstance(value, list):
        for number, section in enumerate(value, 1):
            yield f"{field} {number}.column", section.column
            for place, other in enumerate(getattr(section, "also", ()), 1):
                yield f"{field} {number}.also {place}.column", other.column


def read_mapping(path: Path) -> Mapping:
    """Read a mapping. Raises OSError, and BadMapping with everything that is wrong with it."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadMapping(["not UTF-8; save the file in that encoding"]) from None
    return mapping_in(text)


def mapping_in(text: str) -> Mapping:
    """The mapping that a text describes. Raises BadMapping with all that is wrong with it."""
    try:
        found = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # Besides what is no TOML: numbers with thousands of digits, and lists in lists in lists.
        raise BadMapping([f"no TOML: {error}"]) from None
    try:
        return Mapping.model_validate(found)
    except ValidationError as error:
        raise BadMapping([problem(each) for each in error.errors()]) from None


def problem(error: ErrorDetails) -> str:
    """One of pydantic's errors with the key as the file has it; lists count from 1."""
    key = ""
    for part in error["loc"]:
        key += f" {part + 1}" if isinstance(part, int) else f".{part}" if key else part
    if error["type"] == "extra_forbidden":
        said = section_at(error["loc"][:-1]).unknown(str(error["loc"][-1]))
    else:
        said = TABLES.get(error["type"]) or sentence(Section, error)
    return f"{key}: {said}"


def section_at(loc: tuple[int | str, ...]) -> type[Section]:
    """The kind of table that stands at a place of the file."""
    if not loc:
        return Mapping
    if "also" in loc:
        return AlsoSection
    kind = Mapping.model_fields[str(loc[0])].annotation
    return cast(type[Section], (*get_args(kind), kind)[0])
