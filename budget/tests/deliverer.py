"""A process that delivers to a test's receiver: python -m budget.tests.deliverer.

It has a short lease and tries again soon, so that a test that kills it need not wait for long.
"""

from __future__ import annotations

import signal
import sys
from datetime import timedelta

import django


def main(port: int, certificate: str) -> None:
    django.setup()
    from budget.delivering import Deliverer, schedule, worker
    from budget.tests.receiver import LOOPBACK
    from lib import outside
    from lib.outside import Guard

    # localhost is no full name of a host, as a user's URL needs one.
    outside.check_name = lambda host: None
    schedule.WAITS = (0.05,) * 200
    schedule.MAX_TRIES = 201
    worker.LOOK, worker.SWEEP, worker.SOON = 0.1, 0.2, timedelta(seconds=0.2)
    guard = Guard(LOOPBACK, frozenset({port}), certificate)
    deliverer = Deliverer(guard, threads=4, lease=timedelta(seconds=1.5), total=1.0)
    signal.signal(signal.SIGTERM, lambda *_: deliverer.stop())
    print("ready", flush=True)
    done = deliverer.run()
    print(dict(done), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
