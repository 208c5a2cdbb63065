"""The totals that answers show: as they are now, one read for a whole page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection

from budget.engine import statements
from budget.engine.rollups import exact_sums
from budget.models import Calendar, Effect, Grain, LedgerState, PeriodType, Transaction
from budget.models.money import to_minor

GRAIN_OF: dict[str, Grain] = {
    PeriodType.DAILY: Grain.DAY,
    PeriodType.WEEKLY: Grain.DAY,
    PeriodType.MONTHLY: Grain.MONTH,
    PeriodType.QUARTERLY: Grain.MONTH,
    PeriodType.YEARLY: Grain.MONTH,
}
WINDOWS_A_QUERY = 500
IDS_A_QUERY = 500


@dataclass(frozen=True)
class Window:
    """Spending in [start, end), of one category or (None) of all."""

    start: date
    end: date
    category_id: int | None

    def grain(self, calendar: Calendar) -> Grain:
        """Months where both ends lie on the user's month starts, else days; the sum is the same.

        A period cut by earlier settings lies askew to the month rollups of today.
        """
        on_months = self.start.day == self.end.day == calendar.month_start
        return Grain.MONTH if on_months else Grain.DAY


def window_totals(ledger: LedgerState, windows: Sequence[Window]) -> list[int]:
    """Totals in minor units, in the order of the windows."""
    found: list[int] = []
    for at in range(0, len(windows), WINDOWS_A_QUERY):
        part = windows[at : at + WINDOWS_A_QUERY]
        params: list[Any] = []
        for number, window in enumerate(part):
            grain = window.grain(ledger.calendar)
            params += [number, window.category_id or 0, grain, window.start, window.end]
        with connection.cursor() as cursor, exact_sums():
            cursor.execute(statements.totals(len(part)), [*params, ledger.user_id])
            totals = dict(cursor.fetchall())
        found += [int(totals[number]) for number in range(len(part))]
    return found


def single_totals(user_id: int, windows: Sequence[tuple[int, Window]]) -> list[int]:
    """What single transactions, each in a window of its own, come to now, in minor units.

    0 for one that is gone, adds nothing to spending or has left its window.
    """
    found: dict[int, tuple[date, int, int]] = {}
    ids = [number for number, _ in windows]
    for at in range(0, len(ids), IDS_A_QUERY):
        rows = Transaction.objects.filter(
            user_id=user_id, id__in=ids[at : at + IDS_A_QUERY], type__effect=Effect.SPENDING
        )
        for number, day, category_id, amount in rows.values_list(
            "id", "date", "category_id", "amount"
        ):
            found[number] = (day, category_id, to_minor(amount))
    totals = []
    for number, window in windows:
        day, category_id, minor = found.get(number, (window.end, 0, 0))
        inside = window.start <= day < window.end and window.category_id in (None, category_id)
        totals.append(minor if inside else 0)
    return totals
