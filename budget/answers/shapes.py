"""The shapes of the answers, each with an example, as the API's description shows them."""

from __future__ import annotations

from typing import Annotated, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from budget.engine.replay import MAX_FLIPS
from budget.models import AlertKind, AlertStatus, Cause, EventKind
from budget.models.threshold import ConditionDict, ThresholdDict
from budget.models.threshold_rules import MAX_PERCENT
from budget.models.transaction import TRANSACTION, TransactionDict
from lib.shapes import (
    MAX_SEQ,
    AmountText,
    DayText,
    Id,
    MomentText,
    MoneyText,
    UserId,
    shape,
    words,
)

AsOf = Annotated[DayText, Field(description="The user's day that the answer holds for.")]
PeriodEnd = Annotated[DayText, Field(description="The first day after the period.")]
Percent = Annotated[
    int, Field(description="The total as whole percent of the limit, rounded down.")
]
Level = Annotated[int, Field(ge=1, le=MAX_PERCENT)]
THEN = {"total": "162.40", "limit": "150.00", "at": "2018-03-05T18:02:11.482113Z"}
ALERT: dict[str, object] = {
    "id": 88,
    "user": 7,
    "kind": "threshold",
    "threshold": 3,
    "level": 100,
    "status": "open",
    "active": True,
    "message": "Groceries: limit reached, 162.40 of 150.00 USD spent in March 2018, 108 %",
    "period_start": "2018-03-01",
    "period_end": "2018-04-01",
    "total": "162.40",
    "limit": "150.00",
    "percent": 108,
    "then": THEN,
    "transaction": 1207,
    "opened_at": "2018-03-05T18:02:11.482113Z",
    "resolved_at": None,
    "acknowledged_at": None,
    "snoozed_until": None,
    "conditions": [],
    "forecast": None,
    "episodes": 1,
    "late": False,
    "as_of": "2018-03-05",
}
FORECAST = {
    "projected": "285.20",
    "spent": "92.00",
    "later": "0.00",
    "days_elapsed": 10,
    "days": 31,
    "formula": "92.00 * 31 / 10 + 0.00",
}
CURRENT: dict[str, object] = {
    "period_start": "2018-03-01",
    "period_end": "2018-04-01",
    "total": "162.40",
    "limit": "200.00",
    "carried": None,
    "remaining": "37.60",
    "percent": 81,
    "level_reached": 80,
    "conditions": [],
    "forecast": FORECAST,
    "as_of": "2018-03-05",
}


@shape(
    {
        "category": "Restaurants",
        "measure": "spending",
        "operator": "gt",
        "amount": "200.00",
        "total": "212.00",
        "holds": True,
    }
)
class JudgedConditionDict(ConditionDict):
    """A condition with its current total."""

    total: AmountText
    holds: bool


@shape(THEN)
class ThenDict(TypedDict):
    """The numbers of the last flip; null for a combination."""

    total: Annotated[
        AmountText | None, Field(description="The running total at the tipping transaction.")
    ]
    limit: AmountText | None
    at: MomentText


@shape(FORECAST)
class ForecastDict(TypedDict):
    """The projected total of an open period, with the numbers it is computed from."""

    projected: Annotated[
        MoneyText, Field(description="spent * days / days_elapsed + later, rounded half up.")
    ]
    spent: Annotated[MoneyText, Field(description="The total up to and including the user's day.")]
    later: Annotated[MoneyText, Field(description="The total of later days of the period.")]
    days_elapsed: Annotated[int, Field(ge=1, description="Today included.")]
    days: Annotated[int, Field(ge=1, description="The length of the period.")]
    formula: str


@shape(ALERT)
class AlertDict(TypedDict):
    """A level reached in one period (kind threshold), a limit likely to be passed (forecast), or
    the user's own message (custom).

    A custom alert has no period and no numbers: they are null. A rolling window has no first day.
    Of a combination total, limit and percent are null, and each condition has its own.
    """

    id: Id
    user: UserId
    kind: Annotated[str, words(AlertKind.values)]
    threshold: Annotated[Id | None, Field(description="The id of the threshold, if it has one.")]
    level: Annotated[
        Level | None,
        Field(description="The percent of the limit; null for a forecast."),
    ]
    status: Annotated[
        str, words(AlertStatus.values), Field(description="open as long as it is true.")
    ]
    active: Annotated[
        bool,
        Field(
            description="Open, and the user's day is in its period; for thresholds judged at the "
            "end of a period, in the next one."
        ),
    ]
    message: Annotated[
        str,
        Field(
            description="The sentence that the user reads, with the level and the current numbers. "
            "For a resolved alert also why it resolved, and the numbers when it opened."
        ),
    ]
    period_start: Annotated[DayText | None, Field(description="The first day of the period.")]
    period_end: PeriodEnd | None
    total: Annotated[
        AmountText | None,
        Field(description="The current total; of a forecast the projected one."),
    ]
    limit: Annotated[
        AmountText | None, Field(description="The current limit, carry-over included.")
    ]
    percent: Percent | None
    then: ThenDict | None
    transaction: Annotated[
        Id | None, Field(description="The id of the tipping transaction, while it exists.")
    ]
    opened_at: MomentText
    resolved_at: Annotated[MomentText | None, Field(description="null while it is open.")]
    acknowledged_at: Annotated[
        MomentText | None, Field(description="When the user acknowledged it.")
    ]
    snoozed_until: Annotated[
        MomentText | None, Field(description="Until when the user does not want to see it.")
    ]
    conditions: Annotated[
        list[JudgedConditionDict], Field(description="Of a combination; else empty.")
    ]
    forecast: Annotated[ForecastDict | None, Field(description="Of a forecast; else null.")]
    episodes: Annotated[int, Field(ge=1, description="How many times it has opened.")]
    late: Annotated[bool, Field(description="Opened when its period was already over.")]
    as_of: AsOf


@with_config(ConfigDict(extra="forbid"))
class FlippedDict(TypedDict):
    """The alerts that a write has opened and resolved, in their current state: up to 200 of each.

    The list of alerts has the others, and the change feed has all of them.
    """

    opened: list[AlertDict]
    resolved: list[AlertDict]
    more_opened: NotRequired[
        Annotated[int, Field(ge=1, description="How many it has opened besides those shown.")]
    ]
    more_resolved: NotRequired[
        Annotated[int, Field(ge=1, description="How many it has resolved besides those shown.")]
    ]


@shape(
    {
        "seq": 17,
        "kind": "opened",
        "cause": "transaction",
        "at": "2018-03-05T18:02:11.482113Z",
        "total": "162.40",
        "limit": "150.00",
        "transaction": 1207,
        "alert": ALERT,
    }
)
class EventDict(TypedDict):
    """Something that happened to an alert, and the alert's current state."""

    seq: Annotated[
        int,
        Field(
            ge=1,
            le=MAX_SEQ,
            description="The order of all events. Each is 1 more than the one before; after a "
            "restore of the service, more than 1.",
        ),
    ]
    kind: Annotated[str, words(EventKind.values)]
    cause: Annotated[str, words(Cause.values)]
    at: MomentText
    total: Annotated[
        AmountText | None, Field(description="The total then; null for a custom alert.")
    ]
    limit: Annotated[
        AmountText | None, Field(description="The limit then; null for a custom alert.")
    ]
    transaction: Annotated[
        Id | None,
        Field(
            description="opened: the tipping transaction. resolved: the transaction whose write "
            "resolved it, if it was a single one. Else null. It may have been deleted since."
        ),
    ]
    alert: AlertDict


@shape(CURRENT)
class CurrentDict(TypedDict):
    """The current period of a threshold; in a combination each condition has its own numbers."""

    period_start: DayText
    period_end: PeriodEnd
    total: Annotated[AmountText | None, Field(description="The total of the period so far.")]
    limit: Annotated[AmountText | None, Field(description="The amount plus the carry-over.")]
    carried: Annotated[
        MoneyText | None,
        Field(description="The carry-over of a rollover; may be negative. Else null."),
    ]
    remaining: Annotated[
        AmountText | None,
        Field(description="The limit minus the total; negative once it is passed."),
    ]
    percent: Percent | None
    level_reached: Annotated[
        Level | None,
        Field(
            description="The highest level reached now; null for thresholds judged at the end of a "
            "period."
        ),
    ]
    conditions: Annotated[
        list[JudgedConditionDict], Field(description="Of a combination; else empty.")
    ]
    forecast: Annotated[
        ForecastDict | None,
        Field(
            description="For spending in weeks or longer periods, once three days and a tenth of "
            "the period have passed. Else null."
        ),
    ]
    as_of: AsOf


@shape(
    {
        "id": 3,
        "user": 7,
        "name": "Eating out",
        "slug": "eating-out",
        "amount": "200.00",
        "type": "monthly",
        "days": None,
        "category": "Restaurants",
        "operator": "gte",
        "measure": "spending",
        "match": None,
        "conditions": [],
        "levels": [80, 100],
        "starts_on": None,
        "rollover": False,
        "rollover_cap": None,
        "rollover_from": None,
        "forecast": False,
        "enabled": True,
        "current": CURRENT,
    }
)
class DescribedThreshold(ThresholdDict):
    """A threshold: a limit for each period, or for each single transaction."""

    current: Annotated[CurrentDict | None, Field(description="null for type transaction.")]


# Explanations


SUM: dict[str, object] = {
    "category": "Food",
    "categories": ["Food", "Groceries", "Restaurants"],
    "measure": "spending",
    "operator": "gte",
    "amount": "150.00",
    "at_least": "150.00",
    "at_most": None,
    "total": "162.40",
    "holds": True,
}


@shape(SUM)
class SumDict(TypedDict):
    """One total that the alert depends on, and the range in which it holds, both ends included."""

    category: Annotated[str | None, Field(description="null if all categories count.")]
    categories: Annotated[
        list[str] | None, Field(description="The category and all below it, by name.")
    ]
    measure: str
    operator: str
    amount: Annotated[AmountText | None, Field(description="The limit, before levels.")]
    at_least: AmountText | None
    at_most: AmountText | None
    total: Annotated[AmountText, Field(description="What the transactions in `items` add up to.")]
    holds: Annotated[
        bool | None, Field(description="null for a forecast, which judges the projected total.")
    ]


@shape(
    {
        "period_start": "2018-02-01",
        "period_end": "2018-03-01",
        "limit": "150.00",
        "total": "120.00",
        "carried": "30.00",
    }
)
class CarriedDict(TypedDict):
    """An earlier period, and what it carries over to the next one."""

    period_start: DayText
    period_end: PeriodEnd
    limit: MoneyText
    total: MoneyText
    carried: MoneyText


@shape({"transaction": TRANSACTION, "adds": ["162.40"]})
class PartDict(TypedDict):
    """A transaction that counts, and what it adds to each total."""

    transaction: TransactionDict
    adds: Annotated[
        list[AmountText | None],
        Field(description="In the order of `sums`; null if it does not count there."),
    ]


@shape(
    {
        "alert": ALERT,
        "period_start": "2018-03-01",
        "period_end": "2018-04-01",
        "time_zone": "Europe/Berlin",
        "match": None,
        "sums": [SUM],
        "carried": None,
        "forecast": None,
        "tipped_by": TRANSACTION,
        "edited": False,
        "version": 412,
        "items": [{"transaction": TRANSACTION, "adds": ["162.40"]}],
        "next": None,
    }
)
class ExplanationDict(TypedDict):
    """Why an alert is open or resolved. The `items` of all pages add up to the totals of `sums`."""

    alert: Annotated[
        AlertDict, Field(description="With its current numbers, and those of its last flip.")
    ]
    period_start: Annotated[
        DayText | None, Field(description="The first day that counts, also of a rolling window.")
    ]
    period_end: PeriodEnd | None
    time_zone: Annotated[str, Field(description="The time zone that days begin in.")]
    match: Annotated[str | None, Field(description="all or any for a combination, else null.")]
    sums: list[SumDict]
    carried: Annotated[
        list[CarriedDict] | None,
        Field(
            description="For a rollover the last 24 periods, in order; what earlier ones left is "
            "in the limit of the first. Else null."
        ),
    ]
    forecast: ForecastDict | None
    tipped_by: TransactionDict | None
    edited: Annotated[
        bool,
        Field(
            description="true if the threshold measures something else today. The alert is "
            "explained by what it measured then."
        ),
    ]
    version: Annotated[int, Field(ge=0, description="The ledger's version, the same on all pages.")]
    items: list[PartDict]
    next: Annotated[str | None, Field(description="The URL of the next page.")]


# Previews


FLIP: dict[str, object] = {
    "on": "2018-03-05",
    "kind": "opened",
    "cause": "transaction",
    "alert": "threshold",
    "period_start": "2018-03-01",
    "period_end": "2018-04-01",
    "level": 100,
    "total": "162.40",
    "limit": "150.00",
    "percent": 108,
    "conditions": [],
    "transaction": 1207,
    "late": False,
}


@shape(FLIP)
class PreviewFlipDict(TypedDict):
    """An alert that the threshold would have opened or resolved."""

    on: Annotated[DayText, Field(description="The day on which it would have flipped.")]
    kind: Annotated[str, words([EventKind.OPENED, EventKind.RESOLVED])]
    cause: Annotated[str, words([Cause.TRANSACTION, Cause.DAY, Cause.PERIOD_END])]
    alert: Annotated[str, words([AlertKind.THRESHOLD, AlertKind.FORECAST])]
    period_start: Annotated[DayText | None, Field(description="null for a rolling window.")]
    period_end: DayText | None
    level: Annotated[int, Field(ge=1, le=MAX_PERCENT)] | None
    total: Annotated[
        AmountText | None, Field(description="null for a combination, like the limit.")
    ]
    limit: AmountText | None
    percent: Percent | None
    conditions: Annotated[
        list[JudgedConditionDict], Field(description="Of a combination; else empty.")
    ]
    transaction: Annotated[
        Id | None, Field(description="The id of the transaction that would have caused it.")
    ]
    late: bool


@shape(
    {
        "date_from": "2018-01-01",
        "date_to": "2018-12-31",
        "transactions": 806,
        "open_before": 0,
        "opened": 1,
        "open": 1,
        "starts_on": None,
        "rollover_from": None,
        "flips": [FLIP],
    }
)
class PreviewDict(TypedDict):
    """The alerts that a threshold would have opened and resolved between two days, in order."""

    date_from: DayText
    date_to: DayText
    transactions: Annotated[
        int, Field(ge=0, description="How many there are between the two days.")
    ]
    open_before: Annotated[
        int,
        Field(
            ge=0,
            description="How many alerts of the period, or the rolling window, of the first day "
            "would already have been open.",
        ),
    ]
    opened: Annotated[int, Field(ge=0, description="How often an alert would have opened.")]
    open: Annotated[int, Field(ge=0, description="How many of them would be open at the end.")]
    starts_on: DayText | None
    rollover_from: DayText | None
    flips: Annotated[
        list[PreviewFlipDict],
        Field(
            description=f"In order, from `offset` on; at most {MAX_FLIPS:,}.",
            json_schema_extra={"maxItems": MAX_FLIPS},
        ),
    ]
    more_flips: NotRequired[
        Annotated[
            int,
            Field(
                ge=1, description="How many come after those in `flips`; read them with `offset`."
            ),
        ]
    ]


# Summaries


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
FEBRUARY = {**MARCH, "date_from": "2018-02-01", "date_to": "2018-02-28"}


@shape(MARKET)
class Sums(TypedDict):
    """The totals of some transactions."""

    spending: Annotated[MoneyText, Field(description="Expenses minus refunds.")]
    income: MoneyText
    net: Annotated[MoneyText, Field(description="Income minus spending.")]
    count: Annotated[int, Field(ge=0, description="All transactions, transfers included.")]


@shape({"name": "Groceries", **MARKET})
class GroupDict(Sums):
    """The totals of one category or one transaction type."""

    name: Annotated[str, Field(description="The category's name, or the type's slug.")]


@shape(MARCH)
class SpanDict(Sums):
    """The totals of some days."""

    date_from: Annotated[DayText, Field(description="The first day.")]
    date_to: Annotated[DayText, Field(description="The last day, included.")]
    groups: NotRequired[
        Annotated[list[GroupDict], Field(description="Only with `group_by`; most spending first.")]
    ]


@shape({**MARCH, "previous": FEBRUARY, "periods": []})
class SummaryDict(SpanDict):
    """The totals between two dates, as a whole and by period."""

    previous: Annotated[
        SpanDict,
        Field(
            description="The days before, for comparison: as many months if the dates are whole "
            "months, quarters or years; else as many days."
        ),
    ]
    periods: Annotated[
        list[SpanDict], Field(description="Only with `period`; empty ones included.")
    ]
