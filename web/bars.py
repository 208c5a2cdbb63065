"""A bar of a total against a limit: shares of its length, in percent with two decimals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
FULL = Decimal(100)
# Past the last level a little of the track is seen, so that its mark is not at the very end.
ROOM = Decimal("1.08")


@dataclass(frozen=True)
class Bar:
    """fill: of the total. marks: of the levels, lowest first. forecast: None without one."""

    fill: str
    marks: list[str]
    forecast: str | None


def bar_of(
    total: Decimal, limit: Decimal, levels: Iterable[int], forecast: Decimal | None = None
) -> Bar | None:
    """The bar of a total; None for a limit of 0 or below, of which nothing is a share."""
    if limit <= 0:
        return None
    triggers = [limit * level / 100 for level in sorted({*levels})]
    whole = max(
        total, forecast or Decimal(0), limit * ROOM, triggers[-1] * ROOM if triggers else limit
    )
    marks = [share(one, whole) for one in triggers]
    return Bar(share(total, whole), marks, None if forecast is None else share(forecast, whole))


def share(part: Decimal, whole: Decimal) -> str:
    """A part as percent of a whole above 0, at least 0."""
    return str((max(part, Decimal(0)) * FULL / whole).quantize(CENT, ROUND_HALF_UP))
