"""OFX, QIF, MT940 and camt as banks write them, whatever is odd around two movements."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from budget.tests.statements import OFX, camt, entry, read, told
from budget.tests.statements import movement as ofx_movement

pytestmark = pytest.mark.once

SAME = [("2024-03-15", "1012.50", "expense"), ("2024-03-16", "2000.00", "income")]
ENTRIES = [ofx_movement("-1012.50", "Kiosk", "1", "20240315")]
ENTRIES += [ofx_movement("2000.00", "Employer", "2", "20240316")]
STATEMENT = OFX.format("\n".join(ENTRIES))
HEADER = STATEMENT[: STATEMENT.index("<OFX>")]

# What is put for what, as a regular expression.
OFX_ODDITIES: dict[str, tuple[str, str]] = {
    "no header": (r"\A[\s\S]*?(?=<OFX>)", ""),
    "blank lines first": (r"\A", "\n\n"),
    "a byte order mark": (r"\A", "\ufeff"),
    "the header on one line": (r"\n(?=[A-Z]+:|\n)", " "),
    "no CHARSET": (r"CHARSET:1252\n", ""),
    "CHARSET NONE": (r"CHARSET:1252", "CHARSET:NONE"),
    "an encoding by its other name": (r"USASCII", "ISO-8859-1"),
    "lines end in CR LF": (r"\n", "\r\n"),
    "a time and a zone": (r"(<DTPOSTED>[0-9]+)", r"\g<1>120000.000[-5:EST]"),
    "dates with dashes": (r"<DTPOSTED>(....)(..)(..)", r"<DTPOSTED>\1-\2-\3"),
    "a plus sign": (r"<TRNAMT>2", "<TRNAMT>+2"),
    "a decimal comma": (r"(<TRNAMT>-?[0-9]+)\.", r"\1,"),
    "thousands": (r"(<TRNAMT>-?[0-9])([0-9]{3}\.)", r"\1,\2"),
    "German thousands": (r"(<TRNAMT>-?[0-9])([0-9]{3})\.", r"\1.\2,"),
    "blanks around values": (r"<TRNAMT>(\S+)", r"<TRNAMT> \1 "),
    "no FITID": (r"<FITID>.\n", ""),
    "one FITID for both": (r"<FITID>2", "<FITID>1"),
    "no TRNTYPE": (r"<TRNTYPE>OTHER\n", ""),
    "a bare ampersand": (r"Kiosk", "Kiosk & Co"),
    "a memo and no name": (r"<NAME>", "<MEMO>"),
    "a payee": (r"<NAME>(.*)", r"<PAYEE><NAME>\1<ADDR1>X<CITY>Y<POSTALCODE>1</PAYEE>"),
    "closing tags": (r"<(TRNAMT|FITID|NAME)>(.*)", r"<\1>\2</\1>"),
    "no closing tags": (r"</STMTTRN>", ""),
    "cut off at the end": (r"</STMTRS>[\s\S]*", ""),
    "no currency": (r"<CURDEF>EUR", ""),
    "small letters": (r"</?[A-Z]+>", "lower"),
}


@pytest.mark.parametrize("name", OFX_ODDITIES)
def test_ofx_reads_as_it_is_meant(tmp_path: Path, name: str) -> None:
    old, new = OFX_ODDITIES[name]
    replaced = re.sub(old, (lambda m: m[0].lower()) if new == "lower" else new, STATEMENT)
    assert replaced != STATEMENT
    found = told(read(tmp_path, replaced))
    assert [row[:3] for row in found] == SAME
    assert found[0][3].startswith("Kiosk")


QIF_DAYS = (
    "3/15'24|3/16'24",
    "3/15' 24|3/16' 24",
    "03/15/24|03/16/24",
    "15.03.24|16.03.24",
    "15/3/2024|16/3/2024",
    "15/03'2024|16/03'2024",
    "2024-03-15|2024-03-16",
    "20240315|20240316",
    "15-Mar-2024|16-Mar-2024",
    "15 Mar 24|16 Mar 24",
)
QIF = "!Type:Bank\nD15.03.2024\nT-1012.50\nPKiosk\n^\nD16.03.2024\nT2000.00\nPEmployer\n^\n"
QIF_ODDITIES: dict[str, tuple[str, str]] = {
    "no header": (r"!Type:Bank\n", ""),
    "no end of the last record": (r"\^\n\Z", ""),
    "small letters": (r"!Type:Bank", "!type:bank"),
    "a blank behind the kind": (r"Bank\n", "Bank \n"),
    "U for T": (r"\nT", "\nU"),
    "T and U": (r"\nT(.*)", r"\nU\1\nT\1"),
    "lines end in CR LF": (r"\n", "\r\n"),
    "lines end in CR": (r"\n", "\r"),
    "a byte order mark": (r"\A", "\ufeff"),
    "blank lines": (r"(!Type:Bank|\^)\n", r"\1\n\n"),
    "dollar signs": (r"\nT(-?)", r"\nT\1$"),
    "thousands": (r"([12])(0[01][02]\.)", r"\1,\2"),
    "German amounts": (r"([12])(0[01][02])\.", r"\1.\2,"),
    "a list of categories first": (r"\A", "!Type:Cat\nNFood\nE\n^\n"),
    "the account first": (r"\A", "!Option:AutoSwitch\n!Account\nNBank\nTBank\n^\n"),
}


@pytest.mark.parametrize("days", QIF_DAYS)
def test_a_day_of_qif_is_read_however_it_is_written(tmp_path: Path, days: str) -> None:
    first, second = days.split("|")
    content = QIF.replace("15.03.2024", first).replace("16.03.2024", second)
    assert [row[:3] for row in told(read(tmp_path, content))] == SAME


@pytest.mark.parametrize("name", QIF_ODDITIES)
def test_qif_reads_as_it_is_meant(tmp_path: Path, name: str) -> None:
    replaced = re.sub(*QIF_ODDITIES[name], QIF)
    assert replaced != QIF
    assert [row[:3] for row in told(read(tmp_path, replaced))] == SAME


MT940 = (
    ":20:1\r\n:25:BANK/4711\r\n:28C:1/1\r\n:60F:C240314EUR2000,00\r\n"
    ":61:2403150315D1012,50NMSCNONREF\r\n:86:Kiosk\r\n"
    ":61:2403160316C2000,00NMSCNONREF\r\n:86:Employer\r\n:62F:C240316EUR2987,50\r\n-\r\n"
)
MT940_ODDITIES: dict[str, tuple[str, str]] = {
    "in the blocks of SWIFT": (r"\A([\s\S]*)-\r\n\Z", "{1:F01X}{2:O940X}{4:\r\n\\1-}\r\n"),
    "lines of the bank first": (r"\A", "ABNANL2A\r\n940\r\nABNANL2A\r\n"),
    "blank lines first": (r"\A", "\r\n\r\n"),
    "another first field": (r"\A", ":940:\r\n"),
    "no day of entry": (r"(:61:......)....", r"\1"),
    "no cents": (r"2000,00N", "2000,N"),
    "lines end in LF": (r"\r\n", "\n"),
    "blanks at the ends of lines": (r"\r\n", " \r\n"),
    "the older number": (r":28C:", ":28:"),
    "no end": (r"-\r\n\Z", ""),
    "a letter of the currency": (r"([DC])([12]0[01][02],[05]0NM)", r"\1R\2"),
    "another kind": (r"NMSC", "S103"),
    "no reference": (r"NONREF", ""),
    "a reference of the bank": (r"NMSCNONREF", "NTRFEREF//12345678901234\r\n/TRCD/00100/"),
    "text over lines": (r"Kiosk", "Kiosk\r\nin York\r\nand more"),
    "an interim report": (r":60F:.*\r\n", ":34F:EUR0,\r\n:13D:2403161000+0100\r\n"),
}


@pytest.mark.parametrize("name", MT940_ODDITIES)
def test_mt940_reads_as_it_is_meant(tmp_path: Path, name: str) -> None:
    replaced = re.sub(*MT940_ODDITIES[name], MT940)
    assert replaced != MT940
    found = told(read(tmp_path, replaced))
    assert [row[:3] for row in found] == SAME
    assert found[0][3].startswith("Kiosk")


CAMT = camt(entry("1012.50", day="2024-03-15"), entry("2000.00", "CRDT", day="2024-03-16"))
CAMT_ODDITIES: dict[str, tuple[str, str]] = {
    "a time beside the day": (r"<Dt>(.*?)</Dt>", r"<DtTm>\1T10:00:00+01:00</DtTm>"),
    "only a day of value": (r"BookgDt", "ValDt"),
    "names with a prefix": (r"<(/?)(?=[A-Z])", r"<\1n:"),
    "a byte order mark": (r"\A", "\ufeff"),
    "no declaration": (r"\A.*\n", ""),
    "a comment first": (r"\A.*\n", "<!-- made by a bank -->"),
    "a status in an element": (r"<Sts>BOOK", "<Sts><Cd>BOOK</Cd>"),
    "no status": (r"<Sts>BOOK</Sts>", ""),
    "line feeds around an amount": (r"1012.50", "\n 1012.5\n"),
    "five decimals": (r"2000.00", "2000.00000"),
    "no decimals": (r"2000.00", "2000"),
}


@pytest.mark.parametrize("name", CAMT_ODDITIES)
def test_camt_reads_as_it_is_meant(tmp_path: Path, name: str) -> None:
    replaced = re.sub(*CAMT_ODDITIES[name], CAMT)
    if "n:Document" in replaced:
        replaced = replaced.replace("xmlns=", "xmlns:n=")
    assert replaced != CAMT
    assert [row[:3] for row in told(read(tmp_path, replaced))] == SAME


def test_camt_of_two_bytes_a_character(tmp_path: Path) -> None:
    content = CAMT.replace("UTF-8", "UTF-16").encode("utf-16")
    assert [row[:3] for row in told(read(tmp_path, content))] == SAME


KINDS: dict[str, bytes] = {
    "OFX statement": STATEMENT.encode(),
    "camt statement": CAMT.encode(),
    "QIF file": QIF.encode(),
    "MT940 statement": MT940.encode(),
    "CSV": '"Datum";"Zweck";"Betrag"\n"15.03.2024";"Café; Bar";"-12,50"\n'.encode("cp1252"),
    "Monzo export": (
        b"Transaction ID,Date,Time,Type,Name,Emoji,Category,Amount,Currency\n"
        b"tx_1,15/03/2024,10:00:00,Card payment,Kiosk,,Food,-12.50,GBP\n"
    ),
    "Wise statement": (
        b"TransferWise ID,Date,Amount,Currency,Description,Running Balance,Merchant\n"
        b"CARD-1,15-03-2024,-12.50,EUR,Kiosk,87.50,Kiosk\n"
    ),
}


@pytest.mark.parametrize("title", KINDS)
def test_a_file_is_called_what_it_is_and_needs_no_mapping(tmp_path: Path, title: str) -> None:
    export = read(tmp_path, KINDS[title])
    assert export.title == title
    assert len(export.rows) in (1, 2)
