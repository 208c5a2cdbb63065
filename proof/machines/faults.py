"""What is done to the machines, and which errors of clients it explains."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from proof.machines.stack import HOSTS, Stack
from tools.programs import wait_for

# Seconds of a round: everything happens once in each. The most that a machine stays away.
ROUND, LONGEST = 200.0, 10.0
# Seconds after a machine is back in which a client may still see an error.
GRACE = 5.0
# Seconds that a write waits for its user's lock before it gets 503, and one in how many requests
# may get that: where this machine stands still, the holder of the lock does as well.
LOCK_WAIT, SELDOM = 2.0, 200


class Sample(NamedTuple):
    """One request. begun, ended: seconds of the run's clock. error: what it failed with, or ""."""

    begun: float
    ended: float
    write: bool
    error: str


@dataclass
class Fault:
    """Something that was done. shows: whether clients may see it. back: when it was over."""

    name: str
    shows: bool
    begun: float
    back: float = float("inf")
    errors: list[Sample] = field(default_factory=list)

    def __str__(self) -> str:
        """Say what clients met, and until when."""
        if not self.errors:
            return "no error"
        kinds = Counter(sample.error for sample in self.errors).most_common()
        recovered = max(sample.ended for sample in self.errors) - self.begun
        met = ", ".join(f"{count} {kind}" for kind, count in kinds)
        return f"{met}; away for {self.back - self.begun:.1f} s, recovered in {recovered:.1f} s"


def attribute(samples: Iterable[Sample], faults: Sequence[Fault]) -> list[Sample]:
    """Give each error to the last fault that can have caused it; return those that none can.

    A 500 has no excuse: the service is to say 503 of a database that is away.
    """
    left = []
    for sample in samples:
        if not sample.error:
            continue
        causes = [
            fault
            for fault in faults
            if fault.shows and fault.begun <= sample.ended and sample.begun <= fault.back + GRACE
        ]
        if causes and sample.error != "500":
            max(causes, key=lambda fault: fault.begun).errors.append(sample)
        else:
            left.append(sample)
    return left


def waited_in_vain(left: Sequence[Sample], requests: int) -> list[Sample]:
    """Return the errors that a lock not had in time explains; none if they are not seldom."""
    found = [
        sample
        for sample in left
        if sample.write and sample.error == "503" and sample.ended - sample.begun >= LOCK_WAIT
    ]
    return found if len(found) * SELDOM <= requests else []


class Faults:
    """One fault after another; `clock` gives the seconds of the run."""

    def __init__(self, stack: Stack, clock: Callable[[], float]) -> None:
        self.stack, self.clock = stack, clock
        self.done: list[Fault] = []
        # Its own count begins with each start.
        self.replica_reads = 0

    def run(self, seconds: float) -> None:
        """Do everything, spread over so many seconds; it may take longer."""
        rounds = max(1, round(seconds / ROUND))
        length = seconds / rounds
        self.away = min(length / 10, LONGEST)
        begun = self.clock()
        for number in range(rounds):
            steps = (lambda: self.kill_host(HOSTS[number % 2]), self.lose_redis)  # noqa: B023
            for part, step in enumerate((*steps, self.stop_database, self.lose_replica)):
                self.sleep_until(begun + (number + 0.1 + part / 4) * length)
                step()
        self.sleep_until(begun + seconds)

    def sleep_until(self, moment: float) -> None:
        time.sleep(max(0.0, moment - self.clock()))

    @contextmanager
    def fault(self, name: str, *, shows: bool) -> Iterator[Fault]:
        fault = Fault(name, shows, self.clock())
        self.done.append(fault)
        yield fault
        fault.back = min(fault.back, self.clock())

    def kill_host(self, name: str) -> None:
        """SIGKILL; the balancer finds out by itself, and so it does when the host is back."""
        with self.fault(f"{name} killed", shows=True) as fault:
            self.stack.hosts[name].kill()
            wait_for(lambda: self.stack.balancer.seen(name)["status"] == "DOWN", name)
            # From here on nobody is sent there, so nobody may see an error for it.
            fault.back = self.clock()
            time.sleep(self.away)
            self.stack.hosts[name].start()
            self.stack.balancer.use(name)

    def lose_redis(self) -> None:
        with self.fault("Redis killed", shows=False):
            self.stack.redis.kill()
            time.sleep(self.away)
            self.stack.redis.start()

    def stop_database(self) -> None:
        with self.fault("database stopped at once", shows=True):
            self.stack.primary.crash()
            time.sleep(self.away)
            self.stack.primary.start()
        self.stack.wait_for_replica()

    def lose_replica(self) -> None:
        self.replica_reads += self.stack.replica_reads()
        with self.fault("replica killed", shows=False):
            self.stack.replica.program.kill()
            time.sleep(self.away)
            self.stack.replica.start()
        self.stack.wait_for_replica()
