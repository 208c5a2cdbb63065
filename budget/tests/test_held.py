"""A ledger that a request holds: one lock, one version, and nothing known of it that is not so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from budget import engine
from budget.engine.answers import state_of
from budget.engine.rules import rules_changed
from budget.models import Alert, Ledger, LedgerState
from budget.models.ledger import holding, lock_ledger, lock_ledgers
from budget.tests.base import ApiTestCase, at
from budget.tests.people import combine, limit, spend

ROW = {"date": "2018-03-06", "amount": "60.00", "category": "Groceries"}
ROLLING = {"name": "Weeks", "type": "rolling", "days": 30, "amount": "5.00"}


def known(ledger: LedgerState) -> dict[str, Any]:
    """What a state says, without the day that it began with."""
    return {name: value for name, value in vars(ledger).items() if name != "was"}


class HeldTestCase(ApiTestCase):
    def setUp(self) -> None:
        self.stand_at("2018-03-20 12:00")
        limit(self.alice, "100.00", of="Groceries", slug="food", levels=[50, 100])
        combine(self.alice, ("Groceries", "spending", "gte", "30.00"), match="all")
        self.row = spend(self.alice, "40.00", "2018-03-05").pk
        self.other = spend(self.alice, "40.00", "2018-02-05", to="Other").pk
        self.alert = Alert.objects.filter(user=self.alice, status="open").earliest("pk")
        self.apart: list[str] = []

    def calls(self) -> list[tuple[str, str, object, int]]:
        """A write of each kind."""
        row, alert = f"/api/transaction/{self.row}", f"/api/alert/{self.alert.pk}"
        food = "/api/threshold/food"
        return [
            ("POST", "/api/transaction", ROW, 201),
            ("POST", "/api/transaction", {"items": [ROW, ROW | {"category": "New"}]}, 201),
            ("PATCH", row, {"amount": "200.00"}, 200),
            ("PUT", row, ROW | {"type": "income"}, 200),
            ("PATCH", alert, {"acknowledged": True}, 200),
            ("PATCH", alert, {"snoozed_until": "2019-01-01T00:00:00Z"}, 200),
            ("POST", "/api/alert", {"message": "Look"}, 201),
            ("POST", "/api/threshold", ROLLING, 201),
            ("PATCH", food, {"levels": [10, 20]}, 200),
            ("POST", "/api/category", {"name": "Food"}, 201),
            ("PATCH", "/api/category/groceries", {"parent": "food"}, 200),
            ("POST", "/api/category/other/merge", {"into": "new"}, 200),
            ("POST", "/api/transaction-type", {"name": "Fee", "effect": "spending"}, 201),
            ("PATCH", "/api/profile", {"month_start": 15, "time_zone": "Asia/Tokyo"}, 200),
            ("DELETE", food, None, 200),
            ("DELETE", row, None, 200),
            ("POST", "/api/transaction?dry_run=true", ROW, 200),
        ]

    def play(self) -> None:
        """Send them all, a day apart, and compare what was held with the row at the end of each."""

        @contextmanager
        def compared(user_id: int) -> Iterator[LedgerState]:
            with holding(user_id) as ledger:
                yield ledger
            row = Ledger.objects.get(pk=user_id)
            if known(ledger) != known(state_of(row)):
                self.apart.append(f"{self.said}: {ledger} is not {state_of(row)}")

        for number, (method, path, body, status) in enumerate(self.calls()):
            self.said = f"{method} {path}"
            before = Ledger.objects.get(pk=self.alice.pk).version
            day = at(f"2018-04-{number + 1:02} 12:00")
            with day, mock.patch("budget.http.door.holding", compared):
                self.call(method, path, body, status=status, reads="dry_run" in path)
            after = Ledger.objects.get(pk=self.alice.pk)
            kept = int("dry_run" not in path)
            self.assertEqual(after.version - before, kept, self.said)
            self.assertEqual(after.as_of.day, number + kept, self.said)

    def test_what_is_held_is_what_is_stored(self) -> None:
        self.play()
        self.assertEqual(self.apart, [])
        self.assertEqual(list(engine.reconcile(self.alice.pk)), [])

    def test_a_change_that_is_not_held_is_caught(self) -> None:
        def unheld(ledger: LedgerState) -> None:
            held = ledger.rules
            rules_changed(ledger)
            ledger.rules = held

        with mock.patch("budget.engine.writes.rules_changed", unheld):
            self.play()
        self.assertTrue(self.apart)

    def test_a_step_judges_no_day_twice(self) -> None:
        with at("2018-04-02 12:00"), holding(self.alice.pk) as ledger:
            row = spend(self.alice, "1.00")
            self.assertEqual((str(ledger.was), str(ledger.as_of)), ("2018-03-20", "2018-04-02"))
            with self.assertNumQueries(0):
                engine.read_ledger(self.alice.pk)
            self.assertEqual(ledger.was, ledger.as_of)
            row.delete()

    def test_only_ones_own_is_held_and_only_so_long(self) -> None:
        with holding(self.alice.pk) as ledger:
            self.assertIs(lock_ledger(self.alice.pk), ledger)
            theirs = lock_ledgers([self.charlie.pk, self.alice.pk])
            self.assertIs(theirs[self.alice.pk], ledger)
            self.assertEqual(theirs[self.charlie.pk].user_id, self.charlie.pk)
        self.assertEqual(lock_ledger(self.alice.pk).version, ledger.version + 1)

    def test_a_failure_lets_go(self) -> None:
        with self.assertRaises(ZeroDivisionError), holding(self.alice.pk) as ledger:
            raise ZeroDivisionError
        self.assertIsNot(lock_ledger(self.alice.pk), ledger)
