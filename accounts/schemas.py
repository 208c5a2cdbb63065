"""What a client may send about tokens."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from pydantic import Field, PlainValidator

from accounts.models import Scope
from budget.schemas.base import Body, example
from budget.schemas.fields import Name, Rule, one_of

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)
LONGEST = timedelta(days=3660)


def to_expiry(value: object) -> datetime | None:
    """A point in time that is still to come, within ten years; None for none."""
    if value is None:
        return None
    if not isinstance(value, str) or not INSTANT.fullmatch(value):
        raise ValueError("Must be a time with its zone, such as 2030-01-31T12:00:00Z.")
    try:
        expiry = parse_datetime(value)
    except ValueError:
        expiry = None
    if expiry is None:
        raise ValueError("There is no such time.")
    if not timezone.now() < expiry <= timezone.now() + LONGEST:
        raise ValueError("Must lie in the future, within ten years.")
    return expiry


Expiry = Annotated[
    datetime | None, Rule(PlainValidator(to_expiry), type=["string", "null"], format="date-time")
]


class TokenBody(Body):
    """A token to make."""

    model_config = example({"name": "Shortcut on my phone", "scope": "write", "expires_at": None})

    name: Annotated[Name, Field(description="What the token is for.")]
    scope: Annotated[
        str,
        one_of((Scope.READ.value, Scope.WRITE.value)),
        Field(description="read: GET alone. write: every method."),
    ]
    expires_at: Annotated[
        Expiry, Field(description="When it ends, at most ten years from now; null for never.")
    ] = None
