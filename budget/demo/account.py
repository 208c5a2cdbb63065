"""The demo's user, and the file that keeps what opens their account."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from dotenv import dotenv_values

from accounts.models import ApiToken
from budget.demo.fill import fill
from lib.text import digest

USERNAME = "demo"
# Tells the demo's user from somebody's own of that name, whose password must stay theirs.
EMAIL = "demo@example.com"
TOKEN_NAME = "demo"  # noqa: S105 - what the token is called


@dataclass(frozen=True)
class Credentials:
    """What opens the demo's account: a password for the site, a token for the API."""

    password: str
    token: str


def make(file: Path) -> Credentials:
    """Make the demo's user, a superuser, with data and credentials, in one commit."""
    with transaction.atomic():
        user = User.objects.create_superuser(USERNAME, EMAIL)
        fill(user)
        # Written before the commit: without the file nobody could open what was made.
        return renew(user, file)


def recall(user: User, file: Path) -> Credentials | None:
    """The credentials that the file keeps, None where it has none that still open the account."""
    try:
        kept = dotenv_values(file, interpolate=False) if file.is_file() else {}
    except UnicodeDecodeError:
        return None
    credentials = Credentials(kept.get("PASSWORD") or "", kept.get("TOKEN") or "")
    tokens = ApiToken.objects.filter(user=user, revoked_at=None, digest=digest(credentials.token))
    if not user.check_password(credentials.password) or not tokens.exists():
        return None
    file.chmod(0o600)
    return credentials


def renew(user: User, file: Path) -> Credentials:
    """Give the user another password and token, revoke the tokens made so before, keep both."""
    credentials = Credentials(secrets.token_urlsafe(12), "")
    with transaction.atomic():
        # Past the signals that mail the owner: both are printed.
        User.objects.filter(pk=user.pk).update(password=make_password(credentials.password))
        # Confirmed, as nobody could read the mail that a login would ask them to.
        address = {"verified": True, "primary": True}
        EmailAddress.objects.update_or_create(user=user, email=EMAIL, defaults=address)
        old = ApiToken.objects.filter(user=user, name=TOKEN_NAME, revoked_at=None)
        old.update(revoked_at=timezone.now())
        token = ApiToken(user=user, name=TOKEN_NAME)
        credentials = Credentials(credentials.password, token.seal())
        ApiToken.objects.bulk_create([token])
        keep(credentials, file)
    return credentials


def keep(credentials: Credentials, file: Path) -> None:
    """Replace the file, readable only for its owner from the first byte on."""
    lines = {"USERNAME": USERNAME, "PASSWORD": credentials.password, "TOKEN": credentials.token}
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as text:
        text.writelines(f"{name}={value}\n" for name, value in lines.items())
