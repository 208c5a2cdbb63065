"""Many clients at once: on many users, and all on one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from typing import TypeVar

from benchmarks import book
from benchmarks.book import Plan
from benchmarks.clients import (
    Write,
    engine_post,
    engine_save,
    meet,
    plain_post,
    plain_save,
    take_round,
)
from benchmarks.databases import Kind, Make
from benchmarks.measure import Joint, Scale, Spread, join, ratios, rounds_of, shuffled, together
from benchmarks.start import Client
from benchmarks.table import Row, in_ms, in_rate, in_times

ROWS_A_USER, ROWS_OF_ONE = 100, 10_000
Pair = tuple[Write, Write]
SAVE: Pair = (plain_save, engine_save)
POST: Pair = (plain_post, engine_post)
T = TypeVar("T")


def at_once(kind: Kind, make: Make, scale: Scale) -> list[Row]:
    """The clients on many users, first cold and then warm; then all of them on one.

    Nothing on SQLite: it has one writer, and the others may starve beyond their 20 s.
    """
    if not kind.server:
        return []
    url = make()
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(url)) for _ in range(scale.clients)]
        clients[0].run(book.migrate)
        one = clients[0].run(book.fill, [Plan("one", ROWS_OF_ONE)])
        plans = [Plan(f"user {number}", ROWS_A_USER) for number in range(scale.users)]
        shares = wait(client.start(book.fill, share) for client, share in dealt(clients, plans))
        many = [user_id for share in shares for user_id in share]
        clients[0].run(book.settle)
        wait(client.start(meet, [*many, *one]) for client in clients)
        users = f"{len(many):,} users"
        rows = [
            compared(kind, "first save() of a process", users, first(kind, clients, many, scale)),
            compared(kind, "save()", users, steady(kind, SAVE, clients, many, scale)),
            compared(kind, "save()", "one user", steady(kind, SAVE, clients, one, scale)),
            compared(kind, "POST", "one user", steady(kind, POST, clients, one, scale)),
        ]
        clients[0].run(book.forget_plain)
        wait(client.start(book.check_all, share) for client, share in dealt(clients, many + one))
    return rows


def wait(futures: Iterable[Future[T]]) -> list[T]:
    """Let all begin, then wait for each."""
    return [future.result() for future in list(futures)]


def dealt(clients: Sequence[Client], items: Sequence[T]) -> list[tuple[Client, Sequence[T]]]:
    return [(client, items[number :: len(clients)]) for number, client in enumerate(clients)]


Measured = tuple[list[Joint], list[Joint]]


def first(kind: Kind, clients: Sequence[Client], users: Sequence[int], scale: Scale) -> Measured:
    """Each process's first write for each user, when it has the user's rules still to read."""
    before = together(clients, plain_save, users, scale.crowd_turn)
    turns = wait(
        client.start(take_round, engine_save, shuffled(users, number))
        for number, client in enumerate(clients)
    )
    return [before], [join(turns)]


def steady(
    kind: Kind, pair: Pair, clients: Sequence[Client], users: Sequence[int], scale: Scale
) -> Measured:
    plain, engine = [], []
    for counts in rounds_of(scale, scale.crowd_rounds, f"{kind.name}, {len(users)} users"):
        without, with_it = (together(clients, write, users, scale.crowd_turn) for write in pair)
        if counts:
            plain.append(without)
            engine.append(with_it)
    return plain, engine


def compared(kind: Kind, name: str, users: str, measured: Measured) -> Row:
    plain, engine = measured
    return (
        kind.name,
        name,
        users,
        in_rate(Spread.of([joint.rate for joint in plain])),
        in_rate(Spread.of([joint.rate for joint in engine])),
        in_times(ratios([joint.rate for joint in engine], [joint.rate for joint in plain])),
        " → ".join(in_ms(Spread.of([joint.client for joint in side])) for side in measured),
        " → ".join(servers(side) for side in measured),
        in_ms(Spread.of([joint.p99 for joint in engine])),
    )


def servers(joints: Sequence[Joint]) -> str:
    """CPU of the server, where it can be known."""
    known = [joint.server for joint in joints if joint.server is not None]
    return in_ms(Spread.of(known)) if known else "?"
