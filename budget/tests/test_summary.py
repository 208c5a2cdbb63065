"""The summary says what plain sums of the transactions say."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from budget.answers.summary import GROUPS, PERIODS, DayRange, periods_of, summarize
from budget.engine import Reading, merge_categories, move_to_today, record_transactions
from budget.judge.periods import BOUNDS, DAY, shifted, span_of
from budget.models import (
    Calendar,
    Category,
    Effect,
    LedgerState,
    PeriodType,
    Profile,
    Transaction,
    TransactionType,
)
from budget.tests.base import ApiTestCase
from budget.tests.people import category, make_user, spend

PATH = "/api/summary"
FIRST = date(2019, 11, 1)
DAYS = st.integers(0, 500).map(lambda number: FIRST + timedelta(days=number))
ROWS = st.lists(
    st.tuples(
        DAYS,
        st.sampled_from(("Food", "Rent", "Work")),
        st.sampled_from(("expense", "income", "refund", "transfer")),
        st.integers(1, 10**7),
    ),
    max_size=40,
)


def plain(rows: list[Transaction], first: str, last: str) -> dict[str, Any]:
    """The sums of the rows between two dates, added up one by one."""
    spending = income = Decimal("0.00")
    count = 0
    for row in rows:
        if not first <= row.date.isoformat() <= last:
            continue
        count += 1
        if row.type.effect == Effect.SPENDING:
            spending += row.amount
        elif row.type.effect == Effect.REFUND:
            spending -= row.amount
        elif row.type.effect == Effect.INCOME:
            income += row.amount
    return {
        "spending": str(spending),
        "income": str(income),
        "net": str(income - spending),
        "count": count,
    }


def check(span: Any, rows: list[Transaction], group_by: str | None) -> None:
    dates = (span["date_from"], span["date_to"])
    assert {name: span[name] for name in ("spending", "income", "net", "count")} == plain(
        rows, *dates
    )
    if group_by is None:
        assert "groups" not in span
        return
    by_name: dict[str, list[Transaction]] = {}
    for row in rows:
        if dates[0] <= row.date.isoformat() <= dates[1]:
            name = row.category.name if group_by == "category" else row.type.slug
            by_name.setdefault(name, []).append(row)
    must = [{"name": name, **plain(some, *dates)} for name, some in by_name.items()]
    must.sort(key=lambda group: (-Decimal(group["spending"]), group["name"]))
    assert span["groups"] == must


class PlainSumsTestCase(TestCase):
    @given(
        rows=ROWS,
        ends=st.tuples(DAYS, DAYS).map(sorted),
        period=st.sampled_from(tuple(PERIODS)),
        group_by=st.sampled_from((None, *GROUPS)),
        month_start=st.integers(1, 28),
        week_start=st.integers(1, 7),
    )
    @settings(max_examples=60)
    def test_every_span_is_the_sum_of_its_rows(
        self,
        rows: list[tuple[date, str, str, int]],
        ends: list[date],
        period: str,
        group_by: str | None,
        month_start: int,
        week_start: int,
    ) -> None:
        alice, charlie = make_user("alice"), make_user("charlie")
        profile = Profile.objects.get(user=alice)
        profile.month_start, profile.week_start = month_start, week_start
        profile.save()
        for user in (alice, charlie):
            self.record(user, rows)
        stored = list(Transaction.objects.filter(user=alice).select_related("category", "type"))
        ledger, dates = move_to_today(alice.pk), DayRange(*ends)
        periods = periods_of(dates, period, ledger, 1000)
        assert periods is not None
        self.check_cut(dates, periods, period)
        spans = [dates, dates.previous(ledger), *periods]
        for span, found in zip(spans, summarize(Reading(ledger), spans, group_by), strict=True):
            assert found["date_from"] == span.first.isoformat()
            assert found["date_to"] == span.last.isoformat()
            check(found, stored, group_by)

    def record(self, user: User, rows: list[tuple[date, str, str, int]]) -> None:
        types = {type.slug: type for type in TransactionType.objects.filter(user=user)}
        record_transactions(
            user.pk,
            [
                Transaction(
                    user=user,
                    date=day,
                    category=category(user, name),
                    type=types[slug],
                    amount=Decimal(minor) / 100,
                )
                for day, name, slug, minor in rows
            ],
        )

    def check_cut(self, dates: DayRange, periods: list[DayRange], period: str) -> None:
        """Periods lie side by side and fill the span."""
        if period == "none":
            assert periods == []
            return
        assert (periods[0].first, periods[-1].last) == (dates.first, dates.last)
        for one, two in pairwise(periods):
            assert two.first == one.last + timedelta(days=1)


LEDGERS = st.builds(
    lambda week_start, month_start: LedgerState(
        1, FIRST, 0, 0, 0, 0, 0, Calendar("UTC", week_start, month_start)
    ),
    st.integers(1, 7),
    st.integers(1, 28),
)
WHOLE = st.sampled_from((*BOUNDS,)).filter(lambda type: type != PeriodType.TRANSACTION)


@given(ledger=LEDGERS, day=DAYS, type=WHOLE)
def test_the_span_before_a_whole_period_is_the_whole_period_before(
    ledger: LedgerState, day: date, type: str
) -> None:
    span = span_of(type, day, ledger.calendar)
    before = span_of(type, span.start - DAY, ledger.calendar)
    found = DayRange(span.start, span.end - DAY).previous(ledger)
    assert (found.first, found.last + DAY) == (before.start, before.end)


@given(ledger=LEDGERS, day=DAYS, months=st.integers(1, 30))
def test_the_span_before_some_whole_months_is_as_many_whole_months(
    ledger: LedgerState, day: date, months: int
) -> None:
    calendar = ledger.calendar
    first = span_of(PeriodType.MONTHLY, day, calendar)
    last = shifted(first, months - 1, calendar)
    found = DayRange(first.start, last.end - DAY).previous(ledger)
    assert found.last == first.start - DAY
    assert found.first == shifted(first, -months, calendar).start


@given(ledger=LEDGERS, ends=st.tuples(DAYS, DAYS).map(sorted))
def test_the_span_before_any_other_days_has_as_many_days(
    ledger: LedgerState, ends: list[date]
) -> None:
    dates = DayRange(*ends)
    months = [span_of(PeriodType.MONTHLY, day, ledger.calendar) for day in ends]
    assume((months[0].start, months[1].end) != (dates.first, dates.last + DAY))
    found = dates.previous(ledger)
    assert found.last == dates.first - DAY
    assert found.last - found.first == dates.last - dates.first


class SummaryTestCase(ApiTestCase):
    def setUp(self) -> None:
        for amount, day, to, kind in (
            ("100.10", "2018-02-20", "Food", "expense"),
            ("50.25", "2018-03-01", "Food", "expense"),
            ("0.25", "2018-03-15", "Food", "refund"),
            ("70.00", "2018-03-31", "Rent", "expense"),
            ("2500.00", "2018-03-31", "Work", "income"),
            ("10.00", "2018-03-31", "Savings", "transfer"),
            ("1.00", "2018-04-01", "Food", "expense"),
        ):
            spend(self.alice, amount, day, to=to, type=kind)
        spend(self.charlie, "9.99", "2018-03-05")

    def test_two_dates_beside_the_span_before(self) -> None:
        self.assertEqual(
            self.get(f"{PATH}?date_from=2018-03-01&date_to=2018-03-31"),
            {
                "date_from": "2018-03-01",
                "date_to": "2018-03-31",
                "spending": "120.00",
                "income": "2500.00",
                "net": "2380.00",
                "count": 5,
                "previous": {
                    "date_from": "2018-02-01",
                    "date_to": "2018-02-28",
                    "spending": "100.10",
                    "income": "0.00",
                    "net": "-100.10",
                    "count": 1,
                },
                "periods": [],
            },
        )

    def test_the_span_before_a_month_a_quarter_and_a_year_is_the_one_before(self) -> None:
        def before(first: str, last: str) -> tuple[str, str]:
            previous = self.get(f"{PATH}?date_from={first}&date_to={last}")["previous"]
            return previous["date_from"], previous["date_to"]

        self.assertEqual(before("2018-04-01", "2018-06-30"), ("2018-01-01", "2018-03-31"))
        self.assertEqual(before("2020-01-01", "2020-12-31"), ("2019-01-01", "2019-12-31"))
        self.assertEqual(before("2018-03-05", "2018-03-11"), ("2018-02-26", "2018-03-04"))
        self.assertEqual(before("2018-03-01", "2018-03-30"), ("2018-01-30", "2018-02-28"))
        self.patch("/api/profile", {"month_start": 25})
        self.assertEqual(before("2018-02-25", "2018-03-24"), ("2018-01-25", "2018-02-24"))
        self.assertEqual(before("2018-03-01", "2018-03-31"), ("2018-01-29", "2018-02-28"))

    def test_groups_are_in_the_order_of_their_spending(self) -> None:
        query = "date_from=2018-03-01&date_to=2018-03-31"
        found = self.get(f"{PATH}?{query}&group_by=category")
        self.assertEqual(
            [(group["name"], group["spending"], group["count"]) for group in found["groups"]],
            [
                ("Rent", "70.00", 1),
                ("Food", "50.00", 2),
                ("Savings", "0.00", 1),
                ("Work", "0.00", 1),
            ],
        )
        self.assertEqual([group["name"] for group in found["previous"]["groups"]], ["Food"])
        found = self.get(f"{PATH}?{query}&group_by=type&period=week")
        self.assertEqual(
            [(group["name"], group["spending"], group["income"]) for group in found["groups"]],
            [
                ("expense", "120.25", "0.00"),
                ("income", "0.00", "2500.00"),
                ("transfer", "0.00", "0.00"),
                ("refund", "-0.25", "0.00"),
            ],
        )
        self.assertEqual(
            [(part["date_from"], part["date_to"], part["count"]) for part in found["periods"]],
            [
                ("2018-03-01", "2018-03-04", 1),
                ("2018-03-05", "2018-03-11", 0),
                ("2018-03-12", "2018-03-18", 1),
                ("2018-03-19", "2018-03-25", 0),
                ("2018-03-26", "2018-03-31", 3),
            ],
        )

    def test_periods_are_the_users_own(self) -> None:
        self.patch("/api/profile", {"month_start": 20, "week_start": 7})
        found = self.get(f"{PATH}?date_from=2018-02-20&date_to=2018-04-19&period=month")
        self.assertEqual(
            [(part["date_from"], part["spending"]) for part in found["periods"]],
            [("2018-02-20", "150.10"), ("2018-03-20", "71.00")],
        )

    def test_it_follows_edits_deletes_and_merges(self) -> None:
        path = f"{PATH}?date_from=2018-03-01&date_to=2018-03-31&group_by=category"
        row = Transaction.objects.get(amount="70.00")
        self.patch(f"/api/transaction/{row.pk}", {"amount": "75.00"})
        Transaction.objects.get(amount="50.25").delete()
        merge_categories(category(self.alice, "Rent"), category(self.alice, "Food"))
        found = self.get(path)["groups"]
        self.assertEqual((found[0]["name"], found[0]["spending"]), ("Food", "74.75"))
        self.assertNotIn("Rent", [group["name"] for group in found])

    def test_wrong_parameters_are_named(self) -> None:
        self.assertEqual(set(self.wrong_parameters(PATH)), {"date_from", "date_to"})
        query = "date_from=2018-03-31&date_to=x&period=hour&group_by=user&q=a"
        self.assertEqual(
            set(self.wrong_parameters(f"{PATH}?{query}")), {"date_to", "period", "group_by", "q"}
        )
        self.wrong_parameters(f"{PATH}?date_from=2018-03-31&date_to=2018-03-30")

    def test_there_are_no_more_periods_than_a_page_can_show(self) -> None:
        longest = f"{PATH}?date_from=2018-01-01&date_to=2019-02-04&period=day"
        self.assertEqual(len(self.get(longest)["periods"]), 400)
        longer = longest.replace("02-04", "02-05")
        self.assertEqual(list(self.wrong_parameters(longer)), ["date_to"])
        self.assertEqual(list(self.wrong_parameters(f"{longest}&group_by=category")), ["date_to"])
        everything = f"{PATH}?date_from=1900-01-01&date_to=2199-12-31"
        self.assertEqual(self.get(everything)["count"], 7)
        self.assertEqual(len(self.get(f"{everything}&period=year")["periods"]), 300)
        self.wrong_parameters(f"{everything}&period=day")

    def test_it_reads_the_rollups_alone_in_as_many_queries_for_any_span(self) -> None:
        counts = set()
        for query in (
            "date_from=2018-03-05&date_to=2018-03-05",
            "date_from=2018-01-01&date_to=2019-02-04&period=day",
            "date_from=1900-01-01&date_to=2199-12-31&period=year",
        ):
            with CaptureQueriesContext(connection) as queries:
                self.get(f"{PATH}?{query}")
            counts.add(len(queries))
            self.assertNotIn("budget_transaction ", str([found["sql"] for found in queries]))
            self.assertNotIn('"budget_transaction"', str([found["sql"] for found in queries]))
        self.assertEqual(len(counts), 1)

    def test_categories_of_others_do_not_show(self) -> None:
        Category(user=self.charlie, name="Secret").save()
        found = self.get(f"{PATH}?date_from=2018-01-01&date_to=2018-12-31&group_by=category")
        self.assertNotIn("Secret", str(found))
        self.assertEqual(found["count"], 7)
