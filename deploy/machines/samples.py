"""Every attempt of every client, and what the faults have to answer for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

# Seconds after a machine is back, or the balancer could know that it is gone, in which a client may
# still see an error.
GRACE = 5.0
# Seconds that a write waits for its user's lock before it is told to try again, and of how many
# attempts one may be told so. All machines are one here: where it stands still so long, whoever has
# the lock stands still as well.
LOCK_WAIT, SELDOM = 2.0, 200


class Sample(NamedTuple):
    """One attempt. begun, ended: seconds of the run's clock. error: what it failed with, or ""."""

    begun: float
    ended: float
    write: bool
    error: str

    @property
    def seconds(self) -> float:
        return self.ended - self.begun


@dataclass
class Fault:
    """Something that was done to the machines.

    back: when clients no longer met it; until says in words what came then.
    shows: whether clients may see it, as errors of 5xx and as connections that end.
    """

    name: str
    shows: bool
    begun: float
    back: float = float("inf")
    detail: str = ""
    until: str = "it was back"
    errors: list[Sample] = field(default_factory=list)

    def covers(self, sample: Sample) -> bool:
        return sample.ended >= self.begun and sample.begun <= self.back + GRACE

    @property
    def kinds(self) -> str:
        """What clients met, and how often."""
        kinds = Counter(sample.error for sample in self.errors)
        return ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())

    @property
    def recovery(self) -> float:
        """Seconds from its begin to the end of the last error that it caused."""
        return max((sample.ended for sample in self.errors), default=self.begun) - self.begun


def attribute(samples: Iterable[Sample], faults: Sequence[Fault]) -> list[Sample]:
    """Give each error to the last fault that can have caused it; the errors that none can.

    A 500 has no excuse: the service is to say 503 of a database that is away.
    """
    left = []
    for sample in samples:
        if not sample.error:
            continue
        causes = [fault for fault in faults if fault.shows and fault.covers(sample)]
        if causes and sample.error != "500":
            max(causes, key=lambda fault: fault.begun).errors.append(sample)
        else:
            left.append(sample)
    return left


def waited_in_vain(left: Sequence[Sample], attempts: int) -> list[Sample]:
    """Those of the errors that no fault explains that a lock not had in time does.

    None where they are more than seldom: then it is the service that keeps its locks.
    """
    found = [one for one in left if one.write and one.error == "503" and one.seconds >= LOCK_WAIT]
    return found if len(found) * SELDOM <= attempts else []


def slowest(samples: Iterable[Sample], fault: Fault) -> float:
    """Give the seconds of the slowest attempt that was answered and ran while a fault did."""
    during = (
        sample.seconds
        for sample in samples
        if not sample.error and sample.ended >= fault.begun and sample.begun <= fault.back
    )
    return max(during, default=0.0)


def percentile(samples: Iterable[Sample], percent: float) -> float:
    """Give the milliseconds within which so many percent of the attempts ended; 0 for none."""
    times = sorted(sample.seconds for sample in samples)
    if not times:
        return 0.0
    return 1000 * times[min(len(times) - 1, int(len(times) * percent / 100))]


def summary(samples: Sequence[Sample]) -> Iterator[str]:
    """How many attempts there were, and how long those took that were answered."""
    for name, write in (("reads", False), ("writes", True)):
        some = [sample for sample in samples if sample.write is write]
        good = [sample for sample in some if not sample.error]
        yield (
            f"{name}: {len(good)} answered, {len(some) - len(good)} errors; "
            f"p50 {percentile(good, 50):.0f} ms, p99 {percentile(good, 99):.0f} ms"
        )
