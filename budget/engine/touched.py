"""The hot path: what flips by the write of one row, in one read whatever the history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from budget.engine import rollups, statements
from budget.engine.flips import Flip
from budget.engine.periods import Span, span_of
from budget.engine.rules import Rule, Rules, rules_of
from budget.engine.statements import Step
from budget.engine.totals import GRAIN_OF
from budget.models import Alert, Effect, LedgerState, PeriodType
from budget.models.ledger import Row, as_date
from budget.models.money import to_minor

Pair = tuple[Rule, Span]
Scope = tuple[Span, int | None]
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
    """Bring the rollups up to one row's write and tell what flips by it.

    The insert (before is None), edit or delete (after is None) itself has been written already.
    """
    rules = rules_of(ledger)
    rows = [row for row in (before, after) if row is not None]
    pairs = touched_periods(ledger, rules, rows)
    windows = [pair for pair in pairs if not pair[1].subject]
    numbers = {window: at for at, window in enumerate(dict.fromkeys(map(scope, windows)))}
    steps = rollups.steps(ledger, before, after)
    if pairs:
        steps.append(read(ledger.user_id, rules, numbers, pairs, rows[0]["id"]))
    with rollups.exact_sums():
        found = statements.run(steps)
    if not pairs:
        return []
    totals, opened = sort_out(found)
    flips = []
    for rule, span in pairs:
        own = bool(span.subject)
        total = own_total(rule, span, after) if own else totals[numbers[scope((rule, span))]]
        one = Judged(rule, span, total)
        for level, trigger in rule.triggers:
            reached, alert_id = one.reached(trigger), opened.get(one.identity(level))
            if reached != (alert_id is not None):
                flips.append(flip(one, level, trigger, reached, alert_id))
    return find_earlier(ledger.user_id, flips)


def touched_periods(ledger: LedgerState, rules: Rules, rows: Sequence[Row]) -> list[Pair]:
    """Each threshold that a row touches, in each period that it lies in or lay in."""
    pairs: dict[Pair, None] = {}
    for rule in rules.touching({row["category_id"] for row in rows}):
        for row in rows:
            span = span_of(rule.type, row["date"], ledger.calendar)
            if rule.type == PeriodType.TRANSACTION:
                span = replace(span, subject=row["id"])
            pairs[rule, span] = None
    return list(pairs)


def scope(pair: Pair) -> Scope:
    """What a period's total depends on; thresholds of one scope share one sum."""
    return pair[1], pair[0].category_id


def read(
    user_id: int, rules: Rules, numbers: dict[Scope, int], pairs: Sequence[Pair], subject: int
) -> Step:
    """The one read of a write: the totals of its periods and the alerts open there."""
    params: list[Any] = []
    for span, category_id in numbers:
        params += [category_id or 0, span.start, span.end]
    if numbers:
        params += [*rules.spending, *rules.refunds, user_id]
    starts = {span.start for _, span in pairs}
    grains = tuple(GRAIN_OF[span.type] for span, _ in numbers)
    text = statements.touched(grains, len(rules.spending), len(rules.refunds), len(starts))
    return text, [*params, user_id, *starts, subject]


def sort_out(found: Iterable[tuple[Any, ...]]) -> tuple[dict[int, int], dict[Identity, int]]:
    """Totals by window number, and ids of open alerts by identity."""
    totals: dict[int, int] = {}
    opened: dict[Identity, int] = {}
    for is_alert, number, revision, subject, level, start, value in found:
        if is_alert:
            opened[number, revision, as_date(start), subject, level] = int(value)
        else:
            totals[number] = int(value)
    return totals, opened


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


def own_total(rule: Rule, span: Span, after: Row | None) -> int:
    """What the written row itself comes to for a `transaction` threshold, minor units."""
    if after is None or after["effect"] != Effect.SPENDING or after["date"] != span.start:
        return 0
    return to_minor(after["amount"]) if rule.category_id in (None, after["category_id"]) else 0


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
