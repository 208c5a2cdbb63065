"""A mapping as the TOML that somebody would have written: what is not the default, in order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from collections.abc import Mapping as Dict
from datetime import date
from typing import Any

from budget.imports.mapping import Mapping


def text_of(mapping: Mapping) -> str:
    """The mapping as a file that `read_mapping` reads as the same mapping."""
    said = mapping.model_dump(exclude_defaults=True, exclude_none=True)
    lines: list[str] = []
    tables = {}
    for key, value in said.items():
        if isinstance(value, dict) or (isinstance(value, list) and key in ("rule", "expect")):
            tables[key] = value
        else:
            lines.append(f"{key} = {literal(value)}")
    for key, value in tables.items():
        for table in value if isinstance(value, list) else [value]:
            lines.append(f"\n[[{key}]]" if isinstance(value, list) else f"\n[{key}]")
            lines += pairs(table)
    return "\n".join(lines) + "\n"


def pairs(table: Dict[str, Any]) -> Iterator[str]:
    for key, value in table.items():
        yield f"{name(key)} = {literal(value)}"


def name(key: str) -> str:
    is_bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if is_bare else literal(key)


def literal(value: Any) -> str:
    """A value as TOML has it; a string of JSON is one of TOML, too."""
    if isinstance(value, dict):
        return "{" + ", ".join(pairs(value)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, date):
        return value.isoformat()
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
