"""Small files as banks write them, and what each must become, from the file to the alert."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from budget.models import Profile, Transaction
from budget.tests.people import make_user, open_levels

pytestmark = [pytest.mark.django_db, pytest.mark.once]

MINT = "Date,Description,Original Description,Amount,Transaction Type,Category,Account Name\n"
SIGNED = """
name = "bank"
[columns]
date = "Date"
amount = "Amount"
description = "Text"
[date]
formats = ["%Y-%m-%d"]
[amount]
positive = "income"
negative = "expense"
"""


class Desk:
    """One user, and a folder for the files that are imported for them."""

    def __init__(self, folder: Path, user: User) -> None:
        self.folder = folder
        self.user = user

    def file(self, name: str, content: str) -> Path:
        path = self.folder / name
        path.write_text(content, encoding="utf-8")
        return path

    def load(self, content: str, mapping: str | None = None, **options: Any) -> str:
        """The last words of an import."""
        if mapping is not None:
            options["mapping"] = self.file("mapping.toml", mapping)
        file = self.file("bank.csv", content)
        return str(
            call_command("import_transactions", str(file), user=self.user.username, **options)
        )

    def refused(self, content: str, mapping: str | None = None, **options: Any) -> str:
        before = self.rows()
        with pytest.raises(CommandError) as caught:
            self.load(content, mapping, **options)
        assert self.rows() == before
        return str(caught.value)

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Date, amount, type and category of each transaction, by date, then id."""
        rows = Transaction.objects.filter(user=self.user).order_by("date", "id")
        return [
            (str(row.date), str(row.amount), row.type.slug, row.category.name)
            for row in rows.select_related("type", "category")
        ]

    def sums(self) -> dict[str, str]:
        """The sum of each type."""
        found: dict[str, Decimal] = defaultdict(Decimal)
        for _, amount, slug, _ in self.rows():
            found[slug] += Decimal(amount)
        return {slug: str(amount) for slug, amount in found.items()}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, make_user())


# Mint.


def test_a_return_in_mint_lowers_the_spending_of_its_category(desk: Desk) -> None:
    budget = desk.file("budget.csv", "Category,Budget\nClothing,60\n")
    desk.load(
        f"{MINT}5/03/2024,Outfitters,OUTFITTERS,100.00,debit,Clothing,Card\n"
        "5/10/2024,Outfitters,RETURN,50.00,credit,Clothing,Card\n"
        "5/15/2024,Employer,PAYROLL,1000.00,credit,Paycheck,Bank\n",
        budget=budget,
    )
    assert desk.sums() == {"expense": "100.00", "refund": "50.00", "income": "1000.00"}
    assert open_levels(desk.user) == [("2024-05-01", 80)]


def test_what_mint_counts_nowhere_is_no_spending(desk: Desk) -> None:
    desk.load(
        f"{MINT}4/02/2024,Broker,B,500.00,debit,Transfer for Cash Spending,Bank\n"
        "4/03/2024,Rebooked,X,250.00,debit,Hide from Budgets & Trends,Bank\n"
        "4/04/2024,Card,P,80.00,debit,Credit Card Payment,Bank\n"
        "4/05/2024,Market,M,41.80,debit,Groceries,Bank\n"
    )
    assert desk.sums() == {"transfer": "830.00", "expense": "41.80"}


# Words and signs.

CARD = SIGNED.replace('positive = "income"\nnegative = "expense"', "")
CARD += '[constant]\ntype = "expense"\n'
TURNED = SIGNED.replace("positive", "nought").replace("negative", "positive")
TURNED = TURNED.replace("nought", "negative")


def file_of(*amounts: str) -> str:
    return "Date,Text,Amount\n" + "".join(f'2024-01-02,Shop,"{amount}"\n' for amount in amounts)


@pytest.mark.parametrize("symbols", ["", 'symbols = ["DR", "CR"]\n'])
@pytest.mark.parametrize("mapping", [SIGNED, TURNED])
def test_a_word_beside_the_amount_says_which_way_it_went(
    desk: Desk, mapping: str, symbols: str
) -> None:
    mapping = mapping.replace("[amount]\n", f'[amount]\nthousands = ","\n{symbols}')
    desk.load(file_of("5.00 DR", "2000.00 CR", "1,234.56 DR"), mapping)
    assert desk.sums() == {"expense": "1239.56", "income": "2000.00"}


@pytest.mark.parametrize("word", ["Cr", "CR", " cr", " H", " K"])
def test_a_credit_on_a_card_of_expenses_is_a_refund(desk: Desk, word: str) -> None:
    desk.load(file_of("20000.00", f"50.90{word}"), CARD)
    assert desk.sums() == {"expense": "20000.00", "refund": "50.90"}


@pytest.mark.parametrize(("out", "back"), [("S", "H"), ("D", "K"), ("D", "C"), ("Dr", "Cr")])
def test_banks_of_other_countries_have_other_words(desk: Desk, out: str, back: str) -> None:
    mapping = SIGNED.replace("[amount]", '[amount]\nsymbols = ["EUR"]')
    desk.load(file_of(f"7.10 {out}", f"8.20{back}", f"1.00 EUR {out}"), mapping)
    assert desk.sums() == {"expense": "8.10", "income": "8.20"}


def test_the_words_can_be_others_or_none(desk: Desk) -> None:
    words = '[amount]\ndebit_words = ["Af"]\ncredit_words = ["Bij"]'
    desk.load(file_of("7.10 Af", "Bij 8.20"), SIGNED.replace("[amount]", words))
    assert desk.sums() == {"expense": "7.10", "income": "8.20"}
    kwacha = '[amount]\nsymbols = ["K"]\ncredit_words = []'
    desk.load(file_of("-50 K", "K 60"), SIGNED.replace("[amount]", kwacha))
    assert desk.sums() == {"expense": "57.10", "income": "68.20"}


@pytest.mark.parametrize(
    ("amount", "mapping"),
    [("-5.00 CR", SIGNED), ("-5.00 DR", TURNED)],
)
def test_a_word_against_the_sign_is_refused(desk: Desk, amount: str, mapping: str) -> None:
    side = "credit" if "CR" in amount else "debit"
    assert f"the amount says {side}, and all else says" in desk.refused(file_of(amount), mapping)


SHOP = """[[rule]]
column = "Text"
starts_with = ["SHOP"]
sign = "positive"
type = "refund"
"""


def test_a_rule_can_be_for_one_sign(desk: Desk) -> None:
    desk.load(
        "Date,Text,Amount\n2024-05-03,SHOP 1,-100.00\n2024-05-10,SHOP 1,50.00\n"
        "2024-05-15,PAYROLL,1000.00\n",
        SIGNED + SHOP,
    )
    assert desk.sums() == {"expense": "100.00", "refund": "50.00", "income": "1000.00"}


def test_a_type_can_mean_two_things_by_the_sign(desk: Desk) -> None:
    mapping = """
name = "bank"
[columns]
date = "Date"
amount = "Amount"
type = "Type"
[date]
formats = ["%Y-%m-%d"]
[amount]
ignore_sign = true
[type]
Sale = "expense"
Adjustment = "refund"
[[rule]]
column = "Type"
equals = ["Adjustment"]
sign = "negative"
type = "expense"
"""
    content = "Date,Type,Amount\n2024-05-03,Sale,-30.09\n2024-05-05,Adjustment,6.20\n"
    desk.load(f"{content}2024-05-06,Adjustment,-6.20\n", mapping)
    assert desk.sums() == {"expense": "36.29", "refund": "6.20"}


def test_one_type_for_money_in_and_out_is_pointed_out(desk: Desk) -> None:
    content = "Date,Text,Amount\n2024-05-03,SHOP 1,-100.00\n2024-05-10,SHOP 1,50.00\n"
    blind = SHOP.replace('sign = "positive"\n', "")
    assert (
        "Note:        rule 1 makes refund of amounts of both signs, such as on lines 2 and 3; "
        "a rule with sign parts them\n"
    ) in desk.load(content, SIGNED + blind, dry_run=True)
    assert "Note:" not in desk.load(content, SIGNED + SHOP, dry_run=True)
    typed = """
name = "bank"
[columns]
date = "Date"
amount = "Amount"
type = "Text"
[date]
formats = ["%Y-%m-%d"]
[amount]
ignore_sign = true
[type]
"SHOP 1" = "refund"
"""
    said = desk.load(content, typed, dry_run=True)
    assert "Note:        type 'SHOP 1' makes refund of amounts of both signs, such as on" in said
    moved = typed.replace('"refund"', '"transfer"')
    assert "Note:" not in desk.load(content, moved, dry_run=True)


def test_a_rule_can_look_at_the_middle_the_end_and_another_cell(desk: Desk) -> None:
    rules = """
[[rule]]
column = "Text"
contains = ["own account"]
also = [{column = "Bank", equals = ["A"]}, {column = "Bank", ends_with = ["a"]}]
type = "transfer"
[[rule]]
column = "Text"
ends_with = ["(returned)"]
type = "refund"
"""
    desk.load(
        "Date,Text,Bank,Amount\n2024-05-03,To OWN  account 7,A,-1\n"
        "2024-05-04,To own account 7,B,-2\n2024-05-05,Shoes (RETURNED),A,4\n",
        SIGNED + rules,
    )
    assert desk.sums() == {"transfer": "1.00", "expense": "2.00", "refund": "4.00"}


# Days of the user.


def test_a_time_with_an_offset_falls_on_the_users_day(desk: Desk) -> None:
    profile = Profile.objects.get(user=desk.user)
    profile.time_zone = "Australia/Sydney"
    profile.save()
    mapping = SIGNED.replace("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z")
    desk.load(
        "Date,Text,Amount\n2025-10-31T21:40:00+00:00,Breakfast,-18.00\n"
        "2025-11-12T20:40:00+00:00,Coffee,-4.50\n2025-11-30T13:30:00+00:00,Train,-6.00\n",
        mapping,
    )
    assert [row[:2] for row in desk.rows()] == [
        ("2025-11-01", "18.00"),
        ("2025-11-13", "4.50"),
        ("2025-12-01", "6.00"),
    ]


def test_moving_house_makes_no_row_of_another_day_anew(desk: Desk) -> None:
    mapping = SIGNED.replace("%Y-%m-%d", "%Y-%m-%dT%H:%M:%S%z")
    content = "Date,Text,Amount\n2025-10-31T21:40:00+00:00,Breakfast,-18.00\n"
    desk.load(content, mapping)
    profile = Profile.objects.get(user=desk.user)
    profile.time_zone = "Australia/Sydney"
    profile.save()
    assert "0 stored, 1 there already" in desk.load(content, mapping)


# Cells and headers.

SIDES = """
name = "dash"
[columns]
date = "Date"
debit = "Out"
credit = "In"
category = "Kind"
[date]
formats = ["%d.%m.%Y"]
"""


@pytest.mark.parametrize("dash", ["-", "--", "\u2013", "\u2014"])
def test_a_dash_is_an_empty_cell(desk: Desk, dash: str) -> None:
    desk.load(
        f"Date,Kind,Out,In,Balance\n27.05.2024,{dash},{dash},1500.00,2000.00\n"
        f"24.05.2024,Rent,900.00,{dash},{dash}\n",
        SIDES,
    )
    assert desk.rows() == [
        ("2024-05-24", "900.00", "expense", "Rent"),
        ("2024-05-27", "1500.00", "income", "Uncategorised"),
    ]


def test_amounts_with_noughts_at_their_end_are_exact(desk: Desk) -> None:
    desk.load(file_of("-4.750", "1000.000000"), SIGNED)
    assert desk.sums() == {"expense": "4.75", "income": "1000.00"}


def test_a_header_may_end_in_a_comma(desk: Desk) -> None:
    desk.load("Date,Text,Amount,\n2024-01-02,Shop,-4.50\n2024-01-03,Shop,-1,\n", SIGNED)
    assert desk.sums() == {"expense": "5.50"}
    said = desk.refused("Date,Text,Amount,\n2024-01-02,Shop, the other,-4.50\n", SIGNED)
    assert "4 columns where the header has 3" in said


FEES = (
    SIGNED.replace("[date]", 'fee = "Fee"\n[date]')
    + """
[[rule]]
column = "State"
equals = ["PENDING", "REVERTED"]
skip = true
[[rule]]
column = "Type"
equals = ["TOPUP"]
type = "transfer"
"""
)


def test_a_fee_beside_the_amount_is_spent_too(desk: Desk) -> None:
    content = (
        "Type,Date,Text,Amount,Fee,State\nCARD,2024-10-02,Hotel,-100.00,1.50,COMPLETED\n"
        "ATM,2024-10-03,Cash,-200.00,4.00,COMPLETED\n"
        "TOPUP,2024-10-04,Top-up,300.00,0.00,COMPLETED\n"
        "CARD,,Tram,-3.00,-,PENDING\nCARD,,Museum,-12.00,0.00,REVERTED\n"
        "PLAN,2024-10-09,Plan,0.00,2.99,COMPLETED\n"
    )
    said = desk.load(content, FEES)
    assert desk.sums() == {"expense": "308.49", "transfer": "300.00"}
    assert ("2024-10-02", "1.50", "expense", "Fees") in desk.rows()
    assert "Left out:    2, by rule 1 of the mapping" in said
    assert "0 stored" in desk.load(content, FEES)


def test_fees_that_the_mapping_does_not_name_are_pointed_out(desk: Desk) -> None:
    content = "Date,Text,Amount,Fee\n2024-10-02,Tram,-3.00,0.00\n2024-10-02,Hotel,-100.00,1.50\n"
    said = (
        "Note:        a column of fees has amounts, first on line 3, and the mapping does not name"
    )
    assert said in desk.load(content, SIGNED, dry_run=True)
    named = SIGNED.replace("[date]", 'fee = "Fee"\n[date]')
    assert "Note:" not in desk.load(content, named, dry_run=True)
    assert "Note:" not in desk.load(content.replace("1.50", "-"), SIGNED, dry_run=True)


GROWING = SIGNED.replace("[columns]", "[file]\nskip_lines = 2\n[columns]")


@pytest.mark.parametrize("preamble", [0, 1, 2, 5, 60])
def test_the_header_is_found_whatever_stands_before_it(desk: Desk, preamble: int) -> None:
    before = "".join(f'Account: "{number}, x\n' for number in range(preamble))
    desk.load(f"{before}Date,Text,Amount\n2024-01-02,Shop,-4.50\n", GROWING)
    assert desk.rows() == [("2024-01-02", "4.50", "expense", "Uncategorised")]


def test_a_bad_line_below_a_long_preamble_keeps_its_number(desk: Desk) -> None:
    said = desk.refused("a\nb\nc\nd\nDate,Text,Amount\nx,Shop,-4.50\n", GROWING)
    assert "bank.csv, line 6: 'x' is no date" in said


def test_other_marks_than_the_mapping_says_are_named(desk: Desk) -> None:
    said = desk.refused('"Date";"Text";"Amount"\n"2024-01-02";"Shop";"-4,50"\n', SIGNED)
    assert "line 1: the columns are parted by ';', and file.delimiter of the mapping is ','" in said


# Reports.


def test_a_hundred_thousand_bad_lines_are_a_hundred_and_a_count(desk: Desk) -> None:
    said = desk.refused(file_of(*["x"] * 100_000), SIGNED).splitlines()
    assert said[0] == "100000 problems; nothing was stored."
    assert len(said) == 102
    assert said[-2:] == [
        "bank.csv, line 101: 'x' is no amount such as 1247.44",
        "and 99900 more",
    ]


def test_rows_left_out_and_cut_are_a_hundred_numbers_and_a_count(desk: Desk) -> None:
    lines = "".join(f"2024-01-02,{'x' * 501},-{amount}\n" for amount in ["0.00", "1"] * 300)
    said = desk.load(f"Date,Text,Amount\n{lines}", SIGNED)
    assert said.count("and 200 more") == 2
    assert "Left out:    300, an amount of 0.00 moves no money; on line" in said
    assert "Cut:         300 descriptions to 500 characters; on line" in said
    assert len(said) < 3000
