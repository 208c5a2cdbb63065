"""Requests that meet: nothing is lost, nothing is half told, nobody waits for ever."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

from django.db import connection, transaction
from django.test import TransactionTestCase

from budget import engine
from budget.models import Category, LedgerState, Transaction, ledger
from budget.models.ledger import LOCK_TIMEOUT, holding, lock_ledger
from budget.tests.base import ApiTestCase, issue_token
from budget.tests.people import limit, make_user, spend

PATH = "/api/transaction"


class SteadyReadTestCase(ApiTestCase):
    """A read that a write overtakes, between its own first query and its last."""

    def setUp(self) -> None:
        self.threshold = limit(self.alice, "100.00", levels=[100])
        self.row = spend(self.alice, "120.00")
        self.writes: list[Callable[[], object]] = [self.row.delete]
        self.reads = 0

    def overtaken(
        self, describe: Callable[[LedgerState, Any], Any]
    ) -> Callable[[LedgerState, Any], Any]:
        def describe_late(ledger: LedgerState, rows: Any) -> Any:
            self.reads += 1
            if self.writes:
                self.writes.pop(0)()
            return describe(ledger, rows)

        return describe_late

    def test_an_alert_is_never_shown_with_a_total_of_another_moment(self) -> None:
        path = self.get("/api/alert")["items"][0]["id"]
        late = self.overtaken(engine.describe_alerts)
        with mock.patch("budget.views.alert.describe_alerts", late):
            found = self.get(f"/api/alert/{path}")
        self.assertEqual((found["status"], found["total"], self.reads), ("resolved", "0.00", 2))

    def test_nor_in_a_list(self) -> None:
        late = self.overtaken(engine.describe_alerts)
        with mock.patch("budget.views.alert.describe_alerts", late):
            found = self.get("/api/alert")["items"]
        self.assertEqual(
            [(item["status"], item["total"]) for item in found], [("resolved", "0.00")]
        )

    def test_nor_is_a_threshold(self) -> None:
        self.writes = [lambda: self.patch(f"/api/threshold/{self.threshold.pk}", {"amount": 5})]
        late = self.overtaken(engine.describe_thresholds)
        with mock.patch("budget.views.threshold.describe_thresholds", late):
            found = self.get(f"/api/threshold/{self.threshold.pk}")
        self.assertEqual(found["amount"], "5.00")

    def test_where_writers_leave_no_gap_the_reader_takes_the_lock(self) -> None:
        self.writes = [lambda: spend(self.alice, "1.00")] * 10
        late = self.overtaken(engine.describe_alerts)
        locks = mock.patch("budget.http.door.holding", side_effect=holding)
        with mock.patch("budget.views.alert.describe_alerts", late), locks as locking:
            self.get("/api/alert")
        self.assertEqual((self.reads, locking.call_count), (4, 1))


class TwoConnectionsTestCase(TransactionTestCase):
    def setUp(self) -> None:
        self.alice = make_user("alice")
        self.headers = {"Authorization": f"Bearer {issue_token(self.alice)}"}
        self.row = spend(self.alice, "1.00")

    def patch(self, body: dict[str, Any]) -> Any:
        return self.client.patch(
            f"{PATH}/{self.row.pk}",
            json.dumps(body),
            content_type="application/json",
            headers=self.headers,
        )

    def while_locked(self, then: Callable[[], object]) -> threading.Thread:
        """Hold alice's ledger in another connection, do something there, and commit."""
        locked = threading.Event()

        def work() -> None:
            try:
                with transaction.atomic():
                    lock_ledger(self.alice.pk)
                    locked.set()
                    then()
            finally:
                connection.close()

        thread = threading.Thread(target=work)
        thread.start()
        self.assertTrue(locked.wait(60))
        return thread

    def test_two_edits_of_one_row_are_both_kept(self) -> None:
        def edit() -> None:
            # Long enough for the request to come and wait.
            time.sleep(0.3)
            row = Transaction.objects.get(pk=self.row.pk)
            row.description = "theirs"
            row.save()

        thread = self.while_locked(edit)
        answer = self.patch({"amount": "2.00"})
        thread.join()
        self.assertEqual(answer.status_code, 200)
        row = Transaction.objects.get(pk=self.row.pk)
        self.assertEqual((row.description, str(row.amount)), ("theirs", "2.00"))

    def test_a_lock_that_is_not_had_in_time_is_503(self) -> None:
        release = threading.Event()
        thread = self.while_locked(lambda: release.wait(60))
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA busy_timeout = 100")
        try:
            with mock.patch.object(ledger, "LOCK_TIMEOUT", LOCK_TIMEOUT):
                answer = self.patch({"amount": "2.00"})
            read = self.client.get(f"{PATH}/{self.row.pk}", headers=self.headers)
        finally:
            release.set()
            thread.join()
            connection.close()
        self.assertEqual((answer.status_code, answer["Retry-After"]), (503, "1"))
        self.assertEqual(answer.json()["type"], "/problems/busy")
        self.assertEqual((read.status_code, read.json()["amount"]), (200, "1.00"))
        self.assertEqual(self.patch({"amount": "2.00"}).status_code, 200)

    def test_what_fails_after_the_write_leaves_nothing(self) -> None:
        self.client.raise_request_exception = False
        with (
            mock.patch("budget.http.door.flips", side_effect=RuntimeError),
            self.assertLogs("budget.http.problems", "ERROR"),
        ):
            answer = self.client.post(
                PATH,
                json.dumps({"date": "2018-03-05", "amount": 1, "category": "New"}),
                content_type="application/json",
                headers=self.headers,
            )
        self.assertEqual(answer.status_code, 500)
        self.assertEqual(Transaction.objects.count(), 1)
        self.assertEqual(Category.objects.filter(builtin=False).count(), 1)
