"""What a model refuses for a reason of its own."""

from __future__ import annotations


class Conflict(Exception):
    """The request is well formed but the present rows forbid it; HTTP 409."""


class LedgerOverflow(Exception):
    """A total would leave the range that the database holds exactly; HTTP 422."""


class UnsignalledWrite(TypeError):
    """A write that no signal announces, so no alert could follow it."""
