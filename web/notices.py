"""An alert as the page words it, from the API's own fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.utils.translation import gettext

from budget.answers.shapes import AlertDict, JudgedConditionDict, PartDict
from web.cards import amount_words
from web.states import State, bound_words, level_words, measure_words
from web.words import day_words, period_words, short_day_words

AT_ONCE = ("gte", "gt")


@dataclass(frozen=True)
class What:
    """What an alert's threshold measures; measure: of its total and limit. name: None for none."""

    name: str | None
    operator: str
    measure: str
    days: int | None
    currency: str


@dataclass(frozen=True)
class Row:
    """A transaction that counts for an alert. added: what it adds, in words."""

    day: str
    words: str
    category: str
    added: str


@dataclass
class Notice:
    """rows: the largest. put_off: acknowledged, or snoozed until later."""

    id: int
    name: str
    state: State
    figure: str
    when: str
    opened: datetime
    rows: list[Row]
    put_off: str = ""
    seen: bool = False


def notice_of(alert: AlertDict, what: What, parts: Sequence[PartDict], now: datetime) -> Notice:
    """An alert with its largest rows. now: by which a snooze is over or not."""
    notice = Notice(
        id=alert["id"],
        name=what.name or gettext("Your own alert"),
        state=state_of(alert, what),
        figure=figure_of(alert, what),
        when=when_of(alert, what),
        opened=datetime.fromisoformat(alert["opened_at"]),
        rows=[row_of(part, what) for part in parts],
    )
    notice.seen = alert["acknowledged_at"] is not None
    until = alert["snoozed_until"]
    if until is not None and datetime.fromisoformat(until) > now:
        day = day_words(datetime.fromisoformat(until).date())
        notice.put_off = gettext("later, on %(day)s") % {"day": day}
    elif notice.seen:
        notice.put_off = gettext("seen")
    return notice


def state_of(alert: AlertDict, what: What) -> State:
    """What an alert says, in a word or two."""
    if alert["status"] != "open":
        return State("off", gettext("resolved"))
    if alert["kind"] == "custom":
        return State("near", gettext("note"))
    if alert["kind"] == "forecast":
        return State("near", gettext("likely to be passed"))
    level = alert["level"] or 100
    if alert["conditions"]:
        return State("over", gettext("reached"))
    if what.operator not in AT_ONCE:
        return State("over", gettext("it has come to pass"))
    return State("near" if level < 100 else "over", level_words(level, what.operator))


def figure_of(alert: AlertDict, what: What) -> str:
    """The numbers of an alert now, such as "162.40 of 150.00 EUR spent"."""
    if alert["kind"] == "custom":
        return alert["message"]
    if alert["conditions"]:
        held = [one for one in alert["conditions"] if one["holds"]] or alert["conditions"]
        return ", ".join(condition_words(one, what.currency) for one in held)
    if alert["total"] is None or alert["limit"] is None:
        return ""
    total = amount_words(alert["total"], what.measure, what.currency)
    limit = amount_words(alert["limit"], what.measure, what.currency)
    said = {"total": total, "limit": limit, "measure": measure_words(what.measure)}
    if alert["kind"] == "forecast":
        return gettext("heading for %(total)s of %(limit)s") % said
    if what.operator not in AT_ONCE:
        return f"{total} {said['measure']}, {bound_words(what.operator, limit)}"
    return gettext("%(total)s of %(limit)s %(measure)s") % said


def condition_words(one: JudgedConditionDict, currency: str) -> str:
    """A condition of a combination with its total."""
    total = amount_words(one["total"], one["measure"], currency)
    bound = bound_words(one["operator"], amount_words(one["amount"], one["measure"], currency))
    where = f"{one['category']} " if one["category"] else ""
    return f"{where}{total} {measure_words(one['measure'])} ({bound})"


def when_of(alert: AlertDict, what: What) -> str:
    """The period of an alert in words."""
    if alert["kind"] == "custom":
        return ""
    start, end = alert["period_start"], alert["period_end"]
    if start is None or end is None:
        return period_words(None, None, what.days)
    return period_words(date.fromisoformat(start), date.fromisoformat(end), what.days)


def row_of(part: PartDict, what: What) -> Row:
    transaction = part["transaction"]
    added = next((one for one in part["adds"] if one is not None), "0")
    measure = what.measure
    # A count counts rows; what one of them cost says more.
    text = Decimal(transaction["amount"]) if measure == "count" else Decimal(added)
    return Row(
        day=short_day_words(date.fromisoformat(transaction["date"])),
        words=transaction["description"] or transaction["category"],
        category=transaction["category"],
        added=amount_words(text, "spending", what.currency),
    )
