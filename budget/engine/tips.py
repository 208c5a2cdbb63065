"""Which transaction tipped an alert: the first at which the running totals reach the level.

Finding it, and finding another one where it was edited, deleted or left behind by a window.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from budget.engine import sql
from budget.engine.pairs import span_of_alert
from budget.engine.rules import effects_known, rules_of
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
from budget.models import Alert, AlertStatus, LedgerState
from budget.models.ledger import Book, as_date

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
# A transaction, and the running total at it; None of a combination.
Tip = tuple[int, int | None]
Walk = Generator[date, list[Numbered], Tip | None]


class Sought(NamedTuple):
    """A level of a threshold in a period, of which the row is wanted that reaches it."""

    user_id: int
    rules: Rules
    pair: Pair
    level: Level


def find_tips(ledger: LedgerState, flips: Iterable[Flip]) -> None:
    """Set tip and then on each opening flip, from the present rows of its period."""
    opening = [flip for flip in flips if flip.tippable]
    for flip in opening:
        if flip.span.type == PeriodType.TRANSACTION:
            flip.tip, flip.then = flip.span.subject, flip.total
    periods = [flip for flip in opening if flip.span.type != PeriodType.TRANSACTION]
    if not periods:
        return
    rules = rules_of(ledger)
    sought = [
        Sought(ledger.user_id, rules, (flip.rule, flip.span), Level(flip.level, flip.ranges))
        for flip in periods
    ]
    for flip, found in zip(periods, search(sought), strict=True):
        if found is not None:
            flip.tip, flip.then = found


def search(sought: Sequence[Sought]) -> list[Tip | None]:
    """The rows that reach some levels of many users, in a few statements; None where none does.

    Rows run in (date, id) order. The day rollups tell the days on which the level can have been
    reached at all, so only the rows of those days are read, whatever the period holds.
    """
    days = read_days(sought)
    walks = [walk(one, days[one.user_id]) for one in sought]
    found: list[Tip | None] = [None] * len(sought)
    # A walk that asks for no day at all has no tipping row.
    waiting = [(at, day) for at, steps in enumerate(walks) for day in [next(steps, None)] if day]
    rules = {one.user_id: one.rules for one in sought}
    while waiting:
        rows = read_rows({(sought[at].user_id, day) for at, day in waiting}, rules)
        still = []
        for at, day in waiting:
            try:
                still.append((at, walks[at].send(rows[sought[at].user_id, day])))
            except StopIteration as end:
                found[at] = end.value
        waiting = still
    return found


def walk(sought: Sought, days: Days) -> Walk:
    """Ask for the rows of each day that can reach the level, until one of them does."""
    _, rules, (rule, span), level = sought
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


def read_days(sought: Iterable[Sought]) -> dict[int, Days]:
    """What each day comes to, by category and effect, in the range of each user's periods."""
    ranges: dict[int, tuple[date, date]] = {}
    rules: dict[int, Rules] = {}
    for user_id, mine, (_, span), _ in sought:
        first, end = ranges.get(user_id, (span.start, span.end))
        ranges[user_id] = min(first, span.start), max(end, span.end)
        rules[user_id] = mine
    days: dict[int, Days] = {user_id: defaultdict(list) for user_id in ranges}
    windows = [(user_id, first, end) for user_id, (first, end) in ranges.items()]
    for user_id, day, category_id, type_id, amount, count in sql.days_of_many(windows):
        effect = rules[user_id].effect_of(type_id)
        if effect in COUNTED:
            days[user_id][as_date(day)].append(Bucket(category_id, effect, amount, count))
    return days


def read_rows(
    wanted: set[tuple[int, date]], rules: Mapping[int, Rules]
) -> dict[tuple[int, date], list[Numbered]]:
    """The rows of some users' days that count for anything, in id order."""
    rows: dict[tuple[int, date], list[Numbered]] = {one: [] for one in wanted}
    for user_id, day, number, category_id, type_id, minor in sql.rows_of_days(sorted(wanted)):
        effect = rules[user_id].effect_of(type_id)
        if effect in COUNTED:
            one = Bucket(category_id, effect, minor, 1)
            rows[user_id, as_date(day)].append((number, one))
    return rows


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
    tips = {pk: flip.tip for pk, flip in flips.items()}
    sql.name_tips([(alert.pk, tips.get(alert.pk)) for alert in alerts])
    if alerts:
        # What the last judgement has opened may be among them.
        book.fresh = ()


def renew_rolling_tips(book: Book) -> None:
    """As a day begins, find the next tipping row for rolling windows that have left theirs."""
    renew_tips([(book, rules_of(book.ledger))])


def renew_tips(days: Sequence[tuple[Book, Rules]]) -> None:
    """The same for many users, each with rules that have the effects of types, or none at all."""
    windows = {
        rule.threshold_id: (book, rules, (rule, rolling_span(book.ledger.as_of, rule.days)))
        for book, rules in days
        for rule in rules.thresholds
        if rule.type == PeriodType.ROLLING
    }
    if not windows:
        return
    users = list({book.ledger.user_id for book, _, _ in windows.values()})
    left = [
        (alert_id, *windows[threshold_id], percent)
        for alert_id, threshold_id, percent, day in tipped_windows(users)
        if threshold_id in windows and day < windows[threshold_id][2][1].start
    ]
    with_effects = effects_known({book.ledger.user_id: rules for _, book, rules, _, _ in left})
    ids: list[int] = []
    sought: list[Sought] = []
    for alert_id, book, _, pair, percent in left:
        # What the last judgement has opened may be among them.
        book.fresh = ()
        user_id = book.ledger.user_id
        for level in pair[0].levels:
            if level.percent == percent:
                ids.append(alert_id)
                sought.append(Sought(user_id, with_effects[user_id], pair, level))
    found = search(sought)
    tips = {pk: tip and tip[0] for pk, tip in zip(ids, found, strict=True)}
    sql.name_tips([(alert_id, tips.get(alert_id)) for alert_id, *_ in left])


def tipped_windows(user_ids: Collection[int]) -> Iterator[tuple[int, int, int, date]]:
    """The id, threshold and level of the open rolling alerts of some users, with the day of the row
    that tipped each."""
    alerts = Alert.objects.filter(
        user_id__in=user_ids, period_start=ROLLING_START, transaction__isnull=False
    )
    columns = ("id", "threshold_id", "level", "transaction__date")
    for pk, threshold_id, level, day in alerts.open().values_list(*columns).order_by("id"):
        yield pk, threshold_id or 0, level or 0, day


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
