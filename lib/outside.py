"""Requests to addresses that users name: https, to the outside only, within limits.

A host is resolved once a connection, every address that it has must lie outside of our networks,
and the connection goes to the address that was checked. No redirect is followed and no proxy is
asked. Time and bytes are limited where they come in: at the socket.

A guard is one of two. The other is the network of the process: give it no way to what is inside.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import certifi

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# By IANA's registries of special addresses, written out: what Python's own is_private and is_global
# say differs between 3.11, 3.12 and 3.13.
REFUSED_4 = [
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by the customers of a provider
        "127.0.0.0/8",
        "169.254.0.0/16",  # also the metadata of clouds
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
]
# All of IPv6 that is routed; not NAT64, mapped, local and multicast addresses.
ROUTED_6 = ipaddress.IPv6Network("2000::/3")
REFUSED_6 = [
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # Teredo, ORCHID, benchmarks
        "2001:db8::/32",
        "2002::/16",  # 6to4: has an IPv4 address inside
        "3fff::/20",
    )
]

PORT = 443
URL_LENGTH = 500
# Seconds: for a name, and for everything from the first byte to the last.
LOOKUP, TOTAL = 5.0, 15.0
# Bytes of status line, headers and body that are read of an answer; of the body this is kept.
MOST, KEPT = 64 * 1024, 1024


class Refused(Exception):
    """A request that must not be made: where it goes is not outside. Its text is for the user."""


class Failed(Exception):
    """No answer came, or none that can be read. Its text is for the user."""


def is_outside(address: Address) -> bool:
    """Whether an address is one of the public network, on every version of Python alike."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in REFUSED_4)
    return address in ROUTED_6 and not any(address in network for network in REFUSED_6)


@dataclass(frozen=True)
class Guard:
    """Where requests may go. A test names its own receiver here; nothing else does.

    also: networks that count as outside. ports: that may be asked. authorities: a file with the
    certificates that are trusted.
    """

    also: Sequence[Network] = ()
    ports: frozenset[int] = frozenset({PORT})
    authorities: str = field(default_factory=certifi.where)

    def allows(self, address: Address) -> bool:
        return is_outside(address) or any(address in network for network in self.also)

    def place_of(self, url: str) -> Place:
        """Host, port and path of a URL. Raises Refused, with what is wrong with it."""
        if len(url) > URL_LENGTH:
            raise Refused(f"Must have at most {URL_LENGTH} characters.")
        if not url.isascii() or any(char <= " " or char in '\\"<>^`{|}\x7f' for char in url):
            raise Refused("Must be ASCII, without spaces; write other characters as %XX.")
        try:
            parts = urlsplit(url)
            port = PORT if parts.port is None else parts.port
        except ValueError:
            raise Refused("Is no URL.") from None
        host = (parts.hostname or "").rstrip(".")
        if parts.scheme != "https" or not host:
            raise Refused("Must begin with https:// and a host.")
        if "@" in parts.netloc or "#" in url:
            raise Refused("Must have no user name and no fragment.")
        if port not in self.ports:
            raise Refused(f"Must have the port {' or '.join(map(str, sorted(self.ports)))}.")
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            check_name(host)
        else:
            if not self.allows(address):
                raise Refused("Must be outside of private and reserved networks.")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Place(host, port, path)

    def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a host, all of them outside. Raises Refused and Failed."""
        found = [ipaddress.ip_address(text) for text in looked_up(host, port)]
        if not all(map(self.allows, found)):
            raise Refused("The host is not outside of private and reserved networks.")
        return [str(address) for address in found]


class Place(NamedTuple):
    """Where a URL leads."""

    host: str
    port: int
    path: str


def check_name(host: str) -> None:
    """Refuse what is no name of the public network. Raises Refused."""
    labels = host.split(".")
    proper = all(
        0 < len(label) <= 63 and label.replace("-", "").replace("_", "").isalnum()
        for label in labels
    )
    # A last label of digits is a number to some resolvers, whatever it looks like.
    if not proper or len(host) > 253 or len(labels) < 2 or not labels[-1][0].isalpha():
        raise Refused("Must have the full name of a host.")


def looked_up(host: str, port: int) -> list[str]:
    """What a host's name stands for. Raises Failed; the system's own resolver knows no limit."""
    found: list[str] = []

    def look() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return
        found.extend(dict.fromkeys(str(row[4][0]).partition("%")[0] for row in rows))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(LOOKUP)
    if not found:
        raise Failed("The host has no address.")
    return list(found)


class Limited(io.RawIOBase):
    """The reading side of a socket that ends at a time, and after some bytes."""

    def __init__(self, connection: socket.socket, ends: float, most: int) -> None:
        super().__init__()
        self.connection, self.ends, self.left = connection, ends, most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.left <= 0:
            raise Failed(f"The answer is longer than {MOST} bytes.")
        self.connection.settimeout(until(self.ends))
        size = self.connection.recv_into(buffer, min(len(buffer), self.left))
        self.left -= size
        return size


def until(ends: float) -> float:
    """The seconds that are left. Raises Failed where none are."""
    left = ends - time.monotonic()
    if left <= 0:
        raise Failed("No answer in time.")
    return left


class Readable:
    """What http.client reads an answer from."""

    def __init__(self, connection: socket.socket, ends: float) -> None:
        self.reader: io.BufferedIOBase = io.BufferedReader(Limited(connection, ends, MOST), 8192)

    def makefile(self, mode: str) -> io.BufferedIOBase:
        return self.reader


@dataclass(frozen=True)
class Received:
    """An answer. text: at most the first KiB of its body. retry_after: the header as it came."""

    status: int
    text: str
    retry_after: str | None = None


class Client:
    """Sends POSTs, one after another; a connection to a host is kept while it works.

    Not for two threads at once. total: seconds that one request may take, all in all.
    """

    CONNECTIONS = 8

    def __init__(self, guard: Guard, total: float = TOTAL) -> None:
        self.guard, self.total = guard, total
        self.context = ssl.create_default_context(cafile=guard.authorities)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        self.open: dict[tuple[str, int], ssl.SSLSocket] = {}

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Received:
        """Send a POST. Raises Refused and Failed; an answer of any status is an answer."""
        place = self.guard.place_of(url)
        ends = time.monotonic() + self.total
        kept = self.open.pop(place[:2], None)
        if kept is not None and usable(kept):
            return self.exchange(kept, place, body, headers, ends)
        if kept is not None:
            kept.close()
        return self.exchange(self.connected(place, ends), place, body, headers, ends)

    def connected(self, place: Place, ends: float) -> ssl.SSLSocket:
        """A connection to a checked address of a host, which has to prove its name."""
        error: Exception = Failed("No connection.")
        for address in self.guard.addresses(place.host, place.port)[:3]:
            try:
                plain = socket.create_connection((address, place.port), until(ends))
            except OSError:
                continue
            try:
                plain.settimeout(until(ends))
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return self.context.wrap_socket(plain, server_hostname=place.host)
            except ssl.SSLCertVerificationError as found:
                error = Failed(f"The certificate is not good: {found.verify_message}.")
            except OSError:
                error = Failed("No TLS connection.")
            plain.close()
        raise error

    def exchange(
        self,
        connection: ssl.SSLSocket,
        place: Place,
        body: bytes,
        headers: Mapping[str, str],
        ends: float,
    ) -> Received:
        try:
            connection.settimeout(until(ends))
            connection.sendall(request_of(place, body, headers) + body)
            answer = http.client.HTTPResponse(Readable(connection, ends), method="POST")  # type: ignore[arg-type]
            answer.begin()
            kept = answer.read(KEPT)
            whole = answer.isclosed() or not answer.read(1)
            received = Received(answer.status, readable(kept), answer.headers.get("Retry-After"))
        except (OSError, http.client.HTTPException, ValueError) as error:
            connection.close()
            late = isinstance(error, TimeoutError)
            raise Failed("No answer in time." if late else "No answer that can be read.") from None
        except Failed:
            connection.close()
            raise
        if whole and not answer.will_close:
            self.keep(place, connection)
        else:
            connection.close()
        return received

    def keep(self, place: Place, connection: ssl.SSLSocket) -> None:
        while len(self.open) >= self.CONNECTIONS:
            self.open.pop(next(iter(self.open))).close()
        self.open[place[:2]] = connection

    def close(self) -> None:
        while self.open:
            self.open.popitem()[1].close()


def usable(connection: ssl.SSLSocket) -> bool:
    """Whether nothing has come on a connection that waits: not its end either."""
    try:
        connection.settimeout(0)
        connection.recv(1)
    except (ssl.SSLWantReadError, BlockingIOError):
        return True
    except OSError:
        return False
    return False


def request_of(place: Place, body: bytes, headers: Mapping[str, str]) -> bytes:
    host = f"[{place.host}]" if ":" in place.host else place.host
    if place.port != PORT:
        host = f"{host}:{place.port}"
    lines = {"Host": host, "Content-Length": str(len(body)), "Connection": "keep-alive", **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {place.path} HTTP/1.1\r\n{head}\r\n".encode("ascii")


def readable(body: bytes) -> str:
    """Text that a database stores, whatever came."""
    return body.decode("utf-8", "replace").replace("\x00", "\ufffd")
