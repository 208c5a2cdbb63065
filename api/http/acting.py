"""A service acts for the user whom each request names."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.http import Http404, HttpRequest

from api.http.problems import ApiError, FieldError, Problem, pointer, wrong
from api.schemas.base import to_number, to_whole


def named_user(request: HttpRequest, sent: dict[str, Any] | None) -> User:
    """The user whose rows a service's request reads or writes. sent: the body, if there is one.

    The schemas refuse any other user in the same request. Raises ApiError if no user is named,
    Http404 if no active user has the id.
    """
    user = User.objects.filter(pk=user_id(request, sent), is_active=True).first()
    if user is None:
        raise Http404
    return user


def user_id(request: HttpRequest, sent: dict[str, Any] | None) -> int:
    """The id that the query string or the body names."""
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
