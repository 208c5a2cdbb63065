"""More tables as banks of many countries write them, one purchase and one salary each, by hand.

Beside those of test_import_hundred.py; here each file says what it becomes and what is asked of it.
Nothing here is a bank's own data.
"""

# ruff: noqa: RUF001

from __future__ import annotations

from pathlib import Path

import pytest

from budget.imports import Hints, Unclear, read_export
from budget.tests.statements import rows

pytestmark = pytest.mark.once

Told = tuple[str, str, str]

SAME = [("2024-03-15", "1012.50", "expense"), ("2024-03-16", "2000.00", "income")]
MORE = [*SAME, ("2024-03-17", "1.00", "expense")]
YEN = [("2024-03-15", "1012.00", "expense"), ("2024-03-16", "2000.00", "income")]

# Each file by its bank or what is special of it: the text, its encoding, what it becomes, and the
# answer to the one question that it may leave.
FILES: dict[str, tuple[str, str, list[Told], dict[str, str]]] = {
    "cz airbank": (
        '"Datum provedení";"Směr úhrady";"Typ úhrady";"Skupina plateb";"Měna účtu";"Částka v '
        'měně účtu";"Poplatek v měně účtu";"Původní měna úhrady";"Původní částka úhrady";"Náz'
        'ev protistrany";"Číslo účtu protistrany";"Název účtu protistrany";"Variabilní symbol'
        '";"Konstantní symbol";"Specifický symbol";"Zdrojová obálka";"Cílová obálka";"Poznámk'
        'a pro mne";"Zpráva pro příjemce";"Poznámka k úhradě";"Název karty";"Číslo karty";"Dr'
        'žitel karty";"Obchodní místo";"Směnný kurz";"Odesílatel poslal";"Poplatek";"Datum a '
        'čas zadání";"Datum splatnosti";"Datum zaúčtování";"Referenční číslo";"Způsob zadání"'
        ';"Zadal";"Zaúčtováno";"Pojmenování příkazu"\n'
        '"15/03/2024";"Odchozí";"Platba kartou";"Jídlo";"CZK";"-1012,50";"0,00";"CZK";"-1012,'
        '50";"";"";"";"";"1178";"";"Běžný";"";"";"";"";"Karta";"1234";"JAN";"KIOSK";"";"";"";'
        '"15/03/2024 10:00:00";"";"15/03/2024";"1001";"";"";"15/03/2024";""\n'
        '"16/03/2024";"Příchozí";"Příchozí úhrada";"";"CZK";"2000,00";"0,00";"CZK";"2000,00";'
        '"FIRMA";"1-2/0100";"FIRMA";"1";"";"";"";"Běžný";"";"MZDA";"";"";"";"";"";"";"";"";"1'
        '6/03/2024 10:00:00";"";"16/03/2024";"1002";"";"";"16/03/2024";""\n',
        "utf-8",
        SAME,
        {},
    ),
    "cz fio": (
        '"accountId";"1234567890"\n'
        '"bankId";"2010"\n'
        '"currency";"CZK"\n'
        '"iban";"CZ001"\n'
        '"openingBalance";"5000,00"\n'
        '"closingBalance";"5987,50"\n'
        '"dateStart";"01.03.2024"\n'
        '"dateEnd";"31.03.2024"\n'
        "\n"
        '"ID pohybu";"Datum";"Objem";"Měna";"Protiúčet";"Název protiúčtu";"Kód banky";"KS";"V'
        'S";"SS";"Uživatelská identifikace";"Typ";"Poznámka"\n'
        '"25001";"15.03.2024";"-1012,50";"CZK";"";"";"";"";"";"";"KIOSK";"Platba kartou";"Nák'
        'up"\n'
        '"25002";"16.03.2024";"2000,00";"CZK";"2300001";"FIRMA";"2010";"";"";"";"";"Bezhotovo'
        'stní příjem";"mzda"\n',
        "utf-8",
        SAME,
        {},
    ),
    "cz raiffeisen cp1250": (
        '"Datum provedení";"Datum zaúčtování";"Číslo účtu";"Název účtu";"Kategorie transakce"'
        ';"Číslo protiúčtu";"Název protiúčtu";"Typ transakce";"Zpráva";"Poznámka";"VS";"KS";"'
        'SS";"Zaúčtovaná částka";"Měna účtu";"Původní částka a měna";"Původní částka a měna";'
        '"Poplatek";"Id transakce"\n'
        '"15.03.2024 10:01";"16.03.2024 00:00";"123/5500";"Účet";"Platba";"";"";"Platba karto'
        'u";"KIOSK ŽIŽKOV";"";"";"";"";"-1 012,50";"CZK";"-1 012,50";"CZK";"";"701"\n'
        '"16.03.2024 11:01";"16.03.2024 00:00";"123/5500";"Účet";"Platba";"1/0100";"FIRMA";"P'
        'říchozí úhrada";"Výplata";"";"";"";"";"2 000,00";"CZK";"";"";"";"702"\n',
        "cp1250",
        SAME,
        {},
    ),
    "cz mbank preamble": (
        "mBank S.A.\n"
        "\n"
        "#Klient:\n"
        "JAN NOVAK;\n"
        "\n"
        "#Datum: ;\n"
        "01.03.2024;31.03.2024;\n"
        "\n"
        "#Účet:;\n"
        "#Datum uskutečnění transakce;#Datum zaúčtování transakce;#Popis transakce;#Zpráva pr"
        "o příjemce;#Plátce/Příjemce;#Číslo účtu plátce/příjemce;#KS;#VS;#SS;#Částka transakc"
        "e;#Účetní zůstatek po transakci;\n"
        '15-03-2024;15-03-2024;PLATBA KARTOU;"KIOSK";"  ";\'\';;;;-1 012,50;987,50;\n'
        '16-03-2024;16-03-2024;PŘÍCHOZÍ PLATBA;"MZDA";"FIRMA";\'1-2/0100\';;;;2 000,00;2 987,50'
        ";\n"
        "\n"
        ";;;;;;;#Konečný zůstatek:;2 987,50;\n",
        "cp1250",
        SAME,
        {},
    ),
    "cz unicredit": (
        "Datum zaúčtování;Částka;Měna;Valuta;Protistrana - banka;Název banky;Protistrana účet"
        ";Název účtu;Adresa;Detaily transakce;Konstatní kód;Variabilní kód;Specifický kód;Ref"
        "erence platby;Stav\n"
        "2024-03-16;2000,00;CZK;2024-03-16;0100;KB;1-2;FIRMA;;MZDA;0;;;R2;Zaúčtováno\n"
        "2024-03-15;-1012,50;CZK;2024-03-15;;;;;;NÁKUP KIOSK;0;;;R1;Zaúčtováno\n",
        "utf-8",
        SAME,
        {},
    ),
    "lt swedbank D/K": (
        '"Sąskaitos Nr.","","Data","Gavėjas","Paaiškinimai","Suma","Valiuta","D/K","Įrašo Nr.'
        '","Kodas","Įmokos kodas","Dok. Nr.","Kliento kodas mokėtojo IS","Kliento kodas","Pra'
        'dinis mokėtojas","Galutinis gavėjas",\n'
        '"LT001","10","2024-03-01","","Likutis pradžiai","2000.00","EUR","K","","AS","","",""'
        ',"","","",\n'
        '"LT001","20","2024-03-15","KIOSK","Pirkinys","1012.50","EUR","D","20001","MK","","",'
        '"","","","",\n'
        '"LT001","20","2024-03-16","UAB","Atlyginimas","2000.00","EUR","K","20002","MK","",""'
        ',"","","","",\n'
        '"LT001","82","2024-03-31","","Apyvarta","1012.50","EUR","D","","K2","","","","","","'
        '",\n'
        '"LT001","86","2024-03-31","","likutis pabaigai","2987.50","EUR","K","","LS","","",""'
        ',"","","",\n',
        "cp1257",
        SAME,
        {},
    ),
    "lt seb": (
        '"SĄSKAITOS  (LT00 1) IŠRAŠAS (UŽ LAIKOTARPĮ: 2024-03-01-2024-03-31)"\n'
        '"DOK NR.";"DATA";"VALIUTA";"SUMA";"MOKĖTOJO ARBA GAVĖJO PAVADINIMAS";"MOKĖTOJO ARBA '
        'GAVĖJO IDENTIFIKACINIS KODAS";"SĄSKAITA";"KREDITO ĮSTAIGOS PAVADINIMAS";"KREDITO ĮST'
        'AIGOS SWIFT KODAS";"MOKĖJIMO PASKIRTIS";"TRANSAKCIJOS KODAS";"DOKUMENTO DATA";"TRANS'
        'AKCIJOS TIPAS";"NUORODA";"DEBETAS/KREDITAS";"SUMA SĄSKAITOS VALIUTA";"SĄSKAITOS NR";'
        '"SĄSKAITOS VALIUTA";\n'
        '"1";"2024-03-15";"EUR";"1012,50";"KIOSK";"";"";"";"";"PIRKINYS";"CCRD";"2024-03-15";'
        '"Kortele";"RO1";"D";"1012,50";"LT001";"EUR";\n'
        '"2";"2024-03-16";"EUR";"2000,00";"UAB";"";"LT002";"";"";"ATLYGINIMAS";"PMNT";"2024-0'
        '3-16";"Pavedimas";"RO2";"C";"2000,00";"LT001";"EUR";\n',
        "utf-8",
        SAME,
        {},
    ),
    "ru alfa cp1251": (
        "Тип счёта;Номер счета;Валюта;Дата операции;Референс проводки;Описание операции;Прихо"
        "д;Расход;\n"
        "Текущий счёт;40817;RUR;16.03.24;CRD_2;Зарплата;2000;0;\n"
        "Текущий счёт;40817;RUR;15.03.24;CRD_1;KIOSK;0;1012,5;\n",
        "cp1251",
        SAME,
        {},
    ),
    "ru tinkoff": (
        '"Дата операции";"Дата платежа";"Номер карты";"Статус";"Сумма операции";"Валюта опера'
        'ции";"Сумма платежа";"Валюта платежа";"Кэшбэк";"Категория";"MCC";"Описание";"Бонусы '
        '(включая кэшбэк)";"Округление на инвесткопилку";"Сумма операции с округлением"\n'
        '"16.03.2024 14:00:00";"16.03.2024";"";"OK";"2000,00";"RUB";"2000,00";"RUB";"";"Зарпл'
        'ата";"";"Работа";"0,00";"0,00";"2000,00"\n'
        '"15.03.2024 14:00:00";"16.03.2024";"*1234";"OK";"-1012,50";"RUB";"-1012,50";"RUB";"1'
        '0";"Супермаркеты";"5411";"KIOSK";"10,00";"0,00";"1012,50"\n'
        '"14.03.2024 14:00:00";"";"*1234";"FAILED";"-9,00";"RUB";"-9,00";"RUB";"";"Супермарке'
        'ты";"5411";"KIOSK";"0,00";"0,00";"9,00"\n',
        "cp1251",
        SAME,
        {},
    ),
    "ru sber": (
        "Номер;Дата;Тип операции;Категория;Сумма;Валюта;Сумма в рублях;Описание;Состояние;Ном"
        "ер счета/карты зачисления;Номер счета/карты списания\n"
        "1;16.03.2024 10:00;Зачисление;Прочие;2000,00;RUB;2000,00;Зарплата;Исполнен;1234;\n"
        "2;15.03.2024 10:00;Списание;Супермаркеты;1012,50;RUB;1012,50;KIOSK;Исполнен;;1234\n",
        "utf-8",
        SAME,
        {},
    ),
    "jp smbc": (
        "年月日,お引出し,お預入れ,お取り扱い内容,残高,メモ,ラベル\n"
        '2024/3/15,1012,,"ｺﾝﾋﾞﾆ",988,"",""\n'
        '2024/3/16,,2000,"ｷﾕｳﾖ",2988,"",""\n',
        "cp932",
        YEN,
        {},
    ),
    "jp rakuten bank": (
        "取引日,入出金(円),取引後残高(円),入出金内容\n"
        "20240315,-1012,988,コンビニ\n"
        "20240316,2000,2988,給与\n",
        "cp932",
        YEN,
        {},
    ),
    "jp mufg": (
        '"日付","摘要","摘要内容","支払い金額","預かり金額","差引残高","メモ","未資金化区分","入'
        '払区分"\n'
        '"2024/3/15","カ－ド","コンビニ","1,012","","988","","","振替支払い"\n'
        '"2024/3/16","給料","カ）カイシヤ","","2,000","2,988","","","振込入金"\n',
        "cp932",
        YEN,
        {},
    ),
    "jp yucho": (
        "お客さま口座情報\n"
        "記号番号,10000-1234\n"
        "\n"
        "取引日,受入金額(円),払出金額(円),詳細1,詳細2,現在(貸付)高\n"
        "20240315,,1012,カード,コンビニ,988\n"
        "20240316,2000,,給与,カイシャ,2988\n",
        "cp932",
        YEN,
        {},
    ),
    "jp rakuten card": (
        '"利用日","利用店名・商品名","利用者","支払方法","利用金額","支払手数料","支払総額","4月'
        '支払金額","5月繰越残高","新規サイン"\n'
        '"2024/03/15","コンビニ","本人","1回払い","1012","0","1012","1012","0","*"\n'
        '"2024/03/16","本屋","本人","1回払い","2000","0","2000","2000","0","*"\n',
        "utf-8",
        [("2024-03-15", "1012.00", "expense"), ("2024-03-16", "2000.00", "expense")],
        {"signs": "spent-is-positive"},
    ),
    "jp reiwa": (
        "取引日,摘要,お支払金額,お預り金額,差引残高\n"
        "R6.3.15,コンビニ,1012,,988\n"
        "R6.3.16,給与,,2000,2988\n",
        "cp932",
        YEN,
        {},
    ),
    "jp reiwa kanji": (
        "取引日,摘要,出金,入金,残高\n"
        '令和6年3月15日,コンビニ,"1,012円",,988円\n'
        '令和6年3月16日,給与,,"2,000円","2,988円"\n',
        "cp932",
        YEN,
        {},
    ),
    "de dkb new": (
        '"Girokonto";"DE001"\n'
        '"Zeitraum:";"01.03.2024 - 31.03.2024"\n'
        '"Kontostand vom 31.03.2024:";"2.987,50 EUR"\n'
        '""\n'
        '"Buchungsdatum";"Wertstellung";"Status";"Zahlungspflichtige*r";"Zahlungsempfänger*in'
        '";"Verwendungszweck";"Umsatztyp";"IBAN";"Betrag (€)";"Gläubiger-ID";"Mandatsreferenz'
        '";"Kundenreferenz"\n'
        '"16.03.24";"16.03.24";"Gebucht";"FIRMA";"ICH";"GEHALT";"Eingang";"DE002";"2.000,00";'
        '"";"";""\n'
        '"15.03.24";"15.03.24";"Gebucht";"ICH";"KIOSK";"EINKAUF";"Ausgang";"DE003";"-1.012,50'
        '";"";"";"K1"\n'
        '"17.03.24";"";"Vorgemerkt";"ICH";"KIOSK";"EINKAUF";"Ausgang";"DE003";"-9,00";"";"";"'
        '"\n',
        "utf-8-sig",
        SAME,
        {},
    ),
    "de dkb old": (
        '"Kontonummer:";"DE00 / Girokonto";\n'
        "\n"
        '"Von:";"01.03.2024";\n'
        '"Bis:";"31.03.2024";\n'
        '"Kontostand vom 31.03.2024:";"2.987,50 EUR";\n'
        "\n"
        '"Buchungstag";"Wertstellung";"Buchungstext";"Auftraggeber / Begünstigter";"Verwendun'
        'gszweck";"Kontonummer";"BLZ";"Betrag (EUR)";"Gläubiger-ID";"Mandatsreferenz";"Kunden'
        'referenz";\n'
        '"16.03.2024";"16.03.2024";"Lohn, Gehalt, Rente";"FIRMA";"GEHALT";"DE1";"BLZ1";"2.000'
        ',00";"";"";"";\n'
        '"15.03.2024";"15.03.2024";"Kartenzahlung";"KIOSK";"2024-03-15";"DE2";"BLZ2";"-1.012,'
        '50";"";"";"";\n',
        "latin-1",
        SAME,
        {},
    ),
    "de dkb card": (
        '"Kreditkarte:";"4998********1234";\n'
        "\n"
        '"Von:";"01.03.2024";\n'
        '"Bis:";"31.03.2024";\n'
        '"Saldo:";"987.5 EUR";\n'
        '"Datum:";"31.03.2024";\n'
        "\n"
        '"Umsatz abgerechnet und nicht im Saldo enthalten";"Wertstellung";"Belegdatum";"Besch'
        'reibung";"Betrag (EUR)";"Ursprünglicher Betrag";\n'
        '"Nein";"16.03.2024";"15.03.2024";"KIOSK";"-1.012,50";"";\n'
        '"Nein";"16.03.2024";"16.03.2024";"Einzahlung";"2.000,00";"";\n',
        "latin-1",
        [("2024-03-15", "1012.50", "expense"), ("2024-03-16", "2000.00", "transfer")],
        {"signs": "spent-is-negative"},
    ),
    "de postbank": (
        "Umsätze - Girokonto\n"
        "Kunde: ICH\n"
        "Datum: 20.3.2024\n"
        "\n"
        "Buchungstag;Wert;Umsatzart;Begünstigter / Auftraggeber;Verwendungszweck;IBAN / Konto"
        "nummer;BIC;Kundenreferenz;Mandatsreferenz;Gläubiger ID;Fremde Gebühren;Betrag;Abweic"
        "hender Empfänger;Anzahl der Aufträge;Anzahl der Schecks;Soll;Haben;Währung\n"
        "16.3.2024;16.3.2024;Gutschrift;FIRMA;GEHALT;DE1;B1;;;;;2.000,00;;;;;2.000,00;EUR\n"
        "15.3.2024;15.3.2024;Kartenzahlung;KIOSK;EINKAUF;DE2;B2;;;;;-1.012,50;;;;-1.012,50;;E"
        "UR\n"
        "Kontostand;20.3.2024;;;2.987,50;EUR\n",
        "utf-8",
        SAME,
        {},
    ),
    "de comdirect": (
        "\n"
        '"Umsätze Girokonto";"Zeitraum: 30 Tage";\n'
        '"Neuer Kontostand";"2.987,50 EUR";\n'
        "\n"
        '"Buchungstag";"Wertstellung (Valuta)";"Vorgang";"Buchungstext";"Umsatz in EUR";\n'
        '"offen";"--";"Kartenverfügung";"Buchungstext: KIOSK Ref. X";"-9,00";\n'
        '"16.03.2024";"16.03.2024";"Übertrag / Überweisung";"Auftraggeber: FIRMA Buchungstext'
        ': GEHALT Ref. 1";"2.000,00";\n'
        '"15.03.2024";"15.03.2024";"Lastschrift / Belastung";"Auftraggeber: KIOSK Ref. 2";"-1'
        '.012,50";\n'
        "\n"
        '"Alter Kontostand";"2.000,00 EUR";\n',
        "cp1252",
        SAME,
        {},
    ),
    "de consors": (
        "Buchung;Valuta;Sender / Empfänger;IBAN;BIC;Buchungstext;Verwendungszweck;Kategorie;S"
        "tichwörter;Umsatz geteilt;Betrag in EUR\n"
        "16.03.2024;16.03.2024;FIRMA;DE1;B1;GEHALT;MAERZ;Einnahmen;;;2.000,00\n"
        "15.03.2024;15.03.2024;KIOSK;DE2;B2;LASTSCHRIFT;EINKAUF;Shopping;;;-1.012,50\n",
        "utf-8",
        SAME,
        {},
    ),
    "de 1822": (
        "Kontonummer;Datum/Zeit;Buchungstag;Wertstellung;Soll/Haben;Buchungsschlüssel;Buchung"
        "sart;Empfänger/Auftraggeber Name;Empfänger/Auftraggeber IBAN;Empfänger/Auftraggeber "
        "BIC;Glaeubiger-ID;Mandatsreferenz;Mandatsdatum;Vwz.0;Vwz.1;Vwz.2\n"
        "123;16.03.2024 09:00:00;16.03.2024;16.03.2024;2.000,00;51;Gutschrift;FIRMA;DE1;B1;;;"
        ";GEHALT;;\n"
        "123;15.03.2024 09:00:00;15.03.2024;15.03.2024;-1.012,50;05;Lastschrift;KIOSK;DE2;B2;"
        ";;;EINKAUF;;\n",
        "latin-1",
        SAME,
        {},
    ),
    "de sparkasse mt940-csv": (
        '"Auftragskonto";"Buchungstag";"Valutadatum";"Buchungstext";"Verwendungszweck";"Begue'
        'nstigter/Zahlungspflichtiger";"Kontonummer";"BLZ";"Betrag";"Waehrung";"Info"\n'
        '"DE001";"16.03";"16.03.24";"LOHN  GEHALT";"GEHALT";"FIRMA";"1";"B1";"2000,00";"EUR";'
        '"Umsatz gebucht"\n'
        '"DE001";"15.03";"15.03.24";"KARTENZAHLUNG";"EINKAUF";"KIOSK";"2";"B2";"-1012,50";"EU'
        'R";"Umsatz gebucht"\n'
        '"DE001";"14.03";"14.03.24";"KARTENZAHLUNG";"EINKAUF";"KIOSK";"2";"B2";"-9,00";"EUR";'
        '"Umsatz vorgemerkt"\n',
        "cp1252",
        SAME,
        {},
    ),
    "de barclays": (
        "Stand:;31.03.2024\n"
        "Buchungen;;\n"
        "\n"
        "Referenznummer;Buchungsdatum;Buchungsdatum;Betrag;Beschreibung;Typ;Status;Kartennumm"
        "er;Originalbetrag;Mögliche Zahlpläne;Land;Name des Karteninhabers;Kartennetzwerk;Kon"
        "taktlose Bezahlung\n"
        "R1;15.03.2024;16.03.2024;-1.012,50 €;KIOSK;Belastung;Berechnet;1234;-1.012,50 €;Nein"
        ";DE;ICH;Visa;Ja\n"
        "R2;16.03.2024;17.03.2024;2.000,00 €;Gutschrift Manuelle Lastschrift;Gutschrift;Berec"
        "hnet;1234;2.000,00 €;Nein;;ICH;;\n",
        "utf-8",
        SAME,
        {},
    ),
    "at easybank": (
        "AT001;Bezahlung Karte KIOSK MC/000001;15.03.2024;15.03.2024;-1.012,50;EUR\n"
        "AT001;FIRMA GEHALT VB/000002;16.03.2024;16.03.2024;+2.000,00;EUR\n",
        "latin-1",
        SAME,
        {},
    ),
    "at raiffeisen": (
        "15.03.2024;Zahlungsempfänger: KIOSK Verwendungszweck: EINKAUF;15.03.2024;-1.012,50;E"
        "UR;15.03.2024 14:22:10:123\n"
        "16.03.2024;Auftraggeber: FIRMA Verwendungszweck: GEHALT;16.03.2024;2.000,00;EUR;16.0"
        "3.2024 02:00:10:456\n",
        "utf-8-sig",
        SAME,
        {},
    ),
    "ch postfinance": (
        "Datum von:;01.03.2024\n"
        "Datum bis:;31.03.2024\n"
        "Konto:;CH001\n"
        "Währung:;CHF\n"
        "\n"
        "Buchungsdatum;Avisierungstext;Gutschrift in CHF;Lastschrift in CHF;Valuta;Saldo in C"
        "HF\n"
        "16.03.2024;GIRO FIRMA;2000.00;;16.03.2024;2987.50\n"
        "15.03.2024;KAUF KIOSK;;-1012.50;15.03.2024;987.50\n"
        "\n"
        "Disclaimer:\n"
        "Dies ist kein durch PostFinance AG erstelltes Dokument. PostFinance AG ist nicht ver"
        "antwortlich für den Inhalt.\n",
        "latin-1",
        SAME,
        {},
    ),
    "ch zkb": (
        '"Datum";"Buchungstext";"Whg";"Betrag Detail";"ZKB-Referenz";"Referenznummer";"Belast'
        'ung CHF";"Gutschrift CHF";"Valuta";"Saldo CHF"\n'
        '"16.03.2024";"Gutschrift FIRMA";"";"";"Z2";"";"";"2\'000.00";"16.03.2024";"2\'987.50"'
        "\n"
        '"15.03.2024";"Einkauf KIOSK";"";"";"Z1";"";"1\'012.50";"";"15.03.2024";"987.50"\n',
        "utf-8",
        SAME,
        {},
    ),
    "ch cembra": (
        "Transaktionsdatum,Buchungsdatum,Händler,Händlerort,Kategorie,Betrag CHF,Kredit/Debit"
        "\n"
        "15.03.2024,16.03.2024,KIOSK,Bern,Food,1'012.50,Debit\n"
        "16.03.2024,16.03.2024,Rückerstattung,Bern,Food,2'000.00,Kredit\n",
        "utf-8",
        SAME,
        {},
    ),
    "fr banque postale": (
        "Numéro Compte   ;0012345X033\n"
        "Type         ;CCP\n"
        "Compte tenu en  ;euros\n"
        "Date            ;31/03/2024\n"
        "Solde (EUROS)   ;2987,50\n"
        "\n"
        "Date;Libellé;Montant(EUROS);Montant(FRANCS)\n"
        '16/03/2024;"VIREMENT DE FIRMA";2000,00;13119,14\n'
        '15/03/2024;"ACHAT CB KIOSK";-1012,50;-6641,56\n',
        "latin-1",
        SAME,
        {},
    ),
    "fr boursorama": (
        "dateOp;dateVal;label;category;categoryParent;supplierFound;amount;comment;accountNum"
        ";accountLabel;accountbalance\n"
        '2024-03-16;2024-03-16;"VIR FIRMA";"Salaires";"Revenus";;"2 000,00";;00040;"BoursoBan'
        'k";2987.50\n'
        '2024-03-15;2024-03-15;"CARTE KIOSK";"Alimentation";"Vie quotidienne";"kiosk";"-1 012'
        ',50";;00040;"BoursoBank";2987.50\n',
        "utf-8-sig",
        SAME,
        {},
    ),
    "fr credit agricole": (
        "Téléchargement du 20/03/2024;\n"
        "\n"
        "\n"
        "M. MOI\n"
        "Compte Courant carte n° 001;\n"
        "Solde au 20/03/2024 2 987,50 €\n"
        "\n"
        "Liste des opérations du compte entre le 01/03/2024 et le 20/03/2024;\n"
        "\n"
        "Date;Libellé;Débit euros;Crédit euros;\n"
        '16/03/2024;"VIREMENT EN VOTRE FAVEUR\n'
        "FIRMA\n"
        '";;2 000,00;\n'
        '15/03/2024;"PAIEMENT PAR CARTE\n'
        "KIOSK\n"
        '";1 012,50;;\n',
        "cp1252",
        SAME,
        {},
    ),
    "fr caisse epargne": (
        "Code de la banque : 13485;Code de l'agence : 00800;Date de début de téléchargement :"
        " 01/03/2024;Date de fin de téléchargement : 31/03/2024;\n"
        "Numéro de compte : 001;Nom du compte : COMPTE;Devise : EUR;\n"
        "\n"
        "Solde en fin de période;;;;2987,50\n"
        "Date;Numéro d'opération;Libellé;Débit;Crédit;Détail;\n"
        "16/03/24;A2;VIR FIRMA;;+2000,00;SALAIRE;\n"
        "15/03/24;A1;CB KIOSK;-1012,50;;;\n"
        "Solde en début de période;;;;2000,00\n",
        "latin-1",
        SAME,
        {},
    ),
    "nl ing": (
        '"Datum","Naam / Omschrijving","Rekening","Tegenrekening","Code","Af Bij","Bedrag (EU'
        'R)","Mutatiesoort","Mededelingen"\n'
        '"20240316","FIRMA","NL1","NL2","OV","Bij","2000,00","Overschrijving","SALARIS"\n'
        '"20240315","KIOSK","NL1","","BA","Af","1012,50","Betaalautomaat","PAS 001"\n',
        "utf-8",
        SAME,
        {},
    ),
    "nl ing new": (
        '"Datum";"Naam / Omschrijving";"Rekening";"Tegenrekening";"Code";"Af Bij";"Bedrag (EU'
        'R)";"Mutatiesoort";"Mededelingen";"Saldo na mutatie";"Tag"\n'
        '"20240316";"FIRMA";"NL1";"NL2";"OV";"Bij";"2000,00";"Overschrijving";"SALARIS";"2987'
        ',50";""\n'
        '"20240315";"KIOSK";"NL1";"";"BA";"Af";"1012,50";"Betaalautomaat";"PAS 001";"987,50";'
        '""\n',
        "utf-8",
        SAME,
        {},
    ),
    "nl asn": (
        "15-03-2024,NL1,,KIOSK,,,,EUR,2000.00,EUR,-1012.50,15-03-2024,15-03-2024,8801,BEA,1,,"
        "'KIOSK 15-03',1\n"
        "16-03-2024,NL1,NL2,firma,,,,EUR,987.50,EUR,2000.00,16-03-2024,16-03-2024,8802,OVB,2,"
        ",'SALARIS',1\n",
        "utf-8",
        SAME,
        {},
    ),
    "nl knab": (
        "KNAB EXPORT;;;;;;;;;;;;;;;\n"
        "Rekeningnummer;Transactiedatum;Valutacode;CreditDebet;Bedrag;Tegenrekeningnummer;Teg"
        "enrekeninghouder;Valutadatum;Betaalwijze;Omschrijving;Type betaling;Machtigingsnumme"
        "r;Incassant ID;Adres;Referentie;Boekdatum;\n"
        '"NL1";"15-03-2024";"EUR";"D";"1012,50";"";"KIOSK";"15-03-2024";"Betaalautomaat";"KIO'
        'SK";"Betaalautomaat";"";"";"";"C1";"15-03-2024";\n'
        '"NL1";"16-03-2024";"EUR";"C";"2000,00";"NL2";"FIRMA";"16-03-2024";"Ontvangen betalin'
        'g";"SALARIS";"Overboeking";"";"";"";"C2";"16-03-2024";\n',
        "utf-8",
        SAME,
        {},
    ),
    "be argenta": (
        "Rekening;Boekdatum;Valutadatum;Referentie;Beschrijving;Bedrag;Munt;Verrichtingsdatum"
        ";Rekening tegenpartij;Naam tegenpartij;Mededeling\n"
        'BE1;16-03-2024;16-03-2024;R2;Inkomende overschrijving;"2.000,00";EUR;16-03-2024;BE2;'
        "FIRMA;LOON\n"
        'BE1;15-03-2024;15-03-2024;R1;Betaling Bancontact;"-1.012,50";EUR;15-03-2024;;KIOSK;\n',
        "utf-8",
        SAME,
        {},
    ),
    "be fortis": (
        'Nr de séquence;"Date d\'exécution";Date valeur;Montant;Devise du compte;Numéro de com'
        "pte;Type de transaction;Contrepartie;Nom de la contrepartie;Communication;Détails;St"
        "atut;Motif du refus\n"
        "2024-00002;16/03/2024;16/03/2024;2000,00;EUR;BE1;Virement;BE2;FIRMA;SALAIRE;VIREMENT"
        ";Accepté;\n"
        "2024-00001;15/03/2024;15/03/2024;-1012,50;EUR;BE1;Paiement par carte;;KIOSK;;PAIEMEN"
        "T;Accepté;\n"
        "2024-;14/03/2024;14/03/2024;-9,00;EUR;BE1;Domiciliation;;KIOSK;;X;Refusé;Solde\n",
        "utf-8-sig",
        SAME,
        {},
    ),
    "it fineco": (
        "Conto Corrente: 123\n"
        "Intestazione Conto Corrente: IO\n"
        "Periodo Dal: 01/03/2024 Al: 31/03/2024\n"
        "\n"
        "Data_Operazione,Data_Valuta,Entrate,Uscite,Descrizione,Descrizione_Completa,Stato,Mo"
        "neymap\n"
        "16/03/2024,16/03/2024,2000,,Bonifico,FIRMA STIPENDIO,Contabilizzato,Stipendio\n"
        "15/03/2024,15/03/2024,,-1012.5,Pagamento,KIOSK,Contabilizzato,Spesa\n",
        "utf-8",
        SAME,
        {},
    ),
    "it intesa": (
        "Data contabile;Data valuta;Descrizione;Accrediti;Addebiti;Descrizione estesa;Mezzo\n"
        "16.03.2024;16.03.2024;Stipendio;2.000,00;;FIRMA;Bonifico\n"
        "15.03.2024;15.03.2024;Pagamento Pos;;-1.012,50;KIOSK;Carta\n",
        "utf-8",
        SAME,
        {},
    ),
    "it ubi slash words": (
        "Data;Valuta;Descrizione;Euro;Caus.\n"
        "15/03/2024;15/03/2024;PAGAMENTO POS KIOSK;-1.012,50;43\n"
        "16/03/2024;16/03/2024;STIPENDIO FIRMA;2.000,00;27\n",
        "utf-8",
        SAME,
        {},
    ),
    "es ing": (
        "Movimientos de la Cuenta NÓMINA;;;;;;\n"
        "Titular;YO;;;;;\n"
        "\n"
        "F. VALOR;CATEGORÍA;SUBCATEGORÍA;DESCRIPCIÓN;COMENTARIO;IMAGEN;IMPORTE (€);SALDO (€)\n"
        "16/03/2024;Nómina;Nómina;Nomina recibida FIRMA;;No;2000,00;2987,50\n"
        "15/03/2024;Compras;Otros;Pago en KIOSK;;No;-1012,50;987,50\n",
        "utf-8",
        SAME,
        {},
    ),
    "es bbva tab": (
        "Fecha\tF.Valor\tConcepto\tMovimiento\tImporte\tDivisa\tDisponible\tDivisa\tObservacion"
        "es\n"
        "16/03/2024\t16/03/2024\tAbono de nómina\tFIRMA\t2000,00\tEUR\t2987,50\tEUR\t\n"
        "15/03/2024\t15/03/2024\tKIOSK\tPago con tarjeta\t-1012,50\tEUR\t987,50\tEUR\t\n",
        "utf-16",
        SAME,
        {},
    ),
    "pt cgd": (
        "Consultar saldos e movimentos à ordem - 20-03-2024\n"
        "\n"
        "Conta ;001 - EUR - Conta\n"
        "Data de início ;01-03-2024\n"
        "Data de fim ;31-03-2024\n"
        "\n"
        "Data mov. ;Data valor ;Descrição ;Débito ;Crédito ;Saldo contabilístico ;Saldo dispo"
        "nível ;Categoria ;\n"
        "16-03-2024;16-03-2024;TRF FIRMA ;;2.000,00;2.987,50;2.987,50;Outros ;\n"
        "15-03-2024;15-03-2024;COMPRA KIOSK ;1.012,50;;987,50;987,50;Compras ;\n"
        " ; ; ; ;Saldo contabilístico ;2.987,50 EUR ; ; ;\n",
        "latin-1",
        SAME,
        {},
    ),
    "pt montepio month name": (
        "CONTA;001\n"
        "DATA;20 mar 2024\n"
        "\n"
        "DATA MOV.;DATA VALOR;DESCRIÇÃO;IMPORTÂNCIA;MOEDA;SALDO CONTABILÍSTICO\n"
        "16 mar 2024;16 mar 2024;ORDENADO FIRMA;2000,00;EUR;2987,50\n"
        "15 mar 2024;15 mar 2024;COMPRA KIOSK;-1012,50;EUR;987,50\n",
        "cp1252",
        SAME,
        {},
    ),
    "se handelsbanken": (
        "Reskontradatum\tTransaktionsdatum\tText\tBelopp\tSaldo\n"
        "2024-03-16\t2024-03-16\tLÖN\t2 000,00\t2 987,50\n"
        "2024-03-15\t2024-03-15\tKIOSK\t-1 012,50\t987,50\n",
        "cp1252",
        SAME,
        {},
    ),
    "se swedbank": (
        "* Transaktioner Period 2024-03-01 \u2013 2024-03-31 Skapad 2024-04-01 10:00 CEST\n"
        "Radnummer,Clearingnummer,Kontonummer,Produkt,Valuta,Bokföringsdag,Transaktionsdag,Va"
        "lutadag,Referens,Beskrivning,Belopp,Bokfört saldo\n"
        "1,8000,1,Privatkonto,SEK,2024-03-16,2024-03-16,2024-03-16,FIRMA,LÖN,2000.00,2987.50\n"
        "2,8000,1,Privatkonto,SEK,2024-03-15,2024-03-15,2024-03-15,KIOSK,KORTKÖP,-1012.50,987"
        ".50\n",
        "cp1252",
        SAME,
        {},
    ),
    "dk danske": (
        '"Dato";"Kategori";"Underkategori";"Tekst";"Beløb";"Saldo";"Status";"Afstemt"\n'
        '"15.03.2024";"Mad";"Dagligvarer";"KIOSK";"-1.012,50";"987,50";"Udført";"Nej"\n'
        '"16.03.2024";"Indkomst";"Løn";"FIRMA";"2.000,00";"2.987,50";"Udført";"Nej"\n'
        '"17.03.2024";"Mad";"Dagligvarer";"KIOSK";"-9,00";"";"Venter";"Nej"\n',
        "cp1252",
        SAME,
        {},
    ),
    "no sparebank": (
        "Dato;Beskrivelse;Rentedato;Inn;Ut;Til konto;Fra konto;\n"
        "16.03.2024;FIRMA LØNN;16.03.2024;2000,00;;;1;\n"
        "15.03.2024;KIOSK;15.03.2024;;-1012,50;;;\n",
        "latin-1",
        SAME,
        {},
    ),
    "fi op": (
        '"Kirjauspäivä";"Arvopäivä";"Määrä EUROA";"Laji";"Selitys";"Saaja/Maksaja";"Saajan ti'
        'linumero";"Saajan pankin BIC";"Viite";"Viesti";"Arkistointitunnus"\n'
        '"2024-03-15";"2024-03-15";-1012,50;162;"PKORTTIMAKSU";"KIOSK";"";"";"ref=";"Viesti: '
        'X";"A1"\n'
        '"2024-03-16";"2024-03-16";2000,00;588;"PALKKA";"FIRMA";"FI1";"B";"ref=";"";"A2"\n',
        "utf-8",
        SAME,
        {},
    ),
    "ee lhv": (
        '"Customer account no","Document no",Date,"Sender/receiver account","Sender/receiver '
        'name","Sender bank code",Empty,"Debit/Credit (D/C)",Amount,"Reference number","Archi'
        'ving code",Description,"Service charge",Currency,"Personal code or registration numb'
        'er","Sender/receiver bank BIC"\n'
        "EE1,1,2024-03-15,,KIOSK,,,D,-1012.50,,A1,Ost,0.00,EUR,,\n"
        "EE1,2,2024-03-16,EE2,FIRMA,,,C,2000.00,,A2,Palk,0.00,EUR,,\n",
        "utf-8",
        SAME,
        {},
    ),
    "pl pko": (
        '"Data operacji","Data waluty","Typ transakcji","Kwota","Waluta","Saldo po transakcji'
        '","Opis transakcji","","","",""\n'
        '"2024-03-16","2024-03-16","Przelew na konto","+2000.00","PLN","+2987.50","Rachunek n'
        'adawcy: 1","Nazwa nadawcy: FIRMA","Tytuł: PENSJA","",""\n'
        '"2024-03-15","2024-03-14","Płatność kartą","-1012.50","PLN","+987.50","Tytuł: KIOSK"'
        ',"Lokalizacja: Kraj","","",""\n',
        "cp1250",
        SAME,
        {},
    ),
    "pl ing": (
        '"Lista transakcji"\n'
        "\n"
        '"Nazwa konta";"KONTO"\n'
        '"Dane Użytkownika:"\n'
        "\n"
        '"Data transakcji";"Data księgowania";"Dane kontrahenta";"Tytuł";"Nr rachunku";"Nazwa'
        ' banku";"Szczegóły";"Nr transakcji";"Kwota transakcji (waluta rachunku)";"Waluta";"K'
        'wota blokady/zwolnienie blokady";"Waluta";"Kwota płatności w walucie";"Waluta";"Kont'
        'o";"Saldo po transakcji";"Waluta";;;;\n'
        '2024-03-16;2024-03-16;" FIRMA ";" PENSJA ";\'1 \';"";"PRZELEW";\'202407\';2000,00;PLN;'
        ';;;;"KONTO";2987,50;PLN;;;;\n'
        '2024-03-15;2024-03-15;" KIOSK ";" KIOSK ";\'\';"";"TR.KART";\'202406\';-1012,50;PLN;;;'
        ';;"KONTO";987,50;PLN;;;;\n'
        '2024-03-14;;" KIOSK ";" KIOSK ";\'\';"";"TR.KART";\'\';;;-9,00;PLN;;;"KONTO";;;;;;\n'
        "\n"
        '"Dokument ma charakter informacyjny"\n',
        "cp1250",
        SAME,
        {},
    ),
    "pl mbank": (
        "mBank S.A. Bankowość Detaliczna;\n"
        "\n"
        "#Klient;\n"
        "JAN;\n"
        "\n"
        "#Waluta;#Wpływy;#Wydatki;\n"
        "PLN;2 000,00;-1 012,50\n"
        "\n"
        "#Data operacji;#Opis operacji;#Rachunek;#Kategoria;#Kwota;\n"
        '2024-03-16;"FIRMA PRZELEW";"eKonto 1";"Wynagrodzenie";2 000,00 PLN;;\n'
        '2024-03-15;"KIOSK ZAKUP";"eKonto 1";"Żywność";-1 012,50 PLN;;\n',
        "cp1250",
        SAME,
        {},
    ),
    "hu otp no header": (
        '"117";"T";1012,50;"HUF";"20240315";"20240315";987,50;"";"";"KIOSK";"";"";"VÁSÁRLÁS";'
        "\n"
        '"117";"J";2000,00;"HUF";"20240316";"20240316";2987,50;"1";"FIRMA";"MUNKABÉR";"";"";"'
        'UTALÁS";\n',
        "cp1250",
        SAME,
        {},
    ),
    "amex signs": (
        "Date,Description,Card Member,Account #,Amount,Extended Details,Appears On Your State"
        "ment As,Address,City/State,Zip Code,Country,Reference,Category\n"
        '03/15/2024,KIOSK,ME,-1001,1012.50,X,KIOSK,"1 ST\n'
        "NYC\",NY,1,US,'1',Merch\n"
        "03/16/2024,MOBILE PAYMENT - THANK YOU,ME,-1001,-2000.00,X,MOBILE PAYMENT,,,,,'2',\n",
        "utf-8",
        [("2024-03-15", "1012.50", "expense"), ("2024-03-16", "2000.00", "transfer")],
        {"signs": "spent-is-positive"},
    ),
    "discover": (
        "Trans. Date,Post Date,Description,Amount,Category\n"
        "03/15/2024,03/16/2024,KIOSK,1012.50,Supermarkets\n"
        "03/16/2024,03/16/2024,DIRECTPAY FULL BALANCE,-2000.00,Payments and Credits\n",
        "utf-8",
        [("2024-03-15", "1012.50", "expense"), ("2024-03-16", "2000.00", "transfer")],
        {"signs": "spent-is-positive"},
    ),
    "apple card": (
        "Transaction Date,Clearing Date,Description,Merchant,Category,Type,Amount (USD),Purch"
        "ased By\n"
        "03/15/2024,03/16/2024,KIOSK,Kiosk,Grocery,Purchase,1012.50,Me\n"
        "03/16/2024,03/16/2024,ACH DEPOSIT,Ach Deposit,Payment,Payment,-2000.00,Me\n",
        "utf-8",
        [("2024-03-15", "1012.50", "expense"), ("2024-03-16", "2000.00", "transfer")],
        {},
    ),
    "card debt balance": (
        "Date,Description,Amount,Balance\n"
        "03/15/2024,KIOSK,1012.50,1512.50\n"
        "03/16/2024,PAYMENT THANK YOU,-500.00,1012.50\n"
        "03/17/2024,KIOSK,20.00,1032.50\n",
        "utf-8",
        [
            ("2024-03-15", "1012.50", "expense"),
            ("2024-03-16", "500.00", "transfer"),
            ("2024-03-17", "20.00", "expense"),
        ],
        {},
    ),
    "card named balance owed": (
        "Account Name,Platinum Credit Card\n"
        "Account Number,1234\n"
        "\n"
        "Transaction Date,Posted Date,Description,Amount,Balance\n"
        "15/03/2024,16/03/2024,KIOSK,1012.50,1512.50\n"
        "16/03/2024,17/03/2024,PAYMENT RECEIVED,-500.00,1012.50\n",
        "utf-8",
        [("2024-03-15", "1012.50", "expense"), ("2024-03-16", "500.00", "transfer")],
        {},
    ),
    "parentheses dollars": (
        "Date,Payee,Amount\n"
        '3/15/2024,Kiosk,"($1,012.50)"\n'
        '3/16/2024,Employer,"$2,000.00"\n'
        "3/17/2024,Kiosk,($1.00)\n",
        "utf-8",
        MORE,
        {},
    ),
    "euro after, nbsp": (
        "Date;Libellé;Montant\n"
        "15/03/2024;KIOSK;-1\u00a0012,50\u00a0€\n"
        "16/03/2024;FIRMA;2\u202f000,00\u00a0€\n"
        "17/03/2024;KIOSK;-1,00\u00a0€\n",
        "utf-8",
        MORE,
        {},
    ),
    "trailing minus SAP": (
        "Datum|Text|Betrag\n"
        "15.03.2024|KIOSK|1.012,50-\n"
        "16.03.2024|FIRMA|2.000,00\n"
        "17.03.2024|B|1,00-\n",
        "utf-8",
        MORE,
        {},
    ),
    "unicode minus": (
        "Datum;Text;Belopp\n"
        "2024-03-15;KIOSK;\u22121 012,50\n"
        "2024-03-16;LÖN;2 000,00\n"
        "2024-03-17;B;\u22121,00\n",
        "utf-8",
        MORE,
        {},
    ),
    "suffix CR only": (
        "Date,Details,Amount,Balance\n"
        "15/03/2024,KIOSK,1012.50 Dr,987.50 Cr\n"
        "16/03/2024,EMPLOYER,2000.00 Cr,2987.50 Cr\n",
        "utf-8",
        SAME,
        {},
    ),
    "india hdfc txt": (
        "\n"
        "  Date     ,Narration                ,Value Dat,Debit Amount       ,Credit Amount   "
        "   ,Chq/Ref Number   ,Closing Balance\n"
        " 15/03/24  ,KIOSK                    , 15/03/24 ,           1012.50  ,              "
        "0.00  ,0001             ,         987.50  \n"
        " 16/03/24  ,EMPLOYER                 , 16/03/24 ,              0.00  ,           200"
        "0.00  ,0002             ,        2987.50  \n",
        "utf-8",
        SAME,
        {},
    ),
    "minor units header": (
        "date,narrative,amount_pence\n"
        "2024-03-15,KIOSK,-101250\n"
        "2024-03-16,EMPLOYER,200000\n"
        "2024-03-17,K,-100\n",
        "utf-8",
        MORE,
        {},
    ),
    "times iso": (
        "Timestamp,Merchant,Amount,Currency,Status\n"
        "2024-03-15T10:11:12.123Z,KIOSK,-1012.50,EUR,settled\n"
        "2024-03-16T10:11:12.123Z,EMPLOYER,2000.00,EUR,settled\n"
        "2024-03-17T10:11:12.123Z,K,-1.00,EUR,declined\n"
        "2024-03-17T10:11:12.123Z,K,-1.00,EUR,settled\n",
        "utf-8",
        MORE,
        {},
    ),
    "time 12h": (
        "Date,Merchant,Amount\n"
        "3/15/2024 10:11 PM,KIOSK,-1012.50\n"
        "3/16/2024 1:11 AM,EMPLOYER,2000.00\n"
        "3/17/2024 1:11 AM,K,-1.00\n",
        "utf-8",
        MORE,
        {},
    ),
    "separate time column": (
        "Date,Time,Merchant,Amount,Balance\n"
        "15/03/2024,10:11,KIOSK,-1012.50,987.50\n"
        "16/03/2024,11:11:12,EMPLOYER,2000.00,2987.50\n",
        "utf-8",
        SAME,
        {},
    ),
    "quotes inside": (
        '"Date","Description","Amount"\n'
        '"2024-03-15","The "BIG" KIOSK","-1012.50"\n'
        '"2024-03-16","EMPLOYER ""LTD""","2000.00"\n'
        '"2024-03-17","K","-1.00"\n',
        "utf-8",
        MORE,
        {},
    ),
    "totals and page lines": (
        "Statement of account\n"
        "\n"
        "Date,Description,Withdrawals,Deposits,Balance\n"
        '15/03/2024,KIOSK,"1,012.50",,987.50\n'
        "Continued on next page,,,,\n"
        '16/03/2024,EMPLOYER,,"2,000.00","2,987.50"\n'
        'Total,,"1,012.50","2,000.00",\n'
        'Closing balance,,,,"2,987.50"\n'
        "Please check your statement. E&OE,,,,\n",
        "utf-8",
        SAME,
        {},
    ),
    "debit credit column named": (
        "Transaction date;Amount;Debit/Credit;Payee\n"
        "2024-03-15;1012.50;Debit;KIOSK\n"
        "2024-03-16;2000.00;Credit;EMPLOYER\n",
        "utf-8",
        SAME,
        {},
    ),
    "revolut fee": (
        "Type,Product,Started Date,Completed Date,Description,Amount,Fee,Currency,State,Balan"
        "ce\n"
        "CARD_PAYMENT,Current,2024-03-14 10:00:00,2024-03-15 10:00:00,KIOSK,-1012.00,0.50,EUR"
        ",COMPLETED,987.50\n"
        "TRANSFER,Current,2024-03-16 10:00:00,2024-03-16 10:00:00,EMPLOYER,2000.00,0.00,EUR,C"
        "OMPLETED,2987.50\n",
        "utf-8",
        [
            ("2024-03-15", "0.50", "expense"),
            ("2024-03-15", "1012.00", "expense"),
            ("2024-03-16", "2000.00", "income"),
        ],
        {},
    ),
    "no year mm/dd with period": (
        "Statement period: 12/01/2023 - 01/31/2024\n"
        "Date,Description,Amount\n"
        "12/30,KIOSK,-1012.50\n"
        "01/02,EMPLOYER,2000.00\n"
        "01/03,K,-1.00\n",
        "utf-8",
        [
            ("2023-12-30", "1012.50", "expense"),
            ("2024-01-02", "2000.00", "income"),
            ("2024-01-03", "1.00", "expense"),
        ],
        {},
    ),
    "no year Mar 15": (
        "Opening date: 1 Mar 2024,,\n"
        "Closing date: 31 Mar 2024,,\n"
        "Date,Details,Amount\n"
        "Mar 15,KIOSK,-1012.50\n"
        "Mar 16,EMPLOYER,2000.00\n"
        "Mar 17,K,-1.00\n",
        "utf-8",
        MORE,
        {},
    ),
    "turkish": (
        "Tarih;Açıklama;Tutar;Bakiye\n"
        "15.03.2024;MARKET;-1.012,50;987,50\n"
        "16.03.2024;MAAŞ;2.000,00;2.987,50\n",
        "cp1254",
        SAME,
        {},
    ),
    "greek": (
        "Α/Α;Ημερομηνία;Αιτιολογία;Κατάστημα;Ποσό;Πρόσημο ποσού\n"
        "1;15/03/2024;ΑΓΟΡΑ;1;1.012,50;Χ\n"
        "2;16/03/2024;ΜΙΣΘΟΣ;1;2.000,00;Π\n",
        "cp1253",
        SAME,
        {},
    ),
    "chinese alipay": (
        "支付宝交易记录明细查询\n"
        "账号:[a@b.c]\n"
        "起始日期:[2024-03-01 00:00:00]    终止日期:[2024-03-31 00:00:00]\n"
        "---------------------------------交易记录明细列表------------------------------------\n"
        "交易号                  ,商家订单号               ,交易创建时间              ,付款时间 "
        "               ,最近修改时间              ,交易来源地     ,类型              ,交易对方 "
        "           ,商品名称                ,金额（元）   ,收/支     ,交易状态    ,服务费（元）"
        "   ,成功退款（元）  ,备注                  ,资金状态     ,\n"
        "2001\t,1\t,2024-03-15 10:00:00 ,2024-03-15 10:00:00 ,2024-03-15 10:00:00 ,其他（包括阿"
        "里巴巴和外部商家）,即时到账交易          ,商店            ,商品,1012.50  ,支出      ,交"
        "易成功    ,0.00     ,0.00     ,                    ,已支出      ,\n"
        "2002\t,2\t,2024-03-16 10:00:00 ,2024-03-16 10:00:00 ,2024-03-16 10:00:00 ,支付宝网站,即"
        "时到账交易          ,公司            ,工资,2000.00  ,收入      ,交易成功    ,0.00     ,"
        "0.00     ,                    ,已收入      ,\n"
        "------------------------------------------------------------------------------------"
        "\n"
        "共2笔记录\n",
        "gb18030",
        SAME,
        {},
    ),
    "ukrainian": (
        "Дата i час операції,Деталі операції,MCC,Сума в валюті картки (UAH),Сума в валюті опе"
        "рації,Валюта,Курс,Сума комісій (UAH),Сума кешбеку (UAH),Залишок після операції\n"
        "16.03.2024 10:00:00,Зарплата,4829,2000.0,2000.0,UAH,\u2014,\u2014,\u2014,2987.5\n"
        "15.03.2024 10:00:00,Кіоск,5411,-1012.5,-1012.5,UAH,\u2014,\u2014,10.1,987.5\n",
        "utf-8",
        SAME,
        {},
    ),
    "bulgarian": (
        "Дата;Основание;Дебит;Кредит;Салдо\n"
        "15.03.2024;Магазин;1012,50;;987,50\n"
        "16.03.2024;Заплата;;2000,00;2987,50\n",
        "cp1251",
        SAME,
        {},
    ),
    "slovak": (
        "Dátum zaúčtovania;Suma;Mena;Popis;Zostatok\n"
        "15.03.2024;-1012,50;EUR;Obchod;987,50\n"
        "16.03.2024;2000,00;EUR;Výplata;2987,50\n",
        "cp1250",
        SAME,
        {},
    ),
    "slovenian": (
        "Datum knjiženja;Datum valute;Opis;Breme;Dobro;Stanje\n"
        "15.03.2024;15.03.2024;Trgovina;1.012,50;;987,50\n"
        "16.03.2024;16.03.2024;Plača;;2.000,00;2.987,50\n",
        "cp1250",
        SAME,
        {},
    ),
    "romanian": (
        "Data;Descriere;Debit;Credit;Sold\n"
        "15.03.2024;Magazin;1.012,50;;987,50\n"
        "16.03.2024;Salariu;;2.000,00;2.987,50\n",
        "cp1250",
        SAME,
        {},
    ),
    "rows shorter": (
        "Date,Description,Amount,Memo,Ref,Note\n"
        "2024-03-15,KIOSK,-1012.50\n"
        "2024-03-16,EMPLOYER,2000.00,pay\n"
        "2024-03-17,K,-1.00\n",
        "utf-8",
        MORE,
        {},
    ),
    "merchant next line": (
        "Date;Text;Amount\n"
        "15.03.2024;KORTKJØP;-1.012,50\n"
        ";KIOSK OSLO;\n"
        "16.03.2024;LØNN;2.000,00\n"
        ";FIRMA AS;\n"
        "17.03.2024;K;-1,00\n",
        "utf-8",
        MORE,
        {},
    ),
    "gnucash blanks": (
        "Date,Account Name,Number,Description,Notes,Memo,Category,Type,Action,Reconcile,To Wi"
        "th Sym,From With Sym,To Num.,From Num.,To Rate/Price,From Rate/Price\n"
        '03/15/2024,Bank,,Kiosk,,,Expenses:Food,T,,n,,"-$1,012.50",,"-1,012.50",,1.00\n'
        ',,,,,,Expenses:Food,S,,n,"$1,012.50",,"1,012.50",,1.00,\n'
        '03/16/2024,Bank,,Employer,,,Income:Salary,T,,n,"$2,000.00",,"2,000.00",,1.00,\n'
        ',,,,,,Income:Salary,S,,n,,"-$2,000.00",,"-2,000.00",,1.00\n',
        "utf-8",
        SAME,
        {},
    ),
    "gnucash new blanks": (
        "Date,Transaction ID,Number,Description,Notes,Commodity/Currency,Void Reason,Action,M"
        "emo,Full Account Name,Account Name,Amount With Sym,Amount Num.,Value With Sym,Value "
        "Num.,Reconcile,Reconcile Date,Rate/Price\n"
        '2024-03-15,t1,,Kiosk,,CURRENCY::USD,,,,Assets:Bank,Bank,"-$1,012.50","-1,012.50","-$'
        '1,012.50","-1,012.50",n,,1.00\n'
        ',,,,,,,,,Expenses:Food,Food,"$1,012.50","1,012.50","$1,012.50","1,012.50",n,,1.00\n'
        '2024-03-16,t2,,Employer,,CURRENCY::USD,,,,Assets:Bank,Bank,"$2,000.00","2,000.00","$'
        '2,000.00","2,000.00",n,,1.00\n'
        ',,,,,,,,,Income:Salary,Salary,"-$2,000.00","-2,000.00","-$2,000.00","-2,000.00",n,,1'
        ".00\n",
        "utf-8",
        SAME,
        {"accounts": "Assets:Bank"},
    ),
    "semi decimal, dd-MMM-yy": (
        "Date;Type;Description;Money Out;Money In;Balance\n"
        "15-MAR-24;POS;KIOSK;1012.50;;987.50\n"
        "16-MAR-24;BP;EMPLOYER;;2000.00;2987.50\n",
        "utf-8",
        SAME,
        {},
    ),
    "ambiguous dates plus card": (
        "Date,Description,Amount\n03/04/2024,SHOP,12.50\n04/04/2024,SHOP,1.50\n",
        "utf-8",
        [("2024-04-03", "12.50", "expense"), ("2024-04-04", "1.50", "expense")],
        {"reading": "dates=day-first,signs=spent-is-positive"},
    ),
}
# The 15 March in many languages.
DAYS = {
    "de": "15. März 2024",
    "fr": "15 mars 2024",
    "nl": "15 maart 2024",
    "pl": "15 marca 2024",
    "cz": "15. března 2024",
    "ru": "15 марта 2024",
    "fi": "15. maaliskuuta 2024",
    "it": "15 marzo 2024",
    "hu": "2024. március 15.",
    "lt": "2024 m. kovo 15 d.",
    "sv": "15 mars 2024",
    "es": "15 de marzo de 2024",
    "no": "15. mars 2024",
    "tr": "15 Mart 2024",
}


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    file = folder / "export"
    file.write_bytes(text.encode(encoding))
    return file


def asked(file: Path) -> list[str]:
    """The keys of what is asked of a file."""
    try:
        read_export(file)
    except Unclear as error:
        return [question.key for question in error.questions]
    return []


@pytest.mark.parametrize("name", FILES)
def test_a_table_reads_as_it_is_meant(tmp_path: Path, name: str) -> None:
    text, encoding, becomes, answer = FILES[name]
    file = written(tmp_path, text, encoding)
    assert asked(file) == list(answer)
    export = read_export(file, Hints(answers=answer))
    assert sorted((str(row.date), str(row.amount), row.type) for row in rows(export)) == becomes
    assert all(row.description for row in rows(export))
    assert export.notes == []


@pytest.mark.parametrize("language", DAYS)
def test_a_month_is_read_in_many_languages(tmp_path: Path, language: str) -> None:
    days = [DAYS[language].replace("15", day) for day in ("15", "16", "17")]
    lines = zip(days, ("Kiosk;-1012,50", "Firm;2000,00", "Bar;-1,00"), strict=True)
    text = "Date;Text;Amount\n" + "".join(f"{day};{rest}\n" for day, rest in lines)
    found = rows(read_export(written(tmp_path, text)))
    assert [str(row.date) for row in found] == ["2024-03-15", "2024-03-16", "2024-03-17"]


def test_a_text_that_is_too_long_is_cut_and_listed(tmp_path: Path) -> None:
    text = f"Date,Text,Amount\n2024-03-15,{'x' * 700},-5.00\n2024-03-16,Pay,9.00\n"
    export = read_export(written(tmp_path, f"{text}2024-03-17,Bar,-1.00\n"))
    assert [len(row.description) for row in rows(export)] == [500, 3, 3]
    assert export.rows.cut == [2]
