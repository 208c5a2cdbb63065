"""How people log in: addresses, second factors and sessions.

They can be seen, and removed if somebody has lost a phone. Nothing is added or edited: only its
owner confirms an address, with a code that is sent there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from accounts import notices
from budget.models import Conflict
from support.base import M, ReadOnlyAdmin
from support.refusals import RefusingAdmin
from support.user import may

for model in (EmailAddress, Authenticator, UserSession):
    admin.site.unregister(model)


@admin.register(EmailAddress)
class EmailAddressAdmin(ReadOnlyAdmin[EmailAddress]):
    """An address; only a code that is sent to it confirms it."""

    fields = ("account", "email", "verified", "primary")
    list_display = ("id", *fields)
    user_sortable = ("email",)
    search_help_text = "An id, an exact username or a whole e-mail address."

    def by_id(self, term: str) -> Q:
        return super().by_id(term) | Q(email=term.lower())


class RemovableAdmin(RefusingAdmin[M], ReadOnlyAdmin[M]):
    """Rows that can be deleted; those of staff only by a superuser."""

    actions = ("delete_selected",)

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """As Django decides; ReadOnlyAdmin would forbid it."""
        return admin.ModelAdmin.has_delete_permission(self, request, obj)

    def check_delete(self, request: HttpRequest, obj: Any) -> None:
        if not may(request, superuser=obj.user.is_superuser or obj.user.is_staff):
            raise Conflict(f"Only a superuser can do this to {obj.user}.")

    def delete_model(self, request: HttpRequest, obj: M) -> None:
        self.remove([obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[M]) -> None:
        self.remove(queryset)

    def remove(self, rows: Iterable[M]) -> None:
        for row in rows:
            row.delete()


@admin.register(Authenticator)
class AuthenticatorAdmin(RemovableAdmin[Authenticator]):
    """A second factor, without its secret. If all are deleted, the password is enough again."""

    fields = ("account", "type", "created_at", "last_used_at")
    list_display = ("id", *fields)
    list_filter = (*ReadOnlyAdmin.list_filter, "type")
    user_sortable = ("type", "created_at", "last_used_at")

    def remove(self, rows: Iterable[Authenticator]) -> None:
        with transaction.atomic():
            users = {row.user_id: row.user for row in rows}
            super().remove(rows)
            for user in users.values():
                notices.factor_removed(user)


@admin.register(UserSession)
class UserSessionAdmin(RemovableAdmin[UserSession]):
    """A session of a user; deleting it logs the user out. last_seen_at is noted once a day."""

    fields = ("account", "ip", "user_agent", "created_at", "last_seen_at")
    list_display = ("id", *fields)
    user_sortable = ("created_at", "last_seen_at")

    def remove(self, rows: Iterable[UserSession]) -> None:
        for row in rows:
            row.end()
