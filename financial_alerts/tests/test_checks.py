"""Our own deployment checks: each is silent about what is right, and names what is not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.checks import CheckMessage
from django.core.checks.registry import registry

from lib import checks

ROOT = Path(checks.__file__).resolve().parent.parent
BUNDLE = str(ROOT / "deploy/aws/rds-ca/global-bundle.pem")
POSTGRESQL = {
    "ENGINE": checks.POSTGRESQL,
    "HOST": "db.example.com",
    "PORT": 5432,
    "NAME": "alerts",
    "OPTIONS": {"sslmode": "verify-full", "sslrootcert": BUNDLE},
}


@pytest.fixture
def right(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Settings of a good deployment, behind one load balancer."""
    origins = ["https://app.example.com"]
    settings = SimpleNamespace(
        DATABASES={"default": POSTGRESQL, "replica": POSTGRESQL | {"HOST": "r.example.com"}},
        SECURE_SSL_REDIRECT=True,
        SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
        ALLAUTH_TRUSTED_PROXY_COUNT=1,
        THROTTLE_REDIS_URL="rediss://redis.example.com:6379/0",
        ADMIN_SECOND_FACTOR=True,
        CSRF_TRUSTED_ORIGINS=origins,
        CORS_ALLOWED_ORIGINS=origins,
        EMAIL_BACKEND="django.core.mail.backends.smtp.EmailBackend",
        VAPID_PRIVATE_KEY="a key",
        VAPID_SUBJECT="mailto:ops@example.com",
    )
    monkeypatch.setattr(checks, "settings", settings)
    return settings


def ids() -> list[str]:
    """What all checks that need no database find, sorted."""
    functions: list[Callable[..., list[CheckMessage]]] = [
        checks.check_databases,
        checks.check_proxy,
        checks.check_shared,
        checks.check_origins,
        checks.check_mail,
        checks.check_admin,
        checks.check_push,
    ]
    found = [message for function in functions for message in function()]
    assert all(message.hint for message in found)
    return sorted(str(message.id).removeprefix("financial_alerts.") for message in found)


def connected(**options: Any) -> dict[str, Any]:
    return {"default": POSTGRESQL | {"OPTIONS": options}}


def test_a_good_deployment_hears_nothing(right: SimpleNamespace) -> None:
    assert ids() == []


def test_sqlite_is_told(right: SimpleNamespace) -> None:
    right.DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "x"}}
    assert ids() == ["W001"]


def test_options_of_the_server_are_told(right: SimpleNamespace) -> None:
    options = POSTGRESQL["OPTIONS"] | {"options": "-c lock_timeout=1s"}  # type: ignore[operator]
    right.DATABASES = connected(**options)
    assert ids() == ["W002"]


@pytest.mark.parametrize("mode", [None, "disable", "allow", "prefer", "require", "verify-ca"])
def test_anything_less_than_verify_full_is_told(right: SimpleNamespace, mode: str | None) -> None:
    right.DATABASES = connected(sslmode=mode, sslrootcert=BUNDLE)
    assert ids() == ["E001"]


def test_of_the_replica_too(right: SimpleNamespace) -> None:
    right.DATABASES["replica"] = POSTGRESQL | {"HOST": "r.example.com", "OPTIONS": {}}
    assert ids() == ["E001"]


@pytest.mark.parametrize("host", ["", "localhost", "127.0.0.1", "::1", "/var/run/postgresql"])
def test_a_pooler_on_this_machine_needs_no_certificate(right: SimpleNamespace, host: str) -> None:
    right.DATABASES = {"default": POSTGRESQL | {"HOST": host, "OPTIONS": {}}}
    assert ids() == []


def test_a_missing_authority_is_told(right: SimpleNamespace) -> None:
    right.DATABASES = connected(sslmode="verify-full")
    assert ids() == ["E002"]
    right.DATABASES = connected(sslmode="verify-full", sslrootcert="system")
    assert ids() == []


def test_a_file_without_certificates_is_told(right: SimpleNamespace, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    for name in ("none.pem", "empty.pem", ""):
        right.DATABASES = connected(sslmode="verify-full", sslrootcert=str(tmp_path / name))
        assert ids() == ["E003"]


def test_a_replica_that_is_the_primary_is_told(right: SimpleNamespace) -> None:
    right.DATABASES = {"default": POSTGRESQL, "replica": dict(POSTGRESQL)}
    assert ids() == ["W003"]


def test_an_endless_redirect_is_told(right: SimpleNamespace) -> None:
    right.SECURE_PROXY_SSL_HEADER = None
    assert ids() == ["E004"]
    right.SECURE_SSL_REDIRECT = False
    assert ids() == []


def test_a_proxy_that_is_not_counted_is_told(right: SimpleNamespace) -> None:
    right.ALLAUTH_TRUSTED_PROXY_COUNT = 0
    assert ids() == ["W004"]


def test_limits_that_nobody_shares_are_told(right: SimpleNamespace) -> None:
    right.THROTTLE_REDIS_URL = None
    assert ids() == ["W005"]


def test_redis_in_clear_text_is_told(right: SimpleNamespace) -> None:
    right.THROTTLE_REDIS_URL = "redis://redis.example.com:6379/0"
    assert ids() == ["W006"]
    right.THROTTLE_REDIS_URL = "redis://127.0.0.1:6379/0"
    assert ids() == []


@pytest.mark.parametrize("name", ["CSRF_TRUSTED_ORIGINS", "CORS_ALLOWED_ORIGINS"])
def test_plain_origins_are_told(right: SimpleNamespace, name: str) -> None:
    setattr(right, name, ["https://a.example.com", "HTTP://b.example.com"])
    assert ids() == ["W007"]


def test_printed_mail_is_told(right: SimpleNamespace) -> None:
    right.EMAIL_BACKEND = "lib.console.EmailBackend"
    assert ids() == ["W008"]


@pytest.mark.parametrize("subject", ["mailto:root@localhost", "https://localhost:8000/"])
def test_a_contact_of_no_public_network_is_told(right: SimpleNamespace, subject: str) -> None:
    right.VAPID_SUBJECT = subject
    assert ids() == ["W013"]
    right.VAPID_PRIVATE_KEY = right.VAPID_SUBJECT = None
    assert ids() == []


def test_they_all_run_at_a_deployment_and_only_then() -> None:
    assert names_in(registry.deployment_checks) == {
        name for name in vars(checks) if name.startswith("check_")
    }
    assert not names_in(registry.registered_checks)


def names_in(known: Iterable[Any]) -> set[str]:
    return {check.__name__ for check in known if check.__module__ == checks.__name__}


def test_the_guide_explains_each_id_and_no_other() -> None:
    source = Path(checks.__file__).read_text()
    guide = (ROOT / "docs/operations.md").read_text()
    known = set(re.findall(r'id="financial_alerts\.([EW]\d{3})"', source))
    assert known
    explained = re.findall(r"^\| `financial_alerts\.([EW]\d{3})` ", guide, re.MULTILINE)
    assert sorted(explained) == sorted(known)


def test_an_admin_behind_a_password_only_is_told(right: SimpleNamespace) -> None:
    right.ADMIN_SECOND_FACTOR = False
    assert ids() == ["W012"]
