"""Every read, as often as it takes to prepare its statements, and once with each sent as it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from budget.tests.test_etags import Walker, fill
from lib.postgresql.prepared import USE, Cursor

MORE = [
    "/api/transaction?q=swordfish&category=Groceries&amount_min=1&amount_max=99.5&limit=2",
    "/api/transaction?category=Groceries&subtree=true",
    "/api/transaction/99999999999999999999",
    "/api/alert/99999999999999999999/events",
    "/api/category?q=%25",
    "/api/category/groceries",
    "/api/transaction-type/expense",
]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_prepared_statements_answer_as_plain_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    alice = User.objects.create_user("alice")
    fill(alice)
    walker = Walker([alice])
    second = json.loads(walker.ask("alice", "/api/transaction?limit=1")[1])["next"]
    asked = [*walker.addresses("alice"), *MORE, second]
    now = timezone.now()
    monkeypatch.setattr("django.utils.timezone.now", lambda: now)

    def answers() -> list[tuple[str, int, bytes]]:
        found = ((path, *walker.ask("alice", path)) for path in asked)
        return [(path, answer.status_code, body) for path, answer, body in found]

    prepared = [answers() for _ in range(USE + 1)][-1]
    assert 200 in {status for _, status, _ in prepared}
    assert {status for _, status, _ in prepared} <= {200, 400, 404}
    calls: dict[str, Any] = connection.connection.calls
    assert len(calls) > 15
    assert [statement for statement, call in calls.items() if call is None] == []
    monkeypatch.setattr(Cursor, "has_run", lambda *of: False)
    assert prepared == answers()
