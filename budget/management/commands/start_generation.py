"""manage.py start_generation: after a restore, no client goes on with what is no longer there."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from tqdm import tqdm

from budget.engine import start_generation
from budget.engine.generation import USERS_A_COMMIT
from budget.models import Ledger
from lib.logs import command_result


class Command(BaseCommand):
    help = (
        "Run this after the database was restored from a backup, before clients come back. Tags, "
        "cursors and event numbers that were given out before are no longer valid: clients get "
        "an error, and read everything again. It changes no transaction, threshold or alert, and "
        "may run beside the service and more than once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--batch",
            type=int,
            default=USERS_A_COMMIT,
            metavar="USERS",
            help="users a commit (default %(default)s)",
        )

    def handle(self, *args: Any, batch: int, **options: Any) -> None:
        with command_result("start_generation") as result:
            total = Ledger.objects.count()
            # The bar shows only where somebody is looking.
            with tqdm(total=total, unit="user", disable=None, file=sys.stderr) as bar:
                try:
                    users = start_generation(batch=max(batch, 1), progress=bar.update)
                except OperationalError as error:
                    said = str(error).strip().rstrip(".")
                    raise CommandError(f"The database gave up: {said}. Run it again.") from error
            result["users"] = users
            if options["verbosity"]:
                word = "user begins" if users == 1 else "users begin"
                self.stdout.write(f"{users} {word} a new generation.")
