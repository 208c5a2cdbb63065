"""Redis as a cache that may fail: a request is still answered while Redis is down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.cache import caches
from django.core.cache.backends import redis
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from redis.exceptions import RedisError

from lib.breaker import redis_breaker, redis_options


def guarded(name: str) -> Callable[..., Any]:
    """A method of Redis, or of the fallback while Redis does not answer."""

    def method(self: RedisCache, *args: Any, **kwargs: Any) -> Any:
        if self.breaker.may_ask():
            try:
                value = getattr(redis.RedisCache, name)(self, *args, **kwargs)
            except RedisError as error:
                self.breaker.failed(error)
            else:
                self.breaker.answered()
                return value
        return getattr(caches[self.fallback], name)(*args, **kwargs)

    method.__name__ = name
    return method


class RedisCache(redis.RedisCache):
    """Django's Redis cache; while Redis is down, another cache.

    OPTIONS: fallback, the alias of the other cache; longest, the most seconds that any value lives.
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

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        options = dict(params["OPTIONS"])
        self.breaker = redis_breaker(server)
        self.fallback: str = options.pop("fallback")
        self.longest: int | None = options.pop("longest", None)
        super().__init__(server, params | {"OPTIONS": options | redis_options()})

    def get_backend_timeout(self, timeout: float | None = DEFAULT_TIMEOUT) -> float | None:
        seconds = super().get_backend_timeout(timeout)
        if self.longest is None or (seconds is not None and seconds < self.longest):
            return seconds
        return self.longest
