"""The evaluation of many periods at once: after a bulk write, an edit of a threshold or settings.

commit.py does the same for one transaction, in fewer queries. move_day(), evaluate_rows(),
evaluate_whole() and what calls it bring the ledger's day up to the user's, and then judge once:
what the write touches and what the day touches, with one flip of an alert at most. evaluate()
judges for the day that the ledger has. The rows and the rollups are written already.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from django.db import models

from budget.engine.balances import changed_since, renew, renew_whole
from budget.engine.commit import begin_day, end_day, write_flips
from budget.engine.pairs import key_of, limit_pair, pair_of_alert
from budget.engine.rules import balanced, conditions_of, rule_of, rules_of
from budget.engine.tips import find_tips, mend_tips, replace_tips
from budget.engine.totals import read_missing
from budget.judge.judgement import (
    FORECAST_LEVEL,
    UNBOUNDED,
    Facts,
    Flip,
    Identity,
    Pair,
    Rule,
    Rules,
    SumKey,
    due_pairs,
    flips_of,
    forecast_of,
    keys_of,
    limit_of,
    pairs_of_day,
    pairs_of_rows,
    refuse_beyond,
    single_total,
    spans_of_row,
    total_of,
)
from budget.judge.kinds import PeriodType
from budget.judge.periods import (
    PERIODS,
    ROLLING_START,
    rolling_span,
    span_of,
)
from budget.models import Alert, Grain, LedgerState, Rollup, Threshold, Transaction
from budget.models.ledger import Book
from budget.models.money import from_minor, to_minor
from budget.models.transaction import TransactionQuerySet

IDS_A_QUERY = 500


def move_day(book: Book) -> None:
    """Bring the ledger's day up to date, with every alert that the day opens or resolves."""
    if book.ledger.as_of < book.ledger.today:
        begin_day(book.ledger)
        evaluate(book, Judgement())


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
    known: dict[SumKey, int] = field(default_factory=dict)
    tips: bool = True


def evaluate(book: Book, judgement: Judgement) -> None:
    """Judge, and write what flips: what must be open against what is open."""
    ledger = book.ledger
    rules = rules_of(ledger)
    pairs: dict[Pair, str] = dict(pairs_of_day(rules, ledger))
    pairs |= judgement.pairs
    totals = read_missing(ledger, pairs, judgement.known)
    alerts = open_alerts(ledger, pairs, judgement.whole)
    opened = {key: alert.pk for key, alert in alerts.items()}
    judged: set[Identity] | None = set() if judgement.whole else None
    flips = flips_of(pairs, totals, opened, ledger, judged)
    if judged is not None:
        gone = [
            alert
            for key, alert in alerts.items()
            if key not in judged and alert.threshold_id in judgement.whole
        ]
        flips += resolved(ledger, gone, judgement)
    if judgement.tips:
        find_tips(ledger, [flip for flip in flips if flip.cause == judgement.cause])
    write_flips([(book, flips)])
    end_day(book)


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


def resolved(ledger: LedgerState, alerts: Sequence[Alert], judgement: Judgement) -> Iterator[Flip]:
    """The flips of open alerts that nothing holds open: their period or revision is gone."""
    pairs: dict[Identity, Pair] = {}
    rules: dict[tuple[int, bool], Rule] = {}
    for alert in alerts:
        now = judgement.whole[alert.threshold_id or 0]
        earlier = alert.revision != now.revision
        if (now.threshold_id, earlier) not in rules:
            rule = judgement.earlier.get(now.threshold_id, now) if earlier else now
            rules[now.threshold_id, earlier] = balanced(ledger, rule)
        pairs[key_of(alert)] = pair_of_alert(ledger, alert, rules[now.threshold_id, earlier])
    totals = read_missing(ledger, pairs.values(), {})
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
            key=key,
            alert_id=alert.pk,
        )


def limits_now(
    ledger: LedgerState, alerts: Sequence[Alert], rules: Mapping[Identity, Rule]
) -> dict[Identity, int | None]:
    """The limit that each alert's rule gives now for the period that the alert's begins in."""
    limits: dict[Identity, int | None] = {}
    pairs = {key_of(one): limit_pair(ledger, one, rules[key_of(one)]) for one in alerts}
    carried = {key: pair for key, pair in pairs.items() if pair[0].carries_from is not None}
    totals = read_missing(ledger, carried.values(), {})
    for key, (rule, _) in pairs.items():
        limits[key] = None if rule.match else rule.limit
        if key in carried:
            limits[key] = limit_of(*carried[key], totals, ledger.calendar)
    return limits


# Whole sets


def evaluate_rows(book: Book, rows: Sequence[Facts], cause: str, *, gone: bool = False) -> None:
    """Evaluate every period and category that many transactions touch; gone: they were deleted.

    What opens because other transactions went was tipped by none.
    """
    ledger = book.ledger
    begin_day(ledger)
    later = renew(book, changed_since(ledger, rows))
    rules = rules_of(ledger)
    singles = tuple(one for one in rules.thresholds if one.type == PeriodType.TRANSACTION)
    periods = tuple(one for one in rules.thresholds if one.type != PeriodType.TRANSACTION)
    # Transactions of one day, category and effect touch the same periods.
    alike = {(facts.date, facts.category_id, facts.effect): facts for facts in rows}
    pairs = pairs_of_rows(replace(rules, thresholds=periods), ledger, alike.values())
    pairs |= single_pairs_of(replace(rules, thresholds=singles), ledger, rows, gone=gone)
    by_id = {facts.id: facts for facts in rows}
    known = {
        key: single_total(rules, key, None if gone else by_id[key.subject])
        for pair in pairs
        if pair[1].subject
        for key in keys_of(pair, ledger)
    }
    causes = dict.fromkeys([*pairs, *later.pairs], cause)
    known |= later.known
    evaluate(book, Judgement(causes, cause, known=known, tips=not gone))
    if gone:
        replace_tips(book, dict.fromkeys(by_id))


def single_pairs_of(
    rules: Rules, ledger: LedgerState, rows: Sequence[Facts], *, gone: bool
) -> dict[Pair, None]:
    """Each `transaction` threshold in the periods of some rows, new ones or (gone) deleted ones.

    Raises TooManyAlerts before it makes more than one commit may hold.
    """
    if gone:
        return pairs_of_rows(rules, ledger, rows)
    reached = {
        rule: [facts for facts in rows if rules.counted(rule, facts) and reaches(rule, facts)]
        for rule in rules.thresholds
    }
    refuse_beyond(sum(map(len, reached.values())), "at least ")
    return {
        (rule, span): None
        for rule, counted in reached.items()
        for facts in counted
        for span in spans_of_row(rule, ledger, facts)
    }


def reaches(rule: Rule, facts: Facts) -> bool:
    """Whether one transaction reaches the lowest level of a `transaction` threshold."""
    return facts.minor >= min(level.ranges[0][0] for level in rule.levels)


def evaluate_whole(
    book: Book,
    whole: dict[int, Rule],
    cause: str,
    earlier: dict[int, Rule] | None = None,
) -> None:
    """Evaluate some thresholds in all their periods; whole: each with its current rule.

    One that is not in force holds nothing. earlier: the rules of the revisions before.
    """
    ledger = book.ledger
    begin_day(ledger)
    renew_whole(book, whole)
    rules = rules_of(ledger)
    judged = [rule for rule in rules.thresholds if rule.threshold_id in whole]
    if cause not in UNBOUNDED:
        refuse_many_singles(ledger, judged)
    known: dict[SumKey, int] = {}
    pairs = dict.fromkeys(all_pairs(ledger, judged, known), cause)
    whole = whole | {rule.threshold_id: rule for rule in judged}
    evaluate(book, Judgement(pairs, cause, whole, earlier or {}, known))


def evaluate_above(book: Book, roots: Iterable[int | None], cause: str) -> None:
    """Evaluate the thresholds on some categories and on all that those lie under.

    The totals of all others are as they were, so a user with many alerts waits for no more of them
    than the edit can change.
    """
    rules = rules_of(book.ledger)
    changed = {pk for root in roots if root is not None for pk in rules.chain(root)}
    whole = {
        rule.threshold_id: rule
        for rule in rules.thresholds
        if any(term.category_id in changed for term in rule.terms)
    }
    if not whole:
        move_day(book)
        return
    evaluate_whole(book, whole, cause)
    # Rows may have left the categories of alerts that stay open.
    mend_tips(book, whole)


def evaluate_all(book: Book, cause: str) -> None:
    """Evaluate every threshold of a user, deleted ones too, in every period."""
    thresholds = list(Threshold.objects.filter(user_id=book.ledger.user_id))
    parts = conditions_of(thresholds)
    whole = {one.pk: rule_of(one, parts.get(one.pk)) for one in thresholds}
    evaluate_whole(book, whole, cause)
    # Rows may have left the periods and categories of alerts that stay open.
    mend_tips(book)


def all_pairs(
    ledger: LedgerState, rules: Sequence[Rule], known: dict[SumKey, int]
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
            yield from due_pairs(rule, rule.starts_on, ledger.as_of, ledger.calendar)
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


def refuse_many_singles(ledger: LedgerState, rules: Sequence[Rule]) -> None:
    """Raise TooManyAlerts, before any row is read, where single transactions open too many.

    Each row that reaches the lowest level of a threshold and has no open alert opens one or more.
    """
    singles = [rule for rule in rules if rule.type == PeriodType.TRANSACTION]
    if not singles:
        return
    reached = sum(reaching_rows(ledger, rule).count() for rule in singles)
    open_now = Alert.objects.filter(user_id=ledger.user_id).of_thresholds().open()
    ids = [rule.threshold_id for rule in singles]
    refuse_beyond(reached - open_now.filter(threshold_id__in=ids).count(), "at least ")


def reaching_rows(ledger: LedgerState, rule: Rule) -> TransactionQuerySet:
    """The rows that reach the lowest level of a `transaction` threshold."""
    least = min(level.ranges[0][0] for level in rule.levels)
    rules = rules_of(ledger)
    adding = [pk for pk, effect in rules.effects.items() if rule.terms[0].sign(effect) > 0]
    rows = Transaction.objects.filter(
        user_id=ledger.user_id,
        type_id__in=adding,
        amount__gte=from_minor(least),
    )
    category_id = rule.terms[0].category_id
    if category_id is not None:
        rows = rows.filter(category_id__in=rules.members(category_id))
    return rows


def single_pairs(ledger: LedgerState, rule: Rule, known: dict[SumKey, int]) -> Iterator[Pair]:
    """The rows that may reach a `transaction` threshold, each as a separate period."""
    rows = reaching_rows(ledger, rule)
    for pk, day, amount in rows.order_by().values_list("id", "date", "amount").iterator():
        span = replace(span_of(rule.type, day, ledger.calendar), subject=pk)
        for key in keys_of((rule, span), ledger):
            known[key] = to_minor(amount)
        yield rule, span
