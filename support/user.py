"""Accounts, with links to everything in them."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts.models import ApiToken
from budget.engine import delete_account
from budget.models import (
    Alert,
    AlertEvent,
    Category,
    Conflict,
    Delivery,
    Endpoint,
    Ledger,
    Profile,
    Rollup,
    Threshold,
    Transaction,
    TransactionType,
)
from support.base import NOBODY, BigTableAdmin
from support.links import list_link, side_by_side
from support.paging import CAP
from support.picking import CSS, id_in
from support.refusals import RefusingAdmin
from support.versions import VersionedAdmin, VersionedForm

POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")
OF_AN_ACCOUNT = (
    Transaction,
    Threshold,
    Alert,
    AlertEvent,
    Category,
    TransactionType,
    Rollup,
    Ledger,
    Profile,
    Endpoint,
    Delivery,
    ApiToken,
    EmailAddress,
    Authenticator,
    UserSession,
)

admin.site.unregister(User)


class UserForm(VersionedForm, UserChangeForm[User]):
    """Django's own form of an account."""


@admin.register(User)
class UserAdmin(
    VersionedAdmin[User], RefusingAdmin[User], BigTableAdmin[User], DjangoUserAdmin[User]
):
    """An account with links to everything in it.

    Only a superuser hands out powers or touches another superuser: support people must not be
    able to raise their own rights.
    """

    form = UserForm
    list_display = (
        "id",
        "username",
        "pages",
        "email",
        "is_active",
        "is_staff",
        "last_login",
    )
    list_display_links = ("id", "username")
    # Groups would join and run DISTINCT over all users.
    list_filter = ("is_active", "is_staff", "is_superuser")
    list_select_related = ()
    ordering = ("-id",)
    search_fields = ("id",)
    search_help_text = "An id, the beginning of a username, or a whole e-mail address."
    readonly_fields = ("last_login", "date_joined", "all_pages")
    actions = ("delete_selected",)

    class Media:
        css = CSS

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        return fieldsets if obj is None else [("Account", {"fields": ("all_pages",)}), *fieldsets]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[User], search_term: str
    ) -> tuple[QuerySet[User], bool]:
        term = search_term.replace("\0", "").strip()
        if term:
            number = id_in(term)
            found = NOBODY if number is None else Q(pk=number)
            found |= Q(email__iexact=term) if "@" in term else NOBODY
            queryset = queryset.filter(found | Q(username__startswith=term))
        return queryset, False

    @admin.display(description="see also")
    def pages(self, obj: User) -> SafeString:
        return pages_of(obj, Transaction, Threshold, Alert)

    @admin.display(description="pages")
    def all_pages(self, obj: User) -> SafeString:
        return pages_of(obj, *OF_AN_ACCOUNT)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[Any, ...]:
        fixed = super().get_readonly_fields(request, obj)
        return tuple(fixed) if may(request, superuser=True) else (*fixed, *POWERS)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or may(request, superuser=obj.is_superuser))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        allowed = super().has_delete_permission(request, obj)
        return allowed and (obj is None or may(request, superuser=obj.is_superuser))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """The accounts, and how many rows are deleted with them."""
        shown, count, *rest = super().get_deleted_objects(objs, request)
        for model in OF_AN_ACCOUNT:
            rows = model._base_manager.filter(user__in=[obj.pk for obj in objs])
            found = rows.order_by()[: CAP + 1].count()
            name = model._meta.verbose_name_plural
            count[name] = found if found <= CAP else f"more than {CAP:,}"
        return shown, count, *rest

    def check_delete(self, request: HttpRequest, obj: User) -> None:
        if obj.pk == request.user.pk:
            raise Conflict("You cannot delete the account that you are logged in with.")
        if not self.has_delete_permission(request, obj):
            raise Conflict(f"Only a superuser can delete {obj}.")

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        delete_account(obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user_id in sorted(queryset.values_list("pk", flat=True)):
            delete_account(user_id)


def may(request: HttpRequest, *, superuser: bool) -> bool:
    """Whether the user may do it. superuser: only a superuser may."""
    return not superuser or bool(getattr(request.user, "is_superuser", False))


def pages_of(user: User, *models: Any) -> SafeString:
    return side_by_side(
        *(
            list_link(model, model._meta.verbose_name_plural, user__id__exact=user.pk)
            for model in models
        )
    )
