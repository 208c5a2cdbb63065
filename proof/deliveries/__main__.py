"""Deliverers and PostgreSQL are killed under load, and nothing is lost: `make deliveries`.

PostgreSQL, the deliverers and the receiver are this run's own. The receiver fails at random, and
the run keeps its own account of what was true when.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping

import django

from proof import steps
from proof.deliveries.account import (
    WINDOW,
    Heard,
    false_ones,
    unlike_their_ids,
    wrong_in_the_end,
)
from proof.deliveries.receiver import certify, receiving
from proof.place import Place, Program
from proof.postgres import ADMIN, Server
from proof.steps import Step, Wrong, expect
from tools.programs import find

EVENTS, KILLS, CRASHES, SECONDS = 10_000, 20, 3, 540.0
# Events that are written and have not arrived: what is killed is to be killed at work.
AHEAD = 150
USERS, WRITERS, DELIVERERS = 12, 3, 2
# Of messages: answered with 503, and taken without an answer, as a receiver does that dies.
REFUSED, DROPPED = 0.15, 0.03
PASSWORD = "0123456789abcdefghijklmnopqrstuvwxyz"  # noqa: S105 - of this run's own server
# Commits that were answered outlive the server, unlike in the tests.
DURABLE = "?options=-c%20synchronous_commit%3Don"
MOST = 10


def main() -> None:
    """Run every step; everything that was started ends."""
    parser = argparse.ArgumentParser(prog="make deliveries")
    parser.add_argument("--events", type=int, default=EVENTS, help="(default %(default)s)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="at most, of load")
    options = parser.parse_args()
    if find("initdb") is None:
        sys.exit("Nothing was killed: proof/install installs PostgreSQL, as root")
    steps.end_on_signals()
    with Place() as place:
        server = Server(place, "postgres", {ADMIN: PASSWORD})
        print(f"PostgreSQL {server.make()}", flush=True)
        os.environ["DATABASE_URL"] = server.url() + DURABLE
        os.environ["DJANGO_SETTINGS_MODULE"] = "financial_alerts.tests.settings"
        django.setup()
        run = Run(place, server, options.events, options.seconds)
        with receiving(run.certificate, run.answer) as run.port:
            try:
                steps.in_order("make deliveries", run.steps())
            except SystemExit:
                for program in place.programs:
                    print(f"\n--- the end of {program.name}'s log\n{program.tail()}")
                raise


class Dropped(Exception):
    """The connection ends without an answer."""


class Run:
    """One run, step by step."""

    port: int

    def __init__(self, place: Place, server: Server, events: int, seconds: float) -> None:
        self.place, self.server, self.events, self.seconds = place, server, events, seconds
        self.certificate = certify(place)
        self.lock = threading.Lock()
        self.chance = random.Random(14)  # noqa: S311
        self.keys: dict[int, str] = {}
        self.heard: list[Heard] = []
        self.arrived_ids: set[str] = set()
        self.unverified: list[str] = []
        self.running: list[Program] = []
        self.started = self.killed = self.crashed = self.worked = 0

    def steps(self) -> dict[str, Step]:
        return {
            "users": self.prepare,
            "load": self.load,
            "the rest": self.wait,
            "verified": self.verified,
            "each once": self.arrived,
            "true": self.true,
        }

    def prepare(self) -> str:
        from django.contrib.auth.models import User
        from django.core.management import call_command
        from django.db import connection

        from budget.models import Endpoint
        from proof.deliveries.load import LIMITS, limit

        call_command("migrate", verbosity=0)
        with connection.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            expect(cursor.fetchone() == ("on",), "commits do not outlive the server")
        self.users = [User.objects.create(username=f"user{number}") for number in range(USERS)]
        for user, part in itertools.product(self.users, range(LIMITS)):
            limit(user, f"Part {part}")
        for user in self.users:
            url = f"https://localhost:{self.port}/{user.pk}"
            self.keys[user.pk] = Endpoint.objects.create(user=user, url=url).secret
        return f"{USERS} users with an endpoint and {LIMITS} limits each"

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> int:
        """Verify and note a message, and answer as luck will have it. Raises Dropped."""
        from standardwebhooks import Webhook

        now, user = time.monotonic(), int(path.strip("/"))
        with self.lock:
            luck = self.chance.random()
        try:
            said = Webhook(self.keys[user]).verify(body.decode(), dict(headers))
        except Exception as error:
            self.unverified.append(f"{headers}: {error!r}")
            return 400
        accepted = luck >= REFUSED
        self.heard.append(Heard(now, headers["webhook-id"], user, said, accepted))
        self.arrived_ids.add(headers["webhook-id"])
        if REFUSED <= luck < REFUSED + DROPPED:
            raise Dropped
        return 204 if accepted else 503

    def start(self) -> None:
        """Start another deliverer."""
        self.started += 1
        program = self.place.program(
            f"deliverer{self.started}",
            sys.executable,
            "-m",
            "proof.deliveries.receiver",
            str(self.port),
            str(self.certificate),
            environ=os.environ,
        )
        program.start()
        self.running.append(program)

    def load(self) -> str:
        """Let writers write while deliverers and the server are killed."""
        from django.db import connection

        from proof.deliveries.load import Writer

        for _ in range(DELIVERERS):
            self.start()
        self.writers = [
            Writer(self.users[at::WRITERS], self.events // WRITERS + 1, random.Random(at))  # noqa: S311
            for at in range(WRITERS)
        ]
        for writer in self.writers:
            writer.start()
        begun = shown = time.monotonic()
        while any(writer.is_alive() for writer in self.writers):
            time.sleep(0.1)
            written = sum(writer.written for writer in self.writers)
            spent = time.monotonic() - begun
            for writer in self.writers:
                ahead = written > len(self.arrived_ids) + AHEAD
                (writer.going.clear if ahead else writer.going.set)()
                if spent > self.seconds:
                    writer.stopped.set()
                    writer.going.set()
            self.kill(written / self.events)
            if time.monotonic() - shown > 10:
                shown = time.monotonic()
                self.show(spent)
        # The server that it knew may be gone.
        connection.close()
        for writer in self.writers:
            if writer.error is not None:
                raise writer.error
        killed = (self.killed, self.crashed)
        expect(killed == (KILLS, CRASHES), f"only {killed} were killed")
        written = sum(writer.written for writer in self.writers)
        expect(written >= self.events, f"only {written} events within {self.seconds:.0f} s")
        unsure = sum(writer.unsure for writer in self.writers)
        return (
            f"{self.killed} deliverers and {self.crashed} servers killed, {unsure} writes broke off"
        )

    def kill(self, done: float) -> None:
        """Kill what is due when such a share is written, and has worked since the last time."""
        if len(self.heard) - self.worked < self.events / 100:
            return
        if self.killed < KILLS and done > (self.killed + 0.5) / (KILLS + 1):
            self.running.pop(0).kill()
            self.killed += 1
            self.start()
            self.worked = len(self.heard)
        if self.crashed < CRASHES and done > (self.crashed + 0.8) / (CRASHES + 1):
            self.server.program.kill()
            self.crashed += 1
            time.sleep(self.chance.uniform(0.0, 2.0))
            self.server.start()
            self.worked = len(self.heard)

    def show(self, spent: float) -> None:
        print(
            f"  {spent:4.0f} s  {sum(writer.written for writer in self.writers)} events stay, "
            f"{len(self.heard)} messages, {self.killed} and {self.crashed} killed",
            flush=True,
        )

    def wait(self) -> str:
        """Wait until nothing waits any more, and let the deliverers end."""
        from budget.models import Delivery
        from proof.deliveries.load import behind

        begun = shown = time.monotonic()
        while Delivery.objects.filter(state="pending").exists() or behind():
            if time.monotonic() - begun > self.seconds:
                raise Wrong(f"{Delivery.objects.filter(state='pending').count()} never arrive")
            if time.monotonic() - shown > 10:
                shown = time.monotonic()
                self.show(shown - begun)
            time.sleep(0.2)
        codes = [program.end(signal.SIGTERM) for program in self.running]
        expect(codes == [0] * DELIVERERS, f"deliverers left with {codes}")
        self.account = {
            pk: changes for writer in self.writers for pk, changes in writer.account.items()
        }
        return f"{len(self.heard)} messages came"

    def verified(self) -> str:
        """The reference library takes each, and the database knows each."""
        from budget.models import AlertEvent

        none(self.unverified)
        events = AlertEvent.objects.values_list("user", "seq")
        self.known = {f"event_{user}_{seq}" for user, seq in events}
        none(one.id for one in self.heard if one.id not in self.known)
        none(unlike_their_ids(self.heard))
        repeats = len(self.heard) - len({one.id for one in self.heard})
        accepted = Counter(one.id for one in self.heard if one.accepted)
        twice = sum(count > 1 for count in accepted.values())
        expect(repeats > 0, "nothing came twice, so this shows nothing")
        return f"all; {repeats} repeats, {twice} of what had been accepted, each with its id"

    def arrived(self) -> str:
        """Each event arrived, or was no longer true when it would have left."""
        from budget.models import AlertEvent, Delivery

        states = {one.message_id: one.state for one in Delivery.objects.all()}
        expect(set(states) == self.known, "an event has no delivery")
        accepted = {one.id for one in self.heard if one.accepted}
        none(
            name for name, state in states.items() if state == "delivered" and name not in accepted
        )
        count = Counter(states.values())
        expect(set(count) <= {"delivered", "folded"}, f"{count}")
        stays = AlertEvent.objects.filter(alert__kind="custom").values_list("user", "seq")
        none(f"event_{user}_{seq}" for user, seq in stays if f"event_{user}_{seq}" not in accepted)
        expect(len(accepted) >= self.events, f"only {len(accepted)} of {len(self.known)} came")
        return f"{len(accepted)} of {len(states)} events, {count['folded']} folded"

    def true(self) -> str:
        """No message said what was not so when it was sent, and the last ones say what is."""
        none(false_ones(self.heard, self.account))
        none(wrong_in_the_end(self.heard, self.account))
        moved = sum(len(changes) > 1 for changes in self.account.values())
        flips = sum(len(changes) for changes in self.account.values() if len(changes) > 1)
        expect(moved > 0, "no alert has come and gone")
        early = [
            one._replace(at=self.account[one.alert["id"]][0].begun - WINDOW - 1)
            for one in self.heard
            if len(self.account[one.alert["id"]]) > 1
        ]
        seen = sum(1 for _ in false_ones(early, self.account))
        expect(seen == len(early) > 0, "the check does not see messages from before their alerts")
        return f"all; {moved} alerts changed {flips} times; {seen} messages were of these"


def none(faults: Iterable[str]) -> None:
    """Raise Wrong if there is any fault."""
    if found := list(faults):
        raise Wrong(
            "\n".join(["", f"  {len(found)}:", *(f"  {one[:500]}" for one in found[:MOST])])
        )


if __name__ == "__main__":
    main()
