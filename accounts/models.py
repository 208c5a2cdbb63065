"""Credentials and what protects them: tokens, known devices, guesses of codes."""

from __future__ import annotations

import ipaddress
import re
import secrets
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, NamedTuple, Self

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from pydantic import Field
from typing_extensions import TypedDict

from lib.errors import Conflict
from lib.select import Select
from lib.shapes import Id, MomentText, UserId, shape, words
from lib.text import digest, moment, search_key

TOKEN_PREFIX = "fa_"  # noqa: S105 - what every token starts with


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
        Field(description="read: only GET. write: every method. service: for any user."),
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


class TokenRow(NamedTuple):
    """A token as a SELECT gives it, without what its secret could be guessed from."""

    id: int
    user_id: int
    name: str
    scope: str
    hint: str
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None


TOKENS = Select(
    TokenRow, ", ".join(f"r.{name}" for name in TokenRow._fields), "accounts_apitoken r"
)


def describe_token(row: TokenRow) -> TokenDict:
    """A token as the API shows it."""
    return {
        "id": row.id,
        "user": row.user_id,
        "name": row.name,
        "scope": row.scope,
        "hint": row.hint,
        "created_at": moment(row.created_at),
        "last_used_at": moment(row.last_used_at) if row.last_used_at else None,
        "expires_at": moment(row.expires_at) if row.expires_at else None,
        "revoked_at": moment(row.revoked_at) if row.revoked_at else None,
    }


class TokenQuerySet(models.QuerySet["ApiToken"]):
    def live(self) -> Self:
        """Those that still open something."""
        unexpired = models.Q(expires_at=None) | models.Q(expires_at__gt=timezone.now())
        return self.filter(unexpired, revoked_at=None)

    def end(self) -> list[ApiToken]:
        """Revoke those that still open something; which they were."""
        ended = list(self.live())
        self.filter(pk__in=[token.pk for token in ended]).update(revoked_at=timezone.now())
        return ended


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

    @classmethod
    def issue_personal(
        cls, user: Any, name: str, scope: Scope, expires_at: datetime | None = None
    ) -> tuple[ApiToken, str]:
        """As issue(), for a person. Raises Conflict where MAX_LIVE of theirs are in force."""
        if cls.objects.filter(user=user).live().count() >= cls.MAX_LIVE:
            raise Conflict(f"A user has at most {cls.MAX_LIVE} tokens that are in force.")
        return cls.issue(user, name, scope, expires_at)

    def seal(self) -> str:
        """Give a token that is not stored yet its secret, of which it keeps only the digest."""
        secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
        self.hint = secret[: len(TOKEN_PREFIX) + 5]
        # One fast hash is enough: a token is 256 random bits.
        self.digest = digest(secret)
        self.key = f"{search_key(self.name)} {search_key(self.hint)}"
        return secret

    def revoke(self) -> None:
        """Close the token at once and for good; one that is revoked stays as it was."""
        if self.revoked_at is None:
            self.revoked_at = timezone.now()
            self.save(update_fields=["revoked_at"])

    def to_dict(self) -> TokenDict:
        return describe_token(TokenRow(*(getattr(self, name) for name in TokenRow._fields)))


def network_of(ip: str) -> str:
    """The network of an IP address: its first 24 bits, or 48 of IPv6. Any other text stays."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ip
    size = 24 if address.version == 4 else 48
    return str(ipaddress.ip_network(f"{address}/{size}", strict=False))


class Device(models.Model):
    """A kind of device in a network from which the user has logged in.

    It is known by what the client says it is, without version numbers, and by the network's
    address: a browser that is updated stays the same device. fingerprint: a digest of both.
    """

    KEPT = 50
    TOLD_A_DAY = 5

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="devices")
    fingerprint = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "fingerprint"], name="accounts_device_unique"),
        ]

    def __str__(self) -> str:
        return self.fingerprint[:8]

    @staticmethod
    def fingerprint_of(agent: str, ip: str) -> str:
        return digest(f"{re.sub('[0-9.]+', '', agent)}|{network_of(ip)}")

    @classmethod
    def note(cls, user_id: int, agent: str, ip: str) -> bool:
        """Remember where a log-in came from; whether it is new and the owner should get a mail.

        Beyond TOLD_A_DAY in 24 hours the owner gets no mail: a script that logs in from ever new
        networks must not fill a mailbox. The newest KEPT are remembered.
        """
        mine = cls.objects.filter(user_id=user_id)
        _, new = mine.get_or_create(
            fingerprint=cls.fingerprint_of(agent, ip), defaults={"user_id": user_id}
        )
        if not new:
            return False
        kept = list(mine.order_by("-created_at").values_list("pk", flat=True)[: cls.KEPT])
        mine.exclude(pk__in=kept).delete()
        day = timezone.now() - timedelta(days=1)
        return mine.filter(created_at__gt=day).count() <= cls.TOLD_A_DAY


class CodeGuesses(models.Model):
    """How many wrong guesses of one mailed code there were. key: a digest that names the flow.

    A row is of no use once its code has expired; each new row takes old ones away.
    """

    KEPT = timedelta(hours=1)
    AT_ONCE = 100

    key = models.CharField(max_length=64, primary_key=True)
    count = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return f"{self.count} guesses"

    @classmethod
    def take(cls, key: str, most: int) -> bool:
        """Count one more guess; False where there were as many as there may be.

        Each statement commits by itself: the guess is counted before it is compared.
        """
        guesses = cls.objects.filter(key=key, count__lt=most)
        if guesses.update(count=models.F("count") + 1):
            return True
        cls.forget()
        CodeGuesses.objects.bulk_create([CodeGuesses(key=key)], ignore_conflicts=True)
        return bool(guesses.update(count=models.F("count") + 1))

    @classmethod
    def give_back(cls, key: str) -> None:
        """Take back the last guess, which was right."""
        cls.objects.filter(key=key, count__gt=0).update(count=models.F("count") - 1)

    @classmethod
    def forget(cls) -> None:
        """Delete some rows that have expired."""
        over = cls.objects.filter(created_at__lt=timezone.now() - cls.KEPT)
        with transaction.atomic():
            rows = over.select_for_update(skip_locked=True).order_by("key")[: cls.AT_ONCE]
            cls.objects.filter(pk__in=[row.pk for row in rows]).delete()
