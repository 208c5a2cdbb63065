"""Mappings: what they may say, what they make of a file, and what is refused, all at once."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from budget.engine import reconcile
from budget.imports import BadFile, BadMapping, Export, Hints, mint, read_export, read_mapping
from budget.imports.mapping import RESERVED, Mapping, Section
from budget.imports.rows import ParsedRow
from budget.imports.understand import FORMATS
from budget.imports.values import AmountStyle, parse_date
from budget.models import Transaction
from budget.tests.exports import alert_states, interrupted, row_states
from budget.tests.mappings import GUIDE, block, mapping_of, write_mapping
from budget.tests.people import limit, make_user

SIGNED = """
name = "bank"
[columns]
date = "Date"
amount = "Amount"
description = "Payee"
[date]
formats = ["%Y-%m-%d"]
[amount]
positive = "income"
negative = "expense"
"""
TYPED = """
name = "bank"
[columns]
date = "Date"
amount = "Amount"
type = "Kind"
[date]
formats = ["%Y-%m-%d"]
[type]
out = "expense"
in = "income"
"""
SIDES = """
name = "bank"
[columns]
date = "Date"
debit = "Out"
credit = "In"
[date]
formats = ["%Y-%m-%d"]
"""


def read(folder: Path, mapping: str, content: str | bytes) -> Export:
    file = folder / "bank.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_export(file, Hints(mapping=mapping_of(folder, mapping)))


def rows(export: Export) -> list[ParsedRow]:
    return sorted((row for _, row in export.rows), key=lambda row: row.line)


def told(export: Export) -> list[tuple[str, str, str]]:
    """Date, amount and type of each row, in the order of the file."""
    return [(str(row.date), str(row.amount), row.type) for row in rows(export)]


def faults(folder: Path, mapping: str, content: str | bytes) -> list[tuple[int, str]]:
    """Line and reason of everything that is wrong with a file."""
    with pytest.raises(BadFile) as caught:
        read(folder, mapping, content)
    return [(bad.line, bad.reason) for bad in caught.value.bad]


def problems(folder: Path, mapping: str) -> list[str]:
    with pytest.raises(BadMapping) as caught:
        mapping_of(folder, mapping)
    return caught.value.problems


# What a mapping makes of a file.


def test_the_sign_tells_the_type(tmp_path: Path) -> None:
    export = read(
        tmp_path, SIGNED, "Date,Payee,Amount\n2024-01-02,Shop,-4.50\n2024-01-03,Pay,+900\n"
    )
    assert told(export) == [("2024-01-02", "4.50", "expense"), ("2024-01-03", "900.00", "income")]
    assert [row.description for row in rows(export)] == ["Shop", "Pay"]


def test_debit_and_credit_tell_the_type(tmp_path: Path) -> None:
    content = "Date,Out,In\n2024-01-02,4.50,\n2024-01-03,,900\n2024-01-04,0.00,7\n"
    assert told(read(tmp_path, SIDES, content)) == [
        ("2024-01-02", "4.50", "expense"),
        ("2024-01-03", "900.00", "income"),
        ("2024-01-04", "7.00", "income"),
    ]


def test_a_column_tells_the_type_in_any_case_and_spacing(tmp_path: Path) -> None:
    content = "date, KIND ,Amount\n2024-01-02, Out,4.50\n2024-01-03,in ,900\n"
    assert [kind for *_, kind in told(read(tmp_path, TYPED, content))] == ["expense", "income"]


def test_a_constant_tells_the_type_category_and_description(tmp_path: Path) -> None:
    mapping = """
name = "cash"
[columns]
date = 1
amount = 2
[constant]
type = "expense"
category = "Pocket money"
description = "Cash"
[file]
header = false
[date]
formats = ["%Y-%m-%d"]
"""
    (row,) = rows(read(tmp_path, mapping, "2024-01-02,4.50\n"))
    assert (row.type, row.category, row.description) == ("expense", "Pocket money", "Cash")


def test_rules_leave_rows_out_and_say_what_others_are(tmp_path: Path) -> None:
    mapping = (
        SIGNED
        + """
[[rule]]
column = "Payee"
starts_with = ["refund"]
type = "refund"
[[rule]]
column = "Payee"
equals = ["Own account"]
type = "transfer"
category = "Moved"
[[rule]]
column = 1
equals = ["pending", "total"]
skip = true
[[rule]]
column = "Payee"
starts_with = ["Refund of"]
type = "income"
category = "Back"
"""
    )
    content = (
        "Date,Payee,Amount\nPENDING,Shop,x\n2024-01-02,OWN  account,-4\n"
        "2024-01-03,Refund of shoes,50\n2024-01-03,Not a refund,50\nTotal,96\n"
    )
    export = read(tmp_path, mapping, content)
    assert [(row.type, row.category) for row in rows(export)] == [
        ("transfer", "Moved"),
        ("refund", "Back"),
        ("income", "Uncategorised"),
    ]
    assert [(left.line, left.reason) for left in export.left_out] == [
        (2, "by rule 3 of the mapping"),
        (6, "by rule 3 of the mapping"),
    ]


def test_categories_are_joined_and_renamed(tmp_path: Path) -> None:
    mapping = (
        SIGNED.replace("[date]", 'category = ["Group", "Kind"]\n[date]')
        + """
[category]
join = " / "
[category.rename]
"food / SNACKS" = "Treats"
"Food" = "Groceries"
"""
    )
    lines = ["Food,snacks", "Food,", "Food,Milk", ",Misc", ","]
    content = "Group,Kind,Date,Payee,Amount\n" + "".join(
        f"{line},2024-01-02,Shop,-1\n" for line in lines
    )
    assert [row.category for row in rows(read(tmp_path, mapping, content))] == [
        "Treats",
        "Groceries",
        "Food / Milk",
        "Misc",
        "Uncategorised",
    ]


def test_lines_before_the_header_keep_their_numbers(tmp_path: Path) -> None:
    mapping = SIGNED.replace("[date]", "[file]\nskip_lines = 3\n[date]")
    content = 'Account: "7\n\nPrinted today\nDate,Payee,Amount\n2024-01-02,Shop,-4.50\nx,Shop,-1\n'
    assert faults(tmp_path, mapping, content) == [(6, "'x' is no date such as 2024-12-31")]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-8", "utf-8-sig", "utf-16"])
def test_a_file_is_read_in_its_encoding(tmp_path: Path, encoding: str) -> None:
    mapping = SIGNED.replace("[date]", f'[file]\nencoding = "{encoding}"\n[date]')
    content = "Date,Payee,Amount\n2024-01-02,Café,-4.50\n".encode(encoding)
    assert [row.description for row in rows(read(tmp_path, mapping, content))] == ["Café"]


@pytest.mark.parametrize(
    ("encoding", "content", "line"),
    [
        ("utf-8", "Date,Payee,Amount\n2024-01-02,A,1\n2024-01-02,Café,-4.50\n".encode("cp1252"), 3),
        ("utf-16", "Date,Payee,Amount\n2024-01-02,Caf".encode("utf-16")[:-1], 2),
        ("ascii", "Date,Payee,Amount\n2024-01-02,Café,-4.50\n".encode(), 2),
    ],
)
def test_bytes_of_another_encoding_are_named_by_line(
    tmp_path: Path, encoding: str, content: bytes, line: int
) -> None:
    mapping = SIGNED.replace("[date]", f'[file]\nencoding = "{encoding}"\n[date]')
    reason = dict(faults(tmp_path, mapping, content))[line]
    assert reason.startswith(f"not {encoding.upper()}; save the file in that encoding")
    assert "file.encoding" in reason


def test_a_row_of_no_money_is_left_out_and_named(tmp_path: Path) -> None:
    export = read(tmp_path, SIGNED, "Date,Payee,Amount\n2024-01-02,Card check,-0.00\n")
    assert [(left.line, left.reason) for left in export.left_out] == [
        (2, "an amount of 0.00 moves no money")
    ]


# What is refused of a file.


def test_all_bad_lines_are_named_at_once_with_all_that_is_wrong(tmp_path: Path) -> None:
    mapping = TYPED + '[[expect]]\ncolumn = "Currency"\nequals = ["EUR"]\n'
    content = (
        "Date,Kind,Amount,Currency\n2024-01-02,out,1,eur\n2/1/2024,gone,1.005,USD\n"
        "2024-02-30,,-1,EUR\n,in,,EUR\n2024-01-02,out,1\n2024-01-02,out,1,EUR,more\n"
        "1850-01-01,in,12345678901234,EUR\n"
    )
    assert faults(tmp_path, mapping, content) == [
        (
            3,
            "column 'Currency' is 'USD', which expect 1 of the mapping does not allow; "
            "'2/1/2024' is no date such as 2024-12-31; "
            "amount '1.005' has more than two decimal places; "
            "type 'gone' is none of the mapping's (table type)",
        ),
        (
            4,
            "'2024-02-30' is no date such as 2024-12-31; amount '-1' is negative, and the mapping "
            "does not say what that means (amount.ignore_sign); "
            "type '' is none of the mapping's (table type)",
        ),
        (5, "no date; no amount"),
        (6, "3 columns where the header has 4"),
        (7, "5 columns where the header has 4"),
        (
            8,
            "date 1850-01-01 is not between 1900-01-01 and 2199-12-31; "
            "amount '12345678901234' is beyond 999999999999.99",
        ),
    ]


def test_without_a_header_the_first_line_tells_how_many_columns_there_are(tmp_path: Path) -> None:
    mapping = re.sub(r'"(Date|Amount|Payee)"', "1", SIGNED)
    mapping = mapping.replace("[date]", "[file]\nheader = false\n[date]")
    mapping = mapping.replace("amount = 1", "amount = 2")
    content = "2024-01-02,-1,,\n2024-01-02,-1\n2024-01-02,-1,,,\n2024-01-02,-1,,,x\n"
    assert faults(tmp_path, mapping, content) == [
        (2, "2 columns where the first line has 4"),
        (4, "5 columns where the first line has 4"),
    ]


def test_both_a_debit_and_a_credit_is_refused(tmp_path: Path) -> None:
    content = "Date,Out,In\n2024-01-02,4.50,1\n2024-01-03,,\n2024-01-03,-3,\n"
    assert faults(tmp_path, SIDES, content) == [
        (2, "an amount as debit and one as credit"),
        (3, "no amount, neither debit nor credit"),
        (
            4,
            "amount '-3' is negative, and the mapping does not say what that means "
            "(amount.ignore_sign)",
        ),
    ]


def test_columns_that_are_not_found_are_named_with_those_there_are(tmp_path: Path) -> None:
    mapping = SIGNED + '[[rule]]\ncolumn = 7\nequals = [""]\nskip = true\n'
    assert faults(tmp_path, mapping, "\nDay,Payee,payee,Amount\n") == [
        (
            2,
            "no column 'Date' (columns.date of the mapping); "
            "column 'Payee' is there 2 times, so give its number "
            "(columns.description of the mapping); "
            "no column 7, there are 4 (rule 1.column of the mapping); "
            "the header has 'Day', 'Payee', 'payee', 'Amount'",
        )
    ]


def test_a_date_that_two_formats_read_differently_is_refused(tmp_path: Path) -> None:
    mapping = SIGNED.replace('"%Y-%m-%d"', '"%d/%m/%Y", "%m/%d/%Y"')
    content = (
        "Date,Payee,Amount\n31/12/2024,A,-1\n5/5/2024,A,-1\n12/31/2024,A,-1\n03/04/2024,A,-1\n"
    )
    assert faults(tmp_path, mapping, content) == [
        (
            5,
            "date '03/04/2024' can be read as 2024-03-04 by %m/%d/%Y and 2024-04-03 by %d/%m/%Y",
        )
    ]


@pytest.mark.parametrize(
    ("text", "formats", "day"),
    [
        ("5/9/2018", ["%d/%m/%Y"], date(2018, 9, 5)),
        ("05/09/2018 23:59:59", ["%d/%m/%Y", "%d/%m/%Y %H:%M:%S"], date(2018, 9, 5)),
        ("23-Jan-15", ["%d-%b-%y"], date(2015, 1, 23)),
        ("23 january 1969", ["%d %B %Y"], date(1969, 1, 23)),
        ("1/1/69", ["%d/%m/%y"], date(1969, 1, 1)),
        ("20240131", ["%Y%m%d"], date(2024, 1, 31)),
        ("2018-02-25 23:34:56 -0900", ["%Y-%m-%d %H:%M:%S %z"], date(2018, 2, 25)),
    ],
)
def test_dates_are_read_by_their_format(text: str, formats: list[str], day: date) -> None:
    assert parse_date(text, tuple(formats)) == day


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("1122018", "%d%m%Y"),  # 1 December or 11 February
        ("٣١/12/2024", "%d/%m/%Y"),
        ("31/12/2024 and more", "%d/%m/%Y"),
        ("31.12.2024", "%d/%m/%Y"),
        ("29/02/2023", "%d/%m/%Y"),
        ("31/12/24", "%d/%m/%Y"),
    ],
)
def test_what_does_not_fit_the_format_is_no_date(text: str, form: str) -> None:
    with pytest.raises(ValueError, match="is no date such as"):
        parse_date(text, (form,))


SWISS = AmountStyle(".", "'")
GERMAN = AmountStyle(",", ".", ("€", "EUR"))
POUND = AmountStyle(".", ",", ("£", "GBP"))


@pytest.mark.parametrize(
    ("style", "text", "amount"),
    [
        (AmountStyle(), "5", "5.00"),
        (AmountStyle(), "-.50", "-0.50"),
        (AmountStyle(), "5-", "-5.00"),
        (AmountStyle(), "(5.25)", "-5.25"),
        (AmountStyle(), "\u22125.1", "-5.10"),
        (GERMAN, "-1.234,56 €", "-1234.56"),
        (GERMAN, "EUR 1.234.567,8", "1234567.80"),
        (POUND, "+ £1,183.23", "1183.23"),
        (POUND, "£-8.20", "-8.20"),
        (POUND, "-GBP 8", "-8.00"),
        (POUND, "(£8.20)", "-8.20"),
        (SWISS, "1\u2019247.40", "1247.40"),
        (AmountStyle(",", " "), "1\u202f247,40", "1247.40"),
        (AmountStyle(".", ","), "12,34,567.89", "1234567.89"),
        (AmountStyle(minor_units=True), "-1050", "-10.50"),
        (AmountStyle(minor_units=True), "5", "0.05"),
    ],
)
def test_amounts_are_exact_in_each_style(style: AmountStyle, text: str, amount: str) -> None:
    assert str(style.parse(text)) == amount


@pytest.mark.parametrize(
    ("style", "text"),
    [
        (AmountStyle(), "1,24"),
        (AmountStyle(), "1,247.44"),
        (AmountStyle(), "$5"),
        (AmountStyle(), "5."),
        (AmountStyle(), "--5"),
        (AmountStyle(), "-5-"),
        (AmountStyle(), "(-5)"),
        (AmountStyle(), "(5"),
        (AmountStyle(), "5)"),
        (AmountStyle(), "1e3"),
        (AmountStyle(), "٣"),
        (AmountStyle(), "-"),
        (GERMAN, "1,234.56"),
        (GERMAN, "1.23"),
        (GERMAN, "12.34,50"),
        (POUND, "1,24"),
        (AmountStyle(minor_units=True), "10.50"),
    ],
)
def test_an_amount_in_another_style_is_refused(style: AmountStyle, text: str) -> None:
    with pytest.raises(ValueError, match="is no amount such as"):
        style.parse(text)


@pytest.mark.parametrize(("style", "text"), [(AmountStyle(), "1.247"), (GERMAN, "1,247")])
def test_three_decimals_could_be_thousands_and_are_refused(style: AmountStyle, text: str) -> None:
    with pytest.raises(ValueError, match="more than two decimal places"):
        style.parse(text)


# Ids.

NUMBERED = SIGNED.replace("[date]", 'external_id = "Id"\n[date]')


def test_a_bank_that_numbers_its_rows_gives_the_ids(tmp_path: Path) -> None:
    content = "Id,Date,Payee,Amount\nA-7,2024-01-02,Shop,-4.50\nA-8,2024-01-02,Shop,-4.50\n"
    assert [number for number, _ in read(tmp_path, NUMBERED, content).rows] == [
        "bank:A-7",
        "bank:A-8",
    ]


def test_an_id_is_there_once_and_fits(tmp_path: Path) -> None:
    content = "Id,Date,Payee,Amount\n" + "".join(
        f"{number},2024-01-02,Shop,-4.50\n" for number in ["A-7", "", "A-7", "x" * 196]
    )
    assert faults(tmp_path, NUMBERED, content) == [
        (3, "no id in column 'Id'"),
        (4, "id 'A-7' stands on line 2 already, with the same text"),
        (
            5,
            "an id of 196 characters, at most 195 fit; name its column as columns.identity of the "
            "mapping instead of columns.external_id",
        ),
    ]


def ids(folder: Path, mapping: str, *lines: str) -> list[str]:
    content = "".join(f"{line}\n" for line in ["Date,Payee,Amount,Account,Category", *lines])
    return [number for number, _ in read(folder, mapping, content).rows]


def test_what_tells_rows_apart_makes_their_ids(tmp_path: Path) -> None:
    mapping = SIGNED.replace("[date]", 'identity = "Account"\ncategory = "Category"\n[date]')
    line = "2024-01-02,Shop,-4.50,Visa,Food"
    (number,) = ids(tmp_path, mapping, line)
    others = [
        "2024-01-03,Shop,-4.50,Visa,Food",
        "2024-01-02,Cafe,-4.50,Visa,Food",
        "2024-01-02,Shop,4.50,Visa,Food",
        "2024-01-02,Shop,-4.50,Cash,Food",
    ]
    assert number not in [ids(tmp_path, mapping, other)[0] for other in others]
    assert ids(tmp_path, mapping, "2024-01-02,SHOP ,-4.5,visa,Treats") == [number]
    assert len(set(ids(tmp_path, mapping, line, line))) == 2
    assert ids(tmp_path, mapping.replace('"bank"', '"other"'), line) != [number]


def test_the_id_stays_what_it_was_when_rows_were_stored_by_it(tmp_path: Path) -> None:
    assert ids(tmp_path, SIGNED, "2024-01-02,Shop,-4.50,Visa,Food") == [
        "bank:7ea711ca1d69dab37e8164d9fd68f5ea:1"
    ]


# What is refused of a mapping.


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    mapping = """
name = "My bank"
colums = 1
type = "expense"
[file]
encoding = "utf8mb4"
delimiter = ";;"
quote = "*"
skip_lines = -1
header = "yes"
[columns]
date = 0
amount = ["Amount"]
categroy = "Kind"
[constant]
type = "gift"
[date]
formats = ["%d/%Y", "dd/mm/yyyy", "%Y-%m-%d", "%d/%m/%Y %Q", "%d/%m/%Y %H:%H"]
[amount]
decimal = ";"
symbols = ["5"]
[[rule]]
column = "Kind"
equals = "x"
[[rule]]
column = "Kind"
[[expect]]
equals = []
"""
    assert problems(tmp_path, mapping) == [
        "name: Must be 1 to 40 of a-z, 0-9, _ and -, a letter first.",
        "file.encoding: 'utf8mb4' is no encoding, such as utf-8 or cp1252.",
        'file.delimiter: Must be one character, such as ",", ";" or "\\t".',
        "file.quote: Must be '\"', \"'\" or ''.",
        "file.skip_lines: Must be 0 or more.",
        "file.header: Must be true or false.",
        "columns.date: Must be the name of a column, or its number from 1.",
        "columns.amount: Must be the name of a column, or its number from 1.",
        "columns.categroy: There is no such key; category is meant?",
        "constant.type: Must be 'expense', 'income', 'refund' or 'transfer'.",
        "date.formats 1: '%d/%Y' needs a day, a month and a year, such as %d/%m/%Y.",
        "date.formats 2: 'dd/mm/yyyy' needs a day, a month and a year, such as %d/%m/%Y.",
        "date.formats 4: '%d/%m/%Y %Q' has %Q, which there is not.",
        "date.formats 5: '%d/%m/%Y %H:%H' says something twice.",
        "amount.decimal: Must be '.' or ','.",
        "amount.symbols 1: Must be 1 to 10 characters, no digit, sign, bracket or space.",
        "type: Must be a table.",
        "rule 1.equals: Must be a list of strings.",
        "rule 2: Must have equals, starts_with, contains or ends_with. "
        "Must have either skip = true, or a type or category to give.",
        "expect 1.column: This field is required.",
        "expect 1.equals: Must name a value.",
        "colums: There is no such key; columns is meant?",
    ]


@pytest.mark.parametrize(
    ("mapping", "problem"),
    [
        ("name = ", "no TOML: Invalid value (at end of document)"),
        ("a = 1\na = 2\nb = 3", "no TOML: Cannot overwrite a value (at line 2, column 6)"),
        (SIGNED.replace('"bank"', '"mint"'), "name: The name mint belongs to a format that is"),
        (SIGNED.replace('positive = "income"', ""), "amount: positive and negative come together."),
        (SIGNED + "ignore_sign = true", "amount: ignore_sign contradicts positive and negative."),
        (SIGNED + 'decimal = ","\nthousands = ","', "amount: decimal and thousands must differ."),
        (
            SIGNED.replace("[date]", "[file]\nheader = false\n[date]"),
            "columns: columns.date is 'Date', but a file without header has numbers for columns.",
        ),
        (SIGNED.replace('amount = "A', 'debit = "A'), "columns: Must have either amount, or debit"),
        (SIGNED.replace('amount = "Amount"', ""), "columns: Must have either amount, or debit and"),
        (SIGNED + '[constant]\ntype = "expense"', "type: The type comes from exactly one of "),
        (SIDES + '[constant]\ntype = "expense"', "type: The type comes from exactly one of "),
        (TYPED.replace('type = "Kind"', ""), "It has none."),
        (TYPED.replace('[type]\nout = "expense"\nin = "income"', ""), "type: columns.type and the"),
        (SIGNED + '[type]\nout = "expense"', "columns.type and the values of it"),
        (TYPED + 'OUT = "income"', "type: Two of its keys differ only in case or spaces."),
        (
            TYPED + 'else = "gift"',
            "type.else: Must be 'expense', 'income', 'refund' or 'transfer'.",
        ),
        (
            SIGNED + '[constant]\ndescription = "x"',
            "constant: description is a column already.",
        ),
        (SIGNED + '[category.rename]\nA = "x"\na = "y"', "category.rename: Two of its keys differ"),
        (SIGNED + '[[rule]]\ncolumn = 1\nskip = true\nstarts_with = [""]', "must not be blank"),
        (SIGNED.replace("[date]", "[dates]"), "dates: There is no such key; date is meant?"),
        (
            SIGNED + '[[rule]]\ncolumn = 1\nequals = ["a"]\nskip = true\ntype = "refund"',
            "rule 1: Must have either skip = true, or a type or category to give.",
        ),
    ],
)
def test_a_mapping_that_does_not_hold_together_is_refused(
    tmp_path: Path, mapping: str, problem: str
) -> None:
    said = problems(tmp_path, mapping)
    assert problem in " ".join(said)


def test_no_mapping_takes_the_name_of_a_format() -> None:
    assert {mint.NAME, *(form.PREFIX for form in FORMATS)} <= RESERVED


def test_a_mapping_of_other_bytes_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mapping.toml"
    file.write_bytes(SIGNED.replace("Payee", "Empfänger").encode("latin-1"))
    with pytest.raises(BadMapping, match="not UTF-8; save the file in that encoding"):
        read_mapping(file)


# The command.


def load(file: Path, mapping: Path, user: str = "alice", **options: Any) -> str:
    """The last words of an import; makes the user by default."""
    options.setdefault("create_user", True)
    return str(
        call_command("import_transactions", str(file), user=user, mapping=mapping, **options)
    )


def guide_files(folder: Path) -> tuple[Path, Path]:
    """The diary of the guide and its mapping."""
    file = folder / "diary.csv"
    file.write_text(block("csv"), encoding="utf-8")
    return file, write_mapping(folder, block("toml"))


@pytest.mark.django_db
def test_the_guide_shows_what_a_dry_run_says(tmp_path: Path) -> None:
    make_user()
    file, mapping = guide_files(tmp_path)
    assert load(file, mapping, dry_run=True) == block("text").rstrip("\n")
    assert not Transaction.objects.exists()


@pytest.mark.django_db
def test_the_guide_shows_what_becomes_of_its_first_line(tmp_path: Path) -> None:
    make_user()
    said = load(*guide_files(tmp_path))
    assert "Rows:        4 read, 4 stored, 0 there already" in said
    assert "line 2" not in said
    row = row_states("alice")[-1]
    for told in (row[0], row[2], row[3], row[4], row[1], "diary:"):
        assert f"`{told}`" in GUIDE
    assert (row[5] or "").startswith("diary:")


def test_the_guide_names_every_key_and_no_other() -> None:
    named = {key for line in GUIDE.splitlines() if line.startswith("| `") for key in keys_in(line)}
    wanted = set()
    for name, info in Mapping.model_fields.items():
        section = info.annotation
        if isinstance(section, type) and issubclass(section, Section):
            wanted |= {f"{name}.{key}" for key in section.model_fields}
        else:
            wanted.add(name)
    assert named == wanted


def test_the_guides_recipes_say_what_can_be_said(tmp_path: Path) -> None:
    recipes = re.findall(r"`([a-z]+\.[a-z_]+) = ([^`]+)`", GUIDE)
    assert len(recipes) > 10
    for key, value in [*recipes, ("file.delimiter", '"no"')]:
        refused = any(said.startswith(key) for said in problems(tmp_path, f"{key} = {value}"))
        assert refused == (value == '"no"'), key


def keys_in(line: str) -> list[str]:
    """The keys in the first cell of a line of the table of keys; its lines have three cells."""
    cells = line.strip("| ").split(" | ")
    found = re.findall(r"`([a-z_.]+)`", cells[0])
    return found if cells[0].startswith("`") else []


@pytest.mark.django_db
def test_every_fault_of_every_file_is_said_and_nothing_stored(tmp_path: Path) -> None:
    file, mapping = guide_files(tmp_path)
    mapping.write_text(SIGNED.replace("Amount", "Sum") + "surplus = 1", encoding="utf-8")
    budget = tmp_path / "budget.csv"
    budget.write_text("Category,Budget\nFood,x\n", encoding="utf-8")
    with pytest.raises(CommandError) as caught:
        load(file, mapping, budget=budget)
    assert str(caught.value).splitlines() == [
        "2 problems; nothing was stored.",
        "mapping.toml: amount.surplus: There is no such key; there are decimal, thousands, "
        "symbols, minor_units, positive, negative, ignore_sign, debit, credit, debit_words, "
        "credit_words.",
        "budget.csv, line 2: 'x' is no amount such as 1,247.44",
    ]
    mapping.write_text(SIGNED.replace("Amount", "Sum"), encoding="utf-8")
    with pytest.raises(CommandError, match=r"diary\.csv, line 1: no column 'Sum'"):
        load(file, mapping)
    with pytest.raises(CommandError, match="nowhere: No such file or directory"):
        load(file, tmp_path / "nowhere")
    assert not User.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_mapped_import_that_fails_in_the_middle_goes_on_where_it_stopped(tmp_path: Path) -> None:
    mapping = write_mapping(tmp_path, SIGNED)
    file = tmp_path / "bank.csv"
    lines = [f"2024-0{1 + day % 3}-{1 + day:02},Shop,-{40 + day}\n" for day in range(25)]
    file.write_text("Date,Payee,Amount\n" + "".join(lines), encoding="utf-8")
    for name in ("alice", "charlie"):
        limit(make_user(name), "300")
    load(file, mapping, user="charlie")
    with (
        interrupted(),
        pytest.raises(CommandError, match="the same command goes on from there"),
    ):
        load(file, mapping, chunk_size=4)
    alice = User.objects.get(username="alice")
    assert Transaction.objects.filter(user=alice).count() == 8
    assert reconcile(alice.pk) == []
    assert "17 stored, 8 there already" in load(file, mapping, chunk_size=4)
    assert "0 stored, 25 there already" in load(file, mapping)
    assert row_states("alice") == row_states("charlie")
    assert alert_states("alice") == alert_states("charlie") != set()
