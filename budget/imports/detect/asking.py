"""Questions about what a file leaves open, each with a real line read both ways."""

from __future__ import annotations

from collections.abc import Mapping

from budget.imports.detect.amounts import Amounts, style_of, value
from budget.imports.detect.dates import ORDERS, Dates
from budget.imports.reading import Choice, Hints, Question, Unclear
from budget.imports.rows import BadFile, BadLine
from budget.imports.values import AmountStyle, shown

DECIMALS = {".": "point", ",": "comma"}


def answer(hints: Hints, key: str, choices: Mapping[str, str]) -> str | None:
    """What a person has said, by what it stands for; None where it is still to be asked.

    choices: the values that may be said, each with what it stands for. Raises BadFile for another.
    """
    said = hints.answers.get(key)
    if said is None:
        return None
    if said in choices:
        return choices[said]
    raise BadFile([BadLine(1, f"--{key} {said}: it can be {' or '.join(choices)} here")])


def decimal_question(amounts: Amounts, styles: list[tuple[str, str]]) -> Question | None:
    """What to ask where two ways to read amounts differ."""
    found = amounts.differing(styles)
    if found is None:
        return None
    line, text = found
    readings: dict[str, str] = {}
    for marks in styles:
        amount = value(style_of(marks, amounts.symbols), text)
        readings.setdefault(DECIMALS[marks[0]], f"{text} is {amount}")
    asks = (
        f"Is the decimal mark a point or a comma? Line {line} has {shown(text)}, and no amount of "
        "the file tells."
    )
    return Question("decimal", asks, tuple(Choice(*each) for each in readings.items()))


def choose_decimal(amounts: Amounts, hints: Hints) -> tuple[tuple[str, str], Question | None]:
    """The marks of amounts, and what has to be asked first."""
    styles = amounts.styles()
    said = answer(hints, "decimal", {name: mark for mark, name in DECIMALS.items()})
    if said is not None:
        styles = [marks for marks in styles if marks[0] == said] or [
            (said, "," if said == "." else ".")
        ]
    return styles[0], decimal_question(amounts, styles) if len(styles) > 1 else None


def ask_decimal(amounts: Amounts, hints: Hints) -> AmountStyle:
    """How amounts are written. Raises Unclear where that has to be asked."""
    marks, question = choose_decimal(amounts, hints)
    if question:
        raise Unclear([question])
    return style_of(marks, amounts.symbols)


def choose_dates(dates: Dates, hints: Hints) -> tuple[list[str], Question | None]:
    """The formats of dates, [] if there are no dates, and what has to be asked first."""
    orders = dates.orders()
    said = answer(hints, "dates", {name: order for order, name in ORDERS.items()})
    if said is not None and orders:
        if said not in dates.all_orders():
            raise BadFile(
                [
                    BadLine(
                        1,
                        f"--dates {ORDERS[said]}: the dates cannot be read so, only "
                        f"{' or '.join(ORDERS[order] for order in orders)}",
                    )
                ]
            )
        orders = {said: dates.formats_by(said)}
    if not orders:
        return [], None
    found = dates.differing(orders) if len(orders) > 1 else None
    if found is None:
        return next(iter(orders.values())), None
    line, text = found
    days = dates.readings(text)
    has = f"Line {line} has {shown(text)}, and no date of the file tells."
    form = "%-d %B" if dates.since else "%-d %B %Y"
    choices = [
        Choice(ORDERS[order], f"{text} is {days[order][1]:{form}}")
        for order in orders
        if order in days
    ]
    return next(iter(orders.values())), Question(
        "dates", f"Which comes first in a date? {has}", tuple(choices)
    )
