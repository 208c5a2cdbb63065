"""Redis as a cache that may fail: what it holds is worth less than the answer to a request."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, ClassVar

from django.core.cache import caches
from django.core.cache.backends import redis
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

# Seconds that one answer may take, and that Redis is left alone for once it has failed: a request
# must not wait for a machine that is gone, again and again.
PATIENCE = 0.5
PAUSE = 10

logger = logging.getLogger(__name__)


def guarded(name: str) -> Callable[..., Any]:
    """A method of Redis, or of the fallback while Redis does not answer."""

    def method(self: RedisCache, *args: Any, **kwargs: Any) -> Any:
        if self.answers():
            try:
                return getattr(redis.RedisCache, name)(self, *args, **kwargs)
            except RedisError as error:
                self.rest(error)
        return getattr(caches[self.fallback], name)(*args, **kwargs)

    method.__name__ = name
    return method


class RedisCache(redis.RedisCache):
    """Django's Redis cache; while Redis is down, another cache.

    OPTIONS: fallback, the alias of the other one; longest, the seconds after which every value
    goes, whatever was asked for.
    """

    add = guarded("add")
    get = guarded("get")
    set = guarded("set")
    touch = guarded("touch")
    delete = guarded("delete")
    has_key = guarded("has_key")
    incr = guarded("incr")
    get_many = guarded("get_many")
    set_many = guarded("set_many")
    delete_many = guarded("delete_many")
    clear = guarded("clear")

    # When each server may be asked again; one process learns it for all its threads.
    back_at: ClassVar[dict[str, float]] = {}

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        options = dict(params["OPTIONS"])
        self.server = server
        self.fallback: str = options.pop("fallback")
        self.longest: int | None = options.pop("longest", None)
        options |= {
            "socket_timeout": PATIENCE,
            "socket_connect_timeout": PATIENCE,
            # Once more at once: a connection that was closed while idle is no failure.
            "retry": Retry(NoBackoff(), 1),
        }
        super().__init__(server, params | {"OPTIONS": options})

    def get_backend_timeout(self, timeout: float | None = DEFAULT_TIMEOUT) -> float | None:
        seconds = super().get_backend_timeout(timeout)
        if self.longest is None or (seconds is not None and seconds < self.longest):
            return seconds
        return self.longest

    def answers(self) -> bool:
        return time.monotonic() >= self.back_at.get(self.server, 0)

    def rest(self, error: RedisError) -> None:
        self.back_at[self.server] = time.monotonic() + PAUSE
        logger.warning(
            "Redis does not answer; the cache %r stands in for %s seconds: %s",
            self.fallback,
            PAUSE,
            error,
        )
