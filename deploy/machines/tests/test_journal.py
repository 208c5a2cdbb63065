"""The checks of a run see what clients must never meet; each promise broken on its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from deploy.machines.journal import (
    Event,
    Journal,
    Limit,
    Row,
    Settings,
    Shown,
    Stored,
    faults,
    limit_of,
    row_of,
)

ALICE, BOB = 1, 2
BREAD = Row(date(2026, 3, 1), "c0 food", "c0 1", 499, "expense", "c0 1")
RENT = Row(date(2026, 3, 2), "c1 rent", "c1 1", 90_000, "expense", None)
GROCERIES = Limit("c0 2", "monthly", 20_000, True)
BERLIN = Settings("Europe/Berlin", 1, 15)
OPEN = Shown(ALICE, "open", 2, "", (ALICE, "threshold", 5, 1, date(2026, 3, 1), 0, 80))
OWN = Shown(ALICE, "open", 1, "c0 3", None)


def journals() -> list[Journal]:
    """What three devices were told: two of Alice's and one of Bob's."""
    first = Journal(ALICE, {10: BREAD, 11: None}, {5: GROCERIES, 6: None}, ["c0 3"], BERLIN)
    first.feed = [Event(1, 88, "opened"), Event(2, 88, "resolved")]
    return [first, Journal(ALICE, {12: RENT}), Journal(BOB, {20: BREAD})]


def stored() -> Stored:
    """A database that holds just that."""
    flips = [Event(1, 88, "opened"), Event(2, 88, "resolved"), Event(3, 88, "opened")]
    marks = [Event(4, 88, "acknowledged"), Event(5, 89, "opened")]
    return Stored(
        rows={10: (ALICE, BREAD), 12: (ALICE, RENT), 20: (BOB, BREAD)},
        limits={5: (ALICE, GROCERIES)},
        settings={ALICE: BERLIN, BOB: Settings("UTC", 1, 1)},
        alerts={88: OPEN, 89: OWN},
        events={ALICE: [*flips, *marks], BOB: []},
        last={ALICE: 5, BOB: 0},
    )


def test_what_was_told_and_is_stored_is_no_fault() -> None:
    assert faults(journals(), stored()) == []


def deleted(held: Stored) -> None:
    del held.rows[10]


def changed(held: Stored) -> None:
    held.rows[12] = ALICE, RENT._replace(amount=89_999)


def given_away(held: Stored) -> None:
    held.rows[12] = BOB, RENT


def twice(held: Stored) -> None:
    held.rows[13] = ALICE, RENT


def still_there(held: Stored) -> None:
    held.rows[11] = ALICE, BREAD


def limit_lost(held: Stored) -> None:
    del held.limits[5]


def limit_back(held: Stored) -> None:
    held.limits[6] = ALICE, GROCERIES


def limit_old(held: Stored) -> None:
    held.limits[5] = ALICE, GROCERIES._replace(enabled=False)


def settings_old(held: Stored) -> None:
    held.settings[ALICE] = BERLIN._replace(month_start=1)


def message_lost(held: Stored) -> None:
    del held.alerts[89]


def message_twice(held: Stored) -> None:
    held.alerts[90] = OWN
    held.events[ALICE].append(Event(6, 90, "opened"))
    held.last[ALICE] = 6


def alert_twice(held: Stored) -> None:
    held.alerts[90] = OPEN._replace(episodes=1)
    held.events[ALICE].append(Event(6, 90, "opened"))
    held.last[ALICE] = 6


def flip_twice(held: Stored) -> None:
    held.events[ALICE].append(Event(6, 88, "opened"))
    held.last[ALICE] = 6


def flip_untold(held: Stored) -> None:
    held.alerts[88] = OPEN._replace(status="resolved")


def never_opened(held: Stored) -> None:
    held.alerts[90] = Shown(BOB, "open", 1, "", (BOB,))


def gap(held: Stored) -> None:
    del held.events[ALICE][3]


def number_twice(held: Stored) -> None:
    held.events[ALICE][4] = Event(4, 89, "opened")


def end_lost(held: Stored) -> None:
    held.last[ALICE] = 6


def feed_rewritten(held: Stored) -> None:
    held.events[ALICE][0] = Event(1, 89, "opened")
    held.events[ALICE][4] = Event(5, 88, "opened")


@pytest.mark.parametrize(
    ("broken", "must"),
    [
        (deleted, "transaction 10 was acknowledged and is lost"),
        (changed, "transaction 12 was acknowledged as"),
        (given_away, "transaction 12 was acknowledged as"),
        (twice, "transaction 13 is stored, and was acknowledged to nobody: applied twice?"),
        (still_there, "transaction 11 is stored, and was acknowledged as deleted"),
        (limit_lost, "threshold 5 was acknowledged and is lost"),
        (limit_back, "threshold 6 is stored, and was acknowledged as deleted"),
        (limit_old, "threshold 5 was acknowledged as"),
        (settings_old, "user 1: settings"),
        (message_lost, "user 1: alert 'c0 3' acknowledged 1 times, stored 0"),
        (message_twice, "user 1: alert 'c0 3' acknowledged 1 times, stored 2"),
        (alert_twice, "is there 2 times"),
        (flip_twice, "user 1: alert 88 was opened or resolved twice in a row"),
        (flip_untold, "user 1: alert 88 is resolved, which its events do not say"),
        (never_opened, "user 2: alert 90 is open, which its events do not say"),
        (gap, "user 1: events are not numbered 1 to 5 without a gap"),
        (number_twice, "user 1: events are not numbered 1 to 5 without a gap"),
        (end_lost, "user 1: events are not numbered 1 to 6 without a gap"),
        (feed_rewritten, "user 1: the feed told other events than are stored"),
    ],
)
def test_a_broken_promise_is_named(broken: Callable[[Stored], None], must: str) -> None:
    held = stored()
    broken(held)
    found = faults(journals(), held)
    assert any(must in text for text in found), found


def test_what_a_client_was_wrongly_told_or_never_is_a_fault() -> None:
    told = journals()
    told[0] = replace(told[0], wrong=["c0: the list"], open=["c0: POST /api/alert"])
    assert faults(told, stored()) == ["c0: the list", "never answered: c0: POST /api/alert"]


def test_answers_are_read_to_the_cent() -> None:
    told = {
        "id": 10,
        "user": ALICE,
        "date": "2026-03-01",
        "category": "c0 food",
        "description": "c0 1",
        "amount": "4.99",
        "type": "expense",
        "external_id": "c0 1",
    }
    assert row_of(told) == BREAD
    limit = {"name": "c0 2", "type": "monthly", "amount": "200.00", "enabled": True}
    assert limit_of(limit) == GROCERIES
    assert limit_of(limit | {"amount": None}).amount is None
