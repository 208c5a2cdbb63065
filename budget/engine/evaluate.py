"""The evaluation: which levels have changed sides, after one write or over many periods.

Every function here runs under the ledger's lock, after the rows and the rollups are written. Each
first brings the ledger's day up to the user's, and then judges once: what the write touches and
what the day touches, with one flip of an alert at most.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from django.db import models

from budget.engine.flips import BATCH, Flip, find_earlier, flips_of, judge, write_flips
from budget.engine.judging import (
    Identity,
    Pair,
    Totals,
    Window,
    due,
    forecast_of,
    identity,
    limit_of,
    pairs_of_day,
    pairs_of_rows,
    total_of,
    verdicts,
    windows_of,
)
from budget.engine.rules import FORECAST_LEVEL, Rule, Rules, rules_of
from budget.engine.tipping import find_tips
from budget.engine.totals import read_totals, rows_of, single_total
from budget.engine.touched import flips_of_write
from budget.models import (
    Alert,
    AlertStatus,
    Effect,
    Grain,
    LedgerState,
    Measure,
    PeriodType,
    Rollup,
    Transaction,
)
from budget.models.ledger import Row
from budget.models.money import from_minor, to_minor
from budget.models.periods import (
    PERIODS,
    ROLLING_START,
    Span,
    following,
    rolling_span,
    span_of,
)

IDS_A_QUERY = 500


def begin_day(ledger: LedgerState) -> None:
    """Bring the ledger's day up to the user's local date; it never goes back by itself."""
    ledger.as_of = max(ledger.as_of, ledger.calendar.today())


def move_as_of(ledger: LedgerState) -> None:
    """Bring the ledger's day up to date, with every alert that the day opens or resolves."""
    begin_day(ledger)
    if ledger.as_of != ledger.was:
        evaluate(ledger, Judgement())


def evaluate_write(ledger: LedgerState, before: Row | None, after: Row | None, cause: str) -> None:
    """Bring rollups and alerts up to one row's insert (before is None), edit or delete."""
    begin_day(ledger)
    rules = rules_of(ledger)
    before = before and rules.with_effect(before)
    after = after and rules.with_effect(after)
    flips = flips_of_write(ledger, before, after, cause)
    for flip in flips:
        flip.tip = written_row(rules, flip, before, after, cause)
    write_flips(ledger, flips)
    if before is not None:
        replace_tips(ledger, {before["id"]: after})
    renew_rolling_tips(ledger)


def written_row(
    rules: Rules, flip: Flip, before: Row | None, after: Row | None, cause: str
) -> int | None:
    """The id of the row written, where it tips or resolves the alert of a flip.

    It tips what it is a part of, but resolves what it has left, or is in an earlier period of, too.
    cause: of what the write flips; the rest is the day's.
    """
    row = after
    if not flip.opens:
        row = (after or before) if flip.cause == cause else None
    elif row is not None and (flip.level == FORECAST_LEVEL or not lies_in(rules, flip.pair, row)):
        row = None
    return None if row is None else int(row["id"])


def lies_in(rules: Rules, pair: Pair, row: Row) -> bool:
    """Whether a row is part of what a threshold sums in a period."""
    rule, span = pair
    return rules.counted(rule, row) and span.holds(row["date"]) and span.subject in (0, row["id"])


@dataclass
class Judgement:
    """What is to be judged in one commit, besides what the day touches.

    pairs: with the cause of what flips there. whole: thresholds, with the rule that their alerts of
    the present revision follow, of which every open alert that is not judged resolves, by `cause`;
    earlier: the rule of the revision before, where this commit has started another. known: sums
    that need no reading. tips: whether what opens by `cause` names the row that tipped it.
    """

    pairs: dict[Pair, str] = field(default_factory=dict)
    cause: str = ""
    whole: dict[int, Rule] = field(default_factory=dict)
    earlier: dict[int, Rule] = field(default_factory=dict)
    known: dict[Window, int] = field(default_factory=dict)
    tips: bool = True


def evaluate(ledger: LedgerState, judgement: Judgement) -> None:
    """Judge, and write what flips: what must be open against what is open."""
    rules = rules_of(ledger)
    pairs: dict[Pair, str] = dict(pairs_of_day(rules, ledger))
    pairs |= judgement.pairs
    totals = read_missing(ledger, pairs, judgement.known)
    opened = open_alerts(ledger, pairs, judgement.whole)
    by_identity = {key: alert.pk for key, alert in opened.items()}
    judged = list(judge(ledger, pairs, totals))
    flips = list(flips_of(judged, pairs, by_identity))
    if judgement.whole:
        held = {identity(pair, verdict.level) for pair, verdict in judged}
        gone = [
            alert
            for key, alert in opened.items()
            if key not in held and alert.threshold_id in judgement.whole
        ]
        flips += resolved(ledger, gone, judgement)
    find_earlier([ledger.user_id], flips)
    if judgement.tips:
        find_tips(ledger, [flip for flip in flips if flip.cause == judgement.cause])
    write_flips(ledger, flips)
    renew_rolling_tips(ledger)


def read_missing(
    ledger: LedgerState, pairs: Mapping[Pair, str], known: Mapping[Window, int]
) -> Totals:
    windows = (window for pair in pairs for window in windows_of(pair, ledger))
    missing = [window for window in windows if window not in known]
    return {**known, **read_totals(ledger, missing)}


def open_alerts(
    ledger: LedgerState, pairs: Mapping[Pair, str], whole: Collection[int]
) -> dict[Identity, Alert]:
    """The open alerts of whole thresholds, and those in the periods of some pairs."""
    mine = Alert.objects.filter(user_id=ledger.user_id).of_thresholds().open()
    starts = {span.key for rule, span in pairs if rule.threshold_id not in whole}
    wanted = models.Q(threshold_id__in=list(whole))
    if len(starts) <= IDS_A_QUERY:
        wanted |= models.Q(period_start__in=starts)
    else:
        dated = starts - {ROLLING_START}
        wanted |= models.Q(period_start__range=(min(dated), max(dated)))
        wanted |= models.Q(period_start=ROLLING_START)
    return {key_of(alert): alert for alert in mine.filter(wanted)}


def key_of(alert: Alert) -> Identity:
    return (
        alert.threshold_id or 0,
        alert.revision,
        alert.period[0],
        alert.subject,
        alert.level or 0,
    )


def span_of_alert(ledger: LedgerState, alert: Alert, rule: Rule) -> Span:
    """The period of an alert; of a rolling one, its window as it is now."""
    if alert.is_rolling:
        return rolling_span(ledger.as_of, max(rule.days, 1))
    return Span(rule.type, *alert.period, alert.subject)


def pair_of_alert(ledger: LedgerState, alert: Alert, rule: Rule) -> Pair:
    """A rule in the period of an alert; of a forecast that is switched off now, as it was one."""
    if alert.level == FORECAST_LEVEL:
        rule = replace(rule, forecast=True)
    return rule, span_of_alert(ledger, alert, rule)


def resolved(ledger: LedgerState, alerts: Sequence[Alert], judgement: Judgement) -> Iterator[Flip]:
    """The flips of open alerts that nothing holds open: their period or revision is gone."""
    pairs: dict[Identity, Pair] = {}
    for alert in alerts:
        now = judgement.whole[alert.threshold_id or 0]
        rule = now
        if alert.revision != now.revision:
            rule = judgement.earlier.get(now.threshold_id, now)
        pairs[key_of(alert)] = pair_of_alert(ledger, alert, rule)
    totals = read_missing(ledger, dict.fromkeys(pairs.values(), ""), {})
    limits = limits_now(ledger, alerts, {key: rule for key, (rule, _) in pairs.items()})
    for alert in alerts:
        key = key_of(alert)
        rule, span = pairs[key]
        total: int | None = None
        if not rule.match:
            total = total_of(rule.terms[0], span, totals)
            if alert.level == FORECAST_LEVEL:
                total = forecast_of(rule, span, totals, ledger.as_of).projected
        yield Flip(
            rule=replace(rule, revision=alert.revision),
            span=span,
            level=alert.level or FORECAST_LEVEL,
            opens=False,
            total=total,
            limit=None if rule.match else limits[key],
            cause=judgement.cause,
            alert_id=alert.pk,
        )


def limits_now(
    ledger: LedgerState, alerts: Sequence[Alert], rules: Mapping[Identity, Rule]
) -> dict[Identity, int | None]:
    """The limit that each alert's rule gives now for the period that the alert's begins in."""
    limits: dict[Identity, int | None] = {}
    pairs = {key_of(one): limit_pair(ledger, one, rules[key_of(one)]) for one in alerts}
    carried = {key: pair for key, pair in pairs.items() if pair[0].carries_from is not None}
    totals = read_missing(ledger, dict.fromkeys(carried.values(), ""), {})
    for key, (rule, span) in pairs.items():
        limits[key] = None if rule.match else rule.limit
        if key in carried:
            limits[key] = limit_of(rule, span, totals, ledger.calendar)
    return limits


def limit_pair(ledger: LedgerState, alert: Alert, rule: Rule) -> Pair:
    """The period whose limit an alert shows: of the threshold's present type, where its own began.

    They differ once settings have cut the periods anew, or the type is another.
    """
    if alert.is_rolling:
        # A window that moves has no period before it.
        rule = replace(rule, carries_from=None)
    if rule.carries_from is None:
        return rule, span_of_alert(ledger, alert, rule)
    return rule, span_of(rule.type, alert.period[0], ledger.calendar)


def replace_tips(ledger: LedgerState, gone: dict[int, Row | None]) -> None:
    """Find the next tipping row for open alerts whose own was deleted or no longer counts there.

    gone: by transaction id, the row as it is now, with its effect, or None. A resolved alert keeps
    its row until the row is deleted.
    """
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
            if row is None or not lies_in(rules, pair, row):
                orphans.append(alert)
        give_tips(ledger, orphans)


def give_tips(ledger: LedgerState, alerts: Sequence[Alert]) -> None:
    """Name the row that tips each alert as its period is now; none for one that is resolved."""
    rules = rules_of(ledger)
    pairs = {
        alert.pk: (rule, span_of_alert(ledger, alert, rule))
        for alert in alerts
        if alert.status == AlertStatus.OPEN
        for rule in [rules.by_threshold[alert.threshold_id or 0]]
    }
    totals = read_missing(ledger, dict.fromkeys(pairs.values(), ""), {})
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
                    ranges=verdict.ranges,
                )
    find_tips(ledger, flips.values())
    for alert in alerts:
        flip = flips.get(alert.pk)
        alert.transaction_id = flip.tip if flip else None
    Alert.objects.bulk_update(alerts, ["transaction"], batch_size=BATCH)


def renew_rolling_tips(ledger: LedgerState) -> None:
    """As a day begins, find the next tipping row for rolling windows that have left theirs."""
    if ledger.as_of != ledger.was and (firsts := first_days(ledger, rules_of(ledger))):
        left = left_tips([ledger.user_id], firsts)
        if left:
            give_tips(ledger, left)


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
    found = []
    for alert in alerts.open().select_related("transaction"):
        first = firsts.get(alert.threshold_id or 0)
        if alert.transaction and first and alert.transaction.date < first:
            found.append(alert)
    return found


# Whole sets


def evaluate_rows(
    ledger: LedgerState, rows: Sequence[Row], cause: str, *, gone: bool = False
) -> None:
    """Evaluate every period and category that many rows touch; gone: they have been deleted.

    The effects of the rows are known. What opens because other rows went was tipped by none.
    """
    begin_day(ledger)
    rules = rules_of(ledger)
    singles = tuple(one for one in rules.thresholds if one.type == PeriodType.TRANSACTION)
    periods = tuple(one for one in rules.thresholds if one.type != PeriodType.TRANSACTION)
    # Rows of one day, category and effect touch the same periods.
    alike = {(row["date"], row["category_id"], row["effect"]): row for row in rows}
    pairs = pairs_of_rows(replace(rules, thresholds=periods), ledger, alike.values())
    pairs |= pairs_of_rows(replace(rules, thresholds=singles), ledger, rows)
    by_id = {row["id"]: row for row in rows}
    known = {
        window: single_total(rules, window, None if gone else by_id[window.subject])
        for pair in pairs
        if pair[1].subject
        for window in windows_of(pair, ledger)
    }
    causes = dict.fromkeys(pairs, cause)
    evaluate(ledger, Judgement(causes, cause, known=known, tips=not gone))
    if gone:
        replace_tips(ledger, {row["id"]: None for row in rows})


def evaluate_whole(
    ledger: LedgerState,
    whole: dict[int, Rule],
    cause: str,
    earlier: dict[int, Rule] | None = None,
) -> None:
    """Evaluate some thresholds in every period there is; whole: each with its rule as it is now.

    One that is not in force holds nothing. earlier: the rules of the revisions before.
    """
    begin_day(ledger)
    rules = rules_of(ledger)
    judged = [rule for rule in rules.thresholds if rule.threshold_id in whole]
    known: dict[Window, int] = {}
    pairs = dict.fromkeys(all_pairs(ledger, judged, known), cause)
    whole = whole | {rule.threshold_id: rule for rule in judged}
    evaluate(ledger, Judgement(pairs, cause, whole, earlier or {}, known))


def wrong_tips(ledger: LedgerState) -> list[Alert]:
    """The open alerts whose tipping row has gone, or is no part of their total as it is now."""
    rules = rules_of(ledger)
    alerts = Alert.objects.filter(user_id=ledger.user_id, transaction__isnull=False)
    tipped = list(alerts.of_thresholds().open().order_by("id"))
    rows = rows_of(ledger.user_id, {alert.transaction_id or 0 for alert in tipped})
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
        if row is None or not lies_in(rules, pair, row):
            wrong.append(alert)
    return wrong


def all_pairs(
    ledger: LedgerState, rules: Sequence[Rule], known: dict[Window, int]
) -> Iterator[Pair]:
    """Every period in which a level of some thresholds can hold.

    known: gets what single transactions come to.
    """
    at_once: dict[str, list[Rule]] = defaultdict(list)
    for rule in rules:
        if rule.type == PeriodType.ROLLING:
            yield rule, rolling_span(ledger.as_of, rule.days)
        elif rule.type == PeriodType.TRANSACTION:
            yield from single_pairs(ledger, rule, known)
        elif rule.starts_on is not None:
            span = span_of(rule.type, rule.starts_on, ledger.calendar)
            while span.end <= ledger.as_of:
                if due(rule, span, ledger.as_of):
                    yield rule, span
                span = following(span, ledger.calendar)
        else:
            at_once[rule.type].append(rule)
    for grain, types in GRAINS.items():
        wanted = {type: at_once[type] for type in types if type in at_once}
        if wanted:
            yield from pairs_with_rows(ledger, grain, wanted)


GRAINS: dict[Grain, list[str]] = {
    Grain.DAY: [type for type in PERIODS if type in (PeriodType.DAILY, PeriodType.WEEKLY)],
    Grain.MONTH: [type for type in PERIODS if type not in (PeriodType.DAILY, PeriodType.WEEKLY)],
}


def pairs_with_rows(
    ledger: LedgerState, grain: Grain, rules: Mapping[str, Sequence[Rule]]
) -> Iterator[Pair]:
    """Each rule, by its type, in every period in which any row lies."""
    buckets = (
        Rollup.objects.filter(user_id=ledger.user_id, grain=grain, count__gt=0)
        .order_by()
        .values_list("bucket", flat=True)
        .distinct()
    )
    spans = dict.fromkeys(
        span_of(type, bucket, ledger.calendar) for bucket in buckets for type in rules
    )
    for span in spans:
        for rule in rules[span.type]:
            yield rule, span


def single_pairs(ledger: LedgerState, rule: Rule, known: dict[Window, int]) -> Iterator[Pair]:
    """The rows that may reach a `transaction` threshold, each as a period of its own."""
    least = min(level.ranges[0][0] for level in rule.levels)
    effect = Effect.INCOME if rule.measure == Measure.INCOME else Effect.SPENDING
    rules = rules_of(ledger)
    rows = Transaction.objects.filter(
        user_id=ledger.user_id,
        type_id__in=rules.types.get(effect, ()),
        amount__gte=from_minor(least),
    )
    category_id = rule.terms[0].category_id
    if category_id is not None:
        rows = rows.filter(category_id__in=rules.members(category_id))
    for pk, day, amount in rows.order_by().values_list("id", "date", "amount").iterator():
        span = replace(span_of(rule.type, day, ledger.calendar), subject=pk)
        for window in windows_of((rule, span), ledger):
            known[window] = to_minor(amount)
        yield rule, span
