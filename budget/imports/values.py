"""Reading one value of a line: exact, or a ValueError that says what is wrong with it."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from functools import lru_cache

from django.core.exceptions import ValidationError

from budget.models.category import UNCATEGORISED, tidy_name
from budget.models.ledger import MAX_DATE, MIN_DATE
from budget.models.money import CENT, MAX_AMOUNT
from budget.models.text import fold, tidy
from budget.models.transaction import DESCRIPTION_LENGTH

# ASCII digits only; a comma parts thousands, so "1,24" (a decimal comma) is refused, not misread.
AMOUNT = re.compile(r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?")
US_DATE = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4}|[0-9]{2})")
NO_CATEGORY = frozenset({"", fold(UNCATEGORISED), "uncategorized"})
SHOWN = 40


def shown(text: str) -> str:
    """A value to put into a reason: quoted, and cut where it is long."""
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}...")


def parse_amount(text: str) -> Decimal:
    """An amount such as 1,247.44 from 0 to 999999999999.99. Raises ValueError."""
    if not text:
        raise ValueError("no amount")
    if text[0] in "-(" or text[-1] == "-":
        raise ValueError(f"amount {shown(text)} is negative")
    if not AMOUNT.fullmatch(text):
        raise ValueError(f"{shown(text)} is no amount such as 1,247.44")
    plain = text.replace(",", "")
    whole, _, decimals = plain.partition(".")
    if len(decimals) > 2:
        raise ValueError(f"amount {shown(text)} has more than two decimal places")
    if len(whole.lstrip("0")) > len(str(int(MAX_AMOUNT))):
        raise ValueError(f"amount {shown(text)} is beyond {MAX_AMOUNT}")
    return Decimal(plain).quantize(CENT)


@lru_cache(maxsize=4096)
def parse_us_date(text: str) -> date:
    """A date such as 12/31/2024 or 12/31/24, month first; two digits are of this century.

    Raises ValueError, also for a date outside 1900 to 2199.
    """
    if not text:
        raise ValueError("no date")
    match = US_DATE.fullmatch(text)
    if match is None:
        raise ValueError(f"{shown(text)} is no date such as 12/31/2024")
    month, day, year = map(int, match.groups())
    try:
        found = date(year + 2000 if year < 100 else year, month, day)
    except ValueError:
        raise ValueError(f"there is no date {shown(text)} (month/day/year)") from None
    if not MIN_DATE <= found <= MAX_DATE:
        raise ValueError(f"date {text} is not between {MIN_DATE} and {MAX_DATE}")
    return found


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
