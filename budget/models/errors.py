"""What a model refuses for a reason of its own, and what a database refuses, by its code."""

from __future__ import annotations

from collections.abc import Mapping

# SQLSTATEs of PostgreSQL: serialization_failure and deadlock_detected, and lock_not_available.
DEADLOCKS = frozenset({"40001", "40P01"})
LOCK_NOT_AVAILABLE = "55P03"
# After these the same write can work a moment later.
PASSING = DEADLOCKS | {LOCK_NOT_AVAILABLE}


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


def code_of(error: BaseException) -> str | int | None:
    """The driver's own code of a database error: PostgreSQL's SQLSTATE, SQLite's extended code."""
    cause = error.__cause__
    return getattr(cause, "pgcode", None) or getattr(cause, "sqlite_errorcode", None)
