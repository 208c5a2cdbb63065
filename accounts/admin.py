"""Accounts: users, their settings and their tokens."""

from __future__ import annotations

import zoneinfo
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from accounts.models import ApiToken, Profile
from budget.engine import delete_account
from budget.models import (
    Alert,
    AlertEvent,
    Category,
    Conflict,
    Ledger,
    Rollup,
    Threshold,
    Transaction,
    TransactionType,
)
from financial_alerts.admin.base import NOBODY, BigTableAdmin, LedgerAdmin, OwnedAdmin, OwnedForm
from financial_alerts.admin.links import list_link, side_by_side
from financial_alerts.admin.paging import CAP
from financial_alerts.admin.picking import CSS, id_in
from financial_alerts.admin.refusals import RefusingAdmin

WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
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
    ApiToken,
)

admin.site.unregister(User)


@admin.register(User)
class UserAdmin(RefusingAdmin[User], BigTableAdmin[User], DjangoUserAdmin[User]):
    """An account and the way to everything in it.

    Only a superuser hands out powers or touches another superuser: whoever helps users must not be
    able to help themselves.
    """

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
        """The accounts, and how much goes with them."""
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
    """Whether the one who asks may do what takes a superuser, where it does."""
    return not superuser or bool(getattr(request.user, "is_superuser", False))


def pages_of(user: User, *models: Any) -> SafeString:
    return side_by_side(
        *(
            list_link(model, model._meta.verbose_name_plural, user__id__exact=user.pk)
            for model in models
        )
    )


def time_zones() -> list[tuple[str, str]]:
    return [(name, name) for name in sorted(zoneinfo.available_timezones())]


class ProfileForm(OwnedForm):
    time_zone = forms.ChoiceField(choices=time_zones)
    week_start = forms.TypedChoiceField(coerce=int, choices=list(enumerate(WEEK, 1)))
    month_start = forms.IntegerField(min_value=1, max_value=28, help_text="A day from 1 to 28.")
    currency = forms.CharField(max_length=3, help_text="ISO 4217 code of every amount.")


@admin.register(Profile)
class ProfileAdmin(LedgerAdmin[Profile]):
    """A user's settings; another time zone, week or month cuts every period anew."""

    form = ProfileForm
    fields = ("user", "time_zone", "week_start", "month_start", "currency")
    list_display = ("id", "account", "time_zone", "week_start", "month_start", "currency")
    list_select_related = ("user",)
    search_help_text = "The id of a profile or an exact username."

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A profile comes with its account."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Profile | None = None) -> bool:
        """A profile goes with its account."""
        return False


@admin.register(ApiToken)
class ApiTokenAdmin(OwnedAdmin[ApiToken]):
    """Tokens can be seen and revoked; one is made by `create_token`, which shows it once."""

    actions = ("revoke",)
    fields = ("account", "name", "hint", "created_at", "last_used_at", "revoked_at")
    readonly_fields = fields
    list_display = ("id", *fields)
    list_display_links = ("id", "name")
    list_filter = (*OwnedAdmin.list_filter, ("revoked_at", admin.EmptyFieldListFilter))
    user_sortable = ("name", "created_at", "last_used_at", "revoked_at")
    search_help_text = (
        "An id, an exact username, or the first characters of a token as the list shows them."
    )

    def by_id(self, term: str) -> Q:
        return super().by_id(term) | Q(hint=term)

    def by_text(self, term: str, owner_id: int) -> Q:
        return Q(name__icontains=term)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """No fishing for what is stored of a token."""
        return not lookup.startswith("digest") and super().lookup_allowed(lookup, value, request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        """A revoked token stays, so that its use can be traced."""
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_apitoken")

    @admin.action(permissions=["revoke"], description="Revoke selected tokens")
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        with transaction.atomic():
            live = list(queryset.filter(revoked_at=None).select_for_update(of=("self",)))
            for token in live:
                self.log_change(request, token, "Revoked.")
            ApiToken.objects.filter(pk__in=[token.pk for token in live]).update(
                revoked_at=timezone.now()
            )
        self.message_user(request, f"Tokens revoked: {len(live)}.", messages.SUCCESS)
