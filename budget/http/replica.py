"""Reads that a replica answers: those of a user whose every commit it has already.

Each request reads the user's ledger on the primary first, so it knows the version that the user's
last acknowledged write has made, whoever made it and over whichever connection. A replica with the
same ledger has everything up to it, because it replays commits in their order; any other is not
asked. One with a later version has a write that came in between, or it follows another primary: the
one that was there before a restore. No cookie or header is needed, so a token reads its own writes
just as a browser does.
"""

from __future__ import annotations

import logging
import time

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError

from budget.engine.answers import state_of
from budget.models import Ledger, LedgerState

PRIMARY = DEFAULT_DB_ALIAS
REPLICA = "replica"
# What a replica may fail with, for the primary to answer in its stead.
FAILURES = (InterfaceError, OperationalError)
# Seconds that a replica is left alone for once it has failed.
PAUSE = 10

logger = logging.getLogger(__name__)


class Breaker:
    """Whether the replica may be asked; one process learns it for all its threads."""

    back_at = 0.0

    def closed(self) -> bool:
        return time.monotonic() >= self.back_at

    def open(self) -> None:
        self.back_at = time.monotonic() + PAUSE


breaker = Breaker()


def caught_up(ledger: LedgerState) -> bool:
    """Whether there is a replica, and it has the ledger as the primary has it."""
    if REPLICA not in settings.DATABASES or not breaker.closed():
        return False
    try:
        row = Ledger.objects.using(REPLICA).filter(pk=ledger.user_id).first()
    except FAILURES as error:
        rest(error)
        return False
    return row is not None and state_of(row) == ledger


def rest(error: Exception) -> None:
    """Leave the replica alone for a while."""
    breaker.open()
    form = "The replica does not answer; the primary stands in for %s seconds: %s"
    logger.warning(form, PAUSE, type(error).__name__)


def unchanged(ledger: LedgerState, database: str = PRIMARY) -> bool:
    """Whether a database still has the ledger in this state."""
    rows = Ledger.objects.using(database)
    return rows.filter(pk=ledger.user_id, version=ledger.version).exists()
