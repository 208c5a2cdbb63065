"""From what a client sends of a threshold to the threshold that it means.

Which fields there are depends on the others: a field that was sent and does not go with the rest is
refused; one that was not sent and no longer fits falls to its default. What the threshold judges
(type, operator, measure, conditions) never falls: then the field that was sent is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from budget.http import ApiError, Problem, wrong
from budget.http.problems import FieldError, pointer
from budget.models import Category, Condition, Match, Measure, Operator, PeriodType, Threshold
from budget.models.threshold import (
    AT_ONCE,
    WHOLE,
    WITHOUT_END,
    carries_over,
    default_levels,
    no_end,
)
from budget.schemas import ThresholdBody

Fields = dict[str, Any]
Misfit = tuple[tuple[str | int, ...], str]
# What finds the user's category of a name, which stands at a place in the body.
Finder = Callable[..., Category]


def draft(threshold: Threshold, body: ThresholdBody, find: Finder) -> Threshold:
    """Give a threshold what was sent, unsaved. Raises ApiError 422 with all that does not fit."""
    given = body.to_store()
    fields = {**stored(threshold), **given} if body.partial else given
    errors = [*misfits(fields, body.model_fields_set)]
    if errors:
        raise misfit(*errors)
    fill(threshold, fitted(fields, given), find)
    return threshold


def misfit(*errors: Misfit) -> ApiError:
    told: list[FieldError] = [
        {"detail": detail, "pointer": pointer(*place)} for place, detail in errors
    ]
    return wrong(Problem.VALIDATION, told)


def stored(threshold: Threshold) -> Fields:
    """What of a threshold decides over the fields that are sent, by the names that the API takes.

    Its conditions as they are; those that are sent have the same operator, measure and amount.
    """
    simple = not threshold.match
    return {
        "amount": threshold.amount if simple else None,
        "type": threshold.type,
        "days": threshold.days,
        "operator": threshold.operator if simple else None,
        "measure": threshold.measure if simple else None,
        "conditions": threshold.parts(),
        "levels": threshold.levels,
        "rollover": threshold.rollover,
    }


def is_closing(fields: Fields) -> bool:
    """Whether it is judged when its period is over."""
    operators = [part.operator for part in fields["conditions"]] or [fields["operator"]]
    return any(operator not in AT_ONCE for operator in operators if operator is not None)


def can_carry(fields: Fields) -> bool:
    """Whether rollover and forecast go with the rest."""
    return not fields["conditions"] and carries_over(
        fields["type"],
        fields["operator"] or Operator.GTE,
        fields["measure"] or Measure.SPENDING,
    )


def misfits(fields: Fields, sent: Collection[str]) -> Iterator[Misfit]:
    """Everything that does not go together, with its place in the body."""
    if fields["conditions"]:
        yield from misfits_of_combination(fields, sent)
    else:
        yield from misfits_of_simple(fields, sent)
    yield from misfits_of_type(fields, sent)
    if fields["days"] is not None and fields["type"] != PeriodType.ROLLING and "days" in sent:
        yield ("days",), "Goes with type rolling."
    if fields["levels"] not in (None, [100]) and "levels" in sent:
        if fields["conditions"]:
            yield ("levels",), "A combination has level 100 only."
        elif is_closing(fields):
            yield ("levels",), "With lte, lt and eq there is level 100 only."
    if "starts_on" in sent and fields["starts_on"] is not None and not is_closing(fields):
        yield ("starts_on",), "Goes with lte, lt and eq."
    for name in ("rollover", "forecast"):
        if name in sent and fields[name] and not can_carry(fields):
            yield (name,), "Goes with gte or gt on spending, in weeks or longer periods."
    for name in ("rollover_cap", "rollover_from"):
        if name in sent and fields[name] is not None and not fields["rollover"]:
            yield (name,), "Goes with rollover."


def misfits_of_combination(fields: Fields, sent: Collection[str]) -> Iterator[Misfit]:
    for name in ("amount", "category", "operator", "measure"):
        if name in sent and fields[name] is not None:
            yield (name,), "Stands in each of the conditions."
    for position, part in enumerate(fields["conditions"]):
        if part.measure == Measure.COUNT and part.amount % 1:
            yield ("conditions", position, "amount"), WHOLE


def misfits_of_simple(fields: Fields, sent: Collection[str]) -> Iterator[Misfit]:
    if fields["amount"] is None:
        yield ("amount",), "This field is required, unless there are conditions."
    if "match" in sent and fields["match"] is not None:
        yield ("match",), "Goes with conditions."
    if fields["measure"] == Measure.COUNT and (fields["amount"] or 0) % 1:
        yield ("amount" if "amount" in sent else "measure",), WHOLE


def misfits_of_type(fields: Fields, sent: Collection[str]) -> Iterator[Misfit]:
    """What cannot be judged in periods of the type."""
    if fields["type"] == PeriodType.ROLLING and fields["days"] is None:
        yield ("days",), "This field is required with type rolling."
    if fields["type"] in WITHOUT_END and is_closing(fields):
        detail = no_end(fields["type"])
        yield from ((place, detail) for place in places_of_closing(fields, sent))
    if fields["type"] == PeriodType.TRANSACTION:
        if fields["conditions"]:
            place = "conditions" if "conditions" in sent else "type"
            yield (place,), "A single transaction has no conditions."
        elif fields["measure"] in (Measure.NET, Measure.COUNT):
            place = "measure" if "measure" in sent else "type"
            yield (place,), "A single transaction is measured by spending or income."


def places_of_closing(fields: Fields, sent: Collection[str]) -> Iterator[tuple[str | int, ...]]:
    """Where the operators are that need an end, as far as they were sent."""
    if "conditions" in sent and fields["conditions"]:
        for position, part in enumerate(fields["conditions"]):
            if part.operator not in AT_ONCE:
                yield "conditions", position, "operator"
    else:
        yield ("operator" if "operator" in sent else "type",)


def fitted(fields: Fields, given: Fields) -> Fields:
    """The columns to set: what was given, and what falls to its default because of it.

    Of a combination the model itself sets what the conditions take the place of. Where it begins
    stays as it is if nothing is said of it, and so does the slug.
    """
    kept = ("slug", "starts_on", "rollover_from", "amount", "operator", "measure")
    values = {name: value for name, value in given.items() if value is not None or name not in kept}
    if "match" in values:
        values["match"] = values["match"] or (Match.ALL if fields["conditions"] else "")
    if fields["conditions"] or is_closing(fields):
        values["levels"] = [100]
    elif fields["levels"] is None:
        values["levels"] = default_levels()
    if not can_carry(fields):
        values |= {"rollover": False, "forecast": False}
    return values


def fill(threshold: Threshold, values: Fields, find: Finder) -> None:
    """Set columns of a threshold, and its conditions where there are or have been any."""
    conditions = values.pop("conditions", None)
    if not (conditions or threshold.match):
        conditions = None
    if values.get("category") is not None:
        values["category"] = find(values["category"], "category")
    for name, value in values.items():
        setattr(threshold, name, value)
    if conditions is None:
        return
    threshold.new_conditions = [
        Condition(
            category=None
            if part.category is None
            else find(part.category, "conditions", position, "category"),
            measure=part.measure,
            operator=part.operator,
            amount=part.amount,
        )
        for position, part in enumerate(conditions)
    ]
