"""Thresholds with their triggers and their current period; a delete is soft."""

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

from budget.answers import describe_thresholds
from budget.answers.shapes import JudgedConditionDict
from budget.answers.threshold_rows import THRESHOLDS, read_thresholds
from budget.engine import Reading, one_state
from budget.models import Alert, Condition, Threshold
from budget.models.money import MAX_AMOUNT, from_minor
from budget.models.search import words_in
from budget.models.threshold_rules import MAX_CONDITIONS, MEANING, default_levels
from support.base import LedgerAdmin, OwnedForm, SlugField, narrow, only_look_up
from support.links import list_link
from support.picking import OwnedSelect, PickFilter, id_in
from support.versions import digest

SIGNS = {"gte": "≥", "gt": ">", "lte": "≤", "lt": "<", "eq": "="}


class LevelsField(forms.CharField):
    """Whole percents separated by commas; a list in Python."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(map(str, value)) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        words = re.findall(r"[^,\s]+", str(value or "").strip("[] \t"))
        if not all(re.fullmatch(r"\d{1,4}", word, re.ASCII) for word in words):
            raise ValidationError("Whole percents separated by commas, such as 80, 100.")
        return [int(word) for word in words]


BLANK = {
    "category": "all transactions count.",
    "match": "no conditions, or all of them.",
    "starts_on": "unchanged, or the first day of the current period.",
    "rollover_cap": "everything.",
    "rollover_from": "unchanged, or the current period.",
}


class ThresholdForm(OwnedForm):
    """A threshold; its version covers the conditions too."""

    slug = SlugField()
    levels = LevelsField(
        initial=default_levels,
        help_text=f"{MEANING['levels']} Separated by commas.",
    )

    class Meta:
        help_texts: ClassVar = MEANING | {
            name: f"{MEANING[name]} Blank: {blank}" for name, blank in BLANK.items()
        }

    def version(self) -> str:
        conditions = [str(condition) for condition in self.stored_conditions()]
        return digest([super().version(), *conditions])

    def stored_conditions(self) -> list[Condition]:
        return list(self.instance.conditions.select_related("category"))

    def refuse_overwrite(self) -> None:
        super().refuse_overwrite()
        if conditions := "; ".join(map(str, self.stored_conditions())):
            self.add_error(None, f"Conditions stored now: {conditions}")


class ConditionForm(forms.ModelForm[Condition]):
    """A condition, which its threshold checks and stores."""

    def _get_validation_exclusions(self) -> set[str]:
        return {field.name for field in Condition._meta.fields}


class ConditionFormSet(BaseInlineFormSet[Condition, Threshold, forms.ModelForm[Condition]]):
    """The new conditions, handed to the threshold, which stores them itself.

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
        """Nothing to store: the threshold has done it. The differences go to the log."""
        before = [form.instance for form in self.initial_forms]
        after = list(self.instance.conditions.all()) if self.has_changed() else before
        self.new_objects = unlike(after, before)
        self.changed_objects, self.deleted_objects = [], unlike(before, after)
        return self.new_objects


def unlike(ones: list[Condition], others: list[Condition]) -> list[Condition]:
    """The conditions that are not among the others, by their words."""
    said = {str(other) for other in others}
    return [one for one in ones if str(one) not in said]


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

    # A user who may write the threshold may write its conditions.
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
    """Deleted thresholds stay for their alerts; the list leaves them out by default."""

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
    """A condition with its current total, such as "Dining: spending 212.00 > 200.00, holds"."""
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
    fieldsets = (
        (None, {"fields": ("user", "name", "amount", "type", "category", "enabled")}),
        (
            "What is compared, and how",
            {"fields": ("measure", "operator", "levels", "days", "match", "starts_on")},
        ),
        (
            "Rollover and forecast",
            {"fields": ("rollover", "rollover_cap", "rollover_from", "forecast")},
        ),
        (
            "Current state",
            {"fields": ("current", "levels_in_force", "slug", "revision", "deleted_at", "pages")},
        ),
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
        "state",
    )
    list_display_links = ("id", "name")
    list_filter = (("user", PickFilter), StateFilter, "type", ("category", PickFilter))
    list_select_related = ("user", "category")
    user_sortable = ("name", "amount", "type")

    def by_text(self, term: str, owner_id: int) -> Q:
        return words_in(term, "search") | Q(slug=term)

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name in ("amount", "rollover_cap"):
            kwargs |= {"min_value": 0, "max_value": MAX_AMOUNT}
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Threshold | None = None) -> bool:
        """A deleted threshold is read-only."""
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

    @admin.display(description="state")
    def state(self, obj: Threshold) -> str:
        if obj.deleted_at is not None:
            return "deleted"
        return "enabled" if obj.enabled else "disabled"

    @admin.display(description="levels")
    def percents(self, obj: Threshold) -> str:
        return f"{', '.join(map(str, obj.levels))} %"

    @admin.display(description="levels in force")
    def levels_in_force(self, obj: Threshold) -> SafeString:
        """The trigger of each level."""
        if obj.match:
            return format_html("{} {}", "100 %:", obj.get_match_display())
        sign = SIGNS[obj.operator]
        return format_html_join(
            "",
            "<div>{} %: {} {}</div>",
            ((level, sign, from_minor(at)) for level, at in obj.triggers().items()),
        )

    @admin.display(description="current period")
    def current(self, obj: Threshold) -> str:
        with one_state(obj.user_id) as ledger:
            # Read again: the carry-over may have changed since, and a refused form has
            # set values on the object that are not stored.
            reading = Reading(ledger)
            rows = THRESHOLDS.where("r.user_id = %s AND r.id = %s", obj.user_id, obj.pk)
            (stored,) = read_thresholds(reading, rows)
            current = describe_thresholds(reading, [stored])[0]["current"]
        if current is None:
            return "Each transaction is judged separately."
        begins, ends = current["period_start"], current["period_end"]
        if stored.match:
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
