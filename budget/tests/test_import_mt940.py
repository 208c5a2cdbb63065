"""MT940: marks and signs, texts of field :86: as banks write them, balances."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import mt940
import pytest

from budget.imports import BadFile
from budget.tests.statements import read, rows, told

pytestmark = pytest.mark.once


def statement(*lines: str, opening: str = "C240304EUR1000,00", closing: str = "") -> str:
    ends = [f":62F:{closing}"] if closing else []
    head = [":20:REF1", ":25:12345678/0000004711", ":28C:1/1", f":60F:{opening}"]
    return "\n".join([*head, *lines, *ends, "-", ""])


def movement(mark: str, amount: str, text: str = "Shop", more: str = "NONREF") -> str:
    return f":61:2403050305{mark}{amount}NMSC{more}\n:86:{text}"


def test_a_returned_credit_leaves_the_account_and_a_returned_debit_comes_back(
    tmp_path: Path,
) -> None:
    content = statement(
        movement("C", "50,00", "Advance"),
        movement("RC", "50,00", "Advance taken back"),
        movement("D", "20,", "Card"),
        movement("RD", "20,00", "Card refund"),
        movement("CR", "5,50", "Paid in"),
        movement("DR", "1,50", "Paid out"),
        closing="C240305EUR1004,00",
    )
    export = read(tmp_path, content)
    assert [found[1:] for found in told(export)] == [
        ("50.00", "income", "Advance"),
        ("50.00", "expense", "Advance taken back"),
        ("20.00", "expense", "Card"),
        ("20.00", "refund", "Card refund"),
        ("5.50", "income", "Paid in"),
        ("1.50", "expense", "Paid out"),
    ]
    assert export.notes == []
    assert (export.title, export.currency) == ("MT940 statement", "EUR")
    assert rows(export)[1].line == 7


def test_balances_that_do_not_agree_are_pointed_out(tmp_path: Path) -> None:
    content = statement(movement("D", "20,00"), closing="C240305EUR990,00")
    (note,) = read(tmp_path, content).notes
    assert "make 980.00, and the statement ends with 990.00" in note


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("166?00GUTSCHRIFT?20SVWZ+Inv 4?217 of May?32Bob?33by S", "Bobby S, Inv 47 of May"),
        ("166?00LASTSCHRIFT?20EREF+123?21SVWZ+Rent?32Landlord", "Landlord, Rent"),
        ("020?00GEBUEHREN", "GEBUEHREN"),
        ("/TRTP/SEPA/NAME/Market/REMI/Order 12/EREF/99", "Market, Order 12"),
        ("Card payment\nat the market", "Card payment at the market"),
    ],
)
def test_texts_as_banks_write_them(tmp_path: Path, field: str, text: str) -> None:
    assert told(read(tmp_path, statement(movement("D", "1,00", field))))[0][3] == text


def test_two_statements_of_two_accounts(tmp_path: Path) -> None:
    one = statement(movement("D", "1,00"))
    export = read(tmp_path, one + one.replace("4711", "4712"))
    assert len({number.rpartition(":")[0] for number, _ in export.rows}) == 2
    assert [row.line for row in rows(export)] == [5, 12]


def test_a_header_of_swift_is_passed_over(tmp_path: Path) -> None:
    content = "{1:F01BANKDEFFAXXX0}{2:I940}{4:\n" + statement(movement("D", "1,00"))
    assert len(read(tmp_path, content.replace("\n", "\r\n")).rows) == 1


def faults(folder: Path, content: str) -> list[tuple[int, str]]:
    with pytest.raises(BadFile) as caught:
        read(folder, content)
    return [(bad.line, bad.reason) for bad in caught.value.bad]


def test_a_line_that_is_none_is_named(tmp_path: Path) -> None:
    content = statement(movement("D", "1,00"), ":61:nonsense")
    ((line, reason),) = faults(tmp_path, content)
    assert line == 7
    assert reason.startswith("no statement of MT940: ")


def test_a_third_decimal_is_refused(tmp_path: Path) -> None:
    content = statement(movement("D", "1,005"))
    assert faults(tmp_path, content) == [(5, "amount '1.005' has more than two decimal places")]


def test_a_field_without_end_is_refused(tmp_path: Path) -> None:
    content = statement(movement("D", "1,00", "x" * 20_000))
    assert "a field of 20" in faults(tmp_path, content)[0][1]


@pytest.mark.parametrize("seed", range(5))
def test_the_library_and_what_was_written_agree(tmp_path: Path, seed: int) -> None:
    random = Random(seed)  # noqa: S311
    meant, lines = [], []
    for number in range(30):
        # Booked up to ten days before or after the day of value, also in another year.
        value = date(2023, 12, 31) + timedelta(days=random.randint(-5, 5))
        booked = value + timedelta(days=random.randint(-10, 10))
        mark, amount = random.choice("CD"), Decimal(random.randint(1, 10**8)) / 100
        written = f"{amount:.2f}".replace(".", ",").removesuffix("00")
        lines.append(f":61:{value:%y%m%d}{booked:%m%d}{mark}{written}NMSC{number}\n:86:Shop")
        meant.append((booked, amount if mark == "C" else -amount))
    content = statement(*lines)
    ours = [
        (row.date, row.amount if row.type == "income" else -row.amount)
        for row in rows(read(tmp_path, content))
    ]
    theirs = [
        (date(found.year, found.month, found.day), each.data["amount"].amount)
        for each in mt940.parse(content)
        for found in [each.data["entry_date"]]
    ]
    assert sorted(ours) == sorted(theirs) == sorted(meant)
