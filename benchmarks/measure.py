"""How much is measured, and from what was measured to numbers that hold on a busy machine.

What is compared takes turns within a round, so that whatever else runs slows all of it; a ratio is
taken within its round, and the median of the rounds is what counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from tqdm import tqdm


@dataclass(frozen=True)
class Scale:
    """How much of everything. Turns are in seconds; wrk takes whole ones, 1 at least.

    users, rows_each: those of the comparison. totals, hot, thresholds, alerts, writers: the sizes
    that costs are compared at; totals are rows of ten users, hot rows of one user in one month.
    lives: requests after which a worker's memory is read. histories: rows of one user, for save().
    imported: rows of a file. case: what the names of the comparison's cases must hold. other: the
    folder of another build, to import beside this one; "" for none.
    """

    users: int
    rows_each: int
    totals: tuple[int, ...]
    crowds: tuple[int, ...]
    hot: tuple[int, ...]
    thresholds: tuple[int, ...]
    alerts: tuple[int, ...]
    writers: tuple[int, ...]
    lives: tuple[int, ...]
    starts: int
    rounds: int
    turn: float
    histories: tuple[int, ...]
    save_rounds: int
    save_turn: float
    imported: int
    import_rounds: int
    case: str = ""
    other: str = ""


FULL = Scale(
    users=1_000,
    rows_each=1_000,
    totals=(10_000, 100_000, 1_000_000),
    crowds=(10, 100, 1_000),
    hot=(100, 10_000, 100_000),
    thresholds=(6, 50, 200),
    alerts=(100, 10_000, 100_000),
    writers=(1, 2, 4, 8, 16, 32),
    lives=(10_000, 30_000),
    starts=5,
    rounds=5,
    turn=2.0,
    histories=(1_000, 100_000, 1_000_000),
    save_rounds=12,
    save_turn=0.2,
    imported=1_000_000,
    import_rounds=3,
)
QUICK = Scale(
    users=100,
    rows_each=400,
    totals=(1_000, 10_000),
    crowds=(5, 20),
    hot=(100, 5_000),
    thresholds=(6, 50),
    alerts=(100, 2_000),
    writers=(1, 8),
    lives=(200, 400),
    starts=2,
    rounds=2,
    turn=2.0,
    histories=(1_000, 10_000),
    save_rounds=3,
    save_turn=0.05,
    imported=5_000,
    import_rounds=1,
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


def rounds_of(rounds: int, what: str) -> Iterator[bool]:
    """Whether the round counts: the first one only warms up."""
    for number in tqdm(range(1 + rounds), desc=what, unit="round", leave=False, disable=None):
        yield number > 0
