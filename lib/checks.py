"""Checks of `manage.py check --deploy`: what a deployment can get wrong unnoticed.

docs/operations.md says for each id what to do. E: this does not serve, or not safely; W: it serves,
with a weakness that may be wanted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections
from django.db.utils import DatabaseError

POSTGRESQL = "lib.postgresql"
# Milliseconds that the role of the service has to set: a lock is waited for 2 s and answered with
# 503, and a statement must end while the process is still given time to.
LOCK_TIMEOUT = 2_000
STATEMENT_TIMEOUT = 30_000
IDLE_TIMEOUT = 60_000
TIMEOUTS = {
    "lock_timeout": LOCK_TIMEOUT,
    "statement_timeout": STATEMENT_TIMEOUT,
    "idle_in_transaction_session_timeout": IDLE_TIMEOUT,
}
# Of one role: each timeout (0: none), and whether it may do what only owners and administrators do.
ROLE = """
SELECT s.name, s.setting::bigint FROM pg_settings s WHERE s.name = ANY(%s)
UNION ALL
SELECT 'owner', count(*) FROM pg_tables t
WHERE t.schemaname = current_schema() AND pg_has_role(t.tableowner, 'USAGE')
UNION ALL
SELECT 'administrator', count(*) FROM pg_roles r
WHERE r.rolname = current_user AND (r.rolsuper OR r.rolcreaterole OR r.rolcreatedb)
"""


def register_checks() -> None:
    """Let `manage.py check` know them; those of a database's role run only with --database."""
    for check in (
        check_databases,
        check_proxy,
        check_shared,
        check_origins,
        check_mail,
        check_admin,
        check_push,
    ):
        register(check, Tags.security, deploy=True)
    register(check_roles, Tags.database, deploy=True)


def is_local(host: str) -> bool:
    """This machine, by its loopback or a socket in a folder: no network to listen on."""
    return host in ("", "localhost", "127.0.0.1", "::1") or host.startswith("/")


def check_databases(**kwargs: Any) -> list[CheckMessage]:
    """The database, its replica, and how they are spoken to."""
    return [
        message
        for alias, database in settings.DATABASES.items()
        for message in [*kind_of(alias, database), *trust_in(alias, database)]
    ] + list(replica_of(settings.DATABASES))


def kind_of(alias: str, database: dict[str, Any]) -> Iterator[CheckMessage]:
    if database["ENGINE"] != POSTGRESQL:
        yield Warning(
            "The database is SQLite: one machine, one writer at a time.",
            hint="Let DATABASE_URL name a PostgreSQL database.",
            id="financial_alerts.W001",
        )
    elif "options" in database.get("OPTIONS", {}):
        yield Warning(
            f"The URL of the database {alias!r} sets options for the server at the start of a "
            "connection, which PgBouncer refuses or forgets.",
            hint="Set them on the role: ALTER ROLE ... SET ...",
            id="financial_alerts.W002",
        )


def trust_in(alias: str, database: dict[str, Any]) -> Iterator[CheckMessage]:
    """Whether the server has to prove who it is."""
    if database["ENGINE"] != POSTGRESQL or is_local(str(database.get("HOST") or "")):
        return
    options = database.get("OPTIONS", {})
    if options.get("sslmode") != "verify-full":
        yield Error(
            f"The connection to the database {alias!r} does not prove who answers.",
            hint="Add ?sslmode=verify-full&sslrootcert=/PATH/OF/CA.pem to its URL.",
            id="financial_alerts.E001",
        )
        return
    bundle = options.get("sslrootcert")
    if bundle is None:
        yield Error(
            f"No certificate authority is named for the database {alias!r}.",
            hint="Add &sslrootcert=/PATH/OF/CA.pem to its URL.",
            id="financial_alerts.E002",
        )
    elif bundle != "system" and not is_bundle(Path(bundle)):
        yield Error(
            f"The file of certificate authorities of the database {alias!r} is missing, cannot be "
            "read, or has no certificate in it.",
            hint="Let sslrootcert name a PEM file in this container.",
            id="financial_alerts.E003",
        )


def is_bundle(path: Path) -> bool:
    try:
        return b"-----BEGIN CERTIFICATE-----" in path.read_bytes()
    except OSError:
        return False


def replica_of(databases: dict[str, Any]) -> Iterator[CheckMessage]:
    if "replica" not in databases:
        return
    place = ("HOST", "PORT", "NAME")
    if all(databases["replica"].get(part) == databases["default"].get(part) for part in place):
        yield Warning(
            "REPLICA_DATABASE_URL names the primary itself, so each read costs one query more.",
            hint="Name a replica, or leave it out.",
            id="financial_alerts.W003",
        )


def check_proxy(**kwargs: Any) -> list[CheckMessage]:
    """What is believed of the proxies in front."""
    trusts = settings.SECURE_PROXY_SSL_HEADER is not None
    proxies = settings.ALLAUTH_TRUSTED_PROXY_COUNT
    found: list[CheckMessage] = []
    if settings.SECURE_SSL_REDIRECT and proxies and not trusts:
        found.append(
            Error(
                "Behind a proxy that ends TLS every request looks like plain HTTP, and is "
                "redirected to HTTPS for ever.",
                hint="TRUST_X_FORWARDED_PROTO=true, or SECURE_SSL_REDIRECT=false where no proxy "
                "ends TLS.",
                id="financial_alerts.E004",
            )
        )
    if trusts and not proxies:
        found.append(
            Warning(
                "There is a proxy, but TRUSTED_PROXY_COUNT is 0: everybody has the proxy's "
                "IP address, and limits by IP address are shared by all.",
                hint="TRUSTED_PROXY_COUNT=1 behind one load balancer, 2 with CloudFront before it.",
                id="financial_alerts.W004",
            )
        )
    return found


def check_shared(**kwargs: Any) -> list[CheckMessage]:
    """What all processes and machines have to share."""
    url = settings.THROTTLE_REDIS_URL
    if url is None:
        if settings.DATABASES["default"]["ENGINE"] != POSTGRESQL:
            return []
        return [
            Warning(
                "Without Redis each process counts limits on its own: they are as many times as "
                "high as there are processes.",
                hint="Let REDIS_URL name a server that all of them reach.",
                id="financial_alerts.W005",
            )
        ]
    parts = urlsplit(url)
    if parts.scheme == "rediss" or is_local(parts.hostname or ""):
        return []
    return [
        Warning(
            "Sessions go to Redis over the network in clear text.",
            hint="Use rediss:// (ElastiCache: encryption in transit).",
            id="financial_alerts.W006",
        )
    ]


def check_origins(**kwargs: Any) -> list[CheckMessage]:
    """Pages elsewhere that may act for a user."""
    named = {"CSRF_TRUSTED_ORIGINS": settings.CSRF_TRUSTED_ORIGINS}
    named["CORS_ALLOWED_ORIGINS"] = settings.CORS_ALLOWED_ORIGINS
    return [
        Warning(
            f"{variable} trusts pages that came over plain HTTP, which anybody on the way may "
            "have written.",
            hint="Name only https:// origins.",
            id="financial_alerts.W007",
        )
        for variable, origins in named.items()
        if any(str(origin).lower().startswith("http://") for origin in origins)
    ]


def check_mail(**kwargs: Any) -> list[CheckMessage]:
    if "console" not in settings.EMAIL_BACKEND:
        return []
    return [
        Warning(
            "There is no mail server: nobody can sign up, and the codes of mails are printed.",
            hint="Let EMAIL_URL name one.",
            id="financial_alerts.W008",
        )
    ]


def check_admin(**kwargs: Any) -> list[CheckMessage]:
    if settings.ADMIN_SECOND_FACTOR:
        return []
    return [
        Warning(
            "The admin takes no second factor: a password opens the data of every user.",
            hint="Leave out ADMIN_SECOND_FACTOR.",
            id="financial_alerts.W012",
        )
    ]


def check_push(**kwargs: Any) -> list[CheckMessage]:
    subject = settings.VAPID_SUBJECT or ""
    host = urlsplit(subject).hostname or subject.rpartition("@")[2]
    if settings.VAPID_PRIVATE_KEY is None or "." in host:
        return []
    return [
        Warning(
            "VAPID_SUBJECT names no address of the public network, which Apple's push service "
            "answers with 403.",
            hint="Name an address or a page that people reach you by.",
            id="financial_alerts.W013",
        )
    ]


def check_roles(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """The role that the service connects as: its timeouts, and that it owns nothing."""
    return [
        message
        for alias in databases or ()
        if connections[alias].vendor == "postgresql"
        for message in asked(alias)
    ]


def asked(alias: str) -> list[CheckMessage]:
    try:
        with connections[alias].cursor() as cursor:
            cursor.execute(ROLE, [list(TIMEOUTS)])
            found = dict(cursor.fetchall())
    except DatabaseError as error:
        return [
            Error(
                f"The database {alias!r} cannot be asked: {type(error).__name__}.",
                hint="Is it there, may this role log in, and is its certificate right?",
                id="financial_alerts.E005",
            )
        ]
    return [*slack(found), *powers(found)]


def slack(found: dict[str, int]) -> Iterator[CheckMessage]:
    """Timeouts that are missing or too long."""
    for name, most in TIMEOUTS.items():
        if not 0 < found[name] <= most:
            yield Warning(
                f"The role's {name} is {found[name]} ms; it should be 1 to {most} ms, so that one "
                "request cannot hold up the others.",
                hint="Run deploy/database/roles.sql: manage.py database_roles.",
                id="financial_alerts.W009",
            )


def powers(found: dict[str, int]) -> Iterator[CheckMessage]:
    """Rights that the service never uses, but an intruder would."""
    if found["administrator"]:
        yield Warning(
            "The service connects as an administrator of the server.",
            hint="Run manage.py database_roles and connect as the role that it makes.",
            id="financial_alerts.W010",
        )
    elif found["owner"]:
        yield Warning(
            "The service connects as the owner of its tables, who may drop them.",
            hint="Run migrations as the owner, and the service as the other role.",
            id="financial_alerts.W011",
        )
