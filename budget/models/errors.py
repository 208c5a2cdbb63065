"""What a model refuses for a reason of its own."""

from __future__ import annotations

from collections.abc import Mapping


class Conflict(Exception):
    """The request is well formed but the present rows forbid it; HTTP 409.

    places: what stands in the way where in what was sent, by paths such as
    ("items", 3, "external_id").
    """

    def __init__(
        self, detail: str, places: Mapping[tuple[str | int, ...], str] | None = None
    ) -> None:
        super().__init__(detail)
        self.places = places or {}


class LedgerOverflow(Exception):
    """A total would leave the range that the database holds exactly; HTTP 422."""


class UnsignalledWrite(TypeError):
    """A write that no signal announces, so no alert could follow it."""
