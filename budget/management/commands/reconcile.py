"""manage.py reconcile: recompute rollups and alerts from the transactions and compare."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from time import monotonic
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from tqdm import tqdm

from budget.engine import Drift, next_users, reconcile_users, unseen_since
from budget.management.held import named
from lib.errors import LedgersHeld
from lib.logs import command_result


class Command(BaseCommand):
    help = (
        "Recompute rollups and alerts from the transactions, compare, and print every drift. "
        "Exits with 1 if there is any, unless --repair corrects it. With --slice it checks that "
        "many users and continues where the last run stopped, so that every user has a turn. With "
        "--verbosity 0 it prints no user's data, only the number of drifts."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        whom = parser.add_mutually_exclusive_group()
        whom.add_argument("--user", metavar="USERNAME", help="only this user")
        whom.add_argument(
            "--slice",
            type=int,
            metavar="USERS",
            help="only that many: those who wrote since their last check, then the oldest checks",
        )
        parser.add_argument("--repair", action="store_true", help="correct what has drifted")

    def handle(
        self, *args: Any, user: str | None, slice: int | None, repair: bool, **options: Any
    ) -> None:
        if slice is not None and slice < 1:
            raise CommandError("--slice takes a number of users, 1 or more.")
        with command_result("reconcile") as result:
            users = self.users(user, slice)
            self.reconcile(users, result, repair=repair, verbosity=options["verbosity"])

    def reconcile(
        self, users: list[tuple[int, str]], result: dict[str, int], *, repair: bool, verbosity: int
    ) -> None:
        result |= {"users": len(users), "drift": 0}
        begun = monotonic()
        names = dict(users)
        checked = reconcile_users(list(names), repair=repair)
        # The bar shows only in a terminal.
        bar = tqdm(checked, total=len(names), unit="user", disable=None, file=sys.stderr)
        held: tuple[int, ...] = ()
        try:
            for user_id, drifts in bar:
                result["drift"] += len(drifts)
                if verbosity:
                    for drift in drifts:
                        self.stdout.write(self.line(names[user_id], drift))
        except LedgersHeld as error:
            held = error.user_ids
            result["held"] = len(held)
        waited = unseen_since()
        if waited is not None:
            result["oldest_s"] = int((timezone.now() - waited).total_seconds())
        done = len(users) - len(held)
        rate = done / max(monotonic() - begun, 0.001)
        count = f"{done} user{'' if done == 1 else 's'} checked, {rate:.0f} a second"
        if held:
            count += f"; {named(held, verbosity)} not, as another write went on all the time"
        found = result["drift"]
        if not found:
            said = f"{count}, no drift."
        elif repair:
            result["repaired"] = found
            said = f"{count}, {found} repaired."
        else:
            raise CommandError(f"{count}, {found} drifted. Run again with --repair to correct it.")
        if held:
            raise CommandError(said)
        if verbosity:
            self.stdout.write(said)

    def users(self, username: str | None, count: int | None) -> list[tuple[int, str]]:
        """The users to check, in turn. Raises CommandError for an unknown name."""
        model = get_user_model()
        users = model._default_manager.order_by("pk")
        name = model.USERNAME_FIELD
        if count is not None:
            ids = next_users(count)
            names = dict(users.filter(pk__in=ids).values_list("pk", name))
            return [(pk, names[pk]) for pk in ids if pk in names]
        if username is not None:
            users = users.filter(**{name: username})
            if not users.exists():
                raise CommandError(f"There is no user named {username!r}.")
        return list(users.values_list("pk", name))

    def line(self, name: str, drift: Drift) -> str:
        return f"{name}: {drift}"
