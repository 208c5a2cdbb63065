"""What applies to every request: probes, an id, a log line, rate limits, strict headers."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

from django.conf import settings
from django.core.signals import request_finished
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.dispatch import receiver
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    StreamingHttpResponse,
)
from django.urls import ResolverMatch, resolve

from accounts.refusals import bare_refusal, within_allauth
from api.http.problems import answer_to
from financial_alerts.health import PROBES
from lib.logs import (
    API,
    access,
    request_id,
    slow_query,
    slow_request,
    without_literals,
)
from lib.throttle import ADDRESS, Throttled, add_headers, spend_by_address

ID = re.compile(r"[A-Za-z0-9._-]{1,128}")

# Answers with these statuses have no body (RFC 9110), whatever the method.
BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class Framing:
    """Sets Content-Length, and removes the body where HTTP does not allow one.

    Outermost, so that it sees every answer. A server would drop such a body and log a warning.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        bodiless = response.status_code in BODILESS
        if bodiless:
            # Django's CommonMiddleware sets it on these, too.
            response.headers.pop("Content-Length", None)
        elif isinstance(response, HttpResponse):
            response.headers.setdefault("Content-Length", str(len(response.content)))
        if bodiless or request.method == "HEAD":
            remove_body(response)
        return response


def remove_body(response: HttpResponseBase) -> None:
    if isinstance(response, StreamingHttpResponse):
        response.streaming_content = ()
    elif isinstance(response, HttpResponse):
        response.content = b""


class Health:
    """Answers the probes before any other middleware looks at the request.

    A prober calls a machine by its IP address, over plain HTTP and without a credential. Host
    checks, redirects and rate limits would refuse that. Only a failed readiness check is logged.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        probe = PROBES.get(request.path_info)
        if probe is None:
            return self.get_response(request)
        if request.method not in ("GET", "HEAD"):
            response: HttpResponse = HttpResponseNotAllowed(["GET", "HEAD"])
        else:
            response = probe()
        response.headers["Cache-Control"] = "no-store"
        return response


class RequestLog:
    """Gives each request an id, or takes the client's; logs one line for each API request.

    It also sees requests that other middleware refuses, and crashes.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        sent = request.headers.get("X-Request-ID", "")
        # Any other text could forge a log line or a header of the answer.
        request_id.set(sent if ID.fullmatch(sent) else uuid.uuid4().hex)
        line = Line(request)
        with line:
            response = self.get_response(request)
        response.headers["X-Request-ID"] = request_id.get()
        if isinstance(response, StreamingHttpResponse) and request.method != "HEAD":
            chunks = cast(Iterable[bytes], response.streaming_content)
            response.streaming_content = line.at_end_of(chunks, response)
        else:
            line.write(response)
        return response


@receiver(request_finished, dispatch_uid="financial_alerts.forget_request")
def forget(**kwargs: Any) -> None:
    """Remove the id from what this thread logs next; Django logs refusals late, so not earlier."""
    request_id.set("-")


class Line:
    """The log line of one request. It never has the path, which may contain personal words."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request
        self.started = time.perf_counter()
        self.queries = 0
        self.db_seconds = 0.0
        self.counted: Sequence[BaseDatabaseWrapper] = ()

    def __enter__(self) -> None:
        """Count the queries to every database from now on."""
        self.counted = connections.all()
        for database in self.counted:
            database.execute_wrappers.append(self.count)

    def __exit__(self, *error: object) -> None:
        for database in self.counted:
            database.execute_wrappers.remove(self.count)

    def count(
        self,
        execute: Callable[..., Any],
        statement: str,
        params: Any,
        many: bool,
        context: dict[str, Any],
    ) -> Any:
        """Django's hook around each query."""
        started = time.perf_counter()
        try:
            return execute(statement, params, many, context)
        finally:
            seconds = time.perf_counter() - started
            self.queries += 1
            self.db_seconds += seconds
            if seconds * 1000 >= settings.SLOW_QUERY_MS:
                self.write_query(statement, context["connection"].alias, round(seconds * 1000, 1))

    @property
    def route(self) -> str | None:
        match = self.request.resolver_match
        return match.route if match else None

    def write_query(self, statement: str, database: str, ms: float) -> None:
        fields = {
            "method": self.request.method,
            "route": self.route,
            "ms": ms,
            "database": database,
            "statement": without_literals(statement),
        }
        slow_query.warning("%(ms)s ms on %(database)s: %(statement)s", fields, extra=fields)

    def at_end_of(
        self, chunks: Iterable[bytes], response: StreamingHttpResponse
    ) -> Iterator[bytes]:
        """The chunks, then the line; the line also comes when the client hangs up early."""
        iterator = iter(chunks)
        try:
            while True:
                # Not around the yield: another thread may continue, with its own connections.
                with self:
                    chunk = next(iterator, None)
                if chunk is None:
                    return
                yield chunk
        finally:
            self.write(response)

    def write(self, response: HttpResponseBase) -> None:
        """Log an API request, and any slow request a second time."""
        credential = getattr(self.request, "credential", None)
        ms = round((time.perf_counter() - self.started) * 1000, 1)
        fields = {
            "method": self.request.method,
            "route": self.route,
            "status": response.status_code,
            "ms": ms,
            "queries": self.queries,
            "db_ms": round(self.db_seconds * 1000, 1),
            "user": credential.user.pk if credential else None,
            "credential": credential.key if credential else None,
        }
        form = "%(method)s %(route)s: %(status)s in %(ms)s ms, %(queries)s queries, %(credential)s"
        if self.request.path.startswith(API):
            access.info(form, fields, extra=fields)
        if ms >= settings.SLOW_REQUEST_MS:
            slow_request.warning(form, fields, extra=fields)


class AddressThrottle:
    """Refuses an IP address that sends too many API requests; states the limits in each answer.

    The door counts by credential, once it knows one.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith(API):
            return self.get_response(request)
        try:
            spend_by_address(request, ADDRESS)
        except Throttled as error:
            response = too_many(request, error)
        else:
            response = self.get_response(request)
        add_headers(request, response)
        return response


def too_many(request: HttpRequest, error: Throttled) -> HttpResponseBase:
    """429, in the error format of the API that was called."""
    if not within_allauth(request):
        return answer_to(request, error)
    response = bare_refusal(HTTPStatus.TOO_MANY_REQUESTS)
    response.headers["Retry-After"] = str(error.count.reset)
    return response


class Direct:
    """Hands an API request with a token straight to its view.

    What follows in MIDDLEWARE is for browsers: files, sessions, cookies, forms. It takes a third of
    a millisecond, and does nothing to such a request but check its host. Any cookie takes the whole
    way, whatever comes with it.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.matches: dict[str, ResolverMatch] = {}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not is_direct(request):
            return self.get_response(request)
        request.get_host()  # or it raises DisallowedHost
        match = request.resolver_match = self.match(request.path_info)
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        return response

    def match(self, path: str) -> ResolverMatch:
        """What a path means; kept where its route leaves nothing open, so no more than routes."""
        found = self.matches.get(path)
        if found is None:
            found = resolve(path)
            if path == f"/{found.route}":
                self.matches[path] = found
        return found


def is_direct(request: HttpRequest) -> bool:
    """Whether the way to the view may be short: an app or a script calls the API, no browser."""
    sent = request.META
    return (
        request.path_info.startswith("/api/")
        and not sent.get("HTTP_COOKIE")
        and ("HTTP_AUTHORIZATION" in sent or "HTTP_X_SESSION_TOKEN" in sent)
    )


class SecurityHeaders:
    """Makes browsers strict about every answer; a header that the view has set stays.

    SECURE_CSP has the name that Django 6 gives to this setting.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.strict = {
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": settings.X_FRAME_OPTIONS,
            "Referrer-Policy": settings.SECURE_REFERRER_POLICY,
            "Cross-Origin-Opener-Policy": settings.SECURE_CROSS_ORIGIN_OPENER_POLICY,
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": settings.PERMISSIONS_POLICY,
        }
        # What a page may load; any other answer loads nothing.
        self.of_pages, self.of_data = policy(settings.SECURE_CSP), policy(settings.DATA_CSP)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        for name, value in self.strict.items():
            response.headers.setdefault(name, value)
        # A 304 would replace the policy of the page that the browser has stored.
        if response.status_code != HTTPStatus.NOT_MODIFIED and not is_debug_page(response):
            found = self.of_pages if is_html(response) else self.of_data
            response.headers.setdefault("Content-Security-Policy", found)
        return response


def policy(directives: Mapping[str, Iterable[str]]) -> str:
    """A Content-Security-Policy as a header says it."""
    return "; ".join(f"{name} {' '.join(values)}" for name, values in directives.items())


def is_html(response: HttpResponseBase) -> bool:
    return response.headers.get("Content-Type", "").startswith("text/html")


def is_debug_page(response: HttpResponseBase) -> bool:
    """Django's own error pages, which have inline styles and scripts."""
    return settings.DEBUG and is_html(response) and response.status_code >= 400
