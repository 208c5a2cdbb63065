"""Rows of hand-written SELECTs have the values that the models have, on both databases."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

import pytest
from django.db import connection

from budget.models import Alert
from budget.tests.people import limit, make_user, spend
from lib.columns import made_as

pytestmark = pytest.mark.django_db


class Some(NamedTuple):
    id: int
    opened_at: datetime
    resolved_at: datetime | None
    period_start: date | None
    late: bool
    message: str


DIRECT = f"SELECT {', '.join(Some._fields)} FROM budget_alert"  # noqa: S608 - of constants
# SQLite forgets what the columns of a union are.
UNITED = f"{DIRECT} UNION ALL {DIRECT} WHERE id IS NULL"


@pytest.mark.parametrize("statement", [DIRECT, UNITED])
def test_each_value_is_what_the_model_has(statement: str) -> None:
    alice = make_user()
    limit(alice, "100")
    spend(alice, "150").delete()
    with connection.cursor() as cursor:
        cursor.execute(f"{statement} ORDER BY id")
        found = list(map(made_as(Some), cursor.fetchall()))
    assert found == [
        tuple(getattr(alert, name) for name in Some._fields)
        for alert in Alert.objects.order_by("id")
    ]
    assert found
    for row in found:
        assert (type(row.late), type(row.period_start)) == (bool, date)
        assert row.opened_at.utcoffset() is not None
        assert row.resolved_at is not None
