"""What is sent to a Sentry server about a crash, and what is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from financial_alerts.tests.postgres import run_python

# A separate process: the SDK changes Django's classes for good.
PROGRAM = """
import json, logging, sys
from unittest import mock
import django
django.setup()
import sentry_sdk
from django.test import Client
from lib import sentry

sent = []

class Kept(sentry_sdk.transport.Transport):
    def capture_envelope(self, envelope):
        sent.append(envelope.serialize().decode())

{change}
sentry.start("https://hunter2@sentry.example.com/1", Kept())

def crash(request, *args, **keys):
    description = "swordfish"
    amount = "4711238904.67"
    logging.getLogger("budget").warning("before: %s", description)
    try:
        int(description)
    except ValueError:
        raise {error}

client = Client(
    raise_request_exception=False,
    headers={{"Authorization": "Bearer fa_hunter2", "Cookie": "sessionid=hunter2"}},
)
with mock.patch({where!r}, crash):
    answer = client.post(
        {path!r} + "?q=swordfish", {{"amount": "4711238904.67"}}, "application/json",
        headers={{"X-Request-ID": "phone-1"}},
    )
assert answer.status_code == 500, answer.status_code
sentry_sdk.flush()
print(json.dumps(sent))
"""
API = {"where": "api.http.door.admitted", "path": "/api/category/plaice"}
PAGE = {"where": "django.views.defaults.page_not_found", "path": "/nothing/plaice"}
# The amount is too long to stand in an id or a time by chance.
PRIVATE = ("swordfish", "4711238904", "plaice", "hunter2", "sessionid", "fa_")


def told(error: str, where: str, path: str, change: str = "") -> tuple[str, list[dict[str, Any]]]:
    """All that is sent when a request fails, as text, and the events in it."""
    program = PROGRAM.format(error=error, where=where, path=path, change=change)
    done = run_python("-c", program)
    envelopes = json.loads(done.stdout)
    lines = [line for envelope in envelopes for line in envelope.splitlines()]
    events = [json.loads(line) for line in lines if '"event_id"' in line and "exception" in line]
    # Beside the DSN's key, which is not secret: every sender has to show it.
    return "".join(envelopes).replace('"public_key":"hunter2"', ""), events


@pytest.mark.parametrize("place", [API, PAGE])
def test_a_crash_is_told_once_by_class_place_and_route(place: dict[str, str]) -> None:
    text, (event,) = told("RuntimeError(f'{description} for {amount}')", **place)
    *_, first, second = event["exception"]["values"]
    assert (first["type"], second["type"]) == ("ValueError", "RuntimeError")
    assert second["value"] == "builtins.RuntimeError"
    assert second["stacktrace"]["frames"][-1]["function"] == "crash"
    assert event["tags"] == {"request_id": "phone-1"}
    for word in PRIVATE:
        assert word not in text, word


def test_the_route_of_an_api_request_is_told() -> None:
    _, (event,) = told("RuntimeError('x')", **API)
    assert "api/category/" in event["transaction"]
    assert "plaice" not in event["transaction"]


def test_what_a_machine_says_is_told() -> None:
    _, (event,) = told("AttributeError('no attribute x')", **API)
    assert event["exception"]["values"][-1]["value"] == "builtins.AttributeError: no attribute x"


def test_without_stripping_it_would_tell() -> None:
    change = "sentry.strip = lambda event, hint: event"
    text, _ = told("RuntimeError(f'{description} for {amount}')", **API, change=change)
    assert "swordfish" in text
