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
    other: Callable[[Movement], Sequence[str]] | None = None,
) -> Write:
    """other: the cells of a second line of each movement."""

    def write(path: Path, found: Sequence[Movement]) -> None:
        text = io.StringIO()
        lines = csv.writer(text, delimiter=delimiter)
        lines.writerows([header] if header else [])
        for each in found:
            lines.writerow(cells(each))
            lines.writerows([other(each)] if other else [])
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
    "mint": table(
        (
            "Date",
            "Description",
            "Original Description",
            "Amount",
            "Transaction Type",
            "Category",
            "Account Name",
            "Labels",
            "Notes",
        ),
        lambda each: (
            f"{each.day.month}/{each.day.day}/{each.day.year}",
            each.text,
            f"{each.text} {each.number}",
            f"{abs(each.amount)}",
            "debit" if each.amount < 0 else "credit",
            "Other",
            "Main",
            "",
            "",
        ),
    ),
    "ynab": table(
        (
            "Account",
            "Flag",
            "Date",
            "Payee",
            "Category Group/Category",
            "Category Group",
            "Category",
            "Memo",
            "Outflow",
            "Inflow",
            "Cleared",
        ),
        lambda each: (
            "Main",
            "",
            f"{each.day}",
            each.text,
            "Food: Shop",
            "Food",
            "Shop",
            "",
            f"€{max(-each.amount, Decimal('0.00'))}",
            f"€{max(each.amount, Decimal('0.00'))}",
            "Cleared",
        ),
    ),
    "firefly": table(
        (
            "user_id",
            "group_id",
            "journal_id",
            "created_at",
            "updated_at",
            "group_title",
            "type",
            "currency_code",
            "amount",
            "foreign_currency_code",
            "foreign_amount",
            "description",
            "date",
            "source_name",
            "destination_name",
            "category",
        ),
        lambda each: (
            "1",
            "1",
            str(each.number),
            f"{each.day}T10:00:00+00:00",
            f"{each.day}T10:00:00+00:00",
            "",
            "Withdrawal" if each.amount < 0 else "Deposit",
            "EUR",
            f"{each.amount}",
            "",
            "",
            each.text,
            f"{each.day}T00:00:00+00:00",
            "Main",
            "Other",
            "Food",
        ),
    ),
    "actual": table(
        ("Account", "Date", "Payee", "Notes", "Category", "Amount", "Cleared"),
        lambda each: (
            "Main",
            f"{each.day}",
            each.text,
            "",
            "Food",
            f"{each.amount}",
            f"{each.number}",
        ),
    ),
    "monarch": table(
        (
            "Date",
            "Merchant",
            "Category",
            "Account",
            "Original Statement",
            "Notes",
            "Amount",
            "Tags",
        ),
        lambda each: (
            f"{each.day}",
            each.text,
            "Food",
            "Main",
            f"{each.text} {each.number}",
            "",
            f"{each.amount}",
            "",
        ),
    ),
    "lunch money": table(
        ("date", "payee", "amount", "currency", "category", "account_name", "id"),
        lambda each: (
            f"{each.day}",
            each.text,
            f"{each.amount}",
            "eur",
            "Food",
            "Main",
            f"{each.number}",
        ),
    ),
    "gnucash": table(
        (
            "Date",
            "Transaction ID",
            "Number",
            "Description",
            "Notes",
            "Commodity/Currency",
            "Full Account Name",
            "Account Name",
            "Amount Num.",
            "Reconcile",
        ),
        lambda each: (
            f"{each.day}",
            f"g{each.number}",
            "",
            each.text,
            "",
            "CURRENCY::EUR",
            "Assets:Bank",
            "Bank",
            f"{each.amount:,}",
            "n",
        ),
        other=lambda each: (
            "",
            "",
            "",
            "",
            "",
            "",
            "Expenses:Food",
            "Food",
            f"{-each.amount:,}",
            "n",
        ),
    ),
    "paypal": table(
        (
            "Date",
            "Time",
            "Time Zone",
            "Name",
            "Type",
            "Status",
            "Currency",
            "Gross",
            "Fee",
            "Net",
            "Transaction ID",
        ),
        lambda each: (
            f"{each.day:%m/%d/%Y}",
            "10:00:00",
            "PDT",
            each.text,
            "Express Checkout Payment",
            "Completed",
            "EUR",
            f"{each.amount:,}",
            "0.00",
            f"{each.amount:,}",
            f"P{each.number}",
        ),
    ),
    "revolut": table(
        (
            "Type",
            "Product",
            "Started Date",
            "Completed Date",
            "Description",
            "Amount",
            "Fee",
            "Currency",
            "State",
            "Balance",
        ),
        lambda each: (
            "CARD_PAYMENT",
            "Current",
            f"{each.day} 10:00:{each.number % 60:02}",
            f"{each.day} 11:00:00",
            each.text,
            f"{each.amount}",
            "0.00",
            "EUR",
            "COMPLETED",
            "",
        ),
    ),
    "wise": table(
        (
            "TransferWise ID",
            "Date",
            "Amount",
            "Currency",
            "Description",
            "Payment Reference",
            "Running Balance",
            "Exchange From",
            "Exchange To",
            "Exchange Rate",
            "Payer Name",
            "Payee Name",
            "Payee Account Number",
            "Merchant",
            "Total fees",
        ),
        lambda each: (
            f"CARD-{each.number}",
            f"{each.day:%d-%m-%Y}",
            f"{each.amount}",
            "EUR",
            each.text,
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            "",
            "0.00",
        ),
    ),
    "monzo": table(
        (
            "Transaction ID",
            "Date",
            "Time",
            "Type",
            "Name",
            "Emoji",
            "Category",
            "Amount",
            "Currency",
            "Local amount",
            "Local currency",
            "Notes and #tags",
        ),
        lambda each: (
            f"tx_{each.number}",
            f"{each.day:%d/%m/%Y}",
            "10:00:00",
            "Card payment",
            each.text,
            "",
            "Eating out",
            f"{each.amount}",
            "EUR",
            f"{each.amount}",
            "EUR",
            "",
        ),
    ),
    "n26": table(
        (
            "Booking Date",
            "Value Date",
            "Partner Name",
            "Partner Iban",
            "Type",
            "Payment Reference",
            "Account Name",
            "Amount (EUR)",
        ),
        lambda each: (
            f"{each.day}",
            f"{each.day}",
            each.text,
            "",
            "Presentment",
            "",
            "Main",
            f"{each.amount}",
        ),
    ),
    "no header": table(
        None, lambda each: (f"{each.day:%d %b %Y}", each.text, f"{each.amount}", f"R{each.number}")
    ),
}
# What a person would say where nothing in a short file tells.
ANSWERS = {"signs": "spent-is-negative", "accounts": "Assets:Bank"}
ORDER = dict.fromkeys(("qif", "english", "paypal"), "month-first")


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
    # A journal has the other account of each movement on a separate line.
    assert {left.reason for left in export.left_out} <= {"the other side of an entry"}
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
