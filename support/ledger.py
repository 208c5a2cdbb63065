"""The ledger and the rollups, to look at: only the engine writes them."""

from __future__ import annotations

from decimal import Decimal

from django.contrib import admin
from django.db.models import Q
from django.utils.safestring import SafeString

from budget.models import Ledger, Rollup
from budget.models.money import from_minor
from budget.models.search import words_in
from support.base import ReadOnlyAdmin
from support.links import link, page_url
from support.picking import PickFilter


@admin.register(Ledger)
class LedgerRowAdmin(ReadOnlyAdmin[Ledger]):
    fields = (
        "account",
        "as_of",
        "version",
        "event_seq",
        "time_zone",
        "week_start",
        "month_start",
        "checked_version",
        "checked_at",
    )
    list_display = ("page", *fields)
    ordering = ("-pk",)
    user_ordering = ("-pk",)
    search_help_text = "The id, exact username or e-mail address of a user."

    @admin.display(description="ledger")
    def page(self, obj: Ledger) -> SafeString:
        return link(page_url(Ledger, obj.pk), obj.pk)


@admin.register(Rollup)
class RollupAdmin(ReadOnlyAdmin[Rollup]):
    """Sums of a day or month; their effect on spending is the type's."""

    fields = ("account", "grain", "bucket", "category", "type", "money", "count")
    list_display = ("id", *fields)
    list_filter = (
        ("user", PickFilter),
        "grain",
        ("category", PickFilter),
        ("type", PickFilter),
    )
    list_select_related = ("user", "category", "type")
    date_hierarchy = "bucket"
    user_ordering = ("-bucket", "-id")
    user_sortable = ("bucket", "count")

    def by_text(self, term: str, owner_id: int) -> Q:
        return words_in(term, "category__search")

    @admin.display(description="amount")
    def money(self, obj: Rollup) -> Decimal:
        return from_minor(obj.amount)
