"""What a model refuses for a reason of its own."""

from __future__ import annotations

from collections.abc import Sequence


class Conflict(Exception):
    """The request is well formed but the present rows forbid it; HTTP 409.

    places: where in what was sent, as paths such as ("items", 3, "external_id").
    """

    def __init__(self, detail: str, places: Sequence[tuple[str | int, ...]] = ()) -> None:
        super().__init__(detail)
        self.places = places


class LedgerOverflow(Exception):
    """A total would leave the range that the database holds exactly; HTTP 422."""


class UnsignalledWrite(TypeError):
    """A write that no signal announces, so no alert could follow it."""
