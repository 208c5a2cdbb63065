"""Whose rows a request is about: the sender's own, or of a service's the user's whom it names."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.http import Http404, HttpRequest

from accounts.authentication import Credential, Kind
from budget.http.problems import ApiError, FieldError, Problem, pointer, wrong
from budget.schemas.fields import to_number, to_whole


def acting_for(credential: Credential, request: HttpRequest, sent: dict[str, Any] | None) -> User:
    """The user whose rows the request reads or writes.

    sent: the body, where there is one. The schemas see to it that nobody else is named anywhere.
    Raises ApiError where a service names nobody, Http404 where there is no such active user.
    """
    if credential.kind != Kind.SERVICE:
        return credential.user
    user = User.objects.filter(pk=named(request, sent), is_active=True).first()
    if user is None:
        raise Http404
    return user


def named(request: HttpRequest, sent: dict[str, Any] | None) -> int:
    """The id that a service says, in the query string of any request or in the body."""
    if "user" in request.GET:
        return number(to_number, request.GET["user"], in_query("Must be a whole number."))
    if sent is None:
        raise in_query("This parameter is required with a service's token.")
    if sent.get("user") is None:
        raise in_body("This field is required with a service's token.")
    return number(to_whole, sent["user"], in_body("Must be a whole number."))


def number(read: Any, value: object, error: ApiError) -> int:
    try:
        return int(read(value))
    except ValueError:
        raise error from None


def in_query(detail: str) -> ApiError:
    errors: list[FieldError] = [{"detail": detail, "parameter": "user"}]
    return wrong(Problem.PARAMETERS, errors)


def in_body(detail: str) -> ApiError:
    errors: list[FieldError] = [{"detail": detail, "pointer": pointer("user")}]
    return wrong(Problem.VALIDATION, errors)
