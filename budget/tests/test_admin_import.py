"""The admin's way in of a customer's file: tried, asked, stored, undone, and logged."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import TestCase

from budget.imports.jobs import Work, claim, work_on
from budget.models import Import, ImportState, Transaction
from budget.tests.people import limit, make_user
from support.links import list_url, page_url

pytestmark = pytest.mark.any_postgres

ADD = "/admin/budget/import/add/"
CLEAR = b"Date,Description,Amount\n2024-04-03,Shop,-12.50\n2024-04-05,Wages,900.00\n"
UNCLEAR = b"Date,Description,Amount\n03/04/2024,Shop,-12.50\n05/04/2024,Bar,-1.00\n"


class AdminImportTestCase(TestCase):
    root: User
    alice: User

    @classmethod
    def setUpTestData(cls) -> None:
        cls.root = User.objects.create_superuser("root", password="swordfish")
        cls.alice = make_user()
        limit(cls.alice, "10.00")

    def setUp(self) -> None:
        self.client.force_login(self.root)

    def hand_in(self, content: bytes, **fields: Any) -> Import:
        sent = {"user": self.alice.pk, "file": SimpleUploadedFile("bank.csv", content), **fields}
        answer = self.client.post(ADD, sent)
        self.assertEqual(answer.status_code, 302, answer.content.decode())
        return Import.objects.latest("pk")

    def page(self, found: Import) -> str:
        return self.client.get(page_url(Import, found.pk)).content.decode()

    def press(self, found: Import, **fields: str | list[str]) -> str:
        """Press a button of the page, let a worker do what it means, and show the next page."""
        answer = self.client.post(page_url(Import, found.pk), fields, follow=True)
        told = answer.content.decode()
        while (due := claim("w")) is not None:
            work_on(Work(due, "w"))
        found.refresh_from_db()
        return told

    def test_a_file_is_tried_stored_and_undone(self) -> None:
        self.assertContains(self.client.get(ADD), "The file is tried first")
        found = self.hand_in(CLEAR)
        page = self.page(found)
        self.assertIn("2 would be stored", " ".join(page.split()))
        self.assertIn("would open: 2", " ".join(page.split()))
        self.assertIn("<td>Shop</td>", page)
        self.assertFalse(Transaction.objects.exists())
        self.press(found, store="Store")
        self.assertEqual((found.state, Transaction.objects.count()), (ImportState.DONE, 2))
        self.assertContains(self.client.get(list_url(Import)), "bank.csv")
        self.assertIn("resolved: 2", self.press(found, undo="Undo"))
        self.assertEqual((found.state, Transaction.objects.count()), (ImportState.UNDONE, 0))
        words = [entry.get_change_message() for entry in LogEntry.objects.order_by("pk")]
        self.assertEqual(words, ["Handed in.", "Stored.", "Undone."])
        self.assertIn(f"(user {self.alice.pk})", LogEntry.objects.latest("pk").object_repr)

    def test_several_accounts_of_a_journal_can_be_the_customer_s(self) -> None:
        rows = "".join(
            f"2024-03-1{n},{n},{own},-5.00,Shop\n2024-03-1{n},{n},Food,5.00,Shop\n"
            for n, own in enumerate(('"Bank, joint"', "Cash"), 3)
        )
        found = self.hand_in(f"Date,Entry,Account,Amount,Text\n{rows}".encode())
        self.assertInHTML(
            '<label><input type="checkbox" name="accounts" value="Cash"> Cash: 1 line, such as '
            "line 4: 2024-03-14, 4, Cash, -5.00, Shop</label>",
            self.page(found),
        )
        self.press(found, store="Store", accounts=['"Bank, joint"', "Cash"])
        self.assertEqual((found.state, found.stored), (ImportState.DONE, 2))

    def test_a_question_is_answered_and_the_answer_logged(self) -> None:
        found = self.hand_in(UNCLEAR)
        page = self.page(found)
        self.assertIn("03/04/2024 is 3 April 2024", page)
        self.assertIn("03/04/2024 is 4 March 2024", page)
        self.press(found, **{"try": "Try again", "dates": "month-first"})
        self.assertEqual(found.state, ImportState.TRIED)
        self.assertIn("2024-03-04", self.page(found))
        self.assertEqual(
            LogEntry.objects.latest("pk").get_change_message(), "Tried again: dates month-first."
        )

    def test_what_cannot_be_read_names_its_lines(self) -> None:
        self.assertIn("Line 2: ", self.page(self.hand_in(CLEAR.replace(b"-12.50", b"twelve"))))
        answer = self.client.post(ADD, {"user": self.alice.pk, "mapping": "x = "})
        self.assertEqual(set(answer.context["form"].errors), {"file", "mapping"})

    def test_an_undo_that_is_refused_says_why(self) -> None:
        found = self.hand_in(CLEAR)
        self.press(found, store="Store")
        row = Transaction.objects.get(description="Shop")
        row.amount = 13
        row.save()
        self.assertIn(f"Transaction {row.pk} (", self.press(found, undo="Undo"))
        self.assertEqual(Transaction.objects.count(), 2)

    def test_who_may_only_look_changes_nothing(self) -> None:
        found = self.hand_in(CLEAR)
        staff = User.objects.create_user("staff", is_staff=True)
        self.client.force_login(staff)
        self.assertEqual(self.client.get(page_url(Import, found.pk)).status_code, 403)
        staff.user_permissions.add(Permission.objects.get(codename="view_import"))
        self.assertNotIn('name="store"', self.page(found))
        for url in (ADD, page_url(Import, found.pk)):
            self.assertEqual(self.client.post(url, {"store": "Store"}).status_code, 403)
        self.assertFalse(Transaction.objects.exists())

    def test_another_id_is_not_there(self) -> None:
        for pk in ("0", "x", "9" * 30):
            self.assertEqual(self.client.get(page_url(Import, pk)).status_code, 404)
