"""Tokens: all can be seen and revoked; those of services are created here."""

from __future__ import annotations

from typing import Any, ClassVar

from allauth.account.decorators import reauthentication_required
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.decorators import method_decorator

from accounts.models import ApiToken, Scope
from budget.models.search import words_in
from support.base import OwnedAdmin

WHAT_IT_IS = "Make a token of a service, for the data of every user"


def takes_second_factor(request: HttpRequest) -> bool:
    """Whether the form takes a log-in, or a proof, of the last five minutes."""
    return bool(settings.ADMIN_SECOND_FACTOR)


class ServiceForm(forms.ModelForm[ApiToken]):
    """A new token of a service; its secret is generated with it."""

    class Meta:
        model = ApiToken
        fields = ("user", "name", "expires_at")
        help_texts: ClassVar = {
            "user": "Who answers for it: it ends with their account.",
            "name": "What the service is for.",
            "expires_at": "When it ends, UTC; left blank, never.",
        }

    def clean_user(self) -> Any:
        user = self.cleaned_data["user"]
        if not user.is_active:
            raise forms.ValidationError("This account is not active.")
        return user

    def clean_expires_at(self) -> Any:
        expiry = self.cleaned_data["expires_at"]
        if expiry is not None and expiry <= timezone.now():
            raise forms.ValidationError("Must be in the future.")
        return expiry


@admin.register(ApiToken)
class ApiTokenAdmin(OwnedAdmin[ApiToken]):
    """Tokens can be seen and revoked. A service's is made here, by a superuser, and shown once.

    People make their own over the API, or with `create_token`.
    """

    actions = ("revoke",)
    form = ServiceForm
    autocomplete_fields = ("user",)
    shown = (
        "account",
        "name",
        "scope",
        "hint",
        "created_at",
        "last_used_at",
        "expires_at",
        "revoked_at",
    )
    list_display = ("id", *shown)
    list_display_links = ("id", "name")
    list_filter = (*OwnedAdmin.list_filter, "scope", ("revoked_at", admin.EmptyFieldListFilter))
    user_sortable = ("name", "scope", "created_at", "last_used_at", "expires_at", "revoked_at")
    search_help_text = (
        "An id, an exact username, an e-mail address, or the first characters of a token as the "
        "list shows them."
    )

    def by_id(self, term: str) -> Q:
        return super().by_id(term) | Q(hint=term)

    def by_text(self, term: str, owner_id: int) -> Q:
        return words_in(term, "key")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """No search for what is stored of a token."""
        return not lookup.startswith("digest") and super().lookup_allowed(lookup, value, request)

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        return ServiceForm.Meta.fields if obj is None else self.shown

    def get_readonly_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        return () if obj is None else self.shown

    @method_decorator(reauthentication_required(enabled=takes_second_factor))
    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form, with a warning about what the token can do."""
        return super().add_view(request, form_url, {"title": WHAT_IT_IS, **(extra_context or {})})

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        obj.scope = Scope.SERVICE
        request.secret = obj.seal()  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The secret, in the answer to the form itself, so that it is stored nowhere."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Service token",
            "token": obj,
            "secret": request.secret,  # type: ignore[attr-defined]
        }
        return TemplateResponse(
            request,
            "admin/accounts/apitoken/secret.html",
            context,
            headers={"Cache-Control": "no-store"},
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A service can reach every account, so only a superuser creates its token."""
        return bool(getattr(request.user, "is_superuser", False))

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
