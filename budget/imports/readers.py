"""The formats that can be imported, one module each, and any other that a mapping describes.

A reader has NAME (the prefix of its external_ids), TITLE and `read(path)`. The module of a format
has `recognises(path)` as well; a new format is a new module and its name in READERS.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from budget.imports import mint
from budget.imports.identity import external_ids
from budget.imports.mapped import MappedReader
from budget.imports.mapping import Mapping
from budget.imports.rows import BadFile, BadLine, LeftOut, ParsedRow


class Reader(Protocol):
    """What reads a file."""

    @property
    def NAME(self) -> str: ...

    @property
    def TITLE(self) -> str: ...

    def read(self, path: Path) -> Iterator[ParsedRow | BadLine | LeftOut]:
        """What each line says. Raises BadFile where the beginning makes the rest unreadable."""


class Format(Reader, Protocol):
    """What the module of a format gives."""

    def recognises(self, path: Path) -> bool:
        """Whether the file is of this format, as far as its beginning tells."""


READERS: Sequence[Format] = (mint,)
MAP_IT = "--mapping FILE says how to read another"


@dataclass(frozen=True)
class Export:
    """A file that was read without a fault: rows by date, then line, each with its external_id."""

    title: str
    rows: list[tuple[str, ParsedRow]]
    left_out: list[LeftOut]


def read_export(path: Path, mapping: Mapping | None = None) -> Export:
    """Read a file as the mapping says, without one as any known format.

    Raises OSError, and BadFile with all bad lines at once.
    """
    reader = MappedReader(mapping) if mapping else find_reader(path)
    rows: list[ParsedRow] = []
    bad: list[BadLine] = []
    left_out: list[LeftOut] = []
    for item in reader.read(path):
        if isinstance(item, ParsedRow):
            rows.append(item)
        elif isinstance(item, BadLine):
            bad.append(item)
        else:
            left_out.append(item)
    if bad:
        raise BadFile(bad)
    rows.sort(key=lambda row: (row.date, row.line))
    return Export(
        reader.TITLE, list(zip(external_ids(reader.NAME, rows), rows, strict=True)), left_out
    )


def find_reader(path: Path) -> Reader:
    """The reader of a file's format. Raises OSError, and BadFile where there is none."""
    for reader in READERS:
        if reader.recognises(path):
            return reader
    known = ", ".join(reader.TITLE for reader in READERS)
    raise BadFile([BadLine(1, f"the header is of no known format ({known}); {MAP_IT}")])
