"""Rate limits: how many requests a client may send in a window of time.

All processes share their counts in Redis. Without Redis, and while it is down, each process counts
for itself, so the limits are then multiplied by the number of processes: the service continues, and
a client in a loop is still stopped.

Answers state the limits in the fields of draft-ietf-httpapi-ratelimit-headers-10.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, NamedTuple
from zlib import crc32

import redis
from django.conf import settings
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponseBase
from redis.exceptions import RedisError

from lib.breaker import Breaker, Clock, redis_breaker, redis_options

# The limits, by what they count.
ADDRESS = "address"
CREDENTIAL = "credential"
# Requests of an IP address that have no valid credential.
UNAUTHENTICATED = "unauthenticated"
# Examples and replays that a user asks for: each sends messages to somebody.
MESSAGES = "messages"

# Clients that one process remembers without Redis, each about 200 bytes.
MEMORY = 100_000


class Limit(NamedTuple):
    """At most `quota` requests in `seconds`."""

    quota: int
    seconds: int


class Count(NamedTuple):
    """The requests of one client in the current window. reset: seconds until the window ends."""

    name: str
    limit: Limit
    used: int
    reset: int

    @property
    def remaining(self) -> int:
        return max(self.limit.quota - self.used, 0)


class Throttled(Exception):
    """Too many requests; HTTP 429."""

    def __init__(self, count: Count) -> None:
        self.count = count
        quota, seconds = count.limit
        super().__init__(
            f"More than {quota} requests in {seconds} seconds ({count.name}); "
            f"try again in {count.reset} seconds."
        )


class Local:
    """Counts of this process only."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lock = threading.Lock()
        self.counts: dict[str, tuple[int, float]] = {}

    def add(self, key: str, seconds: int) -> int:
        """Count one more request; returns the count, which is deleted after `seconds`."""
        now = self.clock()
        with self.lock:
            if len(self.counts) >= MEMORY:
                self.make_room(now)
            used, _ = self.counts.get(key, (0, 0.0))
            self.counts[key] = used + 1, now + seconds
        return used + 1

    def make_room(self, now: float) -> None:
        self.counts = {key: count for key, count in self.counts.items() if count[1] > now}
        # Nothing has expired: starting again favours the clients.
        if len(self.counts) >= MEMORY:
            self.counts.clear()


class Shared:
    """Counts of all processes, in Redis."""

    def __init__(self, url: str, breaker: Breaker) -> None:
        self.breaker = breaker
        self.client = redis.Redis.from_url(url, **redis_options())

    def add(self, key: str, seconds: int) -> int | None:
        """As Local.add; None while Redis does not answer."""
        if not self.breaker.may_ask():
            return None
        try:
            with self.client.pipeline(transaction=True) as pipe:
                pipe.incr(key)
                pipe.expire(key, seconds)
                used: int = pipe.execute()[0]
        except RedisError as error:
            self.breaker.failed(error)
            return None
        self.breaker.answered()
        return used


class Throttle:
    """The limits and their counts.

    clock: the time of day, so that all processes agree where a window begins. pulse: seconds that
    never go back. breaker: whether Redis may be asked; by default the breaker of that server.
    """

    def __init__(
        self,
        limits: Mapping[str, Limit | None],
        redis_url: str | None,
        *,
        prefix: str = "financial_alerts:throttle",
        clock: Clock = time.time,
        pulse: Clock = time.monotonic,
        breaker: Breaker | None = None,
    ) -> None:
        self.limits = limits
        self.prefix = prefix
        self.clock = clock
        self.local = Local(pulse)
        self.shared = Shared(redis_url, breaker or redis_breaker(redis_url)) if redis_url else None

    def count(self, name: str, subject: str) -> Count | None:
        """Count a request; None if the limit is not set."""
        limit = self.limits.get(name)
        if limit is None:
            return None
        # Each client's windows begin at another second, so that not all of them come back at once.
        now = int(self.clock()) + crc32(subject.encode()) % limit.seconds
        window, past = divmod(now, limit.seconds)
        key = f"{self.prefix}:{name}:{limit.seconds}:{subject}:{window}"
        used = self.shared.add(key, limit.seconds) if self.shared else None
        if used is None:
            used = self.local.add(key, limit.seconds)
        return Count(name, limit, used, limit.seconds - past)


@cache
def throttle() -> Throttle:
    """The throttle of the settings."""
    limits = {
        name: Limit(*said) if said else None for name, said in settings.THROTTLE_LIMITS.items()
    }
    return Throttle(limits, settings.THROTTLE_REDIS_URL)


@receiver(setting_changed, dispatch_uid="lib.throttle")
def settings_changed(*, setting: str, **kwargs: Any) -> None:
    if setting.startswith("THROTTLE_"):
        throttle.cache_clear()


def spend(request: HttpRequest, name: str, subject: str) -> None:
    """Count a request against a limit. Raises Throttled."""
    count = throttle().count(name, subject)
    if count is None:
        return
    counts: list[Count] = request.__dict__.setdefault("counts", [])
    counts.append(count)
    if count.used > count.limit.quota:
        raise Throttled(count)


def spend_by_address(request: HttpRequest, name: str) -> None:
    """Count a request against a limit of its sender's IP address. Raises Throttled."""
    spend(request, name, address_of(request))


def add_headers(request: HttpRequest, response: HttpResponseBase) -> None:
    """State each limit that the request was counted against, what is left of it and until when."""
    counts: list[Count] = request.__dict__.get("counts", [])
    if counts:
        policies = [f'"{name}";q={limit.quota};w={limit.seconds}' for name, limit, _, _ in counts]
        left = [f'"{count.name}";r={count.remaining};t={count.reset}' for count in counts]
        response.headers["RateLimit-Policy"] = ", ".join(policies)
        response.headers["RateLimit"] = ", ".join(left)


def address_of(request: HttpRequest) -> str:
    """The IP address of the client, as our first proxy has seen it.

    Proxies append to X-Forwarded-For, so the hops are counted from the end; a client can forge the
    hops before. For IPv6 it is the /64 network, which is one household or phone.
    """
    proxies: int = settings.ALLAUTH_TRUSTED_PROXY_COUNT
    hops = request.headers.get("X-Forwarded-For", "").split(",")
    hop = read_address(hops[-proxies]) if 0 < proxies <= len(hops) else None
    address = hop or read_address(request.META.get("REMOTE_ADDR", ""))
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False))
    return str(address)


def read_address(text: str) -> IPv4Address | IPv6Address | None:
    """An IP address as proxies write it, with or without a port; None for anything else."""
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
