"""Deliverers that are killed lose nothing: every event arrives, or is no longer true."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from standardwebhooks import Webhook

from budget.delivering import Deliverer, messages, worker
from budget.engine import delete_account, raise_custom_alert
from budget.models import Alert, AlertEvent, Delivery, Endpoint
from budget.tests.people import limit, make_user, spend
from budget.tests.receiver import Got, Receiver, receiving
from financial_alerts.tests.postgres import ROOT, url_of


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.mark.django_db(transaction=True)
def test_an_account_is_deleted_beside_a_deliverer_that_stores(receiver: Receiver) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time.")
    alice = make_user()
    endpoint = Endpoint.objects.create(user=alice, url=receiver.url)
    row = Delivery.objects.create(
        user=alice, endpoint=endpoint, kind="example", due_at=timezone.now()
    )
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(
            "SELECT id FROM budget_endpoint WHERE id = %s FOR NO KEY UPDATE", [endpoint.pk]
        )
        errors: list[Exception] = []
        deleting = threading.Thread(target=deleted, args=(alice.pk, errors))
        deleting.start()
        deleting.join(0.3)
        cursor.execute("UPDATE budget_delivery SET tries = 1 WHERE id = %s", [row.pk])
        cursor.execute("COMMIT")
    other.close()
    deleting.join()
    assert errors == []
    assert not User.objects.exists()


def deleted(user_id: int, errors: list[Exception]) -> None:
    try:
        delete_account(user_id)
    except Exception as error:
        errors.append(error)
    finally:
        connection.close()


class Killed(BaseException):
    """What ends a process, as far as one test can show it: nothing that catches errors sees it."""


def dying(function: Any, *, after: bool) -> Any:
    """A function that kills its process, before it does anything or when it has done it."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if after:
            function(*args, **kwargs)
        raise Killed

    return call


POINTS = {
    "before taking": ("take", False),
    "with rows in hand": ("take", True),
    "with a message": ("messages_of", True),
    "before it leaves": ("leave_within", False),
    "about to leave": ("leave_within", True),
    "sent, nothing stored": ("settle", False),
    "half stored": ("settle", True),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("point", POINTS)
def test_a_deliverer_that_dies_at_any_point_loses_nothing(point: str, receiver: Receiver) -> None:
    alice = make_user()
    endpoint = Endpoint.objects.create(user=alice, url=receiver.url)
    for number in range(3):
        raise_custom_alert(alice.pk, f"Mind {number}")
    name, after = POINTS[point]
    with (
        mock.patch.object(worker, name, dying(getattr(worker, name), after=after)),
        pytest.raises(Killed),
    ):
        Deliverer(receiver.guard, threads=2).run_once()
    # Its time is over.
    Delivery.objects.filter(state="pending").update(due_at=timezone.now())
    Deliverer(receiver.guard, threads=2).run_once()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
    came = Counter(got.id for got in receiver.got)
    assert set(came) == {f"event_{alice.pk}_{seq}" for seq in (1, 2, 3)}
    # Only what had left can come twice, and then it has the same id.
    assert set(came.values()) <= ({1, 2} if "stored" in point or "about" in point else {1})
    for got in receiver.got:
        Webhook(endpoint.secret).verify(got.body.decode(), got.headers)


@pytest.mark.django_db(transaction=True)
def test_a_message_that_has_grown_old_in_hand_is_made_again(receiver: Receiver) -> None:
    """What waited for a thread is not sent as it was: its alert may have resolved meanwhile."""
    alice = make_user()
    limit(alice, "100.00", of="Food", levels=[100])
    Endpoint.objects.create(user=alice, url=receiver.url)
    row = spend(alice, "120.00", str(timezone.now().date()), to="Food")
    real = messages.messages_of

    def slow(*args: Any) -> Any:
        """Make messages; before they are sent the alert resolves, and time passes."""
        made = real(*args)
        if not receiver.got and Alert.objects.get().status == "open":
            row.delete()
            time.sleep(0.05)
        return made

    with mock.patch.object(worker, "messages_of", slow), mock.patch.object(worker, "FRESH", 0.04):
        done = Deliverer(receiver.guard, threads=1).run_once()
    assert receiver.types[:1] != ["alert.opened"]
    assert done["folded"]


class Crew:
    """Deliverers that are killed, and others that take their place."""

    def __init__(self, receiver: Receiver, count: int) -> None:
        self.receiver = receiver
        self.running = [self.start() for _ in range(count)]
        self.killed = 0

    def start(self) -> subprocess.Popen[str]:
        environ = {
            **os.environ,
            "DATABASE_URL": url_of(connection.settings_dict["NAME"]),
            "DJANGO_SETTINGS_MODULE": "financial_alerts.tests.settings",
        }
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "budget.tests.deliverer",
                str(self.receiver.port),
                str(self.receiver.certificate),
            ],
            env=environ,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    def kill_one(self) -> None:
        process = self.running.pop(0)
        process.kill()
        process.communicate()
        self.killed += 1
        self.running.append(self.start())

    def end(self) -> list[str]:
        """Let all finish; what they say."""
        for process in self.running:
            process.send_signal(signal.SIGTERM)
        said = [process.communicate(timeout=30)[0] for process in self.running]
        assert [process.returncode for process in self.running] == [0] * len(self.running)
        return said


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("events", "kills", "processes"),
    [(60, 1, 1), pytest.param(1500, 20, 2, marks=pytest.mark.long)],
)
def test_deliverers_killed_under_load(
    events: int, kills: int, processes: int, receiver: Receiver
) -> None:
    chance = random.Random(events)  # noqa: S311
    users = [make_user(f"user{number}") for number in range(3)]
    keys: dict[int, str] = {}
    for user in users:
        limit(user, "100.00", of="Food", name="Food", levels=[100])
        keys[user.pk] = Endpoint.objects.create(user=user, url=receiver.url).secret

    def answer(got: Got) -> tuple[int, dict[str, str], bytes]:
        with receiver.lock:
            fails = chance.random() < 0.2
        return (503 if fails else 204, {"X-Failed": str(fails)}, b"")

    arrived: list[tuple[str, Any]] = []

    def noted(got: Got) -> tuple[int, dict[str, str], bytes]:
        found = answer(got)
        user_id = int(got.id.split("_")[1])
        message = Webhook(keys[user_id]).verify(got.body.decode(), got.headers)
        with receiver.lock:
            arrived.append((got.id if found[0] == 204 else "", message))
        return found

    receiver.answer = noted
    crew = Crew(receiver, processes)
    try:
        write(users, events, kills, crew)
        ends = time.monotonic() + 60
        while Delivery.objects.filter(state="pending").exists() or behind():
            assert time.monotonic() < ends, "Something never arrives."
            time.sleep(0.1)
    finally:
        crew.end()
    assert crew.killed == kills
    known = {f"event_{user}_{seq}" for user, seq in AlertEvent.objects.values_list("user", "seq")}
    delivered = {one.message_id for one in Delivery.objects.filter(state="delivered")}
    came = Counter(name for name, _ in arrived if name)
    # What a killed one had sent may be reported no more by the time that another one takes it.
    assert delivered <= set(came) <= known
    assert Delivery.objects.count() == len(known)
    for _, message in arrived:
        status = message["data"]["alert"]["status"]
        assert message["type"] == {"open": "alert.opened", "resolved": "alert.resolved"}[status]
    last: dict[int, tuple[int, str]] = {}
    for name, message in arrived:
        data = message["data"]
        if name:
            reported = (data["seq"], data["alert"]["status"])
            last[data["alert"]["id"]] = max(last.get(data["alert"]["id"], (0, "")), reported)
    for alert in Alert.objects.all():
        assert last.get(alert.pk, (0, "resolved"))[1] == alert.status


def write(users: list[User], events: int, kills: int, crew: Crew) -> None:
    """Let alerts open, and some resolve, while deliverers are killed."""
    today = str(timezone.now().date())
    rows: dict[int, Any] = {}
    for number in range(events):
        user = users[number % len(users)]
        if number % 3 == 0:
            raise_custom_alert(user.pk, f"Mind {number}")
        elif row := rows.pop(user.pk, None):
            row.delete()
        else:
            rows[user.pk] = spend(user, "120.00", today, to="Food")
        if number % (events // kills) == events // kills - 1 and crew.killed < kills:
            crew.kill_one()


def behind() -> bool:
    """Whether events wait to become deliveries."""
    return any(one.seq < one.user.ledger.event_seq for one in Endpoint.objects.all())
