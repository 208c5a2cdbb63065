"""OFX and QFX, 1.x (SGML) and 2.x (XML): statements of accounts, cards and of a broker's cash.

One reader for both, as files of banks are often neither: a header of one over a body of the other,
elements that are never closed or closed in the wrong place. Only the few aggregates that hold
movements matter; whatever else stands in the file is passed over. There are no entities but those
of HTML, and nothing is loaded from elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from html import unescape
from itertools import chain, pairwise
from pathlib import Path

from budget.imports.detect.amounts import Amounts
from budget.imports.detect.asking import ask_decimal
from budget.imports.formats.statement import PENDING, Account, Movement, read_bytes
from budget.imports.reading import Hints, Reading
from budget.imports.rows import BadFile, BadLine, Item, LeftOut, Note, ParsedRow
from budget.imports.values import AmountStyle, shown, storable

TITLE = "OFX statement"
PREFIX = "ofx"
TAG = re.compile(r"<(/?)([A-Za-z0-9_.]+)>|<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
HEAD = re.compile(rb"<OFX>|OFXHEADER|<\?OFX", re.IGNORECASE)
CHARSET = re.compile(r"(?:CHARSET\s*:\s*|ENCODING\s*[:=]\s*\"?|encoding=\")([A-Za-z0-9_-]+)")
# The aggregates that say what a value belongs to.
STATEMENTS = frozenset({"STMTRS", "CCSTMTRS", "INVSTMTRS"})
MOVEMENTS = frozenset({"STMTTRN", "STMTTRNP"})
ACCOUNTS = frozenset({"BANKACCTFROM", "CCACCTFROM", "INVACCTFROM"})
WITHIN = frozenset({"CURRENCY", "ORIGCURRENCY", "PAYEE", "BANKACCTTO", "CCACCTTO", "EXTDNAME"})
TRADES = re.compile(r"(BUY|SELL)[A-Z]+|INCOME|REINVEST|RETOFCAP|SPLIT|INVEXPENSE|JRNLSEC|JRNLFUND")
DAY = re.compile(r"([0-9]{4})(?:-(?=[0-9]{2}-))?([0-9]{2})-?([0-9]{2})")
MOST_MOVEMENTS = 1_000_000


@dataclass
class Found:
    """The values of one movement, by their names, under the statement that it stands in."""

    line: int
    statement: Statement
    pending: bool = False
    values: dict[str, str] = field(default_factory=dict)


@dataclass
class Statement:
    """The values of one statement that say whose it is."""

    card: bool = False
    values: dict[str, str] = field(default_factory=dict)

    @property
    def account(self) -> Account:
        parts = (self.values.get(name, "") for name in ("BANKID", "BROKERID", "ACCTID"))
        key = " ".join(filter(None, parts))
        return Account(key, self.values.get("CURDEF", "").upper(), self.card)


def recognises(start: bytes) -> bool:
    return HEAD.search(start) is not None


def read(path: Path, hints: Hints) -> Reading:
    """Raises OSError, BadFile and Unclear."""
    text = decoded(read_bytes(path))
    found, trades = collect(text)
    amounts = Amounts()
    for each in found:
        amounts.see(each.line, each.values.get("TRNAMT", ""))
    style = ask_decimal(amounts, hints)
    return Reading(TITLE, PREFIX, rows(found, trades, style))


def decoded(content: bytes) -> str:
    """The text, by its byte order mark, as UTF-8, else as the header says."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    head = content[:2000].decode("latin-1")
    for name in reversed(CHARSET.findall(head)):
        try:
            return content.decode(f"cp{name}" if name.isdigit() else name)
        except (LookupError, UnicodeDecodeError):
            continue
    return content.decode("cp1252", errors="replace")


def collect(text: str) -> tuple[list[Found], list[LeftOut]]:
    """The movements of all statements, and the trades of a broker's."""
    found: list[Found] = []
    trades: list[LeftOut] = []
    statement, movement, within = Statement(), None, ""
    line, at = 1, 0
    if "<OFX>" not in text.upper():
        raise BadFile([BadLine(1, "an OFX file without <OFX>: it is cut off or no statement")])
    for match, following in pairwise(chain(TAG.finditer(text), [None])):
        if match is None:
            break
        line += text.count("\n", at, match.start())
        at = match.start()
        name = (match[2] or "").upper()
        if match[1]:
            if name in MOVEMENTS:
                movement = None
            if name == within:
                within = ""
        elif name in STATEMENTS:
            statement, movement = Statement(name == "CCSTMTRS"), None
        elif name in MOVEMENTS:
            movement, within = Found(line, statement, name == "STMTTRNP"), ""
            found.append(movement)
            if len(found) > MOST_MOVEMENTS:
                raise BadFile([BadLine(line, f"more than {MOST_MOVEMENTS} movements")])
        elif name in WITHIN or name in ACCOUNTS:
            within = name
        elif TRADES.fullmatch(name) and movement is None:
            trades.append(LeftOut(line, "a trade of securities, no movement on an account"))
        elif name:
            keep(statement, movement, within, name, value_after(text, match, following))
    return found, trades


def value_after(text: str, match: re.Match[str], following: re.Match[str] | None) -> str:
    """What stands behind a tag, up to the next one; a CDATA section is taken as it is."""
    plain = text[match.end() : following.start() if following else len(text)].strip()
    if following is not None and following[3] is not None and not plain:
        return following[3].strip()
    return unescape(plain)


def keep(statement: Statement, movement: Found | None, within: str, name: str, value: str) -> None:
    """Put a value where it belongs; the first of a name counts."""
    if not value:
        return
    if movement is None:
        if within in ACCOUNTS or name == "CURDEF":
            statement.values.setdefault(name, value)
    elif within in ("CURRENCY", "ORIGCURRENCY"):
        movement.values.setdefault(f"{within}.{name}", value)
    elif within == "PAYEE" or not within:
        movement.values.setdefault(name, value)


def rows(found: list[Found], trades: list[LeftOut], style: AmountStyle) -> Iterator[Item]:
    """What each movement says; one that another corrects or repeats is left out."""
    corrected = {
        (each.statement.account.mark, each.values["CORRECTFITID"]): each
        for each in found
        if "CORRECTFITID" in each.values
    }
    seen: dict[tuple[str, str, object], int] = {}
    for each in found:
        key = each.statement.account.mark, each.values.get("FITID", "")
        by = corrected.get(key)
        if by is not None and by is not each:
            yield LeftOut(each.line, f"corrected on line {by.line}")
        elif each.values.get("CORRECTACTION", "").upper() == "DELETE":
            yield LeftOut(each.line, "it takes another movement back, by its CORRECTFITID")
        elif each.pending:
            yield LeftOut(each.line, PENDING)
        else:
            yield unrepeated(row_of(each, style), seen)
    yield from trades
    if not found:
        yield Note("the file has no movements of money")


def unrepeated(item: Item, seen: dict[tuple[str, str, object], int]) -> Item:
    """The row, unless the file has it already under the same id: months that were joined."""
    if not isinstance(item, ParsedRow) or item.external_id is None:
        return item
    first = seen.setdefault((item.external_id, item.identity, item.type), item.line)
    if first == item.line:
        return item
    return LeftOut(item.line, f"the same movement as on line {first}, with the same FITID")


def row_of(each: Found, style: AmountStyle) -> Item:
    """A movement; everything that is wrong with it is named at once."""
    values, problems = each.values, []
    day = amount = None
    try:
        day = day_of(values.get("DTPOSTED") or values.get("DTUSER", ""))
    except ValueError as error:
        problems.append(f"DTPOSTED: {error}")
    try:
        amount = style.parse(values.get("TRNAMT", ""))
    except ValueError as error:
        problems.append(f"TRNAMT: {error}")
    if day is None or amount is None:
        return BadLine(each.line, "; ".join(problems))
    return Movement(
        line=each.line,
        account=each.statement.account,
        date=day,
        amount=amount,
        texts=texts_of(values),
        own_id=own_id(values),
        marks=(values.get("TRNTYPE", ""), values.get("CHECKNUM", "")),
        currency=values.get("CURRENCY.CURSYM", "").upper(),
    ).row()


def own_id(values: dict[str, str]) -> str:
    """The FITID; of a correction that of what it corrects, so that it is the same row."""
    return values.get("CORRECTFITID") or values.get("FITID", "")


def texts_of(values: dict[str, str]) -> list[str]:
    """Name and memo, one of which often repeats the beginning of the other; a cheque's number."""
    texts = [values.get("NAME", ""), values.get("MEMO", "")]
    number = values.get("CHECKNUM", "").strip("0")
    if number and not any(texts):
        texts.append(f"Check {values['CHECKNUM']}")
    return texts if any(texts) else [values.get("TRNTYPE", "").capitalize()]


def day_of(text: str) -> date:
    """The day as the bank has written it, whatever the zone behind it. Raises ValueError."""
    match = DAY.match(text)
    if match is None:
        raise ValueError(f"{shown(text)} is no date such as 20241231" if text else "no date")
    try:
        return storable(date(*map(int, match.groups())), text)
    except ValueError:
        raise ValueError(f"{shown(text)} is no date such as 20241231") from None
