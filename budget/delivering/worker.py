"""The deliverer: one thread that reads and writes rows, and others that only send.

Any number of processes may run side by side, and each may be killed at any point: what it had in
hand is taken by another one when its time is over, and may then arrive twice.
"""

from __future__ import annotations

import logging
import os
import queue
import secrets
import select
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.models import Case, DateTimeField, F, Value, When
from django.utils import timezone

from budget.delivering.browsers import drop
from budget.delivering.channels import ABOUT, SENDERS, Came, Task
from budget.delivering.dispatch import dispatch
from budget.delivering.endpoints import stop
from budget.delivering.health import lag
from budget.delivering.limits import leave_within, quiet_hours
from budget.delivering.messages import Message, messages_of
from budget.delivering.schedule import MAX_TRIES, next_try, wished
from budget.delivering.sql import Outcome, Taken, is_of_connection, settle, take
from budget.engine.sql import CHANNEL
from budget.models import Delivery, DeliveryTry, Endpoint
from budget.models.endpoint import TEXT_LENGTH, DeliveryState, EndpointState
from lib.logs import deliveries
from lib.outside import LOOKUP, TOTAL, Client, Failed, Guard, Refused

logger = logging.getLogger(__name__)

THREADS = 8
# Rows in hand for each thread: one that is sent, and one that is ready.
AHEAD = 2
# Seconds. A row is sent while what it says is this fresh, or it is made again.
FRESH = 2.0
# A row that a process has in hand is another's after this.
LEASE = timedelta(seconds=2 * (TOTAL + LOOKUP) + FRESH)
# Between two looks at what is due, and two at all endpoints; events of PostgreSQL come at once.
LOOK, SWEEP = 0.5, 2.0
SOON = timedelta(seconds=2)
KEPT = timedelta(days=30)
CLEAN_UP_EVERY = 3600.0
CLEANED_AT_ONCE = 1000
LINE_EVERY = 60.0
# What is counted for the line: messages that arrived and were folded, tries that failed, and
# messages that were given up.
COUNTED = ("delivered", "folded", "failed", "given_up")


class Result(NamedTuple):
    """What came of a task. sent: None where it was too old to be sent."""

    task: Task
    sent: datetime | None
    took: int = 0
    came: Came = Came(False)

    @property
    def arrived(self) -> bool:
        return self.came.arrived


@dataclass
class Deliverer:
    """Sends what is due, with some threads, until it is asked to stop.

    guard: where requests may go. token: of this process. beat: called as long as work goes on.
    """

    guard: Guard = field(default_factory=Guard)
    threads: int = THREADS
    lease: timedelta = LEASE
    total: float = TOTAL
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    beat: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.stopping = threading.Event()
        self.tasks: queue.Queue[Task | None] = queue.Queue()
        self.results: queue.Queue[Result] = queue.Queue()
        self.in_hand: Counter[int] = Counter()
        self.failing: set[int] = set()
        # Endpoints of which no deliveries could be made, and until when they are passed over.
        self.aside: dict[int, float] = {}
        self.done: Counter[str] = Counter()
        self.told: Counter[str] = Counter()
        # By row: when it was handed over.
        self.handed: dict[int, float] = {}
        self.swept = self.cleaned = self.reported = time.monotonic() - CLEAN_UP_EVERY
        self.awake, self.alarm = os.pipe()
        os.set_blocking(self.alarm, False)
        self.listener: Any = None
        self.senders: list[threading.Thread] = []

    def stop(self) -> None:
        """Take no more, finish what is in hand, and let run() end. Safe in a signal handler."""
        self.stopping.set()
        self.wake()

    def wake(self) -> None:
        # A full pipe wakes as well, and after the end nobody sleeps.
        with suppress(OSError):
            os.write(self.alarm, b".")

    def run(self) -> Counter[str]:
        """Deliver until stop(); gives how many messages arrived, failed and were folded."""
        self.start()
        try:
            while not self.stopping.is_set() or self.in_hand.total():
                if self.goes_on():
                    self.beat()
                try:
                    busy = self.step()
                    self.log()
                except Exception:
                    # Mostly the database. What is in hand comes back when its time is over.
                    logger.warning("The deliverer goes on after an error", exc_info=True)
                    self.forget_database()
                    time.sleep(1.0)
                    continue
                if not busy:
                    self.wait(LOOK)
        finally:
            self.end()
        return self.done

    def run_once(self) -> Counter[str]:
        """Deliver until nothing is due any more."""
        self.start()
        try:
            while self.step(users_known=False) or self.in_hand.total():
                if self.in_hand.total():
                    self.wait(LOOK)
        finally:
            self.end()
        return self.done

    def start(self) -> None:
        for _ in range(self.threads):
            sender = threading.Thread(target=self.send_all, daemon=True)
            sender.start()
            self.senders.append(sender)

    def end(self) -> None:
        for _ in self.senders:
            self.tasks.put(None)
        for sender in self.senders:
            sender.join(self.total + LOOKUP)
        self.senders.clear()
        self.close_listener()
        os.close(self.awake)
        os.close(self.alarm)

    # The thread of the rows

    def step(self, *, users_known: bool = True) -> bool:
        """Store what has come back, and take what is due; whether there was something to take."""
        results = self.come_back()
        self.store(results)
        if self.stopping.is_set():
            return bool(results)
        behind = self.look_at_events(users_known)
        taken = self.take_more()
        self.clean_up()
        return bool(taken or behind or results)

    def come_back(self) -> list[Result]:
        found: list[Result] = []
        with suppress(queue.Empty):
            while True:
                found.append(self.results.get_nowait())
        for result in found:
            self.in_hand[result.task.endpoint.pk] -= 1
            self.handed.pop(result.task.message.row.id, None)
        self.in_hand = +self.in_hand
        return found

    def look_at_events(self, users_known: bool) -> int:
        """Make deliveries of what has happened: of users of whom one hears, now and then of all."""
        users = self.heard() if users_known else None
        now = time.monotonic()
        if users is None or now - self.swept >= SWEEP:
            found = dispatch(aside=self.aside)
            # More than one commit takes: go on at once.
            self.swept = self.swept if found else now
            return found
        return dispatch(users, self.aside) if users else 0

    def take_more(self) -> int:
        """Take rows for the threads that will be free, and hand over their messages."""
        room = self.threads * AHEAD - self.in_hand.total()
        if room <= 0:
            return 0
        now = timezone.now()
        # What fails must not hold up what does not: one thread is enough for it.
        wait = {pk for pk in self.failing if self.in_hand[pk]}
        most = max(self.threads * AHEAD - self.threads // 4, 1)
        wait |= {pk for pk, count in self.in_hand.items() if count >= most}
        rows = take(now, now + self.lease, self.token, room, wait)
        self.hand_over(rows)
        return len(rows)

    def hand_over(self, rows: Sequence[Taken]) -> None:
        endpoints = Endpoint.objects.in_bulk({row.endpoint_id for row in rows})
        by_user: dict[int, list[Taken]] = defaultdict(list)
        for row in rows:
            # One that was deleted a moment ago has taken its rows along.
            if row.endpoint_id in endpoints:
                by_user[row.user_id].append(row)
        about = about_endpoints(endpoints)
        for user_id, some in by_user.items():
            made = time.monotonic()
            messages = self.made_of(user_id, some, endpoints)
            self.store_unsent([one for one in messages if one.folded or one.later])
            ready = [one for one in messages if not (one.folded or one.later)]
            # From here on the receiver may know it.
            now = timezone.now()
            mine = leave_within(now, self.token, [one.row for one in ready], endpoints)
            for message in ready:
                if message.row.id in mine:
                    endpoint = endpoints[message.row.endpoint_id]
                    self.in_hand[endpoint.pk] += 1
                    self.handed[message.row.id] = made
                    self.tasks.put(Task(message, endpoint, made, now, about.get(endpoint.pk)))

    def made_of(
        self, user_id: int, rows: Sequence[Taken], endpoints: Mapping[int, Endpoint]
    ) -> list[Message]:
        """The messages of a user's rows, one by one where they cannot be made together."""
        try:
            quiet = quiet_hours(user_id, rows, endpoints)
            speaking = [row for row in rows if row not in quiet]
            waiting = [Message(row, later=True, until=until) for row, until in quiet.items()]
            return waiting + messages_of(user_id, speaking, endpoints, self.token)
        except Exception as error:
            if is_of_connection(error):
                raise
            if len(rows) > 1:
                # What is wrong with one row must not hold up another.
                return [one for row in rows for one in self.made_of(user_id, [row], endpoints)]
            logger.exception("A message could not be made")
            self.store_unmade(rows[0], type(error).__name__)
            return []

    def store_unmade(self, row: Taken, error: str) -> None:
        """Count a try of a row of which no message can be made: it ends as one that fails does."""
        now = timezone.now()
        due = next_try(row.tries + 1, now)
        state = DeliveryState.PENDING if due else DeliveryState.FAILED
        text = f"The message could not be made ({error})."
        with transaction.atomic():
            if settle(self.token, [Outcome(row.id, state, 1, due, None if due else now, None)]):
                DeliveryTry.objects.create(
                    user_id=row.user_id, delivery_id=row.id, at=now, took=0, text=text
                )
                self.done["failed"] += 1
                self.done["given_up"] += due is None

    def store_unsent(self, messages: Iterable[Message]) -> None:
        """Store that rows are folded, or come later."""
        now = timezone.now()
        outcomes = [
            Outcome(one.row.id, DeliveryState.FOLDED, 0, None, now, None)
            if one.folded
            else Outcome(one.row.id, DeliveryState.PENDING, 0, one.until or now + SOON, None, None)
            for one in messages
        ]
        settled = settle(self.token, outcomes)
        folded = Counter(
            one.row.endpoint_id for one in messages if one.folded and one.row.id in settled
        )
        for pk, count in folded.items():
            Endpoint.objects.filter(pk=pk).update(folded=F("folded") + count)
        self.done["folded"] += folded.total()

    def store(self, results: Sequence[Result]) -> None:
        """Store what came of tasks: the rows, a try each, and the counters of the endpoints."""
        if not results:
            return
        now = timezone.now()
        outcomes = [outcome_of(result, now) for result in results]
        with transaction.atomic():
            # Before the deliveries, as where an endpoint is paused.
            pks = sorted({result.task.endpoint.pk for result in results})
            list(Endpoint.objects.select_for_update(no_key=True).order_by("pk").filter(pk__in=pks))
            settled = settle(self.token, outcomes)
            mine = [one for one in results if one.sent and one.task.message.row.id in settled]
            DeliveryTry.objects.bulk_create(map(try_of, mine))
            self.count(mine)
        for result, outcome in zip(results, outcomes, strict=True):
            if outcome.id in settled:
                self.act(result, outcome, now)

    def count(self, results: Sequence[Result]) -> None:
        """Add up what an endpoint's tries came to."""
        by_endpoint: dict[int, list[Result]] = defaultdict(list)
        for result in results:
            by_endpoint[result.task.endpoint.pk].append(result)
        for pk, some in by_endpoint.items():
            arrived = sum(result.arrived for result in some)
            failed = len(some) - arrived
            since: Any = None
            if not arrived:
                first = min(result.task.left for result in some)
                since = Case(
                    When(failing_since=None, then=Value(first, DateTimeField())),
                    default=F("failing_since"),
                )
            Endpoint.objects.filter(pk=pk).update(
                delivered=F("delivered") + arrived,
                failed=F("failed") + failed,
                failing_since=since,
            )
            (self.failing.discard if arrived else self.failing.add)(pk)
            self.done["delivered"] += arrived
            self.done["failed"] += failed

    def act(self, result: Result, outcome: Outcome, now: datetime) -> None:
        """Do what an answer asks for, beyond its own message."""
        endpoint = result.task.endpoint
        self.done["given_up"] += outcome.state == DeliveryState.FAILED and not result.came.gone
        if result.came.gone:
            drop(Endpoint.objects.filter(pk=endpoint.pk))
        elif result.came.stop is not None:
            stop(endpoint.pk, *result.came.stop)
        elif outcome.state == DeliveryState.FAILED:
            because = f"Nothing has arrived, in {MAX_TRIES} tries over three days."
            stop(endpoint.pk, EndpointState.PAUSED, because, result.task.first_left)
        elif (until := retry_after(result, now)) is not None:
            Endpoint.objects.filter(pk=endpoint.pk).update(wait_until=until)
            mine = Delivery.objects.filter(user_id=endpoint.user_id, endpoint=endpoint)
            waiting = mine.filter(state=DeliveryState.PENDING, token="", due_at__lt=until)
            waiting.update(due_at=until)

    def clean_up(self) -> None:
        """Delete what ended long ago, some at a time."""
        if time.monotonic() - self.cleaned < CLEAN_UP_EVERY:
            return
        old = Delivery.objects.filter(ended_at__lt=timezone.now() - KEPT).order_by("ended_at")
        # Locked, so that a replay does not bring one back meanwhile.
        skips = connection.features.has_select_for_update_skip_locked
        with transaction.atomic():
            rows = old.select_for_update(no_key=skips, skip_locked=skips)
            pks = list(rows.values_list("pk", flat=True)[:CLEANED_AT_ONCE])
            Delivery.objects.filter(pk__in=pks).delete()
        if len(pks) < CLEANED_AT_ONCE:
            self.cleaned = time.monotonic()

    def log(self) -> None:
        """A line a minute: how far behind, and what was done since the last one."""
        if time.monotonic() - self.reported < LINE_EVERY:
            return
        self.reported = time.monotonic()
        result = {name: self.done[name] - self.told[name] for name in COUNTED}
        result["lag_s"] = lag(timezone.now(), self.lease)
        self.told = self.done.copy()
        deliveries.info("Deliveries: %(result)s", {"result": result}, extra={"result": result})

    def goes_on(self) -> bool:
        """Whether all threads live, and none holds a message for longer than it could."""
        oldest = min(self.handed.values(), default=float("inf"))
        longest = 2 * self.lease.total_seconds()
        living = all(sender.is_alive() for sender in self.senders)
        return living and time.monotonic() - oldest < longest

    # Waiting

    def wait(self, seconds: float) -> None:
        """Wait until something comes back, an event is heard of, or some seconds are over."""
        heard = [self.awake]
        if self.listener is not None and self.listener.connection is not None:
            heard.append(self.listener.connection.fileno())
        ready, _, _ = select.select(heard, [], [], seconds)
        if self.awake in ready:
            os.read(self.awake, 4096)

    def heard(self) -> set[int]:
        """The users with events since the last call; on SQLite nobody tells."""
        if connection.vendor != "postgresql":
            return set()
        try:
            if self.listener is None:
                self.listener = connection.copy()
                with self.listener.cursor() as cursor:
                    cursor.execute(f"LISTEN {CHANNEL}")
            raw = self.listener.connection
            raw.poll()
            found = {int(notice.payload) for notice in raw.notifies}
            raw.notifies.clear()
        except Exception as error:
            # The look at all endpoints finds the same a little later.
            if not isinstance(error, (DatabaseError, InterfaceError)) and not is_of_driver(error):
                raise
            self.close_listener()
            return set()
        return found

    def close_listener(self) -> None:
        listener, self.listener = self.listener, None
        if listener is not None:
            with suppress(Exception):
                listener.close()

    def forget_database(self) -> None:
        self.close_listener()
        connection.close()

    # The threads that send

    def send_all(self) -> None:
        client = Client(self.guard, self.total)
        while (task := self.tasks.get()) is not None:
            self.results.put(self.send(client, task))
            self.wake()
        client.close()

    def send(self, client: Client, task: Task) -> Result:
        begun = time.monotonic()
        if begun - task.made > FRESH:
            return Result(task, None)
        now = timezone.now()
        try:
            came = SENDERS[task.endpoint.channel](client, task)
        except (Refused, Failed) as error:
            came = Came(False, text=str(error))
        except Exception as error:
            logger.exception("A message could not be sent")
            came = Came(False, text=type(error).__name__)
        return Result(task, now, round((time.monotonic() - begun) * 1000), came)


def about_endpoints(endpoints: Mapping[int, Endpoint]) -> dict[int, Any]:
    """What the channels want to know of their endpoints."""
    found: dict[int, Any] = {}
    for channel, about in ABOUT.items():
        if mine := [one for one in endpoints.values() if one.channel == channel]:
            found |= about(mine)
    return found


def is_of_driver(error: Exception) -> bool:
    return type(error).__module__.startswith("psycopg2")


def outcome_of(result: Result, now: datetime) -> Outcome:
    """What becomes of a row after a try."""
    row = result.task.message.row
    if result.sent is None:
        return Outcome(row.id, DeliveryState.PENDING, 0, now, None, None)
    status = result.came.status
    if result.arrived:
        return Outcome(row.id, DeliveryState.DELIVERED, 1, None, now, status)
    due = next_try(row.tries + 1, now)
    if (
        due is None
        or result.came.gone
        or (result.came.stop and result.came.stop[0] == EndpointState.OFF)
    ):
        return Outcome(row.id, DeliveryState.FAILED, 1, None, now, status)
    due = retry_after(result, now) or due
    return Outcome(row.id, DeliveryState.PENDING, 1, due, None, status)


def retry_after(result: Result, now: datetime) -> datetime | None:
    """Until when the receiver wants nothing, where it has said so."""
    return None if result.arrived else wished(result.came.retry_after, now)


def try_of(result: Result) -> DeliveryTry:
    row = result.task.message.row
    return DeliveryTry(
        user_id=row.user_id,
        delivery_id=row.id,
        at=result.sent or timezone.now(),
        took=result.took,
        status=result.came.status,
        text=result.came.text[:TEXT_LENGTH],
    )
