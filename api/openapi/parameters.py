"""What a request has outside its body: path, query string and headers."""

from __future__ import annotations

import re
from typing import Any

from django.urls import URLPattern

from api.http.endpoint import Endpoint
from api.openapi.components import Json
from api.schemas import Query
from budget.models.idempotency import KEY_LENGTH
from lib.shapes import MAX_ID

CONVERTED = re.compile(r"<(?:\w+:)?(\w+)>")

ID = {"type": "integer", "minimum": 1, "maximum": MAX_ID}
TAG = {"type": "string"}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The ETag of an answer that you have: 304 without a body if it is current.",
    "schema": TAG,
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "description": "The ETag of the row as you read it: 412 if the row has changed since.",
    "schema": TAG,
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Any string that names this request, such as a UUID. For 24 hours the same "
    "request with the same key stores nothing and replays the first answer.",
    "schema": {"type": "string", "pattern": f"^[!-~]{{1,{KEY_LENGTH}}}$"},
}


def path_of(url: URLPattern) -> str:
    """A route as OpenAPI writes it."""
    return "/api/" + CONVERTED.sub(r"{\1}", str(url.pattern))


def in_path(url: URLPattern) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, **KEYS[converter.regex == "[0-9]+"]}
        for name, converter in url.pattern.converters.items()
    ]


KEYS: dict[bool, Json] = {
    True: {"description": "The id of the row.", "schema": ID},
    False: {
        "description": "The id of the row, or its slug.",
        "schema": {"type": "string", "pattern": "^([1-9][0-9]{0,17}|[a-z][a-z0-9_-]{0,59})$"},
    },
}


def in_query(query: type[Query]) -> list[Json]:
    """The parameters of a query string."""
    schema = query.model_json_schema()
    return [
        parameter(name, field, name in schema.get("required", ()))
        for name, field in schema["properties"].items()
    ]


def parameter(name: str, field: Json, required: bool) -> Json:
    field = {key: value for key, value in field.items() if key not in ("title", "default")} | (
        {"default": field["default"]} if field.get("default") not in (None, [], "") else {}
    )
    description = field.pop("description")
    types = [found for found in field.pop("anyOf", ()) if found != {"type": "null"}]
    if len(types) == 1:
        field = {**types[0], **field}
    elif types:
        field["anyOf"] = types
    described: Json = {"name": name, "in": "query", "schema": field}
    if required:
        described["required"] = True
    return described | {"description": description}


def in_headers(method: str, endpoint: Endpoint, *, one: bool) -> list[Json]:
    """one: the route is about one row, not about a list."""
    found: list[Any] = []
    if method == "GET" and endpoint.etag:
        found.append(IF_NONE_MATCH)
    if method == "POST" and not endpoint.read_only:
        found.append(IDEMPOTENCY_KEY)
    if not endpoint.reads(method) and one and endpoint.etag:
        found.append(IF_MATCH)
    return found
