"""A preview is what really happens: the same rows, saved one by one into an empty account."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from budget import answers, engine
from budget.answers.shapes import PreviewDict
from budget.engine import replay
from budget.judge.periods import DAY
from budget.models import Alert, AlertEvent, Threshold, Transaction
from budget.tests.drafts import (
    FIRST,
    TODAY,
    Entry,
    combinations,
    days,
    draft_for,
    entries,
    person,
    row_of,
    simple,
)
from budget.tests.people import at, limit, make_user, spend

Told = tuple[Any, ...]


def happened(user: User, seen: int, tips: dict[int, int]) -> list[Told]:
    """Every flip after a number, oldest first; tips by their place among the rows."""
    events = AlertEvent.objects.filter(user=user, seq__gt=seen).select_related("alert")
    return [
        (
            str(event.at.date()),
            event.kind,
            event.cause,
            event.alert.kind,
            None if event.alert.is_rolling else str(event.alert.period_start),
            event.alert.level or None,
            event.total,
            event.limit,
            tips.get(event.transaction_id or 0),
        )
        for event in events.order_by("seq")
    ]


def foretold(answer: PreviewDict, tips: dict[int, int]) -> list[Told]:
    return [
        (
            flip["on"],
            flip["kind"],
            flip["cause"],
            flip["alert"],
            flip["period_start"],
            flip["level"],
            None if flip["total"] is None else Decimal(flip["total"]),
            None if flip["limit"] is None else Decimal(flip["limit"]),
            tips.get(flip["transaction"] or 0),
        )
        for flip in answer["flips"]
    ]


def compare(
    entries: list[Entry], fields: dict[str, Any], parts: list[dict[str, Any]], since: date
) -> list[Told]:
    """Preview a threshold, live it, and give what both agree on."""
    alice = person("alice", FIRST)
    ordered = sorted(entries, key=lambda entry: entry[0])
    with at(TODAY):
        rows = engine.record_transactions(alice.pk, [row_of(alice, entry) for entry in ordered])
        draft = draft_for(alice, fields, parts)
        before = list(Alert.objects.all()), Transaction.objects.count()
        answer = answers.preview(engine.move_to_today(alice.pk), draft, since, TODAY)
        assert (list(Alert.objects.all()), Transaction.objects.count()) == before
    # Lived from the first row on, however little of that the preview goes through.
    eve = since - DAY
    begin = min([eve, *(entry[0] for entry in ordered)])
    charlie = person("charlie", begin)
    for name in ("starts_on", "rollover_from"):
        settled = answer[name]
        fields = {**fields, name: date.fromisoformat(settled) if settled else None}
    with at(begin):
        draft_for(charlie, fields, parts).save()
    lived: dict[int, int] = {}
    for place, entry in enumerate(ordered):
        if entry[0] >= since:
            break
        live(charlie, entry, lived, place)
    with at(eve):
        seen = engine.move_to_today(charlie.pk).event_seq
    open_before = set(open_now(charlie, since))
    for place, entry in enumerate(ordered):
        if entry[0] >= since:
            live(charlie, entry, lived, place)
    with at(TODAY):
        engine.move_to_today(charlie.pk)
    told = foretold(answer, {row.pk: place for place, row in enumerate(rows)})
    assert told == happened(charlie, seen, lived)
    assert answer["transactions"] == sum(entry[0] >= since for entry in ordered)
    assert answer["opened"] == sum(kind == "opened" for _, kind, *_ in told)
    assert answer["open_before"] == len(open_before)
    events = AlertEvent.objects.filter(user=charlie, seq__gt=seen, kind="opened")
    still = Alert.objects.filter(user=charlie, status="open").values_list("pk", flat=True)
    since_then = {event.alert_id for event in events}
    assert answer["open"] == len((open_before | since_then) & set(still))
    return told


def live(user: User, entry: Entry, lived: dict[int, int], place: int) -> None:
    """Save a row on its own day, and note its place."""
    with at(entry[0]):
        row = row_of(user, entry)
        row.save()
    lived[row.pk] = place


def open_now(user: User, day: date) -> Iterator[int]:
    """The open alerts whose window, or whose period of that day, is not over."""
    for alert in Alert.objects.filter(user=user, status="open"):
        if alert.is_rolling or alert.period[0] <= day < alert.period[1]:
            yield alert.pk


Draft = tuple[dict[str, Any], list[dict[str, Any]]]
drafts = st.one_of(simple, simple, combinations)


class TestPreview(TestCase):
    @settings(max_examples=15, deadline=None)
    @given(entries, drafts, days)
    def test_a_preview_is_what_really_happens(
        self, entries: list[Entry], draft: Draft, since: date
    ) -> None:
        compare(entries, *copy.deepcopy(draft), since)

    @pytest.mark.long
    @settings(max_examples=400, deadline=None)
    @given(entries, drafts, days)
    def test_many_previews_are_what_really_happens(
        self, entries: list[Entry], draft: Draft, since: date
    ) -> None:
        compare(entries, *copy.deepcopy(draft), since)


ROWS: list[Entry] = [
    (date(2020, 1, 5), "Food", "expense", 30),
    (date(2020, 1, 9), "Bread", "expense", 60),
    (date(2020, 1, 20), "Food", "refund", 20),
    (date(2020, 3, 2), "Fuel", "expense", 90),
    (date(2020, 3, 28), "Food", "expense", 85),
]


@pytest.mark.django_db
def test_opened_resolved_and_opened_again() -> None:
    told = compare(ROWS, {"type": "monthly", "amount": Decimal(80), "category": "Food"}, [], FIRST)
    assert [(on, kind, level, tip) for on, kind, _, _, _, level, _, _, tip in told] == [
        ("2020-01-09", "opened", 80, 1),
        ("2020-01-09", "opened", 100, 1),
        ("2020-01-20", "resolved", 100, 2),
        ("2020-03-28", "opened", 80, 4),
        ("2020-03-28", "opened", 100, 4),
    ]


@pytest.mark.django_db
def test_a_broken_preview_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison sees a replay that forgets what a new day brings."""
    monkeypatch.setattr(replay, "pairs_of_day", lambda rules, ledger: {})
    with pytest.raises(AssertionError):
        compare(ROWS, {"type": "rolling", "days": 7, "amount": Decimal(50)}, [], FIRST)


WINDOW = {"type": "rolling", "days": 30, "amount": Decimal(80), "levels": [100]}


@pytest.mark.django_db
def test_what_was_before_counts_and_is_not_told() -> None:
    told = compare(ROWS, WINDOW, [], date(2020, 1, 15))
    assert [(on, kind) for on, kind, *_ in told] == [
        ("2020-01-20", "resolved"),
        ("2020-03-02", "opened"),
        ("2020-06-20", "resolved"),
    ]


@pytest.mark.django_db
def test_a_preview_that_forgets_what_was_before_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison sees a window that does not know the rows before the span."""
    monkeypatch.setattr(replay, "run_up", lambda ledger, draft, date_from: date_from - DAY)
    with pytest.raises(AssertionError):
        compare(ROWS, WINDOW, [], date(2020, 1, 15))


@pytest.mark.django_db
def test_more_rows_than_a_preview_goes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "MAX_ROWS", 2)
    alice = make_user()
    with at("2018-03-10"):
        for _ in range(3):
            spend(alice, "1.00")
        ledger = engine.move_to_today(alice.pk)
        draft = Threshold(user=alice, name="Draft", type="monthly", amount=Decimal(5))
        with pytest.raises(engine.TooMuch):
            answers.preview(ledger, draft, date(2018, 1, 1), date(2018, 3, 10))


@pytest.mark.django_db
def test_a_draft_that_is_none_is_refused() -> None:
    alice = make_user()
    with at("2018-03-10"):
        limit(alice, "5.00")
        draft = Threshold(user=alice, name="Draft", type="rolling", amount=Decimal(5))
        with pytest.raises(ValidationError, match="Required with type rolling"):
            answers.preview(
                engine.move_to_today(alice.pk), draft, date(2018, 1, 1), date(2018, 3, 10)
            )


@pytest.mark.django_db
def test_as_many_finished_periods_as_a_threshold_may_have() -> None:
    with at("2018-03-10"):
        alice = make_user()
        ledger = engine.move_to_today(alice.pk)
        draft = Threshold(
            user=alice, name="Draft", type="daily", amount=Decimal(5), operator="lte", levels=[100]
        )
        told = answers.preview(ledger, copy.copy(draft), date(2017, 2, 4), date(2018, 3, 10))
        first = told["flips"][0]
        assert (told["opened"], first["period_start"]) == (399, "2017-02-04")
        with pytest.raises(ValidationError, match="At most 400 periods: 2017-02-03 or later"):
            answers.preview(ledger, draft, date(1900, 1, 1), date(2018, 3, 10))


@pytest.mark.django_db
def test_a_threshold_that_is_not_switched_on_yet_can_be_previewed() -> None:
    with at("2018-03-10"):
        alice = make_user()
        spend(alice, "6.00", "2018-03-05")
        draft = Threshold(
            user=alice, name="Draft", type="monthly", amount=Decimal(5), enabled=False
        )
        told = answers.preview(
            engine.move_to_today(alice.pk), draft, date(2018, 1, 1), date(2018, 3, 10)
        )
    assert told["opened"] == 2
