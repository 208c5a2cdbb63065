"""One connection's bytes: a request as it arrives, an answer as it leaves. Nothing here waits."""

from __future__ import annotations

import fcntl
import json
import os
import re
import socket
import struct
import termios
import uuid
from collections import deque
from enum import Enum, auto
from http import HTTPStatus
from tempfile import TemporaryFile
from typing import IO, Any, NoReturn

from django.core.exceptions import RequestDataTooBig
from gunicorn.config import Config
from gunicorn.http.errors import (
    ChunkMissingTerminator,
    InvalidChunkSize,
    LimitRequestHeaders,
    LimitRequestLine,
    NoMoreData,
    ParseException,
)
from gunicorn.http.message import Request
from gunicorn.http.unreader import Unreader
from gunicorn.util import http_date

from financial_alerts.plain import Plain, plain
from lib.transport import (
    BODY,
    HEADERS,
    HEADERS_TOO_LARGE,
    INTERNAL,
    KIB,
    MALFORMED,
    REQUEST_LINE,
    STRANGERS_BODY,
    UPLOAD,
    UPLOAD_LEAST,
    UPLOADS,
    URI_TOO_LONG,
    Refusal,
)

END_OF_HEAD = b"\r\n\r\n"
BARE_LF = re.compile(rb"(?<!\r)\n")
CHUNK_SIZE = re.compile(rb"[0-9a-fA-F]{1,8}[ \t]*(?:;[^\r\n]*)?")
CHUNK_LINE = 256

# Bytes of an answer that are collected before they are sent, and buffers that one call may send.
FLUSH = 64 * KIB
BUFFERS = 64


class Stage(Enum):
    """How far a request has arrived."""

    EMPTY = auto()
    PART = auto()
    # The body is so large that the sender has to be known before it is read.
    LARGE = auto()
    WHOLE = auto()


class Spool(Unreader):
    """Where gunicorn's parser reads: the bytes that have arrived, and then the end."""

    def __init__(self, data: bytes) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.buf.write(data)

    def chunk(self, size_hint: int | None = None) -> bytes:
        return b""


class Careful(Request):
    """A request that gunicorn reads, field by field. Raises ParseException where it refuses it."""

    def __init__(self, config: Config, head: bytes, client: Any, number: int) -> None:
        super().__init__(config, Spool(head), client, number)  # type: ignore[no-untyped-call]

    @property
    def is_chunked(self) -> bool:
        return "TRANSFER-ENCODING" in dict(self.headers)

    @property
    def length(self) -> int:
        return int(dict(self.headers).get("CONTENT-LENGTH", 0))

    @property
    def wants_continue(self) -> bool:
        return bool(self._expected_100_continue)

    @wants_continue.setter
    def wants_continue(self, wants: bool) -> None:
        self._expected_100_continue = wants

    def give(self, body: bytes) -> None:
        self.unreader.unread(body)


class TooLarge:
    """Stands for a body that was too large to read. Reading it raises."""

    def read(self, *size: int) -> NoReturn:
        raise RequestDataTooBig("The body is too large.")

    readline = readlines = __iter__ = read


class Incoming:
    """The requests of one connection, taken out one by one as they become whole.

    A file that is handed in goes to the disk as it comes, once its sender is known.

    This finds where head and body end, and keeps to the limits. A head that is not plain is
    gunicorn's to parse, and so are all where its configuration believes a proxy.
    """

    def __init__(self, config: Config, client: Any) -> None:
        self.config = config
        self.client = client
        self.may_be_plain = is_plain_http(config, client)
        self.buffer = bytearray()
        self.requests = 0
        self.begin()

    def begin(self) -> None:
        """Be ready for the next request, of which the buffer may hold some already."""
        # Plain or Careful, once the head is here.
        self.request: Any = None
        self.searched = 0
        self.chunks: Chunks | None = None
        self.length = 0
        self.known: bool | None = None
        self.file: IO[bytes] | None = None
        self.filed = 0

    def add(self, data: bytes) -> None:
        """Take what has arrived. Raises OSError where the disk has no room for it."""
        if self.file is None:
            self.buffer += data
            return
        mine = data[: self.length - self.filed]
        self.file.write(mine)
        self.filed += len(mine)
        self.buffer += data[len(mine) :]

    def open_file(self) -> None:
        """Let the body of this request go to the disk, what is here of it already, too."""
        self.file = TemporaryFile()  # noqa: SIM115 - closed with the request
        data = bytes(self.buffer)
        self.buffer.clear()
        self.add(data)

    @property
    def is_upload(self) -> bool:
        """Whether the body is a file that is handed in."""
        return bool(self.request and self.request.method == "POST" and self.request.path in UPLOADS)

    @property
    def most(self) -> int:
        """Bytes that a known sender's body may have."""
        return UPLOAD if self.length > BODY and self.is_upload else BODY

    @property
    def more_seconds(self) -> int:
        """How much longer than other requests a file may take to arrive."""
        return self.length // UPLOAD_LEAST if self.file else 0

    @property
    def wants_file(self) -> bool:
        """Whether the body is too large for the memory, and may come all the same."""
        is_large = BODY < self.length <= self.most
        return bool(self.known and self.file is None and is_large and self.chunks is None)

    @property
    def is_head(self) -> bool:
        """Whether the answer has no body, as far as the method tells."""
        return self.request.method == "HEAD" if self.request else self.buffer[:5] == b"HEAD "

    def stage(self) -> Stage:
        """Tell how far the request has come. Raises ParseException where it cannot be one."""
        if self.request is None and not self.find_head():
            return Stage.PART if self.buffer else Stage.EMPTY
        if self.known is None and STRANGERS_BODY < self.length <= self.most:
            return Stage.LARGE
        if self.is_refused or self.has_body():
            return Stage.WHOLE
        return Stage.PART

    @property
    def is_refused(self) -> bool:
        """Whether the body is larger than this sender may send."""
        return self.length > (STRANGERS_BODY if self.known is False else self.most)

    def find_head(self) -> bool:
        """Parse the head where all of it has arrived."""
        if self.buffer[:2] == b"\r\n":
            # RFC 9112, section 2.2: an empty line before a request is skipped, but only one.
            del self.buffer[:2]
        end = self.buffer.find(END_OF_HEAD, max(0, self.searched - 3))
        self.check_head(end)
        self.searched = len(self.buffer)
        if end < 0:
            return False
        self.requests += 1
        head = bytes(self.buffer[: end + 4])
        del self.buffer[: end + 4]
        self.request = self.read_head(head)
        self.length = self.request.length
        if self.request.is_chunked:
            self.chunks = Chunks()
            # No part of the application reads a body in chunks.
            self.known = False
        return True

    def read_head(self, head: bytes) -> Plain | Careful:
        found = plain(head) if self.may_be_plain else None
        return found or Careful(self.config, head, self.client, self.requests)

    def check_head(self, end: int) -> None:
        """Keep a head that has not ended within its limits."""
        size = len(self.buffer) if end < 0 else end
        line = self.buffer.find(b"\r\n", 0, REQUEST_LINE + 2)
        if line < 0 and size > REQUEST_LINE:
            raise LimitRequestLine(size, REQUEST_LINE)
        if size - line > HEADERS:
            raise LimitRequestHeaders(f"more than {HEADERS} bytes of headers")
        if end < 0 and BARE_LF.search(self.buffer, max(0, self.searched - 1)):
            # Such a head does not end, and gunicorn says why.
            Careful(self.config, bytes(self.buffer), self.client, self.requests)

    def has_body(self) -> bool:
        if self.chunks is not None:
            if self.chunks.end_in(self.buffer):
                self.length = self.chunks.position
                return True
            self.length = max(self.chunks.position, len(self.buffer))
            return self.is_refused
        return (self.filed if self.file else len(self.buffer)) >= self.length

    def owes_continue(self) -> bool:
        """Whether the client waits for a word before it sends the body; asked once."""
        if not (self.request and self.request.wants_continue):
            return False
        self.request.wants_continue = False
        return True

    def take(self) -> tuple[Plain | Careful, IO[bytes] | TooLarge | None]:
        """Give the request with its body, and be ready for the next one.

        The second is what WSGI reads instead of the body in the request: a file, or nothing.
        """
        request, body = self.request, TooLarge() if self.is_refused else self.file
        if self.file:
            self.file.seek(0)
        elif body is None:
            request.give(bytes(self.buffer[: self.length]))
            del self.buffer[: self.length]
        else:
            request.force_close()
            self.buffer.clear()
        self.begin()
        return request, body


def is_plain_http(config: Config, client: Any) -> bool:
    """Whether what a client sends is what it means: no proxy is believed, no path is cut off."""
    believes = config.forwarded_allow_ips or config.proxy_protocol != "off"
    return isinstance(client, tuple) and not believes and "SCRIPT_NAME" not in os.environ


class Chunks:
    """Where a body in chunks ends (RFC 9112, section 7.1)."""

    def __init__(self) -> None:
        # Of the line with the next chunk's size; in the end, of what follows the body.
        self.position = 0
        self.is_last = False

    def end_in(self, data: bytearray) -> bool:
        """Look as far as the data goes. Raises ParseException where they are no chunks."""
        while not self.is_last:
            line = data.find(b"\r\n", self.position)
            if line < 0:
                if len(data) - self.position > CHUNK_LINE:
                    raise InvalidChunkSize(b"")
                return False
            size = data[self.position : line]
            if not CHUNK_SIZE.fullmatch(size):
                raise InvalidChunkSize(bytes(size))
            length = int(size.partition(b";")[0], 16)
            if length == 0:
                self.is_last = True
                self.position = line
            elif len(data) < (end := line + 2 + length + 2):
                return False
            elif data[end - 2 : end] != b"\r\n":
                raise ChunkMissingTerminator(b"")
            else:
                self.position = end
        # The last chunk is followed by trailers and an empty line.
        end = data.find(END_OF_HEAD, self.position)
        self.position = end + 4 if end >= 0 else self.position
        return end >= 0


class Outlet:
    """A socket that takes whatever is written to it and sends as much as the client takes."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.waiting: deque[memoryview] = deque()
        self.size = 0
        self.written = 0

    def sendall(self, data: bytes) -> None:
        if data:
            self.waiting.append(memoryview(data))
            self.size += len(data)
        if self.size >= FLUSH:
            self.flush()

    def flush(self) -> None:
        """Send what the socket takes now. Raises OSError where the connection is broken."""
        try:
            while self.waiting:
                self.sent(self.sock.sendmsg([*self.waiting][:BUFFERS]))
        except BlockingIOError:
            return

    def sent(self, count: int) -> None:
        self.size -= count
        self.written += count
        while count:
            first = self.waiting.popleft()
            if len(first) > count:
                self.waiting.appendleft(first[count:])
            count -= min(count, len(first))

    @property
    def received(self) -> int:
        """Bytes that have reached the client's machine."""
        try:
            (left,) = struct.unpack("i", fcntl.ioctl(self.sock, termios.TIOCOUTQ, b"\0" * 4))
        except OSError:
            left = 0
        return self.written - int(left)


def refusal_of(error: BaseException) -> tuple[Refusal, str]:
    """The problem that a request which cannot be read is answered with, and its detail."""
    match error:
        case LimitRequestLine():
            detail = f"Method, path and query string have at most {REQUEST_LINE} bytes."
            return URI_TOO_LONG, detail
        case LimitRequestHeaders():
            return HEADERS_TOO_LARGE, f"All headers have at most {HEADERS} bytes, in 100 fields."
        case ParseException() | NoMoreData():
            return MALFORMED, "The request is not HTTP as it should be."
    return INTERNAL, "This is our fault; it has been logged."


def refusal_bytes(refusal: Refusal, detail: str, *, is_head: bool) -> bytes:
    """An answer as application/problem+json, after which the connection is closed."""
    slug, status, title = refusal
    problem = {"type": f"/problems/{slug}", "title": title, "status": status, "detail": detail}
    body = json.dumps(problem).encode()
    headers = {
        "Date": http_date(),
        "Connection": "close",
        "Content-Type": "application/problem+json",
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Request-ID": uuid.uuid4().hex,
    }
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + (b"" if is_head else body)
