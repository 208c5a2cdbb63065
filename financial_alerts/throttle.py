"""How often a client may ask: so many requests in each window of time, counted as they come.

The counts lie in Redis, one for all processes. Without Redis, and while it is down, each process
counts on its own, so that the limits are then as many times as high as there are processes: the
service goes on, and a client that runs wild is still stopped.

Answers say where a client stands in the fields of draft-ietf-httpapi-ratelimit-headers-10.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, NamedTuple
from zlib import crc32

import redis
from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.http import HttpRequest
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NotConnected
from redis.exceptions import RedisError
from redis.retry import Retry

# The limits, by whose requests they count.
ADDRESS = "address"
CREDENTIAL = "credential"
# An address once more, its requests without a valid credential alone.
UNAUTHENTICATED = "unauthenticated"

# Seconds that Redis may take, that it is left alone for once it has failed, and between two lines
# in the log about it.
PATIENCE = 0.2
PAUSE = 10
SILENCE = 60
# So many clients in a minute, each about 200 bytes, are remembered by a process on its own.
MEMORY = 100_000

logger = logging.getLogger(__name__)

Clock = Callable[[], float]


class Limit(NamedTuple):
    """So many requests in so many seconds."""

    quota: int
    seconds: int


class Count(NamedTuple):
    """Where a client stands. reset: seconds until it may begin anew."""

    name: str
    limit: Limit
    used: int
    reset: int

    @property
    def remaining(self) -> int:
        return max(self.limit.quota - self.used, 0)


class Throttled(Exception):
    """Asked too often; HTTP 429."""

    def __init__(self, count: Count) -> None:
        self.count = count
        quota, seconds = count.limit
        super().__init__(
            f"More than {quota} requests in {seconds} seconds ({count.name}); "
            f"try again in {count.reset} seconds."
        )


class Local:
    """Counts of this process alone."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lock = threading.Lock()
        self.counts: dict[str, tuple[int, float]] = {}

    def add(self, key: str, seconds: int) -> int:
        """Count one more under a key, which is forgotten after so many seconds; give the count."""
        now = self.clock()
        with self.lock:
            if len(self.counts) >= MEMORY:
                self.make_room(now)
            used, _ = self.counts.get(key, (0, 0.0))
            self.counts[key] = used + 1, now + seconds
        return used + 1

    def make_room(self, now: float) -> None:
        self.counts = {key: count for key, count in self.counts.items() if count[1] > now}
        # Nothing has ended yet: beginning anew errs on the side of the clients.
        if len(self.counts) >= MEMORY:
            self.counts.clear()


class Shared:
    """Counts of all processes, in Redis."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.clock = clock
        self.lock = threading.Lock()
        self.back_at = 0.0
        self.failing = False
        self.told_at = -math.inf
        self.client = redis.Redis.from_url(
            url,
            socket_timeout=PATIENCE,
            socket_connect_timeout=PATIENCE,
            # Once more at once: a connection that was closed while idle is no failure.
            retry=Retry(NoBackoff(), 1, supported_errors=(NotConnected,)),
        )

    def add(self, key: str, seconds: int) -> int | None:
        """As Local.add; None where Redis does not answer, or has not lately."""
        if not self.may_ask():
            return None
        try:
            with self.client.pipeline(transaction=True) as pipe:
                pipe.incr(key)
                pipe.expire(key, seconds)
                used: int = pipe.execute()[0]
        except RedisError as error:
            self.rest(error)
            return None
        if self.failing:
            self.wake()
        return used

    def may_ask(self) -> bool:
        """Whether to try; after a failure one request finds out for all the others."""
        if not self.failing:
            return True
        with self.lock:
            now = self.clock()
            if now < self.back_at:
                return False
            self.back_at = now + PAUSE
            return True

    def rest(self, error: RedisError) -> None:
        with self.lock:
            now = self.clock()
            self.failing, self.back_at = True, now + PAUSE
            tell = now >= self.told_at + SILENCE
            self.told_at = now if tell else self.told_at
        if tell:
            logger.warning("Redis does not answer; each process counts on its own: %s", error)

    def wake(self) -> None:
        with self.lock:
            self.failing, self.told_at = False, -math.inf
        logger.warning("Redis answers again; requests are counted there.")


class Throttle:
    """The limits there are and the counts so far.

    clock: the time of day, by which all processes agree where a window begins. pulse: time that
    never goes back, for what a process only tells itself.
    """

    def __init__(
        self,
        limits: Mapping[str, Limit | None],
        redis_url: str | None,
        *,
        prefix: str = "financial_alerts:throttle",
        clock: Clock = time.time,
        pulse: Clock = time.monotonic,
    ) -> None:
        self.limits = limits
        self.prefix = prefix
        self.clock = clock
        self.local = Local(pulse)
        self.shared = Shared(redis_url, pulse) if redis_url else None

    def count(self, name: str, subject: str) -> Count | None:
        """Count a request; None where there is no such limit."""
        limit = self.limits.get(name)
        if limit is None:
            return None
        # Windows begin at another second for each, lest all who were refused come back at once.
        now = int(self.clock()) + crc32(subject.encode()) % limit.seconds
        window, past = divmod(now, limit.seconds)
        key = f"{self.prefix}:{name}:{limit.seconds}:{subject}:{window}"
        used = self.shared.add(key, limit.seconds) if self.shared else None
        if used is None:
            used = self.local.add(key, limit.seconds)
        return Count(name, limit, used, limit.seconds - past)


@cache
def throttle() -> Throttle:
    """That of the settings."""
    limits = {
        name: Limit(*said) if said else None for name, said in settings.THROTTLE_LIMITS.items()
    }
    return Throttle(limits, settings.THROTTLE_REDIS_URL)


@receiver(setting_changed, dispatch_uid="financial_alerts.throttle")
def settings_changed(*, setting: str, **kwargs: Any) -> None:
    if setting.startswith("THROTTLE_"):
        throttle.cache_clear()


def spend(request: HttpRequest, name: str, subject: str) -> None:
    """Count a request against a limit, for its answer to tell. Raises Throttled."""
    count = throttle().count(name, subject)
    if count is None:
        return
    counts_of(request).append(count)
    if count.used > count.limit.quota:
        raise Throttled(count)


def counts_of(request: HttpRequest) -> list[Count]:
    """What a request has been counted against so far."""
    counts: list[Count] = request.__dict__.setdefault("counts", [])
    return counts


def fields(counts: list[Count]) -> Iterator[tuple[str, str]]:
    """The headers that say where a client stands: each limit, what is left of it, for how long."""
    if counts:
        policies = (f'"{name}";q={limit.quota};w={limit.seconds}' for name, limit, _, _ in counts)
        yield "RateLimit-Policy", ", ".join(policies)
        left = (f'"{count.name}";r={count.remaining};t={count.reset}' for count in counts)
        yield "RateLimit", ", ".join(left)


def address_of(request: HttpRequest) -> str:
    """The address that a request comes from, as the first proxy of ours has seen it.

    Proxies append to X-Forwarded-For, so it is counted from the end; what stands before, the client
    can say as it likes. Of IPv6 it is the network of 64 bits that a household or a phone has.
    """
    proxies: int = settings.ALLAUTH_TRUSTED_PROXY_COUNT
    hops = request.headers.get("X-Forwarded-For", "").split(",")
    hop = read_address(hops[-proxies]) if 0 < proxies <= len(hops) else None
    address = hop or read_address(request.META.get("REMOTE_ADDR", ""))
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False))
    return str(address)


def read_address(text: str) -> IPv4Address | IPv6Address | None:
    """An address as proxies write it, with a port or without; None for anything else."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
