"""The README tells the truth: its commands run as written, and it names everything there is."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.management import get_commands

from budget import urls
from budget.http.door import Door
from deploy.machines.programs import free_port
from financial_alerts.env import Environment

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
ADDRESS = "http://127.0.0.1:8000"
ANY_KEY = re.compile(r"<[^>]+>")


# What a log-in leaves: a session of the only user.
LOG_IN = """
from importlib import import_module
from django.conf import settings
from django.contrib import auth
user = auth.get_user_model().objects.get()
session = import_module(settings.SESSION_ENGINE).SessionStore()
session[auth.SESSION_KEY] = str(user.pk)
session[auth.BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
session[auth.HASH_SESSION_KEY] = user.get_session_auth_hash()
session.save()
print(session.session_key)
"""
BASH = shutil.which("bash") or "/bin/bash"


@dataclass
class Site:
    """A server of our own, as `make run` starts one, and its user's token and session."""

    address: str
    token: str
    session: str


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    place = f"127.0.0.1:{free_port()}"
    environment = {
        **os.environ,
        "DOTENV_PATH": "",
        "DEBUG": "true",
        "ALLOWED_HOSTS": "127.0.0.1",
        "DJANGO_SETTINGS_MODULE": "financial_alerts.settings",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "DATABASE_URL": f"sqlite:///{tmp_path}/site.sqlite3",
    }
    manage = [sys.executable, str(ROOT / "manage.py")]

    def run(*words: str) -> str:
        done = subprocess.run(
            [*manage, *words], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    run("migrate", "--verbosity", "0")
    made = "from django.contrib.auth.models import User; User.objects.create(username='alice')"
    run("shell", "--verbosity", "0", "--command", made)
    token = run("create_token", "alice").splitlines()[-1]
    session = run("shell", "--verbosity", "0", "--command", LOG_IN).splitlines()[-1]
    server = subprocess.Popen(
        [*manage, "runserver", "--noreload", place],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(place)
        yield Site(f"http://{place}", token, session)
    finally:
        server.terminate()
        server.wait()


def wait_for(place: str) -> None:
    host, port = place.split(":")
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            socket.create_connection((host, int(port))).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(place)


@pytest.mark.sqlite
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_every_curl_command_works_as_written(site: Site) -> None:
    ran = 0
    for block in BLOCKS:
        number = ""
        for command in block.splitlines():
            shell = command.replace(ADDRESS, site.address) + r" -w '\n%{http_code}'"
            environment = {
                **os.environ,
                "TOKEN": site.token,
                "SESSION": site.session,
                "ID": number,
            }
            done = subprocess.run(
                [BASH, "-c", shell], env=environment, capture_output=True, text=True, check=True
            )
            body, _, status = done.stdout.rpartition("\n")
            assert status in {"200", "201"}, f"{command}\n{status} {body}"
            if body.startswith("{"):
                number = str(json.loads(body).get("id", number))
            ran += 1
    assert ran == README.count("\ncurl ")


def test_every_method_of_every_route_has_a_curl_command() -> None:
    shown = set()
    for command in re.findall(r"^curl .*$", README, re.MULTILINE):
        method = re.search(r"-X (\w+)", command)
        address = re.search(rf"{ADDRESS}/api/(\S+)", command)
        assert address is not None
        path = re.sub(r"\\?[?].*", "", address[1])
        sends = "POST" if " -d " in command else "GET"
        shown.add((method[1] if method else sends, path))
    for pattern in urls.urlpatterns:
        if not isinstance(pattern.callback, Door):
            continue
        route = re.compile(ANY_KEY.sub("[^/]+", str(pattern.pattern)))
        for needed in pattern.callback.handlers:
            assert any(way == needed and route.fullmatch(path) for way, path in shown), (
                f"{needed} {pattern.pattern}"
            )


def test_every_variable_and_every_command_is_named() -> None:
    for name in Environment.model_fields:
        assert f"`{name}`" in README
    ours = [name for name, app in get_commands().items() if app in ("accounts", "budget")]
    assert len(ours) >= 4
    for name in ours:
        assert f"`manage.py {name}" in README


def test_every_dependency_says_why_it_is_there() -> None:
    pipfile = (ROOT / "Pipfile").read_text()
    reasons = README[README.index("## Why each dependency") :]
    for name in re.findall(r"^([a-z0-9-]+) = ", pipfile, re.MULTILINE):
        assert re.search(rf"\b{name}\b", reasons), name
