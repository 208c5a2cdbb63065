"""A receiver of webhooks over real TLS on this machine, with a certificate of the test's own."""

from __future__ import annotations

import json
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from unittest import mock

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from api.schemas import endpoint as schemas
from lib import outside
from lib.outside import Guard

LOOPBACK = [ip_network("127.0.0.1/32")]
# Status, headers and body of an answer.
Answer = tuple[int, dict[str, str], bytes]
OK: Answer = (204, {}, b"")


@dataclass
class Got:
    """One request. headers: their names in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes
    port: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """What was received. answer: decides what each request is answered with."""

    port: int
    guard: Guard
    certificate: Path
    got: list[Got] = field(default_factory=list)
    answer: Callable[[Got], Answer] = lambda got: OK
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}/hook"

    @property
    def types(self) -> list[str]:
        return [got.json["type"] for got in self.got]

    def wait_for(self, count: int, seconds: float = 20.0) -> None:
        """Wait until so many requests have come."""
        ends = time.monotonic() + seconds
        while len(self.got) < count and time.monotonic() < ends:
            time.sleep(0.01)


def certify(folder: Path, name: str = "localhost") -> Path:
    """A file with a key and a certificate for a name, which stands for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, form, plain)
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no failure of a test."""


@contextmanager
def receiving(name: str = "localhost") -> Iterator[Receiver]:
    """Serve on a free port of 127.0.0.1 until the block ends."""
    with tempfile.TemporaryDirectory() as folder:
        certificate = certify(Path(folder), name)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                got = Got(self.path, headers, body, self.client_address[1])
                status, more, text = receiver.answer(got)
                # Before the answer: who has that may look.
                with receiver.lock:
                    receiver.got.append(got)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(text)), **more}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *args: Any) -> None:
                pass

        server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        port = server.server_address[1]
        guard = Guard(LOOPBACK, frozenset({port}), str(certificate))
        receiver = Receiver(port, guard, certificate)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            # localhost is no full name of a host, as a user's URL needs one.
            with (
                mock.patch.object(outside, "check_name"),
                mock.patch.object(schemas, "GUARD", guard),
            ):
                yield receiver
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
