"""One method of one route, as OpenAPI tells of it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.urls import URLPattern

from accounts.authentication import SESSION_ONLY, Kind
from budget.http.door import Handler
from budget.http.problems import Problem
from budget.openapi.components import Components, Json
from budget.openapi.parameters import in_headers, in_path, in_query
from budget.schemas.page import PlaceQuery

HEADERS: dict[str, Json] = {
    "ETag": {
        "description": "Names this state of the answer, for If-None-Match and If-Match.",
        "schema": {"type": "string"},
    },
    "Location": {
        "description": "The address of the new row.",
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
        "description": "What is left of each limit, and in how many seconds it begins anew.",
        "schema": {"type": "string"},
        "example": '"address";r=2980;t=41, "credential";r=0;t=12',
    },
    "RateLimit-Policy": {
        "description": "The limits: requests and the seconds that they are for.",
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
    Problem.INTERNAL,
    Problem.BUSY,
)
WRITES = (Problem.CSRF, Problem.SCOPE, Problem.FORBIDDEN, Problem.CONFLICT, Problem.OVERFLOW)
BODIES = (Problem.LENGTH, Problem.TOO_LARGE, Problem.MEDIA_TYPE, Problem.VALIDATION)
KEYS = (Problem.RUNNING, Problem.KEY_REUSED)


def operation(components: Components, url: URLPattern, method: str, handler: Handler) -> Json:
    """What a method takes and answers with."""
    one = bool(url.pattern.converters) or (not lists(handler) and method != "POST")
    asked = in_headers(method, handler, one=one)
    said = (inspect.getdoc(handler.view) or "").partition("\n\n")
    told: Json = {
        "operationId": handler.view.__name__,
        "tags": [str(url.pattern).partition("/")[0]],
        "summary": " ".join(said[0].split()).rstrip("."),
        "parameters": [*in_path(url), *in_query(handler.query), *asked],
        "responses": responses(components, method, handler, asked),
        "security": security(method, handler),
    }
    if said[2]:
        told["description"] = " ".join(said[2].split())
    if handler.body is not None:
        bodies = [components.sent(body) for body in (handler.body, handler.many) if body]
        content = components.content({"anyOf": bodies} if handler.many else bodies[0])
        told["requestBody"] = {"required": True, "content": {"application/json": content}}
    return told


def lists(handler: Handler) -> bool:
    return issubclass(handler.query, PlaceQuery)


def security(method: str, handler: Handler) -> list[Json]:
    """Each way to say who is asking; a write by cookie also shows that a page of ours sent it."""
    cookie: Json = {"cookie": []} if method == "GET" else {"cookie": [], "csrf": []}
    found: list[Json] = []
    if handler.kinds - SESSION_ONLY:
        found.append({"token": []})
    return [*found, {"session": []}, cookie]


def responses(components: Components, method: str, handler: Handler, asked: list[Json]) -> Json:
    content: Json = {"schema": {"type": "object" if is_json(handler) else "string"}}
    if handler.answer is not None:
        write = not handler.reads(method)
        content = components.content(components.answered(handler.answer, write=write))
    found = {
        str(handler.status): {
            "description": HTTPStatus(handler.status).phrase,
            "headers": {name: HEADERS[name] for name in headers(method, handler)},
            "content": {handler.media: content},
        }
    }
    if handler.trial:
        add_trial(components, found, handler)
    names = {parameter["name"] for parameter in asked}
    if "If-None-Match" in names:
        found["304"] = {"description": "The answer at hand is still right."}
    statuses = sorted({problem.status for problem in problems(method, handler, names)})
    return found | {str(s): {"$ref": f"#/components/responses/Problem{s}"} for s in statuses}


def add_trial(components: Components, found: Json, handler: Handler) -> None:
    """The answer with dry_run=true: beside the real one, or a choice where both are 200."""
    trial = components.content(components.tried(handler.answer))
    if handler.status != HTTPStatus.OK:
        found["200"] = {"description": "What would be.", "content": {handler.media: trial}}
        return
    real = found["200"]["content"][handler.media]
    real["schema"] = {"anyOf": [real["schema"], trial["schema"]]}
    real["examples"] |= trial["examples"]


def is_json(handler: Handler) -> bool:
    return handler.media == "application/json"


def headers(method: str, handler: Handler) -> Iterator[str]:
    if handler.tagged and is_json(handler) and method != "DELETE":
        yield "ETag"
    if handler.status == HTTPStatus.CREATED:
        yield "Location"
    if lists(handler):
        yield "Link"


def problems(method: str, handler: Handler, names: set[str]) -> set[Problem]:
    """What can go wrong. names: of the headers that the operation looks at."""
    found = {*ALWAYS, *(problem for problem in Problem if problem.status == 429)}
    if not handler.reads(method):
        found |= {*WRITES}
    if handler.safe:
        found |= {Problem.CSRF}
    found |= {*handler.raises}
    if handler.body is not None:
        found |= {*BODIES}
    if handler.kinds != frozenset(Kind):
        found |= {Problem.SCOPE}
    if handler.kinds == SESSION_ONLY:
        found |= {Problem.REAUTHENTICATE}
    if "If-Match" in names:
        found |= {Problem.PRECONDITION}
    if "Idempotency-Key" in names:
        found |= {*KEYS}
    return found


EXTRA_HEADERS: dict[int, tuple[str, ...]] = {
    401: ("WWW-Authenticate",),
    403: ("WWW-Authenticate",),
    409: ("Retry-After",),
    429: ("Retry-After", "RateLimit", "RateLimit-Policy"),
    503: ("Retry-After",),
}


def problem_responses() -> Json:
    """The answer to a request that fails, for each status that there is."""
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
            problem.type.rpartition("/")[2]: {"summary": problem.title, "value": shown(problem)}
            for problem in mine
        },
    }
    found: Json = {
        "description": ". ".join(problem.title for problem in mine) + ".",
        "content": {"application/problem+json": content},
    }
    return found | ({"headers": {name: HEADERS[name] for name in names}} if names else {})


def shown(problem: Problem) -> Json:
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
