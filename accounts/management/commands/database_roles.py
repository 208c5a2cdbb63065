"""manage.py database_roles: whom the service and its migrations connect to PostgreSQL as."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import ProgrammingError, connection, transaction
from psycopg2.extensions import encrypt_password

SQL = Path("deploy", "database", "roles.sql")
PREFIX = "financial_alerts"
NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
SHORTEST = 20


class Command(BaseCommand):
    help = (
        "Make the roles of the database, or bring them up to date (deploy/database/roles.sql). "
        "DATABASE_URL names the administrator. Passwords are set where they are given: "
        "DATABASE_OWNER_PASSWORD, DATABASE_APP_PASSWORD for the login that the service uses "
        "(DATABASE_APP_USER), and DATABASE_APP_NEXT_PASSWORD for the other one, whose turn comes. "
        "With --retire the other one is shut out, once nobody uses it any more."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--prefix",
            default=PREFIX,
            help="what the names begin with, where several installations share one server",
        )
        parser.add_argument(
            "--retire",
            action="store_true",
            help="shut out the login that DATABASE_APP_USER is not, and end its sessions",
        )

    def handle(self, *, prefix: str, retire: bool, **options: Any) -> str:
        if connection.vendor != "postgresql":
            raise CommandError("Only PostgreSQL has roles.")
        if not NAME.fullmatch(prefix):
            raise CommandError("A prefix is up to 41 lower-case letters, digits and underscores.")
        used, other = self.logins(prefix)
        words = settings.ROLE_PASSWORDS
        if settings.DATABASE_APP_USER is None and (retire or "next" in words):
            raise CommandError(f"Say which one is in use: DATABASE_APP_USER={used} or {other}.")
        if retire:
            return self.retire(used, other)
        roles = {"owner": f"{prefix}_owner", "app": used, "next": other}
        return self.make(prefix, {roles[key]: word for key, word in words.items()})

    def logins(self, prefix: str) -> tuple[str, str]:
        """The login that the service uses, and the one that has its turn next."""
        one, two = f"{prefix}_app", f"{prefix}_app_b"
        used = settings.DATABASE_APP_USER or one
        if used not in (one, two):
            raise CommandError(f"DATABASE_APP_USER is {one} or {two}.")
        return (one, two) if used == one else (two, one)

    def make(self, prefix: str, passwords: dict[str, str]) -> str:
        """Create what is missing, and enable each login that gets a password."""
        if any(len(word) < SHORTEST for word in passwords.values()):
            raise CommandError(f"A password has at least {SHORTEST} characters.")
        text = (settings.BASE_DIR / SQL).read_text(encoding="utf-8")
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(text.replace(f"{PREFIX}_", f"{prefix}_"))
            for role, word in passwords.items():
                cursor.execute(f"ALTER ROLE {role} LOGIN PASSWORD %s", [self.scrambled(role, word)])
        named = f", passwords of {', '.join(passwords)} set" if passwords else ""
        return f"Roles {prefix}_owner, {prefix}_app and {prefix}_app_b are up to date{named}."

    def scrambled(self, role: str, password: str) -> str:
        """As the server stores it: so neither a log nor a view of running statements has it."""
        word: str = encrypt_password(password, role, connection.connection, "scram-sha-256")
        return word

    def retire(self, used: str, other: str) -> str:
        """Shut a login out. Refuses where that could leave the service with none."""
        if "next" in settings.ROLE_PASSWORDS:
            raise CommandError(
                f"{other} has its turn next: DATABASE_APP_NEXT_PASSWORD is empty once it is over."
            )
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname IN (%s, %s)", [used, other]
            )
            found = dict(cursor.fetchall())
            if not found.get(used) or other not in found:
                raise CommandError(
                    f"{used} cannot log in, or {other} is missing: run this without --retire first."
                )
            cursor.execute(f"ALTER ROLE {other} NOLOGIN PASSWORD NULL")
        return f"{other} can no longer log in; {self.end_sessions(other)}."

    def end_sessions(self, role: str) -> str:
        """End what a login still has open, and say what became of it."""
        sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = %s"
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, [role])
                (count,) = cursor.fetchone()
        except ProgrammingError:
            return "its sessions go on, because only a member of pg_signal_backend may end them"
        return f"{count} session{'' if count == 1 else 's'} of it ended"
