"""The services that this one is compared with give right answers, and the comparison runs."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection

from benchmarks import comparison, serving
from benchmarks.crowds import Bases
from benchmarks.databases import Kind, scratch
from benchmarks.load import POST, UNCHANGED, Case
from benchmarks.measure import QUICK
from benchmarks.serving import Server
from benchmarks.table import Table

TINY = replace(QUICK, users=4, rows_each=60, rounds=1)

pytestmark = [
    pytest.mark.long,
    pytest.mark.postgres,
    pytest.mark.skipif(not serving.PEERS.exists(), reason="make bench installs .deploy/peers"),
    pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed"),
]


def compare() -> Table:
    given = connection.settings_dict
    secret = f":{given['PASSWORD']}" if given["PASSWORD"] else ""
    server = f"postgres://{given['USER']}{secret}@{given['HOST']}:{given['PORT']}/postgres"
    kind = Kind("PostgreSQL", server)
    with scratch(kind) as make:
        return comparison.compare(Bases(kind, make), TINY)


def test_every_service_gives_right_answers_and_is_measured() -> None:
    assert [row[0] for row in compare().rows] == [
        POST.name,
        *(case.name for case in comparison.GETS),
        UNCHANGED.name,
    ]


def test_a_wrong_answer_ends_the_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: a peer that leaves out an alert."""
    whole = comparison.answer

    def without_an_alert(server: Server, case: Case, token: str) -> Any:
        body = whole(server, case, token)
        if server.name == "DRF" and "alert" in case.path:
            body["results"].pop()
        return body

    monkeypatch.setattr(comparison, "answer", without_an_alert)
    with pytest.raises(RuntimeError, match=r"DRF differs in .*GET 50 alerts"):
        compare()
