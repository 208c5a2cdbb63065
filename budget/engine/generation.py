"""A new generation: begun by a database that was restored from a backup."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from budget.models import Ledger
from budget.models.ledger import new_generation, new_rules

USERS_A_COMMIT = 200
# Event numbers go on from the time in seconds, shifted by this many bits. The number of the last
# lost event is not known, but no ledger has a million events a second. Below 2^53 until the year
# 2242, so that JSON readers with floats take them exactly.
SHIFT = 20


def start_generation(
    *, batch: int = USERS_A_COMMIT, progress: Callable[[int], Any] | None = None
) -> int:
    """Give every ledger a new generation, and event numbers that were never given out.

    Gives the number of users. In commits of a batch of users, ascending, so that it can run beside
    writers. It can be run again at any time: that begins another generation. progress: called with
    the number of users of each commit.
    """
    base = int(timezone.now().timestamp()) << SHIFT
    users = last = 0
    ledgers = Ledger.objects.order_by("pk").values_list("pk", flat=True)
    while found := list(ledgers.filter(pk__gt=last)[:batch]):
        with transaction.atomic():
            for user_id in found:
                renew(user_id, base)
        last = found[-1]
        users += len(found)
        if progress is not None:
            progress(len(found))
    return users


def renew(user_id: int, base: int) -> None:
    """base: the least number for the user's last event so far."""
    number = Greatest(F("event_seq"), base)
    Ledger.objects.filter(pk=user_id).update(
        generation=new_generation(),
        rules=new_rules(),
        version=F("version") + 1,
        event_seq=number,
        event_base=number,
    )
