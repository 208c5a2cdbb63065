"""The checks read the real tables, and see each change that is made behind the service's back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection

from accounts.models import Profile
from budget import engine
from budget.models import AlertEvent, Threshold, Transaction
from budget.models.idempotency import IdempotentAnswer
from budget.tests.people import clock, limit, make_user, spend
from deploy.machines import controls
from deploy.machines.controls import blind
from deploy.machines.journal import (
    Event,
    Journal,
    Settings,
    faults,
    limit_of,
    read_stored,
    row_of,
    stored_after_all,
)

pytestmark = [pytest.mark.postgres, pytest.mark.django_db]


def journal_of(user: User) -> Journal:
    """What a client was told that has made all of a user's rows."""
    profile = Profile.objects.get(user=user)
    rows = Transaction.objects.filter(user=user)
    limits = Threshold.objects.kept().filter(user=user)
    events = AlertEvent.objects.filter(user=user).order_by("seq")
    return Journal(
        user.pk,
        rows={row.pk: row_of(row.to_dict()) for row in rows},
        limits={limit.pk: limit_of(limit.to_dict()) for limit in limits},
        messages=["Ask the bank"],
        settings=Settings(profile.time_zone, profile.week_start, profile.month_start),
        feed=[Event(event.seq, event.alert_id, event.kind) for event in events],
    )


def life() -> Journal:
    """A user whose alert has opened, resolved and opened again."""
    user = make_user()
    with clock("2018-03-10"):
        limit(user, "10.00")
        limit(user, "20.00", enabled=False, name="off")
        spend(user, "4.99", external_id="bank-1").delete()
        spend(user, "11.00").delete()
        spend(user, "12.00")
        engine.raise_custom_alert(user.pk, "Ask the bank", None)
    return journal_of(user)


def test_what_was_told_is_stored() -> None:
    journal = life()
    assert len(journal.feed) >= 6
    with connection.cursor() as cursor:
        assert faults([journal], read_stored(cursor)) == []


def test_each_control_is_seen_and_undone() -> None:
    journal = life()
    with connection.cursor() as cursor:
        assert blind(cursor, [journal]) == []
        assert faults([journal], read_stored(cursor)) == []


def test_a_change_that_the_checks_do_not_see_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    journal = life()
    nothing = ("nothing is done", "SELECT 1", "lost")
    monkeypatch.setattr(controls, "CONTROLS", (*controls.CONTROLS[:1], nothing))
    with connection.cursor() as cursor:
        assert blind(cursor, [journal]) == ["nothing is done"]


def test_a_write_that_was_stored_when_it_was_refused_is_counted() -> None:
    user, now = make_user(), datetime.now(UTC)
    for key, at in (("stored", now - timedelta(seconds=1)), ("later", now + timedelta(seconds=1))):
        IdempotentAnswer.objects.create(
            user=user, method="POST", path="/api/alert", key=key, digest="", created_at=at
        )
    journal = Journal(user.pk, refused={"stored": now, "later": now, "never": now})
    with connection.cursor() as cursor:
        assert stored_after_all(cursor, [journal]) == (3, 1)
        assert stored_after_all(cursor, [Journal(user.pk)]) == (0, 0)
