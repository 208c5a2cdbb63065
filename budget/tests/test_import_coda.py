"""CODA: signs, texts, details within a movement, balances; compared with a reader of columns."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.imports import BadFile, Export
from budget.tests.statements import read, rows, told

pytestmark = pytest.mark.once

IBAN = "BE00000000004711"


def digits(cents: int) -> str:
    """Three decimals, and 1 before it for a debit."""
    return f"{int(cents < 0)}{abs(cents) * 10:015}"


def movement(
    number: int,
    cents: int,
    text: str = "Shop",
    name: str = "",
    code: str = "00150000",
    detail: int = 0,
    day: str = "060324",
    reference: str = "",
) -> list[str]:
    key = f"{number:04}{detail:04}"
    lines = [
        f"21{key}{reference or f'REF{number}':21}{digits(cents)}050324{code}0{text:53}{day}00111 0",
        f"22{key}{'':53}{'':35}{'':11}{'':15}0 0",
        f"23{key}{'BE99':37}{name:35}{'':43}0 0",
    ]
    return [f"{line:128}" for line in lines]


def statement(*moves: list[str], moved: int, debit: int, credit: int) -> str:
    lines = [
        f"0000006032472505        00099449  {'ME':26}{'KREDBEBB':11}00630366277 00000{'':39}2",
        f"12001{IBAN:34}EUR{digits(100000)}010324{'ME':26}{'ACCOUNT':35}001",
        *(line for move in moves for line in move),
        f"8001{IBAN:34}EUR{digits(100000 + moved)}060324{'':64}0",
    ]
    count = len(lines) - 1
    lines.append(f"9{'':15}{count:06}{debit * 10:015}{credit * 10:015}{'':75}2")
    return "".join(f"{line:128}\r\n" for line in lines)


GOOD = statement(
    movement(1, -1250, "Card payment", "Kiosk"),
    movement(2, 200000, "March", "Employer"),
    moved=198750,
    debit=1250,
    credit=200000,
)


def test_movements_have_their_sign_day_and_texts(tmp_path: Path) -> None:
    export = read(tmp_path, GOOD)
    assert told(export) == [
        ("2024-03-06", "12.50", "expense", "Kiosk, Card payment"),
        ("2024-03-06", "2000.00", "income", "Employer, March"),
    ]
    assert (export.title, export.currency, export.notes) == ("CODA statement", "EUR", [])
    assert rows(export)[1].line == 6


def test_trailing_blanks_may_be_cut(tmp_path: Path) -> None:
    cut = "\n".join(line.rstrip() for line in GOOD.split("\r\n"))
    assert told(read(tmp_path, cut)) == told(read(tmp_path, GOOD))


def test_details_of_a_movement_are_no_movements(tmp_path: Path) -> None:
    content = statement(
        movement(1, -1250, "Many", code="10150000"),
        movement(1, -250, "One", code="50150000", detail=1),
        movement(1, -1000, "Other", code="50150000", detail=2),
        moved=-1250,
        debit=1250,
        credit=0,
    )
    assert [found[1] for found in told(read(tmp_path, content))] == ["12.50"]


def test_sums_that_do_not_agree_are_refused(tmp_path: Path) -> None:
    wrong = GOOD.replace(digits(200000), digits(300000))
    with pytest.raises(BadFile) as caught:
        read(tmp_path, wrong)
    assert caught.value.bad[0].reason.endswith("its sums or counts do not agree")


def test_a_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile) as caught:
        read(tmp_path, GOOD[: GOOD.rindex("\r\n9")])
    assert "the last line (9)" in caught.value.bad[0].reason


def by_columns(content: str) -> list[tuple[str, Decimal]]:
    """A second reader: text and signed amount of each movement, by their columns."""
    found = []
    for line in content.splitlines():
        if line[:2] == "21" and line[53] in "0123":
            cents = Decimal(line[32:47]) / 1000
            found.append((line[62:115].strip(), -cents if line[31] == "1" else cents))
    return found


def signed(export: Export) -> list[tuple[str, Decimal]]:
    return [
        (row.description, -row.amount if row.type == "expense" else row.amount)
        for row in sorted(rows(export), key=lambda row: row.line)
    ]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-9_999_999, 9_999_999).filter(bool), min_size=1, max_size=8))
def test_the_library_reads_as_a_second_reader_does(
    tmp_path_factory: pytest.TempPathFactory, cents: list[int]
) -> None:
    content = statement(
        *(movement(number, each, f"Text {number}") for number, each in enumerate(cents, 1)),
        moved=sum(cents),
        debit=-sum(each for each in cents if each < 0),
        credit=sum(each for each in cents if each > 0),
    )
    assert signed(read(tmp_path_factory.mktemp("coda"), content)) == by_columns(content)
