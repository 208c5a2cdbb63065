"""haproxy in the place of a load balancer: it asks /livez, and sends no request twice."""

from __future__ import annotations

import csv
import socket
from collections.abc import Mapping

from proof.place import Place
from tools.programs import free_port, wait_for

# Each request goes to the host that has the fewest. A host that refuses is taken out within 1.5 s;
# one that is only slow, on a machine that does everything at once, is not.
CONFIG = """
global
    stats socket {admin} mode 600 level admin
defaults
    mode http
    retries 0
    timeout connect 2s
    timeout client 65s
    timeout server 65s
    timeout check 5s
frontend world
    bind 127.0.0.1:{port}
    option forwardfor
    http-request set-header X-Forwarded-Proto https
    default_backend hosts
backend hosts
    balance leastconn
    option httpchk GET /livez
    http-check expect status 200
    default-server check inter 500ms fall 2 rise 1
{servers}
"""


class Balancer:
    """One haproxy. hosts: the port of each by its name."""

    def __init__(self, place: Place, hosts: Mapping[str, int], *, disabled: bool = False) -> None:
        self.port = free_port()
        self.admin = place.folder / "balancer.sock"
        word = " disabled" if disabled else ""
        servers = "".join(
            f"    server {name} 127.0.0.1:{port}{word}\n" for name, port in hosts.items()
        )
        text = CONFIG.format(admin=self.admin, port=self.port, servers=servers)
        config = place.write("balancer.cfg", text)
        self.program = place.program("balancer", "haproxy", "-db", "-f", config, plain=True)

    def start(self) -> None:
        self.program.start()
        wait_for(self.admin.exists, "haproxy")

    def ask(self, command: str) -> str:
        """Give the answer to an administrator's command."""
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self.admin))
            admin.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: admin.recv(65536), b"")).decode()

    def seen(self, host: str) -> dict[str, str]:
        """Give what it knows of a host: `status`, `check_status`, `scur` (its requests)."""
        table = csv.DictReader(self.ask("show stat").removeprefix("# ").splitlines())
        return next(row for row in table if row["svname"] == host)

    def use(self, host: str) -> float:
        """Send requests to a host once it answers; give the seconds that took."""
        self.ask(f"set server hosts/{host} state ready")
        return wait_for(lambda: self.is_up(host), f"{host} at the balancer")

    def is_up(self, host: str) -> bool:
        seen = self.seen(host)
        return seen["status"] == "UP" and seen["check_status"] == "L7OK"

    def drain(self, host: str) -> None:
        """Send a host nothing new."""
        self.ask(f"set server hosts/{host} state drain")

    def drained(self, host: str, seconds: float = 30.0) -> None:
        """Send a host nothing new, and wait until its requests have ended."""
        self.drain(host)
        wait_for(lambda: self.seen(host)["scur"] == "0", f"{host} has requests", seconds)
