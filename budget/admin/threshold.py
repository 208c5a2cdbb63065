"""Thresholds with their levels in force; a delete is soft, and the pages say so."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from budget.engine import describe_thresholds, read_ledger
from budget.models import Alert, Operator, Threshold
from budget.models.ledger import lock_ledgers
from budget.models.money import MAX_AMOUNT, from_minor
from budget.models.threshold import default_levels
from financial_alerts.admin.base import LedgerAdmin, OwnedForm, SlugField
from financial_alerts.admin.links import list_link
from financial_alerts.admin.picking import PickFilter


class LevelsField(forms.CharField):
    """Whole percents with commas between; a list in Python."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(map(str, value)) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        words = re.findall(r"[^,\s]+", str(value or "").strip("[] \t"))
        if not all(re.fullmatch(r"\d{1,4}", word, re.ASCII) for word in words):
            raise ValidationError("Whole percents with commas between, such as 80, 100.")
        return [int(word) for word in words]


class ThresholdForm(OwnedForm):
    slug = SlugField()
    levels = LevelsField(
        initial=default_levels,
        help_text="Whole percents of the amount, with commas between; each raises its own alert.",
    )


class StateFilter(admin.SimpleListFilter):
    """Deleted thresholds stay for their alerts' sake, and out of sight unless asked for."""

    title = "state"
    parameter_name = "state"
    STATES = {
        None: ("Not deleted", Q(deleted_at__isnull=True)),
        "on": ("Enabled", Q(deleted_at__isnull=True, enabled=True)),
        "off": ("Disabled", Q(deleted_at__isnull=True, enabled=False)),
        "deleted": ("Deleted", Q(deleted_at__isnull=False)),
        "all": ("All", Q()),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(key, title) for key, (title, _) in self.STATES.items() if key is not None]

    def choices(self, changelist: ChangeList) -> Any:
        chosen = self.value() if self.value() in self.STATES else None
        for key, (title, _) in self.STATES.items():
            yield {
                "selected": key == chosen,
                "query_string": changelist.get_query_string({self.parameter_name: key}),
                "display": title,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        _, condition = self.STATES[value if value in self.STATES else None]
        return queryset.filter(condition)


@admin.register(Threshold)
class ThresholdAdmin(LedgerAdmin[Threshold]):
    form = ThresholdForm
    owned = ("category",)
    autocomplete_fields = ("user", "category")
    fields = (
        "user",
        "name",
        "slug",
        "amount",
        "type",
        "category",
        "operator",
        "measure",
        "levels",
        "enabled",
        "levels_in_force",
        "current",
        "revision",
        "deleted_at",
        "pages",
    )
    readonly_fields = ("levels_in_force", "current", "revision", "deleted_at", "pages")
    list_display = (
        "id",
        "name",
        "account",
        "amount",
        "type",
        "category",
        "operator",
        "percents",
        "enabled",
        "pages",
        "deleted_at",
    )
    list_display_links = ("id", "name")
    list_filter = (("user", PickFilter), StateFilter, "type", ("category", PickFilter))
    list_select_related = ("user", "category")
    user_sortable = ("name", "amount", "type")

    def by_text(self, term: str, owner_id: int) -> Q:
        return Q(name__icontains=term) | Q(slug=term)

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name == "amount":
            kwargs |= {"min_value": 0, "max_value": MAX_AMOUNT}
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Threshold | None = None) -> bool:
        """A deleted threshold can only be looked at."""
        return super().has_change_permission(request, obj) and not (obj and obj.deleted_at)

    def has_delete_permission(self, request: HttpRequest, obj: Threshold | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj and obj.deleted_at)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        shown, count, *rest = super().get_deleted_objects(objs, request)
        gone = [obj.pk for obj in objs]
        resolve = Alert.objects.open().of_thresholds().filter(threshold_id__in=gone)
        users = {obj.user_id for obj in objs}
        count["open alerts that resolve"] = resolve.filter(user_id__in=users).count()
        return shown, count, *rest

    @admin.action(permissions=["delete"], description="Delete selected thresholds")
    def delete_selected(
        self, request: HttpRequest, queryset: QuerySet[Threshold]
    ) -> HttpResponseBase | None:
        return super().delete_selected(request, queryset.filter(deleted_at__isnull=True))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Threshold]) -> None:
        """Read again under the locks: a soft delete saves every column."""
        lock_ledgers(queryset.order_by().values_list("user_id", flat=True).distinct())
        super().delete_queryset(request, queryset)

    @admin.display(description="levels")
    def percents(self, obj: Threshold) -> str:
        return f"{', '.join(map(str, obj.levels))} %"

    @admin.display(description="levels in force")
    def levels_in_force(self, obj: Threshold) -> SafeString:
        """What the engine compares totals with."""
        sign = "≥" if obj.operator == Operator.GTE else ">"
        rows = obj.levels_in_force.order_by("percent").values_list("percent", "trigger")
        return format_html_join(
            "", "<div>{} %: {} {}</div>", ((level, sign, from_minor(at)) for level, at in rows)
        )

    @admin.display(description="present period")
    def current(self, obj: Threshold) -> str:
        current = describe_thresholds(read_ledger(obj.user_id), [obj])[0]["current"]
        if current is None:
            return "Each transaction is judged by itself."
        percent = "" if current["percent"] is None else f", {current['percent']} %"
        return format_html(
            "{} of {} from {} to before {}{}",
            current["total"],
            obj.amount,
            current["period_start"],
            current["period_end"],
            percent,
        )

    @admin.display(description="see also")
    def pages(self, obj: Threshold) -> SafeString:
        lookups = {"user__id__exact": obj.user_id, "threshold__id__exact": obj.pk}
        return list_link(Alert, "alerts", **lookups)
