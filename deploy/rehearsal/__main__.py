"""Rehearses a deployment and its releases on one machine: `make rehearse`.

The image, the definitions of deploy/aws/app.yaml and the aws command are the real ones; ministack
stands in for AWS, podman for Fargate, a PostgreSQL with TLS for RDS, and haproxy for what the
stand-in's load balancer does not do. Each step prints its time and what it saw. The first that
fails ends the run with 1. Where the machine cannot run it, that is said, and it ends with 0 in CI
and with 1 otherwise.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from types import FrameType
from typing import Any

import psycopg2

from deploy.aws import tools
from deploy.image import build
from deploy.image.check import UID
from deploy.image.traffic import Site, SlowPost, soon
from deploy.machines.programs import ROOT, Broken, Place, find
from deploy.machines.stack import MAKE_USERS, run_sql
from deploy.rehearsal import balancer, cloud, database, engine, releases
from deploy.rehearsal.load import Clients
from deploy.rehearsal.templates import DOMAIN, NAME, REPOSITORY, Templates, camel

INSTALL = ROOT / "deploy" / "rehearsal" / "install"
LOCK = Path("/run/lock/financial-alerts-rehearsal")
TASKS = 2
# Requests in flight when SIGTERM comes; half of them meet the container that ends.
IN_FLIGHT = 4
# One for the slow requests and one for each client, so that none waits for the lock of another.
USERS = ("alice", "bob", "carol", "dave")
KINDS = {"Roles": "roles", "Migrate": "migrate", "Web": "web", "Jobs": "jobs"}


class Wrong(Exception):
    """Something is not as it should be; the text says what."""


def expect(condition: bool, text: str) -> None:
    """Raise Wrong with the text where the condition does not hold."""
    if not condition:
        raise Wrong(text)


def main() -> None:
    """Run every step, and clean up whatever happened."""
    begun = time.monotonic()
    if missing := install():
        text = "; ".join(missing)
        print(f"LEFT OUT: make rehearse, so no release has been rehearsed. {text}", flush=True)
        sys.exit(0 if os.environ.get("CI") else 1)
    print(f"{'tools':<14}{'ok':<8}{time.monotonic() - begun:6.1f} s   installed", flush=True)
    signal.signal(signal.SIGTERM, leave)
    # Two at once would take each other's containers for leftovers.
    with LOCK.open("w") as lock, Place() as place:
        fcntl.flock(lock, fcntl.LOCK_EX)
        rehearsal = Rehearsal(place)
        try:
            rehearsal.clean_up()
            passed = all(passes(name, step) for name, step in rehearsal.steps())
            if not passed:
                rehearsal.show_logs()
        except KeyboardInterrupt:
            sys.exit("make rehearse: interrupted; all that it started is gone")
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            rehearsal.clean_up()
    seconds = time.monotonic() - begun
    print(f"\nmake rehearse: {'no request was lost' if passed else 'FAILED'}, {seconds:.0f} s")
    sys.exit(0 if passed else 1)


def leave(number: int, frame: FrameType | None) -> None:
    """End as after Ctrl-C, so that all is cleaned up."""
    raise KeyboardInterrupt


def install() -> list[str]:
    """Install what is missing where that is possible, and give what still keeps it from running."""
    if os.geteuid() == 0:
        subprocess.run([INSTALL], check=False)
    found = build.obstacles()
    found += [
        f"{name} is not installed (deploy/rehearsal/install installs it)"
        for name in (*database.TOOLS, "haproxy", "catatonit")
        if find(name) is None
    ]
    if engine.binary() is None:
        found.append("docker-registry is not there (deploy/rehearsal/install fetches it)")
    if not found:
        try:
            tools.standins()
            cloud.docker()
        except subprocess.CalledProcessError as error:
            found.append(f"the aws command and its stand-in cannot be installed: {error}")
    return found


def passes(name: str, step: Callable[[], str]) -> bool:
    """Run one step and print what it saw."""
    begun = time.monotonic()
    try:
        saw, word = step(), "ok"
    except (Wrong, Broken, RuntimeError, OSError, psycopg2.Error) as error:
        saw, word = f"{type(error).__name__}: {error}", "FAILED"
    print(f"{name:<14}{word:<8}{time.monotonic() - begun:6.1f} s   {saw}", flush=True)
    return word == "ok"


class Rehearsal:
    """The steps, in order, and what one leaves for the next."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.engine = engine.Engine(place)
        self.images: dict[str, str] = {}
        self.secrets: dict[str, dict[str, str]] = {}
        self.revisions: dict[str, str] = {}
        self.runs = 0

    @property
    def site(self) -> Site:
        """The service with the token of the first user, who has no client."""
        return self.sites[0]

    def steps(self) -> list[tuple[str, Callable[[], str]]]:
        """Give each step with its name."""
        return [
            ("image", self.make_image),
            ("releases", self.make_releases),
            ("registry", self.push),
            ("database", self.start_database),
            ("account", self.make_account),
            ("roles", self.make_roles),
            ("migrate", self.migrate_first),
            ("service", self.start_service),
            ("sandbox", self.look_at_tasks),
            ("bad release", self.release_broken),
            ("log", self.read_log),
            ("balancer", self.start_balancer),
            ("release", self.release_expand),
            ("  control", self.contract_too_early),
            ("contract", self.release_contract),
            ("SIGTERM", self.terminate),
            ("  control", self.kill),
            ("reconcile", self.reconcile),
        ]

    # Making

    def make_image(self) -> str:
        build.build()
        return f"{build.TAG}, {build.size(build.TAG) / 1e6:.0f} MB"

    def make_releases(self) -> str:
        releases.make()
        return "1.0.0; 1.1.0 adds a column, 1.2.0 forgets it, 1.3.0 drops it; one does not start"

    def push(self) -> str:
        """Push each release, and from here on name it by its digest."""
        self.engine.start()
        for version in ("1.0.0", *releases.files()):
            digest = self.engine.push(releases.name(version), f"{REPOSITORY}:{version}")
            self.images[version] = f"{REPOSITORY}@{digest}"
        return f"{len(self.images)} images pushed; tasks run them by their digests"

    def start_database(self) -> str:
        self.database = database.Database(self.place, self.engine.connect())
        return f"PostgreSQL {self.database.start()}, TLS and passwords alone"

    def make_account(self) -> str:
        """Start the stand-in and make what the service needs, of the templates."""
        self.cloud = cloud.Cloud(self.place, self.engine, self.database.gateway)
        self.cloud.start()
        first = self.images["1.0.0"]
        names = ("Image", "MigrateImage", "RolesImage")
        self.templates = Templates(dict.fromkeys(names, first))
        master = {"username": database.ADMIN, "password": self.database.password}
        self.keep_secret("rds!db-0123", master)
        for name, said in self.templates.secrets().items():
            self.keep_secret(name, generated(said["GenerateSecretString"]))
        for kind in KINDS.values():
            self.cloud.aws("logs", "create-log-group", {"logGroupName": f"/{NAME}/{kind}"})
        self.cloud.aws("ecs", "create-cluster", {"clusterName": NAME})
        for kind in KINDS:
            self.register(kind)
        self.cloud.make_balancer(self.templates)
        self.service = camel(self.templates.resource("Service"))
        self.network = self.service["networkConfiguration"]
        return f"{self.cloud.calls} aws commands; definitions, balancer and rules as in app.yaml"

    def keep_secret(self, name: str, value: dict[str, str]) -> None:
        arn = self.cloud.make_secret(name, value)
        self.templates.is_secret(name, arn)
        self.secrets[arn] = value

    def register(self, kind: str, version: str = "1.0.0") -> None:
        """Register a revision of a definition, for a release."""
        definition = self.definition(kind, version)
        self.revisions[kind] = self.cloud.register(definition)
        self.templates.is_real(f"{kind}TaskDefinition", self.revisions[kind])

    def definition(self, kind: str, version: str) -> Any:
        found = self.templates.task(kind, str(self.database.authority), self.database.port)
        found["containerDefinitions"][0]["image"] = self.images[version]
        return found

    # In the cloud

    def make_roles(self) -> str:
        code, log = self.cloud.run_task(self.revisions["Roles"], self.network)
        expect(code == 0, f"exit code {code}: {log}")
        return f"run-task: exit code 0; {log[-1]}"

    def migrate_first(self) -> str:
        lines = self.migrate("1.0.0")
        return f"run-task: exit code 0; {lines} migrations in its log"

    def migrate(self, version: str) -> int:
        """Run a release's migrations as the guide says, and give how many its log names."""
        self.register("Migrate", version)
        before = self.runs
        code, log = self.cloud.run_task(self.revisions["Migrate"], self.network)
        expect(code == 0, f"exit code {code}: " + "\n".join(log[-20:]))
        self.runs = sum(line.strip().startswith("Applying ") for line in log)
        expect(self.runs > before, f"nothing was applied: {log[-3:]}")
        return self.runs - before

    def start_service(self) -> str:
        """Make the service, wait until it is steady, and use it through the balancer."""
        given = self.service | {
            "taskDefinition": self.revisions["Web"],
            "desiredCount": TASKS,
        }
        self.cloud.aws("ecs", "create-service", given)
        self.cloud.until(self.cloud.service, steady, "the service is not steady")
        self.cloud.until(self.targets, lambda now: len(now) == TASKS, "the balancer has no targets")
        host = f"{DOMAIN}:443"
        self.sites = [Site(self.cloud.port, host, token) for token in self.make_users()]
        expect(self.status("/livez") == HTTPStatus.OK, "no task answers /livez")
        expect(self.status("/readyz") == HTTPStatus.OK, "not ready")
        status, _ = self.site.get("/livez", Host=f"{DOMAIN}:80")
        expect(status == HTTPStatus.MOVED_PERMANENTLY, f"plain HTTP is answered with {status}")
        return f"{TASKS} tasks behind the emulated balancer: /livez and /readyz 200, HTTP 301"

    def targets(self) -> list[Any]:
        """Give what the balancer sends requests to."""
        group = self.service["loadBalancers"][0]["targetGroupArn"]
        said = self.cloud.aws("elbv2", "describe-target-health", {"TargetGroupArn": group})
        found: list[Any] = said["TargetHealthDescriptions"]
        return found

    def status(self, path: str) -> int:
        return self.site.get(path, Host=self.site.host)[0]

    def make_users(self) -> list[str]:
        """Make the users, and give a token of each."""
        environ = self.told("Web") | {
            "DATABASE_URL": self.database.url(),
            "DJANGO_SETTINGS_MODULE": "financial_alerts.settings",
            "DOTENV_PATH": "",
        }
        said = self.place.call(sys.executable, "-c", MAKE_USERS, *USERS, environ=environ)
        return [str(token) for _, token in json.loads(said)]

    def told(self, kind: str) -> dict[str, str]:
        """Give what a task is told by its environment, secrets included."""
        (container,) = self.definition(kind, "1.0.0")["containerDefinitions"]
        said = {variable["name"]: variable["value"] for variable in container["environment"]}
        for secret in container["secrets"]:
            arn, _, field = secret["valueFrom"].removesuffix("::").rpartition(":")
            said[secret["name"]] = self.secrets[arn][field]
        return said

    def look_at_tasks(self) -> str:
        """See that each task is what its definition says."""
        tasks = self.tasks()
        for name in tasks:
            expect(build.inside(name, "id", "-u") == str(UID), "not the user it should be")
            status = build.inside(name, "cat", "/proc/1/status")
            expect("CapEff:\t0000000000000000" in status, "it has capabilities")
            expect("NoNewPrivs:\t1" in status, "it may gain privileges")
            expect(not build.succeeds(name, "touch", "/app/x"), "/app can be written")
            expect(build.succeeds(name, "touch", "/tmp/x"), "/tmp cannot be written")
            expect(build.succeeds(name, "python", "/app/healthcheck.py"), "it is not healthy")
        return f"{len(tasks)} tasks: user {UID}, no capabilities, read-only, healthy"

    def tasks(self) -> list[str]:
        """Give the containers of tasks that run."""
        which = ("ps", "--quiet", "--filter", f"network={engine.NETWORK}")
        label = ("--filter", "label=com.amazonaws.ecs.container-name=web")
        found = build.call("podman", *which, *label).split()
        expect(len(found) == TASKS, f"{len(found)} containers run, not {TASKS}")
        return found

    def release_broken(self) -> str:
        """Release what does not start, under load: the old tasks go on, and it goes back."""
        good = self.revisions["Web"]
        before = set(self.tasks())
        with self.load("alb") as clients:
            self.register("Web", "broken")
            bad = self.revisions["Web"]
            given = {"cluster": NAME, "service": "web", "taskDefinition": bad}
            self.cloud.aws("ecs", "update-service", given)
            seen = self.cloud.until(
                self.cloud.service, lambda now: went_back(now, good, bad), "it did not go back"
            )
        self.revisions["Web"] = good
        expect(set(self.tasks()) == before, "the old tasks were not kept")
        failed = next(one for one in seen["deployments"] if one["taskDefinition"] == bad)
        return f"FAILED after {failed['failedTasks']} tasks, rolled back, 2 kept; {clients}"

    def read_log(self) -> str:
        """Read what the service has printed, all JSON but the traceback of the bad release."""
        log = self.cloud.log("web")
        lines = [json.loads(line) for line in log if line.startswith("{")]
        served = [line for line in lines if line["logger"] == "financial_alerts.access"]
        expect(len(served) > 0, f"no request is in the log: {log[-3:]}")
        expect(any(releases.WHY in line for line in log), "nothing says why")
        return (
            f"{len(log)} lines by aws logs, {len(served)} of them requests; why it failed is there"
        )

    # Behind haproxy

    def start_balancer(self) -> str:
        """End the service and start its image behind a balancer that asks /livez."""
        self.cloud.aws("ecs", "delete-service", {"cluster": NAME, "service": "web", "force": True})
        self.balancer = balancer.Balancer(
            self.place, str(self.database.authority), self.told("Web")
        )
        self.balancer.start()
        for slot in ("a1", "a2"):
            self.balancer.add(slot, "1.0.0")
        port = self.balancer.port
        self.sites = [replace(site, port=port, host=DOMAIN) for site in self.sites]
        expect(self.status("/readyz") == HTTPStatus.OK, "not ready")
        return "2 containers of 1.0.0, probed every 0.5 s"

    @contextmanager
    def load(self, name: str) -> Iterator[Clients]:
        """Keep clients busy meanwhile; in the end no request has failed and no write is lost."""
        with self.busy(name) as clients:
            yield clients
        faults = clients.faults(self.database.stored())
        expect(not faults, "; ".join(faults))

    @contextmanager
    def busy(self, name: str) -> Iterator[Clients]:
        clients = Clients(self.sites[1:], name)
        clients.start()
        try:
            yield clients
        finally:
            clients.stop()

    def release_expand(self) -> str:
        """Release 1.1.0: first its migration adds a column, then the containers are replaced."""
        with self.load("expand") as clients:
            self.migrate("1.1.0")
            self.balancer.release("a", "b", "1.1.0")
        expect(self.database.has(releases.COLUMN), "the new code did not write its column")
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
            self.balancer.release("b", "a", "1.2.0")
            self.migrate("1.3.0")
            time.sleep(1)
        return f"2 migrations, 2 new containers, 2 drained; {clients}, none failed"

    def terminate(self) -> str:
        """End a container with requests in flight, after it was drained, while others are used."""
        slow = self.in_flight("term")
        with self.load("term") as clients:
            self.balancer.drain("a1")
            time.sleep(1)
            # The quick ones have ended by now.
            held = int(self.balancer.seen("a1")["scur"])
            expect(held > 0, "no request is in flight at a1")
            build.signal(balancer.container("a1"), "TERM")
            alone = Site(self.balancer.ports["a1"], DOMAIN, "")
            expect(soon(alone.refuses), "it takes new connections after SIGTERM")
            time.sleep(1)
            ended = [one.finish() for one in slow]
            self.balancer.gone("a1")
        expect(set(ended) == {HTTPStatus.CREATED}, f"requests in flight ended with {ended}")
        expect(self.stored("term-slow") == IN_FLIGHT, "a request in flight was not stored")
        told = f"{held} of {IN_FLIGHT} in flight at it, all answered 201 and stored; it left with 0"
        return f"{told}; {clients}"

    def in_flight(self, name: str) -> list[SlowPost]:
        """Begin writes whose second half comes when they are told to finish.

        Before any others there are, so that the balancer gives each host as many.
        """
        return [SlowPost(self.site, f"{name}-slow-{number}") for number in range(IN_FLIGHT)]

    def stored(self, begin: str) -> int:
        return sum(str(key).startswith(begin) for key in self.database.stored())

    def kill(self) -> str:
        """End one with SIGKILL and undrained: the clients must notice."""
        self.balancer.add("b1", "1.2.0")
        slow = self.in_flight("kill")
        with self.busy("kill") as clients:
            build.signal(balancer.container("b1"), "KILL")
            self.balancer.gone("b1", "137")
            ended = [one.finish() for one in slow]
        lost = sum(status != HTTPStatus.CREATED for status in ended)
        expect(lost > 0, "requests in flight survive SIGKILL: they prove nothing")
        return f"SIGKILL is noticed: {lost} of {IN_FLIGHT} in flight lost; {dict(clients.failed)}"

    def reconcile(self) -> str:
        """Compute everything again, in a task as the schedule runs it."""
        command = {"name": "jobs", "command": ["python", "manage.py", "reconcile"]}
        overrides = {"containerOverrides": [command]}
        code, log = self.cloud.run_task(self.revisions["Jobs"], self.network, overrides)
        expect(code == 0, f"exit code {code}: " + "\n".join(log[-20:]))
        rows = self.database.ask("SELECT count(*) FROM budget_transaction")
        return f"{rows} transactions, no drift; {self.cloud.calls} aws commands in all"

    # The end

    def show_logs(self) -> None:
        for program in self.place.programs:
            print(f"\n--- the end of {program.name}'s log\n{program.tail()}")

    def clean_up(self) -> None:
        """Remove containers, network and images; the place ends what was started in it."""
        balancer.clean_up()
        engine.clean_up()
        releases.clean_up()


def generated(said: dict[str, Any]) -> dict[str, str]:
    """Give a secret made as its template says."""
    value: dict[str, str] = json.loads(said["SecretStringTemplate"])
    return value | {said["GenerateStringKey"]: secrets.token_hex(said["PasswordLength"] // 2)}


def steady(service: Any) -> bool:
    """Whether a service has nothing but its tasks, all of the one deployment."""
    (first, *others) = service["deployments"]
    done = first["rolloutState"] == "COMPLETED" and not others
    return done and service["runningCount"] == service["desiredCount"]


def went_back(service: Any, good: str, bad: str) -> bool:
    """Whether the bad deployment has failed, and the good one alone runs and is done."""
    states = {one["taskDefinition"]: one for one in service["deployments"]}
    return (
        good in states
        and bad in states
        and states[bad]["rolloutState"] == "FAILED"
        and states[bad]["runningCount"] == 0
        and states[good]["rolloutState"] == "COMPLETED"
        and states[good]["runningCount"] == service["desiredCount"]
        and service["taskDefinition"] == good
    )


if __name__ == "__main__":
    main()
