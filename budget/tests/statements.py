"""Statements in the formats of banks, written for tests, and what their rows are."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from budget.imports import Export, Hints, read_export
from budget.imports.rows import ParsedRow

Told = tuple[str, str, str, str]

OFX = """OFXHEADER:100
DATA:OFXSGML
VERSION:102
SECURITY:NONE
ENCODING:USASCII
CHARSET:1252
COMPRESSION:NONE
OLDFILEUID:NONE
NEWFILEUID:NONE

<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS>
<CURDEF>EUR
<BANKACCTFROM><BANKID>1<ACCTID>4711<ACCTTYPE>CHECKING</BANKACCTFROM>
<BANKTRANLIST>
{}
</BANKTRANLIST>
</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>
"""
CARD = OFX.replace("BANKMSGSRSV1", "CREDITCARDMSGSRSV1").replace("STMTTRNRS", "CCSTMTTRNRS")
CARD = CARD.replace("STMTRS", "CCSTMTRS").replace("CCCCSTMTRS", "CCSTMTRS")
CARD = CARD.replace("BANKACCTFROM", "CCACCTFROM")


def movement(amount: str, name: str = "Shop", fitid: str = "F1", day: str = "20240305") -> str:
    """A movement of OFX 1, without closing tags."""
    return (
        f"<STMTTRN>\n<TRNTYPE>OTHER\n<DTPOSTED>{day}\n<TRNAMT>{amount}\n<FITID>{fitid}\n"
        f"<NAME>{name}\n</STMTTRN>"
    )


CAMT = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{kind}">
<BkToCstmrStmt><GrpHdr><MsgId>M1</MsgId></GrpHdr>
<Stmt><Id>S1</Id><Acct><Id><IBAN>DE00000000000000004711</IBAN></Id><Ccy>EUR</Ccy></Acct>
{body}
</Stmt></BkToCstmrStmt></Document>
"""


def camt(*entries: str, kind: str = "camt.053.001.02") -> str:
    return CAMT.format(kind=kind, body="\n".join(entries))


def entry(
    amount: str,
    side: str = "DBIT",
    more: str = "",
    status: str = "<Sts>BOOK</Sts>",
    day: str = "2024-03-05",
    currency: str = "EUR",
) -> str:
    """An entry of camt."""
    return (
        f'<Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd>{status}'
        f"<BookgDt><Dt>{day}</Dt></BookgDt>{more}</Ntry>"
    )


def balance(code: str, amount: str, side: str = "CRDT") -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
        f'<Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{side}</CdtDbtInd></Bal>'
    )


def detail(text: str, amount: str = "", reference: str = "", name: str = "") -> str:
    """The details of one transaction within an entry."""
    who = f"<RltdPties><Cdtr><Nm>{name}</Nm></Cdtr></RltdPties>" if name else ""
    money = f'<Amt Ccy="EUR">{amount}</Amt>' if amount else ""
    refs = f"<Refs><EndToEndId>{reference}</EndToEndId></Refs>" if reference else ""
    return f"<TxDtls>{refs}{money}{who}<RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls>"


def read(folder: Path, content: str | bytes, name: str = "export", **answers: str) -> Export:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_export(file, Hints(answers=answers))


def rows(export: Export) -> list[ParsedRow]:
    return [row for _, row in export.rows]


def told(export: Export) -> list[Told]:
    """Day, amount, type and description of each row."""
    return [(str(row.date), str(row.amount), row.type, row.description) for row in rows(export)]


def sums(export: Export) -> dict[str, str]:
    """How much there is of each type."""
    found: dict[str, Decimal] = {}
    for row in rows(export):
        found[row.type] = found.get(row.type, Decimal()) + row.amount
    return {slug: str(amount) for slug, amount in found.items()}
