"""manage.py reconcile: is everything derived what the transactions say?"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from budget.engine import Drift, reconcile


class Command(BaseCommand):
    help = (
        "Compute rollups and alerts again from the transactions alone and name every drift. "
        "Exits with 1 where there is any, unless --repair mends it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--user", metavar="USERNAME", help="only this user")
        parser.add_argument("--repair", action="store_true", help="mend what has drifted")

    def handle(self, *args: Any, user: str | None, repair: bool, **options: Any) -> None:
        users = self.users(user)
        found = 0
        # The bar shows only where somebody is looking.
        for user_id, name in tqdm(users, unit="user", disable=None, file=sys.stderr):
            for drift in reconcile(user_id, repair=repair):
                found += 1
                self.stdout.write(self.line(name, drift))
        checked = f"{len(users)} user{'' if len(users) == 1 else 's'} checked"
        if not found:
            self.stdout.write(f"{checked}, no drift.")
        elif repair:
            self.stdout.write(f"{checked}, {found} repaired.")
        else:
            raise CommandError(f"{checked}, {found} drifted. Run again with --repair to mend them.")

    def users(self, username: str | None) -> list[tuple[int, str]]:
        """The users to check, by id; CommandError for a name that nobody has."""
        model = get_user_model()
        users = model._default_manager.order_by("pk")
        if username is not None:
            users = users.filter(**{model.USERNAME_FIELD: username})
            if not users.exists():
                raise CommandError(f"There is no user named {username!r}.")
        return list(users.values_list("pk", model.USERNAME_FIELD))

    def line(self, name: str, drift: Drift) -> str:
        return f"{name}: {drift}"
