"""A list of alerts reads a page, however many alerts its user has."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from django.contrib.auth.models import User
from django.db import connection

from budget.models import Alert, AlertEvent
from budget.tests.base import ApiTestCase
from budget.tests.people import limit
from budget.tests.plans import Plan, analyze, plans_of

MINE, THEIRS, PAGE = 3_000, 9_000, 50
PATH = f"/api/alert?limit={PAGE}"
FIRST, THEN = date(2000, 1, 1), datetime(2017, 1, 1, tzinfo=UTC)


def fill(user: User, count: int) -> None:
    """An alert of each of so many days, one in ten of them open, with the events of its life."""
    threshold = limit(user, "1.00", "daily", levels=[100])
    alerts = Alert.objects.bulk_create(
        Alert(
            user=user,
            threshold=threshold,
            period_start=(day := FIRST + timedelta(days=number)),
            period_end=(after := day + timedelta(days=1)),
            active_until=after,
            level=100,
            status="resolved" if (resolved := number % 10) else "open",
            then_at=THEN,
            opened_at=THEN + timedelta(hours=number),
            resolved_at=THEN if resolved else None,
        )
        for number in range(count)
    )
    AlertEvent.objects.bulk_create(
        AlertEvent(
            user=user, seq=1000 + 2 * number + step, alert=alert, kind=kind, cause="day", at=THEN
        )
        for number, alert in enumerate(alerts)
        for step, kind in enumerate(("opened", "resolved")[: 1 + (alert.status == "resolved")])
    )


def check(plans: list[Plan], *indexes: str) -> None:
    """Refuse plans that find their rows by other indexes, or read more than a page takes.

    Two rows of events belong to each alert of the page, and a sort at the outside to the page.
    """
    found = set().union(*(plan.indexes for plan in plans))
    assert found >= {f"budget_{index}" for index in indexes}, found
    for plan in plans:
        assert not plan.scans & {"budget_alert", "budget_alertevent"}, plan
        assert plan.most <= 4 * PAGE, plan
        assert all(rows <= 2 * PAGE + 4 for rows in plan.sorts), plan


class PlansTestCase(ApiTestCase):
    """Alice has many alerts, and charlie has more."""

    @classmethod
    def setUpTestData(cls) -> None:
        super().setUpTestData()
        fill(cls.alice, MINE)
        fill(cls.charlie, THEIRS)
        analyze()

    def plans(self, path: str) -> list[Plan]:
        return plans_of(lambda: self.get(path))

    def test_a_page_takes_its_own_rows_alone(self) -> None:
        for query in ("", "&status=resolved", "&kind=threshold", "&level=100", "&highest=true"):
            with self.subTest(query):
                check(self.plans(f"{PATH}{query}"), "alert_by_opened")

    def test_so_does_a_page_far_down_the_list(self) -> None:
        following = self.get(PATH)["next"]
        for _ in range(3):
            check(self.plans(following), "alert_by_opened")
            following = self.get(following)["next"]

    def test_so_does_the_change_feed(self) -> None:
        seq = AlertEvent.objects.filter(user=self.alice).latest("seq").seq - 2 * PAGE
        plans = self.plans(f"{PATH}&since={seq}")
        check(plans)
        check([plan for plan in plans if "r.seq >=" in plan.statement], "alertevent_unique_seq")

    def test_a_page_without_its_index_is_refused(self) -> None:
        """The control."""
        with connection.cursor() as cursor:
            cursor.execute("DROP INDEX budget_alert_by_opened")
        with self.assertRaises(AssertionError):
            check(self.plans(PATH), "alert_by_opened")
