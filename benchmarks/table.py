"""Markdown, ready for docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.measure import Spread
from benchmarks.picture import Panel

Row = tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A question, what the columns hold, and the answer. panel: the same as a picture."""

    title: str
    headings: Row
    rows: Sequence[Row]
    panel: Panel | None = None

    def __str__(self) -> str:
        lines = [self.headings, tuple("---" for _ in self.headings), *self.rows]
        return "\n".join([f"**{self.title}**", "", *(line(row) for row in lines)])


def line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def in_ms(spread: Spread) -> str:
    """Seconds, shown as milliseconds."""
    return f"{spread.middle * 1000:.2f}"


def in_rate(spread: Spread) -> str:
    return f"{spread.middle:,.0f}"


def in_times(spread: Spread) -> str:
    """A ratio with its least and its most."""
    if spread.low == spread.high:
        return f"{spread.middle:.2f}"
    return f"{spread.middle:.2f} ({spread.low:.2f} to {spread.high:.2f})"
