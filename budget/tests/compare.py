"""What the database shows, read row by row, against what the oracle says it must show.

The one place that decides whether the two agree, so that a mutant is caught by the same lines.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from budget import answers, engine
from budget.answers.alert_rows import OWN, AlertRow
from budget.answers.shapes import ExplanationDict
from budget.answers.threshold_rows import KEPT_THRESHOLDS, ThresholdRow, read_thresholds
from budget.engine import Reading, audit
from budget.models import (
    Alert,
    AlertEvent,
    Calendar,
    Category,
    Ledger,
    LedgerState,
    Profile,
    Rollup,
    Threshold,
    Transaction,
)
from budget.tests.oracle import Book, Event
from budget.tests.oracle_rules import FORECAST, Key, Limit, Row, Span, Term, holds
from budget.tests.shown import alerts_shown, explained, thresholds_shown

# How many alerts a check explains, of those that have just flipped; one of them two rows a page.
EXPLAINED, ROWS_A_PAGE, ALL_ROWS = 3, 2, 1000
# The second look of the audit costs more than all else here, so it comes at each third version.
SECOND_LOOK = 3
LIKE_EVENTS = (
    "on",
    "kind",
    "cause",
    "alert",
    "period_start",
    "level",
    "total",
    "limit",
    "transaction",
    "late",
)


def money(cents: int) -> Decimal:
    """Whole cents as the models take them."""
    return Decimal(cents).scaleb(-2)


def cents(amount: Decimal) -> int:
    """What the models give, as whole cents."""
    return int(amount.scaleb(2))


def plain(value: Any) -> Any:
    """A model's value as a hand-written SELECT gives it."""
    return cents(value) if isinstance(value, Decimal) else value


def alert_row(alert: Alert, currency: str) -> AlertRow:
    """An alert as the model has it, in the form in which answers read it."""
    own = {name: plain(getattr(alert, name)) for name in OWN}
    name = None if alert.threshold is None else alert.threshold.name
    return AlertRow(**own, name=name, currency=currency)


def threshold_row(threshold: Threshold) -> ThresholdRow:
    """A threshold as the model has it, in the form in which answers read it."""
    own = {name: plain(getattr(threshold, name)) for name in ThresholdRow._fields}
    own["category"] = None if threshold.category is None else threshold.category.name
    return ThresholdRow(**own | {"levels": json.dumps(threshold.levels)})


def cents_or_none(amount: Decimal | None) -> int | None:
    """As cents, where a combination has nothing."""
    return None if amount is None else cents(amount)


def text_of(amount: int | None, measure: str) -> str | None:
    """Whole cents as the API shows them; a count is a whole number."""
    if amount is None:
        return None
    return str(amount // 100) if measure == "count" else str(money(amount))


def percent_of(total: int | None, at: int | None) -> int | None:
    """Whole percents, rounded down; none of a limit of nothing."""
    return total * 100 // at if total is not None and at is not None and at > 0 else None


def told(shown: Any, expected: Any) -> Any:
    """As much of an answer as is expected to be in it."""
    if isinstance(shown, dict) and isinstance(expected, dict):
        return {name: told(shown[name], value) for name, value in expected.items()}
    if isinstance(shown, list) and isinstance(expected, list) and len(shown) == len(expected):
        return [told(one, value) for one, value in zip(shown, expected, strict=True)]
    return shown


class Disagreement(AssertionError):
    """The database shows something else than the oracle says."""


def agree(what: str, shown: Any, expected: Any) -> None:
    """Raise Disagreement, naming only what differs, unless both are equal."""
    if shown == expected:
        return
    if isinstance(shown, dict) and isinstance(expected, dict):
        keys = [
            key for key in shown.keys() | expected.keys() if shown.get(key) != expected.get(key)
        ]
        shown = {key: shown.get(key) for key in keys}
        expected = {key: expected.get(key) for key in keys}
    raise Disagreement(f"{what}\n   shown: {shown}\nexpected: {expected}")


class Comparison:
    """One user's rows against one user's book, again and again.

    categories: the ids of those that are there, as a list that may grow meanwhile.
    """

    def __init__(self, user: int, book: Book, categories: list[int]) -> None:
        self.user = user
        self.book = book
        self.categories = categories
        self.seen = 0
        self.version: int | None = None

    def check(self) -> None:
        """Compare everything shown with everything expected. Raises Disagreement."""
        ledger = self.ledger()
        self.check_ledger(ledger)
        self.check_rows()
        self.check_rollups()
        self.check_categories()
        thresholds = self.check_thresholds()
        alerts = self.check_alerts()
        keys = {pk: key_of(alert) for pk, alert in alerts.items()}
        flipped = self.check_events(ledger, keys)
        # Most of the time of a check, so not where nobody has written since the last one.
        if self.version != ledger.version:
            self.version = ledger.version
            self.check_current(ledger, thresholds)
            self.check_descriptions(ledger, alerts, keys)
            self.check_explanations(ledger, alerts, keys, flipped)
            agree("whom the audit suspects", audit.suspects({self.user: ledger}), set())
            if ledger.version % SECOND_LOOK == 0:
                agree("what reconcile finds", engine.reconcile(self.user), [])

    def ledger(self) -> LedgerState:
        """The ledger as it stands; asking the engine for it would move it."""
        return Ledger.objects.get(pk=self.user).state()

    def check_ledger(self, ledger: LedgerState) -> None:
        agree("settings in force", ledger.calendar, Calendar(*self.book.settings))
        agree("as_of", ledger.as_of, self.book.as_of)

    def check_rows(self) -> None:
        rows = Transaction.objects.filter(user_id=self.user).values_list(
            "id", "date", "category_id", "type_id", "amount"
        )
        shown = {
            pk: Row(pk, day, category, type, cents(amount))
            for pk, day, category, type, amount in rows
        }
        agree("transactions", shown, self.book.rows)

    def check_rollups(self) -> None:
        rows = Rollup.objects.filter(user_id=self.user).values_list(
            "grain", "bucket", "category_id", "type_id", "amount", "count"
        )
        shown = {tuple(key): (amount, count) for *key, amount, count in rows}
        empty = dict.fromkeys(shown, (0, 0))
        agree("rollups", shown, empty | self.book.rollups())

    def check_categories(self) -> None:
        rows = Category.objects.filter(user_id=self.user).values_list("id", "parent_id")
        parents = self.book.parents
        agree("categories", dict(rows), {pk: parents.get(pk) for pk in self.categories})

    # Thresholds

    def check_thresholds(self) -> list[Threshold]:
        """Compare all thresholds, deleted ones too, and give them in the order of their ids."""
        mine = Threshold.objects.filter(user_id=self.user).order_by("id")
        thresholds = list(mine.select_related("category").prefetch_related("conditions"))
        agree(
            "thresholds",
            {each.pk: stored_limit(each) for each in thresholds},
            self.book.limits,
        )
        return thresholds

    def check_current(self, ledger: LedgerState, thresholds: list[Threshold]) -> None:
        """Compare the thresholds as they are shown, with their present periods."""
        kept = [each for each in thresholds if each.deleted_at is None]
        rows = read_thresholds(Reading(ledger), KEPT_THRESHOLDS.where("r.user_id = %s", self.user))
        agree("thresholds as read", rows, [threshold_row(each) for each in kept])
        for described in thresholds_shown(ledger, kept):
            limit, current = self.book.limits[described["id"]], described["current"]
            if current is None:
                agree("no current period", limit.type, "transaction")
            else:
                expected = self.expected_current(limit)
                agree(f"current period of threshold {limit.id}", told(current, expected), expected)

    def expected_current(self, limit: Limit) -> dict[str, object]:
        """The numbers of the period that contains the day; a level is reached at once or never."""
        book = self.book
        rolling = limit.type == "rolling"
        span = book.rolling(limit.days or 0) if rolling else book.span(limit, book.as_of)
        rows = book.present(limit, span)
        totals, at = book.totals(limit, rows), book.limit_at(limit, span.start)
        total, amount = book.total(limit, rows), None if at is None else max(at, 0)
        reached = [
            level
            for level in limit.levels_in_force(amount)
            if not limit.closing and limit.reached(totals, amount, level)
        ]
        left = None if total is None or at is None else at - total
        carried = at - (limit.amount or 0) if limit.rollover and at is not None else None
        long = limit.type in ("weekly", "monthly", "quarterly", "yearly")
        simple = not limit.conditions and not limit.closing and limit.measure == "spending"
        given = simple and long and not book.too_early(span)
        return {
            "period_start": str(span.first),
            "period_end": str(span.after),
            "total": text_of(total, limit.measure),
            "limit": text_of(at, limit.measure),
            "carried": text_of(carried, limit.measure),
            "remaining": text_of(left, limit.measure),
            "percent": percent_of(total, at),
            "level_reached": max(reached, default=None),
            "conditions": self.expected_conditions(limit, span),
            "forecast": self.expected_forecast(limit, span) if given else None,
        }

    def expected_conditions(self, limit: Limit, span: Span) -> list[dict[str, object]]:
        """Each condition of a combination with its own total in a window."""
        if not limit.conditions:
            return []
        totals = self.book.totals(limit, self.book.present(limit, span))
        return [
            {
                "measure": term.measure,
                "operator": term.operator,
                "amount": text_of(term.amount, term.measure),
                "total": text_of(total, term.measure),
                "holds": holds(term.operator, total, term.amount),
            }
            for term, total in zip(limit.conditions, totals, strict=True)
        ]

    def expected_forecast(self, limit: Limit, span: Span) -> dict[str, object]:
        """What is projected, and the numbers that it is made of."""
        so_far, after, elapsed, length = self.book.pace(limit, span)
        return {
            "projected": text_of(self.book.projected(limit, span), limit.measure),
            "spent": text_of(so_far, limit.measure),
            "later": text_of(after, limit.measure),
            "days_elapsed": elapsed,
            "days": length,
        }

    # Alerts

    def check_alerts(self) -> dict[int, Alert]:
        """Compare all alerts, resolved ones too, and give them by id."""
        alerts = list(Alert.objects.filter(user_id=self.user).select_related("threshold"))
        keys = {alert.pk: key_of(alert) for alert in alerts}
        agree("one row an identity", len(set(keys.values())), len(keys))
        shown = {keys[alert.pk]: state_of(alert) for alert in alerts}
        opened = {key for key, state in shown.items() if state["status"] == "open"}
        agree("open alerts against the invariant", opened, set(self.book.holding()))
        agree("alerts", shown, {key: vars(alert) for key, alert in self.book.alerts.items()})
        return {alert.pk: alert for alert in alerts}

    def check_descriptions(
        self, ledger: LedgerState, alerts: dict[int, Alert], keys: dict[int, Key]
    ) -> None:
        """Compare the alerts as they are shown: with the numbers of now, no two open ones alike."""
        currency = Profile.objects.get(user_id=self.user).currency
        read = answers.read_alerts(Reading(ledger), list(alerts))
        agree(
            "alerts as read", read, {pk: alert_row(each, currency) for pk, each in alerts.items()}
        )
        shown, expected = {}, {}
        messages: defaultdict[Key, list[str]] = defaultdict(list)
        for described in alerts_shown(ledger, alerts.values()):
            key = keys[described["id"]]
            expected[key] = self.expected_description(key)
            shown[key] = told(described, expected[key])
            if described["status"] == "open":
                messages[key._replace(revision=0, level=0)].append(described["message"])
        agree("alerts as described", shown, expected)
        unlike = {place: list(dict.fromkeys(said)) for place, said in messages.items()}
        agree("no open alert reads like another of its place", dict(messages), unlike)

    def expected_description(self, key: Key) -> dict[str, object]:
        """An alert by what its own revision looks at, or has looked at, with the rows of now."""
        alert, defined = self.book.alerts[key], self.book.defined(key)
        total, at = self.book.total_now(key), self.book.limit_now(key)
        rolling, span = defined.type == "rolling", self.book.own_span(key)
        return {
            "kind": "forecast" if key.level == FORECAST else "threshold",
            "level": key.level or None,
            "period_start": None if rolling else str(key.start),
            "period_end": None if rolling else str(alert.end),
            "total": text_of(total, defined.measure),
            "limit": text_of(at, defined.measure),
            "percent": percent_of(total, at),
            "active": self.book.active(key),
            "conditions": self.expected_conditions(defined, span),
            "forecast": self.expected_forecast(defined, span) if key.level == FORECAST else None,
        }

    def check_explanations(
        self,
        ledger: LedgerState,
        alerts: dict[int, Alert],
        keys: dict[int, Key],
        flipped: dict[int, Key],
    ) -> None:
        """Compare the rows that some alerts are explained by, and what they add up to."""
        latest = list(flipped.items())[-EXPLAINED:]
        limits = self.book.limits
        earlier = [
            item for item in keys.items() if item[1].revision != limits[item[1].threshold].revision
        ]
        # No write flips those again, so each has its turn.
        turn = ledger.version % len(earlier) if earlier else 0
        for pk, key in dict([*latest, *earlier[turn : turn + 1]]).items():
            size = ROWS_A_PAGE if (pk, key) in latest[-1:] else ALL_ROWS
            items, sums = pages_of(ledger, alerts[pk], size)
            limit = self.book.defined(key)
            rows = self.book.present(limit, self.book.own_span(key))
            totals = self.book.totals(limit, rows)
            agree(f"rows of {key}", items, [(row.id, self.adds(limit, row)) for row in rows])
            measures = [term.measure for term in limit.terms]
            agree(f"sums of {key}", sums, list(map(text_of, totals, measures)))

    def adds(self, limit: Limit, row: Row) -> list[str | None]:
        """What a row adds to each term."""
        return [text_of(self.book.share(limit, term, row), term.measure) for term in limit.terms]

    def check_preview(self, pk: int, day: date) -> None:
        """Compare what a threshold would have raised since a day with what the rows do in turn."""
        draft = Threshold.objects.get(pk=pk)
        # What is off, or gone, is previewed as if it were on.
        limit = replace(self.book.limits[pk], enabled=True, deleted=False)
        last = self.book.as_of
        told = answers.preview(self.ledger(), draft, day, last)
        expected = [
            {
                "on": str(on),
                "kind": event.kind,
                "cause": event.cause,
                "alert": "forecast" if event.key.level == FORECAST else "threshold",
                "period_start": None if limit.type == "rolling" else str(event.key.start),
                "level": event.key.level or None,
                "total": text_of(event.total, limit.measure),
                "limit": text_of(event.limit, limit.measure),
                "transaction": event.transaction,
                "late": late and event.kind == "opened",
            }
            for on, event, late in self.book.replayed(limit, day, last)
        ]
        flips = [{name: dict(flip)[name] for name in LIKE_EVENTS} for flip in told["flips"]]
        agree(f"what threshold {pk} would have raised", flips, expected)

    # Events

    def check_events(self, ledger: LedgerState, keys: dict[int, Key]) -> dict[int, Key]:
        """Compare the events since the last check, for older ones stay; give their alerts."""
        expected = self.book.events
        events = AlertEvent.objects.filter(user_id=self.user, seq__gt=self.seen).order_by("seq")
        shown = [
            Event(
                keys[event.alert_id],
                event.kind,
                event.cause,
                event.at,
                cents_or_none(event.total),
                cents_or_none(event.limit),
                event.transaction_id,
            )
            for event in events
        ]
        agree("events", shown, expected[self.seen :])
        numbers = list(AlertEvent.objects.filter(user_id=self.user).values_list("seq", flat=True))
        agree("numbers of the events", sorted(numbers), list(range(1, len(expected) + 1)))
        agree("the ledger's last number", ledger.event_seq, len(expected))
        self.seen = len(expected)
        return {event.alert_id: keys[event.alert_id] for event in events}


def pages(ledger: LedgerState, alert: Alert, size: int) -> Iterator[ExplanationDict]:
    """Every page of an alert's explanation."""
    after = None
    while True:
        page = explained(ledger, alert, after, size)
        yield page.body
        after = page.ahead
        if after is None:
            return


def pages_of(
    ledger: LedgerState, alert: Alert, size: int
) -> tuple[list[tuple[int, list[str | None]]], list[str]]:
    """All that an alert is explained by, page after page: (row, what it adds), and the sums."""
    found = list(pages(ledger, alert, size))
    items = [(item["transaction"]["id"], item["adds"]) for page in found for item in page["items"]]
    return items, [each["total"] for each in found[-1]["sums"]]


def key_of(alert: Alert) -> Key:
    """The identity of an alert; none of it may be null."""
    assert alert.threshold_id is not None
    assert alert.period_start is not None
    assert alert.level is not None
    agree("the level of a forecast", alert.level == FORECAST, alert.kind == "forecast")
    return Key(alert.threshold_id, alert.revision, alert.period_start, alert.subject, alert.level)


def state_of(alert: Alert) -> dict[str, Any]:
    """What the database remembers of an alert, under the oracle's names."""
    return {
        "status": alert.status,
        "end": alert.period_end,
        "active_until": alert.active_until,
        "tip": alert.transaction_id,
        "then_total": cents_or_none(alert.then_total),
        "then_limit": cents_or_none(alert.then_limit),
        "then_at": alert.then_at,
        "opened_at": alert.opened_at,
        "late": alert.late,
        "episodes": alert.episodes,
        "resolved_at": alert.resolved_at,
        "acknowledged_at": alert.acknowledged_at,
        "snoozed_until": alert.snoozed_until,
    }


def stored_limit(threshold: Threshold) -> Limit:
    """What the database holds of a threshold, under the oracle's names."""
    conditions = [
        Term(each.category_id, each.measure, each.operator, cents(each.amount))
        for each in threshold.conditions.all()
    ]
    return Limit(
        id=threshold.pk,
        amount=None if conditions else cents(threshold.amount),
        type=threshold.type,
        category=threshold.category_id,
        operator=threshold.operator,
        levels=tuple(threshold.levels),
        enabled=threshold.enabled,
        deleted=threshold.deleted_at is not None,
        revision=threshold.revision,
        measure=threshold.measure,
        days=threshold.days,
        starts_on=threshold.starts_on,
        conditions=tuple(conditions),
        match=threshold.match or "all",
        rollover=threshold.rollover,
        rollover_cap=cents_or_none(threshold.rollover_cap),
        rollover_from=threshold.rollover_from,
        forecast=threshold.forecast,
    )
