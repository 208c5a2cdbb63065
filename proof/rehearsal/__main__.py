"""Rehearses a deployment and its releases on this machine: `make rehearse`.

The image, which `make image` has built, and the task definitions of deploy/aws/app.yaml are the
real ones. podman stands in for Fargate, a PostgreSQL with TLS for RDS, haproxy for the load
balancer. Containers are replaced as ECS does it: new ones answer before old ones are drained and
ended.
"""

from __future__ import annotations

import fcntl
import json
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path

from proof import podman, steps
from proof.haproxy import Balancer
from proof.image.check import UID
from proof.place import Place
from proof.postgres import ADMIN, MAKE_USERS, Server, run_sql
from proof.rehearsal import releases
from proof.rehearsal.tasks import DOMAIN, HOST, Tasks
from proof.steps import Step, Wrong, expect
from tools.programs import Broken, find, free_port, wait_for
from tools.traffic import Clients, Site, SlowPost, soon, until

LOCK = Path("/run/lock/financial-alerts-rehearsal")
# Two generations of two.
SLOTS = ("a1", "a2", "b1", "b2")
# One for the slow requests and one for each client, so that none waits for the lock of another.
USERS = ("alice", "bob", "carol", "dave")
# Requests in flight when SIGTERM comes; half of them at the container that ends.
IN_FLIGHT = 4


def main() -> None:
    """Run every step, and clean up whatever happened."""
    missing = [name for name in ("initdb", "openssl", "haproxy", "catatonit") if not find(name)]
    if obstacles := [*podman.obstacles(), *(f"{name} is not installed" for name in missing)]:
        sys.exit("No release was rehearsed (proof/install): " + "; ".join(obstacles))
    steps.end_on_signals()
    # Two at once would take each other's containers for leftovers.
    with LOCK.open("w") as lock, Place() as place:
        fcntl.flock(lock, fcntl.LOCK_EX)
        clean_up()
        try:
            steps.in_order("make rehearse", Rehearsal(place).steps())
        except SystemExit:
            for program in place.programs:
                print(f"\n--- the end of {program.name}'s log\n{program.tail()}")
            raise
        finally:
            clean_up()


def clean_up() -> None:
    """Remove containers and the images of releases; the one that they are made of stays."""
    for slot in SLOTS:
        podman.remove(container(slot))
    releases.clean_up()


def container(slot: str) -> str:
    return f"financial-alerts-rehearsal-{slot}"


class Rehearsal:
    """The steps, in order, and what one leaves for the next."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.database = Server(place, "database", {ADMIN: secrets.token_hex(16)}, HOST)
        self.tasks = Tasks(self.database)
        self.ports = {slot: free_port() for slot in SLOTS}
        self.balancer = Balancer(place, self.ports, disabled=True)
        self.sites: list[Site] = []

    def steps(self) -> dict[str, Step]:
        return {
            "releases": self.make_releases,
            "database": self.start_database,
            "roles": self.make_roles,
            "not ready": self.start_too_early,
            "migrate": lambda: f"{self.migrate('1.0.0')} migrations, by a separate task",
            "service": self.start_service,
            "sandbox": self.try_to_escape,
            "pages": self.read_pages,
            "bad release": self.release_broken,
            "release": self.release_expand,
            "  control": self.contract_too_early,
            "contract": self.release_contract,
            "SIGTERM": self.terminate,
            "  control ": self.kill,
            "schedules": self.run_schedules,
            "log": self.read_log,
        }

    def make_releases(self) -> str:
        releases.make()
        return "1.0.0; 1.1.0 adds a column, 1.2.0 forgets it, 1.3.0 drops it; one does not start"

    def start_database(self) -> str:
        return f"PostgreSQL {self.database.make()}, with TLS only"

    def make_roles(self) -> str:
        return self.tasks.run("roles", releases.name("1.0.0")).splitlines()[-1]

    def migrate(self, version: str) -> int:
        """Run a release's migrations in a task; give how many its log names."""
        log = self.tasks.run("migrate", releases.name(version))
        ran = len(re.findall(r"^\s*Applying ", log, re.MULTILINE))
        expect(ran > 0, f"nothing was applied: {log[-300:]}")
        return ran

    def start_too_early(self) -> str:
        """Before the migrations the service lives, and says which are missing."""
        self.start("a1", "1.0.0")
        self.wait_until_alive("a1")
        status, said = self.direct("a1").get("/readyz", Host="10.0.1.23")
        expect(status == HTTPStatus.SERVICE_UNAVAILABLE, f"/readyz without a table: {status}")
        expect("not applied: " in json.loads(said)["migrations"], said)
        return f"/readyz {status} names what is missing"

    def start_service(self) -> str:
        """Use two containers through the balancer."""
        self.balancer.start()
        self.start("a2", "1.0.0")
        self.use("a1")
        self.use("a2")
        environ = self.tasks.environment("web") | {
            "DATABASE_URL": self.database.url(),
            "DJANGO_SETTINGS_MODULE": "financial_alerts.settings",
            "DOTENV_PATH": "",
        }
        said = self.place.call(sys.executable, "-c", MAKE_USERS, *USERS, environ=environ)
        self.sites = [Site(self.balancer.port, DOMAIN, token) for token in json.loads(said)]
        status, said = self.sites[0].get("/readyz", Host=DOMAIN)
        expect(status == HTTPStatus.OK, f"/readyz {status}: {said}")
        return "2 containers behind the balancer are ready"

    def try_to_escape(self) -> str:
        """Try, in each container, what the service must not be able to do."""
        _, *check = self.tasks.container("web")["HealthCheck"]["Command"]
        for slot in ("a1", "a2"):
            name = container(slot)
            expect(podman.inside(name, "id", "-u") == str(UID), "not the user it should be")
            status = podman.inside(name, "cat", "/proc/1/status")
            expect(bool(re.search(r"^CapEff:\s*0+$", status, re.MULTILINE)), "it has capabilities")
            expect("NoNewPrivs:\t1" in status, "it may gain privileges")
            for path in ("/app/x", "/venv/x", "/etc/x", "/var/tmp/x"):
                expect(not podman.succeeds(name, "touch", path), f"{path} can be written")
            expect(podman.succeeds(name, "touch", "/tmp/x"), "/tmp cannot be written")
            expect(podman.succeeds(name, *check), "it is not healthy")
        dead = podman.succeeds(container("a1"), "env", "PORT=9", *check)
        expect(not dead, "it is healthy where nobody answers")
        return f"user {UID}, no capabilities, writes to /tmp only; healthy"

    def read_pages(self) -> str:
        """Read static files as a browser does, and be sent to HTTPS without it."""
        status, _ = self.direct("a1").get("/api/docs", Host=DOMAIN)
        expect(status == HTTPStatus.MOVED_PERMANENTLY, f"plain HTTP is answered with {status}")
        _, page = self.sites[0].get("/api/docs", Host=DOMAIN)
        script = re.search(r'src="(/static/[^"]+\.[0-9a-f]{12}\.js)"', page)
        expect(script is not None, "/api/docs names no script by its digest")
        for path in ("/static/admin/css/base.css", script[1] if script else ""):
            status, text = self.sites[0].get(path, Host=DOMAIN)
            expect(status == HTTPStatus.OK and len(text) > 1000, f"{path}: {status}")
        return "the admin's style, and the script of /api/docs by its digest"

    # Containers

    def direct(self, slot: str) -> Site:
        """Give a container as its health check sees it."""
        return Site(self.ports[slot], DOMAIN, "")

    def start(self, slot: str, version: str) -> None:
        self.tasks.start(container(slot), releases.name(version), self.ports[slot])

    def use(self, slot: str) -> None:
        """Send a container requests once it answers. Raises Broken if it ends instead."""
        self.wait_until_alive(slot)
        self.balancer.use(slot)

    def wait_until_alive(self, slot: str) -> None:
        running = ("podman", "inspect", "--format", "{{.State.Running}}", container(slot))

        def ended() -> bool:
            return podman.call(*running) == "false"

        wait_for(lambda: self.direct(slot).lives() or ended(), f"/livez of {slot}")
        if ended():
            raise Broken(f"{slot} has ended: {podman.logs(container(slot))[-500:]}")

    def gone(self, slot: str, code: str = "0") -> None:
        """Wait until a container has ended, and forget it."""
        left = podman.call(*podman.PODMAN, "wait", container(slot))
        self.balancer.ask(f"set server hosts/{slot} state maint")
        podman.remove(container(slot))
        expect(left == code, f"{slot} left with {left}, not {code}")

    def replace(self, old: str, new: str, version: str) -> None:
        """Replace a generation, `a` or `b`: first start the new one, then end the old one."""
        for number in "12":
            self.start(new + number, version)
        for number in "12":
            self.use(new + number)
        for number in "12":
            self.balancer.drained(old + number)
            podman.call(*podman.PODMAN, "kill", "--signal", "TERM", container(old + number))
            self.gone(old + number)

    @contextmanager
    def busy(self, name: str) -> Iterator[Clients]:
        """Keep clients busy meanwhile."""
        clients = Clients(self.sites[1:], name, pause=0.03)
        clients.start()
        try:
            yield clients
        finally:
            clients.stop()

    @contextmanager
    def load(self, name: str) -> Iterator[Clients]:
        """Keep clients busy meanwhile: no request fails, and no write is lost."""
        with self.busy(name) as clients:
            yield clients
        faults = [f"{count} x {what}" for what, count in clients.failed.items()]
        faults += clients.lost(self.database.stored())
        expect(not faults, "; ".join(faults))

    # Releases

    def release_broken(self) -> str:
        """Release what does not start: nobody is sent there, and the old containers go on."""
        with self.load("broken") as clients:
            with suppress(Broken):
                self.start("b1", "broken")
                self.use("b1")
                raise Wrong("a release that does not start is used")
            expect(releases.WHY in podman.logs(container("b1")), "its log does not say why")
        podman.remove(container("b1"))
        return f"its log says why; {clients}, none failed"

    def release_expand(self) -> str:
        """Release 1.1.0: first its migration adds a column, then the containers are replaced."""
        with self.load("expand") as clients:
            self.migrate("1.1.0")
            self.replace("a", "b", "1.1.0")
        written = self.database.ask(f"SELECT count({releases.COLUMN}) FROM budget_transaction")  # noqa: S608
        expect(written > 0, "the new code did not write its column")
        return f"migration, 2 new containers, 2 drained; {clients}, none failed"

    def contract_too_early(self) -> str:
        """Take the column away while code that writes it runs: the clients must notice."""
        rename = "ALTER TABLE budget_transaction RENAME COLUMN {} TO {}"
        with self.busy("early") as clients:
            run_sql(self.database.url(), rename.format(releases.COLUMN, "gone"))
            noticed = soon(lambda: clients.failed.total() > 0)
            run_sql(self.database.url(), rename.format("gone", releases.COLUMN))
        expect(noticed, "clients do not notice a migration that comes too early")
        return f"a column dropped too early is noticed: {dict(clients.failed)}"

    def release_contract(self) -> str:
        """Release 1.2.0, which no longer knows the column, then the migration that drops it."""
        with self.load("contract") as clients:
            self.migrate("1.2.0")
            self.replace("b", "a", "1.2.0")
            self.migrate("1.3.0")
            before = len(clients.acknowledged)
            until(lambda: len(clients.acknowledged) > before + 20, "writes without the column")
        return f"2 migrations, 2 new containers, 2 drained; {clients}, none failed"

    def terminate(self) -> str:
        """End a drained container with requests in flight, while others are used."""
        slow = self.in_flight("term")
        with self.load("term") as clients:
            self.balancer.drain("a1")
            # The quick requests end; the slow ones stay.
            wait_for(lambda: 0 < int(self.balancer.seen("a1")["scur"]) <= IN_FLIGHT // 2, "a1")
            held = self.balancer.seen("a1")["scur"]
            podman.call(*podman.PODMAN, "kill", "--signal", "TERM", container("a1"))
            expect(soon(self.direct("a1").refuses), "it takes new connections after SIGTERM")
            ended = [one.finish() for one in slow]
            self.gone("a1")
        expect(set(ended) == {HTTPStatus.CREATED}, f"requests in flight ended with {ended}")
        kept = sum(str(key).startswith("term-slow") for key in self.database.stored())
        expect(kept == IN_FLIGHT, "a request in flight was not stored")
        return f"{held} of {IN_FLIGHT} in flight at it, all answered 201 and stored; {clients}"

    def in_flight(self, name: str) -> list[SlowPost]:
        """Begin writes whose second half is sent by finish().

        Before any others there are, so that the balancer gives each host as many.
        """
        return [SlowPost(self.sites[0], f"{name}-slow-{number}") for number in range(IN_FLIGHT)]

    def kill(self) -> str:
        """End one with SIGKILL and undrained: the clients must notice."""
        self.start("b1", "1.2.0")
        self.use("b1")
        slow = self.in_flight("kill")
        with self.busy("kill") as clients:
            podman.call(*podman.PODMAN, "kill", "--signal", "KILL", container("b1"))
            self.gone("b1", "137")
            ended = [one.finish() for one in slow]
        lost = sum(status != HTTPStatus.CREATED for status in ended)
        expect(lost > 0, "requests in flight survive SIGKILL: they prove nothing")
        return f"SIGKILL is noticed: {lost} of {IN_FLIGHT} in flight lost; {dict(clients.failed)}"

    def run_schedules(self) -> str:
        """Run what the schedules run, each in a separate task; reconcile finds no drift."""
        commands = self.tasks.schedules()
        for command in commands:
            self.tasks.run("jobs", releases.name("1.2.0"), *command)
        rows = self.database.ask("SELECT count(*) FROM budget_transaction")
        return f"{len(commands)} commands; {rows} transactions, no drift"

    def read_log(self) -> str:
        """Read what a container has printed: JSON, with no error."""
        text = podman.logs(container("a2")).splitlines()
        broken = [line for line in text if not line.startswith("{")]
        expect(not broken, f"lines that are no JSON: {broken[:3]}")
        lines = [json.loads(line) for line in text]
        served = sum(line["logger"] == "financial_alerts.access" for line in lines)
        expect(served > 0, f"no request is in the log: {text[-3:]}")
        errors = [line for line in lines if line["level"] in ("ERROR", "CRITICAL")]
        expect(not errors, str(errors[:3]))
        return f"{len(lines)} lines, all JSON, {served} requests, no error"


if __name__ == "__main__":
    main()
