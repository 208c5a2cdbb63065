"""The checks of the run see what they are there for."""

from __future__ import annotations

import pytest

from proof.deliveries.account import (
    WINDOW,
    Change,
    Heard,
    false_ones,
    possible,
    unlike_their_ids,
    wrong_in_the_end,
)

ACCOUNT = {7: [Change(10.0, 10.5, "open"), Change(50.0, 50.2, "resolved")]}


def heard(at: float, status: str, seq: int = 1, accepted: bool = True, said: str = "") -> Heard:
    kind = said or {"open": "alert.opened", "resolved": "alert.resolved"}[status]
    body = {"type": kind, "data": {"seq": seq, "alert": {"id": 7, "status": status}}}
    return Heard(at, "event_1_1", 1, body, accepted)


@pytest.mark.parametrize(
    ("at", "status", "good"),
    [
        (10.2, "open", True),
        (9.0, "open", False),
        (30.0, "open", True),
        (30.0, "resolved", False),
        (50.1, "open", True),
        (50.1, "resolved", True),
        (50.2 + WINDOW - 0.1, "open", True),
        (50.3 + WINDOW, "open", False),
        (90.0, "resolved", True),
    ],
)
def test_a_message_is_true_of_the_time_before_it_came(at: float, status: str, good: bool) -> None:
    assert (not list(false_ones([heard(at, status)], ACCOUNT))) == good


def test_a_type_that_its_body_does_not_bear_out() -> None:
    assert list(false_ones([heard(30.0, "open", said="alert.resolved")], ACCOUNT))


def test_an_alert_of_which_nothing_is_known_can_have_been_nothing() -> None:
    assert possible([], 0.0, 100.0) == set()


def test_a_repeat_is_known_by_its_id() -> None:
    assert not list(unlike_their_ids([heard(30.0, "open"), heard(31.0, "open")]))
    assert list(unlike_their_ids([heard(30.0, "open", seq=2)]))


def test_what_a_receiver_thinks_in_the_end() -> None:
    opened, resolved = heard(30.0, "open"), heard(60.0, "resolved", 2)
    assert not list(wrong_in_the_end([resolved, opened], ACCOUNT))
    assert not list(wrong_in_the_end([], ACCOUNT))
    assert list(wrong_in_the_end([opened], ACCOUNT))
    assert list(wrong_in_the_end([opened, resolved._replace(accepted=False)], ACCOUNT))
    assert list(wrong_in_the_end([], {7: ACCOUNT[7][:1]}))
