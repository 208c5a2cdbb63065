"""Why an alert is what it is, page by page, and what a threshold would have raised."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from unittest import mock

from accounts.models import ApiToken, Scope
from budget.engine import replay
from budget.models import Alert, Category, Ledger, Threshold
from budget.tests.base import ApiTestCase
from budget.tests.people import at, combine, limit, spend


class ExplainTestCase(ApiTestCase):
    def setUp(self) -> None:
        self.stand_at("2018-03-20 12:00")
        limit(self.alice, "100.00", of="Groceries", levels=[100])
        self.rows = [spend(self.alice, "30.00", f"2018-03-0{day}") for day in range(1, 8)]
        spend(self.alice, "5.00", "2018-03-02", type="refund")
        spend(self.alice, "500.00", "2018-03-02", to="Rent")
        self.alert = Alert.objects.get(user=self.alice)
        self.path = f"/api/alert/{self.alert.pk}/explain"

    def pages(self, url: str | None) -> list[dict[str, Any]]:
        found = []
        while url:
            found.append(self.get(url))
            url = found[-1]["next"]
        return found

    def test_what_all_pages_add_comes_to_the_total(self) -> None:
        for size, count in ((3, 3), (8, 1), (200, 1)):
            pages = self.pages(f"{self.path}?limit={size}")
            self.assertEqual(len(pages), count)
            items = [item for page in pages for item in page["items"]]
            self.assertEqual(sum(Decimal(item["adds"][0]) for item in items), Decimal("205.00"))
            self.assertEqual({page["sums"][0]["total"] for page in pages}, {"205.00"})
            self.assertEqual(pages[0]["alert"], self.get(f"/api/alert/{self.alert.pk}"))
        self.assertEqual(pages[0]["tipped_by"]["id"], self.rows[3].pk)
        dates = [item["transaction"]["date"] for item in items]
        self.assertEqual(dates, sorted(dates))

    def test_a_page_of_an_older_state_is_409(self) -> None:
        following = self.get(f"{self.path}?limit=3")["next"]
        self.get(following)
        spend(self.alice, "1.00", "2018-01-01", to="Rent")
        found = self.get(following, status=409)
        self.assertEqual(found["type"], "/problems/stale")
        following = self.get(f"{self.path}?limit=3")["next"]
        with at("2018-03-21 00:00"):
            self.get(following, status=409)

    def test_a_cursor_of_another_list_is_refused(self) -> None:
        combine(
            self.alice, ("Rent", "spending", "gt", "1.00"), (None, "net", "gt", "1"), match="any"
        )
        following = self.get(f"{self.path}?limit=3")["next"].partition("cursor=")[2]
        other = Alert.objects.get(user=self.alice, threshold__match="any")
        self.get(f"/api/alert/{other.pk}/explain?cursor={following}", status=400)
        self.get(f"{self.path}?cursor=x", status=400)
        self.get(f"{self.path}?limit=0", status=400)
        self.get(f"{self.path}?q=x", status=400)

    def test_a_combination_is_explained_condition_by_condition(self) -> None:
        combine(
            self.alice, ("Rent", "spending", "gt", "1.00"), (None, "count", "gte", "8"), name="Both"
        )
        alert = Alert.objects.get(user=self.alice, threshold__match="all")
        found = self.get(f"/api/alert/{alert.pk}/explain")
        self.assertEqual([one["total"] for one in found["sums"]], ["500.00", "8"])
        rent = [item["adds"] for item in found["items"] if item["adds"][0] is not None]
        self.assertEqual(rent, [["500.00", "1"]])

    def test_a_custom_alert_and_one_of_somebody_else(self) -> None:
        own = self.post("/api/alert", {"message": "Mine"})["id"]
        found = self.get(f"/api/alert/{own}/explain")
        self.assertEqual((found["sums"], found["items"], found["next"]), ([], [], None))
        self.get(self.path, who="charlie", status=404)
        self.get("/api/alert/0/explain", status=404)

    def test_an_answer_at_hand_is_still_right_until_something_is_written(self) -> None:
        self.get(self.path)
        tag = self.answer["ETag"]
        answer = self.client.get(
            self.path, HTTP_AUTHORIZATION=f"Bearer {self.tokens['alice']}", HTTP_IF_NONE_MATCH=tag
        )
        self.assertEqual(answer.status_code, 304)


class PreviewTestCase(ApiTestCase):
    BODY: dict[str, Any] = {
        "amount": "100.00",
        "type": "monthly",
        "category": "Groceries",
        "date_from": "2018-02-10",
        "date_to": "2018-03-20",
    }
    PATH = "/api/threshold/preview"

    def setUp(self) -> None:
        self.stand_at("2018-03-20 12:00")
        self.rows = [
            spend(self.alice, "60.00", day) for day in ("2018-02-01", "2018-02-28", "2018-03-05")
        ]
        self.get("/api/alert")

    def preview(self, body: dict[str, Any], **options: Any) -> Any:
        return self.post(self.PATH, body, status=200, reads=True, **options)

    def test_it_tells_what_would_have_been_raised_and_stores_nothing(self) -> None:
        version = Ledger.objects.get(user=self.alice).version
        found = self.preview(self.BODY)
        self.assertEqual((found["date_from"], found["transactions"]), ("2018-02-10", 2))
        flips = [(flip["on"], flip["kind"], flip["level"]) for flip in found["flips"]]
        self.assertEqual(flips, [("2018-02-28", "opened", 80), ("2018-02-28", "opened", 100)])
        self.assertEqual({flip["transaction"] for flip in found["flips"]}, {self.rows[1].pk})
        counts = [found[name] for name in ("open_before", "opened", "open")]
        self.assertEqual(counts, [0, 2, 2])
        self.assertFalse(Threshold.objects.exists())
        self.assertFalse(Alert.objects.exists())
        self.assertEqual(Ledger.objects.get(user=self.alice).version, version)

    def test_every_kind_can_be_previewed(self) -> None:
        conditions = [
            {"category": "Groceries", "operator": "gte", "amount": "60"},
            {"measure": "count", "operator": "lte", "amount": "5"},
        ]
        span = {name: self.BODY[name] for name in ("date_from", "date_to", "type")}
        for body, opened in (
            (self.BODY | {"type": "rolling", "days": 6, "amount": "60"}, 2),
            (self.BODY | {"operator": "lte", "amount": "130"}, 1),
            (self.BODY | {"measure": "count", "amount": "2", "levels": [100]}, 1),
            (self.BODY | {"rollover": True, "levels": [100]}, 1),
            (self.BODY | {"type": "transaction", "amount": "60", "levels": [100]}, 2),
            (span | {"conditions": conditions}, 1),
        ):
            with self.subTest(body):
                self.assertEqual(self.preview(body)["opened"], opened)
        (flip,) = self.preview(span | {"conditions": conditions})["flips"]
        judged = [(one["category"], one["total"], one["holds"]) for one in flip["conditions"]]
        self.assertEqual(judged, [("Groceries", "120.00", True), (None, "2", True)])

    def test_what_was_open_before_is_counted_and_not_told(self) -> None:
        found = self.preview(self.BODY | {"date_from": "2018-03-01", "type": "rolling", "days": 30})
        counts = [found[name] for name in ("open_before", "opened", "open", "transactions")]
        self.assertEqual((counts, found["flips"]), ([2, 0, 2, 1], []))

    def test_a_read_token_may_ask_and_may_not_store(self) -> None:
        _, secret = ApiToken.issue(self.alice, "reader", scope=Scope.READ)
        credential = {"HTTP_AUTHORIZATION": f"Bearer {secret}"}
        self.preview(self.BODY, **credential)
        self.post("/api/threshold", {}, status=403, **credential)
        self.preview(self.BODY, HTTP_IDEMPOTENCY_KEY="once")

    def test_it_refuses_what_a_threshold_is_refused_for_and_more(self) -> None:
        for change, pointers in (
            ({"days": 5}, {"#/days"}),
            ({"amount": None}, {"#/amount"}),
            ({"date_to": "2018-02-09"}, {"#/date_to"}),
            ({"date_to": "2018-03-21"}, {"#/date_to"}),
            ({"date_from": "yesterday", "date_to": None}, {"#/date_from", "#/date_to"}),
            ({"category": "Nowhere"}, {"#/category"}),
            ({"id": 5}, {"#/id"}),
        ):
            with self.subTest(change):
                self.assertEqual(set(self.wrong("POST", self.PATH, self.BODY | change)), pointers)
        body = {name: self.BODY[name] for name in ("date_from", "date_to", "type")}
        conditions = [{"amount": "1"}, {"category": "Nowhere", "amount": "1"}]
        errors = self.wrong("POST", self.PATH, body | {"conditions": conditions})
        self.assertEqual(errors, {"#/conditions/1/category": "There is no such category."})
        self.assertFalse(Category.objects.filter(name="Nowhere").exists())

    def test_too_many_transactions_are_said_to_be(self) -> None:
        with mock.patch.object(replay, "MAX_ROWS", 2):
            self.assertEqual(list(self.wrong("POST", self.PATH, self.BODY)), ["#/date_from"])

    def test_it_goes_through_ones_own_rows_alone(self) -> None:
        self.post("/api/category", {"name": "Groceries"}, who="charlie")
        self.assertEqual(self.preview(self.BODY, who="charlie")["transactions"], 0)
        self.get(self.PATH, status=405)
