"""Random statements, written in each format and read back; cut, repeated and in another order."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.imports import Export, Hints, read_export
from budget.tests import test_import_coda as coda_file
from budget.tests.statements import CAMT, OFX
from budget.tests.workbooks import Cell, write_workbook

pytestmark = pytest.mark.once

WORDS = ("Shop", "Market", "Café Größe", "Bar & Grill", "Rent", "O'Neil")


@dataclass(frozen=True)
class Movement:
    day: date
    amount: Decimal
    text: str
    number: int


def movements(least: int = 1) -> st.SearchStrategy[list[Movement]]:
    cents = st.integers(-99_999_999, 99_999_999).filter(bool)
    made = st.builds(
        Movement,
        day=st.dates(date(2000, 1, 1), date(2068, 12, 31)),
        amount=cents.map(lambda number: Decimal(number).scaleb(-2)),
        text=st.sampled_from(WORDS),
        number=st.integers(1, 10**9),
    )
    return st.lists(made, min_size=least, max_size=12, unique_by=lambda each: each.number)


Write = Callable[[Path, Sequence[Movement]], None]


def ofx(path: Path, found: Sequence[Movement]) -> None:
    path.write_text(
        OFX.format(
            "\n".join(
                f"<STMTTRN><TRNTYPE>OTHER<DTPOSTED>{each.day:%Y%m%d}120000[-5:EST]"
                f"<TRNAMT>{each.amount}<FITID>F{each.number}<NAME>{escape(each.text)}</STMTTRN>"
                for each in found
            )
        ),
        encoding="utf-8",
    )


def ofx_xml(path: Path, found: Sequence[Movement]) -> None:
    rows = "".join(
        f"<STMTTRN><TRNTYPE>OTHER</TRNTYPE><DTPOSTED>{each.day:%Y%m%d}</DTPOSTED>"
        f"<TRNAMT>{each.amount}</TRNAMT><FITID>F{each.number}</FITID>"
        f"<NAME>{escape(each.text)}</NAME></STMTTRN>\n"
        for each in found
    )
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<?OFX OFXHEADER="200" VERSION="211"?>\n'
        "<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>EUR</CURDEF><BANKACCTFROM><BANKID>1</BANKID>"
        "<ACCTID>4711</ACCTID><ACCTTYPE>CHECKING</ACCTTYPE></BANKACCTFROM>"
        f"<BANKTRANLIST>{rows}</BANKTRANLIST></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>",
        encoding="utf-8",
    )


def qif(path: Path, found: Sequence[Movement]) -> None:
    records = (
        f"D{each.day:%m/%d/%Y}\nT{each.amount:,}\nP{each.text}\nN{each.number}\n^\n"
        for each in found
    )
    path.write_text(f"!Type:Bank\n{''.join(records)}", encoding="utf-8")


# What each kind of camt has around its entries.
CAMT_KINDS = {
    "camt.052": ("BkToCstmrAcctRpt", "Rpt"),
    "camt.053": ("BkToCstmrStmt", "Stmt"),
    "camt.054": ("BkToCstmrDbtCdtNtfctn", "Ntfctn"),
}


def camt(kind: str) -> Write:
    """Of one kind and version: since 001.07 the status is in a separate element."""
    root, part = CAMT_KINDS[kind[:8]]
    booked = "<Sts><Cd>BOOK</Cd></Sts>" if kind[-2:] > "06" else "<Sts>BOOK</Sts>"

    def write(path: Path, found: Sequence[Movement]) -> None:
        content = CAMT.format(kind=kind, body="".join(camt_entries(found, booked)))
        content = content.replace("BkToCstmrStmt", root)
        path.write_text(re.sub(r"(</?)Stmt>", rf"\1{part}>", content), encoding="utf-8")

    return write


def camt_entries(found: Sequence[Movement], booked: str) -> Iterator[str]:
    return (
        f'<Ntry><Amt Ccy="EUR">{abs(each.amount)}</Amt>'
        f"<CdtDbtInd>{'CRDT' if each.amount > 0 else 'DBIT'}</CdtDbtInd>{booked}"
        f"<BookgDt><Dt>{each.day}</Dt></BookgDt><AcctSvcrRef>R{each.number}</AcctSvcrRef>"
        f"<NtryDtls><TxDtls><RmtInf><Ustrd>{escape(each.text)}</Ustrd></RmtInf></TxDtls>"
        "</NtryDtls></Ntry>"
        for each in found
    )


def mt940(path: Path, found: Sequence[Movement]) -> None:
    moved = sum((each.amount for each in found), Decimal("1000000000.00"))
    lines = [":20:REF", ":25:BANK/4711", ":28C:1/1", ":60F:C000101EUR1000000000,00"]
    for each in found:
        marks = ("C", "RD") if each.amount > 0 else ("D", "RC")
        mark = marks[each.number % 2]
        amount = f"{abs(each.amount)}".replace(".", ",")
        lines.append(f":61:{each.day:%y%m%d}{each.day:%m%d}{mark}{amount}NMSC{each.number}")
        lines.append(f":86:{each.text}")
    lines += [f":62F:C681231EUR{moved}".replace(".", ","), "-", ""]
    path.write_text("\r\n".join(lines), encoding="utf-8")


def norma43(path: Path, found: Sequence[Movement]) -> None:
    def side(amount: Decimal) -> str:
        return f"{1 if amount < 0 else 2}{abs(int(amount * 100)):014}"

    lines = [f"11{'1' * 18}000101681231{side(Decimal())}9783"]
    for each in found:
        day = f"{each.day:%y%m%d}"
        lines.append(f"22    1234{day}{day}12040{side(each.amount)}{each.number:010}")
        lines.append(f"2301{each.text}")
    out = [each.amount for each in found if each.amount < 0]
    came = [each.amount for each in found if each.amount > 0]
    totals = f"{len(out):05}{side(sum(out, Decimal()))[1:]}{len(came):05}"
    totals += side(sum(came, Decimal()))[1:]
    lines.append(f"33{'1' * 18}{totals}{side(sum((*out, *came), Decimal()))}978")
    path.write_text("\n".join(lines), encoding="cp1252")


def coda(path: Path, found: Sequence[Movement]) -> None:
    moves = [
        coda_file.movement(
            number,
            int(each.amount * 100),
            each.text,
            day=f"{each.day:%d%m%y}",
            reference=f"R{each.number}",
        )
        for number, each in enumerate(found, 1)
    ]
    cents = [int(each.amount * 100) for each in found]
    content = coda_file.statement(
        *moves,
        moved=sum(cents),
        debit=-sum(each for each in cents if each < 0),
        credit=sum(each for each in cents if each > 0),
    )
    path.write_bytes(content.encode("cp1252"))


def own(path: Path, found: Sequence[Movement]) -> None:
    """As this service exports: positive amounts, and a type."""
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(("id", "date", "category", "description", "amount", "type", "external_id"))
    for each in found:
        slug = "expense" if each.amount < 0 else "income"
        amount = f"{abs(each.amount)}"
        lines.writerow((each.number, each.day, "Food", each.text, amount, slug, f"x:{each.number}"))
    path.write_text(text.getvalue(), encoding="utf-8")


def workbook(path: Path, found: Sequence[Movement]) -> None:
    rows: list[list[Cell]] = [["Date", "Description", "Amount", "Reference"]]
    rows += [[each.day, each.text, float(each.amount), each.number] for each in found]
    write_workbook(path, {"Sheet": rows})


def table(
    header: Sequence[str] | None,
    cells: Callable[[Movement], Sequence[str]],
    delimiter: str = ",",
    encoding: str = "utf-8",
    preamble: str = "",
) -> Write:
    def write(path: Path, found: Sequence[Movement]) -> None:
        text = io.StringIO()
        lines = csv.writer(text, delimiter=delimiter)
        lines.writerows([header] if header else [])
        lines.writerows(cells(each) for each in found)
        path.write_bytes((preamble + text.getvalue()).encode(encoding))

    return write


def comma(amount: Decimal) -> str:
    """As in 1.234,50."""
    return f"{amount:,}".translate(str.maketrans(",.", ".,"))


def out(each: Movement) -> str:
    return f"{-each.amount}" if each.amount < 0 else ""


def income(each: Movement) -> str:
    return f"{each.amount}" if each.amount > 0 else ""


FORMATS: dict[str, Write] = {
    "ofx": ofx,
    "qif": qif,
    "ofx xml": ofx_xml,
    "camt.052.001.02": camt("camt.052.001.02"),
    "camt.053.001.08": camt("camt.053.001.08"),
    "camt.053.001.13": camt("camt.053.001.13"),
    "camt.054.001.04": camt("camt.054.001.04"),
    "norma 43": norma43,
    "coda": coda,
    "own": own,
    "mt940": mt940,
    "xlsx": workbook,
    "english": table(
        ("Date", "Description", "Amount", "Reference"),
        lambda each: (f"{each.day:%m/%d/%Y}", each.text, f"${each.amount:,}", str(each.number)),
    ),
    "german": table(
        ("Buchungstag", "Verwendungszweck", "Betrag", "Referenz"),
        lambda each: (f"{each.day:%d.%m.%Y}", each.text, comma(each.amount), str(each.number)),
        ";",
        "cp1252",
        "Kontoauszug;\r\n\r\n",
    ),
    "debit and credit": table(
        ("Date", "Details", "Paid out", "Paid in", "Reference"),
        lambda each: (f"{each.day}", each.text, out(each), income(each), str(each.number)),
    ),
    "a column of signs": table(
        ("Datum", "Omschrijving", "Af Bij", "Bedrag", "Referentie"),
        lambda each: (
            f"{each.day:%Y%m%d}",
            each.text,
            "Bij" if each.amount > 0 else "Af",
            comma(abs(each.amount)),
            str(each.number),
        ),
        "\t",
        "utf-16",
    ),
    "no header": table(
        None, lambda each: (f"{each.day:%d %b %Y}", each.text, f"{each.amount}", f"R{each.number}")
    ),
}
# What a person would say where nothing in a short file tells.
ANSWERS = {"signs": "spent-is-negative"}
ORDER = {"qif": "month-first", "english": "month-first"}


def read(path: Path, name: str) -> Export:
    answers = ANSWERS | ({"dates": ORDER[name]} if name in ORDER else {})
    answers |= {"decimal": "comma" if name in ("german", "a column of signs") else "point"}
    return read_export(path, Hints(answers=answers))


def written(name: str, found: Sequence[Movement]) -> Export:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "export"
        FORMATS[name](path, found)
        return read(path, name)


def told(export: Export) -> list[tuple[date, Decimal, str]]:
    return sorted(
        (row.date, -row.amount if row.type == "expense" else row.amount, row.description)
        for _, row in export.rows
    )


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=5, deadline=None)
@given(found=movements())
def test_what_is_written_is_read(name: str, found: list[Movement]) -> None:
    export = written(name, found)
    assert told(export) == sorted((each.day, each.amount, each.text) for each in found)
    assert export.left_out == []
    assert export.notes == []


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=5, deadline=None)
@given(found=movements(2), random=st.randoms(use_true_random=False), data=st.data())
def test_a_part_in_another_order_has_ids_of_the_whole(
    name: str, found: list[Movement], random: Random, data: st.DataObject
) -> None:
    """So importing parts, the whole and parts again stores each row once."""
    whole = dict(written(name, found).rows)
    assert len(whole) == len(found)
    part = found[: data.draw(st.integers(1, len(found)))]
    random.shuffle(part)
    for number, row in written(name, part).rows:
        same = whole[number]
        assert (row.date, row.amount, row.type, row.description) == (
            same.date,
            same.amount,
            same.type,
            same.description,
        )
