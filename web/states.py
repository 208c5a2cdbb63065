"""In which state a limit or an alert is: a word, a colour and a sign, never only a colour."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.translation import gettext, gettext_lazy


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


BOUNDS = {
    "gte": gettext_lazy("at least %(amount)s"),
    "gt": gettext_lazy("more than %(amount)s"),
    "lte": gettext_lazy("at most %(amount)s"),
    "lt": gettext_lazy("less than %(amount)s"),
    "eq": gettext_lazy("exactly %(amount)s"),
}
MEASURES = {
    "spending": gettext_lazy("spent"),
    "income": gettext_lazy("earned"),
    "net": gettext_lazy("net"),
    "count": gettext_lazy("expenses"),
}


def bound_words(operator: str, amount: str) -> str:
    """What a total is compared with, such as "at most 150.00 EUR"."""
    return str(BOUNDS[operator]) % {"amount": amount}


def measure_words(measure: str) -> str:
    """What a total is of."""
    return str(MEASURES[measure])
