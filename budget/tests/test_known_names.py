"""A write finds categories and types as they are, whatever the process remembers of their names."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from budget.engine import open_book, writes
from budget.models import Category, Ledger, Transaction, TransactionType
from budget.models.named import read_known
from budget.tests.base import ApiTestCase
from budget.tests.people import category, make_user, transaction_of

SPEND = {"date": "2018-03-05", "amount": "1"}
ROWS = "/api/transaction"


class KnownNamesTestCase(ApiTestCase):
    def spend(self, name: str, path: str = ROWS, **options: Any) -> Any:
        return self.post(path, {**SPEND, "category": name}, **options)

    def of_type(self, name: str, **options: Any) -> Any:
        return self.post(ROWS, {**SPEND, "type": name}, **options)

    def path_of(self, name: str) -> str:
        return f"/api/category/{Category.objects.get(user=self.alice, name=name).pk}"

    def setUp(self) -> None:
        for _ in range(2):
            self.spend("Food")

    def test_a_second_write_asks_for_neither_category_nor_type(self) -> None:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            self.assertEqual(self.spend(" FOOD ")["category"], "Food")
        asked = [query["sql"] for query in queries if query["sql"].startswith("SELECT")]
        self.assertFalse([sql for sql in asked if "FROM budget_category" in sql], asked)
        self.assertFalse([sql for sql in asked if "FROM budget_transactiontype" in sql], asked)

    def test_another_spelling_of_the_name_is_shown_at_once(self) -> None:
        self.patch(self.path_of("Food"), {"name": "FOOD"})
        self.assertEqual(self.spend("food")["category"], "FOOD")

    def test_a_name_that_was_given_up_is_free(self) -> None:
        self.patch(self.path_of("Food"), {"name": "Eating"})
        self.spend("food")
        names = set(Category.objects.filter(user=self.alice).values_list("name", flat=True))
        self.assertEqual(names, {"Uncategorised", "Eating", "food"})

    def test_a_category_that_was_deleted_is_made_again(self) -> None:
        Transaction.objects.filter(user=self.alice).delete()
        for delete in (
            lambda: self.delete(self.path_of("Food")),
            lambda: Category.objects.filter(user=self.alice, name="Food").delete(),
        ):
            delete()
            row = self.spend("Food")
            self.assertEqual(Transaction.objects.get(pk=row["id"]).category.name, "Food")
            self.delete(f"{ROWS}/{row['id']}")

    def test_a_category_that_was_merged_is_made_again(self) -> None:
        self.spend("Coffee")
        self.post(f"{self.path_of('Coffee')}/merge", {"into": "Food"}, status=200)
        row = self.spend("Coffee")
        self.assertEqual(Transaction.objects.get(pk=row["id"]).category.name, "Coffee")

    def test_a_category_that_a_dry_run_has_made_is_not_there(self) -> None:
        for _ in range(2):
            self.spend("Travel", f"{ROWS}?dry_run=true", status=200)
        with open_book(self.alice.pk) as book:
            self.assertIsNone(Category.objects.known(book.ledger, "key", "travel"))
        self.assertEqual(self.spend("Travel")["category"], "Travel")

    def test_another_users_names_are_theirs(self) -> None:
        row = self.spend("Food", who="charlie")
        self.assertEqual(Transaction.objects.get(pk=row["id"]).category.user, self.charlie)

    def test_a_type_is_found_by_slug_or_name_until_it_goes(self) -> None:
        self.post("/api/transaction-type", {"name": "Gift", "effect": "spending"})
        for name in ("gift", "GIFT"):
            self.delete(f"{ROWS}/{self.of_type(name)['id']}")
        self.patch("/api/transaction-type/gift", {"slug": "present"})
        self.of_type("gift")  # by its name now
        self.assertEqual(self.of_type("present")["type"], "present")
        self.patch("/api/transaction-type/present", {"name": "Donation"})
        self.of_type("gift", status=422)
        Transaction.objects.filter(user=self.alice).delete()
        self.delete("/api/transaction-type/present")
        self.of_type("present", status=422)

    def test_a_list_is_filtered_by_the_names_of_now(self) -> None:
        path, pk = f"{ROWS}?category=", Category.objects.get(user=self.alice, name="Food").pk
        for asked in ("food", "FOOD "):
            self.assertEqual(len(self.get(f"{path}{asked}")["items"]), 2)
        self.patch(self.path_of("Food"), {"name": "Eating"})
        self.assertEqual(len(self.get(f"{path}eating")["items"]), 2)
        self.get(f"{path}food", status=400)
        self.assertEqual(len(self.get(f"{ROWS}?category_id={pk}")["items"]), 2)
        self.post(f"{self.path_of('Eating')}/merge", {"into": "Uncategorised"}, status=200)
        self.get(f"{path}eating", status=400)
        self.get(f"{ROWS}?category_id={pk}", status=400)

    def test_a_reader_of_a_state_that_has_passed_remembers_nothing(self) -> None:
        before = Ledger.objects.get(user=self.alice).state()
        self.patch(self.path_of("Food"), {"name": "Eating"})
        self.assertIsNone(Category.objects.known(before, "key", "eating"))

    def test_without_another_number_an_old_name_would_stay(self) -> None:
        """The control."""
        with mock.patch.object(writes, "names_changed"):
            self.patch(self.path_of("Food"), {"name": "Eating"})
        self.assertEqual(self.spend("food")["category"], "Food")


@pytest.mark.django_db
def test_what_is_found_is_the_row_as_the_model_reads_it() -> None:
    user = make_user()
    stored = category(user, "Food")
    with open_book(user.pk) as book:
        for _ in range(2):
            found = Category.objects.known(book.ledger, "key", "food")
            assert found is not None
            assert found.in_memory() == stored.stored_row()
        assert TransactionType.objects.known(book.ledger, "slug", "income") is not None
        kept = read_known.cache_info().currsize
        assert Category.objects.known(book.ledger, "key", "none") is None
        assert read_known.cache_info().currsize == kept


@pytest.mark.django_db
def test_the_statement_of_a_save_stores_what_the_orm_would() -> None:
    user = make_user()
    row = transaction_of(user, "12.30", "2018-03-05", description="Café")
    row.external_id, row.imported_as = "a", "b" * 64
    row.save()
    assert row.in_memory() == row.stored_row()
    assert row.search == "cafe"
    # With an id that is given, the ORM's own.
    copy = Transaction(**{**row.in_memory(), "id": row.pk + 100, "external_id": None})
    copy.save(force_insert=True)
    assert copy.in_memory() == copy.stored_row()
