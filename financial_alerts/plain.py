"""Plain requests and answers, read and written in one go.

gunicorn reads and writes a head field by field, which takes the processor a tenth of what a request
of the API takes. Nearly all heads are plain; each other one is left to gunicorn, which knows what
may be in it and what has to be refused.
"""

from __future__ import annotations

import re
import time
from functools import lru_cache
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from gunicorn.http import wsgi
from gunicorn.util import hop_headers, http_date

# A method of this service, a path without a fragment, at least one field, no line that is folded.
# An underscore in a name could be read as a hyphen.
FIELD = r"[A-Za-z0-9!#$%&'*+.^`|~-]+:[\t -~\x80-\xff]*\r\n"
HEAD = re.compile(
    r"(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) /(?:[!\"$-.0-~][!\"$-~]*)? HTTP/1\.1\r\n"
    rf"(?:{FIELD})+\r\n"
)
LENGTH = re.compile(r"[0-9]{1,9}")
# Bytes and fields, well within all limits.
LARGEST = 8 * 1024
MOST_FIELDS = 64
# They change how the rest of a request is read.
SPECIAL = {"HTTP_TRANSFER_ENCODING", "HTTP_EXPECT"}
KEEPS = {"keep-alive": True, "close": False}
# Characters of an answer's names, in lower case, and of its values.
NAMES, VALUES = re.compile(r"[a-z0-9-]*"), re.compile(r"[ -~]*")


class Plain:
    """A request whose head is plain. length: bytes of the body; environ: all that WSGI wants of it.

    Has what gunicorn's own requests have, as far as answers ask for it.
    """

    version = (1, 1)
    is_chunked = False
    wants_continue = False

    def __init__(self, environ: dict[str, Any], closes: bool) -> None:
        self.environ = environ
        self.method: str = environ["REQUEST_METHOD"]
        self.length = int(environ.get("CONTENT_LENGTH", 0))
        self.closes = closes

    @property
    def path(self) -> str:
        return str(self.environ["PATH_INFO"])

    def give(self, body: bytes) -> None:
        self.environ["wsgi.input"] = BytesIO(body)

    def force_close(self) -> None:
        self.closes = True

    def should_close(self) -> bool:
        return self.closes


def plain(head: bytes) -> Plain | None:
    """Read a head, from its first byte to its empty line; None where it is not plain."""
    text = head.decode("latin-1")
    if len(text) > LARGEST or not HEAD.fullmatch(text):
        return None
    line, *fields = text[:-4].split("\r\n")
    environ: dict[str, Any] = {}
    for field in fields:
        name, _, value = field.partition(":")
        environ[key_of(name)] = value.strip(" \t")
    keeps = KEEPS.get(environ.get("HTTP_CONNECTION", "keep-alive").lower())
    # A field that is there twice has one entry.
    if len(environ) < len(fields) or len(fields) > MOST_FIELDS or keeps is None:
        return None
    if not SPECIAL.isdisjoint(environ) or not LENGTH.fullmatch(environ.get("CONTENT_LENGTH", "0")):
        return None
    method, uri, protocol = line.split(" ")
    path, _, query = uri.partition("?")
    environ["REQUEST_METHOD"] = method
    environ["RAW_URI"] = uri
    environ["PATH_INFO"] = unquote_to_bytes(path).decode("latin-1") if "%" in path else path
    environ["QUERY_STRING"] = query
    environ["SCRIPT_NAME"] = ""
    environ["SERVER_PROTOCOL"] = protocol
    environ["wsgi.url_scheme"] = "http"
    return Plain(environ, not keeps)


@lru_cache(1024)
def key_of(name: str) -> str:
    """The name of a field in WSGI's environment."""
    key = name.upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


class Reply(wsgi.Response):
    """gunicorn's answer, whose head is written in one go where it is plain.

    request: plain or gunicorn's. sock: has sendall(). config: gunicorn's.
    """

    def __init__(self, request: Any, sock: Any, config: Any) -> None:
        super().__init__(request, sock, config)  # type: ignore[no-untyped-call]

    def process_headers(self, headers: list[tuple[str, str]]) -> None:
        names = [name.lower() for name, _ in headers]
        values = [value.strip(" ") for _, value in headers]
        if not are_plain(names, values):
            super().process_headers(headers)  # type: ignore[no-untyped-call]
            return
        self.headers = [(name, value) for (name, _), value in zip(headers, values, strict=True)]
        if "content-length" in names:
            self.response_length = int(values[names.index("content-length")])

    def default_headers(self) -> list[str]:
        major, minor = self.req.version
        closes = self.should_close()  # type: ignore[no-untyped-call]
        lines = [
            f"HTTP/{major}.{minor} {self.status}\r\n",
            f"Server: {self.version}\r\n",
            f"Date: {date_of(int(time.time()))}\r\n",
            f"Connection: {'close' if closes else 'keep-alive'}\r\n",
        ]
        return [*lines, "Transfer-Encoding: chunked\r\n"] if self.chunked else lines


def are_plain(names: list[str], values: list[str]) -> bool:
    """Whether no field could be read as another one, and none is the server's to write."""
    return bool(
        all(names)
        and NAMES.fullmatch("".join(names))
        and VALUES.fullmatch("".join(values))
        and hop_headers.isdisjoint(names)
    )


@lru_cache(1)
def date_of(second: int) -> str:
    """A second since 1970 as HTTP words it."""
    return str(http_date(second))
