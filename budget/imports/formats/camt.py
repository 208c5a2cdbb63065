"""camt.052, .053 and .054 of ISO 20022: reports, statements and notifications of accounts.

The versions from 001.02 on differ in their namespace and in where a few names stand. The booked
entry is the truth: its details become separate rows only if they add up to it.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

from budget.imports.formats.statement import PENDING, Account, Movement, balance_note
from budget.imports.formats.xml_events import Node, elements
from budget.imports.reading import Hints, Reading
from budget.imports.rows import BadLine, Item, LeftOut, Note
from budget.imports.values import AmountStyle, shown, storable

TITLE = "camt statement"
PREFIX = "camt"
NAMESPACE = re.compile(rb"camt\.05[234]|BkToCstmr(Stmt|AcctRpt|DbtCdtNtfctn)")
STATEMENTS = frozenset({"Stmt", "Rpt", "Ntfctn"})
WHOLES = frozenset({"Acct", "Bal", "Ntry", "CpyDplctInd"})
STYLE = AmountStyle()
STATUS = {"PDNG": PENDING, "INFO": "it is for information only: nothing is booked", "FUTR": PENDING}
DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
OPENING, CLOSING = ("OPBD", "PRCD"), ("CLBD",)


@dataclass
class Statement:
    """One statement as far as it was read."""

    account: Account = field(default_factory=Account)
    balances: dict[str, Decimal] = field(default_factory=dict)
    moved: Decimal = Decimal()
    right: bool = True

    def notes(self) -> Iterator[Note]:
        """Whether the booked entries lead from one balance to the other."""
        opening, closing = (
            next((self.balances[code] for code in codes if code in self.balances), None)
            for codes in (OPENING, CLOSING)
        )
        if self.right and opening is not None and closing is not None:
            note = balance_note(self.account, opening, self.moved, closing)
            if note:
                yield note


def recognises(start: bytes) -> bool:
    # Of two bytes a character, one is nought in all that a beginning has.
    text = start.removeprefix(BOM_UTF8).lstrip(BOM_UTF16_LE + BOM_UTF16_BE).replace(b"\0", b"")
    return text.lstrip().startswith(b"<") and NAMESPACE.search(text) is not None


def read(path: Path, hints: Hints) -> Reading:
    """Raises OSError, and BadFile where it is no XML, as soon as that is seen."""
    return Reading(TITLE, PREFIX, rows(path))


def rows(path: Path) -> Iterator[Item]:
    statement, found = Statement(), False
    for node in elements(path, STATEMENTS, WHOLES):
        if node.name in STATEMENTS:
            yield from statement.notes()
            statement = Statement()
        elif node.name == "Acct":
            key = node.get("Id/IBAN", "Id/Othr/Id", "Id/PrtryAcct/Id", "Id/BBAN")
            statement.account = Account(key, node.get("Ccy"))
        elif node.name == "Bal":
            take_balance(statement, node)
        elif node.name == "CpyDplctInd" and "DUPL" in node.text:
            yield Note("the bank marks a statement of the file as a duplicate of an earlier one")
        elif node.name == "Ntry":
            found = True
            yield from entry(statement, node)
    yield from statement.notes()
    if not found:
        yield Note("the file has no movements of money")


def take_balance(statement: Statement, node: Node) -> None:
    try:
        amount = signed(node)
    except ValueError:
        return
    statement.balances.setdefault(node.get("Tp/CdOrPrtry/Cd"), amount)


def signed(node: Node, amounts: str = "Amt", side: str = "") -> Decimal:
    """The amount of an entry, a detail or a balance; a debit is below zero. Raises ValueError."""
    amount = STYLE.parse(node.get(amounts))
    mark = node.get("CdtDbtInd") or side
    if mark not in ("CRDT", "DBIT"):
        raise ValueError(f"CdtDbtInd is {shown(mark)}, neither CRDT nor DBIT")
    return amount if mark == "CRDT" else -amount


def entry(statement: Statement, node: Node) -> Iterator[Item]:
    """The rows of one entry, or why it has no rows; everything wrong with it at once."""
    status = node.get("Sts/Cd", "Sts")
    if status in STATUS:
        yield LeftOut(node.line, STATUS[status])
        return
    problems = []
    day = amount = None
    try:
        day = day_of(node)
    except ValueError as error:
        problems.append(str(error))
    try:
        amount = signed(node)
    except ValueError as error:
        problems.append(str(error))
    if day is None or amount is None:
        statement.right = False
        yield BadLine(node.line, "; ".join(problems))
        return
    statement.moved += amount
    currency = currency_of(node)
    details = node.all("NtryDtls/TxDtls")
    parts = parts_of(node, details, amount, currency)
    for detail, part in parts:
        yield Movement(
            line=(detail or node).line,
            account=statement.account,
            date=day,
            amount=part,
            texts=texts_of(node, [detail] if detail else details, part),
            own_id=own_id(node, detail),
            marks=(reference(detail) if detail else "",),
            back=node.get("RvslInd") in ("true", "1"),
            currency=currency,
        ).row()


def currency_of(node: Node, amounts: str = "Amt") -> str:
    return next((each.attributes.get("Ccy", "") for each in node.all(amounts)), "")


def day_of(node: Node) -> date:
    """The day of booking, else of value, as it is written. Raises ValueError."""
    text = node.get("BookgDt/Dt", "BookgDt/DtTm", "ValDt/Dt", "ValDt/DtTm")
    match = DAY.match(text)
    if match is None:
        raise ValueError(f"{shown(text)} is no date such as 2024-12-31" if text else "no date")
    return storable(date(*map(int, match.groups())), text)


def parts_of(
    node: Node, details: list[Node], amount: Decimal, currency: str
) -> list[tuple[Node | None, Decimal]]:
    """The details with their amounts where they make up the entry, else the entry as one."""
    if len(details) == 1:
        return [(details[0], amount)]
    parts: list[tuple[Node | None, Decimal]] = []
    side = node.get("CdtDbtInd")
    for detail in details:
        for path in ("Amt", "AmtDtls/TxAmt/Amt"):
            if detail.all(path) and currency_of(detail, path) == currency:
                try:
                    parts.append((detail, signed(detail, path, side)))
                except ValueError:
                    return [(None, amount)]
                break
    if len(parts) == len(details) > 1 and sum(part for _, part in parts) == amount:
        return parts
    return [(None, amount)]


def texts_of(node: Node, details: list[Node], amount: Decimal) -> list[str]:
    """Who it was with and what for; what the bank says of it where nobody else says anything."""
    other = ("Dbtr", "UltmtDbtr") if amount > 0 else ("Cdtr", "UltmtCdtr")
    sides = (*other, "Cdtr", "Dbtr")
    paths = [f"RltdPties/{side}/{path}" for side in sides for path in ("Nm", "Pty/Nm")]
    texts = []
    for detail in details:
        texts.append(detail.get(*paths))
        texts.append(" ".join(each.text.strip() for each in detail.all("RmtInf/Ustrd")))
        texts.append(detail.get("RmtInf/Strd/CdtrRefInf/Ref", "AddtlTxInf"))
    if not any(texts):
        texts.append(node.get("AddtlNtryInf", "BkTxCd/Prtry/Cd", "BkTxCd/Domn/Fmly/SubFmlyCd"))
    return texts


def own_id(node: Node, detail: Node | None) -> str:
    """The bank's own reference; that of a detail if it has one."""
    return (detail.get("Refs/AcctSvcrRef") if detail else "") or node.get("AcctSvcrRef")


def reference(detail: Node) -> str:
    return detail.get("Refs/EndToEndId", "Refs/TxId", "Refs/MndtId")
