"""What a user's writes are judged by, kept in memory for as long as it stands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from budget.models import Effect, Ledger, LedgerState, Operator, ThresholdLevel, TransactionType
from budget.models.ledger import new_rules
from budget.models.money import to_minor


@dataclass(frozen=True)
class Rule:
    """A threshold in force. limit and triggers in minor units; triggers by level."""

    threshold_id: int
    revision: int
    type: str
    category_id: int | None
    strict: bool
    limit: int
    triggers: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Rules:
    """A user's thresholds in force, and the types that count for spending, one way or the other."""

    thresholds: tuple[Rule, ...]
    spending: frozenset[int]
    refunds: frozenset[int]

    def effect_of(self, type_id: int) -> Effect:
        """What a type does to spending; income counts as none here."""
        if type_id in self.spending:
            return Effect.SPENDING
        return Effect.REFUND if type_id in self.refunds else Effect.NONE

    def touching(self, categories: Collection[int]) -> list[Rule]:
        """The thresholds that a row of one of these categories counts for."""
        return [
            rule
            for rule in self.thresholds
            if rule.category_id is None or rule.category_id in categories
        ]


def rules_of(ledger: LedgerState) -> Rules:
    """The rules that the locked ledger's number stands for.

    A number is never used twice, so what was once read under it needs no reading again, whatever
    other processes do: they change the number with the rules.
    """
    return _read_rules(ledger.user_id, ledger.rules)


@lru_cache(maxsize=4096)
def _read_rules(user_id: int, number: int) -> Rules:
    types: dict[str, set[int]] = defaultdict(set)
    for pk, effect in TransactionType.objects.filter(user_id=user_id).values_list("id", "effect"):
        types[effect].add(pk)
    levels = ThresholdLevel.objects.filter(
        threshold__user_id=user_id,
        threshold__enabled=True,
        threshold__deleted_at__isnull=True,
    )
    rows = levels.order_by("threshold", "percent").values_list(
        "threshold_id",
        "threshold__revision",
        "threshold__type",
        "threshold__category_id",
        "threshold__operator",
        "threshold__amount",
        "percent",
        "trigger",
    )
    thresholds = []
    for head, group in groupby(rows.iterator(), key=lambda row: row[:6]):
        pk, revision, type, category_id, operator, amount = head
        triggers = tuple(row[6:] for row in group)
        strict, limit = operator == Operator.GT, to_minor(amount)
        thresholds.append(Rule(pk, revision, type, category_id, strict, limit, triggers))
    spending, refunds = frozenset(types[Effect.SPENDING]), frozenset(types[Effect.REFUND])
    return Rules(tuple(thresholds), spending, refunds)


def rules_changed(ledger: LedgerState) -> None:
    """Note, under the lock and after the write, that what was read of the rules is old."""
    ledger.rules = new_rules()
    Ledger.objects.filter(user_id=ledger.user_id).update(rules=ledger.rules)
