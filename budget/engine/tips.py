"""Which transaction tipped an alert: the first at which the running totals reach the level.

Finding it, and finding another one where it was edited, deleted or left behind by a window.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from django.db import models

from budget.engine.pairs import span_of_alert
from budget.engine.rules import rules_of
from budget.engine.totals import facts_by_id, read_missing
from budget.judge.judgement import (
    Facts,
    Flip,
    Level,
    Pair,
    Rules,
    Term,
    counts_in,
    identity,
    verdicts,
)
from budget.judge.kinds import SIGNS, Match, Measure, PeriodType
from budget.judge.periods import ROLLING_START, rolling_span
from budget.models import Alert, AlertStatus, Grain, LedgerState, Rollup, Transaction
from budget.models.ledger import Book
from budget.models.money import to_minor

DATES_A_QUERY = 500
IDS_A_QUERY = 500
# The effects that count for any measure.
COUNTED = frozenset(effect for signs in SIGNS.values() for effect in signs)


class Bucket(NamedTuple):
    """What rows of one day, category and effect come to together; amount in minor units."""

    category_id: int
    effect: str
    amount: int
    rows: int

    def value(self, term: Term) -> int:
        """What they add to a term's total."""
        each = term.value(self.effect, self.amount)
        return each * self.rows if term.measure == Measure.COUNT else each


# One transaction: id, and itself as a bucket of one.
Numbered = tuple[int, Bucket]
Days = dict[date, list[Bucket]]
Walk = Generator[date, list[Numbered], tuple[int, int | None] | None]


def find_tips(ledger: LedgerState, flips: Iterable[Flip]) -> None:
    """Set tip and then on each opening flip, from the present rows of its period.

    Rows run in (date, id) order. The day rollups tell the days on which the level can have been
    reached at all, so only the rows of those days are read, whatever the period holds.
    """
    opening = [flip for flip in flips if flip.tippable]
    for flip in opening:
        if flip.span.type == PeriodType.TRANSACTION:
            flip.tip, flip.then = flip.span.subject, flip.total
    periods = [flip for flip in opening if flip.span.type != PeriodType.TRANSACTION]
    if not periods:
        return
    rules = rules_of(ledger)
    days = read_days(ledger.user_id, [(flip.rule, flip.span) for flip in periods], rules)
    walks = [(flip, walk(rules, days, flip)) for flip in periods]
    # A walk that asks for no day at all has no tipping row.
    waiting = [(flip, steps, day) for flip, steps in walks for day in [next(steps, None)] if day]
    while waiting:
        rows_by_day = read_rows(ledger.user_id, {day for _, _, day in waiting}, rules)
        still = []
        for flip, steps, day in waiting:
            try:
                still.append((flip, steps, steps.send(rows_by_day[day])))
            except StopIteration as end:
                if end.value is not None:
                    flip.tip, flip.then = end.value
        waiting = still


def walk(rules: Rules, days: Days, flip: Flip) -> Walk:
    """Ask for the rows of each day that can reach the level, until one of them does."""
    rule, span = flip.rule, flip.span
    level = Level(flip.level, flip.ranges)
    running = [0] * len(rule.terms)
    for day in sorted(day for day in days if span.start <= day < span.end):
        buckets = [
            [
                bucket.value(term)
                for bucket in days[day]
                if rules.within(bucket.category_id, term.category_id)
            ]
            for term in rule.terms
        ]
        most = [
            total + sum(value for value in values if value > 0)
            for total, values in zip(running, buckets, strict=True)
        ]
        if reachable(rule.match, level, most):
            at = list(running)
            for number, one in (yield day):
                for place, term in enumerate(rule.terms):
                    if rules.within(one.category_id, term.category_id):
                        at[place] += one.value(term)
                if rule.holds(level, at):
                    return number, None if rule.match else at[0]
        running = [total + sum(values) for total, values in zip(running, buckets, strict=True)]
    return None


def reachable(match: str, level: Level, most: Sequence[int]) -> bool:
    """Whether totals that rise that far at most can reach the level."""
    reached = (total >= lo for total, (lo, _) in zip(most, level.ranges, strict=True))
    return any(reached) if match == Match.ANY else all(reached)


def read_days(user_id: int, pairs: Sequence[Pair], rules: Rules) -> Days:
    """What each day comes to, by category and effect, in the range of some periods."""
    rows = (
        Rollup.objects.filter(
            user_id=user_id,
            grain=Grain.DAY,
            bucket__gte=min(span.start for _, span in pairs),
            bucket__lt=max(span.end for _, span in pairs),
        )
        .order_by()
        .values_list("bucket", "category_id", "type_id")
        .annotate(amounts=models.Sum("amount"), counts=models.Sum("count"))
    )
    days: Days = defaultdict(list)
    for day, category_id, type_id, amount, count in rows.iterator():
        effect = rules.effect_of(type_id)
        if effect in COUNTED:
            days[day].append(Bucket(category_id, effect, int(amount), int(count)))
    return days


def read_rows(user_id: int, dates: set[date], rules: Rules) -> dict[date, list[Numbered]]:
    """The rows of some days that count for anything, in id order."""
    rows_by_day: dict[date, list[Numbered]] = {day: [] for day in dates}
    ordered = sorted(dates)
    for at in range(0, len(ordered), DATES_A_QUERY):
        rows = (
            Transaction.objects.filter(user_id=user_id, date__in=ordered[at : at + DATES_A_QUERY])
            .order_by("id")
            .values_list("date", "id", "category_id", "type_id", "amount")
        )
        for day, number, category_id, type_id, amount in rows.iterator():
            effect = rules.effect_of(type_id)
            if effect in COUNTED:
                rows_by_day[day].append((number, Bucket(category_id, effect, to_minor(amount), 1)))
    return rows_by_day


# Another tipping transaction for alerts that are open already


def replace_tips(book: Book, gone: Mapping[int, Facts | None]) -> None:
    """Find the next tipping row for open alerts whose own was deleted or no longer counts there.

    gone: by id, the current transaction, or None. A resolved alert keeps its transaction until
    that is deleted.
    """
    ledger = book.ledger
    rules = rules_of(ledger)
    ids = list(gone)
    for at in range(0, len(ids), IDS_A_QUERY):
        alerts = Alert.objects.filter(
            user_id=ledger.user_id, transaction_id__in=ids[at : at + IDS_A_QUERY]
        )
        orphans: list[Alert] = []
        for alert in alerts:
            row = gone[alert.transaction_id or 0]
            if alert.status != AlertStatus.OPEN:
                if row is None:
                    orphans.append(alert)
                continue
            rule = rules.by_threshold[alert.threshold_id or 0]
            pair = (rule, span_of_alert(ledger, alert, rule))
            if row is None or not counts_in(rules, pair, row):
                orphans.append(alert)
        give_tips(book, orphans)


def give_tips(book: Book, alerts: Sequence[Alert]) -> None:
    """Name the row that tips each alert as its period is now; none for one that is resolved."""
    ledger = book.ledger
    rules = rules_of(ledger)
    pairs = {
        alert.pk: (rule, span_of_alert(ledger, alert, rule))
        for alert in alerts
        if alert.status == AlertStatus.OPEN
        for rule in [rules.by_threshold[alert.threshold_id or 0]]
    }
    totals = read_missing(ledger, pairs.values(), {})
    flips: dict[int, Flip] = {}
    for alert in alerts:
        pair = pairs.get(alert.pk)
        if pair is None:
            continue
        for verdict in verdicts(pair, totals, ledger):
            if verdict.level == alert.level:
                flips[alert.pk] = Flip(
                    rule=pair[0],
                    span=pair[1],
                    level=verdict.level,
                    opens=True,
                    total=verdict.total,
                    limit=verdict.limit,
                    cause="",
                    key=identity(pair, verdict.level),
                    ranges=verdict.ranges,
                )
    find_tips(ledger, flips.values())
    for alert in alerts:
        flip = flips.get(alert.pk)
        alert.transaction_id = flip.tip if flip else None
    Alert.objects.bulk_update(alerts, ["transaction"], batch_size=IDS_A_QUERY)
    if alerts:
        # What the last judgement has opened may be among them.
        book.fresh = ()


def renew_rolling_tips(book: Book) -> None:
    """As a day begins, find the next tipping row for rolling windows that have left theirs."""
    if firsts := first_days(book.ledger, rules_of(book.ledger)):
        left = left_tips([book.ledger.user_id], firsts)
        if left:
            give_tips(book, left)


def first_days(ledger: LedgerState, rules: Rules) -> dict[int, date]:
    """The first day of each rolling window, by threshold."""
    return {
        rule.threshold_id: rolling_span(ledger.as_of, rule.days).start
        for rule in rules.thresholds
        if rule.type == PeriodType.ROLLING
    }


def left_tips(user_ids: Collection[int], firsts: Mapping[int, date]) -> list[Alert]:
    """The open rolling alerts of some users whose window has left the row that tipped them."""
    alerts = Alert.objects.filter(
        user_id__in=user_ids, period_start=ROLLING_START, transaction__isnull=False
    )
    tipped = alerts.open().values_list("id", "threshold_id", "transaction__date")
    left = [
        pk
        for pk, threshold_id, day in tipped.order_by("id")
        if (first := firsts.get(threshold_id)) and day < first
    ]
    return list(Alert.objects.filter(pk__in=left).order_by("id")) if left else []


def mend_tips(book: Book, thresholds: Collection[int] | None = None) -> None:
    """Give another tipping row to the open alerts of some thresholds whose own is wrong by now."""
    if wrong := wrong_tips(book.ledger, thresholds):
        give_tips(book, wrong)


def wrong_tips(ledger: LedgerState, thresholds: Collection[int] | None = None) -> list[Alert]:
    """The open alerts whose tipping row has gone, or does not count in their current total.

    thresholds: whose alerts are looked at, by id; None for all.
    """
    rules = rules_of(ledger)
    alerts = Alert.objects.filter(user_id=ledger.user_id, transaction__isnull=False)
    if thresholds is not None:
        alerts = alerts.filter(threshold_id__in=thresholds)
    tipped = list(alerts.of_thresholds().open().order_by("id"))
    rows = facts_by_id(ledger, {alert.transaction_id or 0 for alert in tipped})
    wrong = []
    for alert in tipped:
        rule, row = (
            rules.by_threshold.get(alert.threshold_id or 0),
            rows.get(alert.transaction_id or 0),
        )
        if rule is None:
            # Nothing holds it open: it is the alert itself that is wrong.
            continue
        pair = (rule, span_of_alert(ledger, alert, rule))
        if row is None or not counts_in(rules, pair, row):
            wrong.append(alert)
    return wrong
