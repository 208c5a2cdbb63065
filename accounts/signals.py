"""What follows when something about an account changes."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from django.contrib.auth.models import User
from django.db.models.signals import post_save, pre_save
from django.http import HttpRequest

from accounts import notices
from accounts.models import ApiToken, Scope
from accounts.sessions import end_sessions, note_second_factor

WATCHED = frozenset({"password", "is_active"})


def connect() -> None:
    pre_save.connect(before_user, sender=User, dispatch_uid="accounts.before_user")
    post_save.connect(after_token, sender=ApiToken, dispatch_uid="accounts.after_token")
    authenticator_added.connect(factor_added, dispatch_uid="accounts.factor_added")


def factor_added(
    request: HttpRequest, user: User, authenticator: Authenticator, **kwargs: Any
) -> None:
    """Setting up a factor shows it; recovery codes are made with it and show nothing."""
    if authenticator.type != Authenticator.Type.RECOVERY_CODES:
        note_second_factor(request.session, user)


def before_user(
    instance: User, *, raw: bool, update_fields: frozenset[str] | None, **kwargs: Any
) -> None:
    """A new password ends every personal token, and an account that is closed all it opens.

    This covers the owner, a reset by mail, the admin and commands. Before the row
    is saved: should that fail, a token may have ended for nothing, but none outlives its end.
    """
    watched = WATCHED if update_fields is None else WATCHED & update_fields
    if raw or instance._state.adding or not watched:
        return
    before = User.objects.filter(pk=instance.pk).values("password", "is_active").first()
    if before is None:
        return
    mine = ApiToken.objects.filter(user=instance)
    if before["is_active"] and not instance.is_active and "is_active" in watched:
        end_sessions(instance.pk)
        notices.deactivated(instance, mine.end())
    elif "password" in watched and is_new(before["password"], instance, update_fields):
        ended = mine.exclude(scope=Scope.SERVICE).end()
        notices.password_changed(instance, ended)


def is_new(before: str, user: User, update_fields: frozenset[str] | None) -> bool:
    """Whether another password is stored, and not the same one with a newer hash.

    At a log-in Django may do that: it saves the hash by itself, with no new password in hand.
    """
    only_hash = update_fields == frozenset({"password"})
    rehashed = only_hash and getattr(user, "_password", None) is None
    return before != user.password and not rehashed


def after_token(instance: ApiToken, *, raw: bool, created: bool, **kwargs: Any) -> None:
    """Tell the owner about a new token, from the API, the admin or a command."""
    if created and not raw:
        notices.token_made(instance)
