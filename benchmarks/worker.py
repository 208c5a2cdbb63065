"""How the service starts, what memory its workers have later, and how many threads pay."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import cycle
from pathlib import Path
from tempfile import NamedTemporaryFile

from benchmarks.comparison import GETS
from benchmarks.crowds import Bases
from benchmarks.load import CONNECTIONS, LIST, POST, Asked, costs, in_turn, rates, run_wrk
from benchmarks.measure import Scale, Spread, ratios
from benchmarks.serving import OURS, Server, service, serving
from benchmarks.table import Row, Table, in_ms, in_rate, in_times

# KiB; seconds.
MIB, TURN = 1024, 2.0
# Processes and threads of each; with the first ones the database has 8 connections.
SHARES = ((2, 4), (1, 8), (4, 2), (8, 1), (2, 2), (2, 1))
# Clients of each server that send a request of so many bytes, one byte a second.
SLOW, BODY = 40, 9_000


def start_up(bases: Bases, scale: Scale) -> Table:
    """From the start of the process to the first answer."""
    url = bases.crowd(min(scale.crowds), scale.rows_each).url
    clock, cpu = [], []
    for _ in range(scale.starts):
        begun = time.monotonic()
        with serving(OURS, service(url), url) as server:
            clock.append(time.monotonic() - begun)
            cpu.append(server.cpu())
    rows: list[Row] = [
        (name, f"{found.middle:.2f}", f"{found.low:.2f} to {found.high:.2f}")
        for name, found in (
            ("clock", Spread.of(clock)),
            ("CPU, of all its processes", Spread.of(cpu)),
        )
    ]
    return Table("Seconds from the start to the first answer", ("", "median", "range"), rows)


def memory(bases: Bases, scale: Scale) -> Table:
    """What one worker holds after so many requests of all kinds; it is not replaced meanwhile."""
    crowd = bases.crowd(scale.users, scale.rows_each)
    url, tokens = crowd.url, crowd.tokens
    # Reads three times as often as writes.
    cases = [case for get in GETS for case in (get, get, get, POST)]
    asked = list(zip(tokens * len(cases), cycle(cases), strict=False))
    held: list[float] = []
    with (
        serving(OURS, service(url, "--workers=1", "--max-requests=0"), url) as server,
        NamedTemporaryFile(prefix="financial-alerts-bench-") as file,
    ):
        file.write(b"\0".join(case.request(server, token) for token, case in asked))
        file.flush()
        done = 0
        for requests in scale.lives:
            while done < requests:
                done += run_wrk(server, Path(file.name), done, TURN, CONNECTIONS)[0]
            held.append(proportional(server.workers[0]) / MIB)
    rows: list[Row] = [
        (f"{requests:,}", f"{mebibytes:.0f}", f"{mebibytes / held[0]:.2f}")
        for requests, mebibytes in zip(scale.lives, held, strict=True)
    ]
    headings = ("requests a worker", "MiB", "against the first")
    return Table("Memory of a worker, its share of what is shared included", headings, rows)


def proportional(pid: int) -> int:
    """Memory in KiB (PSS): pages that processes share are divided among them."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def shares(bases: Bases, scale: Scale) -> Table:
    """Requests of eight quick clients, while slow ones send to each server."""
    crowd = bases.crowd(scale.users, scale.rows_each)
    rows: list[Row] = []
    with ExitStack() as stack:
        servers: dict[str, Server] = {}
        for workers, each in SHARES:
            command = service(crowd.url, f"--workers={workers}", f"--threads={each}")
            name = f"{workers} x {each}"
            servers[name] = stack.enter_context(serving(name, command, crowd.url))
        stack.enter_context(slow_clients([*servers.values()], crowd.tokens[0]))
        for case in (LIST, POST):
            asked = {name: Asked(server, case, crowd.tokens) for name, server in servers.items()}
            found = in_turn(asked, scale.rounds, scale.turn, case.name)
            usual = rates(next(iter(found.values())))
            for name, loads in found.items():
                rate, cost = Spread.of(rates(loads)), Spread.of(costs(loads))
                against = in_times(ratios(rates(loads), usual))
                rows.append((case.name, name, in_rate(rate), against, in_ms(cost)))
    headings = ("request", "processes x threads", "a second", "against the first", "CPU ms")
    return Table(f"Processes and threads, with {SLOW} slow clients at each", headings, rows)


@contextmanager
def slow_clients(servers: Sequence[Server], token: str) -> Iterator[None]:
    """Clients with requests that arrive byte by byte, until the end of the block."""
    words = [f"POST {POST.path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {token}"]
    words += ["Content-Type: application/json", f"Content-Length: {BODY}", "", ""]
    head = "\r\n".join(words).encode()
    ended = threading.Event()

    def send(port: int) -> None:
        clients: list[socket.socket] = []
        while True:
            while len(clients) < SLOW:
                clients.append(socket.create_connection(("127.0.0.1", port)))
                clients[-1].sendall(head)
            if ended.wait(1.0):
                break
            for client in [*clients]:
                try:
                    client.send(b" ")
                except OSError:
                    clients.remove(client)
        for client in clients:
            client.close()

    senders = [threading.Thread(target=send, args=(server.port,)) for server in servers]
    for sender in senders:
        sender.start()
    try:
        yield
    finally:
        ended.set()
        for sender in senders:
            sender.join()
