"""CSV with a header line: which column is which, and on which line each record starts."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from budget.imports.rows import BadFile, BadLine
from budget.models.text import fold, has_surrogate

Record = tuple[int, list[str]]
Cells = dict[str, str]


@dataclass(frozen=True)
class Dialect:
    """How a file is written. quote: "" for none. skip: lines before the first record."""

    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    skip: int = 0

    @property
    def wrong_encoding(self) -> str:
        return f"not {self.encoding.upper()}; save the file in that encoding"


PLAIN = Dialect()


def open_text(path: Path, encoding: str = "utf-8") -> TextIO:
    """Open a file, one of UTF-8 with or without a byte order mark. Raises OSError.

    Bytes that are not of the encoding stay in as surrogates, so that each bad line can be named.
    """
    is_utf8 = codecs.lookup(encoding).name == "utf-8"
    return path.open(
        encoding="utf-8-sig" if is_utf8 else encoding, errors="surrogateescape", newline=""
    )


def read_records(text: TextIO, dialect: Dialect = PLAIN) -> Iterator[Record | BadLine]:
    """The records with the line each starts on, without blank ones and those of bare commas."""
    reader = csv.reader(
        text,
        strict=True,
        skipinitialspace=True,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
    )
    line = dialect.skip + 1
    try:
        for _ in range(dialect.skip):
            text.readline()
        while True:
            line = dialect.skip + reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield BadLine(line, f"the quotes do not match or the line is too long ({error})")
                continue
            if not any(map(str.strip, cells)):
                continue
            problem = unreadable("".join(cells), dialect)
            yield BadLine(line, problem) if problem else (line, cells)
    except UnicodeError:
        # Encodings of two bytes a character cannot go on after a wrong one.
        yield BadLine(line, dialect.wrong_encoding)


def unreadable(text: str, dialect: Dialect) -> str | None:
    """Why a text cannot be stored, None where it can."""
    if "\0" in text:
        return "a NUL character, so this is no plain text"
    if has_surrogate(text):
        return dialect.wrong_encoding
    return None


@dataclass(frozen=True)
class Layout:
    """The columns that a kind of table must and may have, as its documentation spells them."""

    required: Sequence[str]
    optional: Sequence[str] = ()

    def recognises(self, header: Sequence[str]) -> bool:
        """Whether a header line looks like this table: more than half of the required columns."""
        found = {fold(name) for name in header}
        return 2 * sum(fold(name) in found for name in self.required) > len(self.required)

    def columns(self, header: Record) -> list[str]:
        """The names of the columns as declared, in the order of the file. Raises BadFile."""
        line, cells = header
        known = {fold(name): name for name in (*self.required, *self.optional)}
        names = [known.get(fold(cell), cell.strip()) for cell in cells]
        while names and not names[-1]:
            names.pop()
        problems = [f"no column {name}" for name in self.required if name not in names]
        problems += [
            f"unknown column {name!r}" for name in dict.fromkeys(names) if fold(name) not in known
        ]
        problems += [f"column {name} twice" for name in known.values() if names.count(name) > 1]
        if problems:
            raise BadFile([BadLine(line, "; ".join(problems))])
        return names


def read_header(records: Iterator[Record | BadLine]) -> Record:
    """The first record. Raises BadFile where there is none or it cannot be read."""
    header = next(records, None)
    if header is None:
        raise BadFile([BadLine(1, "the file is empty")])
    if isinstance(header, BadLine):
        raise BadFile([header])
    return header


def misfit(cells: list[str], width: int, first: str = "header") -> str | None:
    """Drop blank cells beyond the width, and say so where it is not met. first: the first line."""
    while len(cells) > width and not cells[-1].strip():
        cells.pop()
    if len(cells) == width:
        return None
    return f"{len(cells)} columns where the {first} has {width}"


def read_table(text: TextIO, layout: Layout) -> Iterator[tuple[int, Cells] | BadLine]:
    """Each record as its line and its cells by column, without blanks around them.

    Raises BadFile for a header that lacks a required column, repeats one or has one unknown.
    """
    records = read_records(text)
    names = layout.columns(read_header(records))
    for record in records:
        if isinstance(record, BadLine):
            yield record
            continue
        line, cells = record
        if said := misfit(cells, len(names)):
            yield BadLine(line, said)
        else:
            yield line, dict(zip(names, map(str.strip, cells), strict=True))
