"""Thresholds of every kind: what goes together, what is refused, and what GET gives PUT takes."""

from __future__ import annotations

from typing import Any

from budget.models import Condition, Threshold
from budget.tests.base import ApiTestCase
from budget.tests.people import combine, limit, spend

PATH = "/api/threshold"
BASE: dict[str, Any] = {"name": "Some", "type": "monthly"}
SIMPLE = BASE | {"amount": "100.00"}
DINING = {"category": "Dining", "measure": "spending", "operator": "gt", "amount": "200.00"}
NET = {"category": None, "measure": "net", "operator": "lt", "amount": "0.00"}
COUNT = {"category": None, "measure": "count", "operator": "gte", "amount": "3"}
BOTH = BASE | {"conditions": [DINING, NET]}
# What each kind is made of, and what it is then beyond what was sent.
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "rolling": ({"type": "rolling", "days": 30}, {}),
    "at most": ({"operator": "lte"}, {"levels": [100], "starts_on": "2018-03-01"}),
    "less, since": (
        {"operator": "lt", "starts_on": "2018-01-15"},
        {"levels": [100], "starts_on": "2018-01-15"},
    ),
    "exactly": ({"operator": "eq", "type": "daily"}, {"starts_on": "2018-03-15"}),
    "income": ({"measure": "income"}, {}),
    "net": ({"measure": "net", "operator": "gt"}, {}),
    "count": ({"measure": "count", "amount": "12"}, {}),
    "single income": ({"measure": "income", "type": "transaction"}, {}),
    "rollover": (
        {"rollover": True, "rollover_cap": "50.00", "rollover_from": "2018-01-01"},
        {"forecast": False},
    ),
    "rollover from now on": ({"rollover": True}, {"rollover_from": "2018-03-01"}),
    "forecast": ({"forecast": True, "type": "weekly"}, {}),
    "all": (
        {"conditions": [DINING, COUNT], "amount": None},
        {"match": "all", "operator": None, "measure": None, "category": None, "levels": [100]},
    ),
    "any, closing": (
        {"conditions": [DINING, NET], "match": "any", "amount": None},
        {"starts_on": "2018-03-01", "levels": [100]},
    ),
}
SPENDING_ONLY = (
    "Only with operator gte or gt, measure spending, and type weekly, monthly, quarterly or yearly."
)


class KindsTestCase(ApiTestCase):
    def setUp(self) -> None:
        self.stand_at("2018-03-15 12:00")

    def test_every_kind_is_stored_shown_and_put_back_unchanged(self) -> None:
        for name, (sent, more) in KINDS.items():
            with self.subTest(name):
                found = self.post(PATH, SIMPLE | sent)
                self.assertEqual(found, found | SIMPLE | sent | more)
                del found["alerts"]
                path = f"{PATH}/{found['id']}"
                self.assertEqual(self.get(path), found)
                revision = Threshold.objects.get(pk=found["id"]).revision
                body = {key: found[key] for key in found.keys() - {"id", "user", "current"}}
                again = self.put(path, body)
                del again["alerts"]
                self.assertEqual(again, found)
                self.assertEqual(Threshold.objects.get(pk=found["id"]).revision, revision)
                self.assertEqual(self.patch(path, {})["conditions"], found["conditions"])

    def test_a_list_shows_each_as_it_is_and_costs_the_same_for_many(self) -> None:
        shown = [self.post(PATH, SIMPLE | sent)["id"] for sent, _ in KINDS.values()]
        self.get(PATH)
        with self.assertNumQueries(4):
            items = self.get(f"{PATH}?limit=200")["items"]
        self.assertEqual([item["id"] for item in items], shown)
        for item in items:
            self.assertEqual(item, self.get(f"{PATH}/{item['id']}"))
        for number in range(20):
            combine(self.alice, ("Dining", "spending", "gt", "1"), name=f"More {number}")
        self.get(PATH)
        with self.assertNumQueries(4):
            self.get(f"{PATH}?limit=200")

    def test_a_combination_shows_each_condition_with_its_total(self) -> None:
        spend(self.alice, "212.00", "2018-03-05", to="Dining")
        found = self.post(PATH, BASE | {"conditions": [DINING, COUNT], "match": "any"})
        current = found["current"]
        self.assertEqual(
            current["conditions"],
            [DINING | {"total": "212.00", "holds": True}, COUNT | {"total": "1", "holds": False}],
        )
        self.assertEqual({current[name] for name in ("total", "limit", "percent")}, {None})
        (alert,) = found["alerts"]["opened"]
        self.assertEqual((alert["level"], alert["total"], alert["percent"]), (100, None, None))
        self.assertEqual(
            alert["message"],
            "Some: Dining 212.00 USD spent, more than 200.00, in March 2018",
        )

    def test_what_does_not_go_together_is_said_all_at_once(self) -> None:
        no_end = "lte, lt and eq need a period that ends; type rolling has none."
        cases: list[tuple[dict[str, Any], dict[str, str]]] = [
            (
                SIMPLE | {"days": 30, "match": "any", "starts_on": "2018-01-01"},
                {
                    "#/days": "Only with type rolling.",
                    "#/match": "Only with conditions.",
                    "#/starts_on": "Only with lte, lt and eq.",
                },
            ),
            (
                SIMPLE | {"rollover_cap": "1", "rollover_from": "2018-01-01"},
                {
                    "#/rollover_cap": "Only with rollover.",
                    "#/rollover_from": "Only with rollover.",
                },
            ),
            (
                SIMPLE | {"type": "rolling", "operator": "lte"},
                {"#/days": "Required with type rolling.", "#/operator": no_end},
            ),
            (
                SIMPLE | {"operator": "eq", "levels": [90, 100], "rollover": True},
                {
                    "#/levels": "Only level 100 with lte, lt and eq.",
                    "#/rollover": SPENDING_ONLY,
                },
            ),
            (
                SIMPLE | {"type": "daily", "forecast": True, "rollover": True},
                {"#/forecast": SPENDING_ONLY, "#/rollover": SPENDING_ONLY},
            ),
            (
                SIMPLE | {"type": "transaction", "measure": "net"},
                {"#/measure": "Type transaction has measure spending or income."},
            ),
            (
                SIMPLE | {"measure": "count", "amount": "1.50"},
                {"#/amount": "Must be a whole number with measure count."},
            ),
            (
                BOTH | {"amount": "1", "operator": "gt", "category": "Food", "levels": [80]},
                dict.fromkeys(
                    ("#/amount", "#/operator", "#/category"), "Set it in each condition instead."
                )
                | {"#/levels": "Only level 100 with conditions."},
            ),
            (
                BASE | {"type": "rolling", "days": 7, "conditions": [DINING, NET]},
                {"#/conditions/1/operator": no_end},
            ),
            (
                BASE | {"type": "transaction", "conditions": [DINING]},
                {"#/conditions": "Type transaction has no conditions."},
            ),
            (
                BASE | {"conditions": [DINING, COUNT | {"amount": "2.5"}]},
                {"#/conditions/1/amount": "Must be a whole number with measure count."},
            ),
            (
                SIMPLE | {"operator": "lte", "starts_on": "1950-01-01"},
                {"#/starts_on": "At most 400 periods back: 1984-11-01 or later."},
            ),
        ]
        for body, errors in cases:
            with self.subTest(body):
                self.assertEqual(self.wrong("POST", PATH, body), errors)
        self.assertFalse(Threshold.objects.exists())

    def test_wrong_conditions_are_named_by_their_place(self) -> None:
        wrong: list[tuple[object, set[str]]] = [
            ("x", {"#/conditions"}),
            (None, {"#/conditions"}),
            ([DINING] * 6, {"#/conditions"}),
            (
                [{"amount": "-1", "measure": "mean", "operator": ">", "category": " ", "x": 1}],
                {f"#/conditions/0/{name}" for name in ("amount", "measure", "operator")}
                | {"#/conditions/0/category", "#/conditions/0/x"},
            ),
            ([DINING, {}], {"#/conditions/1/amount"}),
            ([5], {"#/conditions/0"}),
        ]
        for conditions, pointers in wrong:
            with self.subTest(conditions):
                errors = self.wrong("POST", PATH, BASE | {"conditions": conditions})
                self.assertEqual(set(errors), pointers)

    def test_without_conditions_an_amount_is_needed_like_the_rest(self) -> None:
        self.assertEqual(set(self.wrong("POST", PATH, {})), {"#/name", "#/type", "#/amount"})
        nothing = dict.fromkeys(("amount", "operator", "measure"))
        for none_of_them in ({}, {"conditions": list[object]()}):
            errors = self.wrong("POST", PATH, {**BASE, **nothing, **none_of_them})
            self.assertEqual(set(errors), {f"#/{name}" for name in nothing})

    def test_what_was_not_sent_and_no_longer_fits_falls_to_its_default(self) -> None:
        cases: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
            ({"type": "rolling", "days": 30}, {"type": "monthly"}, {"days": None}),
            ({"levels": [50, 90]}, {"operator": "lte"}, {"levels": [100]}),
            ({"operator": "lte"}, {"operator": "gte"}, {"starts_on": None, "levels": [100]}),
            (
                {"rollover": True, "rollover_cap": "5", "forecast": True},
                {"type": "daily"},
                {"rollover": False, "rollover_cap": None, "rollover_from": None, "forecast": False},
            ),
            (
                {"category": "Food", "measure": "income", "levels": [50]},
                {"conditions": [DINING], "match": "any"},
                {"amount": None, "category": None, "measure": None, "levels": [100]},
            ),
        ]
        for sent, change, after in cases:
            with self.subTest(change):
                self.post(PATH, SIMPLE | sent)
                found = self.patch(self.answer["Location"], change)
                self.assertEqual(found, found | change | after)

    def test_what_it_judges_never_falls_so_the_change_is_refused(self) -> None:
        cases: list[tuple[dict[str, Any], dict[str, Any], set[str]]] = [
            ({"operator": "lte"}, {"type": "rolling", "days": 7}, {"#/type"}),
            ({"measure": "net"}, {"type": "transaction"}, {"#/type"}),
            ({"amount": "9.99"}, {"measure": "count"}, {"#/measure"}),
            ({"amount": None, "conditions": [DINING]}, {"conditions": []}, {"#/amount"}),
            ({"amount": None, "conditions": [DINING]}, {"amount": "5"}, {"#/amount"}),
            ({"amount": None, "conditions": [DINING, NET]}, {"type": "transaction"}, {"#/type"}),
            ({"operator": "lte"}, {"levels": [80]}, {"#/levels"}),
            ({}, {"days": 7}, {"#/days"}),
        ]
        for sent, change, pointers in cases:
            with self.subTest(change):
                before = self.post(PATH, SIMPLE | sent)
                path = self.answer["Location"]
                self.assertEqual(set(self.wrong("PATCH", path, change)), pointers)
                del before["alerts"]
                self.assertEqual(self.get(path), before)

    def test_conditions_are_replaced_as_a_whole_and_become_a_simple_threshold_again(self) -> None:
        self.post(PATH, BOTH)
        path = self.answer["Location"]
        self.assertEqual(self.patch(path, {"name": "Other"})["conditions"], [DINING, NET])
        found = self.patch(path, {"conditions": [COUNT]})
        self.assertEqual((found["conditions"], found["starts_on"]), ([COUNT], None))
        self.assertEqual(self.patch(path, {"match": "any"})["conditions"], [COUNT])
        self.assertEqual(self.patch(path, {"match": None})["match"], "all")
        found = self.patch(path, {"conditions": [], "amount": "5.00"})
        self.assertEqual(found, found | {"amount": "5.00", "match": None, "operator": "gte"})
        self.assertEqual((found["measure"], found["conditions"]), ("spending", []))
        self.assertFalse(Condition.objects.exists())

    def test_where_it_begins_is_kept_unless_it_is_said(self) -> None:
        self.post(PATH, SIMPLE | {"operator": "lte", "starts_on": "2018-01-01"})
        path = self.answer["Location"]
        found = self.put(path, SIMPLE | {"operator": "lte", "amount": "90.00"})
        self.assertEqual(found["starts_on"], "2018-01-01")
        self.assertEqual(
            [alert["period_start"] for alert in found["alerts"]["opened"]],
            [],
            "both finished months were open already",
        )
        found = self.patch(path, {"starts_on": "2018-02-01"})
        self.assertEqual(
            [alert["period_start"] for alert in found["alerts"]["resolved"]], ["2018-01-01"]
        )

    def test_a_rollover_shows_what_is_carried(self) -> None:
        spend(self.alice, "70.00", "2018-02-10")
        spend(self.alice, "90.00", "2018-03-10")
        found = self.post(PATH, SIMPLE | {"rollover": True, "rollover_from": "2018-02-01"})
        current = found["current"]
        self.assertEqual((current["limit"], current["carried"]), ("130.00", "30.00"))
        self.assertEqual((current["remaining"], current["percent"]), ("40.00", 69))

    def test_new_categories_of_conditions_are_made_once_and_only_if_all_is_well(self) -> None:
        twice = [DINING, DINING | {"amount": "9.00"}]
        self.wrong("POST", PATH, BASE | {"conditions": twice, "amount": "1"})
        self.assertFalse(self.alice.categories.filter(name="Dining").exists())
        found = self.post(PATH, BASE | {"conditions": twice})
        self.assertEqual([part["category"] for part in found["conditions"]], ["Dining", "Dining"])
        self.assertEqual(self.alice.categories.filter(name="Dining").count(), 1)

    def test_a_category_filter_finds_conditions_too(self) -> None:
        simple = limit(self.alice, "5", of="Dining")
        both = combine(self.alice, ("Dining", "spending", "gt", "1"), ("Food", "net", "gt", "1"))
        limit(self.alice, "5", of="Rent")
        spend(self.alice, "50.00", "2018-03-05", to="Dining")
        self.assertEqual(self.ids(f"{PATH}?category=dining"), [simple.pk, both.pk])
        self.assertEqual(self.ids(f"{PATH}?category=food"), [both.pk])
        found = self.get("/api/alert?category=dining")["items"]
        self.assertEqual({alert["threshold"] for alert in found}, {simple.pk})
        self.assertEqual(self.ids(f"{PATH}?type=rolling"), [])
