"""The classes that the pages of the admin build on."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, ClassVar, TypeVar

from allauth.account.models import EmailAddress
from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import connection, models
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from budget.engine import open_book, open_books
from budget.models import LedgerModel
from lib.text import NOT_A_SLUG, SLUG_LENGTH
from support.links import account_words, link, page_url
from support.log import MarkingAdmin
from support.paging import BoundedPaginator
from support.picking import (
    OneUserChangeList,
    OwnedSelect,
    PickFilter,
    chosen_user,
    id_in,
)
from support.refusals import RefusingAdmin, note_flips, refusal_of
from support.versions import VersionedAdmin, VersionedForm

M = TypeVar("M", bound=models.Model)
L = TypeVar("L", bound=LedgerModel)

NOBODY = Q(pk__in=[])
# Several accounts can have the same address as long as none of them has confirmed it.
MAX_ACCOUNTS = 20


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
    # Not empty, so that Django shows the search box; get_search_results does the search.
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
    """Rows that belong to users: first one user is chosen, then rows are searched by text."""

    list_filter: ClassVar[tuple[Any, ...]] = (("user", PickFilter),)
    list_select_related: ClassVar[tuple[str, ...]] = ("user",)
    search_help_text = (
        "An id, an exact username or an e-mail address. To search by text, choose a user first."
    )

    @admin.display(description="user")
    def account(self, obj: Any) -> SafeString:
        return link(page_url(get_user_model(), obj.user_id), account_words(obj.user))

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        """No user column once a user is chosen."""
        columns = tuple(super().get_list_display(request))
        if chosen_user(request) is None:
            return columns
        return tuple(column for column in columns if column != "account")

    @property
    def media(self) -> forms.Media:
        user = self.opts.get_field("user")
        return super().media + OwnedSelect(user, self.admin_site).media

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The values for a form from the query string, without those that a field cannot hold.

        Django passes them on as texts, and then fails to show them.
        """
        given = super().get_changeform_initial_data(request)
        fields = {field.name: field for field in self.opts.concrete_fields}
        initial: dict[str, Any] = {}
        for name, value in given.items():
            with suppress(ValidationError):
                initial[name] = held(fields[name], value) if name in fields else value
        return initial

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        owner_id = chosen_user(request)
        if is_autocomplete(request):
            queryset = queryset.filter(NOBODY if owner_id is None else Q(user_id=owner_id))
        term = search_term.replace("\0", "").strip()
        if term:
            found = self.by_id(term)
            found |= by_account(term) if owner_id is None else self.by_text(term, owner_id)
            queryset = queryset.filter(found)
        return queryset, False

    def by_id(self, term: str) -> Q:
        number = id_in(term)
        return NOBODY if number is None else Q(pk=number)

    def by_text(self, term: str, owner_id: int) -> Q:
        """The filter of a text search among one user's rows."""
        return NOBODY


def held(field: Any, text: Any) -> Any:
    """A text as a value of a model's field. Raises ValidationError if the field cannot hold it."""
    if not isinstance(field, models.ForeignKey):
        return field.to_python(text)
    if (number := id_in(text)) is None:
        raise ValidationError("This is not an id.")
    return number


def is_autocomplete(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and match.url_name == "autocomplete"


def by_account(term: str) -> Q:
    """The rows of the users with this username or e-mail address.

    The users are found first, by an index: a join would read every row.
    """
    found = Q(username=term)
    if "@" in term:
        found |= Q(pk__in=EmailAddress.objects.filter(email=term.lower()).values("user"))
        found |= Q(email=term) | Q(email=term.lower())
    users = get_user_model()._default_manager.filter(found).order_by().values_list("pk", flat=True)
    return Q(user_id__in=list(users[:MAX_ACCOUNTS]))


class ReadOnlyAdmin(OwnedAdmin[M]):
    """Rows that only the engine writes."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False


class OwnedForm(VersionedForm):
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
    """Remove the pop-ups, which would add or edit another user's rows."""
    wrapper.can_add_related = wrapper.can_change_related = wrapper.can_delete_related = False


def narrow(field: Any, widget: OwnedSelect, owner_id: int | None) -> None:
    """Offer the rows of one user only, and none as long as no user is known."""
    field.queryset = field.queryset.filter(NOBODY if owner_id is None else Q(user_id=owner_id))
    field.error_messages["invalid_choice"] = (
        f"This {field.label.lower()} does not exist, or belongs to another user."
    )
    widget.owner_id = owner_id


def placed(fields: Any, left_out: Any, names: dict[str, str]) -> tuple[Any, ...]:
    """The fields of a form's section, some left out and some renamed."""
    return tuple(names.get(field, field) for field in fields if field not in left_out)


class SlugField(forms.CharField):
    """A slug, by which the API finds a row."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs |= {"max_length": SLUG_LENGTH, "required": False}
        super().__init__(help_text="Blank: made from the name.", **kwargs)
        self.validators += [
            RegexValidator(r"^[a-z][a-z0-9_-]*\Z", "Lower-case letters, digits, - and _ only."),
            RegexValidator(rf"^({'|'.join(NOT_A_SLUG)})\Z", "It is reserved.", inverse_match=True),
        ]


class LedgerAdmin(VersionedAdmin[L], RefusingAdmin[L], OwnedAdmin[L]):
    """Rows that alerts depend on; a write reads them again under the ledger's lock.

    owned: the foreign keys to other rows of the same user.
    """

    form = OwnedForm
    autocomplete_fields: ClassVar[tuple[str, ...]] = ("user",)
    owned: ClassVar[tuple[str, ...]] = ()

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> L | None:
        """The row; for a write it is read again under its ledger's lock.

        `save()` writes every column, so a row read earlier would undo what others wrote meanwhile.
        This block counts a version of the ledger, and that of the save another.
        """
        found = super().get_object(request, object_id, from_field)
        writes = request.method == "POST" and connection.in_atomic_block
        if found is None or not writes or refusal_of(request) is not None:
            return found
        with open_book(found.user_id):
            return super().get_object(request, object_id, from_field)

    def save_model(self, request: HttpRequest, obj: L, form: Any, change: bool) -> None:
        with open_book(obj.user_id) as book:
            super().save_model(request, obj, form, change)
        note_flips(request, [book])

    def delete_model(self, request: HttpRequest, obj: L) -> None:
        with open_book(obj.user_id) as book:
            super().delete_model(request, obj)
        note_flips(request, [book])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[L]) -> None:
        """Delete rows of any users; those of a soft delete are read again under the locks."""
        users = queryset.order_by().values_list("user_id", flat=True).distinct()
        with open_books(users) as books:
            super().delete_queryset(request, queryset)
        note_flips(request, books.values())

    def get_fieldsets(self, request: HttpRequest, obj: L | None = None) -> Any:
        """For a new row without the fields that only a stored row has."""
        left_out = () if obj is not None else self.get_readonly_fields(request)
        names = {"user": "account"} if obj is not None else {}
        return [
            (title, {**options, "fields": placed(options["fields"], left_out, names)})
            for title, options in super().get_fieldsets(request, obj)
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: L | None = None) -> tuple[Any, ...]:
        """The user of a stored row is fixed."""
        fixed = () if obj is None else ("account",)
        return (*fixed, *super().get_readonly_fields(request, obj))

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in self.owned:
            kwargs["widget"] = OwnedSelect(db_field, self.admin_site)
        field: Any = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "user":
            field.label_from_instance = account_words
        return field

    def check_delete(self, request: HttpRequest, obj: L) -> None:
        obj.check_delete()
