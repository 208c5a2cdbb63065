"""The demo: what is to be seen in it on any day, and that it is made once."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core import mail
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import ApiToken
from accounts.tests.clients import Phone
from budget.demo import fill
from budget.demo.cases import CASES, LIMITS, history
from budget.demo.household import NONE, first_day
from budget.engine import move_to_today, reconcile
from budget.models import Alert, AlertEvent, Category, Threshold, Transaction
from budget.tests.shown import alerts_shown, thresholds_shown
from lib.text import digest

pytestmark = pytest.mark.any_postgres

# First and last days of weeks, months, quarters and years, leap days, months of every length.
DAYS = [
    "2024-01-01",  # a Monday
    "2024-02-29",
    "2024-12-31",
    "2025-02-28",
    "2025-03-01",
    "2025-03-31",
    "2025-04-01",
    "2025-06-01",  # a Sunday
    "2025-08-31",
    "2026-01-01",
    "2026-10-31",
    "2027-11-15",
    "2028-02-29",
]


@pytest.fixture(params=DAYS)
def day(request: pytest.FixtureRequest) -> Iterator[date]:
    """A day on which the demo is made."""
    today = date.fromisoformat(request.param)
    now = datetime(today.year, today.month, today.day, 12, tzinfo=UTC)
    with patch("django.utils.timezone.now", lambda: now):
        yield today


def demo_alerts(user: User) -> list[dict[str, Any]]:
    alerts = list(Alert.objects.filter(user=user).order_by("id"))
    names = dict(Threshold.objects.filter(user=user).values_list("pk", "name"))
    return [
        {**alert, "name": names[alert["threshold"] or 0]}
        for alert in alerts_shown(move_to_today(user.pk), alerts)
    ]


@pytest.mark.once
@pytest.mark.django_db
def test_on_any_day_the_demo_is_complete(day: date) -> None:
    user = User.objects.create(username="demo")
    fill(user)
    assert reconcile(user.pk) == []
    every_case_is_there(user, day)
    the_household_is_whole(user, day)


def every_case_is_there(user: User, day: date) -> None:
    """Open, approaching, resolved, refunded, late and acknowledged ones."""
    alerts = demo_alerts(user)
    active = {(alert["name"], alert["level"]) for alert in alerts if alert["active"]}
    assert {("Eating out", 80), ("Eating out", 100), ("Coffee", 80), ("Coffee", 100)} <= active
    assert ("Groceries", 80) in active
    assert ("Groceries", 100) not in active
    here = [alert for alert in alerts if alert["period_start"] <= str(day) < alert["period_end"]]
    gone = {(alert["name"], alert["level"]) for alert in here if alert["status"] == "resolved"}
    assert {("Clothing", 80), ("Clothing", 100), ("Large purchase", 100)} <= gone
    assert [(alert["name"], alert["level"]) for alert in alerts if alert["acknowledged_at"]] == [
        ("Coffee", 80)
    ]
    late = {(alert["name"], alert["level"]) for alert in alerts if alert["late"]}
    assert {("Travel", 125), ("Large purchase", 100)} <= late
    assert {"Daily spending", "Monthly spending"} <= {name for name, _ in late}
    refunded = AlertEvent.objects.filter(
        user=user, kind="resolved", alert__threshold__name="Clothing"
    )
    assert {event.cause for event in refunded} == {"transaction"}
    assert Transaction.objects.filter(user=user, type__slug="refund", date=day).exists()


def the_household_is_whole(user: User, day: date) -> None:
    """18 months, twelve categories, every type, thresholds of every kind."""
    rows = Transaction.objects.filter(user=user)
    dates = sorted(set(rows.values_list("date", flat=True)))
    assert dates[-1] == day
    assert 0 <= (dates[0] - first_day(day)).days < 7
    assert Category.objects.filter(user=user).count() == 12
    assert rows.values("category").distinct().count() == 12
    assert set(rows.values_list("type__slug", flat=True)) == {
        "expense",
        "income",
        "refund",
        "transfer",
    }
    thresholds = list(Threshold.objects.filter(user=user).select_related("category"))
    assert len(thresholds) == 8
    assert {threshold.type for threshold in thresholds} == {
        "daily",
        "weekly",
        "monthly",
        "quarterly",
        "yearly",
        "transaction",
    }
    assert {threshold.operator for threshold in thresholds} == {"gte", "gt"}
    assert max(level for threshold in thresholds for level in threshold.levels) > 100
    described = thresholds_shown(move_to_today(user.pk), thresholds)
    assert sum(threshold["current"] is None for threshold in described) == 1


@given(st.dates(date(2020, 1, 1), date(2060, 12, 31)))
def test_every_case_has_the_total_that_it_was_made_for(today: date) -> None:
    entries = history(today)
    assert entries == history(today)
    assert max(entry.date for entry in entries) == today
    assert min(entry.date for entry in entries) >= first_day(today)
    assert min(entry.minor for entry in entries) > 0
    assert any(entry.category == NONE for entry in entries)
    limits = {limit.name: limit.amount * 100 for limit in LIMITS}
    shares = {
        case.limit: sum(minor for _, minor in case.entries) * 100 // limits[case.limit]
        for case in CASES
    }
    assert shares == {"Groceries": 88, "Eating out": 113, "Coffee": 106, "Clothing": 42}
    for case in CASES:
        dates = {
            "weekly": today - timedelta(days=today.weekday()),
            "monthly": today.replace(day=1),
            "quarterly": today.replace(month=(today.month - 1) // 3 * 3 + 1, day=1),
        }
        present = [
            entry.minor
            for entry in entries
            if entry.category == case.category and entry.date >= dates[case.type]
        ]
        assert sorted(present) == sorted(minor for _, minor in case.entries)


@pytest.mark.parametrize(
    ("today", "first"),
    [
        ("2025-11-22", "2024-05-23"),
        ("2025-08-31", "2024-03-01"),
        ("2025-08-29", "2024-03-01"),
        ("2025-08-28", "2024-02-29"),
        ("2026-01-01", "2024-07-02"),
        ("2025-12-31", "2024-07-01"),
    ],
)
def test_eighteen_months_end_today(today: str, first: str) -> None:
    assert first_day(date.fromisoformat(today)) == date.fromisoformat(first)


@pytest.fixture
def debug(settings: Settings) -> None:
    settings.DEBUG = True


def make(file: Path, *words: str) -> dict[str, str]:
    """What the command says, by its headings; "commands" are the three to paste."""
    said = str(call_command("make_demo", "--file", str(file), *words))
    lines = said.splitlines()
    found = dict(
        text.split(":", 1) for text in lines if ":" in text and not text.startswith("curl")
    )
    found = {name: value.strip() for name, value in found.items()}
    return found | {"said": said, "commands": "\n".join(t for t in lines if t.startswith("curl"))}


def everything() -> list[Counter[Any]]:
    models = (Category, Threshold, Transaction, Alert, AlertEvent)
    return [Counter(map(str, model._base_manager.values())) for model in models]


@pytest.mark.django_db
@pytest.mark.usefixtures("debug")
def test_the_user_can_log_in_and_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / ".demo"
    said = make(file, "--address", "http://127.0.0.1:8123/")
    user = User.objects.get(username="demo")
    assert user.is_superuser
    assert user.is_staff
    phone = Phone()
    phone.log_in(said["E-mail"], said["Password"])
    assert phone.is_in()
    assert ApiToken.objects.get().digest == digest(said["Token"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert said["Address"] == "http://127.0.0.1:8123/"
    assert said["Admin"] == "http://127.0.0.1:8123/admin/"
    assert said["API"] == "http://127.0.0.1:8123/api/alert"
    assert "//api" not in said["commands"].replace("http://", "")


@pytest.mark.django_db
@pytest.mark.usefixtures("debug")
def test_a_second_time_nothing_changes_and_the_same_is_said(tmp_path: Path) -> None:
    file = tmp_path / ".demo"
    first, before = make(file), everything()
    file.chmod(0o644)
    second = make(file)
    assert second["said"] in first["said"]
    assert everything() == before
    assert User.objects.count() == ApiToken.objects.count() == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.django_db
@pytest.mark.usefixtures("debug")
def test_the_line_of_the_readme_takes_the_token_from_the_file(tmp_path: Path) -> None:
    readme = (Path(settings.BASE_DIR) / "README.md").read_text()
    (line,) = re.findall(r"^export TOKEN=.*$", readme, re.MULTILINE)
    said = make(tmp_path / ".demo")
    script = f'{line}; printf %s "$TOKEN"'
    assert subprocess.check_output(["/bin/sh", "-c", script], cwd=tmp_path) == (
        said["Token"].encode()
    )


@pytest.mark.django_db
@pytest.mark.usefixtures("debug")
@pytest.mark.parametrize("content", [None, b"", b"PASSWORD=x\nTOKEN=y\n", b"\xff\xfe", b"nonsense"])
def test_a_lost_file_costs_the_old_password_and_token_and_no_data(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / ".demo"
    first, before = make(file), everything()
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    second = make(file)
    assert "a new password and token; the data is untouched" in second["said"]
    assert everything() == before
    user = User.objects.get()
    assert not user.check_password(first["Password"])
    assert user.check_password(second["Password"])
    (kept,) = ApiToken.objects.filter(revoked_at=None)
    assert kept.digest == digest(second["Token"])
    assert make(file)["Token"] == second["Token"]


@pytest.mark.django_db
@pytest.mark.usefixtures("debug")
def test_a_revoked_token_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / ".demo"
    first = make(file)
    ApiToken.objects.all().delete()
    assert make(file)["Token"] != first["Token"]


@pytest.mark.django_db
def test_production_has_no_demo_unless_forced(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no place in production"):
        make(tmp_path / ".demo")
    assert not User.objects.exists()
    make(tmp_path / ".demo", "--force")
    assert User.objects.exists()


@pytest.mark.django_db
@pytest.mark.usefixtures("debug")
def test_somebodys_own_user_of_that_name_is_left_alone(tmp_path: Path) -> None:
    User.objects.create_user("demo", password="mine")
    with pytest.raises(CommandError, match="not made"):
        make(tmp_path / ".demo")
    assert User.objects.get().check_password("mine")
    assert not Transaction.objects.exists()


@pytest.mark.django_db
@pytest.mark.usefixtures("debug")
def test_without_a_file_there_is_no_user_either(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file or directory"):
        make(tmp_path / "no folder" / ".demo")
    assert not User.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("debug")
def test_the_three_commands_work_when_pasted(tmp_path: Path, live_server: LiveServer) -> None:
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    said = make(tmp_path / ".demo", "--address", live_server.url)
    assert mail.outbox == []
    answers = [
        json.loads(subprocess.check_output(["/bin/sh", "-c", command], timeout=60))
        for command in said["commands"].splitlines()
    ]
    alerts, purchase, thresholds = answers
    assert {"Eating out", "Coffee", "Groceries"} <= {
        alert["message"].split(":")[0].split(",")[0] for alert in alerts["items"]
    }
    assert "Large purchase: limit reached, 1649.00" in " ".join(
        alert["message"] for alert in purchase["alerts"]["opened"]
    )
    spent = {item["name"]: item["current"] for item in thresholds["items"]}
    assert len(spent) == 8
    assert Decimal(spent["Groceries"]["total"]) == Decimal("422.40")
