"""The OpenAPI 3.1 document of all routes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver

from api.http.door import Door
from api.http.problems import MAX_ERRORS
from api.openapi.components import Components, Json
from api.openapi.operations import operation, problem_responses
from api.openapi.parameters import path_of

Routes = Sequence[URLPattern | URLResolver]

DESCRIPTION = """\
Watches spending and opens alerts when a limit is near or passed. Every alert shown is true now, \
appears exactly once, and can be explained.

- Amounts are strings with two decimals, in the currency of the user's profile; counts are strings \
of a whole number. A transaction's amount is more than 0 and its type gives the sign; a \
threshold's is 0 or more. Totals, limits and what is left can be negative. The digits \
of a JSON number are taken exactly, never as a float.
- Dates are calendar dates, times are ISO 8601 in UTC. `period_end` is the first day after.
- The credential decides whose rows a request reads and writes. Rows of other users do not exist \
(404).
- Without a credential, `GET /api` names the documents: this description, its page and the types \
of problems.
- A write answers with the row and with the alerts that it opened and resolved.
- Unknown fields and parameters are refused. An error is `application/problem+json` (RFC 9457) \
with every wrong field at once; clients branch on its `type`.
"""

TAGS = {
    "transaction": "Movements of money, from which every total and every alert is computed.",
    "threshold": "Limits on spending, each with the current period: total, remaining, percent.",
    "alert": "Levels that were reached, and the user's own messages.",
    "endpoint": "Where the user's events are sent: webhooks, signed by Standard Webhooks.",
    "push": "The browsers that show the user's alerts, by web push.",
    "delivery": "One message to an endpoint, with each try.",
    "notification": "How messages reach the user by e-mail and in browsers.",
    "category": "What money is spent on, in the user's own words.",
    "transaction-type": "What a transaction does to spending and income.",
    "import": "Files of banks and other programs: what was understood, stored and undone.",
    "profile": "The user's settings: time zone, first day of week and month, currency.",
    "token": "Bearer tokens for scripts; created with a login, never with a token.",
    "summary": "Spending, income and net between two dates.",
    "account": "All of a user's data: to export or to delete.",
}

SECURITY: dict[str, Json] = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token from POST /api/token or from an administrator: "
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
        "description": "The value of the csrftoken cookie; with the session cookie, on writes.",
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
            "description": "What went wrong: the path of its explanation. It never changes.",
        },
        "title": {"type": "string", "description": "The type in words."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "What went wrong this time, for humans."},
        "errors": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_ERRORS,
            "description": "Everything that is wrong with the request, at most "
            f"{MAX_ERRORS} errors.",
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
        "more_errors": {
            "type": "integer",
            "minimum": 1,
            "description": "How many more errors there are.",
        },
    },
}


def describe(routes: Routes) -> Json:
    """The OpenAPI document of the routes behind the door."""
    components = Components()
    paths: dict[str, Any] = {}
    for url in routes:
        if isinstance(url, URLPattern) and isinstance(url.callback, Door):
            paths[path_of(url)] = {
                method.lower(): operation(components, url, method, endpoint)
                for method, endpoint in url.callback.endpoints.items()
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
    """The view of the document, which is made once because the routes do not change."""

    def __init__(self, routes: Routes) -> None:
        self.routes = routes

    @cached_property
    def text(self) -> str:
        return json.dumps(describe(self.routes), indent=1, ensure_ascii=False) + "\n"

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """The OpenAPI 3.1 document, as JSON."""
        headers = {"Cache-Control": "public, max-age=300"}
        return HttpResponse(self.text, content_type="application/json", headers=headers)
