"""Spending and income between two dates, read from the rollups, not from the transactions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from budget.answers.shapes import GroupDict, SpanDict, Sums
from budget.engine import Reading, sql
from budget.engine.sql import exact_sums, parts_of
from budget.judge.periods import DAY, add_months, months_between, span_of
from budget.models import LedgerState, PeriodType
from budget.models.money import minor_text

PERIODS: dict[str, str | None] = {
    "none": None,
    "day": PeriodType.DAILY,
    "week": PeriodType.WEEKLY,
    "month": PeriodType.MONTHLY,
    "quarter": PeriodType.QUARTERLY,
    "year": PeriodType.YEARLY,
}
GROUPS = ("category", "type")


@dataclass(frozen=True)
class DayRange:
    """A range of days, both ends included."""

    first: date
    last: date

    def previous(self, ledger: LedgerState) -> DayRange:
        """The range that ends on the day before.

        Before whole months of the user's calendar it has as many months, so before a quarter it is
        a quarter. Else it has as many days.
        """
        end = self.last + DAY
        month_start = ledger.calendar.month_start
        if self.first.day == end.day == month_start:
            start = add_months(self.first, -months_between(self.first, end))
        else:
            start = self.first - (end - self.first)
        return DayRange(start, self.first - DAY)

    def cut(self, period: str, ledger: LedgerState) -> Iterator[DayRange]:
        """The periods of these days; the first and the last are cut to the range."""
        kind = PERIODS[period]
        if kind is None:
            return
        first = self.first
        while first <= self.last:
            end = span_of(kind, first, ledger.calendar).end
            yield DayRange(first, min(end - DAY, self.last))
            first = end


@dataclass
class GroupTotals:
    """Minor units, and a number of transactions."""

    spending: int = 0
    income: int = 0
    count: int = 0

    def add(self, other: GroupTotals) -> None:
        self.spending += other.spending
        self.income += other.income
        self.count += other.count

    def to_dict(self) -> Sums:
        return {
            "spending": minor_text(self.spending),
            "income": minor_text(self.income),
            "net": minor_text(self.income - self.spending),
            "count": self.count,
        }


def periods_of(
    dates: DayRange, period: str, ledger: LedgerState, most: int
) -> list[DayRange] | None:
    """The periods of a range of days; None if there are more than `most`."""
    found: list[DayRange] = []
    for part in dates.cut(period, ledger):
        if len(found) == most:
            return None
        found.append(part)
    return found


def summarize(reading: Reading, spans: Sequence[DayRange], group_by: str | None) -> list[SpanDict]:
    """The totals of each range of days, with its groups if asked for, in one statement.

    Groups with the most spending come first. Raises LedgerOverflow if a total is beyond the range
    of exact numbers.
    """
    found = read_sums(reading, spans, group_by or "type")
    answers: list[SpanDict] = []
    for number, span in enumerate(spans):
        whole = GroupTotals()
        for amounts in found[number].values():
            whole.add(amounts)
        sums = whole.to_dict()
        answer: SpanDict = {
            "date_from": span.first.isoformat(),
            "date_to": span.last.isoformat(),
            "spending": sums["spending"],
            "income": sums["income"],
            "net": sums["net"],
            "count": sums["count"],
        }
        if group_by:
            answer["groups"] = groups_of(found[number])
        answers.append(answer)
    return answers


def groups_of(found: dict[str, GroupTotals]) -> list[GroupDict]:
    ordered = sorted(found.items(), key=lambda item: (-item[1].spending, item[0]))
    return [{"name": name, **amounts.to_dict()} for name, amounts in ordered if amounts.count]


def read_sums(
    reading: Reading, spans: Sequence[DayRange], group_by: str
) -> dict[int, dict[str, GroupTotals]]:
    """Totals by the number of the range and the name of the group, in one statement."""
    ledger = reading.ledger
    params: list[Any] = []
    for number, span in enumerate(spans):
        for part in parts_of(span.first, span.last + DAY, ledger.calendar.month_start):
            params += [number, *part]
    statement = sql.summary(len(params) // 4, group_by)
    found: dict[int, dict[str, GroupTotals]] = defaultdict(dict)
    with exact_sums():
        rows = reading.rows(statement, [*params, ledger.user_id])
    for number, name, spending, income, count in rows:
        found[number][name] = GroupTotals(int(spending), int(income), int(count))
    return found
