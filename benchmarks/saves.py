"""What a save() costs in one process, without HTTP, beside the INSERT without the engine."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count
from statistics import median

from benchmarks import book
from benchmarks.book import ENGINE, LARGE, PLAIN, SMALL, Person, Plan, people, row_of
from benchmarks.crowds import Bases
from benchmarks.measure import Scale, Spread, ratios, rounds_of
from benchmarks.start import Client
from benchmarks.table import Row, Table, in_ms, in_times

Write = Callable[[Person, int], None]
# Seconds a write, one value a round.
Costs = dict[Write, list[float]]
# Of this process.
numbers = count()


def plain_save(who: Person, number: int) -> None:
    """One INSERT. raw: no signal of it reaches the engine."""
    row_of(who, number, PLAIN, SMALL).save_base(raw=True, force_insert=True)


def engine_save(who: Person, number: int) -> None:
    row_of(who, number, ENGINE, SMALL).save()


def flipping_save(who: Person, number: int) -> None:
    """Opens both alerts of the threshold on single transactions."""
    row_of(who, number, ENGINE, LARGE).save()


WRITES: dict[str, Write] = {"save()": engine_save, "save() that opens two alerts": flipping_save}
HEADINGS = (
    "database",
    "write",
    "rows",
    "plain INSERT, ms",
    "with the engine, ms",
    "plain / engine",
    "against the first size",
)


def six_rules(bases: Bases, scale: Scale) -> Table:
    """The same writes on databases that hold ever longer histories."""
    rows = grown(bases, scale, WRITES, every=False)
    return Table("A save() by one user with six thresholds of two levels", HEADINGS, rows)


def every_rule(bases: Bases, scale: Scale) -> Table:
    """The same by a user who also has a threshold of every other kind."""
    rows = grown(bases, scale, {"save()": engine_save}, every=True)
    return Table("A save() by one user with fourteen thresholds of every kind", HEADINGS, rows)


def grown(bases: Bases, scale: Scale, writes: dict[str, Write], *, every: bool) -> list[Row]:
    """One database for each length of history; they take turns, and so do the writes."""
    asked = [plain_save, *writes.values()]
    costs: list[Costs] = [defaultdict(list) for _ in scale.histories]
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(bases.make())) for _ in scale.histories]
        filling = [
            client.start(filled, Plan("alice", rows, every=every))
            for client, rows in zip(clients, scale.histories, strict=True)
        ]
        users = [ids.result() for ids in filling]
        for counts in rounds_of(scale.save_rounds, f"{bases.kind.name}, save()"):
            for client, user_id, found in zip(clients, users, costs, strict=True):
                for write in asked:
                    seconds = client.run(take_turn, write, user_id, scale.save_turn)
                    if counts:
                        found[write].append(seconds)
        for client, user_id in zip(clients, users, strict=True):
            client.run(book.forget_plain)
            client.run(book.check, user_id)
    return [
        (
            bases.kind.name,
            name,
            f"{rows:,}",
            in_ms(Spread.of(found[plain_save])),
            in_ms(Spread.of(found[write])),
            in_times(ratios(found[plain_save], found[write])),
            in_times(ratios(found[write], costs[0][write])),
        )
        for name, write in writes.items()
        for rows, found in zip(scale.histories, costs, strict=True)
    ]


def filled(plan: Plan) -> int:
    """Fill an empty database; gives the id of the user."""
    book.migrate()
    (user_id,) = book.fill([plan])
    book.check(user_id)
    book.settle()
    book.meet([user_id])
    return user_id


def take_turn(write: Write, user_id: int, seconds: float) -> float:
    """Write for some seconds; the median of what a write took."""
    times: list[float] = []
    begun = last = time.perf_counter()
    while last - begun < seconds:
        write(people[user_id], next(numbers))
        now = time.perf_counter()
        times.append(now - last)
        last = now
    return median(times)
