"""docs/features tells the truth: its commands are run as written, and what they print is compared.

Each page is followed by somebody with a new account, from Saturday, 14 March 2026, on, with bash
and curl against a server that listens; ids, cursors and speeds stand for those of the application.
The server answers in the thread of the test, which has the one connection to a database in memory.
"""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import chdir
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.core.wsgi import get_wsgi_application
from pytest_django import Settings

from budget.engine.reconcile import STEPS
from budget.models import Alert, Cause, EventKind, Measure, Operator
from budget.tests.guide import Reader, read_json
from budget.tests.people import at

pytestmark = pytest.mark.any_postgres

DOCS = Path(__file__).parents[2] / "docs"
INDEX = DOCS / "features" / "README.md"
PAGES = sorted(set(INDEX.parent.glob("*.md")) - {INDEX})
TEXTS = {page.stem: page.read_text(encoding="utf-8") for page in (INDEX, *PAGES)}
# A day that is written bold is the day from there on.
PIECE = re.compile(
    r"\*\*On (?P<day>\d+ \w+ \d{4})\*\*|^```(?P<kind>sh|json|text)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
FIRST_DAY = "14 March 2026"
ADDRESS = "http://127.0.0.1:8000"
MANAGE = ".venv/bin/python manage.py "
TOKEN = re.compile(rf"export TOKEN=\$\({re.escape(MANAGE)}(.*) \| tail -n 1\)")
# What each run prints differently: how fast it was, and the ids in lines for people.
OWN = re.compile(
    r"\b\d+ a second|\bin \d+\.\d s\b|\b(?:category|type|threshold) \d+|(?:Import: +|--undo )\d+"
)
WITH_STATUS = "curl() { command curl \"$@\" -w '\\n%{http_code}'; }\n"
BASH = shutil.which("bash") or "/bin/bash"


class Piece(NamedTuple):
    """A day, or a block. kind: day, sh, json or text."""

    kind: str
    text: str


def pieces(text: str) -> Iterator[Piece]:
    for found in PIECE.finditer(text):
        yield Piece(found["kind"] or "day", found["text"] or found["day"])


class Follower(Reader):
    """Somebody who does what a page says, line by line, in a separate folder."""

    def __init__(self, server: WSGIServer, folder: Path) -> None:
        super().__init__()
        self.server = server
        self.folder = folder
        self.token = ""
        self.printed = ""
        self.command = ""
        self.moment = ""
        self.turn_to(FIRST_DAY)

    def turn_to(self, day: str) -> None:
        self.moment = f"{datetime.strptime(day, '%d %B %Y'):%Y-%m-%d}T09:30:00"

    def follow(self, text: str) -> int:
        """Do all that a page says. Returns how many outputs were compared."""
        compared = 0
        for kind, piece in pieces(text):
            if kind == "day":
                self.turn_to(piece)
            elif kind == "sh":
                with at(self.moment):
                    self.run(piece)
            else:
                compared += 1
                self.compare(kind, piece)
        return compared

    def run(self, block: str) -> None:
        self.command = block
        if (token := TOKEN.search(block)) is not None:
            self.manage(block[: token.start()])
            self.token = self.manage(token[1]).splitlines()[-1]
        elif block.startswith(MANAGE):
            self.printed = self.manage(block)
        else:
            address = f"http://127.0.0.1:{self.server.server_port}"
            self.printed = self.shell(self.real(block).replace(ADDRESS, address))

    def shell(self, block: str) -> str:
        with subprocess.Popen(
            [BASH, "-euc", WITH_STATUS + block],
            env={**os.environ, "TOKEN": self.token},
            cwd=self.folder,
            stdout=subprocess.PIPE,
            text=True,
        ) as shell:
            while shell.poll() is None:
                self.server.handle_request()
            printed, _ = shell.communicate()
        assert shell.returncode == 0, block
        return printed

    def manage(self, lines: str) -> str:
        """What commands of manage.py print on a terminal, without the lines of the log."""
        out = io.StringIO()
        with chdir(self.folder):
            for line in lines.strip().splitlines():
                words = shlex.split(line.removeprefix(MANAGE))
                try:
                    call_command(*words, stdout=out)
                except CommandError as error:
                    out.write(f"CommandError: {error}\n")
        return out.getvalue()

    def compare(self, kind: str, shown: str) -> None:
        told = f"{self.command}\n{self.printed}"
        if kind == "text":
            assert plain(shown) == plain(self.printed), told
            return
        body, _, status = self.printed.rpartition("\n")
        found, must = json.loads(body), read_json(shown)
        if int(status) < 400:
            assert status in {"200", "201"}, told
        else:
            # The status of a refusal is there for the reader to see.
            assert must["status"] == int(status), told
        self.same("", must, found, told)


def plain(text: str) -> str:
    """Without what is another in each run."""
    return OWN.sub("N", text).strip()


class Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def follower(tmp_path: Path, settings: Settings) -> Iterator[Follower]:
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    cache.clear()
    with make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Silent) as server:
        # How long it listens before it looks whether curl has ended.
        server.timeout = 0.02
        follower = Follower(server, tmp_path)
        follower.follow(TEXTS[INDEX.stem])
        yield follower


needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


@needs_curl
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("page", [page.stem for page in PAGES])
def test_every_command_prints_what_is_written(page: str, follower: Follower) -> None:
    compared = follower.follow(TEXTS[page])
    blocks = [kind for kind, _ in pieces(TEXTS[page])]
    # No answer of the API goes without being shown.
    assert compared >= TEXTS[page].count("\ncurl "), blocks
    if page == "operators":
        assert judged() == table_of_operators()


def judged() -> set[tuple[str, str]]:
    """Which operators have an alert at which totals, of the months with rows."""
    alerts = Alert.objects.filter(period_start__lt="2026-03-01").select_related("threshold")
    return {
        (alert.threshold.operator, str(alert.then_total)) for alert in alerts if alert.threshold
    }


def table_of_operators() -> set[tuple[str, str]]:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in TEXTS["operators"].splitlines()
        if line.startswith("| ")
    ]
    totals = rows[0][1:4]
    cells = {
        (row[0].split("`")[1], total): cell
        for row in rows[2:]
        for total, cell in zip(totals, row[1:4], strict=True)
    }
    assert {operator for operator, _ in cells} == set(Operator.values)
    assert set(cells.values()) == {"**alert**", "no"}
    return {place for place, cell in cells.items() if cell == "**alert**"}


@needs_curl
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("true", "false"),
    [
        ('"total": "110.00"', '"total": "110.01"'),
        ('"cause": "day"', '"cause": "transaction"'),
        ("1 user moved", "2 users moved"),
        ('"status": 422', '"status": 409'),
        ("**On 15 March 2026**", "**On 14 March 2026**"),
    ],
)
def test_a_page_that_is_wrong_is_noticed(true: str, false: str, follower: Follower) -> None:
    page = TEXTS["rolling"]
    assert true in page
    with pytest.raises(AssertionError):
        follower.follow(page.replace(true, false))


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("operators", Operator.values),
        ("measures", Measure.values),
        ("alerts", Cause.values),
        (
            "audit",
            [
                step.__name__.removeprefix("mend_").replace("ies", "y").removesuffix("s")
                for step in STEPS
            ],
        ),
    ],
)
def test_a_table_has_every_word(page: str, words: list[str]) -> None:
    table = "\n".join(line for line in TEXTS[page].splitlines() if line.startswith("|"))
    assert set(words) == {word for word in words if f"`{word}`" in table}


def test_every_kind_of_event_is_in_the_picture() -> None:
    picture = (INDEX.parent / "alerts.svg").read_text(encoding="utf-8")
    assert [kind for kind in EventKind.values if kind not in picture] == []


def test_every_page_is_listed_and_has_a_picture_or_a_table() -> None:
    for page in PAGES:
        assert f"]({page.name})" in TEXTS[INDEX.stem], page.name
        text = TEXTS[page.stem]
        assert "](" + page.stem + ".svg)" in text or "\n| --- |" in text, page.name
        for heading in ("The rule", "Try it", "What is refused", "What it is not"):
            assert text.count(f"\n## {heading}\n") == 1, (page.name, heading)


def test_links_lead_somewhere_and_pictures_are_whole() -> None:
    for name, text in TEXTS.items():
        for target in re.findall(r"\]\(([^)]+)\)", text):
            assert (INDEX.parent / target).is_file(), (name, target)
        for host in re.findall(r"https?://([^/\s\"'`)]+)", text):
            assert host == "127.0.0.1:8000", (name, host)
    for picture in INDEX.parent.glob("*.svg"):
        drawn = picture.read_text(encoding="utf-8").strip()
        assert re.fullmatch(r"<svg xmlns=.*<title>.*</svg>", drawn, re.DOTALL), picture.name
        assert "prefers-color-scheme: dark" in drawn, picture.name
        assert any(picture.name in text for text in TEXTS.values()), picture.name
