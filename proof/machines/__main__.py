"""Many machines under load, while they are lost and come back one by one: `make machines`.

PostgreSQL with a streaming replica, PgBouncer in transaction mode, Redis, two hosts and a balancer,
all of this run's own; clients write and read over HTTP all the time.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import threading
import time
from collections import Counter

from proof import steps
from proof.machines.client import PATIENCE, THRESHOLDS, Client, Row, faults
from proof.machines.faults import Faults, Sample, attribute, waited_in_vain
from proof.machines.stack import TOOLS, Stack
from proof.place import Place
from proof.postgres import run_sql
from proof.steps import Step, Wrong, expect
from tools.programs import find

# Users who write, and their devices.
USERS, CLIENTS = 4, 8
SECONDS = 600.0
# At most so many faults are printed.
MOST = 20
ROWS = """
SELECT r.id, r.date::text, c.name, r.description, (r.amount / 100.0)::numeric(12, 2)::text, t.slug,
  r.external_id
FROM budget_transaction r JOIN budget_category c ON c.id = r.category_id
JOIN budget_transactiontype t ON t.id = r.type_id
"""
GAPS = """
SELECT l.user_id FROM budget_ledger l LEFT JOIN budget_alertevent e ON e.user_id = l.user_id
GROUP BY l.user_id, l.event_seq
HAVING count(e.seq) <> l.event_seq OR count(DISTINCT e.seq) <> l.event_seq
  OR coalesce(max(e.seq), 0) <> l.event_seq
"""


def main() -> None:
    """Run every step; everything that was started ends."""
    parser = argparse.ArgumentParser(prog="make machines")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of load (%(default)s)")
    seconds = parser.parse_args().seconds
    if missing := [name for name in TOOLS if find(name) is None]:
        sys.exit(f"No machine was lost: proof/install installs {', '.join(missing)}, as root")
    steps.end_on_signals()
    with Place() as place:
        try:
            steps.in_order("make machines", Run(Stack(place), seconds).steps())
        except SystemExit:
            for program in place.programs:
                print(f"\n--- the end of {program.name}'s log\n{program.tail()}")
            raise


class Run:
    """One run, step by step."""

    def __init__(self, stack: Stack, seconds: float) -> None:
        self.stack, self.seconds = stack, seconds
        self.begun = time.monotonic()
        self.samples: list[Sample] = []
        self.clients: list[Client] = []
        self.faults = Faults(stack, lambda: time.monotonic() - self.begun)

    def steps(self) -> dict[str, Step]:
        return {
            "primary": self.stack.make_primary,
            "replica": self.stack.make_replica,
            "the others": self.stack.start_rest,
            "load": self.load,
            "errors": self.explain,
            "journals": self.compare,
            "same replica": self.compare_replica,
            "reconcile": self.reconcile,
            "controls": self.control,
        }

    def load(self) -> str:
        """Let clients write and read while the faults happen, and a little longer."""
        stop = threading.Event()
        sites = self.stack.make_users(USERS)
        for site, threshold in itertools.product(sites, THRESHOLDS):
            sender = Client(-1, site, stop, self.samples, self.faults.clock)
            sender.ask("POST", "/api/threshold", {"name": threshold["type"], **threshold})
            expect(not sender.wrong, str(sender.wrong))
        self.samples.clear()
        self.begun = time.monotonic()
        for number in range(CLIENTS):
            site = sites[number % USERS]
            client = Client(number, site, stop, self.samples, self.faults.clock)
            self.clients.append(client)
            client.start()
        self.faults.run(self.seconds)
        stop.set()
        for client in self.clients:
            client.join(2 * PATIENCE)
        expect(not any(client.is_alive() for client in self.clients), "a client does not end")
        return f"{CLIENTS} clients of {USERS} users sent {len(self.samples)} requests"

    def explain(self) -> str:
        """Every error that a client saw belongs to a fault that may show."""
        left = attribute(self.samples, self.faults.done)
        for fault in self.faults.done:
            print(f"  at {fault.begun:5.0f} s   {fault.name:<26}{fault}")
        in_vain = waited_in_vain(left, len(self.samples))
        count = Counter(sample.error for sample in left if sample not in in_vain)
        expect(not count, f"errors outside of any fault: {dict(count)}")
        without = attribute(self.samples, [])
        expect(len(without) > len(left), "no fault has caused an error, so this shows nothing")
        return f"none outside of a fault; {len(in_vain)} writes did not get a lock in time"

    def compare(self) -> str:
        """The primary has what clients were answered, and the feeds leave out no event."""
        found = faults(self.clients, self.stored())
        if found:
            raise Wrong("\n".join(["", *(f"  {text[:1000]}" for text in found[:MOST])]))
        gaps = run_sql(self.stack.primary.url(), GAPS)
        expect(not gaps, f"users whose events have a gap, or come twice: {gaps}")
        events = self.stack.primary.ask("SELECT count(*) FROM budget_alertevent")
        expect(events > 0, "no alert has opened")
        return f"{sum(len(client.rows) for client in self.clients)} rows, {events} events"

    def stored(self, at: str = "primary") -> dict[int, Row]:
        server = self.stack.primary if at == "primary" else self.stack.replica
        return {pk: Row(*row) for pk, *row in run_sql(server.url(), ROWS)}

    def compare_replica(self) -> str:
        """The replica has the same, and has answered."""
        self.stack.wait_for_replica()
        expect(self.stored() == self.stored("replica"), "the replica holds other rows")
        reads = self.faults.replica_reads + self.stack.replica_reads()
        expect(reads > 0, "the replica was never asked")
        return f"it has looked for transactions {reads} times"

    def reconcile(self) -> str:
        """Every rollup and every alert is what the transactions make it."""
        return self.stack.manage("reconcile").strip().splitlines()[-1]

    def control(self) -> str:
        """Each check notices what it is there for."""
        stored = self.stored()
        pk, row = next(iter(stored.items()))
        for name, wrong in {
            "lost": {key: value for key, value in stored.items() if key != pk},
            "holds": stored | {pk: row._replace(amount="0.01")},
            "written twice": stored | {max(stored) + 1: row},
        }.items():
            seen = any(name in text for text in faults(self.clients, wrong))
            expect(seen, f"the check does not see a row that is {name}")
        client = next(client for client in self.clients if client.kept)
        pk, row = next(iter(client.kept.items()))
        client.rows[pk] = row._replace(amount="99.99", type="expense")
        client.look()
        expect(len(client.wrong) == 2, f"the client sees only {client.wrong}")
        return "a lost, a changed and a second row, a wrong list and a wrong summary are seen"


if __name__ == "__main__":
    main()
