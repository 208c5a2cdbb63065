"""Who is asking: a token, a session's token, or the session cookie with its CSRF token.

The one place that decides. Whatever credential is sent, it is right or the request ends here: none
that is wrong falls through to the next, or a script would act as whoever is logged in.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from allauth.account.decorators import reauthentication_required
from allauth.core.exceptions import ReauthenticationRequired
from allauth.mfa.utils import is_mfa_enabled
from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.base import SessionBase, UpdateError
from django.db import DatabaseError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.utils import timezone

from accounts.models import TOKEN_PREFIX, ApiToken, Scope, digest
from accounts.sessions import prolong, session_of

USE_IS_NOTED_EVERY = timedelta(minutes=10)
BEARER = re.compile(rf"(?i:Bearer) +({TOKEN_PREFIX}[A-Za-z0-9_-]{{43}})")
NEEDS_LOGIN = "This takes a login; a token cannot do it."
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

logger = logging.getLogger(__name__)


class Kind(StrEnum):
    """What was shown: a session (of an app or a browser), a personal token, a service's token."""

    SESSION = "session"
    PERSONAL = "personal"
    SERVICE = "service"


# Whoever is a person: a service has no account of its own to look after.
PEOPLE = frozenset({Kind.SESSION, Kind.PERSONAL})
SESSION_ONLY = frozenset({Kind.SESSION})
ANY_KIND = frozenset(Kind)


@dataclass(frozen=True)
class Credential:
    """What a request was let in by.

    user: whose it is; of a service, who answers for it. key: names the credential itself, for
    whoever counts its requests. reads_only: opens no method that writes. session: of a login.
    """

    user: User
    kind: Kind
    key: str
    reads_only: bool = False
    session: SessionBase | None = None


class Unauthenticated(Exception):
    """Nobody known is asking; HTTP 401. challenge: the value of WWW-Authenticate."""

    def __init__(self, detail: str, challenge: str = "Bearer") -> None:
        super().__init__(detail)
        self.challenge = challenge


class CsrfFailed(Exception):
    """A write by session cookie that another site may have sent; HTTP 403."""


class Forbidden(Exception):
    """The credential is right and does not reach so far; HTTP 403."""


class Reauthenticate(Exception):
    """So much takes a proof that is minutes old; HTTP 403."""


def authenticate(request: HttpRequest) -> Credential:
    """The credential of a request, of a user who is active. Raises Unauthenticated, CsrfFailed."""
    if (header := request.headers.get("Authorization")) is not None:
        return by_token(header)
    if (token := request.headers.get("X-Session-Token")) is not None:
        return by_session_token(token)
    return by_cookie(request)


def by_token(header: str) -> Credential:
    """The credential in an Authorization header, in one query; its use is noted now and then."""
    match = BEARER.fullmatch(header)
    if match is None:
        raise Unauthenticated(
            "The Authorization header is not of the form: Bearer fa_...",
            'Bearer error="invalid_request"',
        )
    unexpired = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    token = (
        ApiToken.objects.select_related("user")
        .filter(unexpired, digest=digest(match[1]), revoked_at=None, user__is_active=True)
        .first()
    )
    if token is None:
        raise Unauthenticated(
            "The token is unknown, revoked or expired, or its user is not active.",
            'Bearer error="invalid_token"',
        )
    note_use(token)
    kind = Kind.SERVICE if token.scope == Scope.SERVICE else Kind.PERSONAL
    return Credential(token.user, kind, f"token:{token.pk}", token.scope == Scope.READ)


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


def by_session_token(token: str) -> Credential:
    """The credential of an app that is logged in; one that still owes a second factor is not."""
    ended = Unauthenticated("The session has ended, or it is not logged in yet.")
    session = session_of(token)
    if session is None:
        raise ended
    user = get_user(holding(session))
    if isinstance(user, AnonymousUser):
        raise ended
    try:
        note_day(session, save=True)
    except UpdateError:
        raise ended from None
    return Credential(user, Kind.SESSION, f"user:{user.pk}", session=session)


def holding(session: SessionBase) -> HttpRequest:
    """A request with a session, for those who look there.

    Not the real one: its middleware would send the app's token to the client as a cookie.
    """
    request = HttpRequest()
    request.session = session
    return request


def by_cookie(request: HttpRequest) -> Credential:
    """The credential of a browser; a write has to show that a page of ours has sent it."""
    user = request.user
    if isinstance(user, AnonymousUser):
        raise Unauthenticated("Send a token: Authorization: Bearer fa_...")
    check_csrf(request)
    note_day(request.session, save=False)
    return Credential(user, Kind.SESSION, f"user:{user.pk}", session=request.session)


def note_day(session: SessionBase, *, save: bool) -> None:
    """Prolong the session; a database that takes no writes now is no reason to refuse a read."""
    try:
        prolong(session, save=save)
    except DatabaseError:
        logger.warning("A session could not be prolonged.", exc_info=True)


def check_csrf(request: HttpRequest) -> None:
    """Refuse an unsafe request by cookie without the CSRF token. Raises CsrfFailed."""

    def not_exempt(request: HttpRequest) -> HttpResponse:
        raise AssertionError("only looked at, never called")

    refused = CsrfViewMiddleware(not_exempt).process_view(request, not_exempt, (), {})
    if refused is not None:
        raise CsrfFailed("Send the value of the csrftoken cookie in the X-CSRFToken header.")


def check_reach(credential: Credential, method: str, kinds: frozenset[Kind]) -> None:
    """Refuse what a credential does not reach. kinds: those that the route is for.

    Raises Forbidden.
    """
    if credential.kind not in kinds:
        if kinds == SESSION_ONLY:
            raise Forbidden(NEEDS_LOGIN)
        raise Forbidden("This is for people; a service's token cannot do it.")
    if credential.reads_only and method not in SAFE_METHODS:
        raise Forbidden("The token may read, and not write.")


def check_recent(credential: Credential) -> None:
    """Refuse who has a second factor and has not proved anew, in the last minutes, who they are.

    Raises Reauthenticate; for a token, which cannot prove anything, Forbidden.
    """
    if credential.session is None:
        raise Forbidden(NEEDS_LOGIN)
    request = holding(credential.session)
    request.user = credential.user
    try:
        prove(request)
    except ReauthenticationRequired:
        raise Reauthenticate(
            "Send POST /_allauth/{app or browser}/v1/auth/2fa/reauthenticate, then this again."
        ) from None


@reauthentication_required(  # type: ignore[untyped-decorator]
    enabled=lambda request: is_mfa_enabled(request.user)
)
def prove(request: HttpRequest) -> None:
    """Passed without a second factor, or with a proof within ACCOUNT_REAUTHENTICATION_TIMEOUT."""
