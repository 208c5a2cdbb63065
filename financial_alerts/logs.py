"""Log lines: of which request each is, in words for people or in JSON for machines.

What people store is nobody's business here: no line has a query string, a body or a header.
docs/operations.md lists the fields; metrics are made of them, so they stay as they are.
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

# The X-Request-ID of the request that is being answered in this thread.
request_id: ContextVar[str] = ContextVar("request_id", default="-")

API = ("/api/", "/_allauth/")

# Has one line for each request to the API.
access = logging.getLogger("financial_alerts.access")
# Have a line for each request and statement that took long.
slow_request = logging.getLogger("financial_alerts.slow_request")
slow_query = logging.getLogger("financial_alerts.slow_query")
# Has a line for each run of a command that runs by the clock.
commands = logging.getLogger("financial_alerts.command")

# Whatever else is attached to a record stays out: Django attaches the request, whose text has the
# query string in it.
OF_REQUEST = ("method", "route", "status", "ms", "queries", "db_ms", "user", "credential")
OF_QUERY = ("database", "statement")
OF_COMMAND = ("command", "outcome", "result")
FIELDS = ("request_id", *OF_REQUEST, *OF_QUERY, *OF_COMMAND)

# Errors whose text is about machines and code. Any other may quote what was sent: PostgreSQL names
# the row that broke a rule, int() the text that is no number.
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


# In the text of a statement: strings (also in dollars) and numbers, and lists of placeholders.
LITERAL = re.compile(r"\$(\w*)\$.*?\$\1\$|'(?:[^']|'')*'|(?<![\w%$.])\d+(?:\.\d+)?\b", re.DOTALL)
PLACEHOLDERS = re.compile(r"%s(?:, ?%s)+")
# Characters of a statement that are logged.
STATEMENT = 1000


class RequestFilter(logging.Filter):
    """Adds the request's id; drops what the line of the request itself says better.

    Addresses may have words of a person in them, or the key of a mail: a route stands in for them.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        request = getattr(record, "request", None)
        path = getattr(request, "path", "")
        if path:
            hide(record, path, route_of(request) or "-")
        if record.name.startswith("gunicorn") and record.exc_info:
            record.msg, record.args = "A request failed while it was answered", ()
        if not access.isEnabledFor(logging.INFO):
            return True
        told = record.name == "django.request" and path.startswith(API) and not record.exc_info
        return not told


def hide(record: logging.LogRecord, path: str, route: str) -> None:
    """Put the route in the place of the path, in what a message is made of."""
    if isinstance(record.args, tuple):
        record.args = tuple(route if arg == path else arg for arg in record.args)
    if isinstance(record.msg, str):
        record.msg = record.msg.replace(path, route) if len(path) > 1 else record.msg


def route_of(request: Any) -> str | None:
    """The pattern that a request's address has met; None where it has met none, or not yet."""
    match = getattr(request, "resolver_match", None)
    return match.route if match else None


def without_literals(statement: str) -> str:
    """A statement as it can be told: its values are parameters, but some may stand in its text."""
    bare = PLACEHOLDERS.sub("%s, ...", LITERAL.sub("?", statement))
    return " ".join(bare.split())[:STATEMENT]


def milliseconds(started: float) -> float:
    """Since a moment of time.perf_counter()."""
    return round((time.perf_counter() - started) * 1000, 1)


@contextmanager
def command_result(command: str) -> Iterator[dict[str, int]]:
    """One line at the end of a command that runs by the clock, also of one that fails.

    The dictionary is for what it has found, as whole numbers by name: no names of people.
    """
    started, result, outcome = time.perf_counter(), dict[str, int](), "failed"
    try:
        yield result
        outcome = "ok"
    finally:
        said = {
            "command": command,
            "outcome": outcome,
            "ms": milliseconds(started),
            "result": result,
        }
        level = logging.INFO if outcome == "ok" else logging.ERROR
        commands.log(level, "%(command)s: %(outcome)s in %(ms)s ms, %(result)s", said, extra=said)


def log_crash(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """A sys.excepthook: what ends a process is a line, too, and quotes no data."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    if not logging.root.handlers:
        # It has ended so early that nobody has set up any.
        handler = logging.StreamHandler()
        handler.setFormatter(Json())
        handler.addFilter(RequestFilter())
        logging.root.addHandler(handler)
    logging.getLogger("financial_alerts").critical("Ended", exc_info=(kind, error, trace))


class Json(JsonFormatter):
    """One object a line; a traceback says where and of what class, but quotes no data."""

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
    """An error and those it came from, the first one first, as Python prints them."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    lines = chain(before) if before is not None else []
    return [*lines, *places(error.__traceback__), summary(error)]


def places(trace: TracebackType | None) -> list[str]:
    return [line.rstrip() for line in traceback.format_tb(trace)]


def summary(error: BaseException) -> str:
    """Its class, and its text or what a database says in its stead."""
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    # A mail server's refusal is an OSError, too, and names who should have got the mail.
    if isinstance(error, SPEAKING) and not isinstance(error, SMTPException):
        return f"{kind}: {str(error).partition(chr(10))[0]}"
    codes = [getattr(error, name, None) for name in ("pgcode", "sqlite_errorname", "smtp_code")]
    rule = getattr(getattr(error, "diag", None), "constraint_name", None)
    return " ".join(str(part) for part in (kind, *codes, rule) if part)
