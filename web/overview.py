"""The first page: the alerts that are open now, and a card for each limit."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from budget.answers import describe_alerts, describe_thresholds
from budget.answers.overview import largest_parts, read_active, read_profile
from budget.answers.shapes import DescribedThreshold
from budget.answers.threshold_rows import KEPT_THRESHOLDS, read_thresholds
from budget.engine import Reading, acknowledge, snooze
from budget.models import Alert
from web.cards import card_of
from web.notices import Notice, What, notice_of
from web.pages import owner, page, read, say

# As many alerts as anybody looks through; the API lists the others.
MOST_ALERTS = 20
SNOOZE = timedelta(days=1)


@require_safe
@page
def overview(request: HttpRequest) -> HttpResponse:
    """The open alerts, only the highest of each limit, and the limits with their period."""
    now = timezone.now()
    shown = read(owner(request), lambda reading: contents(reading, now))
    return render(request, "web/overview.html", {"place": "overview", **shown})


def contents(reading: Reading, now: datetime) -> dict[str, Any]:
    """What the page shows, from the functions that the API answers from."""
    rows = KEPT_THRESHOLDS.where("r.user_id = %s", reading.ledger.user_id)
    thresholds = describe_thresholds(reading, read_thresholds(reading, rows))
    currency = read_profile(reading).currency
    by_id = {one["id"]: one for one in thresholds}
    notices = notices_of(reading, by_id, currency, now)
    cards = [card_of(one, currency) for one in thresholds]
    return {
        "as_of": reading.ledger.as_of,
        "notices": [one for one in notices if not one.put_off],
        "put_off": [one for one in notices if one.put_off],
        "cards": [card for card in cards if card.state.kind != "off"],
        "switched_off": [card for card in cards if card.state.kind == "off"],
    }


def notices_of(
    reading: Reading, thresholds: dict[int, DescribedThreshold], currency: str, now: datetime
) -> list[Notice]:
    alerts = read_active(reading, MOST_ALERTS)
    parts = largest_parts(reading, alerts)
    described = describe_alerts(reading, alerts)
    return [
        notice_of(
            alert,
            what_of(thresholds.get(row.threshold_id or 0), currency),
            parts.get(row.id, ()),
            now,
        )
        for row, alert in zip(alerts, described, strict=True)
    ]


def what_of(threshold: DescribedThreshold | None, currency: str) -> What:
    """What an open alert's threshold measures, which is what it measures today."""
    if threshold is None:
        return What(None, "gte", "spending", None, currency)
    operator, measure = threshold["operator"] or "gte", threshold["measure"] or "spending"
    return What(threshold["name"], operator, measure, threshold["days"], currency)


@require_POST
@page
def mark(request: HttpRequest, key: int) -> HttpResponse:
    """Acknowledge an alert, put it off until tomorrow, or take both back; it stays as true."""
    user = owner(request)
    get_object_or_404(Alert, user=user, pk=key)
    match request.POST.get("mark"):
        case "seen":
            acknowledge(user.pk, key)
        case "later":
            snooze(user.pk, key, timezone.now() + SNOOZE)
            say(request, gettext("You will see it again tomorrow, if it is still true."))
        case _:
            acknowledge(user.pk, key, acknowledged=False)
            snooze(user.pk, key, None)
    return redirect("web:overview")
