"""Tables as banks write them, in many dialects: each is one purchase and one salary.

What a bank puts around them, how it parts the columns, writes a day, an amount and a direction, is
what differs. Nothing here is a bank's own data.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from budget.imports import BadFile, Unclear
from budget.tests.statements import read, told

pytestmark = pytest.mark.once

SAME = [("2024-03-15", "1012.50", "expense"), ("2024-03-16", "2000.00", "income")]

# Each file by what is special of it; in UTF-8 unless an encoding follows.
FILES: dict[str, str | tuple[str, str]] = {
    # English
    "us, rows longer than the header, a word and a sign": (
        "Details,Posting Date,Description,Amount,Type,Balance,Check or Slip #\n"
        "CREDIT,03/16/2024,EMPLOYER,2000.00,ACH_CREDIT,2987.50,,\n"
        "DEBIT,03/15/2024,KIOSK,-1012.50,DEBIT_CARD,987.50,,\n"
    ),
    "us, a summary before the header, a first line without amount": (
        'Description,,Summary Amt.\nBeginning balance as of 03/01/2024,,"2,000.00"\n'
        'Total credits,,"2,000.00"\nTotal debits,,"-1,012.50"\n'
        'Ending balance as of 03/16/2024,,"2,987.50"\n\nDate,Description,Amount,Running Bal.\n'
        '03/01/2024,Beginning balance as of 03/01/2024,,"2,000.00"\n'
        '03/15/2024,"KIOSK","-1,012.50","987.50"\n03/16/2024,"EMPLOYER","2,000.00","2,987.50"\n'
    ),
    "us, no header, an asterisk": (
        '"03/16/2024","2000.00","*","","EMPLOYER SALARY"\n"03/15/2024","-1012.50","*","","KIOSK"\n'
    ),
    "us, a wallet with a blank first column, signs apart from digits": (
        "Account Statement - (@someone) ,,,,,,\nAccount Activity,,,,,,\n"
        ",ID,Datetime,Type,Status,Note,From,To,Amount (total),Beginning Balance,Ending Balance\n"
        ",,,,,,,,,$100.00,\n"
        ',1001,2024-03-15T10:00:00,Payment,Complete,Kiosk,Me,Kiosk,"- $1,012.50",,\n'
        ',1002,2024-03-16T10:00:00,Payment,Complete,March,Employer,Me,"+ $2,000.00",,\n'
        ',,,,,,,,,,"$1,087.50"\n'
    ),
    "us, debit and credit, one of them negative": (
        "Status,Date,Description,Debit,Credit,Member Name\n"
        'Cleared,03/15/2024,"KIOSK",1012.50,,ME\nCleared,03/16/2024,"EMPLOYER",,-2000.00,ME\n'
    ),
    "canada, no header, out and in and a balance": (
        "03/15/2024,KIOSK,1012.50,,987.50\n03/16/2024,EMPLOYER,,2000.00,2987.50\n"
    ),
    "canada, two currencies of which one is empty": (
        '"Account Type","Account Number","Transaction Date","Cheque Number","Description 1",'
        '"Description 2","CAD$","USD$"\nChequing,01-1,3/15/2024,,"KIOSK","",-1012.50,\n'
        'Chequing,01-1,3/16/2024,,"EMPLOYER","PAY",2000.00,\n'
    ),
    "australia, no header, a plus on the balance": (
        '15/03/2024,"-1012.50","KIOSK","+987.50"\n16/03/2024,"+2000.00","EMPLOYER","+2987.50"\n'
    ),
    "australia, credit before debit, debit negative": (
        "Date,Description,Credit,Debit,Balance\n"
        "16/03/2024,EMPLOYER,2000.00,,2987.50\n15/03/2024,KIOSK,,-1012.50,987.50\n"
    ),
    "australia, a column without a name, months by name, two digits of a year": (
        "Date,Amount,Account Number,,Transaction Type,Transaction Details,Balance\n"
        '15 Mar 24,"-1012.50",12345,,MISC DEBIT,KIOSK,"987.50"\n'
        '16 Mar 24,"2000.00",12345,,MISC CREDIT,EMPLOYER,"2987.50"\n'
    ),
    "new zealand, many lines before, a blank one behind the header": (
        "Created date / time : 17 March 2024 / 10:00:00\nBank 12; Branch 3456; Account 1 (Main)\n"
        "From date 20240301\nTo date 20240317\nAvail Bal : 2987.50 as of 20240316\n"
        "Ledger Balance : 2987.50 as of 20240317\n"
        "Date,Unique Id,Tran Type,Cheque Number,Payee,Memo,Amount\n\n"
        '2024/03/15,2024031501,EFTPOS,,"KIOSK","",-1012.50\n'
        '2024/03/16,2024031601,D/C,,"EMPLOYER","WAGES",2000.00\n'
    ),
    "new zealand, the date in the middle": (
        "Type,Details,Particulars,Code,Reference,Amount,Date,ForeignCurrencyAmount,ConversionCharge"
        "\nEft-Pos,Kiosk,,,,-1012.50,15/03/2024,,\n"
        "Direct Credit,Employer,Wages,,,2000.00,16/03/2024,,\n"
    ),
    "britain, pounds in cp1252, a balance before the header": (
        '"Account Name:","Account ****1"\n"Account Balance:","£2,987.50"\n'
        '"Available Balance: ","£2,987.50"\n\n'
        '"Date","Transaction type","Description","Paid out","Paid in","Balance"\n'
        '"15 Mar 2024","Visa purchase","KIOSK","£1,012.50","","£987.50"\n'
        '"16 Mar 2024","Bank credit","EMPLOYER","","£2,000.00","£2,987.50"\n',
        "cp1252",
    ),
    "britain, blanks behind commas, apostrophes before texts": (
        "Date, Type, Description, Value, Balance, Account Name, Account Number\n\n"
        "15/03/2024,POS,\"'KIOSK\",-1012.50,987.50,\"'ME\",\"'1-2\",\n"
        "16/03/2024,BAC,\"'EMPLOYER\",2000.00,2987.50,\"'ME\",\"'1-2\",\n"
    ),
    "britain, tabs and blanks within a memo": (
        "Number,Date,Account,Amount,Subcategory,Memo\n"
        "\t ,15/03/2024,20-00-00 1234,-1012.50,Debit,KIOSK     \tON 14 MAR CPM\n"
        "\t ,16/03/2024,20-00-00 1234,2000.00,Direct Credit,EMPLOYER   \tWAGES BGC\n"
    ),
    "britain, a sort code with an apostrophe": (
        "Transaction Date,Transaction Type,Sort Code,Account Number,Transaction Description,"
        "Debit Amount,Credit Amount,Balance\n"
        "16/03/2024,BGC,'11-22-33,12345678,EMPLOYER,,2000,2987.5\n"
        "15/03/2024,DEB,'11-22-33,12345678,KIOSK,1012.5,,987.5\n"
    ),
    "britain, categories and two kinds of type": (
        "Date,Counter Party,Reference,Type,Amount (GBP),Balance (GBP),Spending Category,Notes\n"
        "15/03/2024,Kiosk,KIOSK LONDON,CONTACTLESS,-1012.50,987.50,SHOPPING,\n"
        "16/03/2024,Employer,WAGES,FASTER PAYMENT,2000.00,2987.50,INCOME,\n"
    ),
    "a card with a flag": (
        "Transaction Date,Posting Date,Billing Amount,Merchant,Merchant City,Merchant State,"
        "Reference Number,Debit/Credit Flag,SICMCC Code,Transaction Type\n"
        "15/03/2024,16/03/2024,£1012.50,KIOSK,LEEDS,,R1,D,5411,PURCHASE\n"
        "16/03/2024,17/03/2024,£2000.00,EMPLOYER,LEEDS,,R2,C,,CREDIT\n"
    ),
    "ireland, blanks before names, a date like mm/dd": (
        "Posted Account, Posted Transactions Date, Description, Debit Amount, Credit Amount,Balance"
        ',Transaction Type\n"1-1","15/03/24","KIOSK","1012.50","","987.50","Debit"\n'
        '"1-1","16/03/24","EMPLOYER","","2000.00","2987.50","Credit"\n'
    ),
    "india, stars and lakhs": (
        "\n  Date     ,Narration    ,Chq./Ref.No.,Value Dt,Withdrawal Amt.,Deposit Amt.,"
        "Closing Balance\n**********,****,***,****,****,****,****\n"
        "15/03/24,KIOSK,0001,15/03/24,        1012.50 ,0.00 ,\"1,00,987.50\"\n"
        "16/03/24,EMPLOYER,0002,16/03/24,0.00,2000.00,\"1,02,987.50\"\n"
    ),
    "india, DR and CR as headers": (
        "Tran Date,CHQNO,PARTICULARS,DR,CR,BAL,SOL\n"
        "15-03-2024,-,KIOSK,1012.50, ,987.50,123\n16-03-2024,-,EMPLOYER, ,2000.00,2987.50,123\n"
    ),
    "india, tabs and a serial number": (
        "Account Name       :\tMr. A\nAddress            :\tStreet 1\n"
        "Start Date         :\t1 Mar 2024\nBalance as on 1 Mar 2024      :\t2,000.00\n\n"
        "Txn Date\tValue Date\tDescription\tRef No./Cheque No.\t        Debit\tCredit\tBalance\n"
        "15 Mar 2024\t15 Mar 2024\tKIOSK\t 1\t1,012.50\t \t987.50\n"
        "16 Mar 2024\t16 Mar 2024\tEMPLOYER\t 2\t \t2,000.00\t2,987.50\n\n"
        "**This is a computer generated statement and does not require a signature\n"
    ),
    "singapore, the merchant on the next line": (
        "Account details for:,Savings 1\nAvailable Balance,2987.50\nLedger Balance,2987.50\n\n"
        "Transaction History\nTransaction date,Value date,Description,Withdrawals (SGD),"
        "Deposits (SGD)\n15/03/2024,15/03/2024,POINT OF SALE,\"1,012.50\",\n,,KIOSK,,\n"
        '16/03/2024,16/03/2024,GIRO,,"2,000.00"\n,,EMPLOYER PTE LTD,,\n'
    ),
    "south africa, a word before each line": (
        "ALL,0,1234,,,,,0\nOPEN,,,OPEN BALANCE,2000.00,,0,0\n"
        "HIST,20240315,,-1012.50,PURCHASE,KIOSK,1,0\nHIST,20240316,##,2000.00,CREDIT,EMPLOYER,1,0\n"
        "CLOSE,,,CLOSE BALANCE,2987.50,,0,0\n"
    ),
    "south africa, months that touch day and year": (
        "Statement Enquiry : \nAccount Number : ,1234\nAccount Description : ,Current\n"
        "Statement Number : ,7\n15Mar2024,KIOSK,-1012.50,987.50,\n"
        "16Mar2024,EMPLOYER,2000.00,2987.50,\n"
    ),
    "a spreadsheet's first line": (
        "sep=;\nDate;Description;Amount;Balance\n15/03/2024;KIOSK;-1,012.50;987.50\n"
        "16/03/2024;EMPLOYER;2,000.00;2,987.50\n"
    ),
    "cells as formulas": (
        'Date,Description,Amount,Balance\n="15/03/2024",="KIOSK",="-1012.50",="987.50"\n'
        '="16/03/2024",="EMPLOYER",="2000.00",="2987.50"\n'
    ),
    "a count below": (
        "Date|Payee|Amount\n2024-03-15|Kiosk|-1012.50\n2024-03-16|Employer salary|2000.00\n"
        "2 transactions||\n"
    ),
    # German
    "germany, many lines before, every line ends in a semicolon": (
        '"Kontonummer:";"DE00 / Girokonto";\n\n"Von:";"01.03.2024";\n"Bis:";"17.03.2024";\n'
        '"Kontostand vom 17.03.2024:";"2.987,50 EUR";\n\n"Buchungstag";"Wertstellung";'
        '"Buchungstext";"Auftraggeber / Begünstigter";"Verwendungszweck";"Kontonummer";"BLZ";'
        '"Betrag (EUR)";"Gläubiger-ID";"Mandatsreferenz";"Kundenreferenz";\n'
        '"16.03.2024";"16.03.2024";"Gutschrift";"Employer";"Lohn";"1";"2";"2.000,00";"";"";"";\n'
        '"15.03.2024";"15.03.2024";"Kartenzahlung";"Kiosk";"Danke";"1";"2";"-1.012,50";"";"";"";\n',
        "cp1252",
    ),
    "germany, a currency sign, short years, booked and not": (
        '"Girokonto";"DE00"\n"Kontostand vom 17.03.2024:";"2.987,50 €"\n""\n'
        '"Buchungsdatum";"Wertstellung";"Status";"Zahlungspflichtige*r";"Zahlungsempfänger*in";'
        '"Verwendungszweck";"Umsatztyp";"IBAN";"Betrag (€)";"Gläubiger-ID"\n'
        '"17.03.24";"";"Vorgemerkt";"Me";"Cafe";"";"Ausgang";"DE1";"-3,5";""\n'
        '"16.03.24";"16.03.24";"Gebucht";"Employer";"Me";"Lohn";"Eingang";"DE1";"2.000";""\n'
        '"15.03.24";"15.03.24";"Gebucht";"Me";"Kiosk";"";"Ausgang";"DE1";"-1.012,5";""\n'
    ),
    "germany, open instead of a day, balances around": (
        ';\n"Umsätze Girokonto";"Zeitraum: 30 Tage";\n"Neuer Kontostand";"2.987,50 EUR";\n\n'
        '"Buchungstag";"Wertstellung (Valuta)";"Vorgang";"Buchungstext";"Umsatz in EUR";\n'
        '"offen";"--";"Kartenverfügung";"Buchungstext: CAFE";"-3,50";\n'
        '"16.03.2024";"16.03.2024";"Übertrag";"Auftraggeber: EMPLOYER";"2.000,00";\n'
        '"15.03.2024";"15.03.2024";"Lastschrift";"Empfänger: KIOSK";"-1.012,50";\n\n'
        '"Alter Kontostand";"2.000,00 EUR";\n',
        "cp1252",
    ),
    "germany, an empty amount beside debit and credit, a balance below": (
        "Umsätze Girokonto;;;;;Kundennummer: 1\n\nLetzter Kontostand;;;;2.000,00;EUR\n"
        "Buchungstag;Wert;Umsatzart;Begünstigter / Auftraggeber;Verwendungszweck;IBAN;BIC;"
        "Kundenreferenz;Fremde Gebühren;Betrag;Abweichender Empfänger;Anzahl der Aufträge;"
        "Soll;Haben;Währung\n"
        "15.03.2024;15.03.2024;Kartenzahlung;Kiosk;;DE1;;;;;;;-1.012,50;;EUR\n"
        "16.03.2024;16.03.2024;Lohn;Employer;;DE1;;;;;;;;2.000,00;EUR\n"
        "Kontostand;16.03.2024;;;2.987,50;EUR\n"
    ),
    "germany, S and H in a column without a name, balances as rows": (
        "Bank;;;\n;Umsatzanzeige;;\nKontonummer;1;;\n\n"
        '"Buchungstag";"Valuta";"Auftraggeber/Zahlungsempfänger";"Empfänger/Zahlungspflichtiger";'
        '"IBAN";"Vorgang/Verwendungszweck";"Währung";"Umsatz";" "\n'
        '"15.03.2024";"15.03.2024";"Me";"Kiosk";"DE1";"Lastschrift\nDanke\n";"EUR";"1.012,50";"S"\n'
        '"16.03.2024";"16.03.2024";"Me";"Employer";"DE1";"Lohn\nMarch";"EUR";"2.000,00";"H"\n'
        '\n"01.03.2024";"";"";"";"";"Anfangssaldo";"EUR";"2.000,00";"H"\n'
        '"17.03.2024";"";"";"";"";"Endsaldo";"EUR";"2.987,50";"H"\n',
        "cp1252",
    ),
    "germany, every cell quoted, short years": (
        '"Auftragskonto";"Buchungstag";"Valutadatum";"Buchungstext";"Verwendungszweck";'
        '"Beguenstigter/Zahlungspflichtiger";"Kontonummer";"BLZ";"Betrag";"Waehrung";"Info"\n'
        '"DE1";"17.03.24";"";"KARTE";"";"Cafe";"";"";"-3,50";"EUR";"Umsatz vorgemerkt"\n'
        '"DE1";"16.03.24";"16.03.24";"LOHN";"";"Employer";"DE2";"X";"2000,00";"EUR";'
        '"Umsatz gebucht"\n"DE1";"15.03.24";"15.03.24";"KARTE";"";"Kiosk";"DE3";"X";"-1012,50";'
        '"EUR";"Umsatz gebucht"\n',
        "latin-1",
    ),
    "austria, no header, a time with thousandths": (
        "15.03.2024;Kiosk Wien;15.03.2024;-1.012,50;EUR;15.03.2024 10:11:12:345\n"
        "16.03.2024;Employer Gehalt;18.03.2024;2.000,00;EUR;16.03.2024 10:11:12:345\n"
    ),
    "austria, no header, an account first and a plus": (
        "AT001;Kiosk Wien;15.03.2024;15.03.2024;-1.012,50;EUR\n"
        "AT001;Employer Gehalt;16.03.2024;16.03.2024;+2.000,00;EUR\n"
    ),
    "switzerland, credit before a negative debit, advice below": (
        "Datum von:;2024-03-01\nDatum bis:;2024-03-17\nKonto:;CH1\nWährung:;CHF\n"
        "Buchungsdatum;Avisierungstext;Gutschrift in CHF;Lastschrift in CHF;Valuta;Saldo in CHF\n"
        '2024-03-16;"EMPLOYER";2000.00;;2024-03-16;2987.50\n'
        '2024-03-15;"KIOSK";;-1012.50;2024-03-15;987.50\n\nDisclaimer:\n'
        "Dies ist kein durch die Bank erstelltes Dokument. Die Bank haftet nicht.\n"
    ),
    "switzerland, twenty columns": (
        "Kontonummer:;0001;\nIBAN:;CH1;\nVon:;2024-03-01;\nBis:;2024-03-17;\nAnfangssaldo:;2000.00;"
        "\nSchlusssaldo:;2987.50;\nBewertet in:;CHF;\nAnzahl Transaktionen:;2;\n\n"
        "Abschlussdatum;Abschlusszeit;Buchungsdatum;Valutadatum;Währung;Belastung;Gutschrift;"
        "Einzelbetrag;Saldo;Transaktions-Nr.;Beschreibung1;Beschreibung2;Beschreibung3;Fussnoten;\n"
        '2024-03-16;;2024-03-16;2024-03-16;CHF;;2000.00;;2987.50;T1;"Employer;Street";"Gutschrift";'
        '"Lohn";;\n2024-03-15;10:00:00;2024-03-15;2024-03-15;CHF;-1012.50;;;987.50;T2;"Kiosk;Street"'
        ';"Zahlung";"Karte";;\n'
    ),
    "switzerland, the text of a line goes on below it": (
        "IBAN;Booked At;Text;Credit/Debit Amount;Balance;Valuta Date\n"
        "CH1;2024-03-15 00:00:00.0;Einkauf;-1012.5;987.5;2024-03-15 00:00:00.0\n;;KIOSK BERN;;;\n"
        "CH1;2024-03-16 00:00:00.0;Gutschrift EMPLOYER;2000;2987.5;2024-03-16 00:00:00.0\n"
    ),
    # French
    "france, a preamble of pairs": (
        "Numéro Compte   ;1\nType         ;CCP\nCompte tenu en  ;euros\nDate        ;17/03/2024\n"
        "Solde (EUROS)   ;2987,50   \nSolde (FRANCS)  ;19596,00 \n\n"
        'Date;Libellé;Montant(EUROS);Montant(FRANCS)\n16/03/2024;"VIREMENT SALAIRE EMPLOYER";'
        '2000,00;13119,14\n15/03/2024;"ACHAT CB KIOSK";-1012,50;-6641,56\n',
        "latin-1",
    ),
    "france, names with underscores, the account as a formula": (
        '="0001";01/03/2024;17/03/2024;\ndate_comptabilisation;libellé_complet_operation;'
        "montant_operation;devise;\n15/03/2024;CARTE KIOSK;-1012,50;EUR;\n"
        "16/03/2024;VIR SALAIRE EMPLOYER;2000,00;EUR;\n",
        "cp1252",
    ),
    "france, no header, amount second": (
        "15/03/2024;-1012,50;Carte;;CB KIOSK;;;\n16/03/2024;2000,00;Virement;;SALAIRE EMPLOYER;;;\n"
    ),
    "france, signs in debit and credit, a blank last column": (
        "Date;Numéro d'opération;Libellé;Débit;Crédit;Détail;\n"
        "15/03/24;1;KIOSK;-1012,50;;;\n16/03/24;2;EMPLOYER;;+2000,00;;\n"
    ),
    "france, lines within quotes": (
        "Téléchargement du 17/03/2024;\n\nCompte n° 1\nSolde au 17/03/2024 2 987,50 €\n\n"
        "Liste des opérations du compte entre le 01/03/2024 et le 17/03/2024;\n\n"
        'Date;Libellé;Débit euros;Crédit euros;\n16/03/2024;"VIREMENT EN VOTRE FAVEUR\nEMPLOYER\n"'
        ';;"2 000,00";\n15/03/2024;"PAIEMENT PAR CARTE\nKIOSK";"1 012,50";;\n',
        "cp1252",
    ),
    "france, english names in camel case, narrow blanks": (
        "dateOp;dateVal;label;category;categoryParent;supplierFound;amount;accountNum;accountLabel;"
        'accountbalance\n2024-03-15;2024-03-15;"CARTE KIOSK";"Courses";"Vie";"kiosk";'
        '-1\u202f012,50;1;BANK;987.50\n2024-03-16;2024-03-16;"VIR EMPLOYER";"Salaire";"Revenus";'
        '"employer";2\u202f000,00;1;BANK;987.50\n'
    ),
    "belgium, french": (
        "Extrait;Date;Date valeur;Compte;Description;Montant;Devise\n"
        "2;16/03/2024;16/03/2024;BE1;SALAIRE EMPLOYER;2.000,00;EUR\n"
        "1;15/03/2024;15/03/2024;BE1;KIOSK;-1.012,50;EUR\n"
    ),
    # Dutch
    "netherlands, tabs and no header, balances before and after": (
        "123456789\tEUR\t20240315\t2000,00\t987,50\t20240315\t-1012,50\tBEA   NR:1 KIOSK   \n"
        "123456789\tEUR\t20240316\t987,50\t2987,50\t20240316\t2000,00\tSEPA EMPLOYER           \n"
    ),
    "netherlands, no header, debet in words": (
        '"15-03-2024","NL1","1.012,50","Debet","Kiosk","NL2","BA","Pas","987,50"\n'
        '"16-03-2024","NL1","2.000,00","Credit","Employer","NL3","CO","Loon","2.987,50"\n'
    ),
    "netherlands, single quotes and no header": (
        "15-03-2024,NL1,NL2,kiosk,,,,EUR,2000.00,EUR,-1012.50,15-03-2024,15-03-2024,8810,BEA,1,,"
        "'Kiosk, Utrecht',0\n16-03-2024,NL1,NL3,employer,,,,EUR,987.50,EUR,2000.00,16-03-2024,"
        "16-03-2024,9722,BIJ,2,,'Employer loon',0\n"
    ),
    "netherlands, a line before, C and D": (
        "EXPORT;;;;;;;;\nRekeningnummer;Transactiedatum;Valutacode;CreditDebet;Bedrag;"
        "Tegenrekeninghouder;Tegenrekeningnummer;Betaalwijze;Omschrijving\n"
        "NL1;15-03-2024;EUR;D;1012,50;Kiosk;NL2;Pin;\nNL1;16-03-2024;EUR;C;2000,00;Employer;NL3;;\n"
    ),
    "belgium, dutch, amount beside credit and debit": (
        "Rekeningnummer;Rubrieknaam;Naam;Munt;Afschriftnummer;Datum;Omschrijving;Valuta;Bedrag;"
        "Saldo;credit;debet;rekeningnummer tegenpartij;naam tegenpartij bevat\n"
        "BE1;;ME;EUR;1;16/03/2024;LOON;16/03/2024;2000,00;2987,50;2000,00;;BE2;EMPLOYER\n"
        "BE1;;ME;EUR;1;15/03/2024;KAART;15/03/2024;-1012,50;987,50;;-1012,50;BE3;KIOSK\n"
    ),
    "belgium, dutch, search terms before the header": (
        "Boekingsdatum vanaf;01/03/2024\nBoekingsdatum tot en met;17/03/2024\nBedrag vanaf;\n"
        "Laatste saldo;2.987,50 EUR\nDatum/uur van het laatste saldo;17/03/2024 10:00:00\n;\n"
        "Rekening;Boekingsdatum;Rekeninguittrekselnummer;Transactienummer;Rekening tegenpartij;"
        "Naam tegenpartij bevat;Straat en nummer;Transactie;Valutadatum;Bedrag;Devies;BIC;"
        "Mededelingen\nBE1;15/03/2024;1;1;;Kiosk;;KAART;15/03/2024;-1.012,50;EUR;;\n"
        "BE1;16/03/2024;1;2;BE2;Employer;;LOON;16/03/2024;2.000,00;EUR;;\n"
    ),
    # Spanish, Portuguese, Italian
    "spain, amounts with a code that touches": (
        "Fecha;Fecha valor;Movimiento;Más datos;Importe;Saldo\n"
        "16/03/2024;16/03/2024;NOMINA;EMPLOYER;2.000,00EUR;2.987,50EUR\n"
        "15/03/2024;15/03/2024;COMPRA;KIOSK;-1.012,50EUR;987,50EUR\n"
    ),
    "spain, pipes and no header": (
        "15/03/2024|COMPRA KIOSK|15/03/2024|-1012.50|987.50|1234|\n"
        "16/03/2024|NOMINA EMPLOYER|16/03/2024|2000.00|2987.50||\n"
    ),
    "spain, months by name": (
        "Fecha operación;Concepto;Importe\n15 marzo 2024;Kiosk;-1.012,50 €\n"
        "16 marzo 2024;Nómina Employer;2.000,00 €\n"
    ),
    "portugal, balances below": (
        "Consultar saldos e movimentos à ordem - 17-03-2024\n\nConta ;1 - EUR\nData de início ;"
        "01-03-2024\nData de fim ;17-03-2024\n\nData mov. ;Data valor ;Descrição ;Débito ;Crédito ;"
        "Saldo contabilístico ;Saldo disponível ;Categoria ;\n"
        "16-03-2024;16-03-2024;EMPLOYER;;2.000,00;2.987,50;2.987,50;Salário ;\n"
        "15-03-2024;15-03-2024;KIOSK;1.012,50;;987,50;987,50;Diversos ;\n"
        " ; ; ; ;Saldo contabilístico ;2.987,50 ;  EUR ; ;\n",
        "latin-1",
    ),
    "portugal, two bytes a character": (
        "Data registo;Data valor;Descrição;Montante;Tipo;Saldo\n"
        "15-03-2024;15-03-2024;KIOSK;-1012,50;Débito;987,50\n"
        "16-03-2024;16-03-2024;EMPLOYER;2000,00;Crédito;2987,50\n",
        "utf-16",
    ),
    "brazil, balances as rows": (
        '"Data","Dependencia Origem","Histórico","Data do Balancete","Documento","Valor",\n'
        '"29/02/2024","","Saldo Anterior","","0","2000.00",\n'
        '"15/03/2024","1","Compra KIOSK","","1","-1012.50",\n'
        '"16/03/2024","1","Salário EMPLOYER","","2","2000.00",\n'
        '"17/03/2024","","S A L D O","","0","2987.50",\n',
        "latin-1",
    ),
    "brazil, reais in the header": (
        "Data;Histórico;Docto.;Crédito (R$);Débito (R$);Saldo (R$)\n"
        "15/03/2024;KIOSK;1;;-1.012,50;987,50\n16/03/2024;EMPLOYER;2;2.000,00;;2.987,50\n"
        "Total;;;2.000,00;-1.012,50;2.987,50\n"
    ),
    "italy, entries before outgoings that are negative": (
        "Data_Operazione;Data_Valuta;Entrate;Uscite;Descrizione;Descrizione_Completa;Stato\n"
        "16/03/2024;16/03/2024;2000;;Stipendio;Employer;Contabilizzato\n"
        "15/03/2024;15/03/2024;;-1012,5;Pagamento;Kiosk;Contabilizzato\n"
    ),
    "italy, months by name": (
        "Data contabile;Descrizione;Importo\n15 mar 2024;Kiosk;-1.012,50\n"
        "16 mar 2024;Stipendio Employer;+2.000,00\n"
    ),
    # Nordic
    "sweden, three decimals": (
        "Bokföringsdatum;Valutadatum;Verifikationsnummer;Text/mottagare;Belopp;Saldo\n"
        "2024-03-16;2024-03-16;1;EMPLOYER;2000.000;2987.500\n"
        "2024-03-15;2024-03-15;2;KIOSK;-1012.500;987.500\n"
    ),
    "sweden, a title before, rows by number": (
        "* Transaktioner Period 2024-03-01-2024-03-17 Skapad 2024-03-17 10:00 CET\n"
        "Radnummer,Clearingnummer,Kontonummer,Produkt,Valuta,Bokföringsdag,Transaktionsdag,"
        'Valutadag,Referens,Beskrivning,Belopp,Bokfört saldo\n1,1,1,"Konto",SEK,2024-03-16,'
        '2024-03-16,2024-03-16,"Lön","EMPLOYER",2000.00,2987.50\n2,1,1,"Konto",SEK,2024-03-15,'
        '2024-03-15,2024-03-15,"Kort","KIOSK",-1012.50,987.50\n',
        "latin-1",
    ),
    "norway, in before out that is negative": (
        "Dato;Beskrivelse;Rentedato;Inn;Ut;Til konto;Fra konto\n"
        "16.03.2024;EMPLOYER;16.03.2024;2000,00;;1;\n15.03.2024;KIOSK;15.03.2024;;-1012,50;;1\n"
    ),
    "denmark, done and waiting": (
        '"Dato";"Tekst";"Beløb";"Saldo";"Status";"Afstemt"\n'
        '"15.03.2024";"Kiosk";"-1.012,50";"987,50";"Udført";"Nej"\n'
        '"16.03.2024";"Employer";"2.000,00";"2.987,50";"Udført";"Nej"\n'
        '"18.03.2024";"Husleje";"-5.000,00";"";"Venter";"Nej"\n',
        "latin-1",
    ),
    "finland, tabs": (
        "Tilinumero\tFI1\n\nKirjauspäivä\tArvopäivä\tMaksupäivä\tMäärä\tSaaja/Maksaja\tTilinumero\t"
        "BIC\tTapahtuma\tViite\tMaksajan viite\tViesti\tKortinnumero\tKuitti\t\n\n"
        "15.03.2024\t15.03.2024\t14.03.2024\t-1012,50\tKIOSK\t\t\tKorttiosto\t\t\t\t\t\t\n\n"
        "16.03.2024\t16.03.2024\t16.03.2024\t2000,00\tEMPLOYER\t\t\tPalkka\t\t\t\t\t\t\n\n"
    ),
    "iceland": (
        "Dagsetning;Texti;Upphæð;Staða\n15.03.2024;Kiosk;-1.012,50;987,50\n"
        "16.03.2024;Employer;2.000,00;2.987,50\n"
    ),
    # Polish, Czech, Baltic
    "poland, number signs in the header, codes behind amounts": (
        "Bank S.A.;\n\n#Klient;\nME;\n\n#Za okres:;\n2024-03-01;2024-03-17;\n\n#Waluta;\nPLN;\n\n"
        "#Data operacji;#Opis operacji;#Rachunek;#Kategoria;#Kwota;#Saldo po operacji;\n"
        '2024-03-15;"KIOSK";"Konto 1";"Inne";-1 012,50 PLN;987,50 PLN;\n'
        '2024-03-16;"EMPLOYER";"Konto 1";"Inne";2 000,00 PLN;2 987,50 PLN;\n',
        "cp1250",
    ),
    "poland, columns without a name": (
        '"Data operacji","Data waluty","Typ transakcji","Kwota","Waluta","Saldo po transakcji",'
        '"Opis transakcji","","",""\n'
        '"2024-03-16","2024-03-16","Przelew","+2000.00","PLN","+2987.50","Employer","","",""\n'
        '"2024-03-15","2024-03-15","Płatność","-1012.50","PLN","+987.50","Kiosk","","",""\n',
        "cp1250",
    ),
    "poland, burdens and credits": (
        '"Numer rachunku","Data transakcji","Data rozliczenia","Rodzaj transakcji","Na konto",'
        '"Odbiorca/Zleceniodawca","Opis","Obciążenia","Uznania","Saldo","Waluta"\n'
        '"PL1","2024-03-16","2024-03-16","PRZELEW","","EMPLOYER","LON","","2000.00","2987.50","PLN"\n'
        '"PL1","2024-03-15","2024-03-15","KARTA","","KIOSK","","-1012.50","","987.50","PLN"\n'
    ),
    "czechia, many lines before, cp1250": (
        "Pohyby na účtu 1/0000\nDatum exportu: 17.03.2024\n\n"
        '"Datum splatnosti";"Datum odepsání z jiné banky";"Protiúčet";"Název protiúčtu";"Částka";'
        '"Měna";"VS";"Popis příkazce"\n"15.03.2024";"";"1/1";"KIOSK";"-1 012,50";"CZK";"";"žluť"\n'
        '"16.03.2024";"";"1/2";"EMPLOYER";"2 000,00";"CZK";"";"mzda"\n',
        "cp1250",
    ),
    "czechia, a volume": (
        '"ID operace";"Datum";"Objem";"Měna";"Protiúčet";"Název protiúčtu";"Kód banky";"Typ"\n'
        '"1";"15.03.2024";"-1012,50";"CZK";"";"Kiosk";"";"Platba kartou"\n'
        '"2";"16.03.2024";"2000,00";"CZK";"1";"Employer";"0";"Příjem"\n'
    ),
    "lithuania, balances as rows": (
        '"Sąskaitos Nr.","","Data","Gavėjas","Paaiškinimai","Suma","Valiuta","D/K","Įrašo Nr.",'
        '"Kodas"\n"LT1","10","2024-03-01","","Likutis pradžiai","2000.00","EUR","K","",""\n'
        '"LT1","20","2024-03-15","KIOSK","Pirkinys","1012.50","EUR","D","1","K"\n'
        '"LT1","20","2024-03-16","EMPLOYER","Alga","2000.00","EUR","K","2","MK"\n'
        '"LT1","82","2024-03-17","","Apyvarta","1012.50","EUR","D","",""\n'
        '"LT1","82","2024-03-17","","Apyvarta","2000.00","EUR","K","",""\n'
        '"LT1","86","2024-03-17","","likutis pabaigai","2987.50","EUR","K","",""\n',
        "cp1257",
    ),
    "estonia": (
        '"Kliendi konto";"Reatüüp";"Kuupäev";"Saaja/Maksja";"Selgitus";"Summa";"Valuuta";'
        '"Deebet/Kreedit";"Arhiveerimistunnus"\n'
        '"EE1";"10";"01.03.2024";"";"Algsaldo";"2000,00";"EUR";"K";""\n'
        '"EE1";"20";"15.03.2024";"Kiosk";"Ost";"1012,50";"EUR";"D";"1"\n'
        '"EE1";"20";"16.03.2024";"Employer";"Palk";"2000,00";"EUR";"K";"2"\n'
        '"EE1";"82";"17.03.2024";"";"Käive";"1012,50";"EUR";"D";""\n'
        '"EE1";"86";"17.03.2024";"";"lõppsaldo";"2987,50";"EUR";"K";""\n'
    ),
    "latvia": (
        "Konts,Datums,Saņēmējs/Maksātājs,Informācija saņēmējam,Summa,Valūta,Debets/Kredīts\n"
        "LV1,15.03.2024,Kiosk,Pirkums,1012.50,EUR,D\nLV1,16.03.2024,Employer,Alga,2000.00,EUR,K\n",
        "cp1257",
    ),
    "hungary, T and J": (
        '"1-1";"T";-1012,50;"HUF";"20240315";"20240315";987,50;"";"";"KIOSK"\n'
        '"1-1";"J";2000;"HUF";"20240316";"20240316";2987,50;"";"";"EMPLOYER"\n'
    ),
    "hungary": (
        "Könyvelés dátuma;Értéknap;Partner neve;Közlemény;Összeg;Devizanem;Egyenleg\n"
        "2024.03.15;2024.03.15;Kiosk;Vásárlás;-1 012,50;HUF;987,50\n"
        "2024.03.16.;2024.03.16.;Employer;Bér;2 000,00;HUF;2 987,50\n",
        "cp1250",
    ),
    "croatia": (
        "Datum valute;Datum izvršenja;Opis plaćanja;Isplata;Uplata;Stanje\n"
        "15.03.2024.;15.03.2024.;KIOSK;1.012,50;;987,50\n"
        "16.03.2024.;16.03.2024.;EMPLOYER;;2.000,00;2.987,50\n"
    ),
    # Russian, Japanese
    "russia, in and out in cp1251": (
        "Тип счёта;Номер счета;Валюта;Дата операции;Референс проводки;Описание операции;Приход;"
        "Расход;\nЛичный;4081;RUR;16.03.24;CRD_1;EMPLOYER зарплата;2000,00;0,00;\n"
        "Личный;4081;RUR;15.03.24;CRD_2;KIOSK;0,00;1012,50;\n",
        "cp1251",
    ),
    "russia, two sums": (
        '"Дата операции";"Дата платежа";"Номер карты";"Статус";"Сумма операции";"Валюта операции";'
        '"Сумма платежа";"Валюта платежа";"Кэшбэк";"Категория";"MCC";"Описание"\n'
        '"16.03.2024 10:00:00";"16.03.2024";"";"OK";"2000,00";"RUB";"2000,00";"RUB";"";"Зарплата";'
        '"";"Employer"\n"15.03.2024 10:00:00";"16.03.2024";"*1";"OK";"-1012,50";"RUB";"-1012,50";'
        '"RUB";"10";"Магазины";"5411";"Kiosk"\n',
        "cp1251",
    ),
    "japan, out and in with commas": (
        '"日付","摘要","摘要内容","支払い金額","預かり金額","差引残高","メモ","未資金化区分","入払区分"\n'
        '"2024/3/15","カード","KIOSK","1,012.50","","987.50","","","支払い"\n'
        '"2024/3/16","給料","EMPLOYER","","2,000","2,987.50","","","入金"\n',
        "cp932",
    ),
    "japan, yen in brackets": (
        '"日付","内容","出金金額(円)","入金金額(円)","残高(円)","メモ"\n'
        '"2024/03/16","EMPLOYER","","2,000","2,987.50","-"\n'
        '"2024/03/15","KIOSK","1,012.50","","987.50","-"\n',
        "cp932",
    ),
    # However it is written
    "whole lines in quotes": (
        '"Date,Description,Amount,Balance"\n"15/03/2024,""Kiosk, London"",-1012.50,987.50"\n'
        '"16/03/2024,Employer,2000.00,2987.50"\n'
    ),
    "whole lines in quotes below a header without": (
        "Datum;Text;Betrag;Saldo\n\"15.03.2024;Kiosk;-1012,50;987,50\"\n"
        '"16.03.2024;Employer;2000,00;2987,50"\n'
    ),
    "tildes": (
        "Date~Description~Amount~Balance\n15/03/2024~KIOSK~-1012.50~987.50\n"
        "16/03/2024~EMPLOYER~2000.00~2987.50\n"
    ),
    "circumflexes and no header": (
        "15/03/2024^KIOSK^-1012.50^987.50\n16/03/2024^EMPLOYER^2000.00^2987.50\n"
    ),
    "rows shorter than the header": (
        "Date,Description,Amount,Balance,Notes,Tags\n15/03/2024,KIOSK,-1012.50,987.50\n"
        "16/03/2024,EMPLOYER,2000.00,2987.50\n"
    ),
    "rows with a cell more than the header": (
        "Date,Description,Amount,Balance\n15/03/2024,KIOSK,-1012.50,987.50,x\n"
        "16/03/2024,EMPLOYER,2000.00,2987.50,y\n"
    ),
    "a blank column between any two": (
        ",Date,,Description,,Amount,,Balance\n,15/03/2024,,KIOSK,,-1012.50,,987.50\n"
        ",16/03/2024,,EMPLOYER,,2000.00,,2987.50\n"
    ),
    "a line feed within a cell": (
        'Date,Description,Amount,Balance\r\n15/03/2024,"KIOSK\r\nLONDON",-1012.50,987.50\r\n'
        '16/03/2024,"EMPLOYER",2000.00,2987.50\r\n'
    ),
    "blanks around names, months in full": (
        "Completed Date ; Description ; Paid Out (EUR) ; Paid In (EUR) ; Exchange Out; Exchange In"
        "; Balance (EUR); Category; Notes\n"
        "16 March 2024 ; Employer ;  ; 2,000.00 ;  ;  ; 2,987.50; general; \n"
        "15 March 2024 ; Kiosk ; 1,012.50 ;  ;  ;  ; 987.50; shopping; \n"
    ),
    "two bytes a character, the other way round": (
        "Date\tDescription\tAmount\tBalance\n15/03/2024\tKIOSK\t-1012.50\t987.50\n"
        "16/03/2024\tEMPLOYER\t2000.00\t2987.50\n",
        "utf-16-be",
    ),
    "whole cents": (
        "Date,Description,Amount in cents,Balance\n2024-03-15,Kiosk,-101250,98750\n"
        "2024-03-16,Employer,200000,298750\n"
    ),
    "no year, a period before the rows": (
        "Statement period,01/03/2024 - 31/03/2024\nDate,Description,Amount,Balance\n"
        "15 Mar,KIOSK,-1012.50,987.50\n16 Mar,EMPLOYER,2000.00,2987.50\n"
    ),
    "no year, the day of the statement": (
        "Kontoauszug vom 20.03.2024;;;\nDatum;Text;Betrag;Saldo\n15.03.;Kiosk;-1012,50;987,50\n"
        "16.03.;Employer;2000,00;2987,50\n"
    ),
    "gnucash, one line for each movement": (
        "Date,Account Name,Number,Description,Full Category Name,Reconcile,Amount With Sym,"
        "Amount Num.,Value Num.,Rate/Price\n"
        "2024-03-15,Bank,,Kiosk,Expenses:Food,n,-€1012.50,-1012.50,-1012.50,1.00\n"
        "2024-03-16,Bank,,Employer,Income:Salary,n,€2000.00,2000.00,2000.00,1.00\n"
    ),
    "a program of tags": (
        '"Status","Date","Original Description","Split Type","Category","Currency","Amount",'
        '"User Description","Memo","Classification","Account Name","Simple Description"\n'
        '"posted","03/15/2024","KIOSK","","Groceries","USD","-1,012.50","","","Own","Visa","Kiosk"\n'
        '"posted","03/16/2024","EMPLOYER PAYROLL","","Salary","USD","2,000.00","","","Own","Bank",'
        '"Employer"\n'
    ),
    "a plus or a minus in a separate column": (
        "Datum;Text;+/-;Betrag\n15.03.2024;Kiosk;-;1012,50\n16.03.2024;Employer;+;2000,00\n"
    ),
    "single quotes": (
        "'Date','Description','Amount','Balance'\n'15/03/2024','Kiosk, York','-1012.50','987.50'\n"
        "'16/03/2024','Employer','2000.00','2987.50'\n"
    ),
    "a first line that looks like a row": (
        "Compte;Compte;****1234;17/03/2024;;2 987,50\n15/03/2024;;;CARTE KIOSK;-1 012,50\n"
        "16/03/2024;;;SALAIRE EMPLOYER;2 000,00\n"
    ),
    "turkish": (
        "Tarih;Metin;Tutar;Bakiye\n15.03.2024;Kiosk;-1.012,50;987,50\n"
        "16.03.2024;Employer maaş, öğle;2.000,00;2.987,50\n",
        "cp1254",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_bank_s_table_reads_as_it_is_meant(tmp_path: Path, name: str) -> None:
    file = FILES[name]
    content, encoding = (file, "utf-8") if isinstance(file, str) else file
    try:
        found = told(read(tmp_path, content.encode(encoding)))
    except Unclear as unclear:
        pytest.fail(f"asked: {unclear}")
    assert [row[:3] for row in found] == SAME
    assert "kiosk" in found[0][3].lower()
    assert "employer" in found[1][3].lower()


DAYS = (
    "15-MAR-2024|16-MAR-2024",
    "Mar 15, 2024|Mar 16, 2024",
    "2024-Mar-15|2024-Mar-16",
    "20240315103000|20240316103000",
    "2024-03-15T10:00:00.000Z|2024-03-16T10:00:00.000Z",
    "2024-03-15+01:00|2024-03-16+01:00",
    "2024-03-15-10.00.00.000000|2024-03-16-10.00.00.000000",
    "2024-03-15 10:00:00 CET|2024-03-16 10:00:00 CET",
    "15.03.2024, 10:00 Uhr|16.03.2024, 10:00 Uhr",
    "15.03.2024 10.00|16.03.2024 10.00",
    "15.03.2024 10:11:12:345|16.03.2024 10:11:12:345",
    "15/03/2024 10:00:00 a. m.|16/03/2024 10:00:00 p. m.",
    "3/15/24 5:30 PM|3/16/24 5:30 AM",
    "Friday, 15 March 2024|Saturday, 16 March 2024",
    "15th March 2024|16th March 2024",
    "15. März 2024|16. März 2024",
    "15 mars 2024|16 mars 2024",
    "15 de marzo de 2024|16 de marzo de 2024",
    "15 mrt. 2024|16 mrt. 2024",
    "15 marca 2024|16 marca 2024",
    "15. března 2024|16. března 2024",
    "15 марта 2024|16 марта 2024",
    "2024. 3. 15.|2024. 3. 16.",
    "2024年3月15日|2024年3月16日",
    "15032024|16032024",
    "15Mar24|16Mar24",
)


@pytest.mark.parametrize("days", DAYS)
def test_a_day_is_read_however_it_is_written(tmp_path: Path, days: str) -> None:
    first, second = days.split("|")
    content = (
        f"Date\tDescription\tAmount\tBalance\n{first}\tKiosk\t-1012.50\t987.50\n"
        f"{second}\tEmployer\t2000.00\t2987.50\n"
    )
    assert [row[:3] for row in told(read(tmp_path, content))] == SAME


AMOUNTS = (
    "1.012,50-|2.000,00",
    "(1,012.50)|2,000.00",
    "($1,012.50)|$2,000.00",
    "$(1,012.50)|$2,000.00",
    "-C$1,012.50|C$2,000.00",
    "- $1,012.50|+ $2,000.00",
    "USD -1,012.50|USD 2,000.00",
    "-$1,012.50 USD|$2,000.00 USD",
    "\u22121012,50|2000,00",
    "\u20131012,50|2000,00",
    "1,012.50 DR|2,000.00 CR",
    "DR 1,012.50|CR 2,000.00",
    "1,012.50 Dr.|2,000.00 Cr.",
    "1,012.50 (DR)|2,000.00 (CR)",
    "1012.50 Debit|2000.00 Credit",
    "1.012,50 Soll|2.000,00 Haben",
    "1.012,50S|2.000,00H",
    "-1'012.50|2'000.00",
    "-1\u2019012.50|2\u2019000.00",
    "-1\u202f012,50 €|2\u202f000,00 €",
    "-€ 1.012,50|€ 2.000,00",
    "-R$ 1.012,50|R$ 2.000,00",
    "Rs.-1,012.50|Rs.2,000.00",
    "kr. -1.012,50|kr. 2.000,00",
    "-1 012,50 zł|2 000,00 zł",
    "-1 012,50 ₽|2 000,00 ₽",
    "-1012,50 Ft|2000,00 Ft",
    "-1012.500|2000.000",
    "-0001012.50|+0002000.00",
    "1012.50-|2000.00+",
)


@pytest.mark.parametrize("amounts", AMOUNTS)
def test_an_amount_is_read_however_it_is_written(tmp_path: Path, amounts: str) -> None:
    spent, got = amounts.split("|")
    content = (
        f"Date\tDescription\tAmount\n15.03.2024\tKiosk\t{spent}\n"
        f"16.03.2024\tEmployer salary\t{got}\n"
    )
    assert [row[:3] for row in told(read(tmp_path, content))] == SAME


def question(folder: Path, content: str, **answers: str) -> str:
    """The key of the one question that a file asks."""
    with pytest.raises(Unclear) as caught:
        read(folder, content, **answers)
    (found,) = caught.value.questions
    return found.key


SHORT = "Date,Description,Amount,Balance\n28 Dec,Kiosk,-1.00,9.00\n03 Jan,Employer,2.00,11.00\n"


def test_a_year_that_nothing_tells_is_asked(tmp_path: Path) -> None:
    assert question(tmp_path, SHORT) == "year"
    found = told(read(tmp_path, SHORT, year="2024"))
    assert [row[0] for row in found] == ["2023-12-28", "2024-01-03"]
    with pytest.raises(BadFile, match="1 bad line"):
        read(tmp_path, SHORT, year="soon")


def test_a_statement_over_new_year_has_two_years(tmp_path: Path) -> None:
    found = told(read(tmp_path, f"Statement,15 Dec 2023 to 14 Jan 2024\n{SHORT}"))
    assert [row[0] for row in found] == ["2023-12-28", "2024-01-03"]


def test_a_day_far_from_the_rows_tells_no_year(tmp_path: Path) -> None:
    assert question(tmp_path, f"Customer since 1 Jul 2019\n{SHORT}") == "year"


def test_days_and_months_without_a_year_may_be_either(tmp_path: Path) -> None:
    content = "Statement date: 20 June 2024\nDate,Description,Amount,Balance\n{},Kiosk,-1.00,9.00\n"
    assert question(tmp_path, content.format("05/06") + "06/06,Bar,-2.00,7.00\n") == "dates"


SIDES = "15/03/2024,KIOSK,1012.50,\n16/03/2024,EMPLOYER,,2000.00\n"


def test_two_columns_without_names_are_asked_which_is_which(tmp_path: Path) -> None:
    assert question(tmp_path, SIDES) == "money-in"
    assert [row[:3] for row in told(read(tmp_path, SIDES, **{"money-in": "4"}))] == SAME
    other = told(read(tmp_path, SIDES, **{"money-in": "3"}))
    assert [row[2] for row in other] == ["income", "expense"]
    with pytest.raises(BadFile):
        read(tmp_path, SIDES, **{"money-in": "2"})


CARDS = (
    "date,category,title,amount\n2024-03-15,market,Kiosk,1012.50\n2024-03-16,,Pagamento,-2000.00\n",
    "Trans. Date,Post Date,Description,Amount,Category\n03/15/2024,03/16/2024,KIOSK,1012.50,Food\n"
    "03/16/2024,03/16/2024,INTERNET PAYMENT - THANK YOU,-2000.00,Payments and Credits\n",
    "利用日,利用店名・商品名,利用者,支払方法,利用金額\n2024/03/15,Kiosk,me,1,1012\n2024/03/16,Bar,me,1,500\n",
    "date,payee,amount,currency,category,tags,notes,account_name\n"
    "2024-03-15,Kiosk,1012.50,eur,Food,,,Bank\n2024-03-16,Employer,-2000.00,eur,Other,,,Bank\n",
)


@pytest.mark.parametrize("content", CARDS)
def test_a_card_of_the_opposite_sign_is_asked(tmp_path: Path, content: str) -> None:
    assert question(tmp_path, content) == "signs"
    found = told(read(tmp_path, content, signs="spent-is-positive"))
    assert found[0][2] == "expense"


def test_balances_around_the_rows_tell_what_a_sign_means(tmp_path: Path) -> None:
    content = (
        "Opening balance,100.00\nClosing balance,{}\nDate,Description,Amount\n"
        "2024-03-15,Kiosk,12.50\n2024-03-16,Bar,-2.50\n"
    )
    assert told(read(tmp_path, content.format("110.00")))[0][2] == "income"
    assert told(read(tmp_path, content.format("90.00")))[0][2] == "expense"
    assert question(tmp_path, content.format("91.00")) == "signs"
    # What is owed on a card goes up by what is spent.
    assert question(tmp_path, "Credit limit,900.00\n" + content.format("110.00")) == "signs"


@pytest.mark.parametrize("text", ["Credit Card Payment", "Refund of a purchase", "Purchase return"])
def test_money_back_and_a_paid_bill_tell_nothing_of_signs(tmp_path: Path, text: str) -> None:
    content = f"Date,Description,Amount\n2024-03-15,Kiosk,12.50\n2024-03-16,{text},-12.50\n"
    assert question(tmp_path, content) == "signs"


def test_the_amounts_once_more_are_no_balance(tmp_path: Path) -> None:
    content = "Date,Description,Amount,Betalt\n2024-03-15,A,10.00,10.00\n2024-03-16,B,20.00,20.00\n"
    assert question(tmp_path, content) == "signs"


GNUCASH = (
    "Date,Transaction ID,Number,Description,Notes,Commodity/Currency,Void Reason,Action,Memo,"
    "Full Account Name,Account Name,Amount With Sym,Amount Num.,Value With Sym,Value Num.,"
    "Reconcile,Reconcile Date,Rate/Price\n"
    "{day},a1,,Kiosk,,CURRENCY::EUR,,,,Assets:Bank,Bank,-€1012.50,-1012.50,-€1012.50,-1012.50,n,,1"
    "\n{day},a1,,Kiosk,,CURRENCY::EUR,,,,Expenses:Food,Food,€1012.50,1012.50,€1012.50,1012.50,n,,1"
    "\n2024-03-16,a2,,Employer,,CURRENCY::EUR,,,,Assets:Bank,Bank,€2000.00,2000.00,€2000.00,"
    "2000.00,n,,1\n2024-03-16,a2,,Employer,,CURRENCY::EUR,,,,Income:Pay,Pay,-€2000.00,-2000.00,"
    "-€2000.00,-2000.00,n,,1\n"
).replace("{day}", "2024-03-15")


def test_gnucash_s_double_entry_asks_which_accounts_are_ones_own(tmp_path: Path) -> None:
    assert question(tmp_path, GNUCASH) == "accounts"
    assert [row[:3] for row in told(read(tmp_path, GNUCASH, accounts="Assets:Bank"))] == SAME


def test_a_cell_that_names_a_balance_is_no_movement(tmp_path: Path) -> None:
    content = (
        "Date,Description,Amount\n2024-03-01,Opening balance as of 01/03/2024,100.00\n"
        "2024-03-15,Kiosk,-12.50\n2024-03-16,Total Energies,-2.50\n"
    )
    export = read(tmp_path, content)
    assert [row[3] for row in told(export)] == ["Kiosk", "Total Energies"]
    assert [(left.line, left.reason) for left in export.left_out] == [(2, "a total or a balance")]


def test_what_is_no_statement_says_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(BadFile) as caught:
        read(tmp_path, '[{"date": "2024-03-15", "amount": -12.5}]')
    assert caught.value.bad[0].reason.startswith("this is JSON")


@pytest.mark.parametrize(
    ("amount", "fee", "spent"),
    [
        ("-10.00", "2.50", ["10.00", "2.50"]),
        ("-10.00", "-2.50", ["10.00", "2.50"]),
        ("-12.50", "2.50", ["12.50"]),
        ("-12.50", "-2.50", ["12.50"]),
    ],
)
def test_a_balance_tells_what_a_fee_does(
    tmp_path: Path, amount: str, fee: str, spent: list[str]
) -> None:
    content = (
        "Date,Description,Amount,Fee,Balance\n2024-03-14,Employer,100.00,0.00,100.00\n"
        f"2024-03-15,Kiosk,{amount},{fee},87.50\n2024-03-16,Bar,-1.00,0.00,86.50\n"
    )
    export = read(tmp_path, content)
    assert [row[1] for row in told(export) if row[0] == "2024-03-15"] == spent
    assert [row[2] for row in told(export)][1:] == ["expense"] * (len(spent) + 1)
    assert not any("balances" in note for note in export.notes)
