"""A user's settings."""

from __future__ import annotations

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from budget.models import Profile
from budget.models.settings import time_zones
from support.base import LedgerAdmin, OwnedForm

WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def zone_choices() -> list[tuple[str, str]]:
    return [(name, name) for name in sorted(time_zones())]


class ProfileForm(OwnedForm):
    time_zone = forms.ChoiceField(choices=zone_choices)
    week_start = forms.TypedChoiceField(coerce=int, choices=list(enumerate(WEEK, 1)))
    month_start = forms.IntegerField(min_value=1, max_value=28, help_text="A day from 1 to 28.")
    currency = forms.CharField(max_length=3, help_text="ISO 4217 code of every amount.")


@admin.register(Profile)
class ProfileAdmin(LedgerAdmin[Profile]):
    """A user's settings; another time zone, week or month cuts all periods again."""

    form = ProfileForm
    fields = ("user", "time_zone", "week_start", "month_start", "currency")
    list_display = ("id", "account", "time_zone", "week_start", "month_start", "currency")
    list_select_related = ("user",)
    search_help_text = "The id of a profile, an exact username or an e-mail address."

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A profile is created with its account."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Profile | None = None) -> bool:
        """A profile is deleted with its account."""
        return False
