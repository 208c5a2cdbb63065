"""Log lines: of which request each is, in words for people or in JSON for machines.

What people store is nobody's business here: no line has a query string, a body or a header.
"""

from __future__ import annotations

import logging
import traceback
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

# Whatever else is attached to a record stays out: Django attaches the request, whose text has the
# query string in it.
EXTRA = ("method", "route", "status", "ms", "queries", "user", "credential")
FIELDS = ("request_id", *EXTRA)

# Errors whose text is about machines and code. Any other may quote what was sent: PostgreSQL names
# the row that broke a rule, int() the text that is no number.
SPEAKING = (
    AttributeError,
    ImproperlyConfigured,
    InterfaceError,
    NameError,
    OSError,
    OperationalError,
    RedisError,
    TypeError,
)


class RequestFilter(logging.Filter):
    """Adds the request's id; drops what the line of the request itself says better."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        if not access.isEnabledFor(logging.INFO):
            return True
        path = getattr(getattr(record, "request", None), "path", "")
        told = record.name == "django.request" and path.startswith(API) and not record.exc_info
        return not told


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
