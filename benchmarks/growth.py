"""What a request costs as a user's data grows, and the users, and who writes at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace

from benchmarks import book
from benchmarks.book import Plan
from benchmarks.crowds import Bases, check_some, issue_tokens
from benchmarks.load import (
    ALERTS,
    LIST,
    POST,
    THRESHOLDS,
    Asked,
    Load,
    costs,
    in_turn,
    rates,
)
from benchmarks.measure import Scale, Spread, ratios
from benchmarks.picture import Panel
from benchmarks.serving import OURS, service, serving
from benchmarks.start import Client
from benchmarks.table import Row, Table, in_ms, in_rate, in_times

CASES = {
    "POST transaction": POST,
    "50 transactions": LIST,
    "thresholds": THRESHOLDS,
    "50 alerts": ALERTS,
}
# Users of the databases that hold ever more rows.
USERS = 10


def by_rows(bases: Bases, scale: Scale) -> Table:
    crowds = {f"{total:,}": (USERS, total // USERS) for total in scale.totals}
    return on_crowds(f"rows of {USERS} users", crowds, bases, scale)


def by_users(bases: Bases, scale: Scale) -> Table:
    crowds = {f"{users:,}": (users, scale.rows_each) for users in scale.crowds}
    return on_crowds(f"users with {scale.rows_each:,} rows each", crowds, bases, scale)


def by_hot_rows(bases: Bases, scale: Scale) -> Table:
    """All rows of a user in four weeks, so that months and years add up all of them."""
    plans = [Plan(f"{rows:,}", rows, days=28) for rows in scale.hot]
    return on_users("rows of one user in four weeks", plans, bases, scale)


def by_thresholds(bases: Bases, scale: Scale) -> Table:
    plans = [Plan(f"{count:,}", 1_000, thresholds=count) for count in scale.thresholds]
    return on_users("thresholds of one user", plans, bases, scale)


def by_alerts(bases: Bases, scale: Scale) -> Table:
    """Each purchase has two alerts, of a threshold on single transactions."""
    plans = [Plan(f"{count:,}", 0, thresholds=1, alerts=count) for count in scale.alerts]
    return on_users("open alerts of one user", plans, bases, scale)


def on_crowds(
    what: str, crowds: Mapping[str, tuple[int, int]], bases: Bases, scale: Scale
) -> Table:
    """Each crowd, so many users with so many rows each, has its database and its server."""
    with ExitStack() as stack:
        clients, places = [], {}
        for label, (users, rows) in crowds.items():
            crowd = bases.crowd(users, rows)
            clients.append(stack.enter_context(Client(crowd.url)))
            server = stack.enter_context(serving(OURS, service(crowd.url), crowd.url))
            places[label] = Asked(server, POST, crowd.tokens)
        table = grown(what, places, scale)
        for client in clients:
            client.run(check_some)
    return table


def on_users(what: str, plans: Sequence[Plan], bases: Bases, scale: Scale) -> Table:
    """All users in one database; one of them is asked at a time."""
    url = bases.make()
    with Client(url) as client:
        tokens = client.run(filled, plans)
        with serving(OURS, service(url), url) as server:
            places = {
                plan.name: Asked(server, POST, [token])
                for plan, token in zip(plans, tokens, strict=True)
            }
            table = grown(what, places, scale)
        client.run(check_some)
    return table


def filled(plans: Sequence[Plan]) -> list[str]:
    """Fill an empty database; the tokens of its users."""
    book.migrate()
    ids = book.fill(plans)
    book.check_all(ids)
    tokens = issue_tokens(ids)
    book.settle()
    return tokens


def grown(what: str, places: Mapping[str, Asked], scale: Scale) -> Table:
    """What each case costs in each place, and against the first of the places."""
    first = next(iter(places))
    # Writes last: they add to what is read.
    found = {
        name: in_turn(
            {label: replace(each, case=CASES[name]) for label, each in places.items()},
            scale.rounds,
            scale.turn,
            f"{what}, {name}",
        )
        for name in reversed(CASES)
    }
    against = {
        name: [ratios(costs(found[name][label]), costs(found[name][first])) for label in places]
        for name in CASES
    }
    rows: list[Row] = [(first, *(in_ms(Spread.of(costs(found[name][first]))) for name in CASES))]
    for number, label in enumerate([*places][1:], 1):
        rows.append((label, *(in_times(against[name][number]) for name in CASES)))
    headings = (what, *(f"{name}, ms" for name in CASES))
    title = f"CPU time of a request against the {what}: in ms, then as a multiple of it"
    return Table(title, headings, rows, Panel(what, "CPU time", [*places], against))


def by_writers(bases: Bases, scale: Scale) -> Table:
    """More and more connections that write, for many users and for one."""
    crowd = bases.crowd(scale.users, scale.rows_each)
    url, tokens = crowd.url, crowd.tokens
    with Client(url) as client:
        with serving(OURS, service(url), url) as server:
            found = {
                name: in_turn(
                    {str(n): Asked(server, POST, whose, n) for n in scale.writers},
                    scale.rounds,
                    scale.turn,
                    f"writers, {name}",
                )
                for name, whose in (("many users", tokens), ("one user", tokens[:1]))
            }
        client.run(check_some)
    return written(found, [str(number) for number in scale.writers])


def written(found: Mapping[str, Mapping[str, list[Load]]], labels: Sequence[str]) -> Table:
    """Rates, and against the first number of connections."""
    against = {
        name: [ratios(rates(loads[label]), rates(loads[labels[0]])) for label in labels]
        for name, loads in found.items()
    }
    rows: list[Row] = [
        (
            label,
            *(
                cell
                for name, loads in found.items()
                for cell in (
                    in_rate(Spread.of(rates(loads[label]))),
                    in_times(against[name][number]),
                )
            ),
        )
        for number, label in enumerate(labels)
    ]
    headings = ("connections", *(f"{name}{what}" for name in found for what in (", POST/s", "")))
    title = "Requests a second against the connections that write"
    return Table(title, headings, rows, Panel("connections that write", "rate", labels, against))


GROWTH: Mapping[str, Callable[[Bases, Scale], Table]] = {
    "rows": by_rows,
    "users": by_users,
    "hot": by_hot_rows,
    "thresholds": by_thresholds,
    "alerts": by_alerts,
    "writers": by_writers,
}
