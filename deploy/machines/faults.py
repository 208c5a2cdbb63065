"""What is done to the machines, and when; each thing is noted with its times."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deploy.machines.programs import Broken, Program, wait_for
from deploy.machines.samples import Fault
from deploy.machines.stack import Stack

# Seconds of a round: everything happens once in each. The most that a machine stays away.
ROUND, LONGEST = 200.0, 10.0


class Faults:
    """One fault after another; `clock` gives the seconds of the run.

    asleep: users whom no client writes for, so that only a tick moves their day.
    """

    def __init__(self, stack: Stack, clock: Callable[[], float]) -> None:
        self.stack, self.clock = stack, clock
        self.asleep: list[int] = []
        self.done: list[Fault] = []
        self.away = LONGEST
        self.round = 0
        # Its own count begins anew with each start.
        self.replica_reads = 0

    def run(self, seconds: float) -> None:
        """Do everything, spread over so many seconds; it may take longer."""
        steps = (
            (0.04, self.tick),
            (0.10, self.kill_host),
            (0.30, self.lose_redis),
            (0.48, self.release),
            (0.68, self.restart_database),
            (0.86, self.lose_replica),
            (0.96, self.tick),
        )
        rounds = max(1, round(seconds / ROUND))
        length = seconds / rounds
        self.away = min(length / 10, LONGEST)
        begun = self.clock()
        for self.round in range(rounds):
            for part, step in steps:
                self.sleep_until(begun + (self.round + part) * length)
                step()
        self.sleep_until(begun + seconds)

    def sleep_until(self, moment: float) -> None:
        time.sleep(max(0.0, moment - self.clock()))

    @contextmanager
    def fault(self, name: str, *, shows: bool) -> Iterator[Fault]:
        fault = Fault(name, shows, self.clock())
        self.done.append(fault)
        print(f"  at {fault.begun:5.0f} s   {name}", flush=True)
        yield fault
        fault.back = min(fault.back, self.clock())

    def tick(self) -> None:
        """Move those on who are asleep, for whom it is yesterday."""
        self.stack.turn_back(self.asleep)
        with self.fault("manage.py tick", shows=False) as fault:
            fault.detail = self.stack.manage("tick").strip()
        if self.stack.turned_back(self.asleep):
            raise Broken(f"tick has left users behind: {fault.detail}")

    def kill_host(self) -> None:
        """SIGKILL; the balancer finds out by itself, and so it does when the host is back."""
        host = self.stack.hosts[self.round % len(self.stack.hosts)]
        with self.fault(f"{host.name} killed", shows=True) as fault:
            host.kill()
            noticed = wait_for(lambda: self.stack.seen(host)["status"] == "DOWN", host.name)
            # From here on nobody is sent there, so nobody may see an error for it.
            fault.back, fault.until = self.clock(), "the balancer noticed"
            time.sleep(self.away)
            host.start()
            up = self.stack.wait_until_up(host)
        fault.detail = f"left out after {noticed:.1f} s, taken in {up:.1f} s after its start"

    def lose_redis(self) -> None:
        self.lose(self.stack.redis, "Redis", self.stack.redis.start)

    def lose_replica(self) -> None:
        self.replica_reads += self.stack.replica_reads()
        self.lose(self.stack.replica, "replica", lambda: self.stack.start_server("replica"))
        wait_for(self.stack.streams, "the replica")

    def lose(self, program: Program, name: str, start: Callable[[], None]) -> None:
        """Take something away that the service does without."""
        with self.fault(f"{name} killed", shows=False) as fault:
            program.kill()
            time.sleep(self.away)
            start()
        fault.detail = f"away for {fault.back - fault.begun:.1f} s"

    def restart_database(self) -> None:
        with self.fault("database stopped at once", shows=True) as fault:
            self.stack.crash(self.stack.primary)
            time.sleep(self.away)
            self.stack.start_server("primary")
        fault.detail = f"away for {fault.back - fault.begun:.1f} s"
        fault.detail += (
            f", the replica follows {wait_for(self.stack.streams, 'replica'):.1f} s later"
        )

    def release(self) -> None:
        """Every host in turn, with its requests drained first."""
        with self.fault("release", shows=False) as fault:
            for host in self.stack.hosts:
                self.stack.replace(host)
        fault.detail = f"{len(self.stack.hosts)} hosts replaced in {fault.back - fault.begun:.1f} s"
