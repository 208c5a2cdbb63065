"""Ends processes and removes a folder, whatever becomes of the program that made them.

It reads what was started and what has ended, a line each. When the other end of the pipe is gone,
after the last step as after a SIGKILL, it cleans up.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time

# Seconds until those that did not heed the first signal get the second.
GENTLE = 2.0


def main(folder: str) -> None:
    """Read until the end, then clean up."""
    # Ctrl-C in a terminal goes to this process, too, and must not end it first.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        word, _, pid = line.strip().partition(" ")
        (groups.add if word == "started" else groups.discard)(int(pid))
    end(groups)
    shutil.rmtree(folder, ignore_errors=True)


def end(groups: set[int]) -> None:
    """End groups: with SIGQUIT, which PostgreSQL passes on to its children, then for good."""
    send(groups, signal.SIGQUIT)
    until = time.monotonic() + GENTLE
    while any(map(lives, groups)) and time.monotonic() < until:
        time.sleep(0.05)
    send(groups, signal.SIGKILL)


def send(groups: set[int], number: int) -> None:
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)


def lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main(sys.argv[1])
