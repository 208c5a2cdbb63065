"""A threshold's rules: one wording for API and model, and the database refuses the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import reduce
from itertools import chain, combinations
from operator import or_
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, models, transaction
from hypothesis import given
from hypothesis import strategies as st

from budget.judge.kinds import Match, Measure, Operator
from budget.models import Condition, PeriodType, Threshold
from budget.models.money import MAX_AMOUNT, to_minor
from budget.models.threshold_rules import REPLACED, Fields, normalise, problems
from budget.tests.base import ApiTestCase
from budget.tests.people import combine, limit, make_user

DAY = date(2018, 3, 1)
SIMPLE: Fields = {
    "name": "Food",
    "amount": Decimal("100.00"),
    "type": "monthly",
    "days": None,
    "category": None,
    "operator": "gte",
    "measure": "spending",
    "match": None,
    "conditions": [],
    "levels": [100],
    "starts_on": None,
    "rollover": False,
    "rollover_cap": None,
    "rollover_from": None,
    "forecast": False,
}
PART = Condition(measure="spending", operator="gte", amount=Decimal(5))
CLOSING_PART = Condition(measure="net", operator="lt", amount=Decimal(5))
COMBINED: Fields = SIMPLE | dict.fromkeys(REPLACED) | {"match": "all", "conditions": [PART]}
# One change or two of these to a threshold that is right.
CHANGES: tuple[Fields, ...] = (
    *({"type": name} for name in ("daily", "weekly", "rolling", "transaction", "hourly")),
    *({"days": days} for days in (0, 1, 366, 367)),
    *({"operator": name} for name in ("gt", "lte", "ne")),
    *({"measure": name} for name in ("income", "count", "mean")),
    *({"amount": amount} for amount in (Decimal(0), Decimal(-1), MAX_AMOUNT, MAX_AMOUNT + 1)),
    {"rollover": True, "rollover_from": DAY},
    *(
        {"rollover": True, "rollover_from": DAY, "rollover_cap": cap}
        for cap in (Decimal(5), Decimal(-1), MAX_AMOUNT + 1)
    ),
    {"rollover_from": DAY},
    {"rollover_cap": Decimal(5)},
    {"forecast": True},
)
# What no constraint of the database says.
UNSAID = (
    "lte, lt and eq need",
    "Must be a whole number with measure count",
    "Type transaction has",
)
# What only the model knows.
ELSEWHERE = {"budget_threshold_slug", "budget_threshold_revision", "budget_condition_position"}


def changed(base: Fields) -> Iterator[Fields]:
    """A threshold that is right, with no change, one and two."""
    # The columns that conditions replace hold their defaults, whatever is sent.
    fixed = dict.fromkeys(REPLACED) if base["conditions"] else {}
    for count in range(3):
        for changes in combinations(CHANGES, count):
            yield reduce(or_, changes, base) | fixed


def columns_of(fields: Fields) -> dict[str, Any]:
    """What an UPDATE sets for the fields, in the database's own units."""
    threshold = Threshold()
    threshold.set_fields(fields)
    names = fields.keys() - {"name", "category", "conditions", "levels"}
    columns = {name: getattr(threshold, name) for name in sorted(names)}
    columns["amount"] = to_minor(threshold.amount)
    if threshold.rollover_cap is not None:
        columns["rollover_cap"] = to_minor(threshold.rollover_cap)
    return columns


def refused_by(model: type[models.Model], pk: int, columns: dict[str, Any]) -> str | None:
    """The check constraint that refuses an UPDATE; None: it may be."""
    names = ", ".join(f"{name} = %s" for name in columns)
    statement = f"UPDATE {model._meta.db_table} SET {names} WHERE id = %s"  # noqa: S608
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [*columns.values(), pk])
            transaction.set_rollback(True)
    except IntegrityError as error:
        (found,) = re.findall(rf"{model._meta.db_table}_\w+", str(error))[-1:]
        return str(found)
    return None


def checks_of(model: type[models.Model]) -> set[str]:
    checks = (one for one in model._meta.constraints if isinstance(one, models.CheckConstraint))
    return {one.name for one in checks} - ELSEWHERE


@pytest.mark.django_db
def test_the_database_refuses_what_the_rules_refuse_and_nothing_else() -> None:
    pk, hit = limit(make_user(), "1").pk, set[str]()
    for fields in chain(changed(SIMPLE), changed(COMBINED)):
        found = [text for _, text in problems(fields) if not text.startswith(UNSAID)]
        refused = refused_by(Threshold, pk, columns_of(fields))
        assert bool(found) == bool(refused), (fields, found, refused)
        hit |= {refused or ""}
    assert hit - {""} == checks_of(Threshold) - {"budget_threshold_match"}


@pytest.mark.django_db
def test_the_database_refuses_conditions_that_the_rules_refuse() -> None:
    threshold = combine(make_user(), (None, "spending", "gt", "5"))
    pk, hit = threshold.conditions.get().pk, set[str]()
    for measure in (*Measure.values, "mean"):
        for operator in (*Operator.values, "ne"):
            for amount in (Decimal(-1), Decimal(0), MAX_AMOUNT, MAX_AMOUNT + 1):
                part = Condition(measure=measure, operator=operator, amount=amount)
                found = problems(COMBINED | {"conditions": [part]})
                found = [one for one in found if "whole number" not in one[1]]
                columns = {"measure": measure, "operator": operator, "amount": to_minor(amount)}
                refused = refused_by(Condition, pk, columns)
                assert bool(found) == bool(refused), (columns, found, refused)
                hit |= {refused or ""}
    assert hit - {""} == checks_of(Condition)


fields_of_any_kind = st.builds(
    lambda simple, match, conditions, **fields: (
        SIMPLE
        | fields
        | (dict.fromkeys(REPLACED) if conditions and not simple else {})
        | {"match": match, "conditions": conditions}
    ),
    simple=st.booleans(),
    match=st.sampled_from([None, *Match.values]),
    conditions=st.lists(st.sampled_from([PART, CLOSING_PART]), max_size=2),
    type=st.sampled_from(PeriodType.values),
    days=st.sampled_from([None, 7]),
    operator=st.sampled_from([None, *Operator.values]),
    measure=st.sampled_from([None, *Measure.values]),
    levels=st.sampled_from([None, [100], [80, 100]]),
    starts_on=st.sampled_from([None, DAY]),
    rollover=st.booleans(),
    rollover_cap=st.sampled_from([None, Decimal(5)]),
    rollover_from=st.sampled_from([None, DAY]),
    forecast=st.booleans(),
)
JUDGED = {"type", "conditions", "days", "amount", "operator", "measure"}


@given(fields_of_any_kind, st.sets(st.sampled_from(sorted(SIMPLE))))
def test_what_was_sent_stays_and_all_else_fits(fields: Fields, sent: set[str]) -> None:
    found = normalise(fields, sent)
    for name in sent:
        assert found[name] == fields[name] or (fields[name] is None and name in ("levels", "match"))
    assert normalise(found, sent) == found
    for place, text in problems(found, sent):
        assert place[0] in sent | JUDGED, (place, text)


# A threshold that is wrong in one way: the field that is blamed, and the reason.
WRONG: tuple[tuple[Fields, str, str], ...] = (
    ({"type": "rolling"}, "days", "Required with type rolling."),
    ({"operator": "lte", "levels": [90]}, "levels", "Only level 100 with lte, lt and eq."),
    (
        {"operator": "eq", "type": "transaction"},
        "operator",
        "lte, lt and eq need a period that ends; type transaction has none.",
    ),
    (
        {"type": "transaction", "measure": "net"},
        "measure",
        "Type transaction has measure spending or income.",
    ),
    (
        {"measure": "count", "amount": "1.50"},
        "amount",
        "Must be a whole number with measure count.",
    ),
    (
        {"type": "daily", "forecast": True},
        "forecast",
        "Only with operator gte or gt, measure spending, and type weekly, monthly, quarterly or "
        "yearly.",
    ),
)


class OneWordingTestCase(ApiTestCase):
    def test_the_api_and_the_model_say_the_same_of_the_same_field(self) -> None:
        for wrong, name, text in WRONG:
            with self.subTest(name):
                sent = {"name": "Food", "amount": "100.00", "type": "monthly"} | wrong
                self.assertEqual(self.wrong("POST", "/api/threshold", sent), {f"#/{name}": text})
                with self.assertRaises(ValidationError) as refused:
                    Threshold(user=self.alice, **sent).save()
                self.assertEqual(refused.exception.message_dict, {name: [text]})
