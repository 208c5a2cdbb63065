"""docs/design.md lists the files that a POST enters, in order; a trace says whether it does."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken

ROOT = Path(__file__).parents[2]
SECTION = re.compile(r"^## A write, file by file\n(.*?)^## ", re.DOTALL | re.MULTILINE)
# Markdown counts: each line begins with 1, so that one file more does not change all after it.
ROW = re.compile(r"^1\. `([^`]+)`: (.+)$", re.MULTILINE)
BOUND = re.compile(r"at most \*\*(\d+) moves\*\*")


@dataclass
class Trace:
    """Which of the project's files a call enters, in order, and how often it goes between them.

    A move is a call into another file, or a return to one.
    """

    files: dict[str, None] = field(default_factory=dict)
    moves: int = 0
    here: str | None = None

    def __enter__(self) -> Trace:
        sys.setprofile(self.notice)
        return self

    def __exit__(self, *error: object) -> None:
        sys.setprofile(None)

    def notice(self, frame: FrameType | None, event: str, argument: Any) -> None:
        if event not in ("call", "return") or frame is None or (own := own_file(frame)) is None:
            return
        if event == "call":
            self.files.setdefault(own)
        else:
            own = next((f for f in map(own_file, callers(frame)) if f is not None), None)
        if own != self.here:
            self.here = own
            self.moves += 1


def callers(frame: FrameType) -> list[FrameType]:
    found = []
    while frame.f_back is not None:
        frame = frame.f_back
        found.append(frame)
    return found


def own_file(frame: FrameType) -> str | None:
    """A file of the project; its tests, libraries and one database's connection aside."""
    name = frame.f_code.co_filename
    if not name.startswith(f"{ROOT}/") or name == f"{ROOT}/conftest.py":
        return None
    path = name.removeprefix(f"{ROOT}/")
    aside = path.startswith((".venv/", "lib/postgresql/")) or "/tests/" in path
    return None if aside else path


def written() -> dict[str, str]:
    """The files of the list, with what each does."""
    (section,) = SECTION.findall((ROOT / "docs/design.md").read_text())
    return dict(ROW.findall(section))


def trace_post() -> Trace:
    """A POST that opens two alerts, after two that open none: the first makes the category."""
    user = User.objects.create_user("ada", "ada@example.com", "correct horse 7 battery")
    client = Client(HTTP_AUTHORIZATION=f"Bearer {ApiToken.issue(user, 'phone')[1]}")

    def post(path: str, **body: Any) -> Any:
        answer = client.post(path, json.dumps(body), content_type="application/json")
        assert answer.status_code == 201, answer.content
        return answer.json()

    day = timezone.now().date().isoformat()
    post("/api/threshold", name="Month", amount="100", type="monthly")
    for _ in range(2):
        post("/api/transaction", date=day, category="Food", amount="1")
    with Trace() as trace:
        answer = post("/api/transaction", date=day, category="Food", amount="150")
    assert len(answer["alerts"]["opened"]) == 2
    return trace


@pytest.mark.django_db
def test_a_post_enters_the_files_of_the_list_in_this_order() -> None:
    files = list(trace_post().files)
    does = written()
    rows = [f"1. `{file}`: {does.get(file, '?')}" for file in files]
    new = "Put this list into docs/design.md:\n" + "\n".join(rows)
    assert list(does) == files, new


@pytest.mark.django_db
def test_a_post_moves_between_files_no_more_often_than_is_said() -> None:
    (section,) = SECTION.findall((ROOT / "docs/design.md").read_text())
    (bound,) = BOUND.findall(section)
    moves = trace_post().moves
    assert moves <= int(bound), f"{moves} moves"
    # A bound far above the truth would be none.
    assert moves >= 0.8 * int(bound), f"only {moves} moves now: lower the bound"


def test_a_trace_counts_calls_and_returns_between_files() -> None:
    """The control: two calls into another file of the project, each with its return."""
    with Trace() as trace:
        str(ApiToken(name="one"))
    assert list(trace.files) == ["accounts/models.py"]
    assert trace.moves == 2
    with trace:
        str(ApiToken(name="two"))
    assert trace.moves == 4
