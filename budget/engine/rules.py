"""What a user's writes are judged by, kept in memory for as long as it stands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from typing import NamedTuple

from budget.models import (
    Category,
    Condition,
    Effect,
    Ledger,
    LedgerState,
    Match,
    Measure,
    Threshold,
    TransactionType,
)
from budget.models.ledger import Row, new_rules
from budget.models.money import to_minor
from budget.models.threshold import Range, range_of, triggers_of

# The level that a forecast is stored under.
FORECAST_LEVEL = 0
# What a type's effect adds to each measure: its sign.
SIGNS: dict[str, dict[str, int]] = {
    Measure.SPENDING: {Effect.SPENDING: 1, Effect.REFUND: -1},
    Measure.INCOME: {Effect.INCOME: 1},
    Measure.NET: {Effect.INCOME: 1, Effect.SPENDING: -1, Effect.REFUND: 1},
    Measure.COUNT: {Effect.SPENDING: 1},
}
# One transaction in a count: hundredths, as amounts are, so that a share of a limit is one too.
ONE = 100


class Term(NamedTuple):
    """What is summed: a measure over a category and all that lie under it (None: over all)."""

    category_id: int | None
    measure: str

    def sign(self, effect: str) -> int:
        """+1, -1 or 0: how a row with that effect counts."""
        return SIGNS[self.measure].get(effect, 0)

    def value(self, effect: str, minor: int) -> int:
        """What a row of that effect and amount, in minor units, adds."""
        return self.sign(effect) * (ONE if self.measure == Measure.COUNT else minor)

    @property
    def parts(self) -> tuple[Term, ...]:
        """The sums that are read for it, the second one to be taken away: net has two."""
        if self.measure == Measure.NET:
            return self._replace(measure=Measure.INCOME), self._replace(measure=Measure.SPENDING)
        return (self,)


class Level(NamedTuple):
    """A level in force, with the totals at which it holds, a range for each term."""

    percent: int
    ranges: tuple[Range, ...]


@dataclass(frozen=True, eq=False)
class Rule:
    """A threshold as it is judged; amounts in minor units.

    match: "" for a simple threshold, of one term; else how the conditions are joined. starts_on:
    not None for what is judged when a period is over. carries_from: not None for a rollover, with
    the most that is carried in `cap`. Two rules are the same only if they are one object.
    """

    threshold_id: int
    revision: int
    type: str
    days: int
    match: str
    terms: tuple[Term, ...]
    levels: tuple[Level, ...]
    operator: str
    limit: int
    percents: tuple[int, ...]
    starts_on: date | None
    carries_from: date | None
    cap: int | None
    forecast: bool

    @property
    def closing(self) -> bool:
        return self.starts_on is not None

    @property
    def measure(self) -> str:
        """Of a simple threshold; amounts of a combination are shown condition by condition."""
        return self.terms[0].measure

    def holds(self, level: Level, totals: Sequence[int]) -> bool:
        """Whether totals, one for each term, reach a level."""
        held = (lo <= total <= hi for total, (lo, hi) in zip(totals, level.ranges, strict=True))
        return any(held) if self.match == Match.ANY else all(held)

    def levels_at(self, limit: int) -> tuple[Level, ...]:
        """The levels in force under the limit that a period has been left with."""
        if limit == self.limit:
            return self.levels
        return simple_levels(self.operator, limit, self.percents)


def simple_levels(operator: str, limit: int, percents: Sequence[int]) -> tuple[Level, ...]:
    triggers = triggers_of(operator, limit, percents)
    return tuple(Level(percent, (range_of(operator, at),)) for percent, at in triggers.items())


def rule_of(threshold: Threshold, parts: Sequence[Condition] | None = None) -> Rule:
    """A threshold as a rule; parts: its conditions, where they are at hand already."""
    if threshold.match:
        parts = list(threshold.conditions.all()) if parts is None else parts
        terms = tuple(Term(part.category_id, part.measure) for part in parts)
        ranges = []
        for part in parts:
            (trigger,) = triggers_of(part.operator, to_minor(part.amount), [100]).values()
            ranges.append(range_of(part.operator, trigger))
        levels: tuple[Level, ...] = (Level(100, tuple(ranges)),)
    else:
        terms = (Term(threshold.category_id, threshold.measure),)
        levels = simple_levels(threshold.operator, to_minor(threshold.amount), threshold.levels)
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
        limit=to_minor(threshold.amount),
        percents=tuple(threshold.levels),
        starts_on=threshold.starts_on,
        carries_from=threshold.rollover_from if threshold.rollover else None,
        cap=None if cap is None else to_minor(cap),
        forecast=threshold.forecast,
    )


@dataclass(frozen=True)
class Rules:
    """A user's thresholds in force, what each type counts for, and the tree of categories.

    parents: of the categories that have one.
    """

    thresholds: tuple[Rule, ...]
    effects: dict[int, str]
    parents: dict[int, int]

    def effect_of(self, type_id: int) -> str:
        return self.effects.get(type_id, Effect.NONE)

    def with_effect(self, row: Row) -> Row:
        """A transaction's row with what its type does.

        Not what a saved instance knows of its type: that may be older than the lock.
        """
        return {**row, "effect": self.effect_of(row["type_id"])}

    @cached_property
    def types(self) -> dict[str, tuple[int, ...]]:
        """The types of each effect."""
        found: dict[str, list[int]] = defaultdict(list)
        for pk, effect in self.effects.items():
            found[effect].append(pk)
        return {effect: tuple(ids) for effect, ids in found.items()}

    @cached_property
    def by_threshold(self) -> dict[int, Rule]:
        return {rule.threshold_id: rule for rule in self.thresholds}

    @cached_property
    def subtrees(self) -> dict[int, frozenset[int]]:
        """The categories that others lie under, each with itself and all of those."""
        members: dict[int, set[int]] = defaultdict(set)
        for pk in self.parents:
            for above in self.chain(pk)[1:]:
                members[above] |= {above, pk}
        return {pk: frozenset(found) for pk, found in members.items()}

    def chain(self, category_id: int) -> list[int]:
        """A category and all that it lies under, upwards."""
        chain = [category_id]
        while (above := self.parents.get(chain[-1])) is not None:
            chain.append(above)
        return chain

    def within(self, category_id: int, root: int | None) -> bool:
        """Whether a category counts for a term of that one (None: of all)."""
        return root is None or category_id == root or category_id in self.subtrees.get(root, ())

    def members(self, root: int) -> Collection[int]:
        """A category and all that lie under it."""
        return self.subtrees.get(root) or (root,)

    def counts(self, term: Term, row: Row) -> bool:
        """Whether a row, whose effect is known, is part of what a term sums."""
        return bool(term.sign(row["effect"])) and self.within(row["category_id"], term.category_id)

    def counted(self, rule: Rule, row: Row) -> bool:
        """Whether a row is part of any total that a rule looks at."""
        return any(self.counts(term, row) for term in rule.terms)


def rules_of(ledger: LedgerState) -> Rules:
    """The rules that the ledger's number stands for.

    A number is never used twice, so what was once read under it needs no reading again, whatever
    other processes do: they change the number with the rules.
    """
    return _read_rules(ledger.user_id, ledger.rules)


def subtrees_of(ledger: LedgerState, roots: Iterable[int]) -> list[int]:
    """Some categories and all that lie under them, by id, each once."""
    rules = rules_of(ledger)
    return sorted({pk for root in roots for pk in rules.members(root)})


@lru_cache(maxsize=4096)
def _read_rules(user_id: int, number: int) -> Rules:
    return read_rules([user_id])[user_id]


def read_rules(user_ids: Collection[int]) -> dict[int, Rules]:
    """The rules of many users as they are now, in four queries at most."""
    thresholds = list(
        Threshold.objects.kept().filter(user_id__in=user_ids, enabled=True).order_by("id")
    )
    parts = conditions_of(thresholds)
    rules: dict[int, list[Rule]] = defaultdict(list)
    for threshold in thresholds:
        rules[threshold.user_id].append(rule_of(threshold, parts.get(threshold.pk)))
    effects: dict[int, dict[int, str]] = defaultdict(dict)
    types = TransactionType.objects.filter(user_id__in=user_ids)
    for user_id, pk, effect in types.order_by("id").values_list("user_id", "id", "effect"):
        effects[user_id][pk] = effect
    parents: dict[int, dict[int, int]] = defaultdict(dict)
    tree = Category.objects.filter(user_id__in=user_ids, parent__isnull=False).order_by()
    for user_id, pk, parent_id in tree.values_list("user_id", "id", "parent_id"):
        parents[user_id][pk] = parent_id or 0
    return {
        user_id: Rules(tuple(rules[user_id]), effects[user_id], parents[user_id])
        for user_id in user_ids
    }


def conditions_of(thresholds: Iterable[Threshold]) -> dict[int, list[Condition]]:
    """The conditions of the combinations among some thresholds, in order."""
    ids = [threshold.pk for threshold in thresholds if threshold.match]
    found: dict[int, list[Condition]] = defaultdict(list)
    if ids:
        for part in Condition.objects.filter(threshold_id__in=ids).order_by("position"):
            found[part.threshold_id].append(part)
    return found


def rules_changed(ledger: LedgerState) -> None:
    """Note, under the lock and after the write, that what was read of the rules is old."""
    ledger.rules = new_rules()
    Ledger.objects.filter(user_id=ledger.user_id).update(rules=ledger.rules)
