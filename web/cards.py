"""A limit as a card: what is spent and left of it, and its state, in the reader's words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from django.utils.translation import gettext, ngettext

from budget.answers.overview import left_per_day
from budget.answers.shapes import CurrentDict, DescribedThreshold, JudgedConditionDict
from budget.models.threshold import ConditionDict
from web.bars import Bar, bar_of
from web.states import State, bound_words, level_state, measure_words
from web.words import day_words, money_words, number_words, period_words

AT_ONCE = ("gte", "gt")


@dataclass
class Part:
    """A condition of a combination. holds: None where it is not judged."""

    words: str
    total: str
    state: State | None
    bar: Bar | None


@dataclass
class Card:
    """figure: the large number, of what; facts: a line each, below the bar."""

    id: int
    name: str
    what: str
    state: State
    figure: str = ""
    of: str = ""
    bar: Bar | None = None
    bar_words: str = ""
    facts: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)


def card_of(threshold: DescribedThreshold, currency: str) -> Card:
    """The card of a limit. currency: of the user's amounts."""
    return Maker(threshold, currency).card()


@dataclass
class Maker:
    threshold: DescribedThreshold
    currency: str

    def amount(self, text: Decimal | str, measure: str) -> str:
        """A total or a limit of a measure: money, or a number of expenses."""
        return amount_words(text, measure, self.currency)

    def card(self) -> Card:
        threshold, current = self.threshold, self.threshold["current"]
        card = Card(threshold["id"], threshold["name"], self.what(), self.off())
        if threshold["match"]:
            self.combine(card, current)
        elif current is None:
            self.single(card)
        else:
            self.measured(card, current)
        if not threshold["enabled"]:
            card.state = self.off()
        return card

    def off(self) -> State:
        return State("off", gettext("switched off"))

    def what(self) -> str:
        """What is watched, when: "Food · March 2018"."""
        current, days = self.threshold["current"], self.threshold["days"]
        where = self.threshold["category"] or gettext("all categories")
        if self.threshold["match"]:
            where = ""
        when = gettext("each transaction")
        if current is not None:
            start, end = period_of(current)
            rolling = self.threshold["type"] == "rolling"
            when = period_words(None if rolling else start, end, days)
        return " · ".join(filter(None, (where, when)))

    def single(self, card: Card) -> None:
        """A limit on each transaction: nothing adds up."""
        operator, measure = self.threshold["operator"] or "gte", self.threshold["measure"] or ""
        card.figure = self.amount(self.threshold["amount"] or "0", measure)
        card.state = State("ok", gettext("watching"))
        bound = bound_words(operator, card.figure)
        card.facts.append(gettext("An alert for each one of %(bound)s.") % {"bound": bound})

    def measured(self, card: Card, current: CurrentDict) -> None:
        """A limit on a sum, with its total, its limit and its levels."""
        operator, measure = self.threshold["operator"] or "gte", self.threshold["measure"] or ""
        total, limit = Decimal(current["total"] or 0), Decimal(current["limit"] or 0)
        forecast = current["forecast"]
        projected = None if forecast is None else Decimal(forecast["projected"])
        card.figure = self.amount(total, measure)
        card.of = gettext("of %(limit)s %(measure)s") % {
            "limit": self.amount(limit, measure),
            "measure": measure_words(measure),
        }
        levels = self.threshold["levels"] if operator in AT_ONCE else [100]
        card.bar = bar_of(total, limit, levels, projected)
        card.bar_words = f"{card.figure} {card.of}"
        if operator in AT_ONCE:
            card.state = level_state(current["level_reached"], operator)
            card.facts += self.left(current, total, limit, measure)
        else:
            card.state = self.closing(operator, total, limit)
            card.facts.append(self.judged_later(current, operator, measure))
        if projected is not None:
            card.facts.append(self.heading_for(current, projected))
        if (carried := current["carried"]) is not None and Decimal(carried):
            words = gettext("%(amount)s carried over from before")
            card.facts.append(words % {"amount": self.amount(carried, measure)})

    def left(self, current: CurrentDict, total: Decimal, limit: Decimal, measure: str) -> list[str]:
        """What is left, and how much that is a day; or how far it is past."""
        if total >= limit:
            over = self.amount(total - limit, measure)
            return [gettext("%(amount)s over") % {"amount": over}] if total > limit else []
        facts = [gettext("%(amount)s left") % {"amount": self.amount(limit - total, measure)}]
        a_day = left_per_day(current)
        if measure == "spending" and self.threshold["type"] != "rolling" and a_day is not None:
            _start, end = period_of(current)
            days = (end - date.fromisoformat(current["as_of"])).days
            words = ngettext(
                "%(amount)s a day for %(days)s day", "%(amount)s a day for %(days)s days", days
            )
            facts.append(words % {"amount": self.amount(a_day, measure), "days": days})
        return facts

    def closing(self, operator: str, total: Decimal, limit: Decimal) -> State:
        """A limit that is judged when its period is over: what it would be now."""
        if {"lte": total <= limit, "lt": total < limit, "eq": total == limit}[operator]:
            return State("near", gettext("alert if it stays so"))
        return State("ok", gettext("no alert as it is"))

    def judged_later(self, current: CurrentDict, operator: str, measure: str) -> str:
        bound = bound_words(operator, self.amount(current["limit"] or "0", measure))
        last = period_of(current)[1] - timedelta(days=1)
        words = gettext("Judged after %(day)s: an alert for %(bound)s.")
        return words % {"day": day_words(last), "bound": bound}

    def heading_for(self, current: CurrentDict, projected: Decimal) -> str:
        last = period_of(current)[1] - timedelta(days=1)
        amount = money_words(projected, self.currency)
        return gettext("heading for %(amount)s by %(day)s") % {
            "amount": amount,
            "day": day_words(last),
        }

    def combine(self, card: Card, current: CurrentDict | None) -> None:
        """A combination: each condition with its own total."""
        judged: Sequence[JudgedConditionDict] = [] if current is None else current["conditions"]
        card.parts = [self.part(one) for one in judged] or [
            self.watched(one) for one in self.threshold["conditions"]
        ]
        holding = sum(one["holds"] for one in judged)
        card.figure = gettext("%(n)s of %(all)s conditions hold") % {
            "n": holding,
            "all": len(card.parts),
        }
        every = self.threshold["match"] == "all"
        card.of = (
            gettext("an alert if all of them do") if every else gettext("an alert if one does")
        )
        reached = current is not None and current["level_reached"] is not None
        if reached:
            card.state = State("over", gettext("reached"))
        elif holding:
            card.state = State("near", gettext("in part"))
        else:
            card.state = State("ok", gettext("not reached"))

    def part(self, one: JudgedConditionDict) -> Part:
        measure = one["measure"]
        holds = (
            State("near", gettext("holds")) if one["holds"] else State("ok", gettext("does not"))
        )
        bar = bar_of(Decimal(one["total"]), Decimal(one["amount"]), [100])
        total = f"{self.amount(one['total'], measure)} {measure_words(measure)}"
        return Part(self.condition_words(one), total, holds, bar)

    def watched(self, one: ConditionDict) -> Part:
        return Part(self.condition_words(one), measure_words(one["measure"]), None, None)

    def condition_words(self, one: ConditionDict) -> str:
        where = one["category"] or gettext("all categories")
        bound = bound_words(one["operator"], self.amount(one["amount"], one["measure"]))
        return f"{where}: {bound}"


def period_of(current: CurrentDict) -> tuple[date, date]:
    """The first day of a period and the first day after it."""
    return date.fromisoformat(current["period_start"]), date.fromisoformat(current["period_end"])


def amount_words(text: Decimal | str, measure: str, currency: str) -> str:
    """A total or a limit of a measure, as people write it."""
    if measure == "count":
        return number_words(Decimal(text), 0)
    return money_words(text, currency)
