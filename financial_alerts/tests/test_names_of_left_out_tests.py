"""A run of the tests ends by naming what it left out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parent.parent.parent
SUITE = """
from __future__ import annotations

import pytest


def test_plain() -> None:
    assert True


@pytest.mark.long
def test_long() -> None:
    assert True


@pytest.mark.any_postgres
def test_on_any_postgres() -> None:
    assert True


@pytest.mark.postgres
def test_postgres() -> None:
    assert True


@pytest.mark.sqlite
def test_sqlite() -> None:
    assert True


def test_real(sample_data: object) -> None:
    assert sample_data
"""
# "-p conftest": a suite outside the project's folder has no other way to the project's conftest.py.
COMMAND = [sys.executable, "-m", "pytest", "-c", "pyproject.toml", "-p", "conftest"]


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    path = tmp_path / "test_suite.py"
    path.write_text(SUITE)
    return path


def lines_of(suite: Path, *options: str, **environ: str) -> list[str]:
    """Run the suite on SQLite and give its last section, the closing line included."""
    hidden = ("DATABASE_URL", "TEST_DATABASE_URL", "SAMPLE_DATA", "PYTEST_ADDOPTS")
    base = {name: value for name, value in os.environ.items() if name not in hidden}
    done = subprocess.run(
        [*COMMAND, f"--rootdir={suite.parent}", "-p", "no:cacheprovider", *options, str(suite)],
        cwd=ROOT,
        env=base | environ,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    section = done.stdout.split(" left out ")
    return [line for line in section[-1].splitlines()[1:] if line]


def test_it_names_databases_long_tests_real_data_and_skips(suite: Path) -> None:
    *left_out, closing = lines_of(suite, "-m", "not long")
    assert left_out == [
        "PostgreSQL: TEST_DATABASE_URL=postgres://USER:PASSWORD@HOST:5432/NAME make test",
        "The newest PostgreSQL: make test-newest",
        "1 long tests: make test-long",
        "Checks against real exports: SAMPLE_DATA=FOLDER make test",
        "1 skipped: SAMPLE_DATA is not set",
        "1 skipped: only on postgres",
    ]
    assert "3 passed, 2 skipped" in closing


def test_it_names_what_was_left_out_in_two_processes(suite: Path) -> None:
    expression = "not long and not any_postgres"
    *left_out, closing = lines_of(suite, "-m", expression, "-n", "2")
    assert left_out[2:] == [
        "1 long tests: make test-long",
        "1 tests that are the same on every PostgreSQL: make test",
        "Checks against real exports: SAMPLE_DATA=FOLDER make test",
        "1 skipped: SAMPLE_DATA is not set",
        "1 skipped: only on postgres",
    ]
    assert "2 passed, 2 skipped" in closing


def test_what_runs_is_not_named(suite: Path, tmp_path: Path) -> None:
    environ = {"TEST_DATABASE_URL": "postgres://localhost/x", "SAMPLE_DATA": str(tmp_path)}
    *left_out, closing = lines_of(suite, **environ)
    assert left_out == ["1 skipped: only on postgres"]
    assert "5 passed, 1 skipped" in closing


def test_a_folder_of_real_data_that_is_not_there_fails(suite: Path) -> None:
    with pytest.raises(AssertionError, match="SAMPLE_DATA is no folder: /nowhere"):
        lines_of(suite, SAMPLE_DATA="/nowhere")
