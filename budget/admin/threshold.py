"""Thresholds with their levels in force; a delete is soft, and the pages say so."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest, HttpResponseBase
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from budget.engine import describe_thresholds, read_ledger
from budget.engine.answers import JudgedConditionDict
from budget.models import Alert, Condition, Threshold
from budget.models.ledger import lock_ledgers
from budget.models.money import MAX_AMOUNT, from_minor
from budget.models.threshold import MAX_CONDITIONS, default_levels
from financial_alerts.admin.base import LedgerAdmin, OwnedForm, SlugField, narrow, only_look_up
from financial_alerts.admin.links import list_link
from financial_alerts.admin.picking import OwnedSelect, PickFilter, id_in

SIGNS = {"gte": "≥", "gt": ">", "lte": "≤", "lt": "<", "eq": "="}


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
        help_text="Whole percents of the amount, with commas between; each raises its own alert. "
        "100 alone for at most, less than and exactly, and for conditions.",
    )

    class Meta:
        help_texts: ClassVar = {
            "amount": "The limit; a whole number for the number of expenses. 0 with conditions.",
            "days": "For rolling alone: how many days it looks back on, today included.",
            "category": "Counts with all that lie under it; left blank, all count.",
            "operator": "At least and more than are judged at once, the others when the period is "
            "over; those need a period that ends.",
            "match": "With conditions alone: whether all of them must hold, or any.",
            "starts_on": "For what is judged at the end: the first day that a period may start on. "
            "Left blank, that of the present period, then kept.",
            "rollover": "Carry on what a period leaves over; for at least and more than on "
            "spending, in weeks or longer periods.",
            "rollover_cap": "The most that is carried, either way; left blank, all of it.",
            "rollover_from": "A day in the first period that carries on. Left blank, today's.",
            "forecast": "Also an alert when the limit will be passed; for what can roll over.",
        }


class ConditionForm(forms.ModelForm[Condition]):
    """A row whose rules the threshold checks, as it saves all of them."""

    def _get_validation_exclusions(self) -> set[str]:
        return {field.name for field in Condition._meta.fields}


class ConditionFormSet(BaseInlineFormSet[Condition, Threshold, forms.ModelForm[Condition]]):
    """The conditions as they are to be, handed to the threshold, which stores them itself.

    So they are checked and evaluated with it under one lock, and never row by row.
    """

    new_objects: list[Condition]
    changed_objects: list[tuple[Condition, list[str]]]
    deleted_objects: list[Condition]

    def add_fields(self, form: forms.ModelForm[Condition], index: int | None) -> None:
        super().add_fields(form, index)
        widget: Any = form.fields["category"].widget
        widget = getattr(widget, "widget", widget)
        if isinstance(widget, OwnedSelect):
            chosen = self.instance.user_id or id_in(str(self.data.get("user", "")))
            narrow(form.fields["category"], widget, chosen)

    def clean(self) -> None:
        super().clean()
        if any(self.errors) or not self.has_changed():
            return
        kept = [form for form in self.forms if form not in self.deleted_forms]
        self.instance.new_conditions = [
            Condition(**{name: form.cleaned_data[name] for name in ConditionInline.fields})
            for form in kept
            if form.cleaned_data.get("amount") is not None
        ]

    def save(self, commit: bool = True) -> list[Condition]:
        """Nothing: the threshold has stored them. What is new goes to the log."""
        changed = self.has_changed()
        self.new_objects = list(self.instance.conditions.all()) if changed else []
        self.changed_objects, self.deleted_objects = [], []
        return self.new_objects


class ConditionInline(admin.TabularInline[Condition, Threshold]):
    model = Condition
    form = ConditionForm
    formset = ConditionFormSet
    fields = ("category", "measure", "operator", "amount")
    extra = 0
    max_num = MAX_CONDITIONS
    verbose_name_plural = "conditions, in place of category, operator, measure and amount"

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["widget"] = OwnedSelect(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset = super().get_formset(request, obj, **kwargs)
        only_look_up(formset.form.base_fields["category"].widget)
        return formset

    def get_queryset(self, request: HttpRequest) -> QuerySet[Condition]:
        return super().get_queryset(request).select_related("category")

    # Whoever may write the threshold may write what it is made of.
    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def may_write(self, request: HttpRequest, obj: Any) -> bool:
        right = "add" if obj is None else "change"
        deleted = obj is not None and obj.deleted_at is not None
        return request.user.has_perm(f"budget.{right}_threshold") and not deleted

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_write(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_write(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may_write(request, obj)


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


def in_words(one: JudgedConditionDict) -> tuple[str]:
    """A condition and its total now, such as "Dining: spending 212.00 > 200.00, holds"."""
    held = "holds" if one["holds"] else "does not hold"
    sign = SIGNS[one["operator"]]
    of = one["category"] or "All"
    return (f"{of}: {one['measure']} {one['total']} {sign} {one['amount']}, {held}",)


@admin.register(Threshold)
class ThresholdAdmin(LedgerAdmin[Threshold]):
    form = ThresholdForm
    inlines = (ConditionInline,)
    owned = ("category",)
    autocomplete_fields = ("user", "category")
    fields = (
        "user",
        "name",
        "slug",
        "amount",
        "type",
        "days",
        "category",
        "operator",
        "measure",
        "levels",
        "match",
        "starts_on",
        "rollover",
        "rollover_cap",
        "rollover_from",
        "forecast",
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
        if db_field.name in ("amount", "rollover_cap"):
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
        if obj.match:
            return format_html("{} {}", "100 %:", obj.get_match_display())
        sign = SIGNS[obj.operator]
        return format_html_join(
            "",
            "<div>{} %: {} {}</div>",
            ((level, sign, from_minor(at)) for level, at in obj.triggers().items()),
        )

    @admin.display(description="present period")
    def current(self, obj: Threshold) -> str:
        current = describe_thresholds(read_ledger(obj.user_id), [obj])[0]["current"]
        if current is None:
            return "Each transaction is judged by itself."
        begins, ends = current["period_start"], current["period_end"]
        if obj.match:
            held = format_html_join("", "<div>{}</div>", map(in_words, current["conditions"]))
            return format_html("From {} to before {}:{}", begins, ends, held)
        percent = "" if current["percent"] is None else f", {current['percent']} %"
        return format_html(
            "{} of {} from {} to before {}{}",
            current["total"],
            current["limit"],
            begins,
            ends,
            percent,
        )

    @admin.display(description="see also")
    def pages(self, obj: Threshold) -> SafeString:
        lookups = {"user__id__exact": obj.user_id, "threshold__id__exact": obj.pk}
        return list_link(Alert, "alerts", **lookups)
