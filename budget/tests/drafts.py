"""Thresholds of every kind and rows for them, drawn at random, for tests of what they show."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from hypothesis import strategies as st

from budget.models import Category, Condition, Threshold, Transaction, TransactionType
from budget.tests.people import at, make_user

FIRST, TODAY = date(2020, 1, 1), date(2020, 6, 20)
NAMES = ("Food", "Bread", "Fuel")
STAYS = {"id", "user", "name", "slug", "revision", "deleted_at"}
Entry = tuple[date, str, str, int]


def person(name: str, day: date) -> User:
    """A user with a tree of two categories and one beside it, made on that day."""
    with at(day):
        user = make_user(name)
        food = Category.objects.create(user=user, name="Food")
        Category.objects.create(user=user, name="Bread", parent=food)
        Category.objects.create(user=user, name="Fuel")
    return user


def draft_for(user: User, fields: dict[str, Any], parts: list[dict[str, Any]]) -> Threshold:
    """An unsaved threshold of the user's; categories by name."""
    of = {row.name: row for row in Category.objects.filter(user=user)}
    fields = {**fields, "category": of.get(fields.get("category", ""))}
    draft = Threshold(user=user, name="Draft", **fields)
    draft.new_conditions = [
        Condition(**{**part, "category": of.get(part["category"] or "")}) for part in parts
    ] or None
    return draft


def redefine(threshold: Threshold, fields: dict[str, Any], parts: list[dict[str, Any]]) -> None:
    """Save a threshold as what a draft describes, in place of what it was."""
    draft = draft_for(threshold.user, fields, parts)
    for field in Threshold._meta.concrete_fields:
        if field.name not in STAYS:
            setattr(threshold, field.name, getattr(draft, field.name))
    threshold.new_conditions = draft.new_conditions or []
    threshold.save()


def row_of(user: User, entry: Entry) -> Transaction:
    day, name, type, amount = entry
    return Transaction(
        user=user,
        date=day,
        category=Category.objects.get(user=user, name=name),
        type=TransactionType.objects.get(user=user, slug=type),
        amount=Decimal(amount),
    )


# Close together, so that rows meet in periods and windows.
days = st.integers(0, 80).map(lambda number: FIRST + timedelta(days=number))
entry = st.tuples(
    days,
    st.sampled_from(NAMES),
    st.sampled_from(["expense", "expense", "expense", "refund", "refund", "income", "transfer"]),
    st.integers(1, 60),
)
# Their number first: lists draw short ones, and of few rows few alerts come and go.
entries = st.integers(0, 25).flatmap(lambda count: st.lists(entry, min_size=count, max_size=count))
category = st.sampled_from([None, "Food", "Fuel"])
# Some for counts, some for money.
amount = st.sampled_from([0, 1, 2, 5, 20, 40, 60, 100]).map(Decimal)
measures = ["spending", "income", "net", "count"]
at_once = st.sampled_from(["gte", "gt"])
long_periods = st.sampled_from(["weekly", "monthly", "quarterly", "yearly"])
common = {"category": category, "amount": amount}
simple: st.SearchStrategy[tuple[dict[str, Any], list[dict[str, Any]]]] = st.one_of(
    st.fixed_dictionaries(
        {
            **common,
            "type": st.sampled_from(["daily", "weekly", "monthly", "quarterly", "yearly"]),
            "measure": st.sampled_from(measures),
            "operator": at_once,
            "levels": st.sampled_from([[80, 100], [50, 100, 150]]),
        }
    ),
    st.fixed_dictionaries(
        {
            **common,
            "type": st.sampled_from(["daily", "weekly", "monthly"]),
            "measure": st.sampled_from(measures),
            "operator": st.sampled_from(["lte", "lt", "eq"]),
            "levels": st.just([100]),
        }
    ),
    st.fixed_dictionaries(
        {
            **common,
            "type": st.just("rolling"),
            "days": st.sampled_from([1, 7, 30, 100]),
            "measure": st.sampled_from(measures),
            "operator": at_once,
        }
    ),
    st.fixed_dictionaries(
        {
            **common,
            "type": st.just("transaction"),
            "measure": st.sampled_from(["spending", "income"]),
            "operator": at_once,
        }
    ),
    st.fixed_dictionaries(
        {
            **common,
            "type": long_periods,
            "operator": at_once,
            "forecast": st.booleans(),
            "rollover": st.just(True),
            "rollover_cap": st.sampled_from([None, Decimal(10)]),
            "rollover_from": st.sampled_from([None, date(2020, 2, 10)]),
        }
    ),
    st.fixed_dictionaries({**common, "type": long_periods, "forecast": st.just(True)}),
).map(lambda fields: (fields, []))
conditions = st.lists(
    st.fixed_dictionaries(
        {
            **common,
            "measure": st.sampled_from(measures),
            "operator": st.sampled_from(["gte", "gt", "lte", "lt", "eq"]),
        }
    ),
    min_size=1,
    max_size=3,
)
combinations = st.tuples(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["weekly", "monthly"]), "match": st.sampled_from(["all", "any"])}
    ),
    conditions,
)
