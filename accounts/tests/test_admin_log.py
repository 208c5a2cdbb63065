"""What the admin's log says of an account's rows goes with the account; who did what stays."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.urls import reverse

from accounts.tests.test_admin import AccountsTestCase
from budget.engine import delete_account
from budget.engine.account import ERASED
from budget.models import Category, Threshold, Transaction
from budget.tests.pages import delete_url, seen
from budget.tests.people import category, limit, spend
from support.links import page_url

pytestmark = pytest.mark.any_postgres

WORD = "Clinic"


class LogTest(AccountsTestCase):
    bob: User

    @classmethod
    def setUpTestData(cls) -> None:
        super().setUpTestData()
        cls.bob = User.objects.create_user("bob", email="bob@example.com")

    def help_out(self, user: User) -> None:
        """Let staff edit and delete rows that stay, that go with it, and that go later."""
        for at in range(4):
            self.edit(spend(user, "5", to=WORD, description=f"{WORD} {at}"))
        _, edited, one, two = Transaction.objects.filter(user=user).order_by("id")
        edited.delete()
        self.client.post(delete_url(one), {"post": "yes"})
        self.act(Transaction, "delete_selected", two, post="yes")
        self.client.post(delete_url(limit(user, "9", name=WORD)), {"post": "yes"})
        category(user, "Health")
        merge = f"{reverse('admin:budget_category_merge')}?ids={category(user, WORD).pk}"
        self.client.post(merge, {"target": category(user, "Health").pk, "confirmed": "yes"})
        sent = {"username": user.username, "email": f"{WORD}@example.com", "is_active": "on"}
        joined = {"date_joined_0": "2018-01-01", "date_joined_1": "12:00:00"}
        page = page_url(User, user.pk)
        self.client.post(page, sent | joined | seen(self.client, page))

    def edit(self, row: Transaction) -> None:
        sent = {
            "date": "2018-03-06",
            "description": row.description,
            "amount": "7",
            "type": row.type_id,
            "category": row.category_id,
            "external_id": "",
        }
        page = page_url(Transaction, row.pk)
        self.client.post(page, sent | seen(self.client, page))

    def words(self) -> list[str]:
        entries = LogEntry.objects.order_by("id")
        return [f"{entry.object_repr}: {entry.get_change_message()}" for entry in entries]

    def test_the_log_says_whose_row_it_was(self) -> None:
        self.help_out(self.alice)
        mine, words = f"(user {self.alice.pk})", self.words()
        date, amount = "Date (2018-03-05 to 2018-03-06)", "Amount (5.00 to 7.00)"
        self.assertIn(f"2018-03-06 {WORD} 0 7.00 {mine}: Changed {date} and {amount}.", words)
        self.assertIn(f"2018-03-06 {WORD} 2 7.00 {mine}: ", words)
        self.assertIn(f"Health {mine}: Merged {WORD} into it.", words)
        self.assertEqual(len([text for text in words if mine in text]), 9)
        self.edit(spend(self.alice, "5", description="x" * 500))
        self.assertIn(f"xxx {mine}: ", self.words()[-1])

    def test_with_an_account_go_the_words_about_its_rows_and_nobody_elses(self) -> None:
        for user in (self.bob, self.alice):
            self.help_out(user)
        before, size = self.words(), LogEntry.objects.count()
        self.assertEqual(size, 20)
        delete_account(self.alice.pk)
        after = self.words()
        self.assertEqual(after[:10], before[:10])
        self.assertEqual(set(after[10:]), {f"{ERASED}: "})
        kinds = [
            (entry.user, entry.content_type, entry.action_flag)
            for entry in LogEntry.objects.order_by("id")
        ]
        self.assertEqual(kinds[10:], kinds[:10])

    def test_what_was_logged_without_a_mark_is_found_by_its_row(self) -> None:
        row = spend(self.alice, "5", to=WORD, description=WORD)
        other = spend(self.bob, "5", to=WORD, description=WORD)
        threshold = limit(self.alice, "9", name=WORD)
        for about in (row, row.category, threshold, self.alice, other):
            LogEntry.objects.log_actions(
                self.root.pk, [about], CHANGE, f"Changed {WORD}.", single_object=True
            )
        delete_account(self.alice.pk)
        *gone, kept = self.words()
        self.assertEqual(gone, [f"{ERASED}: "] * 4)
        self.assertIn(WORD, kept)

    def test_who_deletes_an_account_in_the_admin_leaves_no_name_behind(self) -> None:
        for user in (self.alice, self.bob):
            self.help_out(user)
        self.client.post(delete_url(self.alice), {"post": "yes"})
        self.act(User, "delete_selected", self.bob, post="yes")
        self.assertEqual(set(User.objects.all()), {self.root, self.helper})
        self.assertEqual(set(self.words()), {f"{ERASED}: "})
        ids = LogEntry.objects.order_by("-id").values_list("object_id", flat=True)[:2]
        self.assertEqual(list(ids), [str(self.bob.pk), str(self.alice.pk)])
        self.assertFalse(Category.objects.filter(name=WORD).exists())
        self.assertFalse(Threshold.objects.filter(name=WORD).exists())
