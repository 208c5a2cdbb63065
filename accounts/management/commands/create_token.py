from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import ApiToken

NAME_LENGTH = 100  # as ApiToken.name


class Command(BaseCommand):
    help = "Make an API token for a user and print it, as the last line; it cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default="command line", help="what the token is for")

    def handle(self, *, username: str, name: str, **options: Any) -> str:
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no user named {username!r}.")
        if not user.is_active:
            raise CommandError(f"The user {username!r} is not active.")
        if not 1 <= len(name.strip()) <= NAME_LENGTH:
            raise CommandError(f"A token's name has 1 to {NAME_LENGTH} characters.")
        return ApiToken.issue(user, name.strip())[1]
