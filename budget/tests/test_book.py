"""The book of a commit: one lock, one version, and nothing known of the ledger that is not so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from django.db import transaction
from django.db.models import Model

from budget import engine
from budget.answers import describe_flipped
from budget.engine import Moved
from budget.engine.rules import rules_changed
from budget.models import (
    Alert,
    Category,
    Ledger,
    LedgerState,
    Profile,
    Threshold,
    Transaction,
    TransactionType,
)
from budget.models.ledger import Book, open_book, open_books
from budget.tests.base import ApiTestCase
from budget.tests.people import at, combine, limit, spend
from lib.errors import SavepointInBook, UnsignalledWrite

ROW = {"date": "2018-03-06", "amount": "60.00", "category": "Groceries"}
LOCAL = {"begun", "was", "unchecked", "rules_read"}
ROLLING = {"name": "Weeks", "type": "rolling", "days": 30, "amount": "5.00"}


def known(ledger: LedgerState) -> dict[str, Any]:
    """What a state says of its row: without the day it began with and the rules it has read."""
    return {name: value for name, value in vars(ledger).items() if name not in LOCAL}


def unheld(book: Book) -> None:
    """A fault: other rules are stored, and the book does not know."""
    before = book.ledger.rules
    rules_changed(book)
    book.ledger.rules = before


class BookTestCase(ApiTestCase):
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
        """Send them all, a day apart, and compare each book with the row at its end."""

        @contextmanager
        def compared(user_id: int) -> Iterator[Book]:
            with open_book(user_id) as book:
                yield book
            row = Ledger.objects.get(pk=user_id)
            if known(book.ledger) != known(row.state()):
                self.apart.append(f"{self.said}: {book.ledger} is not {row.state()}")

        for number, (method, path, body, status) in enumerate(self.calls()):
            self.said = f"{method} {path}"
            before = Ledger.objects.get(pk=self.alice.pk).version
            day = at(f"2018-04-{number + 1:02} 12:00")
            with day, mock.patch("api.http.ledgered.open_book", compared):
                self.call(method, path, body, status=status, reads="dry_run" in path)
            after = Ledger.objects.get(pk=self.alice.pk)
            kept = int("dry_run" not in path)
            self.assertEqual(after.version - before, kept, self.said)
            self.assertEqual(after.as_of.day, number + kept, self.said)

    def test_what_the_book_says_is_what_is_stored(self) -> None:
        self.play()
        self.assertEqual(self.apart, [])
        self.assertEqual(list(engine.reconcile(self.alice.pk)), [])

    def test_a_change_that_is_not_in_the_book_is_caught(self) -> None:
        with mock.patch("budget.engine.writes.names_changed", unheld):
            self.play()
        self.assertTrue(self.apart)

    def test_nothing_is_judged_by_rules_that_are_not_in_the_book(self) -> None:
        """No write of a user's gets there: rules_changed() stores the number and notes it."""
        with mock.patch("budget.engine.writes.rules_changed", unheld), self.assertRaises(Moved):
            self.play()

    def test_a_step_judges_no_day_twice(self) -> None:
        with at("2018-04-02 12:00"), open_book(self.alice.pk) as book:
            self.assertEqual(str(book.ledger.was), "2018-03-20")
            spend(self.alice, "1.00")
            self.assertEqual((str(book.ledger.was), str(book.ledger.as_of)), ("2018-04-02",) * 2)
            with self.assertNumQueries(0):
                engine.move_day(book)

    def test_an_alert_that_ends_as_it_began_is_not_shown(self) -> None:
        opened = Alert.objects.filter(user=self.alice, status="open")
        before = set(opened.values_list("pk", flat=True))
        with open_book(self.alice.pk) as book:
            row = spend(self.alice, "60.00")
            self.assertEqual(len(book.flipped.opened), 2)
            row.delete()
            self.assertEqual(describe_flipped(book), {"opened": [], "resolved": []})
            self.assertFalse(book.flipped)
            Transaction.objects.get(pk=self.row).delete()
            self.assertEqual((book.flipped.opened, set(book.flipped.resolved)), ([], before))

    def test_what_the_new_day_closes_is_not_late_in_any_step_of_its_commit(self) -> None:
        limit(self.alice, "50.00", of="Other", operator="lte")
        row = spend(self.alice, "60.00", "2018-03-05", to="Other")
        with at("2018-04-02 12:00"), open_book(self.alice.pk) as book:
            spend(self.alice, "1.00")
            row.delete()
            (opened,) = book.flipped.opened
        alert = self.call("GET", f"/api/alert/{opened}")
        self.assertEqual((alert["period_start"], alert["late"]), ("2018-03-01", False))

    def test_a_book_is_one_for_as_long_as_it_is_open(self) -> None:
        users = [self.charlie.pk, self.alice.pk]
        with open_book(self.alice.pk) as book, open_books(users) as both:
            self.assertIs(both[self.alice.pk], book)
            self.assertEqual(both[self.charlie.pk].ledger.user_id, self.charlie.pk)
        with open_book(self.alice.pk) as other:
            self.assertEqual(other.ledger.version, book.ledger.version + 1)

    def test_books_are_not_opened_in_an_order_that_could_deadlock(self) -> None:
        with (
            open_book(self.charlie.pk),
            self.assertRaisesMessage(RuntimeError, "at once"),
            open_book(self.alice.pk),
        ):
            self.fail("alice's ledger would be locked after charlie's")

    def test_a_failure_closes_it(self) -> None:
        with (
            self.assertRaises(ZeroDivisionError),
            transaction.atomic(),
            open_book(self.alice.pk) as book,
        ):
            raise ZeroDivisionError
        with open_book(self.alice.pk) as other:
            self.assertIsNot(other, book)

    def test_a_write_in_a_younger_savepoint_is_refused_before_it_begins(self) -> None:
        with open_book(self.alice.pk) as book:
            with self.assertRaises(SavepointInBook), transaction.atomic():
                spend(self.alice, "60.00")
            self.assertFalse(book.flipped)
            row = spend(self.alice, "30.00")
        self.assertEqual(Transaction.objects.filter(user=self.alice).latest("id"), row)
        self.assertEqual(engine.reconcile(self.alice.pk), [])

    def test_a_savepoint_around_the_book_takes_all_of_it_back(self) -> None:
        before = Ledger.objects.get(pk=self.alice.pk).state()
        with self.assertRaises(ZeroDivisionError), transaction.atomic():
            spend(self.alice, "60.00")
            raise ZeroDivisionError
        self.assertEqual(known(Ledger.objects.get(pk=self.alice.pk).state()), known(before))
        spend(self.alice, "60.00")
        self.assertEqual(engine.reconcile(self.alice.pk), [])

    def test_a_write_past_save_and_delete_is_refused(self) -> None:
        row = Transaction.objects.get(pk=self.row)
        writes = (
            lambda: Model.save(row),
            lambda: Model.delete(row),
            lambda: Model.save(Threshold.objects.get(slug="food")),
            lambda: Model.save(Category.objects.filter(user=self.alice).earliest("id")),
            lambda: Model.save(TransactionType.objects.filter(user=self.alice).earliest("id")),
            lambda: Model.save(Profile.objects.get(user=self.alice)),
        )
        for write in writes:
            with self.assertRaises(UnsignalledWrite), transaction.atomic():
                write()
            with (
                self.assertRaises(UnsignalledWrite),
                transaction.atomic(),
                open_book(self.alice.pk),
            ):
                write()
        self.assertEqual(engine.reconcile(self.alice.pk), [])
