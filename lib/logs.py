"""Log lines: each with the id of its request, as text for people or as JSON for machines.

User data is private: no line has a query string, a body or a header.
docs/operations.md lists the fields. Metrics are made of them, so their names must not change.
"""

from __future__ import annotations

import logging
import re
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from smtplib import SMTPException
from types import TracebackType
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError
from pythonjsonlogger.json import JsonFormatter
from redis.exceptions import RedisError

# The X-Request-ID of the request that this thread is answering.
request_id: ContextVar[str] = ContextVar("request_id", default="-")

API = ("/api/", "/_allauth/")

# One line for each API request.
access = logging.getLogger("financial_alerts.access")
# A line for each slow request and each slow statement.
slow_request = logging.getLogger("financial_alerts.slow_request")
slow_query = logging.getLogger("financial_alerts.slow_query")
# A line for each run of a scheduled command.
commands = logging.getLogger("financial_alerts.command")
# A line a minute of each process that delivers.
deliveries = logging.getLogger("financial_alerts.deliveries")

# Anything else attached to a record is dropped: Django attaches the request, whose text has the
# query string.
OF_REQUEST = ("method", "route", "status", "ms", "queries", "db_ms", "user", "credential")
OF_QUERY = ("database", "statement")
OF_COMMAND = ("command", "outcome", "result")
FIELDS = ("request_id", *OF_REQUEST, *OF_QUERY, *OF_COMMAND)

# Errors whose text is about machines and code. Any other may quote user data: PostgreSQL names the
# row that broke a constraint, int() the text that is not a number.
SPEAKING = (
    AttributeError,
    ImportError,
    ImproperlyConfigured,
    InterfaceError,
    NameError,
    OSError,
    OperationalError,
    RedisError,
    TypeError,
)

# In a statement's text: strings (also dollar-quoted) and numbers, and lists of placeholders.
LITERAL = re.compile(r"\$(\w*)\$.*?\$\1\$|'(?:[^']|'')*'|(?<![\w%$.])\d+(?:\.\d+)?\b", re.DOTALL)
PLACEHOLDERS = re.compile(r"%s(?:, ?%s)+")
# Characters of a statement that are logged.
STATEMENT = 1000


class RequestFilter(logging.Filter):
    """Adds the request's id; drops lines that repeat the request's own line.

    A path may contain personal words or the key from a mail, so the route replaces it.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        request = getattr(record, "request", None)
        path = getattr(request, "path", "")
        if path:
            hide(record, path, route_of(request) or "-")
        if record.name.startswith("gunicorn") and record.exc_info:
            record.msg, record.args = "A request failed while it was answered", ()
        if is_refusal(record):
            record.levelno, record.levelname = logging.INFO, logging.getLevelName(logging.INFO)
            record.exc_info = None
            return access.isEnabledFor(logging.INFO) and not path.startswith(API)
        repeats = record.name == "django.request" and path.startswith(API) and not record.exc_info
        return not (repeats and access.isEnabledFor(logging.INFO))


def is_refusal(record: logging.LogRecord) -> bool:
    """Whether Django logs a 4xx: the fault of the request, so not a warning.

    Anyone can send as many of these as they like.
    """
    status = getattr(record, "status_code", 0)
    return record.name.startswith("django.") and 400 <= status < 500


def hide(record: logging.LogRecord, path: str, route: str) -> None:
    """Replace the path by the route in a message and its arguments."""
    if isinstance(record.args, tuple):
        record.args = tuple(route if arg == path else arg for arg in record.args)
    if isinstance(record.msg, str):
        record.msg = record.msg.replace(path, route) if len(path) > 1 else record.msg


def route_of(request: Any) -> str | None:
    """The URL pattern that a request matched; None if it matched none, or not yet."""
    match = getattr(request, "resolver_match", None)
    return match.route if match else None


def without_literals(statement: str) -> str:
    """A statement that is safe to log: without the literals that its text may have."""
    bare = PLACEHOLDERS.sub("%s, ...", LITERAL.sub("?", statement))
    return " ".join(bare.split())[:STATEMENT]


@contextmanager
def command_result(command: str) -> Iterator[dict[str, int]]:
    """Log one line at the end of a scheduled command, whether it succeeds or fails.

    The dictionary takes its results, whole numbers by name: never personal data.
    """
    started, result, outcome = time.perf_counter(), dict[str, int](), "failed"
    try:
        yield result
        outcome = "ok"
    finally:
        fields = {
            "command": command,
            "outcome": outcome,
            "ms": round((time.perf_counter() - started) * 1000, 1),
            "result": result,
        }
        level = logging.INFO if outcome == "ok" else logging.ERROR
        form = "%(command)s: %(outcome)s in %(ms)s ms, %(result)s"
        commands.log(level, form, fields, extra=fields)


def log_crash(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """A sys.excepthook: logs the error that ends a process, without quoting data."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    if not logging.root.handlers:
        # The process ended before logging was set up.
        handler = logging.StreamHandler()
        handler.setFormatter(Json())
        handler.addFilter(RequestFilter())
        logging.root.addHandler(handler)
    logging.getLogger("financial_alerts").critical("Ended", exc_info=(kind, error, trace))


class Json(JsonFormatter):
    """One JSON object a line; a traceback gives places and classes, but quotes no data."""

    def __init__(self) -> None:
        super().__init__(
            ["levelname", "name", "message"],
            timestamp="time",
            rename_fields={"levelname": "level", "name": "logger", "exc_info": "error"},
        )

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        kept = {"time", "level", "logger", "message", "error", *FIELDS}
        return {name: value for name, value in log_data.items() if name in kept}

    def formatException(self, ei: Any) -> str:
        _, error, _ = ei
        return "\n".join(chain(error)) if error is not None else ""


def chain(error: BaseException) -> list[str]:
    """An error after its causes, in the order in which Python prints them."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    lines = chain(before) if before is not None else []
    return [*lines, *places(error.__traceback__), summary(error)]


def places(trace: TracebackType | None) -> list[str]:
    return [line.rstrip() for line in traceback.format_tb(trace)]


def summary(error: BaseException) -> str:
    """The class of an error, with its text if that is safe, else with its error codes."""
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    # A mail server's refusal is also an OSError, and names the recipient.
    if isinstance(error, SPEAKING) and not isinstance(error, SMTPException):
        return f"{kind}: {str(error).partition(chr(10))[0]}"
    codes = [getattr(error, name, None) for name in ("pgcode", "sqlite_errorname", "smtp_code")]
    constraint = getattr(getattr(error, "diag", None), "constraint_name", None)
    return " ".join(str(part) for part in (kind, *codes, constraint) if part)
