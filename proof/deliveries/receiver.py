"""A receiver over TLS on this machine, and a deliverer that may send to it.

python -m proof.deliveries.receiver PORT CERTIFICATE delivers with a short lease and tries again
soon, so that a run need not wait for long.
"""

from __future__ import annotations

import signal
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import django

from proof.place import Place

# Path, headers by their names in lower case, and body of a request; the status that answers it.
Answer = Callable[[str, Mapping[str, str], bytes], int]


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks off is part of the run."""


def certify(place: Place) -> Path:
    """A file with a key and a certificate for localhost, which stands for itself."""
    path = place.folder / "localhost.pem"
    place.call(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-days", "2", "-subj", "/CN=localhost"),
        *("-addext", "subjectAltName=DNS:localhost", "-keyout", str(path), "-out", f"{path}.cert"),
    )
    path.write_text(path.read_text() + Path(f"{path}.cert").read_text())
    return path


@contextmanager
def receiving(certificate: Path, answer: Answer) -> Iterator[int]:
    """Serve on a free port until the block ends; gives the port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(answer(self.path, headers, body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def deliver(port: int, certificate: str) -> None:
    """Deliver to this receiver until SIGTERM."""
    django.setup()
    from budget.delivering import Deliverer, schedule, worker
    from lib import outside

    # localhost is no full name of a host, as a user's URL needs one.
    outside.check_name = lambda host: None
    schedule.WAITS = (0.05,) * 200
    schedule.MAX_TRIES = 201
    worker.LOOK, worker.SWEEP, worker.SOON = 0.1, 0.2, timedelta(seconds=0.2)
    here = [ip_network("127.0.0.1/32")]
    guard = outside.Guard(here, frozenset({port}), certificate)
    deliverer = Deliverer(guard, threads=4, lease=timedelta(seconds=1.5), total=1.0)
    signal.signal(signal.SIGTERM, lambda *_: deliverer.stop())
    deliverer.run()


if __name__ == "__main__":
    deliver(int(sys.argv[1]), sys.argv[2])
