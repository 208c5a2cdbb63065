"""One method of one route as an OpenAPI operation."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.urls import URLPattern

from accounts.authentication import SESSION_ONLY, Kind
from api.http.endpoint import Endpoint
from api.http.idempotency import REPLAYED
from api.http.problems import Problem
from api.http.uploads import FILE
from api.openapi.components import Components, Json
from api.openapi.parameters import IDEMPOTENCY_KEY, in_headers, in_path, in_query
from api.schemas.page import PlaceQuery

HEADERS: dict[str, Json] = {
    "ETag": {
        "description": "Names this state of the answer, for If-None-Match and If-Match.",
        "schema": {"type": "string"},
    },
    REPLAYED: {
        "description": "true: this is the answer to the first request with the Idempotency-Key, "
        "and nothing was stored now. Absent otherwise.",
        "schema": {"const": "true"},
    },
    "Location": {
        "description": "The path of the new row.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "Link": {
        "description": 'The pages beside this one (RFC 8288), rel="next" and rel="prev".',
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds after which to try again.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "RateLimit": {
        "description": "What is left of each limit, and in how many seconds it starts again.",
        "schema": {"type": "string"},
        "example": '"address";r=2980;t=41, "credential";r=0;t=12',
    },
    "RateLimit-Policy": {
        "description": "The limits: requests, and in how many seconds.",
        "schema": {"type": "string"},
        "example": '"address";q=3000;w=60, "credential";q=600;w=60',
    },
    "WWW-Authenticate": {
        "description": "The scheme of tokens (RFC 6750), and what is wrong with the one sent.",
        "schema": {"type": "string"},
    },
}
ALWAYS = (
    Problem.MALFORMED,
    Problem.PARAMETERS,
    Problem.UNAUTHENTICATED,
    Problem.NOT_FOUND,
    Problem.TIMEOUT,
    Problem.URI_TOO_LONG,
    Problem.HEADERS_TOO_LARGE,
    Problem.INTERNAL,
    Problem.BUSY,
)
WRITES = (
    Problem.CSRF,
    Problem.SCOPE,
    Problem.FORBIDDEN,
    Problem.CONFLICT,
    Problem.OVERFLOW,
    Problem.MANY_ALERTS,
)
BODIES = (Problem.LENGTH, Problem.TOO_LARGE, Problem.MEDIA_TYPE, Problem.VALIDATION)
KEYS = (Problem.RUNNING, Problem.KEY_REUSED)


def operation(components: Components, url: URLPattern, method: str, endpoint: Endpoint) -> Json:
    """What a method accepts and answers."""
    one = bool(url.pattern.converters) or (not lists(endpoint) and method != "POST")
    asked = in_headers(method, endpoint, one=one)
    said = (inspect.getdoc(endpoint.view) or "").partition("\n\n")
    described: Json = {
        "operationId": endpoint.view.__name__,
        "tags": [str(url.pattern).partition("/")[0]],
        "summary": " ".join(said[0].split()).rstrip("."),
        "parameters": [*in_path(url), *in_query(endpoint.query), *asked],
        "responses": responses(components, method, endpoint, asked),
        "security": security(method, endpoint),
    }
    if said[2]:
        described["description"] = " ".join(said[2].split())
    if endpoint.body is not None:
        bodies = [components.sent(body) for body in (endpoint.body, endpoint.batch_body) if body]
        content = components.content({"anyOf": bodies} if endpoint.batch_body else bodies[0])
        described["requestBody"] = {"required": True, "content": {"application/json": content}}
    elif endpoint.upload:
        described["requestBody"] = {"required": True, "content": file_content(endpoint)}
    return described


def file_content(endpoint: Endpoint) -> Json:
    """A file as the whole body, or as the field `file` of a form beside the parameters."""
    binary: Json = {"type": "string", "format": "binary"}
    fields = {one["name"]: {"type": "string"} for one in in_query(endpoint.query)}
    form: Json = {
        "type": "object",
        "required": [FILE],
        "properties": {FILE: binary, **fields},
        "additionalProperties": False,
    }
    return {"application/octet-stream": {"schema": binary}, "multipart/form-data": {"schema": form}}


def lists(endpoint: Endpoint) -> bool:
    return issubclass(endpoint.query, PlaceQuery)


def security(method: str, endpoint: Endpoint) -> list[Json]:
    """The accepted credentials; a write with a cookie also needs the CSRF token."""
    cookie: Json = {"cookie": []} if method == "GET" else {"cookie": [], "csrf": []}
    found: list[Json] = []
    if endpoint.kinds - SESSION_ONLY:
        found.append({"token": []})
    return [*found, {"session": []}, cookie]


def responses(components: Components, method: str, endpoint: Endpoint, asked: list[Json]) -> Json:
    content: Json = {"schema": {"type": "object" if is_json(endpoint) else "string"}}
    if endpoint.answer is not None:
        write = not endpoint.reads(method)
        content = components.content(components.answered(endpoint.answer, write=write))
    found = {
        str(endpoint.status): {
            "description": HTTPStatus(endpoint.status).phrase,
            "headers": {name: HEADERS[name] for name in headers(method, endpoint, asked)},
            "content": {endpoint.media_type: content},
        }
    }
    if endpoint.dry_run:
        add_dry_run(components, found, endpoint)
    if endpoint.upload:
        found["200"] = {**found[str(endpoint.status)], "description": "What would be."}
    names = {parameter["name"] for parameter in asked}
    if "If-None-Match" in names:
        found["304"] = {"description": "The answer that you have is still current."}
    statuses = sorted({problem.status for problem in problems(method, endpoint, names)})
    return found | {str(s): {"$ref": f"#/components/responses/Problem{s}"} for s in statuses}


def add_dry_run(components: Components, found: Json, endpoint: Endpoint) -> None:
    """Add the answer with dry_run=true; where both have status 200, as an alternative."""
    dry_run = components.content(components.dry_run(endpoint.answer))
    if endpoint.status != HTTPStatus.OK:
        found["200"] = {"description": "What would be.", "content": {endpoint.media_type: dry_run}}
        return
    real = found["200"]["content"][endpoint.media_type]
    real["schema"] = {"anyOf": [real["schema"], dry_run["schema"]]}
    real["examples"] |= dry_run["examples"]


def is_json(endpoint: Endpoint) -> bool:
    return endpoint.media_type == "application/json"


def headers(method: str, endpoint: Endpoint, asked: list[Json]) -> Iterator[str]:
    if endpoint.etag and is_json(endpoint) and method != "DELETE":
        yield "ETag"
    if endpoint.status in (HTTPStatus.CREATED, HTTPStatus.ACCEPTED):
        yield "Location"
    if lists(endpoint):
        yield "Link"
    if IDEMPOTENCY_KEY in asked:
        yield REPLAYED


def problems(method: str, endpoint: Endpoint, names: set[str]) -> set[Problem]:
    """What can go wrong. names: of the headers that the operation reads."""
    found = {*ALWAYS, *(problem for problem in Problem if problem.status == 429)}
    if not endpoint.reads(method):
        found |= {*WRITES}
    if endpoint.read_only:
        found |= {Problem.CSRF}
    found |= {*endpoint.raises}
    if endpoint.body is not None:
        found |= {*BODIES}
    if endpoint.kinds != frozenset(Kind):
        found |= {Problem.SCOPE}
    if endpoint.kinds == SESSION_ONLY:
        found |= {Problem.REAUTHENTICATE}
    if "If-Match" in names:
        found |= {Problem.PRECONDITION}
    if "Idempotency-Key" in names:
        found |= {*KEYS}
    if lists(endpoint):
        found |= {Problem.GONE}
    return found


EXTRA_HEADERS: dict[int, tuple[str, ...]] = {
    401: ("WWW-Authenticate",),
    403: ("WWW-Authenticate",),
    409: ("Retry-After",),
    429: ("Retry-After", "RateLimit", "RateLimit-Policy"),
    503: ("Retry-After",),
}


def problem_responses() -> Json:
    """The error answer of each status."""
    return {f"Problem{status}": problem_response(status) for status in statuses()}


def statuses() -> list[int]:
    return sorted({problem.status for problem in Problem})


def problem_response(status: int) -> Json:
    mine = [problem for problem in Problem if problem.status == status]
    names = EXTRA_HEADERS.get(status, ())
    content: dict[str, Any] = {
        "schema": {
            "allOf": [
                {"$ref": "#/components/schemas/Problem"},
                {
                    "properties": {
                        "type": {"enum": [problem.type for problem in mine]},
                        "status": {"const": status},
                    }
                },
            ]
        },
        "examples": {
            problem.type.rpartition("/")[2]: {
                "summary": problem.title,
                "value": example_of(problem),
            }
            for problem in mine
        },
    }
    found: Json = {
        "description": ". ".join(problem.title for problem in mine) + ".",
        "content": {"application/problem+json": content},
    }
    return found | ({"headers": {name: HEADERS[name] for name in names}} if names else {})


def example_of(problem: Problem) -> Json:
    """An example of a problem; docs/errors.md says more of each."""
    example: Json = {"type": problem.type, "title": problem.title, "status": problem.status}
    match problem:
        case Problem.VALIDATION:
            wrong = {"detail": "Must be more than 0.", "pointer": "#/amount"}
            return {**example, "detail": "amount: Must be more than 0.", "errors": [wrong]}
        case Problem.PARAMETERS:
            wrong = {"detail": "There is no such parameter.", "parameter": "limits"}
            return {**example, "detail": "limits: There is no such parameter.", "errors": [wrong]}
    return {**example, "detail": f"{problem.title}."}
