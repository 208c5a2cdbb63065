"""What a channel is given, and what it gives back."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from budget.delivering.messages import Message
from budget.models import Endpoint


class Task(NamedTuple):
    """A message in hand. made: when its content was true, by the monotonic clock. left: when it
    was about to leave. about: what its channel has asked for in ABOUT."""

    message: Message
    endpoint: Endpoint
    made: float
    left: datetime
    about: Any = None

    @property
    def first_left(self) -> datetime:
        """When it was about to leave for the first time."""
        return self.message.row.left_at or self.left


class Came(NamedTuple):
    """What came of a try. status: of an answer, in the words of its channel. text: of the answer,
    or what went wrong. retry_after: as in HTTP. stop: the state that the endpoint gets at once, and
    why; the message is then given up where that is off, else it waits. gone: the place is no more,
    so that its endpoint is deleted."""

    arrived: bool
    status: int | None = None
    text: str = ""
    retry_after: str | None = None
    stop: tuple[str, str] | None = None
    gone: bool = False
