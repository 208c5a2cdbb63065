"""The admin classes that the apps build on."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.contrib.auth import get_user_model
from django.core.validators import RegexValidator
from django.db import connection, models
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from budget.models import LedgerModel
from budget.models.ledger import lock_ledger
from budget.models.text import NOT_A_SLUG, SLUG_LENGTH
from financial_alerts.admin.links import link, page_url
from financial_alerts.admin.log import MarkingAdmin
from financial_alerts.admin.paging import BoundedPaginator
from financial_alerts.admin.picking import (
    OneUserChangeList,
    OwnedSelect,
    PickFilter,
    chosen_user,
    id_in,
)
from financial_alerts.admin.refusals import RefusingAdmin, refusal_of

M = TypeVar("M", bound=models.Model)
L = TypeVar("L", bound=LedgerModel)

NOBODY = Q(pk__in=[])


class BigTableAdmin(admin.ModelAdmin[M]):
    """A list that costs the same at a million rows: no full count, no facets, indexed orders only.

    user_ordering: the order once a user is chosen. Only then are the columns of user_sortable
    sortable, because one user's rows bound the work.
    """

    list_per_page = 50
    list_max_show_all = 200
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator
    ordering: ClassVar[tuple[str, ...]] = ("-id",)
    user_ordering: ClassVar[tuple[str, ...]] = ("-id",)
    user_sortable: ClassVar[tuple[str, ...]] = ()
    # Django shows the search box where this says anything; get_search_results has the rules.
    search_fields = ("id",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[OneUserChangeList]:
        return OneUserChangeList

    def default_ordering(self, owner_id: int | None) -> tuple[Any, ...]:
        return self.ordering if owner_id is None else self.user_ordering

    def get_ordering(self, request: HttpRequest) -> tuple[Any, ...]:
        return self.default_ordering(chosen_user(request))

    def get_sortable_by(self, request: HttpRequest) -> tuple[Any, ...]:
        return ("id",) if chosen_user(request) is None else ("id", *self.user_sortable)


class OwnedAdmin(MarkingAdmin[M], BigTableAdmin[M]):
    """Rows that belong to users: the list is narrowed to one user first, then searched by text."""

    list_filter: ClassVar[tuple[Any, ...]] = (("user", PickFilter),)
    list_select_related: ClassVar[tuple[str, ...]] = ("user",)
    search_help_text = "An id or an exact username. To search by text, choose a user first."

    @admin.display(description="user")
    def account(self, obj: Any) -> SafeString:
        return link(page_url(get_user_model(), obj.user_id), obj.user)

    @property
    def media(self) -> forms.Media:
        user = self.opts.get_field("user")
        return super().media + OwnedSelect(user, self.admin_site).media

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        owner_id = chosen_user(request)
        if is_autocomplete(request):
            queryset = queryset.filter(NOBODY if owner_id is None else Q(user_id=owner_id))
        term = search_term.replace("\0", "").strip()
        if term:
            found = self.by_id(term)
            found |= by_username(term) if owner_id is None else self.by_text(term, owner_id)
            queryset = queryset.filter(found)
        return queryset, False

    def by_id(self, term: str) -> Q:
        number = id_in(term)
        return NOBODY if number is None else Q(pk=number)

    def by_text(self, term: str, owner_id: int) -> Q:
        """What a text finds among one user's rows."""
        return NOBODY


def is_autocomplete(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and match.url_name == "autocomplete"


def by_username(term: str) -> Q:
    """The rows of one user, whom an index finds first: a join would read every row."""
    user_id = get_user_model()._default_manager.filter(username=term).values_list("pk").first()
    return NOBODY if user_id is None else Q(user_id=user_id[0])


class ReadOnlyAdmin(OwnedAdmin[M]):
    """Rows that the engine alone writes."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False


class OwnedForm(forms.ModelForm[Any]):
    """A form whose choices are the rows of the row's own user.

    Whether the row as a whole is allowed, its `save()` says under the lock and in words; Django
    would check the same constraints before, without the lock, and name the constraint.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        owner_id = self.owner_id()
        for field in self.fields.values():
            wrapper = field.widget
            if isinstance(wrapper, RelatedFieldWidgetWrapper):
                only_look_up(wrapper)
                if isinstance(wrapper.widget, OwnedSelect):
                    narrow(field, wrapper.widget, owner_id)

    def owner_id(self) -> int | None:
        if self.instance.user_id is not None:
            return int(self.instance.user_id)
        given = self.data.get("user") if self.is_bound else self.initial.get("user")
        return id_in(str(given))

    def _get_validation_exclusions(self) -> set[str]:
        return {field.name for field in self.instance._meta.fields}


def only_look_up(wrapper: RelatedFieldWidgetWrapper) -> None:
    """Take away the pop-ups that would add or edit another user's rows."""
    wrapper.can_add_related = wrapper.can_change_related = wrapper.can_delete_related = False


def narrow(field: Any, widget: OwnedSelect, owner_id: int | None) -> None:
    """Let a field take the rows of one user only, and none while no user is known."""
    field.queryset = field.queryset.filter(NOBODY if owner_id is None else Q(user_id=owner_id))
    field.error_messages["invalid_choice"] = (
        f"This {field.label.lower()} does not exist, or belongs to another user."
    )
    widget.owner_id = owner_id


class SlugField(forms.CharField):
    """A slug by which the API finds a row; left blank, it is made from the name."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs |= {"max_length": SLUG_LENGTH, "required": False}
        super().__init__(help_text="Left blank, it is made from the name.", **kwargs)
        self.validators += [
            RegexValidator(r"^[a-z][a-z0-9_-]*\Z", "Lower-case letters, digits, - and _ only."),
            RegexValidator(rf"^({'|'.join(NOT_A_SLUG)})\Z", "It is reserved.", inverse_match=True),
        ]


class LedgerAdmin(RefusingAdmin[L], OwnedAdmin[L]):
    """Rows that alerts depend on: read under the ledger's lock before they are written.

    owned: the foreign keys to other rows of the same user.
    """

    form = OwnedForm
    autocomplete_fields: ClassVar[tuple[str, ...]] = ("user",)
    owned: ClassVar[tuple[str, ...]] = ()

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> L | None:
        """The row; for a write once more under its ledger's lock.

        `save()` writes every column, so a row read earlier would undo what others wrote meanwhile.
        """
        found = super().get_object(request, object_id, from_field)
        writes = request.method == "POST" and connection.in_atomic_block
        if found is None or not writes or refusal_of(request) is not None:
            return found
        lock_ledger(found.user_id)
        return super().get_object(request, object_id, from_field)

    def get_fields(self, request: HttpRequest, obj: L | None = None) -> tuple[Any, ...]:
        fields = super().get_fields(request, obj)
        told = () if obj is not None else self.get_readonly_fields(request)
        return tuple(field for field in fields if field not in told)

    def get_readonly_fields(self, request: HttpRequest, obj: L | None = None) -> tuple[Any, ...]:
        """A row stays with its user."""
        fixed = () if obj is None else ("user",)
        return (*fixed, *super().get_readonly_fields(request, obj))

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in self.owned:
            kwargs["widget"] = OwnedSelect(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def check_delete(self, request: HttpRequest, obj: L) -> None:
        obj.check_delete()
