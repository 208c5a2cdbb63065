from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from api.schemas.base import Body, Validator, Whole, between, example
from budget.models.settings import time_zones

CURRENCY = re.compile(r"[A-Z]{3}")


def known_zone(name: str) -> str:
    if name not in time_zones():
        raise ValueError("Must be UTC or an IANA time zone such as Europe/Berlin.")
    return name


def currency_code(code: str) -> str:
    if not CURRENCY.fullmatch(code):
        raise ValueError("Must be an ISO 4217 code such as USD.")
    return code


class ProfileBody(Body):
    """The settings by which time is cut into periods, and the currency of every amount."""

    model_config = example(
        {"time_zone": "Europe/Berlin", "week_start": 1, "month_start": 25, "currency": "EUR"}
    )

    time_zone: Annotated[
        str,
        Validator(AfterValidator(known_zone), type="string", format="iana-time-zone"),
        Field(description="UTC, or an IANA name of a place; a day begins there at midnight."),
    ] = "UTC"
    week_start: Annotated[
        Whole, between(1, 7), Field(description="The first day of a week: 1 is Monday, 7 Sunday.")
    ] = 1
    month_start: Annotated[
        Whole,
        between(1, 28),
        Field(
            description="The first day of a month; the month is named after the one it starts in."
        ),
    ] = 1
    currency: Annotated[
        str,
        Validator(AfterValidator(currency_code), type="string", pattern="^[A-Z]{3}$"),
        Field(description="ISO 4217. A label: amounts are not converted."),
    ] = "USD"
