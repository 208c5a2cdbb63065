"""Lines about what was slow, what a command has done, and how a process has ended."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from accounts.models import ApiToken
from budget.models import Rollup
from budget.tests.people import spend
from financial_alerts.tests.logbook import Log, reading
from financial_alerts.tests.postgres import run_python
from lib.logs import command_result


@pytest.fixture
def log() -> Iterator[Log]:
    with reading() as log:
        yield log


@pytest.fixture
def client(db: None) -> Client:
    alice = User.objects.create_user("alice", password="swordfish-4711")
    return Client(headers={"Authorization": f"Bearer {ApiToken.issue(alice, 'test')[1]}"})


def test_nothing_is_slow_by_itself(log: Log, client: Client) -> None:
    client.get("/api/profile")
    assert [line["logger"] for line in log.lines] == ["financial_alerts.access"]


def test_a_slow_request_has_a_line_more(log: Log, client: Client, settings: Settings) -> None:
    settings.SLOW_REQUEST_MS = 0
    client.get("/api/profile")
    (slow,) = log.of("slow_request")
    assert slow["level"] == "WARNING"
    (access,) = log.access
    differing = {"level", "logger", "time"}
    assert {name: slow[name] for name in slow if name not in differing} == {
        name: access[name] for name in access if name not in differing
    }


def test_of_the_admin_too_which_has_no_other(log: Log, client: Client, settings: Settings) -> None:
    settings.SLOW_REQUEST_MS = 0
    client.get("/admin/")
    assert [line["logger"] for line in log.lines] == ["financial_alerts.slow_request"]
    assert log.lines[0]["route"] == "admin/"


def test_a_slow_statement_is_told_where_it_was_asked(
    log: Log, client: Client, settings: Settings
) -> None:
    settings.SLOW_QUERY_MS = 0
    client.get("/api/category/none", headers={"X-Request-ID": "phone-1"})
    slow = log.of("slow_query")
    (access,) = log.access
    assert len(slow) == access["queries"] > 0
    # Each of them is rounded to a tenth.
    rounding = 0.05 * (len(slow) + 1) + 0.001
    assert sum(line["ms"] for line in slow) == pytest.approx(access["db_ms"], abs=rounding)
    found = [line for line in slow if "budget_category" in line["statement"]]
    assert found
    assert "%s" in found[0]["statement"]
    assert {line["request_id"] for line in slow} == {"phone-1"}
    assert {line["route"] for line in slow} == {"api/category/<key:key>"}
    assert {line["database"] for line in slow} == {"default"}


@pytest.mark.django_db
def test_a_reconcile_says_what_it_found(log: Log) -> None:
    alice = User.objects.create_user("alice")
    spend(alice, "4711238904.67")
    call_command("reconcile", stdout=io.StringIO())
    Rollup.objects.filter(user=alice).delete()
    with pytest.raises(CommandError):
        call_command("reconcile", stdout=io.StringIO())
    call_command("reconcile", "--repair", stdout=io.StringIO())
    call_command("reconcile", stdout=io.StringIO())
    lines = log.of("command")
    assert all(line["result"].pop("oldest_s") >= 0 for line in lines)
    results = [(line["outcome"], line["level"], line["result"]) for line in lines]
    drift = results[1][2]["drift"]
    assert drift > 0
    assert results == [
        ("ok", "INFO", {"users": 1, "drift": 0}),
        ("failed", "ERROR", {"users": 1, "drift": drift}),
        ("ok", "INFO", {"users": 1, "drift": drift, "repaired": drift}),
        ("ok", "INFO", {"users": 1, "drift": 0}),
    ]
    assert {line["command"] for line in log.of("command")} == {"reconcile"}
    assert "47112389" not in log.text


@pytest.mark.django_db
def test_a_quiet_reconcile_prints_nothing_of_anybody(log: Log) -> None:
    alice = User.objects.create_user("alice")
    spend(alice, "4711238904.67")
    Rollup.objects.filter(user=alice).delete()
    printed = io.StringIO()
    with pytest.raises(CommandError, match=r"^1 user checked, .*\d+ drifted"):
        call_command("reconcile", verbosity=0, stdout=printed)
    assert printed.getvalue() == ""
    assert log.of("command")[0]["result"]["drift"] > 0


def test_a_command_that_fails_has_its_line_too(log: Log) -> None:
    def tick() -> None:
        with command_result("tick") as result:
            result["users"] = 3
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        tick()
    (line,) = log.of("command")
    assert line["ms"] >= 0
    assert (line["command"], line["outcome"], line["result"]) == ("tick", "failed", {"users": 3})


def test_what_ends_a_process_is_one_line_without_data() -> None:
    code = "import financial_alerts.settings; raise ValueError('invalid literal: swordfish')"
    program = f"exec({code!r})"
    done = run_python("-c", program, ok=False)
    assert done.returncode == 1
    assert "swordfish" not in done.stderr
    (line,) = done.stderr.splitlines()
    assert '"level": "CRITICAL"' in line
    assert "builtins.ValueError" in line


GUNICORN = """
import logging
from gunicorn.config import Config
from gunicorn.glogging import Logger
log = Logger(Config())
import django
django.setup()
log.info("Booting worker with pid: %s", 4711)
try:
    raise ValueError("invalid literal: swordfish")
except ValueError:
    log.exception("Error handling request %s", "/api/transaction/export?q=swordfish")
"""


def test_gunicorn_quotes_no_address(log: Log) -> None:
    done = run_python("-c", GUNICORN)
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert all(line.startswith('{"level"') for line in lines)
    assert "A request failed while it was answered" in lines[1]
    assert "builtins.ValueError" in lines[1]
    assert "swordfish" not in done.stderr
