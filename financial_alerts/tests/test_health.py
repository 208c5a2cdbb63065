"""The probes: answered for anybody, whatever else is refused, and right about the database."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from financial_alerts import health

pytestmark = pytest.mark.django_db
PROBES = pytest.mark.parametrize("path", ["/livez", "/readyz"])
LAST = {"app": "contenttypes", "name": "0002_remove_content_type_name"}


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    """Each test begins as a process does: before the migrations were looked at."""
    health.complete.clear()
    yield
    health.complete.clear()


def read(client: Client, path: str = "/readyz") -> tuple[int, dict[str, Any]]:
    answer = client.get(path)
    return answer.status_code, json.loads(answer.content)


def test_a_service_that_lives_and_is_ready_says_so(client: Client) -> None:
    assert read(client, "/livez") == (200, {"status": "ok"})
    assert read(client) == (200, {"status": "ok", "database": "ok", "migrations": "ok"})


@PROBES
def test_a_prober_calls_by_address_and_over_plain_http(
    client: Client, path: str, settings: Any
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert client.get(path, headers={"Host": "10.0.1.23:8000"}).status_code == 200
    assert client.get(path, headers={"Host": "anything at all"}).status_code == 200
    assert client.get("/", headers={"Host": "10.0.1.23:8000"}).status_code == 400
    assert client.get("/").status_code == 301


@PROBES
def test_an_answer_is_not_kept_and_leaves_nothing_behind(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer["Cache-Control"] == "no-store"
    assert answer["Content-Type"] == "application/json"
    assert answer["Content-Length"] == str(len(answer.content))
    assert not answer.cookies
    head = client.head(path)
    assert (head.status_code, head.content) == (200, b"")


@PROBES
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_probe_only_reads(client: Client, path: str, method: str) -> None:
    answer = client.generic(method, path)
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/livez/", "/readyz/", "/livezz", "/api/livez"])
def test_no_other_address_is_a_probe(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_living_asks_nobody(client: Client) -> None:
    with mock.patch.object(BaseDatabaseWrapper, "cursor", side_effect=AssertionError):
        assert read(client, "/livez")[0] == 200


def test_a_probe_has_no_line_in_the_log(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        read(client, "/livez")
        read(client)
    assert [record.name for record in caplog.records if record.name != "asyncio"] == []


def test_a_database_that_refuses_is_named_and_what_it_says_is_only_logged(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    words = 'connection to "db.internal" failed: no password for user "alerts"'
    refusing = OperationalError(words)
    with (
        mock.patch.object(BaseDatabaseWrapper, "cursor", side_effect=refusing),
        caplog.at_level(logging.WARNING),
    ):
        status, said = read(client)
    assert status == 503
    assert said == {"status": "unavailable", "database": "refuses", "migrations": "unknown"}
    messages = [record.getMessage() for record in caplog.records]
    assert any(words in message for message in messages)
    assert messages[-1].startswith("not ready: ")
    assert {record.levelname for record in caplog.records} == {"WARNING"}
    assert read(client)[0] == 200, "and once it is back, it is ready again"


def test_a_database_that_hangs_is_given_up_and_collects_no_threads(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "LIMIT", 0.1)
    back = threading.Event()
    before = threading.active_count()

    def hang(*args: object) -> None:
        back.wait(60)
        raise OperationalError("gone")

    with mock.patch.object(BaseDatabaseWrapper, "cursor", hang):
        answers = [read(client) for _ in range(5)]
        assert threading.active_count() <= before + 1
        back.set()
        with health.asking:
            pass
    silent = {"database": "no answer within 0.1 s", "migrations": "unknown"}
    assert answers == [(503, {"status": "unavailable", **silent})] * 5
    monkeypatch.undo()
    assert read(client)[0] == 200


def test_a_probe_that_waits_for_another_gets_an_answer_too(client: Client) -> None:
    def slow(*args: object) -> str:
        time.sleep(0.2)
        return health.OK

    said: list[int] = []
    with mock.patch.object(health, "migrations", slow):
        threads = [
            threading.Thread(target=lambda: said.append(read(Client())[0])) for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert said == [200, 200, 200]


@pytest.mark.django_db(transaction=True)
def test_a_migration_that_is_missing_is_named(client: Client) -> None:
    recorder = MigrationRecorder(connection)
    recorder.record_unapplied(**LAST)
    try:
        status, said = read(client)
        assert status == 503
        assert (said["database"], said["migrations"]) == (
            "ok",
            f"not applied: {LAST['app']}.{LAST['name']}",
        )
    finally:
        recorder.record_applied(**LAST)
    assert read(client)[0] == 200


@pytest.mark.django_db(transaction=True)
def test_migrations_of_a_later_release_do_no_harm(client: Client) -> None:
    recorder = MigrationRecorder(connection)
    recorder.record_applied("budget", "9999_from_tomorrow")
    try:
        assert read(client)[0] == 200
    finally:
        recorder.record_unapplied("budget", "9999_from_tomorrow")


def test_once_complete_the_migrations_are_not_read_again(client: Client) -> None:
    assert read(client)[0] == 200
    with mock.patch("financial_alerts.health.MigrationExecutor", side_effect=AssertionError):
        assert read(client)[0] == 200
