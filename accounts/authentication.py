"""Who is asking: a bearer token, or else the session cookie with its CSRF token."""

from __future__ import annotations

import logging
import re
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.utils import timezone

from accounts.models import TOKEN_PREFIX, ApiToken, digest

USE_IS_NOTED_EVERY = timedelta(minutes=10)
BEARER = re.compile(rf"(?i:Bearer) +({TOKEN_PREFIX}[A-Za-z0-9_-]{{43}})")

logger = logging.getLogger(__name__)


class Unauthenticated(Exception):
    """Nobody known is asking; HTTP 401. challenge: the value of WWW-Authenticate."""

    def __init__(self, detail: str, challenge: str = "Bearer") -> None:
        super().__init__(detail)
        self.challenge = challenge


class CsrfFailed(Exception):
    """A write by session cookie that another site may have sent; HTTP 403."""


def authenticate(request: HttpRequest) -> User:
    """The active user that the request's credential belongs to.

    An Authorization header that is not right never falls back to the cookie: a script that sends a
    wrong token must not act as whoever is logged in. Raises Unauthenticated and CsrfFailed.
    """
    header = request.headers.get("Authorization")
    if header is not None:
        return user_of_token(header)
    if not request.user.is_authenticated:
        raise Unauthenticated("Send a token: Authorization: Bearer fa_...")
    check_csrf(request)
    return request.user


def user_of_token(header: str) -> User:
    """The user of an Authorization header, in one query; notes now and then that it was used."""
    match = BEARER.fullmatch(header)
    if match is None:
        raise Unauthenticated(
            "The Authorization header is not of the form: Bearer fa_...",
            'Bearer error="invalid_request"',
        )
    token = (
        ApiToken.objects.select_related("user")
        .filter(digest=digest(match[1]), revoked_at__isnull=True, user__is_active=True)
        .first()
    )
    if token is None:
        raise Unauthenticated(
            "The token is unknown, revoked, or its user is not active.",
            'Bearer error="invalid_token"',
        )
    note_use(token)
    return token.user


def note_use(token: ApiToken) -> None:
    """Store when the token was used, at most once in ten minutes: a read should stay a read."""
    now = timezone.now()
    if token.last_used_at is not None and now - token.last_used_at < USE_IS_NOTED_EVERY:
        return
    try:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    except DatabaseError:
        # A database that takes no writes now can still be read.
        logger.warning("The use of token %s could not be noted.", token.pk, exc_info=True)


def check_csrf(request: HttpRequest) -> None:
    """Refuse an unsafe request by cookie without the CSRF token. Raises CsrfFailed."""

    def not_exempt(request: HttpRequest) -> HttpResponse:
        raise AssertionError("only looked at, never called")

    refused = CsrfViewMiddleware(not_exempt).process_view(request, not_exempt, (), {})
    if refused is not None:
        raise CsrfFailed("Send the value of the csrftoken cookie in the X-CSRFToken header.")
