"""Hot statements find their rows by the index that is meant for them, and read no more than a page.

With many rows of two users, and with what the database knows of them: plans are chosen by that.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from api.paging import part
from api.views.transaction import ORDERS
from budget.models import TransactionType
from budget.models.transaction import TRANSACTIONS
from budget.tests.base import ApiTestCase
from budget.tests.people import category
from budget.tests.plans import Plan, analyze, plans_of
from lib.postgresql import Prepared

MINE, THEIRS, PAGE = 5_000, 45_000, 50
PATH = f"/api/transaction?limit={PAGE}"
# Every 1,000th row is of the rare category, all else of two others in turn.
FILL = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
INSERT INTO budget_transaction
(user_id, date, category_id, type_id, amount, description, search, external_id)
SELECT {user}, {day}, CASE WHEN i % 1000 = 0 THEN {rare} WHEN i % 2 = 0 THEN {even} ELSE {odd} END,
{type}, i * 7919 % 900000 + 1, 'Row ' || i, 'row ' || i, 'row-' || i
FROM n
"""
DAY = {
    "postgresql": "DATE '2018-01-01' + (i * 7919 % 700)::int",
    "sqlite": "date('2018-01-01', '+' || (i * 7919 % 700) || ' days')",
}


def fill(user: User, rows: int) -> None:
    names = {name: category(user, name).pk for name in ("rare", "even", "odd")}
    expense = TransactionType.objects.get(user=user, slug="expense").pk
    text = FILL.format(rows=rows, user=user.pk, day=DAY[connection.vendor], type=expense, **names)
    with connection.cursor() as cursor:
        cursor.execute(text)


def check(plan: Plan, index: str, most: int) -> None:
    """Refuse a plan that goes by another index, reads more rows than a page takes, or sorts them.

    most: the rows that may be read; the rows of a page are sorted once more at the outside.
    """
    assert index in plan.indexes, plan
    assert "budget_transaction" not in plan.scans, plan
    assert plan.most <= most, plan
    allowed = [rows for rows in plan.sorts if 0 < rows <= most]
    assert plan.sorts == allowed, plan


INDEXES = {
    "": "by_date",
    "ordering=date": "by_date",
    "ordering=amount": "by_amount",
    "ordering=-amount": "by_amount",
    "ordering=id": "by_id",
    "ordering=-id": "by_id",
    "category=even": "by_category",
    "category=rare": "by_category",
    "category=rare&ordering=date": "by_category",
    "category=even&date_from=2018-06-01&date_to=2019-06-30": "by_category",
    "date_from=2018-06-01&date_to=2018-06-30": "by_date",
    "ordering=amount&amount_min=500&amount_max=600": "by_amount",
    "external_id=row-7": "unique_external_id",
    "type=expense": "by_date",
}


class PlansTestCase(ApiTestCase):
    """Alice has many rows, and charlie has many more."""

    @classmethod
    def setUpTestData(cls) -> None:
        super().setUpTestData()
        fill(cls.alice, MINE)
        fill(cls.charlie, THEIRS)
        analyze()

    def plan(self, path: str) -> Plan:
        """The plan of the last statement of a read, which is the one that reads the page."""
        return plans_of(lambda: self.get(path))[-1]

    def test_a_page_is_found_by_its_index_and_takes_its_rows_alone(self) -> None:
        for query, index in INDEXES.items():
            with self.subTest(query):
                check(self.plan(f"{PATH}&{query}"), f"budget_transaction_{index}", PAGE + 1)

    def test_so_is_a_page_far_down_the_list(self) -> None:
        for query in ("date_to=2018-06-30", "ordering=amount&amount_min=500", "ordering=id"):
            ordering = query.partition("=")[2].partition("&")[0]
            name = ordering if ordering in ("amount", "id") else "date"
            following = self.get(f"{PATH}&{query}")["next"]
            for _ in range(3):
                with self.subTest(following):
                    check(self.plan(following), f"budget_transaction_by_{name}", PAGE + 1)
                following = self.get(following)["next"]

    def test_one_row_is_found_by_its_id(self) -> None:
        pk = self.get(PATH)["items"][0]["id"]
        plan = self.plan(f"/api/transaction/{pk}")
        # Of categories and types there are so few that their tables are read whole.
        self.assertLess(plan.most, PAGE)
        self.assertNotIn("budget_transaction", plan.scans)

    @pytest.mark.postgres
    def test_a_prepared_page_is_planned_once(self) -> None:
        """PostgreSQL plans a few times with the values, then keeps a plan if it costs no more."""
        text, params, _ = part(
            "default", TRANSACTIONS.where("r.user_id = %s", 0), ORDERS["-date"], None, 51
        )
        self.assertEqual(len(params), 1)
        with connection.cursor() as cursor:
            cursor.execute(f"PREPARE page (integer) AS {text.replace('%s', '$1')}")
            for _ in range(9):
                cursor.execute("EXECUTE page (%s)", [self.alice.pk])
            cursor.execute("SELECT generic_plans FROM pg_prepared_statements WHERE name = 'page'")
            (kept,) = cursor.fetchone()
            cursor.execute("DEALLOCATE page")
        self.assertGreater(kept, 0)

    def test_a_search_is_planned_by_its_words_and_all_else_once(self) -> None:
        kept: list[bool] = []

        def note(execute: Any, statement: str, *rest: Any) -> Any:
            kept.append(isinstance(statement, Prepared))
            return execute(statement, *rest)

        with connection.execute_wrapper(note):
            for query, prepared in (("type=expense", True), ("q=row", False), ("q=none", False)):
                self.get(f"{PATH}&{query}")
                self.assertEqual(kept[-1], prepared, query)

    def test_a_page_of_a_common_word_takes_its_rows_alone(self) -> None:
        # Each row is compared with some of the few categories.
        check(self.plan(f"{PATH}&q=row"), "budget_transaction_by_date", 9 * (PAGE + 1))

    def test_a_page_without_its_index_is_refused(self) -> None:
        """The control."""
        with connection.cursor() as cursor:
            cursor.execute("DROP INDEX budget_transaction_by_amount")
        with self.assertRaises(AssertionError):
            check(self.plan(f"{PATH}&ordering=amount"), "budget_transaction_by_amount", PAGE + 1)
