"""OFX and QFX: what is taken of them, whichever version and however they are closed."""

from __future__ import annotations

from pathlib import Path

import pytest

from budget.imports import BadFile, Unclear
from budget.tests.statements import CARD, OFX, movement, read, rows, told

pytestmark = pytest.mark.once

XML = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<?OFX OFXHEADER="200" VERSION="211"?>\n'
    "<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>EUR</CURDEF>"
    "<BANKACCTFROM><BANKID>1</BANKID><ACCTID>4711</ACCTID></BANKACCTFROM><BANKTRANLIST>"
    "<STMTTRN><TRNTYPE>DEBIT</TRNTYPE><DTPOSTED>20240305120000.000[-7:MST]</DTPOSTED>"
    "<TRNAMT>-12.50</TRNAMT><FITID>F1</FITID><NAME>Caf&#233; &amp; Bar</NAME>"
    "<MEMO><![CDATA[Table <4>]]></MEMO></STMTTRN>"
    "</BANKTRANLIST></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>"
)


def faults(folder: Path, content: str) -> list[tuple[int, str]]:
    with pytest.raises(BadFile) as caught:
        read(folder, content)
    return [(bad.line, bad.reason) for bad in caught.value.bad]


def test_a_statement_in_sgml_needs_no_closing_tags(tmp_path: Path) -> None:
    export = read(tmp_path, OFX.format(movement("-58.73") + movement("1000.00", "Pay", "F2")))
    assert told(export) == [
        ("2024-03-05", "58.73", "expense", "Shop"),
        ("2024-03-05", "1000.00", "income", "Pay"),
    ]
    assert (export.title, export.currency) == ("OFX statement", "EUR")
    assert rows(export)[0].line == 15


def test_a_statement_in_xml_is_read_alike(tmp_path: Path) -> None:
    export = read(tmp_path, XML)
    assert told(export) == [("2024-03-05", "12.50", "expense", "Café & Bar, Table <4>")]


def test_the_day_is_as_the_bank_wrote_it_whatever_the_zone(tmp_path: Path) -> None:
    export = read(tmp_path, OFX.format(movement("-1", day="20240331233000.000[-11:XXX]")))
    assert str(rows(export)[0].date) == "2024-03-31"


def test_elements_closed_in_the_wrong_place_are_read_alike(tmp_path: Path) -> None:
    nested = (
        "<STMTTRN><TRNTYPE>DEBIT\n<DTPOSTED>20240305\n<TRNAMT>-7.00\n<FITID>A\n<NAME>Shop\n"
        "<MEMO>Town</MEMO></NAME></FITID></TRNAMT></DTPOSTED></TRNTYPE></STMTTRN>"
    )
    assert told(read(tmp_path, OFX.format(nested * 1))) == [
        ("2024-03-05", "7.00", "expense", "Shop, Town")
    ]


@pytest.mark.parametrize(
    ("amounts", "values"),
    [
        (["-200,00", "300,5"], ["200.00", "300.50"]),
        (["-1,234.50", "2"], ["1234.50", "2.00"]),
        (["+75.6000", "-33.7200"], ["75.60", "33.72"]),
        (["-1.234,50", "1.000"], ["1234.50", "1000.00"]),
    ],
)
def test_the_decimal_mark_is_told_from_all_amounts(
    tmp_path: Path, amounts: list[str], values: list[str]
) -> None:
    found = [movement(amount, fitid=f"F{at}") for at, amount in enumerate(amounts)]
    export = read(tmp_path, OFX.format("\n".join(found)))
    assert [str(row.amount) for row in rows(export)] == values


def test_an_amount_that_nothing_explains_is_asked(tmp_path: Path) -> None:
    content = OFX.format(movement("-1,500"))
    with pytest.raises(Unclear) as caught:
        read(tmp_path, content)
    (question,) = caught.value.questions
    assert "Line 15 has '-1,500'" in question.asks
    assert [(choice.value, choice.reading) for choice in question.choices] == [
        ("point", "-1,500 is -1500.00"),
        ("comma", "-1,500 is -1.50"),
    ]
    assert told(read(tmp_path, content, decimal="comma"))[0][1] == "1.50"
    assert told(read(tmp_path, content, decimal="point"))[0][1] == "1500.00"


def test_everything_wrong_with_a_movement_is_named_with_its_line(tmp_path: Path) -> None:
    content = OFX.format(movement("-5.00") + "\n" + movement("$120", day="20243001"))
    assert faults(tmp_path, content) == [
        (
            22,
            "DTPOSTED: '20243001' is no date such as 20241231; "
            "TRNAMT: '$120' is no amount such as 1,247.44",
        )
    ]


def test_a_file_that_is_cut_off_before_its_body_says_so(tmp_path: Path) -> None:
    assert "without <OFX>" in faults(tmp_path, "OFXHEADER:100\nDATA:OFXSGML\n")[0][1]


def test_one_fitid_for_a_purchase_and_its_fee_makes_two_rows(tmp_path: Path) -> None:
    content = OFX.format(movement("-80.00") + movement("-2.40", "Foreign transaction fee"))
    assert [amount for _, amount, *_ in told(read(tmp_path, content))] == ["80.00", "2.40"]


def test_months_that_were_joined_give_no_row_twice(tmp_path: Path) -> None:
    export = read(tmp_path, OFX.format(movement("-80.00") + movement("-80.00")))
    assert len(export.rows) == 1
    assert "with the same FITID" in export.left_out[0].reason


def test_the_fitid_is_of_its_account(tmp_path: Path) -> None:
    one = read(tmp_path, OFX.format(movement("-80.00")))
    other = read(tmp_path, OFX.format(movement("-80.00")).replace("4711", "4712"))
    assert one.rows[0][0] != other.rows[0][0]
    assert "4711" not in one.rows[0][0]


def test_two_accounts_of_one_file_are_told_apart(tmp_path: Path) -> None:
    first = OFX.format(movement("-80.00"))
    second = first.partition("<STMTTRNRS>")[2].partition("</BANKMSGSRSV1>")[0]
    second = f"<STMTTRNRS>{second.replace('4711', '4712')}</BANKMSGSRSV1>"
    export = read(tmp_path, first.replace("</BANKMSGSRSV1>", second))
    assert [row.amount for row in rows(export)] == [80, 80]
    assert len({number for number, _ in export.rows}) == 2


def test_what_comes_to_a_card_is_money_back_or_its_bill(tmp_path: Path) -> None:
    content = CARD.format(
        movement("-58.73")
        + movement("8.00", "SHOP RETURN", "F2")
        + movement("50.73", "AUTOPAY PAYMENT - THANK YOU", "F3")
    )
    assert [slug for _, _, slug, _ in told(read(tmp_path, content))] == [
        "expense",
        "refund",
        "transfer",
    ]


def test_what_is_pending_is_left_out_and_named(tmp_path: Path) -> None:
    pending = movement("-9.00").replace("STMTTRN>", "STMTTRNP>").replace("POSTED", "TRAN")
    export = read(tmp_path, OFX.format(movement("-1.00") + pending))
    assert [left.reason for left in export.left_out] == ["it is pending: not booked yet"]
    assert len(export.rows) == 1


def test_a_correction_takes_the_place_of_what_it_corrects(tmp_path: Path) -> None:
    wrong = movement("-90.00", fitid="A")
    right = movement("-9.00", fitid="B").replace(
        "<NAME>", "<CORRECTFITID>A\n<CORRECTACTION>REPLACE\n<NAME>"
    )
    export = read(tmp_path, OFX.format(wrong + right))
    assert told(export) == [("2024-03-05", "9.00", "expense", "Shop")]
    assert export.rows[0][0] == read(tmp_path, OFX.format(wrong)).rows[0][0]


def test_a_name_in_the_code_page_of_the_header(tmp_path: Path) -> None:
    content = OFX.format(movement("-1.00", "Café Müller")).encode("cp1252")
    assert told(read(tmp_path, content))[0][3] == "Café Müller"


def test_a_file_without_movements_says_so(tmp_path: Path) -> None:
    export = read(tmp_path, OFX.format(""))
    assert export.rows == []
    assert export.notes == ["the file has no movements of money"]


def test_amounts_of_two_currencies_are_never_added_up(tmp_path: Path) -> None:
    abroad = movement("-9.00", fitid="B").replace(
        "</STMTTRN>", "<CURRENCY><CURRATE>1<CURSYM>USD</CURRENCY></STMTTRN>"
    )
    content = OFX.format(movement("-1.00") + abroad)
    with pytest.raises(Unclear) as caught:
        read(tmp_path, content)
    assert [choice.value for choice in caught.value.questions[0].choices] == ["EUR", "USD"]
    export = read(tmp_path, content, currency="eur")
    assert told(export) == [("2024-03-05", "1.00", "expense", "Shop")]
    assert [left.reason for left in export.left_out] == ["in USD, not in EUR"]
