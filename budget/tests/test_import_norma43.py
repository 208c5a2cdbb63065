"""Norma 43: fixed columns, texts on separate lines, balances and counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from budget.imports import BadFile
from budget.tests.statements import read, rows, told

pytestmark = pytest.mark.once


def header(first: str = "240301", last: str = "240331", opening: str = "2000") -> str:
    return (
        f"11{'0182':4}{'1234':4}{'0000004711':10}{first}{last}2{int(opening):014}9783{'ME':26}   "
    )


def movement(
    side: str, cents: int, day: str = "240305", reference: str = "SHOP", document: str = "7"
) -> str:
    return f"22    1234{day}{day}12040{side}{cents:014}{document:>010}{'':0<12}{reference:16}"


def text(first: str, second: str = "", number: int = 1) -> str:
    return f"23{number:02}{first:38}{second:38}"


def end(debits: tuple[int, int], credits: tuple[int, int], closing: int) -> str:
    out, came = f"{debits[0]:05}{debits[1]:014}", f"{credits[0]:05}{credits[1]:014}"
    side = 1 if closing < 0 else 2
    return f"33018212340000004711{out}{came}{side}{abs(closing):014}978    "


def file(*lines: str) -> str:
    return "\r\n".join([*lines, f"88{'9' * 18}{len(lines):06}{'':54}", ""])


GOOD = file(
    header(),
    movement("1", 1250, document="1"),
    text("COMPRA TARJETA", "KIOSCO MÁLAGA"),
    text("CON TARJETA 4711", number=2),
    movement("2", 200000, "240306", "NOMINA"),
    "2401978" + "0" * 14 + " " * 59,
    end((1, 1250), (1, 200000), 200750),
)


def test_movements_have_their_sign_day_and_texts(tmp_path: Path) -> None:
    for encoding in ("cp1252", "utf-8"):
        export = read(tmp_path, GOOD.encode(encoding))
        assert told(export) == [
            ("2024-03-05", "12.50", "expense", "COMPRA TARJETA KIOSCO MÁLAGA CON TARJETA 4711"),
            ("2024-03-06", "2000.00", "income", "NOMINA"),
        ]
        assert (export.title, export.currency, export.notes) == ("Norma 43 statement", "EUR", [])
    assert rows(export)[1].line == 5


def test_days_that_begin_with_the_day_are_told_by_the_period(tmp_path: Path) -> None:
    content = file(
        header("010324", "310324"),
        movement("1", 1250, "050324"),
        end((1, 1250), (0, 0), 750),
    )
    assert told(read(tmp_path, content))[0][0] == "2024-03-05"


def test_balances_and_counts_are_compared(tmp_path: Path) -> None:
    wrong = file(header(), movement("1", 1250), end((1, 1250), (0, 0), 700))
    (note,) = read(tmp_path, wrong).notes
    assert "make 7.50, and the statement ends with 7.00" in note
    missing = file(header(), movement("1", 1250), end((2, 1250), (0, 0), 750))
    with pytest.raises(BadFile) as caught:
        read(tmp_path, missing)
    assert caught.value.bad[0].reason == "it tells of 2 movements, and 1 stand"
    (note,) = read(tmp_path, f"{header()}\n{movement('1', 1250)}\n").notes
    assert note.endswith("the last line (33) is missing; the file may be cut off")


def test_two_accounts_are_told_apart(tmp_path: Path) -> None:
    one = [header(), movement("1", 1250), end((1, 1250), (0, 0), 750)]
    other = [line.replace("0000004711", "0000004712") for line in one]
    export = read(tmp_path, file(*one, *other))
    assert len({number for number, _ in export.rows}) == 2


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([header(), movement("3", 1250)], "'300000000001250' is no amount: 1 or 2, and 14 digits"),
        ([header(), movement("1", 1, "241331")], "'241331' is no date"),
        ([header().replace("9783", "9993")], "'999' is no code of a currency"),
        ([header(), "77 what"], "'77 what' is no line of Norma 43"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, lines: list[str], reason: str) -> None:
    with pytest.raises(BadFile) as caught:
        read(tmp_path, "\n".join(lines))
    assert caught.value.bad[0].reason.startswith(reason)
    assert caught.value.bad[0].line == len(lines)
