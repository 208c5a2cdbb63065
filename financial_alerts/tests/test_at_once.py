from __future__ import annotations

import threading

import pytest
from django.db import connection, connections

from financial_alerts.tests.at_once import AT_ONCE, SHARE, at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_all_threads_are_there_before_one_goes_on() -> None:
    inside = threading.Barrier(AT_ONCE)

    def look() -> int:
        connection.ensure_connection()
        inside.wait(30)
        return 1

    assert at_once([look] * AT_ONCE) == [1] * AT_ONCE


def test_more_connections_than_a_process_may_have_fail_the_test() -> None:
    """Also where they are not opened by at_once."""
    connection.ensure_connection()
    kept = [connections.create_connection("default") for _ in range(SHARE)]

    def open_all() -> None:
        for each in kept:
            each.ensure_connection()

    try:
        with pytest.raises(AssertionError, match=rf"opened {SHARE + 1} connections at once"):
            open_all()
        # Fewer by that of this thread, and by any that a thread of a test before is about to close.
        assert 0 < sum(each.connection is not None for each in kept) < SHARE
    finally:
        for each in kept:
            each.close()
