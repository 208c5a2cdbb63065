"""What is sent to a Sentry server about a crash, and what is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from financial_alerts.tests.postgres import run_python

# What fails, where, and what is raised there while another error is handled.
API, PAGE = "api.http.door.admitted", "django.views.defaults.page_not_found"
TELLING = "RuntimeError(f'{description} for {amount}')"
CRASHES = {
    "api": (API, "/api/category/plaice", TELLING),
    "page": (PAGE, "/nothing/plaice", TELLING),
    "machine": (API, "/api/category/plaice", "AttributeError('no attribute x')"),
}
# A separate process: the SDK changes Django's classes for good. One for all crashes, for it takes
# a second to start.
PROGRAM = """
import json, logging
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

def crash(error):
    def view(request, *args, **keys):
        description = "swordfish"
        amount = "4711238904.67"
        logging.getLogger("budget").warning("before: %s", description)
        try:
            int(description)
        except ValueError:
            raise eval(error)
    return view

client = Client(
    raise_request_exception=False,
    headers={{"Authorization": "Bearer fa_hunter2", "Cookie": "sessionid=hunter2"}},
)
kept = {{}}
for name, (where, path, error) in {crashes!r}.items():
    sent.clear()
    with mock.patch(where, crash(error)):
        answer = client.post(
            path + "?q=swordfish", {{"amount": "4711238904.67"}}, "application/json",
            headers={{"X-Request-ID": "phone-1"}},
        )
    assert answer.status_code == 500, answer.status_code
    sentry_sdk.flush()
    kept[name] = list(sent)
print(json.dumps(kept))
"""
# The amount is too long to stand in an id or a time by chance.
PRIVATE = ("swordfish", "4711238904", "plaice", "hunter2", "sessionid", "fa_")

Shown = tuple[str, list[dict[str, Any]]]


def run(change: str = "") -> dict[str, Shown]:
    """All that is sent for each crash, as text, and the events in it."""
    done = run_python("-c", PROGRAM.format(crashes=CRASHES, change=change))
    return {name: read(envelopes) for name, envelopes in json.loads(done.stdout).items()}


def read(envelopes: list[str]) -> Shown:
    lines = [line for envelope in envelopes for line in envelope.splitlines()]
    events = [json.loads(line) for line in lines if '"event_id"' in line and "exception" in line]
    # Beside the DSN's key, which is not secret: every sender has to show it.
    return "".join(envelopes).replace('"public_key":"hunter2"', ""), events


@pytest.fixture(scope="module")
def shown() -> dict[str, Shown]:
    return run()


@pytest.mark.parametrize("name", ["api", "page"])
def test_a_crash_is_told_once_by_class_place_and_route(shown: dict[str, Shown], name: str) -> None:
    text, (event,) = shown[name]
    *_, first, second = event["exception"]["values"]
    assert (first["type"], second["type"]) == ("ValueError", "RuntimeError")
    assert second["value"] == "builtins.RuntimeError"
    assert second["stacktrace"]["frames"][-1]["function"] == "view"
    assert event["tags"] == {"request_id": "phone-1"}
    for word in PRIVATE:
        assert word not in text, word


def test_the_route_of_an_api_request_is_told(shown: dict[str, Shown]) -> None:
    _, (event,) = shown["api"]
    assert "api/category/" in event["transaction"]
    assert "plaice" not in event["transaction"]


def test_what_a_machine_says_is_told(shown: dict[str, Shown]) -> None:
    _, (event,) = shown["machine"]
    assert event["exception"]["values"][-1]["value"] == "builtins.AttributeError: no attribute x"


def test_without_stripping_it_would_tell() -> None:
    text, _ = run("sentry.strip = lambda event, hint: event")["api"]
    assert "swordfish" in text
