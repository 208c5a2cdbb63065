"""Mappings for tests, and docs/imports.md as its reader has it."""

from __future__ import annotations

import re
from pathlib import Path

from budget.imports import Mapping, read_mapping

GUIDE = (Path(__file__).parents[2] / "docs" / "imports.md").read_text(encoding="utf-8")


def block(kind: str) -> str:
    """The one block of the guide that is of a kind, such as toml."""
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
    return str(found)


def write_mapping(folder: Path, text: str) -> Path:
    path = folder / "mapping.toml"
    path.write_text(text, encoding="utf-8")
    return path


def mapping_of(folder: Path, text: str) -> Mapping:
    return read_mapping(write_mapping(folder, text))
