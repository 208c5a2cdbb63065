from __future__ import annotations

from budget.models import TransactionType
from budget.tests.base import ApiTestCase
from budget.tests.people import limit, spend

PATH = "/api/transaction-type"


class TransactionTypeTestCase(ApiTestCase):
    def test_it_is_made_read_edited_and_deleted(self) -> None:
        found = self.post(PATH, {"name": "Gift", "effect": "spending", "user": self.alice.pk})
        shown = {
            "id": found["id"],
            "user": self.alice.pk,
            "name": "Gift",
            "slug": "gift",
            "effect": "spending",
            "builtin": False,
        }
        self.assertEqual(found, found | shown)
        self.assertEqual(self.get(self.answer["Location"]), shown)
        self.assertEqual(self.get(f"{PATH}/gift"), shown)
        found = self.patch(f"{PATH}/gift", {"effect": "none"})
        self.assertEqual(found, found | shown | {"effect": "none"})
        found = self.put(f"{PATH}/gift", {"name": "Present", "effect": "income"})
        self.assertEqual(found, found | shown | {"name": "Present", "effect": "income"})
        self.assertEqual(self.delete(f"{PATH}/{found['id']}")["id"], found["id"])
        self.get(f"{PATH}/gift", status=404)

    def test_it_lists_the_builtin_ones_first(self) -> None:
        self.post(PATH, {"name": "A gift", "effect": "spending"})
        self.post(PATH, {"name": "Secret", "effect": "spending"}, who="charlie")
        slugs = [item["slug"] for item in self.get(PATH)["items"]]
        self.assertEqual(slugs, ["expense", "income", "refund", "transfer", "a-gift"])

    def test_a_row_of_it_counts_by_its_effect(self) -> None:
        limit(self.alice, "10.00", levels=[100])
        self.post(PATH, {"name": "Gift", "effect": "spending"})
        body = {"date": "2018-03-05", "amount": "10", "type": "gift"}
        self.assertEqual(len(self.post("/api/transaction", body)["alerts"]["opened"]), 1)

    def test_it_validates(self) -> None:
        for body, pointers in (
            ({}, {"#/name", "#/effect"}),
            (
                {"name": "", "effect": "debit", "slug": "", "x": 1},
                {"#/name", "#/effect", "#/slug", "#/x"},
            ),
            ({"name": "Gift", "effect": None}, {"#/effect"}),
            ({"name": "Gift", "effect": ["none"]}, {"#/effect"}),
        ):
            with self.subTest(body):
                self.assertEqual(set(self.wrong("POST", PATH, body)), pointers)

    def test_names_and_slugs_are_taken_once(self) -> None:
        for body in ({"name": "EXPENSE"}, {"name": "Other", "slug": "expense"}):
            self.post(PATH, body | {"effect": "none"}, status=409)

    def test_the_builtin_ones_stay(self) -> None:
        for slug in ("expense", "income", "refund", "transfer"):
            self.patch(f"{PATH}/{slug}", {"effect": "none"}, status=409)
            self.patch(f"{PATH}/{slug}", {"name": "Other"}, status=409)
            self.delete(f"{PATH}/{slug}", status=409)

    def test_one_in_use_keeps_its_effect(self) -> None:
        self.post(PATH, {"name": "Gift", "effect": "spending"})
        spend(self.alice, "1.00", type="gift")
        self.patch(f"{PATH}/gift", {"effect": "income"}, status=409)
        self.delete(f"{PATH}/gift", status=409)
        self.assertEqual(self.patch(f"{PATH}/gift", {"name": "Present"})["name"], "Present")

    def test_a_row_names_one_by_its_slug_or_else_by_its_name(self) -> None:
        self.post(PATH, {"name": "Bank Fee", "effect": "spending"})
        self.post(PATH, {"name": "Charge", "slug": "fee", "effect": "spending"})
        self.post(PATH, {"name": "Fee", "slug": "other", "effect": "spending"})
        self.post(PATH, {"name": "Theirs", "effect": "spending"}, who="charlie")
        row = {"date": "2018-03-05", "amount": "1.00"}
        for said, slug in (
            ("bank-fee", "bank-fee"),
            (" bank  FEE", "bank-fee"),
            ("Expense", "expense"),
            ("fee", "fee"),
            ("Fee", "other"),
        ):
            self.assertEqual(self.post("/api/transaction", row | {"type": said})["type"], slug)
        for said in ("Theirs", "theirs", "Bank", "", " "):
            self.assertEqual(
                self.wrong("POST", "/api/transaction", row | {"type": said}),
                {"#/type": "There is no such transaction type."},
            )

    def test_those_of_somebody_else_are_not_there(self) -> None:
        theirs = self.post(PATH, {"name": "Secret", "effect": "none"}, who="charlie")
        for path in (f"{PATH}/{theirs['id']}", f"{PATH}/secret", f"{PATH}/{2**63}"):
            for method, body in (
                ("GET", None),
                ("PUT", {"name": "Mine", "effect": "none"}),
                ("PATCH", {"name": "Mine"}),
                ("DELETE", None),
            ):
                self.call(method, path, body, status=404)
        self.assertTrue(TransactionType.objects.filter(name="Secret").exists())
