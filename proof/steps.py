"""Runs the steps of a proof: each is named with its time and says in a line what it saw."""

from __future__ import annotations

import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed

from tools.packages import Missing
from tools.programs import Broken

Step = Callable[[], str]


class Wrong(Exception):
    """Something is not as it should be; the text says what."""


def expect(condition: bool, text: str) -> None:
    """Raise Wrong with the text unless the condition holds."""
    if not condition:
        raise Wrong(text)


def in_order(title: str, steps: Mapping[str, Step]) -> None:
    """Run one step after another; the first that fails ends the process with 1."""
    for name, step in steps.items():
        if not passes(name, step):
            sys.exit(f"{title}: {name} failed")


def together(title: str, steps: Mapping[str, Step]) -> None:
    """Run all steps at the same time; the process ends with 1 if any failed."""
    with ThreadPoolExecutor(len(steps)) as pool:
        running = {pool.submit(passes, name, step): name for name, step in steps.items()}
        failed = [running[done] for done in as_completed(running) if not done.result()]
    if failed:
        sys.exit(f"{title}: {', '.join(failed)} failed")


def passes(name: str, step: Step) -> bool:
    """Run a step and print what it saw; False if it failed."""
    begun = time.monotonic()
    try:
        word, saw = "ok", step()
    except Missing as error:
        word, saw = "LEFT OUT", str(error)
    except (Wrong, Broken) as error:
        word, saw = "FAILED", str(error)
    except Exception:
        word, saw = "FAILED", traceback.format_exc()
    print(f"{name:<14}{word:<10}{time.monotonic() - begun:6.1f} s  {saw}", flush=True)
    if word == "LEFT OUT":
        # .ci/run gathers the lines that begin so.
        print(f"LEFT OUT: {name}: {saw}", flush=True)
    return word != "FAILED"


def end_on_signals() -> None:
    """Let Ctrl-C and SIGTERM raise SystemExit, so that what was started is ended."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
