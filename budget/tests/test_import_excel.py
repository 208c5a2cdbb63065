"""Workbooks of Excel, new and old: a sheet is read as any table is."""

from __future__ import annotations

import zlib
from base64 import b64decode
from datetime import date
from pathlib import Path

import pytest

from budget.imports import BadFile, Export, Hints, Unclear, read_export
from budget.imports.formats import excel
from budget.tests.statements import told
from budget.tests.workbooks import Cell, write_workbook

pytestmark = pytest.mark.once

ROWS: list[list[Cell]] = [
    ["Kontoauszug", None, None],
    [None, None, None],
    ["Buchungstag", "Empfänger", "Betrag"],
    [date(2024, 3, 15), "Markt", -12.5],
    [date(2024, 3, 16), "Bäcker\nOfen", -1234.1],
    [date(2024, 3, 17), "Arbeit", 1000],
]
READ = [
    ("2024-03-15", "12.50", "expense", "Markt"),
    ("2024-03-16", "1234.10", "expense", "Bäcker Ofen"),
    ("2024-03-17", "1000.00", "income", "Arbeit"),
]
# An .xls of version 8 with the first two of these rows, as a library for old workbooks wrote it.
OLD = (
    "eNrtWE1oE0EU/mazaX7sTxJboS2UUrBqLQXpxUu7WloLSkoVxB8E3aYxSuymbJKDFbRaexQET4qXQj14qXrxBz0o"
    "ePAgVPQgFJRGe9OLoOAhzfrm7S62VaEBLVT2W+bNzJv37bzdmTczu69mo/NT9xoKWIFu+FCyQqhYohOUQm4lAmq3"
    "LFl08yAly8O6QihIA1nhx+OqlwE5hnK8C1BwV31GEvhA6RhGMZAxks1riB72QRfShy6SAjdJU4169irGMsFyI8s7"
    "bPmE5S7WXGHZRbbz4ihmtYG2nc4sPqy0cFs15H0fMGeONTtQhxdyFl+4KmxbP3abp/Uz66yhSa3ENGhA+5NG0pT1"
    "GtxCGOjt7YjHO44Q5lFLgz2Nb1Yz8NWN6qfNnn5t9QKk/75cH/iDPkiDuFJ/TVGBcVgnOEgmaVJ3qnYgHxzJ6rmx"
    "IvZyUMu0AdiXMXIZPZ8dy6eo1pNPnMobqWxOT9HC3jcyenLBSCVNsu1J5kw95QfiupnOScVCIp00w3IL4CUjsmzJ"
    "qOJQqiQ5jBouRzmgIuRz8faX1/GhQe04a8Z5m7A3k83Sd1i4KBlEruYWP0sfpTZmbGd5ie/ayOUGlrVkSXnrYJ1T"
    "2DPBNpe5tZX66WS80bYsKW+l8uSn/Q+bJj9q26g8018Yq515q02hhTa3YeLLawLtol3cuC7xSHNz4Sw871jW/7II"
    "BZWI82yWs2PWYFGGHSHKUloo/HTLLRS2kO/Errnvz64pVPM5bN8K9nklzLoY5p4rbO9jtnyzdptkn/tsWZKt/oat"
    "Mvu9w1aZ7XfYKrMbi5bVrcRwX7pEy+tPhOHBgwcPHjx48OBhXUEeORXnuK06h295oA84/3UWKZW83yT/LQ4gQ1eO"
    "Pir7YFBu4mxZ82cT/MK9l1glx/1fKHGIejeRxhD7kS57/tIHmVj6PKsmRv5eCJXbf6kcP/9x/z8AG1zt4w=="
)


def read(path: Path, **answers: str) -> Export:
    return read_export(path, Hints(answers=answers))


def test_a_workbook_is_read_as_a_table(tmp_path: Path) -> None:
    export = read(write_workbook(tmp_path / "a.xlsx", {"Umsatz": ROWS}))
    assert told(export) == READ
    assert export.title == "Excel workbook, sheet Umsatz"
    assert [row.line for _, row in export.rows] == [4, 5, 6]


def test_an_old_workbook_is_read_alike(tmp_path: Path) -> None:
    file = tmp_path / "export"
    file.write_bytes(zlib.decompress(b64decode(OLD)))
    assert told(read(file)) == [READ[0], ("2024-03-16", "2.50", "expense", "Bäcker")]


def test_the_sheet_with_movements_is_found(tmp_path: Path) -> None:
    sheets: dict[str, list[list[Cell]]] = {"Info": [["Created by", "a bank"]], "Data": ROWS}
    assert told(read(write_workbook(tmp_path / "a.xlsx", sheets))) == READ


def test_which_of_several_sheets_is_asked(tmp_path: Path) -> None:
    file = write_workbook(tmp_path / "a.xlsx", {"May": ROWS, "June": ROWS[:4]})
    with pytest.raises(Unclear) as caught:
        read(file)
    (question,) = caught.value.questions
    assert [choice.value for choice in question.choices] == ["May", "June"]
    assert told(read(file, sheet="June")) == READ[:1]
    with pytest.raises(BadFile) as refused:
        read(file, sheet="July")
    assert refused.value.bad[0].reason == "--sheet July: the workbook has 'May', 'June'"


def test_a_workbook_without_a_table_says_which_sheets_there_are(tmp_path: Path) -> None:
    with pytest.raises(BadFile) as caught:
        read(write_workbook(tmp_path / "a.xlsx", {"Info": [["a", "b"]]}))
    assert "there are 'Info'" in caught.value.bad[0].reason


def test_a_workbook_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    file = write_workbook(tmp_path / "a.xlsx", {"Data": ROWS})
    file.write_bytes(file.read_bytes()[:600])
    with pytest.raises(BadFile) as caught:
        read(file)
    assert caught.value.bad[0].reason.startswith("no workbook that can be read")


def test_a_workbook_that_is_too_large_when_unpacked_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_workbook(tmp_path / "a.xlsx", {"Data": ROWS})
    monkeypatch.setattr(excel, "MOST_UNPACKED", 500)
    with pytest.raises(BadFile) as caught:
        read(file)
    assert "when unpacked" in caught.value.bad[0].reason


def test_a_bad_row_is_named_by_its_number(tmp_path: Path) -> None:
    rows: list[list[Cell]] = [*ROWS, [date(2024, 3, 18), "Shop", "a lot"]]
    with pytest.raises(BadFile) as caught:
        read(write_workbook(tmp_path / "a.xlsx", {"Data": rows}))
    assert [bad.line for bad in caught.value.bad] == [7]
