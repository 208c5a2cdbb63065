"""The door of every route: who is asking, with which method, and which JSON is sent.

A new route is closed to unauthenticated clients by default. What anything below raises becomes a
problem here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from decimal import InvalidOperation
from http import HTTPStatus
from typing import Any, NoReturn

import orjson
from django.core.exceptions import RequestDataTooBig
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotModified,
)
from django.urls import URLPattern, path
from django.utils.cache import patch_vary_headers

from accounts.authentication import (
    NOTHING,
    Beside,
    Credential,
    Kind,
    Unauthenticated,
    authenticate,
    check_reach,
)
from api.http.acting import named_user
from api.http.endpoint import ApiRequest, Endpoint, Stream
from api.http.ledgered import read, write
from api.http.problems import ApiError, Problem, answer_to
from api.http.uploads import receive
from api.schemas.base import Number
from budget.models.ledger import STATE_COLUMNS, known_state
from lib.text import UNSTORABLE
from lib.throttle import CREDENTIAL, UNAUTHENTICATED, spend, spend_by_address
from lib.transport import BODY, STRANGERS_BODY

# What a body may hold. The largest useful one, a batch of 1,000 full transactions, has 8,002
# values: objects, lists, and what they hold; keys do not count.
MAX_VALUES = 20_000
MAX_DEPTH = 20

# The state of the user's ledger, in the query that reads the token.
LEDGER = Beside(f", {STATE_COLUMNS}", "LEFT JOIN budget_ledger l ON l.user_id = u.id", known_state)


def rest_path(route: str, **endpoints: Endpoint) -> URLPattern:
    """A URL with its table of methods: rest_path("alert", GET=list_alerts, POST=create_alert)."""
    return path(route, Door(endpoints))


class Door:
    """The one function behind every URL of the API that needs a credential."""

    # Whether CSRF matters depends on the credential, so authenticate() checks it.
    csrf_exempt = True

    def __init__(self, endpoints: dict[str, Endpoint]) -> None:
        self.endpoints = endpoints
        self.reading = {method for method, found in endpoints.items() if found.reads(method)}
        head = ["HEAD"] if "GET" in endpoints else []
        self.allow = ", ".join([*endpoints, *head, "OPTIONS"])

    def __call__(self, request: HttpRequest, **keys: Any) -> HttpResponseBase:
        try:
            response = self.respond(request, keys)
        except Exception as error:
            response = answer_to(request, error)
        # Shared caches store no answer, and a browser asks again before it uses one.
        store = "private, no-cache" if response.has_header("ETag") else "no-store"
        response.headers.setdefault("Cache-Control", store)
        patch_vary_headers(response, ("Authorization", "X-Session-Token", "Cookie"))
        return response

    def respond(self, request: HttpRequest, keys: dict[str, Any]) -> HttpResponseBase:
        if request.method == "OPTIONS":
            return HttpResponse(status=204, headers={"Allow": self.allow})
        method = "GET" if request.method == "HEAD" else request.method or ""
        reads = method in self.reading
        # A write reads the ledger when it locks it.
        credential = admitted(request, LEDGER if reads else NOTHING)
        endpoint = self.endpoints.get(method)
        if endpoint is None:
            detail = f"Allowed here: {self.allow}."
            raise ApiError(Problem.METHOD, detail, headers={"Allow": self.allow})
        check_reach(credential, "GET" if reads else method, endpoint.kinds)
        sent = None if endpoint.body is None else read_object(request)
        known = identified(request, credential, sent)
        if endpoint.upload:
            answer = receive(known, endpoint, keys, length_of(known))
        else:
            answer = (read if reads else write)(known, endpoint, sent, keys)
        if answer.status == HTTPStatus.NOT_MODIFIED:
            return HttpResponseNotModified(headers=answer.headers)
        if isinstance(answer, Stream):
            return answer.response()
        return HttpResponse(
            to_json(answer.body),
            content_type="application/json",
            status=answer.status,
            headers=answer.headers,
        )


def to_json(body: dict[str, Any]) -> bytes:
    """The body of an answer. Raises TypeError for a Decimal, a date, and whatever JSON has not."""
    try:
        return orjson.dumps(body, option=orjson.OPT_PASSTHROUGH_DATETIME)
    except orjson.JSONEncodeError:
        # A percentage of a tiny limit can have more than 64 bits.
        return json.dumps(body, separators=(",", ":")).encode()


# Who is asking


def admitted(request: HttpRequest, beside: Beside) -> Credential:
    """The credential of a request, counted. Raises Unauthenticated, CsrfFailed, Throttled.

    A valid credential gets in, however often other clients at the same IP address have failed: a
    whole town may share one. A secret of 165 bits and more cannot be guessed.
    """
    try:
        credential = authenticate(request, beside)
    except Unauthenticated:
        spend_by_address(request, UNAUTHENTICATED)
        raise
    request.credential = credential  # type: ignore[attr-defined]
    spend(request, CREDENTIAL, credential.key)
    return credential


def identified(
    request: HttpRequest, credential: Credential, sent: dict[str, Any] | None
) -> ApiRequest:
    """The request, with the user whose rows it is about. Raises ApiError and Http404."""
    service = credential.kind == Kind.SERVICE
    request.user = named_user(request, sent) if service else credential.user
    return request  # type: ignore[return-value]


# What is sent: from bytes to plain JSON values, exactly


def read_object(request: HttpRequest) -> dict[str, Any]:
    """The JSON object in the body. Raises ApiError: 400, 413, 415."""
    check_headers(request)
    try:
        body = request.body
    except RequestDataTooBig:
        detail = f"Without a valid credential a body has at most {STRANGERS_BODY} bytes."
        raise ApiError(Problem.TOO_LARGE, detail) from None
    if not body:
        raise ApiError(Problem.MALFORMED, "The body is empty; send a JSON object.")
    value = parse(body)
    if not isinstance(value, dict):
        raise ApiError(Problem.MALFORMED, "The body must be a JSON object.")
    return value


def length_of(request: HttpRequest) -> int:
    """The length of the body in bytes, by the headers. Raises ApiError: 400, 411."""
    said = request.headers.get("Content-Length")
    if not said and "Transfer-Encoding" in request.headers:
        raise ApiError(Problem.LENGTH, "A chunked body is not accepted; send a Content-Length.")
    try:
        return int(said or 0)
    except ValueError:
        raise ApiError(Problem.MALFORMED, "The Content-Length is not a number.") from None


def check_headers(request: HttpRequest) -> None:
    """Refuse by the headers, before a byte of the body is read."""
    if length_of(request) > BODY:
        raise ApiError(Problem.TOO_LARGE, f"A body has at most {BODY} bytes.")
    charset = (request.content_params or {}).get("charset", "utf-8")
    if request.content_type != "application/json" or charset.lower() not in ("utf-8", "utf8"):
        raise ApiError(
            Problem.MEDIA_TYPE,
            "Send JSON in UTF-8, with Content-Type: application/json.",
            headers={"Accept": "application/json"},
        )


def parse(body: bytes) -> Any:
    """Strict JSON: UTF-8, no NaN, no key twice, nothing that a database cannot store.

    Raises ApiError for anything else, and for more values or levels than any request needs.
    """
    room = Room()
    try:
        value = json.loads(
            body.decode(),
            parse_float=room.number,
            parse_constant=refuse_constant,
            object_pairs_hook=room.unique_keys,
        )
        check_text(value)
    except UnicodeDecodeError:
        raise ApiError(Problem.MALFORMED, "The body is not UTF-8.") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ApiError(Problem.MALFORMED, f"Not JSON: {error.msg} ({where}).") from None
    except RecursionError:
        raise ApiError(Problem.MALFORMED, "The JSON is nested too deeply.") from None
    except (ValueError, InvalidOperation) as error:
        # Besides what is raised below: numbers with thousands of digits or a huge exponent.
        detail = str(error) if type(error) is Malformed else "A number is too long to be read."
        raise ApiError(Problem.MALFORMED, detail) from None
    return value


class Malformed(ValueError):
    """JSON that is not accepted."""


class Room:
    """The parser's hooks. They stop it at too many values, before they fill the memory."""

    def __init__(self) -> None:
        self.left = MAX_VALUES

    def take(self) -> None:
        """Count one value of the kinds that need most memory: objects and decimal numbers."""
        self.left -= 1
        if self.left < 0:
            raise too_many_values()

    def number(self, literal: str) -> Number:
        self.take()
        return Number(literal)

    def unique_keys(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        self.take()
        found = dict(pairs)
        if len(found) < len(pairs):
            raise Malformed("A key occurs twice in one object.")
        return found


def too_many_values() -> ApiError:
    return ApiError(Problem.TOO_LARGE, f"A body holds at most {MAX_VALUES} values.")


def refuse_constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is not a JSON number.")


def check_text(value: Any) -> None:
    """Refuse strings and keys that a database cannot store."""
    for level in levels(value):
        for found in level:
            if isinstance(found, dict):
                check_strings(found)
            elif isinstance(found, str):
                check_strings([found])


def check_strings(texts: Iterable[str]) -> None:
    if any(map(UNSTORABLE.search, texts)):
        raise Malformed("A string has a NUL character or half of a surrogate pair.")


def levels(value: Any) -> Iterator[list[Any]]:
    """The values of a JSON document, level by level, so that no depth can exhaust the stack.

    Raises ApiError and Malformed for too many values or levels.
    """
    level, count = [value], 0
    for _ in range(MAX_DEPTH):
        count += len(level)
        if count > MAX_VALUES:
            raise too_many_values()
        yield level
        below: list[Any] = []
        for found in level:
            if isinstance(found, dict):
                below += found.values()
            elif isinstance(found, list):
                below += found
        if not below:
            return
        level = below
    raise Malformed(f"The JSON is nested more than {MAX_DEPTH} levels deep.")
