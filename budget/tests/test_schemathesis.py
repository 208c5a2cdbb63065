"""The API against its own description: whatever that allows is sent, and the answers looked at."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from copy import deepcopy
from datetime import date, timedelta
from functools import cache
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase
from hypothesis import settings as how
from hypothesis import strategies as st
from pytest_django import Settings
from schemathesis import Case
from schemathesis.config import SchemathesisConfig
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test

from api.schemas.push import SUBSCRIPTION
from budget.tests.book import Book, make_book
from budget.tests.document import DOCUMENT
from financial_alerts.wsgi import application

pytestmark = pytest.mark.any_postgres

# What JSON Schema has no words for: values that only the service knows.
schemathesis.openapi.format("iana-time-zone", st.sampled_from(["UTC", "Europe/Berlin"]))
schemathesis.openapi.format("transaction-type", st.sampled_from(["expense", "refund", "transfer"]))
schemathesis.openapi.format(
    "import-mapping",
    st.just(
        'name = "bank"\n[columns]\ndate = 1\namount = 2\n[date]\nformats = ["%Y-%m-%d"]\n'
        '[constant]\ntype = "expense"\n'
    ),
)

CONFIG: dict[str, Any] = {
    "seed": 20180305,
    # The one credential that opens everything is sent, not some that open nothing.
    "generation": {"with-security-parameters": False},
    "checks": {
        "positive_data_acceptance": {
            # Rows that are not there, or forbid it; ETags of other states.
            "expected-statuses": ["2xx", "304", "404", "409", "412"]
        }
    },
}
# A file that cannot be read is 422 in a dry run, and thought-up bytes are no statement.
FILE = ["2xx", "400", "409", "422"]
CONFIG["operations"] = [
    {
        "include-operation-id": "create_import",
        "checks": {"positive_data_acceptance": {"expected-statuses": FILE}},
    }
]
OPERATIONS = [
    f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods
]

SEED = how(
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def book(db: None, settings: Settings) -> Iterator[Book]:
    """As Django's own client has it: a request must not close the connection of the test."""
    settings.ALLOWED_HOSTS = ["localhost", "testserver"]
    made = make_book()
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield made
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def answered() -> Iterator[list[int]]:
    """The statuses of all answers; an operation that never does its work is not tested."""
    statuses: list[int] = []
    yield statuses
    assert any(200 <= status < 300 for status in statuses), sorted(set(statuses))


@cache
def operations(long: bool) -> dict[str, Any]:
    """By its label, each operation.

    long: to try the edges of each value, one by one, too, and to ask again without a credential
    after each answer, as another test does of each route.
    """
    config = CONFIG | {"phases": {"coverage": {"enabled": long}}}
    config["checks"] = CONFIG["checks"] | {"ignored_auth": {"enabled": long}}
    # It writes other examples into what it is given.
    schema: Any = schemathesis.openapi.from_dict(
        deepcopy(DOCUMENT), config=SchemathesisConfig.from_dict(config)
    )
    schema.app = application
    return {one.ok().label: one.ok() for one in schema.get_all_operations()}


@pytest.mark.parametrize("label", OPERATIONS)
def test_the_api_is_as_described(label: str, book: Book, answered: list[int]) -> None:
    play(operations(long=False)[label], 6, book, answered)


@pytest.mark.long
@pytest.mark.parametrize("label", OPERATIONS)
def test_the_api_stays_as_described(label: str, book: Book, answered: list[int]) -> None:
    play(operations(long=True)[label], 200, book, answered)


def play(operation: Any, examples: int, book: Book, answered: list[int]) -> None:
    """Send some requests to an operation.

    schema.parametrize() would build all this while tests are collected, which takes seconds of
    every run, and give all operations one name, of which xdist runs only one.
    """

    @how(SEED, max_examples=examples)
    def test(case: Case[Any]) -> None:
        exchange(case, book, answered)

    build_operation_test(
        config=operation.schema.config,
        operation=operation,
        test_func=test,
        given_kwargs={},
        feedback=FeedbackSources(),
    )()


def exchange(case: Case[Any], book: Book, answered: list[int]) -> None:
    """Send one request and look at the answer; what it stored is taken back."""
    if case.meta is not None and case.meta.generation.mode.is_positive:
        make_sense(case, book)
    with transaction.atomic():
        response = case.call(headers={"X-Session-Token": book.session})
        transaction.set_rollback(True)
    answered.append(response.status_code)
    case.validate_response(response, headers={"X-Session-Token": book.session})


def make_sense(case: Case[Any], book: Book) -> None:
    """Let a request that follows the description name rows that are there, and days in order.

    One in four names whatever row was thought of.
    """
    if "key" in case.path_parameters and mostly(case.path_parameters):
        case.path_parameters["key"] = book.key(case.method, case.path)
    if "If-Match" in case.headers and mostly(case.headers["If-Match"]):
        case.headers["If-Match"] = "*"
    if case.query.get("dry_run"):
        # A trial keeps nothing, so it is refused together with a key.
        case.headers.pop("Idempotency-Key", None)
    make_sense_of_query(case.query, book)
    if "type" in case.query and case.path.startswith("/api/transaction"):
        case.query["type"] = ["expense"]
    if isinstance(case.body, dict):
        make_sense_of_body(case.body, book)
        if case.path.startswith("/api/threshold"):
            make_sense_of_threshold(case.body)


def mostly(value: object) -> bool:
    """Three times in four, and for a value always the same."""
    return zlib.crc32(repr(value).encode()) % 4 > 0


def make_sense_of_query(query: dict[str, Any], book: Book) -> None:
    if "user" in query:
        query["user"] = book.user.pk
    if "since" in query:
        for name in set(query) - {"since", "limit", "user"}:
            del query[name]
        query["since"] = 0
    for low, high in (("date_from", "date_to"), ("amount_min", "amount_max")):
        if low in query and high in query:
            query[low], query[high] = sorted((query[low], query[high]), key=in_order)
    if {"date_from", "date_to", "period"} <= set(query):
        most = date.fromisoformat(query["date_from"]) + timedelta(99)
        query["date_to"] = min(query["date_to"], most.isoformat())
    # A filter that names nothing of the user's is a wrong parameter.
    known: dict[str, Any] = {
        "category": ["Restaurants"],
        "parent": ["Restaurants"],
        "category_id": [book.keys["category"]],
        "parent_id": [book.keys["category"]],
        "threshold": book.keys["threshold"],
    }
    query |= {name: rows for name, rows in known.items() if name in query}
    if not query.get("category"):
        query.pop("subtree", None)
    query.pop("cursor", None)


def in_order(value: Any) -> Any:
    return value if isinstance(value, str) and "-" in value else float(value)


def make_sense_of_body(body: dict[str, Any], book: Book) -> None:
    known = {
        "user": book.user.pk,
        "threshold": book.keys["threshold"],
        "into": "Restaurants",
        "confirm": book.user.username,
        "expires_at": None,
        "snoozed_until": None,
        "parent": "Restaurants",
        # Of the texts that look like it, nearly none is a point of the curve.
        "keys": SUBSCRIPTION["keys"],
    }
    for name in known.keys() & body.keys():
        body[name] = known[name]
    for item in body.get("items", ()):
        make_sense_of_body(item, book)


def make_sense_of_threshold(body: dict[str, Any]) -> None:
    """Keep of a threshold what goes together; an edit is of one that is monthly and at once."""
    type, conditions = body.get("type", "monthly"), body.get("conditions")
    ends = type not in ("rolling", "transaction")
    drop(body, "match", "starts_on", "days", unless=False)
    if type == "rolling":
        body["days"] = 7
    if conditions and type != "transaction":
        drop(body, "amount", "category", "operator", "measure", "levels", unless=False)
        for part in conditions:
            part["amount"] = "100"
            part["operator"] = part.get("operator", "gte") if ends else "gte"
    else:
        body |= {"conditions": [], "amount": "100"}
        drop(body, "operator", "measure", "levels", unless=True)
        if not ends:
            drop(body, "operator", "measure", unless=False)
        if body.get("operator") in ("lte", "lt", "eq"):
            drop(body, "levels", unless=False)
    carries = ends and type != "daily" and not body["conditions"]
    if not carries or body.get("operator", "gt") not in ("gte", "gt") or "measure" in body:
        drop(body, "rollover", "forecast", unless=False)
    if not body.get("rollover"):
        drop(body, "rollover_cap", "rollover_from", unless=False)
    if "date_from" in body:
        body |= {"date_from": "2018-03-01", "date_to": "2018-03-31"}
        # A preview makes no category.
        for part in (body, *body["conditions"]):
            part.pop("category", None)


def drop(body: dict[str, Any], *names: str, unless: bool) -> None:
    """Take fields away; unless: only those that are null."""
    for name in names:
        if name in body and not (unless and body[name] is not None):
            del body[name]
