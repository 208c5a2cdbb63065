"""What allauth asks this project to decide."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from smtplib import SMTPException
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from accounts import notices
from accounts.models import Device
from accounts.refusals import MailFailed
from accounts.sessions import logged_in_lately, note_login

logger = logging.getLogger(__name__)

NAME_LENGTH = 20
AGENT_LENGTH = 200
# accounts.notices reports a new password, wherever it was set.
TOLD_ALREADY = frozenset(f"account/email/password_{what}" for what in ("changed", "reset", "set"))


class AccountAdapter(DefaultAccountAdapter):
    def generate_unique_username(self, txts: list[str | None], regex: str | None = None) -> str:
        """A username that no user chooses or types: the start of the address and a random part.

        Random, not the next free number: two users who sign up at once would both find it free.
        """
        address = next((text for text in txts if text), "user")
        start = re.sub(r"[^a-z0-9]", "", address.partition("@")[0].lower())[:NAME_LENGTH]
        return f"{start or 'user'}_{secrets.token_hex(5)}"

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail while the request waits for it, in English, as all are. Raises MailFailed."""
        try:
            with translation.override("en"):
                super().send_mail(template_prefix, email, context)
        except (OSError, SMTPException) as error:
            logger.exception("A mail could not be sent: %s", template_prefix)
            raise MailFailed from error

    def set_password(self, user: AbstractBaseUser, password: str) -> None:
        """In one commit with what it ends."""
        with transaction.atomic():
            super().set_password(user, password)

    def send_notification_mail(self, template_prefix: str, *args: Any, **options: Any) -> None:
        """Mail the owner about a change after its commit; without a mail the change stays."""
        if template_prefix not in TOLD_ALREADY:
            send = super().send_notification_mail
            transaction.on_commit(partial(quietly, send, template_prefix, *args, **options))

    def post_login(
        self, request: HttpRequest, user: AbstractBaseUser, *, signup: bool, **options: Any
    ) -> HttpResponse:
        answer: HttpResponse = super().post_login(request, user, signup=signup, **options)
        agent, ip = self.get_http_user_agent(request), self.get_client_ip(request)
        if Device.note(user.pk, agent, ip) and not signup and isinstance(user, User):
            notices.new_device(user, agent[:AGENT_LENGTH], ip)
        return answer

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        super().login(request, user)
        note_login(request.session)

    def is_reauthentication_required(self, *, app: str, **options: Any) -> bool:
        """Not just after a log-in, which is the same proof."""
        required: bool = super().is_reauthentication_required(app=app, **options)
        return required and not logged_in_lately(context.request.session)


def quietly(send: Callable[..., None], *args: Any, **options: Any) -> None:
    """Send a mail that no request waits for; a failure is already logged."""
    with suppress(MailFailed):
        send(*args, **options)


class MFAAdapter(DefaultMFAAdapter):
    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Whom a passkey is made for: this host, or the domain it shares with its web pages."""
        entity = super().get_public_key_credential_rp_entity()
        return {"id": settings.PASSKEY_DOMAIN or entity["id"], "name": settings.MFA_TOTP_ISSUER}
