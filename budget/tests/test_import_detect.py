"""Tables that nobody has described: read where every reading agrees, asked about where not."""

from __future__ import annotations

from pathlib import Path

import pytest

from budget.imports import BadFile, Question, Unclear
from budget.tests.statements import read, rows, told

pytestmark = pytest.mark.once

OUT, IN = "expense", "income"

# Each file as it is written, and what its rows are: day, amount, type and description.
FILES: dict[str, tuple[str, list[tuple[str, str, str, str]]]] = {
    "German, with lines before the header and a total": (
        "Umsatzanzeige;Datei erstellt am 05.03.2024\n\nKonto;Giro\nSaldo;1.000,00;EUR\n\n"
        "Buchung;Valuta;Auftraggeber/Empfänger;Verwendungszweck;Betrag;Währung\n"
        "27.02.2024;27.02.2024;Markt;Einkauf;-1.041,80;EUR\n"
        "01.02.2024;01.02.2024;Arbeit;Lohn;2.000,00;EUR\n"
        "Summe;;;;958,20;EUR\n",
        [
            ("2024-02-01", "2000.00", IN, "Arbeit, Lohn"),
            ("2024-02-27", "1041.80", OUT, "Markt, Einkauf"),
        ],
    ),
    "German, Soll and Haben as letters": (
        "Datum;Text;Betrag;Soll/Haben\n13.02.2024;Miete;900,00;S\n14.02.2024;Lohn;50,00;H\n",
        [("2024-02-13", "900.00", OUT, "Miete"), ("2024-02-14", "50.00", IN, "Lohn")],
    ),
    "Swiss, debit and credit, apostrophes": (
        "Datum;Buchungstext;Belastung;Gutschrift;Saldo\n"
        "27.05.2024;Lohn;;1'500.00;2'000.00\n24.05.2024;Miete;900.00;;500.00\n",
        [("2024-05-24", "900.00", OUT, "Miete"), ("2024-05-27", "1500.00", IN, "Lohn")],
    ),
    "French, blanks between thousands": (
        "Date;Libellé;Débit;Crédit\n15/03/2024;LOYER;1 250,00;\n16/03/2024;SALAIRE;;2 100,50\n",
        [("2024-03-15", "1250.00", OUT, "LOYER"), ("2024-03-16", "2100.50", IN, "SALAIRE")],
    ),
    "Spanish": (
        "F. VALOR;FECHA OPERACIÓN;CONCEPTO;IMPORTE;SALDO\n"
        "16/04/2024;15/04/2024;Recibo luz;-41,80;958,20\n"
        "18/04/2024;17/04/2024;Nómina;1.200,00;2.158,20\n",
        [("2024-04-15", "41.80", OUT, "Recibo luz"), ("2024-04-17", "1200.00", IN, "Nómina")],
    ),
    "Dutch, Af and Bij": (
        '"Datum","Naam / Omschrijving","Rekening","Tegenrekening","Code","Af Bij",'
        '"Bedrag (EUR)","Mutatiesoort","Mededelingen"\n'
        '"20240315","Markt","NL00","","BA","Af","12,50","Betaalautomaat","Pas 1"\n'
        '"20240316","Werk","NL00","","OV","Bij","1000,00","Overschrijving","Loon"\n',
        [("2024-03-15", "12.50", OUT, "Markt, Pas 1"), ("2024-03-16", "1000.00", IN, "Werk, Loon")],
    ),
    "Italian": (
        "Data Contabile;Data Valuta;Descrizione;Dare;Avere\n"
        "15/03/2024;15/03/2024;Spesa;12,50;\n16/03/2024;16/03/2024;Stipendio;;1.000,00\n",
        [("2024-03-15", "12.50", OUT, "Spesa"), ("2024-03-16", "1000.00", IN, "Stipendio")],
    ),
    "Polish": (
        "Data operacji;Opis operacji;Nadawca/Odbiorca;Kwota;Saldo po operacji\n"
        "2024-03-15;Zakup;Sklep;-12,50;87,50\n2024-03-16;Wpłata;Firma;1 000,00;1 087,50\n",
        [
            ("2024-03-15", "12.50", OUT, "Sklep, Zakup"),
            ("2024-03-16", "1000.00", IN, "Firma, Wpłata"),
        ],
    ),
    "Portuguese": (
        "Data mov.;Data valor;Descrição;Débito;Crédito;Saldo\n"
        "15-03-2024;15-03-2024;Compra;12,50;;87,50\n16-03-2024;16-03-2024;Ordenado;;900,00;987,50\n",
        [("2024-03-15", "12.50", OUT, "Compra"), ("2024-03-16", "900.00", IN, "Ordenado")],
    ),
    "Swedish": (
        "Bokföringsdag;Belopp;Avsändare;Mottagare;Namn;Rubrik;Saldo\n"
        "2024-03-15;-12,50;;;;ICA;87,50\n2024-03-16;1 000,00;;;;Lön;1 087,50\n",
        [("2024-03-15", "12.50", OUT, "ICA"), ("2024-03-16", "1000.00", IN, "Lön")],
    ),
    "Danish": (
        "Dato;Tekst;Beløb;Saldo\n15.03.2024;Netto;-12,50;87,50\n16.03.2024;Løn;1.000,00;1.087,50\n",
        [("2024-03-15", "12.50", OUT, "Netto"), ("2024-03-16", "1000.00", IN, "Løn")],
    ),
    "Norwegian": (
        "Dato;Forklaring;Rentedato;Ut fra konto;Inn på konto\n"
        "15.03.2024;Rema;15.03.2024;12,50;\n16.03.2024;Lønn;16.03.2024;;1000,00\n",
        [("2024-03-15", "12.50", OUT, "Rema"), ("2024-03-16", "1000.00", IN, "Lønn")],
    ),
    "Finnish": (
        "Kirjauspäivä;Arvopäivä;Määrä EUROA;Laji;Selitys;Saaja/Maksaja\n"
        "15.03.2024;15.03.2024;-12,50;162;KORTTIOSTO;Kauppa\n"
        "16.03.2024;16.03.2024;+1000,00;588;PALKKA;Firma\n",
        [
            ("2024-03-15", "12.50", OUT, "Kauppa, KORTTIOSTO"),
            ("2024-03-16", "1000.00", IN, "Firma, PALKKA"),
        ],
    ),
    "Czech": (
        '"Datum provedení";"Částka";"Měna";"Název protiúčtu";"Zpráva pro příjemce"\n'
        '"15.03.2024";"-12,50";"CZK";"Obchod";"nákup"\n"16.03.2024";"1000,00";"CZK";"Firma";"mzda"\n',
        [
            ("2024-03-15", "12.50", OUT, "Obchod, nákup"),
            ("2024-03-16", "1000.00", IN, "Firma, mzda"),
        ],
    ),
    "Lithuanian, D and K": (
        "Data;Gavėjas;Paaiškinimai;Suma;Valiuta;D/K\n"
        "2024-03-15;Parduotuvė;Pirkinys;12.50;EUR;D\n2024-03-16;Įmonė;Alga;1000.00;EUR;K\n",
        [
            ("2024-03-15", "12.50", OUT, "Parduotuvė, Pirkinys"),
            ("2024-03-16", "1000.00", IN, "Įmonė, Alga"),
        ],
    ),
    "Russian": (
        "Дата операции;Статус;Сумма операции;Валюта операции;Категория;Описание\n"
        "15.03.2024 12:00:01;OK;-12,50;RUB;Еда;Магазин\n"
        "16.03.2024 12:00:02;OK;1000,00;RUB;Доход;Зарплата\n"
        "17.03.2024 12:00:02;FAILED;-5,00;RUB;Еда;Магазин\n",
        [("2024-03-15", "12.50", OUT, "Магазин"), ("2024-03-16", "1000.00", IN, "Зарплата")],
    ),
    "Japanese": (
        "日付,内容,出金金額,入金金額,残高\n2024/3/15,スーパー,1250,,8750\n2024/3/16,給与,,100000,108750\n",
        [
            ("2024-03-15", "1250.00", OUT, "スーパー"),
            ("2024-03-16", "100000.00", IN, "給与"),
        ],
    ),
    "English, brackets and dollar signs": (
        "Date,Description,Amount\n03/15/2024,Shop,($12.50)\n03/16/2024,Bar,($2.50)\n"
        '03/17/2024,Pay,"$1,000.00"\n',
        [
            ("2024-03-15", "12.50", OUT, "Shop"),
            ("2024-03-16", "2.50", OUT, "Bar"),
            ("2024-03-17", "1000.00", IN, "Pay"),
        ],
    ),
    "English, DR and CR behind the amount": (
        "Date,Narrative,Amount\n2024-03-15,Shop,12.50 DR\n2024-03-16,Pay,1000.00 CR\n",
        [("2024-03-15", "12.50", OUT, "Shop"), ("2024-03-16", "1000.00", IN, "Pay")],
    ),
    "English, months by name and no header": (
        "15 Mar 2024,Shop,-12.50\n16 Mar 2024,Bar,-2.50\n17 Mar 2024,Pay,1000.00\n",
        [
            ("2024-03-15", "12.50", OUT, "Shop"),
            ("2024-03-16", "2.50", OUT, "Bar"),
            ("2024-03-17", "1000.00", IN, "Pay"),
        ],
    ),
    "a tab between columns and a repeated header": (
        "Date\tDescription\tAmount\n2024-03-15\tShop\t-12.50\nDate\tDescription\tAmount\n"
        "2024-03-16\tBar\t-2.50\n",
        [("2024-03-15", "12.50", OUT, "Shop"), ("2024-03-16", "2.50", OUT, "Bar")],
    ),
    "a card that marks what comes back": (
        "Date,Description,Amount,\n13-Dec-2019,SHOP,£8.20,\n14-Dec-2019,BAR,£10.00,\n"
        "15-Dec-2019,SHOP RETURN,£8.20,CR\n"
        '16-Dec-2019,PAYMENT RECEIVED - THANK YOU,"£1,100.00",CR\n'
        "Pending,CAFE,£2.00,\n",
        [
            ("2019-12-13", "8.20", OUT, "SHOP"),
            ("2019-12-14", "10.00", OUT, "BAR"),
            ("2019-12-15", "8.20", "refund", "SHOP RETURN"),
            ("2019-12-16", "1100.00", "transfer", "PAYMENT RECEIVED - THANK YOU"),
        ],
    ),
    "more that comes in than goes out, seen from the balance": (
        "Date,Details,Amount,Balance\n2024-03-17,Pay,1000.00,1087.50\n2024-03-16,Gift,100.00,87.50\n"
        "2024-03-15,Shop,-12.50,-12.50\n",
        [
            ("2024-03-15", "12.50", OUT, "Shop"),
            ("2024-03-16", "100.00", IN, "Gift"),
            ("2024-03-17", "1000.00", IN, "Pay"),
        ],
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_table_explains_itself(tmp_path: Path, name: str) -> None:
    content, expected = FILES[name]
    assert told(read(tmp_path, content)) == expected


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r", "\r\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_every_encoding_and_newline_reads_alike(
    tmp_path: Path, encoding: str, newline: str
) -> None:
    content, expected = FILES["German, with lines before the header and a total"]
    raw = content.replace("\n", newline).encode(encoding)
    assert told(read(tmp_path, raw)) == expected


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1250", "Żółw w sklepie spożywczym, część"),
        ("cp1250", "Částka za nákup zboží, příjem"),
        ("cp1251", "Магазин продуктов на углу"),
        ("cp1252", "Café, Straße, Ærø, señor, garçon"),
        ("cp1257", "Parduotuvė, įmonė, šeštadienį žuvis"),
        ("cp932", "スーパーで買い物"),
    ],
)
def test_the_encoding_is_told_from_the_letters(tmp_path: Path, encoding: str, text: str) -> None:
    content = f'Date,Description,Amount\n2024-03-15,"{text}",-12.50\n'.encode(encoding)
    assert told(read(tmp_path, content))[0][3] == text


def test_a_wrong_encoding_can_be_put_right(tmp_path: Path) -> None:
    content = "Date,Description,Amount\n2024-03-15,x\u0161,-1.00\n".encode("cp1250")
    assert told(read(tmp_path, content, encoding="cp1250"))[0][3] == "xš"
    with pytest.raises(BadFile) as caught:
        read(tmp_path, content, encoding="klingon")
    assert "is no encoding" in caught.value.bad[0].reason


def asked(folder: Path, content: str) -> Question:
    with pytest.raises(Unclear) as caught:
        read(folder, content)
    (question,) = caught.value.questions
    return question


def test_dates_that_could_be_either_are_asked(tmp_path: Path) -> None:
    content = "Date,Description,Amount\n03/04/2024,Shop,-12.50\n05/04/2024,Bar,-1.00\n"
    question = asked(tmp_path, content)
    assert [(choice.value, choice.reading) for choice in question.choices] == [
        ("day-first", "03/04/2024 is 3 April 2024"),
        ("month-first", "03/04/2024 is 4 March 2024"),
    ]
    assert told(read(tmp_path, content, dates="month-first"))[0][0] == "2024-03-04"


def test_another_column_of_dates_tells(tmp_path: Path) -> None:
    content = (
        "Transaction date,Value date,Description,Amount\n"
        "03/04/2024,03/04/2024,Shop,-12.50\n05/04/2024,13/04/2024,Bar,-1.00\n"
    )
    assert told(read(tmp_path, content))[0][0] == "2024-04-03"


def test_dates_that_read_alike_either_way_are_not_asked(tmp_path: Path) -> None:
    content = "Date,Description,Amount\n03/03/2024,Shop,-12.50\n"
    assert told(read(tmp_path, content))[0][0] == "2024-03-03"


def test_amounts_of_whole_cents_are_told_by_their_header(tmp_path: Path) -> None:
    content = "Date,Description,Amount (cents)\n2024-03-15,Shop,-1250\n"
    assert told(read(tmp_path, content))[0][1] == "12.50"


def test_a_day_of_the_week_before_the_date(tmp_path: Path) -> None:
    content = 'Date,Description,Amount\n"Fri, 15 Mar 2024",Shop,-12.50\n'
    assert told(read(tmp_path, content))[0][0] == "2024-03-15"


def test_a_year_that_cannot_be_is_no_reading(tmp_path: Path) -> None:
    content = "Date,Description,Amount\n20011001,Shop,-12.50\n"
    assert told(read(tmp_path, content))[0][0] == "2001-10-01"


def test_amounts_that_could_be_either_are_asked(tmp_path: Path) -> None:
    content = "Date;Description;Amount\n2024-03-15;Shop;-1.250\n"
    question = asked(tmp_path, content)
    assert [(choice.value, choice.reading) for choice in question.choices] == [
        ("point", "-1.250 is -1.25"),
        ("comma", "-1.250 is -1250.00"),
    ]
    assert told(read(tmp_path, content, decimal="comma"))[0][1] == "1250.00"
    assert told(read(tmp_path, content + "2024-03-16;Bar;-2,50\n"))[0][1] == "1250.00"


CARD = (
    "Date,Description,Amount\n2024-03-15,Shop,12.50\n2024-03-16,Bar,2.50\n2024-03-17,AUTOPAY,-15\n"
)


def test_what_a_sign_means_is_asked_where_nothing_tells(tmp_path: Path) -> None:
    question = asked(tmp_path, CARD)
    assert question.asks.endswith("Line 2: 2024-03-15, Shop, 12.50")
    assert [(choice.value, choice.reading) for choice in question.choices] == [
        ("spent-is-negative", "12.50 is 12.50 that came in"),
        ("spent-is-positive", "12.50 is 12.50 spent"),
    ]
    bank = read(tmp_path, CARD, signs="spent-is-negative")
    assert [slug for _, _, slug, _ in told(bank)] == [IN, IN, OUT]
    card = read(tmp_path, CARD, signs="spent-is-positive")
    assert [slug for _, _, slug, _ in told(card)] == [OUT, OUT, "transfer"]


def test_an_answer_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile) as caught:
        read(tmp_path, CARD, signs="maybe")
    said = "--signs maybe: it can be spent-is-negative or spent-is-positive here"
    assert caught.value.bad[0].reason == said


FLAGS = "15.03.2024;Shop;12,50;O\n16.03.2024;Pay;50,00;I\n17.03.2024;Bar;1,00;EUR\n"


def test_words_of_direction_that_are_not_known_are_asked(tmp_path: Path) -> None:
    question = asked(tmp_path, FLAGS)
    assert question.key == "money-in"
    assert [choice.value for choice in question.choices] == ["O", "I", "EUR"]
    assert question.choices[1].reading == "line 2: 16.03.2024, Pay, 50,00, I"
    export = read(tmp_path, FLAGS, **{"money-in": "i"})
    assert [slug for _, _, slug, _ in told(export)] == [OUT, IN, OUT]


JOURNAL = (
    "JournalNumber,JournalDate,AccountName,NetAmount,Description\n"
    "1,23-Jan-15,Income,-360,Sales\n1,23-Jan-15,Cash,360,Charger\n"
    "2,24-Jan-15,Food,20,Lunch\n2,24-Jan-15,Cash,-20,Lunch\n"
    "3,25-Jan-15,Bank,200,Paid in\n3,25-Jan-15,Cash,-200,Paid in\n"
)


def test_a_journal_asks_which_accounts_are_ones_own(tmp_path: Path) -> None:
    question = asked(tmp_path, JOURNAL)
    assert question.key == "accounts"
    assert [choice.value for choice in question.choices] == ["Income", "Cash", "Food", "Bank"]
    one = read(tmp_path, JOURNAL, accounts="Cash")
    assert [found[1:3] for found in told(one)] == [("360.00", IN), ("20.00", OUT), ("200.00", OUT)]
    both = read(tmp_path, JOURNAL, accounts="cash, bank")
    assert [found[1:3] for found in told(both)] == [
        ("360.00", IN),
        ("20.00", OUT),
        ("200.00", "transfer"),
        ("200.00", "transfer"),
    ]


def test_lines_that_are_no_movements_are_left_out_and_named(tmp_path: Path) -> None:
    content = (
        "Date,Description,Amount\n2024-03-15,Shop,-12.50\npending,Bar,-1.00\n2024-03-16,Cancelled,\n"
        "Total,,-13.50\nThis is no advice.,,\n"
    )
    export = read(tmp_path, content)
    assert len(export.rows) == 1
    assert [(left.line, left.reason) for left in export.left_out] == [
        (3, "it is pending: not booked yet"),
        (4, "it has no amount"),
        (5, "a total or a balance"),
        (6, "it has no amount"),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("2024-02-30,Shop,-1.00", "'2024-02-30' is no date such as 2024-12-31"),
        ("2024-03-16,Shop,abc", "'abc' is no amount such as 1247.44"),
        ("2024-03-16,Shop,-1.00,x", "4 columns where the header has 3"),
    ],
)
def test_a_line_that_might_be_a_movement_is_never_left_out(
    tmp_path: Path, line: str, reason: str
) -> None:
    content = f"Date,Description,Amount\n2024-03-15,Shop,-12.50\n{line}\n"
    with pytest.raises(BadFile) as caught:
        read(tmp_path, content)
    assert [(bad.line, bad.reason.replace("1,247.44", "1247.44")) for bad in caught.value.bad] == [
        (3, reason)
    ]


def test_a_quote_within_quotes_need_not_be_doubled(tmp_path: Path) -> None:
    content = (
        "Date,Description,Amount\n"
        '2024-03-15,"The ""best"" shop",-12.50\n2024-03-16,"The "best" bar",-2.50\n'
    )
    assert [text for *_, text in told(read(tmp_path, content))] == [
        'The "best" shop',
        'The best" bar"',
    ]


def test_a_quote_that_is_never_closed_swallows_no_line(tmp_path: Path) -> None:
    content = 'Date,Description,Amount\n2024-03-15,"Shop,-12.50\n2024-03-16,Bar,-2.50\n'
    assert [found[1] for found in told(read(tmp_path, content))] == ["12.50", "2.50"]


def test_a_balance_that_does_not_follow_is_pointed_out(tmp_path: Path) -> None:
    lines = [f"2024-03-{day:02},Shop,-10.00,{1000 - 10 * day}.00" for day in range(1, 12)]
    del lines[5]
    export = read(tmp_path, "\n".join(["Date,Description,Amount,Balance", *lines]))
    assert export.notes == [
        "the balances follow the amounts on 8 of 9 lines, and not on line 7; "
        "a line may be missing there"
    ]


def test_a_fee_of_its_own_is_a_row_of_its_own(tmp_path: Path) -> None:
    content = (
        "Type,Product,Started Date,Completed Date,Description,Amount,Fee,Currency,State,Balance\n"
        "CARD_PAYMENT,Current,2024-10-01 10:00:00,2024-10-02 09:00:00,Hotel,-100.00,1.50,EUR,"
        "COMPLETED,98.50\n"
        "TOPUP,Current,2024-10-04 08:00:00,2024-10-04 08:00:01,Top-up,300.00,0.00,EUR,COMPLETED,"
        "398.50\n"
        "CARD_PAYMENT,Current,2024-10-05 08:00:00,,Tram,-3.00,0.00,EUR,PENDING,\n"
    )
    export = read(tmp_path, content)
    assert export.title == "Revolut export"
    assert sorted(found[1:] for found in told(export)) == [
        ("1.50", OUT, "Fee: Hotel"),
        ("100.00", OUT, "Hotel"),
        ("300.00", "transfer", "Top-up"),
    ]
    assert export.notes == []


# Exports of programs and banks as they write their headers: what is known of them, and what is not.
PROGRAMS: dict[str, tuple[str, list[tuple[str, str, str, str]]]] = {
    "YNAB register": (
        '"Account","Flag","Date","Payee","Category Group/Category","Category Group","Category",'
        '"Memo","Outflow","Inflow","Cleared"\n'
        '"Bank","","03/15/2024","Shop","Daily: Food","Daily","Food","",$12.50,$0.00,"Cleared"\n'
        '"Bank","","03/16/2024","Transfer : Savings","","","","",$100.00,$0.00,"Cleared"\n'
        '"Bank","","03/01/2024","Starting Balance","","","","",$0.00,$500.00,"Cleared"\n',
        [
            ("2024-03-15", "12.50", OUT, "Shop"),
            ("2024-03-16", "100.00", "transfer", "Transfer : Savings"),
        ],
    ),
    "Firefly III export": (
        "journal_id,created_at,type,currency_code,amount,foreign_amount,description,date,"
        "source_name,destination_name,category\n"
        "11,2024-03-15T10:00:00+01:00,Withdrawal,EUR,-12.50,,Groceries,2024-03-15T00:00:00+01:00,"
        "Giro,Shop,Food\n"
        "12,2024-03-16T10:00:00+01:00,Deposit,EUR,1000.00,,Salary,2024-03-16T00:00:00+01:00,"
        "Work,Giro,\n"
        "13,2024-03-17T10:00:00+01:00,Transfer,EUR,50.00,,Saving,2024-03-17T00:00:00+01:00,"
        "Giro,Savings,\n",
        [
            ("2024-03-15", "12.50", OUT, "Groceries"),
            ("2024-03-16", "1000.00", IN, "Salary"),
            ("2024-03-17", "50.00", "transfer", "Saving"),
        ],
    ),
    "Actual export": (
        "Account,Date,Payee,Notes,Category,Amount,Split_Amount,Cleared\n"
        "Bank,2024-03-15,Shop,Bread,Food,-12.5,0,Cleared\nBank,2024-03-16,Work,,,1000,0,Cleared\n",
        [("2024-03-15", "12.50", OUT, "Shop, Bread"), ("2024-03-16", "1000.00", IN, "Work")],
    ),
    "Monarch export": (
        "Date,Merchant,Category,Account,Original Statement,Notes,Amount,Tags\n"
        "2024-03-15,Shop,Food,Bank,SHOP 1,,-12.50,\n2024-03-16,Work,Pay,Bank,ACME,,1000.00,\n"
        "2024-03-17,Card,Credit Card Payment,Bank,CC,,-50.00,\n",
        [
            ("2024-03-15", "12.50", OUT, "Shop"),
            ("2024-03-16", "1000.00", IN, "Work"),
            ("2024-03-17", "50.00", "transfer", "Card"),
        ],
    ),
    "PayPal activity": (
        '"Date","Time","Time Zone","Name","Type","Status","Currency","Gross","Fee","Net",'
        '"Transaction ID","Balance Impact"\n'
        '"6/4/2024","10:46","PDT","Shop","Payment","Completed","USD","-20.00","0.00","-20.00","1","Debit"\n'
        '"6/4/2024","10:46","PDT","Buyer","Sale","Completed","USD","100.00","-3.20","96.80","2","Credit"\n'
        '"6/4/2024","10:46","PDT","","Bank Deposit to PP Account","Completed","USD","20.00","0.00",'
        '"20.00","3","Credit"\n'
        '"6/5/2024","10:46","PDT","Shop","General Authorization","Pending","USD","-5.00","0.00",'
        '"-5.00","4","Memo"\n',
        [
            ("2024-06-04", "20.00", OUT, "Shop"),
            ("2024-06-04", "96.80", IN, "Buyer"),
            ("2024-06-04", "20.00", "transfer", ""),
        ],
    ),
    "Wise statement": (
        "TransferWise ID,Date,Amount,Currency,Description,Payment Reference,Running Balance,"
        "Total fees\nCARD-1,15-03-2024,-12.50,EUR,Card at Shop,,87.50,0.00\n"
        "TRANSFER-2,13-03-2024,100.00,EUR,Received money,Gift,100.00,0.50\n",
        [
            ("2024-03-13", "100.00", IN, "Received money, Gift"),
            ("2024-03-15", "12.50", OUT, "Card at Shop"),
        ],
    ),
    "Monzo export": (
        "id,created,amount,currency,local_amount,local_currency,category,emoji,description,"
        "address,notes,receipt\n"
        "tx_1,2018-02-25 12:34:56 +0000,-1050,GBP,-1050,GBP,general,,Tesco,,,\n",
        [("2018-02-25", "10.50", OUT, "Tesco")],
    ),
    "N26 export": (
        '"Booking Date","Value Date","Partner Name","Partner Iban",Type,"Payment Reference",'
        '"Account Name","Amount (EUR)","Original Amount","Original Currency","Exchange Rate"\n'
        '2024-03-15,,"Shop",DE00,"Presentment","","Main",-12.50,-13.00,USD,0.96\n'
        '2024-03-16,,"Work",DE01,"Credit Transfer","Pay","Main",1000.00,,,\n',
        [("2024-03-15", "12.50", OUT, "Shop"), ("2024-03-16", "1000.00", IN, "Work, Pay")],
    ),
    "CSV": (
        ';\n"Umsätze Girokonto";"Zeitraum: 30 Tage";\n"Neuer Kontostand";"1.487,50 EUR";\n\n'
        '"Buchungstag";"Wertstellung (Valuta)";"Vorgang";"Buchungstext";"Umsatz in EUR";\n'
        '"offen";"--";"Kartenverfügung";"BAR";"-2,50";\n'
        '"15.03.2024";"15.03.2024";"Lastschrift";"SHOP";"-12,50";\n\n'
        '"Alter Kontostand";"1.500,00 EUR";\n',
        [("2024-03-15", "12.50", OUT, "Lastschrift, SHOP")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("title", PROGRAMS)
def test_a_program_is_known_by_its_columns(tmp_path: Path, title: str) -> None:
    content, expected = PROGRAMS[title]
    export = read(tmp_path, content)
    assert export.title == title
    assert told(export) == expected


def test_the_kind_of_a_payment_tells_what_its_sign_means(tmp_path: Path) -> None:
    content = (
        "Transaction Date,Post Date,Description,Category,Type,Amount,Memo\n"
        "03/15/2024,03/16/2024,SHOP,Food,Sale,{},\n03/17/2024,03/18/2024,SHOP,,Return,{},\n"
    )
    bank = read(tmp_path, content.format("-12.50", "2.50"))
    card = read(tmp_path, content.format("12.50", "-2.50"))
    assert [slug for _, _, slug, _ in told(bank)] == [OUT, "refund"]
    assert [slug for _, _, slug, _ in told(card)] == [OUT, "refund"]


def test_the_category_and_the_currency_are_taken(tmp_path: Path) -> None:
    content = "Date,Description,Category,Amount (EUR)\n2024-03-15,Shop,Food,-12.50\n"
    export = read(tmp_path, content)
    assert (export.currency, rows(export)[0].category) == ("EUR", "Food")


def test_currencies_in_a_column_are_never_added_up(tmp_path: Path) -> None:
    content = "Date,Description,Amount,Currency\n2024-03-15,A,-1.00,EUR\n2024-03-16,B,-1.00,USD\n"
    assert asked(tmp_path, content).key == "currency"
    assert [text for *_, text in told(read(tmp_path, content, currency="USD"))] == ["B"]


def test_an_account_of_another_bank_has_ids_of_its_own(tmp_path: Path) -> None:
    one = read(tmp_path, "Date,Description,Amount\n2024-03-15,Shop,-12.50\n")
    other = read(tmp_path, "Day;Details;Amount\n2024-03-15;Shop;-12.50\n")
    assert told(one) == told(other)
    assert one.rows[0][0] != other.rows[0][0]


def test_the_banks_ids_are_taken_where_most_rows_have_one(tmp_path: Path) -> None:
    header = "Date,Transaction ID,Description,Amount\n"
    lines = [f"2024-03-{day:02},T{day},Shop,-12.50\n" for day in range(1, 21)]
    short = read(tmp_path, header + "".join(lines[:10]))
    fee, nameless = "2024-03-05,T5,Fee,-0.50\n", "2024-03-06,,Shop,-7.00\n"
    whole = read(tmp_path, header + "".join([*lines, fee, nameless]))
    assert len({number for number, _ in whole.rows}) == 22
    assert {number for number, _ in short.rows} < {number for number, _ in whole.rows}
    assert short.rows[0][0].endswith(":T1")


def test_a_longer_file_gives_the_same_ids(tmp_path: Path) -> None:
    content = "Date,Description,Amount\n2024-03-15,Shop,-12.50\n2024-03-15,Shop,-12.50\n"
    short = {number for number, _ in read(tmp_path, content).rows}
    long = {number for number, _ in read(tmp_path, content + "2024-03-16,Bar,-1.00\n").rows}
    assert len(short) == 2
    assert short < long


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("just a text\nof two lines\n", "no columns with dates and amounts are found"),
        ("a,b,c\n1,2,3\n", "no columns with dates and amounts are found"),
    ],
)
def test_a_file_that_is_no_table_says_what_is_missing(
    tmp_path: Path, content: str, said: str
) -> None:
    with pytest.raises(BadFile) as caught:
        read(tmp_path, content)
    assert said in caught.value.bad[0].reason
