"""The tick: every user's day, in every time zone."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from budget import engine
from budget.engine import audit, move_day
from budget.models import Alert, AlertEvent, Ledger, Profile, Threshold
from budget.models.ledger import open_book
from budget.tests.people import at, limit, make_user, open_levels, spend
from budget.tests.test_audit import TODAY, make_life

pytestmark = pytest.mark.django_db


def settle(user: User, zone: str) -> None:
    profile = Profile.objects.get(user=user)
    profile.time_zone = zone
    profile.save()


def day_of(user: User) -> date:
    return Ledger.objects.get(user=user).as_of


def test_each_user_is_moved_when_the_day_begins_where_they_live() -> None:
    with at("2018-03-05T09:30"):
        zones = {"Pacific/Kiritimati": "kim", "Europe/Berlin": "bea", "America/New_York": "nat"}
        users = {zone: make_user(name) for zone, name in zones.items()}
        for zone, user in users.items():
            settle(user, zone)
    # In Kiritimati it is the 6th from 10:00 UTC on.
    with at("2018-03-05T10:30"):
        assert engine.lag().users == 1
        assert engine.lag().seconds == 30 * 60
        assert engine.tick() == 1
    assert [str(day_of(user)) for user in users.values()] == [
        "2018-03-06",
        "2018-03-05",
        "2018-03-05",
    ]
    with at("2018-03-06T04:59"):
        assert engine.tick() == 1
        assert engine.tick() == 0
    with at("2018-03-06T05:01"):
        assert engine.tick() == 1
        assert engine.lag() == (0, 0)
    assert {str(day_of(user)) for user in users.values()} == {"2018-03-06"}


def test_a_day_that_a_country_left_out_is_left_out() -> None:
    """Samoa went from 29 to 31 December 2011."""
    with at("2011-12-30T09:00"):
        user = make_user()
        settle(user, "Pacific/Apia")
        limit(user, "10", "daily", operator="lte", levels=[100])
    assert str(day_of(user)) == "2011-12-29"
    with at("2011-12-30T10:30"):
        engine.tick()
    assert str(day_of(user)) == "2011-12-31"
    # The day that was not is a finished day without spending all the same.
    assert [day for day, _ in open_levels(user)] == ["2011-12-29", "2011-12-30"]


def test_an_hour_that_comes_twice_moves_nobody_twice() -> None:
    with at("2018-10-27T21:30"):
        user = make_user()
        settle(user, "Europe/Berlin")
        limit(user, "10", "daily", operator="lte", levels=[100])
    for moment in ("2018-10-27T22:30", "2018-10-28T00:30", "2018-10-28T01:30"):
        with at(moment):
            engine.tick()
    assert [day for day, _ in open_levels(user)] == ["2018-10-27"]
    assert AlertEvent.objects.filter(user=user).count() == 1


def test_a_new_day_moves_windows_closes_periods_and_forecasts_anew() -> None:
    with at("2018-03-02T12:00"):
        user = make_user()
        limit(user, "50", "rolling", days=3, levels=[100], name="three days")
        limit(user, "70", "monthly", operator="lt", levels=[100], name="frugal")
        limit(user, "200", "monthly", forecast=True, levels=[100], name="pace")
        spend(user, "60", "2018-03-02")
    assert [alert.kind for alert in Alert.objects.open()] == ["threshold"]
    with at("2018-03-04T12:00"):
        engine.tick()
    # 60 in four of 31 days; three are less than a tenth of them.
    pace = Alert.objects.get(kind="forecast")
    assert (pace.status, pace.then_total) == ("open", Decimal("465.00"))
    with at("2018-04-01T12:00"):
        engine.tick()
    shown = {
        (alert.threshold.name if alert.threshold else "", alert.kind): alert.status
        for alert in Alert.objects.select_related("threshold")
    }
    assert shown == {
        ("three days", "threshold"): "resolved",
        ("pace", "forecast"): "resolved",
        ("frugal", "threshold"): "open",
    }
    causes = AlertEvent.objects.order_by("seq").values_list("kind", "cause")
    assert list(causes) == [
        ("opened", "transaction"),
        ("opened", "day"),
        ("resolved", "day"),
        ("opened", "period_end"),
        ("resolved", "period_end"),
    ]


def test_a_rolling_window_that_leaves_its_tipping_row_names_the_next() -> None:
    with at("2018-03-01T12:00"):
        user = make_user()
        limit(user, "50", "rolling", days=3, levels=[100])
        spend(user, "60", "2018-03-01")
    with at("2018-03-02T12:00"):
        second = spend(user, "55", "2018-03-02")
    with at("2018-03-04T12:00"):
        engine.tick()
    alert = Alert.objects.get()
    assert (alert.status, alert.transaction_id) == ("open", second.pk)


def test_batches_of_any_size_do_the_same() -> None:
    with at("2018-03-05T12:00"):
        users = [make_user(f"user {number}") for number in range(5)]
        for number, user in enumerate(users):
            spend(user, f"{number * 10 + 1}", "2018-03-05")
            limit(user, "20", "daily", operator="lte", levels=[100])
    told: list[int] = []
    with at("2018-03-06T12:00"):
        assert engine.tick(batch=2, progress=told.append) == 5
    assert told == [2, 2, 1]
    assert [len(open_levels(user)) for user in users] == [1, 1, 0, 0, 0]
    assert not any(engine.reconcile(user.pk) for user in users)


def test_the_statements_of_a_batch_do_not_grow_with_its_users() -> None:
    def queries(count: int, day: int) -> int:
        with at(f"2018-03-{day:02}T12:00"):
            for number in range(count):
                limit(make_user(f"{day} {number}"), "20", "daily", operator="lte", levels=[100])
        with at(f"2018-03-{day + 1:02}T12:00"), CaptureQueriesContext(connection) as ran:
            engine.tick()
        return len(ran)

    assert queries(9, 9) <= queries(2, 5)


def test_windows_of_many_users_leave_their_tipping_rows_in_as_few_statements() -> None:
    """Each alert names the next row of its user, as for one user by itself."""

    def queries(month: int, count: int) -> int:
        with at(f"2018-{month:02}-01T12:00"):
            users = [make_user(f"{month} {number}") for number in range(count)]
            for user in users:
                limit(user, "50", "rolling", days=3, levels=[80, 100])
                spend(user, "60", f"2018-{month:02}-01")
        with at(f"2018-{month:02}-02T12:00"):
            # The level is reached by the second row of the day, or only by the last of the window.
            rows = [
                [spend(user, str(amount), f"2018-{month:02}-02") for amount in (30, 11 + number)]
                for number, user in enumerate(users)
            ]
            last = [spend(user, "40", f"2018-{month:02}-03") for user in users]
        with at(f"2018-{month:02}-04T12:00"), CaptureQueriesContext(connection) as ran:
            assert engine.tick() >= count
        for number, user in enumerate(users):
            tips = dict(Alert.objects.filter(user=user).values_list("level", "transaction_id"))
            first = rows[number][1].pk
            assert tips == {80: first, 100: first if number >= 9 else last[number].pk}
            assert not engine.reconcile(user.pk)
        return len(ran)

    # In the batch of each of the others is a user for whom nothing changes, and some whose alerts
    # resolve, as their windows have left all rows.
    with at("2018-01-01"):
        make_user()
    queries(1, 2)
    few = queries(3, 2)
    assert queries(5, 10) <= few


def test_the_command_says_how_many_and_how_fast() -> None:
    with at("2018-03-05T12:00"):
        make_user()
    out = StringIO()
    with at("2018-03-06T12:00"):
        call_command("tick", stdout=out)
    assert out.getvalue().startswith("1 user moved to a new day in ")


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite locks no single row")
def test_a_ledger_that_is_being_written_to_is_waited_for_last() -> None:
    """The batch passes over it, so that one slow writer holds nobody else up."""
    import threading

    from django.db import connections

    with at("2018-03-05T12:00"):
        slow, other = make_user("slow"), make_user("other")
    held, seen = threading.Event(), threading.Event()

    def write() -> None:
        try:
            with open_book(slow.pk):
                held.set()
                seen.wait(60)
        finally:
            connections.close_all()

    writer = threading.Thread(target=write)
    writer.start()
    held.wait(60)
    moved: list[date] = []

    def progress(users: int) -> None:
        moved.append(day_of(other))
        seen.set()

    with at("2018-03-06T12:00"):
        assert engine.tick(progress=progress) == 2
    writer.join()
    assert moved[0] == date(2018, 3, 6)
    assert day_of(slow) == date(2018, 3, 6)


def state_of(users: Sequence[User]) -> list[object]:
    """All that a new day may change, but for the instants."""
    alerts = Alert.objects.filter(user__in=users).order_by("user", "threshold", "period_start")
    events = AlertEvent.objects.filter(user__in=users).order_by("user", "seq")
    ledgers = Ledger.objects.filter(user__in=users).order_by("user")
    key = ("user", "threshold", "revision", "period_start", "subject", "level")
    shown = ("status", "episodes", "late", "transaction", "then_total", "then_limit")
    return [
        sorted(alerts.values_list(*key, *shown, "period_end", "active_until")),
        list(events.values_list("user", "seq", "kind", "cause", "total", "limit")),
        list(ledgers.values_list("user", "as_of", "version", "event_seq")),
    ]


@pytest.mark.parametrize("seed", range(2))
def test_many_users_are_moved_as_each_of_them_alone(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    users = [make_life(rng, f"user {number}") for number in range(3)]
    flipped = 0
    day = TODAY
    for _ in range(12):
        day += timedelta(days=rng.choice([1, 1, 2, 7, 33]))
        with at(day):
            before = AlertEvent.objects.count()
            with transaction.atomic():
                for user in users:
                    with open_book(user.pk) as book:
                        move_day(book)
                one_by_one = state_of(users)
                transaction.set_rollback(True)
            assert engine.tick(batch=2) == len(users)
            assert state_of(users) == one_by_one
            flipped += AlertEvent.objects.count() - before
    assert flipped > 20
    ledgers = {ledger.user_id: ledger.state() for ledger in Ledger.objects.all()}
    assert audit.suspects(ledgers) == set()


def test_a_threshold_is_judged_for_all_the_days_since_anybody_looked() -> None:
    with at("2018-03-05T12:00"):
        user = make_user()
        threshold = limit(user, "5", "daily", operator="lte", levels=[100])
        spend(user, "6", "2018-03-07")
    assert Threshold.objects.get(pk=threshold.pk).starts_on == date(2018, 3, 5)
    with at("2018-03-09T12:00"):
        engine.tick()
    assert [day for day, _ in open_levels(user)] == ["2018-03-05", "2018-03-06", "2018-03-08"]


# Planner settings under which PostgreSQL compares rows one by one, as it may on any small table.
ONE_BY_ONE = ("hashjoin", "mergejoin", "sort", "material", "hashagg", "memoize", "seqscan")


@pytest.mark.postgres
@pytest.mark.parametrize("left_on", [None, *ONE_BY_ONE])
def test_a_batch_holds_no_more_users_than_it_is_given_however_it_is_planned(
    left_on: str | None,
) -> None:
    with at("2018-03-05T12:00"):
        users = [make_user(f"user {number}") for number in range(5)]
    with connection.cursor() as cursor:
        for name in ONE_BY_ONE:
            cursor.execute(f"SET LOCAL enable_{name} = {'on' if name == left_on else 'off'}")
    told: list[int] = []
    with at("2018-03-06T12:00"):
        assert engine.tick(batch=2, progress=told.append) == 5
    assert told == [2, 2, 1]
    assert {str(day_of(user)) for user in users} == {"2018-03-06"}


SOURCES = [
    path
    for folder in ("accounts", "api", "budget", "financial_alerts", "lib", "support")
    for path in (settings.BASE_DIR / folder).rglob("*.py")
    if not {"tests", "migrations"} & set(path.relative_to(settings.BASE_DIR).parts)
]
TEXT = re.compile(r'"""(.*?)"""|"([^"\n]*)"', re.DOTALL)


def unlimited(source: str) -> list[str]:
    """The statements in a source that lock or delete by a LIMIT which a plan may run again."""
    statements = [long or short for long, short in TEXT.findall(source)]
    writing = [one for one in statements if re.search(r"\b(UPDATE|DELETE FROM)\b", one)]
    return [one for one in writing if "LIMIT" in one and "AS MATERIALIZED" not in one]


def test_no_statement_locks_or_deletes_by_a_limit_that_may_run_again() -> None:
    assert {path.name: found for path in SOURCES if (found := unlimited(path.read_text()))} == {}
    control = '"""DELETE FROM t WHERE id IN (SELECT id FROM t LIMIT %s FOR UPDATE SKIP LOCKED)"""'
    assert len(unlimited(control)) == 1
    assert len(SOURCES) > 100
