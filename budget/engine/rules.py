"""The rules that a user's writes are judged by, read from the thresholds, types and categories."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from django.db import models

from budget.engine import sql
from budget.engine.reading import Moved
from budget.engine.sql import exact_sums
from budget.judge.chain import Balance, first_of, with_balances_of
from budget.judge.judgement import (
    Bound,
    Level,
    Range,
    Rule,
    Rules,
    Term,
    range_of,
    simple_levels,
    triggers_of,
)
from budget.judge.kinds import PeriodType
from budget.judge.periods import Span, span_of
from budget.models import (
    Category,
    Condition,
    Grain,
    Ledger,
    LedgerState,
    Rollup,
    Threshold,
    TransactionType,
)
from budget.models.ledger import Book, new_rules
from budget.models.money import from_minor, to_minor
from budget.models.threshold import balances_known
from lib.columns import made_as


def rules_of(ledger: LedgerState) -> Rules:
    """The rules that the ledger's number stands for; every step of a commit gets the same object.

    A number is never used twice, so the process also remembers what it has read under one. That
    only saves queries: nothing depends on what it remembers. Raises Moved if a commit has changed
    the rules since the ledger was read; not for one that is locked, or read in a snapshot.
    """
    number, rules = ledger.rules_read
    if rules is None or number != ledger.rules:
        rules = filled(ledger, _read_rules(ledger.user_id, ledger.rules))
        hold_rules(ledger, rules)
    return rules


def hold_rules(ledger: LedgerState, rules: Rules) -> None:
    """Judge by these rules for as long as the ledger's number stands."""
    ledger.rules_read = (ledger.rules, rules)


def balanced(ledger: LedgerState, rule: Rule) -> Rule:
    """A rule whose limits can be computed: a rollover with its balances."""
    if rule.carries_from is None or rule.balances is not None:
        return rule
    return with_balances(ledger, rules_of(ledger), rule)


def subtrees_of(ledger: LedgerState, roots: Iterable[int]) -> list[int]:
    """Some categories and all that lie under them, by id, each once."""
    rules = rules_of(ledger)
    return sorted({pk for root in roots for pk in rules.members(root)})


@lru_cache(maxsize=4096)
def _read_rules(user_id: int, number: int) -> Rules:
    """What is read of the rules while their number stands. Raises Moved, and remembers nothing, if
    another one is stored after that."""
    rules = read_rules([user_id])[user_id]
    if not Ledger.objects.filter(pk=user_id, rules=number).exists():
        raise Moved
    return rules


class ThresholdRow(NamedTuple):
    """The columns of a threshold that a rule is made of; a tenth of the cost of an instance.

    Money is in minor units, lists are JSON.
    """

    pk: int
    user_id: int
    revision: int
    type: str
    days: int | None
    category_id: int | None
    measure: str
    match: str
    operator: str
    minor: int
    levels_json: str
    starts_on: date | None
    rollover: bool
    minor_cap: int | None
    rollover_from: date | None
    forecast: bool
    balances: str | None

    @property
    def amount(self) -> Decimal:
        return from_minor(self.minor)

    @property
    def rollover_cap(self) -> Decimal | None:
        return None if self.minor_cap is None else from_minor(self.minor_cap)

    @property
    def levels(self) -> tuple[int, ...]:
        return levels_of(self.levels_json)

    def known_balances(self) -> tuple[Balance, ...] | None:
        return None if self.balances is None else balances_known(json.loads(self.balances))


@lru_cache(maxsize=1024)
def levels_of(text: str) -> tuple[int, ...]:
    return percents_of(json.loads(text))


def percents_of(stored: object) -> tuple[int, ...]:
    """The levels of a column in which a hand may have put anything."""
    listed = stored if isinstance(stored, (list, tuple)) else ()
    return tuple(one for one in listed if type(one) is int and one > 0)


def read_rules(user_ids: Collection[int]) -> dict[int, Rules]:
    """The rules of many users as they are now, in four queries at most."""
    rules = rules_by_user(threshold_rows(sql.thresholds_of(user_ids)))
    effects = read_effects(user_ids)
    parents = read_parents(user_ids)
    return {
        user_id: Rules(tuple(rules[user_id]), effects[user_id], parents[user_id])
        for user_id in user_ids
    }


def read_rules_of_day(ledgers: Sequence[LedgerState], today: date) -> dict[int, Rules]:
    """The rules by which a new day may open or resolve an alert, of the users who have any.

    The day of each ledger is still the one before, and what was to be open then is. So a rolling
    window into which no row comes and which none leaves is left out, and so is a threshold that is
    judged at the end of a period that goes on. Without the effects of types: enough to sum by, but
    not to read single transactions by.
    """
    by_user = {ledger.user_id: ledger for ledger in ledgers}
    rows = [
        row
        for row in threshold_rows(sql.thresholds_of_day(by_user, today))
        if row.starts_on is None or ends(row.type, by_user[row.user_id], today)
    ]
    rules = rules_by_user(rows)
    parents = read_parents(rules)
    return {user_id: Rules(tuple(mine), {}, parents[user_id]) for user_id, mine in rules.items()}


def ends(type: str, ledger: LedgerState, today: date) -> bool:
    """Whether a period of a type that was not over on the ledger's day is over by now."""
    return span_of(type, ledger.as_of, ledger.calendar).end <= today


def effects_known(rules: Mapping[int, Rules]) -> dict[int, Rules]:
    """Rules of some users by which single transactions can be read, too."""
    missing = [user_id for user_id, mine in rules.items() if not mine.effects]
    effects = read_effects(missing) if missing else {}
    return {
        user_id: replace(mine, effects=effects[user_id]) if user_id in effects else mine
        for user_id, mine in rules.items()
    }


def read_effects(user_ids: Collection[int]) -> dict[int, dict[int, str]]:
    """What each type of many users counts for."""
    effects: dict[int, dict[int, str]] = defaultdict(dict)
    types = TransactionType.objects.filter(user_id__in=user_ids)
    for user_id, pk, effect in types.order_by("id").values_list("user_id", "id", "effect"):
        effects[user_id][pk] = effect
    return effects


def threshold_rows(statement: str) -> list[ThresholdRow]:
    return list(map(made_as(ThresholdRow), sql.run([(statement, [])])))


def rules_by_user(rows: Sequence[ThresholdRow]) -> dict[int, list[Rule]]:
    parts = conditions_of(rows)
    rules: dict[int, list[Rule]] = defaultdict(list)
    for row in rows:
        rules[row.user_id].append(rule_of(row, parts.get(row.pk, [])))
    return rules


def read_parents(user_ids: Collection[int]) -> dict[int, dict[int, int]]:
    """The categories of many users that have a parent, with it."""
    parents: dict[int, dict[int, int]] = defaultdict(dict)
    tree = Category.objects.filter(user_id__in=user_ids, parent__isnull=False).order_by()
    for user_id, pk, parent_id in tree.values_list("user_id", "id", "parent_id"):
        parents[user_id][pk] = parent_id or 0
    return parents


def conditions_of(thresholds: Iterable[Threshold | ThresholdRow]) -> dict[int, list[Condition]]:
    """The conditions of the combinations among some thresholds, in order."""
    ids = [threshold.pk for threshold in thresholds if threshold.match]
    found: dict[int, list[Condition]] = defaultdict(list)
    if ids:
        for part in Condition.objects.filter(threshold_id__in=ids).order_by("position"):
            found[part.threshold_id].append(part)
    return found


def rules_changed(book: Book) -> None:
    """Note, after the write, that what was read of the rules is old."""
    ledger = book.ledger
    ledger.rules = new_rules()
    Ledger.objects.filter(user_id=ledger.user_id).update(rules=ledger.rules)


def names_changed(book: Book) -> None:
    """Note, after the write, that the user has other names of categories or types by now.

    What is remembered of names is old; rules that this commit has read are the same.
    """
    ledger = book.ledger
    number, rules = ledger.rules_read
    read = rules is not None and number == ledger.rules
    rules_changed(book)
    if read:
        ledger.rules_read = (ledger.rules, rules)


def rule_of(threshold: Threshold | ThresholdRow, parts: Sequence[Condition] | None = None) -> Rule:
    """A threshold as a rule; parts: its conditions, if they are read already."""
    limit, percents = to_minor(threshold.amount), percents_of(threshold.levels)
    if threshold.match:
        if parts is None and isinstance(threshold, Threshold):
            parts = list(threshold.conditions.all())
        terms = tuple(Term(part.category_id, part.measure) for part in parts or ())
        bounds = tuple(Bound(part.operator, to_minor(part.amount)) for part in parts or ())
        # All of no conditions would hold always.
        whole = Level(100, tuple(map(range_of_bound, bounds)))
        levels: tuple[Level, ...] = (whole,) if bounds else ()
    else:
        bounds = ()
        terms = (Term(threshold.category_id, threshold.measure),)
        levels = simple_levels(threshold.operator, limit, percents)
    cap = threshold.rollover_cap
    return Rule(
        threshold_id=threshold.pk,
        revision=threshold.revision,
        type=threshold.type,
        days=threshold.days or 0,
        match=threshold.match,
        terms=terms,
        levels=levels,
        operator=threshold.operator,
        limit=limit,
        percents=percents,
        starts_on=threshold.starts_on,
        carries_from=threshold.rollover_from if threshold.rollover else None,
        cap=None if cap is None else to_minor(cap),
        forecast=threshold.forecast,
        balances=threshold.known_balances(),
        bounds=bounds,
    )


def range_of_bound(bound: Bound) -> Range:
    """The totals for which a condition holds."""
    (trigger,) = triggers_of(bound.operator, bound.amount, [100]).values()
    return range_of(bound.operator, trigger)


def read_periods(ledger: LedgerState, rules: Rules, rule: Rule, since: date) -> dict[Span, int]:
    """What each period with rows has come to, from a day on, read from the rollups at once."""
    (term,) = rule.terms
    grain = Grain.DAY if rule.type == PeriodType.WEEKLY else Grain.MONTH
    rows = Rollup.objects.filter(
        user_id=ledger.user_id, grain=grain, bucket__gte=since, count__gt=0
    )
    if term.category_id is not None:
        rows = rows.filter(category_id__in=rules.members(term.category_id))
    sums = rows.order_by("bucket").values_list("bucket", "type_id").annotate(models.Sum("amount"))
    found: dict[Span, int] = {}
    with exact_sums():
        for bucket, type_id, amount in sums.iterator():
            effect = rules.effect_of(type_id)
            if term.sign(effect):
                span = span_of(rule.type, bucket, ledger.calendar)
                found[span] = found.get(span, 0) + term.value(effect, int(amount))
    return found


def with_balances(ledger: LedgerState, rules: Rules, rule: Rule) -> Rule:
    """A rule with the balances that follow from the rows as they are now."""
    return with_balances_of(rule, ledger.calendar, read_chain(ledger, rules, rule))


def read_chain(ledger: LedgerState, rules: Rules, rule: Rule) -> dict[Span, int]:
    """What each period of the whole chain with rows has come to."""
    return read_periods(ledger, rules, rule, first_of(rule, ledger.calendar).start)


def filled(ledger: LedgerState, rules: Rules) -> Rules:
    """Rules with the balances that are not stored."""
    if all(rule.balances is not None for rule in rules.rollovers):
        return rules
    return replace(
        rules,
        thresholds=tuple(
            with_balances(ledger, rules, rule)
            if rule.carries_from is not None and rule.balances is None
            else rule
            for rule in rules.thresholds
        ),
    )
