from __future__ import annotations

import json
from unittest import mock

from budget.models import Alert, Category, Threshold
from budget.tests.base import ApiTestCase, turn_back_the_day
from budget.tests.people import at, limit, spend

PATH = "/api/threshold"
FULL = {
    "name": "Eating out",
    "slug": "out",
    "amount": "150.00",
    "type": "weekly",
    "category": "Restaurants",
    "operator": "gt",
    "measure": "spending",
    "levels": [50, 80, 100],
    "enabled": False,
}
DEFAULTS = {
    "days": None,
    "category": None,
    "operator": "gte",
    "measure": "spending",
    "match": None,
    "conditions": [],
    "levels": [80, 100],
    "starts_on": None,
    "rollover": False,
    "rollover_cap": None,
    "rollover_from": None,
    "forecast": False,
    "enabled": True,
}


class CreateTestCase(ApiTestCase):
    def test_it_stores_every_field(self) -> None:
        found = self.post(PATH, FULL | {"user": self.alice.pk})
        self.assertEqual(found, found | FULL | {"user": self.alice.pk})
        self.assertEqual(self.answer["Location"], f"{PATH}/{found['id']}")
        del found["alerts"]
        self.assertEqual(self.get(f"{PATH}/{found['id']}"), found)
        self.assertEqual(self.get(f"{PATH}/out"), found)

    def test_what_may_be_missing_has_defaults(self) -> None:
        found = self.post(PATH, {"name": "Eating out", "amount": 0, "type": "daily"})
        self.assertEqual(found, found | DEFAULTS | {"slug": "eating-out", "amount": "0.00"})

    def test_a_new_category_is_made(self) -> None:
        self.post(PATH, FULL)
        self.assertTrue(Category.objects.filter(user=self.alice, name="Restaurants").exists())

    def test_slugs_are_made_unique(self) -> None:
        body = {"name": "Eating out", "amount": 1, "type": "daily"}
        slugs = [self.post(PATH, body | {"name": name})["slug"] for name in ("Food", "food", "食")]
        self.assertEqual(slugs, ["food", "food-2", "threshold"])
        self.assertEqual(self.post(PATH, body | {"name": "Preview"})["slug"], "preview-2")

    def test_a_taken_slug_is_a_conflict(self) -> None:
        self.post(PATH, FULL)
        self.post(PATH, FULL, status=409)
        self.post(PATH, FULL, who="charlie")

    def test_all_errors_come_at_once(self) -> None:
        body = {
            "name": " ",
            "slug": "1st",
            "amount": -1,
            "type": "hourly",
            "category": "",
            "operator": ">",
            "measure": 5,
            "levels": "80",
            "enabled": 1,
            "colour": "red",
        }
        errors = self.wrong("POST", PATH, body)
        self.assertEqual(set(errors), {f"#/{name}" for name in body})
        self.assertEqual(
            errors["#/type"],
            "Must be one of daily, weekly, monthly, quarterly, yearly, rolling, transaction.",
        )
        self.assertFalse(Threshold.objects.exists())

    def test_levels_are_one_to_ten_distinct_whole_percents(self) -> None:
        taken: tuple[list[float], ...] = ([1], [1000], [100, 80.0], list(range(1, 11)))
        for some in taken:
            found = self.post(PATH, FULL | {"slug": None, "levels": some})
            self.assertEqual(found["levels"], sorted(some))
        # Written by hand, as json.dumps knows no such numbers.
        for levels, pointer in (
            ("[]", "#/levels"),
            ("[80, 80]", "#/levels"),
            ("[80, 80.0]", "#/levels"),
            ("[1,2,3,4,5,6,7,8,9,10,11]", "#/levels"),
            ("80", "#/levels"),
            ("[80, 0]", "#/levels/1"),
            ("[1001]", "#/levels/0"),
            ("[80.5]", "#/levels/0"),
            ("[1e999999]", "#/levels/0"),
            ("[1e-999999]", "#/levels/0"),
            ('["80"]', "#/levels/0"),
            ("[true]", "#/levels/0"),
            ("[null]", "#/levels/0"),
            ("[[80]]", "#/levels/0"),
        ):
            body = json.dumps({"name": "x", "amount": 1, "type": "daily"})[:-1]
            body += f', "levels": {levels}}}'
            with self.subTest(levels):
                self.assertEqual(list(self.wrong("POST", PATH, body)), [pointer])

    def test_slugs_are_plain(self) -> None:
        for slug in ("1st", "Out", "é", "a b", "-a", "", "a" * 61, "preview", "out\n", 5, ["out"]):
            with self.subTest(slug):
                self.assertEqual(list(self.wrong("POST", PATH, FULL | {"slug": slug})), ["#/slug"])

    def test_it_answers_with_the_alerts_of_what_was_spent_before(self) -> None:
        spend(self.alice, "162.40", "2018-03-05")
        found = self.post(PATH, {"name": "All", "amount": 150, "type": "monthly"})
        self.assertEqual([alert["level"] for alert in found["alerts"]["opened"]], [80, 100])
        self.assertEqual(found["alerts"]["opened"][0]["threshold"], found["id"])

    def test_nobody_writes_for_somebody_else(self) -> None:
        self.post(PATH, FULL | {"user": self.charlie.pk}, status=404)


class OneTestCase(ApiTestCase):
    def setUp(self) -> None:
        self.path = self.post(PATH, FULL | {"enabled": True}) and self.answer["Location"]

    @at("2018-03-15 12:00")
    def test_current_shows_the_present_period(self, now: mock.Mock) -> None:
        turn_back_the_day()
        threshold = limit(self.alice, "150.00", of="Groceries")
        spend(self.alice, "130.50", "2018-03-05")
        self.assertEqual(
            self.get(f"{PATH}/{threshold.pk}")["current"],
            {
                "period_start": "2018-03-01",
                "period_end": "2018-04-01",
                "total": "130.50",
                "limit": "150.00",
                "carried": None,
                "remaining": "19.50",
                "percent": 87,
                "level_reached": 80,
                "conditions": [],
                "forecast": {
                    "projected": "269.70",
                    "spent": "130.50",
                    "later": "0.00",
                    "days_elapsed": 15,
                    "days": 31,
                    "formula": "130.50 * 31 / 15 + 0.00",
                },
                "as_of": "2018-03-15",
            },
        )

    def test_put_replaces_everything_but_the_slug(self) -> None:
        found = self.put(self.path, {"name": "Other", "amount": "5", "type": "daily"})
        expected = DEFAULTS | {"slug": "out", "name": "Other", "amount": "5.00", "type": "daily"}
        self.assertEqual(found, found | expected)
        self.assertEqual(self.put(self.path, FULL | {"slug": "new"})["slug"], "new")

    def test_patch_changes_only_what_is_sent(self) -> None:
        before = self.get(self.path)
        for change in (
            {},
            {"name": "Other"},
            {"amount": "0.00"},
            {"type": "yearly"},
            {"category": None},
            {"category": "Rent"},
            {"operator": "gte"},
            {"levels": [100]},
            {"enabled": False},
            {"slug": "rent"},
        ):
            before |= change
            found = self.patch(self.path, change)
            for name in before.keys() - {"current"}:
                self.assertEqual(found[name], before[name])
            self.assertEqual(self.patch(self.path, {"slug": None})["slug"], before["slug"])

    def test_patch_validates_as_post_does(self) -> None:
        body: dict[str, object] = dict.fromkeys(("name", "amount", "type", "enabled"))
        body["levels"] = []
        self.assertEqual(set(self.wrong("PATCH", self.path, body)), {f"#/{name}" for name in body})
        errors = self.wrong("PATCH", self.path, {"type": "hourly", "days": 367})
        self.assertEqual(set(errors), {"#/type", "#/days"})

    def test_raising_the_limit_resolves(self) -> None:
        spend(self.alice, "200.00", to="Restaurants")
        alerts = self.patch(self.path, {"amount": "1000"})["alerts"]
        self.assertEqual([alert["level"] for alert in alerts["resolved"]], [50, 80, 100])
        alerts = self.patch(self.path, {"amount": "200"})["alerts"]
        self.assertEqual([alert["level"] for alert in alerts["opened"]], [50, 80])

    def test_delete_resolves_and_frees_the_slug(self) -> None:
        spend(self.alice, "200.00", to="Restaurants")
        key = self.get(self.path)["id"]
        found = self.delete(f"{PATH}/out")
        self.assertEqual(found["id"], key)
        self.assertEqual(len(found["alerts"]["resolved"]), 3)
        for path in (self.path, f"{PATH}/out"):
            self.get(path, status=404)
            self.delete(path, status=404)
            self.patch(path, {}, status=404)
        self.assertEqual(self.ids(PATH), [])
        self.assertEqual(Alert.objects.filter(user=self.alice).count(), 3)
        self.assertEqual(self.post(PATH, FULL)["slug"], "out")

    def test_thresholds_of_somebody_else_are_not_there(self) -> None:
        body = {"name": "Mine now", "amount": "1", "type": "daily"}
        for path in (self.path, f"{PATH}/out"):
            for method, sent in (("GET", None), ("PUT", body), ("PATCH", {}), ("DELETE", None)):
                self.call(method, path, sent, who="charlie", status=404)
        self.assertEqual(Threshold.objects.get().name, "Eating out")
        self.assertEqual(self.ids(PATH, who="charlie"), [])

    def test_keys_that_cannot_be_are_not_there(self) -> None:
        for key in ("0", str(2**63), "9" * 5000, "OUT", "out%00", "out%0a", "a" * 5000):
            with self.subTest(key[:9]):
                self.get(f"{PATH}/{key}", status=404)

    def test_costs(self) -> None:
        with self.assertNumQueries(3):
            self.get(self.path)
        with self.assertNumQueries(18):
            self.post(PATH, FULL | {"slug": "more"})
        with self.assertNumQueries(18):
            self.patch(self.path, {"amount": "14.00"})
        with self.assertNumQueries(19):
            self.put(self.path, FULL)
        with self.assertNumQueries(14):
            self.delete(self.path)


class ListTestCase(ApiTestCase):
    def test_it_lists_with_the_present_period(self) -> None:
        first, second = limit(self.alice, "5.00"), limit(self.alice, "6.00", "transaction")
        limit(self.charlie, "7.00")
        found = self.get(PATH)
        self.assertEqual([item["id"] for item in found["items"]], [first.pk, second.pk])
        self.assertEqual(found["items"][0], self.get(f"{PATH}/{first.pk}"))
        self.assertIsNone(found["items"][1]["current"])
        self.assertEqual((found["next"], found["previous"]), (None, None))

    def test_it_costs_the_same_with_two_and_with_two_hundred(self) -> None:
        for rows in (2, 200):
            for number in range(rows - Threshold.objects.count()):
                limit(self.alice, "5.00", "weekly", of="Rent", name=f"Limit {rows} {number}")
            with self.subTest(rows), self.assertNumQueries(3):
                self.assertEqual(len(self.ids(f"{PATH}?limit=200")), rows)
        self.post(PATH, FULL, status=409)
