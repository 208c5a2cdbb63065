from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import ApiToken, Scope

# A service's token opens every account: it is made in the admin, where that is on record.
SCOPES = (Scope.READ.value, Scope.WRITE.value)
LONGEST = 3660


class Command(BaseCommand):
    help = "Make an API token for a user and print it, as the last line; it cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default="command line", help="what the token is for")
        parser.add_argument("--scope", choices=SCOPES, default=Scope.WRITE.value)
        parser.add_argument(
            "--expires-days",
            type=int,
            metavar="DAYS",
            help=f"after how many days it ends, 1 to {LONGEST}; without it, never",
        )

    def handle(
        self,
        *,
        username: str,
        name: str,
        scope: str,
        expires_days: int | None,
        **options: Any,
    ) -> str:
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no user named {username!r}.")
        if not user.is_active:
            raise CommandError(f"The user {username!r} is not active.")
        if not 1 <= len(name.strip()) <= ApiToken.NAME_LENGTH:
            raise CommandError(f"A token's name has 1 to {ApiToken.NAME_LENGTH} characters.")
        if expires_days is not None and not 1 <= expires_days <= LONGEST:
            raise CommandError(f"A token ends after 1 to {LONGEST} days.")
        ends = None if expires_days is None else timezone.now() + timedelta(days=expires_days)
        return ApiToken.issue(user, name.strip(), Scope(scope), ends)[1]
