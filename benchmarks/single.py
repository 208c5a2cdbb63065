"""One client: what a write costs as the history grows, and as the user's own rules do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from statistics import median

from benchmarks import book
from benchmarks.book import Plan
from benchmarks.clients import (
    Write,
    engine_post,
    engine_save,
    flipping_save,
    plain_post,
    plain_save,
    take_turn,
)
from benchmarks.databases import Kind, Make
from benchmarks.measure import Scale, Spread, ratios, rounds_of
from benchmarks.start import Client
from benchmarks.table import Row, in_ms, in_times

# A line of the table: its name, the write without the engine, the write with it.
Pair = tuple[str, Write, Write]
SAVE: Pair = ("save()", plain_save, engine_save)
FLIP: Pair = ("save() that opens two alerts", plain_save, flipping_save)
POST: Pair = ("POST", plain_post, engine_post)
# Seconds a write, one value a round.
Costs = dict[Write, list[float]]
Place = tuple[Client, int]


def made(plans: Sequence[Plan]) -> list[int]:
    """Fill an empty database; gives the ids of the users."""
    book.migrate()
    ids = book.fill(plans)
    book.check_all(ids)
    book.settle()
    book.meet(ids)
    return ids


def measured(
    places: Sequence[Place], pairs: Sequence[Pair], scale: Scale, what: str
) -> list[Costs]:
    """What each kind of write costs in each place; the places take turns too."""
    writes = dict.fromkeys(write for _, *pair in pairs for write in pair)
    costs: list[Costs] = [defaultdict(list) for _ in places]
    for counts in rounds_of(scale, scale.rounds, what):
        for (client, user_id), found in zip(places, costs, strict=True):
            for write in writes:
                turn = client.run(take_turn, write, [user_id], scale.turn)
                if counts:
                    found[write].append(median(turn.times))
    for client in {client for client, _ in places}:
        client.run(book.forget_plain)
    for client, user_id in places:
        client.run(book.check, user_id)
    return costs


def growing(kind: Kind, make: Make, scale: Scale) -> list[Row]:
    """The same writes on databases that hold ever longer histories."""
    return grown(kind, make, scale, (SAVE, FLIP, POST), every=False)


def growing_with_every_kind(kind: Kind, make: Make, scale: Scale) -> list[Row]:
    """The same by a user who also has a threshold of every other kind."""
    return grown(kind, make, scale, (SAVE, POST), every=True)


def grown(kind: Kind, make: Make, scale: Scale, pairs: Sequence[Pair], *, every: bool) -> list[Row]:
    """One database for each length of history."""
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(make())) for _ in scale.histories]
        filling = [
            client.start(made, [Plan("alice", rows, every=every)])
            for client, rows in zip(clients, scale.histories, strict=True)
        ]
        places = [(client, ids.result()[0]) for client, ids in zip(clients, filling, strict=True)]
        costs = measured(places, pairs, scale, f"{kind.name}, history{', every kind' * every}")
    return compared(kind, pairs, [f"{rows:,}" for rows in scale.histories], costs)


def ruled(kind: Kind, make: Make, scale: Scale) -> list[Row]:
    """The same writes by users with ever more categories, and with ever more thresholds."""
    pairs = (SAVE, POST)
    narrow = [Plan(f"c{count}", scale.rows, categories=count) for count in scale.categories]
    many = [Plan(f"t{count}", scale.rows, thresholds=count) for count in scale.thresholds]
    with Client(make()) as client:
        places = [(client, user_id) for user_id in client.run(made, narrow + many)]
        costs = measured(places, pairs, scale, f"{kind.name}, rules")
    plans, cut = narrow + many, len(narrow)
    labels = [f"{plan.categories} categories, {plan.thresholds} thresholds" for plan in plans]
    return [
        *compared(kind, pairs, labels[:cut], costs[:cut]),
        *compared(kind, pairs, labels[cut:], costs[cut:]),
    ]


def compared(
    kind: Kind, pairs: Sequence[Pair], labels: Sequence[str], costs: Sequence[Costs]
) -> list[Row]:
    """One row for each write and place; the last cell compares with the first of the places."""
    return [
        (
            kind.name,
            name,
            label,
            in_ms(Spread.of(found[plain])),
            in_ms(Spread.of(found[engine])),
            in_times(ratios(found[plain], found[engine])),
            in_times(ratios(found[engine], costs[0][engine])),
        )
        for name, plain, engine in pairs
        for label, found in zip(labels, costs, strict=True)
    ]
