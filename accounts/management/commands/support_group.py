from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

NAME = "Support"
SEEN = {
    "account": ("emailaddress",),
    "accounts": ("apitoken",),
    "auth": ("user",),
    "budget": (
        "alert",
        "alertevent",
        "category",
        "delivery",
        "endpoint",
        "import",
        "ledger",
        "profile",
        "rollup",
        "threshold",
        "transaction",
        "transactiontype",
    ),
    "mfa": ("authenticator",),
    "usersessions": ("usersession",),
}
# Corrections, each in the history with its values; and revoking a token, which is a change of it.
CHANGED = {
    "accounts": ("apitoken",),
    "budget": (
        "category",
        "delivery",
        "endpoint",
        "import",
        "profile",
        "threshold",
        "transaction",
        "transactiontype",
    ),
}
# A lost second factor, and a session that somebody has left open.
TAKEN_AWAY = {"mfa": ("authenticator",), "usersessions": ("usersession",)}


class Command(BaseCommand):
    help = (
        f"Make the group {NAME}, or give it back exactly its permissions: to see everything of a "
        "user, correct rows, revoke tokens, end sessions and take away lost second factors."
    )

    def handle(self, **options: Any) -> str:
        with transaction.atomic():
            group, _ = Group.objects.get_or_create(name=NAME)
            group.permissions.set(permissions())
        return f"The group {NAME} has {group.permissions.count()} permissions."


def permissions() -> list[Permission]:
    """Those of the group. Raises CommandError before the migrations have made them."""
    return [named(app, code) for app, code in codes()]


def codes() -> Iterator[tuple[str, str]]:
    for action, models in (("view", SEEN), ("change", CHANGED), ("delete", TAKEN_AWAY)):
        for app, names in models.items():
            for name in names:
                yield app, f"{action}_{name}"


def named(app: str, code: str) -> Permission:
    found = Permission.objects.filter(content_type__app_label=app, codename=code).first()
    if found is None:
        raise CommandError(f"There is no permission {app}.{code}: run migrate first.")
    return found
