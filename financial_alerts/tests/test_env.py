"""What the environment may say, what it must, and how wrong variables are reported."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from lib import env

KEY = "k3y-" + "0123456789abcdef" * 4
PRODUCTION = {"SECRET_KEY": KEY, "ALLOWED_HOSTS": "alerts.example.com"}
ROOT = Path(env.__file__).resolve().parent.parent


def problems(**variables: str) -> dict[str, str]:
    """Give what is said of each variable when a good environment is changed by these."""
    with pytest.raises(ImproperlyConfigured) as raised:
        env.read(PRODUCTION | variables)
    return dict(re.findall(r"^  (\w+): (.+)$", str(raised.value), re.MULTILINE))


def test_a_production_environment_needs_two_variables() -> None:
    environment = env.read(PRODUCTION)
    assert environment.DEBUG is False
    assert environment.ALLOWED_HOSTS == ["alerts.example.com"]
    assert environment.DATABASE_URL.get_secret_value() == "sqlite:///db.sqlite3"
    assert environment.ssl_redirect is True
    assert environment.hsts_seconds == 31_536_000


def test_debug_needs_only_a_key_and_redirects_nothing() -> None:
    environment = env.read({"SECRET_KEY": KEY, "DEBUG": "true"})
    assert environment.DEBUG is True
    assert environment.ssl_redirect is False
    assert environment.hsts_seconds == 0


def test_the_redirect_and_hsts_can_be_switched() -> None:
    environment = env.read(
        PRODUCTION | {"SECURE_SSL_REDIRECT": "false", "SECURE_HSTS_SECONDS": "0"}
    )
    assert environment.ssl_redirect is False
    assert environment.hsts_seconds == 0


def test_every_wrong_and_missing_variable_is_named_at_once() -> None:
    with pytest.raises(ImproperlyConfigured) as raised:
        env.read(
            {
                "DEBUG": "maybe",
                "DATABASE_URL": "mysql://root:hunter2@db/x",
                "CONN_MAX_AGE": "-1",
                "SECURE_HSTS_SECONDS": "a year",
                "CSRF_TRUSTED_ORIGINS": "app.example.com",
                "LOG_LEVEL": "loud",
                "SECRET_KEY_FALLBACKS": f"{KEY},short",
            }
        )
    text = str(raised.value)
    assert re.findall(r"^  (\w+):", text, re.MULTILINE) == [
        "ALLOWED_HOSTS",
        "CONN_MAX_AGE",
        "CSRF_TRUSTED_ORIGINS",
        "DATABASE_URL",
        "DEBUG",
        "LOG_LEVEL",
        "SECRET_KEY",
        "SECRET_KEY_FALLBACKS",
        "SECURE_HSTS_SECONDS",
    ]
    assert "hunter2" not in text
    assert KEY not in text


def test_an_empty_variable_counts_as_absent() -> None:
    assert problems(SECRET_KEY=" ") == {"SECRET_KEY": "missing"}
    assert env.read(PRODUCTION | {"LOG_LEVEL": "", "DEBUG": ""}).LOG_LEVEL == "INFO"


@pytest.mark.parametrize(
    "key",
    [
        "short",
        "x" * 80,
        f"django-insecure-{KEY}",
        f"change-me-{KEY}",
        f"your-secret-key-here-{KEY}",
    ],
)
def test_a_weak_or_placeholder_key_is_refused(key: str) -> None:
    assert list(problems(SECRET_KEY=key)) == ["SECRET_KEY"]
    assert list(problems(SECRET_KEY=key, DEBUG="true")) == ["SECRET_KEY"]
    assert list(problems(SECRET_KEY_FALLBACKS=key)) == ["SECRET_KEY_FALLBACKS"]


def test_limits_are_numbers_of_requests_in_a_time() -> None:
    given = {
        "THROTTLE_USER": "20/s",
        "THROTTLE_ADDRESS": " 9000/H ",
        "THROTTLE_UNAUTHENTICATED": "Off",
        "THROTTLE_MESSAGES": "5/day",
    }
    environment = env.read(PRODUCTION | given)
    assert environment.THROTTLE_USER == (20, 1)
    assert environment.THROTTLE_ADDRESS == (9000, 3600)
    assert environment.THROTTLE_UNAUTHENTICATED is None
    assert environment.THROTTLE_MESSAGES == (5, 86400)


def test_there_are_limits_without_being_asked() -> None:
    environment = env.read(PRODUCTION | {"THROTTLE_ADDRESS": ""})
    assert environment.THROTTLE_USER == (600, 60)
    assert environment.THROTTLE_ADDRESS == (3000, 60)
    assert environment.THROTTLE_UNAUTHENTICATED == (60, 60)
    assert environment.THROTTLE_MESSAGES == (60, 3600)


@pytest.mark.parametrize(
    "rate",
    ["600", "0/min", "-1/min", "1.5/s", "600/year", "600/", "/min", "none", "9999999999/s", "٣/s"],
)
def test_a_limit_that_says_nothing_is_refused(rate: str) -> None:
    assert list(problems(THROTTLE_USER=rate)) == ["THROTTLE_USER"]


@pytest.mark.parametrize("hosts", ["", " , ", "*", "a.example.com,*"])
def test_hosts_must_be_named_unless_debug(hosts: str) -> None:
    assert list(problems(ALLOWED_HOSTS=hosts)) == ["ALLOWED_HOSTS"]
    env.read(PRODUCTION | {"ALLOWED_HOSTS": hosts, "DEBUG": "true"})


@pytest.mark.parametrize("host", ["https://a.example.com", "a.example.com:443", "a/b", "a b"])
def test_a_host_is_a_bare_name(host: str) -> None:
    assert list(problems(ALLOWED_HOSTS=host)) == ["ALLOWED_HOSTS"]


def test_lists_are_split_and_trimmed() -> None:
    environment = env.read(PRODUCTION | {"ALLOWED_HOSTS": " .example.com, 10.0.0.7 ,[::1],"})
    assert environment.ALLOWED_HOSTS == [".example.com", "10.0.0.7", "[::1]"]


@pytest.mark.parametrize(
    "origin", ["app.example.com", "https://a.example.com/", "ftp://a.b", "https://"]
)
def test_an_origin_has_a_scheme_and_no_path(origin: str) -> None:
    assert list(problems(CSRF_TRUSTED_ORIGINS=origin)) == ["CSRF_TRUSTED_ORIGINS"]


@pytest.mark.parametrize(
    "url",
    [
        "db.sqlite3",
        "mysql://user:hunter2@db/x",
        "postgres://user:hunter2@db:port/x",
        "postgres://user:hunter2@db:5432/",
        "postgres://user:hunter2@[db/x",
    ],
)
def test_a_wrong_database_url_is_told_without_its_password(url: str) -> None:
    told = problems(DATABASE_URL=url)
    assert list(told) == ["DATABASE_URL"]
    assert "hunter2" not in told["DATABASE_URL"]


def test_a_database_url_carries_connection_options() -> None:
    database = env.database_of("postgres://u:p%40ss@db:6432/name?sslmode=verify-full")
    assert database["PASSWORD"] == "p@ss"
    assert (database["HOST"], database["PORT"], database["NAME"]) == ("db", 6432, "name")
    assert database["OPTIONS"] == {"sslmode": "verify-full"}


def test_secrets_may_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    (tmp_path / "url").write_text("postgres://u:p@db/name\n")
    environment = env.read(
        {
            "SECRET_KEY_FILE": str(tmp_path / "key"),
            "DATABASE_URL_FILE": str(tmp_path / "url"),
            "ALLOWED_HOSTS": "a.example.com",
        }
    )
    assert environment.SECRET_KEY.get_secret_value() == KEY
    assert environment.DATABASE_URL.get_secret_value() == "postgres://u:p@db/name"


def test_a_secret_file_that_cannot_be_read_is_told_with_the_rest(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "empty").write_text("\n")
    assert problems(DATABASE_URL_FILE=str(tmp_path / "none"), DEBUG="maybe") == {
        "DATABASE_URL": "DATABASE_URL_FILE cannot be read: No such file or directory",
        "DEBUG": "must be true or false",
    }
    assert list(problems(DATABASE_URL_FILE=str(tmp_path))) == ["DATABASE_URL"]
    assert list(problems(DATABASE_URL_FILE=str(tmp_path / "bytes"))) == ["DATABASE_URL"]
    assert list(problems(DATABASE_URL_FILE=str(tmp_path / "empty"))) == ["DATABASE_URL"]


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY)
    told = problems(SECRET_KEY_FILE=str(tmp_path / "key"))
    assert told == {"SECRET_KEY": "given twice, also as SECRET_KEY_FILE"}


def test_secrets_do_not_show_when_printed() -> None:
    environment = env.read(PRODUCTION | {"DATABASE_URL": "postgres://u:hunter2@db/name"})
    assert KEY not in repr(environment)
    assert "hunter2" not in repr(environment)


def test_the_example_lists_every_variable_and_is_not_good_as_it_is() -> None:
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    listed = re.findall(r"^#?([A-Z_]+)=", text, re.MULTILINE)
    outside = {"DOTENV_PATH", "TEST_DATABASE_URL", "SAMPLE_DATA"}
    outside |= {"GUNICORN_THREADS", "LISTEN_ADDRESS", "PORT", "WEB_CONCURRENCY"}
    assert sorted(listed) == sorted({*env.VARIABLES, *outside})
    said = dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY: missing"):
        env.read(said)


@pytest.mark.parametrize("origins", ["app.example.com", "*,https://a.example.com", "https://a/b"])
def test_cors_takes_origins_or_any(origins: str) -> None:
    assert list(problems(CORS_ALLOWED_ORIGINS=origins)) == ["CORS_ALLOWED_ORIGINS"]
    env.read(PRODUCTION | {"CORS_ALLOWED_ORIGINS": "*"})


@pytest.mark.parametrize("name", ["CSRF_COOKIE_DOMAIN", "PASSKEY_DOMAIN"])
@pytest.mark.parametrize("domain", ["https://example.com", "example.com:443", "*", "a b"])
def test_a_domain_is_a_bare_name(name: str, domain: str) -> None:
    assert list(problems(**{name: domain})) == [name]


@pytest.mark.parametrize("url", ["localhost:6379", "memcached://a:1", "redis://", "redis:///0"])
def test_redis_has_an_address(url: str) -> None:
    assert list(problems(REDIS_URL=url)) == ["REDIS_URL"]


@pytest.mark.parametrize(
    "url",
    [
        "smtp.example.com",
        "imap://u:hunter2@smtp.example.com",
        "smtp://",
        "submission://u:hunter2@smtp.example.com:port",
        "submission://u:hunter2@smtp.example.com/?tls=1",
        "submission://u:hunter2@smtp.example.com:99999",
    ],
)
def test_a_mail_server_has_an_address_whose_password_is_not_told(url: str) -> None:
    told = problems(EMAIL_URL=url)
    assert list(told) == ["EMAIL_URL"]
    assert "hunter2" not in told["EMAIL_URL"]


def test_each_way_to_a_mail_server_has_its_port_and_its_tls() -> None:
    assert env.mail_of("smtp://localhost") == env.MailServer("localhost", 25)
    assert env.mail_of("submission://u:p@h") == env.MailServer("h", 587, "u", "p", starttls=True)
    assert env.mail_of("smtps://u:p@h:2465/") == env.MailServer("h", 2465, "u", "p", tls=True)


@pytest.mark.parametrize(
    "key", ["short", "x" * 44, "-----BEGIN PRIVATE KEY-----", "é" * 43, "A" * 43, "_" * 43]
)
def test_a_push_key_is_32_bytes_in_base64url(key: str) -> None:
    told = problems(VAPID_PRIVATE_KEY=key)
    assert key not in told["VAPID_PRIVATE_KEY"]


@pytest.mark.parametrize("subject", ["", "ops@example.com", "mailto:ops", "http://example.com"])
def test_who_has_a_push_key_says_where_to_reach_him(subject: str) -> None:
    said = {"VAPID_PRIVATE_KEY": "x" * 43, "VAPID_SUBJECT": subject}
    assert list(problems(**said)) == ["VAPID_SUBJECT"]
    for good in ("mailto:ops@example.com", "https://example.com/contact"):
        env.read(PRODUCTION | said | {"VAPID_SUBJECT": good})


@pytest.mark.parametrize(
    "dsn",
    [
        "sentry.example.com/1",
        "https://sentry.example.com/1",
        "https://hunter2@sentry.example.com/",
        "ftp://hunter2@sentry.example.com/1",
    ],
)
def test_a_dsn_names_a_key_a_host_and_a_project(dsn: str) -> None:
    told = problems(SENTRY_DSN=dsn)
    assert list(told) == ["SENTRY_DSN"]
    assert "hunter2" not in told["SENTRY_DSN"]
    env.read(PRODUCTION | {"SENTRY_DSN": "https://hunter2@sentry.example.com/1"})


def test_only_postgresql_has_a_replica() -> None:
    primary, replica = "postgres://u:hunter2@db/name", "postgres://u:hunter2@replica/name"
    env.read(PRODUCTION | {"DATABASE_URL": primary, "REPLICA_DATABASE_URL": replica})
    for said in (
        {"REPLICA_DATABASE_URL": replica},
        {"DATABASE_URL": primary, "REPLICA_DATABASE_URL": "sqlite:///other"},
        {"DATABASE_URL": primary, "REPLICA_DATABASE_URL": "replica"},
    ):
        told = problems(**said)
        assert list(told) == ["REPLICA_DATABASE_URL"]
        assert "hunter2" not in told["REPLICA_DATABASE_URL"]


@pytest.mark.parametrize("name", ["SLOW_REQUEST_MS", "SLOW_QUERY_MS"])
@pytest.mark.parametrize("value", ["-1", "fast", "86400001"])
def test_slow_is_a_number_of_milliseconds(name: str, value: str) -> None:
    assert list(problems(**{name: value})) == [name]
    env.read(PRODUCTION | {name: "0"})


@pytest.mark.parametrize("sender", ["alerts", "Alerts <alerts>", "<>", "@example.com"])
def test_mail_comes_from_an_address(sender: str) -> None:
    assert list(problems(DEFAULT_FROM_EMAIL=sender)) == ["DEFAULT_FROM_EMAIL"]
    env.read(PRODUCTION | {"DEFAULT_FROM_EMAIL": "Alerts <alerts@example.com>"})


@pytest.mark.parametrize("count", ["-1", "x", "1.5", "11"])
def test_proxies_are_counted(count: str) -> None:
    assert list(problems(TRUSTED_PROXY_COUNT=count)) == ["TRUSTED_PROXY_COUNT"]
