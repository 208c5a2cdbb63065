"""What a user chooses: when messages leave, how many, and of which alerts; on any channel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User

from budget.delivering import Deliverer, dispatch, replay, set_preferences
from budget.engine import acknowledge, close_custom_alert, raise_custom_alert, snooze
from budget.judge.kinds import Cause
from budget.models import Alert, AlertEvent, Delivery, Endpoint, Profile
from budget.models.ledger import open_book
from budget.tests.people import limit, make_user, spend
from budget.tests.receiver import Got, Receiver, receiving

pytestmark = pytest.mark.django_db
# A Monday; 22:30 in Berlin.
EVENING = datetime(2018, 3, 5, 21, 30, tzinfo=UTC)
MORNING = datetime(2018, 3, 6, 6, tzinfo=UTC)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def alice() -> User:
    with at(EVENING - timedelta(days=30)):
        user = make_user()
        profile = Profile.objects.get(user=user)
        profile.time_zone = "Europe/Berlin"
        profile.save()
    return user


@contextmanager
def at(now: datetime) -> Iterator[None]:
    with mock.patch("django.utils.timezone.now", return_value=now):
        yield


def endpoint_of(user: User, receiver: Receiver, **fields: Any) -> Endpoint:
    return Endpoint.objects.create(user=user, url=receiver.url, seq=user.ledger.event_seq, **fields)


def deliver(receiver: Receiver, now: datetime) -> dict[str, int]:
    with at(now):
        return dict(+Deliverer(receiver.guard, threads=2).run_once())


def tell(user: User, *texts: str, now: datetime = EVENING) -> list[Alert]:
    with at(now):
        return [raise_custom_alert(user.pk, text) for text in texts]


def told(receiver: Receiver) -> list[str]:
    return [got.json["data"]["alert"]["message"] for got in receiver.got]


def test_in_quiet_hours_nothing_leaves_and_after_them_what_is_true(
    alice: User, receiver: Receiver
) -> None:
    endpoint_of(alice, receiver, quiet_hours="22:00-07:00")
    one, _ = tell(alice, "Gone by morning", "Still there")
    assert deliver(receiver, EVENING) == {}
    assert {row.due_at for row in Delivery.objects.all()} == {MORNING}
    with at(EVENING + timedelta(hours=1)):
        close_custom_alert(alice.pk, one.pk)
    deliver(receiver, EVENING + timedelta(hours=2))
    assert receiver.got == []
    deliver(receiver, MORNING)
    assert told(receiver) == ["Still there"]


def test_a_try_that_comes_due_in_quiet_hours_waits(alice: User, receiver: Receiver) -> None:
    endpoint_of(alice, receiver, quiet_hours="23:00-07:00")
    tell(alice, "Look")
    receiver.answer = lambda got: (500, {}, b"")
    deliver(receiver, EVENING)
    Delivery.objects.update(due_at=EVENING + timedelta(hours=1))
    deliver(receiver, EVENING + timedelta(hours=1))
    assert len(receiver.got) == 1
    deliver(receiver, MORNING)
    assert len(receiver.got) == 2


def test_a_digest_is_one_message_at_its_hour(alice: User, receiver: Receiver) -> None:
    endpoint_of(alice, receiver, digest="day", digest_at="07:00")
    with at(EVENING):
        limit(alice, "100.00", of="Food", levels=[100])
    with at(EVENING):
        spend(alice, "120.00", "2018-03-05", to="Food")
    tell(alice, "One")
    deliver(receiver, EVENING)
    tell(alice, "Two", now=EVENING + timedelta(hours=3))
    deliver(receiver, EVENING + timedelta(hours=3))
    assert receiver.got == []
    assert Delivery.objects.get().due_at == MORNING
    deliver(receiver, MORNING)
    deliver(receiver, MORNING)
    (got,) = receiver.got
    assert got.json["type"] == "alerts.digest"
    assert got.json["data"]["opened"] == 3
    assert got.id == f"digest_{alice.pk}_1"


def test_what_came_and_went_between_digests_is_not_told(alice: User, receiver: Receiver) -> None:
    endpoint_of(alice, receiver, digest="week", digest_at="07:00", digest_on=2)
    with at(EVENING):
        limit(alice, "100.00", of="Food", levels=[100])
    with at(EVENING):
        spend(alice, "120.00", "2018-03-05", to="Food").delete()
    deliver(receiver, EVENING)
    assert deliver(receiver, MORNING) == {"folded": 1}


def test_a_digest_that_is_switched_off_leaves_at_once(alice: User, receiver: Receiver) -> None:
    endpoint = endpoint_of(alice, receiver, digest="week")
    tell(alice, "One")
    deliver(receiver, EVENING)
    with at(EVENING), open_book(alice.pk) as book:
        set_preferences(book, [endpoint], {"digest": "none"})
    deliver(receiver, EVENING)
    assert [got.json["type"] for got in receiver.got] == ["alerts.digest"]


def test_more_than_so_many_on_a_day_are_one_message_of_the_next(
    alice: User, receiver: Receiver
) -> None:
    endpoint_of(alice, receiver, per_day=2)
    tell(alice, "One", "Two", "Three", "Four")
    deliver(receiver, EVENING)
    tell(alice, "Five")
    deliver(receiver, EVENING)
    assert sorted(told(receiver)) == ["One", "Two"]
    deliver(receiver, MORNING)
    rest = receiver.got[2].json
    assert rest["type"] == "alerts.digest"
    assert [one["alert"]["message"] for one in rest["data"]["events"]] == ["Three", "Four", "Five"]
    tell(alice, "Six", now=MORNING)
    deliver(receiver, MORNING)
    assert len(receiver.got) == 4
    tell(alice, "Seven", now=MORNING)
    deliver(receiver, MORNING)
    assert len(receiver.got) == 4


def test_a_try_that_is_made_again_is_no_further_message(alice: User, receiver: Receiver) -> None:
    endpoint_of(alice, receiver, per_day=1)
    tell(alice, "One")
    receiver.answer = lambda got: (500, {}, b"")
    deliver(receiver, EVENING)
    receiver.answer = lambda got: (204, {}, b"")
    Delivery.objects.update(due_at=EVENING)
    deliver(receiver, EVENING)
    assert told(receiver) == ["One", "One"]


@pytest.mark.parametrize("highest", [False, True])
def test_only_the_highest_level_where_asked_for(
    alice: User, receiver: Receiver, highest: bool
) -> None:
    with at(EVENING):
        limit(alice, "100.00", of="Food", levels=[50, 80, 100])
    endpoint_of(alice, receiver, highest=highest)
    with at(EVENING):
        spend(alice, "120.00", "2018-03-05", to="Food")
    deliver(receiver, EVENING)
    levels = [got.json["data"]["alert"]["level"] for got in receiver.got]
    assert sorted(levels) == ([100] if highest else [50, 80, 100])


def test_the_highest_of_those_that_are_asked_for(alice: User, receiver: Receiver) -> None:
    with at(EVENING):
        limit(alice, "100.00", of="Food", levels=[50, 80, 100])
    endpoint_of(alice, receiver, highest=True, levels=[50, 80])
    with at(EVENING):
        spend(alice, "120.00", "2018-03-05", to="Food")
    deliver(receiver, EVENING)
    assert [got.json["data"]["alert"]["level"] for got in receiver.got] == [80]


def test_an_alert_that_is_acknowledged_or_snoozed_is_not_told(
    alice: User, receiver: Receiver
) -> None:
    endpoint_of(alice, receiver)
    known, asleep, _ = tell(alice, "Known", "Asleep", "New")
    with at(EVENING):
        acknowledge(alice.pk, known.pk)
        snooze(alice.pk, asleep.pk, EVENING + timedelta(days=1))
    deliver(receiver, EVENING)
    assert told(receiver) == ["New"]


def test_that_it_is_over_is_told_to_who_was_told_of_it(alice: User, receiver: Receiver) -> None:
    with at(EVENING):
        limit(alice, "100.00", of="Food", levels=[100])
    endpoint_of(alice, receiver)
    with at(EVENING):
        row = spend(alice, "120.00", "2018-03-05", to="Food")
    deliver(receiver, EVENING)
    with at(EVENING):
        acknowledge(alice.pk, Alert.objects.get().pk)
        row.delete()
    deliver(receiver, EVENING)
    assert receiver.types == ["alert.opened", "alert.resolved"]


def test_the_settings_of_devices_are_no_place(alice: User, receiver: Receiver) -> None:
    Endpoint.objects.create(user=alice, channel="push", url="")
    tell(alice, "Look")
    dispatch()
    assert Delivery.objects.count() == 0


def messages_in(got: Got) -> list[str]:
    data = got.json["data"]
    return [one["alert"]["message"] for one in data.get("events", [data])]


def replayed(user: User, endpoint: Endpoint, since: int, now: datetime = EVENING) -> None:
    endpoint.refresh_from_db()
    with at(now), open_book(user.pk) as book:
        replay(book, endpoint, since)


def test_a_replay_sends_what_waits_for_a_digest_once(alice: User, receiver: Receiver) -> None:
    endpoint = endpoint_of(alice, receiver, digest="day", digest_at="07:00")
    tell(alice, "One")
    deliver(receiver, EVENING)
    deliver(receiver, MORNING)
    assert [messages_in(got) for got in receiver.got] == [["One"]]
    later = MORNING + timedelta(hours=1)
    tell(alice, "Two", "Three", now=later)
    deliver(receiver, later)
    tell(alice, "Four", now=later)
    replayed(alice, endpoint, 0, later)
    deliver(receiver, later)
    deliver(receiver, MORNING + timedelta(days=1))
    again = [text for got in receiver.got[1:] for text in messages_in(got)]
    assert sorted(again) == ["Four", "One", "Three", "Two"]


def test_a_digest_of_a_replay_has_what_was_sent_one_by_one(alice: User, receiver: Receiver) -> None:
    endpoint = endpoint_of(alice, receiver)
    tell(alice, "One", "Two", "Three")
    deliver(receiver, EVENING)
    assert len(receiver.got) == 3
    with at(EVENING), open_book(alice.pk) as book:
        set_preferences(book, [endpoint], {"digest": "day", "digest_at": "07:00"})
    replayed(alice, endpoint, 0)
    deliver(receiver, EVENING)
    deliver(receiver, MORNING)
    assert [messages_in(got) for got in receiver.got[3:]] == [["One", "Two", "Three"]]


def imported(user: User, *texts: str, now: datetime = EVENING) -> None:
    """Alerts that an import has opened."""
    tell(user, *texts, now=now)
    AlertEvent.objects.filter(user=user, alert__message__in=texts).update(cause=Cause.IMPORT)


def test_a_replay_of_imports_tells_all_of_them_again(alice: User, receiver: Receiver) -> None:
    endpoint = endpoint_of(alice, receiver)
    imported(alice, "One", "Two", "Three")
    deliver(receiver, EVENING)
    later = EVENING + timedelta(minutes=1)
    deliver(receiver, later)
    assert [messages_in(got) for got in receiver.got] == [["One", "Two", "Three"]]
    replayed(alice, endpoint, 1, later)
    deliver(receiver, later)
    deliver(receiver, later + timedelta(minutes=1))
    assert [messages_in(got) for got in receiver.got[1:]] == [["Two", "Three"]]


def test_a_replay_loses_nothing_of_an_import_that_waits(alice: User, receiver: Receiver) -> None:
    endpoint = endpoint_of(alice, receiver)
    imported(alice, "One", "Two")
    deliver(receiver, EVENING)
    imported(alice, "Three")
    replayed(alice, endpoint, 0)
    deliver(receiver, EVENING)
    deliver(receiver, EVENING + timedelta(minutes=1))
    said = [text for got in receiver.got for text in messages_in(got)]
    assert sorted(said) == ["One", "Three", "Two"]
