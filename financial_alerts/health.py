"""Whether this process lives, and whether it can do its work: /livez and /readyz.

A load balancer restarts what does not live, so /livez asks nobody: a database that fails over must
not take the service down with it. /readyz is for whoever has to know that a release can begin.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from http import HTTPStatus
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread

from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotAllowed,
    JsonResponse,
)
from django.utils.log import log_response

from financial_alerts.logs import summary

GetResponse = Callable[[HttpRequest], HttpResponseBase]

logger = logging.getLogger(__name__)

# Seconds that the database has to answer in; a probe waits 5 s by default.
LIMIT = 2.0

OK = "ok"
UNKNOWN = "unknown"


class Health:
    """Answers the probes before anything else looks at the request.

    A prober calls a machine by its address, over plain HTTP and without a credential, which host
    checks, redirects and limits are there to refuse. No line is logged but for a readiness that
    fails.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self.probes = {"/livez": alive, "/readyz": ready}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        probe = self.probes.get(request.path_info)
        if probe is None:
            return self.get_response(request)
        if request.method not in ("GET", "HEAD"):
            response: HttpResponse = HttpResponseNotAllowed(["GET", "HEAD"])
        else:
            response = probe()
            response.headers["Content-Length"] = str(len(response.content))
        response.headers["Cache-Control"] = "no-store"
        return response


def alive() -> HttpResponse:
    return JsonResponse({"status": OK})


def ready() -> HttpResponse:
    """Say whether the database answers and has every migration: 200, or 503 and what is wrong.

    In words of our own: what a database says names hosts and users, and anybody may ask.
    """
    checks = within(LIMIT)
    if set(checks.values()) == {OK}:
        return JsonResponse({"status": OK, **checks})
    status = HTTPStatus.SERVICE_UNAVAILABLE
    response = JsonResponse({"status": "unavailable", **checks}, status=status)
    # Django would log any 503 as an error; this is a line of ours in its stead.
    log_response("not ready: %s", str(checks), response=response, logger=logger, level="warning")
    return response


# One question at a time, so that a database which hangs cannot collect threads.
asking = Lock()


def within(seconds: float) -> dict[str, str]:
    """Ask the database in a thread of its own; one that is silent for so long counts as down.

    A new connection each time, as a first request would need it. A network that drops packets
    can hold a thread far longer than any timeout that a connection can be given.
    """
    until = time.monotonic() + seconds
    silent = {"database": f"no answer within {seconds:g} s", "migrations": UNKNOWN}
    if not asking.acquire(timeout=seconds):
        return silent
    answers: SimpleQueue[dict[str, str]] = SimpleQueue()
    Thread(target=ask, args=(answers,), daemon=True).start()
    try:
        return answers.get(timeout=max(0.0, until - time.monotonic()))
    except Empty:
        return silent


def ask(answers: SimpleQueue[dict[str, str]]) -> None:
    """Put what the database says, then close the connection, which is this thread's alone."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        answers.put({"database": OK, "migrations": migrations()})
    except Error as error:
        logger.warning("the database refuses: %s", summary(error))
        answers.put({"database": "refuses", "migrations": UNKNOWN})
    finally:
        connection.close()
        asking.release()


# Which migrations there are is part of the code, so what was once complete stays so: this process
# ends before the next release's.
complete = Event()


def migrations() -> str:
    """Name those that this code has and the database lacks; more than these do no harm."""
    if not complete.is_set():
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if plan:
            return "not applied: " + ", ".join(f"{each.app_label}.{each.name}" for each, _ in plan)
        complete.set()
    return OK
