"""The table of limits in docs/api-reference.md: each number is the one in the code."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parent.parent.parent / "docs" / "api-reference.md"
ROW = re.compile(r"^\| ([^|]+) \| ([\d,]+) \| [^|]+ \| `([\w.]+)` \|$", re.MULTILINE)
ROWS = ROW.findall(DOCS.read_text())


def test_there_is_a_table() -> None:
    assert len(ROWS) >= 16


@pytest.mark.parametrize(("what", "most", "place"), ROWS, ids=[row[2] for row in ROWS])
def test_the_number_is_the_one_in_the_code(what: str, most: str, place: str) -> None:
    module, _, name = place.rpartition(".")
    owner: object
    try:
        owner = import_module(module)
    except ModuleNotFoundError:
        module, _, model = module.rpartition(".")
        owner = getattr(import_module(module), model)
    assert getattr(owner, name) == int(most.replace(",", "")), what
