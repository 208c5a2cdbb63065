"""manage.py work: store the files that wait, until it gets a signal to end."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from argparse import ArgumentParser
from types import FrameType, TracebackType
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, Error, close_old_connections, connection

from budget.engine.writes import MAX_ROWS
from budget.imports.jobs import Stopped, Work, claim, let_go, new_worker, purge, renew, work_on
from budget.imports.record import Lost
from budget.imports.run import CHUNK
from budget.models import Import
from budget.models.imports import LEASE

logger = logging.getLogger(__name__)

# Seconds between two looks for work, and between two looks for what is too old.
POLL = 1.0
PURGE = 3600.0
# Seconds without a commit after which an import has hung, and takes this process with it.
HUNG = 20 * 60


class Command(BaseCommand):
    help = (
        "Store the files that users have handed in, one after the other. Any number of these "
        "may run, on any machines. SIGTERM lets it end after the commit it is at; what was left, "
        "killed or not, the next one goes on with."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="end when nothing is waiting")
        parser.add_argument(
            "--chunk-size",
            type=int,
            choices=range(1, MAX_ROWS + 1),
            default=CHUNK,
            metavar="ROWS",
            help=f"rows a commit, at most {MAX_ROWS} (default: %(default)s)",
        )

    def handle(self, *args: Any, once: bool, chunk_size: int, **options: Any) -> None:
        stop = threading.Event()
        before = listen(stop)
        try:
            self.loop(stop, once, chunk_size)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def loop(self, stop: threading.Event, once: bool, chunk: int) -> None:
        worker = new_worker()
        purged = float("-inf")
        while not stop.is_set():
            if not once:
                close_old_connections()
            try:
                if time.monotonic() - purged > PURGE:
                    purge()
                    purged = time.monotonic()
                found = claim(worker)
            except DatabaseError:
                logger.warning("The database could not be asked for work.", exc_info=True)
                found = None
            if found is not None:
                try:
                    one(found, worker, stop, chunk)
                except Error:
                    # Its lease runs out, and then it goes on.
                    logger.warning("Import %s was left as it is.", found.pk, exc_info=True)
            elif once:
                return
            else:
                stop.wait(POLL)


def listen(stop: threading.Event) -> dict[int, Any]:
    """Set the event at a signal to end; gives what was done at it before."""

    def note(number: int, frame: FrameType | None) -> None:
        stop.set()

    return {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}


def one(found: Import, worker: str, stop: threading.Event, chunk: int) -> None:
    """Run one import, and leave it to others where this process has to end."""
    with Heart(found, worker) as heart:

        def stopping() -> bool:
            heart.beat()
            return stop.is_set()

        try:
            work_on(Work(found, worker, chunk, stopping))
        except Stopped:
            let_go(found, worker)
        except Lost:
            logger.warning("Import %s is somebody else's now.", found.pk)


class Heart:
    """Keeps an import held while its file is read, which takes a while without any commit.

    On its own thread and connection. Where nothing goes on for too long it ends the process: the
    import is tried by another one then, at most so often.
    """

    def __init__(self, found: Import, worker: str) -> None:
        self.found, self.worker = found, worker
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.beat()

    def beat(self) -> None:
        """Note that something has gone on."""
        self.last = time.monotonic()

    def run(self) -> None:
        while not self.over.wait(LEASE.total_seconds() / 4):
            if time.monotonic() - self.last > HUNG:
                logger.error("Import %s has hung; this process ends.", self.found.pk)
                os._exit(1)
            try:
                renew(self.found, self.worker)
            except DatabaseError:
                logger.warning("Import %s could not be held.", self.found.pk, exc_info=True)
            finally:
                connection.close()

    def __enter__(self) -> Heart:
        self.thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.over.set()
        self.thread.join()
