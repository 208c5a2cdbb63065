"""What one request may cost: no body that is allowed takes the process down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from api.http.door import MAX_DEPTH, MAX_VALUES
from api.http.problems import MAX_ERRORS
from api.schemas.transaction import MAX_ITEMS
from budget.models.threshold_rules import MAX_CONDITIONS, MAX_LEVELS
from budget.tests.base import ApiTestCase

ROOT = Path(__file__).resolve().parent.parent.parent
# Generous: a batch of empty items once took 740 MiB and 6.9 s of processor.
MOST_MEMORY = 100 * 1024  # KiB
MOST_SECONDS = 4.0
MOST_ANSWER = 64 * 1024


@pytest.fixture(scope="module")
def requests(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What every request has cost in a separate process."""
    database = tmp_path_factory.mktemp("largest") / "db.sqlite3"
    done = subprocess.run(
        [sys.executable, "-m", "budget.tests.largest_bodies"],
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "financial_alerts.tests.settings",
            "DATABASE_URL": f"sqlite:///{database}",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.long
@pytest.mark.once
def test_the_largest_bodies_take_little_memory_and_time(requests: list[dict[str, Any]]) -> None:
    assert max(one["peak"] for one in requests) - requests[0]["start"] < MOST_MEMORY, max(
        requests, key=lambda one: int(one["grown"])
    )
    slowest = max(requests, key=lambda one: float(one["seconds"]))
    assert slowest["seconds"] < MOST_SECONDS, slowest


@pytest.mark.long
@pytest.mark.once
def test_each_of_them_is_refused_in_a_short_answer(requests: list[dict[str, Any]]) -> None:
    assert len(requests) > 500
    assert sum(one["bytes"] > 1024 * 1000 for one in requests) > 450
    for one in requests:
        assert 400 <= one["status"] < 500, one
        assert one["errors"] <= MAX_ERRORS, one
        assert one["answer"] < MOST_ANSWER, one
    assert any(one["more_errors"] > MAX_VALUES / 2 for one in requests)


@contextmanager
def normalizations() -> Iterator[list[int]]:
    """The lengths of all texts that are normalized meanwhile."""
    lengths: list[int] = []
    normalize = unicodedata.normalize

    def noted(form: Any, text: str) -> str:
        lengths.append(len(text))
        return normalize(form, text)

    with mock.patch("unicodedata.normalize", noted):
        yield lengths


class LengthTestCase(ApiTestCase):
    def test_the_length_of_a_list_is_looked_at_before_its_elements(self) -> None:
        threshold = {"name": "Mine", "amount": "1.00", "type": "daily"}
        preview = threshold | {"date_from": "2018-01-01", "date_to": "2018-01-31"}
        few = "Must have 1 to {} {}."
        many = f"Must have at most {MAX_CONDITIONS} conditions."
        for method, path, body, field, most, said in (
            ("POST", "/api/transaction", {}, "items", MAX_ITEMS, few.format(MAX_ITEMS, "items")),
            ("POST", "/api/threshold", threshold, "conditions", MAX_CONDITIONS, many),
            ("PATCH", "/api/threshold/1", {}, "conditions", MAX_CONDITIONS, many),
            ("POST", "/api/threshold/preview", preview, "conditions", MAX_CONDITIONS, many),
            (
                "POST",
                "/api/threshold",
                threshold,
                "levels",
                MAX_LEVELS,
                few.format(MAX_LEVELS, "levels"),
            ),
        ):
            elements: tuple[Any, ...] = ({}, [], "x", 0.5)
            for element in elements:
                with self.subTest(f"{method} {path} {field} {element}"):
                    sent = body | {field: [element] * (most + 1)}
                    self.assertEqual(self.wrong(method, path, sent), {f"#/{field}": said})

    def test_an_answer_lists_a_hundred_errors_and_counts_the_others(self) -> None:
        found = self.call("POST", "/api/transaction", {"items": [{}] * 60}, status=422)
        self.assertEqual(len(found["errors"]), 100)
        self.assertEqual(found["more_errors"], 20)
        self.assertTrue(found["detail"].endswith("There are 20 more errors."), found["detail"])
        self.assertEqual(found["errors"][0]["pointer"], "#/items/0/date")
        found = self.call("POST", "/api/transaction", {"items": [{}] * 50}, status=422)
        self.assertEqual(len(found["errors"]), 100)
        self.assertNotIn("more_errors", found)

    def test_parameters_and_taken_ids_are_counted_too(self) -> None:
        row = {"date": "2018-03-05", "amount": "1.00", "external_id": "same"}
        found = self.call("POST", "/api/transaction", {"items": [row] * 151}, status=409)
        self.assertEqual((len(found["errors"]), found["more_errors"]), (100, 50))
        query = "&".join(f"x{number}=1" for number in range(130))
        found = self.call("GET", f"/api/alert?{query}", status=400)
        self.assertEqual((len(found["errors"]), found["more_errors"]), (100, 30))

    def test_a_body_holds_so_many_values(self) -> None:
        full = {"items": [{"z": 1}] * ((MAX_VALUES - 2) // 2)}
        self.assertEqual(list(self.wrong("POST", "/api/transaction", full)), ["#/items"])
        full["items"].append({"z": 1})
        found = self.call("POST", "/api/transaction", full, status=413)
        self.assertEqual(found["detail"], f"A body holds at most {MAX_VALUES} values.")

    def test_a_body_is_nested_so_deep(self) -> None:
        for path in ("/api/transaction", "/api/category"):
            deep = "[" * (MAX_DEPTH - 2) + "0" + "]" * (MAX_DEPTH - 2)
            self.assertIn("#/z", self.wrong("POST", path, f'{{"z": {deep}}}'))
            found = self.call("POST", path, f'{{"z": [{deep}]}}', status=400)
            self.assertIn(f"more than {MAX_DEPTH} levels", found["detail"])

    def test_the_longest_depth_that_a_parser_takes_is_no_fault_with_a_key_either(self) -> None:
        for depth in (200, 400, 600, 800, 900, 950):
            body = f'{{"name": {"[" * depth}{"]" * depth}}}'
            self.call("POST", "/api/category", body, status=400, HTTP_IDEMPOTENCY_KEY=f"k{depth}")

    def test_a_long_unknown_field_is_not_repeated(self) -> None:
        found = self.wrong("POST", "/api/category", {"name": "Mine", "z" * 5000: 1})
        self.assertEqual(found, {"#": "There is no such field."})
        found = self.wrong("POST", "/api/category", {"name": "Mine", "z" * 50: 1})
        self.assertEqual(found, {f"#/{'z' * 50}": "There is no such field."})

    def test_nothing_much_longer_than_a_field_is_normalized(self) -> None:
        """Normalizing takes quadratic time of some texts, so their length is looked at first."""
        long = "é" * 100_000
        row = {"date": "2018-03-05", "amount": "1.00"}
        with normalizations() as lengths:
            for path, body, pointer in (
                ("/api/category", {"name": long}, "#/name"),
                ("/api/category", {"name": "Mine", "parent": long}, "#/parent"),
                ("/api/transaction", row | {"description": long}, "#/description"),
                ("/api/transaction", row | {"category": long}, "#/category"),
                ("/api/transaction", row | {"type": long}, "#/type"),
                ("/api/transaction", row | {"external_id": long}, "#/external_id"),
                ("/api/alert", {"message": long}, "#/message"),
                ("/api/transaction-type", {"name": long, "effect": "none"}, "#/name"),
            ):
                with self.subTest(path, body=list(body)):
                    self.assertEqual(list(self.wrong("POST", path, body)), [pointer])
        self.assertLessEqual(max(lengths, default=0), 4 * 1000)

    def test_what_normalizing_shortens_is_still_taken(self) -> None:
        found = self.post("/api/category", {"name": "e\u0301" * 100})
        self.assertEqual(found["name"], "é" * 100)
