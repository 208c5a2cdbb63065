"""Alerts of what a threshold was before an edit are explained by what it was."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from budget.models import Alert, Category, Threshold, ThresholdRevision
from budget.tests.base import ApiTestCase
from budget.tests.people import category, combine, limit, spend

BOTH: dict[str, Any] = {
    "conditions": [
        {"category": "Groceries", "amount": "100.00"},
        {"measure": "count", "amount": "2"},
    ]
}
ALONE: dict[str, Any] = {"conditions": [], "amount": "1.00", "measure": "spending"}
EDITS: tuple[dict[str, Any], ...] = (
    {"type": "weekly"},
    {"type": "rolling", "days": 3},
    {"category": "Rent"},
    {"category": None},
    {"measure": "count", "amount": "1"},
    {"measure": "income"},
    {"operator": "gt"},
    {"operator": "lte", "levels": [100]},
    {"rollover": True, "rollover_from": "2018-01-01"},
    {**BOTH, "amount": None, "category": None},
)


class RevisionTestCase(ApiTestCase):
    def setUp(self) -> None:
        self.stand_at("2018-03-20 12:00")
        self.rows = [
            spend(self.alice, "70.00", "2018-03-05"),
            spend(self.alice, "5.00", "2018-03-06", type="refund"),
            spend(self.alice, "45.00", "2018-03-15"),
        ]
        spend(self.alice, "500.00", "2018-03-15", to="Rent")

    def edited(self, threshold: Threshold, *edits: dict[str, Any]) -> Alert:
        """The alert that a threshold has raised for March, after some edits of the threshold."""
        alert = Alert.objects.get(threshold=threshold, level=100, status="open")
        for edit in edits:
            self.patch(f"/api/threshold/{threshold.pk}", edit)
        return alert

    def explained(self, alert: Alert) -> tuple[dict[str, Any], list[list[str]]]:
        """The first page of an explanation, and what the rows on all pages add."""
        found = first = self.get(f"/api/alert/{alert.pk}/explain?limit=2")
        items = first["items"]
        while found["next"]:
            found = self.get(found["next"])
            items += found["items"]
            self.assertEqual(found["sums"], first["sums"])
        adds = [item["adds"] for item in items]
        for place, one in enumerate(first["sums"]):
            listed = [Decimal(row[place]) for row in adds if row[place] is not None]
            self.assertEqual(sum(listed), Decimal(one["total"]))
        self.assertEqual(first["alert"], self.get(f"/api/alert/{alert.pk}"))
        self.assertIn(first["alert"], self.get("/api/alert?limit=200")["items"])
        return first, adds

    def groceries(self, **fields: Any) -> Threshold:
        return limit(self.alice, "100.00", of="Groceries", levels=[100], **fields)

    def test_whatever_is_edited_the_rows_of_then_are_listed_and_summed(self) -> None:
        for number, edit in enumerate(EDITS):
            with self.subTest(edit):
                told, adds = self.explained(self.edited(self.groceries(slug=f"n{number}"), edit))
                self.assertEqual(adds, [["70.00"], ["-5.00"], ["45.00"]])
                (one,) = told["sums"]
                self.assertEqual((one["category"], one["measure"]), ("Groceries", "spending"))
                self.assertEqual((one["operator"], one["at_least"]), ("gte", "100.00"))
                self.assertEqual((one["amount"], one["total"]), ("100.00", "110.00"))
                self.assertEqual((told["period_start"], told["carried"]), ("2018-03-01", None))
                self.assertTrue(told["edited"])
                shown = told["alert"]
                self.assertEqual(shown["status"], "resolved")
                self.assertEqual((shown["total"], shown["limit"]), ("110.00", "100.00"))
                then = shown["then"]
                self.assertEqual((then["total"], then["limit"]), ("110.00", "100.00"))
                message = (
                    "Groceries, ended because the threshold was changed: limit reached at "
                    "110.00 of 100.00 USD; now 110.00 of 100.00 USD spent in March 2018, 110 %"
                )
                self.assertEqual(shown["message"], message)

    def test_a_category_finds_what_an_alert_was_about(self) -> None:
        old = self.edited(self.groceries(), {"category": "Rent"})
        new = Alert.objects.get(status="open")
        both = combine(self.alice, ("Groceries", "spending", "gte", "100"), slug="both")
        joined = self.edited(both, ALONE | {"category": "Rent"})
        alone = Alert.objects.get(threshold=both, revision=2)
        before = limit(self.alice, "1.00", of="Rent", slug="before", levels=[100])
        unknown = self.edited(before, {"category": "Fun"})
        ThresholdRevision.objects.filter(threshold=before).delete()
        for query, found in {
            "category=groceries": [old, joined],
            "category=rent": [new, alone],
            "category=groceries&status=open": [],
            "category=rent&category=groceries": [old, new, joined, alone],
            # Whose revision was not kept, by what the threshold is now.
            "category=fun": [unknown],
        }.items():
            with self.subTest(query):
                rows = sorted(alert.pk for alert in found)
                self.assertEqual(sorted(self.ids(f"/api/alert?{query}")), rows)

    def test_the_rows_are_as_they_are_now_and_then_is_as_it_was(self) -> None:
        alert = self.edited(self.groceries(), {"category": "Rent"})
        self.rows[0].delete()
        spend(self.alice, "12.00", "2018-03-30")
        told, adds = self.explained(alert)
        self.assertEqual(adds, [["-5.00"], ["45.00"], ["12.00"]])
        self.assertEqual((told["alert"]["total"], told["sums"][0]["holds"]), ("52.00", False))
        self.assertEqual(told["alert"]["then"]["total"], "110.00")
        self.assertEqual(told["alert"]["status"], "resolved")

    def test_a_combination_is_told_condition_by_condition_as_it_was(self) -> None:
        threshold = combine(
            self.alice, ("Groceries", "spending", "gte", "100"), (None, "count", "gt", "2")
        )
        alert = self.edited(threshold, BOTH)
        again = self.edited(threshold, {"match": "any"}, ALONE)
        told, adds = self.explained(alert)
        self.assertEqual(adds, [["70.00", "1"], ["-5.00", None], ["45.00", "1"], [None, "1"]])
        self.assertEqual([one["total"] for one in told["sums"]], ["110.00", "3"])
        self.assertEqual([one["at_least"] for one in told["sums"]], ["100.00", "3"])
        self.assertEqual(told["match"], "all")
        shown = told["alert"]["conditions"]
        self.assertEqual([one["operator"] for one in shown], ["gte", "gt"])
        self.assertEqual([one["category"] for one in shown], ["Groceries", None])
        told, adds = self.explained(again)
        self.assertEqual([one["operator"] for one in told["sums"]], ["gte", "gte"])
        # Between the two edits it joined the same conditions by "any".
        either = Alert.objects.get(threshold=threshold, revision=3)
        self.assertEqual(self.explained(either)[0]["match"], "any")

    def test_a_rollover_tells_the_chain_that_it_had(self) -> None:
        spend(self.alice, "90.00", "2018-02-05")
        threshold = self.groceries(
            rollover=True, rollover_cap=Decimal(8), rollover_from=date(2018, 2, 1)
        )
        alert = self.edited(threshold, {"rollover_cap": None}, {"rollover": False})
        told, adds = self.explained(alert)
        (link,) = told["carried"]
        self.assertEqual((link["total"], link["carried"]), ("90.00", "8.00"))
        self.assertEqual((told["alert"]["limit"], told["sums"][0]["at_least"]), ("108.00",) * 2)
        self.assertEqual(len(adds), 3)

    def test_a_forecast_tells_its_numbers(self) -> None:
        threshold = limit(self.alice, "800.00", levels=[1000], forecast=True)
        alert = Alert.objects.get(threshold=threshold)
        self.patch(f"/api/threshold/{threshold.pk}", {"operator": "gt", "forecast": False})
        told, _ = self.explained(alert)
        self.assertEqual(told["forecast"]["formula"], "610.00 * 31 / 20 + 0.00")
        self.assertEqual(told["alert"]["total"], "945.50")
        self.assertIsNone(told["sums"][0]["holds"])

    def test_a_window_and_a_single_transaction_keep_their_own_bounds(self) -> None:
        window = limit(self.alice, "100.00", "rolling", days=16, of="Groceries", levels=[100])
        told, _ = self.explained(self.edited(window, {"days": 2}))
        self.assertEqual((told["period_start"], told["sums"][0]["total"]), ("2018-03-05", "110.00"))
        self.assertIn("in the last 16 days", told["alert"]["message"])
        single = limit(self.alice, "60.00", "transaction", of="Groceries", levels=[100])
        told, adds = self.explained(self.edited(single, {"type": "daily"}))
        self.assertEqual((adds, told["period_start"]), ([["70.00"]], "2018-03-05"))

    def test_a_second_edit_and_one_back_to_the_first_are_told_apart(self) -> None:
        threshold = self.groceries()
        first = self.edited(threshold, {"category": "Rent", "amount": "450.00"})
        second = self.edited(threshold, {"category": "Groceries", "amount": "90.00"})
        third = self.edited(threshold)
        found = []
        for alert in (first, second, third):
            told, adds = self.explained(alert)
            one = told["sums"][0]
            found.append((one["category"], one["amount"], one["total"], len(adds), told["edited"]))
        self.assertEqual(
            found,
            [
                ("Groceries", "100.00", "110.00", 3, True),
                ("Rent", "450.00", "500.00", 1, True),
                ("Groceries", "90.00", "110.00", 3, False),
            ],
        )

    def test_the_amount_is_the_one_that_it_had_last(self) -> None:
        threshold = self.groceries()
        alert = self.edited(threshold, {"amount": "105.00", "levels": [80, 100]}, {"type": "daily"})
        told, _ = self.explained(alert)
        self.assertEqual((told["alert"]["limit"], told["alert"]["percent"]), ("105.00", 104))
        below = Alert.objects.get(threshold=threshold, level=80, revision=1)
        self.assertEqual(self.explained(below)[0]["sums"][0]["at_least"], "84.00")

    def test_a_deleted_threshold_and_new_settings_leave_it_explained(self) -> None:
        threshold = self.groceries()
        alert = self.edited(threshold, {"category": "Rent"})
        self.patch("/api/profile", {"month_start": 10})
        self.delete(f"/api/threshold/{threshold.pk}")
        told, _ = self.explained(alert)
        self.assertEqual((told["period_start"], told["period_end"]), ("2018-03-01", "2018-04-01"))
        self.assertEqual((told["sums"][0]["total"], told["edited"]), ("110.00", True))

    def test_a_merge_takes_it_along_and_what_it_names_is_in_use(self) -> None:
        alert = self.edited(self.groceries(), {"category": "Rent"})
        both = self.edited(
            combine(self.alice, ("Groceries", "spending", "gte", "100"), name="Both"), ALONE
        )
        spend(self.alice, "3.00", "2018-03-09", to="Food")
        self.post("/api/category/groceries/merge", {"into": "Food"}, status=200)
        for one in (alert, both):
            told, adds = self.explained(one)
            self.assertEqual(told["sums"][0]["categories"], ["Food"])
            self.assertEqual(len(adds), 4)
            self.assertEqual(told["sums"][0]["total"], "113.00")
        found = self.get("/api/transaction?category=Food")["items"]
        for row in found:
            self.delete(f"/api/transaction/{row['id']}")
        self.assertIn("in use", self.delete("/api/category/food", status=409)["detail"])
        told, adds = self.explained(alert)
        self.assertEqual((told["sums"][0]["total"], adds), ("0.00", []))
        self.post("/api/category/food/merge", {"into": "Rent"}, status=200)
        self.assertEqual(self.explained(both)[0]["sums"][0]["total"], "500.00")

    def test_what_raised_no_alert_keeps_no_category_from_being_deleted(self) -> None:
        category(self.alice, "Grosseries")
        threshold = limit(self.alice, "100.00", of="Grosseries", slug="typo")
        self.patch("/api/threshold/typo", {"category": "Groceries"})
        self.assertEqual(Threshold.objects.get(pk=threshold.pk).revision, 2)
        self.delete("/api/category/grosseries")
        self.assertFalse(Category.objects.filter(name="Grosseries").exists())

    def test_a_page_of_an_older_state_is_409(self) -> None:
        alert = self.edited(self.groceries(), {"category": "Rent"})
        following = self.get(f"/api/alert/{alert.pk}/explain?limit=2")["next"]
        self.assertEqual(len(self.get(following)["items"]), 1)
        self.patch("/api/threshold/groceries", {"category": None})
        self.get(following, status=409)

    def test_a_list_costs_one_query_more_however_many_there_are(self) -> None:
        self.groceries()
        with self.assertNumQueries(3):
            self.ids("/api/alert")
        for number in range(1, 4):
            category(self.alice, f"Other {number}")
            for name in (f"Other {number}", "Groceries"):
                self.patch("/api/threshold/groceries", {"category": name})
            with self.subTest(number), self.assertNumQueries(5):
                self.assertEqual(len(self.ids("/api/alert")), number + 1)

    def test_what_was_not_kept_has_the_numbers_of_its_last_flip(self) -> None:
        alert = self.edited(self.groceries(), {"category": "Rent"})
        ThresholdRevision.objects.all().delete()
        self.rows[0].delete()
        told, adds = self.explained(alert)
        self.assertEqual((told["edited"], told["sums"], adds), (True, [], []))
        self.assertEqual(told["alert"]["total"], "110.00")

    def test_all_that_a_revision_is_known_by_is_kept(self) -> None:
        kept = {*ThresholdRevision.SHARED, *ThresholdRevision.OWN}
        self.assertEqual(set(Threshold.IDENTITY) - kept, set())
