"""Errors that models raise, and errors of the database by their codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

# SQLSTATEs of PostgreSQL: serialization_failure and deadlock_detected, and lock_not_available.
DEADLOCKS = frozenset({"40001", "40P01"})
LOCK_NOT_AVAILABLE = "55P03"
# After these the same write can succeed a moment later.
PASSING = DEADLOCKS | {LOCK_NOT_AVAILABLE}


class Conflict(Exception):
    """The request is valid but the current rows forbid it; HTTP 409.

    places: what forbids it, by paths into what was sent, such as ("items", 3, "external_id").
    """

    def __init__(
        self, detail: str, places: Mapping[tuple[str | int, ...], str] | None = None
    ) -> None:
        super().__init__(detail)
        self.places = places or {}


class LedgerOverflow(Exception):
    """A total would leave the range that the database holds exactly; HTTP 422."""


class TooManyAlerts(Exception):
    """One write would open more alerts than one commit may hold; HTTP 422."""


class LedgersHeld(Exception):
    """Other writers held the ledgers of some users for as long as a command waited for them.

    Everybody else is done.
    """

    def __init__(self, user_ids: Sequence[int]) -> None:
        super().__init__(f"{len(user_ids)} ledgers were being written to all the time.")
        self.user_ids = tuple(user_ids)


class UnsignalledWrite(TypeError):
    """A write that no signal announces, so no alert could follow it."""


class SavepointInBook(RuntimeError):
    """A write inside a savepoint that began after the ledger's book was opened."""

    def __init__(self) -> None:
        super().__init__(
            "Open the book inside of the savepoint: going back to one that is younger would leave "
            "the book ahead of the ledger row."
        )


def is_busy(error: BaseException) -> bool:
    """Whether a write that another one kept out can succeed a moment later."""
    return code_of(error) in PASSING or "database is locked" in str(error)


def code_of(error: BaseException) -> str | int | None:
    """The driver's own code of a database error: PostgreSQL's SQLSTATE, SQLite's extended code."""
    cause = error.__cause__
    return getattr(cause, "pgcode", None) or getattr(cause, "sqlite_errorcode", None)
