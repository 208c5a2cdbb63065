"""MT940 and MT942 of SWIFT, by the library mt-940.

Two things are ours: the sign, as the library leaves that of a returned credit (mark RC) as it was
(findings/mt940_reversal_of_credit.sh), and the text of field :86:, whose parts differ by bank.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import mt940

from budget.imports.detect.encoding import find_encoding
from budget.imports.formats.statement import Account, Movement, balance_note, read_bytes
from budget.imports.reading import Hints, Reading
from budget.imports.rows import BadFile, BadLine, Item, Note
from budget.imports.values import exact

TITLE = "MT940 statement"
PREFIX = "mt940"
START = re.compile(
    rb"\s*(\{1:|:20:|:940:|\{4:)|[\s\S]{0,600}?^:20:[^\r\n]*\r?\n(:21:.*\r?\n)?:25:", re.MULTILINE
)
BLOCK = re.compile(r"(?m)^(?=:20:)")
# The library's patterns look at a field as a whole; no bank writes one nearly as long.
MOST_FIELD = 10_000
# Subfields of :86: as German banks have them: purpose, and name of the other side.
SUBFIELD = re.compile(r"\?([0-9]{2})")
PURPOSE = frozenset({*map(str, range(20, 30)), *map(str, range(60, 64))})
NAMES = frozenset({"32", "33"})
# Words of :86: as Dutch banks have them.
SLASHED = re.compile(
    r"/(NAME|REMI|CNTP|ORDP|BENM|EREF|MARF|TRTP|IBAN|BIC|ID|CSID|RTRN|ISDT|ULTD|ULTC|PURP)/"
)
# What a SEPA payment is for, among the words of its purpose that name references.
FOR = re.compile(r"SVWZ\+(.*?)(?=(?:EREF|KREF|MREF|CRED|DEBT|COAM|OAMT|ABWA|ABWE|IBAN|BIC)\+|$)")
OUT = {"C": 1, "D": -1, "RC": -1, "RD": 1, "EC": 1, "ED": -1}


def recognises(start: bytes) -> bool:
    return START.match(start) is not None


def read(path: Path, hints: Hints) -> Reading:
    """Raises OSError and BadFile."""
    text = read_bytes(path).decode(find_encoding(path), errors="replace")
    text = re.sub(r"\r\n?", "\n", text.removeprefix("\ufeff"))
    return Reading(TITLE, PREFIX, rows(text))


def rows(text: str) -> Iterator[Item]:
    line, found = 1, False
    for block in BLOCK.split(text):
        if block.startswith(":20:"):
            for item in statement(block, line):
                found = found or not isinstance(item, Note)
                yield item
        line += block.count("\n")
    if not found:
        yield Note("the file has no movements of money")


def statement(block: str, first: int) -> Iterator[Item]:
    """The movements of one statement, and whether they lead from balance to balance."""
    lines = [first + at for at, text in enumerate(block.split("\n")) if text.startswith(":61:")]
    check_length(block, first)
    try:
        found = mt940.parse(block, processors={"post_transaction_details": []})
    except (RuntimeError, ValueError, ArithmeticError, KeyError) as error:
        yield BadLine(wrong_line(block, first), f"no statement of MT940: {cause(error)}")
        return
    data = found.data
    account = Account(str(data.get("account_identification", "")), found.currency or "")
    movements = [each.data for each in found if each.data.get("amount") is not None]
    moved = Decimal()
    for line, values in zip(lines, movements, strict=False):
        try:
            amount = signed(values)
        except KeyError:
            yield BadLine(line, f"the mark {values.get('status')!r} is not one of {', '.join(OUT)}")
            continue
        except ValueError as error:
            yield BadLine(line, str(error))
            continue
        moved += amount
        yield movement(line, account, values, amount).row()
    if len(lines) != len(movements):
        yield BadLine(first, f"{len(lines)} lines :61:, and {len(movements)} of them can be read")
    opening, closing = (
        data.get(f"final_{end}_balance") or data.get(f"intermediate_{end}_balance")
        for end in ("opening", "closing")
    )
    if opening and closing:
        note = balance_note(account, opening.amount.amount, moved, closing.amount.amount)
        if note:
            yield note


def check_length(block: str, first: int) -> None:
    """Raises BadFile for a field that is too long to be one."""
    at = 0
    for field in re.split(r"(?m)^(?=:[0-9A-Z]{2,3}:)", block):
        if len(field) > MOST_FIELD:
            reason = f"a field of {len(field)} characters, at most {MOST_FIELD} are read"
            raise BadFile([BadLine(first + block.count("\n", 0, at), reason)])
        at += len(field)


def wrong_line(block: str, first: int) -> int:
    """The first line :61: or :60: that does not look like one; else that of the statement."""
    right = re.compile(r":61:[0-9]{6}([0-9]{4})?R?E?[CD][A-Z]?[0-9]+,[0-9]*")
    for at, text in enumerate(block.split("\n")):
        if text.startswith(":61:") and not right.match(text):
            return first + at
    return first


def cause(error: Exception) -> str:
    return str(error).split("\n")[0][:200]


def signed(values: dict[str, Any]) -> Decimal:
    """The amount; what leaves the account is below zero, a returned credit too.

    Raises KeyError for an unknown mark, and ValueError for more than two decimals.
    """
    text = str(abs(values["amount"].amount))
    return exact(text, text) * OUT[values["status"]]


def movement(line: int, account: Account, values: dict[str, Any], amount: Decimal) -> Movement:
    """A movement on its day of booking."""
    booked = values.get("entry_date") or values["date"]
    day = date(booked.year, booked.month, booked.day)
    references = [str(values.get(name) or "") for name in ("customer_reference", "bank_reference")]
    return Movement(
        line=line,
        account=account,
        date=day,
        amount=amount,
        texts=texts_of(str(values.get("transaction_details") or ""), values),
        # Banks use a reference for several movements, so it only helps to tell them apart.
        marks=references,
        back=values["status"] == "RD",
        currency=str(values.get("currency") or ""),
    )


def texts_of(details: str, values: dict[str, Any]) -> list[str]:
    """Who and what for, from :86: in whatever form, else what :61: says beside the amount."""
    joined = details.replace("\n", "")
    if re.match(r"[0-9]{3}\?", joined):
        parts = SUBFIELD.split(joined[3:])[1:]
        pairs = list(zip(parts[::2], parts[1::2], strict=False))
        name = "".join(text for code, text in pairs if code in NAMES)
        purpose = "".join(text for code, text in pairs if code in PURPOSE)
        if match := FOR.search(purpose):
            purpose = match[1]
        kind = "".join(text for code, text in pairs if code == "00")
        return [name, purpose] if name.strip() or purpose.strip() else [kind]
    if SLASHED.search(joined):
        parts = SLASHED.split(joined)[1:]
        pairs = list(zip(parts[::2], parts[1::2], strict=False))
        return [text.strip("/ ") for code, text in pairs if code in ("NAME", "REMI")] or [joined]
    text = " ".join(details.split("\n"))
    extra = str(values.get("extra_details") or "")
    reference = str(values.get("customer_reference") or "")
    return [text] if text.strip() else [extra or ("" if reference == "NONREF" else reference)]
