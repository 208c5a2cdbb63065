"""manage.py imports --user USERNAME: what was imported, and how to take it back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from budget.engine import open_book
from budget.imports.undo import undo
from budget.models import Conflict, Import, ImportState, LedgerOverflow, TooManyAlerts

# How many are listed, the newest.
LISTED = 50


class Command(BaseCommand):
    help = (
        "List the imports of a user, the newest first, or take one back: its transactions, what "
        "it updated, the categories that only it needed, and every alert, in one commit. It is "
        "refused where a row was changed since, by hand or by a later import."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", required=True, metavar="USERNAME", help="whose they are")
        parser.add_argument("--undo", type=int, metavar="ID", help="take this import back")

    def handle(self, **options: Any) -> str:
        user = User.objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"There is no user {options['user']!r}.")
        if options["undo"] is None:
            return "\n".join(listed(user)) or "No imports."
        return take_back(user, options["undo"])


def listed(user: User) -> Iterator[str]:
    """A line for each import."""
    for found in Import.objects.filter(user=user).order_by("-pk")[:LISTED]:
        begun = found.created_at.strftime("%Y-%m-%d %H:%M")
        state = ImportState(found.state).label
        yield f"{found.pk}  {begun}  {state}, {found.stored} rows  {found.name}"


def take_back(user: User, pk: int) -> str:
    """Undo an import. Raises CommandError."""
    try:
        with transaction.atomic(), open_book(user.pk) as book:
            found = Import.objects.filter(user=user, pk=pk).first()
            if found is None:
                raise CommandError(f"{user.username} has no import {pk}.")
            undo(book, found)
    except (Conflict, LedgerOverflow, TooManyAlerts) as error:
        raise CommandError(f"{error} Nothing was undone.") from error
    opened, resolved = book.flipped.net()
    return (
        f"Import {pk}, {found.name}, is undone: {found.stored} rows. "
        f"Alerts: {len(opened)} opened, {len(resolved)} resolved."
    )
