"""The evaluation: which levels have changed sides, after one write or over many periods.

Every function here runs under the ledger's lock, after the rows and the rollups are written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from django.db import models

from budget.engine.flips import BATCH, Flip, save_ledger, write_flips
from budget.engine.periods import PERIODS, Span, span_of
from budget.engine.rules import rules_of
from budget.engine.tipping import COUNTED, find_tips
from budget.engine.totals import GRAIN_OF, Window, single_totals, window_totals
from budget.engine.touched import flips_of_write
from budget.models import (
    Alert,
    AlertStatus,
    Calendar,
    Effect,
    Grain,
    LedgerState,
    Operator,
    PeriodType,
    Rollup,
    Threshold,
    Transaction,
)
from budget.models.ledger import Row
from budget.models.money import from_minor, to_minor

IDS_A_QUERY = 500


def move_as_of(ledger: LedgerState) -> None:
    """Bring the ledger's day up to the user's local date; it never goes back by itself.

    Here is the place for what becomes true because a day has begun.
    """
    today = ledger.calendar.today()
    if today > ledger.as_of:
        ledger.as_of = today
        save_ledger(ledger)


def evaluate_write(ledger: LedgerState, before: Row | None, after: Row | None, cause: str) -> None:
    """Bring rollups and alerts up to one row's insert (before is None), edit or delete."""
    move_as_of(ledger)
    if after is not None:
        # Not what the saved instance knows of its type: that may be older than the lock.
        after = {**after, "effect": rules_of(ledger).effect_of(after["type_id"])}
    flips = flips_of_write(ledger, before, after)
    if after is not None:
        for flip in flips:
            if flip.opens and counts_in(after, flip.category_id, flip.span):
                flip.tip = after["id"]
    write_flips(ledger, flips, cause)
    if before is not None:
        replace_tips(ledger, {before["id"]: after})


def counts_in(row: Row, category_id: int | None, span: Span) -> bool:
    """Whether a row is part of the total of a period and category."""
    return (
        row["effect"] in COUNTED
        and category_id in (None, row["category_id"])
        and span.start <= row["date"] < span.end
        and span.subject in (0, row["id"])
    )


def replace_tips(ledger: LedgerState, gone: dict[int, Row | None]) -> None:
    """Find the next tipping row for open alerts whose own was deleted or no longer counts there.

    gone: by transaction id, the row as it is now, or None. A resolved alert keeps its row until
    the row is deleted.
    """
    ids = list(gone)
    for at in range(0, len(ids), IDS_A_QUERY):
        alerts = Alert.objects.filter(
            user_id=ledger.user_id, transaction_id__in=ids[at : at + IDS_A_QUERY]
        ).select_related("threshold")
        orphans, flips = [], []
        for alert in alerts:
            row, flip = gone[alert.transaction_id or 0], flip_of(alert)
            if alert.status == AlertStatus.OPEN:
                if row is None or not counts_in(row, flip.category_id, flip.span):
                    orphans.append(alert)
                    flips.append(flip)
            elif row is None:
                flip.opens = False
                orphans.append(alert)
                flips.append(flip)
        find_tips(ledger.user_id, flips)
        for alert, flip in zip(orphans, flips, strict=True):
            alert.transaction_id = flip.tip
        Alert.objects.bulk_update(orphans, ["transaction"], batch_size=BATCH)


def flip_of(alert: Alert) -> Flip:
    """The flip that a threshold alert rests on, as if it opened; its total is not filled in."""
    threshold, level = alert.threshold, alert.level or 0
    if threshold is None:
        raise ValueError("A custom alert rests on no threshold.")
    return Flip(
        threshold_id=threshold.pk,
        revision=alert.revision,
        span=Span(threshold.type, *alert.period, alert.subject),
        level=level,
        opens=True,
        total=0,
        limit=to_minor(threshold.amount),
        trigger=threshold.triggers().get(level, 0),
        strict=threshold.operator == Operator.GT,
        category_id=threshold.category_id,
        alert_id=alert.pk,
    )


Touched = dict[str, set[date]]


def touched_starts(calendar: Calendar, dates: Iterable[date]) -> Touched:
    """The starts of all periods, by type, that some dates lie in."""
    distinct = set(dates)
    return {type: {span_of(type, day, calendar).start for day in distinct} for type in PeriodType}


def evaluate_set(
    ledger: LedgerState,
    thresholds: Sequence[Threshold],
    cause: str,
    dates: Collection[date] | None = None,
    *,
    old_category: dict[int, int | None] | None = None,
    tips: bool = True,
) -> None:
    """Evaluate whole thresholds at once: what must be open against what is open.

    dates: only the periods that these dates lie in; None: every period there is. Reads the rollups
    once for all thresholds, so its cost follows the days and months touched, not the rows.
    old_category: by threshold, the category that alerts of earlier revisions counted. tips: whether
    what opens names the transaction that tipped it; where other rows went, none did.
    """
    move_as_of(ledger)
    touched = None if dates is None else touched_starts(ledger.calendar, dates)
    must = {flip.identity: flip for flip in reached_levels(ledger, thresholds, touched)}
    flips, have = [], set()
    by_id = {threshold.pk: threshold for threshold in thresholds}
    for alert in present_alerts(ledger, by_id, touched):
        flip = flip_of(alert)
        have.add(flip.identity)
        is_open = alert.status == AlertStatus.OPEN
        if flip.identity in must and not is_open:
            must[flip.identity].alert_id = alert.pk
            flips.append(must[flip.identity])
        elif flip.identity not in must and is_open:
            flip.opens = False
            if alert.revision != by_id[flip.threshold_id].revision and old_category:
                flip.category_id = old_category.get(flip.threshold_id, flip.category_id)
            flips.append(flip)
    flips += [flip for key, flip in must.items() if key not in have]
    find_totals(ledger, [flip for flip in flips if not flip.opens])
    if tips:
        find_tips(ledger.user_id, flips)
    write_flips(ledger, flips, cause)


def present_alerts(
    ledger: LedgerState, by_id: dict[int, Threshold], touched: Touched | None
) -> Iterator[Alert]:
    """The alerts of some thresholds, in the touched periods only where any are given."""
    alerts = Alert.objects.filter(user_id=ledger.user_id, threshold_id__in=list(by_id))
    alerts = alerts.of_thresholds()
    if touched is not None:
        starts = set().union(*(touched[threshold.type] for threshold in by_id.values()))
        if not starts:
            return
        alerts = alerts.filter(period_start__range=(min(starts), max(starts)))
    for alert in alerts.iterator():
        threshold = by_id[alert.threshold_id or 0]
        if touched is None or alert.period_start in touched[threshold.type]:
            alert.threshold = threshold
            yield alert


def reached_levels(
    ledger: LedgerState, thresholds: Sequence[Threshold], touched: Touched | None
) -> Iterator[Flip]:
    """Every level that must be open, as a flip that opens it."""
    in_force = [threshold for threshold in thresholds if threshold.in_force]
    sums = period_sums(ledger, {threshold.type for threshold in in_force}, touched)
    singles = [threshold for threshold in in_force if threshold.type == PeriodType.TRANSACTION]
    for threshold in in_force:
        for start, total in sums[threshold.type, threshold.category_id].items():
            span = span_of(threshold.type, start, ledger.calendar)
            yield from levels_of(threshold, span, total)
    if singles:
        rows = list(single_rows(ledger, singles, touched))
        for threshold in singles:
            for number, day, category_id, amount in rows:
                if threshold.category_id in (None, category_id):
                    span = replace(span_of(threshold.type, day, ledger.calendar), subject=number)
                    yield from levels_of(threshold, span, to_minor(amount))


def levels_of(threshold: Threshold, span: Span, total: int) -> Iterator[Flip]:
    """The levels of a threshold that a total, in minor units, reaches."""
    strict = threshold.operator == Operator.GT
    for percent, trigger in threshold.triggers().items():
        if total >= trigger + strict:
            yield Flip(
                threshold_id=threshold.pk,
                revision=threshold.revision,
                span=span,
                level=percent,
                opens=True,
                total=total,
                limit=to_minor(threshold.amount),
                trigger=trigger,
                strict=strict,
                category_id=threshold.category_id,
            )


PeriodSums = defaultdict[tuple[str, int | None], dict[date, int]]


def period_sums(ledger: LedgerState, types: set[str], touched: Touched | None) -> PeriodSums:
    """Signed totals in minor units, by (type, category or None) and period start."""
    sums: PeriodSums = defaultdict(lambda: defaultdict(int))
    for grain in Grain:
        wanted = [type for type in PERIODS if type in types and GRAIN_OF[type] == grain]
        if not wanted:
            continue
        rows = Rollup.objects.filter(
            user_id=ledger.user_id, grain=grain, count__gt=0, type__effect__in=COUNTED
        )
        if touched is not None:
            spans = [
                span_of(type, start, ledger.calendar) for type in wanted for start in touched[type]
            ]
            if not spans:
                continue
            rows = rows.filter(
                bucket__gte=min(span.start for span in spans),
                bucket__lt=max(span.end for span in spans),
            )
        buckets = rows.values_list("bucket", "category_id", "type__effect").annotate(
            sum=models.Sum("amount")
        )
        for bucket, category_id, effect, amount in buckets.iterator():
            signed = -int(amount) if effect == Effect.REFUND else int(amount)
            for type in wanted:
                start = span_of(type, bucket, ledger.calendar).start
                if touched is None or start in touched[type]:
                    sums[type, None][start] += signed
                    sums[type, category_id][start] += signed
    return sums


def single_rows(
    ledger: LedgerState, thresholds: Sequence[Threshold], touched: Touched | None
) -> Iterator[tuple[int, date, int, Decimal]]:
    """The rows that may reach a `transaction` threshold: id, date, category, amount."""
    least = min(
        trigger + (threshold.operator == Operator.GT)
        for threshold in thresholds
        for trigger in threshold.triggers().values()
    )
    rows = Transaction.objects.filter(
        user_id=ledger.user_id, type__effect=Effect.SPENDING, amount__gte=from_minor(least)
    )
    days = None if touched is None else touched[PeriodType.TRANSACTION]
    if days is not None:
        if not days:
            return
        rows = rows.filter(date__range=(min(days), max(days)))
    for row in rows.order_by().values_list("id", "date", "category_id", "amount").iterator():
        if days is None or row[1] in days:
            yield row


def find_totals(ledger: LedgerState, flips: Sequence[Flip]) -> None:
    """Set the total, as it is now, on flips that resolve."""
    singles = [flip for flip in flips if flip.span.subject]
    periods = [flip for flip in flips if not flip.span.subject]
    windows = [Window(flip.span.start, flip.span.end, flip.category_id) for flip in periods]
    for flip, total in zip(periods, window_totals(ledger, windows), strict=True):
        flip.total = total
    alone = [
        (flip.span.subject, Window(flip.span.start, flip.span.end, flip.category_id))
        for flip in singles
    ]
    for flip, total in zip(singles, single_totals(ledger.user_id, alone), strict=True):
        flip.total = total
