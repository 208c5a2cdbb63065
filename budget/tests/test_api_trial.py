"""?dry_run=true: what a write would do to the alerts, and nothing done."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

from budget.models import (
    Alert,
    AlertEvent,
    Category,
    IdempotentAnswer,
    Ledger,
    Rollup,
    Transaction,
)
from budget.tests.base import ApiTestCase
from budget.tests.people import at, limit, spend

PATH = "/api/transaction"
TRY = f"{PATH}?dry_run=true"
ROW = {"date": "2018-03-06", "amount": "60.00", "category": "Groceries"}


def everything(user: User) -> list[list[dict[str, Any]]]:
    """All rows that a write could touch."""
    models = (Transaction, Category, Alert, AlertEvent, Rollup, Ledger)
    return [[*model._base_manager.filter(user=user).order_by("pk").values()] for model in models]


class TrialTestCase(ApiTestCase):
    def setUp(self) -> None:
        self.stand_at("2018-03-20 12:00")
        limit(self.alice, "100.00", of="Groceries", levels=[50, 100])
        self.row = spend(self.alice, "60.00", "2018-03-05")
        self.get("/api/alert")
        self.before = everything(self.alice)

    def unchanged(self) -> None:
        self.assertEqual(everything(self.alice), self.before)

    def test_a_new_row_says_what_it_would_open(self) -> None:
        trial = self.post(TRY, ROW, status=200)
        self.unchanged()
        self.assertEqual((trial["id"], trial["dry_run"]), (None, True))
        for header in ("Location", "ETag"):
            self.assertNotIn(header, self.answer)
        (alert,) = trial["alerts"]["opened"]
        self.assertEqual((alert["id"], alert["transaction"]), (None, None))
        self.assertEqual((alert["level"], alert["total"]), (100, "120.00"))
        real = self.post(PATH, ROW)
        self.assertEqual(
            trial | {"id": real["id"]}, real | {"dry_run": True, "alerts": trial["alerts"]}
        )
        (opened,) = real["alerts"]["opened"]
        self.assertEqual(alert, opened | {"id": None, "transaction": None})

    def test_many_rows_can_be_tried_too(self) -> None:
        items = [ROW | {"category": "New one"}, ROW]
        trial = self.post(TRY, {"items": items}, status=200)
        self.unchanged()
        self.assertEqual([item["id"] for item in trial["items"]], [None, None])
        self.assertEqual([item["category"] for item in trial["items"]], ["New one", "Groceries"])
        self.assertEqual([alert["level"] for alert in trial["alerts"]["opened"]], [100])

    def test_an_edit_and_a_delete_name_alerts_that_are_there(self) -> None:
        alert = Alert.objects.get(user=self.alice)
        path = f"{PATH}/{self.row.pk}?dry_run=true"
        for method, body in (
            ("PATCH", {"amount": "10.00"}),
            ("PUT", ROW | {"amount": "10.00"}),
            ("DELETE", None),
        ):
            with self.subTest(method):
                trial = self.call(method, path, body)
                self.assertEqual((trial["id"], trial["dry_run"]), (self.row.pk, True))
                self.assertEqual([one["id"] for one in trial["alerts"]["resolved"]], [alert.pk])
                self.assertNotIn("ETag", self.answer)
                self.unchanged()

    def test_an_alert_that_would_open_again_has_its_id(self) -> None:
        alert = Alert.objects.get(user=self.alice)
        self.patch(f"{PATH}/{self.row.pk}", {"amount": "10.00"})
        trial = self.patch(f"{PATH}/{self.row.pk}?dry_run=true", {"amount": "55.00"})
        (found,) = trial["alerts"]["opened"]
        self.assertEqual((found["id"], found["episodes"]), (alert.pk, 2))
        self.assertEqual(found["transaction"], self.row.pk)

    def test_a_trial_is_refused_like_the_write_itself(self) -> None:
        self.post(TRY, {}, status=422)
        self.call("DELETE", f"{PATH}/{2**40}?dry_run=true", status=404)
        self.post(TRY, ROW | {"external_id": "a"}, status=200)
        self.post(PATH, ROW | {"external_id": "a"})
        self.post(TRY, ROW | {"external_id": "a"}, status=409)
        self.patch(
            f"{PATH}/{self.row.pk}?dry_run=true", {}, status=412, HTTP_IF_MATCH='"x.1.2018-03-05"'
        )

    def test_it_goes_with_no_idempotency_key(self) -> None:
        found = self.post(TRY, ROW, status=400, HTTP_IDEMPOTENCY_KEY="once")
        self.assertEqual(found["errors"][0]["parameter"], "dry_run")
        self.assertFalse(IdempotentAnswer.objects.exists())
        self.post(f"{PATH}?dry_run=false", ROW, HTTP_IDEMPOTENCY_KEY="once")

    def test_it_is_true_or_false_and_for_transactions_alone(self) -> None:
        self.post(f"{PATH}?dry_run=1", ROW, status=400)
        self.post(f"{PATH}?dry_run=true&dry_run=false", ROW, status=400)
        self.post("/api/category?dry_run=true", {"name": "x"}, status=400)
        self.get(TRY, status=400)
        self.unchanged()

    def test_a_day_that_has_begun_is_not_noted_by_a_trial(self) -> None:
        with at("2018-03-21 00:00"):
            self.post(TRY, ROW, status=200)
        self.unchanged()
