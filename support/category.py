"""Categories, which can be merged, and transaction types."""

from __future__ import annotations

from copy import copy
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from budget.answers import describe_alerts, read_alerts
from budget.engine import Reading, merge_categories, move_day, open_book
from budget.models import (
    Category,
    Condition,
    Conflict,
    Threshold,
    Transaction,
    TransactionType,
)
from budget.models.search import words_in
from support.base import LedgerAdmin, OwnedForm, SlugField
from support.links import account_words, list_link, list_url, page_url, side_by_side
from support.paging import CAP
from support.picking import PickFilter, id_in
from support.refusals import MAX_SELECTED, REFUSALS, complain, note_flips, tell


class NamedForm(OwnedForm):
    """A row with a name and a slug."""

    slug = SlugField()


class MergeForm(forms.Form):
    """The category to merge into: another one of the same user."""

    target = forms.ModelChoiceField(Category.objects.none(), label="Merge into")

    def __init__(self, sources: list[Category], data: Any = None) -> None:
        super().__init__(data)
        others = Category.objects.filter(user_id=sources[0].user_id)
        field: Any = self.fields["target"]
        field.queryset = others.exclude(pk__in=[source.pk for source in sources])


@admin.register(Category)
class CategoryAdmin(LedgerAdmin[Category]):
    form = NamedForm
    owned = ("parent",)
    autocomplete_fields = ("user", "parent")
    actions = ("delete_selected", "merge_selected")
    fields = ("user", "name", "slug", "parent", "builtin", "pages")
    readonly_fields = ("builtin", "pages")
    list_display = ("id", "name", "account", "slug", "parent", "builtin", "pages")
    list_display_links = ("id", "name")
    list_filter = (("user", PickFilter), ("parent", PickFilter))
    list_select_related = ("user", "parent")
    user_ordering = ("key",)
    user_sortable = ("name", "slug")

    def by_text(self, term: str, owner_id: int) -> Q:
        return words_in(term, "search")

    @admin.display(description="see also")
    def pages(self, obj: Category) -> SafeString:
        lookups = {"user__id__exact": obj.user_id, "category__id__exact": obj.pk}
        return side_by_side(
            list_link(Transaction, "transactions", **lookups),
            list_link(Threshold, "thresholds", **lookups),
            list_link(Category, "under it", user__id__exact=obj.user_id, parent__id__exact=obj.pk),
        )

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.merge_view)
        return [path("merge/", view, name="budget_category_merge"), *super().get_urls()]

    def has_merge_permission(self, request: HttpRequest) -> bool:
        return self.has_change_permission(request) and self.has_delete_permission(request)

    @admin.action(permissions=["merge"], description="Merge selected categories into another")
    def merge_selected(
        self, request: HttpRequest, queryset: QuerySet[Category]
    ) -> HttpResponseBase | None:
        ids = [str(pk) for pk in queryset.values_list("pk", flat=True)[: MAX_SELECTED + 1]]
        if len(ids) > MAX_SELECTED:
            self.message_user(request, "Select the categories of one user.", messages.ERROR)
            return None
        url = reverse("admin:budget_category_merge")
        return HttpResponseRedirect(f"{url}?{urlencode({'ids': ','.join(ids)})}")

    def merge_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for the category to merge into, show the effect, then merge all of them or none."""
        if not self.has_merge_permission(request):
            raise PermissionDenied
        try:
            sources = mergeable(request.GET.get("ids", ""))
            form = MergeForm(sources, request.POST or None)
            target = form.cleaned_data["target"] if form.is_valid() else None
            if target is not None and "confirmed" in request.POST:
                return self.merge(request, sources, target)
            effect = None if target is None else effect_of(sources, target)
        except REFUSALS as error:
            complain(request, error)
            return HttpResponseRedirect(list_url(Category))
        context = {
            **self.admin_site.each_context(request),
            "title": "Merge categories",
            "opts": self.opts,
            "sources": sources,
            "form": form,
            "counts": counts_of(sources),
            "effect": effect,
            "owner": account_words(sources[0].user),
            "back": list_url(Category, user__id__exact=sources[0].user_id),
        }
        return TemplateResponse(request, "admin/budget/category/merge.html", context)

    def merge(
        self, request: HttpRequest, sources: list[Category], target: Category
    ) -> HttpResponse:
        names = ", ".join(source.name for source in sources)
        with transaction.atomic(), open_book(target.user_id) as book:
            self.log_deletions(request, Category.objects.filter(pk__in=[c.pk for c in sources]))
            self.log_change(request, target, f"Merged {names} into it.")
            for source in sources:
                merge_categories(source, target)
        self.message_user(request, f"Merged {names} into {target}.", messages.SUCCESS)
        note_flips(request, [book])
        tell(request)
        return HttpResponseRedirect(page_url(Category, target.pk))


class Undone(Exception):
    """Rolls back an atomic block."""


def effect_of(sources: list[Category], target: Category) -> dict[str, list[str]]:
    """The messages of alerts that a merge would open and resolve: it is done and rolled back."""
    effect: dict[str, list[str]] = {}
    try:
        with transaction.atomic(), open_book(target.user_id) as book:
            for source in sources:
                # A copy: the delete takes the id from the instance, and no rollback gives it back.
                merge_categories(copy(source), target)
            move_day(book)
            reading = Reading(book.ledger)
            for title, ids in (("open", book.flipped.opened), ("resolve", book.flipped.resolved)):
                alerts = read_alerts(reading, ids)
                described = describe_alerts(reading, [alerts[pk] for pk in ids])
                effect[title] = [alert["message"] for alert in described]
            raise Undone
    except Undone:
        return effect


def counts_of(sources: list[Category]) -> dict[str, str]:
    """How many rows of each kind a merge would move, counted up to a cap."""
    pks = [source.pk for source in sources]
    moved = {
        "transactions": Transaction.objects.filter(category__in=pks),
        "thresholds": Threshold.objects.kept().filter(category__in=pks),
        "conditions of thresholds": Condition.objects.filter(category__in=pks),
        "categories under them": Category.objects.filter(parent__in=pks),
    }
    counts = {name: rows.order_by()[: CAP + 1].count() for name, rows in moved.items()}
    return {
        name: f"{count:,}" if count <= CAP else f"more than {CAP:,}"
        for name, count in counts.items()
    }


def mergeable(ids: str) -> list[Category]:
    """The categories to merge, from ids separated by commas. Raises Conflict."""
    numbers = [number for number in map(id_in, ids.split(",")) if number is not None]
    found = Category.objects.filter(pk__in=numbers[:MAX_SELECTED]).select_related("user")
    sources = list(found.order_by("key"))
    if not sources:
        raise Conflict("None of these categories exists; they may have been merged already.")
    if len({source.user_id for source in sources}) > 1:
        raise Conflict("Only categories of one and the same user can be merged.")
    for source in sources:
        if source.builtin:
            raise Conflict(f"The built-in category {source} cannot be merged away.")
    return sources


@admin.register(TransactionType)
class TransactionTypeAdmin(LedgerAdmin[TransactionType]):
    form = NamedForm
    fields = ("user", "name", "slug", "effect", "builtin", "pages")
    readonly_fields = ("builtin", "pages")
    list_display = ("id", "name", "account", "slug", "effect", "builtin", "pages")
    list_display_links = ("id", "name")
    list_filter = (*LedgerAdmin.list_filter, "effect", "builtin")
    user_ordering = ("slug",)
    user_sortable = ("name", "slug")

    def by_text(self, term: str, owner_id: int) -> Q:
        return words_in(term, "search")

    def has_change_permission(
        self, request: HttpRequest, obj: TransactionType | None = None
    ) -> bool:
        """The built-in types are read-only."""
        return super().has_change_permission(request, obj) and not (obj and obj.builtin)

    @admin.display(description="see also")
    def pages(self, obj: TransactionType) -> SafeString:
        lookups = {"user__id__exact": obj.user_id, "type__id__exact": obj.pk}
        return list_link(Transaction, "transactions", **lookups)
