"""From what the clients' watches say to numbers that hold on a machine with other work to do.

Writes of each kind take turns within a round, so that whatever else runs slows both; a ratio is
taken within its round, and the median of the rounds is what counts.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from tqdm import tqdm

from benchmarks.clients import Turn, Write, take_turn
from benchmarks.start import Client

# Between the order and its common beginning, so that every client has it in time.
LEAD_SECONDS = 0.1


@dataclass(frozen=True)
class Scale:
    """How much of everything. turn: seconds that one client writes at a time; crowd_turn: all."""

    histories: tuple[int, ...]
    users: int
    clients: int
    rounds: int
    crowd_rounds: int
    turn: float
    crowd_turn: float
    categories: tuple[int, ...]
    thresholds: tuple[int, ...]
    rows: int
    warm_up: int = 2


FULL = Scale(
    histories=(1_000, 100_000, 1_000_000),
    users=1_000,
    clients=8,
    rounds=12,
    crowd_rounds=7,
    turn=0.2,
    crowd_turn=2.0,
    categories=(5, 50, 500),
    thresholds=(6, 50, 200),
    rows=20_000,
)
QUICK = Scale(
    histories=(1_000, 10_000),
    users=16,
    clients=2,
    rounds=3,
    crowd_rounds=3,
    turn=0.05,
    crowd_turn=0.2,
    categories=(5, 50),
    thresholds=(6, 50),
    rows=1_000,
    warm_up=1,
)


@dataclass(frozen=True)
class Spread:
    """The median of some rounds, with the least and the most."""

    middle: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(median(values), min(values), max(values))


def ratios(above: Sequence[float], below: Sequence[float]) -> Spread:
    """One ratio a round."""
    return Spread.of([over / under for over, under in zip(above, below, strict=True)])


def rounds_of(scale: Scale, rounds: int, what: str) -> Iterator[bool]:
    """Whether the round counts: first those that only warm up, then the others."""
    total = scale.warm_up + rounds
    for number in tqdm(range(total), desc=what, unit="round", leave=False, disable=None):
        yield number >= scale.warm_up


@dataclass(frozen=True)
class Joint:
    """What several clients did at the same time.

    rate: writes a second. The others are seconds a write: p99 of the clock, client and server of
    the processors; server is None where it cannot be known.
    """

    rate: float
    p99: float
    client: float
    server: float | None

    @property
    def cpu(self) -> float:
        return self.client + (self.server or 0)


def join(turns: Sequence[Turn]) -> Joint:
    times = sorted(moment for turn in turns for moment in turn.times)
    servers = [turn.server for turn in turns if turn.server is not None]
    return Joint(
        rate=sum(len(turn.times) / turn.seconds for turn in turns),
        p99=times[int(len(times) * 0.99)],
        client=sum(turn.client for turn in turns) / len(times),
        server=sum(servers) / len(times) if len(servers) == len(turns) else None,
    )


def together(
    clients: Sequence[Client], write: Write, user_ids: Sequence[int], seconds: float
) -> Joint:
    """Let all clients write at once, each for the users in an order of its own."""
    begin = time.monotonic() + LEAD_SECONDS
    waiting = [
        client.start(take_turn, write, shuffled(user_ids, number), seconds, begin)
        for number, client in enumerate(clients)
    ]
    return join([turn.result() for turn in waiting])


def shuffled(user_ids: Sequence[int], seed: int) -> list[int]:
    return random.Random(seed).sample(user_ids, len(user_ids))  # noqa: S311 (not for secrets)
