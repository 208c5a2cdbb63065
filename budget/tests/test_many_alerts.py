"""What one commit and one answer may hold, whatever a client's thresholds come to together."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

from django.core.management import CommandError, call_command
from django.utils import timezone

from budget.engine import evaluate, reconcile, tick
from budget.judge.judgement import Rule
from budget.models import Alert, AlertEvent, Threshold, Transaction
from budget.tests.base import ApiTestCase
from budget.tests.exports import line, write_csv
from budget.tests.people import at, category, combine, limit, open_levels, spend

PATH = "/api/transaction"
LEVELS = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
PROBLEM = "/problems/too-many-alerts"


def rows(count: int, amount: str = "5.00") -> dict[str, Any]:
    return {"items": [{"date": "2018-03-05", "amount": amount}] * count}


def at_most(count: int) -> Any:
    """Let one write open only so many alerts."""
    return mock.patch("budget.judge.judgement.MAX_OPENED", count)


class CommitTestCase(ApiTestCase):
    def test_a_batch_that_opens_too_many_stores_nothing(self) -> None:
        for number in range(16):
            limit(self.alice, "1.00", "transaction", name=f"t{number}", levels=LEVELS)
        found = self.call("POST", PATH, rows(1000), status=422)
        self.assertEqual(found["type"], PROBLEM)
        self.assertIn("at least 16000 alerts", found["detail"])
        found = self.call("POST", PATH, rows(63), status=422)
        self.assertIn("This would open 10080 alerts", found["detail"])
        self.assertIn("at most 10000", found["detail"])
        for model in (Transaction, Alert, AlertEvent):
            self.assertFalse(model.objects.exists())

    def test_what_is_allowed_is_shown_in_part_and_counted_in_full(self) -> None:
        threshold = limit(self.alice, "1.00", "transaction", levels=LEVELS)
        found = self.post(PATH, rows(30))["alerts"]
        self.assertEqual(len(found["opened"]), 200)
        self.assertEqual((found["more_opened"], found["resolved"]), (100, []))
        self.assertNotIn("more_resolved", found)
        found = self.delete(f"/api/threshold/{threshold.pk}")["alerts"]
        self.assertEqual((len(found["resolved"]), found["more_resolved"]), (200, 100))
        self.assertEqual(open_levels(self.alice), [])

    def test_a_trial_counts_them_too(self) -> None:
        limit(self.alice, "1.00", "transaction", levels=LEVELS)
        found = self.call("POST", f"{PATH}?dry_run=true", rows(30))["alerts"]
        self.assertEqual((len(found["opened"]), found["more_opened"]), (200, 100))

    def test_a_threshold_over_a_long_history_is_refused_before_its_rows_are_read(self) -> None:
        for _ in range(6):
            spend(self.alice, "5.00")
        body = {"name": "Each", "amount": "1.00", "type": "transaction", "levels": LEVELS}
        with at_most(5), mock.patch("budget.engine.evaluate.single_pairs") as read:
            found = self.call("POST", "/api/threshold", body, status=422)
        self.assertFalse(read.called)
        self.assertIn("at least 6 alerts", found["detail"])
        with at_most(59):
            found = self.call("POST", "/api/threshold", body, status=422)
        self.assertIn("This would open 60 alerts", found["detail"])
        self.assertFalse(Threshold.objects.exists())
        with at_most(60):
            self.post("/api/threshold", body)
        self.assertEqual(len(open_levels(self.alice)), 60)

    def test_an_edit_of_one_counts_only_what_it_opens(self) -> None:
        for _ in range(6):
            spend(self.alice, "5.00")
        threshold = limit(self.alice, "1.00", "transaction", levels=[50, 100])
        path = f"/api/threshold/{threshold.pk}"
        with at_most(6):
            self.patch(path, {"levels": [40, 50, 100]})
        with at_most(5):
            found = self.call("PATCH", path, {"levels": [30, 40, 50, 100]}, status=422)
            self.assertIn("This would open 6 alerts", found["detail"])
            self.patch(path, {"amount": "9999.00"})
        self.assertEqual(open_levels(self.alice), [])

    def test_single_rows_merges_and_settings_are_bounded_and_leave_nothing(self) -> None:
        spend(self.alice, "5.00", "2018-01-05", to="Bars")
        spend(self.alice, "5.00", "2018-02-05", to="Bars")
        for number in range(3):
            limit(self.alice, "4.00", "monthly", name=f"m{number}", of="Food", levels=[100])
        day = {"date": "2018-03-05", "amount": "5.00", "category": "Food"}
        with at_most(2):
            self.call("POST", PATH, day, status=422)
        with at_most(5):
            self.call("POST", "/api/category/bars/merge", {"into": "Food"}, status=422)
            self.call("PATCH", "/api/category/bars", {"parent": "Food"}, status=422)
        self.assertEqual(open_levels(self.alice), [])
        self.assertEqual(category(self.alice, "Bars").parent, None)
        with at_most(6):
            self.patch("/api/category/bars", {"parent": "Food"})
        with at_most(5):
            self.call("PATCH", "/api/profile", {"month_start": 10}, status=422)
        self.assertEqual(self.get("/api/profile")["month_start"], 1)
        self.assertEqual(reconcile(self.alice.pk), [])

    def test_a_day_and_a_repair_are_never_held_up(self) -> None:
        self.stand_at("2018-03-05T12:00")
        for number in range(3):
            limit(self.alice, "4.00", "daily", name=f"m{number}", operator="lte")
        with at_most(0), at("2018-03-07T12:00"):
            tick()
            self.assertEqual(len(open_levels(self.alice)), 6)
            Alert.objects.update(status="resolved", resolved_at=timezone.now())
            reconcile(self.alice.pk, repair=True)
        self.assertEqual(len(open_levels(self.alice)), 6)


class ImportTestCase(ApiTestCase):
    """An import finishes, in parts that each open no more than one commit may."""

    def setUp(self) -> None:
        limit(self.alice, "1.00", "transaction", levels=[50, 100])
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.file = write_csv(
            folder / "shops.csv", [line(description=f"shop {number}") for number in range(10)]
        )

    def load(self, **options: Any) -> str:
        return str(call_command("import_transactions", str(self.file), user="alice", **options))

    def test_it_is_stored_in_smaller_parts(self) -> None:
        with at_most(6):
            rehearsed = self.load(dry_run=True)
            self.assertFalse(Transaction.objects.exists())
            told = self.load()
        self.assertIn("Opened:      20 alerts", rehearsed)
        self.assertIn("Opened:      20 alerts", told)
        self.assertEqual(Transaction.objects.count(), 10)
        self.assertEqual(len(open_levels(self.alice)), 20)
        self.assertEqual(reconcile(self.alice.pk), [])

    def test_a_single_row_that_is_too_much_is_named(self) -> None:
        with at_most(1), self.assertRaisesMessage(CommandError, "This would open"):
            self.load()
        self.assertFalse(Transaction.objects.exists())


class OtherRequestsTestCase(ApiTestCase):
    """What a small edit costs a user who has many alerts."""

    def judged(self, method: str, path: str, body: object) -> set[str]:
        """The thresholds that a request judges, by name."""
        found: set[int] = set()

        def noted(ledger: Any, rules: list[Rule], known: Any) -> Any:
            found.update(rule.threshold_id for rule in rules)
            return all_pairs(ledger, rules, known)

        all_pairs = evaluate.all_pairs
        with mock.patch.object(evaluate, "all_pairs", noted):
            self.call(method, path, body)
        return {threshold.name for threshold in Threshold.objects.filter(pk__in=found)}

    def setUp(self) -> None:
        for name, parent in (("Top", None), ("Food", "Top"), ("Bars", None), ("Rent", None)):
            made = category(self.alice, name)
            made.parent = category(self.alice, parent) if parent else None
            made.save()
        spend(self.alice, "5.00", to="Bars")
        limit(self.alice, "1.00", "transaction", name="each")
        for name in ("Top", "Food", "Bars", "Rent"):
            limit(self.alice, "4.00", of=name, name=name)
        combine(
            self.alice,
            ("Rent", "spending", "gte", "1"),
            ("Top", "spending", "gte", "1"),
            name="Both",
        )

    def test_a_move_in_the_tree_judges_only_what_lies_above(self) -> None:
        judged = self.judged("PATCH", "/api/category/bars", {"parent": "Food"})
        self.assertEqual(judged, {"Top", "Food", "Both"})
        judged = self.judged("PATCH", "/api/category/bars", {"parent": None})
        self.assertEqual(judged, {"Top", "Food", "Both"})
        self.assertEqual(self.judged("PATCH", "/api/category/bars", {"name": "Pubs"}), set())
        self.assertEqual(reconcile(self.alice.pk), [])

    def test_a_merge_judges_only_the_two_and_what_lies_above(self) -> None:
        judged = self.judged("POST", "/api/category/bars/merge", {"into": "Rent"})
        self.assertEqual(judged, {"Bars", "Rent", "Both"})
        judged = self.judged("POST", "/api/category/food/merge", {"into": "Rent"})
        self.assertEqual(judged, {"Top", "Food", "Bars", "Rent", "Both"})
        self.assertEqual(reconcile(self.alice.pk), [])


class PreviewTestCase(ApiTestCase):
    def test_a_preview_lists_its_flips_in_pages_and_counts_all(self) -> None:
        self.post(PATH, rows(120))
        body = {
            "amount": "1.00",
            "type": "transaction",
            "levels": LEVELS,
            "date_from": "2018-01-01",
            "date_to": "2018-12-31",
        }
        found = self.call("POST", "/api/threshold/preview", body, reads=True)
        self.assertEqual((len(found["flips"]), found["more_flips"]), (1000, 200))
        self.assertEqual((found["opened"], found["open"]), (1200, 1200))
        rest = self.call("POST", "/api/threshold/preview", body | {"offset": 1000}, reads=True)
        self.assertEqual((len(rest["flips"]), rest["opened"]), (200, 1200))
        self.assertNotIn("more_flips", rest)
        told = [(flip["transaction"], flip["level"]) for flip in found["flips"] + rest["flips"]]
        self.assertEqual(len(set(told)), 1200)
        beyond = self.call("POST", "/api/threshold/preview", body | {"offset": 1200}, reads=True)
        self.assertEqual((beyond["flips"], beyond["open"]), ([], 1200))
        found = self.call("POST", "/api/threshold/preview", body | {"levels": [100]}, reads=True)
        self.assertEqual(len(found["flips"]), 120)
        self.assertNotIn("more_flips", found)
