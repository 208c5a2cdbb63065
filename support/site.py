"""The admin site as support people see it."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest, HttpResponse

from accounts.site import StaffSite
from support.links import account_words


class Autocomplete(AutocompleteJsonView):
    """Shows users with their e-mail address, because apps make up many usernames."""

    def serialize_result(self, obj: Any, to_field_name: str) -> dict[str, str]:
        offered: dict[str, str] = super().serialize_result(obj, to_field_name)
        if isinstance(obj, AbstractUser):
            offered["text"] = account_words(obj)
        return offered


class SupportSite(StaffSite):
    site_header = site_title = "Financial Alerts"
    index_title = "Support"

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        view: Any = Autocomplete.as_view(admin_site=self)
        response: HttpResponse = view(request)
        return response
