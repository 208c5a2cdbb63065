"""Norma 43 of the Spanish banks (AEB, cuaderno 43): lines of 80 characters in fixed columns.

Read here and not by a library: the one that is kept, csb43, brings 19 MB of names of countries and
currencies for five kinds of lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from budget.imports.detect.encoding import find_encoding
from budget.imports.formats.statement import Account, Movement, balance_note, read_bytes
from budget.imports.reading import Hints, Reading
from budget.imports.rows import BadFile, BadLine, Item, Note
from budget.imports.values import day_by, exact, shown

TITLE = "Norma 43 statement"
PREFIX = "n43"
START = re.compile(rb"(\xef\xbb\xbf)?\s*11[0-9]{30}[12][0-9]{17}")
# By the standard, and as some banks have it all the same.
FORMATS = ("%y%m%d", "%d%m%y")
# Codes of ISO 4217 by number.
CURRENCIES = {
    "978": "EUR",
    "840": "USD",
    "826": "GBP",
    "756": "CHF",
    "752": "SEK",
    "208": "DKK",
    "578": "NOK",
    "124": "CAD",
    "484": "MXN",
    "504": "MAD",
    "985": "PLN",
}
# A file tells of a year at most.
LONGEST = timedelta(days=366)
SIGNS = {"1": -1, "2": 1}


@dataclass
class Statement:
    """The lines of one account, from its header (11) on."""

    line: int
    header: str
    movements: list[Entry] = field(default_factory=list)
    end: tuple[int, str] | None = None


@dataclass
class Entry:
    """A movement (22) and the lines of text that follow it (23)."""

    line: int
    text: str
    more: list[str] = field(default_factory=list)


def recognises(start: bytes) -> bool:
    return START.match(start) is not None


def read(path: Path, hints: Hints) -> Reading:
    """Raises OSError and BadFile."""
    content = read_bytes(path).decode(find_encoding(path), errors="replace")
    found = statements(re.split(r"\r\n|\r|\n", content.removeprefix("\ufeff")))
    return Reading(TITLE, PREFIX, rows(found))


def statements(lines: Sequence[str]) -> list[Statement]:
    """The statements of a file. Raises BadFile for an unknown line."""
    found: list[Statement] = []
    for number, line in enumerate(lines, 1):
        kind, text = line[:2], line.ljust(80)
        if not line.strip("\x1a \t"):
            continue
        statement = found[-1] if found else None
        if kind == "11":
            found.append(Statement(number, text))
        elif kind == "22" and statement:
            statement.movements.append(Entry(number, text))
        elif kind == "23" and statement and statement.movements:
            statement.movements[-1].more.append(text)
        elif kind == "33" and statement:
            statement.end = number, text
        elif kind not in ("24", "88") or statement is None:
            raise BadFile([BadLine(number, f"{shown(line)} is no line of Norma 43")])
    return found


def rows(found: Sequence[Statement]) -> Iterator[Item]:
    for statement in found:
        yield from statement_rows(statement)
    if not any(statement.movements for statement in found):
        yield Note("the file has no movements of money")


def statement_rows(statement: Statement) -> Iterator[Item]:
    header = statement.header
    number = header[47:50]
    if number not in CURRENCIES:
        yield BadLine(statement.line, f"{shown(number)} is no code of a currency that is known")
        return
    account = Account(header[2:20], CURRENCIES[number])
    form = date_format(statement)
    moved = Decimal()
    for entry in statement.movements:
        try:
            movement = movement_of(entry, account, form)
        except ValueError as error:
            yield BadLine(entry.line, str(error))
            continue
        moved += movement.amount
        yield movement.row()
    if statement.end is None:
        yield Note(f"{account.name}: the last line (33) is missing; the file may be cut off")
        return
    line, end = statement.end
    try:
        opening, closing = money(header[32:47]), money(end[58:73])
        count = int(end[20:25]) + int(end[39:44])
    except ValueError as error:
        yield BadLine(line, str(error))
        return
    if note := balance_note(account, opening, moved, closing):
        yield note
    if count != len(statement.movements):
        yield BadLine(line, f"it tells of {count} movements, and {len(statement.movements)} stand")


def date_format(statement: Statement) -> str:
    """How dates are written: as the period says that the statement is of, else by the standard."""
    texts = [statement.header[20:26], *(each.text[10:16] for each in statement.movements)]
    texts.append(statement.header[26:32])
    for form in FORMATS:
        days = [day_by(form, text, None) for text in texts]
        known = [day for day in days if day]
        first, last = (known[0], known[-1]) if known else (date.max, date.min)
        is_whole = len(known) == len(texts) and first <= min(known) and max(known) <= last
        if is_whole and last - first <= LONGEST:
            return form
    return FORMATS[0]


def movement_of(entry: Entry, account: Account, form: str) -> Movement:
    """Raises ValueError."""
    text = entry.text
    day = day_of(text[10:16], form)
    concepts = [more[at : at + 38] for more in entry.more for at in (4, 42)]
    references = [text[42:52], text[52:64], text[64:80]]
    words = " ".join(concepts) if any(map(str.strip, concepts)) else " ".join(references[1:])
    return Movement(
        line=entry.line,
        account=account,
        date=day,
        amount=money(text[27:42]),
        texts=[words.strip("0 ")] if words.strip("0 ") else [],
        marks=[text[22:27], *references],
    )


def day_of(text: str, form: str) -> date:
    day = day_by(form, text, None)
    if day is None:
        raise ValueError(f"{shown(text)} is no date such as 241231 for 31 December 2024")
    return day


def money(text: str) -> Decimal:
    """A sign (1 is debit, 2 is credit) and whole cents. Raises ValueError."""
    sign, digits = SIGNS.get(text[0]), text[1:]
    if sign is None or not re.fullmatch("[0-9]{14}", digits):
        raise ValueError(f"{shown(text)} is no amount: 1 or 2, and 14 digits")
    return exact(f"{digits[:-2]}.{digits[-2:]}", digits) * sign
