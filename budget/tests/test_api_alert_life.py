"""What a user does with an alert, what has happened to it, and which are listed when."""

from __future__ import annotations

from budget.engine import reconcile
from budget.models import Alert, AlertEvent
from budget.tests.base import ApiTestCase, turn_back_the_day
from budget.tests.people import at, combine, limit, spend

PATH = "/api/alert"


class MarksTestCase(ApiTestCase):
    def setUp(self) -> None:
        self.stand_at("2018-03-20 12:00")
        limit(self.alice, "150.00", of="Groceries", levels=[100])
        self.row = spend(self.alice, "162.40", "2018-03-05")
        self.alert = Alert.objects.get(user=self.alice)
        self.path = f"{PATH}/{self.alert.pk}"

    def kinds(self) -> list[str]:
        return list(
            AlertEvent.objects.filter(alert=self.alert)
            .order_by("seq")
            .values_list("kind", flat=True)
        )

    def test_it_is_snoozed_and_taken_back(self) -> None:
        found = self.patch(self.path, {"snoozed_until": "2018-03-22T08:00:00+02:00"})
        self.assertEqual(found["snoozed_until"], "2018-03-22T06:00:00Z")
        self.assertEqual((found["status"], found["acknowledged_at"]), ("open", None))
        self.patch(self.path, {"snoozed_until": "2018-03-22T06:00:00Z"})
        self.assertIsNone(self.patch(self.path, {"snoozed_until": None})["snoozed_until"])
        self.assertEqual(self.kinds(), ["opened", "snoozed", "unsnoozed"])

    def test_both_can_be_said_at_once(self) -> None:
        body = {"acknowledged": True, "snoozed_until": "2018-03-22T06:00:00Z"}
        found = self.patch(self.path, body)
        self.assertEqual(found["acknowledged_at"], "2018-03-20T12:00:00Z")
        self.assertEqual(found["snoozed_until"], "2018-03-22T06:00:00Z")
        self.assertEqual(self.kinds(), ["opened", "acknowledged", "snoozed"])
        self.assertEqual(found["alerts"], {"opened": [], "resolved": []})

    def test_a_snooze_ends_by_itself_and_is_a_filter(self) -> None:
        own = self.post(PATH, {"message": "Mine"})["id"]
        self.patch(self.path, {"snoozed_until": "2018-03-22T06:00:00Z"})
        self.assertEqual(self.ids(f"{PATH}?snoozed=true"), [self.alert.pk])
        self.assertEqual(self.ids(f"{PATH}?snoozed=false"), [own])
        with at("2018-03-22 06:00"):
            self.assertEqual(self.ids(f"{PATH}?snoozed=true"), [])
            self.assertEqual(set(self.ids(f"{PATH}?snoozed=false")), {own, self.alert.pk})

    def test_a_worse_level_needs_a_new_acknowledgement_and_a_reopened_one_too(self) -> None:
        body = {"acknowledged": True, "snoozed_until": "2018-03-22T06:00:00Z"}
        self.patch(self.path, body)
        self.delete(f"/api/transaction/{self.row.pk}")
        spend(self.alice, "170.00", "2018-03-06")
        found = self.get(self.path)
        self.assertEqual((found["status"], found["episodes"]), ("open", 2))
        self.assertIsNone(found["acknowledged_at"])
        self.assertEqual(found["snoozed_until"], "2018-03-22T06:00:00Z")

    def test_times_that_are_none_or_out_of_bounds_are_refused(self) -> None:
        for time in (
            "2018-03-20T12:00:00Z",
            "2017-01-01T00:00:00Z",
            "2030-01-01T00:00:00Z",
            "2018-03-22",
            "2018-03-22T06:00:00",
            "2018-02-30T06:00:00Z",
            "soon",
            5,
            True,
        ):
            with self.subTest(time):
                errors = self.wrong("PATCH", self.path, {"snoozed_until": time})
                self.assertEqual(list(errors), ["#/snoozed_until"])
        self.assertEqual(self.kinds(), ["opened"])

    def test_its_events_are_told_in_order_and_in_pages(self) -> None:
        self.patch(self.path, {"acknowledged": True})
        self.delete(f"/api/transaction/{self.row.pk}")
        other = self.post(PATH, {"message": "Another one"})["id"]
        found = self.get(f"{self.path}/events?count=true")
        told = [(event["kind"], event["cause"], event["total"]) for event in found["items"]]
        expected = [
            ("opened", "transaction", "162.40"),
            ("acknowledged", "user", "162.40"),
            ("resolved", "transaction", "0.00"),
        ]
        self.assertEqual((told, found["count"]), (expected, 3))
        self.assertEqual({event["alert"]["id"] for event in found["items"]}, {self.alert.pk})
        paged, url = [], f"{self.path}/events?limit=2"
        while url:
            page = self.get(url)
            paged += page["items"]
            url = page["next"]
        self.assertEqual(paged, found["items"])
        self.assertEqual(len(self.get(f"{PATH}/{other}/events")["items"]), 1)
        for key in (self.alert.pk, 0, 2**63):
            self.get(f"{PATH}/{key}/events", who="charlie", status=404)

    def test_each_event_names_the_row_that_did_it_or_none(self) -> None:
        def rows() -> list[tuple[str, int | None]]:
            events = self.get(f"{self.path}/events")["items"]
            return [(event["kind"], event["transaction"]) for event in events]

        refund = spend(self.alice, "20.00", "2018-03-06", type="refund")
        again = spend(self.alice, "20.00", "2018-03-07")
        self.patch(f"/api/transaction/{refund.pk}", {"amount": "32.41"})
        self.patch(f"/api/transaction/{refund.pk}", {"amount": "32.40"})
        self.patch(self.path, {"acknowledged": True, "snoozed_until": "2018-03-22T06:00:00Z"})
        self.delete(f"/api/transaction/{again.pk}")
        self.delete(f"/api/transaction/{refund.pk}")
        self.patch(f"/api/threshold/{self.alert.threshold_id}", {"enabled": False})
        self.assertEqual(
            rows(),
            [
                ("opened", self.row.pk),
                ("resolved", refund.pk),
                ("opened", again.pk),
                ("resolved", refund.pk),
                ("opened", refund.pk),
                ("acknowledged", None),
                ("snoozed", None),
                ("resolved", again.pk),
                ("opened", None),
                ("resolved", None),
            ],
        )
        fed = self.get(f"{PATH}?since=0")["items"]
        self.assertEqual([(event["kind"], event["transaction"]) for event in fed], rows())

    def test_what_many_rows_or_the_day_resolve_names_none_of_them(self) -> None:
        limit(self.alice, "50.00", "rolling", days=2, of="Fun", levels=[100])
        fun = spend(self.alice, "60.00", "2018-03-19", to="Fun")
        body = {"date": "2018-03-08", "amount": "20.00", "category": "Groceries", "type": "refund"}
        self.post("/api/transaction", {"items": [body]})
        with at("2018-03-21 12:00"):
            # What this row is written for has nothing to do with the window.
            spend(self.alice, "1.00", "2017-01-01", to="Rent")
        events = AlertEvent.objects.filter(user=self.alice).order_by("seq")
        self.assertEqual(
            list(events.values_list("kind", "cause", "transaction_id")),
            [
                ("opened", "transaction", self.row.pk),
                ("opened", "transaction", fun.pk),
                ("resolved", "bulk", None),
                ("resolved", "day", None),
            ],
        )

    def test_events_of_a_count_are_whole_numbers(self) -> None:
        limit(self.alice, "1", measure="count", name="Times", levels=[100])
        (found,) = self.get(f"{PATH}?q=times")["items"]
        (event,) = self.get(f"{PATH}/{found['id']}/events")["items"]
        self.assertEqual((event["total"], event["limit"], found["total"]), ("1", "1", "1"))
        feed = self.get(f"{PATH}?since={event['seq'] - 1}")["items"]
        self.assertEqual(feed[0], event)


class CloseTestCase(ApiTestCase):
    def setUp(self) -> None:
        turn_back_the_day()
        limit(self.alice, "150.00", of="Groceries", levels=[100])
        with at("2018-03-20 12:00"):
            self.own = self.post(PATH, {"message": "Call the bnak"})["id"]
        self.path = f"{PATH}/{self.own}"

    def told(self) -> list[tuple[str, str]]:
        events = self.get(f"{self.path}/events")["items"]
        return [(event["kind"], event["cause"]) for event in events]

    def test_an_alert_of_ones_own_is_closed_and_stays_readable(self) -> None:
        with at("2018-03-21 12:00"):
            closed = self.delete(self.path)
            found = self.get(self.path)
        self.assertEqual(closed, {"id": self.own, "alerts": {"opened": [], "resolved": [found]}})
        state = found["status"], found["active"], found["resolved_at"], found["message"]
        self.assertEqual(state, ("resolved", False, "2018-03-21T12:00:00Z", "Call the bnak"))
        self.assertEqual(self.told(), [("opened", "user"), ("resolved", "user")])
        self.assertEqual(self.ids(f"{PATH}?active=true"), [])
        self.assertEqual(self.ids(f"{PATH}?status=resolved"), [self.own])
        (event,) = self.get(f"{PATH}?since=1")["items"]
        self.assertEqual((event["kind"], event["alert"]["status"]), ("resolved", "resolved"))
        self.assertEqual(reconcile(self.alice.pk), [])

    def test_closing_it_twice_changes_nothing(self) -> None:
        with at("2018-03-21 12:00"):
            self.delete(self.path)
        with at("2018-03-22 12:00"):
            again = self.delete(self.path)
        self.assertEqual(again, {"id": self.own, "alerts": {"opened": [], "resolved": []}})
        self.assertEqual(self.get(self.path)["resolved_at"], "2018-03-21T12:00:00Z")
        self.assertEqual(self.told(), [("opened", "user"), ("resolved", "user")])

    def test_what_follows_from_the_rows_cannot_be_closed(self) -> None:
        row = spend(self.alice, "162.40", "2018-03-05")
        alert = Alert.objects.get(transaction=row)
        found = self.delete(f"{PATH}/{alert.pk}", status=409)
        self.assertEqual(
            found["detail"],
            "This alert follows from the rows and resolves with them; only one of the user's own "
            "can be closed.",
        )
        self.delete(f"/api/transaction/{row.pk}")
        self.delete(f"{PATH}/{alert.pk}", status=409)

    def test_one_of_somebody_else_or_that_has_changed_is_not_closed(self) -> None:
        self.delete(self.path, who="charlie", status=404)
        self.get(self.path)
        tag = self.answer["ETag"]
        self.patch(self.path, {"acknowledged": True})
        self.delete(self.path, status=412, HTTP_IF_MATCH=tag)
        self.assertEqual(self.get(self.path)["status"], "open")
        self.get(self.path)
        self.delete(self.path, HTTP_IF_MATCH=self.answer["ETag"])
        self.assertEqual(self.get(self.path)["status"], "resolved")

    def test_it_costs_a_fixed_number_of_queries(self) -> None:
        with self.assertNumQueries(10):
            self.delete(self.path)


class ActiveTestCase(ApiTestCase):
    def setUp(self) -> None:
        turn_back_the_day()

    def test_what_is_judged_at_the_end_is_news_in_the_period_after(self) -> None:
        with at("2018-03-10 12:00"):
            limit(self.alice, "50.00", operator="lte", name="Little")
            self.assertEqual(self.ids(PATH), [])
        for moment, active in (
            ("2018-04-01 00:00", True),
            ("2018-04-30 23:59", True),
            ("2018-05-01 00:00", False),
        ):
            with at(moment):
                (found,) = self.get(f"{PATH}?period=2018-03-31")["items"]
                self.assertIs(found["active"], active, moment)
                ids = [found["id"]] if active else []
                rows = self.get(f"{PATH}?active=true&period=2018-03-31")["items"]
                self.assertEqual([row["id"] for row in rows], ids)
                rows = self.get(f"{PATH}?active=false&period=2018-03-31")["items"]
                self.assertEqual(len(rows), 1 - len(ids))

    def test_a_rolling_alert_lies_in_the_days_that_its_window_has_now(self) -> None:
        with at("2018-03-20 12:00"):
            limit(self.alice, "100.00", "rolling", days=10, levels=[100])
            spend(self.alice, "100.00", "2018-03-15")
            (found,) = self.get(f"{PATH}?active=true")["items"]
            self.assertEqual((found["period_start"], found["period_end"]), (None, None))
            self.assertIs(found["active"], True)
            for day, expected in (
                ("2018-03-10", []),
                ("2018-03-11", [found["id"]]),
                ("2018-03-20", [found["id"]]),
                ("2018-03-21", []),
                ("2199-12-31", []),
            ):
                self.assertEqual(self.ids(f"{PATH}?period={day}"), expected, day)
        with at("2018-03-24 12:00"):
            self.assertEqual(self.ids(f"{PATH}?period=2018-03-20"), [found["id"]])
            self.assertEqual(self.ids(f"{PATH}?period=2018-03-14"), [])
        with at("2018-03-25 12:00"):
            (now,) = self.get(f"{PATH}?since=1")["items"]
        self.assertEqual((now["kind"], now["cause"]), ("resolved", "day"))

    def test_forecasts_are_a_kind_of_their_own(self) -> None:
        with at("2018-03-10 12:00"):
            limit(self.alice, "100.00", forecast=True, levels=[100])
            spend(self.alice, "50.00", "2018-03-05")
            (found,) = self.get(f"{PATH}?kind=forecast")["items"]
            self.assertEqual(self.ids(f"{PATH}?kind=threshold"), [])
        self.assertEqual(
            (found["level"], found["total"], found["limit"]), (None, "155.00", "100.00")
        )
        self.assertEqual(found["forecast"]["formula"], "50.00 * 31 / 10 + 0.00")
        self.assertEqual(
            found["message"], "monthly: 155.00 of 100.00 USD forecast in March 2018, 155 %"
        )

    def test_the_day_tells_what_it_flips_by_any_write(self) -> None:
        with at("2018-03-10 12:00"):
            limit(self.alice, "50.00", operator="lte", name="Little")
            combine(self.alice, (None, "spending", "gte", "5"), name="Both")
            self.get(PATH)
        with at("2018-04-01 00:00"):
            found = self.post("/api/category", {"name": "New"})
            self.assertEqual(
                [alert["message"] for alert in found["alerts"]["opened"]],
                ["Little: 0.00 USD spent in March 2018, at most 50.00"],
            )
            self.assertEqual(self.post("/api/category", {"name": "Newer"})["alerts"]["opened"], [])
