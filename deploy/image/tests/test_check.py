"""An image that is not as it should be is told so, each fault by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.image.check import ALLOWANCE, USER, Found, faults_of, walk

GOOD = [
    Found("/usr/bin/cat"),
    Found("/usr/bin/ld.so"),
    Found("/usr/local/bin/python3.13"),
    Found("/venv/bin/gunicorn"),
    Found("/venv/lib/python3.13/site-packages/django/test/client.py"),
    Found("/app/budget/models/threshold.py"),
    Found("/app/staticfiles/admin/css/base.css"),
]


def test_a_good_image_has_no_fault() -> None:
    assert faults_of(GOOD, {"PORT": "8000", "PATH": "/venv/bin"}, USER, ALLOWANCE) == []


@pytest.mark.parametrize(
    "path",
    [
        "/usr/bin/gcc",
        "/usr/bin/x86_64-linux-gnu-gcc-12",
        "/usr/bin/cc",
        "/usr/bin/ld",
        "/usr/bin/git",
        "/usr/local/bin/make",
        "/usr/bin/curl",
        "/venv/lib/python3.13/site-packages/pip",
        "/root/.cache/pip/http-v2/0",
        "/var/cache/apt/archives/gcc.deb",
        "/app/.git",
        "/app/.env",
        "/app/.env.example",
        "/app/db.sqlite3",
        "/app/conftest.py",
        "/app/budget/tests",
        "/app/budget/tests/people.py",
    ],
)
def test_what_does_not_belong_there_is_named(path: str) -> None:
    (fault,) = faults_of([*GOOD, Found(path)], {}, USER, 0)
    assert fault.startswith(path)


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "PGPASSWORD", "GITHUB_TOKEN"])
def test_a_secret_is_named_and_not_shown(name: str) -> None:
    assert faults_of(GOOD, {name: "hunter2"}, USER, 0) == [f"{name} is set in the image"]


@pytest.mark.parametrize("user", ["", "root", "0:0", "app"])
def test_another_user_is_named(user: str) -> None:
    (fault,) = faults_of(GOOD, {}, user, 0)
    assert f"runs as {user or 'root'}" in fault


def test_too_much_is_too_much() -> None:
    (fault,) = faults_of(GOOD, {}, USER, ALLOWANCE + 1_000_000)
    assert "151 MB" in fault


def test_what_the_service_could_change_is_named(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "fixed.py").touch(0o644)
    (tmp_path / "app" / "open.py").touch()
    (tmp_path / "app" / "open.py").chmod(0o666)
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o1777)
    (tmp_path / "link").symlink_to("app")
    assert faults_of(walk(tmp_path), {}, USER, 0) == ["/app/open.py can be changed by the service"]
