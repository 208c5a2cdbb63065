"""The hot path: what flips by the write of one row, in two reads whatever the history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection

from budget.engine import statements
from budget.engine.flips import Flip
from budget.engine.periods import Span, span_of
from budget.engine.rollups import exact_sums
from budget.engine.rules import Rule, Rules, rules_of
from budget.engine.totals import GRAIN_OF
from budget.models import Alert, Effect, Grain, LedgerState, PeriodType
from budget.models.ledger import Row, as_date
from budget.models.money import to_minor

# Threshold, revision, first day, subject, level: an alert's identity within its user.
Identity = tuple[int, int, date, int, int]


@dataclass(frozen=True)
class Judged:
    """A threshold in one period with its total, minor units."""

    rule: Rule
    span: Span
    total: int

    def reached(self, trigger: int) -> bool:
        return self.total > trigger if self.rule.strict else self.total >= trigger

    def identity(self, level: int) -> Identity:
        return (
            self.rule.threshold_id,
            self.rule.revision,
            self.span.start,
            self.span.subject,
            level,
        )


def flips_of_write(ledger: LedgerState, before: Row | None, after: Row | None) -> list[Flip]:
    """What flips by the insert (before is None), edit or delete (after is None) of one row."""
    rows = [row for row in (before, after) if row is not None]
    rules = rules_of(ledger)
    touching = rules.touching({row["category_id"] for row in rows})
    if not touching:
        return []
    judged = judge(ledger, rules, touching, rows, after)
    starts = {one.span.start for one in judged}
    opened = open_alerts(ledger.user_id, starts, rows[0]["id"])
    flips = []
    for one in judged:
        for level, trigger in one.rule.triggers:
            reached, alert_id = one.reached(trigger), opened.get(one.identity(level))
            if reached != (alert_id is not None):
                flips.append(flip(one, level, trigger, reached, alert_id))
    return find_earlier(ledger.user_id, flips)


def flip(one: Judged, level: int, trigger: int, opens: bool, alert_id: int | None) -> Flip:
    return Flip(
        threshold_id=one.rule.threshold_id,
        revision=one.rule.revision,
        span=one.span,
        level=level,
        opens=opens,
        total=one.total,
        limit=one.rule.limit,
        trigger=trigger,
        strict=one.rule.strict,
        category_id=one.rule.category_id,
        alert_id=alert_id,
    )


def judge(
    ledger: LedgerState, rules: Rules, touching: Sequence[Rule], rows: list[Row], after: Row | None
) -> list[Judged]:
    """Each threshold in each period that the row lies in, or lay in, with its total now."""
    pairs: dict[tuple[Rule, Span], None] = {}
    for rule in touching:
        for row in rows:
            span = span_of(rule.type, row["date"], ledger.calendar)
            if rule.type == PeriodType.TRANSACTION:
                span = Span(rule.type, span.start, span.end, row["id"])
            pairs[rule, span] = None
    periods = [(rule, span) for rule, span in pairs if not span.subject]
    totals = period_totals(ledger.user_id, rules, periods)
    return [
        Judged(rule, span, own_total(rule, span, after) if span.subject else totals[rule, span])
        for rule, span in pairs
    ]


def own_total(rule: Rule, span: Span, after: Row | None) -> int:
    """What the written row itself comes to for a `transaction` threshold, minor units."""
    if after is None or after["effect"] != Effect.SPENDING or after["date"] != span.start:
        return 0
    return to_minor(after["amount"]) if rule.category_id in (None, after["category_id"]) else 0


def period_totals(
    user_id: int, rules: Rules, periods: Sequence[tuple[Rule, Span]]
) -> dict[tuple[Rule, Span], int]:
    """Spending in some periods, each of one category or of all, in one read."""
    counted = [*rules.spending, *rules.refunds]
    if not periods or not counted:
        return dict.fromkeys(periods, 0)
    windows = list(dict.fromkeys((span, rule.category_id) for rule, span in periods))
    statement, params = touched_totals(user_id, windows, counted, [*rules.refunds])
    with connection.cursor() as cursor, exact_sums():
        cursor.execute(statement, params)
        sums = dict(zip(windows, cursor.fetchone(), strict=True))
    return {(rule, span): int(sums[span, rule.category_id]) for rule, span in periods}


def touched_totals(
    user_id: int,
    windows: Sequence[tuple[Span, int | None]],
    counted: Sequence[int],
    refunds: Sequence[int],
) -> tuple[str, list[Any]]:
    """The statement of the totals of some windows, and its parameters."""
    columns, params = [], []
    # NULL: an IN list may not be empty, and nothing is equal to NULL.
    back = statements.marks(len(refunds)) or "NULL"
    for span, category_id in windows:
        category = "" if category_id is None else " AND r.category_id = %s"
        grain = GRAIN_OF[span.type]
        columns.append(
            statements.TOUCHED_COLUMN.format(refunds=back, grain=grain, category=category)
        )
        params += [*refunds, span.start, span.end]
        params += [] if category_id is None else [category_id]
    ranges = []
    params.append(user_id)
    for grain, start, end in widest(span for span, _ in windows):
        ranges.append(statements.TOUCHED_RANGE.format(grain=grain))
        params += [start, end]
    params += counted
    scopes = {category_id for _, category_id in windows}
    categories = ""
    if None not in scopes:
        categories = f" AND r.category_id IN ({statements.marks(len(scopes))})"
        params += sorted(scopes, key=int)  # type: ignore[arg-type]
    statement = statements.TOUCHED_TOTALS.format(
        columns=",".join(columns),
        ranges=" OR ".join(ranges),
        counted=statements.marks(len(counted)),
        categories=categories,
    )
    return statement, params


def widest(spans: Iterable[Span]) -> list[tuple[Grain, date, date]]:
    """The spans, by grain, that lie within no other: periods of one day are nested."""
    found: list[tuple[Grain, date, date]] = []
    for span in sorted(set(spans), key=lambda span: span.start - span.end):
        grain = GRAIN_OF[span.type]
        if not any(
            grain == other and start <= span.start and span.end <= end
            for other, start, end in found
        ):
            found.append((grain, span.start, span.end))
    return found


def open_alerts(user_id: int, starts: Iterable[date], subject: int) -> dict[Identity, int]:
    """The ids of the open alerts of periods that start on some days, by identity."""
    days = sorted(starts)
    statement = statements.OPEN_ALERTS.format(starts=statements.marks(len(days)))
    with connection.cursor() as cursor:
        cursor.execute(statement, [user_id, *days, subject])
        return {
            (threshold_id, revision, as_date(start), number, level): pk
            for threshold_id, revision, start, number, level, pk in cursor.fetchall()
        }


def find_earlier(user_id: int, flips: list[Flip]) -> list[Flip]:
    """Give opening flips the alert that was open and resolved before, where there is one."""
    opening = {flip.identity: flip for flip in flips if flip.opens}
    if opening:
        earlier = Alert.objects.filter(
            user_id=user_id,
            threshold_id__in={flip.threshold_id for flip in opening.values()},
            period_start__in={flip.span.start for flip in opening.values()},
        ).of_thresholds()
        for pk, *identity in earlier.values_list("id", *IDENTITY):
            found = opening.get(tuple(identity))
            if found is not None:
                found.alert_id = pk
    return flips


IDENTITY = ("threshold_id", "revision", "period_start", "subject", "level")
