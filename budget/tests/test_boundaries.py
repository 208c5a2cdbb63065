"""Every operator and measure one cent below, at and one cent above the amount."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User

from budget import engine
from budget.models import Alert, AlertStatus, Condition, Threshold
from budget.tests.people import at, limit, make_user, spend

pytestmark = [pytest.mark.django_db, pytest.mark.any_postgres]

# In March the total is one step below the amount, in April it is the amount, in May one above.
MONTHS = {"below": "2018-03", "at": "2018-04", "above": "2018-05"}
HOLDS = {
    "gte": ["at", "above"],
    "gt": ["above"],
    "lte": ["below", "at"],
    "lt": ["below"],
    "eq": ["at"],
}
CLOSING = ["lte", "lt", "eq"]
# The amount, a step beside it, and rows that make up a total t: (type, a + b * t).
CENT = Decimal("0.01")
MEASURES: dict[str, tuple[str, Decimal, list[tuple[str, int, int]]]] = {
    "spending": (
        "100",
        CENT,
        [("expense", 30, 1), ("refund", 30, 0), ("income", 7, 0), ("transfer", 9, 0)],
    ),
    "income": ("100", CENT, [("income", 0, 1), ("expense", 55, 0), ("refund", 5, 0)]),
    "net": ("100", CENT, [("income", 50, 1), ("expense", 80, 0), ("refund", 30, 0)]),
    "count": ("3", Decimal(1), [("refund", 5, 0), ("income", 7, 0), ("transfer", 9, 0)]),
}
# Beside the condition under test one that always holds, or one that never does.
BESIDE: dict[str, dict[str, Any]] = {
    "all": {"measure": "count", "operator": "gte", "amount": Decimal(1)},
    "any": {"measure": "spending", "operator": "gt", "amount": Decimal(99_999)},
}


@pytest.fixture
def alice() -> User:
    with at("2018-03-01"):
        return make_user()


def fill(user: User, measure: str) -> None:
    """Three months, each with its total; what another measure counts is there to be left out."""
    amount, step, rows = MEASURES[measure]
    for times, month in zip((-1, 0, 1), MONTHS.values(), strict=True):
        total = Decimal(amount) + times * step
        for type, fixed, share in rows:
            spend(user, str(fixed + share * total), f"{month}-15", type=type)
        if measure == "count":
            for _ in range(int(total)):
                spend(user, "1.23", f"{month}-15")
        else:
            spend(user, "0.01", f"{month}-28", type="transfer")


def threshold_of(user: User, shape: str, operator: str, measure: str) -> Threshold:
    """A monthly threshold from March on: simple, or a combination that hangs on one condition."""
    amount = MEASURES[measure][0]
    if shape == "simple":
        return limit(user, amount, operator=operator, measure=measure, levels=[100])
    threshold = Threshold(user=user, name=shape, type="monthly", match=shape)
    asked = Condition(measure=measure, operator=operator, amount=Decimal(amount))
    threshold.new_conditions = [asked, Condition(**BESIDE[shape])]
    threshold.save()
    return threshold


def open_months(user: User) -> list[str]:
    alerts = Alert.objects.filter(user=user, status=AlertStatus.OPEN).order_by("period_start")
    names = {month: name for name, month in MONTHS.items()}
    return [names[f"{alert.period_start:%Y-%m}"] for alert in alerts]


def read_on(user: User, day: str) -> None:
    """Let the user look on that day, by which its alerts become what they must be."""
    with at(day):
        engine.move_to_today(user.pk)


@pytest.mark.parametrize("shape", ["simple", "all", "any"])
@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("operator", HOLDS)
def test_a_total_below_at_and_above_the_amount(
    alice: User, operator: str, measure: str, shape: str
) -> None:
    with at("2018-03-01"):
        threshold_of(alice, shape, operator, measure)
    with at("2018-05-31"):
        fill(alice, measure)
    # On its last day May is not over: what is judged at the end does not show it yet.
    waits = ["above"] if operator in CLOSING else []
    assert open_months(alice) == [name for name in HOLDS[operator] if name not in waits]
    read_on(alice, "2018-06-01")
    assert open_months(alice) == HOLDS[operator]


@pytest.mark.parametrize(
    ("operator", "amount", "least"),
    [("gte", "1.01", "0.34"), ("gt", "1.01", "0.34"), ("gte", "1", "0.33"), ("gt", "1", "0.34")],
)
def test_a_share_of_the_amount_is_rounded_so_that_no_level_comes_early(
    alice: User, operator: str, amount: str, least: str
) -> None:
    limit(alice, amount, operator=operator, levels=[33])
    row = spend(alice, str(Decimal(least) - CENT))
    assert not Alert.objects.open().exists()
    row.amount = Decimal(least)
    row.save()
    assert Alert.objects.open().count() == 1


@pytest.mark.parametrize("operator", ["gte", "gt"])
def test_nothing_spent_does_not_reach_an_amount_of_0(alice: User, operator: str) -> None:
    limit(alice, "0", operator=operator, levels=[100])
    spend(alice, "5")
    refund = spend(alice, "5", type="refund")
    assert not Alert.objects.open().exists()
    refund.amount = Decimal("4.99")
    refund.save()
    assert Alert.objects.open().count() == 1


# The first period of 2018-03-14, its last day, and the day on which it is over.
ENDS = {
    "daily": ("2018-03-14", "2018-03-14", "2018-03-15"),
    "weekly": ("2018-03-12", "2018-03-18", "2018-03-19"),
    "monthly": ("2018-03-01", "2018-03-31", "2018-04-01"),
    "quarterly": ("2018-01-01", "2018-03-31", "2018-04-01"),
    "yearly": ("2018-01-01", "2018-12-31", "2019-01-01"),
}


@pytest.mark.parametrize("type", ENDS)
def test_an_empty_period_is_judged_on_the_day_after_its_last(alice: User, type: str) -> None:
    start, last, after = ENDS[type]
    with at("2018-03-14"):
        threshold = limit(alice, "10", type, operator="lt", levels=[100])
    assert threshold.starts_on == date.fromisoformat(start)
    read_on(alice, last)
    assert not Alert.objects.open().exists()
    read_on(alice, after)
    alert = Alert.objects.open().get()
    assert (str(alert.period_start), str(alert.period_end), alert.late) == (start, after, False)


@pytest.fixture
def noon() -> Iterator[None]:
    with at("2018-03-14"):
        yield


@pytest.mark.usefixtures("noon")
@pytest.mark.parametrize(
    ("days", "first"), [(1, "2018-03-14"), (7, "2018-03-08"), (366, "2017-03-14")]
)
def test_a_rolling_window_begins_on_its_first_day(alice: User, days: int, first: str) -> None:
    limit(alice, "10", "rolling", days=days, levels=[100])
    row = spend(alice, "10", str(date.fromordinal(date.fromisoformat(first).toordinal() - 1)))
    assert not Alert.objects.open().exists()
    row.date = date.fromisoformat(first)
    row.save()
    assert Alert.objects.open().count() == 1
    row.date = date(2018, 3, 15)
    row.save()
    assert not Alert.objects.open().exists()


# On the 14th of March 14.00 are projected to 31.00; the row ahead adds its own amount.
@pytest.mark.usefixtures("noon")
@pytest.mark.parametrize(
    ("ahead", "then", "shown"),
    [
        ("69.00", "69.00", True),
        ("68.99", "68.99", False),
        ("69.00", "64.00", True),
        ("69.00", "63.99", False),
        ("68.99", "64.00", False),
    ],
)
def test_a_forecast_opens_at_the_limit_and_resolves_below_95_percent_of_it(
    alice: User, ahead: str, then: str, shown: bool
) -> None:
    limit(alice, "100", forecast=True, levels=[1000])
    spend(alice, "14", "2018-03-01")
    row = spend(alice, ahead, "2018-03-31")
    row.amount = Decimal(then)
    row.save()
    opened = Alert.objects.open().values_list("kind", flat=True)
    assert list(opened) == ["forecast"] * shown


@pytest.mark.usefixtures("noon")
@pytest.mark.parametrize(
    ("cap", "spent", "reached"),
    [
        (None, "30", "170.00"),
        ("50", "30", "150.00"),
        ("70", "30", "170.00"),
        (None, "130", "70.00"),
        ("20", "130", "80.00"),
        ("0", "130", "100.00"),
    ],
)
def test_a_rollover_carries_to_the_cent_and_no_more_than_its_cap(
    alice: User, cap: str | None, spent: str, reached: str
) -> None:
    fields: dict[str, Any] = {"rollover": True, "rollover_from": date(2018, 2, 1)}
    limit(alice, "100", rollover_cap=cap and Decimal(cap), levels=[100], **fields)
    spend(alice, spent, "2018-02-15")
    row = spend(alice, str(Decimal(reached) - CENT), "2018-03-05")
    march = Alert.objects.open().filter(period_start="2018-03-01")
    assert not march.exists()
    row.amount = Decimal(reached)
    row.save()
    assert march.get().then_limit == Decimal(reached)
