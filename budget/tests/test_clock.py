"""All that one commit stores has one time, and the user's day is the day of that time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from unittest import mock

from budget import engine
from budget.models import Alert, AlertEvent, Ledger, Threshold
from budget.tests.base import ApiTestCase, turn_back_the_day
from budget.tests.people import limit, spend

ROW = {"date": "2018-03-06", "amount": "60.00", "category": "Groceries"}
PATH = "/api/alert"
# The times of an alert that an event of each kind tells of.
TIMES = {
    "opened": ("opened_at", "then_at"),
    "resolved": ("resolved_at", "then_at"),
    "acknowledged": ("acknowledged_at",),
}


@contextmanager
def running_clock(begin: str) -> Iterator[None]:
    """A clock that is a second further at each look."""
    first = datetime.fromisoformat(begin).replace(tzinfo=UTC)
    seconds = count()

    def now() -> datetime:
        return first + timedelta(seconds=next(seconds))

    with mock.patch("django.utils.timezone.now", now):
        yield


class ClockTestCase(ApiTestCase):
    def setUp(self) -> None:
        turn_back_the_day()
        self.enterContext(running_clock("2018-03-20 12:00"))

    def check_last_event(self, kind: str) -> None:
        """The newest event has the time that its alert says."""
        event = AlertEvent.objects.filter(user=self.alice).latest("seq")
        self.assertEqual(event.kind, kind)
        for name in TIMES[kind]:
            if event.alert.kind != "custom" or name != "then_at":
                self.assertEqual(getattr(event.alert, name), event.at, name)

    def test_an_alert_and_its_event_say_the_same_time(self) -> None:
        limit(self.alice, "50.00", of="Groceries", levels=[100])
        row = self.post("/api/transaction", ROW)["id"]
        self.check_last_event("opened")
        alert = f"{PATH}/{Alert.objects.get(user=self.alice).pk}"
        self.patch(alert, {"acknowledged": True})
        self.check_last_event("acknowledged")
        self.delete(f"/api/transaction/{row}")
        self.check_last_event("resolved")
        self.post("/api/transaction", {"items": [ROW, ROW]})
        self.check_last_event("opened")

    def test_an_alert_of_the_user_and_its_event_say_the_same_time(self) -> None:
        own = self.post(PATH, {"message": "Look"})["id"]
        self.check_last_event("opened")
        self.patch(f"{PATH}/{own}", {"acknowledged": True})
        self.check_last_event("acknowledged")
        self.delete(f"{PATH}/{own}")
        self.check_last_event("resolved")

    def test_a_deleted_threshold_went_when_its_alerts_resolved(self) -> None:
        limit(self.alice, "50.00", of="Groceries", levels=[100], slug="food")
        spend(self.alice, "60.00", "2018-03-06")
        self.delete("/api/threshold/food")
        self.check_last_event("resolved")
        gone = Threshold.objects.get(user=self.alice)
        self.assertEqual(gone.deleted_at, AlertEvent.objects.latest("seq").at)

    def test_all_that_a_commit_flips_has_one_time(self) -> None:
        limit(self.alice, "50.00", levels=[10, 50, 100])
        self.post("/api/transaction", ROW)
        self.assertEqual(len(self.times()), 1)
        self.patch("/api/profile", {"month_start": 10})
        self.assertEqual(len(self.times()), 2)

    def test_a_tick_and_an_audit_say_one_time_too(self) -> None:
        limit(self.alice, "50.00", "daily", operator="lte", levels=[100])
        with running_clock("2018-03-21 12:00"):
            engine.tick()
            self.check_last_event("opened")
        Alert.objects.filter(user=self.alice).update(
            status="resolved", resolved_at=datetime(2018, 3, 21, 12, tzinfo=UTC)
        )
        with running_clock("2018-03-21 13:00"):
            self.assertTrue(engine.reconcile(self.alice.pk, repair=True))
            self.check_last_event("opened")

    def test_the_day_of_a_commit_is_the_day_of_its_time(self) -> None:
        limit(self.alice, "50.00", levels=[100])
        with running_clock("2018-03-20 23:59:58"):
            spend(self.alice, "60.00", "2018-03-06")
        opened: Any = Alert.objects.get(user=self.alice).opened_at
        self.assertEqual(Ledger.objects.get(user=self.alice).as_of, opened.date())

    def times(self) -> set[datetime]:
        return set(AlertEvent.objects.filter(user=self.alice).values_list("at", flat=True))
