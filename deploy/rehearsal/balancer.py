"""A local haproxy that asks /livez, and the containers behind it, replaced as ECS does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy.image import build
from deploy.image.traffic import Site
from deploy.machines.programs import Place, free_port, wait_for
from deploy.machines.stack import HAPROXY, ask_haproxy, seen_by_haproxy, tool
from deploy.rehearsal import releases
from deploy.rehearsal.templates import BUNDLE, DATABASE, DOMAIN

# Two generations of two: the new ones answer before an old one goes.
SLOTS = ("a1", "a2", "b1", "b2")
# Seconds: the balancer lets requests finish so long (deregistration_delay), and SIGKILL comes so
# late (StopTimeout); both are in app.yaml.
DRAIN, STOP = 30.0, 60


@dataclass
class Balancer:
    """One haproxy and four places for containers, empty at first."""

    place: Place
    authority: str
    environment: Mapping[str, str]
    """What a container is told, but for its port."""
    port: int = field(default_factory=free_port)
    ports: dict[str, int] = field(default_factory=lambda: {slot: free_port() for slot in SLOTS})

    def start(self) -> None:
        """Start haproxy, with every place out of use."""
        servers = "".join(
            f"    server {slot} 127.0.0.1:{port} disabled\n" for slot, port in self.ports.items()
        )
        config = self.place.folder / "balancer.cfg"
        admin = self.place.folder / "balancer.sock"
        config.write_text(HAPROXY.format(admin=admin, port=self.port, servers=servers))
        command = (tool("haproxy"), "-db", "-f", str(config))
        self.place.program("balancer", *command, plain=True).start()
        wait_for(admin.exists, "haproxy")

    def ask(self, command: str) -> str:
        return ask_haproxy(self.place.folder, command)

    def seen(self, slot: str) -> dict[str, str]:
        return seen_by_haproxy(self.place.folder, slot)

    def add(self, slot: str, version: str) -> None:
        """Start a container of a release, and use it once /livez answers haproxy as well."""
        port = self.ports[slot]
        environment = {**self.environment, "LISTEN_ADDRESS": "127.0.0.1", "PORT": str(port)}
        flags = (
            f"--add-host={DATABASE}:127.0.0.1",
            f"--volume={self.authority}:{BUNDLE}:ro",
            f"--stop-timeout={STOP}",
            "--no-healthcheck",
        )
        build.start(container(slot), environment, image=releases.name(version), flags=flags)
        site = Site(port, DOMAIN, "")
        wait_for(site.lives, f"/livez of {slot}")
        self.ask(f"set server hosts/{slot} state ready")
        wait_for(lambda: self.seen(slot)["check_status"] == "L7OK", f"haproxy's probe of {slot}")

    def drain(self, slot: str) -> None:
        """Send it nothing new."""
        self.ask(f"set server hosts/{slot} state drain")

    def retire(self, slot: str) -> None:
        """Drain a container, end it with SIGTERM, and see that it leaves with 0."""
        self.drain(slot)
        wait_for(lambda: self.seen(slot)["scur"] == "0", f"{slot} has requests", DRAIN)
        build.signal(container(slot), "TERM")
        self.gone(slot)

    def gone(self, slot: str, code: str = "0") -> None:
        """Wait for the end of a container, and forget it. Raises RuntimeError for another code."""
        left = build.call(*build.PODMAN, "wait", container(slot))
        self.ask(f"set server hosts/{slot} state maint")
        build.remove(container(slot))
        if left != code:
            raise RuntimeError(f"{slot} left with {left}, not {code}")

    def release(self, old: str, new: str, version: str) -> None:
        """Replace a generation, `a` or `b`, by the other: first the new ones, then the old ones."""
        for slot in SLOTS:
            if slot.startswith(new):
                self.add(slot, version)
        for slot in SLOTS:
            if slot.startswith(old):
                self.retire(slot)


def container(slot: str) -> str:
    """Give the name of the container in a place."""
    return f"financial-alerts-rehearsal-{slot}"


def clean_up() -> None:
    """Remove the containers of every place."""
    for slot in SLOTS:
        build.remove(container(slot))
