"""Thresholds and alerts in numbers and in words."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from budget.answers.shapes import AlertDict
from budget.engine import acknowledge, move_to_today, raise_custom_alert
from budget.models import Alert, AlertEvent, Ledger, Profile, Threshold, ThresholdRevision
from budget.tests.people import at, combine, limit, make_user, spend
from budget.tests.shown import alerts_shown, thresholds_shown

pytestmark = pytest.mark.django_db


def told(user: User) -> dict[int | None, AlertDict]:
    """The user's alerts by level."""
    alerts = alerts_shown(move_to_today(user.pk), list(Alert.objects.filter(user=user)))
    return {alert["level"]: alert for alert in alerts}


@pytest.mark.parametrize(
    ("type", "message"),
    [
        ("daily", "Food: limit reached, 162.40 of 150.00 USD spent on 7 March 2018, 108 %"),
        (
            "weekly",
            "Food: limit reached, 162.40 of 150.00 USD spent in the week of 5 March 2018, 108 %",
        ),
        ("monthly", "Food: limit reached, 162.40 of 150.00 USD spent in March 2018, 108 %"),
        (
            "quarterly",
            "Food: limit reached, 162.40 of 150.00 USD spent in quarter 1 of 2018, 108 %",
        ),
        ("yearly", "Food: limit reached, 162.40 of 150.00 USD spent in 2018, 108 %"),
        (
            "transaction",
            "Food: limit reached, 162.40 of 150.00 USD in one transaction on 7 March 2018, 108 %",
        ),
    ],
)
def test_a_message_reads_well(type: str, message: str) -> None:
    alice = make_user()
    limit(alice, "150", type, name="Food")
    spend(alice, "162.40", "2018-03-07")
    found = told(alice)
    assert found[100]["message"] == message
    assert found[80]["message"] == message.replace("limit", "80 % of the limit")


@pytest.mark.parametrize(
    ("type", "when"),
    [
        ("weekly", "in the week of 5 March 2018"),
        ("monthly", "in February 2018 (25 February to 24 March 2018)"),
        ("quarterly", "in quarter 1 of 2018 (25 January to 24 April 2018)"),
        ("yearly", "in 2018 (25 January 2018 to 24 January 2019)"),
    ],
)
def test_a_message_tells_the_days_where_the_months_begin_on_another_day(
    type: str, when: str
) -> None:
    alice = make_user()
    profile = Profile.objects.get(user=alice)
    profile.month_start = 25
    profile.save()
    limit(alice, "150", type, name="Food", levels=[100])
    spend(alice, "162.40", "2018-03-07")
    assert (
        told(alice)[100]["message"]
        == f"Food: limit reached, 162.40 of 150.00 USD spent {when}, 108 %"
    )


def test_a_combination_names_what_holds() -> None:
    alice = make_user()
    parts = (("Rent", "spending", "gte", "0"), ("Food", "spending", "gt", "5"))
    both = (*parts, (None, "count", "gte", "2"))
    combine(alice, *both, match="any", name="Any")
    combine(alice, *parts, match="all", name="All")
    food = spend(alice, "9", to="Food")
    spend(alice, "1", to="Fun")
    rent = spend(alice, "7", to="Rent")

    def messages() -> set[str]:
        alerts = alerts_shown(move_to_today(alice.pk), list(Alert.objects.filter(user=alice)))
        return {alert["message"] for alert in alerts}

    when = "in March 2018"
    words = "Rent 7.00 USD spent, more than 0.00", "Food 9.00 USD spent, more than 5.00"
    three = (*words, "3 expenses, at least 2")
    assert messages() == {
        f"Any: {' or '.join(three)}, {when}",
        f"All: {' and '.join(words)}, {when}",
    }
    rent.delete()
    two = "Food 9.00 USD spent, more than 5.00 or 2 expenses, at least 2"
    none = "Rent 0.00 USD spent, not more than 0.00", words[1]
    assert messages() == {f"Any: {two}, {when}", f"All, ended: now {' and '.join(none)}, {when}"}
    food.delete()
    none = none[0], "Food 0.00 USD spent, not more than 5.00"
    three = (*none, "1 expense, not at least 2")
    assert messages() == {
        f"Any, ended: now {' or '.join(three)}, {when}",
        f"All, ended: now {' and '.join(none)}, {when}",
    }


def test_a_message_of_a_level_below_100_says_approaching_until_the_limit_is_reached() -> None:
    alice = make_user()
    limit(alice, "150", name="Food")
    spend(alice, "130")
    assert told(alice)[80]["message"] == (
        "Food, approaching: 80 % of the limit reached, "
        "130.00 of 150.00 USD spent in March 2018, 86 %"
    )
    spend(alice, "20")
    assert told(alice)[80]["message"] == (
        "Food: 80 % of the limit reached, 150.00 of 150.00 USD spent in March 2018, 100 %"
    )


def test_one_row_that_jumps_all_levels_gives_each_a_message_of_its_own() -> None:
    with at("2018-03-10"):
        alice = make_user()
        limit(alice, "100", name="Food", levels=[50, 100, 150], forecast=True)
        spend(alice, "200")
        messages = {level: alert["message"] for level, alert in told(alice).items()}
    spent = "200.00 of 100.00 USD spent in March 2018, 200 %"
    assert messages == {
        None: "Food: 620.00 of 100.00 USD forecast in March 2018, 620 %",
        50: f"Food: 50 % of the limit reached, {spent}",
        100: f"Food: limit reached, {spent}",
        150: f"Food: 150 % of the limit reached, {spent}",
    }


ROW = {"to": "Food", "day": "2018-03-07"}
# A threshold, the row that opens an alert of it, and the message: open, and without that row.
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "gte": (
        {"amount": "150"},
        {"amount": "162.40"},
        "X: limit reached, 162.40 of 150.00 EUR spent in March 2018, 108 %",
        "X, ended: limit reached at 162.40 of 150.00 EUR; "
        "now 0.00 of 150.00 EUR spent in March 2018, 0 %",
    ),
    "gt": (
        {"amount": "150", "operator": "gt", "levels": [80]},
        {"amount": "130"},
        "X, approaching: 80 % of the limit passed, 130.00 of 150.00 EUR spent in March 2018, 86 %",
        "X, ended: 80 % of the limit passed at 130.00 of 150.00 EUR; "
        "now 0.00 of 150.00 EUR spent in March 2018, 0 %",
    ),
    "rolling": (
        {"amount": "150", "type": "rolling", "days": 7},
        {"amount": "150"},
        "X: limit reached, 150.00 of 150.00 EUR spent in the last 7 days, 100 %",
        "X, ended: limit reached at 150.00 of 150.00 EUR; "
        "now 0.00 of 150.00 EUR spent in the last 7 days, 0 %",
    ),
    "transaction": (
        {"amount": "150", "type": "transaction"},
        {"amount": "150"},
        "X: limit reached, 150.00 of 150.00 EUR in one transaction on 7 March 2018, 100 %",
        "X, ended: limit reached at 150.00 of 150.00 EUR; "
        "now 0.00 of 150.00 EUR in one transaction on 7 March 2018, 0 %",
    ),
    "count": (
        {"amount": "1", "measure": "count"},
        {"amount": "9"},
        "X: limit reached, 1 of 1 expense in March 2018, 100 %",
        "X, ended: limit reached at 1 of 1; now 0 of 1 expense in March 2018, 0 %",
    ),
    "income": (
        {"amount": "150", "measure": "income"},
        {"amount": "150", "type": "income"},
        "X: limit reached, 150.00 of 150.00 EUR earned in March 2018, 100 %",
        "X, ended: limit reached at 150.00 of 150.00 EUR; "
        "now 0.00 of 150.00 EUR earned in March 2018, 0 %",
    ),
    "net": (
        {"amount": "150", "measure": "net", "type": "weekly"},
        {"amount": "150", "type": "income"},
        "X: limit reached, 150.00 of 150.00 EUR net in the week of 5 March 2018, 100 %",
        "X, ended: limit reached at 150.00 of 150.00 EUR; "
        "now 0.00 of 150.00 EUR net in the week of 5 March 2018, 0 %",
    ),
    "late": (
        {"amount": "150"},
        {"amount": "150", "day": "2018-02-07"},
        "X: limit reached, 150.00 of 150.00 EUR spent in February 2018, 100 %",
        "X, ended: limit reached at 150.00 of 150.00 EUR; "
        "now 0.00 of 150.00 EUR spent in February 2018, 0 %",
    ),
    "eq": (
        {"amount": "150", "operator": "eq", "starts_on": date(2018, 2, 1)},
        {"amount": "150", "day": "2018-02-07"},
        "X: 150.00 EUR spent in February 2018, exactly 150.00",
        "X, ended: 150.00 EUR spent, exactly 150.00; "
        "now 0.00 of 150.00 EUR spent in February 2018, 0 %",
    ),
    "rollover": (
        {"amount": "50", "rollover": True, "rollover_from": date(2018, 2, 1), "levels": [100]},
        {"amount": "100"},
        "X: limit reached, 100.00 of 100.00 EUR spent in March 2018, 100 %",
        "X, ended: limit reached at 100.00 of 100.00 EUR; "
        "now 0.00 of 100.00 EUR spent in March 2018, 0 %",
    ),
}


@pytest.mark.parametrize(("threshold", "row", "opened", "ended"), KINDS.values(), ids=KINDS.keys())
def test_a_message_says_that_an_alert_has_ended_with_the_numbers_of_then_and_now(
    threshold: dict[str, Any], row: dict[str, Any], opened: str, ended: str
) -> None:
    with at("2018-03-08"):
        alice = make_user()
        profile = Profile.objects.get(user=alice)
        profile.currency = "EUR"
        profile.save()
        limit(alice, **{"name": "X", "type": "monthly", "levels": [100], **threshold})
        stored = spend(alice, **{**ROW, **row})
        assert [alert["message"] for alert in told(alice).values()] == [opened]
        stored.delete()
        assert [alert["message"] for alert in told(alice).values()] == [ended]


def test_what_lte_and_lt_have_found_ends_when_it_is_no_longer_so() -> None:
    with at("2018-03-08"):
        alice = make_user()
        limit(alice, "5", operator="lte", name="Quiet", starts_on=date(2018, 2, 1))
        assert told(alice)[100]["message"] == "Quiet: 0.00 USD spent in February 2018, at most 5.00"
        spend(alice, "6", "2018-02-03")
        assert told(alice)[100]["message"] == (
            "Quiet, ended: 0.00 USD spent, at most 5.00; "
            "now 6.00 of 5.00 USD spent in February 2018, 120 %"
        )


def test_a_forecast_that_has_ended_says_what_was_forecast() -> None:
    with at("2018-03-10"):
        alice = make_user()
        limit(alice, "100", name="Fun", forecast=True, levels=[100])
        row = spend(alice, "50")
        row.amount = Decimal("10")
        row.save()
        assert told(alice)[None]["message"] == (
            "Fun, ended: 155.00 of 100.00 USD forecast when it opened; "
            "now 31.00 of 100.00 USD forecast in March 2018, 31 %"
        )


def test_an_alert_that_opens_again_says_so_and_tells_of_the_last_time() -> None:
    alice = make_user()
    limit(alice, "100", name="Food", levels=[100])
    for amount in ("110", "130"):
        row = spend(alice, amount)
        assert told(alice)[100]["message"] == (
            f"Food: limit reached, {amount}.00 of 100.00 USD spent in March 2018, {amount} %"
        )
        row.delete()
        assert told(alice)[100]["message"] == (
            f"Food, ended: limit reached at {amount}.00 of 100.00 USD; "
            "now 0.00 of 100.00 USD spent in March 2018, 0 %"
        )


def test_an_ending_that_the_numbers_do_not_explain_says_why() -> None:
    alice = make_user()
    threshold = limit(alice, "100", name="Food", levels=[100])
    spend(alice, "110")
    now = "limit reached at 110.00 of 100.00 USD; now 110.00 of"
    threshold.amount = Decimal("200")
    threshold.save()
    assert told(alice)[100]["message"] == (
        f"Food, ended because the threshold was changed: {now} 200.00 USD spent in March 2018, 55 %"
    )
    threshold.amount = Decimal("100")
    threshold.save()
    threshold.delete()
    assert told(alice)[100]["message"] == (
        "Food, ended because the threshold was deleted: "
        f"{now} 100.00 USD spent in March 2018, 110 %"
    )


def test_a_limit_of_zero_has_no_percent() -> None:
    alice = make_user()
    limit(alice, "0", name="Films")
    spend(alice, "9")
    alert = told(alice)[100]
    assert alert["percent"] is None
    assert alert["message"] == "Films: limit reached, 9.00 of 0.00 USD spent in March 2018"


def test_numbers_are_as_they_are_now_and_then_as_they_were() -> None:
    alice = make_user()
    threshold = limit(alice, "100", levels=[100])
    tipping = spend(alice, "110")
    spend(alice, "15")
    threshold.amount = Decimal("120")
    threshold.save()
    alert = told(alice)[100]
    assert (alert["total"], alert["limit"], alert["percent"]) == ("125.00", "120.00", 104)
    assert alert["then"] is not None
    assert (alert["then"]["total"], alert["then"]["limit"]) == ("110.00", "100.00")
    assert alert["transaction"] == tipping.pk


@pytest.mark.parametrize(
    ("kept", "total", "words"),
    [
        (True, 160, "limit reached at 110.00 of 100.00 USD; now"),
        (False, 110, "110.00 of 100.00 USD spent when it opened; at its end"),
    ],
)
def test_an_alert_of_an_earlier_revision_is_told_by_that_where_it_is_kept(
    kept: bool, total: int, words: str
) -> None:
    alice = make_user()
    threshold = limit(alice, "100", levels=[100])
    spend(alice, "110")
    threshold.type = "yearly"
    threshold.save()
    if not kept:
        ThresholdRevision.objects.all().delete()
    spend(alice, "50")
    spend(alice, "50", "2018-04-01")
    first = Alert.objects.get(revision=1)
    [alert] = alerts_shown(move_to_today(alice.pk), [first])
    assert (alert["status"], alert["total"]) == ("resolved", f"{total}.00")
    assert alert["percent"] == total
    assert alert["message"] == (
        f"monthly, ended because the threshold was changed: {words} "
        f"{total}.00 of 100.00 USD spent in March 2018, {total} %"
    )


def test_an_alert_of_periods_cut_otherwise_still_sums_its_own_days() -> None:
    alice = make_user()
    limit(alice, "100", levels=[100])
    spend(alice, "110", "2018-03-20")
    profile = Profile.objects.get(user=alice)
    profile.month_start = 15
    profile.save()
    spend(alice, "7", "2018-03-02")
    old = Alert.objects.get(period_start=date(2018, 3, 1))
    [alert] = alerts_shown(move_to_today(alice.pk), [old])
    assert (alert["status"], alert["total"]) == ("resolved", "117.00")


def test_active_means_open_and_now() -> None:
    with at("2026-03-10"):
        alice = make_user()
        limit(alice, "100", levels=[100])
        spend(alice, "100", "2026-03-01")
        spend(alice, "100", "2026-02-01")
        active = {a.period_start: a for a in Alert.objects.all()}
        described = alerts_shown(move_to_today(alice.pk), list(active.values()))
    assert {(a["period_start"], a["active"], a["late"]) for a in described} == {
        ("2026-03-01", True, False),
        ("2026-02-01", False, True),
    }
    with at("2026-04-01"):
        assert not any(a["active"] for a in told(alice).values())
    assert Ledger.objects.get().as_of == date(2026, 4, 1)


def test_a_threshold_shows_where_it_stands_today() -> None:
    with at("2026-03-10"):
        alice = make_user()
        limit(alice, "100", of="Food")
        limit(alice, "100", "transaction")
        spend(alice, "85.50", "2026-03-31", to="Food")
        food, single = thresholds_shown(
            move_to_today(alice.pk), list(Threshold.objects.select_related("category"))
        )
    assert food["current"] == {
        "period_start": "2026-03-01",
        "period_end": "2026-04-01",
        "total": "85.50",
        "limit": "100.00",
        "carried": None,
        "remaining": "14.50",
        "percent": 85,
        "level_reached": 80,
        "conditions": [],
        "forecast": {
            "projected": "85.50",
            "spent": "0.00",
            "later": "85.50",
            "days_elapsed": 10,
            "days": 31,
            "formula": "0.00 * 31 / 10 + 85.50",
        },
        "as_of": "2026-03-10",
    }
    assert single["current"] is None


def test_describing_two_or_two_hundred_takes_the_same_number_of_queries() -> None:
    alice = make_user()
    limit(alice, "1", "daily")
    limit(alice, "1", "transaction")
    for day in range(1, 29):
        spend(alice, "2", f"2018-03-{day:02}")
    alerts = list(Alert.objects.all())
    assert len(alerts) == 112
    ledger = move_to_today(alice.pk)
    counts = []
    for some in (alerts[:1] + alerts[-1:], alerts):
        with CaptureQueriesContext(connection) as queries:
            alerts_shown(ledger, some)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 3


def test_acknowledging_is_an_event_and_ends_with_the_next_episode() -> None:
    alice = make_user()
    limit(alice, "100", levels=[100])
    row = spend(alice, "100")
    alert = Alert.objects.get()
    acknowledge(alice.pk, alert.pk)
    acknowledge(alice.pk, alert.pk)
    assert told(alice)[100]["acknowledged_at"] is not None
    assert told(alice)[100]["status"] == "open"
    row.delete()
    spend(alice, "100")
    assert told(alice)[100]["acknowledged_at"] is None
    kinds = AlertEvent.objects.order_by("seq").values_list("kind", flat=True)
    assert list(kinds) == ["opened", "acknowledged", "resolved", "opened"]


def test_nobody_acknowledges_another_users_alert() -> None:
    alice = make_user()
    limit(alice, "100")
    spend(alice, "100")
    with pytest.raises(Alert.DoesNotExist):
        acknowledge(make_user("charlie").pk, Alert.objects.all()[0].pk)


def test_a_custom_alert_says_what_its_user_wrote_and_no_write_resolves_it() -> None:
    alice = make_user()
    threshold = limit(alice, "100")
    raise_custom_alert(alice.pk, "Ask the bank", threshold)
    spend(alice, "1").delete()
    threshold.delete()
    alert = told(alice)[None]
    assert (alert["message"], alert["status"], alert["active"]) == ("Ask the bank", "open", True)
    assert (alert["total"], alert["then"], alert["period_start"]) == (None, None, None)
