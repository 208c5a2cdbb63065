"""The service beside what a team would pick instead, and beside the floor, asked in turn."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from decimal import Decimal
from itertools import product
from statistics import median
from typing import Any

import psycopg2
from django.db import connection

from benchmarks import book
from benchmarks.book import LARGE
from benchmarks.crowds import Bases, check_some
from benchmarks.load import (
    ALERTS,
    LIST,
    NARROW,
    POST,
    THRESHOLDS,
    UNCHANGED,
    Asked,
    Case,
    Load,
    costs,
    in_turn,
    purchase,
    rates,
)
from benchmarks.measure import Scale, Spread, ratios
from benchmarks.serving import FLOOR, OURS, PEERS, ROOT, Server, services, serving
from benchmarks.start import Client
from benchmarks.table import Row, Table, in_ms, in_rate, in_times
from lib.text import digest

RIVALS = ("DRF", "ninja", "FastAPI")
SHOWN = (OURS, *RIVALS, FLOOR)
GETS = (LIST, NARROW, THRESHOLDS, ALERTS)
TITLE = "Requests a second, beside what a team would pick instead and the floor"
RATIOS = ("ours / fastest peer", "ours / floor", "CPU, fastest peer / ours", "CPU, floor / ours")
HEADINGS = ("case", *SHOWN, *RATIOS, "CPU of ours, ms: server + PostgreSQL")

# The tables of the peers hold what the service's own do; the floor's is empty.
LIKE_OURS = """
INSERT INTO peers_token SELECT digest, user_id FROM accounts_apitoken;
INSERT INTO peers_category (id, user_id, name) SELECT id, user_id, name FROM budget_category;
INSERT INTO peers_transaction (id, user_id, date, category_id, description, amount, type)
  SELECT own.id, own.user_id, date, category_id, description, amount / 100.0, slug
  FROM budget_transaction own JOIN budget_transactiontype type ON type.id = type_id ORDER BY own.id;
INSERT INTO peers_threshold (id, user_id, name, type, category_id, amount, levels)
  SELECT id, user_id, name, type, category_id, amount / 100.0, levels FROM budget_threshold;
INSERT INTO peers_alert (id, user_id, threshold_id, level, period_start, period_end, transaction_id,
    status, message, total, "limit", opened_at, resolved_at)
  SELECT own.id, own.user_id, threshold_id, level, period_start, period_end, transaction_id, status,
    format('%s: %s %% of %s reached', name, level, amount / 100), then_total / 100.0,
    then_limit / 100.0, opened_at, resolved_at
  FROM budget_alert own JOIN budget_threshold threshold ON threshold.id = threshold_id
  ORDER BY own.id;
CREATE TABLE floor_transaction (LIKE budget_transaction INCLUDING ALL);
"""


def add_peers(url: str) -> None:
    """Make the tables of the peers, by their own models, with the same rows."""
    subprocess.run(
        [str(PEERS), "-m", "django", "migrate", "--run-syncdb", "--verbosity=0"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **services(url)["DRF"].environment},
        check=True,
    )
    with connection.cursor() as cursor:
        cursor.execute(LIKE_OURS)
        for table in ("category", "transaction", "threshold", "alert"):
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('peers_{table}', 'id'), max(id))"  # noqa: S608
                f" FROM peers_{table}"
            )
    book.settle()


def compare(bases: Bases, scale: Scale) -> Table:
    """Ask all services in turn, case by case and round by round.

    Raises RuntimeError for a service that gives wrong answers.
    """
    crowd = bases.crowd(scale.users, scale.rows_each)
    url, tokens = crowd.url, crowd.tokens
    found: dict[Case, dict[str, list[Load]]] = {}
    with ExitStack() as stack:
        client = stack.enter_context(Client(url))
        client.run(add_peers, url)
        servers = {
            name: stack.enter_context(serving(name, command, url))
            for name, command in services(url).items()
        }
        check_answers(servers, tokens, url)
        # Writes last: what is read is the same for all.
        for case in (*GETS, POST):
            if scale.case in case.name:
                asked = {name: Asked(server, case, tokens) for name, server in servers.items()}
                if case == LIST:
                    asked[UNCHANGED.name] = Asked(servers[OURS], UNCHANGED, tokens)
                found[case] = in_turn(asked, scale.rounds, scale.turn, case.name)
        client.run(check_some)
    rows = [compared(case.name, found[case]) for case in (POST, *GETS) if case in found]
    if LIST in found:
        rows.append(beside(UNCHANGED.name, found[LIST]))
    return Table(TITLE, HEADINGS, rows)


def compared(name: str, found: Mapping[str, list[Load]]) -> Row:
    """One case: the rates, and the ratios to the peer whose median is the highest."""
    fastest = max(RIVALS, key=lambda other: median(rates(found[other])))
    ours, best, floor = found[OURS], found[fastest], found[FLOOR]
    return (
        name,
        *(in_rate(Spread.of(rates(found[other]))) for other in SHOWN),
        in_times(ratios(rates(ours), rates(best))),
        in_times(ratios(rates(ours), rates(floor))),
        in_times(ratios(costs(best), costs(ours))),
        in_times(ratios(costs(floor), costs(ours))),
        split(ours),
    )


def split(found: Sequence[Load]) -> str:
    own = Spread.of([load.server for load in found])
    database = Spread.of([load.database for load in found])
    return f"{in_ms(own)} + {in_ms(database)}"


def beside(name: str, found: Mapping[str, list[Load]]) -> Row:
    """The answer 304, which only the service gives, beside its full answer."""
    short, full = found[name], found[OURS]
    rate, cost = ratios(rates(short), rates(full)), ratios(costs(full), costs(short))
    rated = in_rate(Spread.of(rates(short)))
    words = (f"{in_times(rate)} / 200", "", f"{in_times(cost)} / 200", "", split(short))
    return (name, rated, *[""] * (len(SHOWN) - 1), *words)


def check_answers(servers: Mapping[str, Server], tokens: Sequence[str], url: str) -> None:
    """Raise RuntimeError unless every service gives the same rows, totals and alerts.

    Each peer writes for another user, and the service the same for that user.
    """
    for token, case in product(tokens[:3], GETS):
        own = answer(servers[OURS], case, token)
        for name in RIVALS:
            agree(name, case, essence(answer(servers[name], case, token)), essence(own))
        agree(FLOOR, case, unlinked(answer(servers[FLOOR], case, token)), unlinked(own))
    for name, token in zip(RIVALS, tokens[::-1], strict=False):
        pair = (servers[name], servers[OURS])
        week = answer(servers[OURS], THRESHOLDS, token)["items"][1]["current"]["total"]
        refund = {"amount": str(LARGE + Decimal(week)), "type": "refund"}
        # The first opens the alerts of a single transaction, the second resolves the week's.
        for change in ({"amount": str(LARGE)}, refund):
            write = purchase(**change)
            for server in pair:
                answer(server, write, token)
            agree(name, write, open_alerts(url, "peers", token), open_alerts(url, "budget", token))
        for case in GETS:
            # The ids of what was written differ.
            agree(name, case, *(essence(answer(server, case, token), ids=False) for server in pair))


def answer(server: Server, case: Case, token: str) -> Any:
    status, _, text = server.ask(case.path, token, case.body)
    if status != (200 if case.body is None else 201):
        raise RuntimeError(f"{server.name} answers {status} to {case}: {text.decode()}")
    return json.loads(text)


def agree(name: str, case: Case, given: object, own: object) -> None:
    if given != own:
        raise RuntimeError(f"{name} differs in {case}:\n{given}\nours:\n{own}")


def unlinked(body: dict[str, Any]) -> dict[str, Any]:
    """An answer of the service, without the text of its cursor."""
    return {**body, "next": body["next"] is not None}


def essence(body: Any, *, ids: bool = True) -> list[list[Any]]:
    """What must be equal in any service's answer: of its rows, their totals or alerts."""
    items = body if isinstance(body, list) else body.get("items", body.get("results"))
    if "description" in items[0]:
        keys = [*["id"] * ids, "date", "category", "amount", "type"]
        return [[item[key] for key in keys] for item in items]
    if "levels" in items[0]:
        # A sum of nothing is 0 to some, and 0.00 to others.
        return [
            [item["id"], item["current"] and Decimal(item["current"]["total"])] for item in items
        ]
    keys = ["threshold", "level", "period_start", "status"]
    return [[item[key] for key in keys] for item in items]


def open_alerts(url: str, tables: str, token: str) -> int:
    """How many alerts of a token's user are open."""
    with closing(psycopg2.connect(url)) as opened, opened.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM {tables}_alert JOIN peers_token USING (user_id)"  # noqa: S608
            " WHERE status = 'open' AND digest = %s",
            [digest(token)],
        )
        ((count,),) = cursor.fetchall()
    return int(count)
