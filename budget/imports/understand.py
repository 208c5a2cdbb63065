"""From a file to its rows, whatever its kind: `understand` is the one way in.

A new format is a module in formats/ and its name in FORMATS. What is a table goes through
detect/, which makes the mapping that somebody could have written by hand.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol
from zipfile import BadZipFile, ZipFile

from budget.imports import mint
from budget.imports.csv_table import open_text, read_header, read_records
from budget.imports.detect.layout import detect
from budget.imports.formats import camt, coda, excel, mt940, norma43, ofx, own, qif
from budget.imports.mapped import MappedReader
from budget.imports.mapping import Mapping as Layout
from budget.imports.reading import Choice, Hints, Question, Reading, Unclear, spread
from budget.imports.rows import MOST_BAD, BadFile, BadLine, Item, LeftOut, Note, ParsedRow
from budget.imports.spool import Spool


class Format(Protocol):
    """What the module of a format gives."""

    @property
    def TITLE(self) -> str: ...

    @property
    def PREFIX(self) -> str: ...

    def recognises(self, start: bytes) -> bool:
        """Whether a file that begins so is of this format, right or nearly so."""

    def read(self, path: Path, hints: Hints) -> Reading:
        """The rows. Raises OSError, BadFile where the whole cannot be read, and Unclear."""


FORMATS: Sequence[Format] = (own, excel, ofx, camt, mt940, norma43, coda, qif)
HEAD = 4096
ZIP = b"PK\x03\x04"
MOST_UNPACKED = 50 * 1024 * 1024
JSON = re.compile(rb'\s*(\[\s*)?\{\s*"')
HTML = re.compile(rb"<(html|table|!doctype html)\b", re.IGNORECASE)
# What cannot be read, by its first bytes, with what helps.
OTHERS: dict[bytes, str] = {
    b"%PDF": "a PDF, a picture of a statement; most banks give the same as CSV, OFX or camt",
    b"\x1f\x8b": "a compressed file (gzip); unpack it first",
    b"{\\rtf": "a text of a word processor; give the bank's own file",
    b"\x89PNG": "a picture; give the bank's own file",
    b"\xff\xd8\xff": "a picture; give the bank's own file",
}


@dataclass(frozen=True)
class Export:
    """A file that was read without a fault: rows by date, then line, each with its external_id.

    currency: the one of all rows, "" where the file names none. notes: what may be wrong all the
    same, in words. layout: the mapping that it was read by, where it is a table.
    """

    title: str
    rows: Spool
    left_out: list[LeftOut]
    notes: list[str]
    currency: str = ""
    layout: Layout | None = None


def understand(path: Path, hints: Hints) -> Reading:
    """How a file is read. Raises OSError, BadFile where it cannot be, Unclear where it must ask."""
    with path.open("rb") as file:
        start = file.read(HEAD)
    if not start.strip():
        raise BadFile([BadLine(1, "the file is empty")])
    for form in FORMATS:
        if form.recognises(start):
            if hints.mapping and form is not excel:
                said = f"this is no table but {form.TITLE}, which is read without a mapping"
                raise BadFile([BadLine(1, said)])
            return form.read(path, hints)
    if start.startswith(ZIP):
        return unpacked(path, hints)
    for mark, kind in OTHERS.items():
        if start.startswith(mark):
            raise BadFile([BadLine(1, f"this is {kind}")])
    if JSON.match(start.removeprefix(BOM_UTF8)):
        said = "this is JSON, as programs exchange it; give the bank's CSV, OFX or camt, or Excel"
        raise BadFile([BadLine(1, said)])
    if HTML.search(start[:1000]):
        said = "this is a web page (HTML), whatever its name; open it in a spreadsheet, save as CSV"
        raise BadFile([BadLine(1, said)])
    if start.removeprefix(BOM_UTF8).lstrip().startswith(b"<"):
        said = "this is XML of an unknown kind; statements as XML are camt.052, .053, .054 and OFX"
        raise BadFile([BadLine(1, said)])
    return read_table(path, hints)


def unpacked(path: Path, hints: Hints) -> Reading:
    """How the one file of an archive is read, as banks give statements in camt."""
    folder = TemporaryDirectory()
    try:
        reading = understand(unpack(path, Path(folder.name)), hints)
    except BaseException:
        folder.cleanup()
        raise
    return replace(reading, items=within(folder, reading.items))


def within(folder: TemporaryDirectory[str], items: Iterator[Item]) -> Iterator[Item]:
    """The items of a file in a folder that goes once they have been read."""
    with folder:
        yield from items


def unpack(path: Path, folder: Path) -> Path:
    """The one file of an archive, unpacked. Raises BadFile where there are more, or it is large."""
    try:
        with ZipFile(path) as archive:
            files = [part for part in archive.infolist() if not part.is_dir()]
            if len(files) != 1:
                said = f"this is a ZIP archive of {len(files)} files; unpack it, give one of them"
                raise BadFile([BadLine(1, said)])
            if files[0].file_size > MOST_UNPACKED:
                said = f"its file has more than {MOST_UNPACKED // 1024 // 1024} MiB when unpacked"
                raise BadFile([BadLine(1, said)])
            content = archive.read(files[0])
    except (BadZipFile, RuntimeError, NotImplementedError) as error:
        raise BadFile([BadLine(1, f"a ZIP archive that cannot be read: {error}")]) from None
    if content.startswith(ZIP):
        raise BadFile([BadLine(1, "an archive within an archive; unpack it and give the file")])
    found = folder / "unpacked"
    found.write_bytes(content)
    return found


def read_export(path: Path, hints: Hints | None = None, currency: str | None = None) -> Export:
    """Read a whole file.

    currency: the user's; None for one who has no amounts yet, so that any one currency will do.
    Raises OSError, BadFile with the first hundred bad lines, and Unclear with what is to be asked.
    """
    hints = hints or Hints()
    hints = replace(hints, answers=spread(hints.answers))
    reading = understand(path, hints)
    rows = Spool(reading.prefix)
    bad: list[BadLine] = []
    more = 0
    left_out: list[LeftOut] = []
    notes: list[str] = []
    for item in reading.items:
        if isinstance(item, ParsedRow):
            if not bad:
                rows.add(item)
        elif isinstance(item, LeftOut):
            left_out.append(item)
        elif isinstance(item, Note):
            notes.append(item.text)
        elif len(bad) < MOST_BAD:
            bad.append(item)
        else:
            more += 1
    if bad:
        raise BadFile(bad, more)
    currency = currency_of(rows, hints.answers.get("currency"), currency)
    others = [
        LeftOut(line, f"in {other}, not in {currency}") for line, other in rows.leave(currency)
    ]
    rows.finish()
    return Export(reading.title, rows, [*left_out, *others], notes, currency, reading.layout)


def currency_of(rows: Spool, wanted: str | None, users: str | None) -> str:
    """The currency of the rows that are kept, "" where no row names one.

    Amounts in two currencies are never added up. wanted: the one that was asked for. users: the
    user's. Raises BadFile where the file is in another, Unclear where it has several.
    """
    found = rows.currencies
    wanted = wanted.upper() if wanted else None
    if wanted and users and wanted != users:
        raise BadFile([BadLine(1, f"--currency {wanted}: the user's amounts are in {users}")])
    if wanted and found and wanted not in found:
        raise BadFile(
            [BadLine(1, f"--currency {wanted}: the file has {' and '.join(sorted(found))}")]
        )
    if not wanted and users and (other := next((c for c in found if c != users), None)):
        count = sum(count for code, (count, _) in found.items() if code != users)
        said = (
            f"{count} of {rows.length} rows are in another currency than the user's, {users}: this "
            f"one is in {other}; --currency {users} leaves them out"
        )
        raise BadFile([BadLine(found[other][1].line, said)])
    if not wanted and len(found) > 1:
        raise Unclear([currency_question(found)])
    return (wanted or users or next(iter(found))) if found else ""


def currency_question(found: Mapping[str, tuple[int, ParsedRow]]) -> Question:
    choices = []
    for code, (count, row) in sorted(found.items()):
        reading = f"{count} rows, such as line {row.line}: {row.date}, {row.amount} {code}"
        choices.append(Choice(code, f"{reading}, {row.description}"))
    asks = (
        "The file has amounts in several currencies, which are never added up. Which one is kept?"
    )
    return Question("currency", asks, tuple(choices))


def read_table(path: Path, hints: Hints) -> Reading:
    """A file of columns: as its mapping says, else as a program writes it."""
    if hints.mapping:
        reader = MappedReader(hints.mapping)
        return Reading(reader.TITLE, reader.NAME, reader.read(path, hints.zone), hints.mapping)
    if is_mint(path):
        return Reading(mint.TITLE, mint.NAME, mint.read(path, hints.zone))
    return detect(path, hints)


def is_mint(path: Path) -> bool:
    """Whether the file has the header of Mint, right or nearly so."""
    try:
        with open_text(path) as text:
            return mint.recognises(read_header(read_records(text)))
    except BadFile:
        return False
