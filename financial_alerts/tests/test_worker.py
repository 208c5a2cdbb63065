"""gunicorn's worker on a real socket: slow clients keep nobody out, and HTTP works as it should."""

from __future__ import annotations

import http.client
import json
import os
import select
import selectors
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from gunicorn.config import Config

from api.http.problems import Problem
from budget.models import Category
from financial_alerts.tests.test_gunicorn import GUNICORN, ROOT, Server, configuration
from financial_alerts.worker import FILES, Connection, Worker
from lib.transport import BODY, HEADER_FIELD, HEADERS, REQUEST_LINE, STRANGERS_BODY, UPLOAD
from tools.programs import free_port
from tools.traffic import transaction, until

pytestmark = pytest.mark.once

# Seconds that anything may take which takes milliseconds; the slow clients hold out for longer.
SOON = 10.0
KNOWN = {"Authorization": "Bearer good"}


class Echo:
    """gunicorn with the echo application, and whatever else its configuration says."""

    def __init__(self, folder: Path, more: str) -> None:
        self.port = free_port()
        self.log = folder / "log"
        conf = folder / "echo.conf.py"
        conf.write_text(f"{(ROOT / 'gunicorn.conf.py').read_text()}\n{more}\n")
        words = [*GUNICORN, "--config", str(conf), "financial_alerts.tests.echo"]
        environ = os.environ | {"PORT": str(self.port), "DOTENV_PATH": ""}
        with self.log.open("w") as stderr:
            self.process = subprocess.Popen(
                words, cwd=ROOT, env=environ, stderr=stderr, start_new_session=True
            )
        until(self.lives, "gunicorn")

    def lives(self) -> bool:
        with suppress(OSError):
            return self.get("/")[0] == 200
        return False

    def connect(self, receive: int | None = None) -> socket.socket:
        """A connection; receive: bytes that its machine takes before the program reads them."""
        client = socket.socket()
        client.settimeout(60)
        if receive:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        client.connect(("127.0.0.1", self.port))
        return client

    def ask(self, data: bytes) -> bytes:
        """Send bytes and give all that comes until the server closes."""
        with self.connect() as client:
            client.sendall(data)
            return read_all(client)

    def get(self, path: str, method: str = "GET", **options: Any) -> tuple[int, bytes]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=SOON)) as line:
            line.request(method, path, **options)
            answer = line.getresponse()
            return answer.status, answer.read()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def warnings(self) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["level"] not in ("DEBUG", "INFO")]

    def end(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def read_all(client: socket.socket) -> bytes:
    found = b""
    while data := client.recv(65536):
        found += data
    return found


def read_answer(client: socket.socket) -> tuple[int, bytes]:
    """The status and the body of the next answer on a connection."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        if not (byte := client.recv(1)):
            raise ConnectionError(f"closed after {head!r}")
        head += byte
    status, *lines = head.decode().strip().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    body = b""
    while (missing := int(headers["Content-Length"]) - len(body)) > 0:
        body += client.recv(missing)
    return int(status.split()[1]), body


Run = Callable[..., Echo]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Start gunicorn; the arguments are constants of the worker, and lines of the configuration."""
    running: list[Echo] = []

    def begin(*lines: str, **constants: float) -> Echo:
        said = [
            f"from financial_alerts import worker as _worker\n_worker.{name} = {value}"
            for name, value in constants.items()
        ]
        # One process, so that what the application counts is counted in one place.
        running.append(Echo(tmp_path, "\n".join(["workers = 1", *said, *lines])))
        return running[-1]

    yield begin
    for each in running:
        each.end()


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Echo]:
    found = Echo(tmp_path_factory.mktemp("echo"), "workers = 1")
    yield found
    found.end()


def test_the_limits_are_said_in_one_place() -> None:
    conf = configuration()
    assert conf["limit_request_field_size"] == HEADER_FIELD
    assert conf["limit_request_line"] == 0


# What HTTP promises.


def test_bodies_arrive_whole_however_they_are_cut(echo: Echo) -> None:
    body = b"begin" + b"." * 20_000 + b"enddd"
    request = b"POST /here HTTP/1.1\r\nHost: a\r\nContent-Length: 20010\r\n\r\n" + body
    for sizes in ([1, 1, 2, 40, 10], [len(request) - 1], [30, 5000, 5000]):
        with echo.connect() as client:
            rest = request
            for size in sizes:
                client.sendall(rest[:size])
                rest = rest[size:]
                time.sleep(0.02)
            client.sendall(rest)
            assert read_answer(client) == (200, b"POST /here 20010 beginenddd")


def test_pipelined_requests_are_answered_in_order(echo: Echo) -> None:
    posts = b"".join(
        b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab" % number
        for number in range(20)
    )
    found = echo.ask(posts + b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    bodies = [part.rpartition(b"\r\n\r\n")[2] for part in found.split(b"HTTP/1.1 200 OK")[1:]]
    assert bodies == [*(b"POST /%d 2 abab" % number for number in range(20)), b"GET /last 0 "]


@pytest.mark.parametrize("end", [b"0\r\n\r\n", b"0\r\nA: b\r\nC: d\r\n\r\n", b"000;x=y\r\n\r\n"])
def test_a_body_in_chunks_is_read_and_the_next_request_is_found(echo: Echo, end: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = b"5\r\nbegin\r\n1F4;name=value\r\n" + b"." * 500 + b"\r\n5 ;x\r\nenddd\r\n" + end
    data = head + chunks + b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"
    for pieces in ([data], [data[:80], data[80:120], data[120:]], [*map(bytes, zip(data))]):
        with echo.connect() as client:
            for piece in pieces:
                client.sendall(piece)
            assert read_answer(client) == (200, b"POST / 510 beginenddd")
            assert read_answer(client) == (200, b"GET /next 0 ")


def test_a_client_that_waits_for_a_word_gets_it_once(echo: Echo) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n"
    with echo.connect() as client:
        client.sendall(head)
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"beginenddd")
        assert read_answer(client) == (200, b"POST / 10 beginenddd")
        client.sendall(head + b"beginenddd")
        assert client.recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize(
    ("headers", "stays"), [(b"", False), (b"Connection: keep-alive\r\n", True)]
)
def test_http_1_0_closes_unless_asked_not_to(echo: Echo, headers: bytes, stays: bool) -> None:
    with echo.connect() as client:
        for _ in range(2 if stays else 1):
            client.sendall(b"GET / HTTP/1.0\r\n" + headers + b"\r\n")
            assert read_answer(client) == (200, b"GET / 0 ")
        if not stays:
            assert client.recv(1) == b""


def test_a_line_before_a_request_is_skipped(echo: Echo) -> None:
    with echo.connect() as client:
        for _ in range(2):
            client.sendall(b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert read_answer(client) == (200, b"GET / 0 ")


def test_the_longest_request_line_and_header_that_a_balancer_passes_on(echo: Echo) -> None:
    room = REQUEST_LINE - len("GET / HTTP/1.1")
    assert echo.get("/" + "a" * room)[0] == 200
    assert echo.get("/", headers={"Cookie": "c" * (HEADER_FIELD - len("Cookie: \r\n"))})[0] == 200


GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"GET /" + b"a" * REQUEST_LINE + b" HTTP/1.1\r\n\r\n", Problem.URI_TOO_LONG),
        (b"GET /" + b"a" * REQUEST_LINE, Problem.URI_TOO_LONG),
        (GET + b"A: " + b"a" * HEADER_FIELD + b"\r\n\r\n", Problem.HEADERS_TOO_LARGE),
        (GET + b"A: b\r\n" * 101 + b"\r\n", Problem.HEADERS_TOO_LARGE),
        (GET + (b"A: " + b"a" * 9000 + b"\r\n") * 8 + b"\r\n", Problem.HEADERS_TOO_LARGE),
        (GET + b"A: " + b"a" * (HEADERS + REQUEST_LINE), Problem.HEADERS_TOO_LARGE),
        (b"hello\r\n\r\n", Problem.MALFORMED),
        (b"\x16\x03\x01\x02\r\n\r\n", Problem.MALFORMED),
        (b"GET / HTTP/1.1\nHost: a\n\n", Problem.MALFORMED),
        (b"GET / HTTP/9.9\r\n\r\n", Problem.MALFORMED),
        (b"get / HTTP/1.1\r\n\r\n", Problem.MALFORMED),
        (b"GET /\xc3\xa9 HTTP/1.1\r\n\r\n", Problem.MALFORMED),
        (GET + b"no colon\r\n\r\n", Problem.MALFORMED),
        (GET + b"Host: b\r\n\r\n", Problem.MALFORMED),
        (GET + b"Expect: a miracle\r\n\r\n", Problem.MALFORMED),
        (GET + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", Problem.MALFORMED),
        (GET + b"Content-Length: -1\r\n\r\n", Problem.MALFORMED),
        (GET + b"Transfer-Encoding: brotli\r\n\r\n", Problem.MALFORMED),
        (GET + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", Problem.MALFORMED),
        (CHUNKED + b"x\r\n", Problem.MALFORMED),
        (CHUNKED + b"3\r\nabcdef\r\n", Problem.MALFORMED),
        (CHUNKED + b"1" * 400, Problem.MALFORMED),
    ],
)  # fmt: skip
def test_what_is_no_request_is_answered_with_a_problem(
    echo: Echo, data: bytes, problem: Problem
) -> None:
    head, _, body = echo.ask(data).partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert status.split()[1] == str(problem.status)
    assert headers["Content-Type"] == "application/problem+json"
    assert headers["Content-Length"] == str(len(body))
    assert headers["Connection"] == "close"
    assert len(headers["X-Request-ID"]) == 32
    found = json.loads(body)
    assert (found["type"], found["title"], found["status"]) == (
        problem.type, problem.title, problem.status,
    )  # fmt: skip
    assert found["detail"]
    assert echo.warnings() == []


def test_a_refused_head_has_no_body(echo: Echo) -> None:
    found = echo.ask(b"HEAD /" + b"a" * REQUEST_LINE + b" HTTP/1.1\r\n\r\n")
    assert found.startswith(b"HTTP/1.1 414 ")
    assert found.endswith(b"\r\n\r\n")


def test_a_crash_is_a_problem_and_a_line(run: Run) -> None:
    echo = run()
    status, body = echo.get("/crash")
    assert (status, json.loads(body)["type"]) == (500, Problem.INTERNAL.type)
    assert [line["level"] for line in echo.warnings()] == ["ERROR"]


def test_a_stream_that_breaks_is_cut(echo: Echo) -> None:
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        echo.get("/broken")


# How much a sender may send.


@pytest.mark.parametrize(
    ("size", "headers", "taken"),
    [
        (STRANGERS_BODY, {}, True),
        (STRANGERS_BODY + 1, {}, False),
        (STRANGERS_BODY + 1, {"Authorization": "Bearer bad"}, False),
        (STRANGERS_BODY + 1, KNOWN, True),
        (BODY, KNOWN, True),
        (BODY + 1, KNOWN, False),
    ],
)
def test_a_large_body_is_read_of_those_who_are_known(
    echo: Echo, size: int, headers: dict[str, str], taken: bool
) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\n" % size
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with echo.connect() as client:
        client.sendall(head + fields.encode() + b"\r\n")
        if taken:
            assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
            client.sendall(b"begin" + b"." * (size - 10) + b"enddd")
            assert read_answer(client) == (200, b"POST / %d beginenddd" % size)
        else:
            assert read_answer(client) == (200, b"too large")
            assert client.recv(1) == b"", "the body may follow, and is no request"


def test_chunks_are_bounded_too(echo: Echo) -> None:
    chunk = b"1000\r\n" + b"." * 4096 + b"\r\n"
    with echo.connect() as client:
        client.sendall(CHUNKED + chunk * (STRANGERS_BODY // 4096 + 1))
        assert read_answer(client) == (200, b"too large")


def upload(size: int, expect: bool, path: str = "/api/import", sender: str = "good") -> bytes:
    """The head of a request that hands in a file."""
    said = "Expect: 100-continue\r\n" if expect else ""
    fields = f"Host: a\r\n{said}Content-Length: {size}\r\nAuthorization: Bearer {sender}\r\n"
    return f"POST {path} HTTP/1.1\r\n{fields}\r\n".encode()


@pytest.mark.parametrize("expect", [False, True])
def test_a_file_is_read_of_those_who_are_known(echo: Echo, expect: bool) -> None:
    size = BODY + 100_000
    with echo.connect() as client:
        for _ in range(2):  # the second on the same connection
            client.sendall(upload(size, expect))
            if expect:
                assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
            client.sendall(b"begin" + b"." * (size - 10) + b"enddd")
            assert read_answer(client) == (200, b"POST /api/import %d beginenddd" % size)


@pytest.mark.parametrize(
    "head",
    [
        upload(BODY + 1, True, sender="bad"),
        upload(BODY + 1, True, path="/api/transaction"),
        upload(BODY + 1, True).replace(b"POST", b"PUT"),
        upload(UPLOAD + 1, True),
    ],
)
def test_no_other_large_body_is(echo: Echo, head: bytes) -> None:
    with echo.connect() as client:
        client.sendall(head)
        assert read_answer(client) == (200, b"too large")


def test_files_take_the_disk_and_no_memory(echo: Echo) -> None:
    """As many as may arrive at a time, half of each; one more hears that it has to come later."""
    size = 8 * BODY
    piece = b"." * (size // 2)
    before = memory_of(echo)
    with ExitStack() as stack:
        clients = [stack.enter_context(echo.connect()) for _ in range(FILES)]
        for client in clients:
            client.sendall(upload(size, False) + piece)
        with echo.connect() as other:
            other.sendall(upload(size, True))
            assert read_answer(other)[0] == 503
        assert memory_of(echo) - before < len(piece) * FILES / 4
        for client in clients:
            client.sendall(piece)
            assert read_answer(client)[1].startswith(b"POST /api/import %d " % size)


def memory_of(echo: Echo) -> int:
    """Bytes of memory of gunicorn's workers."""
    parent = echo.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    pages = [Path(f"/proc/{pid}/statm").read_text().split()[1] for pid in children]
    return sum(map(int, pages)) * os.sysconf("SC_PAGE_SIZE")


# Slow clients.


def test_a_request_that_does_not_arrive_is_given_up(run: Run) -> None:
    echo = run(READ_TIMEOUT=1)
    post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n"
    for data in (b"GET / HTT", post, post + b"some"):
        found = trickle(echo, data)
        assert found.startswith(b"HTTP/1.1 408 ")
        body = json.loads(found.partition(b"\r\n\r\n")[2])
        assert body["type"] == Problem.TIMEOUT.type
    assert echo.warnings() == []


def trickle(echo: Echo, data: bytes) -> bytes:
    """Send some data, then a byte now and then until the server has had enough; its answer."""
    with echo.connect() as client:
        client.sendall(data)
        client.settimeout(0.1)
        for _ in range(400):
            try:
                return read_all(client)
            except TimeoutError:
                client.sendall(b"x")
    raise AssertionError("never given up")


def test_an_idle_connection_is_closed_fresh_or_not(run: Run) -> None:
    echo = run("keepalive = 1")
    with echo.connect() as fresh, echo.connect() as used:
        used.sendall(GET + b"\r\n")
        read_answer(used)
        assert (fresh.recv(1), used.recv(1)) == (b"", b"")


def test_a_stream_is_made_no_faster_than_it_is_read(run: Run) -> None:
    """What lies between: what the server makes ahead, and the buffers of the system."""
    echo = run()
    with echo.connect(receive=65536) as client:
        client.sendall(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
        read = 0
        for _ in range(20):
            while read < 4 * 1024 * 1024:
                read += len(client.recv(65536))
        made, closed = map(int, echo.get("/made")[1].split())
        assert (made * 65536 - read, closed) < (8 * 1024 * 1024, 1)
        stands = made_when_settled(echo)
        assert stands * 65536 - read < 8 * 1024 * 1024
    until(lambda: echo.get("/made")[1].endswith(b" 1"), "the end of the stream")
    assert echo.warnings() == []


def made_when_settled(echo: Echo) -> int:
    """How many pieces have been made, once no more are."""
    last = -1
    for _ in range(100):
        made = int(echo.get("/made")[1].split()[0])
        if made == last:
            return made
        last = made
        time.sleep(0.3)
    raise AssertionError("it goes on and on")


def test_a_reader_that_is_stuck_is_cut_off(run: Run) -> None:
    echo = run(SEND_TIMEOUT=1)
    with echo.connect(receive=4096) as stream, echo.connect(receive=4096) as large:
        stream.sendall(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
        large.sendall(b"GET /large?50000000 HTTP/1.1\r\nHost: a\r\n\r\n")
        # Without reading, which would be progress.
        until(lambda: is_cut(stream) and is_cut(large), "both are cut off")
        until(lambda: echo.get("/made")[1].endswith(b" 1"), "the end of the stream")


def is_cut(client: socket.socket) -> bool:
    """Whether the server has reset the connection; nothing is read of it."""
    poll = select.poll()
    poll.register(client, 0)
    return any(events & select.POLLERR for _, events in poll.poll(0))


def test_a_reader_that_is_slow_and_honest_gets_all_of_it(run: Run) -> None:
    echo = run(SEND_TIMEOUT=1)
    size = 64 * 65536
    for path in (b"/stream?64", b"/large?%d" % size):
        with echo.connect(receive=65536) as client:
            client.sendall(b"GET " + path + b" HTTP/1.0\r\n\r\n")
            found = 0
            while data := client.recv(131072):
                found += len(data)
                time.sleep(0.05)
        assert found > size


def test_a_crowd_of_idle_connections_gives_way(run: Run) -> None:
    echo = run("worker_connections = 10")
    crowd = [echo.connect() for _ in range(50)]
    assert echo.get("/")[0] == 200
    assert crowd[0].recv(1) == b""
    for each in crowd:
        each.close()


def test_those_who_hold_too_much_give_way(run: Run) -> None:
    """Thirty bodies that never end would be 24 MiB; the process holds 2 MiB, and answers."""
    echo = run(HELD=2 * 1024 * 1024)
    fields = b"Host: a\r\nAuthorization: Bearer good\r\nContent-Length: 1000000\r\n"
    head = b"POST / HTTP/1.1\r\n" + fields + b"\r\n"
    crowd = [echo.connect() for _ in range(30)]
    gone = 0
    for each in crowd:
        with suppress(ConnectionError):
            each.sendall(head + b"." * 800_000)
    for each in crowd:
        each.settimeout(0.2)
        try:
            gone += each.recv(1) == b""
        except ConnectionError:
            gone += 1
        except TimeoutError:
            pass
        each.close()
    assert 20 <= gone < 30
    large = echo.get("/", "POST", body=b"." * 500_000, headers=KNOWN)
    assert large == (200, b"POST / 500000 ..........")


# The service itself, with forty of each kind of slow client at once.


@pytest.fixture
def server(transactional_db: None, tmp_path: Path) -> Iterator[Server]:
    found = Server(tmp_path / "log")
    until(found.answers, "gunicorn")
    yield found
    found.kill()
    found.process.wait()


FORTY = 40


class Crowd:
    """Slow clients: what they send, and how much of it at once. After that, byte by byte."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.clients: list[tuple[socket.socket, Iterator[int]]] = []
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.go_on, daemon=True)

    def add(self, data: bytes, at_once: int | None = None) -> None:
        for _ in range(FORTY):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", self.port))
            client.sendall(data[:at_once])
            self.clients.append((client, iter(data[at_once:] if at_once is not None else b"")))

    def go_on(self) -> None:
        while not self.stopped.wait(0.5):
            for client, rest in self.clients:
                if (byte := next(rest, None)) is not None:
                    with suppress(OSError):
                        client.send(bytes([byte]))

    def open(self) -> int:
        """How many the server still keeps."""
        return sum(is_open(client) for client, _ in self.clients)

    def end(self) -> None:
        self.stopped.set()
        self.thread.join()
        for client, _ in self.clients:
            client.close()


def is_open(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


@pytest.fixture
def crowd(server: Server) -> Iterator[Crowd]:
    found = Crowd(server.site.port)
    yield found
    found.end()


def test_slow_clients_of_every_kind_keep_nobody_out(server: Server, crowd: Crowd) -> None:
    host = b"Host: alerts.example.com\r\nX-Forwarded-Proto: https\r\n"
    token = f"Authorization: Bearer {server.site.token}\r\n".encode()
    json_ = b"Content-Type: application/json\r\n"
    log_in = b"POST /_allauth/app/v1/auth/login HTTP/1.1\r\n" + host + json_
    post = b"POST /api/transaction HTTP/1.1\r\n" + host + token + json_
    crowd.add(b"GET /api/profile HTTP/1.1\r\n" + host + b"X-A: " + b"a" * 1000, at_once=10)
    crowd.add(log_in + b"Content-Length: 900\r\n\r\n" + b" " * 900, at_once=len(log_in) + 30)
    crowd.add(post + b"Content-Length: 90000\r\n\r\n" + b" " * 900, at_once=len(post) + 30)
    crowd.add(b"GET /api/openapi.json HTTP/1.1\r\n" + host + b"\r\n")
    crowd.add(b"")
    crowd.add(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
    # Never hangs up, though the server says that it closes.
    crowd.add(b"GET /livez HTTP/1.0\r\n\r\n")
    crowd.thread.start()
    for number in range(5):
        with closing(
            http.client.HTTPConnection("127.0.0.1", server.site.port, timeout=SOON)
        ) as line:
            for method, path, body in (
                ("GET", "/livez", None),
                ("GET", "/api/transaction", None),
                ("POST", "/api/transaction", transaction(f"key {number}")),
            ):
                line.request(method, path, body, server.site.headers)
                assert line.getresponse().read()
                assert line.sock is not None, "the connection is kept"
    assert crowd.open() == 7 * FORTY, "they are still there"


def test_head_has_no_body_on_the_wire_and_no_warning(server: Server) -> None:
    host = b"Host: alerts.example.com\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n"
    token = f"Authorization: Bearer {server.site.token}\r\n".encode()
    for path in (b"/livez", b"/api/profile", b"/api/transaction/export", b"/api/no", b"/no"):
        for known in (token, b""):
            with socket.create_connection(("127.0.0.1", server.site.port), timeout=SOON) as client:
                client.sendall(b"HEAD " + path + b" HTTP/1.1\r\n" + host + known + b"\r\n")
                answer = read_all(client)
            assert answer.count(b"\r\n\r\n") == 1
            assert answer.endswith(b"\r\n\r\n")
    assert {line["level"] for line in server.lines} == {"INFO"}


def test_fifty_categories_fit_by_id_and_by_names_of_ascii(server: Server) -> None:
    user = User.objects.get()
    plain = [Category(user=user, name=f"{number:02}" + "&" * 98) for number in range(50)]
    other = [Category(user=user, name=f"{number:02}" + "𝄞" * 98) for number in range(50)]
    for category in (*plain, *other):
        category.save()
    for name, values, status in (
        ("category", [each.name for each in plain], 200),
        ("category", [each.name for each in other], 414),
        ("category_id", [str(each.pk) for each in other], 200),
        ("category_id", [str(2**63 - 1 - number) for number in range(50)], 400),
    ):
        query = urlencode([(name, value) for value in values])
        found, said = server.site.get(f"/api/transaction?{query}", **server.site.headers)
        assert found == status, said[:300]


def test_strangers_send_little_and_hear_why(server: Server) -> None:
    body = json.dumps({"email": "a@example.com", "password": "x" * STRANGERS_BODY})
    headers = {**server.site.headers, "Authorization": "Bearer fa_unknown"}
    status, said = post(server, "/_allauth/app/v1/auth/login", body, headers)
    assert (status, said["errors"][0]["code"]) == (413, "too_large")
    status, said = post(server, "/api/transaction", body, headers)
    assert (status, said["type"]) == (401, Problem.UNAUTHENTICATED.type)
    rows = [json.loads(transaction(f"row {number}")) for number in range(600)]
    body = json.dumps({"items": rows})
    assert len(body) > STRANGERS_BODY
    assert post(server, "/api/transaction", body, server.site.headers)[0] == 201


def test_an_export_that_goes_on_in_many_threads_is_whole_and_one_line(
    transactional_db: None, tmp_path: Path
) -> None:
    conf = tmp_path / "eager.conf.py"
    hurry = "from financial_alerts import worker\nworker.HIGH, worker.LOW = 1000, 500\n"
    conf.write_text((ROOT / "gunicorn.conf.py").read_text() + hurry)
    server = Server(tmp_path / "log", "--config", str(conf))
    try:
        until(server.answers, "gunicorn")
        for batch in range(3):
            rows = [json.loads(transaction(f"{batch}-{number}")) for number in range(1000)]
            body = json.dumps({"items": rows})
            assert post(server, "/api/transaction", body, server.site.headers)[0] == 201
        for _ in range(4):
            headers = server.site.headers | {"X-Request-ID": "export-1"}
            status, text = server.site.get("/api/transaction/export", **headers)
            assert (status, len(text.splitlines())) == (200, 3001)
            assert text.splitlines()[-1].rpartition(",")[2] == "0-0"
    finally:
        server.terminate()
        assert server.process.wait(60) == 0
    exports = [line for line in server.lines if line.get("route") == "api/transaction/export"]
    assert [line["request_id"] for line in exports] == ["export-1"] * 4
    assert len({line["queries"] for line in exports[1:]}) == 1
    assert {line["level"] for line in server.lines} == {"INFO"}


def post(server: Server, path: str, body: str, headers: dict[str, str]) -> tuple[int, Any]:
    with closing(server.site.connect()) as line:
        with suppress(ConnectionError):
            line.request("POST", path, body, headers)
        answer = line.getresponse()
        return answer.status, json.loads(answer.read())


def test_a_request_that_arrives_as_an_answer_begins_waits_for_its_end() -> None:
    """One look at the sockets may find both, and the request may come second."""
    inside: Any = object.__new__(Worker)
    inside.cfg, inside.log, inside.poller = Config(), Mock(), selectors.DefaultSelector()
    inside.alive, inside.nr, inside.max_requests, inside.arrived = True, 0, 1000, 0
    inside.wsgi = stream
    inside.tpool = Mock()
    inside.method_queue = Mock()
    ours, client = socket.socketpair()
    ours.setblocking(False)
    place = ("192.0.2.1", 1)
    connection = Connection(inside.cfg, ours, place, place, {"wsgi.errors": None})
    inside.connections = {connection}
    inside.watch(connection, selectors.EVENT_READ)
    with closing(client), closing(ours):
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        inside.receive(connection)
        answer, *rest = inside.tpool.submit.call_args.args
        keeps = answer(*rest)
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        found = [key.data for key, _ in inside.poller.select(0)]
        inside.leave(keeps, connection)
        for arrived in found:
            arrived(None)
        assert found
        assert inside.tpool.submit.call_count == 1


def stream(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    """An answer that is longer than what a socket takes at once."""
    start_response("200 OK", [("Content-Type", "text/csv")])
    return iter([b"x" * 65536] * 200)
