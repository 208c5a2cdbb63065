"""How a child process begins: Django on the test database, and what it shares with the others.

Nothing here imports a model, so a child can import this module before Django is set up.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Barrier, Event
from unittest.mock import patch

import django
from django.conf import settings

FIRST_MOMENT = datetime(2024, 3, 1, 12, tzinfo=UTC)
# The days go on for four months, past the last row of all.
HOURS_A_STEP, MOST_HOURS = 18, 120 * 24


@dataclass
class Shared:
    """The starting gate, the flag that ends a run, and the clock of all processes."""

    gate: Barrier
    stop: Event
    hours: Synchronized[int]

    def now(self) -> datetime:
        """The same moment in every process, which only goes on when one of them says so."""
        return FIRST_MOMENT + timedelta(hours=self.hours.value)

    def let_time_pass(self) -> None:
        """Put the clock on."""
        with self.hours.get_lock():
            self.hours.value = min(self.hours.value + HOURS_A_STEP, MOST_HOURS)


# Set once in each child; a module-level name because the pool hands tasks nothing but arguments.
shared: list[Shared] = []


def begin(database: str, ours: Shared) -> None:
    """Set Django up on the test database of the parent, with the clock of all."""
    settings.DATABASES["default"]["NAME"] = database
    django.setup()
    patch("django.utils.timezone.now", ours.now).start()
    shared.append(ours)
