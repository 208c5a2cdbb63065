"""Transactions of categories with all that lie under them, in lists and in the CSV export."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

from budget.engine import rules
from budget.models import Category
from budget.tests.base import ApiTestCase
from budget.tests.people import category, limit, spend

PATH = "/api/transaction"
EXPORT = f"{PATH}/export"
ALONE = {"subtree": "Only with category or category_id."}


def under(parent: Category, name: str) -> Category:
    child = category(parent.user, name)
    child.parent = parent
    child.save()
    return child


class SubtreeTestCase(ApiTestCase):
    def setUp(self) -> None:
        """Food > Groceries > Bread, Food > Restaurants, and Rent beside them: a row in each."""
        self.food = category(self.alice, "Food")
        self.groceries = under(self.food, "Groceries")
        under(self.food, "Restaurants")
        under(self.groceries, "Bread")
        self.rows = {
            name: spend(self.alice, amount, day, to=name).pk
            for name, amount, day in (
                ("Food", "1.00", "2018-03-01"),
                ("Groceries", "20.00", "2018-03-02"),
                ("Bread", "300.00", "2018-03-03"),
                ("Restaurants", "4000.00", "2018-03-04"),
                ("Rent", "50000.00", "2018-03-05"),
            )
        }

    def names(self, query: str) -> list[str]:
        """The categories of the rows found, by date."""
        items = self.get(f"{PATH}?ordering=date&{query}")["items"]
        return [item["category"] for item in items]

    def test_it_goes_all_the_way_down(self) -> None:
        for query, must in {
            "category=food&subtree=true": ["Food", "Groceries", "Bread", "Restaurants"],
            "category=groceries&subtree=true": ["Groceries", "Bread"],
            "category=bread&subtree=true": ["Bread"],
            "category=rent&subtree=true": ["Rent"],
            "category=Uncategorised&subtree=true": [],
            "category=rent&category=groceries&subtree=true": ["Groceries", "Bread", "Rent"],
            "category=bread&category=groceries&subtree=true": ["Groceries", "Bread"],
            "subtree=true&category=food": ["Food", "Groceries", "Bread", "Restaurants"],
        }.items():
            with self.subTest(query):
                self.assertEqual(self.names(query), must)

    def test_without_it_a_category_is_itself_alone(self) -> None:
        for query in ("category=food", "category=food&subtree=false"):
            self.assertEqual(self.names(query), ["Food"])
        self.assertEqual(len(self.names("subtree=false")), 5)

    def test_it_goes_with_all_other_filters(self) -> None:
        query = "category=food&subtree=true&date_from=2018-03-02&amount_max=300&type=expense"
        self.assertEqual(self.names(query), ["Groceries", "Bread"])
        self.assertEqual(self.names(f"{query}&q=bread"), ["Bread"])
        self.assertEqual(self.get(f"{PATH}?{query}&limit=1&count=true")["count"], 2)

    def test_it_finds_what_a_threshold_counts(self) -> None:
        limit(self.alice, "10.00", of="Food", levels=[100])
        (alert,) = self.get("/api/alert")["items"]
        items = self.get(f"{PATH}?category=food&subtree=true")["items"]
        self.assertEqual(str(sum(Decimal(item["amount"]) for item in items)), alert["total"])

    def test_moving_and_merging_change_it_at_once(self) -> None:
        query = "category=food&subtree=true"
        self.assertNotIn("Rent", self.names(query))
        tag = self.answer["ETag"]
        self.patch("/api/category/rent", {"parent": "Bread"})
        self.get(f"{PATH}?ordering=date&{query}", HTTP_IF_NONE_MATCH=tag)
        self.assertEqual(self.names(query)[-1], "Rent")
        self.patch("/api/category/groceries", {"parent": None})
        self.assertEqual(self.names(query), ["Food", "Restaurants"])
        self.post("/api/category/groceries/merge", {"into": "Food"}, status=200)
        self.assertEqual(self.names(query), ["Food", "Food", "Bread", "Restaurants", "Rent"])

    def test_categories_of_somebody_else_are_not_there(self) -> None:
        theirs = category(self.charlie, "Secret")
        under(theirs, "Groceries")
        spend(self.charlie, "9.00", to="Groceries")
        spend(self.charlie, "9.00", to="Secret")
        for query in ("category=secret", "category=food&category=secret", "category=nobody-s"):
            told = self.wrong_parameters(f"{PATH}?{query}&subtree=true")
            missing = query.rpartition("=")[2]
            self.assertEqual(told, {"category": f'There is no category "{missing}".'})
        self.get(f"{PATH}?category=food&subtree=true", who="charlie", status=400)
        self.assertEqual(self.names("category=groceries&subtree=true"), ["Groceries", "Bread"])

    def test_it_is_refused_without_a_category(self) -> None:
        for path in (PATH, EXPORT):
            for query in ("subtree=true", "subtree=true&type=expense&date_from=2018-01-01"):
                with self.subTest(path=path, query=query):
                    self.assertEqual(self.wrong_parameters(f"{path}?{query}"), ALONE)
        self.assertEqual(
            self.wrong_parameters(f"{PATH}?category=food&subtree=1"),
            {"subtree": "Must be true or false."},
        )
        self.assertEqual(
            self.wrong_parameters(f"{PATH}?category=food&subtree=true&subtree=true"),
            {"subtree": "Given more than once."},
        )
        many = "&".join(f"category=c{number}" for number in range(51))
        self.assertEqual(list(self.wrong_parameters(f"{PATH}?subtree=true&{many}")), ["category"])

    def test_other_lists_have_no_such_parameter(self) -> None:
        for noun in ("threshold", "alert", "category"):
            with self.subTest(noun):
                self.assertEqual(
                    self.wrong_parameters(f"/api/{noun}?subtree=true"),
                    {"subtree": "There is no such parameter."},
                )

    def test_pages_are_whole_both_ways_and_bound_to_it(self) -> None:
        for day in range(1, 8):
            spend(self.alice, "1.00", f"2018-03-{day % 3 + 1:02}", to="Bread")
            spend(self.alice, "1.00", f"2018-03-{day % 3 + 1:02}", to="Rent")
        query = "category=food&subtree=true"
        whole = self.ids(f"{PATH}?{query}")
        self.assertEqual(len(whole), 11)
        first = f"{PATH}?{query}&limit=3"
        there, last = self.walk_ids(first, "next")
        back, _ = self.walk_ids(last, "previous")
        self.assertEqual((there, sorted(back)), (whole, sorted(whole)))
        following = self.get(first)["next"]
        for other in ("subtree=false", "ordering=-date"):
            changed = following.replace("subtree=true", other)
            self.assertEqual(list(self.wrong_parameters(changed)), ["cursor"])

    def test_a_category_that_moves_between_two_pages_takes_its_rows_along(self) -> None:
        following = self.get(f"{PATH}?category=food&subtree=true&ordering=date&limit=1")["next"]
        self.patch("/api/category/rent", {"parent": "Restaurants"})
        self.patch("/api/category/bread", {"parent": None})
        found, _ = self.walk_ids(following, "next")
        self.assertEqual(found, [self.rows[name] for name in ("Groceries", "Restaurants", "Rent")])

    def test_the_export_has_the_same_rows(self) -> None:
        found = self.export("category=groceries&subtree=true&ordering=date")
        self.assertEqual(found, ["Groceries", "Bread"])
        self.assertEqual(self.export("category=groceries"), ["Groceries"])

    def export(self, query: str) -> list[str]:
        token = f"Bearer {self.tokens['alice']}"
        answer = self.client.get(f"{EXPORT}?{query}", HTTP_AUTHORIZATION=token)
        self.assertEqual(answer.status_code, 200)
        text = answer.getvalue().decode("utf-8-sig")
        return [row["category"] for row in csv.DictReader(io.StringIO(text, newline=""))]

    def test_it_costs_the_same_with_a_tree_of_five_and_of_fifty(self) -> None:
        for size in (5, 50):
            for number in range(size - Category.objects.filter(user=self.alice).count()):
                under(self.groceries, f"Kind {number}")
                spend(self.alice, "1.00", to=f"Kind {number}")
            self.names("category=food&subtree=true")  # remembers the name and the tree
            with self.subTest(size), self.assertNumQueries(2):
                self.names("category=food&subtree=true&limit=200")
            with self.subTest(size), self.assertNumQueries(3):
                self.export("category=food&subtree=true")

    def test_a_process_that_has_not_judged_this_tree_reads_it_once(self) -> None:
        rules._read_rules.cache_clear()
        with self.assertNumQueries(7):
            self.names("category=food&subtree=true")
        with self.assertNumQueries(2):
            self.names("category=food&subtree=true")
