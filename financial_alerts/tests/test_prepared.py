"""A prepared statement reads what it would read as it is, whatever becomes of its preparation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.db.utils import DatabaseError, ProgrammingError

from financial_alerts.tests.postgres import a_database, run_sql, url_of
from lib.postgresql import Message, Prepared
from lib.postgresql.base import DatabaseWrapper
from lib.postgresql.prepared import MOST_PREPARED, USE, is_forgotten

pytestmark = [pytest.mark.postgres, pytest.mark.django_db]

ROWS = Prepared("SELECT name, '100%%' FROM row WHERE number = %s ORDER BY name")
KEPT = "SELECT statement FROM pg_prepared_statements"


class Client:
    """A connection to a database with one table."""

    def __init__(self, name: str) -> None:
        self.url = url_of(name)
        said = connection.settings_dict
        self.database = DatabaseWrapper(said | {"NAME": name, "TIME_ZONE": None})
        run_sql(self.url, "CREATE TABLE row (number smallint, name text)")
        run_sql(self.url, "INSERT INTO row VALUES (1, 'a'), (1, 'b'), (2, 'c')")

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.database.cursor() as cursor:
            cursor.execute(statement, values)
            return [tuple(row) for row in cursor.fetchall()]

    def use(self, *values: Any, statement: str = ROWS) -> list[tuple[Any, ...]]:
        """Read so often that it is prepared; each time gives the same."""
        found = [self.rows(statement, *values) for _ in range(USE + 2)]
        assert found == [found[0]] * len(found)
        return found[0]

    def kept(self) -> int:
        return len(self.rows(KEPT))


@pytest.fixture
def client(db: None) -> Iterator[Client]:
    with a_database() as name:
        found = Client(name)
        yield found
        found.database.close()


def test_it_is_prepared_once_it_comes_often(client: Client) -> None:
    assert client.rows(ROWS, 1) == [("a", "100%"), ("b", "100%")]
    assert client.kept() == 0
    assert client.use(2) == [("c", "100%")]
    assert client.kept() == 1
    assert client.use(1) == [("a", "100%"), ("b", "100%")]
    assert client.kept() == 1


def test_any_other_statement_is_not_prepared(client: Client) -> None:
    assert client.use(2, statement=str(ROWS)) == [("c", "100%")]
    assert client.kept() == 0


def test_nothing_is_prepared_in_a_database_transaction(client: Client) -> None:
    """An error, of a preparation too, would end it."""
    client.use(2)
    client.database.set_autocommit(False)
    client.rows("DEALLOCATE ALL; SELECT 1")
    assert client.use(2) == [("c", "100%")]
    client.database.rollback()


def test_a_number_that_does_not_fit_the_column_is_only_not_found(client: Client) -> None:
    """Prepared, the value would be a smallint: too large an error, a fraction rounded."""
    client.use(1)
    for number in (100_000, Decimal("1.5"), 1.5):
        assert client.use(number) == []


def test_a_table_that_has_changed_is_read_as_it_is_now(client: Client) -> None:
    client.use(2)
    run_sql(client.url, "ALTER TABLE row ALTER name TYPE varchar(9)")
    assert client.use(2) == [("c", "100%")]


def test_a_statement_that_cannot_be_prepared_runs_as_it_is(client: Client) -> None:
    untyped = Prepared("SELECT v.number FROM (VALUES (%s)) v (number) JOIN row r USING (number)")
    assert client.use(2, statement=untyped) == [(2,)]
    assert client.kept() == 0


def test_a_wrong_statement_fails_each_time(client: Client) -> None:
    for _ in range(USE + 2):
        with pytest.raises(ProgrammingError):
            client.rows(Prepared("SELECT nothing FROM row WHERE number = %s"), 1)


def test_a_connection_prepares_so_many_and_no_more(client: Client) -> None:
    for number in range(MOST_PREPARED + 5):
        assert client.use(2, statement=Prepared(ROWS + " " * number)) == [("c", "100%")]
    assert client.kept() == MOST_PREPARED


def test_where_it_is_lost_no_more_is_prepared(client: Client) -> None:
    client.use(2)
    client.rows("DEALLOCATE ALL; SELECT 1")
    assert client.use(1) == [("a", "100%"), ("b", "100%")]
    assert client.use(2, statement=Prepared(f"{ROWS} ")) == [("c", "100%")]
    assert client.kept() == 0


ADD = Prepared("INSERT INTO row VALUES (%s, %s) RETURNING name")


def add(client: Client, statement: str = ADD, before: str = "") -> None:
    """Write often in one database transaction, which an error would end."""
    client.database.set_autocommit(False)
    try:
        if before:
            client.rows(before)
        for _ in range(USE + 2):
            client.rows(Message(statement), 3, "d")
        client.database.commit()
    finally:
        client.database.rollback()
        client.database.set_autocommit(True)


def test_a_transaction_prepares_too(client: Client) -> None:
    add(client)
    assert client.kept() == 1
    assert len(client.rows(ROWS, 3)) == USE + 2


def test_a_transaction_outlives_what_cannot_be_prepared(client: Client) -> None:
    """A value of no type cannot: prepared, it would be a text."""
    one = "WITH v (number) AS (VALUES (%s)) INSERT INTO row SELECT v.number + 0, %s FROM v"
    add(client, Prepared(f"{one} RETURNING name"))
    assert client.kept() == 0
    assert len(client.rows(ROWS, 3)) == USE + 2


LOST: dict[str, Callable[[Client], object]] = {
    "what was prepared": lambda client: client.rows("DEALLOCATE ALL; SELECT 1"),
    "its table": lambda client: run_sql(client.url, "ALTER TABLE row ALTER name TYPE varchar(9)"),
}


@pytest.mark.parametrize("what", LOST)
def test_a_transaction_that_begins_without_it_begins_again(client: Client, what: str) -> None:
    add(client)
    LOST[what](client)
    add(client)
    assert len(client.rows(ROWS, 3)) == 2 * (USE + 2)


@pytest.mark.parametrize("what", LOST)
def test_a_transaction_that_misses_it_later_fails_once(client: Client, what: str) -> None:
    add(client)
    LOST[what](client)
    with pytest.raises(DatabaseError) as failed:
        add(client, before="SELECT 1")
    assert is_forgotten(failed.value)
    add(client, before="SELECT 1")
    assert len(client.rows(ROWS, 3)) == 2 * (USE + 2)
