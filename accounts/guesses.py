"""Guesses of a mailed code: counted in the database, each before it is compared.

allauth counts wrong guesses in the session. Requests that run at the same time all read the same
count, so fifty of them make fifty guesses. Here one statement of the database counts, which is
exact for any number of processes and whatever cache is configured.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from allauth.account.internal.flows.code_verification import AbstractCodeVerificationProcess
from allauth.account.internal.flows.email_verification_by_code import EmailVerificationProcess
from allauth.account.internal.flows.password_reset_by_code import PasswordResetVerificationProcess
from allauth.core.internal.cryptokit import compare_user_code
from allauth.headless.account.inputs import ResetPasswordKeyInput
from allauth.headless.account.views import ResetPasswordView
from allauth.headless.base.views import APIView
from allauth.headless.internal.restkit.response import ErrorResponse
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect

from accounts.models import CodeGuesses
from accounts.refusals import bare_refusal
from lib.text import digest

View = Callable[..., HttpResponseBase]
Answer = Callable[[], HttpResponseBase]
Process = AbstractCodeVerificationProcess


@dataclass(frozen=True)
class Guessing:
    """Where a code is guessed. process: the flow of allauth's that has sent the code.

    header and field: where a GET and any other request carry the guess. view: in the place of
    allauth's own.
    """

    process: type[EmailVerificationProcess] | type[PasswordResetVerificationProcess]
    header: str = ""
    field: str = "code"
    view: type[APIView] | None = None


RESET_HEADER = "X-Password-Reset-Key"


class ResetPassword(ResetPasswordView):
    """allauth's view, which fails where the e-mail address has no account and no code was sent."""

    def get(self, request: HttpRequest, *args: Any, **keys: Any) -> HttpResponse:
        process = self.process
        if process is None or process.user is not None:
            found: HttpResponse = super().get(request, *args, **keys)
            return found
        wrong = ResetPasswordKeyInput({"key": request.headers.get(RESET_HEADER, "")}, code="")
        wrong.is_valid()
        process.record_invalid_attempt()
        return ErrorResponse(request, input=wrong)


ENDPOINTS = {
    "verify_email": Guessing(EmailVerificationProcess, "X-Email-Verification-Key", "key"),
    "reset_password": Guessing(
        PasswordResetVerificationProcess, RESET_HEADER, "key", view=ResetPassword
    ),
}
PAGES = {
    "account_email_verification_sent": Guessing(EmailVerificationProcess),
    "account_confirm_password_reset_code": Guessing(PasswordResetVerificationProcess),
}


def counted_endpoint(view: View, guessing: Guessing) -> View:
    """An endpoint of the JSON API whose guesses are counted; one too many is 409.

    A separate class, because the session of an app is known only inside allauth's view.
    """

    base: Any = guessing.view or view.view_class  # type: ignore[attr-defined] # set by Django

    class Counted(base):  # type: ignore[misc]
        def dispatch(self, request: HttpRequest, *args: Any, **keys: Any) -> HttpResponseBase:
            process = guessing.process.resume(request)
            answer: Answer = partial(super().dispatch, request, *args, **keys)
            if process is None:
                return answer()
            guess = sent_guess(request, guessing)
            return counted(process, guess, answer) or bare_refusal(HTTPStatus.CONFLICT)

    made: View = Counted.as_api_view(**view.view_initkwargs)  # type: ignore[attr-defined]
    return made


def counted_page(view: View, guessing: Guessing) -> View:
    """A page whose guesses are counted; one too many leads back to the log-in."""

    def page(request: HttpRequest, *args: Any, **keys: Any) -> HttpResponseBase:
        guess = request.POST.get(guessing.field)
        process = None if guess is None else guessing.process.resume(request)
        answer: Answer = partial(view, request, *args, **keys)
        if guess is None or process is None:
            return answer()
        return counted(process, guess, answer) or redirect("account_login")

    return page


def sent_guess(request: HttpRequest, guessing: Guessing) -> str:
    """The guess in a request of the JSON API; an empty text, which is never right, without one."""
    if request.method == "GET":
        return request.headers.get(guessing.header, "")
    try:
        body = json.loads(request.body)
    except ValueError:
        return ""
    guess = body.get(guessing.field) if isinstance(body, dict) else None
    return guess if isinstance(guess, str) else ""


def counted(process: Process, guess: str, answer: Answer) -> HttpResponseBase | None:
    """Count a guess, then answer; None, and the flow is over, once it has had all its guesses.

    A right guess does not count, nor does one that a rate limit kept from being compared.
    """
    state = process.state
    key = digest(f"{type(process).__name__}:{state.get('user_id')}:{state['at']!r}")
    if not CodeGuesses.take(key, process.max_attempts):
        process.abort()
        return None
    right = compare_user_code(actual=guess, expected=process.code)
    found = answer()
    if right or found.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        CodeGuesses.give_back(key)
    return found
