"""What allauth asks this project to decide."""

from __future__ import annotations

import logging
import re
import secrets
from smtplib import SMTPException
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings

from accounts.refusals import MailFailed

logger = logging.getLogger(__name__)

NAME_LENGTH = 20


class AccountAdapter(DefaultAccountAdapter):
    def generate_unique_username(self, txts: list[str | None], regex: str | None = None) -> str:
        """A username nobody chooses or types: the beginning of the address and chance.

        Chance, not the next free number: two who sign up at once would both find that one free.
        """
        address = next((text for text in txts if text), "user")
        start = re.sub(r"[^a-z0-9]", "", address.partition("@")[0].lower())[:NAME_LENGTH]
        return f"{start or 'user'}_{secrets.token_hex(5)}"

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail while whoever asked for it waits. Raises MailFailed."""
        try:
            super().send_mail(template_prefix, email, context)
        except (OSError, SMTPException) as error:
            logger.exception("A mail could not be sent: %s", template_prefix)
            raise MailFailed from error


class MFAAdapter(DefaultMFAAdapter):
    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Whom a passkey is made for: this host, or the domain it shares with its web pages."""
        entity = super().get_public_key_credential_rp_entity()
        return {"id": settings.PASSKEY_DOMAIN or entity["id"], "name": settings.MFA_TOTP_ISSUER}
