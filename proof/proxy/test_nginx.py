"""nginx with the configuration of compose.yaml: it buffers, and answers as the service does."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import yaml

from api.http.problems import Problem
from lib.transport import HEADER_FIELD, REQUEST_LINE
from tools.programs import free_port
from tools.traffic import until

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]
CONF = ROOT / "deploy/proxy/nginx.conf"
LARGE = 2_000_000


class Backend:
    """Stands for the service: keeps each request it gets, and answers it with two million bytes."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.opened = 0
        self.requests: list[bytes] = []
        self.answered = 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                client = self.listening.accept()[0]
                self.opened += 1
                threading.Thread(target=self.answer, args=(client,), daemon=True).start()

    def end(self) -> None:
        with suppress(OSError):
            self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()

    def answer(self, client: socket.socket) -> None:
        head, _, body = client.recv(65536).partition(b"\r\n\r\n")
        fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        parts, missing = [body], int(fields.get(b"Content-Length", b"0")) - len(body)
        while missing > 0 and (part := client.recv(1 << 20)):
            parts.append(part)
            missing -= len(part)
        body = b"".join(parts)
        self.requests.append(head + b"\r\n\r\n" + body)
        fields_back = b"Connection: close\r\nContent-Length: %d\r\n\r\n" % LARGE
        with client, suppress(OSError):
            client.sendall(b"HTTP/1.1 200 OK\r\n" + fields_back + b"x" * LARGE)
            self.answered += 1


class Proxy:
    """nginx with the configuration of compose.yaml, but for where it listens, writes and asks."""

    def __init__(self, folder: Path, backend: int) -> None:
        self.port = free_port()
        text = CONF.read_text().replace("server app:8000;", f"server 127.0.0.1:{backend};")
        text = text.replace("listen 8000;", f"listen 127.0.0.1:{self.port};")
        conf = folder / "nginx.conf"
        conf.write_text(text.replace(" /tmp/", f" {folder}/"))
        words = ["nginx", "-p", str(folder), "-c", str(conf), "-e", str(folder / "error.log")]
        # Started as root, its workers would be somebody who may not write here.
        user = " user root;" if os.geteuid() == 0 else ""
        self.process = subprocess.Popen([*words, "-g", f"daemon off;{user}"])
        until(self.listens, "nginx")

    def listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def connect(self, receive: int = 65536) -> socket.socket:
        client = socket.socket()
        client.settimeout(30)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        client.connect(("127.0.0.1", self.port))
        return client

    def ask(self, data: bytes) -> tuple[int, str | None, bytes]:
        """Send bytes; status, content type and body of the answer."""
        with self.connect() as client:
            with suppress(ConnectionError):
                client.sendall(data)
            with closing(http.client.HTTPResponse(client)) as answer:
                answer.begin()
                return answer.status, answer.headers["Content-Type"], answer.read()


@pytest.fixture
def backend() -> Iterator[Backend]:
    found = Backend()
    yield found
    found.end()


@pytest.fixture
def proxy(tmp_path: Path, backend: Backend) -> Iterator[Proxy]:
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed")
    found = Proxy(tmp_path, backend.port)
    yield found
    found.process.terminate()
    found.process.wait()


POST = b"POST /api/transaction HTTP/1.1\r\nHost: a:1\r\nContent-Length: 100000\r\n\r\n"


def test_the_service_sees_no_request_before_it_is_whole(proxy: Proxy, backend: Backend) -> None:
    with proxy.connect() as client:
        client.sendall(POST + b"a" * 99_999)
        # One that is whole goes past it.
        assert proxy.ask(b"GET / HTTP/1.1\r\nHost: a:1\r\n\r\n")[0] == 200
        assert (backend.opened, len(backend.requests)) == (1, 1)
        client.sendall(b"a")
        until(lambda: len(backend.requests) == 2, "the request")
    head, _, body = backend.requests[1].partition(b"\r\n\r\n")
    assert len(body) == 100_000
    assert b"\r\nHost: a:1\r\n" in head
    assert b"\r\nX-Forwarded-For: 127.0.0.1\r\n" in head
    assert b"\r\nX-Forwarded-Proto: http\r\n" in head


def test_the_service_is_done_with_an_answer_before_it_is_read(
    proxy: Proxy, backend: Backend
) -> None:
    clients = [proxy.connect(receive=4096) for _ in range(10)]
    for client in clients:
        client.sendall(b"GET / HTTP/1.0\r\nHost: a:1\r\n\r\n")
    until(lambda: backend.answered == 10, "the answers")
    for client in clients:
        found = 0
        while data := client.recv(65536):
            found += len(data)
        assert found > LARGE
        client.close()


GET = b"GET / HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"GET /" + b"a" * REQUEST_LINE + b" HTTP/1.1\r\nHost: a\r\n\r\n", Problem.URI_TOO_LONG),
        (GET + b"A: " + b"a" * HEADER_FIELD + b"\r\n\r\n", Problem.HEADERS_TOO_LARGE),
        (GET + b"Content-Length: 3000000\r\n\r\n", Problem.TOO_LARGE),
        (b"POST /api/import HTTP/1.1\r\nHost: a\r\nContent-Length: 60000000\r\n\r\n",
         Problem.TOO_LARGE),
        (b"GET / HTTP/1.1\r\n\r\n", Problem.MALFORMED),
    ],
)  # fmt: skip
def test_what_nginx_refuses_is_a_problem_as_the_service_has_it(
    proxy: Proxy, data: bytes, problem: Problem
) -> None:
    status, kind, body = proxy.ask(data)
    assert (status, kind) == (problem.status, "application/problem+json")
    check(body, problem)


@pytest.mark.parametrize("path", ["/api/import", "/api/import?dry_run=true",
                                  "/admin/budget/import/add/"])  # fmt: skip
def test_a_file_of_50_mib_comes_through_whole(proxy: Proxy, backend: Backend, path: str) -> None:
    size = 50 * 1024 * 1024
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n"
    assert proxy.ask(head.encode() + b"f" * size)[0] == 200
    assert len(backend.requests[0].partition(b"\r\n\r\n")[2]) == size


def test_no_other_path_takes_a_body_of_that_size(proxy: Proxy, backend: Backend) -> None:
    for path in ("/api/transaction", "/api/import/7", "/api/importer", "/admin/budget/import/"):
        head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n"
        status, _, body = proxy.ask(head.encode())
        assert (status, b"at most 1048576 bytes" in body) == (413, True)
    head = "POST /api/import HTTP/1.1\r\nHost: a\r\nContent-Length: 60000000\r\n\r\n"
    assert b"at most 52428800 bytes" in proxy.ask(head.encode())[2]
    assert backend.requests == []


def test_a_service_that_is_gone_is_one_too(proxy: Proxy, backend: Backend) -> None:
    backend.end()
    status, kind, body = proxy.ask(GET + b"\r\n")
    assert (status, kind) == (503, "application/problem+json")
    check(body, Problem.BUSY)


def check(body: bytes, problem: Problem) -> None:
    found = json.loads(body)
    assert (found["type"], found["title"], found["status"]) == (
        problem.type, problem.title, problem.status,
    )  # fmt: skip


def test_each_problem_in_the_configuration_is_one_of_the_service() -> None:
    bodies = re.findall(r"return (\d+) '(.*)';", CONF.read_text())
    assert len(bodies) == 6
    of_type = {problem.type: problem for problem in Problem}
    for status, body in bodies:
        check(body.encode(), of_type[json.loads(body)["type"]])
        assert int(status) == json.loads(body)["status"]


def test_compose_lets_nobody_past_it() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    assert "ports" not in services["app"]
    assert "./deploy/proxy/nginx.conf:/etc/nginx/nginx.conf:ro" in services["proxy"]["volumes"]
    assert services["app"]["environment"]["TRUSTED_PROXY_COUNT"] == "1"
