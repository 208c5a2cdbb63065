"""Whatever is wrong in a request is said in plain words, and where it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from django.contrib.auth.models import User
from django.http import Http404
from pydantic import BaseModel, ValidationError

from api.http.door import Door
from api.schemas.base import Body, Lookups, Number, Query, wrong_fields
from api.urls import documented
from budget.tests.base import ApiTestCase
from budget.tests.people import category, limit, make_user
from lib.schema import Schema

# What only a programmer of this service would understand.
JARGON = re.compile(
    r"[Ii]nput should|valid (dictionary|list|string|boolean|integer)|instance of|should|extract"
    r"|pydantic|Traceback|validation error|\bNone\b|\bTrue\b|\bFalse\b|\bstr\b|\bint\b|\bdict\b"
    r"|[a-z]_type\b|\b[A-Z][a-z]+([A-Z][a-z]+)+\b"
)
JUNK: tuple[object, ...] = (
    None,
    True,
    "",
    " ",
    "x",
    "x" * 2000,
    "2018-02-30",
    "2018-03-05",
    0,
    -1,
    5,
    10**30,
    Number("1.5"),
    Number("1e999"),
    [],
    ["x"],
    [None],
    [[]],
    [{}],
    [{"x": 1}],
    {},
    {"x": 1},
)


def schemas() -> list[type[Schema]]:
    """Every schema that a route takes, once."""
    doors = [pattern.callback for pattern in documented]
    endpoints = [one for door in doors if isinstance(door, Door) for one in door.endpoints.values()]
    found = [some for one in endpoints for some in (one.body, one.batch_body, one.query) if some]
    return [*dict.fromkeys(found)]


def parts(schema: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """The fields of a schema that are lists of schemas."""
    for name, info in schema.model_fields.items():
        for inner in get_args(info.annotation):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield name, inner


def requests(schema: type[Schema]) -> Iterator[dict[str, Any]]:
    """Nothing, an unknown field, and each field with junk, in lists of schemas too."""
    yield {}
    yield {"colour": "red"}
    texts = ["-1", "0", "9" * 20, *(value for value in JUNK if isinstance(value, str))]
    for name in schema.model_fields:
        if issubclass(schema, Query):
            many = name in schema.repeatable()
            yield from ({name: [text] * 60 if many else text} for text in texts)
        else:
            yield from ({name: value} for value in JUNK)
    for name, inner in parts(schema):
        for field in inner.model_fields:
            yield from ({name: [{field: value}]} for value in JUNK)


def errors(schema: type[Schema], sent: dict[str, Any], user: User) -> Iterator[tuple[Any, str]]:
    try:
        schema.model_validate(sent, context=Lookups(user, user.ledger.state()))
    except ValidationError as error:
        yield from wrong_fields(schema, error)
    except Http404:
        return


@pytest.mark.parametrize("schema", schemas(), ids=lambda schema: schema.__name__)
@pytest.mark.django_db
def test_no_error_speaks_of_the_program(schema: type[Schema]) -> None:
    alice = make_user()
    names = [one.__name__ for one in (schema, *(inner for _, inner in parts(schema)))]
    said = set()
    for sent in requests(schema):
        for where, detail in errors(schema, sent, alice):
            said.add(detail)
            assert not JARGON.search(detail), (sent, where, detail)
            assert not any(name in detail for name in names), (sent, where, detail)
            assert re.fullmatch(r"[A-Z].*\.", detail), detail
            assert issubclass(schema, Body) or where, (sent, detail)
    assert "Is not right." not in said
    assert said


class PlaceTestCase(ApiTestCase):
    def test_two_parameters_that_contradict_name_the_later_one(self) -> None:
        before = {"date_to": "Must not be before date_from."}
        for path, expected in (
            ("/api/transaction?date_from=2018-03-02&date_to=2018-03-01", before),
            ("/api/transaction/export?date_to=2018-03-01&date_from=2018-03-02", before),
            ("/api/summary?date_from=2018-03-02&date_to=2018-03-01", before),
            (
                "/api/transaction?amount_min=5&amount_max=4.99",
                {"amount_max": "Must not be less than amount_min."},
            ),
            (
                "/api/alert?since=0&active=true&q=x",
                {"since": "Only with limit, not with active, q."},
            ),
        ):
            with self.subTest(path):
                self.assertEqual(self.wrong_parameters(path), expected)
        for path in ("amount_min=5&amount_max=5", "date_from=2018-03-02&date_to=2018-03-02"):
            self.get(f"/api/transaction?{path}")

    def test_numbers_out_of_bounds_are_told_the_bounds(self) -> None:
        for query, detail in (
            ("since=-1", "Must be 0 or more."),
            ("limit=-1", "Must be a whole number from 1 to 200."),
            ("limit=0", "Must be a whole number from 1 to 200."),
            ("level=-80", "Must be a whole number from 1 to 1000."),
            ("limit=-", "Must be a whole number."),
            ("limit=--1", "Must be a whole number."),
            ("cursor=", "Must not be empty."),
        ):
            with self.subTest(query):
                errors = self.wrong_parameters(f"/api/alert?{query}")
                self.assertEqual(errors, {query.partition("=")[0]: detail})

    def test_a_body_that_says_nothing_is_wrong_as_a_whole(self) -> None:
        alert = self.post("/api/alert", {"message": "Mine"})["id"]
        errors = self.wrong("PATCH", f"/api/alert/{alert}", {})
        self.assertEqual(errors, {"#": "Must have acknowledged or snoozed_until."})

    def test_what_is_no_object_is_told_so(self) -> None:
        errors = self.wrong("POST", "/api/transaction", {"items": ["x"]})
        self.assertEqual(errors, {"#/items/0": "Must be an object."})
        body = {"name": "Both", "type": "monthly", "conditions": ["x"]}
        errors = self.wrong("POST", "/api/threshold", body)
        self.assertEqual(errors["#/conditions/0"], "Must be an object.")

    def test_null_is_not_called_missing_where_nothing_is_required(self) -> None:
        body = {"name": "Food", "type": "monthly", "measure": None, "operator": None}
        self.assertEqual(
            self.wrong("POST", "/api/threshold", body),
            {
                "#/amount": "Required, unless there are conditions.",
                "#/measure": "Required, unless there are conditions.",
                "#/operator": "Required, unless there are conditions.",
            },
        )

    def test_a_category_that_is_not_there_is_named_by_the_field_that_has_it(self) -> None:
        category(self.alice, "Food")
        theirs = category(self.charlie, "Theirs")
        for path, field in (("/api/category", "parent"), ("/api/category/food/merge", "into")):
            for name in ("Nowhere", "Theirs"):
                errors = self.wrong("POST", path, {"name": "New", field: name, "colour": "red"})
                self.assertEqual(errors[f"#/{field}"], "There is no such category.")
                self.assertIn("#/colour", errors)
            for number in (theirs.pk, 2**40):
                body = {"name": "New", field: number} if field == "parent" else {field: number}
                found = self.post(path, body, status=404)
                self.assertEqual([one["pointer"] for one in found["errors"]], [f"#/{field}"])

    def test_a_threshold_that_is_not_there_is_named_by_its_field(self) -> None:
        theirs = limit(self.charlie, "5.00", slug="theirs")
        for key in (theirs.pk, "theirs"):
            found = self.post("/api/alert", {"message": "x", "threshold": key}, status=404)
            self.assertEqual([one["pointer"] for one in found["errors"]], ["#/threshold"])

    def test_a_name_that_comes_twice_in_one_request_is_told_apart_from_a_taken_one(self) -> None:
        row = {"date": "2018-03-05", "amount": "1.00"}
        one, two = row | {"external_id": "a"}, row | {"external_id": "b"}
        found = self.post("/api/transaction", {"items": [one, two, one]}, status=409)
        twice = "A row before this one has this external_id."
        self.assertEqual(found["detail"], twice)
        self.assertEqual(found["errors"], [{"detail": twice, "pointer": "#/items/2/external_id"}])
        self.post("/api/transaction", one)
        taken = "There is a transaction with this external_id already."
        found = self.post("/api/transaction", one, status=409)
        self.assertEqual(found["errors"], [{"detail": taken, "pointer": "#/external_id"}])
        found = self.post("/api/transaction", {"items": [one, two, two]}, status=409)
        self.assertEqual(found["detail"], f"{taken} {twice}")
        self.assertEqual(
            found["errors"],
            [
                {"detail": taken, "pointer": "#/items/0/external_id"},
                {"detail": twice, "pointer": "#/items/2/external_id"},
            ],
        )
