"""manage.py tick: every user's day, up to date."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from time import monotonic
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from budget.engine import lag, tick
from budget.engine.tick import USERS_A_COMMIT
from budget.management.held import named
from lib.errors import LedgersHeld
from lib.logs import command_result


class Command(BaseCommand):
    help = (
        "Bring every user whose local day has changed up to date: rolling windows move, periods "
        "that are over are judged, forecasts are computed again. Run it every few minutes; "
        "twice changes nothing, and one that was cut off goes on where it stopped."
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
        with command_result("tick") as result:
            begun = monotonic()
            behind = lag()
            result |= {"users": behind.users, "moved": 0, "lag_s": behind.seconds}
            # The bar shows only where somebody is looking.
            with tqdm(total=behind.users, unit="user", disable=None, file=sys.stderr) as bar:

                def progress(users: int) -> None:
                    result["moved"] += users
                    bar.update(users)

                try:
                    tick(batch=max(batch, 1), progress=progress)
                except LedgersHeld as error:
                    result["held"] = len(error.user_ids)
                    held = named(error.user_ids, options["verbosity"])
                    raise CommandError(
                        f"Another write held the ledger of {held} all the time. All others are "
                        "moved; the next run tries again."
                    ) from error
            if options["verbosity"]:
                self.stdout.write(said(result["moved"], monotonic() - begun))


def said(moved: int, seconds: float) -> str:
    """One line: how many users, how fast."""
    users, rate = f"{moved} user{'' if moved == 1 else 's'}", moved / max(seconds, 0.001)
    return f"{users} moved to a new day in {seconds:.1f} s ({rate:.0f} a second)."
