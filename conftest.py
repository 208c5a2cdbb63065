"""What every test may lean on, and the closing account of what a run left out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import hypothesis
import pytest
from django.db import connection

# Two cores are shared with the other half of the suite: a slow example is no failure.
hypothesis.settings.register_profile(
    "project",
    deadline=None,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("project")

LEFT_LONG = pytest.StashKey[int]()
WORKER_KEY = "left_long"


@pytest.fixture(scope="session")
def sample_data() -> Path:
    """Give the folder of real exports; skips the test that asks where SAMPLE_DATA is unset."""
    if not (name := os.environ.get("SAMPLE_DATA")):
        pytest.skip("SAMPLE_DATA is not set")
    folder = Path(name)
    if not folder.is_dir():
        pytest.fail(f"SAMPLE_DATA is no folder: {name}")
    return folder


@pytest.fixture(scope="session", autouse=True)
def patient_locks() -> Iterator[None]:
    """Let a wait for a lock outlast a busy machine: in 2 s it may not have run the one that holds.

    The tests of that limit import it themselves, before this.
    """
    # Not before Django is set up, which it is not yet where this file is imported.
    from budget.models import ledger

    with mock.patch.object(ledger, "LOCK_TIMEOUT", "SET LOCAL lock_timeout = '60s';"):
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is marked for the other database, and what has been run for this one too."""
    for item in items:
        if item.get_closest_marker("once") and connection.vendor != "sqlite":
            item.add_marker(pytest.mark.skip(reason="asks no database of ours: runs with SQLite"))
        for name, vendor in (("postgres", "postgresql"), ("sqlite", "sqlite")):
            if item.get_closest_marker(name) and connection.vendor != vendor:
                item.add_marker(pytest.mark.skip(reason=f"only on {name}"))


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Count the long tests that -m left out, here and in each worker."""
    if items:
        stash = items[0].config.stash
        left = sum(item.get_closest_marker("long") is not None for item in items)
        stash[LEFT_LONG] = stash.get(LEFT_LONG, 0) + left


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand a worker's count to the process that reports."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[WORKER_KEY] = session.config.stash.get(LEFT_LONG, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take a worker's count; each worker collects the whole suite, so they do not add up."""
    stash = node.config.stash
    told = getattr(node, "workeroutput", {}).get(WORKER_KEY, 0)
    stash[LEFT_LONG] = max(stash.get(LEFT_LONG, 0), told)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Name what was left out: a green run that skipped half would read like a full one."""
    skipped = terminalreporter.getreports("skipped")
    lines = [*left_out(config), *reasons(skipped)]
    if lines:
        terminalreporter.section("left out")
        for line in lines:
            terminalreporter.line(line)


def left_out(config: pytest.Config) -> Iterator[str]:
    """Give a line for each part of the suite that this run was not asked for."""
    if connection.vendor == "sqlite" and not os.environ.get("TEST_DATABASE_URL"):
        yield "PostgreSQL: TEST_DATABASE_URL=postgres://USER:PASSWORD@HOST:5432/NAME make test"
    if long := config.stash.get(LEFT_LONG, 0):
        yield f"{long} long tests: make test-long"
    if not os.environ.get("SAMPLE_DATA"):
        yield "Checks against real exports: SAMPLE_DATA=FOLDER make test"


def reasons(skipped: list[pytest.TestReport]) -> Iterator[str]:
    """Give a line for each reason for which tests were skipped."""
    found = Counter(reason_of(report) for report in skipped)
    for reason, count in sorted(found.items()):
        yield f"{count} skipped: {reason}"


def reason_of(report: pytest.TestReport) -> str:
    """Give the text a test was skipped with."""
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    return str(report.longrepr)
