"""Amounts, dates and periods as a reader of the page writes them, in the current language."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from django.utils import timezone
from django.utils.formats import date_format, get_format
from django.utils.translation import get_language, gettext, pgettext_lazy

# How many decimals a currency has by ISO 4217, where it is not two.
BY_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
DIGITS = {code: digits for digits, codes in BY_DIGITS.items() for code in codes.split()}
DAY = pgettext_lazy("format of a date", "j F Y")
SHORT_DAY = pgettext_lazy("format of a date without its year", "j F")
MOMENT = pgettext_lazy("format of a time", "j F Y, H:i")
ROLLING_START = date(1, 1, 1)


def digits_of(currency: str) -> int:
    """How many decimals amounts of a currency have."""
    return DIGITS.get(currency, 2)


def number_words(amount: Decimal, digits: int) -> str:
    """A number with its digits grouped; it shows more of them rather than round."""
    least = -int(amount.normalize().as_tuple().exponent)
    text = f"{abs(amount):,.{max(digits, least)}f}"
    if (separators := separators_of(get_language() or "")) != (",", "."):
        text = text.translate(str.maketrans(",.", "".join(separators)))
    return f"\N{MINUS SIGN}{text}" if amount < 0 else text


# Django's own number_format() looks them up each time, and a page has a hundred amounts.
@lru_cache(maxsize=32)
def separators_of(language: str) -> tuple[str, str]:
    """What stands between thousands, and before the decimals."""
    return str(get_format("THOUSAND_SEPARATOR")), str(get_format("DECIMAL_SEPARATOR"))


def money_words(amount: Decimal | str, currency: str) -> str:
    """An amount with its currency, such as 1,234.50 EUR or, in German, 1.234,50 EUR."""
    number = number_words(Decimal(amount), digits_of(currency))
    return f"{number}\N{NO-BREAK SPACE}{currency}"


def day_words(day: date) -> str:
    return words_of_day(day, get_language() or "", year=True)


def short_day_words(day: date) -> str:
    """A date without its year."""
    return words_of_day(day, get_language() or "", year=False)


# One page names the same few days again and again.
@lru_cache(maxsize=1024)
def words_of_day(day: date, language: str, *, year: bool) -> str:
    return date_format(day, str(DAY if year else SHORT_DAY))


def moment_words(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), str(MOMENT))


def period_words(start: date | None, end: date | None, days: int | None = None) -> str:
    """A period in words, such as March 2018. end: the first day after it.

    start: None or ROLLING_START for a rolling window. days: its length, if it is known.
    """
    if start is None or end is None or start == ROLLING_START:
        return gettext("last %(days)s days") % {"days": days} if days else gettext("last days")
    return words_of_period(start, end, get_language() or "")


@lru_cache(maxsize=1024)
def words_of_period(start: date, end: date, language: str) -> str:
    length = (end - start).days
    if length == 1:
        return day_words(start)
    if length == 7:
        return gettext("week of %(day)s") % {"day": day_words(start)}
    if start.day != 1:
        last = end - timedelta(days=1)
        return gettext("%(first)s to %(last)s") % {
            "first": day_words(start) if start.year != last.year else short_day_words(start),
            "last": day_words(last),
        }
    if length <= 31:
        return date_format(start, "F Y")
    if length <= 92:
        quarter = {"quarter": (start.month + 2) // 3, "year": start.year}
        return gettext("quarter %(quarter)s of %(year)s") % quarter
    return str(start.year)
