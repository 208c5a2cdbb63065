"""The digest that tells one release from another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from financial_alerts.tests.postgres import run_python
from lib.release import digest_of, release

pytestmark = pytest.mark.once


def code(root: Path) -> Path:
    for name in ("accounts/models.py", "api/http/door.py", "budget/tests/test_door.py"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("one = 1\n")
    return root


CHANGES: dict[str, tuple[Callable[[Path], object], bool]] = {
    "an edit": (lambda root: (root / "api/http/door.py").write_text("one = 2\n"), True),
    "a new file": (lambda root: (root / "api/http/new.py").write_text(""), True),
    "another name": (
        lambda root: (root / "api/http/door.py").rename(root / "api/http/gate.py"),
        True,
    ),
    "a test": (lambda root: (root / "budget/tests/test_door.py").write_text("two = 2\n"), False),
    "what Python leaves behind": (lambda root: (root / "budget/door.pyc").write_text("x"), False),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_makes_another_release(tmp_path: Path, name: str) -> None:
    change, another = CHANGES[name]
    before = digest_of(code(tmp_path))
    change(tmp_path)
    assert (digest_of(tmp_path) != before) == another


def test_it_does_not_matter_where_the_code_lies(tmp_path: Path) -> None:
    assert digest_of(code(tmp_path / "one")) == digest_of(code(tmp_path / "other"))


def test_every_process_says_the_same() -> None:
    words = "from lib.release import release; print(release())"
    assert run_python("-c", words).stdout.strip() == release()
