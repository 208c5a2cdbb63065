"""Hand-written reads give what the models give, with every filter and order, on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from itertools import product
from typing import Any
from unittest import mock
from urllib.parse import urlencode

from django.db.models import QuerySet

from budget.models import Category, Profile, Transaction, TransactionType
from budget.models.search import words_in
from budget.tests.base import ApiTestCase
from budget.tests.people import category, spend
from lib.select import Select

Rows = QuerySet[Any]
Narrow = Callable[[Rows], Rows]

NAMES = ("Food", "Café & Bar", "Łódź", "rent")
TYPES = ("expense", "income", "refund", "fee")


def same(rows: Rows) -> Rows:
    return rows


# A query string, and the same filter of the model.
FILTERS: list[tuple[dict[str, Any], Narrow]] = [
    ({}, same),
    ({"category": "FOOD"}, lambda rows: rows.filter(category__key="food")),
    (
        {"category": ["food", "rent"]},
        lambda rows: rows.filter(category__key__in=["food", "rent"]),
    ),
    ({"type": "fee"}, lambda rows: rows.filter(type__slug="fee")),
    ({"type": ["income", "fee"]}, lambda rows: rows.filter(type__slug__in=["income", "fee"])),
    ({"date_from": "2018-03-05"}, lambda rows: rows.filter(date__gte=date(2018, 3, 5))),
    ({"date_to": "2018-03-05"}, lambda rows: rows.filter(date__lte=date(2018, 3, 5))),
    ({"amount_min": "3.07"}, lambda rows: rows.filter(amount__gte=Decimal("3.07"))),
    ({"amount_max": "3.07"}, lambda rows: rows.filter(amount__lte=Decimal("3.07"))),
    ({"external_id": "x-4"}, lambda rows: rows.filter(external_id="x-4")),
    ({"q": "CAFE 1"}, lambda rows: rows.filter(words_in("cafe 1", "search", "category__search"))),
    ({"q": "50%_\\"}, lambda rows: rows.filter(words_in("50%_\\", "search", "category__search"))),
]
ORDERS = {
    name: [f"{name[:1] if name[0] == '-' else ''}{field}" for field in fields]
    for sign in ("", "-")
    for name, fields in {
        f"{sign}date": ("date", "id"),
        f"{sign}amount": ("amount", "id"),
        f"{sign}id": ("id",),
    }.items()
}


class ReadsTestCase(ApiTestCase):
    """Rows of every kind, many of one day and amount, beside those of somebody else."""

    @classmethod
    def setUpTestData(cls) -> None:
        super().setUpTestData()
        for user in (cls.alice, cls.charlie):
            TransactionType(user=user, name="Fee", effect="spending").save()
            for number in range(24):
                spend(
                    user,
                    f"{number % 5 + 1}.{number % 3 * 7:02}",
                    f"2018-03-{number * 7 % 6 + 3:02}",
                    to=NAMES[number % len(NAMES)],
                    type=TYPES[number % len(TYPES)],
                    description=["", "Crème 1", "50%_\\", "ΑΒΓ"][number % 4],
                    external_id=f"x-{number}" if number % 2 == 0 else None,
                )
            child = category(user, "Café & Bar")
            child.parent = category(user, "Food")
            child.save()

    def pages(self, path: str, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Everything that a list has, page by page."""
        url = f"{path}?{urlencode(query, doseq=True)}"
        while url:
            found = self.get(url)
            yield from found["items"]
            url = found["next"]

    def check(self, path: str, query: dict[str, Any], rows: Rows) -> int:
        must = [row.to_dict() for row in rows]
        found = list(self.pages(path, {"limit": 5, **query}))
        self.assertEqual(found, must, query)
        self.assertEqual(
            self.get(f"{path}?{urlencode({**query, 'count': 'true'}, doseq=True)}")["count"],
            len(must),
        )
        return len(must)

    def test_transactions_with_every_filter_and_order(self) -> None:
        mine = Transaction.objects.filter(user=self.alice)
        for (query, narrow), (name, fields) in product(FILTERS, ORDERS.items()):
            with self.subTest(query=query, order=name):
                asked = {**query, "ordering": name}
                self.assertTrue(
                    self.check("/api/transaction", asked, narrow(mine).order_by(*fields))
                )

    def test_two_filters_at_once(self) -> None:
        mine = Transaction.objects.filter(user=self.alice).order_by("-date", "-id")
        for (first, one), (second, other) in product(FILTERS, FILTERS):
            if not first.keys() & second.keys():
                with self.subTest(first=first, second=second):
                    self.check("/api/transaction", {**first, **second}, other(one(mine)))

    def test_categories_and_types(self) -> None:
        for path, model in (
            ("/api/category", Category),
            ("/api/transaction-type", TransactionType),
        ):
            rows: Rows = model._default_manager.filter(user=self.alice)
            rows = rows.order_by("id")
            found = sorted(rows, key=lambda row: row.key.encode()) if model is Category else rows
            must = [row.to_dict() for row in found]
            self.assertEqual(list(self.pages(path, {"limit": 2})), must)
            self.check(path, {"q": "FEE"}, rows.filter(words_in("fee", "search")))
        food = category(self.alice, "Food")
        self.check("/api/category", {"parent": "food"}, Category.objects.filter(parent=food))
        self.check("/api/category", {"parent_id": food.pk}, Category.objects.filter(parent=food))

    def test_a_filter_that_is_lost_is_noticed(self) -> None:
        """The control."""
        mine = Transaction.objects.filter(user=self.alice, type__slug="fee")
        lost = mock.patch.object(Select, "among", lambda rows, column, values: rows)
        with lost, self.assertRaises(AssertionError):
            self.check("/api/transaction", {"type": "fee"}, mine)

    def test_one_row_and_its_etag(self) -> None:
        """The tag of a row that was read holds for a write of it."""
        for path, row, edit in (
            ("transaction", Transaction.objects.filter(user=self.alice)[3], {"amount": "9"}),
            ("category", category(self.alice, "Café & Bar"), {"name": "Bar"}),
            ("transaction-type", self.alice.transaction_types.get(slug="fee"), {"name": "Fees"}),
        ):
            with self.subTest(path):
                url = f"/api/{path}/{row.pk}"
                self.assertEqual(self.get(url), row.to_dict())
                tag = self.answer["ETag"]
                self.patch(url, edit, HTTP_IF_MATCH=tag)
                self.patch(url, edit, HTTP_IF_MATCH=tag, status=412)
                self.get(url, who="charlie", status=404)
        self.assertEqual(self.get("/api/profile"), Profile.objects.get(user=self.alice).to_dict())
        tag = self.answer["ETag"]
        self.patch("/api/profile", {"currency": "EUR"}, HTTP_IF_MATCH=tag)
        self.patch("/api/profile", {"currency": "USD"}, HTTP_IF_MATCH=tag, status=412)
