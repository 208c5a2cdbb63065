"""How a child process begins: Django on the test database, and what it shares with the others.

Nothing here imports a model, so a child can import this module before Django is set up.
"""

from __future__ import annotations

from dataclasses import dataclass
from multiprocessing.synchronize import Barrier, Event

import django
from django.conf import settings


@dataclass
class Shared:
    """The starting gate, and the flag that ends a run early."""

    gate: Barrier
    stop: Event


# Set once in each child; a module-level name because the pool hands tasks nothing but arguments.
shared: list[Shared] = []


def begin(database: str, gate: Barrier, stop: Event) -> None:
    """Set Django up on the test database of the parent."""
    settings.DATABASES["default"]["NAME"] = database
    django.setup()
    shared.append(Shared(gate, stop))
