"""Who gets into the admin: staff, and in production only with a second factor."""

from __future__ import annotations

from typing import Any

from allauth.account.utils import get_next_redirect_url
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.urls import reverse
from django.utils.http import urlencode

from accounts.sessions import second_factor_shown

APP, KEY = Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN


class StaffSite(admin.AdminSite):
    """An admin for staff who have shown a second factor in this session.

    Without ADMIN_SECOND_FACTOR a password is enough, for a developer's machine.
    """

    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) and missing_step(request) is None

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead on to what is missing: the log-in that everybody uses, or the second factor.

        Raises PermissionDenied for people who are no staff.
        """
        asked_for = get_next_redirect_url(request) or reverse("admin:index")
        if isinstance(request.user, AnonymousUser):
            return lead_to(settings.LOGIN_URL, asked_for)
        if not super().has_permission(request):
            raise PermissionDenied
        step = missing_step(request)
        return redirect(asked_for) if step is None else lead_to(step, asked_for)


def missing_step(request: HttpRequest) -> str | None:
    """The name of the page that staff have to pass before the admin; None where all is shown."""
    user = request.user
    if isinstance(user, AnonymousUser) or not settings.ADMIN_SECOND_FACTOR:
        return None
    if not is_mfa_enabled(user, types=[APP, KEY]):
        return "mfa_activate_totp"
    if second_factor_shown(request.session, user):
        return None
    has_app = is_mfa_enabled(user, types=[APP])
    return "mfa_reauthenticate" if has_app else "mfa_reauthenticate_webauthn"


def lead_to(page: str, asked_for: str) -> HttpResponse:
    """To a page, which leads on to the one that was asked for."""
    return redirect(f"{resolve_url(page)}?{urlencode({REDIRECT_FIELD_NAME: asked_for})}")
