"""The alerts after each kind of write."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from budget.engine import (
    merge_categories,
    open_book,
    open_books,
    record_transactions,
    writes,
)
from budget.engine.writes import set_calendar
from budget.models import (
    Alert,
    AlertEvent,
    AlertStatus,
    Category,
    Conflict,
    Ledger,
    LedgerOverflow,
    Profile,
    Rollup,
    Threshold,
    Transaction,
    TransactionType,
)
from budget.tests.people import at, category, limit, make_user, open_levels, spend, transaction_of

pytestmark = pytest.mark.django_db


def test_a_level_opens_when_it_is_reached_to_the_cent() -> None:
    alice = make_user()
    limit(alice, "150")
    spend(alice, "119.99")
    assert open_levels(alice) == []
    spend(alice, "0.01")
    assert open_levels(alice) == [("2018-03-01", 80)]
    spend(alice, "29.99")
    assert open_levels(alice) == [("2018-03-01", 80)]
    tipping = spend(alice, "0.01")
    assert open_levels(alice) == [("2018-03-01", 80), ("2018-03-01", 100)]
    assert Alert.objects.get(level=100).transaction == tipping


def test_more_than_opens_one_cent_above() -> None:
    alice = make_user()
    limit(alice, "100", operator="gt", levels=[100])
    spend(alice, "100")
    assert open_levels(alice) == []
    spend(alice, "0.01")
    assert open_levels(alice) == [("2018-03-01", 100)]


def test_a_limit_of_zero_has_level_100_only_and_opens_with_the_first_cent() -> None:
    alice = make_user()
    limit(alice, "0")
    spend(alice, "5", type="transfer")
    assert open_levels(alice) == []
    spend(alice, "0.01")
    assert open_levels(alice) == [("2018-03-01", 100)]


def test_one_transaction_that_jumps_two_levels_raises_both() -> None:
    alice = make_user()
    limit(alice, "100")
    with open_book(alice.pk) as book:
        row = spend(alice, "500")
    opened = Alert.objects.filter(pk__in=book.flipped.opened).order_by("level")
    assert [(alert.level, alert.transaction_id) for alert in opened] == [
        (80, row.pk),
        (100, row.pk),
    ]


def test_refunds_lower_spending_and_transfers_and_income_count_for_nothing() -> None:
    alice = make_user()
    limit(alice, "100", levels=[100])
    spend(alice, "120")
    spend(alice, "500", type="income")
    spend(alice, "500", type="transfer")
    assert open_levels(alice) == [("2018-03-01", 100)]
    with open_book(alice.pk) as book:
        spend(alice, "20.01", "2018-03-31", type="refund")
    resolved = Alert.objects.filter(pk__in=book.flipped.resolved)
    assert [alert.then_total for alert in resolved] == [Decimal("99.99")]
    assert open_levels(alice) == []


def test_a_refund_counts_in_the_period_of_its_own_date() -> None:
    alice = make_user()
    limit(alice, "100", levels=[100])
    spend(alice, "120")
    spend(alice, "50", "2018-04-01", type="refund")
    assert open_levels(alice) == [("2018-03-01", 100)]


def test_a_users_own_type_counts_as_its_effect_says() -> None:
    alice = make_user()
    limit(alice, "100", levels=[100])
    spend(alice, "60")
    TransactionType(user=alice, name="Fee", effect="spending").save()
    spend(alice, "40", type="fee")
    assert open_levels(alice) == [("2018-03-01", 100)]


def test_an_edit_moves_what_the_row_counted_for() -> None:
    alice = make_user()
    limit(alice, "100", of="Groceries", levels=[100])
    limit(alice, "100", of="Travel", levels=[100])
    row = spend(alice, "100")
    for change, opened in (
        ({"date": date(2018, 2, 28)}, [("2018-02-01", 100)]),
        ({"category": category(alice, "Travel")}, [("2018-02-01", 100)]),
        ({"amount": Decimal("99.99")}, []),
        ({"amount": Decimal("100")}, [("2018-02-01", 100)]),
        ({"type": TransactionType.objects.get(user=alice, slug="income")}, []),
    ):
        for name, value in change.items():
            setattr(row, name, value)
        row.save()
        assert open_levels(alice) == opened, change


def test_a_row_that_moves_to_another_user_counts_there() -> None:
    alice, bob = make_user("alice"), make_user("bob")
    limit(alice, "100", levels=[100])
    limit(bob, "100", levels=[100])
    row = spend(alice, "100")
    moved = transaction_of(bob, "1")
    row.user, row.category, row.type = bob, moved.category, moved.type
    row.save()
    assert open_levels(alice) == []
    assert open_levels(bob) == [("2018-03-01", 100)]
    assert Alert.objects.get(user=alice).transaction is None


def test_a_partial_save_counts_only_what_it_stores() -> None:
    alice = make_user()
    limit(alice, "100", levels=[100])
    row = spend(alice, "50")
    row.amount, row.description = Decimal("100"), "dinner"
    row.save(update_fields=["description"])
    assert open_levels(alice) == []
    row.save(update_fields=["amount"])
    assert open_levels(alice) == [("2018-03-01", 100)]


def test_an_edit_starts_from_the_stored_row_not_from_an_old_copy() -> None:
    alice = make_user()
    limit(alice, "100", levels=[100])
    stale = spend(alice, "60")
    fresh = Transaction.objects.get(pk=stale.pk)
    fresh.amount = Decimal("10")
    fresh.save()
    stale.amount = Decimal("100")
    stale.save()
    assert open_levels(alice) == [("2018-03-01", 100)]
    stale.delete()
    fresh.delete()
    assert set(Rollup.objects.filter(user=alice).values_list("amount", "count")) == {(0, 0)}


def test_deleting_many_rows_evaluates_each_user_once() -> None:
    alice, bob = make_user("alice"), make_user("bob")
    for user in (alice, bob):
        limit(user, "100", levels=[100])
        for _ in range(5):
            spend(user, "50")
    with open_books([alice.pk, bob.pk]) as books:
        Transaction.objects.all().delete()
    assert [len(book.flipped.resolved) for book in books.values()] == [1, 1]
    assert open_levels(alice) == open_levels(bob) == []
    assert list(Ledger.objects.values_list("event_seq", flat=True)) == [2, 2]


def test_a_transaction_threshold_looks_at_one_row() -> None:
    alice = make_user()
    limit(alice, "100", "transaction", of="Travel", levels=[100])
    spend(alice, "100")
    spend(alice, "100", to="Travel", type="refund")
    spend(alice, "60", to="Travel")
    spend(alice, "60", to="Travel")
    assert open_levels(alice) == []
    row = spend(alice, "100", "2018-03-07", to="Travel")
    assert open_levels(alice) == [("2018-03-07", 100)]
    row.date = date(2018, 3, 8)
    row.save()
    assert open_levels(alice) == [("2018-03-08", 100)]
    row.delete()
    assert open_levels(alice) == []


@pytest.mark.parametrize(
    ("type", "start"),
    [
        ("daily", "2018-03-07"),
        ("weekly", "2018-03-05"),
        ("monthly", "2018-03-01"),
        ("quarterly", "2018-01-01"),
        ("yearly", "2018-01-01"),
    ],
)
def test_each_period_sums_its_own_days(type: str, start: str) -> None:
    alice = make_user()
    limit(alice, "100", type, levels=[100])
    first = spend(alice, "60", "2018-03-07")
    spend(alice, "60", "2019-03-07")
    assert open_levels(alice) == []
    spend(alice, "40", "2018-03-07")
    assert open_levels(alice) == [(start, 100)]
    first.delete()
    assert open_levels(alice) == []


def test_a_threshold_is_judged_over_all_history_when_it_is_made() -> None:
    alice = make_user()
    rows = [spend(alice, "40", day) for day in ("2018-03-01", "2018-03-02", "2018-03-03")]
    spend(alice, "40", "2018-04-01")
    threshold = limit(alice, "50", levels=[100])
    alert = Alert.objects.get()
    assert (alert.period_start, alert.transaction) == (date(2018, 3, 1), rows[1])
    assert alert.then_total == Decimal("80")
    threshold.amount = Decimal("40")
    threshold.save()
    assert open_levels(alice) == [("2018-03-01", 100), ("2018-04-01", 100)]
    threshold.enabled = False
    threshold.save()
    assert open_levels(alice) == []
    threshold.enabled = True
    threshold.save()
    assert set(Alert.objects.values_list("episodes", flat=True)) == {2}
    threshold.delete()
    assert open_levels(alice) == []
    assert AlertEvent.objects.order_by("seq").last().cause == "threshold_deleted"  # type: ignore[union-attr]


def test_another_condition_is_another_revision_and_another_amount_is_not() -> None:
    alice = make_user()
    threshold = limit(alice, "50", levels=[100])
    spend(alice, "60")
    threshold.name, threshold.amount, threshold.levels = "Less", Decimal("10"), [50, 100]
    threshold.save()
    assert threshold.revision == 1
    assert Alert.objects.get(level=100).episodes == 1
    threshold.operator = "gt"
    threshold.save()
    assert threshold.revision == 2
    assert set(Alert.objects.values_list("revision", "status", "level")) == {
        (1, "resolved", 50),
        (1, "resolved", 100),
        (2, "open", 50),
        (2, "open", 100),
    }


def test_many_rows_are_one_evaluation_and_the_first_row_that_reaches_it_tips() -> None:
    alice = make_user()
    limit(alice, "100", levels=[50, 100])
    rows = [
        transaction_of(alice, "30", "2018-03-02"),
        transaction_of(alice, "30", "2018-03-01"),
        transaction_of(alice, "50", "2018-03-03"),
        transaction_of(alice, "50", "2018-03-04", type="refund"),
    ]
    with open_book(alice.pk) as book:
        stored = record_transactions(alice.pk, rows)
    (opened,) = Alert.objects.filter(pk__in=book.flipped.opened)
    assert (opened.level, opened.transaction_id) == (50, stored[0].pk)
    assert opened.then_total == Decimal("60")
    assert AlertEvent.objects.get().cause == "bulk"


def test_a_tipping_row_among_refunds_is_the_first_to_reach_the_level() -> None:
    alice = make_user()
    limit(alice, "100", levels=[100])
    rows = [
        transaction_of(alice, "90", "2018-03-01"),
        transaction_of(alice, "80", "2018-03-02", type="refund"),
        transaction_of(alice, "80", "2018-03-02"),
        transaction_of(alice, "10", "2018-03-03"),
        transaction_of(alice, "10", "2018-03-04"),
    ]
    stored = record_transactions(alice.pk, rows)
    assert Alert.objects.get().transaction == stored[3]


def test_a_refused_bulk_write_stores_nothing() -> None:
    alice = make_user()
    spend(alice, "1", external_id="a")
    for wrong in (
        [transaction_of(alice, "1"), transaction_of(alice, "1", external_id="a")],
        [transaction_of(alice, "1", external_id="b"), transaction_of(alice, "1", external_id="b")],
    ):
        with pytest.raises(Conflict), transaction.atomic():
            record_transactions(alice.pk, wrong)
    with pytest.raises(ValueError, match="10000"):
        record_transactions(alice.pk, [Transaction()] * 10_001)
    assert Transaction.objects.count() == 1


def test_when_the_tipping_row_goes_the_next_one_takes_its_place() -> None:
    alice = make_user()
    limit(alice, "100", levels=[100])
    rows = [spend(alice, "60", day) for day in ("2018-03-01", "2018-03-02", "2018-03-03")]
    assert Alert.objects.get().transaction == rows[1]
    rows[1].delete()
    assert Alert.objects.get().transaction == rows[2]
    rows[2].date = date(2018, 4, 1)
    rows[2].save()
    alert = Alert.objects.get()
    assert (alert.status, alert.transaction) == (AlertStatus.RESOLVED, rows[2])
    rows[2].delete()
    assert Alert.objects.get().transaction is None


def test_no_row_tipped_what_the_delete_of_a_refund_opens() -> None:
    alice = make_user()
    limit(alice, "100", levels=[100])
    refund = spend(alice, "50", type="refund")
    spend(alice, "100")
    assert open_levels(alice) == []
    refund.delete()
    alert = Alert.objects.get()
    assert (alert.transaction, alert.then_total) == (None, Decimal("100"))


def test_a_reopened_alert_is_the_same_row_with_one_more_episode() -> None:
    alice = make_user()
    limit(alice, "100", levels=[100])
    row = spend(alice, "100")
    first = Alert.objects.get()
    row.delete()
    spend(alice, "100")
    again = Alert.objects.get()
    assert (again.pk, again.episodes, again.resolved_at) == (first.pk, 2, None)
    kinds = AlertEvent.objects.order_by("seq").values_list("seq", "kind")
    assert list(kinds) == [(1, "opened"), (2, "resolved"), (3, "opened")]


def test_an_alert_is_late_when_its_period_was_over() -> None:
    with at("2026-03-31"):
        alice = make_user()
        limit(alice, "100", levels=[100])
        spend(alice, "100", "2026-03-15")
        spend(alice, "100", "2026-02-28")
    late = dict(Alert.objects.values_list("period_start", "late"))
    assert late == {date(2026, 3, 1): False, date(2026, 2, 1): True}


def test_the_day_follows_the_users_time_zone_and_never_goes_back_by_itself() -> None:
    alice = make_user()
    profile = Profile.objects.get(user=alice)
    with at("2026-06-30 23:00"):
        profile.time_zone = "Pacific/Auckland"
        profile.save()
        assert Ledger.objects.get().as_of == date(2026, 7, 1)
        profile.time_zone = "America/Los_Angeles"
        profile.save()
        assert Ledger.objects.get().as_of == date(2026, 6, 30)
    with at("2026-06-01"):
        spend(alice, "1")
    assert Ledger.objects.get().as_of == date(2026, 6, 30)


def test_a_midnight_in_the_middle_of_new_settings_is_in_the_ledger() -> None:
    with at("2026-06-30 23:00"):
        alice = make_user()
        profile = Profile.objects.get(user=alice)
        profile.time_zone = "Pacific/Auckland"
        profile.save()

    def before_midnight(*args: Any) -> None:
        with at("2026-06-30 23:00"):
            set_calendar(*args)

    profile.time_zone = "UTC"
    with at("2026-07-01 00:00"), mock.patch.object(writes, "set_calendar", before_midnight):
        profile.save()
    assert Ledger.objects.get().as_of == date(2026, 7, 1)


def test_a_limit_that_is_carried_back_to_nothing_has_its_own_level_alone() -> None:
    alice = make_user()
    limit(alice, "0", levels=[60, 80], rollover=True, rollover_from=date(2018, 3, 1))
    gift = spend(alice, "100", "2018-03-05", type="refund")
    spend(alice, "70", "2018-04-05")
    assert open_levels(alice) == [("2018-04-01", 60)]
    gift.delete()
    assert open_levels(alice) == [("2018-04-01", 100)]


def test_another_month_start_cuts_every_period_anew() -> None:
    alice = make_user()
    limit(alice, "100", levels=[100])
    spend(alice, "60", "2018-03-14")
    spend(alice, "60", "2018-03-15")
    profile = Profile.objects.get(user=alice)
    profile.month_start = 15
    with open_book(alice.pk) as book:
        profile.save()
    assert (len(book.flipped.opened), len(book.flipped.resolved)) == (0, 1)
    spend(alice, "40", "2018-04-14")
    assert open_levels(alice) == [("2018-03-15", 100)]
    profile.month_start = 1
    profile.save()
    assert open_levels(alice) == [("2018-03-01", 100)]
    assert set(AlertEvent.objects.filter(kind="resolved").values_list("cause", flat=True)) == {
        "settings"
    }


def test_a_merge_moves_rows_thresholds_and_totals() -> None:
    alice = make_user()
    limit(alice, "100", of="Food", levels=[100])
    limit(alice, "150", of="Eating", levels=[100])
    spend(alice, "70", to="Food")
    spend(alice, "80", to="Eating")
    source, target = category(alice, "Eating"), category(alice, "Food")
    with open_book(alice.pk) as book:
        merge_categories(source, target)
    assert len(book.flipped.opened) == 2
    assert not Category.objects.filter(name="Eating").exists()
    assert set(Threshold.objects.values_list("category", "revision")) == {(target.pk, 1)}
    spend(alice, "1", to="Food")
    assert Rollup.objects.filter(grain="M", category=target).get().amount == 15100


def test_a_merge_that_makes_no_sense_is_refused() -> None:
    alice = make_user()
    food, builtin = category(alice, "Food"), Category.objects.get(user=alice, builtin=True)
    other = category(make_user("charlie"), "Food")
    for source, target in ((food, food), (food, other), (builtin, food)):
        with pytest.raises(Conflict), transaction.atomic():
            merge_categories(source, target)


def test_a_sum_beyond_the_exact_range_is_refused_and_loses_nothing() -> None:
    alice = make_user()
    limit(alice, "100", "yearly", levels=[100])
    row = spend(alice, "999999999999.99")
    Rollup.objects.filter(grain="D").update(amount=9 * 10**15 - 1)
    with pytest.raises(LedgerOverflow), transaction.atomic():
        spend(alice, "0.02")
    assert list(Transaction.objects.all()) == [row]


def test_a_failing_evaluation_takes_the_row_with_it() -> None:
    alice = make_user()
    failing = mock.patch("budget.engine.commit.write_flips", side_effect=RuntimeError)
    with failing, pytest.raises(RuntimeError), transaction.atomic():
        spend(alice, "1")
    assert not Transaction.objects.exists()


def test_rules_read_in_a_rolled_back_change_are_never_used_again() -> None:
    """The rules in memory are known by a number, and a rollback must not bring a number back."""
    alice = make_user()
    threshold = limit(alice, "100", levels=[100])
    with transaction.atomic():
        threshold.amount = Decimal("1")
        threshold.save()
        spend(alice, "2")
        assert open_levels(alice) == [("2018-03-01", 100)]
        transaction.set_rollback(True)
    threshold.amount = Decimal("50")
    threshold.save()
    spend(alice, "49.99")
    assert open_levels(alice) == []
    spend(alice, "0.01")
    assert open_levels(alice) == [("2018-03-01", 100)]


def test_a_write_costs_the_same_number_of_statements_whatever_the_history() -> None:
    alice = make_user()
    for type in ("daily", "weekly", "monthly", "quarterly", "yearly", "transaction"):
        limit(alice, "1000000", type)
    spend(alice, "1")
    few = queries_of_a_write(alice)
    days = [f"2018-03-{day:02}" for day in range(1, 29)]
    record_transactions(alice.pk, [transaction_of(alice, "1", day) for day in days * 10])
    assert queries_of_a_write(alice) == few


def queries_of_a_write(user: User) -> int:
    row = transaction_of(user, "1")
    with CaptureQueriesContext(connection) as queries:
        row.save()
    return len(queries)


@pytest.mark.parametrize("before", ["rolling", "transaction", "daily", "monthly"])
def test_a_threshold_of_any_type_becomes_a_rollover(before: str) -> None:
    """What its open alerts rested on had no chain of periods."""
    with at("2018-03-20"):
        user = make_user()
        days = 7 if before == "rolling" else None
        threshold = limit(user, "50", before, days=days, levels=[100], name="Shifting")
        spend(user, "60.00", "2018-03-19")
        threshold.type, threshold.days, threshold.rollover = "weekly", None, True
        threshold.save()
        old, new = Alert.objects.filter(threshold=threshold).order_by("revision")
    assert (old.status, str(old.then_total), str(old.then_limit)) == ("resolved", "60.00", "50.00")
    assert (new.status, str(new.period_start)) == ("open", "2018-03-19")
