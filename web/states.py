"""In which state a limit or an alert is: a word, a colour and a sign, never only a colour."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.translation import gettext


class State(NamedTuple):
    """kind: ok, near, over or off, which is the colour and the sign. words: what it says."""

    kind: str
    words: str


def level_state(level: int | None, operator: str) -> State:
    """Of a limit that is judged at once. level: the highest that is reached, percent of it."""
    if level is None:
        return State("ok", gettext("within the limit"))
    return State("near" if level < 100 else "over", level_words(level, operator))


def level_words(level: int, operator: str) -> str:
    """Such as "80 % reached": one row may reach several levels at once."""
    if operator == "gt":
        words = gettext("limit passed") if level == 100 else gettext("%(level)s %% passed")
    else:
        words = gettext("limit reached") if level == 100 else gettext("%(level)s %% reached")
    return words if level == 100 else words % {"level": level}


def bound_words(operator: str, amount: str) -> str:
    """What a total is compared with, such as "at most 150.00 EUR"."""
    words = {
        "gte": gettext("at least %(amount)s"),
        "gt": gettext("more than %(amount)s"),
        "lte": gettext("at most %(amount)s"),
        "lt": gettext("less than %(amount)s"),
        "eq": gettext("exactly %(amount)s"),
    }
    return words[operator] % {"amount": amount}


def measure_words(measure: str) -> str:
    """What a total is of."""
    words = {
        "spending": gettext("spent"),
        "income": gettext("earned"),
        "net": gettext("net"),
        "count": gettext("expenses"),
    }
    return words[measure]
