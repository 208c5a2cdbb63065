"""Reads that a replica answers: only if it has every commit of the user.

Each request first reads the user's ledger on the primary, so it knows the version of the user's
last acknowledged write, from any client. A replica with the same ledger has everything up to it,
because it replays commits in order. With any other ledger its answer is not used: it is behind, or
it has a write that came in between, or it follows the primary from before a restore (another
generation). No cookie or header is needed, so a token reads its own writes as a browser does.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.db import InterfaceError, OperationalError

from api.http.endpoint import Answer
from budget.engine import Moved, Reading
from lib.breaker import Breaker

REPLICA = "replica"
breaker = Breaker("The replica", "the primary answers its reads")


def read(reading: Reading, view: Callable[[Reading], Answer]) -> Answer | None:
    """The view's answer from the replica; None if the primary has to answer."""
    if REPLICA not in settings.DATABASES or not breaker.may_ask():
        return None
    try:
        answer = view(Reading(reading.ledger, REPLICA))
    except Moved:
        answer = None
    except (InterfaceError, OperationalError) as error:
        breaker.failed(error)
        return None
    breaker.answered()
    return answer
