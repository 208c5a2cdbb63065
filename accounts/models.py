"""What is about people and not about money: settings and credentials."""

from __future__ import annotations

import hashlib
import secrets
import zoneinfo
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone
from pydantic import Field
from typing_extensions import TypedDict

from budget.models.errors import Conflict
from budget.models.ledger import Calendar, LedgerModel, LedgerQuerySet, Row
from budget.models.shapes import Id, MomentText, UserId, shape, words
from budget.models.text import moment, search_key

TOKEN_PREFIX = "fa_"  # noqa: S105 - what every token starts with


@lru_cache(maxsize=1)
def time_zones() -> frozenset[str]:
    """UTC and every IANA name of an area and a place; looked up once, as that reads all of them.

    Other names there are old ones of countries, or stand for no place: Factory, and localtime,
    which is whatever this machine is set to.
    """
    return frozenset(name for name in zoneinfo.available_timezones() if "/" in name) | {"UTC"}


def validate_time_zone(name: str) -> None:
    """Raises ValidationError for a name that is no IANA time zone."""
    if name not in time_zones():
        raise ValidationError(f"{name!r} is no IANA time zone.", code="time_zone")


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
        str, Field(pattern="^[A-Z]{3}$", description="ISO 4217, of every amount of the user's.")
    ]


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

    def to_dict(self) -> ProfileDict:
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


class Scope(models.TextChoices):
    """What a token opens: read or write on its user's own rows; service: on any user's rows."""

    READ = "read"
    WRITE = "write"
    SERVICE = "service"


TOKEN = {
    "id": 5,
    "user": 7,
    "name": "Shortcut on my phone",
    "scope": "write",
    "hint": "fa_Xy12z",
    "created_at": "2018-03-05T09:30:00.000000Z",
    "last_used_at": "2018-03-06T18:02:11.482113Z",
    "expires_at": None,
    "revoked_at": None,
}
NEW_TOKEN = {**TOKEN, "token": "fa_Xy12zJ0c4dR7mQe9uVbN3wKsT6hGpLfYiOaCkE5xZrM"}


@shape(TOKEN)
class TokenDict(TypedDict):
    """A bearer token, without its secret."""

    id: Id
    user: UserId
    name: Annotated[str, Field(description="What the token is for.")]
    scope: Annotated[
        str,
        words(Scope.values),
        Field(description="read: GET alone. write: every method. service: for any user."),
    ]
    hint: Annotated[str, Field(description="How the secret begins.")]
    created_at: MomentText
    last_used_at: Annotated[
        MomentText | None, Field(description="Noted at most once in ten minutes.")
    ]
    expires_at: Annotated[MomentText | None, Field(description="null: never.")]
    revoked_at: Annotated[MomentText | None, Field(description="null: in force.")]


@shape(NEW_TOKEN)
class NewTokenDict(TokenDict):
    """A token that has just been made, with its secret."""

    token: Annotated[
        str, Field(description="What to send as the bearer token; it cannot be had again.")
    ]


class TokenQuerySet(models.QuerySet["ApiToken"]):
    def live(self) -> Self:
        """Those that still open something."""
        unexpired = models.Q(expires_at=None) | models.Q(expires_at__gt=timezone.now())
        return self.filter(unexpired, revoked_at=None)


class ApiToken(models.Model):
    """A bearer token; only its hash is kept, so it can be shown once, when it is made.

    last_used_at is noted at most once in ten minutes. A token that is revoked or expired opens
    nothing and stays listed, so that its use can be traced. At most 50 live tokens a user.
    """

    MAX_LIVE = 50
    NAME_LENGTH = 100

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=NAME_LENGTH)
    # The database knows the defaults, too: a server of the version before goes on writing.
    key = models.TextField(editable=False, default="", db_default="")
    scope = models.CharField(
        max_length=7,
        choices=Scope.choices,
        default=Scope.WRITE,
        db_default=Scope.WRITE.value,
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=8, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = TokenQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(scope__in=Scope.values), name="accounts_apitoken_scope"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint})"

    @classmethod
    def issue(
        cls,
        user: Any,
        name: str,
        scope: Scope = Scope.WRITE,
        expires_at: datetime | None = None,
    ) -> tuple[ApiToken, str]:
        """A new token of the user's and its secret, which cannot be had again."""
        token = cls(user=user, name=name, scope=scope, expires_at=expires_at)
        secret = token.seal()
        token.save()
        return token, secret

    def seal(self) -> str:
        """Give a token that is not stored yet its secret, of which it keeps the digest alone."""
        secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
        self.hint = secret[: len(TOKEN_PREFIX) + 5]
        self.digest = digest(secret)
        self.key = f"{search_key(self.name)} {search_key(self.hint)}"
        return secret

    def revoke(self) -> None:
        """Close the token at once and for good; one that is revoked stays as it was."""
        if self.revoked_at is None:
            self.revoked_at = timezone.now()
            self.save(update_fields=["revoked_at"])

    def to_dict(self) -> TokenDict:
        return {
            "id": self.pk,
            "user": self.user_id,
            "name": self.name,
            "scope": self.scope,
            "hint": self.hint,
            "created_at": moment(self.created_at),
            "last_used_at": moment(self.last_used_at) if self.last_used_at else None,
            "expires_at": moment(self.expires_at) if self.expires_at else None,
            "revoked_at": moment(self.revoked_at) if self.revoked_at else None,
        }
