"""Why an alert is open or resolved: the picture, the rows, its life, then and now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from budget.answers import explain, read_alerts
from budget.answers.alert_rows import AlertRow, EventRow
from budget.answers.course import Course, course_of
from budget.answers.overview import read_life, read_profile
from budget.answers.shapes import AlertDict, CarriedDict, ExplanationDict, PartDict, SumDict
from budget.engine import Reading
from budget.models.money import from_minor
from web.cards import amount_words
from web.chart import Chart, chart_of
from web.notices import What, figure_of, state_of, when_of
from web.pages import owner, page, read
from web.states import State, bound_words, measure_words
from web.words import day_words, moment_words, short_day_words

ROWS = 500
EVENTS = 50


@dataclass(frozen=True)
class RowLine:
    """A transaction that counts: what it adds, and the total so far ("" in a combination)."""

    day: str
    words: str
    category: str
    added: str
    so_far: str
    tipped: bool


@dataclass(frozen=True)
class SumLine:
    words: str
    total: str
    state: State | None


@dataclass(frozen=True)
class Step:
    """One event of an alert's life."""

    kind: str
    when: str
    what: str
    why: str
    numbers: str


@require_safe
@page
def why(request: HttpRequest, key: int) -> HttpResponse:
    """One alert explained, by the same functions as the API's explanation."""
    shown = read(owner(request), lambda reading: contents(reading, key))
    return render(request, "web/why.html", {"place": "overview", **shown})


def contents(reading: Reading, key: int) -> dict[str, Any]:
    """What the page shows. Raises Http404 for an alert that is not the user's."""
    alert = read_alerts(reading, [key]).get(key)
    if alert is None:
        raise Http404
    found = explain(reading, alert, limit=ROWS)
    body = found.body
    tip = body["tipped_by"]
    place = None if tip is None else (date.fromisoformat(tip["date"]), tip["id"])
    currency = read_profile(reading).currency
    with timezone.override(ZoneInfo(body["time_zone"])):
        return {
            **Explained(alert, body, currency).shown(),
            **picture_of(course_of(reading, alert, place), reading, currency),
            "life": [step_of(one, alert, currency) for one in read_life(reading, key, EVENTS)],
            "more": ROWS if found.ahead else 0,
        }


@dataclass(frozen=True)
class Explained:
    alert: AlertRow
    body: ExplanationDict
    currency: str

    def shown(self) -> dict[str, Any]:
        body, what = self.body, self.what
        now: AlertDict = body["alert"]
        then = now["then"]
        total, limit = (None, None) if then is None else (then["total"], then["limit"])
        return {
            "name": what.name or gettext("Your own alert"),
            "alert": now,
            "state": state_of(now, what),
            "when": when_of(now, what),
            "now": figure_of(now, what),
            "then": "" if total is None or limit is None else self.pair(total, limit),
            "then_at": "" if then is None else moment_words(datetime.fromisoformat(then["at"])),
            "edited": body["edited"],
            "sums": [self.sum_line(one) for one in body["sums"]],
            "lines": list(self.lines()),
            "tip": next((one for one in self.lines() if one.tipped), None),
            "single": len(body["sums"]) == 1,
            "carried": [self.carried(one) for one in body["carried"] or ()],
        }

    @property
    def what(self) -> What:
        sums = self.body["sums"]
        operator, measure = ("gte", self.alert.measure)
        if sums:
            operator, measure = sums[0]["operator"], sums[0]["measure"]
        return What(self.alert.name, operator, measure, None, self.currency)

    def amount(self, text: str | Decimal, measure: str | None = None) -> str:
        return amount_words(text, measure or self.what.measure, self.currency)

    def pair(self, total: str, limit: str) -> str:
        words = gettext("%(total)s of %(limit)s %(measure)s")
        return words % {
            "total": self.amount(total),
            "limit": self.amount(limit),
            "measure": measure_words(self.what.measure),
        }

    def sum_line(self, one: SumDict) -> SumLine:
        """A total and the range in which the alert's level is reached."""
        measure = one["measure"]
        where = one["category"] or gettext("all categories")
        least, most = one["at_least"], one["at_most"]
        bounds = [bound_words("gte", self.amount(least, measure))] if least else []
        bounds += [bound_words("lte", self.amount(most, measure))] if most and most != least else []
        if least and least == most:
            bounds = [bound_words("eq", self.amount(least, measure))]
        said = {"bounds": ", ".join(bounds)}
        holds = None
        if one["holds"] is not None:
            held = gettext("holds") if one["holds"] else gettext("does not")
            holds = State("over" if one["holds"] else "ok", held)
        words = gettext("alert from %(bounds)s") % said if bounds else ""
        total = f"{self.amount(one['total'], measure)} {measure_words(measure)}"
        return SumLine(" · ".join(filter(None, (where, words))), total, holds)

    def lines(self) -> Iterator[RowLine]:
        tip = self.body["tipped_by"]
        single = len(self.body["sums"]) == 1
        so_far = Decimal(0)
        for item in self.body["items"]:
            row = item["transaction"]
            so_far += Decimal(item["adds"][0] or 0)
            yield RowLine(
                day=day_words(date.fromisoformat(row["date"])),
                words=row["description"] or row["category"],
                category=row["category"],
                added=self.added(item),
                so_far=self.amount(so_far) if single else "",
                tipped=tip is not None and tip["id"] == row["id"],
            )

    def added(self, item: PartDict) -> str:
        """What a row adds to each sum for which it counts."""
        measures = [one["measure"] for one in self.body["sums"]]
        pairs = zip(item["adds"], measures, strict=True)
        said = [self.amount(text, measure) for text, measure in pairs if text is not None]
        return ", ".join(dict.fromkeys(said))

    def carried(self, one: CarriedDict) -> dict[str, str]:
        """An earlier period of a rollover."""
        return {
            "day": day_words(date.fromisoformat(one["period_start"])),
            "limit": self.amount(one["limit"]),
            "total": self.amount(one["total"]),
            "carried": self.amount(one["carried"]),
        }


def picture_of(course: Course | None, reading: Reading, currency: str) -> dict[str, Any]:
    """The picture with its words; nothing where nothing runs through a period."""
    if course is None:
        return {}
    chart: Chart = chart_of(course.days, reading.ledger.as_of, course.limit, course.tip)
    first, last = course.days[0][0], course.days[-1][0]

    def amount(minor: int) -> str:
        return amount_words(from_minor(minor), course.measure, currency)

    tip = course.tip
    said = {
        "first": day_words(first),
        "last": day_words(last),
        "limit": amount(course.limit),
        "total": amount(course.days[-1][1]),
    }
    words = gettext("The total from %(first)s to %(last)s: %(total)s, with a limit of %(limit)s.")
    return {
        "chart": chart,
        "chart_words": words % said,
        "limit_words": gettext("limit %(limit)s") % said,
        "first_day": short_day_words(first),
        "last_day": short_day_words(last),
        "tip_words": ""
        if tip is None
        else gettext("%(total)s on %(day)s")
        % {"total": amount(tip[1]), "day": short_day_words(tip[0])},
    }


def step_of(event: EventRow, alert: AlertRow, currency: str) -> Step:
    """An event in words."""
    total, limit = event.total, event.limit
    numbers = ""
    if total is not None and limit is not None and event.kind in ("opened", "resolved"):
        measure = alert.measure or "spending"
        numbers = gettext("%(total)s of %(limit)s") % {
            "total": amount_words(from_minor(total), measure, currency),
            "limit": amount_words(from_minor(limit), measure, currency),
        }
    what = {
        "opened": gettext("opened"),
        "resolved": gettext("resolved"),
        "acknowledged": gettext("seen"),
        "unacknowledged": gettext("not seen any more"),
        "snoozed": gettext("put off"),
        "unsnoozed": gettext("no longer put off"),
    }
    why = cause_words(event.cause)
    return Step(event.kind, moment_words(event.at), what[event.kind], why, numbers)


def cause_words(cause: str) -> str:
    """What an event came from."""
    words = {
        "transaction": gettext("by a transaction"),
        "import": gettext("by an import"),
        "bulk": gettext("by several transactions at once"),
        "threshold_edit": gettext("by a change of the limit"),
        "threshold_deleted": gettext("because the limit was deleted"),
        "category_merge": gettext("because categories were merged"),
        "category_edit": gettext("because categories were changed"),
        "settings": gettext("because the settings were changed"),
        "day": gettext("because a new day began"),
        "period_end": gettext("because the period was over"),
        "repair": gettext("by a repair"),
        "user": gettext("by you"),
    }
    return words[cause]
