"""Those who write: each writes for some users and notes when what changed."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError, connection
from django.db.models import F
from django.utils import timezone

from budget.engine import raise_custom_alert
from budget.models import Alert, Category, Endpoint, Threshold, Transaction, TransactionType
from proof.deliveries.account import Change

# Limits of a user, each of another category; one of so many writes changes one of them.
LIMITS = 6
TURN = 8
# Seconds that a limit stays as it is, at least and at most: less and more than a message may age.
LEAST, MOST = 0.2, 40.0


def limit(user: User, name: str) -> None:
    """A monthly limit of 100.00 for a category of this name."""
    category = Category(user=user, name=name)
    category.save()
    amount = Decimal("100.00")
    Threshold(
        user=user, name=name, amount=amount, type="monthly", category=category, levels=[100]
    ).save()


def spend(user: User, name: str) -> None:
    """Pass that limit today."""
    Transaction(
        user=user,
        date=timezone.now().date(),
        category=Category.objects.get(user=user, name=name),
        amount=Decimal("120.00"),
        type=TransactionType.objects.get(user=user, slug="expense"),
    ).save()


def behind() -> bool:
    """Whether events wait to become deliveries."""
    return Endpoint.objects.filter(seq__lt=F("user__ledger__event_seq")).exists()


class Writer(threading.Thread):
    """Opens alerts that stay, and lets those of limits come and go, until `events` of them stay.

    account: the changes of each alert. unsure: writes of which the answer was lost. going: cleared
    it waits.
    """

    def __init__(self, users: list[User], events: int, chance: random.Random):
        super().__init__(daemon=True)
        self.users, self.events, self.chance = users, events, chance
        self.account: dict[int, list[Change]] = defaultdict(list)
        self.open: dict[tuple[int, int], Transaction] = {}
        self.rests: dict[tuple[int, int], float] = {}
        self.written = self.unsure = 0
        self.error: BaseException | None = None
        self.stopped, self.going = threading.Event(), threading.Event()

    def run(self) -> None:
        try:
            for number in itertools.count():
                if self.written >= self.events or self.stopped.is_set():
                    break
                self.going.wait()
                self.turn(number)
            self.learn()
        except BaseException as error:
            self.error = error
        finally:
            connection.close()

    def turn(self, number: int) -> None:
        """One write, of a limit whose time has come, or a custom alert."""
        user = self.chance.choice(self.users)
        key = (user.pk, self.chance.randrange(LIMITS))
        if number % TURN == 0 and self.rests.get(key, 0.0) < time.monotonic():
            self.rests[key] = time.monotonic() + self.chance.uniform(LEAST, MOST)
            self.change(user, key)
        elif self.attempt(lambda: raise_custom_alert(user.pk, f"Mind {number}")):
            self.written += 1

    def change(self, user: User, key: tuple[int, int]) -> None:
        """Let a limit be passed, or no longer, and note what its alert is then."""
        name = f"Part {key[1]}"
        begun = time.monotonic()
        row = self.open.get(key)
        if row is None:
            self.attempt(lambda: spend(user, name))
        else:
            self.attempt(row.delete)
        # Read back: an answer can have been lost, and the write done.
        while not self.attempt(lambda: self.note(user, key, name, begun)):
            time.sleep(0.1)

    def note(self, user: User, key: tuple[int, int], name: str, begun: float) -> None:
        self.open.pop(key, None)
        if row := Transaction.objects.filter(user=user, category__name=name).first():
            self.open[key] = row
        for pk, status in Alert.objects.filter(user=user, threshold__name=name).values_list(
            "pk", "status"
        ):
            changes = self.account[pk]
            if not changes or changes[-1].status != status:
                changes.append(Change(begun, time.monotonic(), status))

    def learn(self) -> None:
        """Note the alerts that stay; each opened before its event left."""
        mine = Alert.objects.filter(user__in=self.users, kind="custom")
        for pk in mine.values_list("pk", flat=True):
            self.account[pk] = [Change(0.0, float("inf"), "open")]

    def attempt(self, what: Callable[[], Any]) -> bool:
        """Do something; False where the database went away meanwhile."""
        try:
            what()
        except (OperationalError, InterfaceError):
            self.unsure += 1
            connection.close()
            time.sleep(0.2)
            return False
        return True
