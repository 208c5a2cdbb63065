"""What alerts rest on: their threshold as it is, or as it was in the revision they are of."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from budget.engine import Reading
from budget.engine.rules import balanced, rule_of, rules_of
from budget.engine.sql import marks
from budget.judge.judgement import Rule
from budget.models import Condition, Threshold
from budget.models.money import from_minor
from lib.columns import made_as

# Threshold, revision.
Key = tuple[int, int]


class Definition(NamedTuple):
    """What a threshold looks at, or looked at in an earlier revision.

    edited: whether it looks at something else by now. kept: false where the revision ended before
    any were kept; rule is then the present one, and only its words fit the alert.
    """

    rule: Rule
    edited: bool = False
    kept: bool = True


class PartRow(NamedTuple):
    """A part of a threshold in a revision: all of a simple one, or a condition of a combination.

    amount, rollover_cap: minor units. levels: JSON. present: whether it is of the current
    revision.
    """

    threshold_id: int
    revision: int
    position: int
    category_id: int | None
    measure: str
    operator: str
    amount: int
    type: str
    days: int | None
    match: str
    levels: str
    starts_on: date | None
    rollover: bool
    rollover_cap: int | None
    rollover_from: date | None
    present: bool


OF_PART = PartRow._fields[3:7]
OF_WHOLE = PartRow._fields[7:-1]
# An edit has kept the first, and the second is in the threshold and its conditions.
PARTS = f"""
SELECT k.threshold_id, k.revision, k.position, {", ".join(f'k."{name}"' for name in OF_PART)},
{", ".join(f'k."{name}"' for name in OF_WHOLE)}, FALSE
FROM budget_thresholdrevision k
WHERE k.user_id = %s AND k.threshold_id IN ({{ids}}) AND k.revision IN ({{revisions}})
UNION ALL
SELECT t.id, t.revision, COALESCE(c.position, 1),
{", ".join(f"CASE WHEN c.id IS NULL THEN t.{name} ELSE c.{name} END" for name in OF_PART)},
{", ".join(f't."{name}"' for name in OF_WHOLE)}, TRUE
FROM budget_threshold t LEFT JOIN budget_condition c ON c.threshold_id = t.id AND t."match" <> ''
WHERE t.user_id = %s AND t.id IN ({{ids}})
"""  # noqa: S608 - of constants


def definitions_of(reading: Reading, keys: Collection[Key]) -> dict[Key, Definition]:
    """What thresholds of the user look at, or looked at, in some revisions.

    Those in force are known by the rules. One statement more where there are others, and some for
    each rollover that is not in force.
    """
    in_force = rules_of(reading.ledger).by_threshold
    found: dict[Key, Definition] = {}
    others: list[Key] = []
    for key in keys:
        rule = in_force.get(key[0])
        if rule is not None and rule.revision == key[1]:
            found[key] = Definition(rule)
        else:
            others.append(key)
    return found | read_definitions(reading, others) if others else found


def read_definitions(reading: Reading, keys: Collection[Key]) -> dict[Key, Definition]:
    """The same for thresholds that are not in force, or were otherwise."""
    parts, present = read_parts(reading, keys)
    found: dict[Key, Definition] = {}
    for key in keys:
        now = present[key[0]]
        rule = rule_of_parts(parts.get(key, parts[now]))
        kept = key in parts
        found[key] = Definition(rule, edited=key != now, kept=kept)
        if kept and rule.carries_from is not None:
            found[key] = found[key]._replace(rule=balanced(reading.ledger, rule))
            # Its balances were read without the reading.
            reading.check()
    return found


def read_parts(
    reading: Reading, keys: Collection[Key]
) -> tuple[dict[Key, tuple[PartRow, ...]], dict[int, Key]]:
    """The parts of some thresholds in some revisions and as they are now; the present revisions."""
    ids, revisions = {pk for pk, _ in keys}, {revision for _, revision in keys}
    user_id = reading.ledger.user_id
    rows = reading.rows(
        PARTS.format(ids=marks(len(ids)), revisions=marks(len(revisions))),
        [user_id, *ids, *revisions, user_id, *ids],
        order="r.threshold_id, r.revision, r.position",
    )
    parts: dict[Key, list[PartRow]] = defaultdict(list)
    present: dict[int, Key] = {}
    for part in map(made_as(PartRow, reading.database), rows):
        key = part.threshold_id, part.revision
        parts[key].append(part)
        if part.present:
            present[part.threshold_id] = key
    return {key: tuple(rows) for key, rows in parts.items()}, present


# Follows from its argument only, so nothing that is remembered of it can be old.
@lru_cache(maxsize=4096)
def rule_of_parts(parts: tuple[PartRow, ...]) -> Rule:
    """The rule of a threshold, all of whose parts these are, in order."""
    first = parts[0]
    whole = {name: getattr(first, name) for name in OF_WHOLE}
    own = [
        {
            "category_id": part.category_id,
            "measure": part.measure,
            "operator": part.operator,
            "amount": from_minor(part.amount),
        }
        for part in parts
    ]
    cap = first.rollover_cap
    threshold = Threshold(
        pk=first.threshold_id,
        revision=first.revision,
        **whole
        | {"levels": json.loads(first.levels)}
        | {"rollover_cap": None if cap is None else from_minor(cap)},
        **({"amount": Decimal()} if first.match else own[0]),
    )
    return rule_of(threshold, [Condition(**one) for one in own] if first.match else [])
