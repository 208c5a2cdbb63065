"""A rollover's chain begins at `rollover_from`, however long ago, at a cost that does not grow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from budget import engine
from budget.models import Alert, Profile, Threshold, Transaction
from budget.tests.base import ApiTestCase
from budget.tests.people import at, category, limit, open_levels, spend, transaction_of

FIRST = date(2016, 1, 4)
WEEK = timedelta(weeks=1)


def week(number: int) -> str:
    return str(FIRST + number * WEEK)


class ChainTestCase(ApiTestCase):
    def setUp(self) -> None:
        self.stand_at("2018-12-20 12:00")

    def weekly(self, amount: str = "10", **fields: Any) -> Threshold:
        return limit(
            self.alice,
            amount,
            "weekly",
            name="Weeks",
            rollover=True,
            rollover_from=FIRST,
            **{"levels": [100], **fields},
        )

    def current(self, threshold: Threshold) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/api/threshold/{threshold.slug}")["current"]
        return found

    def limits(self) -> dict[str, str]:
        """The limit that each alert shows, by its period."""
        items = self.get("/api/alert?limit=200")["items"]
        return {item["period_start"]: item["limit"] for item in items}

    def in_order(self) -> None:
        self.assertEqual([str(one) for one in engine.reconcile(self.alice.pk)], [])


class LongChainTestCase(ChainTestCase):
    def test_what_was_overspent_long_ago_is_still_carried(self) -> None:
        self.weekly()
        spend(self.alice, "500", week(0))
        for number in (23, 24, 25, 30, 48, 49, 60):
            spend(self.alice, "0.01", week(number))
        # Every week adds 10.00, and every row takes a cent away.
        must = [10 * (number + 1) - 500 for number in (24, 25, 30, 48)]
        self.assertEqual(must, [-250, -240, -190, -10])
        shown = self.limits()
        self.assertEqual(shown[week(24)], "-250.01")
        self.assertEqual(shown[week(25)], "-240.02")
        self.assertEqual(shown[week(48)], "-10.04")
        # From week 49 on there is something left again: 0.01 of 0.00 less five cents is too much.
        self.assertEqual(shown[week(49)], "-0.05")
        self.assertNotIn(week(60), shown)
        self.in_order()

    def test_spending_after_a_long_debt_opens(self) -> None:
        self.weekly()
        spend(self.alice, "500", week(0))
        spend(self.alice, "20", week(25))
        self.assertIn((week(25), 100), open_levels(self.alice))
        with at(f"{week(25)} 12:00"):
            pass
        self.in_order()

    def test_years_without_a_row_count(self) -> None:
        threshold = self.weekly()
        spend(self.alice, "500", week(0))
        current = self.current(threshold)
        weeks = (date(2018, 12, 17) - FIRST).days // 7
        self.assertEqual(current["limit"], f"{10 * (weeks + 1) - 500}.00")
        self.assertEqual(current["carried"], f"{10 * weeks - 500}.00")
        # Three weeks of 2199, and the end of the calendar.
        spend(self.alice, "1", "2199-12-31")
        self.in_order()

    def test_a_cap_forgets(self) -> None:
        threshold = self.weekly(rollover_cap=Decimal(30))
        spend(self.alice, "500", week(0))
        spend(self.alice, "1", week(1))
        self.assertEqual(self.limits()[week(1)], "-20.00")
        self.assertEqual(self.current(threshold)["limit"], "40.00")
        self.in_order()

    def test_months_quarters_and_years(self) -> None:
        self.stand_at("2050-06-15 12:00")
        for type, count in (("monthly", 12), ("quarterly", 4), ("yearly", 1)):
            threshold = limit(
                self.alice, "10", type, name=type, rollover=True, rollover_from=date(2000, 1, 1)
            )
            spent = Transaction.objects.filter(user=self.alice).count() * 7000
            spend(self.alice, "7000", "2001-07-01")
            periods = 50 * count + {"monthly": 6, "quarterly": 2, "yearly": 1}[type]
            with self.subTest(type):
                must = f"{10 * periods - 7000 - spent}.00"
                self.assertEqual(self.current(threshold)["limit"], must)
        self.in_order()


def edit(row: Any, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(row, name, value)
    row.save()


def off_and_on(threshold: Threshold, meanwhile: Callable[[], object]) -> None:
    edit(threshold, enabled=False)
    meanwhile()
    edit(threshold, enabled=True)


Change = Callable[["WritesTestCase"], object]
# What changes the past, up to three years back, and by how much it changes what is left now.
CHANGES: dict[str, tuple[Change, int]] = {
    "a row": (lambda case: spend(case.alice, "40", week(3)), -40),
    "a row in a block without any": (lambda case: spend(case.alice, "40", week(60)), -40),
    "a refund": (lambda case: spend(case.alice, "40", week(30), type="refund"), 40),
    "an edit": (lambda case: edit(case.old, amount=Decimal(70)), 30),
    "a move": (lambda case: edit(case.old, date=date(2015, 12, 31)), 100),
    "a delete": (lambda case: case.old.delete(), 100),
    "deletes": (lambda case: Transaction.objects.filter(amount=400).delete(), 800),
    "many rows": (
        lambda case: engine.record_transactions(
            case.alice.pk, [transaction_of(case.alice, "5", week(number)) for number in (2, 40, 80)]
        ),
        -15,
    ),
    "another type": (
        lambda case: case.patch(f"/api/transaction/{case.old.pk}", {"type": "income"}),
        100,
    ),
    "an amount": (lambda case: edit(case.threshold, amount=Decimal(11)), 155),
    "a merge": (
        lambda case: engine.merge_categories(
            category(case.alice, "Fun"), category(case.alice, "Groceries")
        ),
        -9,
    ),
    "a place in the tree": (
        lambda case: edit(category(case.alice, "Fun"), parent=category(case.alice, "Groceries")),
        -9,
    ),
    "off and on": (
        lambda case: off_and_on(case.threshold, lambda: spend(case.alice, "40", week(3))),
        -40,
    ),
    "a later beginning": (
        lambda case: edit(case.threshold, rollover_from=FIRST + 30 * WEEK),
        -300 + 100 + 400,
    ),
    "a bulk of the API": (
        lambda case: case.post(
            "/api/transaction",
            {
                "items": [
                    {"date": week(number), "amount": "1", "category": "Groceries"}
                    for number in range(100)
                ]
            },
        ),
        -100,
    ),
}


class WritesTestCase(ChainTestCase):
    """What a write does to the limits of all later periods."""

    old: Transaction
    threshold: Threshold

    def setUp(self) -> None:
        super().setUp()
        self.threshold = self.weekly(of="Groceries")
        self.first = spend(self.alice, "100", week(0)).pk
        for number in (25, 50):
            spend(self.alice, "400", week(number))
        spend(self.alice, "9", week(10), to="Fun")
        # A row a week in the last two years, so that alerts hang on what is carried.
        for number in range(52, 150, 3):
            spend(self.alice, "30.50", week(number))

    def test_every_kind_of_write_moves_the_limits_since(self) -> None:
        before = Decimal(self.current(self.threshold)["limit"])
        for name, (change, difference) in CHANGES.items():
            with self.subTest(name), transaction.atomic():
                self.old = Transaction.objects.get(pk=self.first)
                self.threshold = Threshold.objects.get(pk=self.threshold.pk)
                change(self)
                after = Decimal(self.current(self.threshold)["limit"])
                self.assertEqual(after - before, difference)
                self.in_order()
                transaction.set_rollback(True)

    def test_alerts_open_and_resolve_far_behind_the_row(self) -> None:
        spend(self.alice, "600", week(0), type="refund")
        before = set(open_levels(self.alice))
        row = self.post(
            "/api/transaction", {"date": week(1), "amount": "600", "category": "Groceries"}
        )
        opened = {alert["period_start"] for alert in row["alerts"]["opened"]}
        self.assertIn(week(148), opened)
        self.assertTrue(
            all(
                alert["transaction"] is None
                for alert in row["alerts"]["opened"]
                if alert["period_start"] != week(1)
            )
        )
        self.in_order()
        self.delete(f"/api/transaction/{row['id']}")
        self.assertEqual(set(open_levels(self.alice)), before)
        self.in_order()

    def test_a_row_far_back_is_no_edit_of_the_threshold(self) -> None:
        path = f"/api/threshold/{self.threshold.slug}"
        self.patch(path, {"amount": "10.50"})
        tag = self.answer["ETag"]
        self.patch(path, {"amount": "10.00"}, HTTP_IF_MATCH=tag)
        tag = self.answer["ETag"]
        spend(self.alice, "40", week(3))
        self.patch(path, {"name": "Same"}, HTTP_IF_MATCH=tag)
        self.patch(path, {"name": "Other"}, HTTP_IF_MATCH=tag, status=412)

    def test_new_settings_cut_the_chain_anew(self) -> None:
        profile = Profile.objects.get(user=self.alice)
        profile.week_start = 7
        profile.save()
        self.in_order()
        alert = Alert.objects.filter(user=self.alice, status="open").latest("period_start")
        self.assertEqual(alert.period[0].isoweekday(), 7)

    def test_what_explains_an_alert_adds_up(self) -> None:
        spend(self.alice, "2000", week(148))
        alert = Alert.objects.get(period_start=week(148), level=100, status="open")
        found = self.get(f"/api/alert/{alert.pk}/explain")
        self.assertEqual(len(found["carried"]), 24)
        carried = None
        for one in found["carried"]:
            if carried is not None:
                self.assertEqual(Decimal(one["limit"]), 10 + carried)
            carried = Decimal(one["limit"]) - Decimal(one["total"])
            self.assertEqual(Decimal(one["carried"]), carried)
        self.assertEqual(Decimal(found["alert"]["limit"]), 10 + (carried or 0))

    def test_a_preview_says_what_then_holds(self) -> None:
        shown = self.limits()
        body = {
            "name": "Weeks",
            "amount": "10",
            "type": "weekly",
            "category": "Groceries",
            "levels": [100],
            "rollover": True,
            "rollover_from": str(FIRST),
            "date_from": week(100),
            "date_to": "2018-12-20",
        }
        found = self.post("/api/threshold/preview", body, status=200, reads=True)
        opened = {one["period_start"]: one["limit"] for one in found["flips"]}
        self.assertGreater(len(opened), 5)
        self.assertEqual(opened, {day: shown[day] for day in opened})
        self.assertEqual(
            set(opened), {day for day, _ in open_levels(self.alice) if day >= week(100)}
        )

    def test_an_audit_finds_and_mends_a_wrong_balance(self) -> None:
        right: Any = Threshold.objects.get(pk=self.threshold.pk).balances
        rows = Threshold._base_manager.filter(pk=self.threshold.pk)
        wrong: dict[str, Any] = {
            "another amount": [[right[0][0], 5], *right[1:]],
            "one too few": right[1:],
            "none at all": [],
            "never computed": None,
            "no block begins there": [*right, [week(400), 0]],
        }
        for name, balances in wrong.items():
            with self.subTest(name):
                rows.update(balances=balances)
                drifts = engine.reconcile(self.alice.pk, repair=True)
                self.assertIn("balance", {drift.kind for drift in drifts})
                self.assertEqual(rows.get().balances, right)
                self.in_order()

    def test_a_threshold_from_before_balances_were_stored_is_right(self) -> None:
        shown, current = self.limits(), self.current(self.threshold)
        Threshold._base_manager.filter(pk=self.threshold.pk).update(balances=None)
        engine.rules._read_rules.cache_clear()
        self.assertEqual((self.limits(), self.current(self.threshold)), (shown, current))
        spend(self.alice, "1000", week(149))
        self.assertIn((week(149), 100), open_levels(self.alice))


class CostTestCase(ChainTestCase):
    def cost(self, first: date) -> list[int]:
        """The length of each statement of a write in the last block of a chain."""
        for threshold in Threshold.objects.kept():
            threshold.delete()
        limit(self.alice, "10", "weekly", name="Weeks", rollover=True, rollover_from=first)
        row = transaction_of(self.alice, "5", "2018-12-20")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            row.save()
        return [len(query["sql"]) for query in queries]

    def test_a_write_costs_the_same_at_any_length(self) -> None:
        for number in range(0, 150, 2):
            spend(self.alice, "9", week(number))
        # Both begin a block so that the last row is at the same place in it.
        short, long = self.cost(FIRST + 120 * WEEK), self.cost(FIRST)
        self.assertEqual(len(short), len(long))
        self.assertLess(abs(sum(short) - sum(long)), 100)
