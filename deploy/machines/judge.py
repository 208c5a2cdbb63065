"""The judge: one snapshot after another, recomputed by the oracle of the tests.

It reads with SQL of its own and uses nothing of the engine. Each snapshot is a line of JSON: how
many users were judged, and what was wrong. It goes on while the database is away, until SIGTERM
comes; then it judges once more.
"""

from __future__ import annotations

import json
import signal
import threading
import time

import django
from django.db import Error, connection

# Of a processor that the clients need, too, it takes this part.
SHARE = 0.2


def main() -> None:
    """Judge until SIGTERM comes, and once more after that."""
    done = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: done.set())
    django.setup()
    # These import models, which Django has to know first.
    from django.contrib.auth.models import User

    from budget.tests.concurrency.snapshot import Recomputer

    recomputer: Recomputer | None = None
    last = False
    while not last:
        last = done.is_set()
        begun = time.monotonic()
        try:
            recomputer = recomputer or Recomputer(list(User.objects.values_list("pk", flat=True)))
            found = recomputer.violations()
            say(len(recomputer.users), [f"{kind}: {text}" for kind, text in found])
        except Error:
            # What it has read of the events may be half of a snapshot.
            connection.close()
            recomputer = None
            if last:
                raise
        done.wait((time.monotonic() - begun) * (1 / SHARE - 1) + 0.2)


def say(users: int, wrong: list[str]) -> None:
    print(json.dumps({"users": users, "wrong": wrong}), flush=True)


if __name__ == "__main__":
    main()
