"""A default that is sent says no more than one that is left out.

Generated clients, and Swagger UI, send every default that the description has.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.db import transaction
from django.test import Client

from budget.tests.book import Book, make_book
from budget.tests.document import DOCUMENT
from budget.tests.people import at, spend

pytestmark = pytest.mark.once

# What no default can say.
REQUIRED = {"GET /api/summary": {"date_from": "2018-03-01", "date_to": "2018-03-31"}}
DAY = "2018-03-05T18:00:00"
# What differs in another row that the same request makes.
OWN = {"id", "threshold", "transaction", "token", "hint", "secret", "message_id"}
MONTHLY = {"name": "Some", "type": "monthly", "amount": "100.00"}
CONDITIONS = [{"category": "Restaurants", "amount": "5"}, {"measure": "net", "amount": "1"}]
THRESHOLDS: dict[str, dict[str, Any]] = {
    "daily": {**MONTHLY, "type": "daily"},
    "weekly": {**MONTHLY, "type": "weekly"},
    "quarterly": {**MONTHLY, "type": "quarterly"},
    "yearly": {**MONTHLY, "type": "yearly"},
    "rolling": {**MONTHLY, "type": "rolling", "days": 30},
    "transaction": {**MONTHLY, "type": "transaction"},
    "income": {**MONTHLY, "measure": "income"},
    "count": {**MONTHLY, "measure": "count"},
    "gt": {**MONTHLY, "operator": "gt"},
    "lte": {**MONTHLY, "operator": "lte"},
    "eq": {**MONTHLY, "operator": "eq", "measure": "net"},
    "levels": {**MONTHLY, "levels": [50, 120]},
    "rollover": {**MONTHLY, "rollover": True},
    "forecast": {**MONTHLY, "forecast": True},
    "combination": {"name": "Some", "type": "monthly", "conditions": CONDITIONS},
    "any": {"name": "Some", "type": "rolling", "days": 7, "conditions": CONDITIONS, "match": "any"},
}
TRIAL = {"date_from": "2018-03-01", "date_to": "2018-03-05"}


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, told in methods.items():
            yield f"{method.upper()} {path}", told


def defaults_of(told: dict[str, Any]) -> dict[str, Any]:
    """The parameters of an operation that have a default, as a query string says it."""
    schemas = {p["name"]: p["schema"] for p in told["parameters"] if p["in"] == "query"}
    return {
        name: json.dumps(schema["default"]) if schema["type"] != "string" else schema["default"]
        for name, schema in schemas.items()
        if "default" in schema
    }


def with_defaults(schema: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """A body with every field that has a default, in the objects within it, too."""
    known = DOCUMENT["components"]["schemas"]
    if "$ref" in schema:
        schema = known[schema["$ref"].rpartition("/")[2]]
    fields = schema["properties"]
    filled = {name: field["default"] for name, field in fields.items() if "default" in field}
    for name, value in body.items():
        items = fields[name].get("items", {})
        nested = isinstance(value, list) and "$ref" in items
        filled[name] = [with_defaults(items, one) for one in value] if nested else value
    return filled


def bodies() -> Iterator[Any]:
    """Every body of a POST or PUT that is shown, and a threshold of every kind."""
    for name, told in operations():
        if name.partition(" ")[0] not in ("POST", "PUT") or "requestBody" not in told:
            continue
        if "multipart/form-data" in told["requestBody"]["content"]:
            continue  # a file: test_api_import.py
        (content,) = told["requestBody"]["content"].values()
        for schema in content["schema"].get("anyOf", [content["schema"]]):
            which = schema["$ref"].rpartition("/")[2]
            shown = {"shown": content["examples"][which]["value"]}
            if which == "ThresholdBody":
                shown |= THRESHOLDS
            elif which == "PreviewBody":
                shown = {kind: body | TRIAL for kind, body in {**shown, **THRESHOLDS}.items()}
            for kind, body in shown.items():
                yield pytest.param(name, schema, body, id=f"{name} {which} {kind}")


@pytest.fixture
def book(db: None) -> Iterator[Book]:
    with at(DAY):
        yield make_book()


def answered(book: Book, name: str, body: Any = None, **query: str) -> tuple[int, Any]:
    """The answer to a request that is taken back, without what differs in each new row."""
    method, _, route = name.partition(" ")
    client = Client(headers={"X-Session-Token": book.session})
    with transaction.atomic():
        answer = client.generic(
            method,
            book.path(method, route),
            "" if body is None else json.dumps(body),
            content_type="application/json",
            query_params={**REQUIRED.get(name, {}), **query},
        )
        transaction.set_rollback(True)
    if answer.streaming:
        return answer.status_code, b"".join(answer)
    return answer.status_code, without(OWN, answer.json())


def without(names: set[str], value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without(names, one) for key, one in value.items() if key not in names}
    return [without(names, one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("name", "told"),
    [
        pytest.param(name, told, id=name)
        for name, told in operations()
        if defaults_of(told) and name.startswith("GET ")
    ],
)
def test_parameters_with_their_defaults_change_no_answer(
    name: str, told: dict[str, Any], book: Book
) -> None:
    plain = answered(book, name)
    assert plain[0] == 200
    assert answered(book, name, **defaults_of(told)) == plain
    for parameter, value in defaults_of(told).items():
        assert answered(book, name, **{parameter: value}) == plain


@pytest.mark.parametrize(("name", "schema", "body"), [*bodies()])
def test_fields_with_their_defaults_change_no_answer(
    name: str, schema: dict[str, Any], body: dict[str, Any], book: Book
) -> None:
    plain = answered(book, name, body)
    assert plain[0] in (200, 201), plain
    whole = with_defaults(schema, body)
    assert whole != body
    assert answered(book, name, whole) == plain
    if "dry_run" in str(DOCUMENT["paths"][name.partition(" ")[2]]):
        assert answered(book, name, whole, dry_run="false") == plain


def test_the_feed_takes_the_defaults_of_its_list(book: Book) -> None:
    name = "GET /api/alert"
    told = dict(operations())[name]
    plain = answered(book, name, since="0")
    assert [event["seq"] for event in plain[1]["items"]] == [1, 2, 3]
    assert answered(book, name, since="0", **defaults_of(told)) == plain
    assert answered(book, name, since="0", q="") == plain
    status, refused = answered(book, name, since="0", limit="50", count="true", q="rent")
    assert (status, refused["errors"][0]["parameter"]) == (400, "since")
    assert "count, q" in refused["detail"]


@pytest.mark.parametrize("first", [False, True])
def test_a_cursor_is_good_with_and_without_the_defaults(first: bool, book: Book) -> None:
    """A client may take the cursor out of `next` and send it with its own parameters."""
    for day in range(1, 5):
        spend(book.user, "5", f"2018-02-0{day}")
    told = dict(operations())["GET /api/transaction"]
    said = {**defaults_of(told), "q": "", "user": str(book.user.pk)}
    client = Client(headers={"X-Session-Token": book.session})

    def page(query: dict[str, str]) -> Any:
        return client.get(f"/api/transaction?{urlencode({**query, 'limit': '2'})}")

    before, after = (said, {}) if first else ({}, said)
    cursor = parse_qs(urlsplit(page(before).json()["next"]).query)["cursor"][0]
    answer = page({**after, "cursor": cursor})
    assert answer.status_code == 200, answer.content
    assert [row["date"] for row in answer.json()["items"]] == ["2018-02-04", "2018-02-03"]


def test_a_retry_may_spell_out_the_defaults(book: Book) -> None:
    headers = {"X-Session-Token": book.session, "Idempotency-Key": "lunch-1"}
    client = Client(headers=headers)
    body = {"date": "2018-03-05", "amount": "7.50"}
    answers = [
        client.post(f"/api/transaction{query}", body, content_type="application/json")
        for query in ("", "?dry_run=false", f"?user={book.user.pk}")
    ]
    assert [answer.status_code for answer in answers] == [201] * 3
    assert len({answer.json()["id"] for answer in answers}) == 1
