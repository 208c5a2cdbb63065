"""Mails that tell owners what has happened to their accounts.

Each is sent once, after the commit, and contains no secret. If it cannot be sent, the change stays
and the log has a line: nothing is tried again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from smtplib import SMTPException
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.models import ApiToken

logger = logging.getLogger(__name__)


def tell(user: User, name: str, **context: Any) -> None:
    """Send a mail to the owner of an account after the commit; name: of its template."""
    context |= {"user": user, "now": timezone.now()}
    transaction.on_commit(partial(send, user, name, context))


def send(user: User, name: str, context: dict[str, Any]) -> None:
    """Send a mail now, if the user has an address."""
    address = EmailAddress.objects.get_primary_email(user) or user.email
    if not address:
        return
    text = render_to_string(f"accounts/mail/{name}.txt", {**context, "email": address})
    subject, _, body = text.strip().partition("\n")
    try:
        send_mail(subject, body.strip(), None, [address])
    except (OSError, SMTPException):
        logger.exception("A mail could not be sent: %s", name)


def password_changed(user: User, ended: Sequence[ApiToken]) -> None:
    """ended: the tokens that the new password has ended."""
    left = ApiToken.objects.live().filter(user=user)
    tell(user, "password_changed", ended=ended, left=list(left))


def deactivated(user: User, ended: Sequence[ApiToken]) -> None:
    """ended: the tokens that ended with the account's access."""
    tell(user, "deactivated", ended=ended)


def token_made(token: ApiToken) -> None:
    tell(token.user, "token_made", token=token)


def new_device(user: User, agent: str, ip: str) -> None:
    tell(user, "new_device", agent=agent, ip=ip)


def factor_removed(user: User) -> None:
    """When support has removed a second factor; allauth reports what owners do."""
    tell(user, "factor_removed")
