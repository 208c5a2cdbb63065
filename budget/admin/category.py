"""Categories, with their merge, and transaction types."""

from __future__ import annotations

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

from budget.engine import merge_categories, recording
from budget.models import Category, Conflict, Threshold, Transaction, TransactionType
from budget.models.text import fold
from financial_alerts.admin.base import LedgerAdmin, OwnedForm, SlugField
from financial_alerts.admin.links import list_link, list_url, page_url, side_by_side
from financial_alerts.admin.picking import PickFilter, id_in
from financial_alerts.admin.refusals import MAX_SELECTED, REFUSALS, complain, tell


class NamedForm(OwnedForm):
    """A row with a name and the slug that follows from it."""

    slug = SlugField()


class MergeForm(forms.Form):
    """Which category takes everything of the merged ones: another one of the same user's."""

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
        return Q(key__contains=fold(term))

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
        """Ask for the category to merge into, then merge all or none."""
        if not self.has_merge_permission(request):
            raise PermissionDenied
        try:
            sources = mergeable(request.GET.get("ids", ""))
            form = MergeForm(sources, request.POST or None)
            if form.is_valid():
                return self.merge(request, sources, form.cleaned_data["target"])
        except REFUSALS as error:
            complain(request, error)
            return HttpResponseRedirect(list_url(Category))
        context = {
            **self.admin_site.each_context(request),
            "title": "Merge categories",
            "opts": self.opts,
            "sources": sources,
            "form": form,
            "back": list_url(Category, user__id__exact=sources[0].user_id),
        }
        return TemplateResponse(request, "admin/budget/category/merge.html", context)

    def merge(
        self, request: HttpRequest, sources: list[Category], target: Category
    ) -> HttpResponse:
        names = ", ".join(source.name for source in sources)
        with recording() as flipped, transaction.atomic():
            self.log_deletions(request, Category.objects.filter(pk__in=[c.pk for c in sources]))
            self.log_change(request, target, f"Merged {names} into it.")
            for source in sources:
                merge_categories(source, target)
        self.message_user(request, f"Merged {names} into {target}.", messages.SUCCESS)
        tell(request, flipped)
        return HttpResponseRedirect(page_url(Category, target.pk))


def mergeable(ids: str) -> list[Category]:
    """The categories to merge away, by ids with commas between. Raises Conflict."""
    numbers = [number for number in map(id_in, ids.split(",")) if number is not None]
    found = Category.objects.filter(pk__in=numbers[:MAX_SELECTED]).select_related("user")
    sources = list(found.order_by("key"))
    if not sources:
        raise Conflict("None of these categories exists; one may have been merged already.")
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
        return Q(key__contains=fold(term))

    def has_change_permission(
        self, request: HttpRequest, obj: TransactionType | None = None
    ) -> bool:
        """The built-in ones can only be looked at."""
        return super().has_change_permission(request, obj) and not (obj and obj.builtin)

    @admin.display(description="see also")
    def pages(self, obj: TransactionType) -> SafeString:
        lookups = {"user__id__exact": obj.user_id, "type__id__exact": obj.pk}
        return list_link(Transaction, "transactions", **lookups)
