"""What goes through all users reads, of each table, the rows of its slice.

With the rows of many users, copied from one: plans are chosen by what the database knows of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection, models

from budget import engine
from budget.engine import audit, quiet, sql
from budget.engine.rules import read_rules
from budget.models import Ledger
from budget.tests.people import at, category, limit, make_user, transaction_of
from budget.tests.plans import Plan, analyze, plan_of

pytestmark = pytest.mark.django_db

COPIES, SLICE, ROWS = 300, 10, 30
COPY = """
WITH RECURSIVE n (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < {copies})
INSERT INTO {table} ({columns}) SELECT {values} FROM {table} CROSS JOIN n
"""
LARGE = {"budget_transaction", "budget_rollup"}
TODAY = date(2018, 6, 16)


@pytest.fixture
def users() -> Sequence[int]:
    """The users of a slice, of 300, each with thresholds of the usual kinds and 30 rows."""
    with at("2018-06-15"):
        user = make_user()
        category(user, "Food")
        limit(user, "1", "rolling", days=30)
        limit(user, "5", "rolling", days=90, of="Food")
        limit(user, "1", "daily", operator="lte", levels=[100])
        limit(user, "1", "monthly")
        limit(user, "100", "weekly", of="Food")
        limit(user, "40", "transaction")
        days = [f"2018-{4 + number // 15:02}-{number % 15 + 1:02}" for number in range(ROWS)]
        rows = [transaction_of(user, "2", day, to="Food") for day in days]
        engine.record_transactions(user.pk, rows)
    copy_all(user)
    analyze()
    sql.run(sql.for_sets())
    ids = list(Ledger.objects.order_by("user_id").values_list("user_id", flat=True))
    return ids[100 : 100 + SLICE]


def copy_all(user: User) -> None:
    """Give a user likenesses; a key is moved by as many thousands as the copy has for a number."""
    owned: list[type[models.Model]] = [
        User,
        *(model for model in apps.get_models() if owner(model)),
    ]
    for model in (model for model in owned if model._base_manager.exists()):
        table, columns, values = model._meta.db_table, [], []
        for column in model._meta.concrete_fields:
            value = f'{table}."{column.column}"'
            if (column.related_model if column.is_relation else model) in owned and (
                column.primary_key or column.is_relation
            ):
                value += " + k * 1000"
            elif column.name == "username":
                value += " || k"
            columns.append(f'"{column.column}"')
            values.append(value)
        with connection.cursor() as cursor:
            cursor.execute(
                COPY.format(
                    copies=COPIES,
                    table=table,
                    columns=", ".join(columns),
                    values=", ".join(values),
                )
            )


def owner(model: type[models.Model]) -> bool:
    return any(field.related_model is User for field in model._meta.fields)


def check(plan: Plan, *indexes: str) -> None:
    """Refuse a plan that reads a large table whole, or many rows more than the slice has."""
    assert not plan.scans & LARGE, plan
    assert plan.indexes >= set(indexes), plan
    assert plan.most <= SLICE * ROWS * 8, plan


def loud(users: Sequence[int]) -> Plan:
    return plan_of(quiet.loud_ones(users[0], users[-1], TODAY).replace("%s", "'UTC'"))


def test_the_look_of_the_tick_reads_windows_by_their_index(users: Sequence[int]) -> None:
    check(loud(users), "budget_rollup_unique_bucket", "budget_alert_unique_identity")


def test_each_statement_of_the_self_audit_reads_its_slice(users: Sequence[int]) -> None:
    rules = read_rules(users)
    ledgers = {one.user_id: one.state() for one in Ledger.objects.filter(user__in=users)}
    ran: list[str] = []
    real = sql.run

    def run(steps: Sequence[sql.Step]) -> list[tuple[object, ...]]:
        ran.extend(statement for statement, _ in steps)
        return real(steps)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sql, "run", run)
        assert audit.suspects(ledgers) == set()
    # What SQLite says of a table that is made cannot be reported from the rollups where both are r.
    reported = connection.vendor == "postgresql"
    large = [one for one in ran if any(f"{table} " in one for table in LARGE)]
    asked = [one for one in large if reported or "JOIN day r" not in one]
    assert len(asked) > 3
    for statement in asked:
        check(plan_of(statement))
    tips = plan_of(sql.wrong_tips(users, audit.terms_of(rules)))
    check(tips, "budget_alert_open")


def test_a_plan_without_the_index_is_refused(users: Sequence[int]) -> None:
    """The control."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            constraint = "DROP CONSTRAINT budget_rollup_unique_bucket"
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(f"ALTER TABLE budget_rollup {constraint}")
        else:
            cursor.execute("CREATE TABLE bare AS SELECT * FROM budget_rollup")
    text = quiet.loud_ones(users[0], users[-1], TODAY).replace("%s", "'UTC'")
    if connection.vendor == "sqlite":
        text = text.replace("budget_rollup r", "bare r")
    with pytest.raises(AssertionError):
        check(plan_of(text), "budget_rollup_unique_bucket")
