"""The picture of a running total against its limit through a period: an SVG made on the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

# Units of the picture, which scales to its place; the plot lies within, with room for words.
WIDTH, HEIGHT = 640, 260
LEFT, RIGHT, TOP, BOTTOM = 4, 12, 30, 16
# Above the highest of what is drawn.
ROOM = 1.12


@dataclass(frozen=True)
class Chart:
    """line: the running total as a path, up to today; area: the same, closed at zero.

    limit, zero: how high their lines are. dot: the tipping transaction, x and y. end: where the
    running total ends.
    """

    line: str
    area: str
    limit: int
    zero: int
    dot: tuple[int, int] | None
    end: tuple[int, int]
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True)
class Scale:
    """From days and minor units to units of the picture."""

    first: date
    days: int
    low: float
    high: float

    def x(self, day: int) -> int:
        """Where a day begins, counted from 0."""
        return round(LEFT + day * (WIDTH - LEFT - RIGHT) / self.days)

    def y(self, total: int) -> int:
        share = (total - self.low) / (self.high - self.low)
        return round(HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP))


def chart_of(
    days: Sequence[tuple[date, int]], today: date, limit: int, tip: tuple[date, int] | None
) -> Chart:
    """days: the running total at the end of each day of the period; drawn up to today, or to the
    last day with a transaction if that is later. tip: the tipping transaction's day, and the total
    at it. Amounts: minor units."""
    drawn = max(sum(day <= today for day, _ in days), changes(days), 1)
    totals = [total for _, total in days[:drawn]]
    every = [0, limit, *totals, *([] if tip is None else [tip[1]])]
    high, low = max(every), min(every)
    scale = Scale(days[0][0], len(days), low, low + max(high - low, 1) * ROOM)
    # Steps, because nothing runs between two rows: the total of a day is reached on it.
    steps = [f"V{scale.y(total)}H{scale.x(n + 1)}" for n, total in enumerate(totals)]
    path = "".join([f"M{scale.x(0)} {scale.y(0)}", *steps])
    zero = scale.y(0)
    dot = None if tip is None else (scale.x((tip[0] - days[0][0]).days), scale.y(tip[1]))
    end = (scale.x(drawn), scale.y(totals[-1]))
    return Chart(path, f"{path}V{zero}H{scale.x(0)}Z", scale.y(limit), zero, dot, end)


def changes(days: Sequence[tuple[date, int]]) -> int:
    """How many days there are up to the last one that changes the total."""
    return next((n + 1 for n in range(len(days) - 1, 0, -1) if days[n][1] != days[n - 1][1]), 1)
