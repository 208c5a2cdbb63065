"""Totals and explanations read the rows of their periods, however many others their user has."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import connection

from budget.models import Alert, TransactionType
from budget.tests.base import ApiTestCase
from budget.tests.people import category, limit, spend
from budget.tests.plans import Plan, analyze, plan_of, plans_of

# Rows of a month; PostgreSQL may sort these few for a page.
MONTH = 31 * 3
# A sum of each of three categories on each of many days, up to 2019, and each month; and a row.
FILL = """
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {rows})
INSERT INTO budget_{table} (user_id, {day}, category_id, type_id, {columns})
SELECT {user}, {date}, CASE i % 3 WHEN 0 THEN {one} WHEN 1 THEN {two} ELSE {three} END,
{type}, {values} FROM n
"""
ROLLUP = {"table": "rollup", "day": "bucket", "columns": "grain, amount, count"}
ROW = {"table": "transaction", "day": "date", "columns": "amount, description, search"}
DAYS = {
    "postgresql": "CAST(DATE '2020-01-01' - (i / 3 + 1) * INTERVAL '1 {unit}' AS date)",
    "sqlite": "date('2020-01-01', '-' || (i / 3 + 1) || ' {unit}')",
}


def fill(user: User, rows: int) -> None:
    """Rows that no engine has seen: nothing here looks at a number."""
    ids = {name: category(user, name).pk for name in ("one", "two", "three")}
    ids |= {"user": user.pk, "type": TransactionType.objects.get(user=user, slug="expense").pk}
    day = DAYS[connection.vendor].format(unit="day")
    month = DAYS[connection.vendor].format(unit="month")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM budget_rollup WHERE user_id = %s", [user.pk])
        for grain, date, count in (("D", day, rows), ("M", month, rows // 30)):
            values = f"'{grain}', 100, 1"
            cursor.execute(FILL.format(rows=count, date=date, values=values, **ROLLUP, **ids))
        cursor.execute(FILL.format(rows=rows, date=day, values="100, '', ''", **ROW, **ids))


def check(plan: Plan, index: str, most: int) -> None:
    """Refuse a plan that goes by another index, or reads more rows than the period has."""
    assert f"budget_{index}" in plan.indexes, plan
    assert not plan.scans & {"budget_rollup", "budget_transaction"}, plan
    assert plan.most <= most, plan


class PlansTestCase(ApiTestCase):
    """Alice has the rows of three years, and charlie has more."""

    alert: Alert
    narrow: Alert

    @classmethod
    def setUpTestData(cls) -> None:
        super().setUpTestData()
        for type in ("daily", "weekly", "monthly", "yearly"):
            limit(cls.alice, "1.00", type, of="one" if type == "yearly" else None)
        spend(cls.alice, "5.00", to="one")
        mine = Alert.objects.filter(user=cls.alice)
        cls.alert = mine.filter(threshold__type="monthly").earliest("id")
        cls.narrow = mine.filter(threshold__type="yearly").earliest("id")
        fill(cls.alice, 3_000)
        fill(cls.charlie, 6_000)
        analyze()

    def plan(self, path: str) -> Plan:
        """Of the last statement of a read, which is the one that reads most."""
        return plans_of(lambda: self.get(path))[-1]

    def test_thresholds_take_the_sums_of_their_periods(self) -> None:
        # A month of days, or a year of months, of all categories; each sum by itself.
        check(self.plan("/api/threshold"), "rollup_unique_bucket", 4 * MONTH)

    def test_a_list_of_alerts_does_too(self) -> None:
        check(self.plan("/api/alert"), "rollup_unique_bucket", 4 * MONTH)

    def test_a_summary_takes_the_sums_of_its_days(self) -> None:
        plan = self.plan("/api/summary?date_from=2018-02-05&date_to=2018-03-04")
        check(plan, "rollup_unique_bucket", 4 * MONTH)

    def test_an_explanation_takes_its_period(self) -> None:
        path = f"/api/alert/{self.alert.pk}/explain?limit=5"
        check(self.plan(path), "transaction_by_date", MONTH)
        check(self.plan(self.get(path)["next"]), "transaction_by_date", MONTH)

    def test_one_of_a_category_takes_its_period(self) -> None:
        path = f"/api/alert/{self.narrow.pk}/explain?limit=5"
        check(self.plan(path), "transaction_by_category", MONTH)

    def test_a_plan_that_reads_everything_is_refused(self) -> None:
        """The control."""
        for table, index in (("rollup", "unique_bucket"), ("transaction", "by_date")):
            plan = plan_of(f"SELECT amount FROM budget_{table} WHERE amount > 0")  # noqa: S608
            with self.assertRaises(AssertionError):
                check(plan, f"{table}_{index}", MONTH)
