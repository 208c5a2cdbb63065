"""Spending and income between two dates, read from the rollups and never from the rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, NotRequired

from django.db import DEFAULT_DB_ALIAS, connections
from pydantic import Field
from typing_extensions import TypedDict

from budget.engine import statements
from budget.engine.rollups import exact_sums
from budget.engine.totals import parts_of
from budget.models import Category, LedgerState, PeriodType, TransactionType
from budget.models.money import from_minor
from budget.models.periods import DAY, span_of
from budget.models.shapes import DayText, MoneyText, shape

PERIODS: dict[str, str | None] = {
    "none": None,
    "day": PeriodType.DAILY,
    "week": PeriodType.WEEKLY,
    "month": PeriodType.MONTHLY,
    "quarter": PeriodType.QUARTERLY,
    "year": PeriodType.YEARLY,
}
GROUPS = ("category", "type")


MARKET = {"spending": "162.40", "income": "0.00", "net": "-162.40", "count": 2}
MARCH = {
    "date_from": "2018-03-01",
    "date_to": "2018-03-31",
    "spending": "162.40",
    "income": "2500.00",
    "net": "2337.60",
    "count": 3,
    "groups": [{"name": "Groceries", **MARKET}],
}


@shape(MARKET)
class Sums(TypedDict):
    """What some transactions come to."""

    spending: Annotated[MoneyText, Field(description="Expenses minus refunds.")]
    income: MoneyText
    net: Annotated[MoneyText, Field(description="Income minus spending.")]
    count: Annotated[int, Field(ge=0, description="All transactions, transfers included.")]


@shape({"name": "Groceries", **MARKET})
class GroupDict(Sums):
    """What one category or one transaction type has of a span."""

    name: Annotated[str, Field(description="The category's name, or the type's slug.")]


@shape(MARCH)
class SpanDict(Sums):
    """What the days of a span come to."""

    date_from: Annotated[DayText, Field(description="The first day.")]
    date_to: Annotated[DayText, Field(description="The last day, which counts, too.")]
    groups: NotRequired[
        Annotated[list[GroupDict], Field(description="With group_by; most spending first.")]
    ]


@shape({**MARCH, "previous": MARCH, "periods": []})
class SummaryDict(SpanDict):
    """What the days between two dates come to, as a whole and by period."""

    previous: Annotated[SpanDict, Field(description="As many days, up to the day before.")]
    periods: Annotated[list[SpanDict], Field(description="With period; empty ones included.")]


@dataclass(frozen=True)
class Dates:
    """Days of a span, both ends inclusive."""

    first: date
    last: date

    @property
    def previous(self) -> Dates:
        """As many days, up to the day before."""
        return Dates(self.first - (self.last - self.first) - DAY, self.first - DAY)

    def cut(self, period: str, ledger: LedgerState) -> Iterator[Dates]:
        """The periods that the days lie in, the first and the last one cut to them."""
        kind = PERIODS[period]
        if kind is None:
            return
        first = self.first
        while first <= self.last:
            end = span_of(kind, first, ledger.calendar).end
            yield Dates(first, min(end - DAY, self.last))
            first = end


@dataclass
class Amounts:
    """Minor units, and a number of transactions."""

    spending: int = 0
    income: int = 0
    count: int = 0

    def add(self, other: Amounts) -> None:
        self.spending += other.spending
        self.income += other.income
        self.count += other.count

    def to_dict(self) -> Sums:
        return {
            "spending": str(from_minor(self.spending)),
            "income": str(from_minor(self.income)),
            "net": str(from_minor(self.income - self.spending)),
            "count": self.count,
        }


def periods_of(dates: Dates, period: str, ledger: LedgerState, most: int) -> list[Dates] | None:
    """The periods of a span; None where there are more than `most`."""
    found: list[Dates] = []
    for part in dates.cut(period, ledger):
        if len(found) == most:
            return None
        found.append(part)
    return found


def summarize(
    ledger: LedgerState,
    spans: Sequence[Dates],
    group_by: str | None,
    database: str = DEFAULT_DB_ALIAS,
) -> list[SpanDict]:
    """What each span comes to, with its groups where they are asked for, in two queries at most.

    Groups stand in the order of their spending, most first. Raises LedgerOverflow where a sum
    leaves the range of exact numbers.
    """
    found = read(ledger, spans, group_by or "type", database)
    names = names_of(ledger.user_id, group_by, database) if group_by else {}
    answers: list[SpanDict] = []
    for number, span in enumerate(spans):
        whole = Amounts()
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
            answer["groups"] = groups_of(found[number], names)
        answers.append(answer)
    return answers


def groups_of(found: dict[int, Amounts], names: dict[int, str]) -> list[GroupDict]:
    ordered = sorted(found.items(), key=lambda item: (-item[1].spending, names[item[0]]))
    return [{"name": names[pk], **amounts.to_dict()} for pk, amounts in ordered if amounts.count]


def names_of(user_id: int, group_by: str, database: str) -> dict[int, str]:
    if group_by == "category":
        categories = Category.objects.using(database).filter(user_id=user_id)
        return dict(categories.values_list("pk", "name"))
    types = TransactionType.objects.using(database).filter(user_id=user_id)
    return dict(types.values_list("pk", "slug"))


def read(
    ledger: LedgerState, spans: Sequence[Dates], group_by: str, database: str
) -> dict[int, dict[int, Amounts]]:
    """Sums by the number of the span and the id of the group, in one query."""
    params: list[Any] = []
    for number, span in enumerate(spans):
        for part in parts_of(span.first, span.last + DAY, ledger.calendar.month_start):
            params += [number, *part]
    statement = statements.summary(len(params) // 4, group_by)
    found: dict[int, dict[int, Amounts]] = defaultdict(dict)
    with connections[database].cursor() as cursor, exact_sums():
        cursor.execute(statement, [*params, ledger.user_id])
        for number, group, spending, income, count in cursor.fetchall():
            found[number][group] = Amounts(int(spending), int(income), int(count))
    return found
