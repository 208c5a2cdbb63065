"""Lives of two users, random ones and a fixed one, compared with the oracle after every step."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from hypothesis import Phase

from budget import engine
from budget.models import Threshold
from budget.tests.chapters import CHAPTERS, DAY_AFTER, LEAP_DAY, Chapter, Teller
from budget.tests.compare import Disagreement, money
from budget.tests.lives import START, live
from budget.tests.mutants import MUTANTS, Mutant
from budget.tests.oracle_rules import Limit
from budget.tests.play import Play

# Shrinking a failure takes minutes; the long test, and a rerun with the printed blob, have time.
QUICK_PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
ALL_PHASES = tuple(Phase)
MOST = 99_999_999_999_999


@pytest.mark.django_db
def test_random_lives_agree_with_the_oracle() -> None:
    live(int(os.environ.get("LIVES", "4")), 30, QUICK_PHASES)


@pytest.mark.long
@pytest.mark.django_db
def test_many_long_random_lives_agree_with_the_oracle() -> None:
    live(int(os.environ.get("LONG_LIVES", "200")), 60, ALL_PHASES)


@pytest.fixture
def play() -> Play:
    return Play(START)


@pytest.mark.django_db
@pytest.mark.parametrize("chapter", CHAPTERS, ids=[chapter.__name__ for chapter in CHAPTERS])
def test_a_chapter_agrees_with_the_oracle(play: Play, chapter: Chapter) -> None:
    chapter(play)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("eve", "zone"),
    [
        (datetime(2011, 12, 30, 5, tzinfo=UTC), "Pacific/Apia"),
        (datetime(1993, 8, 21, 7, tzinfo=UTC), "Pacific/Kwajalein"),
        (datetime(2024, 3, 30, 20, tzinfo=UTC), "Europe/Berlin"),
        (datetime(2024, 11, 3, 1, tzinfo=UTC), "America/New_York"),
    ],
    ids=["no 30 December", "no 21 August", "a day of 23 hours", "a day of 25 hours"],
)
def test_days_are_the_users_own_skipped_ones_and_odd_ones(eve: datetime, zone: str) -> None:
    play = Play(eve)
    told = Teller(play, play.users[0])
    told.settle(zone, 1, 1)
    told.limit(1, "daily", operator="lt", levels=(100,))
    told.limit(200, "rolling", days=2, levels=(50, 100))
    told.limit(700, "weekly", forecast=True, levels=(1000,))
    for _ in range(8):
        told.spend(100)
        play.advance(timedelta(hours=5))
        play.tick()
        play.check()
    for there in ("Pacific/Kiritimati", "Pacific/Pago_Pago", zone):
        told.settle(there, 1, 1)
    told.clear()


@pytest.mark.django_db
def test_the_effect_of_a_type_is_the_stored_one_whatever_the_instance_holds(play: Play) -> None:
    alice = play.users[0]
    for kind in ("transaction", "monthly"):
        play.new_limit(alice, Limit(0, 1000, kind))
    own = play.new_type(alice, "none")
    play.change_effect(alice, own, "spending")
    play.create(alice, LEAP_DAY, play.owned[alice][0], own, 1500)
    play.check()


@pytest.mark.django_db
@pytest.mark.parametrize("merged", [False, True], ids=["move", "merge"])
def test_a_new_tree_is_no_cause_of_what_the_day_flips_elsewhere(play: Play, merged: bool) -> None:
    alice = play.users[0]
    top, part, target = (play.new_category(alice) for _ in range(3))
    play.reparent(alice, part, top)
    expense = play.type_of(alice, "spending")
    play.create(alice, DAY_AFTER, part, expense, 1100)
    on_all = play.new_limit(alice, Limit(0, 1000, "daily", operator="lte", levels=(100,)))
    above = play.new_limit(alice, Limit(0, 1000, "daily", top, operator="lte", levels=(100,)))
    play.advance(timedelta(days=3))
    if merged:
        play.merge(alice, part, target)
    else:
        play.reparent(alice, part, target)
    play.check()
    # The day with the row closes only now, and only for the threshold that has lost the row.
    cause = "category_merge" if merged else "category_edit"
    events = play.oracle.books[alice].events
    assert {(one.key.threshold, one.cause) for one in events} == {
        (on_all, "period_end"),
        (above, cause),
    }


@pytest.mark.django_db
def test_rows_deleted_together_tip_nothing_as_one_row_does_not(play: Play) -> None:
    alice = play.users[0]
    play.new_limit(alice, Limit(0, 1000, "monthly"))
    for effect, amount in (("spending", 1500), ("refund", 800), ("refund", 600)):
        play.create(alice, LEAP_DAY, play.owned[alice][0], play.type_of(alice, effect), amount)
    refunds = sorted(play.oracle.books[alice].rows)[1:]
    play.check()
    play.delete_many(refunds)
    play.check()


@pytest.mark.django_db
@pytest.mark.parametrize("what", ["date", "category", "type"])
def test_a_single_transaction_that_left_its_window_counts_nothing_there(
    play: Play, what: str
) -> None:
    alice = play.users[0]
    home, food = play.owned[alice][0], play.new_category(alice)
    play.new_limit(alice, Limit(0, 1000, "transaction", home))
    pk = play.create(alice, LEAP_DAY, home, play.type_of(alice, "spending"), 1500)
    changes: dict[str, Any] = {
        "date": {"date": DAY_AFTER},
        "category": {"category_id": food},
        "type": {"type_id": play.type_of(alice, "refund")},
    }
    play.edit(alice, pk, **changes[what])
    play.check()


@pytest.mark.django_db
def test_totals_outgrow_the_largest_amount(play: Play) -> None:
    alice = play.users[0]
    play.new_limit(alice, Limit(0, MOST, "yearly", levels=(100, 150, 1000)))
    play.new_limit(alice, Limit(0, MOST, "transaction", levels=(1, 100, 1000)))
    play.new_limit(alice, Limit(0, MOST, "transaction", levels=(1000,)))
    for _ in range(3):
        play.create(alice, LEAP_DAY, play.owned[alice][0], play.type_of(alice, "spending"), MOST)
        play.check()


@pytest.mark.django_db
def test_a_threshold_rolled_back_leaves_no_trace_in_memory(play: Play) -> None:
    alice = play.users[0]
    pk = play.new_limit(alice, Limit(0, 1000, "monthly"))
    expense = play.type_of(alice, "spending")
    with play.writing():
        play.edit_limit(alice, pk, amount=1)
        play.create(alice, LEAP_DAY, play.owned[alice][0], expense, 500)
        transaction.set_rollback(True)
    play.oracle.delete_rows(list(play.oracle.books[alice].rows))
    play.oracle.books[alice].limits[pk].amount = 1000
    play.oracle.books[alice].alerts.clear()
    play.oracle.books[alice].events.clear()
    play.loaded.clear()
    play.create(alice, LEAP_DAY, play.owned[alice][0], expense, 500)
    play.check()


@pytest.mark.django_db
def test_rules_restored_behind_the_engine_hold_after_a_repair(play: Play) -> None:
    alice = play.users[0]
    home, expense = play.owned[alice][0], play.type_of(alice, "spending")
    pk = play.new_limit(alice, Limit(0, 1000, "monthly", levels=(100,)))
    play.create(alice, LEAP_DAY, home, expense, 100)
    threshold = Threshold.objects.get(pk=pk)
    threshold.amount = money(150)
    threshold.save_base(raw=True)
    play.oracle.books[alice].limits[pk].amount = 150
    with play.clock():
        assert engine.reconcile(alice, repair=True) == []
    threshold.type = "yearly"
    threshold.save_base(raw=True)
    play.oracle.books[alice].limits[pk].type = "yearly"
    play.oracle.books[alice].definitions[pk, 1].type = "yearly"
    with play.clock():
        assert engine.reconcile(alice, repair=True) == []
    play.create(alice, LEAP_DAY, home, expense, 100)
    play.check()


@pytest.fixture(params=MUTANTS.values(), ids=[name.replace(" ", "-") for name in MUTANTS])
def broken(request: pytest.FixtureRequest) -> Iterator[Mutant]:
    """One broken rule at a time."""
    mutant: Mutant = request.param
    with mutant.in_place():
        yield mutant


# Long, with random lives, on PostgreSQL too: what is broken here are functions that both ask.
@pytest.mark.once
@pytest.mark.django_db
def test_a_broken_rule_is_caught(play: Play, broken: Mutant) -> None:
    with transaction.atomic():
        with pytest.raises((Disagreement, DatabaseError)):
            broken.chapter(play)
        transaction.set_rollback(True)


@pytest.mark.long
@pytest.mark.django_db
@pytest.mark.usefixtures("broken")
def test_random_lives_catch_a_broken_rule() -> None:
    with pytest.raises((Disagreement, DatabaseError)):
        live(600, 30, QUICK_PHASES)
