"""What is about people and not about money: settings and credentials."""

from __future__ import annotations

import hashlib
import secrets
import zoneinfo
from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models

from budget.models.errors import Conflict
from budget.models.ledger import Calendar, LedgerModel, LedgerQuerySet, Row

TOKEN_PREFIX = "fa_"  # noqa: S105 - what every token starts with


def validate_time_zone(name: str) -> None:
    """Raises ValidationError for a name that is no IANA time zone."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(f"{name!r} is no IANA time zone.", code="time_zone")


class ProfileQuerySet(LedgerQuerySet["Profile"]):
    """The settings of users."""


class Profile(LedgerModel):
    """A user's settings, by which time is cut into periods.

    time_zone: IANA name. week_start: 1 (Monday) to 7 (Sunday). month_start: first day of the month,
    1 to 28. currency: ISO 4217 code of every amount. A change re-cuts every period in one commit.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, related_name="profile")
    time_zone = models.CharField(max_length=64, default="UTC", validators=[validate_time_zone])
    week_start = models.SmallIntegerField(default=1)
    month_start = models.SmallIntegerField(default=1)
    currency = models.CharField(
        max_length=3, default="USD", validators=[RegexValidator(r"^[A-Z]{3}\Z")]
    )

    objects = ProfileQuerySet.as_manager()

    class Meta:
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

    def check_write(self, before: Row | None) -> None:
        self.clean_fields(exclude=["id", "user"])
        if not 1 <= self.week_start <= 7:
            raise ValidationError({"week_start": "A week starts on a day from 1 to 7."})
        if not 1 <= self.month_start <= 28:
            raise ValidationError({"month_start": "A month starts on a day from 1 to 28."})
        if before is not None and before["user_id"] != self.user_id:
            raise Conflict("A profile stays with its user.")

    def check_delete(self) -> None:
        raise Conflict("A profile goes with its account only.")

    def to_dict(self) -> dict[str, Any]:
        return {
            "user": self.user_id,
            "time_zone": self.time_zone,
            "week_start": self.week_start,
            "month_start": self.month_start,
            "currency": self.currency,
        }


def digest(token: str) -> str:
    """What is stored of a token. A token is 256 random bits, so one fast hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


class ApiToken(models.Model):
    """A bearer token; only its hash is kept, so it can be shown once, when it is made."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=8, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint})"

    @classmethod
    def issue(cls, user: Any, name: str) -> tuple[ApiToken, str]:
        """A new token of the user's and its secret, which cannot be had again."""
        secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
        token = cls.objects.create(
            user=user, name=name, digest=digest(secret), hint=secret[: len(TOKEN_PREFIX) + 5]
        )
        return token, secret
