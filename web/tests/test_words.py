"""Amounts, dates and periods as each language writes them; and whether its texts are complete."""

from __future__ import annotations

import gettext
import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from django.utils import translation
from django.utils.translation.template import templatize

from web.words import day_words, money_words, period_words

MINUS = "\N{MINUS SIGN}"
WEB = Path(__file__).resolve().parents[1]
GERMAN = WEB / "locale" / "de" / "LC_MESSAGES"
CALLS = re.compile(
    r"""\b(n|p|np)?(?:gettext|_)(?:_lazy|_noop)?\(\s*(u?"(?:[^"\\]|\\.)*"|u?'(?:[^'\\]|\\.)*')"""
    r"""(?:,\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'))?"""
)


@pytest.mark.parametrize(
    ("amount", "currency", "english", "german"),
    [
        ("1234.5", "EUR", "1,234.50 EUR", "1.234,50 EUR"),
        ("-0.5", "USD", f"{MINUS}0.50 USD", f"{MINUS}0,50 USD"),
        ("1234", "JPY", "1,234 JPY", "1.234 JPY"),
        # Nothing that is stored is rounded away.
        ("1234.5", "JPY", "1,234.5 JPY", "1.234,5 JPY"),
        # Two by ISO 4217, whatever people do.
        ("1990", "HUF", "1,990.00 HUF", "1.990,00 HUF"),
        ("2.5", "KWD", "2.500 KWD", "2,500 KWD"),
    ],
)
def test_amounts(amount: str, currency: str, english: str, german: str) -> None:
    for language, words in (("en", english), ("de", german)):
        with translation.override(language):
            assert (
                money_words(Decimal(amount), currency).replace("\N{NO-BREAK SPACE}", " ") == words
            )


def test_dates_and_periods() -> None:
    first = date(2018, 3, 1)
    said = {
        "en": ("1 March 2018", "March 2018", "quarter 1 of 2018", "15 February to 14 March 2018"),
        "de": ("1. März 2018", "März 2018", "1. Quartal 2018", "15. Februar bis 14. März 2018"),
    }
    for language, (day, month, quarter, shifted) in said.items():
        with translation.override(language):
            assert day_words(first) == day
            assert period_words(first, date(2018, 4, 1)) == month
            assert period_words(date(2018, 1, 1), date(2018, 4, 1)) == quarter
            assert period_words(date(2018, 2, 15), date(2018, 3, 15)) == shifted


def texts() -> set[str]:
    """Every text that a page translates: in templates as in code."""
    found: set[str] = set()
    sources = [path.read_text(encoding="utf-8") for path in WEB.glob("*.py")]
    sources += [path.read_text(encoding="utf-8") for path in WEB.glob("templatetags/*.py")]
    for path in WEB.glob("templates/**/*.html"):
        sources.append(templatize(path.read_text(encoding="utf-8"), origin=str(path)))
    for source in sources:
        for kind, first, second in CALLS.findall(source):
            # The first argument of pgettext is what the text is about.
            text = second if kind == "p" else first
            found.add(eval(text))  # noqa: S307 - a literal of our own code
    return found


def test_german_is_complete() -> None:
    with (GERMAN / "django.mo").open("rb") as file:
        catalog = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    known = {key[0] if isinstance(key, tuple) else key for key, text in catalog.items() if text}
    known = {key.rpartition("\x04")[2] for key in known}
    wanted = texts()
    assert len(wanted) > 150
    assert wanted - known == set()


def test_what_is_compiled_is_what_is_written() -> None:
    """The .mo is committed, so that nobody needs gettext's tools to run the service."""
    written = (GERMAN / "django.po").read_text(encoding="utf-8")
    with (GERMAN / "django.mo").open("rb") as file:
        catalog = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    lines = re.findall(r'^msgstr(?:\[\d\])? "(.+)"$', written, re.MULTILINE)
    assert sorted(eval(f'"{line}"') for line in lines) == sorted(  # noqa: S307 - our own file
        text for key, text in catalog.items() if key
    )
