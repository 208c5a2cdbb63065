"""What is listed under an alert adds up to its total, always."""

from __future__ import annotations

import copy
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from budget import engine
from budget.answers.shapes import ExplanationDict
from budget.models import Alert, Category, LedgerState, Threshold, ThresholdRevision, Transaction
from budget.tests.compare import pages
from budget.tests.drafts import (
    FIRST,
    NAMES,
    TODAY,
    Entry,
    combinations,
    days,
    draft_for,
    entries,
    person,
    redefine,
    row_of,
    simple,
)
from budget.tests.people import at, category, limit, make_user, spend
from budget.tests.shown import explained

Draft = tuple[dict[str, Any], list[dict[str, Any]]]
drafts = st.one_of(simple, combinations)


def check(ledger: LedgerState, alert: Alert, size: int = 3) -> ExplanationDict:
    """Compare an explanation's rows with its sums, and those with what the alert shows."""
    found = list(pages(ledger, alert, size))
    first = found[0]
    shown = first["alert"]
    parts = [item for page in found for item in page["items"]]
    ids = [part["transaction"]["id"] for part in parts]
    assert len(set(ids)) == len(ids)
    for place, one in enumerate(first["sums"]):
        listed = [adds for part in parts if (adds := part["adds"][place]) is not None]
        assert sum(map(Decimal, listed), Decimal()) == Decimal(one["total"])
        if one["measure"] == "count":
            assert int(one["total"]) == len(listed)
    if shown["forecast"]:
        spent = Decimal(shown["forecast"]["spent"]) + Decimal(shown["forecast"]["later"])
        assert Decimal(first["sums"][0]["total"]) == spent
    elif shown["total"] is not None:
        assert shown["total"] == first["sums"][0]["total"]
    assert not (first["edited"] and shown["status"] == "open")
    if shown["status"] == "open" and not shown["forecast"]:
        held = [one["holds"] for one in first["sums"]]
        assert any(held) if first["match"] == "any" else all(held)
    for condition, one in zip(shown["conditions"], first["sums"], strict=bool(first["match"])):
        assert (condition["total"], condition["holds"]) == (one["total"], one["holds"])
    return first


def explain_all(entries: list[Entry], drafts: list[Draft], today: date) -> None:
    """Check each alert of thresholds and rows of which some have gone again."""
    user = person("alice", FIRST)
    with at(FIRST):
        for number, (fields, parts) in enumerate(copy.deepcopy(drafts)):
            draft = draft_for(user, fields, parts)
            draft.slug = f"draft-{number}"
            draft.save()
    with at(today):
        engine.record_transactions(user.pk, [row_of(user, entry) for entry in entries])
    with at(TODAY):
        engine.move_to_today(user.pk)
        for row in Transaction.objects.filter(user=user)[:2]:
            row.delete()
        ledger = engine.move_to_today(user.pk)
        for alert in Alert.objects.filter(user=user):
            check(ledger, alert)


def explain_edited(
    entries: list[Entry], draft: Draft, edits: list[Draft], today: date, merged: str
) -> None:
    """Check each alert of a threshold that has been others, on a category that was merged."""
    user = person("alice", FIRST)
    with at(today):
        threshold = draft_for(user, *copy.deepcopy(draft))
        threshold.save()
        engine.record_transactions(user.pk, [row_of(user, entry) for entry in entries])
    with at(TODAY):
        for edit in copy.deepcopy(edits):
            redefine(Threshold.objects.get(pk=threshold.pk), *edit)
        into = "Food" if merged == "Fuel" else "Fuel"
        engine.merge_categories(category(user, merged), category(user, into))
        for row in Transaction.objects.filter(user=user)[:2]:
            row.delete()
        ledger, last = engine.move_to_today(user.pk), Threshold.objects.get().revision
        for alert in Alert.objects.filter(user=user):
            told = check(ledger, alert)
            assert told["sums"]
            assert told["edited"] == (alert.revision < last)


some_drafts = st.lists(drafts, min_size=1, max_size=3)


class TestExplain(TestCase):
    @settings(max_examples=10, deadline=None)
    @given(entries, some_drafts, days)
    def test_the_rows_listed_add_up(
        self, entries: list[Entry], drafts: list[Draft], today: date
    ) -> None:
        explain_all(entries, drafts, today)

    @pytest.mark.long
    @settings(max_examples=250, deadline=None)
    @given(entries, some_drafts, days)
    def test_the_rows_listed_of_many_add_up(
        self, entries: list[Entry], drafts: list[Draft], today: date
    ) -> None:
        explain_all(entries, drafts, today)

    @settings(max_examples=10, deadline=None)
    @given(entries, drafts, some_drafts, days, st.sampled_from(NAMES))
    def test_the_rows_listed_add_up_whatever_the_threshold_has_been(
        self, entries: list[Entry], draft: Draft, edits: list[Draft], today: date, merged: str
    ) -> None:
        explain_edited(entries, draft, edits, today, merged)

    @pytest.mark.long
    @settings(max_examples=250, deadline=None)
    @given(entries, drafts, some_drafts, days, st.sampled_from(NAMES))
    def test_the_rows_listed_add_up_whatever_many_thresholds_have_been(
        self, entries: list[Entry], draft: Draft, edits: list[Draft], today: date, merged: str
    ) -> None:
        explain_edited(entries, draft, edits, today, merged)


@pytest.mark.django_db
def test_an_alert_told_row_by_row() -> None:
    with at("2018-03-20"):
        user = make_user()
        threshold = limit(user, "100", of="Food", levels=[80, 100])
        food = Category.objects.get(user=user, name="Food")
        spend(user, "70.00", "2018-03-05", to="Food")
        bread = spend(user, "40.00", "2018-03-07", to="Bread")
        spend(user, "15.00", "2018-03-09", to="Food", type="refund")
        spend(user, "9.00", "2018-03-10", to="Fuel")
        child = Category.objects.get(user=user, name="Bread")
        child.parent = food
        child.save()
        alert = Alert.objects.get(level=80)
        told = check(engine.move_to_today(user.pk), alert)
    assert [
        item["adds"] for item in explained(engine.move_to_today(user.pk), alert).body["items"]
    ] == [["70.00"], ["40.00"], ["-15.00"]]
    assert told["sums"] == [
        {
            "category": "Food",
            "categories": ["Bread", "Food"],
            "measure": "spending",
            "operator": "gte",
            "amount": "100.00",
            "at_least": "80.00",
            "at_most": None,
            "total": "95.00",
            "holds": True,
        }
    ]
    assert told["tipped_by"] is not None
    assert told["tipped_by"]["id"] == bread.pk
    assert (told["period_start"], told["period_end"]) == ("2018-03-01", "2018-04-01")
    assert told["alert"]["threshold"] == threshold.pk


@pytest.mark.django_db
def test_a_rollover_tells_what_each_period_left_over() -> None:
    with at("2018-01-03"):
        user = make_user()
        limit(user, "100", rollover=True, rollover_cap=Decimal(25), levels=[100])
        spend(user, "60.00", "2018-01-10")
        spend(user, "140.00", "2018-02-10")
        spend(user, "85.00", "2018-03-10")
        (alert,) = [one for one in Alert.objects.open() if str(one.period_start) == "2018-03-01"]
        told = check(engine.move_to_today(user.pk), alert)
    assert told["carried"] == [
        {
            "period_start": "2018-01-01",
            "period_end": "2018-02-01",
            "limit": "100.00",
            "total": "60.00",
            "carried": "25.00",
        },
        {
            "period_start": "2018-02-01",
            "period_end": "2018-03-01",
            "limit": "125.00",
            "total": "140.00",
            "carried": "-15.00",
        },
    ]
    assert told["alert"]["limit"] == "85.00"


@pytest.mark.django_db
def test_an_alert_whose_revision_was_not_kept_says_that_it_is_history() -> None:
    with at("2018-03-20"):
        user = make_user()
        threshold = limit(user, "50", levels=[100])
        spend(user, "60.00", "2018-03-05")
        threshold = Threshold.objects.get(pk=threshold.pk)
        threshold.type = "weekly"
        threshold.save()
        spend(user, "5.00", "2018-03-06")
        ThresholdRevision.objects.all().delete()
        alert = Alert.objects.get(revision=1)
        told = explained(engine.move_to_today(user.pk), alert).body
    assert told["edited"]
    assert (told["sums"], told["items"], told["carried"]) == ([], [], None)
    assert (told["alert"]["status"], told["alert"]["total"]) == ("resolved", "60.00")


@pytest.mark.django_db
@pytest.mark.parametrize(("operator", "level"), [("gt", 100), ("gte", 70)])
def test_a_count_is_told_from_which_whole_number_on_it_holds(operator: str, level: int) -> None:
    with at("2018-03-20"):
        user = make_user()
        amount = "2" if operator == "gt" else "4"
        limit(user, amount, measure="count", operator=operator, levels=[level])
        for _ in range(3):
            spend(user, "1.00", "2018-03-05")
        (one,) = check(engine.move_to_today(user.pk), Alert.objects.get())["sums"]
    assert (one["at_least"], one["total"], one["holds"]) == ("3", "3", True)
