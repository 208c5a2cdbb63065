"""Work in many threads at once, within what a database server of 100 connections gives."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from weakref import WeakSet

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

# Of 100 connections three are kept for superusers. Four processes may run tests side by side.
SHARE = 24
# Threads for a race. The rest of the share is for the test itself and for processes it starts.
AT_ONCE = 20

T = TypeVar("T")


def at_once(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """Do all of them, each in a thread and a connection that begins when the others do."""
    start = threading.Barrier(len(tasks))

    def one(task: Callable[[], T]) -> T:
        try:
            start.wait(60)
            return task()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(tasks)) as threads:
        return list(threads.map(one, tasks))


class Share:
    """Refuses a connection that is more than this process's share of the server."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.made: WeakSet[BaseDatabaseWrapper] = WeakSet()

    def count(self, connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
        """Receive each new connection, of whatever thread."""
        with self.lock:
            self.made.add(connection)
            opened = sum(each.connection is not None for each in self.made)
        if opened > SHARE:
            connection.close()
            raise AssertionError(f"a test opened {opened} connections at once: {SHARE} at most")
