"""The probes: /livez says whether this process lives, /readyz whether it can do its work.

A load balancer replaces a process that fails /livez, so /livez does not ask the database: a
failover must not take the service down. /readyz tells a deployment that this release may start.
"""

from __future__ import annotations

import logging
import time
from http import HTTPStatus
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread

from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpResponse, JsonResponse
from django.utils.log import log_response

from lib.logs import summary

logger = logging.getLogger(__name__)

# Seconds that the database has to answer; a probe waits 5 s by default.
LIMIT = 2.0

OK = "ok"
UNKNOWN = "unknown"


def alive() -> HttpResponse:
    return JsonResponse({"status": OK})


def ready() -> HttpResponse:
    """200 if the database answers and has every migration, else 503 with the reason.

    The reason never quotes the database, whose errors name hosts and users: the probe is public.
    """
    checks = within(LIMIT)
    if set(checks.values()) == {OK}:
        return JsonResponse({"status": OK, **checks})
    status = HTTPStatus.SERVICE_UNAVAILABLE
    response = JsonResponse({"status": "unavailable", **checks}, status=status)
    # Django would log a 503 as an error; this logs a warning in its place.
    log_response("not ready: %s", str(checks), response=response, logger=logger, level="warning")
    return response


# One check at a time, so that a database that hangs cannot collect threads.
asking = Lock()


def within(seconds: float) -> dict[str, str]:
    """Ask the database in a separate thread; without an answer in time it counts as down.

    A new connection each time, as a first request would need one. A network that drops packets can
    block a thread for longer than any timeout of a connection.
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
    """Put the result, then close the connection, which belongs to this thread."""
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


# The list of migrations is part of the code, so a complete database stays complete for as long as
# this process runs.
complete = Event()


def migrations() -> str:
    """ "ok", or the migrations that the database lacks; additional ones do no harm."""
    if not complete.is_set():
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if plan:
            return "not applied: " + ", ".join(f"{each.app_label}.{each.name}" for each, _ in plan)
        complete.set()
    return OK


# What the middleware answers, by path.
PROBES = {"/livez": alive, "/readyz": ready}
