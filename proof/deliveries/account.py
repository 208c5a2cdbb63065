"""What a run knows by itself of its alerts and of what a receiver got: no database is asked.

Who writes notes when an alert can have changed, from before its commit to after it. A message must
be of a state that the alert can have had when it was sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

# Seconds before its arrival in which a message was true at some time: it is made again after two
# (FRESH), one try takes one (the run's `total`), and a busy machine gets one.
WINDOW = 4.0
# What each type of message says of its alert.
SAYS = {"alert.opened": "open", "alert.resolved": "resolved"}


class Change(NamedTuple):
    """An alert got a status some time from begun to ended."""

    begun: float
    ended: float
    status: str


class Heard(NamedTuple):
    """A message that arrived. at: when it did. accepted: whether the answer said so."""

    at: float
    id: str
    user: int
    body: Mapping[str, Any]
    accepted: bool

    @property
    def alert(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.body["data"]["alert"]
        return found


def possible(changes: Sequence[Change], begun: float, ended: float) -> set[str]:
    """What an alert can have been at some time of a span, by its changes in their order."""
    before = [change for change in changes if change.ended < begun]
    during = [change for change in changes if change.ended >= begun and change.begun <= ended]
    return {change.status for change in [*before[-1:], *during]}


def false_ones(heard: Iterable[Heard], account: Mapping[int, Sequence[Change]]) -> Iterator[str]:
    """The messages that said of an alert what it was not when they were sent."""
    for one in heard:
        status, said = one.alert["status"], one.body["type"]
        if SAYS.get(said) != status:
            yield f"{one.id} is {said} of an alert that is {status}"
        elif status not in possible(account[one.alert["id"]], one.at - WINDOW, one.at):
            yield f"{one.id} says {status} at {one.at:.2f}, {account[one.alert['id']]}"


def unlike_their_ids(heard: Iterable[Heard]) -> Iterator[str]:
    """The messages whose id is not that of their event, so that a repeat would not be known."""
    for one in heard:
        if one.id != f"event_{one.user}_{one.body['data']['seq']}":
            yield f"{one.id} is of event {one.body['data']['seq']} of user {one.user}"


def wrong_in_the_end(
    heard: Iterable[Heard], account: Mapping[int, Sequence[Change]]
) -> Iterator[str]:
    """The alerts of which a receiver that goes by the highest number has a wrong idea now.

    Of one that it knows nothing of it thinks that it is not open.
    """
    last: dict[int, tuple[int, str]] = {}
    for one in heard:
        if one.accepted:
            said = (one.body["data"]["seq"], one.alert["status"])
            last[one.alert["id"]] = max(last.get(one.alert["id"], (0, "")), said)
    for alert, changes in account.items():
        if last.get(alert, (0, "resolved"))[1] != changes[-1].status:
            yield f"alert {alert} is {changes[-1].status}, the last message {last.get(alert)}"
