from __future__ import annotations

import re
from typing import Annotated

from django.core.exceptions import ValidationError
from pydantic import AfterValidator

from accounts.models import validate_time_zone
from budget.schemas.base import Body
from budget.schemas.fields import Whole, between

CURRENCY = re.compile(r"[A-Z]{3}")


def known_zone(name: str) -> str:
    try:
        validate_time_zone(name)
    except ValidationError:
        raise ValueError("Must be an IANA time zone such as Europe/Berlin.") from None
    return name


def currency_code(code: str) -> str:
    if not CURRENCY.fullmatch(code):
        raise ValueError("Must be an ISO 4217 code such as USD.")
    return code


class ProfileBody(Body):
    """week_start: 1 (Monday) to 7. month_start: first day of the month, 1 to 28."""

    time_zone: Annotated[str, AfterValidator(known_zone)] = "UTC"
    week_start: Annotated[Whole, between(1, 7)] = 1
    month_start: Annotated[Whole, between(1, 28)] = 1
    currency: Annotated[str, AfterValidator(currency_code)] = "USD"
