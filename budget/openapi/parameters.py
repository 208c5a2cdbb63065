"""What a request says outside its body: in the path, the query string and the headers."""

from __future__ import annotations

import re
from typing import Any

from django.urls import URLPattern

from budget.http.door import Handler
from budget.models.idempotency import KEY_LENGTH
from budget.models.shapes import MAX_ID
from budget.openapi.components import Json
from budget.schemas import Query

CONVERTED = re.compile(r"<(?:\w+:)?(\w+)>")
CLAUSE = re.compile(r"(?:^|(?<=\. ))(\w+(?:, \w+)*): ")

ID = {"type": "integer", "minimum": 1, "maximum": MAX_ID}
TAG = {"type": "string"}
IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The ETag of an answer at hand: 304, without a body, if it is still right.",
    "schema": TAG,
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "description": "The ETag of the row as it was read: 412 if the row has changed since.",
    "schema": TAG,
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Any string that names this request, such as a UUID. The same request with "
    "the same key, within 24 hours, is answered as the first was and stores nothing.",
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
    """The parameters of a query string; what they mean stands in the schemas' docstrings."""
    schema = query.model_json_schema()
    said = explained(query)
    return [
        parameter(name, field, said.get(name), name in schema.get("required", ()))
        for name, field in schema["properties"].items()
    ]


def parameter(name: str, field: Json, said: str | None, required: bool) -> Json:
    field = {key: value for key, value in field.items() if key not in ("title", "default")} | (
        {"default": field["default"]} if field.get("default") not in (None, [], "") else {}
    )
    description = field.pop("description", said)
    present = [found for found in field.pop("anyOf", ()) if found != {"type": "null"}]
    if len(present) == 1:
        field = {**present[0], **field}
    elif present:
        field["anyOf"] = present
    told: Json = {"name": name, "in": "query", "schema": field}
    if required:
        told["required"] = True
    return told | ({"description": description} if description else {})


def explained(query: type[Query]) -> dict[str, str]:
    """What docstrings of the form "name, other: text. third: text." say of each parameter."""
    said: dict[str, str] = {}
    for schema in reversed(query.__mro__):
        parts = CLAUSE.split(" ".join((schema.__doc__ or "").split()))
        for names, words in zip(parts[1::2], parts[2::2], strict=True):
            said |= {name: sentence(words) for name in names.split(", ")}
    return said


def sentence(words: str) -> str:
    words = words.strip().rstrip(".")
    return f"{words[:1].upper()}{words[1:]}."


def in_headers(method: str, handler: Handler, *, one: bool) -> list[Json]:
    """one: the route is about one row, not about a list."""
    found: list[Any] = []
    if method == "GET" and handler.tagged:
        found.append(IF_NONE_MATCH)
    if method == "POST" and not handler.safe:
        found.append(IDEMPOTENCY_KEY)
    if not handler.reads(method) and one and handler.tagged:
        found.append(IF_MATCH)
    return found
