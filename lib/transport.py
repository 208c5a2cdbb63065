"""What a request may be before the application sees it, and the problems that answer what is not.

The worker of gunicorn.conf.py keeps these limits and answers with these problems; api/http knows
them as kinds of problems of the API.
"""

from __future__ import annotations

from typing import NamedTuple

KIB = 1024

# Bytes. The first three are what an AWS load balancer lets through at most, so that what works
# without one works with one.
REQUEST_LINE = 16 * KIB
HEADER_FIELD = 16 * KIB
HEADERS = 64 * KIB
BODY = 1024 * KIB
# Of a sender without a valid credential. The largest body that such a sender needs is the answer
# of a passkey, some KiB.
STRANGERS_BODY = 32 * KIB
# Of a file that a known sender hands in, with what surrounds it in a form; and where.
UPLOAD = (50 * 1024 + 64) * KIB
UPLOADS = frozenset({"/api/import", "/admin/budget/import/add/"})
# Bytes a second that an upload has to bring at least, beside READ_TIMEOUT.
UPLOAD_LEAST = 64 * KIB
# Seconds for a whole request to arrive, counted from its first byte.
READ_TIMEOUT = 30


class Refusal(NamedTuple):
    """A kind of problem: the last part of its type's path, the HTTP status, the title."""

    slug: str
    status: int
    title: str


MALFORMED = Refusal("malformed", 400, "The request cannot be read")
TIMEOUT = Refusal("request-timeout", 408, "The request took too long to arrive")
URI_TOO_LONG = Refusal("uri-too-long", 414, "The URL is too long")
HEADERS_TOO_LARGE = Refusal("headers-too-large", 431, "The headers are too large")
BUSY = Refusal("busy", 503, "The service is busy")
INTERNAL = Refusal("internal", 500, "The server failed")
