"""Requests to addresses that users name: what is outside, and what is not."""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budget.tests.receiver import LOOPBACK, Receiver, receiving
from lib import outside
from lib.outside import Client, Failed, Guard, Refused, is_outside

INSIDE = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.8.9.1 169.254.0.1
169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.8 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1
198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255
:: ::1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 64:ff9b::1 64:ff9b::808:808 64:ff9b:1::1 100::1
2001::1 2001:20::1 2001:db8::1 2002:7f00:1::1 2002:808:808::1 3fff::1 5f00::1 fc00::1 fd12::1
fe80::1 fec0::1 ff02::1
"""
OUTSIDE = "8.8.8.8 1.1.1.1 100.63.255.255 100.128.0.1 172.32.0.1 192.0.1.1 2606:4700::1111 2a00::1"


def client_of(guard: Guard, total: float = 5.0) -> Client:
    """A client that is closed when the test is over."""
    client = Client(guard, total)
    CLIENTS.append(client)
    return client


CLIENTS: list[Client] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    while CLIENTS:
        CLIENTS.pop().close()


@pytest.mark.parametrize("text", INSIDE.split())
def test_what_is_inside(text: str) -> None:
    assert not is_outside(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", OUTSIDE.split())
def test_what_is_outside(text: str) -> None:
    assert is_outside(ipaddress.ip_address(text))


@given(st.ip_addresses())
def test_nothing_private_is_outside_whatever_this_python_calls_private(address: Any) -> None:
    """The list leaves out nothing that any Python knows of."""
    if address.is_private or address.is_multicast or address.is_reserved or address.is_loopback:
        assert not is_outside(address)


URLS = {
    "http://example.com/": "https",
    "ftp://example.com/": "https",
    "https:///x": "https",
    "example.com": "https",
    "https://user@example.com/": "user name",
    "https://example.com/#x": "fragment",
    "https://example.com:8443/": "port",
    "https://example.com:0/": "port",
    "https://example.com:x/": "URL",
    "https://127.0.0.1/": "private",
    "https://[::1]/": "private",
    "https://8.8.8.8:22/": "port",
    "https://localhost/": "full name",
    "https://2130706433/": "full name",
    "https://0x7f.1/": "full name",
    "https://example.com/a b": "spaces",
    "https://exämple.com/": "ASCII",
    "https://example..com/": "full name",
    f"https://example.com/{'a' * 500}": "characters",
}


@pytest.mark.parametrize("url", URLS)
def test_a_url_that_leads_nowhere_outside_is_refused(url: str) -> None:
    with pytest.raises(Refused, match=URLS[url]):
        Guard().place_of(url)


@pytest.mark.parametrize("url", ["https://example.com", "https://a.b-c.example/x?y=1&z=%20"])
def test_a_url_that_leads_outside(url: str) -> None:
    place = Guard().place_of(url)
    assert place.port == 443
    assert url.startswith(f"https://{place.host}")


def resolving(*texts: str) -> Any:
    """Let every host have some addresses."""
    rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, 443)) for text in texts]
    return mock.patch.object(socket, "getaddrinfo", return_value=rows)


def test_a_host_with_one_address_inside_is_not_asked_at_all() -> None:
    with (
        resolving("8.8.8.8", "10.0.0.1"),
        mock.patch.object(socket, "create_connection") as connect,
        pytest.raises(Refused, match="not outside"),
    ):
        client_of(Guard()).post("https://example.com/", b"{}", {})
    connect.assert_not_called()


def test_the_address_that_was_checked_is_the_one_that_is_asked() -> None:
    """The name is resolved once: another answer a moment later changes nothing."""
    with (
        resolving("8.8.8.8") as resolve,
        mock.patch.object(socket, "create_connection", side_effect=OSError) as connect,
        pytest.raises(Failed, match="No connection"),
    ):
        client_of(Guard()).post("https://example.com/", b"{}", {})
    assert resolve.call_count == 1
    assert connect.call_args.args[0] == ("8.8.8.8", 443)


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with receiving() as receiver:
        assert client_of(receiver.guard).post(receiver.url, b"{}", {}).status == 204


def test_a_connection_is_kept_while_it_works() -> None:
    with receiving() as receiver:
        client = client_of(receiver.guard)
        for _ in range(3):
            client.post(receiver.url, b"{}", {"X-Mark": "1"})
        assert len({got.port for got in receiver.got}) == 1
        assert receiver.got[0].headers["x-mark"] == "1"
        receiver.answer = lambda got: (200, {"Connection": "close"}, b"bye")
        assert client.post(receiver.url, b"{}", {}).text == "bye"
        client.post(receiver.url, b"{}", {})
        assert len({got.port for got in receiver.got}) == 2
        client.close()


def test_a_redirect_is_an_answer_like_any_other() -> None:
    with receiving() as receiver:
        receiver.answer = lambda got: (302, {"Location": receiver.url + "/next"}, b"")
        assert client_of(receiver.guard).post(receiver.url, b"{}", {}).status == 302
        assert [got.path for got in receiver.got] == ["/hook"]


def asked(receiver: Receiver, total: float = 5.0) -> str:
    with pytest.raises(Failed) as caught:
        client_of(receiver.guard, total).post(receiver.url, b"{}", {})
    return str(caught.value)


def test_an_answer_that_does_not_come_ends_in_time() -> None:
    with receiving() as receiver:
        receiver.answer = lambda got: (time.sleep(0.6), (204, {}, b""))[1]  # type: ignore[func-returns-value]
        assert asked(receiver, 0.3) == "No answer in time."


def test_of_a_long_answer_little_is_read() -> None:
    with receiving() as receiver:
        receiver.answer = lambda got: (200, {}, b"\x00a" * 300_000)
        received = client_of(receiver.guard).post(receiver.url, b"{}", {})
        assert len(received.text) == 1024
        assert "\x00" not in received.text
        receiver.answer = lambda got: (
            200,
            {f"X-{number}": "y" * 1000 for number in range(90)},
            b"",
        )
        assert "longer than" in asked(receiver)


def test_a_certificate_of_another_name_or_of_nobody_is_refused() -> None:
    with receiving("example.org") as receiver:
        assert "certificate" in asked(receiver)
    with receiving() as receiver:
        client = client_of(Guard(LOOPBACK, frozenset({receiver.port})))
        with pytest.raises(Failed, match="certificate"):
            client.post(receiver.url, b"{}", {})
        assert receiver.got == []


def test_a_name_without_an_address() -> None:
    with (
        mock.patch.object(socket, "getaddrinfo", side_effect=socket.gaierror),
        pytest.raises(Failed, match="no address"),
    ):
        client_of(Guard()).post("https://example.com/", b"{}", {})


def test_a_resolver_that_says_nothing_is_not_waited_for() -> None:
    def silent(*args: Any, **kwargs: Any) -> list[Any]:
        time.sleep(0.3)
        return []

    with (
        mock.patch.object(outside, "LOOKUP", 0.05),
        mock.patch.object(socket, "getaddrinfo", side_effect=silent),
        pytest.raises(Failed, match="no address"),
    ):
        client_of(Guard()).post("https://example.com/", b"{}", {})
