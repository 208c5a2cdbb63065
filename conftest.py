"""What every test may lean on, and the closing account of what a run left out."""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import hypothesis
import pytest
from django.db import connection
from django.db.backends.signals import connection_created
from django.test import TransactionTestCase
from pytest_django.live_server_helper import LiveServer
from xdist.scheduler import LoadScopeScheduling

from financial_alerts.tests.at_once import Share

# Two cores are shared with the other half of the suite: a slow example is no failure.
hypothesis.settings.register_profile(
    "project",
    deadline=None,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("project")

# One process runs each of these files from end to end, and they come first. Nine writers need both
# cores to themselves; one demo, or one crash, does for all that look at it; and who waits for
# browsers, servers and other databases does so beside others that compute.
TOGETHER = {
    "budget/tests/test_concurrency.py",
    "budget/tests/test_readme.py",
    "budget/tests/test_shared_browser.py",
    "financial_alerts/tests/test_database_roles.py",
    "financial_alerts/tests/test_gunicorn.py",
    "financial_alerts/tests/test_pgbouncer.py",
    "financial_alerts/tests/test_sentry.py",
    "financial_alerts/tests/test_tls.py",
    "web/tests/test_in_chromium.py",
}
# The markers that -m leaves out by name, and what runs those tests.
COMMANDS = {
    "long": "long tests: make test-long",
    "any_postgres": "tests that are the same on every PostgreSQL: make test",
}
LEFT = pytest.StashKey[dict[str, int]]()
WORKER_KEY = "left"


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

    with mock.patch.object(ledger, "LOCK_TIMEOUT", "SET LOCAL lock_timeout = '60s'"):
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_flush() -> Iterator[None]:
    """Empty PostgreSQL's tables as SQLite's: to TRUNCATE forty small ones takes half a second."""
    # As above.
    from django.db.backends.postgresql.operations import DatabaseOperations

    def deletes(ops: DatabaseOperations, style: object, tables: list[str], **how: Any) -> list[str]:
        return [f"DELETE FROM {ops.quote_name(table)}" for table in tables]  # noqa: S608

    with mock.patch.object(DatabaseOperations, "sql_flush", deletes):
        yield


@pytest.fixture(scope="session")
def live_server(django_db_setup: None, live_server: LiveServer) -> LiveServer:
    """Start it once there is the tests' database: it would take that of the settings for one in
    memory, and share the connection of this thread with all of the server's.
    """
    return live_server


@pytest.fixture(scope="session", autouse=True)
def few_connections() -> Iterator[None]:
    """Fail a test that opens more connections than a server has for each of several processes."""
    share = Share()
    connection_created.connect(share.count)
    yield
    connection_created.disconnect(share.count)


def pytest_collection_finish() -> None:
    """Look for garbage seldom, and no more among what stays: it took a twelfth of all time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)


class Together(LoadScopeScheduling):
    """One test after another to each worker, but the files of TOGETHER as a whole to one."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return path if path in TOGETHER else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    """Share the tests out; xdist's own groups do nothing with pytest 9.2."""
    return Together(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is marked for the other database, and what has been run for this one too."""
    for item in items:
        once = item.get_closest_marker("once") or not asks_a_database(item)
        if once and connection.vendor != "sqlite":
            item.add_marker(pytest.mark.skip(reason="the same on every database: runs with SQLite"))
        for name, vendor in (("postgres", "postgresql"), ("sqlite", "sqlite")):
            if item.get_closest_marker(name) and connection.vendor != vendor:
                item.add_marker(pytest.mark.skip(reason=f"only on {name}"))


def asks_a_database(item: pytest.Item) -> bool:
    """Whether a test may: pytest-django keeps the others from it."""
    marked = any(item.get_closest_marker(name) for name in ("django_db", "postgres"))
    fixtures = {"db", "transactional_db", "django_db_setup"} & set(
        getattr(item, "fixturenames", ())
    )
    case = getattr(item, "cls", None)
    return marked or bool(fixtures) or bool(case and issubclass(case, TransactionTestCase))


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Count the tests that -m left out, here and in each worker, each by one of its markers."""
    if not items:
        return
    config = items[0].config
    named = [name for name in COMMANDS if f"not {name}" in config.option.markexpr]
    left = config.stash.setdefault(LEFT, {})
    for item in items:
        for name in named:
            if item.get_closest_marker(name):
                left[name] = left.get(name, 0) + 1
                break


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand a worker's count to the process that reports."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[WORKER_KEY] = session.config.stash.get(LEFT, {})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take a worker's count; each worker collects the whole suite, so they do not add up."""
    node.config.stash[LEFT] = getattr(node, "workeroutput", {}).get(WORKER_KEY, {})


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
        yield "The newest PostgreSQL: make test-newest"
    for name, count in config.stash.get(LEFT, {}).items():
        yield f"{count} {COMMANDS[name]}"
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
