"""What stands before allauth's views: bodies as strict as the API's own, refused in their shape."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponseBase

from accounts.refusals import MailFailed, mail_failed, refusal
from budget.http.body import read_object
from budget.http.problems import ApiError, Problem

MAX_WHOLE = 2**63 - 1  # what a database takes for an id
UNREADABLE = "The body cannot be read."

View = Callable[..., HttpResponseBase]

logger = logging.getLogger(__name__)


def mailing(view: View) -> View:
    """The view; where a mail that it sends fails, it says so."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **keys: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **keys)
        except MailFailed:
            return mail_failed(request)

    return wrapped


def strict(view: View) -> View:
    """The view of a JSON endpoint, which gets no body that a parser or the database chokes on."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **keys: Any) -> HttpResponseBase:
        try:
            check_body(request)
            return view(request, *args, **keys)
        except ApiError as error:
            code = error.problem.name.lower()
            return refusal(HTTPStatus(error.problem.status), code, error.detail)
        except RecursionError:
            # Nested so that it passed here, and not some calls deeper.
            return refusal(HTTPStatus.BAD_REQUEST, "malformed", UNREADABLE)

    return wrapped


def passkeys(view: View) -> View:
    """The view of an endpoint that takes a passkey's answer.

    It is parsed as it comes, so anything can be missing or of another type in it.
    """

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **keys: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **keys)
        except (AttributeError, KeyError, TypeError, ValueError):
            logger.warning("A passkey's answer could not be read.", exc_info=True)
            return refusal(HTTPStatus.BAD_REQUEST, "malformed", UNREADABLE)

    return wrapped


def check_body(request: HttpRequest) -> None:
    """Refuse a body that the API would refuse; none at all is for the view to judge.

    Raises ApiError.
    """
    if request.headers.get("Content-Length") not in (None, "", "0"):
        check_whole(read_object(request))


def check_whole(value: Any) -> None:
    """Refuse whole numbers that no id has; a loop, so that no depth can break it."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            waiting += found.values()
        elif isinstance(found, list):
            waiting += found
        elif isinstance(found, int) and not -MAX_WHOLE <= found <= MAX_WHOLE:
            raise ApiError(Problem.MALFORMED, "A whole number is too large.")
