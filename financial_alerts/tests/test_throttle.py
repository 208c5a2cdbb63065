"""How often may be asked: by credential and address; with Redis, without, and while it is down."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from pytest_django import Settings

from accounts.models import ApiToken
from financial_alerts.tests.test_cache import Server, Silent
from lib import throttle as module
from lib.breaker import PAUSE, SILENCE, Breaker
from lib.throttle import (
    Limit,
    Local,
    Throttle,
    address_of,
    throttle,
)
from tools.programs import free_port


class Clock:
    """A clock that moves only when a test moves it."""

    now = 1_000_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    found = Server()
    found.begin()
    yield found
    found.end()


@pytest.fixture
def server(running: Server) -> Server:
    if running.process is None:
        running.begin()
    redis.Redis.from_url(running.url).flushall()
    return running


def counting(clock: Clock, url: str | None = None, quota: int = 3, seconds: int = 60) -> Throttle:
    limits = {"credential": Limit(quota, seconds), "address": None}
    return Throttle(
        limits, url, clock=clock, pulse=clock, breaker=Breaker("Redis", "it counts here", clock)
    )


def used(found: Throttle, subject: str = "user:1") -> int:
    count = found.count("credential", subject)
    assert count is not None
    return count.used


@pytest.mark.parametrize("place", ["process", "redis"])
def test_a_window_counts_and_ends(clock: Clock, place: str, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("server").url if place == "redis" else None
    found = counting(clock, url)
    first = found.count("credential", "user:1")
    assert first is not None
    assert (first.used, first.remaining) == (1, 2)
    assert 1 <= first.reset <= 60
    assert [used(found) for _ in range(4)] == [2, 3, 4, 5]
    last = found.count("credential", "user:1")
    assert last is not None
    assert last.remaining == 0
    clock.now += first.reset - 1
    assert used(found) == 7
    clock.now += 1
    assert used(found) == 1
    clock.now += 59.9
    assert used(found) == 2
    clock.now += 0.1
    assert used(found) == 1


@pytest.mark.parametrize("place", ["process", "redis"])
def test_everybody_is_counted_apart(
    clock: Clock, place: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("server").url if place == "redis" else None
    found = counting(clock, url)
    assert [used(found, f"user:{n % 3}") for n in range(7)] == [1, 1, 1, 2, 2, 2, 3]


def test_windows_do_not_all_begin_at_once(clock: Clock) -> None:
    found = counting(clock)
    resets = {count.reset for n in range(50) if (count := found.count("credential", f"user:{n}"))}
    assert len(resets) > 20


def test_no_limit_counts_nothing(clock: Clock) -> None:
    found = counting(clock)
    assert found.count("address", "192.0.2.1") is None
    assert found.local.counts == {}


def test_a_process_forgets_what_has_ended_and_stays_small(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MEMORY", 10)
    local = Local(clock)
    for n in range(6):
        local.add(f"early {n}", 60)
    clock.now += 61
    for n in range(5):
        local.add(f"late {n}", 60)
    assert sorted(local.counts) == [f"late {n}" for n in range(5)]
    for n in range(100):
        local.add(f"crowd {n}", 60)
        assert len(local.counts) <= 10


@pytest.mark.parametrize("place", ["process", "redis"])
def test_no_count_is_lost_between_threads(
    clock: Clock, place: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("server").url if place == "redis" else None
    found = counting(clock, url)
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda _: used(found), range(400)))
    assert sorted(counts) == list(range(1, 401))


def test_processes_count_together_and_redis_forgets(clock: Clock, server: Server) -> None:
    processes = [counting(clock, server.url) for _ in range(2)]
    assert [used(processes[n % 2]) for n in range(4)] == [1, 2, 3, 4]
    client: Any = redis.Redis.from_url(server.url, decode_responses=True)
    (key,) = client.keys("*")
    assert key.startswith("financial_alerts:throttle:credential:60:user:1:")
    assert 0 < client.ttl(key) <= 60
    assert all(process.local.counts == {} for process in processes)


def test_while_redis_is_down_a_process_counts_alone(
    clock: Clock, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    found = counting(clock, server.url, quota=3, seconds=3600)
    assert [used(found) for _ in range(2)] == [1, 2]
    server.end()
    assert [used(found) for _ in range(3)] == [1, 2, 3]
    server.begin()
    assert used(found) == 4
    clock.now += PAUSE
    assert used(found) == 1
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert said[0].startswith("Redis does not answer; it counts here: redis.exceptions.")
    assert said[1] == "Redis answers again."


def test_it_is_said_once_a_minute(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    found = counting(clock, f"redis://127.0.0.1:{free_port()}/0")
    for _ in range(600):
        used(found)
        clock.now += 0.5
    assert len(caplog.records) == 300 / SILENCE


@pytest.fixture
def silent() -> Iterator[Silent]:
    found = Silent()
    yield found
    found.end()


def test_one_request_in_ten_seconds_waits_for_a_silent_redis(clock: Clock, silent: Silent) -> None:
    found = counting(clock, silent.url)
    for _ in range(2):
        used(found)
        assert silent.called() == 1
        for _ in range(99):
            used(found)
        assert silent.called() == 0
        clock.now += PAUSE


def test_one_thread_finds_out_for_all(clock: Clock, silent: Silent) -> None:
    found = counting(clock, silent.url)
    used(found)
    clock.now += PAUSE
    silent.called()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: used(found), range(8)))
    assert silent.called() == 1


@pytest.mark.parametrize(
    ("proxies", "forwarded", "found"),
    [
        (0, None, "198.51.100.7"),
        (0, "203.0.113.9", "198.51.100.7"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "1.1.1.1, 203.0.113.9", "203.0.113.9"),
        (1, "1.1.1.1,2.2.2.2 ,203.0.113.9", "203.0.113.9"),
        (2, "1.1.1.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (2, "203.0.113.9", "198.51.100.7"),
        (1, None, "198.51.100.7"),
        (1, "", "198.51.100.7"),
        (1, "1.1.1.1, unknown", "198.51.100.7"),
        (1, "203.0.113.9:4711", "203.0.113.9"),
        (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (1, "[2001:db8:1:2::9]:4711", "2001:db8:1:2::/64"),
        (1, "::ffff:203.0.113.9", "203.0.113.9"),
    ],
)
def test_the_address_is_what_our_first_proxy_saw(
    settings: Settings, proxies: int, forwarded: str | None, found: str
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    request = RequestFactory().get("/", headers=headers, REMOTE_ADDR="198.51.100.7")
    assert address_of(request) == found


def test_a_socket_without_addresses_is_one_client() -> None:
    assert address_of(RequestFactory().get("/", REMOTE_ADDR="")) == "None"


class Api:
    """alice and charlie, each with a token, asking from an address."""

    def __init__(self) -> None:
        self.secrets = {
            name: ApiToken.issue(User.objects.create_user(name), "test")[1]
            for name in ("alice", "charlie")
        }

    def ask(self, who: str | None = "alice", address: str = "192.0.2.1", **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.secrets[who]}"} if who else {}
        method, path = options.pop("method", "GET"), options.pop("path", "/api/profile")
        return Client().generic(method, path, headers=headers, REMOTE_ADDR=address, **options)

    def statuses(self, times: int, *args: Any, **options: Any) -> list[int]:
        return [self.ask(*args, **options).status_code for _ in range(times)]


@pytest.fixture
def api(db: None) -> Iterator[Api]:
    throttle.cache_clear()
    yield Api()
    throttle.cache_clear()


def limited(settings: Settings, url: str | None = None, **limits: int) -> None:
    settings.THROTTLE_REDIS_URL = url
    names = ("credential", "address", "unauthenticated")
    settings.THROTTLE_LIMITS = {
        name: (limits[name], 3600) if name in limits else None for name in names
    }


@pytest.mark.parametrize("place", ["process", "redis", "redis that is down"])
def test_a_credential_has_its_limit_wherever_it_asks_from(
    settings: Settings, api: Api, place: str, request: pytest.FixtureRequest
) -> None:
    urls = {"process": None, "redis that is down": f"redis://127.0.0.1:{free_port()}/0"}
    url = request.getfixturevalue("server").url if place == "redis" else urls[place]
    limited(settings, url, credential=3)
    answers = [api.ask(address=f"192.0.2.{n}") for n in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer["RateLimit-Policy"] for answer in answers] == ['"credential";q=3;w=3600'] * 4
    left = [answer["RateLimit"] for answer in answers]
    assert [word.rpartition(";")[0] for word in left] == [
        f'"credential";r={n}' for n in (2, 1, 0, 0)
    ]
    assert "Retry-After" not in answers[0]
    assert left[3].endswith(f";t={answers[3]['Retry-After']}")
    assert api.statuses(2, "charlie") == [200, 200]


def test_the_refusal_is_a_problem_and_stores_nothing(settings: Settings, api: Api) -> None:
    limited(settings, credential=1)
    sent = {"content_type": "application/json", "data": json.dumps({"name": "Bakery"})}
    first = api.ask(method="POST", path="/api/category", **sent)
    assert first.status_code == 201
    answer = api.ask(method="DELETE", path=first["Location"])
    assert answer.status_code == 429
    assert answer["Content-Type"] == "application/problem+json"
    wait = int(answer["Retry-After"])
    assert 0 < wait <= 3600
    assert json.loads(answer.content) == {
        "type": "/problems/too-many-requests",
        "title": "Too many requests",
        "status": 429,
        "detail": f"More than 1 requests in 3600 seconds (credential); "
        f"try again in {wait} seconds.",
    }
    limited(settings)
    assert api.ask(path=first["Location"]).status_code == 200


def test_tokens_of_one_user_are_counted_apart(settings: Settings, api: Api) -> None:
    limited(settings, credential=1)
    api.secrets["phone"] = ApiToken.issue(User.objects.get(username="alice"), "phone")[1]
    assert api.statuses(2, "alice") == [200, 429]
    assert api.statuses(2, "phone") == [200, 429]


@pytest.mark.parametrize("path", ["/api/profile", "/api/nothing", "/_allauth/app/v1/config"])
def test_an_address_has_its_limit_whoever_asks(
    settings: Settings, api: Api, path: str, django_assert_num_queries: Any
) -> None:
    limited(settings, address=2)
    statuses = [api.ask(who, path=path).status_code for who in ("alice", None)]
    assert 429 not in statuses
    with django_assert_num_queries(0):
        answer = api.ask("charlie", path=path)
    assert answer.status_code == json.loads(answer.content)["status"] == 429
    assert answer["RateLimit-Policy"] == '"address";q=2;w=3600'
    assert int(answer["Retry-After"]) > 0
    assert len(answer["X-Request-ID"]) == 32
    assert api.ask("alice", "192.0.2.2", path=path).status_code != 429


def test_both_limits_are_told(settings: Settings, api: Api) -> None:
    limited(settings, address=5, credential=2)
    answer = api.ask()
    assert answer["RateLimit-Policy"] == '"address";q=5;w=3600, "credential";q=2;w=3600'
    parts = [part.rpartition(";")[0] for part in answer["RateLimit"].split(", ")]
    assert parts == ['"address";r=4', '"credential";r=1']


def test_a_client_cannot_move_by_saying_so(settings: Settings, api: Api) -> None:
    limited(settings, address=2)
    for proxies in (0, 1):
        throttle.cache_clear()
        settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies
        said = [
            api.ask(HTTP_X_FORWARDED_FOR=f"10.0.0.{n}, 203.0.113.9").status_code for n in range(3)
        ]
        assert said == [200, 200, 429]


def test_failures_have_a_stricter_limit_that_spares_who_is_known(
    settings: Settings, api: Api
) -> None:
    limited(settings, address=100, unauthenticated=2)
    api.secrets["wrong"] = "fa_" + "x" * 43
    assert api.statuses(2, None) == [401, 401]
    refused = api.ask("wrong")
    assert refused.status_code == 429
    assert '"unauthenticated";q=2;w=3600' in refused["RateLimit-Policy"]
    assert "WWW-Authenticate" not in refused
    assert api.statuses(3, "alice") == [200] * 3
    assert api.ask("wrong", "192.0.2.2").status_code == 401


def test_pages_and_preflights_are_not_counted(settings: Settings, api: Api) -> None:
    limited(settings, address=1)
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.com"]
    preflight = {
        "Origin": "https://app.example.com",
        "Access-Control-Request-Method": "GET",
    }
    for _ in range(3):
        assert Client().get("/accounts/login/").status_code == 200
        assert Client().options("/api/profile", headers=preflight).status_code == 200
    answer = api.ask(HTTP_ORIGIN="https://app.example.com")
    assert answer.status_code == 200
    refused = api.ask(HTTP_ORIGIN="https://app.example.com")
    assert refused.status_code == 429
    assert refused["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert "RateLimit" in refused["Access-Control-Expose-Headers"]
    assert "Retry-After" in refused["Access-Control-Expose-Headers"]


def test_without_limits_nothing_is_told(api: Api) -> None:
    answer = api.ask()
    assert "RateLimit" not in answer
    assert "RateLimit-Policy" not in answer
