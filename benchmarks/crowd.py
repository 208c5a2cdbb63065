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
    plain_post,
    plain_save,
    take_round,
)
from benchmarks.databases import Kind, Make
from benchmarks.measure import Joint, Scale, Spread, join, ratios, rounds_of, shuffled, together
from benchmarks.start import Client
from benchmarks.table import Row, in_ms, in_rate, in_times

ROWS_A_USER, ROWS_OF_ONE = 100, 10_000
# Of many users so many are looked through at the end.
CHECKED = 100
Pair = tuple[Write, Write]
SAVE: Pair = (plain_save, engine_save)
POST: Pair = (plain_post, engine_post)
# What came of each round without the engine, and with it.
Sides = tuple[list[Joint], list[Joint]]
T = TypeVar("T")


def at_once(kind: Kind, make: Make, scale: Scale) -> list[Row]:
    """The clients on many users, first cold and then warm; then all of them on one."""
    url = make()
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(url)) for _ in range(scale.clients)]
        clients[0].run(book.migrate)
        one = clients[0].run(book.fill, [Plan("one", ROWS_OF_ONE)])
        # SQLite has one writer, so that more users tell no more there.
        count = scale.users if kind.server else min(scale.users, CHECKED)
        plans = [Plan(f"user {number}", ROWS_A_USER) for number in range(count)]
        shares = wait(client.start(book.fill, share) for client, share in dealt(clients, plans))
        many = [user_id for share in shares for user_id in share]
        clients[0].run(book.settle)
        wait(client.start(book.meet, [*many, *one]) for client in clients)

        def steady(pair: Pair, users: Sequence[int]) -> Sides:
            return measured(kind, pair, clients, users, scale)

        rows = [
            row(kind, "first save() of a process", many, first(clients, many, scale)),
            row(kind, "save()", many, steady(SAVE, many)),
            row(kind, "save()", one, steady(SAVE, one)),
            row(kind, "POST", one, steady(POST, one)),
        ]
        clients[0].run(book.forget_plain)
        sample = many[:: max(1, len(many) // CHECKED)] + one
        wait(client.start(book.check_all, share) for client, share in dealt(clients, sample))
    return rows


def wait(futures: Iterable[Future[T]]) -> list[T]:
    """Let all begin, then wait for each."""
    return [future.result() for future in list(futures)]


def dealt(clients: Sequence[Client], items: Sequence[T]) -> list[tuple[Client, Sequence[T]]]:
    return [(client, items[number :: len(clients)]) for number, client in enumerate(clients)]


def first(clients: Sequence[Client], users: Sequence[int], scale: Scale) -> Sides:
    """Each process's first write for each user, when it has the user's rules still to read."""
    plain = together(clients, plain_save, users, scale.crowd_turn)
    turns = wait(
        client.start(take_round, engine_save, shuffled(users, number))
        for number, client in enumerate(clients)
    )
    return [plain], [join(turns)]


def measured(
    kind: Kind, pair: Pair, clients: Sequence[Client], users: Sequence[int], scale: Scale
) -> Sides:
    """One kind of write without the engine and with it, in turn."""
    sides: Sides = ([], [])
    for counts in rounds_of(scale, scale.crowd_rounds, f"{kind.name}, users: {len(users)}"):
        for write, side in zip(pair, sides, strict=True):
            joint = together(clients, write, users, scale.crowd_turn)
            if counts:
                side.append(joint)
    return sides


def row(kind: Kind, name: str, users: Sequence[int], sides: Sides) -> Row:
    plain, engine = sides
    return (
        kind.name,
        name,
        "1 user" if len(users) == 1 else f"{len(users):,} users",
        in_rate(Spread.of([joint.rate for joint in plain])),
        in_rate(Spread.of([joint.rate for joint in engine])),
        in_times(ratios([joint.rate for joint in engine], [joint.rate for joint in plain])),
        f"{cpu(plain)} → {cpu(engine)}",
        in_times(ratios([joint.cpu for joint in plain], [joint.cpu for joint in engine])),
        in_ms(Spread.of([joint.p99 for joint in engine])),
    )


def cpu(joints: Sequence[Joint]) -> str:
    """Client and server; on SQLite, and on a server elsewhere, the client alone."""
    client = in_ms(Spread.of([joint.client for joint in joints]))
    known = [joint.server for joint in joints if joint.server is not None]
    return f"{client} + {in_ms(Spread.of(known))}" if known else client
