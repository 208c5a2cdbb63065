"""The sums that judgements rest on, read from the rollups: some windows, one statement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from budget.engine import statements
from budget.engine.judging import Window
from budget.engine.rollups import exact_sums
from budget.engine.rules import Rules, Term, rules_of
from budget.engine.statements import Kinds, Step
from budget.models import Effect, Grain, LedgerState, Measure, Transaction
from budget.models.ledger import Row
from budget.models.money import to_minor
from budget.models.periods import add_months, month_of

WINDOWS_A_QUERY = 500
IDS_A_QUERY = 500
# Up to this many days are read day by day; more are read by months where whole ones lie within.
SHORT = timedelta(days=62)
WHAT: dict[str, int] = {Measure.SPENDING: 0, Measure.INCOME: 1, Measure.COUNT: 2}


@lru_cache(maxsize=16384)
def parts_of(start: date, end: date, month_start: int) -> tuple[tuple[Grain, date, date], ...]:
    """A span as whole months of the user's, with the days before and after them."""
    first = month_of(start, month_start)
    first = first if first == start else add_months(first, 1)
    last = month_of(end, month_start)
    if first >= last or (end - start <= SHORT and (first, last) != (start, end)):
        return ((Grain.DAY, start, end),)
    parts = (
        (Grain.DAY, start, first),
        (Grain.MONTH, first, last),
        (Grain.DAY, last, end),
    )
    return tuple(part for part in parts if part[1] < part[2])


def tree_of(roots: Mapping[int, frozenset[int]]) -> str:
    """Subtrees as pairs of root and member, for a statement."""
    return ", ".join(f"({root}, {pk})" for root in roots for pk in sorted(roots[root]))


def sums_step(
    ledger: LedgerState, rules: Rules, windows: Sequence[Window], *, typed: bool = False
) -> Step:
    """The statement that sums windows, by their place in the sequence; an empty one has no row."""
    rows: list[tuple[int, Grain]] = []
    params: list[Any] = []
    any_measure = any(window.measure != Measure.SPENDING for window in windows)
    roots: dict[int, frozenset[int]] = {}
    month_start = ledger.calendar.month_start
    for number, window in enumerate(windows):
        category = window.category_id or 0
        if category in rules.subtrees:
            roots[category] = rules.subtrees[category]
        for grain, start, end in parts_of(window.start, window.end, month_start):
            rows.append((number, grain))
            params += (
                [category, WHAT[window.measure], start, end]
                if any_measure
                else [category, start, end]
            )
    tree = tree_of(roots)
    types = rules.types
    spending, refund = types.get(Effect.SPENDING, ()), types.get(Effect.REFUND, ())
    income = types.get(Effect.INCOME, ())
    kinds = Kinds(len(spending), len(refund), len(income))
    ids = [*spending, *refund]
    if any_measure:
        ids += [*income, *spending]
    text = statements.sums(tuple(rows), kinds, tree, any_measure=any_measure, typed=typed)
    return text, [*params, *ids, ledger.user_id]


def read_totals(ledger: LedgerState, windows: Iterable[Window]) -> dict[Window, int]:
    """The sums of windows as they are now, in minor units (counts in hundredths)."""
    wanted = list(dict.fromkeys(windows))
    rules = rules_of(ledger)
    totals = dict.fromkeys(wanted, 0)
    periods = [one for one in wanted if not one.subject and one.start < one.end]
    for at in range(0, len(periods), WINDOWS_A_QUERY):
        part = periods[at : at + WINDOWS_A_QUERY]
        with exact_sums():
            found = statements.run([sums_step(ledger, rules, part)])
        for number, total in found:
            totals[part[number]] += int(total)
    singles = [one for one in wanted if one.subject]
    rows = rows_of(ledger.user_id, {one.subject for one in singles}) if singles else {}
    for one in singles:
        totals[one] = single_total(rules, one, rows.get(one.subject))
    return totals


def rows_of(user_id: int, ids: Iterable[int]) -> dict[int, Row]:
    """What counts of some transactions of a user as they are now, by id."""
    ordered, found = sorted(ids), {}
    for at in range(0, len(ordered), IDS_A_QUERY):
        rows = Transaction.objects.filter(user_id=user_id, id__in=ordered[at : at + IDS_A_QUERY])
        for pk, day, category_id, type_id, amount, effect in rows.values_list(
            "id", "date", "category_id", "type_id", "amount", "type__effect"
        ):
            found[pk] = {
                "id": pk,
                "date": day,
                "category_id": category_id,
                "type_id": type_id,
                "amount": amount,
                "effect": effect,
            }
    return found


def single_total(rules: Rules, window: Window, row: Row | None) -> int:
    """What a transaction comes to in a window of its own, minor units.

    0 for one that is gone, has left the window, or whose type does not add to the measure: a
    refund lowers no single expense.
    """
    if row is None or not window.start <= row["date"] < window.end:
        return 0
    effect = rules.effect_of(row["type_id"])
    term = Term(window.category_id, window.measure)
    counts = term.sign(effect) > 0 and rules.within(row["category_id"], window.category_id)
    return term.value(effect, to_minor(row["amount"])) if counts else 0
