"""The whole description (OpenAPI 3.1) of the routes that the API has."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver

from budget.http.door import Door
from budget.openapi.components import Components, Json
from budget.openapi.operations import operation, problem_responses
from budget.openapi.parameters import path_of

Routes = Sequence[URLPattern | URLResolver]

DESCRIPTION = """\
Watches spending and tells people when a limit is near or passed. Every alert shown is true now, \
appears exactly once, and can be explained.

- Amounts are strings with two decimals, in the currency of the user's profile. A JSON number is \
taken by its digits, never through a float.
- Dates are calendar dates, times are ISO 8601 in UTC. `period_end` is the first day after.
- Whose rows a request is about follows from its credential. What belongs to another user does \
not exist (404).
- A write answers with the row and with the alerts that it opened and resolved.
- Unknown fields and parameters are refused. An error is `application/problem+json` (RFC 9457) \
with every wrong field at once; clients branch on its `type`.
"""

TAGS = {
    "transaction": "Movements of money, the rows that every total and every alert is made of.",
    "threshold": "Limits on spending, each with the present period: total, remaining, percent.",
    "alert": "Levels that were reached, and messages of the user's own.",
    "category": "What money is spent on, in the user's own words.",
    "transaction-type": "What a row does to spending and income.",
    "profile": "The settings by which time is cut into periods.",
    "token": "Bearer tokens for scripts; made with a login, never with a token.",
    "summary": "Spending, income and net, straight from the rollups.",
    "account": "All of a user's data: to take out, or to delete.",
}

SECURITY: dict[str, Json] = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token from POST /api/token or the administrator: "
        "`Authorization: Bearer fa_...`. Its scope is read, write or service.",
    },
    "session": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Session-Token",
        "description": "The session of an app, from a login at /_allauth/app/v1/auth/login.",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "sessionid",
        "description": "The session of a browser, from a login at /_allauth/browser/v1/auth/login.",
    },
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": "X-CSRFToken",
        "description": "The value of the csrftoken cookie: beside the session cookie, on writes.",
    },
}

PROBLEM: Json = {
    "type": "object",
    "description": "An error (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "additionalProperties": False,
    "properties": {
        "type": {
            "type": "string",
            "format": "uri-reference",
            "description": "What went wrong: the address of its explanation. It stays as it is.",
        },
        "title": {"type": "string", "description": "The type in words."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "What went wrong this time, for people."},
        "errors": {
            "type": "array",
            "minItems": 1,
            "description": "Everything that is wrong with the request, at once.",
            "items": {
                "type": "object",
                "required": ["detail"],
                "oneOf": [{"required": ["pointer"]}, {"required": ["parameter"]}],
                "additionalProperties": False,
                "properties": {
                    "detail": {"type": "string"},
                    "pointer": {
                        "type": "string",
                        "description": "Where in the body: a JSON Pointer as a URI fragment.",
                    },
                    "parameter": {
                        "type": "string",
                        "description": "The parameter of the query string, or the header.",
                    },
                },
            },
        },
    },
}


def describe(routes: Routes) -> Json:
    """The OpenAPI document of the routes that stand behind the door."""
    components = Components()
    paths: dict[str, Any] = {}
    for url in routes:
        if isinstance(url, URLPattern) and isinstance(url.callback, Door):
            paths[path_of(url)] = {
                method.lower(): operation(components, url, method, handler)
                for method, handler in url.callback.handlers.items()
            }
    used = [tag for path in paths.values() for method in path.values() for tag in method["tags"]]
    return {
        "openapi": "3.1.0",
        "info": {"title": "Financial Alerts", "version": "1", "description": DESCRIPTION},
        "servers": [{"url": "/"}],
        "tags": [{"name": tag, "description": TAGS[tag]} for tag in dict.fromkeys(used)],
        "paths": paths,
        "components": {
            "schemas": dict(sorted({**components.schemas, "Problem": PROBLEM}.items())),
            "responses": problem_responses(),
            "securitySchemes": SECURITY,
        },
    }


class Specification:
    """The view of the description; made once, as the routes do not change."""

    def __init__(self, routes: Routes) -> None:
        self.routes = routes

    @cached_property
    def text(self) -> str:
        return json.dumps(describe(self.routes), indent=1, ensure_ascii=False) + "\n"

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The description of the API, as OpenAPI 3.1 in JSON."""
        headers = {"Cache-Control": "public, max-age=300"}
        return HttpResponse(self.text, content_type="application/json", headers=headers)
