"""Circuit breakers: a server that failed is not asked for a while, so that no request waits.

What one request learns about a server holds for all threads of the process.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NotConnected
from redis.retry import Retry

from lib.logs import summary

# Seconds that a failed server is not asked, and between two log lines about it.
PAUSE = 10
SILENCE = 60
# Seconds that connecting to Redis, or one answer of it, may take.
PATIENCE = 0.2

logger = logging.getLogger(__name__)

Clock = Callable[[], float]


class Breaker:
    """Whether a server may be asked now.

    server: its name in log lines. fallback: what happens while it is not asked, for the same
    lines. clock: seconds that never go back.
    """

    def __init__(self, server: str, fallback: str, clock: Clock = time.monotonic) -> None:
        self.server = server
        self.fallback = fallback
        self.clock = clock
        self.lock = threading.Lock()
        self.failing = False
        self.back_at = 0.0
        self.logged_at = -math.inf

    def may_ask(self) -> bool:
        """Whether to try. While the server fails, one caller in PAUSE seconds may."""
        if not self.failing:
            return True
        with self.lock:
            now = self.clock()
            if now < self.back_at:
                return False
            self.back_at = now + PAUSE
            return True

    def failed(self, error: Exception) -> None:
        with self.lock:
            now = self.clock()
            self.failing, self.back_at = True, now + PAUSE
            log = now >= self.logged_at + SILENCE
            self.logged_at = now if log else self.logged_at
        if log:
            form = "%s does not answer; %s: %s"
            logger.warning(form, self.server, self.fallback, summary(error))

    def answered(self) -> None:
        if not self.failing:
            return
        with self.lock:
            self.failing, self.logged_at = False, -math.inf
        logger.warning("%s answers again.", self.server)


@cache
def redis_breaker(url: str) -> Breaker:
    """The breaker that all clients of this process share for a Redis server."""
    return Breaker("Redis", "each process counts its own limits, and nothing is cached")


def redis_options() -> dict[str, Any]:
    """Keyword arguments for a Redis client.

    A connection that was closed while idle is tried again once, which costs no time. A timeout is
    not tried again: the second try would take as long as the first.
    """
    return {
        "socket_connect_timeout": PATIENCE,
        "socket_timeout": PATIENCE,
        "retry": Retry(NoBackoff(), 1, supported_errors=(NotConnected,)),
    }
