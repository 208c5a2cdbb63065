"""Every language with other delimiters, orders of dates, marks, signs, preambles and footers."""

from __future__ import annotations

import csv
import io
from datetime import date
from decimal import Decimal
from itertools import cycle, islice, product
from pathlib import Path
from random import Random

import pytest

from budget.tests.statements import read, told

pytestmark = pytest.mark.once

ROWS = (
    (date(2024, 3, 14), Decimal("-1012.50"), "Kiosk"),
    (date(2024, 3, 15), Decimal("2000.00"), "Employer"),
    (date(2024, 3, 16), Decimal("-3.05"), "Tram"),
    (date(2024, 3, 18), Decimal("-120.00"), "Rent"),
)
MEANT = [(str(day), f"{abs(m)}", "expense" if m < 0 else "income", text) for day, m, text in ROWS]
# Day, text, amount, out, in, balance, side, and its words for out and in.
WORDS = {
    "English": "Date|Description|Amount|Debit|Credit|Balance|Type|Debit|Credit",
    "German": "Buchungstag|Verwendungszweck|Betrag|Soll|Haben|Saldo|Soll/Haben|S|H",
    "French": "Date opération|Libellé|Montant|Débit|Crédit|Solde|Sens|Débit|Crédit",
    "Spanish": "Fecha|Concepto|Importe|Cargo|Abono|Saldo|Tipo|Cargo|Abono",
    "Dutch": "Datum|Omschrijving|Bedrag|Af|Bij|Saldo|Af Bij|Af|Bij",
    "Italian": "Data|Descrizione|Importo|Dare|Avere|Saldo|Tipo|Dare|Avere",
    "Polish": "Data operacji|Opis operacji|Kwota|Obciążenia|Uznania|Saldo|Typ|Obciążenie|Uznanie",
    "Portuguese": "Data|Descrição|Valor|Débito|Crédito|Saldo|Tipo|Débito|Crédito",
    "Swedish": "Bokföringsdag|Text|Belopp|Uttag|Insättning|Saldo|Typ|Uttag|Insättning",
    "Danish": "Dato|Tekst|Beløb|Hævet|Indsat|Saldo|Type|Ud|Ind",
    "Norwegian": "Dato|Forklaring|Beløp|Ut fra konto|Inn på konto|Saldo|Type|Ut|Inn",
    "Finnish": "Kirjauspäivä|Selitys|Määrä|Meno|Tulo|Saldo|Tyyppi|Meno|Tulo",
    "Czech": "Datum|Popis|Částka|Výdaje|Příjmy|Zůstatek|Typ|Výdaj|Příjem",
}
DELIMITERS = (",", ";", "\t", "|")
DATES = [
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y%m%d",
    "%m/%d/%Y",
    "%d.%m.%y",
    "%d-%b-%Y",
]
MARKS = ((".", ""), (".", ","), (",", ""), (",", "."), (",", " "), (".", "'"))
SIGNS = ("-{}", "{}-", "({})", "- {}", "\u2212{}")
KINDS = ("sign", "two columns", "two columns, one below zero", "a column of words")
PREAMBLES = ((), ("Export",), ("Account;4711", "", "From;01.03.2024", "To;31.03.2024"))
FOOTERS = ((), ("", "This is no advice"))


def written(
    language: str, delimiter: str, form: str, marks: tuple[str, str], sign: str, kind: str, has: str
) -> str:
    """The rows in a dialect. has: what may stand beside them, by its letters."""
    day, text, amount, out, came, balance, side, out_word, in_word = WORDS[language].split("|")
    decimal, thousands = marks

    def digits(money: Decimal) -> str:
        return f"{money:,.2f}".replace(".", "!").replace(",", thousands).replace("!", decimal)

    columns = {"sign": [amount], "a column of words": [amount, side]}.get(kind, [out, came])
    header = [day, text, *columns, *([balance] if "b" in has else [])]
    lines, held = [header] if "h" in has else [], Decimal("5000.00")
    for when, money, what in ROWS:
        held += money
        size, is_out = digits(abs(money)), money < 0
        below = sign.format(size) if is_out else size
        cells = {
            "sign": [below],
            "a column of words": [size, out_word if is_out else in_word],
            "two columns": [size, ""] if is_out else ["", size],
        }.get(kind, [below, ""] if is_out else ["", size])
        lines.append([when.strftime(form), what, *cells, *([digits(held)] if "b" in has else [])])
    file = io.StringIO()
    for line in PREAMBLES[has.count("p")]:
        file.write(line.replace(";", delimiter) + "\n")
    csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows(lines)
    for line in FOOTERS[has.count("f")]:
        file.write(f"{line}\n")
    return file.getvalue()


def dialects() -> list[tuple[str, str, str, tuple[str, str], str, str, str]]:
    """As many as there are pairs of a language and a kind, five times, with all else in turn."""
    pairs = [*product(WORDS, KINDS)] * 5
    random = Random(13)  # noqa: S311
    turns = [list(islice(cycle(each), len(pairs))) for each in (DELIMITERS, DATES, MARKS, SIGNS)]
    for turn in turns:
        random.shuffle(turn)
    has = list(islice(cycle(("hb", "h", "hbp", "hppf", "hbf", "hpb")), len(pairs)))
    return [
        (language, delimiter, form, marks, sign, kind, more)
        for (language, kind), delimiter, form, marks, sign, more in zip(
            pairs, *turns, has, strict=True
        )
    ]


@pytest.mark.parametrize("language", WORDS)
def test_dialects_of_a_language_read_as_they_are_meant(tmp_path: Path, language: str) -> None:
    for dialect in dialects():
        if dialect[0] == language:
            assert told(read(tmp_path, written(*dialect))) == MEANT, dialect
