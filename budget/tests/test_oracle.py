"""The oracle on its own, against numbers worked out by hand: who watches the watchman."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from budget.tests.oracle import Book, Oracle
from budget.tests.oracle_rules import Key, Limit, Row, Settings, Term, half_up, period

USER = 1
EXPENSE, REFUND, INCOME, TRANSFER = 1, 2, 3, 4
TYPES = {EXPENSE: "spending", REFUND: "refund", INCOME: "income", TRANSFER: "none"}
HOME, FOOD, BREAD, RYE = 1, 2, 3, 4
# A Wednesday at noon.
NOW = datetime(2024, 5, 15, 12, tzinfo=UTC)
APRIL, MAY, JUNE = date(2024, 4, 1), date(2024, 5, 1), date(2024, 6, 1)


class Story:
    """One user, one threshold, and what becomes of its alerts."""

    def __init__(self, **limit: Any) -> None:
        self.oracle = Oracle(NOW)
        self.book: Book = self.oracle.add_user(USER, TYPES)
        self.limit(**({"amount": 10_000, "type": "monthly", "levels": (100,)} | limit))

    def limit(self, **fields: Any) -> None:
        self.oracle.save_limit(USER, Limit(1, **fields), "threshold_edit")

    def row(self, pk: int, day: date, amount: int, type: int = EXPENSE, of: int = HOME) -> None:
        self.oracle.save_row(USER, Row(pk, day, of, type, amount))

    def days_pass(self, days: int) -> None:
        self.oracle.now += timedelta(days=days)
        self.oracle.look(USER)

    def flips(self) -> list[tuple[str, str, str, int | None, int | None]]:
        """Since the last time: start of the period, what, why, total and row."""
        events, self.book.events = self.book.events, []
        return [(str(e.key.start), e.kind, e.cause, e.total, e.transaction) for e in events]

    def open_starts(self) -> list[date]:
        return sorted(key.start for key in self.book.open_alerts())


def test_periods_are_cut_where_the_settings_say() -> None:
    day = date(2024, 3, 14)
    assert period(day, "weekly", 7, 1) == (date(2024, 3, 10), date(2024, 3, 17))
    assert period(day, "monthly", 1, 15) == (date(2024, 2, 15), date(2024, 3, 15))
    assert period(day, "quarterly", 1, 15) == (date(2024, 1, 15), date(2024, 4, 15))
    assert period(date(2024, 1, 14), "yearly", 1, 15) == (date(2023, 1, 15), date(2024, 1, 15))


def test_a_rolling_window_has_its_days_and_today() -> None:
    story = Story(type="rolling", days=3, amount=100)
    story.row(1, date(2024, 5, 12), 100)
    assert story.flips() == []
    story.row(2, date(2024, 5, 13), 60)
    story.row(3, date(2024, 5, 17), 40)
    assert story.flips() == []
    story.row(4, date(2024, 5, 15), 40)
    assert story.flips() == [("0001-01-01", "opened", "transaction", 100, 4)]
    story.days_pass(1)
    assert story.flips() == [("0001-01-01", "resolved", "day", 40, None)]
    story.days_pass(1)
    assert story.flips() == [], "80 of 100"


def test_the_tip_of_a_rolling_alert_moves_on_with_the_window() -> None:
    story = Story(type="rolling", days=3, amount=100)
    story.row(1, date(2024, 5, 13), 150)
    story.row(2, date(2024, 5, 14), 150)
    assert [alert.tip for alert in story.book.alerts.values()] == [1]
    story.days_pass(1)
    assert [alert.tip for alert in story.book.alerts.values()] == [2]


def test_a_closing_threshold_waits_for_the_end_and_takes_empty_periods() -> None:
    story = Story(operator="lte", amount=500)
    assert story.book.limits[1].starts_on == MAY
    story.row(1, APRIL, 100)
    story.row(2, MAY, 501)
    assert story.flips() == []
    story.days_pass(17)
    assert story.flips() == [], "May has 501, April was before the threshold"
    story.row(3, MAY, 1, REFUND)
    assert story.flips() == [("2024-05-01", "opened", "transaction", 500, 3)]
    assert [alert.late for alert in story.book.alerts.values()] == [True]
    story.days_pass(30)
    assert story.flips() == [("2024-06-01", "opened", "period_end", 0, None)]
    assert [alert.late for alert in story.book.alerts.values()] == [True, False]
    may, june = sorted(story.book.alerts)
    assert [story.book.active(key) for key in (may, june)] == [False, True]


@pytest.mark.parametrize(
    ("operator", "total", "held"),
    [("lt", 499, 1), ("lt", 500, 0), ("eq", 499, 0), ("eq", 500, 1), ("eq", 501, 0)],
)
def test_lt_and_eq_at_the_amount(operator: str, total: int, held: int) -> None:
    story = Story(operator=operator, amount=500, starts_on=APRIL)
    story.row(1, APRIL, total)
    assert len(story.book.open_alerts()) == held


@pytest.mark.parametrize(
    ("measure", "total"), [("spending", 700), ("income", 400), ("net", -300), ("count", 200)]
)
def test_measures(measure: str, total: int) -> None:
    story = Story(measure=measure)
    rows = [(900, EXPENSE), (100, EXPENSE), (300, REFUND), (400, INCOME), (50, TRANSFER)]
    for pk, (amount, type) in enumerate(rows, start=1):
        story.row(pk, MAY, amount, type)
    limit = story.book.limits[1]
    assert story.book.totals(limit, story.book.rows.values()) == [total]


def test_a_single_income_row_is_a_transaction_of_its_own() -> None:
    story = Story(type="transaction", measure="income", amount=300)
    story.row(1, MAY, 300)
    story.row(2, MAY, 299, INCOME)
    story.row(3, MAY, 300, INCOME)
    assert [key.subject for key in story.book.open_alerts()] == [3]


DINING, SAVING = Term(FOOD, "spending", "gt", 20_000), Term(None, "net", "lt", 0)


@pytest.mark.parametrize(
    ("match", "food", "rent", "held"),
    [
        ("all", 20_001, 0, True),
        ("all", 20_000, 9_000, False),
        ("all", 20_001, -90_000, False),
        ("any", 20_000, 9_000, True),
        ("any", 20_001, -90_000, True),
        ("any", 20_000, -90_000, False),
    ],
)
def test_a_combination_needs_all_or_any(match: str, food: int, rent: int, held: bool) -> None:
    story = Story(amount=None, conditions=(DINING, SAVING), match=match, starts_on=APRIL)
    story.row(1, APRIL, food, of=FOOD)
    if rent:
        story.row(2, APRIL, abs(rent), EXPENSE if rent > 0 else INCOME)
    assert story.open_starts() == ([APRIL] if held else [])
    assert [e.total for e in story.book.events] == [None] * len(story.book.events)


def test_the_tip_of_a_combination_is_where_all_running_totals_hold() -> None:
    story = Story(type="weekly", amount=100_000)
    for pk, amount, of in ((1, 30, FOOD), (2, 80, FOOD), (3, 50, HOME), (4, 60, HOME)):
        story.row(pk, MAY, amount, of=of)
    terms = (Term(FOOD, amount=100), Term(HOME, "count", "gt", 100))
    story.limit(amount=None, type="weekly", conditions=terms)
    assert story.flips() == [("2024-04-29", "opened", "threshold_edit", None, 4)]


def test_a_parent_counts_its_whole_subtree_as_the_tree_is_now() -> None:
    story = Story(category=FOOD, amount=100)
    story.row(1, MAY, 60, of=BREAD)
    story.row(2, MAY, 40, of=RYE)
    assert story.flips() == []
    story.oracle.reparent(USER, RYE, BREAD, "category_edit")
    assert story.flips() == []
    story.oracle.reparent(USER, BREAD, FOOD, "category_edit")
    assert story.flips() == [("2024-05-01", "opened", "category_edit", 100, 2)]
    story.oracle.reparent(USER, RYE, None, "category_edit")
    assert story.flips() == [("2024-05-01", "resolved", "category_edit", 60, None)]
    story.oracle.reparent(USER, RYE, FOOD, "category_edit")
    story.oracle.merge(USER, FOOD, HOME, "category_merge")
    assert story.book.parents == {BREAD: HOME, RYE: HOME}
    assert story.open_starts() == [MAY]


def rolled(cap: int | None, totals: Sequence[int]) -> Story:
    """Monthly spending from April on, under 100 a month that roll over."""
    story = Story(amount=100, rollover=True, rollover_cap=cap, rollover_from=APRIL)
    for pk, (month, total) in enumerate(zip((4, 5, 6, 7), totals, strict=False), start=1):
        if total:
            story.row(pk, date(2024, month, 3), total)
    return story


@pytest.mark.parametrize(
    ("cap", "totals", "limits"),
    [
        (None, (30, 0, 0), [100, 170, 270]),
        (None, (250, 20, 0), [100, -50, 30]),
        (50, (30, 0, 0), [100, 150, 150]),
        (50, (250, 20, 0), [100, 50, 130]),
        (0, (250, 20, 0), [100, 100, 100]),
    ],
)
def test_what_is_left_over_rolls_over(
    cap: int | None, totals: Sequence[int], limits: Sequence[int]
) -> None:
    story = rolled(cap, totals)
    shown = [story.book.limit_at(story.book.limits[1], day) for day in (APRIL, MAY, JUNE)]
    assert shown == limits


def test_a_chain_is_as_long_as_it_is_and_has_no_period_before_it_begins() -> None:
    story = Story(amount=100, rollover=True, rollover_from=date(2021, 1, 31))
    limit = story.book.limits[1]
    assert story.book.limit_at(limit, date(2020, 12, 31)) == 100
    assert story.book.limit_at(limit, date(2021, 3, 9)) == 300
    assert story.book.limit_at(limit, date(2023, 1, 9)) == 2500
    assert story.book.limit_at(limit, date(2023, 2, 9)) == 2600
    story.row(1, date(2021, 2, 3), 5000)
    assert story.book.limit_at(limit, date(2023, 2, 9)) == -2400
    assert story.book.limit_at(limit, date(2033, 2, 9)) == 9600


def test_editing_last_month_moves_this_month_and_tips_nothing_there() -> None:
    story = rolled(None, (0, 200))
    assert story.flips() == [("2024-05-01", "opened", "transaction", 200, 2)]
    story.row(3, APRIL, 1, REFUND)
    assert story.flips() == [("2024-05-01", "resolved", "transaction", 200, 3)]
    story.row(4, APRIL, 1)
    assert story.flips() == [("2024-05-01", "opened", "transaction", 200, None)]


def test_a_limit_used_up_before_counts_as_nothing() -> None:
    story = rolled(None, (250, 1))
    key = Key(1, 1, MAY, 0, 100)
    assert key in story.book.open_alerts()
    assert story.book.alerts[key].then_limit == -50


def forecasting(day: date, limit: int = 1000) -> Story:
    """May 2024 has 31 days; `as_of` is the day given."""
    story = Story(amount=limit, forecast=True)
    story.oracle.now = datetime.combine(day, NOW.time(), UTC)
    story.oracle.save_settings(USER, Settings("Europe/Berlin"), "settings")
    return story


@pytest.mark.parametrize(("day", "given"), [(2, False), (3, False), (4, True), (31, True)], ids=str)
def test_a_forecast_is_given_after_a_tenth_of_the_month(day: int, given: bool) -> None:
    story = forecasting(date(2024, 5, day), 100)
    story.row(1, MAY, 99)
    assert len(story.book.open_alerts()) == (given and day < 31)


def test_a_forecast_in_numbers() -> None:
    story = forecasting(date(2024, 5, 10))
    story.row(1, MAY, 315)
    story.row(2, date(2024, 5, 20), 23)
    limit = story.book.limits[1]
    span = story.book.span(limit, MAY)
    assert story.book.projected(limit, span) == 1000, "315 * 31 / 10 is 976.5, and 23"
    assert story.flips() == [("2024-05-01", "opened", "transaction", 1000, None)]
    story.days_pass(1)
    assert story.flips() == [("2024-05-01", "resolved", "day", 911, None)]
    story.days_pass(30)
    assert story.flips() == []


def test_a_forecast_stays_as_it_is_between_its_two_bounds() -> None:
    story = forecasting(date(2024, 5, 31), 1000)
    story.row(1, MAY, 960)
    assert story.book.open_alerts() == set()
    story.row(1, MAY, 1000)
    story.row(1, MAY, 950)
    assert [key.level for key in story.book.open_alerts()] == [0]
    story.row(1, MAY, 949)
    assert story.book.open_alerts() == set()


def test_a_forecast_ends_with_its_period() -> None:
    story = forecasting(date(2024, 5, 31), 1000)
    story.row(1, MAY, 999)
    story.row(2, MAY, 1, TRANSFER)
    story.limit(amount=990, type="monthly", forecast=True, levels=(1000,))
    story.flips()
    story.days_pass(1)
    assert story.flips() == [("2024-05-01", "resolved", "period_end", 999, None)]


@pytest.mark.parametrize(("over", "under", "shown"), [(3, 2, 2), (-3, 2, -1), (5, 4, 1)])
def test_a_half_is_rounded_up(over: int, under: int, shown: int) -> None:
    assert half_up(over, under) == shown


def test_the_cause_is_the_write_where_it_counts_and_else_the_day() -> None:
    story = Story(type="rolling", days=3, amount=100)
    story.row(1, date(2024, 5, 13), 150)
    story.flips()
    story.oracle.now += timedelta(days=1)
    story.row(2, date(2024, 5, 13), 5, of=FOOD)
    assert story.flips() == [("0001-01-01", "resolved", "day", 0, None)]
    story.oracle.now += timedelta(days=1)
    story.row(3, date(2024, 5, 17), 100)
    assert story.flips() == [("0001-01-01", "opened", "transaction", 100, 3)]


@pytest.mark.parametrize(
    ("looks_at", "cause"), [(None, "period_end"), (FOOD, "category_edit"), (RYE, "period_end")]
)
def test_a_move_is_the_cause_only_above_the_category(looks_at: int | None, cause: str) -> None:
    story = Story(type="daily", operator="lte", category=looks_at)
    story.oracle.now += timedelta(days=1)
    story.oracle.reparent(USER, BREAD, FOOD, "category_edit")
    assert story.flips() == [("2024-05-15", "opened", cause, 0, None)]


def test_what_one_row_resolves_names_it_and_what_several_do_names_none() -> None:
    story = Story(amount=100)
    story.row(1, MAY, 100)
    story.row(2, MAY, 1, REFUND)
    story.oracle.delete_row(2)
    story.row(3, MAY, 1, REFUND)
    story.oracle.delete_rows([3])
    story.oracle.delete_row(1)
    assert [(flip[1], flip[4]) for flip in story.flips()] == [
        ("opened", 1),
        ("resolved", 2),
        ("opened", None),
        ("resolved", 3),
        ("opened", None),
        ("resolved", 1),
    ]
    story.row(4, MAY, 100)
    story.oracle.delete_rows([4])
    assert [(flip[1], flip[4]) for flip in story.flips()] == [("opened", 4), ("resolved", None)]


def test_a_snooze_outlives_an_episode_and_an_acknowledgement_does_not() -> None:
    story = Story(amount=100)
    story.row(1, MAY, 100)
    (key,) = story.book.alerts
    later = NOW + timedelta(days=9)
    for _ in range(2):
        story.oracle.acknowledge(USER, key, "user")
        story.oracle.snooze(USER, key, later, "user")
    story.row(1, MAY, 99)
    story.row(1, MAY, 100)
    alert = story.book.alerts[key]
    assert (alert.snoozed_until, alert.acknowledged_at, alert.episodes) == (later, None, 2)
    story.oracle.snooze(USER, key, None, "user")
    kinds = [event.kind for event in story.book.events]
    assert kinds == ["opened", "acknowledged", "snoozed", "resolved", "opened", "unsnoozed"]


def test_a_skipped_day_and_a_day_that_comes_again() -> None:
    story = Story(type="daily", operator="lte", amount=0, starts_on=date(2011, 12, 28))
    story.oracle.now = datetime(2011, 12, 30, 9, 59, tzinfo=UTC)
    story.oracle.save_settings(USER, Settings("Pacific/Apia"), "settings")
    assert story.book.as_of == date(2011, 12, 29)
    story.flips()
    story.oracle.now += timedelta(minutes=1)
    story.oracle.look(USER)
    assert story.book.as_of == date(2011, 12, 31)
    ends = [("opened", "period_end", 0)] * 2
    assert [flip[1:4] for flip in story.flips()] == ends, "29 and 30 December are over at once"
    story.oracle.save_settings(USER, Settings("Pacific/Pago_Pago"), "settings")
    assert story.book.as_of == date(2011, 12, 29)
    assert [flip[1:3] for flip in story.flips()] == [("resolved", "settings")] * 2
