"""A service that fails its clients is told so, whichever way it does."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deploy.image.traffic import Site, until
from deploy.rehearsal.load import LEAST, Clients

# The write that goes wrong.
WORST = LEAST * 2


class Service(ThreadingHTTPServer):
    """Stores what it is sent; at one write it does what a test wants of it."""

    daemon_threads = True

    def __init__(self, instead: Callable[[Answer], None] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.stored: set[str | None] = set()
        self.writes = 0
        self.instead = instead

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing where a client goes away."""


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Service

    def do_GET(self) -> None:
        self.say(HTTPStatus.OK)

    def do_POST(self) -> None:
        row = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.writes += 1
        if self.server.writes == WORST and self.server.instead:
            self.server.instead(self)
        else:
            self.server.stored.add(row["external_id"])
            self.say(HTTPStatus.CREATED)

    def say(self, status: HTTPStatus) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def running(service: Service) -> Iterator[Site]:
    thread = threading.Thread(target=service.serve_forever)
    thread.start()
    try:
        yield Site(service.server_port, "alerts.example.com", "a-token")
    finally:
        service.shutdown()
        thread.join()
        service.server_close()


def faults_of(service: Service) -> list[str]:
    """Load a service until it has done its worst, and give what the clients say."""
    with running(service) as site:
        clients = Clients([site] * 3, "test")
        clients.start()
        until(lambda: service.writes > WORST, "writes")
        clients.stop()
    return clients.faults(service.stored)


def hang_up(answer: Answer) -> None:
    """Store nothing and end the connection, as a process does that is killed."""
    answer.close_connection = True


def lie(answer: Answer) -> None:
    """Acknowledge what is not stored."""
    answer.say(HTTPStatus.CREATED)


def fail(answer: Answer) -> None:
    answer.say(HTTPStatus.BAD_GATEWAY)


def test_a_service_that_keeps_its_promises_has_no_fault() -> None:
    assert faults_of(Service()) == []


@pytest.mark.parametrize(
    ("instead", "said"),
    [
        (hang_up, "1 x POST: RemoteDisconnected"),
        (fail, "1 x POST: 502"),
        (lie, "1 acknowledged writes are lost"),
    ],
)
def test_one_failed_write_among_many_is_told(instead: Callable[[Answer], None], said: str) -> None:
    (fault,) = faults_of(Service(instead))
    assert fault.startswith(said)


def test_a_service_that_is_gone_is_told() -> None:
    with running(Service()) as site:
        pass
    clients = Clients([site], "test")
    clients.start()
    clients.stop()
    assert "POST: ConnectionRefusedError" in clients.failed
    assert any("shows nothing" in fault for fault in clients.faults(set()))
