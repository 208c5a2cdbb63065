"""Events reach endpoints: signed, each once, and only what is true when it leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import DataError, InterfaceError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from standardwebhooks import Webhook

from budget.delivering import Deliverer, dispatch, health, messages, replay, schedule, sql, worker
from budget.delivering.dispatch import IMPORT_QUIET
from budget.delivering.endpoints import put, stop
from budget.delivering.health import Watch, lag
from budget.engine import acknowledge, raise_custom_alert, record_transactions
from budget.models import (
    Alert,
    AlertEvent,
    Cause,
    Delivery,
    DeliveryTry,
    Endpoint,
    Import,
    Transaction,
)
from budget.models.endpoint import EndpointState
from budget.models.ledger import open_book
from budget.tests.people import limit, make_user, spend, transaction_of
from budget.tests.receiver import Answer, Got, Receiver, receiving
from financial_alerts.tests.postgres import ROOT
from lib.logs import Json

# Its threads answer; all statements are this thread's.
pytestmark = pytest.mark.django_db
# The package has a function of this name.
dispatching = import_module("budget.delivering.dispatch")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def alice() -> User:
    return make_user()


def endpoint_of(user: User, receiver: Receiver, **fields: Any) -> Endpoint:
    return Endpoint.objects.create(user=user, url=receiver.url, seq=user.ledger.event_seq, **fields)


def deliver(receiver: Receiver) -> dict[str, int]:
    """Send what is due now."""
    return dict(+Deliverer(receiver.guard, threads=3).run_once())


def due_again() -> None:
    """Let what waits for another try be due."""
    Delivery.objects.filter(state="pending").update(due_at=timezone.now())


def verified(got: Got, secret: str) -> Any:
    """The message as the reference library takes it; raises where the signature is not good."""
    return Webhook(secret).verify(got.body.decode(), got.headers)


def buy(user: User, amount: str, **fields: Any) -> Transaction:
    """Spend today: an alert of a period that is over is late, and not reported."""
    return spend(user, amount, str(timezone.now().date()), **fields)


def states() -> list[str]:
    return list(Delivery.objects.order_by("id").values_list("state", flat=True))


def test_an_alert_that_opens_arrives_once_signed_with_its_numbers(
    alice: User, receiver: Receiver
) -> None:
    limit(alice, "100.00", of="Food", name="Food", levels=[100])
    endpoint = endpoint_of(alice, receiver)
    row = buy(alice, "120.00", to="Food")
    assert deliver(receiver) == {"delivered": 1}
    assert deliver(receiver) == {}
    (got,) = receiver.got
    message = verified(got, endpoint.secret)
    event = AlertEvent.objects.get()
    assert got.id == f"event_{alice.pk}_{event.seq}"
    assert message["type"] == "alert.opened"
    data = message["data"]
    assert (data["seq"], data["total"], data["limit"]) == (event.seq, "120.00", "100.00")
    assert data["transaction"] == row.pk
    assert data["alert"]["status"] == "open"
    assert data["alert"]["total"] == "120.00"


def test_the_numbers_of_then_and_of_now(alice: User, receiver: Receiver) -> None:
    limit(alice, "100.00", of="Food", levels=[100])
    endpoint_of(alice, receiver)
    buy(alice, "120.00", to="Food")
    buy(alice, "30.00", to="Food")
    deliver(receiver)
    data = receiver.got[0].json["data"]
    assert (data["total"], data["alert"]["total"]) == ("120.00", "150.00")


@pytest.mark.parametrize(("brief", "types"), [("nothing", []), ("once", ["alert.passed"])])
def test_what_opened_and_resolved_before_it_left_is_folded(
    alice: User, receiver: Receiver, brief: str, types: list[str]
) -> None:
    limit(alice, "100.00", of="Food", levels=[100])
    endpoint = endpoint_of(alice, receiver, brief=brief)
    buy(alice, "120.00", to="Food").delete()
    deliver(receiver)
    assert receiver.types == types
    endpoint.refresh_from_db()
    assert endpoint.folded == 2 - len(types)


def test_what_was_told_open_is_told_resolved(alice: User, receiver: Receiver) -> None:
    limit(alice, "100.00", of="Food", levels=[100])
    endpoint_of(alice, receiver)
    row = buy(alice, "120.00", to="Food")
    deliver(receiver)
    row.delete()
    deliver(receiver)
    assert receiver.types == ["alert.opened", "alert.resolved"]


def test_what_may_have_been_told_open_is_told_resolved(alice: User, receiver: Receiver) -> None:
    """The try failed, but who knows whether the message arrived."""
    limit(alice, "100.00", of="Food", levels=[100])
    endpoint_of(alice, receiver)
    receiver.answer = lambda got: (500, {}, b"")
    row = buy(alice, "120.00", to="Food")
    deliver(receiver)
    row.delete()
    receiver.answer = lambda got: (204, {}, b"")
    due_again()
    deliver(receiver)
    assert receiver.types == ["alert.opened", "alert.resolved"]
    assert states() == ["folded", "delivered"]


def test_a_resolving_that_may_be_lost_is_told_after_all(alice: User, receiver: Receiver) -> None:
    """It failed, and was no longer true when its next try came; the receiver knows it as open."""
    limit(alice, "100.00", of="Food", levels=[100])
    endpoint_of(alice, receiver)
    row = buy(alice, "120.00", to="Food")
    deliver(receiver)
    row.delete()
    receiver.answer = lambda got: (500, {}, b"")
    deliver(receiver)
    again = buy(alice, "130.00", to="Food")
    receiver.answer = lambda got: (204, {}, b"")
    again.delete()
    due_again()
    deliver(receiver)
    assert receiver.types == ["alert.opened", "alert.resolved", "alert.resolved"]
    assert states() == ["delivered", "folded", "folded", "delivered"]


def test_of_an_alert_that_comes_and_goes_the_last_state_is_told(
    alice: User, receiver: Receiver
) -> None:
    """Opened is reported; then it resolves, opens and resolves again before anything leaves."""
    limit(alice, "100.00", of="Food", levels=[100])
    endpoint_of(alice, receiver)
    row = buy(alice, "120.00", to="Food")
    deliver(receiver)
    row.delete()
    buy(alice, "130.00", to="Food").delete()
    deliver(receiver)
    assert receiver.types == ["alert.opened", "alert.resolved"]
    assert states() == ["delivered", "folded", "folded", "delivered"]


def test_what_resolved_is_not_told_of_a_re_opened_alert(alice: User, receiver: Receiver) -> None:
    limit(alice, "100.00", of="Food", levels=[100])
    endpoint_of(alice, receiver)
    buy(alice, "120.00", to="Food").delete()
    buy(alice, "140.00", to="Food")
    deliver(receiver)
    assert receiver.types == ["alert.opened"]
    assert receiver.got[0].json["data"]["alert"]["episodes"] == 2


def test_an_opening_from_before_the_endpoint_is_taken_for_told(
    alice: User, receiver: Receiver
) -> None:
    limit(alice, "100.00", of="Food", levels=[100])
    row = buy(alice, "120.00", to="Food")
    endpoint_of(alice, receiver)
    row.delete()
    deliver(receiver)
    assert receiver.types == ["alert.resolved"]


def test_filters_by_kind_threshold_and_level(alice: User, receiver: Receiver) -> None:
    food = limit(alice, "100.00", of="Food", name="Food")
    limit(alice, "100.00", of="Fun", name="Fun")
    endpoint_of(alice, receiver, thresholds=[food.pk], levels=[100], kinds=["opened"])
    buy(alice, "100.00", to="Food")
    buy(alice, "100.00", to="Fun").delete()
    raise_custom_alert(alice.pk, "Mind this")
    deliver(receiver)
    (got,) = receiver.got
    assert got.json["data"]["alert"]["threshold"] == food.pk
    assert got.json["data"]["alert"]["level"] == 100


def test_acknowledged_is_told_where_asked_for(alice: User, receiver: Receiver) -> None:
    endpoint_of(alice, receiver, kinds=["acknowledged", "unacknowledged"])
    alert = raise_custom_alert(alice.pk, "Mind this")
    acknowledge(alice.pk, alert.pk)
    deliver(receiver)
    acknowledge(alice.pk, alert.pk, False)
    acknowledge(alice.pk, alert.pk)
    deliver(receiver)
    assert receiver.types == ["alert.acknowledged"] * 2


@pytest.mark.parametrize("late", [False, True])
def test_late_alerts_of_past_periods_are_told_where_asked_for(
    alice: User, receiver: Receiver, late: bool
) -> None:
    limit(alice, "100.00", of="Food", levels=[100])
    endpoint_of(alice, receiver, late=late)
    spend(alice, "120.00", "2018-01-05", to="Food")
    assert Alert.objects.get().late
    deliver(receiver)
    assert len(receiver.got) == late


def import_rows(user: User, *rows: Any) -> None:
    with open_book(user.pk):
        record_transactions(user.pk, [*rows], cause=Cause.IMPORT)


def after_the_import() -> Any:
    later = timezone.now() + IMPORT_QUIET + timedelta(seconds=1)
    return mock.patch("django.utils.timezone.now", return_value=later)


def test_an_import_makes_one_message(alice: User, receiver: Receiver) -> None:
    limit(alice, "10.00", "daily", of="Food", levels=[100])
    endpoint_of(alice, receiver, late=True)
    days = [f"2018-03-{day:02}" for day in range(1, 26)]
    for some in (days[:20], days[20:]):
        import_rows(alice, *(transaction_of(alice, "12.00", day, to="Food") for day in some))
        assert deliver(receiver) == {}
    with after_the_import():
        assert deliver(receiver) == {"delivered": 1}
    (got,) = receiver.got
    message = got.json
    assert message["type"] == "alerts.imported"
    assert message["data"]["opened"] == 25
    assert len(message["data"]["events"]) == 10
    assert len(got.body) < 20_000


BEGUN = datetime(2018, 3, 5, 12, tzinfo=UTC)


def running(user: User, lease: timedelta | None = timedelta(minutes=1), **fields: Any) -> Import:
    """An import in the hands of a worker that has just shown itself; of a command without lease."""
    now = timezone.now()
    due_at = None if lease is None else now + lease
    values = {"state": "running", "created_at": now, **fields}
    return Import.objects.create(user=user, name="bank.csv", due_at=due_at, **values)


def commit_rows(user: User, day: int, minutes: float) -> None:
    """One commit of an import, some minutes after it has begun: an alert."""
    with clock(minutes):
        import_rows(user, transaction_of(user, "12.00", f"2018-03-{day:02}", to="Food"))
        Import.objects.filter(due_at__isnull=False).update(
            due_at=timezone.now() + timedelta(minutes=1)
        )


def clock(minutes: float) -> Any:
    at = BEGUN + timedelta(minutes=minutes)
    return mock.patch("django.utils.timezone.now", return_value=at)


@pytest.fixture
def importing(receiver: Receiver) -> User:
    """Somebody with an endpoint and a daily threshold, just before an import."""
    with clock(-1):
        user = make_user()
        limit(user, "10.00", "daily", of="Food", levels=[100])
        endpoint_of(user, receiver, late=True)
    return user


def deliver_at(receiver: Receiver, minutes: float) -> list[int]:
    """What arrives then: of each message how many alerts it says have opened."""
    before = len(receiver.got)
    with clock(minutes):
        deliver(receiver)
    return [got.json["data"]["opened"] for got in receiver.got[before:]]


@pytest.mark.parametrize("lease", [timedelta(minutes=1), None], ids=["worker", "command"])
def test_an_import_with_pauses_makes_one_message_after_its_end(
    importing: User, receiver: Receiver, lease: timedelta | None
) -> None:
    with clock(0):
        found = running(importing, lease)
    for day, minutes in ((1, 0.0), (2, 0.6), (3, 1.2)):
        commit_rows(importing, day, minutes)
        for wait in (0.01, 0.3, 0.5):
            assert deliver_at(receiver, minutes + wait) == []
    with clock(1.8):
        Import.objects.filter(pk=found.pk).update(state="done", due_at=None)
    assert deliver_at(receiver, 1.9) == [3]
    assert deliver_at(receiver, 90) == []
    assert receiver.types == ["alerts.imported"]


@pytest.mark.parametrize("lease", [timedelta(minutes=1), None], ids=["worker", "command"])
def test_an_import_that_was_killed_holds_up_its_message_for_two_minutes(
    importing: User, receiver: Receiver, lease: timedelta | None
) -> None:
    with clock(0):
        running(importing, lease)
    commit_rows(importing, 1, 0)
    assert deliver_at(receiver, 0.9) == []
    assert deliver_at(receiver, 2.1) == [1]


def test_an_import_without_an_end_is_told_by_the_hour(importing: User, receiver: Receiver) -> None:
    with clock(0):
        running(importing)
    told = []
    for minutes in range(0, 100, 10):
        commit_rows(importing, 1 + minutes // 10, minutes)
        told += deliver_at(receiver, minutes + 0.1) + deliver_at(receiver, minutes + 0.5)
    assert told == [7]


@pytest.mark.parametrize(
    "fields", [{"dry_run": True}, {"state": "waiting"}, {"state": "asking", "lease": None}]
)
def test_another_import_that_stores_nothing_yet_holds_up_no_message(
    importing: User, receiver: Receiver, fields: dict[str, Any]
) -> None:
    commit_rows(importing, 1, 0)
    with clock(0):
        running(importing, **fields)
    assert deliver_at(receiver, 0.1) == []
    assert deliver_at(receiver, 0.5) == [1]


def test_an_import_is_told_with_events_of_its_end_that_nobody_has_looked_at(
    importing: User, receiver: Receiver
) -> None:
    commit_rows(importing, 1, 0)
    assert deliver_at(receiver, 0) == []
    commit_rows(importing, 2, 0.5)
    with mock.patch.object(worker, "dispatch", return_value=0):
        assert deliver_at(receiver, 0.5) == []
    assert deliver_at(receiver, 0.6) == []
    assert deliver_at(receiver, 1) == [2]


def test_an_import_that_goes_on_while_its_message_is_made_makes_no_second_one(
    importing: User, receiver: Receiver
) -> None:
    commit_rows(importing, 1, 0)
    with clock(0):
        dispatch()
    with clock(0.5):
        now = timezone.now()
        (row,) = sql.take(now, now + worker.LEASE, "another", 10)
    commit_rows(importing, 2, 0.5)
    with clock(0.5):
        dispatch()
        assert sql.leave(now, "another", [row.id]) == set()
    assert deliver_at(receiver, 1) == [2]


def test_a_failed_try_is_readable_and_made_again_at_its_time(
    alice: User, receiver: Receiver
) -> None:
    endpoint = endpoint_of(alice, receiver)
    raise_custom_alert(alice.pk, "Mind this")
    receiver.answer = lambda got: (500, {}, "Überlast".encode() * 500)
    before = timezone.now()
    deliver(receiver)
    row = Delivery.objects.get()
    assert (row.state, row.tries, row.status) == ("pending", 1, 500)
    assert timedelta(seconds=3) < row.due_at - before < timedelta(seconds=16)
    (tried,) = DeliveryTry.objects.all()
    assert tried.status == 500
    assert tried.text.startswith("Überlast")
    assert len(tried.text.encode()) <= 1026
    endpoint.refresh_from_db()
    assert endpoint.failing_since is not None
    receiver.answer = lambda got: (200, {}, b"thanks")
    due_again()
    deliver(receiver)
    assert len({got.id for got in receiver.got}) == 1
    healed = Endpoint.objects.get()
    assert (healed.delivered, healed.failed) == (1, 1)
    assert healed.failing_since is None


def test_no_answer_is_a_try_too(alice: User, receiver: Receiver) -> None:
    endpoint_of(alice, receiver)
    Endpoint.objects.update(url=receiver.url.replace("localhost", "127.0.0.2"))
    raise_custom_alert(alice.pk, "Mind this")
    deliver(receiver)
    (tried,) = DeliveryTry.objects.all()
    assert tried.status is None
    assert "outside" in tried.text


def test_retry_after_is_obeyed_for_all_that_waits(alice: User, receiver: Receiver) -> None:
    endpoint_of(alice, receiver)
    raise_custom_alert(alice.pk, "Mind this")
    receiver.answer = lambda got: (429, {"Retry-After": "7200"}, b"")
    deliver(receiver)
    raise_custom_alert(alice.pk, "And that")
    deliver(receiver)
    assert len(receiver.got) == 1
    until = timezone.now() + timedelta(seconds=7100)
    assert all(row.due_at > until for row in Delivery.objects.all())
    assert Delivery.objects.count() == 2


def test_gone_switches_off_and_the_owner_is_told(alice: User, receiver: Receiver) -> None:
    endpoint = endpoint_of(alice, receiver)
    raise_custom_alert(alice.pk, "Mind this")
    receiver.answer = lambda got: (410, {}, b"")
    deliver(receiver)
    endpoint.refresh_from_db()
    assert endpoint.state == "off"
    assert "410" in endpoint.because
    reported = Alert.objects.latest("id").message
    assert f"Endpoint {endpoint.pk} ({endpoint.url}) is off" in reported
    assert states() == ["failed"]


def test_an_endpoint_that_only_fails_is_paused_and_goes_on_where_it_stopped(
    alice: User, receiver: Receiver
) -> None:
    endpoint = endpoint_of(alice, receiver)
    raise_custom_alert(alice.pk, "Mind this")
    receiver.answer = lambda got: (500, {}, b"")
    for _ in range(schedule.MAX_TRIES):
        deliver(receiver)
        due_again()
    assert states() == ["failed"]
    assert Delivery.objects.get().tries == 10
    endpoint.refresh_from_db()
    assert endpoint.state == "paused"
    assert "10 tries" in Alert.objects.latest("id").message
    deliver(receiver)
    assert len(receiver.got) == 10
    receiver.answer = lambda got: (204, {}, b"")
    with open_book(alice.pk) as book:
        put(book, endpoint, EndpointState.ON)
    deliver(receiver)
    assert receiver.types[10:] == ["alert.opened"]
    assert "paused" in receiver.got[-1].json["data"]["alert"]["message"]


def test_one_message_that_fails_does_not_pause_an_endpoint_that_works(
    alice: User, receiver: Receiver
) -> None:
    endpoint = endpoint_of(alice, receiver)
    raise_custom_alert(alice.pk, "poison")
    raise_custom_alert(alice.pk, "good")
    receiver.answer = lambda got: (400 if b"poison" in got.body else 204, {}, b"")
    Endpoint.objects.update(delivered=0)
    deliver(receiver)
    for _ in range(schedule.MAX_TRIES):
        raise_custom_alert(alice.pk, "good")
        due_again()
        deliver(receiver)
    endpoint.refresh_from_db()
    assert endpoint.state == "on"
    assert states()[0] == "failed"


def test_the_schedule_takes_three_days() -> None:
    now = datetime(2018, 3, 5, tzinfo=UTC)
    at = now
    for tries in range(1, schedule.MAX_TRIES):
        due = schedule.next_try(tries, at)
        assert due is not None
        at = due
    assert timedelta(days=2.4) < at - now < timedelta(days=3.9)
    assert schedule.next_try(schedule.MAX_TRIES, now) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        ("999999999999", 24 * 3600),
        ("Mon, 05 Mar 2018 00:01:00 GMT", 60),
        ("Mon, 05 Mar 2016 00:01:00 GMT", None),
        ("soon", None),
        ("-5", None),
        ("0", None),
        ("²", None),
        ("Mon, 05 Mar 99999999999999999999 00:01:00 GMT", None),
    ],
)
def test_retry_after_in_seconds_and_as_a_date(text: str, seconds: int | None) -> None:
    now = datetime(2018, 3, 5, tzinfo=UTC)
    wanted = None if seconds is None else now + timedelta(seconds=seconds)
    assert schedule.wished(text, now) == wanted


def test_both_secrets_sign_for_a_day(alice: User, receiver: Receiver) -> None:
    endpoint = endpoint_of(alice, receiver)
    old, new = endpoint.secret, endpoint.rotate(timezone.now())
    endpoint.save()
    raise_custom_alert(alice.pk, "Mind this")
    deliver(receiver)
    assert verified(receiver.got[0], old) == verified(receiver.got[0], new)
    endpoint.old_secret_until = timezone.now()
    endpoint.save()
    raise_custom_alert(alice.pk, "Mind that")
    deliver(receiver)
    verified(receiver.got[1], new)
    with pytest.raises(Exception, match="signature"):
        verified(receiver.got[1], old)


def test_a_quiet_time_lets_what_passes_go_untold(alice: User, receiver: Receiver) -> None:
    limit(alice, "100.00", of="Food", levels=[100])
    endpoint_of(alice, receiver, quiet=60)
    row = buy(alice, "120.00", to="Food")
    assert deliver(receiver) == {}
    row.delete()
    deliver(receiver)
    later = timezone.now() + timedelta(seconds=61)
    with mock.patch("django.utils.timezone.now", return_value=later):
        assert deliver(receiver) == {"folded": 2}


def test_two_dispatchers_make_one_delivery(alice: User, receiver: Receiver) -> None:
    endpoint = endpoint_of(alice, receiver)
    raise_custom_alert(alice.pk, "Mind this")
    dispatch()
    Endpoint.objects.filter(pk=endpoint.pk).update(seq=0)
    dispatch()
    assert Delivery.objects.count() == 1


def test_a_row_of_a_killed_process_comes_back_and_its_late_answer_changes_nothing(
    alice: User, receiver: Receiver
) -> None:
    endpoint_of(alice, receiver)
    raise_custom_alert(alice.pk, "Mind this")
    dispatch()
    now = timezone.now()
    lost = sql.take(now, now + timedelta(seconds=9), "a" * 32, 10)
    assert len(lost) == 1
    assert deliver(receiver) == {}
    Delivery.objects.update(due_at=timezone.now())
    assert deliver(receiver) == {"delivered": 1}
    late = sql.Outcome(lost[0].id, "pending", 1, now, None, 500)
    assert sql.settle("a" * 32, [late]) == set()
    assert states() == ["delivered"]


def test_what_is_in_hand_when_its_endpoint_is_switched_off_stays_given_up(
    alice: User, receiver: Receiver
) -> None:
    endpoint = endpoint_of(alice, receiver)
    raise_custom_alert(alice.pk, "Look")
    dispatch()
    now = timezone.now()
    (row,) = sql.take(now, now + timedelta(minutes=1), "mine", 10)
    with open_book(alice.pk) as book:
        put(book, endpoint, EndpointState.OFF)
    sql.settle("mine", [sql.Outcome(row.id, "pending", 1, now, None, 500)])
    assert states() == ["failed"]


def test_stopping_twice_tells_once(alice: User, receiver: Receiver) -> None:
    endpoint = endpoint_of(alice, receiver)
    assert stop(endpoint.pk, EndpointState.OFF, "Because.")
    assert not stop(endpoint.pk, EndpointState.OFF, "Because.")
    assert Alert.objects.count() == 1


def test_what_ended_long_ago_is_deleted(alice: User, receiver: Receiver) -> None:
    endpoint_of(alice, receiver)
    raise_custom_alert(alice.pk, "Mind this")
    deliver(receiver)
    deliver(receiver)
    assert Delivery.objects.count() == 1
    Delivery.objects.update(ended_at=timezone.now() - timedelta(days=31))
    deliver(receiver)
    assert (Delivery.objects.count(), DeliveryTry.objects.count()) == (0, 0)


def test_the_command(alice: User, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("deliver", "--once", "--threads", "1")
    assert capsys.readouterr().out == "0 delivered, 0 failed, 0 folded.\n"


@pytest.mark.postgres
def test_a_commit_tells_only_where_there_is_an_endpoint(alice: User, receiver: Receiver) -> None:
    limit(alice, "100.00", of="Food", levels=[100])
    with CaptureQueriesContext(connection) as queries:
        buy(alice, "120.00", to="Food")
    assert sum("pg_notify" in query["sql"] for query in queries) == 1


def test_one_users_error_does_not_hold_up_another(alice: User, receiver: Receiver) -> None:
    bob = make_user("bob")
    real = messages.messages_of

    def broken(user_id: int, *args: Any) -> Any:
        if user_id == alice.pk:
            raise ValueError
        return real(user_id, *args)

    for user in (alice, bob):
        endpoint_of(user, receiver)
        raise_custom_alert(user.pk, f"Mind this, {user.username}")
    with mock.patch.object(worker, "messages_of", broken):
        assert deliver(receiver) == {"delivered": 1, "failed": 1}
    assert "bob" in receiver.got[0].json["data"]["alert"]["message"]


def test_an_endpoint_that_cannot_be_looked_at_holds_up_no_other(
    alice: User, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """The others of its commit go on; it is named, passed over for a while, and misses nothing."""
    broken, other = endpoint_of(alice, receiver), endpoint_of(alice, receiver)
    raise_custom_alert(alice.pk, "Mind this")
    real, looked = dispatching.add, []

    def add(endpoint: Endpoint, *args: Any) -> None:
        real(endpoint, *args)
        if endpoint.pk == broken.pk:
            looked.append(endpoint.pk)
            with connection.cursor() as cursor:
                cursor.execute("SELECT no_such_column")

    deliverer = Deliverer(receiver.guard, threads=1)
    named = caplog.at_level("ERROR", "budget.delivering.dispatch")
    with named, mock.patch.object(dispatching, "add", add):
        assert dict(+deliverer.run_once()) == {"delivered": 1}
        # Together with the others, and by itself.
        assert len(looked) == 2
        dispatch(aside=deliverer.aside)
        assert len(looked) == 2
    assert Delivery.objects.get().endpoint == other
    assert f"endpoint {broken.pk}" in caplog.text
    assert f"endpoint {other.pk}" not in caplog.text
    deliver(receiver)
    assert sorted(Delivery.objects.values_list("endpoint", flat=True)) == [broken.pk, other.pk]
    assert len(receiver.got) == 2


def test_a_row_of_which_no_message_can_be_made_ends_and_is_seen(
    alice: User, receiver: Receiver
) -> None:
    """It holds up no other row of its user, and no other endpoint."""
    endpoint = endpoint_of(alice, receiver)
    for text in ("One", "Two", "Three"):
        raise_custom_alert(alice.pk, text)
    real = messages.State.verdict

    def broken(state: Any, row: Any, *args: Any) -> str:
        if row.seq == 2:
            raise DataError("value out of range")
        return real(state, row, *args)

    with mock.patch.object(messages.State, "verdict", broken):
        assert deliver(receiver) == {"delivered": 2, "failed": 1}
        for _ in range(schedule.MAX_TRIES):
            due_again()
            deliver(receiver)
    assert states() == ["delivered", "failed", "delivered"]
    made = DeliveryTry.objects.filter(delivery=Delivery.objects.get(seq=2))
    assert {one.text for one in made} == {"The message could not be made (DataError)."}
    assert (made.count(), made[0].status) == (schedule.MAX_TRIES, None)
    endpoint.refresh_from_db()
    assert (endpoint.state, endpoint.failing_since) == ("on", None)


def test_a_database_that_is_away_is_no_try(alice: User, receiver: Receiver) -> None:
    endpoint_of(alice, receiver)
    raise_custom_alert(alice.pk, "Mind this")
    gone = mock.Mock(side_effect=InterfaceError("connection already closed"))
    with mock.patch.object(worker, "messages_of", gone), pytest.raises(InterfaceError):
        deliver(receiver)
    assert not DeliveryTry.objects.exists()


def test_a_replay_begins_with_a_clean_sheet(alice: User, receiver: Receiver) -> None:
    """An endpoint that was paused after failing is not paused again for what failed before."""
    endpoint = endpoint_of(alice, receiver)
    long_ago = timezone.now() - timedelta(days=4)
    raise_custom_alert(alice.pk, "Mind this")
    Endpoint.objects.update(failing_since=long_ago)
    assert stop(endpoint.pk, EndpointState.PAUSED, "Nothing has arrived.", timezone.now())
    with open_book(alice.pk) as book:
        replay(book, endpoint, 0)
    assert (endpoint.state, endpoint.because, endpoint.seq) == ("on", "", 0)
    assert endpoint.failing_since is None
    deliver(receiver)
    assert receiver.types == ["alert.opened"] * 2


def seconds_behind() -> int:
    """How far deliveries are behind in a quarter of an hour."""
    return lag(timezone.now() + timedelta(minutes=15), worker.LEASE)


def test_the_lag_is_of_what_should_have_left(alice: User, receiver: Receiver) -> None:
    paused = endpoint_of(alice, receiver, state="paused")
    raise_custom_alert(alice.pk, "Mind this")
    assert seconds_behind() == 0
    # No row says so yet: no deliverer has looked.
    endpoint = endpoint_of(alice, receiver)
    raise_custom_alert(alice.pk, "Mind that")
    assert 895 <= seconds_behind() <= 905
    dispatch()
    assert 895 <= seconds_behind() <= 905
    Delivery.objects.update(due_at=timezone.now() + timedelta(minutes=20))
    assert seconds_behind() == 0
    # In the hands of a process that stands still.
    now = timezone.now()
    Delivery.objects.update(token="another", due_at=now + worker.LEASE)
    assert 895 <= seconds_behind() <= 905
    # It was tried: the rest is up to the receiver.
    Delivery.objects.update(token="", tries=1, due_at=now)
    assert seconds_behind() == 0
    paused.delete()
    endpoint.delete()
    assert seconds_behind() == 0


def test_a_line_a_minute_says_what_was_done_since_the_last(
    alice: User, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint_of(alice, receiver)
    deliverer = Deliverer(receiver.guard)
    deliverer.done.update(delivered=5, failed=2)
    with caplog.at_level("INFO", "financial_alerts.deliveries"):
        for _ in range(3):
            deliverer.reported -= worker.LINE_EVERY
            deliverer.log()
            deliverer.log()
            deliverer.done["delivered"] += 1
    formatter = Json()
    found = [json.loads(formatter.format(record))["result"] for record in caplog.records]
    none = {"delivered": 1, "folded": 0, "failed": 0, "given_up": 0, "lag_s": 0}
    assert found == [none | {"delivered": 5, "failed": 2}, none, none]


def test_a_deliverer_whose_threads_stand_still_does_not_go_on(
    alice: User, receiver: Receiver
) -> None:
    endpoint_of(alice, receiver)
    raise_custom_alert(alice.pk, "Mind this")
    held = threading.Event()

    def stand(got: Got) -> Answer:
        held.wait(20)
        return 204, {}, b""

    receiver.answer = stand
    deliverer = Deliverer(receiver.guard, threads=1, lease=timedelta(seconds=0.2))
    deliverer.start()
    assert deliverer.step(users_known=False)
    assert deliverer.goes_on()
    receiver.wait_for(0)
    time.sleep(0.5)
    assert not deliverer.goes_on()
    held.set()
    receiver.wait_for(1)
    deliverer.wait(5)
    deliverer.step()
    assert deliverer.goes_on()
    deliverer.end()
    deliverer.senders.append(threading.Thread())
    assert not deliverer.goes_on()


def test_a_process_that_no_longer_beats_ends(tmp_path: Path) -> None:
    ended = threading.Event()
    watch = Watch(tmp_path / "beat", ended.set)
    with mock.patch.multiple(health, LOOK=0.01, HUNG=0.2):
        thread = threading.Thread(target=watch.run)
        thread.start()
        for _ in range(20):
            watch.beat()
            time.sleep(0.02)
        assert not ended.is_set()
        assert ended.wait(10)
        thread.join()


@pytest.mark.parametrize(("age", "code"), [(0, 0), (3600, 1), (None, 1)])
def test_the_containers_check_looks_at_the_beat(tmp_path: Path, age: int | None, code: int) -> None:
    beat = tmp_path / "beat"
    if age is not None:
        Watch(beat)
        past = time.time() - age
        os.utime(beat, (past, past))
    script = str(ROOT / "deploy" / "healthcheck.py")
    done = subprocess.run([sys.executable, script, str(beat)], capture_output=True)
    assert done.returncode == code
