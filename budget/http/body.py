"""From the bytes of a request to plain JSON values, exactly and with nothing let through."""

from __future__ import annotations

import json
from decimal import InvalidOperation
from typing import Any, NoReturn

from django.http import HttpRequest

from budget.http.problems import ApiError, Problem
from budget.models.text import has_surrogate
from budget.schemas.fields import Number

MAX_BYTES = 1024 * 1024


def read_object(request: HttpRequest) -> dict[str, Any]:
    """The JSON object in the body. Raises ApiError: 400, 413, 415."""
    check_headers(request)
    if not request.body:
        raise ApiError(Problem.MALFORMED, "The body is empty; send a JSON object.")
    value = parse(request.body)
    if not isinstance(value, dict):
        raise ApiError(Problem.MALFORMED, "The body must be a JSON object.")
    return value


def check_headers(request: HttpRequest) -> None:
    """Refuse by the headers alone, before a byte of the body is read."""
    said = request.headers.get("Content-Length")
    if not said and "Transfer-Encoding" in request.headers:
        raise ApiError(Problem.LENGTH, "A body in chunks cannot be read; send a Content-Length.")
    try:
        length = int(said or 0)
    except ValueError:
        raise ApiError(Problem.MALFORMED, "The Content-Length is not a number.") from None
    if length > MAX_BYTES:
        raise ApiError(Problem.TOO_LARGE, f"A body has at most {MAX_BYTES} bytes.")
    charset = (request.content_params or {}).get("charset", "utf-8")
    if request.content_type != "application/json" or charset.lower() not in ("utf-8", "utf8"):
        raise ApiError(
            Problem.MEDIA_TYPE,
            "Send JSON in UTF-8, with Content-Type: application/json.",
            headers={"Accept": "application/json"},
        )


def parse(body: bytes) -> Any:
    """Strict JSON: UTF-8, no NaN, no key twice, nothing that a database cannot hold as text."""
    try:
        value = json.loads(
            body.decode(),
            parse_float=Number,
            parse_constant=refuse_constant,
            object_pairs_hook=unique_keys,
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
        # Besides what is raised below: whole numbers of thousands of digits, exponents beyond all.
        detail = str(error) if type(error) is Malformed else "A number is too long to be read."
        raise ApiError(Problem.MALFORMED, detail) from None
    return value


class Malformed(ValueError):
    """JSON that no client means."""


def refuse_constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is no JSON number.")


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Malformed("The same key stands twice in one object.")
    return found


def check_text(value: Any) -> None:
    """Refuse NUL characters and lone surrogates; a loop, so that no depth can break it."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            waiting += [*found, *found.values()]
        elif isinstance(found, list):
            waiting += found
        elif isinstance(found, str) and not is_text(found):
            raise Malformed("A string has a NUL character or half of a surrogate pair.")


def is_text(text: str) -> bool:
    """Whether both databases can store it."""
    return "\x00" not in text and not has_surrogate(text)
