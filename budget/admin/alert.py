"""Alerts and their history: what the engine, or the user, has written; nobody edits it here."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from budget.engine import describe_alerts, read_ledger
from budget.engine.answers import period_name
from budget.models import Alert, AlertEvent, AlertKind, Transaction
from financial_alerts.admin.base import ReadOnlyAdmin
from financial_alerts.admin.links import link, list_link, page_url, side_by_side
from financial_alerts.admin.picking import GivenFilter, PickFilter, id_in

EVENTS_SHOWN = 20
ONE_DAY = timedelta(days=1)


class LevelFilter(admin.SimpleListFilter):
    """By what a level means; the percents themselves would have to be looked for in every row."""

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
    fields = (
        "account",
        "says",
        "kind",
        "status",
        "threshold",
        "revision",
        "level",
        "first_day",
        "last_day",
        "active_until",
        "transaction",
        "flip",
        "then_at",
        "opened_at",
        "resolved_at",
        "acknowledged_at",
        "snoozed_until",
        "episodes",
        "late",
        "events",
    )
    list_display = (
        "id",
        "account",
        "about",
        "kind",
        "period",
        "level",
        "status",
        "flip",
        "pages",
        "opened_at",
        "resolved_at",
        "late",
    )
    list_filter = (
        ("user", PickFilter),
        "status",
        LevelFilter,
        "kind",
        ("acknowledged_at", admin.EmptyFieldListFilter),
        ("snoozed_until", admin.EmptyFieldListFilter),
        ("threshold", PickFilter),
        ("transaction", GivenFilter),
    )
    list_select_related = ("user", "threshold")
    date_hierarchy = "opened_at"
    user_ordering = ("-opened_at", "-id")
    user_sortable = ("level", "status", "opened_at", "resolved_at")
    search_help_text = (
        "An id or an exact username. Choose a user first to search in the names of thresholds and "
        "in custom messages."
    )

    def by_text(self, term: str, owner_id: int) -> Q:
        return Q(threshold__name__icontains=term) | Q(message__icontains=term)

    @admin.display(description="threshold or message")
    def about(self, obj: Alert) -> object:
        if obj.threshold is None:
            return obj.message
        return link(page_url(type(obj.threshold), obj.threshold.pk), obj.threshold)

    @admin.display(description="period")
    def period(self, obj: Alert) -> str | None:
        if obj.period_start is None or obj.threshold is None:
            return None
        return period_name(obj, obj.threshold).removeprefix("in ").removeprefix("on ")

    @admin.display(description="first day")
    def first_day(self, obj: Alert) -> date | None:
        """Of a rolling window there is none, as it moves."""
        return None if obj.is_rolling else obj.period_start

    @admin.display(description="last day")
    def last_day(self, obj: Alert) -> date | None:
        return None if obj.is_rolling else obj.period_end and obj.period_end - ONE_DAY

    @admin.display(description="at the last flip")
    def flip(self, obj: Alert) -> str | None:
        return None if obj.then_total is None else f"{obj.then_total} of {obj.then_limit}"

    @admin.display(description="message now")
    def says(self, obj: Alert) -> str:
        if obj.kind == AlertKind.CUSTOM:
            return obj.message
        return describe_alerts(read_ledger(obj.user_id), [obj])[0]["message"]

    @admin.display(description="events")
    def events(self, obj: Alert) -> SafeString:
        """The last changes, newest first."""
        rows = obj.events.order_by("-id").values_list("at", "kind", "cause", "total", "limit")
        shown = format_html_join(
            "",
            "<div>{} {} ({}){}</div>",
            (
                (
                    f"{at:%Y-%m-%d %H:%M:%S}",
                    kind,
                    cause,
                    "" if total is None else f": {total} of {limit}",
                )
                for at, kind, cause, total, limit in rows[:EVENTS_SHOWN]
            ),
        )
        return shown + list_link(AlertEvent, "All events", **of_alert(obj))

    @admin.display(description="see also")
    def pages(self, obj: Alert) -> SafeString:
        links = [list_link(AlertEvent, "events", **of_alert(obj))]
        if obj.transaction_id is not None:
            links.append(link(page_url(Transaction, obj.transaction_id), "transaction"))
        return side_by_side(*links)


def of_alert(alert: Alert) -> dict[str, int]:
    return {"user__id__exact": alert.user_id, "alert__id__exact": alert.pk}


@admin.register(AlertEvent)
class AlertEventAdmin(ReadOnlyAdmin[AlertEvent]):
    fields = ("account", "seq", "alert", "kind", "cause", "at", "total", "limit", "row_page")
    list_display = (
        "id",
        "account",
        "seq",
        "alert_page",
        "kind",
        "cause",
        "at",
        "total",
        "limit",
        "transaction_id",
    )
    list_filter = (("user", PickFilter), "kind", "cause", ("alert", GivenFilter))
    user_ordering = ("-seq",)
    user_sortable = ("seq", "at")
    search_help_text = "An id or an exact username; once a user is chosen, an id or a seq."

    def by_text(self, term: str, owner_id: int) -> Q:
        number = id_in(term)
        return Q(pk__in=[]) if number is None else Q(seq=number)

    @admin.display(description="alert")
    def alert_page(self, obj: AlertEvent) -> SafeString:
        return link(page_url(Alert, obj.alert_id), obj.alert_id)

    @admin.display(description="transaction")
    def row_page(self, obj: AlertEvent) -> object:
        """A link while the row is there; the event outlives it."""
        number = obj.transaction_id
        if number is None or not Transaction.objects.filter(pk=number).exists():
            return number
        return link(page_url(Transaction, number), number)
