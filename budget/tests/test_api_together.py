"""Requests that meet: nothing is lost, nothing is half shown, nobody waits for ever."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

from django.db import connection, transaction
from django.test import TransactionTestCase

from budget.models import Category, Transaction, ledger
from budget.models.ledger import LOCK_TIMEOUT, open_book
from budget.tests.base import issue_token
from budget.tests.people import make_user, spend

PATH = "/api/transaction"


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
                with transaction.atomic(), open_book(self.alice.pk):
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
            mock.patch("api.http.ledgered.describe_flipped", side_effect=RuntimeError),
            self.assertLogs("api.http.problems", "ERROR"),
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
