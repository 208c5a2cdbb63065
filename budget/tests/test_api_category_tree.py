"""Categories under categories: where they may lie, and what moving them does to the alerts."""

from __future__ import annotations

from budget.models import Category
from budget.tests.base import ApiTestCase
from budget.tests.people import category, limit, spend

PATH = "/api/category"


class TreeTestCase(ApiTestCase):
    def setUp(self) -> None:
        self.food = self.post(PATH, {"name": "Food"})["id"]

    def test_a_parent_is_said_by_id_or_name_and_shown_by_name(self) -> None:
        for parent in (self.food, "FOOD ", "Food"):
            found = self.post(PATH, {"name": f"Under {parent}!", "parent": parent})
            self.assertEqual(found["parent"], "Food")
        path = self.answer["Location"]
        self.assertEqual(self.get(path)["parent"], "Food")
        self.patch(f"{PATH}/food", {"name": "Eating"})
        self.assertEqual(self.patch(path, {"name": "Renamed"})["parent"], "Eating")
        self.assertIsNone(self.patch(path, {"parent": None})["parent"])
        self.patch(path, {"parent": "eating"})
        self.assertIsNone(self.put(path, {"name": "Renamed"})["parent"])

    def test_what_get_shows_can_be_put_back(self) -> None:
        found = self.post(PATH, {"name": "Groceries", "parent": "Food"})
        body = {name: found[name] for name in ("name", "slug", "parent")}
        again = self.put(f"{PATH}/{found['id']}", body)
        self.assertEqual(again, found)

    def test_it_lists_those_right_under_some(self) -> None:
        for name, parent in (("Groceries", "Food"), ("Bread", "Groceries"), ("Rent", None)):
            self.post(PATH, {"name": name, "parent": parent})
        for query, names in (
            ("parent=food", ["Groceries"]),
            ("parent=food&parent=groceries", ["Bread", "Groceries"]),
            ("parent=groceries&q=x", []),
            ("parent=rent", []),
        ):
            found = self.get(f"{PATH}?{query}")["items"]
            self.assertEqual([item["name"] for item in found], names, query)
        told = self.wrong_parameters(f"{PATH}?parent=nothing")
        self.assertEqual(told, {"parent": 'There is no category "nothing".'})

    def test_a_parent_that_is_not_there_or_not_ones_own_is_refused(self) -> None:
        theirs = category(self.charlie, "Theirs")
        for parent in (theirs.pk, 2**63):
            self.post(PATH, {"name": "Lost", "parent": parent}, status=404)
            self.patch(f"{PATH}/food", {"parent": parent}, status=404)
        self.assertFalse(Category.objects.filter(name="Lost").exists())
        for no_parent in ("Nowhere", "Theirs", " ", list[object](), True, 1.5):
            errors = self.wrong("POST", PATH, {"name": "Lost", "parent": no_parent})
            self.assertEqual(list(errors), ["#/parent"])

    def test_what_is_no_tree_is_refused_in_words(self) -> None:
        for depth in range(2, 6):
            above = "Food" if depth == 2 else f"Level {depth - 1}"
            self.post(PATH, {"name": f"Level {depth}", "parent": above})
        too_deep, circle = (
            "Categories are at most 5 levels deep.",
            "A category cannot be below itself.",
        )
        alone = "The built-in category Uncategorised cannot have a parent or children."
        for method, path, body, detail in (
            ("POST", PATH, {"name": "Six", "parent": "Level 5"}, too_deep),
            ("PATCH", f"{PATH}/food", {"parent": "Level 5"}, circle),
            ("PATCH", f"{PATH}/food", {"parent": "Food"}, circle),
            ("PATCH", f"{PATH}/uncategorised", {"parent": "Food"}, alone),
            ("POST", PATH, {"name": "Under", "parent": "Uncategorised"}, alone),
            (
                "DELETE",
                f"{PATH}/level-4",
                None,
                "The category has others below it; move those first.",
            ),
        ):
            with self.subTest(detail):
                found = self.call(method, path, body, status=409)
                self.assertEqual(found["detail"], detail)
        self.post(PATH, {"name": "Top"})
        found = self.patch(f"{PATH}/food", {"parent": "Top"}, status=409)
        self.assertEqual(found["detail"], too_deep)

    def test_moving_a_category_opens_and_resolves(self) -> None:
        limit(self.alice, "100.00", of="Food", levels=[100])
        spend(self.alice, "120.00", to="Groceries")
        path = f"{PATH}/groceries"
        found = self.patch(path, {"parent": "Food"})
        (alert,) = found["alerts"]["opened"]
        self.assertEqual((alert["total"], alert["limit"]), ("120.00", "100.00"))
        events = self.get(f"/api/alert/{alert['id']}/events")["items"]
        self.assertEqual([event["cause"] for event in events], ["category_edit"])
        found = self.put(path, {"name": "Groceries"})
        self.assertEqual([one["id"] for one in found["alerts"]["resolved"]], [alert["id"]])

    def test_a_merge_takes_children_along_unless_they_would_lie_too_deep(self) -> None:
        limit(self.alice, "100.00", of="Food", levels=[100])
        for name, parent in (("Home", None), ("Bread", "Home"), ("Rye", "Bread")):
            self.post(PATH, {"name": name, "parent": parent})
        spend(self.alice, "120.00", to="Rye")
        found = self.post(f"{PATH}/home/merge", {"into": "Food"}, status=200)
        self.assertEqual(len(found["alerts"]["opened"]), 1)
        self.assertEqual(self.get(f"{PATH}/bread")["parent"], "Food")
        self.post(f"{PATH}/food/merge", {"into": "Rye"}, status=409)
        deep = "Food"
        for name in ("One", "Two", "Three", "Four"):
            self.post(PATH, {"name": name, "parent": deep})
            deep = name
        self.post(f"{PATH}/bread/merge", {"into": "Four"}, status=409)
        self.post(f"{PATH}/bread/merge", {"into": "Uncategorised"}, status=409)
        self.assertEqual(self.get(f"{PATH}/rye")["parent"], "Bread")
