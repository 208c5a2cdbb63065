"""Builds the image, looks inside and runs it as production does: `make image`.

Each step prints its time and what it saw. The first that fails ends the run with 1; a machine that
cannot run it is told why, and that counts as a failure, too.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2

from deploy.image import build, check
from deploy.image.traffic import FOREIGN, Site, end, until
from deploy.machines.programs import free_port
from deploy.machines.stack import run_sql

HOST = "alerts.example.com"
NAME = "financial-alerts-check"
DATABASE = "financial_alerts_image"
SERVER = "postgres://postgres@127.0.0.1:5432/postgres"
DROP = f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)"

# The last line printed is the token.
MAKE_USER = """
from django.contrib.auth.models import User
from accounts.models import ApiToken
print(ApiToken.issue(User.objects.create_user("alice"), "image")[1])
"""


class Wrong(Exception):
    """Something is not as it should be; the text says what."""


def expect(condition: bool, text: str) -> None:
    """Raise Wrong with the text where the condition does not hold."""
    if not condition:
        raise Wrong(text)


def main() -> None:
    """Run every step, and clean up whatever happened."""
    if obstacles := build.obstacles():
        sys.exit("The image was NOT checked: " + "; ".join(obstacles))
    server = os.environ.get("TEST_DATABASE_URL") or SERVER
    checks = Checks(server)
    steps: list[tuple[str, Callable[[], str]]] = [
        ("Dockerfile", lint),
        ("base", checks.make_base),
        ("build", checks.build),
        ("inside", checks.look_inside),
        ("database", checks.make_database),
        ("start", checks.start),
        ("sandbox", checks.try_to_escape),
        ("not ready", checks.not_ready),
        ("migrate", checks.migrate),
        ("probes", checks.probe),
        ("pages", checks.read_pages),
        ("health check", checks.run_health_check),
        ("SIGTERM", checks.terminate),
        ("log", checks.read_log),
    ]
    try:
        if not all(passes(name, step) for name, step in steps):
            sys.exit("make image: failed")
    finally:
        checks.clean_up()


def passes(name: str, step: Callable[[], str]) -> bool:
    """Run one step and print what it saw."""
    begun = time.monotonic()
    try:
        saw, word = step(), "ok"
    except (Wrong, RuntimeError, OSError, psycopg2.Error) as error:
        saw, word = str(error), "FAILED"
    print(f"{name:<14}{word:<8}{time.monotonic() - begun:6.1f} s   {saw}", flush=True)
    return word == "ok"


def lint() -> str:
    """Have hadolint read the Dockerfile; a bad one shows that it would say something."""
    tool = Path(sys.executable).parent / "hadolint"
    expect(tool.exists(), "hadolint is not installed (deploy/image/install installs it)")
    bad = subprocess.run([tool, "-"], input=b"FROM debian\nRUN sudo cd /\n", capture_output=True)
    expect(bad.returncode != 0, "hadolint finds nothing wrong with a bad file")
    build.call(str(tool), "Dockerfile")
    return "hadolint has nothing to say"


class Checks:
    """The steps, in order, and what one leaves for the next."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.database = urlunsplit(urlsplit(server)._replace(path=f"/{DATABASE}"))
        self.base = ""
        self.port = free_port()
        self.site = Site(self.port, HOST, "")
        self.environment = {
            "SECRET_KEY": secrets.token_urlsafe(64),
            "ALLOWED_HOSTS": HOST,
            "DATABASE_URL": self.database,
            "TRUST_X_FORWARDED_PROTO": "true",
            "THROTTLE_USER": "off",
            "THROTTLE_ADDRESS": "off",
            "LISTEN_ADDRESS": "127.0.0.1",
            "PORT": str(self.port),
        }

    def make_base(self) -> str:
        self.base = build.base()
        return f"{self.base}, {build.size(self.base) / 1e6:.0f} MB"

    def build(self) -> str:
        build.build(self.base)
        added = build.size(build.TAG) - build.size(self.base)
        return f"{build.TAG} adds {added / 1e6:.0f} MB to its base"

    def look_inside(self) -> str:
        """Look at every file, at the variables, the user and the size."""
        known, _ = build.settings(self.base)
        environment, user = build.settings(build.TAG)
        ours = {name: value for name, value in environment.items() if name not in known}
        added = build.size(build.TAG) - build.size(self.base)
        with build.mounted(build.TAG) as root:
            files = list(check.walk(root))
        faults = check.faults_of(files, ours, user, added)
        expect(not faults, "\n".join(faults[:20]))
        return f"{len(files):,} files: no compiler, tests, secret or cache; none is the user's own"

    def make_database(self) -> str:
        run_sql(self.server, DROP)
        run_sql(self.server, f"CREATE DATABASE {DATABASE}")
        return f"{DATABASE}, empty, on {urlsplit(self.server).hostname}"

    def start(self) -> str:
        """Start it read-only, without root and without capabilities."""
        build.remove(NAME)
        build.start(NAME, self.environment)
        until(self.site.lives, "/livez never answered")
        return "read-only, no capabilities, no new privileges, 512 MB"

    def try_to_escape(self) -> str:
        """Try, as the service, what it must not be able to do."""
        expect(build.inside(NAME, "id", "-u") == str(check.UID), "not the user it should be")
        status = build.inside(NAME, "cat", "/proc/1/status")
        expect(bool(re.search(r"^CapEff:\s*0+$", status, re.MULTILINE)), "it has capabilities")
        expect("NoNewPrivs:\t1" in status, "it may gain privileges")
        for path in ("/app/x", "/venv/x", "/etc/x", "/var/tmp/x"):
            expect(not build.succeeds(NAME, "touch", path), f"{path} can be written")
        expect(build.succeeds(NAME, "touch", "/tmp/x"), "/tmp cannot be written")
        return f"user {check.UID}; writes to /tmp alone"

    def not_ready(self) -> str:
        status, said = self.site.get("/readyz", Host=FOREIGN)
        expect(status == HTTPStatus.SERVICE_UNAVAILABLE, f"/readyz without a table: {status}")
        expect("not applied: " in json.loads(said)["migrations"], said)
        return f"/readyz {status} names {said.count(',') - 2} migrations that are missing"

    def migrate(self) -> str:
        """Migrate as a release does, in a container of its own, and make a user."""
        build.once(self.environment, "python", "manage.py", "migrate", "--verbosity", "0")
        shell = ("python", "manage.py", "shell", "--verbosity", "0", "--command", MAKE_USER)
        token = build.once(self.environment, *shell).splitlines()[-1]
        self.site = Site(self.port, HOST, token)
        return "the same image, as a command of its own"

    def probe(self) -> str:
        for path in ("/livez", "/readyz"):
            status, said = self.site.get(path, Host=FOREIGN)
            expect(status == HTTPStatus.OK, f"{path} {status}: {said}")
        status, _ = self.site.get("/", Host=FOREIGN)
        expect(status == HTTPStatus.BAD_REQUEST, f"/ with a foreign Host: {status}")
        return f"/livez and /readyz 200 with Host {FOREIGN}; any other path 400"

    def read_pages(self) -> str:
        """Read static files as a browser would, and be sent to HTTPS without it."""
        status, _ = self.site.get("/api/docs", Host=HOST)
        expect(status == HTTPStatus.MOVED_PERMANENTLY, f"plain HTTP is not redirected: {status}")
        secure = {"Host": HOST, "X-Forwarded-Proto": "https"}
        for path in ("/static/admin/css/base.css", "/static/admin/js/theme.js"):
            status, text = self.site.get(path, **secure)
            expect(status == HTTPStatus.OK and len(text) > 100, f"{path}: {status}")
        _, page = self.site.get("/api/docs", **secure)
        found = re.search(r'src="(/static/[^"]+\.[0-9a-f]{12}\.js)"', page)
        expect(found is not None, "/api/docs names no script by its digest")
        path = found[1] if found else ""
        status, text = self.site.get(path, **secure)
        expect(status == HTTPStatus.OK and len(text) > 1000, f"{path}: {status}")
        return "the admin's style and script, and those of /api/docs by their digests"

    def run_health_check(self) -> str:
        """Run HEALTHCHECK as an engine does; and again where nothing listens."""
        build.call(*build.PODMAN, "healthcheck", "run", NAME)
        dead = build.succeeds(NAME, "env", "PORT=9", "python", "/app/healthcheck.py")
        expect(not dead, "it is healthy where nobody answers")
        return "healthy; and not where nobody answers"

    def terminate(self) -> str:
        """End it with a request in flight, while others write."""
        outcome = end(self.site, lambda: build.signal(NAME, "TERM"))
        code = build.call(*build.PODMAN, "wait", NAME)
        expect(code == "0", f"it left with {code}")
        keys = run_sql(self.database, "SELECT external_id FROM budget_transaction")
        faults = outcome.faults({key for (key,) in keys})
        expect(not faults, "; ".join(faults))
        return f"{len(outcome.acknowledged)} acknowledged writes, all stored; the slow one, too"

    def read_log(self) -> str:
        """Read all that it printed: JSON, with no error but the one that was provoked."""
        text = build.logs(NAME).splitlines()
        for line in text:
            expect(line.startswith("{"), f"a line that is no JSON: {line}")
        lines = [json.loads(line) for line in text]
        loggers = {line["logger"] for line in lines}
        expect("gunicorn.error" in loggers, "gunicorn says nothing")
        expect("financial_alerts.health" in loggers, "that it was not ready is not logged")
        errors = [line for line in lines if line["level"] in ("ERROR", "CRITICAL")]
        provoked = [line for line in errors if line["logger"].endswith(".DisallowedHost")]
        expect(errors == provoked, str(errors[:3]))
        return f"{len(lines)} lines, all JSON, no error but the foreign Host's"

    def clean_up(self) -> None:
        """Remove the container and the database; the image and its base stay for the next run."""
        build.remove(NAME)
        run_sql(self.server, DROP)


if __name__ == "__main__":
    main()
