"""What the pages of a user have in common: who may look, how often, and of which state they are."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from allauth.account.adapter import get_adapter
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.authentication import note_day
from budget.engine import Moved, Reading, move_to_today, one_state
from lib.throttle import CREDENTIAL, Throttled, spend

View = Callable[..., HttpResponse]
Read = TypeVar("Read")


def page(view: View) -> View:
    """A page of the user's who is logged in; others are led to the log-in.

    It counts as a request of theirs to the API does, and no cache keeps it.
    """

    @login_required
    @wraps(view)
    def shown(request: HttpRequest, *args: Any, **keys: Any) -> HttpResponse:
        try:
            spend(request, CREDENTIAL, f"user:{request.user.pk}")
        except Throttled as error:
            return too_many(request, error)
        note_day(request.session, save=False)
        response = view(request, *args, **keys)
        response.headers["Cache-Control"] = "no-store"
        return response

    return shown


def too_many(request: HttpRequest, error: Throttled) -> HttpResponse:
    response = render(request, "429.html", status=429)
    response.headers["Retry-After"] = str(error.count.reset)
    response.headers["Cache-Control"] = "no-store"
    return response


def owner(request: HttpRequest) -> User:
    """The user whose page it is, who is logged in."""
    if not isinstance(request.user, User):
        raise TypeError("Nobody is logged in.")
    return request.user


def say(request: HttpRequest, text: str) -> None:
    """Show a sentence once, at the top of the next page."""
    get_adapter(request).add_message(request, 25, message=text)


def read(user: User, view: Callable[[Reading], Read]) -> Read:
    """What a page shows, all of it from one state of the user's ledger, as the API's reads are."""
    reading = Reading(move_to_today(user.pk))
    try:
        found = view(reading)
        if not reading.sure:
            reading.check()
    except Moved:
        # Nothing moves in a snapshot. It takes a database transaction, so it comes second.
        with one_state(user.pk) as ledger:
            found = view(Reading(ledger))
    return found
