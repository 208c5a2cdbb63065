"""The shared cache: on Redis, and without it when it goes."""

from __future__ import annotations

import logging
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any, Self

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core.cache import caches
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.dummy import DummyCache
from django.test import Client
from pytest_django import Settings

from accounts.tests.clients import PASSWORD, Browser, Phone
from lib.breaker import PATIENCE, PAUSE, redis_breaker
from tools.programs import free_port

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


class Freezer:
    """A way to a Redis that can stop: what clients send then is counted, and never answered."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.frozen = False
        self.swallowed = 0
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self.listening.getsockname()[1]}/0"
        self.sockets = [self.listening]

    def __enter__(self) -> Self:
        Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        for each in self.sockets:
            each.close()

    def accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self.listening.accept()[0]
                redis = socket.create_connection(("127.0.0.1", self.port))
                self.sockets += [client, redis]
                Thread(target=self.carry, args=(client, redis), daemon=True).start()
                Thread(target=self.carry, args=(redis, client), daemon=True).start()

    def carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if self.frozen:
                    self.swallowed += 1
                else:
                    target.sendall(data)


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
    redis_breaker.cache_clear()
    yield
    redis_breaker.cache_clear()


def cache_of(settings: Settings, url: str, fallback: str = "database", **options: Any) -> Any:
    """The cache as the settings make it, for a server of this address."""
    settings.CACHES = {
        "default": {
            "BACKEND": "lib.cache.RedisCache",
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
    assert not redis_breaker(server.url).failing


def test_it_is_one_without_redis_too(settings: Settings) -> None:
    use(cache_of(settings, f"redis://127.0.0.1:{free_port()}/0"))
    assert isinstance(caches["database"], DatabaseCache)


def test_it_goes_on_while_redis_is_down_and_goes_back_to_it(
    settings: Settings, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    cache = cache_of(settings, server.url)
    cache.set("a", "in Redis")
    server.end()
    with caplog.at_level(logging.WARNING, "lib.breaker"):
        assert cache.get("a") is None
        cache.set("a", "in the database")
        assert cache.get("a") == "in the database"
    assert len(caplog.records) == 1  # one line an outage and process, not one a request
    server.begin()
    assert cache.get("a") == "in the database"
    redis_breaker(server.url).back_at -= PAUSE
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
    assert not redis_breaker(server.url).failing


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
    assert silent.called() == 1
    for _ in range(100):
        cache.get("a")
    assert silent.called() == 0
    redis_breaker(silent.url).back_at -= PAUSE
    cache.get("a")
    assert silent.called() == 1


def use_everywhere(settings: Settings, url: str) -> None:
    """Let limits, sessions, summaries and the shared cache use the Redis of this address."""
    redis = cache_of(settings, url, "nothing") and settings.CACHES["default"]
    settings.CACHES = settings.CACHES | {"sessions": redis, "summaries": redis}
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
    settings.SESSION_CACHE_ALIAS = "sessions"
    settings.THROTTLE_REDIS_URL = url
    settings.THROTTLE_LIMITS = {"credential": (600, 60), "address": (600, 60)}


def signed_in() -> Client:
    client = Client()
    client.force_login(User.objects.create_user("alice"))
    return client


def ask(client: Client) -> None:
    """Send a request that needs limits, a session and a kept summary, and one that logs in."""
    asked = "/api/summary?date_from=2026-01-01&date_to=2026-01-31"
    assert client.get(asked).status_code == 200
    sent = {"email": "nobody@example.com", "password": "swordfish-4711"}
    found = client.post("/_allauth/app/v1/auth/login", sent, content_type="application/json")
    assert found.status_code == 400


def test_all_clients_of_a_process_wait_once_for_a_silent_redis(
    settings: Settings, silent: Silent
) -> None:
    client = signed_in()
    use_everywhere(settings, silent.url)
    for _ in range(2):
        ask(client)
        ask(client)
        assert silent.called() == 1
        redis_breaker(silent.url).back_at -= PAUSE


def test_all_clients_wait_once_for_a_redis_that_stops_answering(
    settings: Settings, server: Server
) -> None:
    client = signed_in()
    with Freezer(server.port) as freezer:
        use_everywhere(settings, freezer.url)
        ask(client)
        assert freezer.swallowed == 0
        freezer.frozen = True
        ask(client)
        ask(client)
        assert freezer.swallowed == 1


def test_the_docs_state_how_long_a_request_waits() -> None:
    words = " ".join((Path(__file__).parents[2] / "docs/operations.md").read_text().split())
    assert f"no request waits for it longer than {PATIENCE} s, and only one in {PAUSE} s" in words


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
    redis_breaker(server.url).back_at = 0
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
