"""Transactions: every write here moves the alerts like any other write."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.utils.safestring import SafeString

from budget.models import Alert, Category, Transaction
from budget.models.money import CENT
from financial_alerts.admin.base import LedgerAdmin, OwnedForm
from financial_alerts.admin.links import list_link
from financial_alerts.admin.picking import PickFilter


class TransactionForm(OwnedForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "category" in self.fields:
            self.fields["category"].required = False
            self.fields["category"].help_text = "Left blank: Uncategorised."

    def clean_category(self) -> Category | None:
        """The category chosen, else the user's built-in one."""
        chosen: Category | None = self.cleaned_data["category"]
        return chosen or Category.objects.filter(user=self.owner_id(), builtin=True).first()


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
        "An id or an exact username. Choose a user first to search in descriptions, for an "
        "external id, or by category, type and date."
    )

    def by_text(self, term: str) -> Q:
        return Q(description__icontains=term) | Q(external_id=term)

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name == "amount":
            kwargs["min_value"] = CENT
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    @admin.display(description="see also")
    def pages(self, obj: Transaction) -> SafeString:
        lookups = {"user__id__exact": obj.user_id, "transaction__id__exact": obj.pk}
        return list_link(Alert, "Alerts that this transaction tipped", **lookups)
