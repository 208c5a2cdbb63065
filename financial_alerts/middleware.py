"""What holds for every answer: an id, a line in the log, headers that make browsers strict."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from typing import Any, cast

from django.conf import settings
from django.core.signals import request_finished
from django.db import connections
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse

from accounts.refusals import bare_refusal, within_allauth
from budget.http.problems import answer_to
from financial_alerts.logs import (
    API,
    access,
    milliseconds,
    request_id,
    route_of,
    slow_query,
    slow_request,
    without_literals,
)
from financial_alerts.throttle import ADDRESS, Throttled, address_of, counts_of, fields, spend

ID = re.compile(r"[A-Za-z0-9._-]{1,128}")

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class RequestLog:
    """Gives each request an id, or takes the client's; logs one line for each of the API.

    Outermost, so that it sees every answer: refusals of other middleware and crashes too.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        sent = request.headers.get("X-Request-ID", "")
        # Anything else could forge a line of the log, or a header of the answer.
        request_id.set(sent if ID.fullmatch(sent) else uuid.uuid4().hex)
        line = Line(request)
        with line.watching():
            response = self.get_response(request)
        response.headers["X-Request-ID"] = request_id.get()
        if isinstance(response, StreamingHttpResponse):
            chunks = cast(Iterable[bytes], response.streaming_content)
            response.streaming_content = line.at_end_of(chunks, response)
        else:
            line.write(response)
        return response


@receiver(request_finished, dispatch_uid="financial_alerts.forget_request")
def forget(**kwargs: Any) -> None:
    """Take the id off what this thread logs next. Not earlier: Django logs refusals at the end."""
    request_id.set("-")


class Line:
    """What the log says of one request. Never its address, which may have words of a person."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.started = time.perf_counter()
        self.queries = 0
        self.db_ms = 0.0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Count the queries, of every database there is."""
        with ExitStack() as stack:
            for database in connections.all():
                stack.enter_context(database.execute_wrapper(self.count))
            yield

    def count(
        self,
        execute: Callable[..., Any],
        statement: str,
        params: Any,
        many: bool,
        context: dict[str, Any],
    ) -> Any:
        """A wrapper of Django's for each query."""
        started = time.perf_counter()
        try:
            return execute(statement, params, many, context)
        finally:
            ms = milliseconds(started)
            self.queries += 1
            self.db_ms += ms
            if ms >= settings.SLOW_QUERY_MS:
                self.write_query(statement, context["connection"].alias, ms)

    def write_query(self, statement: str, database: str, ms: float) -> None:
        said = {
            "method": self.request.method,
            "route": route_of(self.request),
            "ms": ms,
            "database": database,
            "statement": without_literals(statement),
        }
        slow_query.warning("%(ms)s ms on %(database)s: %(statement)s", said, extra=said)

    def at_end_of(
        self, chunks: Iterable[bytes], response: StreamingHttpResponse
    ) -> Iterator[bytes]:
        """The chunks; then the line, also where the client has gone away before."""
        try:
            with self.watching():
                yield from chunks
        finally:
            self.write(response)

    def write(self, response: HttpResponseBase) -> None:
        """The line of a request to the API, and one more of any request that took long."""
        credential = getattr(self.request, "credential", None)
        ms = milliseconds(self.started)
        said = {
            "method": self.request.method,
            "route": route_of(self.request),
            "status": response.status_code,
            "ms": ms,
            "queries": self.queries,
            "db_ms": round(self.db_ms, 1),
            "user": credential.user.pk if credential else None,
            "credential": credential.key if credential else None,
        }
        form = "%(method)s %(route)s: %(status)s in %(ms)s ms, %(queries)s queries, %(credential)s"
        if self.request.path.startswith(API):
            access.info(form, said, extra=said)
        if ms >= settings.SLOW_REQUEST_MS:
            slow_request.warning(form, said, extra=said)


class AddressThrottle:
    """Refuses an address that asks the API too often; says in each answer where a client stands.

    The door counts by credential, once it knows one.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith(API):
            return self.get_response(request)
        try:
            spend(request, ADDRESS, address_of(request))
        except Throttled as refused:
            response = too_many(request, refused)
        else:
            response = self.get_response(request)
        for name, value in fields(counts_of(request)):
            response.headers[name] = value
        return response


def too_many(request: HttpRequest, refused: Throttled) -> HttpResponseBase:
    """429, in the shape that each API has for what goes wrong."""
    if not within_allauth(request):
        return answer_to(request, refused)
    response = bare_refusal(HTTPStatus.TOO_MANY_REQUESTS)
    response.headers["Retry-After"] = str(refused.count.reset)
    return response


class SecurityHeaders:
    """Tells browsers to be strict with every answer; what a view has said itself stands.

    SECURE_CSP is the setting of Django 6, which brings the part about it along.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        for name, value in self.strict(response):
            response.headers.setdefault(name, value)
        return response

    def strict(self, response: HttpResponseBase) -> Iterator[tuple[str, str]]:
        yield "X-Content-Type-Options", "nosniff"
        yield "X-Frame-Options", settings.X_FRAME_OPTIONS
        yield "Referrer-Policy", settings.SECURE_REFERRER_POLICY
        yield "Cross-Origin-Opener-Policy", settings.SECURE_CROSS_ORIGIN_OPENER_POLICY
        yield "Cross-Origin-Resource-Policy", "same-origin"
        yield "Permissions-Policy", settings.PERMISSIONS_POLICY
        # A 304 speaks for a page that the browser has, and would put this in place of its own.
        if response.status_code != HTTPStatus.NOT_MODIFIED and not is_debug_page(response):
            yield "Content-Security-Policy", policy_of(response)


def is_html(response: HttpResponseBase) -> bool:
    return response.headers.get("Content-Type", "").startswith("text/html")


def is_debug_page(response: HttpResponseBase) -> bool:
    """Django's own pages about a failure, which have their style and script within."""
    return settings.DEBUG and is_html(response) and response.status_code >= 400


def policy_of(response: HttpResponseBase) -> str:
    """What a page may load; anything that is no page loads nothing."""
    directives = settings.SECURE_CSP if is_html(response) else settings.DATA_CSP
    return "; ".join(f"{name} {' '.join(values)}" for name, values in directives.items())
