"""The admin pages: alerts stay true, refusals are readable, lists stay cheap."""

from __future__ import annotations

import threading
from datetime import date
from decimal import Decimal
from typing import Any
from unittest import mock

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.core.exceptions import ValidationError
from django.db import OperationalError, connection, models
from django.test import RequestFactory, TestCase, TransactionTestCase
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import ApiToken
from budget.engine import move_to_today, raise_custom_alert, reconcile, record_transactions
from budget.models import (
    Alert,
    AlertEvent,
    AlertStatus,
    Category,
    Condition,
    Ledger,
    Profile,
    Rollup,
    Threshold,
    Transaction,
    TransactionType,
    ledger,
)
from budget.models.money import MAX_AMOUNT
from budget.tests.pages import add_url, delete_url, seen, told
from budget.tests.people import category, combine, limit, open_levels, spend, transaction_of
from budget.tests.shown import thresholds_shown
from support import paging, refusals
from support.admin import AlertAdmin
from support.links import list_url, page_url
from support.paging import BoundedPaginator, RoughCount
from support.picking import chosen_user

WRITABLE = (Transaction, Threshold, Category, TransactionType)
READ_ONLY = (Alert, AlertEvent, Ledger, Rollup)
OWNED = (*WRITABLE, *READ_ONLY, Profile, ApiToken)
LISTED = (*OWNED, User)


class AdminTestCase(TestCase):
    root: User
    alice: User
    charlie: User

    @classmethod
    def setUpTestData(cls) -> None:
        cls.root = User.objects.create_superuser("root", password="swordfish")
        cls.alice = User.objects.create_user("alice")
        cls.charlie = User.objects.create_user("charlie")

    def setUp(self) -> None:
        self.client.force_login(self.root)

    def post(self, url: str, data: dict[str, Any], *, saved: bool = True) -> Any:
        if url.endswith("/change/"):
            data = seen(self.client, url) | data
        response = self.client.post(url, data)
        self.assertEqual(response.status_code, 302 if saved else 200, response.content.decode())
        return response

    def errors(self, url: str, data: dict[str, Any]) -> dict[str, list[str]]:
        """What a form that is shown again says, by field."""
        form = self.post(url, data, saved=False).context["adminform"].form
        return {field: list(texts) for field, texts in form.errors.items()}

    def refusal(self, url: str, data: dict[str, Any]) -> str:
        errors = self.errors(url, data)
        self.assertEqual(list(errors), ["__all__"])
        return errors["__all__"][0]

    def act(self, model: type[models.Model], action: str, rows: Any, **data: Any) -> Any:
        """Run an action on some rows of a list, as if all of its questions were answered."""
        chosen = {"action": action, "_selected_action": [row.pk for row in rows], **data}
        return self.client.post(list_url(model), chosen)

    def delete_all(self, model: type[models.Model], rows: Any) -> Any:
        return self.act(model, "delete_selected", rows, post="yes")

    def assert_true_alerts(self, *users: User) -> None:
        for user in users or (self.alice,):
            self.assertEqual([str(drift) for drift in reconcile(user.pk)], [])

    def transaction(self, **fields: Any) -> dict[str, Any]:
        """What the form of a transaction sends."""
        expense = TransactionType.objects.get(user=self.alice, slug="expense")
        return {
            "user": self.alice.pk,
            "date": "2018-03-05",
            "description": "Corner shop",
            "amount": "100.00",
            "type": expense.pk,
            "category": category(self.alice, "Groceries").pk,
            "external_id": "",
            **fields,
        }

    def threshold(self, **fields: Any) -> dict[str, Any]:
        return {
            "user": self.alice.pk,
            "name": "Groceries",
            "slug": "",
            "amount": "100",
            "type": "monthly",
            "category": "",
            "operator": "gte",
            "measure": "spending",
            "levels": "80, 100",
            "enabled": "on",
            "conditions-TOTAL_FORMS": "0",
            "conditions-INITIAL_FORMS": "0",
            **fields,
        }

    def conditions(self, *parts: tuple[str, str, str, str], stored: int = 0) -> dict[str, Any]:
        """What the rows of conditions send: category's name, measure, operator and amount."""
        sent: dict[str, Any] = {
            "conditions-TOTAL_FORMS": str(len(parts)),
            "conditions-INITIAL_FORMS": str(stored),
        }
        for number, (of, *rest) in enumerate(parts):
            found = category(self.alice, of).pk if of else ""
            values = zip(("category", "measure", "operator", "amount"), (found, *rest), strict=True)
            sent |= {f"conditions-{number}-{name}": value for name, value in values}
        return sent


@pytest.mark.any_postgres
class TransactionTest(AdminTestCase):
    def test_adding_one_opens_its_alerts_and_says_so(self) -> None:
        limit(self.alice, "100", of="Groceries")
        response = self.post(add_url(Transaction), self.transaction())
        self.assertEqual(open_levels(self.alice), [("2018-03-01", 80), ("2018-03-01", 100)])
        self.assertIn("Alerts opened: 2, resolved: 0.", told(response)[1])
        self.assert_true_alerts()

    def test_editing_one_moves_its_alerts(self) -> None:
        limit(self.alice, "100", of="Groceries")
        row = spend(self.alice, "100")
        changed = self.transaction(date="2018-04-01", amount="80")
        response = self.post(page_url(Transaction, row.pk), changed)
        self.assertEqual(open_levels(self.alice), [("2018-04-01", 80)])
        self.assertIn("Alerts opened: 1, resolved: 2.", told(response)[1])
        self.assert_true_alerts()

    def test_a_transaction_stays_with_its_user(self) -> None:
        row = spend(self.alice, "100")
        self.post(page_url(Transaction, row.pk), self.transaction(user=self.charlie.pk))
        row.refresh_from_db()
        self.assertEqual(row.user, self.alice)

    def test_a_save_over_somebody_elses_is_refused_once_with_both_values(self) -> None:
        row = spend(self.alice, "100")
        page = page_url(Transaction, row.pk)
        mine = self.transaction(amount="90.00", description="Mine") | seen(self.client, page)
        self.post(page, self.transaction(description="Theirs", amount="90.00"))
        again = self.post(page, mine, saved=False)
        form = again.context["adminform"].form
        self.assertEqual(dict(form.errors)["description"], ["Stored now: Theirs"])
        self.assertNotIn("amount", form.errors)
        self.assertIn("Somebody else changed this", form.errors["__all__"][0])
        self.assertContains(again, 'value="Mine"')
        row.refresh_from_db()
        self.assertEqual(row.description, "Theirs")
        self.post(page, mine | {"seen": form["seen"].value()})
        row.refresh_from_db()
        self.assertEqual(row.description, "Mine")

    def test_a_form_that_says_no_version_is_refused(self) -> None:
        row = spend(self.alice, "100")
        sent = self.transaction(description="Blind") | {"seen": ""}
        self.assertIn("__all__", self.errors(page_url(Transaction, row.pk), sent))

    def test_the_history_names_the_values(self) -> None:
        row = spend(self.alice, "1649.00")
        fuel = category(self.alice, "Fuel")
        self.post(page_url(Transaction, row.pk), self.transaction(amount="164.9", category=fuel.pk))
        [entry] = LogEntry.objects.all()
        for words in ("Amount (1649.00 to 164.90)", "Category (Groceries to Fuel)"):
            self.assertIn(words, entry.get_change_message())

    def test_deleting_one_resolves_its_alerts(self) -> None:
        limit(self.alice, "100", of="Groceries")
        row = spend(self.alice, "100")
        self.assertContains(self.client.get(delete_url(row)), "Are you sure")
        response = self.post(delete_url(row), {"post": "yes"})
        self.assertEqual(open_levels(self.alice), [])
        self.assertIn("Alerts opened: 0, resolved: 2.", told(response)[1])
        self.assert_true_alerts()

    def test_bulk_delete_keeps_the_alerts_of_every_user_true(self) -> None:
        for user in (self.alice, self.charlie):
            limit(user, "100", of="Groceries")
        rows = [spend(user, "60") for user in (self.alice, self.charlie) for _ in range(3)]
        page = self.act(Transaction, "delete_selected", rows[:5])
        self.assertContains(page, "Transactions: 5")
        self.assertEqual(Transaction.objects.count(), 6)
        response = self.delete_all(Transaction, rows[:5])
        self.assertEqual(list(Transaction.objects.all()), rows[5:])
        self.assertEqual((open_levels(self.alice), open_levels(self.charlie)), ([], []))
        self.assertIn("Successfully deleted 5 transactions.", told(response))
        self.assert_true_alerts(self.alice, self.charlie)

    def test_too_many_at_once_are_not_deleted_at_all(self) -> None:
        rows = [spend(self.alice, "60") for _ in range(3)]
        with mock.patch.object(refusals, "MAX_SELECTED", 2):
            response = self.delete_all(Transaction, rows)
        self.assertEqual(
            told(response), ["At most 2 transactions can be deleted at a time; none was deleted."]
        )
        self.assertEqual(Transaction.objects.count(), 3)

    def test_a_blank_category_is_the_built_in_one(self) -> None:
        self.post(add_url(Transaction), self.transaction(category=""))
        self.assertTrue(Transaction.objects.get().category.builtin)

    def test_a_category_or_type_of_another_user_is_a_form_error(self) -> None:
        theirs = {
            "category": category(self.charlie, "Groceries").pk,
            "type": TransactionType.objects.get(user=self.charlie, slug="expense").pk,
        }
        said = "This {} does not exist, or belongs to another user."
        expected = {name: [said.format(name)] for name in theirs}
        self.assertEqual(self.errors(add_url(Transaction), self.transaction(**theirs)), expected)
        row = spend(self.alice, "1")
        page = page_url(Transaction, row.pk)
        self.assertEqual(self.errors(page, self.transaction(**theirs)), expected)

    def test_every_bad_value_is_a_form_error(self) -> None:
        for field, value in {
            "date": "1899-12-31",
            "amount": "0",
            "user": "",
        }.items():
            with self.subTest(field):
                errors = self.errors(add_url(Transaction), self.transaction(**{field: value}))
                self.assertIn(field, errors)
        self.assertEqual(Transaction.objects.count(), 0)

    def test_a_taken_external_id_is_refused_in_words(self) -> None:
        spend(self.alice, "1", external_id="bank-1")
        said = self.refusal(add_url(Transaction), self.transaction(external_id="bank-1"))
        self.assertEqual(said, "There is a transaction with this external_id already.")

    def test_a_total_out_of_range_is_refused_in_words(self) -> None:
        rows = [transaction_of(self.alice, str(MAX_AMOUNT)) for _ in range(90)]
        record_transactions(self.alice.pk, rows)
        said = self.refusal(add_url(Transaction), self.transaction(amount=str(MAX_AMOUNT)))
        self.assertEqual(
            said,
            "The amounts of one category and type in one day or month may come to "
            "90000000000000.00 at most.",
        )
        self.assertEqual(Transaction.objects.count(), 90)
        self.assertEqual(LogEntry.objects.count(), 0)

    def test_what_the_database_alone_refuses_is_a_form_error_too(self) -> None:
        taken = spend(self.alice, "1", external_id="bank-1")
        row = spend(self.alice, "1", external_id="bank-2")
        changed = self.transaction(external_id=taken.external_id)
        with mock.patch.object(
            Transaction, "before_write", lambda row, book, before: row.prepare()
        ):
            said = self.refusal(page_url(Transaction, row.pk), changed)
        self.assertIn("The database refused it, and nothing was saved:", said)

    def test_only_what_comes_from_being_busy_is_made_readable(self) -> None:
        with pytest.raises(OperationalError, match="disk full"):
            refusals.reason(OperationalError("disk full"))
        busy = refusals.reason(OperationalError("database is locked"))
        self.assertIsInstance(busy, ValidationError)

    def test_it_links_to_the_alerts_it_tipped(self) -> None:
        limit(self.alice, "100", of="Groceries")
        row = spend(self.alice, "100")
        url = list_url(Alert, user__id__exact=self.alice.pk, transaction__id__exact=row.pk)
        page = self.client.get(page_url(Transaction, row.pk))
        self.assertContains(page, url.replace("&", "&amp;"))
        self.assertEqual(self.client.get(url).context["cl"].result_count, 2)


@pytest.mark.any_postgres
class ThresholdTest(AdminTestCase):
    def test_adding_one_opens_its_alerts(self) -> None:
        spend(self.alice, "90")
        response = self.post(add_url(Threshold), self.threshold())
        self.assertEqual(open_levels(self.alice), [("2018-03-01", 80)])
        self.assertIn("Alerts opened: 1, resolved: 0.", told(response)[1])
        self.assertEqual(Threshold.objects.get().levels, [80, 100])

    def test_editing_one_moves_its_alerts(self) -> None:
        spend(self.alice, "90")
        threshold = limit(self.alice, "100")
        changed = self.threshold(levels="[50, 90]", type="weekly", slug="weekly")
        self.post(page_url(Threshold, threshold.pk), changed)
        self.assertEqual(open_levels(self.alice), [("2018-03-05", 50), ("2018-03-05", 90)])
        self.assert_true_alerts()
        threshold.refresh_from_db()
        self.assertEqual((threshold.revision, threshold.levels), (2, [50, 90]))

    def test_every_kind_can_be_made_and_its_page_says_what_it_is(self) -> None:
        spend(self.alice, "90", "2018-01-05")
        day = {"starts_on": "2018-01-01", "operator": "lte", "levels": "100"}
        for fields in (
            {"type": "rolling", "days": "30", "slug": "thirty"},
            day | {"type": "yearly", "slug": "little"},
            {"rollover": "on", "rollover_cap": "50", "forecast": "on", "slug": "envelope"},
            {"measure": "count", "amount": "5", "slug": "count"},
        ):
            with self.subTest(fields["slug"]):
                self.post(add_url(Threshold), self.threshold(**fields))
                made = Threshold.objects.get(slug=fields["slug"])
                self.assertContains(
                    self.client.get(page_url(Threshold, made.pk)),
                    "of 100.00" if made.measure == "spending" else "0 of 5",
                )
        self.assert_true_alerts()
        self.assertTrue(Alert.objects.filter(threshold__slug="little").exists())

    def test_a_refused_form_shows_the_present_period_as_it_is_stored(self) -> None:
        begin = date(2016, 1, 4)
        threshold = limit(self.alice, "10", "weekly", rollover=True, rollover_from=begin)
        spend(self.alice, "300", "2016-01-04")
        page = page_url(Threshold, threshold.pk)
        (stored,) = thresholds_shown(move_to_today(self.alice.pk), [threshold])
        current = stored["current"]
        assert current is not None
        shown = f"{current['total']} of {current['limit']} from {current['period_start']} to before"
        self.assertContains(self.client.get(page), shown)
        for fields in ({"amount": "77"}, {"amount": "77", "type": "monthly"}):
            with self.subTest(fields):
                refused = self.threshold(**{"type": "weekly", "levels": "[0]", **fields})
                self.assertContains(self.post(page, refused, saved=False), shown)

    def test_what_does_not_go_together_stands_at_its_field(self) -> None:
        for fields, field in (
            ({"type": "rolling"}, "days"),
            ({"type": "rolling", "days": "367"}, "days"),
            ({"operator": "lte", "type": "transaction", "levels": "100"}, "operator"),
            ({"forecast": "on", "measure": "net"}, "forecast"),
            ({"operator": "eq", "starts_on": "1950-01-01", "levels": "100"}, "starts_on"),
            ({"measure": "count", "amount": "1.50"}, "amount"),
        ):
            with self.subTest(fields):
                errors = self.errors(add_url(Threshold), self.threshold(**fields))
                self.assertEqual(list(errors), [field])

    def test_conditions_are_stored_with_the_threshold_and_judged_at_once(self) -> None:
        spend(self.alice, "90")
        both = self.conditions(("Groceries", "spending", "gt", "50"), ("", "count", "gte", "1"))
        response = self.post(add_url(Threshold), self.threshold(**both))
        self.assertIn("Alerts opened: 1, resolved: 0.", told(response)[1])
        threshold = Threshold.objects.get()
        self.assertEqual((threshold.match, threshold.levels), ("all", [100]))
        parts = threshold.conditions.values_list("position", "measure", "operator", "amount")
        self.assertEqual(
            list(parts),
            [(1, "spending", "gt", Decimal(50)), (2, "count", "gte", Decimal(1))],
        )
        url = page_url(Threshold, threshold.pk)
        page = self.client.get(url)
        self.assertContains(page, "All: count 0 ≥ 1, does not hold")
        self.assertContains(page, 'value="50.00"')
        self.assert_true_alerts()

    def test_conditions_are_edited_taken_away_and_refused_with_their_threshold(self) -> None:
        spend(self.alice, "90")
        threshold = combine(self.alice, ("Groceries", "spending", "gt", "50"), name="Food")
        url, (part,) = page_url(Threshold, threshold.pk), threshold.conditions.all()
        known = {"conditions-0-id": part.pk, "conditions-0-threshold": threshold.pk}
        kept = self.threshold(match="all", name="Renamed", levels="100", slug="food", **known)
        one = self.conditions(("Groceries", "spending", "gt", "50"), stored=1)
        self.post(url, kept | one)
        self.assertEqual(Threshold.objects.get().revision, 1)
        more = self.conditions(("Groceries", "spending", "gt", "95"), stored=1)
        response = self.post(url, kept | more)
        self.assertIn("Alerts opened: 0, resolved: 1.", told(response)[-1])
        wrong = self.conditions(("Groceries", "spending", "lte", "95"), stored=1)
        wrong["conditions-0-id"] = Condition.objects.get().pk
        said = self.refusal(url, kept | wrong | {"type": "rolling", "days": "7"})
        no_end = "lte, lt and eq need a period that ends; type rolling has none."
        self.assertEqual(said, f"Condition 1, operator: {no_end}")
        gone = wrong | {"conditions-0-DELETE": "on", "match": ""}
        self.post(url, kept | gone)
        threshold.refresh_from_db()
        self.assertEqual((threshold.match, threshold.amount), ("", Decimal(100)))
        self.assertFalse(Condition.objects.exists())
        self.assert_true_alerts()

    def test_a_save_over_other_conditions_is_refused(self) -> None:
        threshold = combine(self.alice, (None, "count", "gte", "1"), name="Both", type="daily")
        page = page_url(Threshold, threshold.pk)
        sent = {**self.threshold(name="Both", type="daily", amount="0", levels="100", match="all")}
        old = seen(self.client, page)
        combined = Threshold.objects.get(pk=threshold.pk)
        combined.new_conditions = [Condition(measure="count", operator="gte", amount=Decimal(9))]
        combined.save()
        again = self.client.post(page, sent | self.conditions(("", "count", "gte", "2")) | old)
        self.assertIn("count gte 9", str(again.context["adminform"].form.errors["__all__"]))
        self.assertEqual([one.amount for one in threshold.conditions.all()], [Decimal(9)])

    def test_a_condition_takes_no_category_of_another_user(self) -> None:
        theirs = category(self.charlie, "Theirs")
        sent = self.conditions(("", "spending", "gt", "50"))
        sent["conditions-0-category"] = theirs.pk
        response = self.post(add_url(Threshold), self.threshold(**sent), saved=False)
        self.assertContains(response, "does not exist, or belongs to another user")
        self.assertFalse(Threshold.objects.exists())

    def test_its_page_shows_the_levels_in_force_and_the_present_total(self) -> None:
        today = date.today().isoformat()
        threshold = limit(self.alice, "100", "daily", levels=[33, 100])
        spend(self.alice, "40", today)
        page = self.client.get(page_url(Threshold, threshold.pk))
        self.assertContains(page, "<div>33 %: ≥ 33.00</div><div>100 %: ≥ 100.00</div>")
        self.assertContains(page, f"40.00 of 100.00 from {today}")

    def test_bad_values_are_form_errors(self) -> None:
        spaces = "Lower-case letters, digits, - and _ only."
        for field, value, said in (
            ("levels", "80, 80", "Must be 1 to 10 distinct whole percents from 1 to 1000."),
            ("levels", "most", "Whole percents separated by commas, such as 80, 100."),
            ("levels", "", "This field is required."),
            ("amount", "-1", "Ensure this value is greater than or equal to 0."),
            ("slug", "No Good", spaces),
            ("slug", "preview", "It is reserved."),
            (
                "category",
                category(self.charlie, "Fuel").pk,
                "This category does not exist, or belongs to another user.",
            ),
        ):
            with self.subTest(field=field, value=value):
                errors = self.errors(add_url(Threshold), self.threshold(**{field: value}))
                self.assertEqual(errors, {field: [said]})
        self.assertEqual(Threshold.objects.count(), 0)

    def test_a_taken_slug_is_refused_in_words(self) -> None:
        limit(self.alice, "100", slug="food")
        said = self.refusal(add_url(Threshold), self.threshold(slug="food"))
        self.assertEqual(said, "There is a threshold with the slug food already.")

    def test_the_delete_page_says_what_happens_and_it_does(self) -> None:
        threshold = limit(self.alice, "100")
        spend(self.alice, "100")
        page = self.client.get(delete_url(threshold))
        self.assertContains(page, "Open alerts that resolve: 2")
        self.assertNotContains(page, "protected")
        response = self.post(delete_url(threshold), {"post": "yes"})
        self.assertIn("Alerts opened: 0, resolved: 2.", told(response)[1])
        threshold.refresh_from_db()
        self.assertIsNotNone(threshold.deleted_at)
        self.assertEqual(Alert.objects.filter(status=AlertStatus.RESOLVED).count(), 2)
        self.assert_true_alerts()

    def test_a_deleted_one_can_only_be_looked_at(self) -> None:
        threshold = limit(self.alice, "100")
        threshold.delete()
        page = self.client.get(page_url(Threshold, threshold.pk))
        self.assertContains(page, "View threshold")
        changed = self.client.post(page_url(Threshold, threshold.pk), self.threshold())
        again = self.client.post(delete_url(threshold), {"post": "yes"})
        self.assertEqual((changed.status_code, again.status_code), (403, 403))

    def test_bulk_delete_is_soft_and_passes_over_deleted_ones(self) -> None:
        gone, *kept = [limit(self.alice, "100", name=name) for name in "abc"]
        gone.delete()
        spend(self.alice, "100")
        page = self.act(Threshold, "delete_selected", [gone, *kept])
        self.assertContains(page, "Thresholds: 2")
        self.assertContains(page, "Open alerts that resolve: 4")
        response = self.delete_all(Threshold, [gone, *kept])
        self.assertIn("Successfully deleted 2 thresholds.", told(response))
        self.assertEqual(Threshold.objects.count(), 3)
        self.assertEqual(Threshold.objects.kept().count(), 0)
        self.assert_true_alerts()

    def test_deleted_ones_are_listed_only_when_asked_for(self) -> None:
        kept = limit(self.alice, "100", name="kept")
        off = limit(self.alice, "100", name="off", enabled=False)
        gone = limit(self.alice, "100", name="gone")
        gone.delete()
        for state, expected in {
            "": [off, kept],
            "?state=on": [kept],
            "?state=off": [off],
            "?state=deleted": [gone],
            "?state=all": [gone, off, kept],
            "?state=nonsense": [off, kept],
        }.items():
            with self.subTest(state):
                shown = self.client.get(list_url(Threshold) + state).context["cl"].result_list
                self.assertEqual(list(shown), expected)


@pytest.mark.any_postgres
class CategoryTest(AdminTestCase):
    def test_a_parent_is_one_of_the_same_user_and_moves_alerts(self) -> None:
        limit(self.alice, "50", of="Food", levels=[100])
        row = spend(self.alice, "60")
        url = page_url(Category, row.category.pk)
        food, theirs = category(self.alice, "Food"), category(self.charlie, "Theirs")
        sent = {"name": "Groceries", "slug": "groceries", "parent": food.pk}
        response = self.post(url, sent)
        self.assertIn("Alerts opened: 1, resolved: 0.", told(response)[1])
        self.assertEqual(list(self.errors(url, sent | {"parent": theirs.pk})), ["parent"])
        under = page_url(Category, food.pk)
        circle = {"name": "Food", "slug": "food", "parent": row.category.pk}
        self.assertEqual(self.refusal(under, circle), "A category cannot be below itself.")
        lookups = {"user__id__exact": self.alice.pk, "parent__id__exact": food.pk}
        listed = self.client.get(list_url(Category, **lookups)).context["cl"].result_list
        self.assertEqual([one.name for one in listed], ["Groceries"])
        self.assert_true_alerts()

    def test_one_in_use_stays_and_the_reason_is_said(self) -> None:
        row = spend(self.alice, "1")
        said = "The category is in use; merge it into another instead."
        for response in (
            self.client.get(delete_url(row.category)),
            self.client.post(delete_url(row.category), {"post": "yes"}),
        ):
            self.assertRedirects(response, page_url(Category, row.category.pk))
            self.assertEqual(told(response)[-1:], [said])
        unused = category(self.alice, "Unused")
        for chosen in ([row.category], [unused, row.category]):
            response = self.delete_all(Category, chosen)
            self.assertEqual(told(response)[-1:], [said])
        self.assertTrue(Category.objects.filter(pk=unused.pk).exists())
        self.assertEqual(LogEntry.objects.count(), 0)

    def test_one_that_is_not_in_use_goes(self) -> None:
        first, second, third = (category(self.alice, name) for name in ("A", "B", "C"))
        self.post(delete_url(first), {"post": "yes"})
        self.delete_all(Category, [second, third])
        self.assertEqual(Category.objects.filter(user=self.alice, builtin=False).count(), 0)

    def test_the_built_in_one_can_be_neither_renamed_nor_deleted(self) -> None:
        builtin = Category.objects.get(user=self.alice, builtin=True)
        said = self.refusal(page_url(Category, builtin.pk), {"name": "Misc", "slug": builtin.slug})
        self.assertEqual(said, "The built-in category Uncategorised cannot be renamed.")
        said = "The built-in category Uncategorised cannot be deleted."
        for response in (
            self.client.post(delete_url(builtin), {"post": "yes"}),
            self.delete_all(Category, [builtin]),
        ):
            self.assertEqual(told(response)[-1:], [said])
        self.assertTrue(Category.objects.filter(pk=builtin.pk).exists())

    def test_a_name_that_is_there_already_is_refused_in_words(self) -> None:
        category(self.alice, "Groceries")
        data = {"user": self.alice.pk, "name": " GROCERIES ", "slug": ""}
        said = self.refusal(add_url(Category), data)
        self.assertEqual(
            said, "There is a category named Groceries already; merge the two instead."
        )
        self.post(add_url(Category), data | {"user": self.charlie.pk})

    def test_a_taken_slug_is_a_form_error(self) -> None:
        category(self.alice, "Groceries")
        data = {"user": self.alice.pk, "name": "Food", "slug": "groceries"}
        self.assertTrue(self.errors(add_url(Category), data))


@pytest.mark.any_postgres
class MergeTest(AdminTestCase):
    def setUp(self) -> None:
        super().setUp()
        limit(self.alice, "100", of="Groceries")
        self.target = category(self.alice, "Groceries")
        self.sources = [category(self.alice, name) for name in ("Food", "Supermarket")]
        for name in ("Food", "Supermarket"):
            spend(self.alice, "60", to=name)

    def url(self, *chosen: Category) -> str:
        ids = "%2C".join(str(one.pk) for one in chosen)
        return f"{reverse('admin:budget_category_merge')}?ids={ids}"

    def test_the_action_asks_for_the_target_then_merges_all(self) -> None:
        response = self.act(Category, "merge_selected", sorted(self.sources, key=lambda c: -c.pk))
        self.assertIn(reverse("admin:budget_category_merge"), response["Location"])
        page = self.client.get(response["Location"])
        offered = set(page.context["form"].fields["target"].queryset)
        mine = set(Category.objects.filter(user=self.alice))
        self.assertEqual(offered, mine - set(self.sources))
        sent = {"target": self.target.pk, "confirmed": "yes"}
        response = self.client.post(response["Location"], sent)
        self.assertEqual(open_levels(self.alice), [("2018-03-01", 80), ("2018-03-01", 100)])
        self.assertEqual(told(response)[0], "Merged Food, Supermarket into Groceries.")
        self.assertIn("Alerts opened: 2, resolved: 0.", told(response)[1])
        self.assertFalse(Category.objects.filter(pk__in=[c.pk for c in self.sources]).exists())
        self.assertEqual(LogEntry.objects.count(), 3)
        self.assert_true_alerts()

    def test_what_would_happen_is_shown_before_anything_does(self) -> None:
        spend(self.alice, "60", "2018-04-01", to="Food")
        limit(self.alice, "1000", of="Food")
        category(self.alice, "Tins")
        tins = Category.objects.get(user=self.alice, name="Tins")
        tins.parent = self.sources[0]
        tins.save()
        asked = self.client.get(self.url(*self.sources))
        for line in ("Transactions: 3", "Thresholds: 1", "Categories under them: 1"):
            self.assertContains(asked, line)
        before = Ledger.objects.get(user=self.alice)
        shown = self.client.post(self.url(*self.sources), {"target": self.target.pk})
        for line in ("Transactions: 3", "Thresholds: 1", "Categories under them: 1"):
            self.assertContains(shown, line)
        self.assertContains(shown, "Alerts that it would open: 2")
        self.assertContains(shown, "120.00 of 100.00", count=2)
        self.assertContains(shown, "Alerts that it would resolve: 0")
        self.assertEqual(open_levels(self.alice), [])
        self.assertEqual(Ledger.objects.get(user=self.alice).version, before.version)
        self.assertEqual(Category.objects.filter(name__in=("Food", "Supermarket")).count(), 2)
        self.assertEqual(LogEntry.objects.count(), 0)
        self.assert_true_alerts()

    def test_an_alert_that_one_merge_opens_and_the_next_resolves_is_not_told(self) -> None:
        spend(self.alice, "25", to="Food")
        spend(self.alice, "120", to="Supermarket", type="refund")
        shown = self.client.post(self.url(*self.sources), {"target": self.target.pk})
        self.assertContains(shown, "Alerts that it would open: 0")
        self.assertContains(shown, "Alerts that it would resolve: 0")
        sent = {"target": self.target.pk, "confirmed": "yes"}
        response = self.client.post(self.url(*self.sources), sent)
        self.assertEqual(told(response), ["Merged Food, Supermarket into Groceries."])
        self.assertEqual(open_levels(self.alice), [])
        self.assert_true_alerts()

    def test_the_page_of_a_category_leads_there(self) -> None:
        page = self.client.get(page_url(Category, self.sources[0].pk))
        self.assertContains(page, self.url(self.sources[0]))

    def test_another_users_category_is_no_target(self) -> None:
        theirs = category(self.charlie, "Groceries")
        page = self.client.post(self.url(self.sources[0]), {"target": theirs.pk})
        self.assertIn("target", page.context["form"].errors)
        self.assertEqual(Category.objects.filter(user=self.alice).count(), 4)

    def test_what_cannot_be_merged_is_refused_with_the_reason(self) -> None:
        builtin = Category.objects.get(user=self.alice, builtin=True)
        theirs = category(self.charlie, "Groceries")
        for chosen, said in (
            ([builtin], "The built-in category Uncategorised cannot be merged away."),
            (
                [theirs, self.target],
                "Only categories of one and the same user can be merged.",
            ),
            ([], "None of these categories exists; they may have been merged already."),
        ):
            response = self.client.get(self.url(*chosen))
            self.assertRedirects(response, list_url(Category))
            self.assertEqual(told(response)[-1:], [said])

    def test_it_takes_the_right_to_change_and_to_delete(self) -> None:
        helper = User.objects.create_user("helper", is_staff=True)
        helper.user_permissions.set(Permission.objects.filter(codename="change_category"))
        self.client.force_login(helper)
        self.assertEqual(self.client.get(self.url(self.sources[0])).status_code, 403)
        self.assertNotContains(
            self.client.get(page_url(Category, self.sources[0].pk)), "Merge into another"
        )


@pytest.mark.any_postgres
class TransactionTypeTest(AdminTestCase):
    def test_one_in_use_stays_and_keeps_its_effect(self) -> None:
        fee = TransactionType(user=self.alice, name="Fee", effect="spending")
        fee.save()
        spend(self.alice, "1", type="fee")
        response = self.client.post(delete_url(fee), {"post": "yes"})
        self.assertEqual(told(response), ["The transaction type is in use."])
        changed = {"name": "Fee", "slug": "fee", "effect": "none"}
        said = self.refusal(page_url(TransactionType, fee.pk), changed)
        self.assertEqual(said, "The effect is fixed, because transactions use this type.")
        self.assertIn(
            "The transaction type is in use.", told(self.delete_all(TransactionType, [fee]))
        )

    def test_a_built_in_one_can_only_be_looked_at(self) -> None:
        expense = TransactionType.objects.get(user=self.alice, slug="expense")
        page = page_url(TransactionType, expense.pk)
        self.assertContains(self.client.get(page), "View transaction type")
        self.assertEqual(self.client.post(page, {"name": "Cost"}).status_code, 403)
        response = self.client.post(delete_url(expense), {"post": "yes"})
        self.assertEqual(
            told(response), ["The built-in transaction type expense cannot be deleted."]
        )


@pytest.mark.any_postgres
class ReadOnlyTest(AdminTestCase):
    def test_what_the_engine_or_the_user_wrote_cannot_be_written_here(self) -> None:
        limit(self.alice, "100")
        spend(self.alice, "100")
        custom = raise_custom_alert(self.alice.pk, "Remember the tax bill")
        for row in (
            custom,
            *Alert.objects.filter(level=80),
            *AlertEvent.objects.all()[:1],
            *Ledger.objects.filter(user=self.alice),
            *Rollup.objects.all()[:1],
        ):
            model = type(row)
            with self.subTest(model=model.__name__):
                self.assertEqual(self.client.get(page_url(model, row.pk)).status_code, 200)
                for url in (add_url(model), page_url(model, row.pk), delete_url(row)):
                    self.assertEqual(self.client.post(url, {"post": "yes"}).status_code, 403)
                self.assertEqual(self.client.get(list_url(model)).context["action_form"], None)

    def test_alerts_of_every_kind_can_be_read(self) -> None:
        today = date.today().isoformat()
        limit(self.alice, "1", "rolling", name="Lately", days=3, levels=[100])
        combine(self.alice, (None, "count", "gte", "1"), name="Both", type="daily")
        spend(self.alice, "5", today)
        for name, said in (("Lately", "in the last 3 days"), ("Both", "1 expense, at least 1")):
            alert = Alert.objects.get(threshold__name=name)
            page = self.client.get(page_url(Alert, alert.pk))
            self.assertContains(page, said)
            self.assertNotContains(page, "None of None")
            self.assertNotContains(page, "9999-12-30")
        self.assertContains(self.client.get(list_url(Alert)), "the last 3 days")

    def test_an_alert_says_what_is_true_now_and_leads_on(self) -> None:
        threshold = limit(self.alice, "150", of="Groceries")
        spend(self.alice, "140")
        row = spend(self.alice, "22.40")
        alert = Alert.objects.get(level=100)
        page = self.client.get(page_url(Alert, alert.pk))
        self.assertContains(
            page, "Groceries: limit reached, 162.40 of 150.00 USD spent in March 2018, 108 %"
        )
        self.assertContains(page, page_url(Threshold, threshold.pk))
        self.assertContains(page, page_url(Transaction, row.pk))
        events = list_url(AlertEvent, user__id__exact=self.alice.pk, alert__id__exact=alert.pk)
        self.assertContains(page, events.replace("&", "&amp;"))
        self.assertEqual(self.client.get(events).context["cl"].result_count, 1)

    def test_an_alert_is_explained_by_its_rows_and_its_life(self) -> None:
        limit(self.alice, "150", of="Groceries", levels=[100])
        spend(self.alice, "140", description="First shop")
        row = spend(self.alice, "22.40", description="Second shop")
        spend(self.alice, "500", to="Fuel", description="Not food")
        alert = Alert.objects.get()
        page = self.client.get(page_url(Alert, alert.pk))
        explained = page.context["explained"]
        self.assertEqual(
            [
                (line.row["description"], str(line.so_far), line.tipped)
                for line in explained["lines"]
            ],
            [("First shop", "140.00", False), ("Second shop", "162.40", True)],
        )
        self.assertContains(page, "spending, Groceries: 162.40; level from 150.00, reached now")
        self.assertContains(page, "by a transaction: 162.40 of 150.00")
        self.assertNotContains(page, "Not food")
        number = row.pk
        row.delete()
        page = self.client.get(page_url(Alert, alert.pk))
        self.assertContains(page, "Resolved</strong> by a transaction: 140.00 of 150.00")
        self.assertContains(page, f"transaction {number}, deleted since")
        [now] = page.context["explained"]["sums"]
        self.assertEqual((now["total"], now["holds"]), ("140.00", False))

    def test_the_list_tells_what_is_active_and_can_be_narrowed_to_it(self) -> None:
        today = date.today()
        limit(self.alice, "10", levels=[100])
        spend(self.alice, "10", today.isoformat())
        spend(self.alice, "10", "2018-03-05")
        raise_custom_alert(self.alice.pk, "Call the bank", None)
        states = {
            alert.pk: AlertAdmin(Alert, admin.site).state(alert) for alert in Alert.objects.all()
        }
        self.assertEqual(sorted(states.values()), ["open, active", "open, active", "open, late"])
        active = {alert.pk for alert in self.found("active=yes")}
        self.assertEqual(active, {pk for pk, state in states.items() if "active" in state})
        passed = {alert.pk for alert in self.found("active=no")}
        self.assertEqual(passed, set(states) - active)

    def found(self, query: str) -> list[Any]:
        return list(self.client.get(f"{list_url(Alert)}?{query}").context["cl"].result_list)

    def test_an_event_outlives_its_transaction(self) -> None:
        limit(self.alice, "100", levels=[100])
        row = spend(self.alice, "100")
        event = page_url(AlertEvent, AlertEvent.objects.get().pk)
        self.assertContains(self.client.get(event), page_url(Transaction, row.pk))
        number = row.pk
        row.delete()
        page = self.client.get(event)
        self.assertNotContains(page, page_url(Transaction, number))


@pytest.mark.any_postgres
class ListTest(AdminTestCase):
    def found(self, model: type[models.Model], query: str) -> list[Any]:
        return list(self.client.get(f"{list_url(model)}?{query}").context["cl"].result_list)

    def test_every_model_has_its_page(self) -> None:
        for model in LISTED:
            self.assertTrue(admin.site.is_registered(model), model)
        index = self.client.get(reverse("admin:index"))
        self.assertContains(index, "Financial Alerts")

    def test_a_search_takes_an_id_or_a_username(self) -> None:
        mine = spend(self.alice, "1", description="Corner shop")
        theirs = spend(self.charlie, "1", description="alice's birthday")
        self.assertEqual(self.found(Transaction, f"q={mine.pk}"), [mine])
        self.assertEqual(self.found(Transaction, "q=alice"), [mine])
        self.assertEqual(self.found(Transaction, "q=charlie"), [theirs])
        for nothing in ("q=alic", "q=Corner", "q=%00", "q=9" + "9" * 30):
            self.assertIn(self.found(Transaction, nothing), ([], [theirs, mine]))
        self.assertEqual(self.found(Transaction, "q=Corner"), [])

    def test_an_address_finds_its_user_and_stands_beside_the_name(self) -> None:
        ada = User.objects.create_user("ada_5fd83d677f", email="ada@example.com")
        limit(ada, "10", levels=[100])
        row = spend(ada, "10")
        spend(self.alice, "10")
        named = "ada_5fd83d677f (ada@example.com)"
        for model in (*OWNED, Profile):
            if model is ApiToken:
                ApiToken.issue(ada, "phone")
            with self.subTest(model=model.__name__):
                page = self.client.get(list_url(model), {"q": "Ada@example.com"})
                rows = list(page.context["cl"].result_list)
                self.assertTrue(rows)
                self.assertEqual({one.user_id for one in rows}, {ada.pk})
                self.assertContains(page, named)
        self.assertContains(self.client.get(page_url(Transaction, row.pk)), named)
        self.assertContains(self.client.get(f"{add_url(Transaction)}?user={ada.pk}"), named)
        chosen = self.client.get(list_url(Transaction, user__id__exact=ada.pk))
        self.assertContains(chosen, f">{named}</option>")
        asked = {"app_label": "budget", "model_name": "transaction", "field_name": "user"}
        offered = self.client.get(reverse("admin:autocomplete"), {**asked, "term": "ada"}).json()
        self.assertEqual([one["text"] for one in offered["results"]], [named])

    def test_with_a_user_chosen_it_takes_text(self) -> None:
        shop = spend(self.alice, "1", description="Corner shop", external_id="bank-1")
        spend(self.alice, "1", description="Rail ticket")
        spend(self.charlie, "1", description="Corner shop")
        chosen = f"user__id__exact={self.alice.pk}"
        for term in ("corner", "bank-1", str(shop.pk)):
            self.assertEqual(self.found(Transaction, f"{chosen}&q={term}"), [shop])
        limit(self.alice, "1", "transaction", name="Any", levels=[100])
        self.assertEqual(len(self.found(Alert, f"{chosen}&q=any")), 2)
        self.assertEqual(len(self.found(AlertEvent, f"{chosen}&q=2")), 1)
        self.assertEqual(len(self.found(Category, f"{chosen}&q=GROC")), 1)
        self.assertEqual(len(self.found(TransactionType, f"{chosen}&q=expen")), 1)
        self.assertEqual(len(self.found(Threshold, f"{chosen}&q=any")), 1)
        self.assertEqual(len(self.found(Rollup, f"{chosen}&q=groc")), 2)

    def test_dates_and_columns_are_there_for_one_user(self) -> None:
        early = spend(self.alice, "1", "2018-01-01")
        late = spend(self.alice, "2", "2019-01-01")
        first = spend(self.alice, "3", "2017-01-01")
        everyone = self.client.get(f"{list_url(Transaction)}?o=2").context["cl"]
        self.assertIsNone(everyone.date_hierarchy)
        self.assertEqual(list(everyone.result_list), [first, late, early])
        chosen = f"{list_url(Transaction)}?user__id__exact={self.alice.pk}"
        page = self.client.get(chosen)
        self.assertEqual(page.context["cl"].date_hierarchy, "date")
        self.assertEqual(list(page.context["cl"].result_list), [late, early, first])
        self.assertContains(page, "date__year=2018")
        page = self.client.get(f"{chosen}&date__year=2018")
        self.assertEqual(list(page.context["cl"].result_list), [early])
        self.assertContains(page, ">2018-01</a>")
        self.assertNotContains(page, "2018-02")
        page = self.client.get(f"{chosen}&date__year=2018&date__month=1")
        self.assertContains(page, "date__day=1&amp;")

    def test_the_years_to_choose_from_are_read_from_the_rollups(self) -> None:
        spend(self.alice, "1", "2018-01-01")
        spend(self.alice, "1", "2019-01-01", to="Fuel")
        spend(self.charlie, "1", "2016-01-01")
        spend(self.alice, "1", "2017-01-01").delete()
        fuel = {"category__id__exact": category(self.alice, "Fuel").pk}
        url = list_url(Transaction, user__id__exact=self.alice.pk)
        with CaptureQueriesContext(connection) as captured:
            page = self.client.get(url)
        self.assertContains(page, "date__year=2018")
        self.assertContains(page, "date__year=2019")
        self.assertNotContains(page, "date__year=2017")
        self.assertNotContains(page, "date__year=2016")
        for query in captured:
            if "DISTINCT" in query["sql"] or "MIN(" in query["sql"]:
                self.assertIn('FROM "budget_rollup"', query["sql"])
        page = self.client.get(url, {"user__id__exact": self.alice.pk, **fuel})
        self.assertContains(page, ">01-01</a>")
        self.assertNotContains(page, "date__year=2018")

    def test_other_filters_wait_for_the_user_and_go_with_them(self) -> None:
        row = spend(self.alice, "1")
        spend(self.alice, "1", to="Fuel")
        page = self.client.get(list_url(Transaction))
        self.assertNotContains(page, "By category")
        query = f"user__id__exact={self.alice.pk}&category__id__exact={row.category.pk}"
        page = self.client.get(f"{list_url(Transaction)}?{query}")
        self.assertEqual(list(page.context["cl"].result_list), [row])
        [users, categories, _] = page.context["cl"].filter_specs
        self.assertEqual(next(users.choices(page.context["cl"]))["others"], {})
        others = next(categories.choices(page.context["cl"]))["others"]
        self.assertEqual(others, {"user__id__exact": str(self.alice.pk)})
        self.assertEqual(len(self.found(Transaction, "user__id__exact=")), 2)
        wrong = self.client.get(f"{list_url(Transaction)}?user__id__exact=alice")
        self.assertRedirects(wrong, f"{list_url(Transaction)}?e=1")

    def test_an_alert_can_be_found_by_what_its_level_means(self) -> None:
        limit(self.alice, "100")
        spend(self.alice, "100")
        for reached, levels in (("approaching", [80]), ("exceeded", [100])):
            found = self.found(Alert, f"reached={reached}&status__exact=open")
            self.assertEqual([alert.level for alert in found], levels)

    def test_autocompletes_offer_one_users_rows(self) -> None:
        category(self.alice, "Groceries")
        category(self.charlie, "Groceries abroad")
        url = reverse("admin:autocomplete")

        def offered(field: str, **query: Any) -> list[str]:
            asked = {"app_label": "budget", "model_name": "transaction", "field_name": field}
            answer = self.client.get(url, {**asked, **query}).json()
            return [result["text"] for result in answer["results"]]

        self.assertEqual(offered("category", term="groc"), [])
        self.assertEqual(offered("category", term="groc", user=self.alice.pk), ["Groceries"])
        self.assertEqual(offered("type", term="exp", user=self.alice.pk), ["Expense"])
        self.assertEqual(offered("user", term="ali"), ["alice"])
        row = spend(self.alice, "1")
        page = self.client.get(page_url(Transaction, row.pk))
        self.assertContains(page, f'data-ajax--url="{url}?user={self.alice.pk}"')

    def test_no_list_counts_or_sorts_a_whole_table(self) -> None:
        row = spend(self.alice, "1")
        limit(self.alice, "1")
        chosen = f"user__id__exact={self.alice.pk}"
        for model in LISTED:
            queries = ["", "q=alice", "q=1", "o=2.-1", "all=", "_facets=True"]
            if model is not User:
                queries += [chosen, f"{chosen}&q=corner", f"{chosen}&date__year=2018"]
            if model is Transaction:
                queries.append(f"{chosen}&category__id__exact={row.category.pk}")
            for query in queries:
                with self.subTest(model=model.__name__, query=query):
                    self.assert_bounded(model, query)

    def assert_bounded(self, model: type[models.Model], query: str) -> None:
        with CaptureQueriesContext(connection) as captured:
            response = self.client.get(f"{list_url(model)}?{query}", follow=True)
        self.assertEqual(response.status_code, 200)
        table = f'FROM "{model._meta.db_table}"'
        of_table = [one["sql"] for one in captured if table in one["sql"]]
        counts = [sql for sql in of_table if "COUNT(" in sql]
        self.assertTrue(counts or "q=" in query)
        for sql in counts:
            self.assertIn("LIMIT 10001", sql)
        if "user__id__exact" not in query:
            for sql in of_table:
                self.assertNotIn("DISTINCT", sql)
                self.assertNotIn("MIN(", sql)


class PaginatorTest(AdminTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.enterContext(mock.patch.object(paging, "CAP", 10))

    def test_short_lists_are_counted(self) -> None:
        record_transactions(self.alice.pk, [transaction_of(self.alice, "1") for _ in range(10)])
        self.assertEqual(BoundedPaginator(Transaction.objects.order_by("id"), 5).num_pages, 2)
        self.assertEqual(BoundedPaginator(list(range(30)), 5).count, 30)

    def test_long_lists_end_at_the_cap(self) -> None:
        record_transactions(self.alice.pk, [transaction_of(self.alice, "1") for _ in range(11)])
        rows = Transaction.objects.filter(user=self.alice).order_by("id")
        paginator = BoundedPaginator(rows, 5)
        self.assertEqual((paginator.num_pages, str(paginator.count)), (2, "more than 10"))
        page = self.client.get(f"{list_url(Transaction)}?user__id__exact={self.alice.pk}")
        self.assertContains(page, "more than 10 results")
        self.assertContains(page, "more than 10 transactions")

    @pytest.mark.postgres
    def test_the_size_of_a_whole_table_is_estimated(self) -> None:
        one = transaction_of(self.alice, "1")
        same: dict[str, Any] = {
            "date": one.date,
            "category": one.category,
            "type": one.type,
            "amount": one.amount,
        }
        rows = [Transaction(user=self.alice, **same) for _ in range(2000)]
        record_transactions(self.alice.pk, rows)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE budget_transaction")
        count = BoundedPaginator(Transaction.objects.order_by("id"), 50).count
        self.assertIsInstance(count, RoughCount)
        self.assertEqual((count, str(count)), (2000, "about 2,000"))
        self.assertContains(self.client.get(list_url(Transaction)), "about 2,000 transactions")
        last = self.client.get(f"{list_url(Transaction)}?p=40").context["cl"].result_list
        expected = Transaction.objects.order_by("id")[:50]
        self.assertEqual(list(last), list(expected)[::-1])


@pytest.mark.any_postgres
class QueryCountTest(AdminTestCase):
    """Pages of 3 and of 30 rows take the same number of queries."""

    def grow(self, users: range) -> None:
        """Users with one row of everything each; alice gets one more of everything for each."""
        for number in users:
            user = User.objects.create_user(f"user-{number}", email=f"user-{number}@example.com")
            for owner in (user, self.alice):
                name, day = f"Row {number}", f"2018-{number % 12 + 1:02}-{number % 28 + 1:02}"
                limit(owner, "10", "transaction", of=name, levels=[100])
                spend(owner, "20", day, to=name)
                TransactionType(user=owner, name=name, effect="none").save()
                ApiToken.issue(owner, name)

    def pages(self) -> dict[str, str]:
        chosen = {"user__id__exact": self.alice.pk}
        pages = {f"{model.__name__} list": list_url(model) for model in LISTED}
        pages |= {f"{model.__name__} of alice": list_url(model, **chosen) for model in OWNED}
        for model in LISTED:
            owner = {"pk": self.alice.pk} if model is User else {"user": self.alice}
            row = model._default_manager.filter(**owner).latest("pk")
            pages[f"{model.__name__} page"] = page_url(model, row.pk)
        for model in WRITABLE:
            pages[f"{model.__name__} add"] = f"{add_url(model)}?user={self.alice.pk}"
        pages["User delete"] = delete_url(self.alice)
        return pages

    def costs(self) -> dict[str, int]:
        found = {}
        for name, url in self.pages().items():
            with CaptureQueriesContext(connection) as captured:
                response = self.client.get(url)
            self.assertEqual(response.status_code, 200, name)
            found[name] = len(captured)
        return found

    def test_pages_cost_the_same_with_ten_times_the_rows(self) -> None:
        self.grow(range(3))
        # Content types and the like are looked up once a process.
        self.costs()
        few = self.costs()
        self.grow(range(3, 30))
        # What the thresholds say is read once after they have changed.
        self.costs()
        self.assertEqual(self.costs(), few)
        self.assertLessEqual(max(few.values()), 20)

    def test_a_page_of_transactions_takes_four_queries(self) -> None:
        self.grow(range(3))
        with self.assertNumQueries(4):
            # Session, user, count, rows.
            self.client.get(list_url(Transaction))


class ConcurrencyTest(TransactionTestCase):
    def setUp(self) -> None:
        self.alice = User.objects.create_user("alice")
        self.client.force_login(User.objects.create_superuser("root", password="swordfish"))
        self.threshold = limit(self.alice, "100")
        self.url = page_url(Threshold, self.threshold.pk)
        self.sent = {
            "name": "Renamed",
            "slug": "renamed",
            "amount": "100",
            "type": "monthly",
            "operator": "gte",
            "measure": "spending",
            "levels": "100",
            "enabled": "on",
            "conditions-TOTAL_FORMS": "0",
            "conditions-INITIAL_FORMS": "0",
            **seen(self.client, self.url),
        }

    @pytest.mark.postgres
    def test_a_ledger_that_stays_locked_is_a_readable_form_error(self) -> None:
        other = connection.copy()
        other.set_autocommit(False)
        self.addCleanup(other.close)
        soon = "SET LOCAL lock_timeout = '100ms';"
        with other.cursor() as cursor, mock.patch.object(ledger, "LOCK_TIMEOUT", soon):
            cursor.execute(
                "UPDATE budget_ledger SET version = version WHERE user_id = %s", [self.alice.pk]
            )
            response = self.client.post(self.url, self.sent)
            deleted = self.client.post(delete_url(self.threshold), {"post": "yes"})
        self.assertContains(response, "Another write of this user is under way.")
        self.assertContains(response, "Renamed")
        self.assertIn("Another write of this user is under way.", told(deleted)[0])
        self.threshold.refresh_from_db()
        self.assertEqual((self.threshold.name, self.threshold.deleted_at), ("monthly", None))

    @pytest.mark.postgres
    def test_an_edit_does_not_undo_what_was_done_while_it_waited(self) -> None:
        other = connection.copy()
        other.set_autocommit(False)
        self.addCleanup(other.close)
        answers: list[int] = []

        def edit() -> None:
            answers.append(self.client.post(self.url, self.sent).status_code)
            connection.close()

        with other.cursor() as cursor:
            cursor.execute(
                "UPDATE budget_ledger SET version = version WHERE user_id = %s", [self.alice.pk]
            )
            waiting = threading.Thread(target=edit)
            waiting.start()
            waiting.join(0.7)
            cursor.execute(
                "UPDATE budget_threshold SET deleted_at = now() WHERE id = %s",
                [self.threshold.pk],
            )
            other.commit()
            waiting.join()
        self.assertEqual(answers, [403])
        self.threshold.refresh_from_db()
        self.assertIsNotNone(self.threshold.deleted_at)


def test_an_exact_count_prints_like_any_number() -> None:
    assert str(RoughCount(20_000, "about 20,000")) == "about 20,000"
    assert RoughCount(20_000, "about 20,000") // 50 == 400


def test_the_user_of_a_list_is_an_id_or_none() -> None:
    for query, expected in (("7", 7), ("x", None), ("-1", None), ("9" * 30, None), ("", None)):
        request = RequestFactory().get("/", {"user__id__exact": query})
        assert chosen_user(request) == expected


@pytest.mark.any_postgres
class FilledInByAnAddressTests(AdminTestCase):
    """An address can fill in the page that adds a row, as a link or a bookmark does."""

    ODD = ("x", "\0", "9" * 20, "2026-01-31T12:00:00Z")

    def test_a_value_that_a_field_cannot_hold_is_left_out(self) -> None:
        for model in (*WRITABLE, ApiToken):
            names = [field.name for field in model._meta.concrete_fields if field.editable]
            for value in self.ODD:
                odd = dict.fromkeys(names, value)
                for given in ({"user": value}, odd | {"user": str(self.alice.pk)}):
                    with self.subTest(model=model, **given):
                        page = self.client.get(add_url(model), given)
                        self.assertEqual(page.status_code, 200)

    def test_a_right_value_is_filled_in(self) -> None:
        groceries = category(self.alice, "Groceries")
        ids = {"user": str(self.alice.pk), "category": str(groceries.pk)}
        given = {**ids, "amount": "12.50", "date": "x"}
        initial = self.client.get(add_url(Transaction), given).context["adminform"].form.initial
        self.assertEqual(initial["user"], self.alice.pk)
        self.assertEqual(initial["category"], groceries.pk)
        self.assertEqual(initial["amount"], Decimal("12.50"))
        self.assertNotIn("date", initial)
