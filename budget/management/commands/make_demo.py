"""manage.py make_demo: a user with data to try everything, made once."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from budget.demo import EMAIL, USERNAME, Credentials, make, recall, renew
from budget.models import Profile
from budget.models.ledger import local_day

ADDRESS = "http://127.0.0.1:8000"
FILE = ".demo"


class Command(BaseCommand):
    help = (
        "Make the user demo with 18 months of data and print how to log in. If the user already "
        "exists, change nothing and print the same again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--address", default=ADDRESS, metavar="URL", help="of the site (default: %(default)s)"
        )
        parser.add_argument(
            "--file",
            type=Path,
            default=Path(settings.BASE_DIR, FILE),
            metavar="PATH",
            help="keeps the password and the token, mode 600 (default: .demo beside manage.py)",
        )
        parser.add_argument(
            "--force",
            action="store_true",
            help="even if DEBUG is off: demo can do everything in the admin",
        )

    def handle(self, **options: Any) -> str:
        if not settings.DEBUG and not options["force"]:
            raise CommandError(
                f"DEBUG is off, and the user {USERNAME}, who can do everything in the admin, has "
                "no place in production; --force makes it all the same."
            )
        try:
            lines = list(prepare(options["file"], options["address"].rstrip("/")))
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}") from error
        return "\n".join(lines)


def prepare(file: Path, address: str) -> Iterator[str]:
    """Make or recall the demo and say how to use it."""
    user = User.objects.filter(username=USERNAME).first()
    if user is None:
        credentials = make(file)
        user = User.objects.get(username=USERNAME)
        yield f"Made the user {USERNAME} with 18 months of data."
    elif user.email != EMAIL:
        raise CommandError(f"There is a user {USERNAME} already whom this command has not made.")
    elif kept := recall(user, file):
        credentials = kept
    else:
        credentials = renew(user, file)
        yield f"{file.name} is lost or of no use: a new password and token; the data is untouched."
    yield from directions(user, credentials, address)


def directions(user: User, credentials: Credentials, address: str) -> Iterator[str]:
    """Where to look, how to log in, and three commands to paste."""
    purchase = {
        "date": local_day(Profile.objects.get(user=user).time_zone, timezone.now()).isoformat(),
        "category": "Home",
        "description": "Washing machine",
        "amount": "1649.00",
        "type": "expense",
    }
    yield f"Address:   {address}/"
    yield f"Admin:     {address}/admin/"
    yield f"API:       {address}/api/alert"
    yield f"User:      {user.username}"
    yield f"E-mail:    {user.email}"
    yield f"Password:  {credentials.password}"
    yield f"Token:     {credentials.token}"
    yield "\n# The alerts that matter now"
    yield curl(credentials, f"{address}/api/alert?active=true")
    yield "\n# A large purchase, which opens an alert"
    yield curl(credentials, f"{address}/api/transaction", purchase)
    yield "\n# The thresholds, and where each stands"
    yield curl(credentials, f"{address}/api/threshold")


def curl(credentials: Credentials, url: str, body: dict[str, str] | None = None) -> str:
    """A command for a shell; with a body it is a POST."""
    words = ["curl", "-sS", "-H", f"Authorization: Bearer {credentials.token}"]
    if body is not None:
        words += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    return shlex.join([*words, url])
