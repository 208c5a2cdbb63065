"""The largest sums there can be: right on both databases, and a write beyond them is refused."""

from __future__ import annotations

import tempfile
from datetime import date
from decimal import Decimal
from itertools import product
from pathlib import Path
from unittest import mock

from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import transaction

from budget import engine
from budget.engine import sql
from budget.models import (
    Alert,
    Category,
    Ledger,
    LedgerOverflow,
    Threshold,
    Transaction,
    TransactionType,
)
from budget.models.money import CENT, MAX_AMOUNT
from budget.tests.base import ApiTestCase, turn_back_the_day
from budget.tests.exports import line, write_csv
from budget.tests.people import at, category, limit, open_levels, spend

PATH = "/api/transaction"
LARGEST = Decimal("4000000000000000.00")
# A day or month of one category and type takes no more of the largest amount.
A_MONTH = 90
CATEGORIES = ("Food", "Rent", "Fun", "Car")


def rows_of(user: User) -> list[Transaction]:
    """A year's worth of rows of the largest amount, up to the last cent that is allowed."""
    expense = TransactionType.objects.get(user=user, slug="expense")
    categories = [category(user, name) for name in CATEGORIES]
    places = [
        (of, date(2018, month, 1))
        for of, month in product(categories, range(1, 13))
        for _ in range(A_MONTH)
    ]
    whole, rest = divmod(LARGEST, MAX_AMOUNT)
    amounts = [MAX_AMOUNT] * int(whole) + [rest]
    return [
        Transaction(category=of, date=day, amount=amount, type=expense)
        for (of, day), amount in zip(places, amounts, strict=False)
    ]


class LargestSumsTestCase(ApiTestCase):
    @classmethod
    def setUpTestData(cls) -> None:
        super().setUpTestData()
        turn_back_the_day()
        with at("2018-12-20 12:00"):
            limit(cls.alice, "999999999999.99", "yearly", levels=[100, 1000], name="Year")
            limit(cls.alice, "1", "yearly", levels=[100], forecast=True, name="Pace")
            limit(cls.alice, "5", "yearly", operator="lt", levels=[100], name="Frugal")
            engine.record_transactions(cls.alice.pk, rows_of(cls.alice))

    def setUp(self) -> None:
        self.enterContext(at("2018-12-20 12:00"))

    def row(self, amount: str, **fields: object) -> dict[str, object]:
        return {"date": "2018-12-20", "amount": amount, "category": "Last", **fields}

    def test_the_largest_total_is_right_everywhere(self) -> None:
        year = Threshold.objects.get(user=self.alice, name="Year")
        alerts = Alert.objects.filter(user=self.alice, threshold=year, status="open")
        self.assertEqual({alert.level for alert in alerts}, {100, 1000})
        self.assertEqual(
            {self.get(f"/api/alert/{alert.pk}")["total"] for alert in alerts}, {str(LARGEST)}
        )
        found = self.get(f"/api/threshold/{year.slug}")["current"]
        self.assertEqual((found["total"], found["percent"]), (str(LARGEST), 400_000))
        summary = self.get("/api/summary?date_from=1900-01-01&date_to=2199-12-31&group_by=type")
        self.assertEqual((summary["spending"], summary["count"]), (str(LARGEST), 4001))
        pace = Alert.objects.get(user=self.alice, kind="forecast")
        projected = (LARGEST * 365 / 354).quantize(CENT)
        self.assertEqual((pace.status, pace.then_total), ("open", projected))
        self.assertEqual(list(engine.reconcile(self.alice.pk)), [])

    def test_the_steps_of_one_commit_are_added_up(self) -> None:
        category(self.alice, "Last")
        with self.assertRaises(LedgerOverflow), engine.open_book(self.alice.pk):
            for _ in range(2):
                spend(self.alice, "6000000000.00", "2018-12-20", to="Last")

    def test_small_amounts_are_refused_too_where_each_commit_counts_two_versions(self) -> None:
        category(self.alice, "Last")
        for version in (1023, 1024):
            Ledger.objects.filter(user=self.alice).update(version=version)
            with self.assertRaises(LedgerOverflow), transaction.atomic():
                spend(self.alice, "1.00", "2018-12-20", to="Last")

    def test_more_is_refused_and_loses_nothing(self) -> None:
        last = Transaction.objects.filter(user=self.alice).latest("id")
        before = open_levels(self.alice), Transaction.objects.count()
        said = {
            "one row": ("POST", PATH, self.row("10000000000.00")),
            "many": ("POST", PATH, {"items": [self.row("5000000000.00")] * 2}),
            "an edit": ("PATCH", f"{PATH}/{last.pk}", {"amount": "999999999999.98"}),
            "a transfer": ("POST", PATH, self.row("10000000000.00", type="transfer")),
        }
        for name, (method, path, body) in said.items():
            with self.subTest(name):
                found = self.call(method, path, body, status=422)
                self.assertEqual(found["type"], "/problems/overflow")
                self.assertIn(f"may come to {LARGEST} at most", found["detail"])
        self.assertEqual((open_levels(self.alice), Transaction.objects.count()), before)
        self.assertFalse(Category.objects.filter(user=self.alice, name="Last").exists())
        self.assertEqual(list(engine.reconcile(self.alice.pk)), [])

    def test_an_import_of_more_is_refused_too(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            more = [line("12/20/2018", amount="10000000000.00", description="Shop")]
            file = write_csv(Path(folder) / "more.csv", more)
            refused = self.assertRaisesMessage(CommandError, f"may come to {LARGEST} at most")
            with refused, transaction.atomic():
                call_command("import_transactions", str(file), user="alice")
        self.assertFalse(Transaction.objects.filter(description="Shop").exists())

    def test_small_rows_are_noticed_in_the_end(self) -> None:
        with mock.patch.object(sql, "VERSIONS", 4):
            statuses = [
                self.client.post(
                    PATH,
                    self.row("9999999999.99"),
                    content_type="application/json",
                    headers={"Authorization": f"Bearer {self.tokens['alice']}"},
                ).status_code
                for _ in range(4)
            ]
        self.assertIn(422, statuses)

    def test_less_is_taken_again(self) -> None:
        row = Transaction.objects.filter(user=self.alice).earliest("id")
        self.delete(f"{PATH}/{row.pk}")
        self.post(PATH, self.row("999999999999.99"))
        spend(self.alice, "0.01", "2018-12-20", type="refund")
        self.assertEqual(list(engine.reconcile(self.alice.pk)), [])
