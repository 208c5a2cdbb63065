"""Every check short of the tests, each named with its time: `make check`."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

from lib.env import VARIABLES

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
MANAGE = (sys.executable, "manage.py")


def steps() -> list[tuple[str, list[str], dict[str, str]]]:
    """Give the steps: what the reader sees, the command, and what it adds to the environment."""
    tests = {"DJANGO_SETTINGS_MODULE": "financial_alerts.tests.settings"}
    return [
        ("ruff check", [str(BIN / "ruff"), "check", "--quiet", "."], {}),
        ("ruff format", [str(BIN / "ruff"), "format", "--quiet", "--diff", "."], {}),
        ("mypy --strict", [str(BIN / "mypy"), "--strict", "--no-error-summary", "."], {}),
        ("import layers", [str(BIN / "lint-imports")], {}),
        ("wording", [sys.executable, "-m", "tools.wording"], {}),
        ("migrations", [*MANAGE, "makemigrations", "--check", "--dry-run"], tests),
        ("check --deploy", [*MANAGE, "check", "--deploy", "--fail-level", "INFO"], production()),
    ]


def production() -> dict[str, str]:
    """Give the variables of a deployment behind a proxy that speaks HTTPS to the world."""
    return {
        "DOTENV_PATH": "",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "ALLOWED_HOSTS": "alerts.example.com",
        "CSRF_TRUSTED_ORIGINS": "https://alerts.example.com",
        "DATABASE_URL": "postgres://alerts@db.example.com:5432/alerts?sslmode=verify-full"
        f"&sslrootcert={ROOT / 'deploy/aws/rds-ca/global-bundle.pem'}",
        "REDIS_URL": "rediss://redis.example.com:6379/0",
        "EMAIL_URL": "submission://alerts@smtp.example.com",
        "SECURE_HSTS_INCLUDE_SUBDOMAINS": "true",
        "SECURE_HSTS_PRELOAD": "true",
        "TRUST_X_FORWARDED_PROTO": "true",
        "TRUSTED_PROXY_COUNT": "1",
    }


def main() -> None:
    """Run the steps and leave with 1 where any failed; a step that passes prints one line."""
    base = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    failed = [name for name, command, extra in steps() if not passes(name, command, base | extra)]
    if failed:
        sys.exit(f"make check: {', '.join(failed)} failed")


def passes(name: str, command: list[str], environ: dict[str, str]) -> bool:
    """Run one step, show what it said only where it failed, and tell whether it passed."""
    begun = time.monotonic()
    done = subprocess.run(
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    word = "failed" if done.returncode else "ok"
    print(f"{name:<16}{word:<8}{time.monotonic() - begun:5.1f} s", flush=True)
    if done.returncode:
        print(done.stdout, flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    main()
