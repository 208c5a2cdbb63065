"""Deliveries a second, beside a loop that does one row at a time."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from ipaddress import ip_network
from pathlib import Path

from django.db.models import F
from django.utils import timezone

from benchmarks import book
from benchmarks.book import Plan
from benchmarks.crowds import Bases, copy_user
from benchmarks.measure import Scale, Spread, ratios, rounds_of
from benchmarks.start import Client
from benchmarks.table import Row, Table, in_rate, in_times
from budget import engine
from budget.delivering import Deliverer, dispatch
from budget.delivering.messages import messages_of
from budget.delivering.sql import Taken
from budget.models import Delivery, DeliveryTry, Endpoint, Ledger
from budget.tests.receiver import certify
from lib import outside
from lib.outside import Guard
from lib.webhook import signed

USERS, THREADS = 8, 8
# Deliveries of a round: the loop has fewer, so that it does not take all the time.
MANY, FEW = 400, 40
# Milliseconds after which the receiver answers.
DELAYS = (0, 20)
Paces = dict[int, tuple[list[float], list[float]]]


def deliveries(bases: Bases, scale: Scale) -> Table:
    """One process with eight threads against the loop."""
    with Client(bases.make()) as client:
        found = client.run(delivery_paces, scale.rounds)
    rows: list[Row] = [
        (
            f"{delay} ms",
            in_rate(Spread.of(alone)),
            in_rate(Spread.of(together)),
            in_times(ratios(together, alone)),
        )
        for delay, (together, alone) in found.items()
    ]
    headings = ("the receiver answers after", "row by row, a second", "deliver, a second", "ratio")
    return Table("Webhooks of 8 users by one process with 8 threads", headings, rows)


@contextmanager
def receiver() -> Iterator[tuple[int, Guard]]:
    """A receiver in a process beside, and the guard that lets requests to it pass."""
    with tempfile.TemporaryDirectory() as folder:
        certificate = certify(Path(folder))
        command = [sys.executable, "-m", "benchmarks.receiver", str(certificate)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None  # noqa: S101
            port = int(process.stdout.readline())
            here = [ip_network("127.0.0.1/32")]
            yield port, Guard(here, frozenset({port}), str(certificate))
        finally:
            process.kill()
            process.communicate()


def delivery_paces(rounds: int) -> Paces:
    """Deliveries a second of both ways, in turn, by the receiver's delay."""
    # localhost is no full name of a host, as a user's URL needs one.
    outside.check_name = lambda host: None
    book.migrate()
    book.fill([Plan("user", 100)])
    copy_user(USERS - 1)
    book.settle()
    found: Paces = {delay: ([], []) for delay in DELAYS}
    users = list(Ledger.objects.values_list("pk", flat=True))
    with receiver() as (port, guard):
        for user in users:
            Endpoint.objects.create(user_id=user)
        for counts in rounds_of(rounds, "deliveries"):
            for delay, (together, alone) in found.items():
                begin_again(port, delay)
                for way, number, paces in ((threads, MANY, together), (loop, FEW, alone)):
                    pace = measured(partial(way, guard), users, number)
                    if counts:
                        paces.append(pace)
    return found


def begin_again(port: int, delay: int) -> None:
    """Point all endpoints to the receiver, from the next event on."""
    for endpoint in Endpoint.objects.select_related("user__ledger"):
        endpoint.url = f"https://localhost:{port}/{delay}"
        endpoint.seq = endpoint.user.ledger.event_seq
        endpoint.save()


def measured(way: Callable[[], object], users: list[int], number: int) -> float:
    """Deliveries a second of alerts that were raised before."""
    for some in range(number):
        engine.raise_custom_alert(users[some % len(users)], f"Mind {some}")
    while dispatch():
        pass
    waiting = Delivery.objects.filter(state="pending")
    if waiting.count() != number:
        raise RuntimeError("Not every alert has a delivery.")
    begun = time.perf_counter()
    way()
    pace = number / (time.perf_counter() - begun)
    if waiting.exists() or Delivery.objects.filter(state="delivered", status=204).count() < number:
        raise RuntimeError("A delivery of the benchmark has not arrived.")
    Delivery.objects.all().delete()
    return pace


def threads(guard: Guard) -> None:
    Deliverer(guard, threads=THREADS).run_once()


def loop(guard: Guard) -> None:
    """As healthchecks' sendalerts: claim one row, send it by a new connection, store the result."""
    token = "one"  # noqa: S105
    while True:
        now = timezone.now()
        due = Delivery.objects.filter(state="pending", token="", due_at__lte=now)
        row = due.order_by("due_at", "id").select_related("endpoint").first()
        if row is None:
            return
        if not due.filter(pk=row.pk).update(token=token, due_at=now + timedelta(seconds=60)):
            continue
        taken = Taken(*(getattr(row, name) for name in Taken._fields))
        endpoint = row.endpoint
        (message,) = messages_of(row.user_id, [taken], {endpoint.pk: endpoint}, token)
        headers = signed(taken.message_id, message.body, now, endpoint.secrets_at(now))
        client = outside.Client(guard)
        begun = time.monotonic()
        answer = client.post(endpoint.url, message.body, headers)
        took = round((time.monotonic() - begun) * 1000)
        client.close()
        DeliveryTry.objects.create(
            user_id=row.user_id, delivery=row, at=now, took=took, status=answer.status
        )
        row.state, row.status, row.tries = "delivered", answer.status, 1
        row.token, row.ended_at = "", timezone.now()
        row.save()
        Endpoint.objects.filter(pk=endpoint.pk).update(delivered=F("delivered") + 1)
