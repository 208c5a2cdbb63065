"""A service that breaks its word: it acknowledges a write a second before storing it."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from financial_alerts.wsgi import application as honest


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["REQUEST_METHOD"] != "POST":
        return honest(environ, start_response)
    length = int(environ["CONTENT_LENGTH"])
    environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(length))
    threading.Thread(target=store, args=(environ,), daemon=True).start()
    start_response("201 Created", [("Content-Length", "2")])
    return [b"{}"]


def store(environ: dict[str, Any]) -> None:
    time.sleep(1)
    honest(environ, nowhere)


def nowhere(*said: object) -> Callable[[bytes], object]:
    """Take an answer that nobody waits for."""
    return len
