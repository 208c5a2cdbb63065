from __future__ import annotations

from budget.models import Profile
from budget.tests.base import ApiTestCase
from budget.tests.people import limit, spend

PATH = "/api/profile"
DEFAULTS = {"time_zone": "UTC", "week_start": 1, "month_start": 1, "currency": "USD"}
OTHERS = {"time_zone": "Europe/Berlin", "week_start": 7, "month_start": 28, "currency": "EUR"}


class ProfileTestCase(ApiTestCase):
    def test_it_shows_and_changes_the_users_own(self) -> None:
        self.assertEqual(self.get(PATH), DEFAULTS | {"user": self.alice.pk})
        found = self.put(PATH, OTHERS | {"user": self.alice.pk})
        self.assertEqual(found, found | OTHERS)
        self.assertEqual(self.get(PATH), OTHERS | {"user": self.alice.pk})
        self.assertEqual(self.get(PATH, who="charlie"), DEFAULTS | {"user": self.charlie.pk})

    def test_put_replaces_and_patch_changes(self) -> None:
        self.put(PATH, OTHERS)
        found = self.patch(PATH, {"week_start": 3.0})
        self.assertEqual(found, found | OTHERS | {"week_start": 3})
        found = self.put(PATH, {"currency": "JPY"})
        self.assertEqual(found, found | DEFAULTS | {"currency": "JPY"})

    def test_it_validates(self) -> None:
        bodies: tuple[dict[str, object], ...] = (
            {"time_zone": "Berlin", "week_start": 0, "month_start": 29, "currency": "usd", "x": 1},
            {"time_zone": 1, "week_start": "1", "month_start": 1.5, "currency": "US"},
            {"time_zone": "../UTC", "week_start": 8, "month_start": 0, "currency": "USD\n"},
            {"time_zone": "", "week_start": None, "month_start": True, "currency": "ÄÖÜ"},
            {"time_zone": None, "week_start": 10**30, "month_start": [], "currency": None},
        )
        for body in bodies:
            with self.subTest(body):
                for method in ("PUT", "PATCH"):
                    errors = self.wrong(method, PATH, body)
                    self.assertEqual(set(errors), {f"#/{name}" for name in body})
        for zone in ("localtime", "Factory", "CET", "GMT0", "utc"):
            errors = self.wrong("PATCH", PATH, {"time_zone": zone})
            self.assertEqual(list(errors), ["#/time_zone"], zone)
        self.assertEqual(Profile.objects.get(user=self.alice).time_zone, "UTC")

    def test_a_change_answers_with_the_alerts_of_the_new_periods(self) -> None:
        limit(self.alice, "100.00", levels=[100])
        spend(self.alice, "60.00", "2018-03-05")
        spend(self.alice, "60.00", "2018-03-25")
        found = self.patch(PATH, {"month_start": 20})
        resolved = [alert["period_start"] for alert in found["alerts"]["resolved"]]
        self.assertEqual((found["alerts"]["opened"], resolved), ([], ["2018-03-01"]))
        found = self.patch(PATH, {"month_start": 1})
        self.assertEqual(len(found["alerts"]["opened"]), 1)

    def test_nobody_changes_somebody_elses(self) -> None:
        self.patch(PATH, {"user": self.charlie.pk, "currency": "EUR"}, status=404)
        self.get(f"{PATH}?user={self.charlie.pk}", status=404)
        self.assertEqual(self.get(PATH, who="charlie")["currency"], "USD")
