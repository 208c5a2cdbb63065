"""Workbooks of Excel, .xlsx and .xls: a sheet is written out as CSV and read as any table.

python-calamine reads both kinds. What it gives for a number is a float, so 15 digits are right, as
in Excel itself.
"""

from __future__ import annotations

import csv
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError

from budget.imports.detect.layout import find_mapping
from budget.imports.detect.table import find_table
from budget.imports.mapped import MappedReader
from budget.imports.mapping import Mapping
from budget.imports.reading import Choice, Hints, Question, Reading, Unclear
from budget.imports.rows import BadFile, BadLine, Item, Note
from budget.imports.values import listed

TITLE = "Excel workbook"
PREFIX = "xlsx"
ZIP, OLD = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
MOST_BYTES = 20 * 1024 * 1024
MOST_UNPACKED = 200 * 1024 * 1024
MOST_PARTS = 1000
MOST_SHEETS = 50
MOST_COLUMNS = 500


def recognises(start: bytes) -> bool:
    """Whether it is a workbook: an old one, or an archive with the parts of a new one."""
    parts = (b"[Content_Types].xml", b"_rels/", b"xl/", b"docProps/", b"mimetype")
    return start.startswith(OLD) or (start.startswith(ZIP) and start[30:60].startswith(parts))


def read(path: Path, hints: Hints) -> Reading:
    """Raises OSError, BadFile and Unclear."""
    check_size(path)
    try:
        workbook = CalamineWorkbook.from_path(str(path))
        sheet = choose_sheet(workbook, hints)
    except PasswordError:
        raise refused("the workbook has a password; save it without one") from None
    except (CalamineError, zipfile.BadZipFile, ValueError) as error:
        raise refused(f"no workbook that can be read: {error}") from None
    folder = tempfile.TemporaryDirectory()
    table = Path(folder.name) / "sheet.csv"
    write(sheet, table)
    try:
        mapping = hints.mapping or find_mapping(table, hints)
    except BaseException:
        folder.cleanup()
        raise
    items = rows(folder, table, mapping, hints)
    title = mapping.title if mapping and hints.mapping else f"{TITLE}, sheet {sheet.name}"
    return Reading(title, mapping.name if mapping else PREFIX, items, mapping)


def rows(
    folder: tempfile.TemporaryDirectory[str], table: Path, mapping: Mapping | None, hints: Hints
) -> Iterator[Item]:
    """The rows of the sheet; its copy goes when they have been read."""
    with folder:
        if mapping is None:
            yield Note("the sheet has a header and no rows")
        else:
            yield from MappedReader(mapping).read(table, hints.zone)


def refused(reason: str) -> BadFile:
    return BadFile([BadLine(1, reason)])


def check_size(path: Path) -> None:
    """Raises BadFile for a workbook that is too large, or would be when unpacked."""
    if path.stat().st_size > MOST_BYTES:
        raise refused(f"a workbook of more than {MOST_BYTES // 1024 // 1024} MiB")
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        if len(parts) > MOST_PARTS:
            raise refused(f"a workbook of {len(parts)} parts, at most {MOST_PARTS} are read")
        if sum(part.file_size for part in parts) > MOST_UNPACKED:
            size = MOST_UNPACKED // 1024 // 1024
            raise refused(f"a workbook that has more than {size} MiB when unpacked")


def choose_sheet(workbook: CalamineWorkbook, hints: Hints) -> CalamineSheet:
    """The sheet that has a table of movements. Raises Unclear where several have one."""
    names = workbook.sheet_names[:MOST_SHEETS]
    if (said := hints.answers.get("sheet")) is not None:
        if said not in names:
            raise refused(f"--sheet {said}: the workbook has {listed(names)}")
        return workbook.get_sheet_by_name(said)
    found = [sheet for name in names if has_table(sheet := workbook.get_sheet_by_name(name))]
    if len(found) > 1:
        asks = "Several sheets have dates and amounts. Which one is meant?"
        choices = (Choice(sheet.name, f"{sheet.height} rows") for sheet in found)
        raise Unclear([Question("sheet", asks, tuple(choices))])
    if not found:
        raise refused(f"no sheet has columns with dates and amounts; there are {listed(names)}")
    return found[0]


def has_table(sheet: CalamineSheet) -> bool:
    if sheet.width > MOST_COLUMNS:
        return False
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "sheet.csv"
        write(sheet, table, 500)
        return find_table(table, "utf-8") is not None


def write(sheet: CalamineSheet, path: Path, most: int | None = None) -> None:
    """Write a sheet as CSV, each row on the line of its number."""
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        for number, cells in enumerate(sheet.to_python(skip_empty_area=False, nrows=most), 1):
            if most is not None and number > most:
                return
            lines.writerow([text_of(cell) for cell in cells])


def text_of(cell: Any) -> str:
    """A cell as CSV has it, on one line."""
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else f"{cell:.15g}"
    if isinstance(cell, datetime):
        midnight = cell.time() == time()
        return cell.date().isoformat() if midnight else cell.isoformat(" ", "seconds")
    if isinstance(cell, date | time | timedelta):
        return str(cell)
    return " ".join(str(cell).split())
