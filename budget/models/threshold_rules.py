"""What must hold of a threshold, once for the API, the model and the admin.

Pure: fields go in, fields or problems come out; no database and no request. Fields have the names
of the API. A combined threshold has `conditions`, and None as amount, category, operator and
measure.

normalise() changes what the user did not ask for, so that it fits the rest. problems() then says
everything that is wrong.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

from django.core.exceptions import ValidationError
from django.db.models import TextChoices

from budget.judge.kinds import Match, Measure, Operator, PeriodType
from budget.judge.periods import MAX_DATE, MIN_DATE
from budget.models.money import MAX_AMOUNT, parse_amount
from lib.text import NAME_LENGTH

MAX_LEVELS = 10
MAX_PERCENT = 1000
MAX_DAYS = 366
MAX_CONDITIONS = 5


# Judged with every write; the other operators only when the period is over.
AT_ONCE = (Operator.GTE, Operator.GT)
# Types whose periods are never over.
WITHOUT_END = (PeriodType.ROLLING, PeriodType.TRANSACTION)
# Types with rollover and forecast.
LONG_PERIODS = (PeriodType.WEEKLY, PeriodType.MONTHLY, PeriodType.QUARTERLY, PeriodType.YEARLY)
OF_ONE_TRANSACTION = (Measure.SPENDING, Measure.INCOME)
# What conditions take the place of.
REPLACED = ("amount", "category", "operator", "measure")
# A null in these asks for the default.
NULL_IS_DEFAULT = ("levels", "match")

CHOICES: dict[str, type[TextChoices]] = {
    "type": PeriodType,
    "operator": Operator,
    "measure": Measure,
    "match": Match,
}

# What each field means, for the API's description and the admin's help.
MEANING = {
    "amount": "The amount of the threshold: 0 or more, in the user's currency, with at most two "
    "decimals; a whole number with measure count.",
    "type": "What is limited: every period of this length, the last `days` days (rolling), or "
    "each transaction.",
    "days": "How many days type rolling looks back, today included.",
    "category": "Only transactions of this category and of those below it count.",
    "operator": "gte (at least) and gt (more than) are judged with every write; lte (at most), "
    "lt (less than) and eq (exactly) when the period is over.",
    "measure": "spending: expenses minus refunds; income; net: income minus spending; count: the "
    "number of expenses.",
    "match": "Whether all conditions must hold, or any one of them.",
    "conditions": f"1 to {MAX_CONDITIONS} conditions in place of amount, category, operator and "
    "measure; they share the period.",
    "levels": "Whole percents of the limit (the amount plus the carry-over); each opens its own "
    "alert. Only 100 with conditions and with lte, lt and eq.",
    "starts_on": "With lte, lt and eq: periods that start on this day or later are judged.",
    "rollover": "Whether what a period leaves, or overspends, is carried over to the next; only "
    "with gte or gt, measure spending, and type weekly, monthly, quarterly or yearly.",
    "rollover_cap": "The most that is carried over, in either direction.",
    "rollover_from": "A day in the first period that carries over.",
    "forecast": "Whether an alert also opens when the total is expected to pass the limit; only "
    "where rollover is possible.",
    "enabled": "Whether it opens alerts.",
}

REQUIRED = "Required, unless there are conditions."
IN_CONDITIONS = "Set it in each condition instead."
WHOLE = "Must be a whole number with measure count."
CANNOT_CARRY = (
    "Only with operator gte or gt, measure spending, and type weekly, monthly, quarterly or yearly."
)

Fields = dict[str, Any]
# Where, as a path such as ("conditions", 1, "amount"), and what is wrong there.
Path = tuple[str | int, ...]
Problem = tuple[Path, str]


class Part(Protocol):
    """A condition, stored or sent."""

    measure: str
    operator: str
    amount: Decimal


def default_levels() -> list[int]:
    return [80, 100]


def normalise(fields: Mapping[str, Any], sent: Collection[str]) -> Fields:
    """Fields in which everything that was not sent fits the rest.

    sent: the names that the user has set; those stay as they are. type, conditions, and operator
    and measure of a simple threshold always stay, because they say what is judged.
    """
    combined, closing = bool(fields["conditions"]), is_closing(fields)
    fitting: Fields = {}
    if combined:
        fitting = {**dict.fromkeys(REPLACED), "match": fields["match"] or Match.ALL}
    else:
        fitting["match"] = None
        fitting["operator"] = fields["operator"] or Operator.GTE
        fitting["measure"] = fields["measure"] or Measure.SPENDING
    if fields["type"] != PeriodType.ROLLING:
        fitting["days"] = None
    if not closing:
        fitting["starts_on"] = None
    fitting["levels"] = [100] if combined or closing else fields["levels"] or default_levels()
    if not can_carry(fields):
        fitting |= {"rollover": False, "forecast": False}
    if not {**fields, **unsent(fitting, fields, sent)}["rollover"]:
        fitting |= {"rollover_cap": None, "rollover_from": None}
    return {**fields, **unsent(fitting, fields, sent)}


def unsent(fitting: Fields, fields: Mapping[str, Any], sent: Collection[str]) -> Fields:
    """The values of fields that were not sent, or sent as null where that is the default."""
    return {
        name: value
        for name, value in fitting.items()
        if name not in sent or (fields[name] is None and name in NULL_IS_DEFAULT)
    }


def problems(fields: Mapping[str, Any], sent: Collection[str] | None = None) -> list[Problem]:
    """Everything that is wrong with a threshold.

    sent: where two fields contradict each other, the problem is placed at the one that was sent;
    None: all were.
    """
    return [
        *of_values(fields),
        *(of_combined(fields) if fields["conditions"] else of_simple(fields, sent)),
        *of_type(fields, sent),
        *of_levels(fields),
        *of_rollover(fields),
    ]


def of_values(fields: Mapping[str, Any]) -> Iterator[Problem]:
    """Values that no threshold has."""
    if not 1 <= len(fields["name"]) <= NAME_LENGTH:
        yield ("name",), f"Must have 1 to {NAME_LENGTH} characters."
    for name in CHOICES:
        if (found := not_a_choice(name, fields[name])) is not None:
            yield (name,), found
    if fields["days"] is not None and not 1 <= fields["days"] <= MAX_DAYS:
        yield ("days",), f"Must be a whole number from 1 to {MAX_DAYS}."
    for name in ("amount", "rollover_cap"):
        if (found := not_an_amount(fields[name])) is not None:
            yield (name,), found
    for name in ("starts_on", "rollover_from"):
        if (day := fields[name]) is not None and not MIN_DATE <= day <= MAX_DATE:
            yield (name,), f"Must be from {MIN_DATE} to {MAX_DATE}."


def of_combined(fields: Mapping[str, Any]) -> Iterator[Problem]:
    for name in REPLACED:
        if fields[name] is not None:
            yield (name,), IN_CONDITIONS
    conditions: Sequence[Part] = fields["conditions"]
    if len(conditions) > MAX_CONDITIONS:
        yield ("conditions",), f"Must have at most {MAX_CONDITIONS} conditions."
    for position, part in enumerate(conditions):
        found = {
            "operator": not_a_choice("operator", part.operator),
            "measure": not_a_choice("measure", part.measure),
            "amount": not_an_amount(part.amount) or not_whole(part.amount, part.measure),
        }
        for name, text in found.items():
            if text is not None:
                yield ("conditions", position, name), text


def of_simple(fields: Mapping[str, Any], sent: Collection[str] | None) -> Iterator[Problem]:
    for name in ("amount", "operator", "measure"):
        if fields[name] is None:
            yield (name,), REQUIRED
    if fields["match"] is not None:
        yield ("match",), "Only with conditions."
    if not_an_amount(fields["amount"]) is None:
        found = not_whole(fields["amount"], fields["measure"])
        if found is not None:
            yield (first_sent(sent, "amount", "measure"),), found


def of_type(fields: Mapping[str, Any], sent: Collection[str] | None) -> Iterator[Problem]:
    """What cannot be judged in periods of the type."""
    type, closing = fields["type"], is_closing(fields)
    if type == PeriodType.ROLLING and fields["days"] is None:
        yield ("days",), "Required with type rolling."
    if type != PeriodType.ROLLING and fields["days"] is not None:
        yield ("days",), "Only with type rolling."
    if closing and type in WITHOUT_END:
        text = f"lte, lt and eq need a period that ends; type {type} has none."
        yield from ((place, text) for place in places_of_closing(fields, sent))
    if not closing and fields["starts_on"] is not None:
        yield ("starts_on",), "Only with lte, lt and eq."
    if type == PeriodType.TRANSACTION:
        if fields["conditions"]:
            yield (first_sent(sent, "conditions", "type"),), "Type transaction has no conditions."
        elif fields["measure"] not in (None, *OF_ONE_TRANSACTION):
            text = "Type transaction has measure spending or income."
            yield (first_sent(sent, "measure", "type"),), text


def of_levels(fields: Mapping[str, Any]) -> Iterator[Problem]:
    levels = fields["levels"]
    if not valid_levels(levels):
        text = f"Must be 1 to {MAX_LEVELS} distinct whole percents from 1 to {MAX_PERCENT}."
        yield ("levels",), text
    elif levels != [100] and fields["conditions"]:
        yield ("levels",), "Only level 100 with conditions."
    elif levels != [100] and is_closing(fields):
        yield ("levels",), "Only level 100 with lte, lt and eq."


def of_rollover(fields: Mapping[str, Any]) -> Iterator[Problem]:
    for name in ("rollover", "forecast"):
        if fields[name] and not can_carry(fields):
            yield (name,), CANNOT_CARRY
    for name in ("rollover_cap", "rollover_from"):
        if fields[name] is not None and not fields["rollover"]:
            yield (name,), "Only with rollover."


def first_sent(sent: Collection[str] | None, *names: str) -> str:
    """The field to blame: the first of some that was sent, else the last."""
    return next((name for name in names if sent is None or name in sent), names[-1])


def places_of_closing(fields: Mapping[str, Any], sent: Collection[str] | None) -> Iterator[Path]:
    """Where the operators are that need a period that ends."""
    if not fields["conditions"]:
        yield (first_sent(sent, "operator", "type"),)
    elif sent is not None and "conditions" not in sent:
        yield ("type",)
    else:
        for position, part in enumerate(fields["conditions"]):
            if part.operator not in AT_ONCE:
                yield "conditions", position, "operator"


def is_closing(fields: Mapping[str, Any]) -> bool:
    """Whether a threshold is judged when its period is over, and not before."""
    operators = [part.operator for part in fields["conditions"]] or [fields["operator"]]
    return any(operator not in AT_ONCE for operator in operators if operator is not None)


def can_carry(fields: Mapping[str, Any]) -> bool:
    """Whether rollover and forecast are possible."""
    operator, measure = fields["operator"] or Operator.GTE, fields["measure"] or Measure.SPENDING
    return not fields["conditions"] and carries_over(fields["type"], operator, measure)


def carries_over(type: str, operator: str, measure: str) -> bool:
    """Whether rollover and forecast are possible for a simple threshold of that kind."""
    return operator in AT_ONCE and measure == Measure.SPENDING and type in LONG_PERIODS


def not_a_choice(name: str, value: str | None) -> str | None:
    values = CHOICES[name].values
    return None if value is None or value in values else f"Must be one of {', '.join(values)}."


def not_an_amount(value: Any) -> str | None:
    """What is wrong with a limit, which is from 0 to 999999999999.99, or None for no limit."""
    if value is None:
        return None
    try:
        amount = parse_amount(value)
    except ValidationError as error:
        return str(error.messages[0])
    return None if amount >= 0 else f"Must be from 0 to {MAX_AMOUNT}."


def not_whole(amount: Any, measure: str | None) -> str | None:
    """What is wrong with an amount that counts transactions."""
    if amount is None or measure != Measure.COUNT or parse_amount(amount) % 1 == 0:
        return None
    return WHOLE


def valid_levels(levels: object) -> bool:
    """Whether these are 1 to 10 distinct whole percents from 1 to 1000."""
    return (
        isinstance(levels, list)
        and 1 <= len(levels) <= MAX_LEVELS
        and all(type(level) is int and 1 <= level <= MAX_PERCENT for level in levels)
        and len(set(levels)) == len(levels)
    )
