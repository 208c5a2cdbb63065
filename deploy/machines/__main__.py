"""Many machines under load, while they are lost and come back one by one: `make machines`.

PostgreSQL with a streaming replica, PgBouncer in transaction mode, Redis, two or three hosts and a
balancer, all of this run's own; clients write and read over HTTP all the time. It ends with 0 if
every promise was kept, and also, loudly, where the machine lacks the tools.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from types import FrameType

import psycopg2

from deploy.machines.client import PATIENCE, Client
from deploy.machines.controls import CONTROLS, blind
from deploy.machines.faults import Faults
from deploy.machines.journal import Journal, faults, read_stored, stored_after_all
from deploy.machines.programs import Broken, Place, find, wait_for
from deploy.machines.samples import (
    LOCK_WAIT,
    Sample,
    attribute,
    slowest,
    summary,
    waited_in_vain,
)
from deploy.machines.stack import TOOLS, Account, Stack, undone

# Users who write, their devices, and users who do nothing.
USERS, CLIENTS, ASLEEP = 4, 8, 12
SECONDS = 600.0
# Seconds of load below which two hosts are enough: to replace one takes a while.
SHORT = 60.0
# Of everything that is wrong, so much is told.
MOST = 20


def main() -> None:
    """Run it all, and clean up whatever happened."""
    parser = argparse.ArgumentParser(prog="make machines")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of load (%(default)s)")
    seconds = parser.parse_args().seconds
    if missing := [name for name in TOOLS if find(name) is None]:
        print(
            f"left out: make machines, for this machine has no {', '.join(missing)} "
            "(deploy/machines/install installs them, as root)"
        )
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)
    with Place() as place:
        run = Run(Stack(place, hosts=2 if seconds < SHORT else 3))
        try:
            wrong = run.run(seconds)
        except (Broken, psycopg2.Error, OSError) as error:
            wrong = [f"{type(error).__name__}: {error}"]
        if wrong:
            for program in place.programs:
                print(f"\n--- the end of {program.name}'s log\n{program.tail()}")
            for host in run.stack.hosts:
                for failure in dict.fromkeys(host.failures()):
                    print(f"\n--- a failure on {host.name}\n{failure}")
    print(f"\nmake machines: {'FAILED' if wrong else 'every promise was kept'}")
    for text in wrong[:MOST]:
        print(f"  {text[:1000]}")
    if len(wrong) > MOST:
        print(f"  and {len(wrong) - MOST} more")
    sys.exit(bool(wrong))


def leave(number: int, frame: FrameType | None) -> None:
    """Let Ctrl-C and SIGTERM end the run with everything cleaned up."""
    sys.exit(128 + number)


class Run:
    """One run, step by step."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.begun = time.monotonic()
        self.samples: list[Sample] = []
        self.stop = threading.Event()
        self.clients: list[Client] = []
        self.accounts: list[Account] = []
        self.faults = Faults(stack, self.clock)
        self.judge = stack.place.program(
            "judge",
            *(sys.executable, "-m", "deploy.machines.judge"),
            environ=stack.service | {"DATABASE_URL": stack.url("primary")},
        )

    def clock(self) -> float:
        return time.monotonic() - self.begun

    def run(self, seconds: float) -> list[str]:
        """Do everything; what is wrong, in words."""
        self.step("primary", self.stack.make_primary)
        self.step("replica", self.stack.make_replica)
        self.step("the others", self.stack.start_rest)
        self.step("load", lambda: self.load(seconds))
        wrong = self.report()
        for name, check in (
            ("journals", self.compare),
            ("replica", self.compare_replica),
            ("judge", self.hear_judge),
            ("reconcile", self.reconcile),
            ("controls", self.control),
        ):
            self.step(name, partial(check, wrong))
        return wrong

    def step(self, name: str, action: Callable[[], str]) -> None:
        """Do one thing, and print what it saw and how long it took."""
        begun = time.monotonic()
        saw = action()
        print(f"{name:<14}{time.monotonic() - begun:6.1f} s   {saw}", flush=True)

    # Load

    def load(self, seconds: float) -> str:
        """Let clients write and read while the faults happen, and a little longer."""
        self.accounts = self.stack.make_accounts(USERS + ASLEEP)
        self.faults.asleep = [account.user for account in self.accounts[USERS:]]
        self.judge.start()
        self.begun = time.monotonic()
        for number in range(CLIENTS):
            account = self.accounts[number % USERS]
            client = Client(
                number,
                account.user,
                account.site,
                leads=number < USERS,
                stop=self.stop,
                samples=self.samples,
                clock=self.clock,
            )
            self.clients.append(client)
            client.start()
        self.faults.run(seconds)
        time.sleep(2)
        self.stop.set()
        for client in self.clients:
            client.join(2 * PATIENCE)
        if any(client.is_alive() for client in self.clients):
            raise Broken("a client does not end")
        return f"{CLIENTS} clients of {USERS} users sent {len(self.samples)} requests"

    @property
    def journals(self) -> list[Journal]:
        return [client.journal for client in self.clients]

    # Looking back

    def report(self) -> list[str]:
        """Print what the faults did; the errors that none of them explains."""
        unexplained = attribute(self.samples, self.faults.done)
        for fault in self.faults.done:
            slow = slowest(self.samples, fault)
            if fault.errors:
                after = fault.begun + fault.recovery - fault.back
                seen = f"errors: {fault.kinds}; RECOVERED in {fault.recovery:.1f} s"
                seen += f", {after:+.1f} s from when {fault.until}"
            else:
                seen = "no error"
            print(
                f"  at {fault.begun:5.0f} s   {fault.name:<26}{seen}; slowest answer {slow:.1f} s"
                f"; {fault.detail}"
            )
        for line in summary(self.samples):
            print(f"  {line}")
        if in_vain := waited_in_vain(unexplained, len(self.samples)):
            print(f"  {len(in_vain)} writes waited {LOCK_WAIT:.0f} s for a lock in vain: 503")
            unexplained = [sample for sample in unexplained if sample not in in_vain]
        first = {sample.error: sample for sample in reversed(unexplained)}
        count = Counter(sample.error for sample in unexplained)
        return [
            f"{count[kind]} errors outside of any fault: {kind}, first at {sample.begun:.1f} s, "
            f"{'a write' if sample.write else 'a read'} of {sample.seconds:.1f} s"
            for kind, sample in first.items()
        ]

    def compare(self, wrong: list[str]) -> str:
        """Hold what clients were told against the primary."""
        with undone(self.stack.url("primary", "postgres")) as cursor:
            stored = read_stored(cursor)
            refused, done = stored_after_all(cursor, self.journals)
        found = faults(self.journals, stored)
        wrong += found
        events = sum(map(len, stored.events.values()))
        told = sum(len(journal.rows) for journal in self.journals)
        return (
            f"{told} rows acknowledged, {len(stored.rows)} of them not deleted again, "
            f"{len(stored.alerts)} alerts, {events} events: {len(found)} faults "
            f"({refused} POSTs met a 503 of the service, {done} of them stored by then)"
        )

    def compare_replica(self, wrong: list[str]) -> str:
        """The replica has the same, and has answered."""
        wait_for(self.stack.replayed, "the replica")
        with undone(self.stack.url("primary", "postgres")) as cursor:
            primary = read_stored(cursor)
        with undone(self.stack.url("replica", "postgres")) as cursor:
            replica = read_stored(cursor)
        if primary != replica:
            wrong.append("the replica holds other rows than the primary")
        reads = self.faults.replica_reads + self.stack.replica_reads()
        if not reads:
            wrong.append("the replica was never asked")
        return f"it holds the same, and has looked for transactions {reads} times"

    def hear_judge(self, wrong: list[str]) -> str:
        """What the oracle of the tests has found in snapshot after snapshot, and in the last."""
        if code := self.judge.end():
            wrong.append(f"the judge ended with {code}")
        lines = self.judge.log.read_text().splitlines()
        snapshots = [json.loads(line) for line in lines if line.startswith("{")]
        found = [text for snapshot in snapshots for text in snapshot["wrong"]]
        wrong += dict.fromkeys(found)
        if not snapshots or not snapshots[-1]["users"]:
            wrong.append("the judge has seen nothing")
        return f"{len(snapshots)} snapshots recomputed by the oracle: {len(found)} faults"

    def reconcile(self, wrong: list[str]) -> str:
        try:
            return self.stack.manage("reconcile").strip().splitlines()[-1]
        except Broken as error:
            wrong.append(str(error))
            return "drift"

    def control(self, wrong: list[str]) -> str:
        """Change things behind the service's back, and see that the checks notice."""
        with undone(self.stack.url("primary", "postgres")) as cursor:
            missed = blind(cursor, self.journals)
        wrong += [f"the checks do not see it when {name}" for name in missed]
        return f"{len(CONTROLS) - len(missed)} of {len(CONTROLS)} changes behind its back are seen"


if __name__ == "__main__":
    main()
