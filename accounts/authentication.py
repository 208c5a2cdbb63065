"""Who is asking: a token, a session's token, or the session cookie with its CSRF token.

The one place that decides. A credential is valid or the request ends here: a wrong one is
never skipped for the next, or a script would act as the user who is logged in.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from importlib import import_module
from io import BytesIO
from typing import Any, NamedTuple

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.base import SessionBase, UpdateError
from django.core.handlers.wsgi import WSGIRequest
from django.db import DatabaseError, close_old_connections, connection
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.utils import timezone

from accounts.models import TOKEN_PREFIX, ApiToken, Scope
from accounts.sessions import (
    TOKEN,
    holding,
    is_logged_in,
    prolong,
    proved_lately,
    session_from,
)
from lib.postgresql import Prepared
from lib.text import digest

USE_IS_NOTED_EVERY = timedelta(minutes=10)
# The columns of its user that a token's query reads, in the model's order, as from_db() wants them.
# A User reads the others when they are asked for: no request needs the hash of the password.
OF_USER = ("id", "username", "email", "is_active")
# With the password's hash, by which a session ends where another password is set.
OF_LOGGED_IN = ("id", "password", "username", "email", "is_active")
BY_TOKEN = f"""
SELECT t.id, t.scope, t.last_used_at IS NULL OR t.last_used_at <= %s,
{", ".join(f"u.{column}" for column in OF_USER)}{{columns}}
FROM accounts_apitoken t JOIN auth_user u ON u.id = t.user_id {{join}}
WHERE t.digest = %s AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > %s)
AND u.is_active
"""  # noqa: S608 - of constants
# Its user is in the session's data, which no statement can read; where the list of the user's
# sessions names another, or none, Django looks for the user.
BY_SESSION = f"""
SELECT s.session_data, {", ".join(f"u.{column}" for column in OF_LOGGED_IN)}{{columns}}
FROM django_session s LEFT JOIN usersessions_usersession k ON k.session_key = s.session_key
LEFT JOIN auth_user u ON u.id = k.user_id {{join}}
WHERE s.session_key = %s AND s.expire_date > %s
"""  # noqa: S608 - of constants
BEARER = re.compile(rf"(?i:Bearer) +({TOKEN_PREFIX}[A-Za-z0-9_-]{{43}})")
NEEDS_LOGIN = "This takes a login; a token cannot do it."
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

logger = logging.getLogger(__name__)


class Kind(StrEnum):
    """What was shown: a session (of an app or a browser), a personal token, a service's token."""

    SESSION = "session"
    PERSONAL = "personal"
    SERVICE = "service"


# Credentials of people: a service has no account to manage.
PEOPLE = frozenset({Kind.SESSION, Kind.PERSONAL})
SESSION_ONLY = frozenset({Kind.SESSION})
ANY_KIND = frozenset(Kind)


class Beside(NamedTuple):
    """What else a caller wants to know of the user, from the query that reads the credential.

    columns: SQL, begins with a comma. join: a LEFT JOIN with at most one row of the user, u.id.
    read: makes a value of the columns, which are all None for a user without such a row.
    """

    columns: str
    join: str
    read: Callable[[Sequence[Any]], Any]


NOTHING = Beside("", "", lambda columns: None)


@dataclass(frozen=True)
class Credential:
    """What a request was let in by.

    user: whose it is; for a service, who is responsible for it. key: names the credential, to
    count its requests. reads_only: opens no method that writes. session: of a login. ledger: the
    user's, as the caller's `beside` reads it; None where it is not known yet.
    """

    user: User
    kind: Kind
    key: str
    reads_only: bool = False
    session: SessionBase | None = None
    ledger: Any = None


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


def authenticate(request: HttpRequest, beside: Beside = NOTHING) -> Credential:
    """The credential of a request, of a user who is active. Raises Unauthenticated, CsrfFailed.

    beside: what the credential's `ledger` is read from, unless a browser's cookie is shown.
    """
    if (header := request.headers.get("Authorization")) is not None:
        return by_token(header, beside)
    if (token := request.headers.get("X-Session-Token")) is not None:
        return by_session_token(token, beside)
    return by_cookie(request)


def by_token(header: str, beside: Beside = NOTHING) -> Credential:
    """The credential in an Authorization header, in one query; its use is noted now and then."""
    match = BEARER.fullmatch(header)
    if match is None:
        raise Unauthenticated(
            "The Authorization header is not of the form: Bearer fa_...",
            'Bearer error="invalid_request"',
        )
    now, moment = timezone.now(), connection.ops.adapt_datetimefield_value
    statement = Prepared(BY_TOKEN.format(columns=beside.columns, join=beside.join))
    params = (moment(now - USE_IS_NOTED_EVERY), digest(match[1]), moment(now))
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        row = cursor.fetchone()
    if row is None:
        raise Unauthenticated(
            "The token is unknown, revoked or expired, or its user is not active.",
            'Bearer error="invalid_token"',
        )
    pk, scope, due, *columns = row
    if due:
        note_use(pk, now)
    user = User.from_db(connection.alias, OF_USER, columns[: len(OF_USER)])
    if scope == Scope.SERVICE:
        return Credential(user, Kind.SERVICE, f"token:{pk}")
    ledger = beside.read(columns[len(OF_USER) :])
    return Credential(user, Kind.PERSONAL, f"token:{pk}", scope == Scope.READ, ledger=ledger)


def note_use(pk: int, now: datetime) -> None:
    """Store when a token was used. Called once in ten minutes: a read should stay a read."""
    try:
        ApiToken.objects.filter(pk=pk).update(last_used_at=now)
    except DatabaseError:
        # A database that takes no writes now can still be read.
        logger.warning("The use of token %s could not be noted.", pk, exc_info=True)


def by_session_token(token: str, beside: Beside = NOTHING) -> Credential:
    """The credential of an app that is logged in; one that still owes a second factor is not."""
    ended = Unauthenticated("The session has ended, or it is not logged in yet.")
    found = session_with_user(token, beside)
    if found is None:
        raise ended
    session, user, ledger = found
    if not is_logged_in(session, user):
        user, ledger = get_user(holding(session)), None
    if isinstance(user, AnonymousUser):
        raise ended
    try:
        note_day(session, save=True)
    except UpdateError:
        raise ended from None
    return Credential(user, Kind.SESSION, f"user:{user.pk}", session=session, ledger=ledger)


def session_with_user(
    token: str, beside: Beside
) -> tuple[SessionBase, User | AnonymousUser, Any] | None:
    """A session that has not ended, whose it seems to be, and what is read beside; in one query."""
    if not TOKEN.fullmatch(token):
        return None
    statement = Prepared(BY_SESSION.format(columns=beside.columns, join=beside.join))
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(statement, (token, now))
        row = cursor.fetchone()
    if row is None:
        return None
    data, *columns = row
    session = session_from(token, data)
    if columns[0] is None:
        return session, AnonymousUser(), None
    user = User.from_db(connection.alias, OF_LOGGED_IN, columns[: len(OF_LOGGED_IN)])
    return session, user, beside.read(columns[len(OF_LOGGED_IN) :])


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
    """Refuse an account with a second factor without a recent proof of identity.

    A log-in is such a proof, and so is a proof that was asked for later. Raises Reauthenticate;
    for a token, which cannot prove anything, Forbidden.
    """
    if credential.session is None:
        raise Forbidden(NEEDS_LOGIN)
    if is_mfa_enabled(credential.user) and not proved_lately(credential.session, credential.user):
        raise Reauthenticate(
            "Send POST /_allauth/{app or browser}/v1/auth/2fa/reauthenticate, then this again."
        )


def is_known(environ: dict[str, Any]) -> bool:
    """Whether a request comes with a credential, by its WSGI environment without the body.

    For the decision how much of the body to read. It admits no request: what the credential is
    good for, and whether a page of ours has sent it, is for authenticate() to say.
    """
    request = WSGIRequest({**environ, "wsgi.input": BytesIO(), "CONTENT_LENGTH": "0"})
    close_old_connections()
    try:
        return bool(sender_of(request))
    except Unauthenticated:
        return False
    except DatabaseError:
        # The application will say that it cannot answer now.
        return True


def sender_of(request: HttpRequest) -> bool:
    if "Authorization" in request.headers or "X-Session-Token" in request.headers:
        return authenticate(request).user.is_active
    store = import_module(settings.SESSION_ENGINE).SessionStore
    session = store(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
    return get_user(holding(session)).is_authenticated
