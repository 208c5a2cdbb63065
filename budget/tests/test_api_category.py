from __future__ import annotations

from budget.models import Category, Transaction
from budget.tests.base import ApiTestCase
from budget.tests.people import category, limit, spend

PATH = "/api/category"


class CategoryTestCase(ApiTestCase):
    def test_it_is_made_read_renamed_and_deleted(self) -> None:
        found = self.post(PATH, {"name": " Eating  out ", "user": self.alice.pk})
        shown = {
            "id": found["id"],
            "user": self.alice.pk,
            "name": "Eating out",
            "slug": "eating-out",
            "parent": None,
            "builtin": False,
        }
        self.assertEqual(found, found | shown)
        self.assertEqual(self.get(self.answer["Location"]), shown)
        self.assertEqual(self.get(f"{PATH}/eating-out"), shown)
        path = f"{PATH}/{found['id']}"
        for method in ("PATCH", "PUT"):
            found = self.call(method, path, {"name": f"Food {method}"})
            self.assertEqual(found, found | shown | {"name": f"Food {method}"})
        self.assertEqual(self.patch(path, {})["name"], "Food PUT")
        self.assertEqual(self.patch(path, {"slug": "food"})["slug"], "food")
        self.assertEqual(self.delete(f"{PATH}/food")["id"], found["id"])
        self.get(path, status=404)

    def test_it_lists_by_name(self) -> None:
        for name in ("beta", "Alpha", "Émile", "a b", "ab", "a-c"):
            category(self.alice, name)
        category(self.charlie, "Secret")
        names = [item["name"] for item in self.get(PATH)["items"]]
        expected = ["a b", "a-c", "ab", "Alpha", "beta", "Uncategorised", "Émile"]
        self.assertEqual(names, expected)
        paged, url = [], f"{PATH}?limit=2"
        while url:
            page = self.get(url)
            paged += [item["name"] for item in page["items"]]
            url = page["next"]
        self.assertEqual(paged, expected)

    def test_it_validates(self) -> None:
        for body, pointers in (
            ({}, {"#/name"}),
            ({"name": "  ", "slug": "A", "colour": 1}, {"#/name", "#/slug", "#/colour"}),
            ({"name": "x" * 101}, {"#/name"}),
            # Few characters with a long folded key.
            ({"name": "\ufdfa" * 20}, {"#/name"}),
            ({"name": None}, {"#/name"}),
        ):
            with self.subTest(body):
                self.assertEqual(set(self.wrong("POST", PATH, body)), pointers)
        self.get(f"{PATH}?name=x", status=400)

    def test_names_are_one_whatever_their_spelling(self) -> None:
        self.post(PATH, {"name": "Straße"})
        self.post(PATH, {"name": "STRASSE"}, status=409)
        self.post(PATH, {"name": "Strasse", "slug": "other"}, status=409)
        self.post(PATH, {"name": "Weg", "slug": "strasse"}, who="charlie")

    def test_a_taken_slug_is_a_conflict(self) -> None:
        self.post(PATH, {"name": "Food", "slug": "food"})
        self.post(PATH, {"name": "Drink", "slug": "food"}, status=409)
        found = self.post(PATH, {"name": "Drink"})
        self.patch(f"{PATH}/{found['id']}", {"slug": "food"}, status=409)

    def test_the_builtin_one_stays(self) -> None:
        path = f"{PATH}/uncategorised"
        for method, to, body in (
            ("PATCH", path, {"name": "Other"}),
            ("DELETE", path, None),
            ("POST", f"{path}/merge", {"into": category(self.alice, "Food").pk}),
        ):
            with self.subTest(method):
                self.call(method, to, body, status=409)

    def test_one_in_use_is_not_deleted(self) -> None:
        spend(self.alice, "1.00", to="Food")
        self.delete(f"{PATH}/food", status=409)
        limit(self.alice, "1.00", of="Rent")
        self.delete(f"{PATH}/rent", status=409)

    def test_a_rename_keeps_every_alert(self) -> None:
        limit(self.alice, "1.00", of="Food")
        spend(self.alice, "1.00", to="Food")
        before = self.get("/api/alert")
        found = self.patch(f"{PATH}/food", {"name": "Eating"})
        self.assertEqual(found["alerts"], {"opened": [], "resolved": []})
        self.assertEqual(self.get("/api/alert")["items"], before["items"])
        self.assertEqual(self.get("/api/transaction")["items"][0]["category"], "Eating")
        self.assertEqual(self.get("/api/threshold")["items"][0]["category"], "Eating")

    def test_a_merge_moves_everything_and_answers_with_the_alerts(self) -> None:
        limit(self.alice, "100.00", of="Food", levels=[100])
        spend(self.alice, "60.00", to="Food")
        spend(self.alice, "60.00", to="Eating out")
        target = category(self.alice, "Food")
        found = self.post(f"{PATH}/eating-out/merge", {"into": "FOOD"}, status=200)
        self.assertEqual((found["id"], found["name"]), (target.pk, "Food"))
        self.assertEqual([alert["total"] for alert in found["alerts"]["opened"]], ["120.00"])
        self.assertEqual({row.category_id for row in Transaction.objects.all()}, {target.pk})
        self.get(f"{PATH}/eating-out", status=404)

    def test_a_merge_takes_an_id_or_a_name(self) -> None:
        source, target = category(self.alice, "Food"), category(self.alice, "2024")
        for into in (target.pk, "2024"):
            found = self.post(f"{PATH}/{source.pk}/merge", {"into": into}, status=200)
            self.assertEqual(found["id"], target.pk)
            source = category(self.alice, "Food")

    def test_a_merge_validates(self) -> None:
        source, theirs = category(self.alice, "Food"), category(self.charlie, "Secret")
        path = f"{PATH}/{source.pk}/merge"
        self.post(path, {"into": source.pk}, status=409)
        for into in (theirs.pk, 0, 2**63):
            with self.subTest(into):
                self.post(path, {"into": into}, status=404)
        for body, pointers in (
            ({}, {"#/into"}),
            ({"into": None}, {"#/into"}),
            ({"into": " "}, {"#/into"}),
            ({"into": "Secret"}, {"#/into"}),
            ({"into": [1], "x": 1}, {"#/into", "#/x"}),
        ):
            with self.subTest(body):
                self.assertEqual(set(self.wrong("POST", path, body)), pointers)
        self.post(path, {"into": theirs.pk}, who="charlie", status=404)
        self.get(path, status=405)

    def test_those_of_somebody_else_are_not_there(self) -> None:
        theirs = category(self.charlie, "Secret")
        for path in (f"{PATH}/{theirs.pk}", f"{PATH}/secret", f"{PATH}/0", f"{PATH}/{2**63}"):
            for method, body in (
                ("GET", None),
                ("PUT", {"name": "Mine"}),
                ("PATCH", {"name": "Mine"}),
                ("DELETE", None),
            ):
                self.call(method, path, body, status=404)
        self.post(PATH, {"name": "Mine", "user": self.charlie.pk}, status=404)
        self.assertEqual(Category.objects.filter(user=self.charlie).count(), 2)
