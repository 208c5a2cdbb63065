"""What a client may rely on when it asks again, changes what it saw, or sends much at once."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.db import connection
from django.test import Client, TransactionTestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import ApiToken
from budget.models import Alert, AlertEvent, IdempotentAnswer, Threshold, Transaction
from budget.tests.base import ApiTestCase
from budget.tests.people import category, limit, make_user, spend
from financial_alerts.tests.at_once import AT_ONCE, at_once

PATH = "/api/transaction"
ROW = {"date": "2018-03-05", "amount": "12.00", "category": "Food"}


class Asking(ApiTestCase):
    """Requests with given headers."""

    def ask(
        self, method: str, path: str, body: Any = None, status: int = 200, **headers: str
    ) -> Any:
        response = self.client.generic(
            method,
            path,
            "" if body is None else json.dumps(body),
            content_type="application/json",
            headers={
                "Authorization": f"Bearer {self.token}",
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
        )
        self.assertEqual(response.status_code, status, response.content)
        return response

    def setUp(self) -> None:
        self.token = ApiToken.issue(self.alice, "retries")[1]


class IdempotencyTestCase(Asking):
    def test_the_same_request_is_done_once_and_answered_twice(self) -> None:
        limit(self.alice, "10")
        first = self.ask("POST", PATH, ROW, 201, Idempotency_Key="a")
        again = self.ask("POST", PATH, dict(reversed(ROW.items())), 201, Idempotency_Key="a")
        self.assertEqual(first.json(), again.json())
        self.assertEqual(len(first.json()["alerts"]["opened"]), 2)
        for name in ("Location", "ETag"):
            self.assertEqual(first[name], again[name])
        self.assertNotIn("Idempotent-Replayed", first)
        self.assertEqual(again["Idempotent-Replayed"], "true")
        self.assertEqual(Transaction.objects.count(), 1)
        self.assertEqual(AlertEvent.objects.count(), 2)

    def test_another_body_is_refused(self) -> None:
        self.ask("POST", PATH, ROW, 201, Idempotency_Key="a")
        for amount in ("12", 12, "12.01"):
            body = ROW | {"amount": amount}
            answer = self.ask("POST", PATH, body, 422, Idempotency_Key="a")
            self.assertEqual(answer.json()["type"], "/problems/key-reused")

    def test_a_key_is_of_one_user_and_one_path(self) -> None:
        self.ask("POST", PATH, ROW, 201, Idempotency_Key="a")
        self.ask("POST", "/api/category", {"name": "Fun"}, 201, Idempotency_Key="a")
        self.token = ApiToken.issue(self.charlie, "retries")[1]
        self.ask("POST", PATH, ROW, 201, Idempotency_Key="a")
        self.assertEqual(Transaction.objects.count(), 2)

    def test_only_what_was_done_is_kept(self) -> None:
        self.ask("POST", PATH, ROW | {"amount": "0"}, 422, Idempotency_Key="a")
        with mock.patch("api.views.transaction.columns", side_effect=RuntimeError):
            self.client.raise_request_exception = False
            self.ask("POST", PATH, ROW, 500, Idempotency_Key="a")
        self.assertFalse(IdempotentAnswer.objects.exists())
        self.ask("POST", PATH, ROW, 201, Idempotency_Key="a")

    def test_a_day_later_the_key_is_free(self) -> None:
        self.ask("POST", PATH, ROW, 201, Idempotency_Key="a")
        IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(hours=25))
        self.ask("POST", PATH, ROW, 201, Idempotency_Key="a")
        self.assertEqual(Transaction.objects.count(), 2)
        self.assertEqual(IdempotentAnswer.objects.count(), 1)

    def test_a_key_that_is_none_is_refused(self) -> None:
        for key in ("", "a b", "x" * 256, "ä"):
            with self.subTest(key):
                self.ask("POST", PATH, ROW, 400, Idempotency_Key=key)

    def test_a_key_on_another_method_says_nothing(self) -> None:
        self.ask("GET", PATH, Idempotency_Key="a b")


class EtagTestCase(Asking):
    def test_an_unchanged_answer_is_not_sent_again(self) -> None:
        row, threshold = spend(self.alice, "5"), limit(self.alice, "4")
        alert = Alert.objects.first()
        assert alert is not None
        for path in (
            PATH,
            f"{PATH}/{row.pk}",
            "/api/threshold",
            f"/api/threshold/{threshold.pk}",
            "/api/alert",
            f"/api/alert/{alert.pk}",
            "/api/category",
            f"/api/category/{row.category_id}",
            "/api/transaction-type/refund",
            "/api/profile",
        ):
            with self.subTest(path):
                tag = self.ask("GET", path)["ETag"]
                same = self.ask("GET", path, status=304, If_None_Match=f'"x", W/{tag}')
                self.assertEqual((same["ETag"], same.content), (tag, b""))
                spend(self.alice, "1")
                self.assertNotEqual(self.ask("GET", path, If_None_Match=tag)["ETag"], tag)

    def test_tokens_have_tags_of_their_own_because_no_ledger_tells_of_them(self) -> None:
        token = ApiToken.objects.get(user=self.alice, name="retries")
        for path in ("/api/token", f"/api/token/{token.pk}"):
            with self.subTest(path):
                tag = self.ask("GET", path)["ETag"]
                self.ask("GET", path, status=304, If_None_Match=tag)
                ApiToken.objects.filter(pk=token.pk).update(name=path)
                self.ask("GET", path, If_None_Match=tag)

    def test_a_new_day_is_another_answer(self) -> None:
        limit(self.alice, "4")
        tag = self.ask("GET", "/api/threshold")["ETag"]
        tomorrow = timezone.now() + timedelta(days=1)
        with mock.patch("django.utils.timezone.now", return_value=tomorrow):
            self.ask("GET", "/api/threshold", If_None_Match=tag)

    def test_a_row_is_changed_only_as_it_was_seen(self) -> None:
        row = spend(self.alice, "5")
        limit(self.alice, "100", name="Food")
        for path, change in (
            (f"{PATH}/{row.pk}", {"amount": "6.00"}),
            ("/api/threshold/food", {"amount": "7.00"}),
            (f"/api/category/{row.category_id}", {"name": "Other"}),
            ("/api/profile", {"week_start": 7}),
        ):
            with self.subTest(path):
                tag = self.ask("GET", path)["ETag"]
                spend(self.alice, "1")
                changed = self.ask("PATCH", path, change, If_Match=tag)
                refused = self.ask("PATCH", path, change, 412, If_Match=tag)
                self.assertEqual(refused.json()["type"], "/problems/precondition-failed")
                self.ask("PATCH", path, change, If_Match=f'"no", {changed["ETag"]}')
                self.ask("PATCH", path, change, If_Match="*")
                self.ask("PATCH", path, change, 412, If_Match="nonsense")
        self.ask("DELETE", f"{PATH}/{row.pk}", status=412, If_Match='"0.1.2018-01-01"')
        self.assertTrue(Transaction.objects.filter(pk=row.pk).exists())
        tag = self.ask("GET", f"{PATH}/{row.pk}")["ETag"]
        self.ask("DELETE", f"{PATH}/{row.pk}", If_Match=tag)


class BatchTestCase(Asking):
    def test_many_rows_are_one_evaluation(self) -> None:
        limit(self.alice, "100", of="Food", levels=[100])
        items = [ROW | {"external_id": str(number)} for number in range(20)]
        found = self.ask("POST", PATH, {"items": items}, 201).json()
        self.assertEqual(
            [item["external_id"] for item in found["items"]],
            [item["external_id"] for item in items],
        )
        [alert] = found["alerts"]["opened"]
        self.assertEqual(alert["transaction"], found["items"][8]["id"])
        self.assertEqual(AlertEvent.objects.get().cause, "bulk")

    def test_every_wrong_item_is_named_and_nothing_is_stored(self) -> None:
        items = [ROW, ROW | {"amount": "0"}, {"date": "2018-02-30", "amuont": "1"}]
        problem = self.ask("POST", PATH, {"items": items}, 422).json()
        self.assertEqual(
            {error["pointer"] for error in problem["errors"]},
            {
                "#/items/1/amount",
                "#/items/2/date",
                "#/items/2/amount",
                "#/items/2/amuont",
            },
        )
        self.assertFalse(Transaction.objects.exists())

    def test_a_taken_external_id_is_named(self) -> None:
        spend(self.alice, "1", external_id="a")
        items = [ROW | {"external_id": name} for name in ("b", "a", "c", "b")]
        problem = self.ask("POST", PATH, {"items": items}, 409).json()
        self.assertEqual(
            [error["pointer"] for error in problem["errors"]],
            ["#/items/1/external_id", "#/items/3/external_id"],
        )
        self.assertEqual(Transaction.objects.count(), 1)

    def test_a_thousand_is_the_most(self) -> None:
        self.ask("POST", PATH, {"items": []}, 422)
        self.ask("POST", PATH, {"items": [ROW] * 1001}, 422)
        self.ask("POST", PATH, {"items": [ROW], "amount": "1"}, 422)
        found = self.ask("POST", PATH, {"items": [ROW] * 1000}, 201).json()
        self.assertEqual(len(found["items"]), 1000)

    @pytest.mark.postgres  # SQLite takes fewer rows in one INSERT
    def test_ten_or_five_hundred_rows_take_the_same_number_of_queries(self) -> None:
        limit(self.alice, "1", of="Food")
        category(self.alice, "Food")
        counts = []
        for rows in (10, 500):
            self.ask("POST", PATH, {"items": [ROW] * rows}, 201)
            with CaptureQueriesContext(connection) as queries:
                self.ask("POST", PATH, {"items": [ROW] * rows}, 201)
            counts.append(len(queries))
        self.assertEqual(counts[0], counts[1])


@pytest.mark.postgres
class ParallelTestCase(TransactionTestCase):
    def test_parallel_retries_of_one_key_make_one_row(self) -> None:
        alice = make_user()
        Threshold(user=alice, name="Food", amount="10", type="monthly").save()
        token = ApiToken.issue(alice, "retries")[1]

        def send() -> tuple[int, Any]:
            answer = Client().post(
                PATH,
                ROW,
                content_type="application/json",
                headers={"Authorization": f"Bearer {token}", "Idempotency-Key": "one"},
            )
            return answer.status_code, answer.json()

        answers = at_once([send] * AT_ONCE)
        self.assertEqual(Transaction.objects.count(), 1)
        done = [body for status, body in answers if status == 201]
        self.assertTrue(all(status in (201, 409, 503) for status, _ in answers), answers)
        self.assertGreater(len(done), 1)
        self.assertTrue(all(body == done[0] for body in done))
        self.assertEqual(AlertEvent.objects.count(), 2)

    def test_old_keys_that_another_request_is_deleting_hold_up_no_new_one(self) -> None:
        headers = {"Authorization": f"Bearer {ApiToken.issue(make_user(), 'retries')[1]}"}

        def send(key: str) -> int:
            asked = headers | {"Idempotency-Key": key}
            answer = self.client.post(PATH, ROW, content_type="application/json", headers=asked)
            return answer.status_code

        self.assertEqual(send("old"), 201)
        IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(hours=25))
        other = connection.copy()
        other.set_autocommit(False)
        self.addCleanup(other.close)
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '500ms'")  # so that a wait is refused
        self.addCleanup(connection.close)
        with other.cursor() as cursor:
            cursor.execute("DELETE FROM budget_idempotentanswer")
            self.assertEqual(send("new"), 201)
        other.rollback()
        self.assertEqual(send("newer"), 201)
        self.assertEqual(
            set(IdempotentAnswer.objects.values_list("key", flat=True)), {"new", "newer"}
        )
