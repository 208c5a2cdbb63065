"""Wraps allauth's views: their bodies are as strict as the API's, refused in allauth's format."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from accounts.refusals import MailFailed, mail_failed, refusal
from api.http.door import levels, read_object
from api.http.problems import ApiError, Problem

MAX_WHOLE = 2**63 - 1  # what a database takes for an id
UNREADABLE = "The body cannot be read."

View = Callable[..., HttpResponseBase]

logger = logging.getLogger(__name__)


def mailing(view: View) -> View:
    """The view; if its mail cannot be sent, the answer says so."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **keys: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **keys)
        except MailFailed:
            return mail_failed(request)

    return wrapped


def strict(view: View) -> View:
    """The view of a JSON endpoint; bodies that a parser or the database cannot take are refused."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **keys: Any) -> HttpResponseBase:
        try:
            check_body(request)
            return view(request, *args, **keys)
        except ApiError as error:
            code = error.problem.name.lower()
            return refusal(HTTPStatus(error.problem.status), code, error.detail)
        except RecursionError:
            # Nested just deeply enough to pass here, but not some calls deeper.
            return refusal(HTTPStatus.BAD_REQUEST, "malformed", UNREADABLE)

    return wrapped


def made_once(view: Callable[..., HttpResponse]) -> View:
    """The view of a document that is the same for everybody, made at the first request for it."""
    made: list[HttpResponse] = []

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **keys: Any) -> HttpResponseBase:
        if request.method not in ("GET", "HEAD"):
            return view(request, *args, **keys)
        if not made:
            made.append(view(request, *args, **keys))
        return HttpResponse(made[0].content, headers=made[0].headers)

    return wrapped


def passkeys(view: View) -> View:
    """The view of an endpoint that takes a passkey's answer.

    allauth parses it unchecked, so any part can be missing or have another type.
    """

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **keys: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **keys)
        except (AttributeError, KeyError, TypeError, ValueError):
            logger.info("A passkey's answer could not be read.", exc_info=True)
            return refusal(HTTPStatus.BAD_REQUEST, "malformed", UNREADABLE)

    return wrapped


def check_body(request: HttpRequest) -> None:
    """Refuse a body that the API would refuse; a missing one is for the view to judge.

    Raises ApiError.
    """
    if request.headers.get("Content-Length") not in (None, "", "0"):
        check_whole(read_object(request))


def check_whole(value: Any) -> None:
    """Refuse whole numbers that no id can be."""
    for level in levels(value):
        for found in level:
            if isinstance(found, int) and not -MAX_WHOLE <= found <= MAX_WHOLE:
                raise ApiError(Problem.MALFORMED, "A whole number is too large.")
