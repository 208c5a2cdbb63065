"""The shared cache: on Redis, and without it when it goes."""

from __future__ import annotations

import logging
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core.cache import caches
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.dummy import DummyCache
from pytest_django import Settings

from accounts.tests.clients import PASSWORD, Browser, Phone
from deploy.machines.programs import free_port
from financial_alerts.cache import PAUSE, RedisCache

pytestmark = pytest.mark.django_db


class Silent:
    """A server that takes connections and never answers, like a machine that is gone."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.listening.setblocking(False)
        self.url = f"redis://127.0.0.1:{self.listening.getsockname()[1]}/0"
        self.taken: list[socket.socket] = []

    def called(self) -> int:
        """How often it has been called since it was asked last: so many have waited for it."""
        before = len(self.taken)
        while True:
            try:
                self.taken.append(self.listening.accept()[0])
            except BlockingIOError:
                return len(self.taken) - before

    def end(self) -> None:
        for connection in (*self.taken, self.listening):
            connection.close()


class Server:
    """A Redis of our own, which can be ended and begun again."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        words = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise TimeoutError(self.url)

    def end(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
            self.process = None


@pytest.fixture
def server() -> Iterator[Server]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    found = Server()
    found.begin()
    yield found
    found.end()


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    RedisCache.back_at.clear()
    yield
    RedisCache.back_at.clear()


def cache_of(settings: Settings, url: str, fallback: str = "database", **options: Any) -> Any:
    """The cache as the settings make it, for a server of this address."""
    settings.CACHES = {
        "default": {
            "BACKEND": "financial_alerts.cache.RedisCache",
            "LOCATION": url,
            "KEY_PREFIX": "test",
            "OPTIONS": {"fallback": fallback, **options},
        },
        "database": {
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": "accounts_cache",
        },
        "nothing": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
    }
    return caches["default"]


def use(cache: Any) -> None:
    """Each of the ways in which a cache is used, and what it must answer."""
    assert cache.get("a") is None
    assert cache.get("a", 7) == 7
    assert cache.add("a", [1, 2]) is True
    assert cache.add("a", 3) is False
    assert cache.get("a") == [1, 2]
    assert "a" in cache
    cache.set("n", 1)
    assert cache.incr("n") == 2
    assert cache.decr("n", 2) == 0
    assert cache.touch("n", 10) is True
    assert cache.delete("a") is True
    assert cache.delete("a") is False
    cache.set_many({"x": 1, "y": "z"})
    assert cache.get_many(["x", "y", "w"]) == {"x": 1, "y": "z"}
    assert cache.get_or_set("g", 5) == 5
    cache.delete_many(["x", "y"])
    assert not cache.has_key("x")
    with pytest.raises(ValueError, match="nowhere"):
        cache.incr("nowhere")
    cache.clear()
    assert cache.get("n") is None


def test_it_is_a_cache(settings: Settings, server: Server) -> None:
    use(cache_of(settings, server.url))
    assert not RedisCache.back_at


def test_it_is_one_without_redis_too(settings: Settings) -> None:
    use(cache_of(settings, f"redis://127.0.0.1:{free_port()}/0"))
    assert isinstance(caches["database"], DatabaseCache)


def test_it_goes_on_while_redis_is_down_and_goes_back_to_it(
    settings: Settings, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    cache = cache_of(settings, server.url)
    cache.set("a", "in Redis")
    server.end()
    with caplog.at_level(logging.WARNING, "financial_alerts.cache"):
        assert cache.get("a") is None
        cache.set("a", "in the database")
        assert cache.get("a") == "in the database"
    assert len(caplog.records) == 1  # one line an outage and process, not one a request
    server.begin()
    assert cache.get("a") == "in the database"
    RedisCache.back_at[server.url] -= PAUSE
    cache.set("a", "in Redis again")
    caches["database"].clear()
    assert cache.get("a") == "in Redis again"


def test_a_connection_that_was_cut_is_made_again(settings: Settings, server: Server) -> None:
    cache = cache_of(settings, server.url)
    cache.set("a", 1)
    server.end()
    server.begin()
    cache.set("a", 2)
    assert cache.get("a") == 2
    assert not RedisCache.back_at


@pytest.fixture
def silent() -> Iterator[Silent]:
    found = Silent()
    yield found
    found.end()


def test_a_server_that_does_not_answer_holds_up_one_request_for_a_moment(
    settings: Settings, silent: Silent
) -> None:
    cache = cache_of(settings, silent.url, "nothing")
    assert cache.get("a") is None
    assert silent.called() > 0
    for _ in range(100):
        cache.get("a")
    assert silent.called() == 0
    RedisCache.back_at[silent.url] -= PAUSE
    cache.get("a")
    assert silent.called() > 0


def test_sessions_outlive_an_outage_and_end_in_one(settings: Settings, server: Server) -> None:
    cache_of(settings, server.url, "nothing", longest=300)
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
    alice = User.objects.create_user("alice", "alice@example.com", PASSWORD)
    EmailAddress.objects.create(user=alice, email=alice.email, verified=True, primary=True)
    devices = [Phone(), Browser(), Phone()]
    for device in devices:
        device.log_in()
        assert device.is_in()
    phone, browser, other = devices
    redis: Any = caches["default"]
    assert redis._cache.get_client().dbsize() >= 3
    server.end()
    assert [device.is_in() for device in devices] == [True, True, True]
    browser.account("DELETE", "auth/session", status=401)
    phone.account("DELETE", "auth/session", status=401)
    assert [device.is_in() for device in devices] == [False, False, True]
    server.begin()
    RedisCache.back_at.clear()
    assert [device.is_in() for device in devices] == [False, False, True]
    other.account("DELETE", "auth/session", status=401)
    assert not other.is_in()


def test_nothing_is_kept_longer_than_the_longest(settings: Settings, server: Server) -> None:
    cache = cache_of(settings, server.url, longest=300)
    for timeout, kept in ((10, 10), (10**7, 300), (None, 300)):
        cache.set("a", 1, timeout)
        seconds = cache._cache.get_client().ttl(cache.make_key("a"))
        assert kept - 2 <= seconds <= kept


def test_a_fallback_may_be_none_at_all(settings: Settings) -> None:
    cache = cache_of(settings, f"redis://127.0.0.1:{free_port()}/0", "nothing")
    cache.set("a", 1)
    assert cache.get("a") is None
    assert isinstance(caches["nothing"], DummyCache)
