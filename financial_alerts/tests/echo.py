"""A small WSGI application that shows what the worker makes of requests and answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.core.exceptions import RequestDataTooBig

PIECE = b"x" * 65536


class Endless:
    """A stream without an end, which counts the pieces it has made and whether it was closed."""

    made = 0
    closed = 0
    threads: set[int] = set()

    def __iter__(self) -> Iterator[bytes]:
        while True:
            Endless.made += 1
            Endless.threads.add(threading.get_ident())
            yield PIECE

    def close(self) -> None:
        Endless.closed += 1


def broken() -> Iterator[bytes]:
    yield PIECE
    raise RuntimeError("broken")


def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/crash":
        raise RuntimeError("crash")
    if path in ("/endless", "/broken"):
        start("200 OK", [("Content-Type", "text/plain")])
        return Endless() if path == "/endless" else broken()
    if path == "/stream":
        start("200 OK", [("Content-Type", "text/plain")])
        return (PIECE for _ in range(int(environ["QUERY_STRING"])))
    if path == "/made":
        body = f"{Endless.made} {Endless.closed}".encode()
    elif path == "/large":
        body = b"y" * int(environ["QUERY_STRING"])
    else:
        body = said(environ)
    start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]


def said(environ: dict[str, Any]) -> bytes:
    """The method, the path, and the body's bytes: how many, the first ones and the last ones."""
    try:
        body: bytes = environ["wsgi.input"].read()
    except RequestDataTooBig:
        return b"too large"
    words = [environ["REQUEST_METHOD"], environ["PATH_INFO"], str(len(body))]
    return " ".join(words).encode() + b" " + body[:5] + body[-5:]


def admits(environ: dict[str, Any]) -> bool:
    return environ.get("HTTP_AUTHORIZATION") == "Bearer good"


application.admits = admits  # type: ignore[attr-defined]
