"""The rules about alerts that stand in SQL, against the same rules in Python."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import product

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from budget.answers.alert_rows import ALERTS, AlertRow, highest
from budget.judge.periods import ROLLING_END, ROLLING_START
from budget.models import Alert, AlertStatus, Ledger
from budget.models import alert as rows
from budget.models.alert import AlertQuerySet
from budget.tests.people import at, limit, make_user, spend

pytestmark = pytest.mark.django_db
DAY = date(2018, 3, 10)


def every_alert(user: User) -> AlertQuerySet:
    """An alert of each status and of each place that its time can have about a day."""
    threshold, now = limit(user, "100"), timezone.now()
    near = [DAY + timedelta(days=days) for days in (-2, -1, 0, 1, 2)]
    times = [(start, until) for start, until in product(near, near) if start < until]
    times.append((ROLLING_START, ROLLING_END))
    Alert.objects.bulk_create(
        Alert(
            user=user,
            threshold=threshold,
            subject=subject,
            level=100,
            period_start=start,
            period_end=min(until, start + timedelta(days=1)),
            active_until=until,
            opened_at=now,
            then_at=now,
            status=status,
            resolved_at=now if status == AlertStatus.RESOLVED else None,
        )
        for subject, (status, (start, until)) in enumerate(product(AlertStatus.values, times))
    )
    for status in AlertStatus.values:
        Alert.objects.create(
            user=user,
            kind="custom",
            status=status,
            opened_at=now,
            resolved_at=now if status == AlertStatus.RESOLVED else None,
        )
    return Alert.objects.filter(user=user)


def disagreement(alerts: AlertQuerySet, day: date) -> set[Alert]:
    """The alerts that are active on a day by only one of the two rules."""
    Ledger.objects.update(as_of=day)
    by_sql = set(alerts.active())
    assert by_sql | set(alerts.active(active=False)) == set(alerts)
    assert not by_sql & set(alerts.active(active=False))
    return by_sql ^ {alert for alert in alerts if alert.is_active_on(day)}


def test_active_is_the_same_in_sql_and_in_python() -> None:
    alerts = every_alert(make_user())
    for days in range(-4, 5):
        assert not disagreement(alerts, DAY + timedelta(days=days))
    Ledger.objects.update(as_of=DAY)
    assert 2 < len(alerts.active()) < len(alerts)


def test_the_comparison_sees_a_rule_that_ignores_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    alerts = every_alert(make_user())
    monkeypatch.setattr(rows, "is_active", lambda status, *day: status == AlertStatus.OPEN)
    assert disagreement(alerts, DAY)


def test_the_highest_level_hides_no_level_of_another_user() -> None:
    alice, charlie = make_user(), make_user("charlie")
    with at("2018-03-10"):
        for user, amount in ((alice, "90"), (charlie, "200")):
            limit(user, "100")
            spend(user, amount)
        assert Ledger.objects.count() == 2
    with connection.cursor() as cursor:
        cursor.execute(highest(ALERTS).text)
        found = [AlertRow._make(row) for row in cursor.fetchall()]
    assert sorted((row.user_id, row.level) for row in found) == [(alice.pk, 80), (charlie.pk, 100)]
