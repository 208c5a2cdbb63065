"""The roles of the database: what each may do, and what the check says of a service without."""

from __future__ import annotations

import base64
import hashlib
import hmac
import subprocess
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import psycopg2
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from financial_alerts.tests.postgres import a_database, manage, run_sql, url_of

PASSWORD = "correct-horse-7-battery-staple"
OF_APP, OF_OTHER = PASSWORD[::-1], PASSWORD.upper()


@dataclass
class Place:
    """A database with the roles; admin, owner and the logins app and other are its URLs."""

    prefix: str
    admin: str
    owner: str
    app: str
    other: str

    def roles(self, *words: str, **environ: str) -> str:
        """Run the command as the administrator; what it says."""
        done = self.run(*words, **environ)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def refused(self, *words: str, **environ: str) -> str:
        """Run it where it has to refuse; what it says."""
        done = self.run(*words, **environ)
        assert done.returncode == 1
        return done.stderr

    def run(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        prefixed = ("database_roles", "--prefix", self.prefix, *words)
        return manage(*prefixed, ok=False, DATABASE_URL=self.admin, **environ)

    def opens(self, role: str, password: str) -> bool:
        """Whether a role may log in with a password, though this server may ask nobody for one."""
        rows = run_sql(self.admin, "SELECT rolname, rolpassword FROM pg_authid WHERE rolcanlogin")
        stored = dict(rows).get(f"{self.prefix}_{role}")
        return stored is not None and is_password(password, stored)


def is_password(password: str, verifier: str) -> bool:
    """RFC 5803: SCRAM-SHA-256$ITERATIONS:SALT$STORED_KEY:SERVER_KEY."""
    method, work, keys = verifier.split("$")
    assert method == "SCRAM-SHA-256"
    iterations, salt = work.split(":")
    salted = hashlib.pbkdf2_hmac(
        "sha256", password.encode(), base64.b64decode(salt), int(iterations)
    )
    key = hmac.digest(salted, b"Client Key", "sha256")
    return hashlib.sha256(key).digest() == base64.b64decode(keys.partition(":")[0])


@contextmanager
def a_place() -> Iterator[Place]:
    prefix = f"t{uuid.uuid4().hex[:12]}"
    try:
        with a_database() as name:
            yield Place(
                prefix,
                admin=url_of(name),
                owner=url_of(name, f"{prefix}_owner", PASSWORD),
                app=url_of(name, f"{prefix}_app", OF_APP),
                other=url_of(name, f"{prefix}_app_b", OF_OTHER),
            )
    finally:
        for role in ("owner", "app", "app_b"):
            run_sql(url_of("postgres"), f"DROP ROLE IF EXISTS {prefix}_{role}")


@pytest.fixture(scope="module")
def place(django_db_setup: None) -> Iterator[Place]:
    with a_place() as place:
        # A table from before there were roles goes to the owner, too.
        run_sql(place.admin, "CREATE TABLE before (id serial PRIMARY KEY)")
        for _ in range(2):
            said = place.roles(
                DATABASE_OWNER_PASSWORD=PASSWORD,
                DATABASE_APP_USER=f"{place.prefix}_app",
                DATABASE_APP_PASSWORD=OF_APP,
                DATABASE_APP_NEXT_PASSWORD=OF_OTHER,
            )
        assert "are up to date, passwords of" in said
        assert not any(word in said for word in (PASSWORD, OF_APP, OF_OTHER))
        manage("migrate", "--verbosity", "0", DATABASE_URL=place.owner)
        yield place


pytestmark = pytest.mark.postgres


def test_each_has_the_password_that_was_given_for_it(place: Place) -> None:
    for role, password in (("owner", PASSWORD), ("app", OF_APP), ("app_b", OF_OTHER)):
        assert place.opens(role, password)
        assert not place.opens(role, f"{password}x")


@pytest.mark.parametrize(
    ("who", "name", "value"),
    [
        ("app", "lock_timeout", "2s"),
        ("app", "statement_timeout", "30s"),
        ("app", "idle_in_transaction_session_timeout", "1min"),
        ("app", "TimeZone", "UTC"),
        ("other", "lock_timeout", "2s"),
        ("other", "statement_timeout", "30s"),
        ("other", "idle_in_transaction_session_timeout", "1min"),
        ("other", "TimeZone", "UTC"),
        ("owner", "lock_timeout", "5s"),
        ("owner", "statement_timeout", "0"),
    ],
)
def test_a_session_has_the_timeouts_of_its_role(
    place: Place, who: str, name: str, value: str
) -> None:
    assert run_sql(getattr(place, who), f"SHOW {name}") == [(value,)]


@pytest.mark.parametrize("who", ["app", "other"])
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT count(*) FROM budget_transaction",
        "INSERT INTO before VALUES (DEFAULT), (DEFAULT)",
        "UPDATE accounts_profile SET week_start = 1",
        "DELETE FROM django_session",
        "SELECT nextval('budget_transaction_id_seq')",
    ],
)
def test_the_service_reads_and_writes_rows(place: Place, statement: str, who: str) -> None:
    run_sql(getattr(place, who), f"BEGIN; {statement}; ROLLBACK")


@pytest.mark.parametrize("who", ["app", "other"])
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE extra (id int)",
        "CREATE TEMPORARY TABLE extra (id int)",
        "DROP TABLE budget_transaction",
        "ALTER TABLE budget_transaction ADD COLUMN extra int",
        "TRUNCATE budget_transaction",
        "CREATE ROLE more",
        "CREATE DATABASE more",
        "SET ROLE {prefix}_owner",
        "SELECT * FROM pg_authid",
        "CREATE SCHEMA extra",
    ],
)
def test_the_service_may_do_nothing_else(place: Place, statement: str, who: str) -> None:
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        run_sql(getattr(place, who), statement.format(prefix=place.prefix))


class Client:
    """Makes a new connection again and again, as a service does, until it is ended."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.made = 0
        self.refused: list[str] = []
        self.end = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self) -> Client:
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.end.set()
        self.thread.join()

    def run(self) -> None:
        while not self.end.is_set():
            try:
                run_sql(self.url, "INSERT INTO rows_of_service VALUES (DEFAULT)")
            except psycopg2.Error as error:
                self.refused.append(str(error))
            self.made += 1


@pytest.mark.usefixtures("django_db_setup")
def test_a_new_password_refuses_nobody_and_the_old_one_ends_when_told() -> None:
    with a_place() as place:
        one, two = f"{place.prefix}_app", f"{place.prefix}_app_b"
        now = {"DATABASE_APP_USER": one, "DATABASE_APP_PASSWORD": OF_APP}
        place.roles(DATABASE_OWNER_PASSWORD=PASSWORD, **now)
        run_sql(place.owner, "CREATE TABLE rows_of_service (id serial PRIMARY KEY)")
        # Its turn has not come yet.
        with pytest.raises(psycopg2.OperationalError, match="not permitted to log in"):
            run_sql(place.other, "SELECT 1")

        with Client(place.app) as old, closing(psycopg2.connect(place.app)) as session:
            turn = place.roles(**now, DATABASE_APP_NEXT_PASSWORD=OF_OTHER)
            assert turn.endswith(f"passwords of {one}, {two} set.\n")
            assert place.opens("app", OF_APP)
            assert place.opens("app_b", OF_OTHER)
            with Client(place.other) as new:
                # The new tasks are there, and the old ones still go on.
                now = {"DATABASE_APP_USER": two, "DATABASE_APP_PASSWORD": OF_OTHER}
                place.roles(**now)
                old.end.set()
                old.thread.join()
                done = place.roles("--retire", **now)
            with pytest.raises(psycopg2.OperationalError):
                session.cursor().execute("SELECT 1")
        assert done == f"{one} can no longer log in; 1 session of it ended.\n"
        for client in (old, new):
            assert client.refused == []
            assert client.made > 10
        assert run_sql(place.admin, "SELECT count(*) FROM rows_of_service") == [
            (old.made + new.made,)
        ]
        with pytest.raises(psycopg2.OperationalError, match="not permitted to log in"):
            run_sql(place.app, "SELECT 1")
        assert not place.opens("app", OF_APP)

        # And the other way round.
        place.roles(**now, DATABASE_APP_NEXT_PASSWORD=OF_APP)
        run_sql(place.app, "INSERT INTO rows_of_service VALUES (DEFAULT)")
        place.roles("--retire", DATABASE_APP_USER=one)
        with pytest.raises(psycopg2.OperationalError, match="not permitted to log in"):
            run_sql(place.other, "SELECT 1")


@pytest.mark.usefixtures("django_db_setup")
def test_an_administrator_that_is_no_superuser_can_do_it_as_on_rds() -> None:
    with a_place() as place:
        admin, name = f"{place.prefix}_admin", place.admin.rpartition("/")[2]
        run_sql(
            place.admin,
            f"CREATE ROLE {admin} LOGIN CREATEROLE PASSWORD '{PASSWORD}'",
            f'ALTER DATABASE "{name}" OWNER TO {admin}',
        )
        try:
            superuser, place.admin = place.admin, url_of(name, admin, PASSWORD)
            given = {"DATABASE_APP_USER": f"{place.prefix}_app", "DATABASE_APP_PASSWORD": OF_APP}
            place.roles(**given, DATABASE_APP_NEXT_PASSWORD=OF_OTHER)
            for ended in ("its sessions go on, because only", "1 session of it ended"):
                place.roles(**given, DATABASE_APP_NEXT_PASSWORD=OF_OTHER)
                with closing(psycopg2.connect(place.other)):
                    assert ended in place.roles("--retire", **given)
                run_sql(superuser, f"GRANT pg_signal_backend TO {admin}")
        finally:
            run_sql(superuser, f'ALTER DATABASE "{name}" OWNER TO CURRENT_USER')
            run_sql(superuser, f"DROP OWNED BY {admin}", f"DROP ROLE {admin}")


def test_nobody_is_shut_out_by_mistake(place: Place) -> None:
    one, two = f"{place.prefix}_app", f"{place.prefix}_app_b"
    assert f"is {one} or {two}" in place.refused(DATABASE_APP_USER="financial_alerts_app")
    given = {"DATABASE_APP_NEXT_PASSWORD": OF_OTHER}
    assert "Say which one is in use" in place.refused(**given)
    assert "Say which one is in use" in place.refused("--retire")
    said = place.refused("--retire", DATABASE_APP_USER=one, **given)
    assert f"{two} has its turn next" in said
    run_sql(place.admin, f"ALTER ROLE {two} NOLOGIN")
    try:
        assert f"{two} cannot log in" in place.refused("--retire", DATABASE_APP_USER=two)
    finally:
        run_sql(place.admin, f"ALTER ROLE {two} LOGIN")
    for role, password in (("app", OF_APP), ("app_b", OF_OTHER)):
        assert place.opens(role, password)


@pytest.mark.parametrize(
    "statement",
    ["CREATE ROLE more", "CREATE DATABASE more", "SELECT * FROM pg_authid", "CREATE SCHEMA extra"],
)
def test_the_owner_rules_its_tables_alone(place: Place, statement: str) -> None:
    run_sql(place.owner, "BEGIN; ALTER TABLE before ADD COLUMN extra int; ROLLBACK")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        run_sql(place.owner, statement)


def test_nobody_else_gets_in(place: Place) -> None:
    outsider = f"{place.prefix}_outsider"
    run_sql(place.admin, f"CREATE ROLE {outsider} LOGIN PASSWORD '{PASSWORD}'")
    try:
        with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
            run_sql(url_of(place.admin.rpartition("/")[2], outsider, PASSWORD), "SELECT 1")
    finally:
        run_sql(place.admin, f"DROP ROLE {outsider}")


def test_a_lock_is_waited_for_as_long_as_the_role_says(place: Place) -> None:
    holder = psycopg2.connect(place.admin)
    try:
        holder.cursor().execute("LOCK TABLE before IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            run_sql(place.app, "SELECT * FROM before")
    finally:
        holder.close()


CHECK = ("check", "--deploy", "--database", "default", "--tag", "database", "--fail-level", "INFO")


def test_the_check_is_content_with_the_role_of_the_service(place: Place) -> None:
    for url in (place.app, place.other):
        assert "no issues" in manage(*CHECK, DATABASE_URL=url).stdout


def test_and_names_what_is_wrong_with_any_other(place: Place) -> None:
    for url, ids in (
        (place.owner, {"W009", "W011"}),
        (place.admin, {"W009", "W010"}),
        (place.app.replace("_app", "_none"), {"E005"}),
    ):
        done = manage(*CHECK, ok=False, DATABASE_URL=url)
        assert done.returncode == 1
        found = {word for word in ("E005", "W009", "W010", "W011") if word in done.stderr}
        assert found == ids
        assert PASSWORD not in done.stderr


@pytest.mark.parametrize("prefix", ["", "A", "x; DROP", "a" * 42, 'a"b'])
def test_a_prefix_is_a_name(prefix: str) -> None:
    with pytest.raises(CommandError, match="A prefix is"):
        call_command("database_roles", prefix=prefix)


@pytest.mark.django_db
def test_a_short_password_is_refused(settings: Settings) -> None:
    settings.ROLE_PASSWORDS = {"app": "short"}
    with pytest.raises(CommandError, match="at least 20 characters"):
        call_command("database_roles", prefix="never_made")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_roles WHERE rolname = 'never_made_app'")
        assert cursor.fetchone() == (0,)
