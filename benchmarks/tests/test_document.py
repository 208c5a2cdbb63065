"""What a run writes into docs/benchmarks.md."""

from __future__ import annotations

import re
from pathlib import Path
from unittest import mock
from xml.etree import ElementTree

import pytest

from benchmarks import command, comparison
from benchmarks.databases import Kind
from benchmarks.load import Load
from benchmarks.measure import QUICK, Spread
from benchmarks.picture import Panel, draw
from benchmarks.table import Table

DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"
FLAT, TWICE = Spread(1, 1, 1), Spread(2, 1.9, 2.1)
PANEL = Panel("rows", "CPU time", ["10", "<1,000>"], {"POST": [FLAT, TWICE], "GET": [FLAT, FLAT]})


def test_the_document_has_a_place_for_each_part() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for part in command.PARTS:
        text = command.between(text, part, f"new text of {part}")
        assert f"<!-- {part} -->\n\nnew text of {part}\n\n<!-- /{part} -->" in text


def test_a_document_without_the_place_is_refused() -> None:
    with pytest.raises(ValueError, match="<!-- peers -->"):
        command.between("<!-- start -->\n<!-- /start -->\n", "peers", "new text")


def test_only_the_measured_parts_are_replaced(tmp_path: Path) -> None:
    document = tmp_path / "benchmarks.md"
    document.write_text(DOCUMENT.read_text(encoding="utf-8"), encoding="utf-8")
    command.write(document, "here", {"start": Table("Start", ("a",), [("1",)])})
    parts = re.compile(r"(<!-- (?:start|machine) -->\n).*?(?=<!-- /)", re.DOTALL)
    old, new = (parts.sub(r"\1", path.read_text(encoding="utf-8")) for path in (DOCUMENT, document))
    assert old == new
    assert "| 1 |" in document.read_text(encoding="utf-8")


def test_a_picture_stands_beside_the_document_and_in_it(tmp_path: Path) -> None:
    document = tmp_path / "benchmarks.md"
    document.write_text(DOCUMENT.read_text(encoding="utf-8"), encoding="utf-8")
    command.write(document, "here", {"rows": Table("Rows", ("a",), [("1",)], PANEL)})
    assert "![Rows](benchmarks/rows.svg)" in document.read_text(encoding="utf-8")
    assert (tmp_path / "benchmarks" / "rows.svg").read_text(encoding="utf-8") == draw(PANEL)


def test_a_panel_shows_its_lines_at_the_height_of_their_values() -> None:
    root = ElementTree.fromstring(draw(PANEL))  # noqa: S314 - our own text
    space = {"svg": "http://www.w3.org/2000/svg"}
    texts = [text.text for text in root.iterfind(".//svg:text", space)]
    assert {"rows", "10", "<1,000>", "POST", "GET", "0.5", "1", "2"} <= set(texts)
    heights = {text.text: float(text.get("y", "")) for text in root.iterfind(".//svg:text", space)}
    (first, second), flat = (
        [
            float(dot.get("cy", ""))
            for dot in root.iterfind(f".//svg:circle[@class='{colour}']", space)
        ]
        for colour in ("blue", "amber")
    )
    # A label of the axis is 4 pixels below its line.
    assert [first + 4, second + 4] == [heights["1"], heights["2"]]
    assert flat == [first, first]


def test_the_ratios_of_a_row_are_of_the_right_services() -> None:
    """Two rounds of known costs: each ratio has a value that no other one has."""
    found = {
        "DRF": [Load(10, 0.05, 0.01), Load(10, 0.05, 0.01)],
        "ninja": [Load(11, 0.05, 0.01), Load(11, 0.05, 0.01)],
        "FastAPI": [Load(20, 0.01, 0.002), Load(40, 0.01, 0.002)],
        "floor": [Load(80, 0.001, 0.001), Load(80, 0.001, 0.001)],
        "ours": [Load(60, 0.003, 0.001), Load(60, 0.002, 0.001)],
        "304": [Load(90, 0.0008, 0.0002), Load(150, 0.0008, 0.0002)],
    }
    _, *shown = comparison.compared("list", found)
    assert shown[:5] == ["60", "10", "11", "30", "80"]
    assert shown[5:] == [
        "2.25 (1.50 to 3.00)",
        "0.75",
        "3.50 (3.00 to 4.00)",
        "0.58 (0.50 to 0.67)",
        "2.50 + 1.00",
    ]
    short = comparison.beside("304", found)
    assert [cell for cell in short if cell] == [
        "304",
        "120",
        "2.00 (1.50 to 2.50) / 200",
        "3.50 (3.00 to 4.00) / 200",
        "0.80 + 0.20",
    ]


def test_what_was_measured_is_kept_where_a_later_part_fails() -> None:
    table = Table("History", ("a",), [("1",)])
    failing = mock.Mock(side_effect=RuntimeError("No server"))
    kept: dict[str, Table] = {}
    with (
        mock.patch.dict(command.PARTS, {"history": lambda *_: table, "kinds": failing}),
        pytest.raises(RuntimeError, match="No server"),
    ):
        command.measure([Kind("SQLite")], ["history", "kinds"], QUICK, kept.update)
    assert kept == {"history": table}
