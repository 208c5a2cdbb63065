"""Sessions of apps: the only module that leans on allauth where it promises nothing.

`allauth.headless.app_settings` is not documented, the token strategy behind it is. A test holds
both to what is used here.
"""

from __future__ import annotations

import re
from importlib import import_module

from allauth.headless import app_settings
from allauth.headless.tokens.strategies.sessions import SessionTokenStrategy
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.utils import timezone

SEEN = "seen"
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
    """The session that an X-Session-Token stands for, None once it has ended."""
    found: SessionBase | None = app_settings.TOKEN_STRATEGY.lookup_session(token)
    return found


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
