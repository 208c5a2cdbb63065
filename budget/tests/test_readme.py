"""README.md is short, its commands and those of docs/api-reference.md run as written, and the
reference documents name every route, variable, command and dependency."""

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
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands
from dotenv import dotenv_values

from api import urls
from api.http.door import Door
from budget.tests.guide import Reader, read_json
from lib.env import Environment
from lib.web_push import new_private_key
from tools.programs import free_port

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
REFERENCE = (ROOT / "docs/api-reference.md").read_text()
SHELL_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
JSON_BLOCK = re.compile(r"^```json\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LONGEST = 120
PARTS = (
    "Start",
    "What it does",
    "Build an app",
    "Run it",
    "Support",
    "How it works",
    "Status",
    "Licence",
)
# A command of the reference: by its helpers, or curl written out.
COMMAND = re.compile(
    r"^(?:# )?(?:[A-Z]+=\$\()?(?:api|session) (?P<method>[A-Z]+) \"?(?P<path>[^\s\"?]+)",
    re.MULTILINE,
)
ADDRESS = "http://127.0.0.1:8000"
ANY_KEY = re.compile(r"<[^>]+>")


BASH = shutil.which("bash") or "/bin/bash"
# Every line is printed before it runs; an answer of 400 and more ends the script.
SHELL = """
set -euo pipefail
curl() { command curl --fail-with-body "$@"; echo; }
PS4='+ '
set -x
"""


@dataclass
class Demo:
    """A server of the test's own with a demo, as `make run` starts one.

    folder: where its .demo lies.
    """

    address: str
    folder: Path

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run lines of the README in one shell, which has nothing but what they set."""
        known = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        text = SHELL + script.replace(ADDRESS, self.address)
        return subprocess.run(
            [BASH, "-c", text], env=known, cwd=self.folder, capture_output=True, text=True
        )

    def get(self, path: str) -> Any:
        """What the demo's own token reads."""
        token = dotenv_values(self.folder / ".demo")["TOKEN"]
        with closing(HTTPConnection(self.address.removeprefix("http://"))) as connection:
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            return json.load(connection.getresponse())

    def everything(self, path: str) -> list[Any]:
        """All rows of a list."""
        found, following = [], f"{path}{'&' if '?' in path else '?'}limit=200"
        while following:
            page = self.get(following)
            found += page["items"]
            following = page["next"]
        return found

    def state(self) -> dict[str, Any]:
        """What a person would notice a change of."""
        state = {
            name: self.everything(f"/api/{name}")
            for name in ("transaction", "threshold", "category", "transaction-type")
        }
        state["alerts"] = self.everything("/api/alert?status=open")
        state["profile"] = self.get("/api/profile")
        tokens = self.everything("/api/token")
        state["tokens"] = [token["id"] for token in tokens if token["revoked_at"] is None]
        return state


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    tmp_path = tmp_path_factory.mktemp("demo")
    place = f"127.0.0.1:{free_port()}"
    environment = {
        **os.environ,
        "DOTENV_PATH": "",
        "DEBUG": "true",
        "ALLOWED_HOSTS": "127.0.0.1",
        "DJANGO_SETTINGS_MODULE": "financial_alerts.settings",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "VAPID_PRIVATE_KEY": new_private_key(),
        "VAPID_SUBJECT": "mailto:ops@example.com",
        "DATABASE_URL": f"sqlite:///{tmp_path}/site.sqlite3",
    }
    manage = [sys.executable, str(ROOT / "manage.py")]
    for words in (["migrate", "--verbosity", "0"], ["make_demo", "--file", f"{tmp_path}/.demo"]):
        subprocess.run([*manage, *words], env=environment, capture_output=True, check=True)
    server = subprocess.Popen(
        [*manage, "runserver", "--noreload", place],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(place)
        yield Demo(f"http://{place}", tmp_path)
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


def commands(text: str) -> str:
    return "".join(SHELL_BLOCK.findall(text))


needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def test_the_readme_is_short_and_has_its_parts() -> None:
    assert len(README.splitlines()) <= LONGEST
    assert tuple(re.findall(r"^## (.+)$", README, re.MULTILINE)) == PARTS
    assert len(re.findall(r"^!\[", README, re.MULTILINE)) == 2


@pytest.mark.sqlite
@needs_curl
def test_the_answer_in_the_readme_is_the_real_one(demo: Demo) -> None:
    before = demo.state()
    done = demo.run(commands(README))
    assert done.returncode == 0, done.stderr
    (shown,) = JSON_BLOCK.findall(README)
    Reader().same("", read_json(shown), json.loads(done.stdout), done.stdout)
    assert demo.state() == before


@pytest.mark.sqlite
@needs_curl
def test_every_command_works_in_order_and_leaves_the_demo_as_it_was(demo: Demo) -> None:
    lines = commands(REFERENCE).splitlines()
    before = demo.state()
    assert before["alerts"]
    done = demo.run("\n".join(lines))
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    # The login, and every command but the last one.
    assert done.stderr.count("+ command curl") == len(COMMAND.findall(commands(REFERENCE)))
    after = demo.state()
    for name in before:
        assert after[name] == before[name], name
    # The last line is commented out: it deletes the account.
    last = lines[-1].removeprefix("# ")
    assert last != lines[-1]
    needed = [line for line in lines if line.startswith(("SESSION=", "session()"))]
    done = demo.run("\n".join([*needed, last]))
    assert done.returncode == 0, done.stdout


def test_a_command_that_needs_what_nobody_set_fails() -> None:
    """The control: the shell of the test sets nothing, and minds a failure."""
    demo = Demo("http://127.0.0.1:1", ROOT)
    assert "ID: unbound variable" in demo.run("curl -sS http://127.0.0.1:8000/api/alert/$ID").stderr
    assert demo.run("curl -sS http://127.0.0.1:8000/api").returncode != 0


def test_every_method_of_every_route_has_a_command() -> None:
    shown = set(COMMAND.findall(REFERENCE))
    for pattern in urls.urlpatterns:
        if not isinstance(pattern.callback, Door):
            continue
        route = re.compile(ANY_KEY.sub("[^/]+", str(pattern.pattern)))
        for needed in pattern.callback.endpoints:
            assert any(way == needed and route.fullmatch(path) for way, path in shown), (
                f"{needed} {pattern.pattern}"
            )


def test_every_field_and_every_parameter_is_named() -> None:
    missing = set()
    for pattern in urls.urlpatterns:
        if not isinstance(pattern.callback, Door):
            continue
        for endpoint in pattern.callback.endpoints.values():
            for schema in (endpoint.body, endpoint.query):
                missing |= {
                    f"{pattern.pattern}: {name}"
                    for name in (schema.model_fields if schema else ())
                    if not re.search(rf"[`\"?&]{name}[=`\"]|[ ,`]{name}[,`]", REFERENCE)
                }
    assert missing == set()


def test_every_variable_and_every_command_is_named() -> None:
    settings = (ROOT / "docs/settings.md").read_text()
    for name in Environment.model_fields:
        assert f"`{name}`" in settings
    operations = (ROOT / "docs/operations.md").read_text()
    ours = [name for name, app in get_commands().items() if app in ("accounts", "budget")]
    assert len(ours) >= 4
    for name in ours:
        assert f"\n| `manage.py {name}" in operations, name


def test_every_dependency_says_why_it_is_there() -> None:
    pipfile = (ROOT / "Pipfile").read_text()
    reasons = (ROOT / "docs/dependencies.md").read_text()
    names = re.findall(r"^([a-z0-9-]+) = ", pipfile, re.MULTILINE)
    assert len(names) >= 30
    for name in names:
        assert re.search(rf"^\| [^|]*\b{name}\b", reasons, re.MULTILINE), name


def test_every_page_is_reached_from_the_readme_and_every_link_leads_somewhere() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        if page.suffix != ".md":
            continue
        for target, anchor in LINK.findall(page.read_text()):
            found = (page.parent / target).resolve() if target else page
            assert found.exists(), f"{page.name}: {target}"
            if anchor:
                assert anchor in anchors(found.read_text()), f"{page.name}: {target}#{anchor}"
            waiting.append(found)
    pages = {*(ROOT / "docs").rglob("*.md"), *(ROOT / "docs").rglob("*.svg")}
    assert pages - reached == set()


def test_every_file_that_a_page_names_exists() -> None:
    pages = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
    named = {
        (page.name, path)
        for page in [*pages, *(ROOT / "docs").rglob("*.md")]
        for path in FILE.findall(page.read_text())
    }
    assert len(named) > 60
    missing = [(page, path) for page, path in sorted(named) if not (ROOT / path).exists()]
    # Where the backups of one machine are kept, on that machine.
    assert missing == [("one-machine.md", "deploy/one_machine/backups")]


# A path in a text, from the project's folder; a name in capitals or with dots stands for others.
FILE = re.compile(
    r"`((?:accounts|api|budget|deploy|docs|financial_alerts|lib|proof|support|tools)/[a-z_0-9./-]+)`"
)
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)]+))?\)")


def anchors(text: str) -> set[str]:
    """The addresses of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
