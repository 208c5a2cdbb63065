"""QIF: dates and amounts in whatever order and style, accounts, splits and transfers."""

from __future__ import annotations

from pathlib import Path

import pytest

from budget.imports import BadFile, Unclear
from budget.tests.statements import read, rows, told

pytestmark = pytest.mark.once


def record(day: str, amount: str, payee: str = "Shop", more: str = "") -> str:
    return f"D{day}\nT{amount}\nP{payee}\n{more}^\n"


def bank(*records: str, kind: str = "Bank") -> str:
    return f"!Type:{kind}\n{''.join(records)}"


def test_the_order_of_dates_is_told_from_all_of_them(tmp_path: Path) -> None:
    us = read(tmp_path, bank(record("02/08/2015", "-5.00"), record("02/24/2015", "7")))
    other = read(tmp_path, bank(record("02/08/2015", "-5.00"), record("24/02/2015", "7")))
    assert [day for day, *_ in told(us)] == ["2015-02-08", "2015-02-24"]
    assert [day for day, *_ in told(other)] == ["2015-02-24", "2015-08-02"]


def test_dates_that_could_be_either_are_asked(tmp_path: Path) -> None:
    content = bank(record("02/08/2015", "-5.00"), record("01/02/2015", "-6.00"))
    with pytest.raises(Unclear) as caught:
        read(tmp_path, content)
    (question,) = caught.value.questions
    assert [(choice.value, choice.reading) for choice in question.choices] == [
        ("day-first", "02/08/2015 is 2 August 2015"),
        ("month-first", "02/08/2015 is 8 February 2015"),
    ]
    assert "Line 2 has '02/08/2015'" in question.asks
    assert told(read(tmp_path, content, dates="day-first"))[0][0] == "2015-02-01"
    assert told(read(tmp_path, content, dates="month-first"))[0][0] == "2015-01-02"


def test_an_answer_that_cannot_be_is_refused(tmp_path: Path) -> None:
    content = bank(record("02/24/2015", "-5.00"))
    with pytest.raises(BadFile) as caught:
        read(tmp_path, content, dates="day-first")
    assert "the dates cannot be read so" in caught.value.bad[0].reason


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("9/ 1'24", "2024-09-01"),
        ("9/ 1' 4", "2004-09-01"),
        ("12/31/99", "1999-12-31"),
        ("26 Jan 2026", "2026-01-26"),
        ("2024-01-05", "2024-01-05"),
        ("31.12.2024", "2024-12-31"),
    ],
)
def test_dates_as_programs_write_them(tmp_path: Path, written: str, day: str) -> None:
    content = bank(record(written, "-1.00"), record("9/30/2024", "-2.00"))
    if "/" not in written:
        content = bank(record(written, "-1.00"))
    assert (day, "1.00") in [found[:2] for found in told(read(tmp_path, content))]


def test_the_sign_tells_the_type_and_thousands_are_read(tmp_path: Path) -> None:
    export = read(tmp_path, bank(record("2024-01-05", "-1,234.50"), record("2024-01-06", "50.00")))
    assert [(amount, slug) for _, amount, slug, _ in told(export)] == [
        ("1234.50", "expense"),
        ("50.00", "income"),
    ]


def test_a_category_an_account_and_a_class(tmp_path: Path) -> None:
    content = bank(
        record("2024-01-05", "-5.00", more="LFood:Coffee/Work\n"),
        record("2024-01-06", "-9.00", more="L[Savings]\n"),
    )
    assert [(row.category, row.type) for row in rows(read(tmp_path, content))] == [
        ("Food:Coffee", "expense"),
        ("Uncategorised", "transfer"),
    ]


def test_parts_become_rows_where_they_add_up(tmp_path: Path) -> None:
    parts = "SFood\nEApples\n$-3.00\nSHome\n$-2.00\n"
    right = read(tmp_path, bank(record("2024-01-05", "-5.00", more=parts)))
    assert [(str(row.amount), row.category, row.description) for row in rows(right)] == [
        ("3.00", "Food", "Shop, Apples"),
        ("2.00", "Home", "Shop"),
    ]
    wrong = read(tmp_path, bank(record("2024-01-05", "-6.00", more=parts)))
    assert [str(row.amount) for row in rows(wrong)] == ["6.00"]


def test_accounts_of_one_file_are_told_apart(tmp_path: Path) -> None:
    content = "".join(
        f"!Account\nN{name}\nTBank\n^\n{bank(record('2024-01-05', '-5.00'))}"
        for name in ("Checking", "Savings")
    )
    export = read(tmp_path, content)
    assert len({number.rpartition(":")[0] for number, _ in export.rows}) == 2


def test_on_a_card_money_that_comes_is_money_back(tmp_path: Path) -> None:
    content = bank(record("2024-01-05", "5.00"), kind="CCard")
    assert told(read(tmp_path, content))[0][2] == "refund"


def test_trades_and_opening_balances_are_left_out_and_named(tmp_path: Path) -> None:
    content = bank(record("2024-01-05", "100.00", "Opening Balance", "L[Checking]\n")) + bank(
        "D1/ 5'24\nNBuyX\nYFund\nI10\nQ5\nT50.00\n^\n", kind="Invst"
    )
    export = read(tmp_path, content)
    assert export.rows == []
    assert [left.reason for left in export.left_out] == [
        "an opening balance",
        "a trade of securities, no movement on an account",
    ]


def test_lists_of_categories_are_no_movements(tmp_path: Path) -> None:
    content = "!Type:Cat\nNFood\nE\n^\n" + bank(record("2024-01-05", "-5.00"))
    assert len(read(tmp_path, content).rows) == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_any_encoding_will_do(tmp_path: Path, encoding: str) -> None:
    content = bank(record("2024-01-05", "-5.00", "Bäckerei Größe")).encode(encoding)
    assert told(read(tmp_path, content))[0][3] == "Bäckerei Größe"


def test_a_record_that_cannot_be_read_is_named_by_its_line(tmp_path: Path) -> None:
    content = bank(record("2024-01-05", "-5.00"), record("2024-13-05", "five"))
    with pytest.raises(BadFile) as caught:
        read(tmp_path, content)
    assert [(bad.line, bad.reason) for bad in caught.value.bad] == [
        (6, "'2024-13-05' is no date such as 2024-12-31; 'five' is no amount such as 1,247.44")
    ]
