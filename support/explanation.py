"""An alert explained to support people: its numbers, its transactions and its history."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.safestring import SafeString

from budget.answers import explain, read_alerts
from budget.answers.shapes import ExplanationDict, PartDict, SumDict
from budget.engine import Reading, one_state
from budget.models import Alert, AlertEvent, Cause, EventKind, Transaction
from support.links import link, list_link, list_url, page_url

ROWS = 50
EVENTS = 20
BAR = 600  # units of the picture's own width
ROOM = Decimal("1.15")  # the bar's length, by the larger of total and level

BY = {
    Cause.TRANSACTION: "by a transaction",
    Cause.IMPORT: "by an import",
    Cause.BULK: "by a batch of transactions",
    Cause.THRESHOLD_EDIT: "by an edit of the threshold",
    Cause.THRESHOLD_DELETED: "because the threshold was deleted",
    Cause.CATEGORY_MERGE: "by a merge of categories",
    Cause.CATEGORY_EDIT: "by an edit of a category",
    Cause.SETTINGS: "by a change of the settings",
    Cause.DAY: "because a new day began",
    Cause.PERIOD_END: "because the period ended",
    Cause.REPAIR: "by a repair of the audit",
    Cause.USER: "by the user",
}


@dataclass(frozen=True)
class Bar:
    """Where the total and the level are, in units of the picture."""

    total: int
    mark: int
    words: str


@dataclass(frozen=True)
class Line:
    """A transaction that counts, what it adds, and the total so far (None in a combination)."""

    page: str
    row: Any
    adds: list[str | None]
    so_far: Decimal | None
    tipped: bool


def explanation_of(alert: Alert) -> dict[str, Any]:
    """What the page of an alert shows; it comes from the functions of the API's explanation."""
    with one_state(alert.user_id) as ledger:
        reading = Reading(ledger)
        (row,) = read_alerts(reading, [alert.pk]).values()
        body = explain(reading, row, limit=ROWS).body
    return {
        **body,
        "bars": list(filter(None, map(bar_of, body["sums"]))),
        "lines": list(lines_of(body)),
        "more": list_url(Transaction, **rows_of(alert, body)) if body["next"] else None,
        "life": list(life_of(alert)),
        "events": list_link(
            AlertEvent, "All events", user__id__exact=alert.user_id, alert__id__exact=alert.pk
        ),
    }


def bar_of(one: SumDict) -> Bar | None:
    """A total beside the trigger of its level; None if there is nothing to draw."""
    total, level = Decimal(one["total"]), Decimal(one["at_least"] or one["at_most"] or 0)
    whole = max(total, level) * ROOM
    if whole <= 0 or level < 0:
        return None
    return Bar(int(BAR * max(total, Decimal(0)) / whole), int(BAR * level / whole), words_of(one))


def words_of(one: SumDict) -> str:
    bounds = [
        f"{words} {one[key]}"  # type: ignore[literal-required]
        for key, words in (("at_least", "from"), ("at_most", "up to"))
        if one[key]  # type: ignore[literal-required]
    ]
    where = one["category"] or "all categories"
    reached = {True: "reached", False: "not reached", None: "not judged"}[one["holds"]]
    return f"{one['measure']}, {where}: {one['total']}; level {' '.join(bounds)}, {reached} now"


def lines_of(body: ExplanationDict) -> Iterator[Line]:
    tipped = body["tipped_by"]
    so_far = Decimal(0) if len(body["sums"]) == 1 else None
    for item in body["items"]:
        row = item["transaction"]
        if so_far is not None:
            so_far += added(item)
        yield Line(
            page_url(Transaction, row["id"]),
            row,
            item["adds"],
            so_far,
            tipped is not None and tipped["id"] == row["id"],
        )


def added(item: PartDict) -> Decimal:
    return Decimal(item["adds"][0] or 0)


def rows_of(alert: Alert, body: ExplanationDict) -> dict[str, Any]:
    """The list of transactions of the alert's period."""
    return {
        "user__id__exact": alert.user_id,
        "date__gte": body["period_start"],
        "date__lt": body["period_end"],
    }


def life_of(alert: Alert) -> Iterator[dict[str, Any]]:
    """The last events, newest first, in words."""
    events = list(alert.events.order_by("-seq")[:EVENTS])
    ids = [event.transaction_id for event in events if event.transaction_id]
    there = set(
        Transaction.objects.filter(pk__in=ids, user=alert.user_id).values_list("pk", flat=True)
    )
    for event in events:
        yield {
            "at": event.at,
            "what": event.get_kind_display(),
            "why": BY[Cause(event.cause)],
            "numbers": numbers_of(event),
            "row": row_link(event.transaction_id, there),
            "opens": event.kind == EventKind.OPENED,
        }


def numbers_of(event: AlertEvent) -> str:
    return "" if event.total is None else f"{event.total} of {event.limit}"


def row_link(pk: int | None, there: set[int]) -> SafeString | str:
    """The transaction of an event, which may have been deleted since."""
    if pk is None:
        return ""
    return (
        link(page_url(Transaction, pk), f"transaction {pk}")
        if pk in there
        else f"transaction {pk}, deleted since"
    )
