"""Real exports of banks and programs, each by a mapping and without one.

The files are not part of the project: SAMPLE_DATA names the folder that holds bank_exports/. What
is expected of each was counted and added up without this project.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from budget.imports import BadFile, Export, Hints, Unclear, read_export, text_of
from budget.tests.mappings import mapping_of

Totals = dict[str, str]

AUSTRIAN = """
name = "austrian"
[file]
delimiter = ";"
[date]
formats = ["%d.%m.%Y"]
[amount]
decimal = ","
positive = "income"
negative = "expense"
"""
MINT = """
name = "mint-mapped"
[columns]
date = "Date"
amount = "Amount"
type = "Transaction Type"
category = "Category"
description = "Description"
identity = ["Account Name", "Original Description"]
[date]
formats = ["%m/%d/%Y", "%m/%d/%y"]
[amount]
thousands = ","
ignore_sign = true
[type]
debit = "expense"
credit = "income"
[[rule]]
column = "Category"
equals = ["Transfer", "Credit Card Payment"]
type = "transfer"
"""

# File: the mapping, how many rows it has, how many lines are left out, how much of each type.
BANKS: dict[str, tuple[str, int, int, Totals]] = {
    "amazon_pending_rows.csv": (
        """
name = "amazon"
[columns]
date = "date"
amount = "total"
description = "items"
external_id = "order id"
[constant]
type = "expense"
category = "Shopping"
[date]
formats = ["%Y-%m-%d"]
[[rule]]
column = "date"
equals = ["pending", "date"]
skip = true
[[rule]]
column = "total"
equals = [""]
skip = true
""",
        3,
        4,
        {"expense": "45.76"},
    ),
    "amex_style_bom_pound_pending.csv": (
        """
name = "amex"
[columns]
date = "Date Processed"
amount = "Amount"
type = 4
description = "Description"
[date]
formats = ["%d-%b-%Y"]
[amount]
thousands = ","
symbols = ["£"]
[type]
"" = "expense"
CR = "transfer"
[[rule]]
column = "Date Processed"
equals = ["Pending"]
skip = true
""",
        10,
        3,
        {"expense": "1385.80", "transfer": "1100.00"},
    ),
    "at_cd_flag_column.csv": (
        """
name = "austrian"
[file]
delimiter = ";"
header = false
[columns]
date = 1
description = 2
amount = 4
type = 5
[date]
formats = ["%d.%m.%Y"]
[amount]
decimal = ","
[type]
O = "expense"
I = "income"
EUR = "expense"
[[rule]]
column = 1
starts_with = ["A null transaction"]
skip = true
""",
        73,
        1,
        {"expense": "6458.90", "income": "1878.20"},
    ),
    "at_headers.csv": (
        AUSTRIAN
        + """
[columns]
date = "Date"
description = "Payee"
amount = "Inflow"
[[rule]]
column = "Date"
starts_with = ["FOOTER", "A null transaction"]
skip = true
[[expect]]
column = "Currency"
equals = ["EUR"]
""",
        73,
        3,
        {"expense": "6458.90", "income": "1878.20"},
    ),
    "at_negative_inflow.csv": (
        AUSTRIAN.replace("[file]", "[file]\nheader = false")
        + """
[columns]
date = 1
description = 2
amount = 4
[[rule]]
column = 1
starts_with = ["A null transaction"]
skip = true
""",
        73,
        1,
        {"expense": "6458.90", "income": "1878.20"},
    ),
    "bank_of_ireland.csv": (
        """
name = "boi"
[columns]
date = "Date"
debit = "Debit"
credit = "Credit"
description = "Details"
[date]
formats = ["%d/%m/%Y"]
""",
        27,
        0,
        {"expense": "4260.83", "income": "3841.22"},
    ),
    "bunq_statement.csv": (
        """
name = "bunq"
[columns]
date = "Date"
amount = "Amount"
description = ["Name", "Description"]
identity = "Account"
[date]
formats = ["%Y-%m-%d"]
[amount]
decimal = ","
thousands = "."
positive = "income"
negative = "expense"
[[rule]]
column = "Description"
starts_with = ["Refund:"]
type = "refund"
""",
        7,
        0,
        {"expense": "39.68", "refund": "15.86"},
    ),
    "capitalone_debit_credit.csv": (
        """
name = "capitalone"
[columns]
date = "Transaction Date"
debit = "Debit"
credit = "Credit"
category = "Category"
description = "Description"
identity = "Card No."
[date]
formats = ["%Y-%m-%d"]
[[rule]]
column = "Category"
equals = ["Payment/Credit"]
type = "transfer"
""",
        2,
        0,
        {"expense": "1000.00", "transfer": "1000.00"},
    ),
    "de_umsaetze.csv": (
        """
name = "commerzbank"
[file]
delimiter = ";"
[columns]
date = "Buchungstag"
amount = "Betrag"
description = "Buchungstext"
identity = "IBAN Auftraggeberkonto"
[date]
formats = ["%d.%m.%Y"]
[amount]
decimal = ","
thousands = "."
positive = "income"
negative = "expense"
""",
        1,
        0,
        {"expense": "17.22"},
    ),
    "de_umsatz.csv": (
        """
name = "sparkasse"
[file]
delimiter = ";"
[columns]
date = "Buchungstag"
amount = "Betrag"
description = ["Beguenstigter/Zahlungspflichtiger", "Verwendungszweck"]
identity = "Auftragskonto"
[date]
formats = ["%d.%m.%y"]
[amount]
decimal = ","
thousands = "."
positive = "income"
negative = "expense"
[[rule]]
column = "Info"
equals = ["Umsatz vorgemerkt"]
skip = true
""",
        1,
        0,
        {"expense": "36.99"},
    ),
    "gls_de_latin1_semicolon.csv": (
        """
name = "gls"
[file]
encoding = "latin-1"
delimiter = ";"
[columns]
date = "Buchungstag"
amount = "Betrag"
description = ["Auftraggeber/Empfänger", "VWZ1", "VWZ2", "VWZ3", "VWZ4", "VWZ5"]
identity = "Kontonummer"
[date]
formats = ["%d.%m.%Y"]
[amount]
decimal = ","
thousands = "."
positive = "income"
negative = "expense"
[description]
join = " "
""",
        1,
        0,
        {"expense": "98.76"},
    ),
    "ing_es_blank_lines.csv": (
        """
name = "ing-es"
[columns]
date = "date"
amount = "amount"
category = ["class", "subcategory"]
description = "desc"
[date]
formats = ["%d/%m/%Y"]
[amount]
positive = "income"
negative = "expense"
[category]
join = " / "
[[rule]]
column = "desc"
starts_with = ["Devolución"]
type = "refund"
""",
        10,
        0,
        {"expense": "1550.79", "income": "1899.63", "refund": "1.37"},
    ),
    "kbc_mastercard.csv": (
        """
name = "kbc"
[file]
delimiter = ";"
[columns]
date = "datum verrichting"
debit = "debet"
credit = "credit"
description = "Handelaar"
identity = "kredietkaart"
[date]
formats = ["%d/%m/%Y"]
[amount]
decimal = ","
ignore_sign = true
credit = "transfer"
[[expect]]
column = "munt"
equals = ["EUR"]
""",
        3,
        0,
        {"expense": "33.04", "transfer": "35.77"},
    ),
    "mint_beancount.csv": (MINT, 7, 0, {"expense": "156.64", "transfer": "133.76"}),
    "mint_cr_only.csv": (MINT, 4, 0, {"expense": "5000.00", "income": "2000.00"}),
    "sure_mint.csv": (MINT, 10, 0, {"expense": "1795.30", "income": "2545.67"}),
    "monzo.csv": (
        """
name = "monzo"
[columns]
date = "created"
amount = "amount"
category = "category"
description = ["description", "notes"]
external_id = "id"
[date]
formats = ["%Y-%m-%d %H:%M:%S %z"]
[amount]
minor_units = true
positive = "income"
negative = "expense"
[[expect]]
column = "currency"
equals = ["GBP"]
""",
        1,
        0,
        {"expense": "0.10"},
    ),
    "n26.csv": (
        """
name = "n26"
[columns]
date = "Booking Date"
amount = "Amount (EUR)"
description = ["Partner Name", "Payment Reference"]
identity = ["Account Name", "Partner Iban"]
[date]
formats = ["%Y-%m-%d"]
[amount]
positive = "income"
negative = "expense"
[[rule]]
column = "Partner Name"
equals = ["Compte courant"]
type = "transfer"
""",
        2,
        0,
        {"transfer": "656.00"},
    ),
    "oxford_pcard_2017q1.csv": (
        """
name = "oxford"
[columns]
date = "Date"
amount = "Value"
category = "Transaction description"
description = ["Merchant", "Transaction description 2"]
identity = "Reference"
[date]
formats = ["%d/%m/%Y"]
[amount]
thousands = ","
positive = "expense"
negative = "refund"
""",
        1141,
        0,
        {"expense": "182864.00", "refund": "4203.04"},
    ),
    "paypal.csv": (
        """
name = "paypal"
[columns]
date = "Date"
amount = "Net"
description = ["Name", "Item Title"]
external_id = "Transaction ID"
[date]
formats = ["%m/%d/%Y"]
[amount]
thousands = ","
positive = "income"
negative = "expense"
[[rule]]
column = "Status"
equals = ["Pending", "Denied"]
skip = true
[[rule]]
column = "Type"
equals = ["Charge From Debit Card"]
type = "transfer"
[[expect]]
column = "Currency"
equals = ["USD"]
""",
        2,
        0,
        {"expense": "20.00", "transfer": "1120.00"},
    ),
    "rabobank_nl_crcrlf_comma_decimal.csv": (
        """
name = "rabobank"
[file]
encoding = "latin-1"
[columns]
date = "Datum"
amount = "Bedrag"
description = ["Naam tegenpartij", "Omschrijving-1", "Omschrijving-2", "Omschrijving-3"]
identity = ["IBAN/BBAN", "Volgnr"]
[date]
formats = ["%Y-%m-%d"]
[amount]
decimal = ","
positive = "income"
negative = "expense"
[[rule]]
column = "Omschrijving-1"
starts_with = ["Naar Bunq"]
type = "transfer"
""",
        3,
        0,
        {"expense": "337.49", "income": "50.00", "transfer": "750.00"},
    ),
    "sample_fr_cp1252.csv": (
        """
name = "fr"
[file]
encoding = "cp1252"
[columns]
date = "Date"
amount = "Montant"
description = "Remarque"
[date]
formats = ["%Y/%m/%d"]
[amount]
positive = "income"
negative = "expense"
[[rule]]
column = "Remarque"
starts_with = ["Virement vers"]
type = "transfer"
""",
        3,
        0,
        {"expense": "20.00", "income": "50.00", "transfer": "10.00"},
    ),
    "schwab_dollar_running_balance.csv": (
        """
name = "schwab"
[columns]
date = "Date"
debit = "Withdrawal"
credit = "Deposit"
description = "Description"
identity = "CheckNumber"
[date]
formats = ["%m/%d/%Y"]
[amount]
thousands = ","
symbols = ["$"]
[[rule]]
column = "Status"
equals = ["Pending"]
skip = true
""",
        2,
        0,
        {"expense": "20.00", "income": "20.00"},
    ),
    "windows1250_pl.csv": (
        """
name = "pl"
[file]
encoding = "cp1250"
[columns]
date = "Date"
amount = "Amount"
category = "Category"
description = ["Name", "Notes"]
identity = "Account"
[date]
formats = ["%Y-%m-%d"]
[amount]
positive = "income"
negative = "expense"
""",
        3,
        0,
        {"expense": "185.50"},
    ),
    "xero_double_entry.csv": (
        """
name = "xero"
[columns]
date = "JournalDate"
amount = "NetAmount"
category = "Product"
description = "Description"
identity = ["JournalNumber", "AccountName"]
[date]
formats = ["%d-%b-%y"]
[amount]
positive = "income"
negative = "expense"
[[rule]]
column = "AccountName"
equals = ["Income"]
skip = true
[[rule]]
column = "Description"
starts_with = ["Transfer"]
type = "transfer"
""",
        8,
        5,
        {"income": "322000.00", "transfer": "418000.00"},
    ),
}


def read(sample_data: Path, tmp_path: Path, name: str, mapping: str) -> Export:
    hints = Hints(mapping=mapping_of(tmp_path, mapping))
    return read_export(sample_data / "bank_exports" / name, hints)


def totals(export: Export) -> Totals:
    found: dict[str, Decimal] = defaultdict(Decimal)
    for _, row in export.rows:
        found[row.type] += row.amount
    return {slug: str(amount) for slug, amount in found.items()}


@pytest.mark.parametrize("name", BANKS)
def test_a_mapping_reads_the_file(sample_data: Path, tmp_path: Path, name: str) -> None:
    mapping, *expected = BANKS[name]
    export = read(sample_data, tmp_path, name, mapping)
    assert [len(export.rows), len(export.left_out), totals(export)] == expected
    assert len({external_id for external_id, _ in export.rows}) == len(export.rows)


@pytest.mark.parametrize(
    "name", [name for name, (mapping, *_) in BANKS.items() if 'decimal = ","' in mapping]
)
def test_the_wrong_decimal_mark_is_refused_not_misread(
    sample_data: Path, tmp_path: Path, name: str
) -> None:
    wrong = BANKS[name][0].replace('decimal = ","', "").replace('thousands = "."', "")
    with pytest.raises(BadFile) as caught:
        read(sample_data, tmp_path, name, wrong)
    assert len(caught.value.bad) == BANKS[name][1]


# Without a mapping: the answers to the one question of a file, and what its rows add up to.
UNAIDED: dict[str, tuple[dict[str, str], int, Totals]] = {
    "bank_exports/amazon_pending_rows.csv": (
        {"signs": "spent-is-positive"},
        3,
        {"expense": "45.76"},
    ),
    "bank_exports/amex_style_bom_pound_pending.csv": (
        {},
        10,
        {"expense": "1385.80", "transfer": "1100.00"},
    ),
    "bank_exports/at_cd_flag_column.csv": (
        {"money-in": "I"},
        73,
        {"expense": "6458.90", "income": "1878.20"},
    ),
    "bank_exports/at_headers.csv": ({}, 73, {"expense": "6458.90", "income": "1878.20"}),
    "bank_exports/at_negative_inflow.csv": ({}, 73, {"expense": "6458.90", "income": "1878.20"}),
    "bank_exports/bank_of_ireland.csv": ({}, 27, {"expense": "4260.83", "income": "3841.22"}),
    "bank_exports/bunq_statement.csv": ({}, 7, {"expense": "39.68", "income": "15.86"}),
    "bank_exports/camt053_duplicate_same_day.xml": ({}, 2, {"expense": "9.00"}),
    "bank_exports/camt053_v2_five_decimals.xml": ({}, 1, {"income": "8.85"}),
    "bank_exports/camt053_v2_multi_statement.xml": (
        {},
        2,
        {"income": "8.85", "expense": "7.00"},
    ),
    "bank_exports/capitalone_debit_credit.csv": (
        {},
        2,
        {"expense": "1000.00", "income": "1000.00"},
    ),
    "bank_exports/de_umsaetze.csv": ({}, 1, {"expense": "17.22"}),
    "bank_exports/de_umsatz.csv": ({}, 1, {"expense": "36.99"}),
    "bank_exports/gls_de_latin1_semicolon.csv": ({}, 1, {"expense": "98.76"}),
    # Recognised by the incoming wages.
    "bank_exports/ing_es_blank_lines.csv": ({}, 10, {"expense": "1550.79", "income": "1901.00"}),
    "bank_exports/kbc_mastercard.csv": ({}, 3, {"expense": "33.04", "income": "35.77"}),
    "bank_exports/mint_beancount.csv": ({}, 7, {"expense": "156.64", "transfer": "133.76"}),
    "bank_exports/mint_cr_only.csv": ({}, 4, {"expense": "5000.00", "income": "2000.00"}),
    "bank_exports/monzo.csv": ({}, 1, {"expense": "0.10"}),
    # Each statement's movements lead from its opening to its closing balance.
    "bank_exports/mt940_sepa.sta": ({}, 97, {"income": "5188474.94", "expense": "14457610.84"}),
    "bank_exports/n26.csv": ({}, 2, {"expense": "328.00", "income": "328.00"}),
    "bank_exports/ofx2_header_sgml_body.ofx": ({}, 1, {"expense": "5.50"}),
    "bank_exports/ofx2_suncorp.ofx": ({}, 1, {"expense": "16.85"}),
    "bank_exports/ofx_amex.ofx": ({}, 3, {"expense": "190.75"}),
    "bank_exports/ofx_apostrophe.ofx": ({}, 1, {"expense": "58.73"}),
    "bank_exports/ofx_checking_long.ofx": ({}, 13, {"expense": "562.40", "income": "173.76"}),
    "bank_exports/ofx_euro_comma_decimal.ofx": ({}, 2, {"expense": "500.00"}),
    "bank_exports/ofx_multiple_accounts.ofx": ({}, 0, {}),
    "bank_exports/oxford_pcard_2017q1.csv": (
        {"signs": "spent-is-positive"},
        1141,
        {"expense": "182864.00", "refund": "4203.04"},
    ),
    "bank_exports/paypal.csv": ({}, 2, {"expense": "20.00", "transfer": "1120.00"}),
    "bank_exports/qif_creditunion.qif": ({}, 8, {"income": "465000.00"}),
    "bank_exports/qif_investment.qif": ({}, 0, {}),
    "bank_exports/rabobank_nl_crcrlf_comma_decimal.csv": (
        {},
        3,
        {"expense": "1087.49", "income": "50.00"},
    ),
    "bank_exports/sample_fr_cp1252.csv": ({}, 3, {"expense": "30.00", "income": "50.00"}),
    "bank_exports/schwab_dollar_running_balance.csv": (
        {},
        2,
        {"expense": "20.00", "income": "20.00"},
    ),
    "bank_exports/sure_mint.csv": (
        {},
        10,
        {"expense": "1795.30", "refund": "45.67", "income": "2500.00"},
    ),
    "bank_exports/windows1250_pl.csv": ({}, 3, {"expense": "185.50"}),
    "bank_exports/xero_double_entry.csv": (
        {"accounts": "Cash,Checking"},
        8,
        {"income": "322000.00", "transfer": "418000.00"},
    ),
    "mint/personal_transactions.csv": (
        {},
        806,
        {"expense": "63042.42", "transfer": "63561.12", "income": "93750.00"},
    ),
    "household/daily_household_transactions.csv": (
        {},
        2461,
        {"expense": "1957390.53", "income": "3042397.35", "transfer": "1770780.90"},
    ),
}


@pytest.mark.parametrize("name", UNAIDED)
def test_the_file_is_read_without_a_mapping_or_asks_one_question(
    sample_data: Path, name: str
) -> None:
    answers, count, expected = UNAIDED[name]
    file = sample_data / name
    if answers:
        with pytest.raises(Unclear) as caught:
            read_export(file)
        assert [question.key for question in caught.value.questions] == list(answers)
    export = read_export(file, Hints(answers=answers))
    assert len(export.rows) == count
    assert totals(export) == expected
    assert len({external_id for external_id, _ in export.rows}) == count


@pytest.mark.parametrize("name", UNAIDED)
def test_the_mapping_that_was_found_reads_the_same(
    sample_data: Path, tmp_path: Path, name: str
) -> None:
    export = read_export(sample_data / name, Hints(answers=UNAIDED[name][0]))
    if export.layout is not None:
        mapping = mapping_of(tmp_path, text_of(export.layout))
        assert read_export(sample_data / name, Hints(mapping=mapping)).rows == export.rows


@pytest.mark.parametrize(
    ("name", "line", "said"),
    [
        ("cz_masked_impossible_dates.csv", 2, "date 1111/11/11 is not between"),
        ("ofx_bad_amount_dollar.ofx", 34, "DTPOSTED: '201120000000' is no date"),
    ],
)
def test_a_file_that_cannot_be_taken_says_why(
    sample_data: Path, name: str, line: int, said: str
) -> None:
    with pytest.raises(BadFile) as caught:
        read_export(sample_data / "bank_exports" / name)
    assert caught.value.bad[0].line == line
    assert said in caught.value.bad[0].reason


def test_dates_that_were_masked_are_refused(sample_data: Path, tmp_path: Path) -> None:
    mapping = """
name = "czech"
[file]
encoding = "cp1250"
delimiter = ";"
[columns]
date = "Datum zaúčtování"
amount = "Částka CZK"
[date]
formats = ["%Y/%m/%d"]
[amount]
decimal = ","
positive = "income"
negative = "expense"
"""
    with pytest.raises(BadFile) as caught:
        read(sample_data, tmp_path, "cz_masked_impossible_dates.csv", mapping)
    assert [bad.line for bad in caught.value.bad] == list(range(2, 11))
    assert {bad.reason for bad in caught.value.bad} == {
        "date 1111/11/11 is not between 1900-01-01 and 2199-12-31"
    }
