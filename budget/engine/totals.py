"""The sums that judgements rest on, read from the rollups: some keys, one statement."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from budget.engine import sql
from budget.engine.rules import rules_of
from budget.judge.judgement import Facts, Pair, Rules, SumKey, Totals, single_total, sum_keys
from budget.models import LedgerState
from budget.models.ledger import as_date

KEYS_A_QUERY = 500
IDS_A_QUERY = 500
ROWS_A_STATEMENT = 2000
FACTS = """
SELECT id, date, category_id, type_id, amount FROM budget_transaction
WHERE user_id = %s AND id IN ({ids})
"""
# Runs a SELECT, by the statement and its parameters; the first column is never null.
Rows = Callable[[str, list[Any]], list[tuple[Any, ...]]]


def read_missing(ledger: LedgerState, pairs: Iterable[Pair], known: Mapping[SumKey, int]) -> Totals:
    """The sums that the verdicts on some pairs rest on; known ones are not read."""
    missing = [key for key in sum_keys(pairs, ledger) if key not in known]
    return {**known, **read_totals(ledger, missing)}


def rows_now(statement: str, params: list[Any]) -> list[tuple[Any, ...]]:
    return sql.run([(statement, params)])


def read_totals(
    ledger: LedgerState, keys: Iterable[SumKey], rows: Rows = rows_now
) -> dict[SumKey, int]:
    """Sums as they are now, in minor units (counts in hundredths). rows: runs a SELECT."""
    wanted = list(dict.fromkeys(keys))
    rules = rules_of(ledger)
    totals = dict.fromkeys(wanted, 0)
    periods = [key for key in wanted if not key.subject and key.start < key.end]
    for at in range(0, len(periods), KEYS_A_QUERY):
        part = periods[at : at + KEYS_A_QUERY]
        with sql.exact_sums():
            found = rows(*sql.sums_step(ledger, rules, part))
        for number, total in found:
            totals[part[number]] += int(total)
    singles = [key for key in wanted if key.subject]
    facts = facts_by_id(ledger, {key.subject for key in singles}, rows) if singles else {}
    for key in singles:
        totals[key] = single_total(rules, key, facts.get(key.subject))
    return totals


def read_totals_of(
    ledgers: Iterable[LedgerState],
    rules: Mapping[int, Rules],
    keys: Mapping[int, Iterable[SumKey]],
) -> dict[int, dict[SumKey, int]]:
    """The sums of many users, by user; none of a single transaction."""
    totals: dict[int, dict[SumKey, int]] = {}
    summed: list[sql.Summed] = []
    owned: list[tuple[dict[SumKey, int], SumKey]] = []
    roots: dict[int, frozenset[int]] = {}
    for ledger in ledgers:
        pk, month_start = ledger.user_id, ledger.calendar.month_start
        mine, subtrees = totals.setdefault(pk, {}), rules[pk].subtrees
        for key in dict.fromkeys(keys[pk]):
            mine[key] = 0
            if key.start >= key.end:
                continue
            category, what = key.category_id or 0, sql.WHAT[key.measure]
            if category in subtrees:
                roots[category] = subtrees[category]
            for grain, start, end in sql.parts_of(key.start, key.end, month_start):
                summed.append((len(owned), pk, grain.value, category, what, start, end))
                owned.append((mine, key))
    tree = sql.tree_of(roots)
    for at in range(0, len(owned), ROWS_A_STATEMENT):
        part = summed[at : at + ROWS_A_STATEMENT]
        for number, total in sql.run([(sql.sums_of_many(part, tree), [])]):
            mine, key = owned[number]
            mine[key] += int(total)
    return totals


def facts_by_id(ledger: LedgerState, ids: Iterable[int], rows: Rows = rows_now) -> dict[int, Facts]:
    """What counts of some transactions of a user, as they are now. rows: runs a SELECT."""
    rules = rules_of(ledger)
    ordered, facts = sorted(ids), {}
    for at in range(0, len(ordered), IDS_A_QUERY):
        part = ordered[at : at + IDS_A_QUERY]
        found = rows(FACTS.format(ids=sql.marks(len(part))), [ledger.user_id, *part])
        for pk, day, category_id, type_id, minor in found:
            effect = rules.effect_of(type_id)
            facts[pk] = Facts(pk, as_date(day), category_id, type_id, effect, minor)
    return facts
