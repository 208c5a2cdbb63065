"""The settings as Django reads them, and a command as it starts with them."""

from __future__ import annotations

import json
import os
import runpy
import secrets
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
from django.conf import global_settings
from django.core.mail import EmailMessage

from lib.console import EmailBackend
from lib.env import FILE_VARIABLES, VARIABLES

ROOT = Path(__file__).resolve().parent.parent.parent
BUNDLE = ROOT / "deploy/aws/rds-ca/global-bundle.pem"
PRODUCTION = {
    "SECRET_KEY": secrets.token_urlsafe(64),
    "ALLOWED_HOSTS": "alerts.example.com",
    "DATABASE_URL": "postgres://alerts:pw@db.example.com:5432/alerts"
    f"?sslmode=verify-full&sslrootcert={BUNDLE}",
    "SECURE_HSTS_INCLUDE_SUBDOMAINS": "true",
    "SECURE_HSTS_PRELOAD": "true",
}
SERVERS = {
    "REDIS_URL": "rediss://redis.example.com:6379/0",
    "EMAIL_URL": "smtps://alerts:pw@smtp.example.com",
}
SECRETS = {
    "SECRET_KEY_FALLBACKS": secrets.token_urlsafe(64),
    "REPLICA_DATABASE_URL": "postgres://alerts:pw@replica.example.com:5432/alerts",
    "DATABASE_OWNER_PASSWORD": secrets.token_urlsafe(32),
    "DATABASE_APP_PASSWORD": secrets.token_urlsafe(32),
    "DATABASE_APP_NEXT_PASSWORD": secrets.token_urlsafe(32),
    "VAPID_PRIVATE_KEY": secrets.token_urlsafe(32),
    "VAPID_SUBJECT": "mailto:ops@example.com",
    "SENTRY_DSN": "https://0123456789abcdef@sentry.example.com/1",
}


def surroundings() -> dict[str, str]:
    """The environment of the tests without a word of what the service reads."""
    base = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return base | {"DOTENV_PATH": ""}


def start(
    command: list[str], environ: dict[str, str], cwd: Path
) -> subprocess.CompletedProcess[str]:
    """Run Python with an environment that says only this much."""
    project = {"DJANGO_SETTINGS_MODULE": "financial_alerts.settings", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env=surroundings() | project | environ,
        capture_output=True,
        text=True,
        timeout=60,
    )


def settings_of(environ: dict[str, str]) -> dict[str, object]:
    """The settings, as JSON has them, of an environment that says only this much.

    Django's defaults are among them, and "SENTRY": what it was started with. All of it in this
    process, as a new one takes a second; what it would change here is put back.
    """
    with (
        mock.patch.dict(os.environ, surroundings() | environ, clear=True),
        mock.patch.object(sys, "excepthook", sys.excepthook),
        mock.patch("lib.sentry.start") as sentry,
    ):
        file = runpy.run_path(str(ROOT / "financial_alerts/settings.py"))
    found = vars(global_settings) | file | {"SENTRY": sentry.mock_calls}
    shown = {name: value for name, value in found.items() if name.isupper()}
    settings: dict[str, object] = json.loads(json.dumps(shown, default=str))
    return settings


def test_wrong_settings_end_a_command_with_their_list_and_no_traceback(tmp_path: Path) -> None:
    manage = str(ROOT / "manage.py")
    for command in ("check", "migrate", "runserver", "create_token"):
        done = start([manage, command], {"DEBUG": "perhaps", "SECRET_KEY": "abc"}, tmp_path)
        assert done.returncode == 1
        assert done.stdout == ""
        lines = done.stderr.splitlines()
        assert [line.split(":")[0].strip() for line in lines[1:-1]] == [
            "ALLOWED_HOSTS",
            "DEBUG",
            "SECRET_KEY",
        ]
        assert "Traceback" not in done.stderr


def test_production_is_safe_without_being_asked() -> None:
    settings = settings_of({name: PRODUCTION[name] for name in ("SECRET_KEY", "ALLOWED_HOSTS")})
    expected = {
        "DEBUG": False,
        "SECURE_SSL_REDIRECT": True,
        "SECURE_HSTS_SECONDS": 31_536_000,
        "SECURE_CONTENT_TYPE_NOSNIFF": True,
        "SECURE_REFERRER_POLICY": "same-origin",
        "SECURE_PROXY_SSL_HEADER": None,
        "SESSION_COOKIE_SECURE": True,
        "SESSION_COOKIE_HTTPONLY": True,
        "CSRF_COOKIE_SECURE": True,
        "X_FRAME_OPTIONS": "DENY",
        "ADMIN_SECOND_FACTOR": True,
        "USE_TZ": True,
        "TIME_ZONE": "UTC",
    }
    assert {name: settings[name] for name in expected} == expected


def test_the_deployment_check_has_nothing_to_say(tmp_path: Path) -> None:
    command = [str(ROOT / "manage.py"), "check", "--deploy", "--fail-level", "INFO"]
    behind_a_proxy = {"TRUST_X_FORWARDED_PROTO": "true", "TRUSTED_PROXY_COUNT": "1"}
    for more in ({}, behind_a_proxy | {"CORS_ALLOWED_ORIGINS": "https://app.example.com"}):
        done = start(command, PRODUCTION | SERVERS | more, tmp_path)
        assert done.returncode == 0, done.stderr
        assert "no issues (0 silenced)" in done.stdout


def test_the_deployment_check_sees_what_is_switched_off(tmp_path: Path) -> None:
    command = [str(ROOT / "manage.py"), "check", "--deploy", "--fail-level", "INFO"]
    done = start(command, PRODUCTION | {"SECURE_SSL_REDIRECT": "false"}, tmp_path)
    assert done.returncode == 1
    assert "security.W008" in done.stderr


def test_the_proxy_header_is_trusted_only_when_said() -> None:
    settings = settings_of(PRODUCTION | {"TRUST_X_FORWARDED_PROTO": "true"})
    assert settings["SECURE_PROXY_SSL_HEADER"] == ["HTTP_X_FORWARDED_PROTO", "https"]


def test_sqlite_waits_for_its_turn_and_lies_beside_manage_py() -> None:
    environ = PRODUCTION | {"DATABASE_URL": "sqlite:///data/alerts.sqlite3"}
    databases = settings_of(environ)["DATABASES"]
    assert isinstance(databases, dict)
    assert databases["default"]["NAME"] == str(ROOT / "data/alerts.sqlite3")
    assert databases["default"]["OPTIONS"] == {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }


def test_postgresql_keeps_connections_checked_and_named() -> None:
    databases = settings_of(PRODUCTION)["DATABASES"]
    assert isinstance(databases, dict)
    assert databases["default"]["CONN_MAX_AGE"] == 60
    assert databases["default"]["CONN_HEALTH_CHECKS"] is True
    assert databases["default"]["OPTIONS"] == {
        "application_name": "financial_alerts",
        "connect_timeout": 5,
        "keepalives": 1,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,
        "sslmode": "verify-full",
        "sslrootcert": str(BUNDLE),
    }
    # A pooler hands out another connection for each transaction.
    assert databases["default"]["DISABLE_SERVER_SIDE_CURSORS"] is True


def test_the_url_has_the_last_word_about_a_connection() -> None:
    url = PRODUCTION["DATABASE_URL"] + "&connect_timeout=9"
    said = {
        "DATABASE_URL": url,
        "REPLICA_DATABASE_URL": "postgres://u:p@replica.example.com/alerts",
    }
    databases = settings_of(PRODUCTION | said)["DATABASES"]
    assert isinstance(databases, dict)
    assert databases["default"]["OPTIONS"]["connect_timeout"] == 9
    assert databases["replica"]["HOST"] == "replica.example.com"
    assert databases["replica"]["OPTIONS"]["connect_timeout"] == 2
    assert databases["replica"]["DISABLE_SERVER_SIDE_CURSORS"] is True


def test_without_servers_of_its_own_it_takes_the_database_and_prints_mail() -> None:
    settings = settings_of(PRODUCTION)
    assert settings["SESSION_ENGINE"] == "django.contrib.sessions.backends.db"
    assert settings["EMAIL_BACKEND"] == "lib.console.EmailBackend"
    caches = settings["CACHES"]
    assert isinstance(caches, dict)
    assert {name: cache["BACKEND"].rpartition(".")[2] for name, cache in caches.items()} == {
        "default": "DatabaseCache",
        "summaries": "DummyCache",
    }


def test_redis_counts_limits_and_keeps_sessions_at_hand() -> None:
    url = "rediss://alerts:pw@redis.example.com:6379/0"
    settings = settings_of(PRODUCTION | {"REDIS_URL": url})
    caches = settings["CACHES"]
    assert isinstance(caches, dict)
    shared = ("default", "sessions", "summaries")
    assert {caches[name]["LOCATION"] for name in shared} == {url}
    assert settings["SESSION_ENGINE"] == "django.contrib.sessions.backends.cached_db"
    assert settings["SESSION_CACHE_ALIAS"] == "sessions"
    for cache in shared:
        assert caches[cache]["OPTIONS"]["fallback"] in caches


def test_mail_goes_to_the_server_that_is_named() -> None:
    said = {
        "EMAIL_URL": "submission://alerts%40example.com:p%2Fw@smtp.example.com",
        "DEFAULT_FROM_EMAIL": "Alerts <alerts@example.com>",
    }
    settings = settings_of(PRODUCTION | said)
    expected = {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": "smtp.example.com",
        "EMAIL_PORT": 587,
        "EMAIL_HOST_USER": "alerts@example.com",
        "EMAIL_HOST_PASSWORD": "p/w",
        "EMAIL_USE_TLS": True,
        "EMAIL_USE_SSL": False,
        "EMAIL_TIMEOUT": 10,
        "DEFAULT_FROM_EMAIL": "Alerts <alerts@example.com>",
        "SERVER_EMAIL": "Alerts <alerts@example.com>",
    }
    assert {name: settings[name] for name in expected} == expected


def test_cookies_go_to_named_origins_and_never_to_any() -> None:
    for said, any_origin, origins, cookies in (
        ("", False, [], False),
        ("https://app.example.com", False, ["https://app.example.com"], True),
        ("*", True, [], False),
    ):
        settings = settings_of(PRODUCTION | {"CORS_ALLOWED_ORIGINS": said})
        assert settings["CORS_ALLOW_ALL_ORIGINS"] is any_origin
        assert settings["CORS_ALLOWED_ORIGINS"] == origins
        assert settings["CORS_ALLOW_CREDENTIALS"] is cookies


@pytest.mark.parametrize("debug", ["true", "false"])
def test_a_line_is_logged_once_and_from_the_level_on(tmp_path: Path, debug: str) -> None:
    code = (
        "import django, logging; django.setup();"
        "log = logging.getLogger('django.request'); log.info('quiet'); log.warning('loud')"
    )
    done = start(["-c", code], PRODUCTION | {"DEBUG": debug, "LOG_LEVEL": "warning"}, tmp_path)
    assert done.returncode == 0
    assert done.stderr.count("loud") == 1
    assert "quiet" not in done.stderr


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "settings"
    file.write_text(f"DEBUG=true\nSECRET_KEY={PRODUCTION['SECRET_KEY']}\nLOG_LEVEL=ERROR\n")
    settings = settings_of({"DOTENV_PATH": str(file), "LOG_LEVEL": "debug"})
    assert settings["DEBUG"] is True
    assert isinstance(settings["LOGGING"], dict)
    assert settings["LOGGING"]["root"]["level"] == "DEBUG"


@pytest.mark.parametrize("name", FILE_VARIABLES)
def test_a_file_variable_works_through_the_whole_settings(tmp_path: Path, name: str) -> None:
    file = tmp_path / "mounted"
    said = PRODUCTION | SERVERS | SECRETS
    file.write_text(said[name])
    environ = {other: value for other, value in said.items() if other != name}
    assert settings_of(environ | {f"{name}_FILE": str(file)}) == settings_of(said)


@pytest.mark.parametrize("debug", [True, False])
def test_lines_are_for_people_with_debug_and_for_machines_without(
    tmp_path: Path, debug: bool
) -> None:
    code = "import django, logging; django.setup(); logging.getLogger('budget').info('It is 5.')"
    done = start(["-c", code], PRODUCTION | {"DEBUG": str(debug)}, tmp_path)
    assert done.returncode == 0, done.stderr
    if debug:
        assert done.stderr.endswith(" INFO budget -: It is 5.\n")
    else:
        line = json.loads(done.stderr)
        assert line.pop("time")
        assert line == {
            "level": "INFO", "logger": "budget", "message": "It is 5.", "request_id": "-"
        }  # fmt: skip


def test_printed_mail_leaves_the_output_of_a_command_alone(
    capsys: pytest.CaptureFixture[str],
) -> None:
    EmailBackend().send_messages([EmailMessage("A code", "BBBB-CCCC", to=["ada@example.com"])])
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "BBBB-CCCC" in printed.err
