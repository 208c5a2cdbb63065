"""Transactions; a write here opens and resolves alerts like any other write."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import F, Q
from django.http import HttpRequest
from django.utils.safestring import SafeString

from budget.models import Alert, Category, Grain, Rollup, Transaction
from budget.models.money import CENT
from budget.models.search import words_in
from support.base import LedgerAdmin, OwnedForm
from support.links import list_link
from support.picking import OneUserChangeList, PickFilter


class TransactionForm(OwnedForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "category" in self.fields:
            self.fields["category"].required = False
            self.fields["category"].help_text = "Blank: Uncategorised."

    def clean_category(self) -> Category | None:
        """The chosen category, else the built-in one."""
        chosen: Category | None = self.cleaned_data["category"]
        return chosen or Category.objects.filter(user=self.owner_id(), builtin=True).first()


class DateDrill:
    """What the drill-down by date reads: rollups instead of the transactions.

    Finding the days from the transactions would read all of them; from the rollups the cost does
    not grow with the history. A search is ignored here, so a year may lead to an empty list.
    """

    KEPT = ("date__year", "date__month", "date__day", "category__id__exact", "type__id__exact")

    def __init__(self, changelist: OneUserChangeList) -> None:
        self.model, self.date_hierarchy = changelist.model, changelist.date_hierarchy
        self.params, self.get_query_string = changelist.params, changelist.get_query_string
        chosen = {key: self.params[key] for key in self.KEPT if key in self.params}
        days = Rollup.objects.filter(user=changelist.owner_id, grain=Grain.DAY, count__gt=0)
        self.queryset = days.annotate(date=F("bucket")).filter(**chosen)


class TransactionList(OneUserChangeList):
    @property
    def drill(self) -> DateDrill | None:
        return DateDrill(self) if self.date_hierarchy else None


@admin.register(Transaction)
class TransactionAdmin(LedgerAdmin[Transaction]):
    """Without a user, the newest rows by id; with one, by date, with filters and drill-down."""

    form = TransactionForm
    owned = ("category", "type")
    autocomplete_fields = ("user", "category", "type")
    fields = (
        "user",
        "date",
        "description",
        "amount",
        "type",
        "category",
        "external_id",
        "pages",
    )
    readonly_fields = ("pages",)
    list_display = ("id", "date", "account", "description", "category", "amount", "type")
    list_filter = (("user", PickFilter), ("category", PickFilter), ("type", PickFilter))
    list_select_related = ("user", "category", "type")
    date_hierarchy = "date"
    user_ordering = ("-date", "-id")
    user_sortable = ("date", "amount", "description")
    search_help_text = (
        "An id, an exact username or an e-mail address. Choose a user first to search in "
        "descriptions, for an external id, or by category, type and date."
    )

    def by_text(self, term: str, owner_id: int) -> Q:
        """An external id or words of the description."""
        named = Transaction.objects.filter(user_id=owner_id, external_id=term)
        found = named.values_list("pk", flat=True).first()
        return words_in(term, "search") if found is None else Q(pk=found)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[OneUserChangeList]:
        return TransactionList

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name == "amount":
            kwargs["min_value"] = CENT
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @admin.display(description="see also")
    def pages(self, obj: Transaction) -> SafeString:
        lookups = {"user__id__exact": obj.user_id, "transaction__id__exact": obj.pk}
        return list_link(Alert, "Alerts that this transaction tipped", **lookups)
