"""How the two that use Django sum up thresholds and keep alerts true."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.db.models import Case, F, Q, Sum, When
from django.utils import timezone

from benchmarks.peers.models import Alert, Threshold, Transaction
from benchmarks.peers.periods import period_of

SPENT = Case(When(type="refund", then=-F("amount")), default=F("amount"))


def totals_of(user_id: int, thresholds: list[Threshold], day: date) -> dict[int, Decimal]:
    """What each threshold adds up to in its period of a day, by its id, in one query."""
    summed = [each for each in thresholds if each.type != "transaction"]
    if not summed:
        return {}
    sums, begin = {}, day
    for threshold in summed:
        start, end = period_of(threshold.type, day)
        counts = Q(date__gte=start, date__lt=end)
        if threshold.category_id is not None:
            counts &= Q(category=threshold.category_id)
        sums[f"of_{threshold.pk}"] = Sum(SPENT, filter=counts, default=Decimal(0))
        begin = min(begin, start)
    rows = Transaction.objects.filter(
        user=user_id, date__gte=begin, type__in=["expense", "refund"]
    ).aggregate(**sums)
    return {threshold.pk: rows[f"of_{threshold.pk}"] for threshold in summed}


def thresholds_of(user_id: int) -> list[Threshold]:
    """The thresholds of a user, each with its current period and total as `current`."""
    found = Threshold.objects.filter(user=user_id).select_related("category")
    thresholds = list(found.order_by("id"))
    today = timezone.now().date()
    totals = totals_of(user_id, thresholds, today)
    for threshold in thresholds:
        start, end = period_of(threshold.type, today)
        total = totals.get(threshold.pk)
        current = {"period_start": start, "period_end": end, "total": total}
        threshold.current = None if total is None else current
    return thresholds


def keep_true(row: Transaction) -> None:
    """Open and resolve alerts after a new row, in its database transaction."""
    thresholds = list(Threshold.objects.filter(user=row.user_id))
    totals = totals_of(row.user_id, thresholds, row.date)
    starts = {each.pk: period_of(each.type, row.date) for each in thresholds}
    current = Q()
    for threshold in thresholds:
        if threshold.type != "transaction":
            current |= Q(threshold=threshold.pk, period_start=starts[threshold.pk][0])
    found = Alert.objects.filter(current, user=row.user_id, status="open")
    open_now = {(alert.threshold_id, alert.level): alert for alert in found}
    opened, resolved = [], []
    for threshold in thresholds:
        single = threshold.type == "transaction"
        total = spent_by(row) if single else totals[threshold.pk]
        for level in threshold.levels:
            reached = total * 100 >= threshold.amount * level
            alert = open_now.get((threshold.pk, level))
            if reached and alert is None:
                start, end = starts[threshold.pk]
                opened.append(
                    Alert(
                        user_id=row.user_id,
                        threshold=threshold,
                        level=level,
                        period_start=start,
                        period_end=end,
                        transaction=row,
                        message=f"{threshold.name}: {level} % of {threshold.amount} reached",
                        total=total,
                        limit=threshold.amount,
                    )
                )
            elif alert is not None and not reached:
                resolved.append(alert.pk)
    if opened:
        Alert.objects.bulk_create(opened)
    if resolved:
        Alert.objects.filter(pk__in=resolved).update(status="resolved", resolved_at=timezone.now())


def spent_by(row: Transaction) -> Decimal:
    return {"expense": row.amount, "refund": -row.amount}.get(row.type, Decimal(0))
