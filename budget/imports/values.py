"""Reading one value of a line: exact, or a ValueError that says what is wrong with it."""

from __future__ import annotations

import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError

from budget.judge.periods import MAX_DATE, MIN_DATE
from budget.models.category import UNCATEGORISED
from budget.models.money import CENT, MAX_AMOUNT
from budget.models.transaction import DESCRIPTION_LENGTH
from lib.text import fold, tidy, tidy_name

# ASCII digits only; a comma parts thousands, so "1,24" (a decimal comma) is refused, not misread.
AMOUNT = re.compile(r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?")
US_DATE = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4}|[0-9]{2})")
DATE_PARTS = frozenset("dmyYbBHIMSfpzaA%")
TOUCHING = re.compile(r"%[dmyYHIMS]%[dmyYHIMS]")
SAME_SIGNS = str.maketrans(
    dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-")
    | dict.fromkeys("\u00a0\u202f\u2009", " ")
    | {"\u2019": "'"}
)
DASHES = frozenset({"-", "--", "\u2010", "\u2013", "\u2014", "\u2212"})
# Years of Japan, by the emperor: the year before the first of each.
ERAS = {"令和": 2018, "平成": 1988, "昭和": 1925, "R": 2018, "H": 1988, "S": 1925}
ERA = re.compile(r"(令和|平成|昭和|[RHS])([0-9]{1,2}|元)(?=[年./])")
OTHER_DIGIT = re.compile(r"[^\D0-9]")
LETTERS = re.compile(r"[^\W\d_]{3,}")
# Names of months and what banks make of them, by number; those of English are there as well.
MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar jän jänner januari janvier janv enero ene gennaio gen styczeń sty "
            "stycznia janeiro leden led ledna sausio tammikuu tammikuuta tammi янв января januára "
            "ocak oca ianuarie ian jaanuar jaan janvāris janúar январь січня січень ιανουαρίου "
            "gener január",
            "february feb februar februari febrero febbraio février févr fév fevr luty lut lutego "
            "fevereiro fev únor úno února vasario helmikuu helmikuuta helmi фев февраля februára "
            "şubat şub februarie veebruar veebr februāris febrúar февраль лютого лютий "
            "φεβρουαρίου febrer február",
            "march mar märz mär mrz maart mrt mars marts marzo marzec marca março březen bře "
            "března kovo maaliskuu maaliskuuta maalis мар марта mart martie märts mets március "
            "márc март березня березень μαρτίου març marec",
            "april apr avril avr abril abr aprile kwiecień kwi kwietnia duben dub dubna balandžio "
            "huhtikuu huhtikuuta huhti апр апреля nisan nis aprilie aprill aprīlis apríl április "
            "ápr апрель квітня квітень απριλίου apríla",
            "may mai mei mayo maggio mag maj maja maio květen kvě května gegužės toukokuu "
            "toukokuuta touko май мая may\u0131s mayis maijs maí május máj травня "
            "травень μαΐου mája",
            "june jun juni juin junio giugno giu czerwiec cze czerwca junho červen čvn června "
            "birželio kesäkuu kesäkuuta kesä июн июня haziran haz iunie iun juuni jūnijs júní "
            "június jún июнь червня червень ιουνίου júna",
            "july jul juli juillet juil julio luglio lug lipiec lip lipca julho červenec čvc "
            "července liepos heinäkuu heinäkuuta heinä июл июля temmuz tem iulie iul juuli jūlijs "
            "júlí július júl июль липня липень ιουλίου júla",
            "august aug août aou agosto ago augustus augusti sierpień sie sierpnia srpen srp "
            "srpna rugpjūčio elokuu elokuuta elo авг августа ağustos ağu augusts ágúst augusztus "
            "август серпня серпень αυγούστου augusta",
            "september sep sept septembre septiembre settembre set wrzesień wrz września setembro "
            "září zář rugsėjo syyskuu syyskuuta syys сен сентября eylül eyl septembrie septembris "
            "szeptember szept сентябрь вересня вересень σεπτεμβρίου septembra",
            "october oct oktober okt octobre octubre ottobre ott październik paź października "
            "outubro out říjen říj října spalio lokakuu lokakuuta loka окт октября ekim eki "
            "octombrie oktoober oktobris október октябрь жовтня жовтень οκτωβρίου októbra",
            "november nov novembre noviembre listopad lis listopada novembro listopadu lapkričio "
            "marraskuu marraskuuta marras ноя ноября kas\u0131m kas noiembrie noi "
            "novembris nóvember "
            "ноябрь листопада νοεμβρίου novembra",
            "december dec dezember dez décembre déc diciembre dic dicembre grudzień gru grudnia "
            "dezembro prosinec pro prosince gruodžio joulukuu joulukuuta joulu дек декабря "
            "desember des aral\u0131k ara decembrie detsember dets decembris "
            "декабрь грудня грудень "
            "δεκεμβρίου decembra",
        ),
        1,
    )
    for name in names.split()
}
NO_CATEGORY = frozenset({"", fold(UNCATEGORISED), "uncategorized"})
SHOWN = 40
# How many columns of a header a reason names.
SHOWN_COLUMNS = 30


def shown(text: str) -> str:
    """A value to put into a reason: quoted, and cut where it is long."""
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}...")


def listed(texts: Sequence[str]) -> str:
    """Values to put into a reason: the first thirty, and how many more there are."""
    named = ", ".join(map(shown, texts[:SHOWN_COLUMNS]))
    more = len(texts) - SHOWN_COLUMNS
    return named if more <= 0 else f"{named} and {more} more"


def is_blank(text: str) -> bool:
    """Whether a cell is empty, or has nothing but a dash for that."""
    return not text or text in DASHES


@lru_cache(maxsize=32768)
def parse_amount(text: str) -> Decimal:
    """An amount such as 1,247.44 from 0 to 999999999999.99. Raises ValueError."""
    if not text:
        raise ValueError("no amount")
    if text[0] in "-(" or text[-1] == "-":
        raise ValueError(f"amount {shown(text)} is negative")
    if not AMOUNT.fullmatch(text):
        raise ValueError(f"{shown(text)} is no amount such as 1,247.44")
    return exact(text.replace(",", ""), text)


def exact(plain: str, text: str) -> Decimal:
    """The amount of digits and at most a point. Raises ValueError that shows the whole text."""
    whole, _, decimals = plain.partition(".")
    if len(decimals.rstrip("0")) > 2:
        raise ValueError(f"amount {shown(text)} has more than two decimal places")
    if len(whole.lstrip("0")) > len(str(int(MAX_AMOUNT))):
        raise ValueError(f"amount {shown(text)} is beyond {MAX_AMOUNT}")
    amount = Decimal(plain)
    return amount if len(decimals) == 2 else amount.quantize(CENT)


@dataclass(frozen=True)
class AmountStyle:
    """How a source writes amounts.

    decimal and thousands: their marks, thousands "" for none. symbols: what may stand beside the
    digits. minor_units: amounts are whole cents. debit_words, credit_words: what says beside the
    digits which way the money went, in any case.
    """

    decimal: str = "."
    thousands: str = ""
    symbols: tuple[str, ...] = ()
    minor_units: bool = False
    debit_words: tuple[str, ...] = ()
    credit_words: tuple[str, ...] = ()

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Digits in ASCII; groups of three, or as in India of two before the last three."""
        mark, point = re.escape(self.thousands), re.escape(self.decimal)
        grouped = rf"[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{2,3}})*{mark}[0-9]{{3}}|" if mark else ""
        decimals = "" if self.minor_units else rf"(?:{point}[0-9]+)?|{point}[0-9]+"
        longest_first = sorted(map(same_signs, self.symbols), key=len, reverse=True)
        beside = rf"\s*(?:(?:{'|'.join(map(re.escape, longest_first)) or '(?!)'})\s*)?"
        return re.compile(
            rf"{beside}(?P<open>\()?{beside}(?P<before>[+-])?{beside}"
            rf"(?P<digits>(?:{grouped}[0-9]+){decimals})"
            rf"{beside}(?P<after>[+-])?{beside}(?P<close>\))?{beside}"
        )

    @cached_property
    def words(self) -> re.Pattern[str]:
        """A word of direction behind the rest of an amount, or before it.

        Before it, a single letter is rather a currency, such as K for kwacha.
        """
        all_words = sorted(map(fold, (*self.debit_words, *self.credit_words)), key=len)[::-1]
        behind = "|".join(map(re.escape, all_words)) or "(?!)"
        before = "|".join(re.escape(word) for word in all_words if len(word) > 1) or "(?!)"
        return re.compile(
            rf"(?P<first>{before})(?![^\W\d_])\.?(?P<then>.*)|"
            rf"(?P<rest>.*)(?<![^\W\d_])(?:(?P<last>{behind})\.?|\((?P<within>{behind})\))",
            re.IGNORECASE | re.DOTALL,
        )

    def parted(self, text: str) -> tuple[str, str]:
        """The side that a word says, debit or credit ("" if there is none), and the rest."""
        match = self.words.fullmatch(text)
        if match is None:
            return "", text
        word = fold(match["first"] or match["last"] or match["within"])
        side = "debit" if word in map(fold, self.debit_words) else "credit"
        return side, (match["then"] if match["first"] else match["rest"]).strip()

    @property
    def example(self) -> str:
        return "124744" if self.minor_units else f"1{self.thousands}247{self.decimal}44"

    def parse(self, text: str) -> Decimal:
        """An amount with its sign: -5, 5-, (5) and a minus of typesetters are below zero.

        Raises ValueError.
        """
        if not text:
            raise ValueError("no amount")
        match = self.pattern.fullmatch(same_signs(text))
        signs = [name for name in ("open", "before", "after") if match and match[name]]
        if match is None or len(signs) > 1 or bool(match["open"]) != bool(match["close"]):
            raise ValueError(f"{shown(text)} is no amount such as {self.example}")
        digits = match["digits"].replace(self.thousands, "") if self.thousands else match["digits"]
        if self.minor_units:
            digits = f"{digits[:-2]}.{digits[-2:]:0>2}"
        amount = exact(digits.replace(self.decimal, "."), text)
        return -amount if match["open"] or "-" in (match["before"], match["after"]) else amount


def same_signs(text: str) -> str:
    """The text with one kind of space, minus and apostrophe."""
    return text.translate(SAME_SIGNS)


def check_date_format(text: str) -> str:
    """The format. Raises ValueError unless it has a day and a month, nothing twice or unknown."""
    parts = re.findall(r"%(.?)", text)
    unknown = [f"%{part}" for part in parts if part not in DATE_PARTS]
    if unknown:
        raise ValueError(f"{shown(text)} has {', '.join(unknown)}, which there is not.")
    days, months, years = (sum(part in group for part in parts) for group in ("d", "mbB", "yY"))
    if (days, months) != (1, 1) or years > 1:
        raise ValueError(f"{shown(text)} needs a day, a month and a year, such as %d/%m/%Y.")
    if len({*parts} - {"%"}) < len([part for part in parts if part != "%"]):
        raise ValueError(f"{shown(text)} says something twice.")
    return text


def has_year(form: str) -> bool:
    return "%y" in form or "%Y" in form


def storable(day: date, text: str) -> date:
    """The day that a text means. Raises ValueError for one that no row can have."""
    if not MIN_DATE <= day <= MAX_DATE:
        raise ValueError(f"date {text} is not between {MIN_DATE} and {MAX_DATE}")
    return day


@lru_cache(maxsize=4096)
def parse_date(
    text: str, formats: tuple[str, ...], zone: ZoneInfo | None = None, since: date | None = None
) -> date:
    """The date that the formats of strptime read; they must not read it as different days.

    zone: where the day of a time with an offset (%z) is wanted; None for the day as written.
    since: the earliest day that one without a year can be. Raises ValueError, also for a date
    outside 1900 to 2199.
    """
    if not text:
        raise ValueError("no date")
    found = {day: form for form in reversed(formats) if (day := day_by(form, text, zone, since))}
    if not found:
        known = " or ".join(datetime(2024, 12, 31, 23, 59).strftime(form) for form in formats)
        raise ValueError(f"{shown(text)} is no date such as {known}")
    if len(found) > 1:
        readings = " and ".join(f"{day} by {form}" for day, form in sorted(found.items()))
        raise ValueError(f"date {shown(text)} can be read as {readings}")
    (day,) = found
    return storable(day, text)


def day_by(form: str, text: str, zone: ZoneInfo | None, since: date | None = None) -> date | None:
    """The day that one format reads; None where it does not fit."""
    if not has_year(form):
        return day_since(form, text, since) if since else None
    text = western(text)
    if "%b" in form or "%B" in form:
        text = in_english(text, form)
    if not text.isascii() and OTHER_DIGIT.search(text):  # strptime takes the digits of any script
        return None
    try:
        found = datetime.strptime(text, form)
    except ValueError:
        return None
    # Without a mark between them, digits could be parted in more than one way.
    if TOUCHING.search(form) and found.strftime(form) != text:
        return None
    if zone is None or found.tzinfo is None:
        return found.date()
    try:
        return found.astimezone(zone).date()
    except OverflowError:  # in the years 1 and 9999, which no row can have
        return found.date()


def western(text: str) -> str:
    """A day whose year is counted as in Japan, with the year as elsewhere: R6.3.15 is 2024.3.15."""
    if not (match := ERA.match(text)):
        return text
    number = 1 if match[2] == "元" else int(match[2])
    return f"{ERAS[match[1]] + number}{text[match.end() :]}"


def day_since(form: str, text: str, since: date) -> date | None:
    """The day within a year from one on; None if missing, as 29 February."""
    for year in (since.year, since.year + 1):
        day = day_by(f"{form} %Y", f"{text} {year}", None)
        if day and since <= day < same_day(since, since.year + 1):
            return day
    return None


def same_day(day: date, year: int) -> date:
    """The day in another year; 1 March for 29 February where that is missing."""
    try:
        return day.replace(year=year)
    except ValueError:
        return date(year, 3, 1)


def in_english(text: str, form: str) -> str:
    """The text with the name of a month as strptime knows it, whatever language it is in."""

    def english(match: re.Match[str]) -> str:
        number = MONTHS.get(match[0].casefold())
        if number is None:
            return match[0]
        return calendar.month_name[number] if "%B" in form else calendar.month_abbr[number]

    return LETTERS.sub(english, text)


@lru_cache(maxsize=4096)
def parse_us_date(text: str) -> date:
    """A date such as 12/31/2024 or 12/31/24, month first; a year of two digits is of this century.

    Raises ValueError, also for a date outside 1900 to 2199.
    """
    if not text:
        raise ValueError("no date")
    match = US_DATE.fullmatch(text)
    if match is None:
        raise ValueError(f"{shown(text)} is no date such as 12/31/2024")
    month, day, year = match.groups()
    try:
        found = date(int(year if len(year) == 4 else f"20{year}"), int(month), int(day))
    except ValueError:
        raise ValueError(f"there is no date {shown(text)} (month/day/year)") from None
    return storable(found, text)


@lru_cache(maxsize=4096)
def parse_category(text: str) -> str:
    """A category's name as it is shown; a blank one is the built-in "Uncategorised", in either
    spelling. Raises ValueError for one too long.
    """
    if fold(text) in NO_CATEGORY:
        return UNCATEGORISED
    try:
        return tidy_name(text, "category")[0]
    except ValidationError as error:
        raise ValueError(f"category {shown(text)}: {error.messages[0]}") from None


@lru_cache(maxsize=4096)
def parse_description(text: str) -> str:
    """A description on one line, 0 to 500 characters. Raises ValueError for a longer one."""
    description = tidy(text)
    if len(description) > DESCRIPTION_LENGTH:
        raise ValueError(
            f"a description of {len(description)} characters, at most {DESCRIPTION_LENGTH} fit"
        )
    return description


@lru_cache(maxsize=4096)
def cut_description(text: str) -> tuple[str, bool]:
    """A description on one line, and whether it was cut to the 500 characters that fit."""
    description = tidy(text)
    return description[:DESCRIPTION_LENGTH].rstrip(), len(description) > DESCRIPTION_LENGTH
