"""Errors as application/problem+json (RFC 9457): raised anywhere, turned into answers here."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from enum import Enum
from http import HTTPStatus
from typing import Any, NotRequired, TypedDict
from urllib.parse import quote

from django.core.exceptions import (
    NON_FIELD_ERRORS,
    BadRequest,
    ObjectDoesNotExist,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    ValidationError,
)
from django.core.signals import got_request_exception
from django.db import Error as DatabaseError
from django.db import IntegrityError, InterfaceError, OperationalError
from django.db.models import ProtectedError
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse, UnreadablePostError
from django.views import defaults

from accounts.authentication import CsrfFailed, Forbidden, Reauthenticate, Unauthenticated
from accounts.refusals import bare_refusal, within_allauth
from api.schemas.base import InvalidBody, InvalidQuery, NoSuchRow
from budget.models import Conflict, LedgerOverflow, TooManyAlerts
from lib import transport
from lib.errors import DEADLOCKS, code_of
from lib.logs import route_of
from lib.throttle import Throttled

logger = logging.getLogger(__name__)

RETRY_AFTER = {"Retry-After": "1"}
# How many errors one answer lists; it counts the others.
MAX_ERRORS = 100


class Problem(Enum):
    """Every kind of problem: the last part of its type URI, the HTTP status and the title.

    A client may branch on the type, so it never changes.
    """

    MALFORMED = transport.MALFORMED
    PARAMETERS = "parameters", 400, "The query string is not valid"
    UNAUTHENTICATED = "unauthenticated", 401, "A valid credential is needed"
    CSRF = "csrf", 403, "The CSRF token is missing or wrong"
    SCOPE = "insufficient-scope", 403, "The credential does not allow this"
    REAUTHENTICATE = "reauthenticate", 403, "A recent log-in is needed"
    FORBIDDEN = "forbidden", 403, "This is not allowed"
    NOT_FOUND = "not-found", 404, "Not found"
    NO_PUSH = "no-web-push", 404, "This service sends no web push"
    METHOD = "method-not-allowed", 405, "The method is not allowed here"
    TIMEOUT = transport.TIMEOUT
    CONFLICT = "conflict", 409, "Existing rows forbid this"
    STALE = "stale", 409, "Something has changed since the first page"
    RUNNING = "still-running", 409, "The first request with this key is still running"
    GONE = "gone", 410, "The cursor or number no longer exists"
    LENGTH = "length-required", 411, "The length of the body is missing"
    PRECONDITION = "precondition-failed", 412, "The row has changed since you read it"
    TOO_LARGE = "too-large", 413, "The body is too large"
    URI_TOO_LONG = transport.URI_TOO_LONG
    MEDIA_TYPE = "media-type", 415, "The body must be JSON"
    KEY_REUSED = "key-reused", 422, "The Idempotency-Key belongs to another request"
    VALIDATION = "validation", 422, "Some fields are not valid"
    OVERFLOW = "overflow", 422, "A total would grow too large"
    MANY_ALERTS = "too-many-alerts", 422, "Too many alerts would open at once"
    THROTTLED = "too-many-requests", 429, "Too many requests"
    HEADERS_TOO_LARGE = transport.HEADERS_TOO_LARGE
    INTERNAL = transport.INTERNAL
    BUSY = transport.BUSY

    def __init__(self, slug: str, status: int, title: str) -> None:
        self.type = f"/problems/{slug}"
        self.status = status
        self.title = title


class FieldError(TypedDict):
    """One thing that is wrong. pointer: JSON Pointer into the body; parameter: in the query."""

    detail: str
    pointer: NotRequired[str]
    parameter: NotRequired[str]


class ApiError(Exception):
    """A request that is answered with a problem.

    errors: all of them; the answer lists the first 100 and says how many more there are.
    """

    def __init__(
        self,
        problem: Problem,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.problem = problem
        self.detail = detail
        self.errors = list(errors[:MAX_ERRORS])
        self.more_errors = len(errors) - len(self.errors)
        self.headers = dict(headers or {})

    def response(self) -> JsonResponse:
        body: dict[str, Any] = {
            "type": self.problem.type,
            "title": self.problem.title,
            "status": self.problem.status,
            "detail": self.detail,
        }
        if self.errors:
            body["errors"] = self.errors
        if self.more_errors:
            body["more_errors"] = self.more_errors
        return JsonResponse(
            body,
            status=self.problem.status,
            content_type="application/problem+json",
            headers={"Cache-Control": "no-store", **self.headers},
        )


def wrong(problem: Problem, errors: Sequence[FieldError]) -> ApiError:
    """All that is wrong, as one problem; its detail repeats it for people."""
    words = [in_words(error) for error in errors[:MAX_ERRORS]]
    if more := len(errors) - len(words):
        words.append(f"There are {more} more errors.")
    return ApiError(problem, " ".join(words), errors=errors)


def in_words(error: FieldError) -> str:
    where = error.get("parameter") or error.get("pointer", "").lstrip("#/")
    return f"{where}: {error['detail']}" if where else error["detail"]


def pointer(*path: str | int) -> str:
    """A JSON Pointer (RFC 6901) to a place in the body, written as a URI fragment."""
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in path)
    return "#" + "".join(f"/{quote(part, safe='~')}" for part in parts)


def answer_to(request: HttpRequest, error: Exception) -> JsonResponse:
    """The answer to a request that failed; an unexpected error is logged and answered with 500."""
    known = translate(error)
    if known is None:
        # Not the path: it may have the name of a user's category.
        logger.error("%s %s failed", request.method, route_of(request), exc_info=error)
        # For everything that collects crashes, Django's test client too.
        got_request_exception.send(sender=None, request=request)
        known = ApiError(Problem.INTERNAL, "This is our fault; it has been logged.")
    return known.response()


def translate(error: Exception) -> ApiError | None:
    """The problem that an exception means; None for a fault of the server."""
    match error:
        case ApiError():
            return error
        case Unauthenticated():
            challenge = {"WWW-Authenticate": error.challenge}
            return ApiError(Problem.UNAUTHENTICATED, str(error), headers=challenge)
        case CsrfFailed():
            return ApiError(Problem.CSRF, str(error))
        case Forbidden():
            challenge = {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}
            return ApiError(Problem.SCOPE, str(error), headers=challenge)
        case Reauthenticate():
            return ApiError(Problem.REAUTHENTICATE, str(error))
        case Throttled():
            wait = {"Retry-After": str(error.count.reset)}
            return ApiError(Problem.THROTTLED, str(error), headers=wait)
        case InvalidQuery():
            wrong_parameters: list[FieldError] = [
                {"detail": detail, "parameter": str(place[0])} for place, detail in error.errors
            ]
            return wrong(Problem.PARAMETERS, wrong_parameters)
        case InvalidBody():
            wrong_fields: list[FieldError] = [
                {"detail": detail, "pointer": pointer(*place)} for place, detail in error.errors
            ]
            return wrong(Problem.VALIDATION, wrong_fields)
        case ValidationError():
            return wrong(Problem.VALIDATION, field_errors(error))
        case Conflict():
            errors: list[FieldError] = [
                {"detail": detail, "pointer": pointer(*place)}
                for place, detail in error.places.items()
            ]
            return ApiError(Problem.CONFLICT, str(error), errors=errors)
        case ProtectedError():
            return ApiError(Problem.CONFLICT, "Other rows need this one.")
        case LedgerOverflow():
            return ApiError(Problem.OVERFLOW, str(error))
        case TooManyAlerts():
            return ApiError(Problem.MANY_ALERTS, str(error))
        case Http404() | ObjectDoesNotExist():
            detail = "There is no such thing, or it is not yours."
            named: list[FieldError] = (
                [{"detail": detail, "pointer": pointer(error.field)}]
                if isinstance(error, NoSuchRow)
                else []
            )
            return ApiError(Problem.NOT_FOUND, detail, errors=named)
        case PermissionDenied():
            return ApiError(Problem.FORBIDDEN, "This is not allowed.")
        case RequestDataTooBig():
            return ApiError(Problem.TOO_LARGE, "The body is too large.")
        case UnreadablePostError() | SuspiciousOperation() | BadRequest():
            return ApiError(Problem.MALFORMED, "The request cannot be read.")
        case DatabaseError():
            return translate_database_error(error)
    return None


def field_errors(error: ValidationError) -> list[FieldError]:
    """What a model refused, by field; a model's fields have the names that the API uses."""
    if not hasattr(error, "error_dict"):
        return [{"detail": message, "pointer": pointer()} for message in error.messages]
    return [
        {"detail": message, "pointer": pointer(*() if name == NON_FIELD_ERRORS else (name,))}
        for name, messages in error.message_dict.items()
        for message in messages
    ]


# SQLSTATEs of PostgreSQL, extended result codes of SQLite.
NOT_UNIQUE = {"23505", 2067, 1555}
DANGLING = {"23503", 787}
SQLITE_ERROR = 1  # a fault in the statement; waiting does not help


def is_deadlock(error: DatabaseError) -> bool:
    """Whether the database gave this transaction up for another's sake; a second try may pass."""
    return code_of(error) in DEADLOCKS


def translate_database_error(error: Exception) -> ApiError | None:
    """Locks not had in time, a full disk, a lost connection: 503. A rule of uniqueness: 409."""
    code = code_of(error)
    if isinstance(error, IntegrityError) and code in NOT_UNIQUE:
        return ApiError(Problem.CONFLICT, "There is a row with one of these values already.")
    if isinstance(error, IntegrityError) and code in DANGLING:
        return ApiError(Problem.CONFLICT, "A row that this one needs has gone meanwhile.")
    if isinstance(error, (OperationalError, InterfaceError)) and code != SQLITE_ERROR:
        logger.warning("The database could not serve a request: %s", error)
        detail = "The database could not do this now. Send it again, a POST with the same key."
        return ApiError(Problem.BUSY, detail, headers=RETRY_AFTER)
    return None


def within_api(request: HttpRequest) -> bool:
    return request.path == "/api" or request.path.startswith("/api/")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's handler400: JSON under /api/ and /_allauth/, a page elsewhere."""
    if within_api(request):
        return ApiError(Problem.MALFORMED, "The request cannot be read.").response()
    if within_allauth(request):
        return bare_refusal(HTTPStatus.BAD_REQUEST)
    return defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponseBase:
    """Django's handler404, and the view of every unknown path under /api/."""
    if within_api(request):
        detail = f"There is no {request.path} in this API; /api/docs shows what there is."
        return ApiError(Problem.NOT_FOUND, detail).response()
    if within_allauth(request):
        return bare_refusal(HTTPStatus.NOT_FOUND)
    return defaults.page_not_found(request, exception or Http404())


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Django's handler500: JSON under /api/ and /_allauth/, a page elsewhere."""
    if within_api(request):
        return ApiError(Problem.INTERNAL, "This is our fault; it has been logged.").response()
    if within_allauth(request):
        return bare_refusal(HTTPStatus.INTERNAL_SERVER_ERROR)
    return defaults.server_error(request)
