"""The description of the API: valid, whole, as committed, and open to everybody to read."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern
from openapi_spec_validator import validate

from api.http import Problem
from api.http.door import Door
from api.http.public import OpenDoor
from api.management.commands import openapi
from api.openapi.errors import EXPLAINED, anchor
from api.urls import urlpatterns
from budget.tests.document import DOCUMENT

OPERATIONS: dict[str, dict[str, Any]] = {
    f"{method.upper()} {path}": told
    for path, methods in DOCUMENT["paths"].items()
    for method, told in methods.items()
}
KEY = re.compile("<(int|key):key>")
OPEN = {"", "openapi.json", "docs"}


def test_the_description_is_valid() -> None:
    validate(DOCUMENT)


def test_the_committed_copies_are_those_that_are_made() -> None:
    for name, text in openapi.copies().items():
        written = (settings.BASE_DIR / "docs" / name).read_text(encoding="utf-8")
        assert written == text, f"docs/{name} is old: run manage.py openapi --write"


def test_the_command_writes_them(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openapi, "DOCS", tmp_path)
    call_command("openapi", "--write")
    assert {path.name for path in tmp_path.iterdir()} == {"openapi.json", "errors.md"}
    assert (tmp_path / "openapi.json").read_text() == openapi.specification().text


def test_every_method_of_every_route_is_described() -> None:
    handled = {
        f"{method} /api/{KEY.sub('{key}', str(url.pattern))}"
        for url in urlpatterns
        if isinstance(url.callback, Door)
        for method in url.callback.endpoints
    }
    assert handled == set(OPERATIONS)


def test_only_what_is_declared_open_answers_a_stranger() -> None:
    assert {str(url.pattern) for url in urlpatterns if isinstance(url.callback, OpenDoor)} == OPEN
    for url in urlpatterns[:-1]:
        assert isinstance(url, URLPattern)
        assert isinstance(url.callback, Door) != (str(url.pattern) in OPEN), url
    assert urlpatterns[-1].callback is not None  # what lies beside: 404, and nothing else


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_says_everything(name: str) -> None:
    told = OPERATIONS[name]
    assert told["summary"], "the view has no docstring"
    assert told["security"]
    for parameter in told["parameters"]:
        assert parameter.get("description"), parameter["name"]
    for status, response in told["responses"].items():
        if "$ref" in response:
            assert response["$ref"] == f"#/components/responses/Problem{status}"
        elif status != "304":
            (content,) = response["content"].values()
            assert content["schema"]
    assert {"400", "401", "404", "500", "503"} <= set(told["responses"])


def test_operations_have_names_of_their_own() -> None:
    names = [told["operationId"] for told in OPERATIONS.values()]
    assert len(set(names)) == len(names)


def fields() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (schema, name, field)
        for schema, found in DOCUMENT["components"]["schemas"].items()
        for name, field in found.get("properties", {}).items()
    ]


def test_nothing_but_what_is_described_may_be_sent_or_answered() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert schema["additionalProperties"] is False, name


def test_amounts_and_dates_say_what_they_are() -> None:
    for schema, name, field in fields():
        if name in ("amount", "date", "levels", "week_start", "month_start", "time_zone"):
            assert field.get("description"), f"{schema}.{name}"


def test_headers_stand_where_they_count() -> None:
    def asked(name: str) -> set[str]:
        return {p["name"] for p in OPERATIONS[name]["parameters"] if p["in"] == "header"}

    for name in OPERATIONS:
        writes = name.startswith("POST ") and name != "POST /api/threshold/preview"
        assert ("Idempotency-Key" in asked(name)) == writes, name
    assert asked("GET /api/transaction/{key}") == {"If-None-Match"}
    assert asked("PATCH /api/transaction/{key}") == {"If-Match"}
    assert asked("PUT /api/profile") == {"If-Match"}
    assert asked("GET /api/token") == set()


def test_who_may_ask_is_told() -> None:
    token: dict[str, list[str]] = {"token": []}
    assert token in OPERATIONS["GET /api/transaction"]["security"]
    assert token not in OPERATIONS["POST /api/token"]["security"]
    assert {"cookie": [], "csrf": []} in OPERATIONS["POST /api/transaction"]["security"]
    assert {"cookie": []} in OPERATIONS["GET /api/transaction"]["security"]


def test_a_stranger_can_read_it_and_nothing_else() -> None:
    client = Client()
    answer = client.get("/api/openapi.json")
    assert answer.status_code == 200
    assert answer.json() == DOCUMENT
    refused = client.post("/api/openapi.json")
    assert (refused.status_code, refused["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert refused["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/api", "/api/"])
def test_the_root_names_the_documents_to_everybody(path: str) -> None:
    client = Client(headers={"Origin": "https://app.example"})
    answer = client.get(path)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    found = answer.json()
    assert (found.pop("name"), found.pop("version")) == ("Financial Alerts", "1")
    assert set(found) == {"openapi", "docs", "problems"}
    for address in found.values():
        assert client.get(address).status_code == 200
    assert client.head(path).status_code == 200
    refused = client.post(path)
    assert (refused.status_code, refused["Content-Type"]) == (405, "application/problem+json")


def test_the_page_takes_nothing_from_elsewhere() -> None:
    client = Client()
    assert client.get("/")["Location"] == "/accounts/login/?next=/"
    answer = client.get("/api/docs")
    policy = answer["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; ")
    assert "unsafe-eval" not in policy
    page = answer.content.decode()
    addresses = re.findall(r'(?:src|href|data-\w+)="([^"]+)"', page)
    assert len(addresses) >= 7
    assert all(re.match("/[a-z_]", address) for address in addresses), addresses
    assert not re.search(r"<script(?! src=)|\son\w+=|style=", page)
    accounts = client.get(re.findall(r'data-accounts="([^"]+)"', page)[0])
    assert accounts.status_code == 200
    assert accounts.json()["openapi"].startswith("3.")


@pytest.mark.parametrize("problem", Problem, ids=anchor)
def test_the_type_of_a_problem_leads_somewhere(problem: Problem) -> None:
    told = EXPLAINED[problem]
    answer = Client().get(problem.type)
    assert answer.status_code == 200
    assert f'id="{anchor(problem)}"' in answer.content.decode()
    written = (settings.BASE_DIR / "docs" / "errors.md").read_text(encoding="utf-8")
    section = written.split(f"## {anchor(problem)}\n")[1].partition("\n## ")[0]
    assert problem.type in section
    assert str(problem.status) in section
    assert told.when in section
    assert told.then in section


def test_every_problem_is_described_where_it_can_happen() -> None:
    told = {
        example["value"]["type"]
        for response in DOCUMENT["components"]["responses"].values()
        for example in response["content"]["application/problem+json"]["examples"].values()
    }
    assert told == {problem.type for problem in Problem}
    referred = {
        status
        for operation in OPERATIONS.values()
        for status, response in operation["responses"].items()
        if "$ref" in response
    }
    # 405 is answered to methods that a route does not have.
    assert referred == {str(problem.status) for problem in Problem} - {"405"}


def test_another_problem_does_not_exist() -> None:
    assert Client().get("/problems/nothing").status_code == 404
    listed = Client().get("/problems").content.decode()
    assert all(problem.type in listed for problem in Problem)
