from __future__ import annotations

from django.db import connection
from django.test.utils import CaptureQueriesContext

from budget.models import Alert, AlertEvent, Threshold
from budget.tests.base import ApiTestCase, turn_back_the_day
from budget.tests.people import at, limit, spend

PATH = "/api/alert"


class ListTestCase(ApiTestCase):
    def setUp(self) -> None:
        turn_back_the_day()
        with at("2018-03-20 12:00"):
            self.groceries = limit(self.alice, "150.00", of="Groceries", slug="food")
            self.rent = limit(self.alice, "900.00", of="Rent", levels=[100])
            self.old = spend(self.alice, "200.00", "2018-02-05")
            self.gone = spend(self.alice, "950.00", "2018-02-05", to="Rent")
            self.now = spend(self.alice, "130.00", "2018-03-05")
            self.gone.delete()
            spend(self.charlie, "1.00")
            limit(self.charlie, "1.00")

    def found(self, query: str) -> list[tuple[str, int]]:
        with at("2018-03-20 13:00"):
            items = self.get(f"{PATH}?{query}")["items"]
        return [(item["period_start"][5:7], item["level"]) for item in items]

    def test_it_lists_what_opened_last_first_and_nobody_elses(self) -> None:
        self.assertEqual(self.found(""), [("03", 80), ("02", 100), ("02", 100), ("02", 80)])
        self.assertEqual(len(self.ids(PATH, who="charlie")), 2)

    def test_it_filters(self) -> None:
        feb80, feb100, mar80 = ("02", 80), ("02", 100), ("03", 80)
        for query, expected in (
            ("status=open", [mar80, feb100, feb80]),
            ("status=resolved", [feb100]),
            ("active=true", [mar80]),
            ("active=false", [feb100, feb100, feb80]),
            ("active=false&status=open", [feb100, feb80]),
            ("active=true&status=resolved", []),
            ("threshold=food", [mar80, feb100, feb80]),
            (f"threshold={self.groceries.pk}", [mar80, feb100, feb80]),
            (f"threshold={self.rent.pk}", [feb100]),
            (f"threshold={self.rent.pk}&status=open", []),
            (f"user={self.alice.pk}&status=resolved", [feb100]),
        ):
            with self.subTest(query):
                self.assertEqual(self.found(query), expected)

    def test_what_is_active_follows_the_day(self) -> None:
        with at("2018-04-01 00:00"):
            self.assertEqual(self.ids(f"{PATH}?active=true"), [])
            self.assertEqual(len(self.ids(f"{PATH}?active=false")), 4)
            items = self.get(PATH)["items"]
        self.assertEqual({item["active"] for item in items}, {False})
        self.assertEqual({item["as_of"] for item in items}, {"2018-04-01"})

    def test_alerts_of_a_deleted_threshold_stay_readable_by_its_id(self) -> None:
        self.delete("/api/threshold/food")
        self.assertEqual(len(self.found(f"threshold={self.groceries.pk}")), 3)
        self.wrong_parameters(f"{PATH}?threshold=food")

    def test_a_threshold_that_is_not_there_is_named_whoever_has_it(self) -> None:
        theirs = limit(self.charlie, "5.00", slug="theirs")
        for value in (str(theirs.pk), "theirs", "0", str(2**63), str(10**18), "FOOD", "-1"):
            with self.subTest(value):
                self.assertEqual(
                    self.wrong_parameters(f"{PATH}?threshold={value}"),
                    {"threshold": f'There is no threshold "{value}".'},
                )
        long = self.wrong_parameters(f"{PATH}?threshold={'9' * 5000}")["threshold"]
        self.assertEqual(long, f'There is no threshold "{"9" * 100}...".')
        self.get(f"{PATH}?user={self.charlie.pk}", status=404)

    def test_wrong_parameters_are_named_all_at_once(self) -> None:
        self.assertEqual(
            set(self.wrong_parameters(f"{PATH}?status=closed&active=1&limit=x&level=0")),
            {"status", "active", "limit", "level"},
        )

    def test_it_costs_the_same_with_two_and_with_two_hundred(self) -> None:
        self.assertEqual(len(self.ids(f"{PATH}?limit=2")), 2)
        for day in range(1, 29):
            for month in range(4, 8):
                spend(self.alice, "200.00", f"2017-{month:02}-{day:02}")
        every = limit(self.alice, "1.00", "daily", slug="every")
        single = limit(self.alice, "1.00", "transaction", slug="single", levels=[100])
        self.assertGreater(Alert.objects.filter(threshold=every).count(), 200)
        self.assertGreater(Alert.objects.filter(threshold=single).count(), 100)
        for rows in (2, 200):
            with self.subTest(rows), self.assertNumQueries(4):
                self.assertEqual(len(self.ids(f"{PATH}?threshold=every&limit={rows}")), rows)
        for rows in (2, 100):
            with self.subTest(rows), self.assertNumQueries(4):
                self.assertEqual(len(self.ids(f"{PATH}?threshold=single&limit={rows}")), rows)


class HighestTestCase(ApiTestCase):
    """highest=true tells each limit once a period: by its worst level."""

    def setUp(self) -> None:
        self.stand_at("2018-03-10T12:00:00")
        levels = [50, 80, 100]
        limit(self.alice, "100", of="Food", slug="food", levels=levels, forecast=True)
        limit(self.alice, "10", "transaction", slug="single", levels=[100, 200])
        self.first = spend(self.alice, "90", to="Food")
        spend(self.alice, "15", to="Food")
        spend(self.alice, "85", "2018-02-05", to="Food")
        spend(self.alice, "30", "2018-01-05", to="Food").delete()
        self.gone = spend(self.alice, "85", "2017-12-05", to="Food")
        self.gone.delete()
        self.own = self.post(PATH, {"message": "Ask the bank", "threshold": "food"})["id"]

    def shown(self, query: str = "") -> list[tuple[str | None, int | None, str]]:
        items = self.get(f"{PATH}?highest=true{query}")["items"]
        return [(item["period_start"], item["level"], item["status"]) for item in items]

    def test_only_the_highest_open_level_of_a_limit_is_listed(self) -> None:
        self.assertEqual(
            self.shown("&threshold=food&status=open"),
            [
                (None, None, "open"),  # the user's own
                ("2018-02-01", 80, "open"),
                ("2018-03-01", 100, "open"),
                ("2018-03-01", None, "open"),  # the forecast
            ],
        )
        self.assertEqual(
            self.shown("&threshold=food&kind=threshold&active=true"), [("2018-03-01", 100, "open")]
        )

    def test_each_single_transaction_has_its_own(self) -> None:
        # Of the two rows of March both have reached both levels, or one.
        self.assertEqual(
            sorted(self.shown("&threshold=single&period=2018-03-05")),
            [("2018-03-05", 100, "open"), ("2018-03-05", 200, "open")],
        )

    def test_of_what_has_ended_the_highest_is_listed_beside_what_is_open(self) -> None:
        december = "&threshold=food&period=2017-12-05"
        self.assertEqual(self.shown(december), [("2017-12-01", 80, "resolved")])
        spend(self.alice, "55", "2017-12-05", to="Food")
        self.assertEqual(
            sorted(self.shown(december)),
            [("2017-12-01", 50, "open"), ("2017-12-01", 80, "resolved")],
        )

    def test_other_filters_do_not_bring_back_a_lower_level(self) -> None:
        alert = Alert.objects.get(
            threshold__slug="food", period_start="2018-03-01", level=100, status="open"
        )
        self.patch(f"{PATH}/{alert.pk}", {"acknowledged": True})
        march = "&threshold=food&period=2018-03-05&kind=threshold"
        self.assertEqual(self.shown(f"{march}&acknowledged=false"), [])
        self.assertEqual(self.shown(f"{march}&level=80"), [])
        self.assertEqual(self.shown(f"{march}&level=100"), [("2018-03-01", 100, "open")])

    def test_pages_and_count_are_those_of_the_shorter_list(self) -> None:
        whole = self.ids(f"{PATH}?highest=true")
        self.assertLess(len(whole), len(self.ids(PATH)))
        found = self.get(f"{PATH}?highest=true&limit=2&count=true")
        self.assertEqual(found["count"], len(whole))
        self.assertEqual(self.walk_ids(f"{PATH}?highest=true&limit=2", "next")[0], whole)
        self.assertEqual(self.ids(f"{PATH}?highest=false"), self.ids(PATH))

    def test_it_is_what_one_would_pick_by_hand(self) -> None:
        for day in range(1, 28, 3):
            spend(self.alice, f"{4 * day}", f"2018-01-{day:02}", to="Food")
        threshold = Threshold.objects.get(slug="food")
        threshold.levels = [60, 100, 300]
        threshold.save()
        threshold.type = "weekly"
        threshold.save()
        best: dict[tuple[object, ...], int] = {}
        for alert in Alert.objects.filter(user=self.alice, kind="threshold"):
            key = (alert.threshold_id, alert.revision, alert.period_start, alert.subject)
            best[*key, alert.status] = max(alert.level or 0, best.get((*key, alert.status), 0))
        others = Alert.objects.filter(user=self.alice).exclude(kind="threshold").count()
        found = self.get(f"{PATH}?highest=true&limit=200")["items"]
        self.assertEqual(len(found), len(best) + others)
        picked = sorted(alert["level"] for alert in found if alert["kind"] == "threshold")
        self.assertEqual(picked, sorted(best.values()))

    def test_the_feed_tells_every_level(self) -> None:
        errors = self.wrong_parameters(f"{PATH}?since=0&highest=true")
        self.assertEqual(errors, {"since": "Only with limit, not with highest."})

    def test_it_takes_no_query_more(self) -> None:
        counts = []
        for query in ("", "&highest=true"):
            with CaptureQueriesContext(connection) as queries:
                self.get(f"{PATH}?status=open&kind=threshold{query}")
            counts.append(len(queries))
        self.assertEqual(counts[0], counts[1])

    def test_one_person_s_levels_hide_nothing_of_another_s(self) -> None:
        limit(self.charlie, "100", levels=[50])
        spend(self.charlie, "60")
        self.assertEqual(len(self.ids(f"{PATH}?highest=true", who="charlie")), 1)


class OneTestCase(ApiTestCase):
    def setUp(self) -> None:
        turn_back_the_day()
        with at("2018-03-20 12:00"):
            self.threshold = limit(self.alice, "150.00", of="Groceries")
            self.row = spend(self.alice, "162.40", "2018-03-05")
        self.alert = Alert.objects.get(level=100)
        self.path = f"{PATH}/{self.alert.pk}"

    def test_it_shows_every_field(self) -> None:
        with at("2018-03-20 13:00"):
            found = self.get(self.path)
        self.assertEqual(
            found,
            {
                "id": self.alert.pk,
                "user": self.alice.pk,
                "kind": "threshold",
                "threshold": self.threshold.pk,
                "level": 100,
                "status": "open",
                "active": True,
                "message": "Groceries: limit reached, "
                "162.40 of 150.00 USD spent in March 2018, 108 %",
                "period_start": "2018-03-01",
                "period_end": "2018-04-01",
                "total": "162.40",
                "limit": "150.00",
                "percent": 108,
                "then": {"total": "162.40", "limit": "150.00", "at": "2018-03-20T12:00:00Z"},
                "transaction": self.row.pk,
                "opened_at": "2018-03-20T12:00:00Z",
                "resolved_at": None,
                "acknowledged_at": None,
                "snoozed_until": None,
                "conditions": [],
                "forecast": None,
                "episodes": 1,
                "late": False,
                "as_of": "2018-03-20",
            },
        )

    def test_total_is_as_it_is_now_and_then_as_it_was(self) -> None:
        spend(self.alice, "37.60", "2018-03-06")
        found = self.get(self.path)
        self.assertEqual((found["total"], found["then"]["total"]), ("200.00", "162.40"))
        self.assertEqual(
            found["message"],
            "Groceries: limit reached, 200.00 of 150.00 USD spent in March 2018, 133 %",
        )

    def test_it_is_acknowledged_and_taken_back(self) -> None:
        with at("2018-03-21 08:00"):
            found = self.patch(self.path, {"acknowledged": True})
        self.assertEqual(found["acknowledged_at"], "2018-03-21T08:00:00Z")
        self.assertEqual((found["status"], found["alerts"]["resolved"]), ("open", []))
        with at("2018-03-21 09:00"):
            found = self.patch(self.path, {"acknowledged": True})
        self.assertEqual(found["acknowledged_at"], "2018-03-21T08:00:00Z")
        self.assertIsNone(self.patch(self.path, {"acknowledged": False})["acknowledged_at"])
        kinds = AlertEvent.objects.filter(alert=self.alert).values_list("kind", flat=True)
        self.assertEqual(list(kinds), ["opened", "acknowledged", "unacknowledged"])

    def test_nothing_else_can_be_changed(self) -> None:
        for body, pointers in (
            ({}, ["#"]),
            ({"acknowledged": None}, ["#/acknowledged"]),
            ({"acknowledged": 1}, ["#/acknowledged"]),
            ({"acknowledged": "true"}, ["#/acknowledged"]),
            ({"acknowledged": True, "status": "resolved"}, ["#/status"]),
            ({"acknowledged": True, "message": "x"}, ["#/message"]),
        ):
            with self.subTest(body):
                self.assertEqual(list(self.wrong("PATCH", self.path, body)), pointers)
        self.patch(self.path, {"acknowledged": True, "user": self.alice.pk})
        self.patch(self.path, {"acknowledged": True, "user": self.charlie.pk}, status=404)
        self.call("PUT", self.path, status=405)

    def test_alerts_of_somebody_else_are_not_there(self) -> None:
        self.get(self.path, who="charlie", status=404)
        self.patch(self.path, {"acknowledged": True}, who="charlie", status=404)
        self.assertIsNone(self.get(self.path)["acknowledged_at"])
        for key in (0, 2**63, "abc"):
            self.get(f"{PATH}/{key}", status=404)
            self.patch(f"{PATH}/{key}", {"acknowledged": True}, status=404)

    def test_costs(self) -> None:
        self.get(self.path)
        with self.assertNumQueries(3):
            self.get(self.path)
        with self.assertNumQueries(11):
            self.patch(self.path, {"acknowledged": True})


class CreateTestCase(ApiTestCase):
    def test_a_custom_alert_carries_its_own_message(self) -> None:
        turn_back_the_day()
        with at("2018-03-20 12:00"):
            found = self.post(PATH, {"message": "Call the bank", "user": self.alice.pk})
        alert = Alert.objects.get()
        self.assertEqual(self.answer["Location"], f"{PATH}/{alert.pk}")
        self.assertEqual(
            found,
            found
            | {
                "id": alert.pk,
                "kind": "custom",
                "message": "Call the bank",
                "threshold": None,
                "status": "open",
                "active": True,
                "period_start": None,
                "total": None,
                "then": None,
                "opened_at": "2018-03-20T12:00:00Z",
            },
        )
        with at("2019-03-20 12:00"):
            self.assertEqual(self.ids(f"{PATH}?active=true"), [alert.pk])

    def test_it_may_be_about_a_threshold(self) -> None:
        threshold = limit(self.alice, "5.00", slug="food")
        for key in (threshold.pk, "food", float(threshold.pk)):
            found = self.post(PATH, {"message": "Look", "threshold": key})
            self.assertEqual(found["threshold"], threshold.pk)
        self.assertEqual(len(self.ids(f"{PATH}?threshold=food")), 3)

    def test_it_validates(self) -> None:
        for body, pointers in (
            ({}, {"#/message"}),
            ({"message": ""}, {"#/message"}),
            ({"message": " \n "}, {"#/message"}),
            ({"message": "x" * 1001}, {"#/message"}),
            (
                {"message": 5, "threshold": True, "level": 80},
                {"#/message", "#/threshold", "#/level"},
            ),
        ):
            with self.subTest(body):
                self.assertEqual(set(self.wrong("POST", PATH, body)), pointers)
        self.assertEqual(self.post(PATH, {"message": "é" * 1000})["message"], "é" * 1000)

    def test_a_threshold_of_somebody_else_is_not_there(self) -> None:
        theirs = limit(self.charlie, "5.00", slug="theirs")
        gone = limit(self.alice, "5.00", slug="gone")
        gone.delete()
        for key in (theirs.pk, "theirs", gone.pk, "gone", 0, -1, 2**63, "", "5", "a\nb"):
            with self.subTest(key):
                self.post(PATH, {"message": "Look", "threshold": key}, status=404)
        self.post(PATH, {"message": "Look", "user": self.charlie.pk}, status=404)
        self.assertFalse(Alert.objects.exists())

    def test_it_costs_a_fixed_number_of_queries(self) -> None:
        self.post(PATH, {"message": "Look"})
        with self.assertNumQueries(9):
            self.post(PATH, {"message": "Look"})
