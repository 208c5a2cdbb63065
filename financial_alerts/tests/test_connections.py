"""A connection to PostgreSQL is checked where it may be broken, and free where it works."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection, connections

from financial_alerts.tests.postgres import run_sql, url_of
from lib.postgresql import base

pytestmark = [pytest.mark.postgres, pytest.mark.django_db]


class Kept(base.DatabaseWrapper):
    """A connection between requests, which counts how often it asks whether it works."""

    asked = 0

    def is_usable(self) -> bool:
        self.asked += 1
        return super().is_usable()

    def request(self) -> int:
        """Do what a request does; the process of the server that answers."""
        self.close_if_unusable_or_obsolete()
        with self.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (pid,) = cursor.fetchone()
        self.close_if_unusable_or_obsolete()
        return int(pid)


@pytest.fixture
def kept() -> Iterator[Kept]:
    found = Kept(connection.settings_dict | {"CONN_HEALTH_CHECKS": True, "CONN_MAX_AGE": 60})
    yield found
    found.close()


def test_a_busy_connection_is_not_asked_at_each_request(kept: Kept) -> None:
    assert len({kept.request() for _ in range(50)}) == 1
    assert kept.asked <= 2


def test_a_connection_is_asked_after_a_pause(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "TRUST", 0.0)
    assert len({kept.request() for _ in range(5)}) == 1
    assert kept.asked == 4


def test_a_connection_that_the_server_has_ended_is_replaced(kept: Kept) -> None:
    """As in a failover, or when an administrator ends sessions: no request fails."""
    first = kept.request()
    assert kept.request() == first
    run_sql(url_of("postgres"), f"SELECT pg_terminate_backend({first}, 5000)")
    assert kept.request() != first


def test_the_service_has_such_connections() -> None:
    assert isinstance(connections["default"], base.DatabaseWrapper)
