"""What a user reads of an alert: one sentence, with the current numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from budget.answers.alert_rows import AlertRow
from budget.answers.shapes import ForecastDict, JudgedConditionDict
from budget.judge.judgement import FORECAST_LEVEL, Rule
from budget.judge.periods import ROLLING_START
from budget.models import AlertStatus, Cause, Match, Measure, Operator
from budget.models.money import amount_text
from budget.models.threshold_rules import AT_ONCE


class Figures(NamedTuple):
    """The numbers that an alert shows. measure: of its total and limit.

    total, limit: as the API shows them; None for a combination, whose conditions have their own.
    """

    measure: str
    total: str | None = None
    limit: str | None = None
    percent: int | None = None
    conditions: Sequence[JudgedConditionDict] = ()
    forecast: ForecastDict | None = None


class Episode(NamedTuple):
    """The last time that a resolved alert was open: its total and limit when it opened, in minor
    units, and why it ended."""

    total: int | None
    limit: int | None
    cause: str


class AlertFacts(NamedTuple):
    """What the sentence of an alert is made from.

    rule: the threshold, in the alert's revision. episode: of a resolved alert, the last one. past:
    the revision was not kept, so that the rule is the present one, and the figures are those of the
    last flip.
    """

    alert: AlertRow
    rule: Rule
    figures: Figures
    episode: Episode | None = None
    past: bool = False


NOUNS: dict[str, str] = {
    Measure.SPENDING: "spent",
    Measure.INCOME: "earned",
    Measure.NET: "net",
    Measure.COUNT: "expenses",
}
# Why an alert has resolved, where its numbers do not show it.
REASONS: dict[str, str] = {
    Cause.THRESHOLD_EDIT: " because the threshold was changed",
    Cause.THRESHOLD_DELETED: " because the threshold was deleted",
    Cause.CATEGORY_MERGE: " because categories were merged",
    Cause.CATEGORY_EDIT: " because categories were changed",
    Cause.SETTINGS: " because the settings were changed",
    Cause.PERIOD_END: " because the period is over",
}


def message_of(facts: AlertFacts) -> str:
    """The sentence of an alert, such as
    "Groceries: limit reached, 162.40 of 150.00 USD spent in March 2018, 108 %".

    No two open alerts of a threshold read alike.
    """
    alert, when = facts.alert, ""
    if alert.period_start is not None and alert.period_end is not None:
        when = period_name(alert.period_start, alert.period_end, facts.rule.days)
    if alert.status == AlertStatus.OPEN:
        return open_message(facts, when)
    return resolved_message(facts, when)


def open_message(facts: AlertFacts, when: str) -> str:
    alert, rule, figures = facts.alert, facts.rule, facts.figures
    name, level, total, limit = alert.name, alert.level, figures.total, figures.limit
    if total is None or limit is None:
        return f"{name}: {conditions_words(facts)}{when}"
    if level == FORECAST_LEVEL:
        return f"{name}: {sum_words(facts, total, limit)} {when}{percent_words(figures)}"
    if rule.operator not in AT_ONCE:
        said = amount_words(facts, total, figures.measure)
        return f"{name}: {said} {when}, {bound_words(rule.operator, limit)}"
    if (level or 0) < 100 and figures.percent is not None and figures.percent < 100:
        name = f"{name}, approaching"
    reached, sums = level_words(level, rule.operator), sum_words(facts, total, limit)
    return f"{name}: {reached}, {sums} {when}{percent_words(figures)}"


def resolved_message(facts: AlertFacts, when: str) -> str:
    """What is read of a resolved alert: why, what it said when it opened, and how it is now."""
    figures, episode = facts.figures, facts.episode
    why = "" if episode is None else REASONS.get(episode.cause, "")
    now = "at its end" if facts.past else "now"
    head = f"{facts.alert.name}, ended{why}: {opened_words(facts)}{now}"
    if figures.total is None or figures.limit is None:
        return f"{head} {conditions_words(facts)}{when}"
    return f"{head} {sum_words(facts, figures.total, figures.limit)} {when}{percent_words(figures)}"


def opened_words(facts: AlertFacts) -> str:
    """What the alert said when it had opened."""
    episode, operator, measure = facts.episode, facts.rule.operator, facts.figures.measure
    if episode is None or episode.total is None or episode.limit is None:
        return ""
    total, limit = amount_text(episode.total, measure), amount_text(episode.limit, measure)
    if facts.alert.level == FORECAST_LEVEL or facts.past:
        return f"{sum_words(facts, total, limit)} when it opened; "
    if operator not in AT_ONCE:
        return f"{amount_words(facts, total, measure)}, {bound_words(operator, limit)}; "
    reached = level_words(facts.alert.level, operator)
    return f"{reached} at {total} of {limit}{unit_words(facts, measure)}; "


def sum_words(facts: AlertFacts, total: str, limit: str) -> str:
    """Such as "162.40 of 150.00 USD spent"."""
    measure = facts.figures.measure
    of = f"{total} of {limit}{unit_words(facts, measure)}"
    if facts.alert.level == FORECAST_LEVEL:
        return f"{of} forecast"
    if facts.alert.subject:
        return f"{of} in one transaction"
    return f"{of} {noun(measure, limit)}"


def amount_words(facts: AlertFacts, total: str, measure: str) -> str:
    """Such as "162.40 USD spent"."""
    return f"{total}{unit_words(facts, measure)} {noun(measure, total)}"


def unit_words(facts: AlertFacts, measure: str) -> str:
    return "" if measure == Measure.COUNT else f" {facts.alert.currency}"


def noun(measure: str, number: str) -> str:
    """What a total is of; number: the one that it follows."""
    return "expense" if measure == Measure.COUNT and number == "1" else NOUNS[measure]


def percent_words(figures: Figures) -> str:
    return "" if figures.percent is None else f", {figures.percent} %"


def conditions_words(facts: AlertFacts) -> str:
    """The conditions in words, with a comma at the end.

    If any of them is enough, only those that hold; if none holds, all of them.
    """
    shown, match = facts.figures.conditions, facts.rule.match
    if match == Match.ANY:
        shown = [one for one in shown if one["holds"]] or shown
    joined = (" and " if match == Match.ALL else " or ").join(
        condition_words(facts, one) for one in shown
    )
    return f"{joined}, " if shown else ""


def condition_words(facts: AlertFacts, one: JudgedConditionDict) -> str:
    """A condition with its total, such as "Restaurants 212.00 USD spent, more than 200.00"."""
    of = f"{one['category']} " if one["category"] else ""
    no = "" if one["holds"] else "not "
    total = amount_words(facts, one["total"], one["measure"])
    return f"{of}{total}, {no}{bound_words(one['operator'], one['amount'])}"


def level_words(level: int | None, operator: str) -> str:
    """Such as "80 % of the limit reached": one row may reach several levels at once."""
    verb = "passed" if operator == Operator.GT else "reached"
    return f"limit {verb}" if level == 100 else f"{level} % of the limit {verb}"


def bound_words(operator: str, limit: str) -> str:
    """Such as "at most 150.00"; "at least 0.00" holds above 0 only, so it reads "more than"."""
    if operator == Operator.GTE and not Decimal(limit):
        operator = Operator.GT
    return f"{Operator(operator).label} {limit}"


@lru_cache(maxsize=4096)
def period_name(start: date, end: date, days: int | None) -> str:
    """A period in words, by its own length: the threshold may have another type today.

    days: of a rolling window, if it is known.
    """
    if start == ROLLING_START:
        return f"in the last {days} days" if days else "in the last days"
    length = (end - start).days
    if length == 1:
        return f"on {day_name(start)}"
    if length == 7:
        return f"in the week of {day_name(start)}"
    if length <= 31:
        name = f"{start:%B} {start.year}"
    elif length <= 92:
        name = f"quarter {(start.month + 2) // 3} of {start.year}"
    else:
        name = f"{start.year}"
    return f"in {name}{days_within(start, end)}"


def day_name(day: date) -> str:
    return f"{day.day} {day:%B} {day.year}"


def days_within(start: date, end: date) -> str:
    """The first and last day of a period, where its name does not show them: its months begin on
    another day than the 1st."""
    if start.day == 1:
        return ""
    last = end - timedelta(days=1)
    first = day_name(start)
    if start.year == last.year:
        first = first.removesuffix(f" {start.year}")
    return f" ({first} to {day_name(last)})"
