"""A database that is restored from a backup: no client goes on with what is no longer there."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.core.cache import caches
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test import Client
from pytest_django import Settings

from budget.engine import start_generation
from budget.models import Alert, AlertEvent, Ledger, Transaction
from budget.tests.base import issue_token
from budget.tests.people import at, limit, make_user, spend
from budget.tests.test_etags import Walker, fill
from financial_alerts.tests.backups import Backup, a_backup

pytestmark = pytest.mark.django_db(transaction=True)

LATER = "2018-03-20 12:00"
MAX_SEQ = 2**53


class Phone:
    """A client that keeps what it was sent: the place in the feed, tags, cursors and rows."""

    def __init__(self, name: str) -> None:
        self.user = make_user(name)
        self.headers = {"Authorization": f"Bearer {issue_token(self.user)}"}
        self.since = 0
        self.alerts: dict[int, tuple[int, int, str]] = {}

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        sent = self.headers | {name.replace("_", "-"): text for name, text in headers.items()}
        text = "" if body is None else json.dumps(body)
        return Client(headers=sent).generic(method, path, text, content_type="application/json")

    def get(self, path: str, **headers: str) -> Any:
        return self.ask("GET", path, **headers)

    def spend(self, amount: str, **fields: str) -> Any:
        body = {"date": "2018-03-20", "amount": amount, "category": "Groceries"} | fields
        answer = self.ask("POST", "/api/transaction", body)
        assert answer.status_code == 201, answer.content
        return answer.json()

    def follow(self) -> None:
        """Do what docs/api.md says: go on with the feed, and on 410 begin again with the list."""
        while True:
            answer = self.get(f"/api/alert?since={self.since}")
            if answer.status_code == 410:
                self.begin()
                continue
            assert answer.status_code == 200, answer.content
            found = answer.json()
            self.keep([item["alert"] for item in found["items"]])
            self.since = found["since"]
            if found["next"] is None:
                return

    def begin(self) -> None:
        self.alerts = {}
        path = "/api/alert?limit=2"
        while path is not None:
            found = self.get(path).json()
            self.keep(found["items"])
            self.since, path = found["since"], found["next"]

    def keep(self, alerts: list[dict[str, Any]]) -> None:
        for alert in alerts:
            self.alerts[alert["id"]] = (alert["threshold"], alert["level"], alert["status"])

    def shows_what_is_so(self) -> bool:
        stored = Alert.objects.filter(user=self.user)
        return self.alerts == {
            alert.pk: (alert.threshold_id, alert.level, alert.status) for alert in stored
        }


@pytest.fixture
def alice() -> Iterator[Phone]:
    with at(LATER):
        alice = Phone("alice")
        Ledger.objects.update(as_of="2018-03-20")
        limit(alice.user, "10.00", name="Food", levels=[10, 20, 50, 100])
        alice.spend("2.00")
        alice.follow()
        yield alice


def flip(phone: Phone, times: int) -> None:
    """As many events as that, and as many writes."""
    for _ in range(times // 2):
        row = phone.spend("9.00")["id"]
        phone.ask("DELETE", f"/api/transaction/{row}")


def go_back(backup: Backup, *, generation: bool = True) -> None:
    backup.restore()
    if generation:
        call_command("start_generation", verbosity=0)


def test_a_phone_that_is_ahead_of_the_backup_is_told_and_begins_again(alice: Phone) -> None:
    with a_backup() as backup:
        alice.spend("3.00")
        alice.follow()
        ahead = alice.since
        go_back(backup)
        alice.spend("8.00")
        answer = alice.get(f"/api/alert?since={ahead}")
        assert answer.status_code == 410
        assert answer.json()["type"] == "/problems/gone"
        assert answer["Content-Type"] == "application/problem+json"
        alice.follow()
        assert alice.shows_what_is_so()
        new = AlertEvent.objects.order_by("-seq")[0].seq
        assert ahead < new < MAX_SEQ


def test_without_a_new_generation_it_would_miss_what_is_new(alice: Phone) -> None:
    """The control: the fault is real, and the test above would see it."""
    with a_backup() as backup:
        alice.spend("3.00")
        alice.follow()
        path = "/api/transaction"
        tag = alice.get(path)["ETag"]
        go_back(backup, generation=False)
        limit(alice.user, "2.50", name="Other")
        assert alice.get(path, If_None_Match=tag).status_code == 304
        alice.follow()
        assert not alice.shows_what_is_so()


def test_a_phone_that_the_backup_knows_misses_nothing_and_sees_nothing_twice(alice: Phone) -> None:
    with a_backup() as backup:
        before = alice.since
        go_back(backup)
        alice.spend("8.00")
        found = alice.get(f"/api/alert?since={before}").json()
        assert [item["alert"]["level"] for item in found["items"]] == [50, 100]
        assert all(item["seq"] > before for item in found["items"])
        alice.follow()
        assert alice.shows_what_is_so()


def test_a_list_read_after_the_restore_says_where_the_feed_goes_on(alice: Phone) -> None:
    with a_backup() as backup:
        go_back(backup)
        alice.begin()
        assert alice.get(f"/api/alert?since={alice.since}").json()["items"] == []
        alice.spend("8.00")
        assert len(alice.get(f"/api/alert?since={alice.since}").json()["items"]) == 2
        alice.follow()
        assert alice.shows_what_is_so()


def test_the_same_backup_twice(alice: Phone) -> None:
    """What was given out between two restores is gone as well, a number without an event too."""
    with a_backup() as backup:
        go_back(backup)
        alice.begin()
        base = alice.since
        alice.spend("8.00")
        alice.follow()
        with at("2018-03-20 12:01"):
            go_back(backup)
            for since in (base, alice.since):
                assert alice.get(f"/api/alert?since={since}").status_code == 410
            alice.spend("1.00")
            alice.follow()
            assert alice.shows_what_is_so()


def test_no_tag_and_no_cursor_of_before_is_good(alice: Phone) -> None:
    """On every route, though as many writes have been made again as were lost."""
    fill(alice.user)
    with a_backup() as backup:
        flip(alice, 2)
        walker = Walker([alice.user])
        tags = {path: tag for (_, path), tag in walker.tags().items()}
        explained = f"alert/{Alert.objects.order_by('id')[0].pk}/explain"
        lists = [f"/api/{name}?limit=1" for name in ("transaction", "alert", "category", explained)]
        pages = [alice.get(path).json()["next"] for path in lists]
        version = Ledger.objects.get().version
        go_back(backup)
        alice.headers = {"Authorization": f"Bearer {issue_token(alice.user)}"}
        walker = Walker([alice.user])
        while Ledger.objects.get().version < version:
            alice.spend("0.01")
        assert Ledger.objects.get().version == version
        for path, tag in tags.items():
            answer, _ = walker.ask("alice", path, tag)
            assert answer.status_code != 304, path
        for page in pages:
            assert alice.get(page).status_code == 410, page
            assert alice.get(page).json()["errors"][0]["parameter"] == "cursor"


def test_a_kept_summary_of_before_is_not_shown(alice: Phone, settings: Settings) -> None:
    cache = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "restore"}
    settings.CACHES = settings.CACHES | {"summaries": cache}
    caches["summaries"].clear()
    path = "/api/summary?date_from=2018-03-01&date_to=2018-03-31"
    with a_backup() as backup:
        alice.spend("3.00")
        assert alice.get(path).json()["spending"] == "5.00"
        go_back(backup, generation=False)
        alice.spend("4.00")
        # The control: as many writes as were lost, and the summary of before is taken for this one.
        assert alice.get(path).json()["spending"] == "5.00"
        go_back(backup)
        alice.spend("4.00")
        assert alice.get(path).json()["spending"] == "6.00"


def test_what_was_sent_after_the_backup_is_done_again_and_once(alice: Phone) -> None:
    body = {"date": "2018-03-20", "amount": "1.00", "external_id": "a"}
    kept = alice.ask("POST", "/api/transaction", body, Idempotency_Key="before")
    with a_backup() as backup:
        lost = body | {"external_id": "b"}
        alice.ask("POST", "/api/transaction", lost, Idempotency_Key="after")
        go_back(backup)
        for _ in range(2):
            for sent, key in ((body, "before"), (lost, "after")):
                answer = alice.ask("POST", "/api/transaction", sent, Idempotency_Key=key)
                assert answer.status_code == 201
                if key == "before":
                    assert answer.json() == kept.json()
        found = Transaction.objects.exclude(external_id=None).order_by("external_id")
        assert [row.external_id for row in found] == ["a", "b"]


def test_a_row_is_changed_only_as_it_was_seen(alice: Phone) -> None:
    path = f"/api/transaction/{Transaction.objects.get().pk}"
    before = alice.get(path)["ETag"]
    with a_backup() as backup:
        after = alice.ask("PATCH", path, {"amount": "6.00"})["ETag"]
        go_back(backup)
        assert alice.ask("PATCH", path, {"amount": "7.00"}, If_Match=after).status_code == 412
        assert alice.ask("PATCH", path, {"amount": "7.00"}, If_Match=before).status_code == 200


def test_each_user_has_a_generation_of_their_own(alice: Phone) -> None:
    others = [make_user(f"user{number}") for number in range(5)]
    for user in others:
        limit(user, "1.00")
    old = dict(Ledger.objects.values_list("pk", "generation"))
    done: list[int] = []
    assert start_generation(batch=2, progress=done.append) == 6
    assert done == [2, 2, 2]
    new = dict(Ledger.objects.values_list("pk", "generation"))
    assert len({*old.values(), *new.values()}) == 12


def test_the_command_says_what_it_did(alice: Phone, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("start_generation")
    assert capsys.readouterr().out == "1 user begins a new generation.\n"
    call_command("reconcile")


def test_a_database_that_gives_up_is_no_crash_of_ours(alice: Phone) -> None:
    refused = OperationalError("canceling statement due to lock timeout")
    with (
        mock.patch("budget.engine.generation.renew", side_effect=refused),
        pytest.raises(CommandError, match=r"lock timeout\. Run it again\."),
    ):
        call_command("start_generation")


@pytest.mark.postgres
def test_it_may_run_beside_writers(alice: Phone) -> None:
    failed: list[BaseException] = []

    def write() -> None:
        try:
            for _ in range(15):
                spend(alice.user, "9.00", "2018-03-20").delete()
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        start_generation()
        alice.follow()
    for thread in threads:
        thread.join()
    assert failed == []
    alice.follow()
    assert alice.shows_what_is_so()
    seqs = list(AlertEvent.objects.order_by("id").values_list("seq", flat=True))
    assert seqs == sorted(set(seqs))
