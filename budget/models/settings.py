"""A user's settings: how time is cut into periods, and the currency."""

from __future__ import annotations

import zoneinfo
from functools import lru_cache
from typing import Annotated, ClassVar, NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from pydantic import Field
from typing_extensions import TypedDict

from budget.judge.periods import Calendar
from budget.models.ledger import Book, LedgerModel, LedgerQuerySet, Row
from lib.errors import Conflict
from lib.select import Select
from lib.shapes import UserId, shape


@lru_cache(maxsize=1)
def time_zones() -> frozenset[str]:
    """UTC and every IANA name of an area and a place; read once, because that takes a while.

    Left out are old names of countries and names without a place, such as Factory and localtime.
    """
    return frozenset(name for name in zoneinfo.available_timezones() if "/" in name) | {"UTC"}


@shape(
    {
        "user": 7,
        "time_zone": "Europe/Berlin",
        "week_start": 1,
        "month_start": 1,
        "currency": "EUR",
    }
)
class ProfileDict(TypedDict):
    """A user's settings, by which time is cut into periods."""

    user: UserId
    time_zone: Annotated[str, Field(description="An IANA name; a day begins there at midnight.")]
    week_start: Annotated[
        int, Field(ge=1, le=7, description="The first day of a week: 1 is Monday, 7 Sunday.")
    ]
    month_start: Annotated[int, Field(ge=1, le=28, description="The first day of a month.")]
    currency: Annotated[
        str, Field(pattern="^[A-Z]{3}$", description="ISO 4217 code of every amount.")
    ]


class ProfileRow(NamedTuple):
    """A user's settings as a SELECT gives them."""

    user_id: int
    time_zone: str
    week_start: int
    month_start: int
    currency: str


PROFILES = Select(
    ProfileRow,
    "r.user_id, r.time_zone, r.week_start, r.month_start, r.currency",
    "accounts_profile r",
)


def describe_profile(row: ProfileRow) -> ProfileDict:
    """A user's settings as the API shows them."""
    return {
        "user": row.user_id,
        "time_zone": row.time_zone,
        "week_start": row.week_start,
        "month_start": row.month_start,
        "currency": row.currency,
    }


class ProfileQuerySet(LedgerQuerySet["Profile"]):
    """The settings of users."""


class Profile(LedgerModel):
    """A user's settings, by which time is cut into periods.

    time_zone: IANA name. week_start: 1 (Monday) to 7 (Sunday). month_start: first day of the month,
    1 to 28. currency: ISO 4217 code of every amount. A change cuts every period again, in the same
    commit.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, related_name="profile")
    time_zone = models.CharField(max_length=64, default="UTC")
    week_start = models.SmallIntegerField(default=1)
    month_start = models.SmallIntegerField(default=1)
    currency = models.CharField(
        max_length=3, default="USD", validators=[RegexValidator(r"^[A-Z]{3}\Z")]
    )

    objects = ProfileQuerySet.as_manager()

    class Meta:
        # The model was part of accounts once; its table keeps the name.
        db_table = "accounts_profile"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(week_start__range=(1, 7)), name="accounts_profile_week_start"
            ),
            models.CheckConstraint(
                condition=models.Q(month_start__range=(1, 28)), name="accounts_profile_month_start"
            ),
            models.CheckConstraint(
                condition=models.Q(currency__regex=r"^[A-Z]{3}$"), name="accounts_profile_currency"
            ),
        ]

    def __str__(self) -> str:
        return f"settings of user {self.user_id}"

    @property
    def calendar(self) -> Calendar:
        return Calendar(self.time_zone, self.week_start, self.month_start)

    def before_write(self, book: Book, before: Row | None) -> None:
        self.clean_fields(exclude=["id", "user"])
        if self.time_zone not in time_zones():
            raise ValidationError({"time_zone": f"{self.time_zone!r} is not an IANA time zone."})
        if not 1 <= self.week_start <= 7:
            raise ValidationError({"week_start": "A week starts on a day from 1 to 7."})
        if not 1 <= self.month_start <= 28:
            raise ValidationError({"month_start": "A month starts on a day from 1 to 28."})
        if before is not None and before["user_id"] != self.user_id:
            raise Conflict("A profile cannot move to another user.")

    def check_delete(self) -> None:
        raise Conflict("A profile is deleted with its account only.")

    def to_dict(self) -> ProfileDict:
        calendar = (self.time_zone, self.week_start, self.month_start)
        return describe_profile(ProfileRow(self.user_id, *calendar, self.currency))
