"""manage.py reconcile: is everything derived what the transactions say?"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from time import monotonic
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from tqdm import tqdm

from budget.engine import Drift, next_users, reconcile, unseen_since
from financial_alerts.logs import command_result


class Command(BaseCommand):
    help = (
        "Compute rollups and alerts again from the transactions alone and name every drift. "
        "Exits with 1 where there is any, unless --repair mends it. With --slice it looks at so "
        "many users, goes on where the last one stopped, and comes to everybody in turn. With "
        "--verbosity 0 it only says how many, and nothing of anybody."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        whom = parser.add_mutually_exclusive_group()
        whom.add_argument("--user", metavar="USERNAME", help="only this user")
        whom.add_argument(
            "--slice",
            type=int,
            metavar="USERS",
            help="only so many: who has written since the last time, and who has waited longest",
        )
        parser.add_argument("--repair", action="store_true", help="mend what has drifted")

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
        # The bar shows only where somebody is looking.
        for user_id, name in tqdm(users, unit="user", disable=None, file=sys.stderr):
            for drift in reconcile(user_id, repair=repair):
                result["drift"] += 1
                if verbosity:
                    self.stdout.write(self.line(name, drift))
        waited = unseen_since()
        if waited is not None:
            result["oldest_s"] = int((timezone.now() - waited).total_seconds())
        rate = len(users) / max(monotonic() - begun, 0.001)
        checked = f"{len(users)} user{'' if len(users) == 1 else 's'} checked, {rate:.0f} a second"
        found = result["drift"]
        if not found:
            said = f"{checked}, no drift."
        elif repair:
            result["repaired"] = found
            said = f"{checked}, {found} repaired."
        else:
            raise CommandError(f"{checked}, {found} drifted. Run again with --repair to mend them.")
        if verbosity:
            self.stdout.write(said)

    def users(self, username: str | None, count: int | None) -> list[tuple[int, str]]:
        """The users to check, in turn; CommandError for a name that nobody has."""
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
