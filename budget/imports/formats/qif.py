"""QIF, as Quicken, Money and many banks write it: lines of one letter and a value.

It says neither the order of its dates nor its decimal mark, so the whole file decides both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from budget.imports.detect.amounts import Amounts, style_of
from budget.imports.detect.asking import choose_dates, choose_decimal
from budget.imports.detect.dates import Dates
from budget.imports.detect.encoding import find_encoding
from budget.imports.detect.table import symbols_in
from budget.imports.formats.statement import Account, Movement, read_bytes
from budget.imports.reading import Hints, Reading, Unclear
from budget.imports.rows import BadLine, Item, LeftOut, Note
from budget.imports.values import AmountStyle, parse_date
from lib.text import fold

TITLE = "QIF file"
PREFIX = "qif"
START = re.compile(
    rb"\s*(\xef\xbb\xbf)?(!(type|account|option|clear)\b"
    # Records with no line before that says of what kind they are.
    rb"|D *[0-9][^\r\n]{5,20}\r?\n([A-Z][^\r\n]*\r?\n){1,20}\^)",
    re.IGNORECASE,
)
MONEY = frozenset({"bank", "cash", "ccard", "oth a", "oth l"})
GAPS = re.compile(r"\s*([-/.'])\s*")
SHORT_YEAR = re.compile(r"(.*)['/]([0-9])$|(.*)'([0-9]{2})$")


@dataclass
class Split:
    """One part of a record. line: where it begins."""

    category: str
    memo: str = ""
    amount: str = ""


@dataclass
class Record:
    """The values of one record by their letter, with the account and the kind it stands under."""

    line: int
    kind: str
    account: str
    card: bool
    values: dict[str, str] = field(default_factory=dict)
    splits: list[Split] = field(default_factory=list)

    @property
    def day(self) -> str:
        """The date without blanks in it; an apostrophe before the year means this century."""
        text = GAPS.sub(r"\1", self.values.get("D", ""))
        if match := SHORT_YEAR.fullmatch(text):
            rest, digit, other, digits = match.groups()
            return f"{rest}/200{digit}" if digit else f"{other}/20{digits}"
        return text

    @property
    def amount(self) -> str:
        return self.values.get("T") or self.values.get("U", "")


def recognises(start: bytes) -> bool:
    return START.match(start) is not None or START.match(start.replace(b"\0", b"")[2:]) is not None


def read(path: Path, hints: Hints) -> Reading:
    """Raises OSError, BadFile and Unclear."""
    encoding = find_encoding(path)
    text = read_bytes(path).decode(encoding, errors="replace").removeprefix("\ufeff")
    records = [record for record in collect(text) if record.values]
    symbols = {mark: None for record in records for mark in symbols_in(record.amount)}
    amounts, dates = Amounts(tuple(symbols)), Dates()
    for record in records:
        if record.kind in MONEY:
            dates.see(record.line, record.day)
            amounts.see(record.line, record.amount)
            for split in record.splits:
                amounts.see(record.line, split.amount)
    formats, order = choose_dates(dates, hints)
    marks, mark = choose_decimal(amounts, hints)
    if questions := [question for question in (order, mark) if question]:
        raise Unclear(questions)
    style = style_of(marks, symbols)
    return Reading(TITLE, PREFIX, rows(records, tuple(formats), style, hints))


def collect(text: str) -> Iterator[Record]:
    """The records in the order of the file."""
    kind, account, card, listing = "bank", "", False, False
    record = Record(1, kind, account, card)
    for number, raw in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        line = raw.rstrip()
        if not line.strip():
            continue
        if line.startswith("!"):
            name = fold(line[1:])
            if name.startswith("type:"):
                kind, listing = name.removeprefix("type:").strip(), False
                card = kind == "ccard"
            elif name == "account":
                listing = True
            record = Record(number, kind, account, card)
        elif line.startswith("^"):
            if listing:
                account = record.values.get("N", "")
            else:
                yield record
            record = Record(number + 1, kind, account, card)
        else:
            if not record.values:
                record.line = number
            put(record, line[0].upper(), line[1:].strip())
    if not listing:
        yield record


def put(record: Record, letter: str, value: str) -> None:
    if letter == "S":
        record.splits.append(Split(value))
    elif letter in "E$" and record.splits:
        setattr(record.splits[-1], "memo" if letter == "E" else "amount", value)
    elif letter not in "%E$":
        record.values.setdefault(letter, value)


def rows(
    records: list[Record], formats: tuple[str, ...], style: AmountStyle, hints: Hints
) -> Iterator[Item]:
    """What each record says."""
    found = False
    for record in records:
        if record.kind in MONEY:
            found = True
            yield from rows_of(record, formats, style, hints)
        elif record.kind == "invst":
            yield LeftOut(record.line, "a trade of securities, no movement on an account")
    if not found:
        yield Note("the file has no movements of money")


def rows_of(
    record: Record, formats: tuple[str, ...], style: AmountStyle, hints: Hints
) -> Iterator[Item]:
    """The row of a record, or one for each of its parts where they add up to it."""
    problems = []
    day = amount = None
    parts: list[Decimal] = []
    try:
        day = parse_date(record.day, formats or ("%d/%m/%Y",), hints.zone)
    except ValueError as error:
        problems.append(str(error))
    try:
        amount = style.parse(record.amount)
        parts = [style.parse(split.amount) for split in record.splits if split.amount]
    except ValueError as error:
        problems.append(str(error))
    if day is None or amount is None:
        yield BadLine(record.line, "; ".join(problems))
        return
    if fold(record.values.get("P", "")) == "opening balance":
        yield LeftOut(record.line, "an opening balance")
        return
    account = Account(record.account, card=record.card)
    texts = [record.values.get("P", ""), record.values.get("M", "")]
    if len(parts) == len(record.splits) > 1 and sum(parts) == amount:
        for split, part in zip(record.splits, parts, strict=True):
            category, transfer = category_of(split.category)
            marks = (record.values.get("N", ""), split.memo)
            said = [texts[0], split.memo or texts[1]]
            yield Movement(
                record.line, account, day, part, said, category, marks=marks, transfer=transfer
            ).row()
        return
    category, transfer = category_of(record.values.get("L", ""))
    number = record.values.get("N", "")
    yield Movement(
        record.line, account, day, amount, texts, category, marks=(number,), transfer=transfer
    ).row()


def category_of(text: str) -> tuple[str, bool]:
    """The category without its class, and whether it names another account instead."""
    name = text.partition("/")[0].strip()
    if name.startswith("["):
        return "", True
    return name, False
