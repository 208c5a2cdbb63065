"""What templates of pages need besides Django's own."""

from __future__ import annotations

from datetime import date, datetime

from allauth.account.internal.flows.code_verification import AbstractCodeVerificationProcess
from allauth.account.internal.flows.email_verification_by_code import EmailVerificationProcess
from allauth.account.internal.flows.password_reset_by_code import PasswordResetVerificationProcess
from django import template
from django.conf import settings
from django.http import HttpRequest

from web.words import day_words, moment_words

register = template.Library()
PROCESSES: dict[str, type[EmailVerificationProcess] | type[PasswordResetVerificationProcess]] = {
    "email": EmailVerificationProcess,
    "password": PasswordResetVerificationProcess,
}


@register.simple_tag
def developers_code(request: HttpRequest, kind: str) -> str:
    """The code that was just mailed, on a developer's machine, where no mail arrives; else "".

    kind: email or password.
    """
    if not settings.DEBUG:
        return ""
    process: AbstractCodeVerificationProcess | None = PROCESSES[kind].resume(request)
    # An address without an account, or with one already, was sent no code.
    return "" if process is None else process.state.get("code") or ""


@register.filter
def day(value: date | None) -> str:
    """A date in words, such as 5 March 2018."""
    return "" if value is None else day_words(value)


@register.filter
def moment(value: datetime | None) -> str:
    """A time in words, to the minute, in the current time zone."""
    return "" if value is None else moment_words(value)
