"""CSV with a header line: which column is which, and on which line each record starts."""

from __future__ import annotations

import codecs
import contextlib
import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from budget.imports.rows import BadFile, BadLine
from budget.imports.values import listed
from lib.text import SURROGATE, fold

if TYPE_CHECKING:
    import _csv

DELIMITERS = (",", ";", "\t", "|")
QUOTED = re.compile(r'"[^"]*"')
FORMULA = re.compile(r'^\s*="(.*)"\s*$', re.DOTALL)

Record = tuple[int, list[str]]
Cells = dict[str, str]


@dataclass(frozen=True)
class Dialect:
    """How a file is written. quote: "" for none. skip: lines before the first record.

    lenient: whether a quote within a quoted cell need not be doubled. lines: whether lines are
    quoted as a whole, one cell each for most readers.
    """

    encoding: str = "utf-8"
    delimiter: str = ","
    quote: str = '"'
    skip: int = 0
    lenient: bool = False
    lines: bool = False

    @property
    def wrong_encoding(self) -> str:
        return (
            f"not {self.encoding.upper()}; save the file in that encoding, or name the one that it "
            "has as file.encoding of a mapping (docs/imports.md)"
        )

    def reader(self, lines: Iterable[str], strict: bool) -> _csv.Reader:
        """strict: whether quotes that do not match raise csv.Error."""
        return csv.reader(
            map(self.unquoted, lines) if self.lines else lines,
            strict=strict,
            skipinitialspace=True,
            delimiter=self.delimiter,
            quotechar=self.quote or None,
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
        )

    def unquoted(self, line: str) -> str:
        """A line without the quotes around the whole of it."""
        text = line.rstrip("\r\n")
        cells = next(replace(self, lines=False).reader([text], strict=False), [])
        return cells[0] if len(cells) == 1 and text[:1] == text[-1:] == self.quote else line


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
    reader = dialect.reader(text, strict=not dialect.lenient)
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
            text_of = "".join(cells)
            if not text_of or text_of.isspace():
                continue
            problem = unreadable(text_of, dialect)
            yield BadLine(line, problem) if problem else (line, bare(cells, text_of))
    except UnicodeError:
        # Encodings of two bytes a character cannot go on after a wrong one.
        yield BadLine(line, dialect.wrong_encoding)


def bare(cells: list[str], joined: str) -> list[str]:
    """The cells without what makes a spreadsheet take one as a text: ="0123" is 0123."""
    return [FORMULA.sub(r"\1", cell) for cell in cells] if '="' in joined else cells


def split_line(line: str, dialect: Dialect) -> list[str]:
    """The cells of one line, whatever its quotes; [] where it is no CSV at all."""
    try:
        return next(dialect.reader([line], strict=False), [])
    except csv.Error:
        return []


def first_lines(path: Path, encoding: str, at_most: int) -> list[str]:
    """So many lines of a file; those before a wrong byte, where the encoding cannot go on."""
    lines: list[str] = []
    with open_text(path, encoding) as text, contextlib.suppress(UnicodeError):
        lines.extend(islice(text, at_most))
    return lines


def find_header(lines: Sequence[str], dialect: Dialect, names: frozenset[str]) -> int | None:
    """The index of the line that has all columns, by folded name; None where no line has.

    The first one behind the lines that the dialect skips, else the first of all: what a bank puts
    before the header may grow and shrink.
    """
    found = [
        number
        for number, line in enumerate(lines)
        if names <= set(map(fold, split_line(line, dialect)))
    ]
    return next((at for at in found if at >= dialect.skip), min(found, default=None))


def unreadable(text: str, dialect: Dialect) -> str | None:
    """Why a text cannot be stored, None where it can."""
    if "\0" in text:
        return "a NUL character, so this is no plain text"
    if not text.isascii() and SURROGATE.search(text):
        return dialect.wrong_encoding
    return None


def other_delimiter(line: str, delimiter: str) -> str | None:
    """What seems to part the columns of a header line, where it is not this delimiter."""
    bare = QUOTED.sub("", line)
    found = max(DELIMITERS, key=bare.count)
    return found if found != delimiter and bare.count(found) > bare.count(delimiter) else None


@dataclass(frozen=True)
class Layout:
    """The columns that a kind of table must and may have, as its documentation spells them.

    advice: what to do about a header that is not right; "" where that is plain.
    """

    required: Sequence[str]
    optional: Sequence[str] = ()
    advice: str = ""

    def recognises(self, header: Sequence[str]) -> bool:
        """Whether a header line looks like this table: it lacks one required column at most.

        Banks share the plain names, Date and Amount and the like, so more may not be missing.
        """
        found = {fold(name) for name in header}
        return sum(fold(name) in found for name in self.required) >= len(self.required) - 1

    def columns(self, header: Record) -> list[str]:
        """The names of the columns as declared, in the order of the file. Raises BadFile."""
        line, cells = header
        known = {fold(name): name for name in (*self.required, *self.optional)}
        names = [known.get(fold(cell), cell.strip()) for cell in cells]
        while names and not names[-1]:
            names.pop()
        problems = [f"no column {name}" for name in self.required if name not in names]
        unknown = [name for name in dict.fromkeys(names) if fold(name) not in known]
        if unknown:
            problems.append(f"unknown column {listed(unknown)}")
        problems += [f"column {name} twice" for name in known.values() if names.count(name) > 1]
        if problems:
            raise BadFile([BadLine(line, "; ".join(filter(None, [*problems, self.advice])))])
        return names


def read_header(records: Iterator[Record | BadLine]) -> Record:
    """The first record. Raises BadFile if it is missing or cannot be read."""
    header = next(records, None)
    if header is None:
        raise BadFile([BadLine(1, "the file is empty")])
    if isinstance(header, BadLine):
        raise BadFile([header])
    return header


def misfit(
    cells: list[str], width: int, first: str = "header", least: int | None = None
) -> str | None:
    """Drop blank cells beyond the width, and say so where it is not met. first: the first line.

    least: how many cells are enough; None for the whole width.
    """
    while len(cells) > width and not cells[-1].strip():
        cells.pop()
    if (width if least is None else least) <= len(cells) <= width:
        return None
    return f"{len(cells)} columns where the {first} has {width}"


def read_table(text: TextIO, layout: Layout) -> Iterator[tuple[int, Cells] | BadLine]:
    """Each record as its line and its cells by column, without blanks around them.

    Raises BadFile for a header that lacks a required column, repeats one or has one unknown.
    """
    records = read_records(text)
    names = layout.columns(read_header(records))
    width = len(names)
    for record in records:
        if isinstance(record, BadLine):
            yield record
            continue
        line, cells = record
        if len(cells) != width and (said := misfit(cells, width)):
            yield BadLine(line, said)
        else:
            yield line, dict(zip(names, map(str.strip, cells), strict=True))
