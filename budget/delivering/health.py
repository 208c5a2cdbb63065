"""Whether deliveries go on: how far behind they are, and a process that sees that it is stuck."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from django.db.models import F, Min, OuterRef, Q, Subquery

from budget.models import AlertEvent, Delivery, Endpoint
from budget.models.endpoint import DeliveryKind, DeliveryState, EndpointState

logger = logging.getLogger(__name__)

# Seconds without a beat after which a process ends itself, and between two looks.
HUNG, LOOK = 120.0, 5.0


def lag(now: datetime, lease: timedelta) -> int:
    """Seconds that the longest has waited for its first try, counted from when it was due.

    Of events that have no delivery yet, and of deliveries that were never tried. lease: for how
    long a process takes rows. What a receiver has refused is no fault of the deliverer.
    """
    behind = Endpoint.objects.filter(
        state=EndpointState.ON, seq__lt=F("user__ledger__event_seq")
    ).annotate(
        since=Subquery(
            AlertEvent.objects.filter(user_id=OuterRef("user_id"), seq__gt=OuterRef("seq"))
            .order_by("seq")
            .values("at")[:1]
        )
    )
    untried = Delivery.objects.filter(state=DeliveryState.PENDING, tries=0).filter(
        Q(endpoint__state=EndpointState.ON) | Q(kind=DeliveryKind.EXAMPLE)
    )
    # A row in hand is due when its time is over; it was due at the latest when it was taken.
    taken = untried.exclude(token="").aggregate(due=Min("due_at"))["due"]
    since = [
        behind.aggregate(first=Min("since"))["first"],
        untried.filter(token="").aggregate(due=Min("due_at"))["due"],
        taken and taken - lease,
    ]
    oldest = min((one for one in since if one is not None), default=now)
    return max(int((now - oldest).total_seconds()), 0)


class Watch:
    """Ends a process that no longer beats, so that another one is started in its place.

    What it had in hand is another's when its time is over. file: touched at each beat, for who
    looks from outside, as deploy/healthcheck.py does.
    """

    def __init__(self, file: Path | None = None, end: Callable[[], None] = lambda: os._exit(1)):
        self.file, self.end = file, end
        self.over = threading.Event()
        self.last = time.monotonic()
        self.beat()

    def beat(self) -> None:
        """Note that work goes on."""
        self.last = time.monotonic()
        if self.file is not None:
            self.file.touch()

    def run(self) -> None:
        """Look now and then, until `over` is set."""
        while not self.over.wait(LOOK):
            if time.monotonic() - self.last > HUNG:
                logger.error("The deliverer has hung; this process ends.")
                self.end()
                return
