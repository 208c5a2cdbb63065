"""The patterns that metrics are made by find the lines that they are meant for, and no other."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from accounts.models import ApiToken
from budget.delivering import Deliverer
from financial_alerts.tests.logbook import reading
from lib import throttle
from lib.logs import command_result

ROOT = Path(__file__).resolve().parent.parent.parent
ROW = re.compile(r"^\| ([a-z][^|]+) \| `\{ (.+?) \}` \| (.+) \|$", re.MULTILINE)
PATTERNS = {
    name: (pattern.replace("\\|", "|"), value)
    for name, pattern, value in ROW.findall((ROOT / "docs/operations.md").read_text())
}
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {"=": operator.eq, ">=": operator.ge}


def matches(pattern: str, line: dict[str, Any]) -> bool:
    """As CloudWatch reads a JSON pattern, of which these use a part: && binds before ||."""
    return any(
        all(holds(term, line) for term in side.split(" && ")) for side in pattern.split(" || ")
    )


def holds(term: str, line: dict[str, Any]) -> bool:
    selector, sign, literal = term.split(" ", 2)
    found = select(selector, line)
    if literal.startswith('"'):
        return COMPARISONS[sign](found, literal.strip('"'))
    return isinstance(found, int | float) and COMPARISONS[sign](found, float(literal))


def select(selector: str, line: dict[str, Any]) -> Any:
    """What $.a.b is in a line; None where there is no such place."""
    found: Any = line
    for name in selector.removeprefix("$.").split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def values(lines: list[dict[str, Any]]) -> dict[str, list[float]]:
    """The values of each metric that the lines make; without those that they do not."""
    found = {}
    for name, (pattern, value) in PATTERNS.items():
        if hits := [line for line in lines if matches(pattern, line)]:
            found[name] = [1 if value == "1" else select(value.strip("`"), hit) for hit in hits]
    return found


@pytest.fixture
def client(db: None) -> Client:
    alice = User.objects.create(username="alice")
    headers = {"Authorization": f"Bearer {ApiToken.issue(alice, 'test')[1]}"}
    return Client(raise_request_exception=False, headers=headers)


def test_there_is_a_metric_for_each_thing_that_can_go_wrong() -> None:
    assert set(PATTERNS) == {
        "requests",
        "server errors",
        "request time (p50, p99)",
        "throttled",
        "slow requests",
        "slow queries",
        "errors of any kind",
        "reconcile drift",
        "tick lag",
        "failed commands",
        "delivery lag",
        "delivered",
        "failed tries",
        "given up",
        "nothing arrives",
    }


def test_a_request_that_went_well_is_counted_and_timed(client: Client) -> None:
    with reading() as log:
        client.get("/api/profile")
        client.get("/api/nothing")
    (first, second) = log.access
    assert values(log.lines) == {
        "requests": [1, 1],
        "request time (p50, p99)": [first["ms"], second["ms"]],
    }


def test_one_that_failed_is_counted_as_such(client: Client) -> None:
    with reading() as log, mock.patch("api.http.door.read", side_effect=RuntimeError):
        client.get("/api/profile")
    found = values(log.lines)
    assert found["server errors"] == found["errors of any kind"] == found["requests"] == [1]
    assert "slow requests" not in found


def test_slow_ones_and_refused_ones_are_counted(client: Client, settings: Settings) -> None:
    settings.SLOW_REQUEST_MS = settings.SLOW_QUERY_MS = 0
    settings.THROTTLE_LIMITS = settings.THROTTLE_LIMITS | {throttle.CREDENTIAL: (1, 86_400)}
    with reading() as log:
        client.get("/api/profile")
        client.get("/api/profile")
    found = values(log.lines)
    assert found["slow requests"] == found["requests"] == [1, 1]
    assert found["throttled"] == [1]
    assert len(found["slow queries"]) == sum(line["queries"] for line in log.access)


def test_commands_say_their_numbers() -> None:
    with reading() as log:
        with command_result("reconcile") as result:
            result |= {"users": 3, "drift": 0}
        with command_result("tick") as result:
            result |= {"users": 3, "moved": 3, "lag_s": 240}
    assert values(log.lines) == {"reconcile drift": [0], "tick lag": [240]}


@pytest.mark.django_db
def test_a_deliverer_says_its_numbers() -> None:
    deliverer = Deliverer()
    deliverer.done.update(delivered=5, failed=3)
    with reading() as log:
        deliverer.log()
    found = values(log.lines)
    assert (found["delivery lag"], found["delivered"], found["failed tries"]) == ([0], [5], [3])
    # Some messages have arrived, so not all is lost.
    assert "nothing arrives" not in found


def test_one_that_fails_is_counted_with_what_it_had_found() -> None:
    def reconcile() -> None:
        with command_result("reconcile") as result:
            result |= {"users": 3, "drift": 2}
            raise RuntimeError

    with reading() as log, pytest.raises(RuntimeError):
        reconcile()
    assert values(log.lines) == {
        "reconcile drift": [2],
        "failed commands": [1],
        "errors of any kind": [1],
    }
