"""A plain request is read, and a plain answer written, as gunicorn would have done it."""

from __future__ import annotations

from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http import wsgi
from gunicorn.http.errors import (
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    ParseException,
)
from hypothesis import given
from hypothesis import strategies as st

from financial_alerts.plain import Plain, Reply, plain
from financial_alerts.tests.test_gunicorn import configuration
from financial_alerts.wire import Careful, Incoming, Outlet

CLIENT, SERVER = ("192.0.2.1", 40000), ("127.0.0.1", 8000)
# Entries of gunicorn's that are objects, or are there for answers before the answer.
OBJECTS = {"wsgi.errors", "wsgi.input", "gunicorn.socket", "wsgi.early_hints"}


def config(**said: Any) -> Config:
    found = Config()
    conf = configuration()
    for name in ("limit_request_line", "limit_request_field_size", "forwarded_allow_ips"):
        found.set(name, conf[name])
    for name, value in said.items():
        found.set(name, value)
    return found


CONFIG = config()


def carefully(head: bytes) -> tuple[dict[str, Any], bool]:
    """What gunicorn makes of a head: WSGI's environment, and whether the connection closes."""
    request = Careful(CONFIG, head, CLIENT, 1)
    request.wants_continue = False
    _, environ = wsgi.create(request, Outlet, CLIENT, SERVER, CONFIG)
    ours = wsgi.base_environ(CONFIG).keys() | {"REMOTE_PORT", "REMOTE_ADDR"} | OBJECTS
    ours |= {"SERVER_NAME", "SERVER_PORT"}
    closes = request.should_close()  # type: ignore[no-untyped-call]
    return {name: environ[name] for name in environ.keys() - ours}, closes


def is_the_same(head: bytes) -> bool:
    """Whether the head is plain; if so, gunicorn makes the same of it."""
    found = plain(head)
    if found is None:
        return False
    assert (found.environ, found.should_close()) == carefully(head)
    assert found.length == Careful(CONFIG, head, CLIENT, 1).length
    return True


ORDINARY = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /api/transaction?limit=50&category=Caf%C3%A9 HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n",
    b"GET /%41/b%20c?? HTTP/1.1\r\nHost:a\r\nX:  \t b c\t \r\nY:\r\nZ: \xe9:\x80\r\n\r\n",
    b"GET /? HTTP/1.1\r\nHost: a\r\nConnection: Close\r\n\r\n",
    b"PATCH /a;b=c:d@e HTTP/1.1\r\nhost: a\r\ncontent-length: 012\r\nCONTENT-type: a/b\r\n\r\n",
    b"HEAD /a//b/../c HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nCookie: a=b; c=d\r\n\r\n",
]


@pytest.mark.parametrize("head", ORDINARY)
def test_an_ordinary_head_is_plain(head: bytes) -> None:
    assert is_the_same(head)


FIELD = b"GET / HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.0\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET //a/b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /#a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /a\xe9 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\nHost: a\r\n\r\n",
        FIELD % b"Transfer-Encoding: chunked",
        FIELD % b"Content-Length: +5",
        FIELD % b"Content-Length: 5, 5",
        FIELD % b"Content-Length: \xb2",
        FIELD % b"Content-Length: 5\r\nContent-Length: 5",
        FIELD % b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        FIELD % b"Expect: 100-continue",
        FIELD % b"Connection: close, te",
        FIELD % b"HOST: b",
        FIELD % b"A_B: c",
        FIELD % b"A : b",
        FIELD % b"A: b\r\n c",
        FIELD % b"A: b\nC: d",
        FIELD % b"A: b\rC: d",
        FIELD % b"A: \x00",
        FIELD % b"A: \x7f",
        FIELD % b": b",
        FIELD % b"A",
        FIELD % b"\r\nA: b",
        FIELD % (b"A: " + b"b" * 9000),
        FIELD % b"\r\n".join(b"A%d: b" % number for number in range(100)),
    ],
)
def test_an_odd_head_is_left_to_gunicorn(head: bytes) -> None:
    assert not is_the_same(head)


PIECES = st.sampled_from(
    [
        *(b"GET /a?b ", b"POST /", b"HTTP/1.1", b"HTTP/1.0", b" ", b"\t", b"\r\n", b"\n", b"\r"),
        *(b"Host: a\r\n", b"Content-Length: 1\r\n", b"Transfer-Encoding", b"Connection: close\r\n"),
        *(b":", b"_", b"#", b"//", b"%2F", b"\x00", b"\x0b", b"\x7f", b"\x85", b"\xa0", b"\xb2"),
        *(b"\xdf", b"\xff", b"chunked", b"5", b",", b"=", b"?", b"Expect: 100-continue\r\n"),
    ]
)


@given(st.sampled_from(ORDINARY), st.lists(st.tuples(st.integers(0, 120), PIECES), max_size=3))
def test_whatever_is_plain_is_the_same_to_gunicorn(
    head: bytes, pieces: list[tuple[int, bytes]]
) -> None:
    """A head with pieces put in anywhere: what gunicorn refuses or reads otherwise is not plain."""
    text = head[:-4]
    for place, piece in pieces:
        text = text[:place] + piece + text[place:]
    # The head ends at its first empty line, which is where the worker cuts it off.
    text = (text + b"\r\n\r\n").partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    try:
        is_the_same(text)
    except ParseException as error:
        raise AssertionError(f"gunicorn refuses {text!r}: {error!r}") from error


@pytest.mark.parametrize(
    ("said", "client", "is_plain"),
    [
        ({}, CLIENT, True),
        ({"forwarded_allow_ips": "*"}, CLIENT, False),
        ({"proxy_protocol": True}, CLIENT, False),
        ({}, "", False),
    ],
)
def test_where_a_proxy_is_believed_gunicorn_reads_everything(
    said: dict[str, Any], client: Any, is_plain: bool
) -> None:
    incoming = Incoming(config(**said), client)
    assert isinstance(incoming.read_head(ORDINARY[0]), Plain) is is_plain


class Sent:
    """Stands for a socket."""

    def __init__(self) -> None:
        self.data = b""

    def sendall(self, data: bytes) -> None:
        self.data += data


@pytest.mark.parametrize(
    "headers",
    [
        [("Content-Type", "a/b"), ("Content-Length", "2"), ("ETag", '"x"'), ("X-Empty", "")],
        [("content-length", "2"), ("Set-Cookie", "a=b"), ("Set-Cookie", "c=d")],
        [("Content-Type", " a\t"), ("X", "\xe9")],
        [("Connection", "close"), ("Server", "b"), ("Content-Length", "2")],
        [],
    ],
)
@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "304 Not Modified"])
@pytest.mark.parametrize("head", [ORDINARY[0], ORDINARY[3], ORDINARY[5]])
def test_an_answer_is_written_as_gunicorn_writes_it(
    head: bytes, status: str, headers: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 1_500_000_000.5)
    written = []
    kinds: list[Any] = [wsgi.Response, Reply]
    for kind in kinds:
        sent = Sent()
        response: Any = kind(Careful(CONFIG, head, CLIENT, 1), sent, CONFIG)
        response.start_response(status, list(headers))
        response.write(b"ab" if status == "200 OK" and b"HEAD" not in head else b"")
        response.close()
        written.append((sent.data, response.should_close()))
    assert written[0] == written[1]


@pytest.mark.parametrize(
    "header",
    [("A", "b\r\nC: d"), ("A\r\nB", "c"), ("A: b", "c"), ("A", "\x00"), ("", "a"), ("\xe9", "a")],
)
def test_an_answer_that_could_be_read_as_another_is_refused(header: tuple[str, str]) -> None:
    response: Any = Reply(plain(ORDINARY[0]), Sent(), CONFIG)
    with pytest.raises((InvalidResponseHeader, InvalidResponseHeaderName)):
        response.start_response("200 OK", [("Content-Length", "0"), header])
