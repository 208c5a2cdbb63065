"""One user at a time: every index starts with the user, so a user is chosen first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import get_model_from_relation
from django.contrib.admin.views.main import ChangeList
from django.contrib.admin.widgets import AutocompleteSelect
from django.db import models
from django.http import HttpRequest
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from support.links import account_words

USER = "user__id__exact"
PICKED = "__id__exact"
JS = ("admin/js/jquery.init.js", "support/owner.js")
CSS: dict[str, Sequence[str]] = {"screen": ("support/picking.css",)}


def id_in(text: str | None) -> int | None:
    """The id in a text; None if it is not one that a database could hold."""
    text = (text or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def chosen_user(request: HttpRequest) -> int | None:
    """The id of the user that a list, or the choices of a form's field, are narrowed to."""
    return id_in(request.GET.get(USER)) or id_in(request.GET.get("user"))


class OwnedSelect(AutocompleteSelect):
    """An autocomplete that offers one user's rows only.

    owner_id is the user where the page knows one; where the page asks for the user, the script
    sends the chosen one.
    """

    owner_id: int | None = None

    def get_url(self) -> str:
        url: str = super().get_url()
        return url if self.owner_id is None else f"{url}?{urlencode({'user': self.owner_id})}"

    @property
    def media(self) -> forms.Media:
        media: forms.Media = super().media
        return media + forms.Media(js=JS, css=CSS)


class PickFilter(admin.FieldListFilter):
    """Narrows a list to one related row, found by typing; never lists the choices."""

    template = "admin/budget/pick_filter.html"

    def __init__(
        self,
        field: Any,
        request: HttpRequest,
        params: dict[str, list[str]],
        model: type[models.Model],
        model_admin: admin.ModelAdmin[Any],
        field_path: str,
    ) -> None:
        self.parameter = f"{field_path}{PICKED}"
        if not any(params.get(self.parameter, [])):
            params.pop(self.parameter, None)
        self.picked = (params.get(self.parameter) or [""])[-1]
        self.owner_id = chosen_user(request)
        self.site = model_admin.admin_site
        super().__init__(field, request, params, model, model_admin, field_path)

    def expected_parameters(self) -> list[str | None]:
        return [self.parameter]

    def has_output(self) -> bool:
        """Categories and other rows of a user can be picked once the user is picked."""
        return self.field.name == "user" or bool(self.picked) or self.owner_id is not None

    def choices(self, changelist: Any) -> Iterator[Any]:
        others = {key: value for key, value in changelist.params.items() if self.keeps(key)}
        yield {
            "select": self.select(),
            "others": others,
            "remove": f"?{urlencode(others)}" if self.picked else None,
        }

    def keeps(self, key: str) -> bool:
        """Another user removes what was picked among the rows of the user before."""
        gone = key.endswith(PICKED) if self.field.name == "user" else key == self.parameter
        return not gone

    def select(self) -> SafeString:
        label = f"Choose a {self.title}"
        widget = OwnedSelect(self.field, self.site, {"data-width": "100%", "aria-label": label})
        if self.field.name != "user":
            widget.owner_id = self.owner_id
        rows = get_model_from_relation(self.field)._default_manager.all()
        field: Any = forms.ModelChoiceField(rows, required=False, widget=widget)
        name = self.field.name
        if name == "user":
            field.label_from_instance = account_words
        shown: SafeString = field.widget.render(self.parameter, self.picked, {"id": f"pick-{name}"})
        return shown


class GivenFilter(PickFilter):
    """Shows, and removes, a filter that came with a link."""

    def has_output(self) -> bool:
        return bool(self.picked)


class OneUserChangeList(ChangeList):
    """A list that sorts and drills down by date only for one user, which bounds the work."""

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        self.owner_id = chosen_user(request)
        if self.owner_id is None:
            self.date_hierarchy = None
        return super().get_queryset(request, *args, **kwargs)

    def get_results(self, request: HttpRequest) -> None:
        """The page; if the count has found no row, the list is not read."""
        super().get_results(request)
        if not self.result_count:
            self.result_list = self.queryset.none()

    def get_ordering_field(self, field_name: Any) -> Any:
        # Django hides the links of columns that cannot be sorted but obeys a hand-written URL.
        if self.sortable_by is not None and field_name not in self.sortable_by:
            return None
        return super().get_ordering_field(field_name)

    def _get_default_ordering(self) -> Any:
        model_admin: Any = self.model_admin
        return model_admin.default_ordering(self.owner_id)
