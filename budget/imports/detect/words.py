"""The words that banks and programs write above their columns and into them, by what they mean.

A new language or bank is a few words more here. Names are compared folded, without accents and
punctuation (`plain`).
"""

from __future__ import annotations

import re
from functools import lru_cache

from lib.text import fold, search_key

# What a column may be, with what it is called: from the most certain words to the least.
HEADERS: dict[str, str] = {
    # The day of the purchase or order.
    "day": (
        "date op|dateop|transaction date|date of transaction|trans date|purchase date|"
        "date purchased|trade date|"
        "umsatzdatum|transaktionsdatum|transaktionsdato|kaufdatum|belegdatum|datum verrichting|"
        "transactiedatum|date de transaction|date operation|date de l operation|date d operation|"
        "date de loperation|fecha operacion|fecha de operacion|fecha de la operacion|f operacion|"
        "data operacji|data transakcji|data operazione|data movimento|data da operacao|"
        "data do movimento|data mov|kopdatum|inkopsdatum|kobsdato|kjopsdato|ostopaiva|"
        "datum transakce|datum uskutecneni|datum provedeni|operacijos data|дата операции|"
        "дата транзакции|利用日|ご利用日|started date|created on|created at|createdat|created|"
        "datum transakcije|tapahtumapaiva|datum operacije|dato for transaksjon"
        "|datum izvrsenja|datum platby|datum transakcie|data transazione|data compra"
        "|fecha de compra|fecha movimiento|fecha del movimiento|date achat|data d operazione"
        "|data da transacao|data tranzactiei|txn date|tran date|dato for kjop"
    ),
    "date": (
        "date|datum|dato|data|fecha|paiva|pvm|paivays|kuupaev|datums|дата|日付|取引日|年月日|"
        "お取引日|取扱日|date time|datetime|datum i vrijeme|date and time|tag|jour|giorno|dia|"
        "booking date time|datum uhrzeit|journaldate|journal date|order date|invoice date"
        "|dagsetning|tarih|ημερομηνια|konyveles datuma|tranzakcio datuma|тарых"
        "|date heure|fecha hora|datetime utc|posted|data tranzactie|датум|datum splatnosti"
        "|transaction date time|date utc|交易时间|交易日期|交易创建时间|记账日期|datum knjizbe"
    ),
    # The day on which the bank has booked it.
    "booked": (
        "booking date|date booked|booked|posted date|post date|posting date|date posted|"
        "processed date|date processed|process date|settlement date|completed date|"
        "buchungstag|buchungsdatum|buchung|buchungs datum|datum buchung|boekdatum|boekingsdatum|"
        "datum verwerking|datum verrekening|bokforingsdag|bokforingsdatum|bokfort dato|bokfort|"
        "bokforingsdato|bogfort|bogforingsdato|date comptable|date de comptabilisation|"
        "date de comptabilite|fecha contable|fecha de contabilizacion|data ksiegowania|"
        "data contabile|data contabilita|data registrazione|data lancamento|data de lancamento|"
        "data do lancamento|kirjauspaiva|kirjauspaivamaara|datum zauctovani|datum zauctovano|"
        "datum uctovani|datum odepsani|reskontradatum|transaktionsdag|дата проводки|дата платежа|"
        "date of booking|finished on|date finished|clearing date|date de compta"
        "|knjizenja|datum knjizenja|konyvelesi datum|data zaksiegowania|date comptabilisation"
        "|post dt|posting|uitvoeringsdatum|fecha de asiento|data rozliczenia|datum rozliceni"
        "|bokfordagur"
    ),
    "value_date": (
        "date val|dateval|value date|valuta|valutadatum|valuta datum|wertstellung|"
        "wertstellungstag|wert|"
        "date valeur|date de valeur|fecha valor|f valor|fecha de valor|data waluty|data valuta|"
        "data valor|valutadag|rentedatum|rentedato|rentedag|rantedatum|arvopaiva|datum valuty|"
        "valutadato|дата валютирования|effective date"
        "|valeur|erteknap|datum valute|vaxtadagur|value dt|val date|valuuttapaiva"
        "|wertstellung valuta|vaardepaev"
    ),
    "amount": (
        "amount|betrag|montant|importe|importo|bedrag|kwota|valor|belopp|belob|belop|summa|"
        "maara|castka|suma|сумма|金額|ご利用金額|利用金額|取引金額|umsatz|total amount|net amount|"
        "netamount|transaction amount|amount in account currency|betrag in kontowahrung|"
        "billing amount|value|sum|total|montant de l operation|montant operation|importe eur|"
        "kwota transakcji|kwota operacji|castka v mene uctu|objem|transaktionsbelopp|"
        "netto|amount num|betrag eur|kontobelopp|сумма операции|сумма в валюте счета|gross|"
        "сумма платежа|сума|iznos|summa eur|saldo movimiento|importo eur|amount eur|"
        "zaksiegowana kwota|amount gbp|amount usd|price|cost"
        "|cad|usd|upphaed|osszeg|tutar|ποσο|amount total|montant operation"
        "|montant en eur|importo transazione|valor r|zaksiegowana castka|castka"
        "|suma transakcji|summa belopp|forint|iznos transakcije|amt|transaction value|valeur"
        "|importe movimiento|settled amount|betrag in eur|bedrag eur|交易金额|金额 元|金额"
    ),
    "debit": (
        "debit|debits|debit amount|withdrawal|withdrawals|withdrawal amount|paid out|money out|"
        "outflow|out|payments|spent|expense|charges|soll|belastung|lastschrift|ausgang|ausgaben|"
        "ausgabe|abgang|debet|af|uitgaven|uit|debito|debitos|cargo|cargos|adeudo|adeudos|gastos|"
        "dare|uscite|addebiti|addebito|uscita|obciazenia|obciazenie|wydatki|saida|saidas|despesas|"
        "uttag|utgifter|ut|ud|utgift|ud af konto|ut fra konto|haevet|meno|menot|panot ulos|"
        "vydaje|odchozi|na vrub|debetas|isleista|расход|списание|дебет|"
        "出金|出金金額|お引出し|お支払金額|"
        "お引き出し|支払金額|出金額|depense|depenses|sortie|sorties|debit eur|montant debit|"
        "withdrawal amt|money out gbp|belastung in chf|debits chf|isplate|isplata|"
        "uttaksbelop|utbetaling|paid out gbp"
        "|dr|withdrawals amount|terheles|isplate|gider|χρεωση|debit ca|rashod|izdatak"
        "|debit euros|withdraw|uitgave|debe|salida|salidas|importo addebito|支払い金額"
        "|お支払い金額|引出金額|debit transactions|money out amount|egreso|egresos|retiro|retiros"
        "|払出金額|払出金額 円|出金額 円|breme|дебит|支出金额|借方金额|支取|витрата|списано"
    ),
    "credit": (
        "inflow|credit|credits|credit amount|deposit|deposits|deposit amount|paid in|money in|in|"
        "receipts|received|income|haben|gutschrift|gutschriften|eingang|einnahmen|einnahme|zugang|"
        "bij|inkomsten|credito|creditos|abono|abonos|ingreso|ingresos|avere|entrate|accrediti|"
        "accredito|entrata|uznania|uznanie|wplywy|przychody|entrada|entradas|receitas|insattning|"
        "inkomster|ind|inn|inn pa konto|ind pa konto|indsat|innskudd|tulo|tulot|panot|prijmy|"
        "prichozi|ve prospech|kreditas|gauta|kredit|приход|зачисление|кредит|"
        "入金|入金金額|お預入れ|"
        "お預り金額|預り金額|入金額|recette|recettes|entree|entrees|credit eur|montant credit|"
        "deposit amt|gutschrift in chf|credits chf|uplate|uplata|innbetaling|money in gbp|"
        "paid in gbp|refund amount"
        "|cr|deposits amount|jovairas|uplate|gelir|πιστωση|prihod|primitak|credit euros|haber"
        "|importo accredito"
        "|預かり金額|お預かり金額|預入金額|credit transactions|inkomst|ingresos|deposito"
        "|受入金額|受入金額 円|入金額 円|dobro|收入金额|贷方金额|存入|надходження|зараховано"
        "|depositos"
    ),
    "balance": (
        "running bal|accountbalance|balance|running balance|runningbalance|balance after|"
        "account balance|closing balance|"
        "saldo|kontostand|saldo nach buchung|saldo na trn|saldo na mutatie|saldo eur|solde|"
        "saldo disponible|saldo contabile|saldo po operacji|saldo po|saldo apos|kontosaldo|"
        "disponibelt belopp|disponibelt|saldo etter|bokfort saldo|bogfort saldo|zustatek|"
        "likutis|остаток|баланс|残高|差引残高|お預り残高|balance gbp|balance eur|stanje|"
        "zustatek po|saldo po transakcji|bilans|wallet balance|"
        "available balance|remaining balance|saldo contable|saldo kontabel"
        "|bal|egyenleg|stada|bakiye|υπολοιπο|saldo contabilistico|balance amount"
        "|ledger balance|saldo rachunku|sald|soldul|saldo final|konto saldo|balances|jaak"
        "|atlikums|account balance after|balans|余额|账户余额|交易后余额|zostatok|салдо|sold"
        "|現在高|現在 貸付 高|取引後残高|取引後残高 円|залишок"
    ),
    "side": (
        "credit debit|debit credit|debit credit indicator|creditdebitindicator|credit debit code|"
        "cr dr|dr cr|d c|c d|d k|s h|soll haben|debet credit|af bij|bij af|"
        "code af bij|sens|signe|sign|direction|richtung|debito credito|dare avere|"
        "debit oder kredit|income expense|expense income|transaction type|type of transaction|"
        "in out|kierunek|riktning|вид операции|тип операции|入出金|debit credit code|"
        "transaction direction|debetas kreditas|smer|"
        "type|typ|art|kind|tyyppi|tipo|rodzaj|buchungsart|mutatiesoort|tx type|flow"
        "|creditdebet|credit debet|creditdebit|debet credit|debit credit flag"
        "|credit debit indicator|d k|debits credits|deebet kreedit|debets kredits"
        "|debito kredito|入払区分|入出金区分|dc|c d indicator|sh|bewegung|terheles jovairas"
        "|tipo movimento|tipo de movimiento|tipo movimiento|money in out|type of entry"
        "|debit credit type|kredit debit|debit kredit|haben soll|收 支|收支|借贷|借贷标志|προσημο"
        "|προσημο ποσου|smer uhrady|creditdebit indicator"
    ),
    "fee": (
        "fee|fees|commission|gebuhr|gebuhren|gebuehr|entgelt|kosten|frais|commissions|comision|"
        "comisiones|provision|prowizja|oplata|commissione|commissioni|taxa|avgift|gebyr|poplatek|"
        "poplatky|комиссия|手数料|kulut|kosten op verrichting|fee amount|total fees"
    ),
    "currency": (
        "whrg|currency|wahrung|waehrung|devise|moneda|divisa|valuta|munt|muntsoort|waluta|moeda|"
        "mena|"
        "valuutta|valiuta|валюта|通貨|currency code|currency code iso|ccy|curr|valutakod|"
        "waluta operacji|waluta konta|kontowahrung|account currency|commodity currency|"
        "currencycode|mena uctu|валюта операции"
        "|devizanem|devises|devies|valyuta|vals|para birimi|waehrungscode|currency iso"
        "|munteenheid|valuuta|valuta kod|account ccy|devise du compte|valiutos kodas|mynt"
    ),
    "category": (
        "full category name|category|categories|"
        "kategorie|categorie|categoria|kategori|kategoria|kategorija|"
        "категория|カテゴリ|大項目|category name|class|budget category|"
        "categoria de gasto|huvudkategori|hauptkategorie|category group category|sous categorie"
        "|spending category|kategoria nazwa|category full name|hovedkategori|flokkur"
        "|kategorija transakcije|kategori navn|category group|categoria principal|rubrique"
    ),
    "who": (
        "zahlungspflichtige r|zahlungsempfanger in|payee|merchant|merchant name|counterparty|"
        "counterparty name|counter party|name|"
        "beneficiary|recipient|payer|partner name|partner|party|vendor|paid to|"
        "empfanger|auftraggeber|auftraggeber empfanger|zahlungsempfanger|beguenstigter|"
        "begunstigter|beguenstigter zahlungspflichtiger|begunstigter zahlungspflichtiger|"
        "zahlungsbeteiligter|name zahlungsbeteiligter|zahlungspflichtiger|absender empfanger|"
        "gegenpartei|handler|naam|naam tegenpartij|tegenpartij|naam omschrijving|handelaar|"
        "begunstigde|beneficiaire|tiers|nom|contrepartie|beneficiario|ordenante|comercio|"
        "concepto comercio|controparte|esercente|ordinante|odbiorca|nadawca|kontrahent|"
        "nadawca odbiorca|dane kontrahenta|nazwa odbiorcy|mottagare|avsandare|modtager|afsender|"
        "mottaker|avsender|saaja|maksaja|saaja maksaja|saajan nimi|prijemce|nazev protiuctu|"
        "protistrana|nazev protistrany|gavejas|moketojas|gavejas moketojas|moketojas gavejas|"
        "получатель|отправитель|контрагент|contrapartida|destinatario|摘要先|支払先|"
        "ご利用店名|利用店名|店名|navn|namn|nimi|nazwa|jmeno|primatelj|sender|receiver|"
        "target name|source name|payee name|auftraggeber zahlungsempfanger"
        "|beguenstigter auftraggeber|other party|other party name|from to|tegenrekeninghouder"
        "|naam tegenrekening|partner neve|saaja maksja|saanemejs maksatajs|sanemejs maksatajs"
        "|skyring|vidtakandi|counter party name|odbiorca zleceniodawca|tegenpartij naam"
        "|nom de la contrepartie|nom contrepartie|nazev protistrany|nazwa kontrahenta"
        "|empfanger name|payee merchant|paye a|mottaker avsender|ご利用先|nome|razao social"
        "|estabelecimento|establecimiento|name des partners|name der gegenpartei|obchodni misto"
        "|moketojo arba gavejo pavadinimas|交易对方|对方户名|商户|商户名称"
    ),
    "text": (
        "label|notifications|description|details|detail|memo|narrative|narration|particulars|"
        "transaction description|"
        "transaction details|remarks|statement|payment reference|reference text|title|desc|"
        "original description|transaction|item|items|extended details|"
        "beschreibung|verwendungszweck|buchungstext|vorgang|umsatztext|mitteilung|details der|"
        "bezeichnung|buchungsinformationen|avisierungstext|buchungsdetails|vwz|betreff|zweck|"
        "omschrijving|mededeling|mededelingen|mededelingen omschrijving|description du|libelle|"
        "libelle operation|libelle de l operation|remarque|motif|communication|communications|"
        "communication libre|intitule|nature de l operation|informations complementaires|"
        "concepto|descripcion|observaciones|movimiento|detalle|"
        "descrizione|causale|descrizione operazione|dettagli|operazione|"
        "opis|opis operacji|opis transakcji|tytul|tytul operacji|tytulem|szczegoly|"
        "descricao|descritivo|historico|lancamento|movimento|"
        "beskrivning|beskrivelse|tekst|text|transaktion|rubrik text|specifikation|meddelande|"
        "meddelelse|melding|forklaring|selite|selitys|rubrik|kuvaus|viesti|tapahtuma|"
        "popis|popis transakce|zprava pro prijemce|zprava|ucel|poznamka|opis transakcije|"
        "paskirtis|mokejimo paskirtis|aprasymas|paaiskinimai|detales|selgitus|"
        "описание|назначение|назначение платежа|детали|содержание|"
        "摘要|内容|お取り扱い内容|取引内容|お取引内容|メモ|明細"
        "|narration|transaction remarks|description 1|text mottagare|texti|kozlemeny|leiras"
        "|mas datos|concepto ampliado|informacija sanemejam|booking text|avisierung"
        "|transaction ref1|libelle complet operation|libelle complet|descrizione completa"
        "|opis placanja|opis transakcije|detailed description|description2|beschreibung1"
        "|mutatieomschrijving|transactie|wiadomosc|tranzakcio leirasa|aciklama|περιγραφη"
        "|aciklamalar|摘要内容|ご利用内容|transakcija|statement description|purpose"
        "|transaction narrative|additional info|additional information|opis|popis prikazce"
        "|popis operace|detaily transakce|uzivatelska identifikace|商品|商品名称|交易说明|交易摘要"
        "|αιτιολογια"
    ),
    "note": (
        "note|notes|notiz|notizen|notities|notas|nota|noter|comment|comments|kommentar|"
        "commentaire|komentarz|user note|zprava pro me|klientska poznamka|own note|anmerkung"
    ),
    "subcategory": (
        "subcategory|sub category|unterkategorie|sous categorie|subcategoria|sottocategoria|"
        "podkategoria|underkategori|中項目"
    ),
    "status": (
        "status|state|transaction status|zustand|estado|statut|etat|stato|stav|tila|статус|"
        "umsatzstatus|info|transaktionsstatus|booking status|状態"
        "|statut operation|stodu|betalingsstatus|buchungsstatus|posting status"
        "|transaction state|olek|statusas|tilstand|situacao"
    ),
    "id": (
        "transaction id|transactionid|transaktions id|transaktionsnummer|transactie id|tx id|"
        "fitid|unique id|id|identifiant|transfer id|transferwise id|operation id|"
        "transaction reference number|id transakce|id transakcji|id transaccion|archivierungs id|"
        "transaction uuid|uuid|arkivointitunnus|id operace|id pohybu|записи id"
        "|transaktionsid|unique transaction id|transactie referentie|arhiveerimistunnus"
        "|entry reference|bank transaction id|verifikationsnummer unik"
    ),
    "account": (
        "account|account number|account name|account no|card|card no|card number|card member|"
        "konto|kontonummer|kontoname|auftragskonto|iban|iban auftragskonto|iban auftraggeberkonto|"
        "auftraggeberkonto|eigenes konto|iban bban|rekening|rekeningnummer|iban rekening|compte|"
        "numero de compte|numero compte|cuenta|tarjeta|conto|numero konta|numer rachunku|rachunek|"
        "conta|kontonr|clearingnummer|tili|tilinumero|cislo uctu|ucet|saskaita|saskaitos numeris|"
        "счет|номер счета|карта|口座|口座番号|kredietkaart|kreditkarte|karte|wallet|mode|"
        "full account name|source|account id|kartennummer|card holder|cardholder|holder"
        "|kliendi konto|konts|saskaitos nr|account type|posted account|account ending"
        "|cuenta origen|sort code|kontoummer|tarjeta numero|card last 4|szamlaszam"
        "|bankovni ucet|bank account|account iban"
    ),
    "reference": (
        "reference|referenz|referentie|ref|referencia|riferimento|reference number|ref number|"
        "transaction reference|transactiereferentie|volgnr|volgnummer|sequence|"
        "numero de operacion|num operacion|numer referencyjny|referens|referenstext|viite|"
        "viitenumero|variabilni symbol|referencni cislo transakce|dokumento nr|check number|"
        "cheque number|checknumber|check no|cheque no|check|number|no|nr|num|belegnummer|"
        "journalnumber|order id|bank reference|номер документа|transaction number|invoice number"
        "|chq ref no|cheque|chqno|ref no cheque no|docto|numero do documento|serial"
        "|verifikationsnummer|sequence number|dokumenta nr|n operation|numero d operation"
        "|afschriftnummer|rekeninguittrekselnummer|s no|sl no|radnummer|lopnummer|irasas nr"
        "|iraso nr|slno"
    ),
    "time": "time|uhrzeit|zeit|heure|hora|ora|tijd|tid|godzina|cas|klo|время|時刻|時間",
    # Never the amount, the day or the currency that counts.
    "foreign": (
        "original amount|foreign amount|local amount|amount foreign currency|amount in foreign|"
        "original currency|foreign currency|local currency|exchange rate|rate|wechselkurs|kurs|"
        "koers|taux|cambio|tasso|oorspr bedrag|oorspr munt|fremdwahrung|betrag in fremdwahrung|"
        "originalbetrag|originalwahrung|montant en devise|fx rate|kurs wymiany|"
        "tax|tax amount|shipping|shipping refund|gift|vat|mwst|limit|credit limit|"
        "exchange to amount|source amount|target amount|source fee|target fee|cashback|points|"
        "sales tax|insurance amount|shipping and handling amount|foreign fee|quantity|units"
        "|betrag in fremdwahrung|ursprunglicher betrag|importe original|kurzus|exchange out"
        "|exchange in|foreigncurrencyamount|conversioncharge|available balance|montant francs"
        "|kwota w walucie|gst|tip|amount tip|amount fee|amount tax"
    ),
    # Of the other side, so it tells nothing of whose the row is.
    "other": (
        "datum von|datum bis|bewertungsdatum|date from|date to|start date|end date|"
        "due date|statement date|period|counterparty account|counterparty iban|partner iban|"
        "iban zahlungsbeteiligter|"
        "tegenrekening|tegenrekening iban bban|gegenkonto|kontonummer iban|"
        "iban bic|konto gegenseite|blz|bic|bic tegenpartij|swift|bankleitzahl|"
        "bankleitzahl auftraggeberkonto|glaubiger id|mandatsreferenz|kundenreferenz|"
        "counterparty account number|conta destino|cislo protiuctu|bankovni spojeni|"
        "numer rachunku nadawcy odbiorcy|rachunek odbiorcy|rachunek nadawcy|gavejo saskaita|"
        "account number of counterparty|to account|from account|country|land|location|locatie|"
        "address|city|emoji|image|tags|labels|receipt|url|order url|recipient account|"
        "protistrana banka|protistrana ucet|nazev banky|name des karteninhabers|名義人|利用者"
    ),
}
DIRECTIONS: dict[str, str] = {
    "out": (
        "withdrawal|debit|dr|d|db|debet|soll|s|af|uit|out|outflow|withdrawal|expense|expenses|"
        "spend|spent|"
        "ausgabe|ausgang|belastung|lastschrift|sortie|depense|cargo|adeudo|gasto|dare|addebito|"
        "uscita|spesa|obciazenie|wydatek|debito|saida|despesa|utgift|uttag|udgift|meno|vydaj|"
        "odchozi|расход|списание|дебет|出金|支出|-|o|dbit|debetas|money out|ut|ud|outgoing|paid"
        "|t|terheles|支払い|引出|お引出|出|deebet|debito|debiti|isplata|out of account|dbt|deb"
        "|已支出|借|χ|χρεωση|дебит|breme|витрата"
        "|utgaende|isleista|withdrawals|payment out"
    ),
    "in": (
        "credit|cr|c|kredit|haben|h|bij|in|inflow|deposit|income|einnahme|eingang|gutschrift|"
        "entree|recette|abono|ingreso|avere|accredito|entrata|uznanie|przychod|wplyw|credito|"
        "entrada|receita|inkomst|insattning|indtaegt|tulo|prijem|prichozi|приход|зачисление|доход|"
        "кредит|入金|収入|+|k|i|crdt|kreditas|money in|inn|ind|incoming|received"
        "|j|jovairas|入|預入|お預入|credito|crediti|uplata|into account|crt|cred|incoming payment"
        "|收入|已收入|贷|π|πιστωση|dobro|надходження"
        "|inkommande|deposits|payment in|kreedit|kredits"
    ),
    "both": (
        "transfer|transfer out|transfer in|umbuchung|virement interne|traspaso|giroconto|"
        "overforing|overboeking|internal transfer|transferencia interna|перевод между счетами"
        "|不计收支|中性交易"
    ),
}


def words(text: str, mark: str = "|") -> frozenset[str]:
    return frozenset(text.split(mark))


PENDING_WORDS = words(
    "pending|offen|open|reserverat|vorgemerkt|umsatz vorgemerkt|authorised|authorized|"
    "authorisation|authorization|"
    "en attente|a venir|pendiente|in sospeso|in behandeling|gereserveerd|oczekujaca|oczekujace|"
    "w toku|pendente|reserverad|reserveret|reservert|varaus|cekajici|blokace|ожидание|"
    "в обработке|未確定|processing|in progress|pending transaction|unposted|not posted|"
    "reservation|ej bokford|uncleared pending|hold|on hold|preauth|venter|afventer|"
    "under behandling|"
    "odottaa|varattu|provisional|nicht gebucht|noch nicht gebucht|en proceso|retenido|"
    "non comptabilise|"
    "niet verwerkt|zablokowana|blokada|nezauctovano|laukiama|ootel|rezervuota|ожидает|処理中"
)
UNDONE_WORDS = words(
    "reverted|declined|failed|cancelled|canceled|rejected|refused|denied|expired|voided|void|"
    "abgelehnt|storniert|annule|refuse|rechazado|cancelado|annullato|rifiutato|geannuleerd|"
    "geweigerd|odrzucona|anulowana|avbruten|nekad|afvist|avvist|hylatty|peruttu|zamitnuto|"
    "zruseno|отклонено|отменено|reversed|returned to sender|removed|blocked"
)
# Rows that tell a balance and move nothing, with a date and an amount like any other.
BALANCE_ROWS = words(
    "anfangssaldo|endsaldo|saldovortrag|saldo anterior|s a l d o|saldo do dia|saldo inicial|"
    "saldo final|"
    "saldo iniziale|saldo finale|opening balance|closing balance|open balance|close balance|"
    "starting balance|ending balance|beginning balance|balance brought forward|brought forward|"
    "balance carried forward|carried forward|previous balance|solde initial|solde final|"
    "solde precedent|ancien solde|nouveau solde|beginsaldo|eindsaldo|saldo poczatkowe|"
    "saldo koncowe|pocatecni zustatek|konecny zustatek|ingaende saldo|utgaende saldo|"
    "inngaende saldo|alkusaldo|loppusaldo|algsaldo|loppsaldo|kaive|sakuma atlikums|beigu atlikums|"
    "apgrozijums|likutis pradziai|likutis pabaigai|apyvarta|pradinis likutis|galutinis likutis|"
    "nyito egyenleg|zaro egyenleg|входящий остаток|исходящий остаток|turnover|前月繰越|繰越"
)
TOTAL_WORDS = words(
    "total|totals|sum|sums|summe|gesamt|gesamtsumme|saldo|kontostand|anfangssaldo|endsaldo|"
    "balance|opening balance|closing balance|brought forward|balance brought forward|"
    "carried forward|starting balance|ending balance|beginning balance|solde|totaal|totale|"
    "suma|razem|summa|yhteensa|celkem|soma|iš viso|likutis|likutis pradziai|likutis pabaigai|"
    "apyvarta|итого|всего|остаток|合計|saldo inicial|saldo final|saldo iniziale|saldo finale|"
    "beginsaldo|eindsaldo|ingaende saldo|utgaende saldo|saldo poczatkowe|saldo koncowe|"
    "pocatecni zustatek|konecny zustatek|grand total|subtotal|previous balance|new balance|"
    "alter saldo|neuer saldo|solde initial|solde final|page total|turnover"
)
CODE = re.compile(r"\b([A-Z]{3})\b")
# Codes of ISO 4217 that banks hold accounts of people in.
CURRENCIES = words(
    "AED ARS AUD BAM BGN BHD BRL BYN CAD CHF CLP CNY COP CZK DKK EGP EUR GBP GEL HKD HRK HUF IDR "
    "ILS INR ISK JPY KES KRW KZT LTL LVL MAD MXN MYR NGN NOK NZD PEN PHP PKR PLN QAR RON RSD RUB "
    "SAR SEK SGD SKK THB TRY TWD UAH USD UYU VND ZAR EEK",
    " ",
)
SIGNS = {
    "€": "EUR",
    "£": "GBP",
    "₹": "INR",
    "₽": "RUB",
    "zł": "PLN",
    "Kč": "CZK",
    "₴": "UAH",
    "₺": "TRY",
    "₪": "ILS",
    "₩": "KRW",
    "₫": "VND",
    "Ft": "HUF",
}
# Columns that a statement of an account has, and that of a card has not.
OF_ACCOUNTS = re.compile(
    r"\b(auftraggeber (zahlungs)?empfanger|zahlungspflichtiger|zahlungsbeteiligter|gegenkonto"
    r"|tegenrekening|naam tegenpartij|partner iban|counterparty (iban|account)|iban zahlung"
    r"|protiuctu|protiucet|nadawca odbiorca|saaja maksaja|avsandare|gavejo saskaita|blz|ordenante"
    r"|dane kontrahenta|rachunek (odbiorcy|nadawcy)|moketojas)\b"
)
WAGES = re.compile(
    r"\b(salary|wages?|payroll|pay ?cheque|paycheck|pension|lohn|gehalt|rente|bezuge|salaires?"
    r"|nominas?|stipendio|salaris|loon|wynagrodzenie|pensja|ordenado|salario|lon|palkka|mzda"
    r"|vyplata|alga|atlyginimas|зарплата|заработная|給与|給料|direct dep(osit)?|munkaber"
    r"|salariu|заплата|工资|palk|darba alga|laun|loenn|lonn)\b"
    # Elsewhere a square, a dish and a river: the wages are all that the text names.
    r"|^(placa|plat|maas)( za \w+| odemesi)?[ 0-9]*$"
)
# An amount of whole cents.
MINOR = re.compile(r"\b(cents?|centimes?|centimos?|pence|minor( units?)?|ore|oere|grosze?)\b")
# Kinds of movements that are always spent.
SPENT = re.compile(
    r"^(sale|purchase|card (payment|purchase)|pos|point of sale|debit card|cash withdrawal|atm"
    r"|withdrawal|direct debit|fee|kartenzahlung|lastschrift|betaalautomaat|geldautomaat"
    r"|achat|retrait|prelevement|carte|compra|pago con tarjeta|zakup|platba kartou)\b"
)
# What is said of a card in use, whatever account it belongs to.
USED = re.compile(
    r"\b(purchase|point of sale|cash withdrawal|atm|achat (cb|carte)"
    r"|paiement par carte|retrait (dab|especes)|kartenzahlung|kartenkauf|geldautomat"
    r"|compra|pagamento pos|pago con"
    r"|zakup|platnosc karta|vyber hotovosti|korttiosto|betaalautomaat|kortkob|varekjop|kortkop)\b"
)
BACK = re.compile(
    r"\b(refund(ed)?|return(ed)?|reversal|reversed|cash ?back|credit|erstattung|ruckbuchung|storno"
    r"|gutschrift|remboursement|annulation|devolucion|reembolso|abono|rimborso|storno|zwrot"
    r"|terugbetaling|retour|aterbetalning|hyvitys|estorno|vraceni)\b"
)
OF_CARDS = re.compile(
    r"\b(credit card|card (number|no|member|account|ending)|cardholder|minimum payment"
    r"|credit limit|kreditkarte|kreditkort|carte de credit|tarjeta|carta di credito|kredietkaart"
    r"|luottokortti|cartao|karta kredytowa|kreditni karta|visa|mastercard|american express)\b"
)
# Before the rows, a statement of a card whatever its columns are.
CARD_STATEMENT = re.compile(
    r"\b(credit card|kreditkarte|kreditkort|carte de credit|tarjeta de credito|carta di credito"
    r"|kredietkaart|luottokortti|cartao de credito|karta kredytowa|kreditni karta)\b"
)
# An account that such words stand beside, of a customer who has both.
ACCOUNT_STATEMENT = re.compile(
    r"\b((current|checking|savings|cheque) accounts?|girokonto|girokonten|sparkonto|tagesgeld"
    r"|kontokorrent|compte courant|cuenta corriente|conto corrente|conta corrente|betaalrekening"
    r"|lonkonto|lonekonto|privatkonto|brukskonto|kayttotili|bezny ucet|rachunek biezacy)\b"
)
# What only the one says who gave the credit, when a debt was paid off.
PAID_TO_CARD = re.compile(
    r"\b(payment received|payment[ -]*thank you|thank you for your payment|card payment received"
    r"|betaling ontvangen|pago recibido)\b"
)
# Words at the balance before the first row, and at that after the last.
OPENING = re.compile(
    r"\b(opening|beginning|starting|brought forward|alter (konto)?(stand|saldo)"
    r"|alter kontostand|letzter kontostand|anfangs(saldo|stand|bestand)|solde (initial|precedent)"
    r"|ancien solde|saldo (inicial|iniziale|anterior|precedente|poczatkowe)|beginsaldo"
    r"|ingaende saldo|inngaende saldo|pocatecni (zustatek|stav)|likutis pradziai|alkusaldo)\b"
)
CLOSING = re.compile(
    r"\b(closing|ending|neuer (konto)?(stand|saldo)|neuer kontostand"
    r"|(end|schluss)(saldo|stand|bestand)|solde final|nouveau solde|saldo (final|finale|koncowe)"
    r"|eindsaldo|utgaende saldo|konecny (zustatek|stav)|likutis pabaigai|loppusaldo)\b"
)
ACCOUNT_KINDS = words(
    "chequing|checking|savings|current account|girokonto|tagesgeld|cheque account|spaarrekening|"
    "compte courant|compte cheques|cuenta corriente|conto corrente|lonekonto|betaalrekening"
)
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
KANA = re.compile("[\u3040-\u30ff]")
NOT_A_LETTER = re.compile(r"[\W_]+")


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """A name folded, without accents, and with blanks for all that is no letter or digit."""
    # Marks over kana are part of the letter.
    folded = fold(text) if KANA.search(text) else search_key(text)
    return NOT_A_LETTER.sub(" ", folded).strip()


NAMES: dict[str, tuple[str, int]] = {}
for role, names in HEADERS.items():
    for place, name in enumerate(names.split("|")):
        NAMES.setdefault(name, (role, place))
WAYS = {name: way for way, names in DIRECTIONS.items() for name in names.split("|")}


@lru_cache(maxsize=4096)
def role_of(header: str) -> tuple[str, int]:
    """What a column of this header is, "" where no word tells, and how certain: 3 is a whole name.

    A code of a currency, and numbers behind a name, are no part of it: Amount (EUR), VWZ3.
    """
    text = plain(header)
    if text in NAMES:
        return NAMES[text][0], 3
    text = plain(CAMEL.sub(" ", header))
    if text in NAMES:
        return NAMES[text][0], 3
    short = re.sub(r"\b(in|v|w) (?=[a-z]{3}$)", "", text)
    short = " ".join(
        word for word in short.split() if word.upper() not in CURRENCIES and not word.isdigit()
    )
    short = re.sub(r"(?<=[a-z])\s?[0-9]+$", "", short)
    if short in NAMES:
        return NAMES[short][0], 3
    found: tuple[str, int] = "", 0
    words = short.split()
    # The longest name that begins or ends it.
    for length in range(len(words) - 1, 0, -1):
        for part, sure in ((words[:length], 2), (words[-length:], 1)):
            name = " ".join(part)
            if name in NAMES and len(name) > 2 and sure > found[1]:
                found = NAMES[name][0], sure
        if found[0]:
            return found
    return found


def currency_of(header: str) -> str:
    """The code of a currency that a header names; "" for none."""
    codes = [code for code in CODE.findall(header) if code in CURRENCIES]
    codes += [code for sign, code in SIGNS.items() if sign in header]
    return next(iter(codes), "")


def way_of(text: str) -> str:
    """Which way money goes by a word: out, in or both; "" for any other word."""
    return WAYS.get(plain(text), "") or WAYS.get(text.strip(), "")


# What may follow on the name of a balance: of which day it is.
AS_OF = re.compile(r"( (as of|at|on|per|am|vom|zum|du|au|al|del|op|na|la|ke|dzien))?( [0-9]+)+$")


def is_balance(text: str) -> bool:
    """Whether a text is the name of a balance, such as that of the row before the first."""
    return AS_OF.sub("", plain(text)) in BALANCE_ROWS


def starts_with_word(text: str, words: frozenset[str]) -> bool:
    """Whether a plain text is one of some words, or begins with one."""
    parts = text.split()
    return any(" ".join(parts[:length]) in words for length in range(1, min(len(parts), 4) + 1))
