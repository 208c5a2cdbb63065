from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.db.models import Q

from accounts import notices
from accounts.sessions import end_sessions


class Command(BaseCommand):
    help = (
        "Take all second factors of an account away, for somebody who has lost theirs and the "
        "recovery codes, and log the account out everywhere. The password is then enough; the "
        "admin leads to a new set-up."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", help="a user name or an e-mail address")

    def handle(self, *, account: str, **options: Any) -> str:
        users = User.objects.filter(Q(username=account) | Q(email__iexact=account))
        if (user := users.order_by("pk").first()) is None:
            raise CommandError(f"There is no account {account!r}.")
        with transaction.atomic():
            count, _ = Authenticator.objects.filter(user=user).delete()
            if not count:
                raise CommandError(f"The account {account!r} has no second factor.")
            end_sessions(user.pk)
            notices.factor_removed(user)
        return f"The second factors of {user} are gone, and it is logged out everywhere."
