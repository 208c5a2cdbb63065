"""Every documented example, replayed: what is sent works, and the answer is as described."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from openapi_schema_validator import OAS31Validator, oas31_format_checker

from budget.tests.book import Book, make_book
from budget.tests.document import DOCUMENT
from budget.tests.people import at

# What no example can say before the rows are there.
QUERIES = {"GET /api/summary": {"date_from": "2018-03-01", "date_to": "2018-03-31"}}


def check(schema: dict[str, Any], value: object) -> None:
    whole = {**schema, "components": DOCUMENT["components"]}
    OAS31Validator(whole, format_checker=oas31_format_checker).validate(value)


def contents() -> Iterator[Any]:
    """Every example in the document, beside its schema."""
    for path, methods in DOCUMENT["paths"].items():
        for method, told in methods.items():
            bodies = [told.get("requestBody", {"content": {}})]
            answers = [found for found in told["responses"].values() if "content" in found]
            for media in [m for one in [*bodies, *answers] for m in one["content"].values()]:
                for name, example in media.get("examples", {}).items():
                    yield pytest.param(media["schema"], example, id=f"{method} {path} {name}")
    for name, response in DOCUMENT["components"]["responses"].items():
        (media,) = response["content"].values()
        for slug, example in media["examples"].items():
            yield pytest.param(media["schema"], example, id=f"{name} {slug}")


def requests() -> Iterator[Any]:
    """Every operation with every body that is shown for it, and one that is shown none."""
    for path, methods in DOCUMENT["paths"].items():
        for method, told in methods.items():
            name = f"{method.upper()} {path}"
            shown = told.get("requestBody", {"content": {"": {"examples": {"": None}}}})
            if "multipart/form-data" in shown["content"]:
                continue  # a file: test_api_import.py
            (media,) = shown["content"].values()
            for which, example in media["examples"].items():
                yield pytest.param(name, told, example, id=f"{name} {which}".strip())


@pytest.mark.parametrize(("schema", "example"), [*contents()])
def test_an_example_follows_its_schema(schema: dict[str, Any], example: dict[str, Any]) -> None:
    check(schema, example["value"])


@pytest.fixture
def book(db: None) -> Book:
    return make_book()


@pytest.mark.parametrize(("name", "told", "example"), [*requests()])
def test_a_shown_request_is_answered_as_told(
    name: str, told: dict[str, Any], example: dict[str, Any] | None, book: Book
) -> None:
    method, _, route = name.partition(" ")
    client = Client(headers={"X-Session-Token": book.session})
    sent = None if example is None else {**example["value"]}
    with at("2018-03-05T18:00:00"):
        answer = client.generic(
            method,
            book.path(method, route),
            "" if sent is None else json.dumps(sent),
            content_type="application/json",
            query_params=QUERIES.get(name, {}),
        )
    success, response = next(iter(told["responses"].items()))
    assert str(answer.status_code) == success, answer.content
    ((media, content),) = response["content"].items()
    assert answer["Content-Type"].partition(";")[0] == media
    body = b"".join(answer) if answer.streaming else answer.content
    value: Any = json.loads(body) if media == "application/json" else body.decode()
    check(content["schema"], value)
    for header in response["headers"]:
        some = ("Link", "ETag", "Location", "Idempotent-Replayed")
        assert header in answer.headers or header in some, header
    if success == "201" and "items" not in value:
        with at("2018-03-05T18:00:00"):
            assert client.get(answer["Location"]).json()["id"] == value["id"]
    if sent is not None and "items" not in sent:
        echoed = {key: value[key] for key in sent.keys() & value.keys()}
        assert echoed == {key: sent[key] for key in echoed}
