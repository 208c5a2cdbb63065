"""Reading exports and budget files: what is taken, what is left out, what is named as bad."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budget.imports import BadFile, Export, read_budget, read_export
from budget.imports.rows import ParsedRow
from budget.imports.spool import Spool
from budget.imports.values import parse_amount
from budget.tests.exports import FULL, SHORT, Line, line, write_csv

HEADER = ",".join(SHORT)


def read(path: Path, *lines: Line, header: Line = SHORT) -> Export:
    return read_export(write_csv(path / "export.csv", lines, header))


def read_bytes(path: Path, content: bytes) -> Export:
    file = path / "export.csv"
    file.write_bytes(content)
    return read_export(file)


def faults(path: Path, content: str | bytes) -> list[tuple[int, str]]:
    """Line and reason of everything that is wrong with an export."""
    with pytest.raises(BadFile) as caught:
        read_bytes(path, content.encode() if isinstance(content, str) else content)
    return [(bad.line, bad.reason) for bad in caught.value.bad]


def rows(export: Export) -> list[ParsedRow]:
    return [row for _, row in export.rows]


def test_a_debit_is_an_expense_and_a_credit_an_income(tmp_path: Path) -> None:
    export = read(tmp_path, line("01/02/2018"), line("01/03/2018", "Pay", "900", "credit", "Pay"))
    assert export.title == "Mint export"
    assert [(row.line, row.date, row.description, row.amount) for row in rows(export)] == [
        (2, date(2018, 1, 2), "Corner shop", Decimal("10.00")),
        (3, date(2018, 1, 3), "Pay", Decimal("900.00")),
    ]
    assert [row.type for row in rows(export)] == ["expense", "income"]


@pytest.mark.parametrize("side", ["debit", "credit"])
@pytest.mark.parametrize(
    "category",
    [
        "Transfer",
        "Credit Card Payment",
        "credit card  PAYMENT",
        "Transfer for Cash Spending",
        "Hide from Budgets & Trends",
    ],
)
def test_what_counts_nowhere_in_mint_is_a_transfer(
    tmp_path: Path, side: str, category: str
) -> None:
    (row,) = rows(read(tmp_path, line(side=side, category=category)))
    assert row.type == "transfer"


def test_no_other_category_is_a_transfer(tmp_path: Path) -> None:
    (row,) = rows(read(tmp_path, line(category="Transfer fees")))
    assert row.type == "expense"


@pytest.mark.parametrize(
    ("category", "slug"),
    [
        ("Clothing", "refund"),
        ("GAS & fuel", "refund"),
        ("Returned Purchase", "refund"),
        ("Paycheck", "income"),
        ("Interest Income", "income"),
        ("Uncategorized", "income"),
        ("A custom name", "income"),
    ],
)
def test_money_that_comes_back_in_a_spending_category_is_a_refund(
    tmp_path: Path, category: str, slug: str
) -> None:
    (row,) = rows(read(tmp_path, line(side="credit", category=category)))
    assert row.type == slug


@pytest.mark.parametrize("category", ["", "  ", "Uncategorized", "uncategorised"])
def test_a_row_without_category_goes_to_the_built_in_one(tmp_path: Path, category: str) -> None:
    (row,) = rows(read(tmp_path, line(category=category)))
    assert row.category == "Uncategorised"


def test_the_full_export_has_nine_columns_in_any_order(tmp_path: Path) -> None:
    lines = [("1/5/2018", "Cafe", "CAFE 12", "3.20", "debit", "Coffee", "Visa", "", "note")]
    export = read(tmp_path, *lines, header=FULL)
    turned = read(tmp_path, *[cells[::-1] for cells in lines], header=FULL[::-1])
    assert rows(export)[0].date == date(2018, 1, 5)
    assert export == turned


def test_a_row_starts_at_its_first_line_whatever_is_quoted(tmp_path: Path) -> None:
    content = (
        f'\n{HEADER}\n\n01/02/2018,"Two\nlines, and a ""quote""","1,247.44",debit,Rent,Checking\n'
        "   \n,,,,,\n01/01/2018,After,1,debit,Rent,Checking\n"
    )
    found = rows(read_bytes(tmp_path, content.encode()))
    assert [(row.line, row.description, str(row.amount)) for row in found] == [
        (8, "After", "1.00"),
        (4, 'Two lines, and a "quote"', "1247.44"),
    ]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_every_newline_and_a_byte_order_mark_read_the_same(
    tmp_path: Path, newline: str, bom: bytes
) -> None:
    lines = [HEADER, ",".join(line("01/02/2018", "Café")), ",".join(line("01/02/2018"))]
    found = rows(read_bytes(tmp_path, bom + newline.join([*lines, ""]).encode()))
    assert [(row.line, row.description) for row in found] == [(2, "Café"), (3, "Corner shop")]


def test_headers_match_in_any_case_and_spacing(tmp_path: Path) -> None:
    header = ("DATE", " description", "Amount ", "transaction  type", "Category", "account name")
    assert len(rows(read(tmp_path, line(), header=header))) == 1


def test_columns_that_a_spreadsheet_leaves_empty_do_not_count(tmp_path: Path) -> None:
    export = read(tmp_path, (*line(), "", ""), header=(*SHORT, "", ""))
    assert len(export.rows) == 1


def test_rows_come_by_date_then_line(tmp_path: Path) -> None:
    days = ["02/01/2018", "01/01/2018", "02/01/2018", "12/31/2017"]
    assert [row.line for row in rows(read(tmp_path, *map(line, days)))] == [5, 3, 2, 4]


@pytest.mark.parametrize("amount", ["0", "0.00", "0.0"])
def test_a_row_that_moves_no_money_is_left_out_and_named(tmp_path: Path, amount: str) -> None:
    export = read(tmp_path, line(), line(amount=amount, description="Interest charge"))
    assert len(export.rows) == 1
    assert [(left.line, left.reason) for left in export.left_out] == [
        (3, "an amount of 0.00 moves no money")
    ]


def test_all_bad_lines_are_named_at_once_with_all_that_is_wrong(tmp_path: Path) -> None:
    good = ",".join(line())
    content = "\n".join(
        [
            HEADER,
            good,
            "13/01/2018,Shop,10,debit,Food,Checking",
            "02/30/2018,Shop,abc,spent,Food,Checking",
            "2018-01-01,Shop,-4.50,debit,Food,Checking",
            ",Shop,,,Food,Checking",
            good,
            f"01/01/2018,{'x' * 501},1.005,debit,{'y' * 101},Checking",
            "01/01/2018,Shop,10,debit,Food",
            "01/01/2018,Shop, the other,10,debit,Food,Checking",
            "01/01/1899,Shop,1234567890123,debit,Food,Checking",
        ]
    )
    assert faults(tmp_path, content) == [
        (3, "there is no date '13/01/2018' (month/day/year)"),
        (
            4,
            "there is no date '02/30/2018' (month/day/year); 'abc' is no amount such as 1,247.44; "
            "transaction type 'spent' is neither debit nor credit",
        ),
        (5, "'2018-01-01' is no date such as 12/31/2024; amount '-4.50' is negative"),
        (6, "no date; no amount; transaction type '' is neither debit nor credit"),
        (
            8,
            "amount '1.005' has more than two decimal places; "
            f"category '{'y' * 40}...': A name has at most 100 characters.",
        ),
        (9, "5 columns where the header has 6"),
        (10, "7 columns where the header has 6"),
        (
            11,
            "date 01/01/1899 is not between 1900-01-01 and 2199-12-31; "
            "amount '1234567890123' is beyond 999999999999.99",
        ),
    ]


def test_bytes_that_are_no_utf8_are_named_by_line(tmp_path: Path) -> None:
    content = "\n".join([HEADER, ",".join(line()), "01/01/2018,Café,1,debit,Food,Checking"])
    assert faults(tmp_path, content.encode("latin-1")) == [
        (
            3,
            "not UTF-8; save the file in that encoding, or name the one that it has as "
            "file.encoding of a mapping (docs/imports.md)",
        )
    ]


def test_a_nul_character_is_named_because_postgresql_holds_none(tmp_path: Path) -> None:
    content = f"{HEADER}\n01/01/2018,Sh\0op,1,debit,Food,Checking\n"
    assert faults(tmp_path, content) == [(2, "a NUL character, so this is no plain text")]


def test_an_open_quote_is_named_where_it_opens(tmp_path: Path) -> None:
    content = f'{HEADER}\n{",".join(line())}\n01/01/2018,"Shop,1,debit,Food,Checking\nmore\n'
    ((number, reason),) = faults(tmp_path, content)
    assert number == 3
    assert "quotes do not match" in reason


def test_lines_after_a_broken_one_are_still_checked(tmp_path: Path) -> None:
    content = f'{HEADER}\n01/01/2018,"Shop"x,1,debit,Food,Checking\n01/01/2018,Shop,z,debit,F,C\n'
    assert [number for number, _ in faults(tmp_path, content)] == [2, 3]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("Date,Description,Amount,Transaction Type,Category\n", "no column Account Name"),
        (f"{HEADER},Currency\n", "unknown column 'Currency'"),
        (f"{HEADER},date\n", "column Date twice"),
        (
            "Date,Description,Amount,Category,Account Name,Kind\n",
            "no column Transaction Type; unknown column 'Kind'; it looks like a Mint export; "
            "another file is read by --mapping FILE (docs/imports.md)",
        ),
    ],
)
def test_a_header_that_is_not_right_is_explained(tmp_path: Path, content: str, reason: str) -> None:
    ((number, found),) = faults(tmp_path, content)
    assert reason in found
    assert number == 1


def test_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    assert read(tmp_path).rows == []


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("5", "5.00"),
        ("5.1", "5.10"),
        ("1,247.44", "1247.44"),
        ("1,000,000", "1000000.00"),
        ("999999999999.99", "999999999999.99"),
        ("0012.30", "12.30"),
        ("1000.000000", "1000.00"),
        ("4.750", "4.75"),
    ],
)
def test_amounts_are_exact(text: str, amount: str) -> None:
    assert str(parse_amount(text)) == amount


@pytest.mark.parametrize(
    "text",
    ["1,24", "1.247,44", "12,345,6", ".5", "5.", "1e3", "1_000", "NaN", "٣", "$5", "5 USD", "+5"],
)
def test_what_could_mean_another_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no amount such as"):
        parse_amount(text)


@pytest.mark.parametrize("text", ["-5", "(5.00)", "5.00-"])
def test_a_negative_amount_is_called_so(text: str) -> None:
    with pytest.raises(ValueError, match="is negative"):
        parse_amount(text)


@pytest.mark.parametrize(
    "header",
    [
        "Date,Description,Amount,Category,Balance",
        "Date,Transaction Type,Description,Amount,Balance",
        "Date,Description,Original Description,Category,Amount,Status",
        "Transaction Date,Description,Category,Type,Amount,Account Name",
        "Date,Merchant,Category,Account,Original Statement,Notes,Amount,Tags",
    ],
)
def test_the_file_of_a_bank_is_not_taken_for_mints(tmp_path: Path, header: str) -> None:
    export = read_bytes(tmp_path, f"{header}\n".encode())
    assert export.rows == []
    assert export.title != "Mint export"
    assert export.notes == ["the file has a header and no rows"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"%PDF-1.7\n", "this is a PDF, a picture of a statement; most banks give the same as"),
        (b"PK\x03\x04" + bytes(26) + b"a.csv", "a ZIP archive that cannot be read"),
        (b"<html><body>", "this is a web page (HTML)"),
        (b"<?xml version='1.0'?><a/>", "this is XML of an unknown kind"),
        (b"\x89PNG\r\n", "this is a picture; give the bank's own file"),
    ],
)
def test_a_file_that_cannot_be_read_is_called_by_its_kind_and_told_what_helps(
    tmp_path: Path, content: bytes, said: str
) -> None:
    ((line, reason),) = faults(tmp_path, content)
    assert line == 1
    assert reason.startswith(said)


def test_a_row_of_no_money_is_left_out_whatever_else_is_wrong_with_it(tmp_path: Path) -> None:
    export = read(tmp_path, line(), line("", "x" * 501, "0.00", "?", "y" * 101))
    assert [(left.line, left.reason) for left in export.left_out] == [
        (3, "an amount of 0.00 moves no money")
    ]


def test_a_text_that_is_too_long_is_cut_and_the_row_named(tmp_path: Path) -> None:
    export = read(tmp_path, line(description="x" * 500), line(description="y" * 501))
    assert [(row.description, row.cut) for row in rows(export)] == [
        ("x" * 500, False),
        ("y" * 500, True),
    ]


def test_the_first_hundred_bad_lines_are_kept_and_the_rest_counted(tmp_path: Path) -> None:
    with pytest.raises(BadFile) as caught:
        read(tmp_path, *[line("?")] * 1000)
    assert [bad.line for bad in caught.value.bad] == list(range(2, 102))
    assert caught.value.more == 900


@pytest.mark.parametrize("text", ["01/01/0000", "12/31/0099", "1/1/0024"])
def test_a_year_of_four_digits_is_taken_as_it_stands(tmp_path: Path, text: str) -> None:
    ((_, reason),) = faults(tmp_path, f"{HEADER}\n{','.join(line(text))}\n")
    assert reason.startswith(("there is no date", f"date {text} is not between"))


@pytest.mark.parametrize("text", ["6/12/15", "06/12/2015"])
def test_a_year_of_two_digits_is_of_this_century(tmp_path: Path, text: str) -> None:
    (row,) = rows(read(tmp_path, line(text)))
    assert row.date == date(2015, 6, 12)


def test_equal_rows_of_one_day_have_ids_of_their_own(tmp_path: Path) -> None:
    export = read(tmp_path, line(), line(), line(amount="10.01"), line(account="Visa"))
    assert len({number for number, _ in export.rows}) == 4


def test_what_mint_lets_a_user_change_does_not_change_the_id(tmp_path: Path) -> None:
    before = ("3/5/2018", "Shop", "SHOP #12", "10.00", "debit", "Food", "Visa", "", "")
    after = ("03/05/2018", "My shop", "Shop  #12", "10", "DEBIT", "Treats", "visa", "x", "y")
    ids = [read(tmp_path, cells, header=FULL).rows[0][0] for cells in (before, after)]
    assert ids[0] == ids[1]


def test_without_an_original_description_the_description_stands_in(tmp_path: Path) -> None:
    blank = ("3/5/2018", "Corner shop", "", "10.00", "debit", "Groceries", "Checking", "", "")
    short = read(tmp_path, line())
    assert read(tmp_path, blank, header=FULL).rows[0][0] == short.rows[0][0]


def test_the_id_stays_what_it_was_when_rows_were_stored_by_it(tmp_path: Path) -> None:
    ((external_id, _),) = read(tmp_path, line()).rows
    assert external_id == "mint:6a1a7451b38a5e51e1b93a7d71aaa84a:1"


few_rows = st.lists(
    st.builds(
        ParsedRow,
        line=st.integers(1, 1000),
        date=st.just(date(2018, 3, 5)),
        description=st.sampled_from(["Shop", "shop", "Cafe"]),
        amount=st.sampled_from([Decimal("1.00"), Decimal("2.00")]),
        type=st.just("expense"),
        category=st.sampled_from(["Food", "Coffee"]),
        identity=st.sampled_from(["a", "b"]),
        external_id=st.none(),
        stored_as=st.none(),
    ),
    max_size=12,
)


@given(few_rows)
def test_every_row_has_an_id_of_its_own(found: list[ParsedRow]) -> None:
    assert len(dict(Spool("mint", found))) == len(found)


def said(pairs: Iterable[tuple[str, ParsedRow]]) -> list[tuple[str, str, str, Decimal]]:
    return sorted((number, row.category, row.description, row.amount) for number, row in pairs)


@given(few_rows, st.randoms(use_true_random=False))
def test_the_order_of_lines_does_not_decide_which_row_has_which_id(
    found: list[ParsedRow], random: Random
) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)
    assert said(Spool("mint", shuffled)) == said(Spool("mint", found))


@given(few_rows, st.data())
def test_a_longer_export_gives_the_rows_of_a_shorter_one_the_same_ids(
    found: list[ParsedRow], data: st.DataObject
) -> None:
    shorter = data.draw(st.integers(0, len(found)))
    assert set(dict(Spool("mint", found[:shorter]))) <= set(dict(Spool("mint", found)))


def budget_faults(path: Path, content: str) -> list[tuple[int, str]]:
    file = path / "budget.csv"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(BadFile) as caught:
        read_budget(file)
    return [(bad.line, bad.reason) for bad in caught.value.bad]


def test_a_budget_has_a_limit_for_each_category(tmp_path: Path) -> None:
    file = tmp_path / "budget.csv"
    file.write_bytes(b'\xef\xbb\xbfbudget,Category\r\n"1,100",Rent\r\n\r\n0,Movies & DVDs\r\n')
    assert [(item.category, str(item.amount)) for item in read_budget(file)] == [
        ("Rent", "1100.00"),
        ("Movies & DVDs", "0.00"),
    ]


def test_all_bad_lines_of_a_budget_are_named_at_once(tmp_path: Path) -> None:
    content = "Category,Budget\nFood,10\n,5\nRent,-1\nFOOD ,20\nCar,many\nHome\n"
    assert budget_faults(tmp_path, content) == [
        (3, "no category"),
        (4, "amount '-1' is negative"),
        (5, "FOOD has a budget already, on line 2"),
        (6, "'many' is no amount such as 1,247.44"),
        (7, "1 columns where the header has 2"),
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [("", "the file is empty"), ("Category\nFood\n", "no column Budget")],
)
def test_a_budget_without_its_columns_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    assert budget_faults(tmp_path, content) == [(1, reason)]
