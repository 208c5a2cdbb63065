"""What a write answers of the alerts that it has flipped is what a GET of each answers then."""

from __future__ import annotations

from typing import Any
from unittest import mock

from django.db import transaction

from budget.answers import alert as answers
from budget.tests.base import ApiTestCase
from budget.tests.people import limit, spend

PATH = "/api/transaction"
ROW = {"date": "2018-03-05", "amount": "162.40", "category": "Groceries", "type": "expense"}
# Each opens at least one alert with ROW.
THRESHOLDS: dict[str, dict[str, Any]] = {
    "monthly": {},
    "weekly": {"type": "weekly"},
    "daily": {"type": "daily", "operator": "gt"},
    "above 0 only": {"amount": "0"},
    "yearly": {"type": "yearly"},
    "rolling": {"type": "rolling", "days": 7},
    "each transaction": {"type": "transaction"},
    "of a category": {"category": "Groceries"},
    "a number of expenses": {"measure": "count", "amount": "2", "levels": [50, 100]},
    "a rollover": {"rollover": True, "rollover_from": "2018-01-01", "amount": "60"},
    "a forecast": {"forecast": True, "amount": "300"},
    "a combination": {
        "conditions": [
            {"category": "Groceries", "measure": "spending", "operator": "gt", "amount": "100"},
            {"measure": "count", "operator": "gte", "amount": "1"},
        ],
        "match": "any",
    },
}


class AnswerOfAWriteTestCase(ApiTestCase):
    def setUp(self) -> None:
        self.stand_at("2018-03-05 12:00")

    def check(self, found: dict[str, Any]) -> dict[str, Any]:
        """Compare each alert of an answer with what a GET answers; gives the alerts."""
        alerts: dict[str, Any] = found["alerts"]
        for alert in (*alerts["opened"], *alerts["resolved"]):
            self.assertEqual(self.get(f"/api/alert/{alert['id']}"), alert)
        return alerts

    def test_an_alert_that_a_transaction_opens(self) -> None:
        spend(self.alice, "7.30", "2018-02-27", to="Rent")
        for name, fields in THRESHOLDS.items():
            with self.subTest(name), transaction.atomic():
                body = {"name": name, "amount": "150", "type": "monthly"} | fields
                if "conditions" in body:
                    del body["amount"]
                self.post("/api/threshold", body, status=201)
                found = self.post(PATH, ROW)
                self.assertTrue(self.check(found)["opened"])
                self.delete(f"{PATH}/{found['id']}")
                # Open again: the second episode of the same alerts.
                again = self.post(PATH, ROW)
                self.assertTrue(self.check(again)["opened"])
                self.check(self.delete(f"{PATH}/{again['id']}"))
                transaction.set_rollback(True)

    def test_alerts_of_the_past_and_of_many_transactions(self) -> None:
        limit(self.alice, "100", levels=[50, 100])
        late = self.check(self.post(PATH, ROW | {"date": "2018-01-31"}))["opened"]
        self.assertEqual([alert["late"] for alert in late], [True, True])
        items = [ROW | {"amount": "60.00"}, ROW | {"amount": "70.00"}]
        many = self.check(self.post(PATH, {"items": items}))["opened"]
        self.assertEqual([alert["then"]["total"] for alert in many], ["60.00", "130.00"])

    def test_alerts_that_an_edit_opens_and_resolves(self) -> None:
        limit(self.alice, "150", of="Groceries")
        limit(self.alice, "150", of="Rent")
        row = self.post(PATH, ROW)
        moved = self.check(self.patch(f"{PATH}/{row['id']}", {"category": "Rent"}))
        self.assertEqual([len(moved[side]) for side in ("opened", "resolved")], [2, 2])

    def test_alerts_that_settings_and_thresholds_open(self) -> None:
        self.post(PATH, ROW)
        self.assertTrue(
            self.check(
                self.post("/api/threshold", {"name": "a", "amount": "9", "type": "monthly"})
            )["opened"]
        )
        self.assertTrue(self.check(self.patch("/api/profile", {"month_start": 4}))["opened"])

    def test_an_alert_of_a_new_day(self) -> None:
        limit(self.alice, "150", "rolling", days=3)
        self.post(PATH, ROW | {"date": "2018-03-06"})
        self.stand_at("2018-03-06 12:00")
        opened = self.check(self.post("/api/category", {"name": "New"}))["opened"]
        self.assertEqual(len(opened), 2)

    def test_what_it_opens_is_not_read_again(self) -> None:
        limit(self.alice, "150")
        with mock.patch.object(answers, "describe_alerts", side_effect=AssertionError):
            found = self.post(PATH, ROW)
        self.assertEqual(len(self.check(found)["opened"]), 2)

    def test_the_comparison_sees_a_wrong_number(self) -> None:
        limit(self.alice, "150")
        with mock.patch.object(answers, "percent_of", return_value=1):
            found = self.post(PATH, ROW)
        with self.assertRaises(AssertionError):
            self.check(found)
