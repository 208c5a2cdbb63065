"""The hot path: what flips by the write of one row, in one read whatever the history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from budget.engine import rollups, statements
from budget.engine.flips import Flip, find_earlier, flips_of, judge
from budget.engine.judging import (
    Identity,
    Pair,
    Window,
    pairs_of_day,
    pairs_of_rows,
    windows_of,
)
from budget.engine.rules import rules_of
from budget.engine.statements import Step
from budget.engine.totals import single_total, sums_step
from budget.models import LedgerState
from budget.models.ledger import Row, as_date


def flips_of_write(
    ledger: LedgerState, before: Row | None, after: Row | None, cause: str
) -> list[Flip]:
    """Bring the rollups up to one row's write and tell what flips by it, and by a day that has
    begun meanwhile.

    The insert (before is None), edit or delete (after is None) itself has been written already. The
    effects of the rows are known.
    """
    rules = rules_of(ledger)
    rows = [row for row in (before, after) if row is not None]
    pairs: dict[Pair, str] = dict(pairs_of_day(rules, ledger))
    pairs |= dict.fromkeys(pairs_of_rows(rules, ledger, rows), cause)
    windows = dict.fromkeys(window for pair in pairs for window in windows_of(pair, ledger))
    summed = [one for one in windows if not one.subject and one.start < one.end]
    steps = rollups.steps(ledger, before, after)
    if pairs:
        steps.append(read(ledger, summed, pairs, rows[0]["id"]))
    with rollups.exact_sums():
        found = statements.run(steps)
    if not pairs:
        return []
    totals = {one: single_total(rules, one, after) for one in windows if one.subject}
    opened = sort_out(found, summed, totals)
    flips = list(flips_of(judge(ledger, pairs, totals), pairs, opened))
    find_earlier([ledger.user_id], flips)
    return flips


def read(ledger: LedgerState, windows: list[Window], pairs: Mapping[Pair, str], pk: int) -> Step:
    """The one read of a write: the totals of its periods and the alerts open there."""
    starts = {span.key for _, span in pairs}
    text = statements.open_alerts(len(starts))
    params: list[Any] = [ledger.user_id, *starts, pk]
    if not windows:
        return text, params
    sums, before = sums_step(ledger, rules_of(ledger), windows, typed=True)
    return f"{sums} UNION ALL {text}", [*before, *params]


def sort_out(
    found: Iterable[tuple[Any, ...]], windows: list[Window], totals: dict[Window, int]
) -> dict[Identity, int]:
    """Add the sums to the totals; give the ids of open alerts by identity."""
    opened: dict[Identity, int] = {}
    for is_alert, number, revision, subject, level, start, value in found:
        if is_alert:
            opened[number, revision, as_date(start), subject, level] = int(value)
        else:
            window = windows[number]
            totals[window] = totals.get(window, 0) + int(value)
    return opened
