"""Tables, made up as banks write them, that a rule for another bank must not read another way."""

from __future__ import annotations

from pathlib import Path

import pytest

from budget.imports import Unclear, read_export
from budget.tests.statements import rows

pytestmark = pytest.mark.once


def types_of(folder: Path, text: str) -> set[str] | str:
    """The types of the rows, or the key of what is asked first."""
    file = folder / "export.csv"
    file.write_text(text, encoding="utf-8")
    try:
        return {row.type for row in rows(read_export(file))}
    except Unclear as error:
        return error.questions[0].key


# In other languages the first words of these are wages.
@pytest.mark.parametrize("place", ["BAR PLAÇA CATALUNYA", "LE PLAT DU JOUR", "Café aan de Maas"])
def test_a_square_a_dish_and_a_river_are_no_wages(tmp_path: Path, place: str) -> None:
    text = f"Date,Description,Amount\n2024-05-13,{place},12.50\n2024-05-14,Forn,3.20\n"
    assert types_of(tmp_path, text) == "signs"


@pytest.mark.parametrize(
    "wages", ["Plača", "PLAČA 05/2024", "Plača za maj", "MAAŞ ÖDEMESİ", "Plat"]
)
def test_the_same_words_alone_are_wages(tmp_path: Path, wages: str) -> None:
    text = f"Date,Description,Amount\n2024-05-13,{wages},1200.50\n2024-05-14,Bonus,3.20\n"
    assert types_of(tmp_path, text) == {"income"}


ACCOUNT = """Kontoinhaber;A. Muster
Produkte;{products}

Buchungstag;{who};Verwendungszweck;Betrag
13.05.2024;Supermarkt;Einkauf;-12,50
14.05.2024;B. Beispiel;Untermiete;300,00
17.05.2024;Bäckerei;Brot;-2,10
"""


@pytest.mark.parametrize("said", ["Girokonto, Kreditkarte", "Current account and credit card"])
def test_an_account_named_beside_a_card_has_income(tmp_path: Path, said: str) -> None:
    text = ACCOUNT.format(who="Händler", products=said)
    assert types_of(tmp_path, text) == {"expense", "income"}


def test_an_account_beside_a_card_has_income(tmp_path: Path) -> None:
    account = ACCOUNT.format(who="Auftraggeber/Empfänger", products="Kreditkarte")
    assert types_of(tmp_path, account) == {"expense", "income"}
    assert types_of(tmp_path, ACCOUNT.format(who="Händler", products="Kreditkarte")) == {
        "expense",
        "refund",
    }


DAYS = ["2024-01-15", "2024-02-15", "2024-03-15", "2024-04-15"]


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize(("step", "becomes"), [(100, "income"), (-100, "expense")])
def test_one_amount_each_month_goes_by_its_days(
    tmp_path: Path, newest_first: bool, step: int, becomes: str
) -> None:
    lines = [f"{day},Standing order,100.00,{1000 + step * n}.00\n" for n, day in enumerate(DAYS)]
    ordered = reversed(lines) if newest_first else lines
    text = "Date,Description,Amount,Balance\n" + "".join(ordered)
    assert types_of(tmp_path, text) == {becomes}


def test_one_amount_each_time_on_one_day_is_asked_about(tmp_path: Path) -> None:
    lines = [f"2024-01-15,Standing order,100.00,{balance}.00\n" for balance in (100, 200, 300)]
    assert types_of(tmp_path, "Date,Description,Amount,Balance\n" + "".join(lines)) == "signs"


def test_thanks_for_a_payment_from_an_account_turn_no_signs(tmp_path: Path) -> None:
    lines = [
        "2024-03-01,Deposit,500.00,1500.00\n",
        "2024-03-02,CITY WATER PAYMENT - THANK YOU,-200.00,1300.00\n",
        "2024-03-03,Market,-100.00,1200.00\n",
        "2024-03-04,Bakery,-4.50,1195.50\n",
    ]
    text = "Date,Description,Amount,Balance\n" + "".join(lines)
    file = tmp_path / "export.csv"
    file.write_text(text)
    assert [row.type for row in rows(read_export(file))] == ["income", *["expense"] * 3]


def test_what_others_pay_into_an_account_leaves_no_question(tmp_path: Path) -> None:
    lines = [
        "2024-03-01,Payment received from Bob,500.00,1500.00\n",
        "2024-03-02,Deposit,20.00,1520.00\n",
        "2024-03-03,Market,-100.00,1420.00\n",
    ]
    text = "Date,Description,Amount,Balance\n" + "".join(lines)
    assert "expense" in types_of(tmp_path, text)


def test_thanks_for_a_payment_of_a_debt_turn_them(tmp_path: Path) -> None:
    lines = [
        "2024-03-01,Books,500.00,1500.00\n",
        "2024-03-02,PAYMENT - THANK YOU,-200.00,1300.00\n",
        "2024-03-03,Market,100.00,1400.00\n",
        "2024-03-04,Bakery,4.50,1404.50\n",
    ]
    assert types_of(tmp_path, "Date,Description,Amount,Balance\n" + "".join(lines)) == {
        "expense",
        "transfer",
    }
