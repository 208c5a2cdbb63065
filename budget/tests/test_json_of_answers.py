"""An answer's JSON says exactly what the view gave, and no number is a float."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.door import to_json

DOCUMENT = json.loads((Path(__file__).parents[2] / "docs/openapi.json").read_text())
SCALARS = st.none() | st.booleans() | st.integers() | st.text()
VALUES = st.recursive(
    SCALARS, lambda one: st.lists(one, max_size=4) | st.dictionaries(st.text(), one, max_size=4)
)


@given(st.dictionaries(st.text(), VALUES))
def test_json_is_what_was_given_in_the_same_order(body: dict[str, Any]) -> None:
    assert list(json.loads(to_json(body)).items()) == list(body.items())


def test_it_is_compact_and_in_utf_8() -> None:
    assert to_json({"name": "Süßes", "id": 1}) == '{"name":"Süßes","id":1}'.encode()


def test_a_number_of_any_length_is_exact() -> None:
    assert to_json({"percent": 10**30}) == b'{"percent":' + str(10**30).encode() + b"}"


@pytest.mark.parametrize(
    "value", [Decimal("1.10"), date(2018, 3, 5), datetime(2018, 3, 5, tzinfo=UTC), {1}, b"x"]
)
def test_what_json_has_no_exact_form_of_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        to_json({"value": [value]})


def types(schema: Any, seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """Every type that a schema allows anywhere in it."""
    if isinstance(schema, list):
        for one in schema:
            yield from types(one, seen)
    elif isinstance(schema, dict):
        name = schema.get("$ref", "").rpartition("/")[2]
        if name and name not in seen:
            yield from types(DOCUMENT["components"]["schemas"][name], seen | {name})
        if isinstance(schema.get("type"), str):
            yield schema["type"]
        for key, value in schema.items():
            if key not in ("example", "examples", "description"):
                yield from types(value, seen)


def answers() -> Iterator[Any]:
    for methods in DOCUMENT["paths"].values():
        for operation in methods.values():
            if isinstance(operation, dict):
                for answer in operation.get("responses", {}).values():
                    yield answer.get("content", {})


def test_no_answer_has_a_float() -> None:
    """orjson would write one; amounts are text, and all else is whole."""
    found = {kind for answer in answers() for kind in types(answer)}
    assert {"object", "array", "string", "integer"} <= found
    assert "number" not in found
