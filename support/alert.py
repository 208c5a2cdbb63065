"""Alerts and their history, to look at: only the engine and the API write them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from budget.answers.words import period_name
from budget.models import Alert, AlertEvent, Transaction
from budget.models.alert import AlertQuerySet
from budget.models.search import words_in
from support.base import ReadOnlyAdmin
from support.explanation import explanation_of
from support.links import link, page_url
from support.picking import GivenFilter, PickFilter, id_in

ONE_DAY = timedelta(days=1)


class ActiveFilter(admin.SimpleListFilter):
    """By the API's `active`, for each user's own day."""

    title = "active"
    parameter_name = "active"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Active now"), ("no", "Resolved, or of a past period")]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Any] | None:
        if self.value() not in ("yes", "no"):
            return None
        alerts: AlertQuerySet = queryset
        return alerts.active(active=self.value() == "yes")


class LevelFilter(admin.SimpleListFilter):
    """By what a level means; to offer the percents, every row would have to be read."""

    title = "level"
    parameter_name = "reached"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("approaching", "Approaching, below 100 %"), ("exceeded", "Exceeded, from 100 %")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        if self.value() == "approaching":
            return queryset.filter(level__range=(1, 99))
        return queryset.filter(level__gte=100) if self.value() == "exceeded" else None


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin[Alert]):
    """Alerts, each with its explanation: the numbers, the transactions and the history."""

    fields = (
        "account",
        "threshold",
        "kind",
        "level",
        "state",
        "first_day",
        "last_day",
        "active_until",
        "acknowledged_at",
        "snoozed_until",
        "late",
        "episodes",
        "revision",
    )
    list_display = ("id", "level", "state", "about", "period", "account", "opened")
    list_filter = (
        ("user", PickFilter),
        ActiveFilter,
        "status",
        LevelFilter,
        "kind",
        ("acknowledged_at", admin.EmptyFieldListFilter),
        ("snoozed_until", admin.EmptyFieldListFilter),
        ("threshold", PickFilter),
        ("transaction", GivenFilter),
    )
    list_select_related = ("user__ledger", "threshold")
    date_hierarchy = "opened_at"
    user_ordering = ("-opened_at", "-id")
    user_sortable = ("level", "state", "opened")
    search_help_text = (
        "An id, an exact username or an e-mail address. Choose a user first to search in the names "
        "of thresholds and in custom messages."
    )
    change_form_template = "admin/budget/alert/explained.html"

    class Media:
        css = {"screen": ("support/alert.css",)}

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The alert's page; without an explanation if the alert cannot be seen."""
        alert = self.get_object(request, object_id)
        if alert is not None and self.has_view_permission(request, alert):
            extra_context = {**(extra_context or {}), "explained": explanation_of(alert)}
        return super().change_view(request, object_id, form_url, extra_context)

    def by_text(self, term: str, owner_id: int) -> Q:
        return words_in(term, "threshold__search", "search")

    @admin.display(description="threshold or message")
    def about(self, obj: Alert) -> object:
        if obj.threshold is None:
            return obj.message
        return link(page_url(type(obj.threshold), obj.threshold.pk), obj.threshold)

    @admin.display(description="period")
    def period(self, obj: Alert) -> str | None:
        if obj.period_start is None or obj.period_end is None or obj.threshold is None:
            return None
        name = period_name(obj.period_start, obj.period_end, obj.threshold.days)
        return name.removeprefix("in ").removeprefix("on ")

    @admin.display(description="state", ordering="status")
    def state(self, obj: Alert) -> str:
        """Such as "open, active" or "open, late"; a resolved alert is neither."""
        words = [obj.status]
        if obj.is_active_on(obj.user.ledger.as_of):
            words.append("active")
        return ", ".join([*words, "late"] if obj.late else words)

    @admin.display(description="opened", ordering="opened_at")
    def opened(self, obj: Alert) -> str:
        return f"{obj.opened_at:%Y-%m-%d %H:%M} UTC"

    @admin.display(description="first day")
    def first_day(self, obj: Alert) -> date | None:
        """None for a rolling window, which moves."""
        return None if obj.is_rolling else obj.period_start

    @admin.display(description="last day")
    def last_day(self, obj: Alert) -> date | None:
        return None if obj.is_rolling else obj.period_end and obj.period_end - ONE_DAY


@admin.register(AlertEvent)
class AlertEventAdmin(ReadOnlyAdmin[AlertEvent]):
    fields = ("account", "seq", "alert", "kind", "cause", "at", "total", "limit", "row_page")
    list_display = (
        "id",
        "seq",
        "alert_page",
        "kind",
        "cause",
        "at",
        "numbers",
        "row_page",
        "account",
    )
    list_filter = (("user", PickFilter), "kind", "cause", ("alert", GivenFilter))
    user_ordering = ("-seq",)
    user_sortable = ("seq", "at")
    search_help_text = (
        "An id, an exact username or an e-mail address; once a user is chosen, an id or a seq."
    )

    def by_text(self, term: str, owner_id: int) -> Q:
        number = id_in(term)
        return Q(pk__in=[]) if number is None else Q(seq=number)

    @admin.display(description="total of limit")
    def numbers(self, obj: AlertEvent) -> str | None:
        return None if obj.total is None else f"{obj.total} of {obj.limit}"

    @admin.display(description="alert")
    def alert_page(self, obj: AlertEvent) -> SafeString:
        return link(page_url(Alert, obj.alert_id), obj.alert_id)

    @admin.display(description="transaction")
    def row_page(self, obj: AlertEvent) -> object:
        """A link as long as the transaction exists; the event stays after it."""
        number: int | None = obj.transaction_id
        row_is_there: bool = obj.row_is_there  # type: ignore[attr-defined]
        return link(page_url(Transaction, number), number) if row_is_there else number

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertEvent]:
        row = Transaction.objects.filter(pk=OuterRef("transaction_id"), user=OuterRef("user"))
        return super().get_queryset(request).annotate(row_is_there=Exists(row))
