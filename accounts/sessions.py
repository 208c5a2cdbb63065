"""Sessions of apps. As `accounts.guesses` does, it leans on parts of allauth that may change.

`allauth.headless.app_settings` is not documented, the token strategy behind it is. A test holds
both to what is used here.
"""

from __future__ import annotations

import re
import time
from importlib import import_module

from allauth.account import app_settings as account_settings
from allauth.account.authentication import get_authentication_records
from allauth.headless import app_settings
from allauth.headless.tokens.strategies.sessions import SessionTokenStrategy
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

SEEN = "seen"
LOGGED_IN = "logged_in"
SET_UP = "second_factor_set_up"
TOKEN = re.compile(r"[a-z0-9]{32}")


class SingleLoadStrategy(SessionTokenStrategy):
    """allauth's session tokens, looked up with one query where allauth takes two."""

    def lookup_session(self, session_token: str) -> SessionBase | None:
        if not TOKEN.fullmatch(session_token):
            return None
        store = import_module(settings.SESSION_ENGINE).SessionStore
        session: SessionBase = store(session_token)
        # Loads it; one that has ended then has no key.
        session.get(SESSION_KEY)
        return session if session.session_key else None


def session_of(token: str) -> SessionBase | None:
    """The session of an X-Session-Token, None once it has ended."""
    found: SessionBase | None = app_settings.TOKEN_STRATEGY.lookup_session(token)
    return found


def session_from(token: str, data: str) -> SessionBase:
    """A session by its stored data, as it is when it has loaded them itself."""
    session: SessionBase = import_module(settings.SESSION_ENGINE).SessionStore(token)
    session._session_cache = session.decode(data)  # type: ignore[attr-defined]
    return session


def is_logged_in(session: SessionBase, user: User | AnonymousUser) -> bool:
    """Whether a session is of that user, who is active and has the same password still.

    The same as get_user() of Django asks, which asks some more where this says no.
    """
    return (
        isinstance(user, User)
        and user.is_active
        and session.get(SESSION_KEY) == str(user.pk)
        and session.get(BACKEND_SESSION_KEY) in settings.AUTHENTICATION_BACKENDS
        and constant_time_compare(session.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash())
    )


def prolong(session: SessionBase, *, save: bool) -> None:
    """Let a session live its whole time again, counted from today; writes once a day (UTC).

    save: False where Django's middleware saves it, with the cookie. Raises UpdateError for a
    session that has ended meanwhile: it must not come back.
    """
    now = timezone.now()
    if session.get(SEEN) == now.date().isoformat():
        return
    session[SEEN] = now.date().isoformat()
    if save:
        session.save()
    UserSession.objects.filter(session_key=session.session_key).update(last_seen_at=now)


def holding(session: SessionBase) -> HttpRequest:
    """A request with a session, for those who look there.

    Not the real one: its middleware would send the app's token to the client as a cookie.
    """
    request = HttpRequest()
    request.session = session
    return request


def note_login(session: SessionBase) -> None:
    """Keep when a log-in was complete, its second factor included."""
    session[LOGGED_IN] = time.time()


def is_recent(moment: float) -> bool:
    """Whether a moment (seconds since 1970) is a proof still; five minutes are."""
    limit: int = account_settings.REAUTHENTICATION_TIMEOUT
    return 0 <= time.time() - moment < limit


def logged_in_lately(session: SessionBase) -> bool:
    return is_recent(session.get(LOGGED_IN, 0))


def proved_lately(session: SessionBase, user: User) -> bool:
    """Whether the user has logged in in the last minutes, or shown again who they are."""
    records = get_authentication_records(holding(session), user)
    shown = [record["at"] for record in records if record.get("reauthenticated")]
    return logged_in_lately(session) or is_recent(max(shown, default=0))


def note_second_factor(session: SessionBase, user: User) -> None:
    """Keep that the user has set up a second factor in this session, which shows that it works."""
    session[SET_UP] = user.pk


def second_factor_shown(session: SessionBase, user: User) -> bool:
    """Whether the user has shown a second factor in this session, at any time."""
    records = get_authentication_records(holding(session), user)
    shown = any(record.get("method") == "mfa" for record in records)
    return shown or session.get(SET_UP) == user.pk


def end_sessions(user_id: int) -> None:
    """End every session of a user."""
    for session in UserSession.objects.filter(user_id=user_id):
        session.end()
