"""Filters, search, orderings and counts of every list."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.db import connection
from django.test.utils import CaptureQueriesContext

from api.schemas.filters import MAX_REPEATS
from budget.engine import merge_categories, raise_custom_alert, record_transactions
from budget.models import Category, Transaction
from budget.tests.base import ApiTestCase, turn_back_the_day
from budget.tests.people import at, category, limit, spend, transaction_of

PATH = "/api/transaction"
LISTS = ("transaction", "threshold", "alert", "category", "transaction-type", "token")


def described(items: list[dict[str, Any]]) -> list[str]:
    return [item["description"] for item in items]


class TransactionTestCase(ApiTestCase):
    def setUp(self) -> None:
        self.cafe = self.row("Crème brûlée", "4.50", "2018-03-01", to="Café & Bar")
        self.market = self.row("Big MARKET hall", "80.00", "2018-03-02", to="Groceries")
        self.fee = self.row("100% fee_now", "7.00", "2018-03-03", to="Bank", external_id="=1")
        self.pay = self.row("Salary", "2500.00", "2018-03-04", to="Work", type="income")
        spend(self.charlie, "1.00", description="market of charlie")

    def row(self, description: str, amount: str, day: str, **fields: Any) -> int:
        return spend(self.alice, amount, day, description=description, **fields).pk

    def found(self, query: str) -> list[int]:
        return self.ids(f"{PATH}?{query}")

    def test_words_are_found_in_any_case_and_accent_and_order(self) -> None:
        for text, must in {
            "market": [self.market],
            "MÁRKET": [self.market],
            "hall big": [self.market],
            "creme": [self.cafe],
            "BRULE": [self.cafe],
            "bru\u0302le\u0301e": [self.cafe],
            "arke": [self.market],
            "market creme": [],
            "nothing": [],
            "": [self.pay, self.fee, self.market, self.cafe],
            "  \t": [self.pay, self.fee, self.market, self.cafe],
        }.items():
            with self.subTest(text):
                self.assertEqual(self.found(f"q={quote(text)}"), must)

    def test_a_word_may_stand_in_the_category(self) -> None:
        self.assertEqual(self.found("q=cafe"), [self.cafe])
        self.assertEqual(self.found("q=cafe+brulee"), [self.cafe])
        self.assertEqual(self.found("q=cafe+market"), [])

    def test_signs_of_a_pattern_stand_for_themselves(self) -> None:
        self.assertEqual(self.found("q=100%25"), [self.fee])
        self.assertEqual(self.found("q=fee_now"), [self.fee])
        self.assertEqual(self.found("q=m%25t"), [])
        self.assertEqual(self.found("q=b_g"), [])
        self.assertEqual(self.found("q=%5C"), [])

    def test_a_category_is_found_by_its_present_name(self) -> None:
        row = Transaction.objects.get(pk=self.cafe).category
        row.name = "Élan"
        row.save()
        self.assertEqual((self.found("q=elan"), self.found("q=cafe")), ([self.cafe], []))
        merge_categories(Category.objects.get(pk=row.pk), category(self.alice, "Groceries"))
        self.assertEqual((self.found("q=elan"), len(self.found("q=grocer"))), ([], 2))

    def test_what_is_searched_follows_every_write(self) -> None:
        path = f"{PATH}/{self.fee}"
        self.patch(path, {"description": "Straße"})
        self.assertEqual((self.found("q=STRASSE"), self.found("q=fee")), ([self.fee], []))
        row = Transaction.objects.get(pk=self.fee)
        row.description = "Łódź"
        row.save(update_fields=["description"])
        self.assertEqual(self.found("q=%C5%82odz"), [self.fee])
        self.patch(path, {"amount": "8.00"})
        self.assertEqual(self.found("q=%C5%82odz"), [self.fee])

    def test_rows_stored_at_once_and_what_every_user_has_are_found(self) -> None:
        rows = [transaction_of(self.alice, "1.00", description=f"Süß {n}") for n in range(3)]
        stored = record_transactions(self.alice.pk, rows)
        self.assertEqual(len(self.found("q=SUSS")), 3)
        self.assertEqual(self.found("q=suss+2"), [stored[2].pk])
        self.assertEqual(len(self.ids("/api/category?q=UNCAT")), 1)
        self.assertEqual(len(self.ids("/api/transaction-type?q=transf")), 1)

    def test_categories_and_types_may_be_repeated(self) -> None:
        both = [self.market, self.cafe]
        self.assertEqual(self.found("category=groceries&category=CAF%C3%89+%26+bar"), both)
        self.assertEqual(self.found("category=Groceries&category=groceries"), [self.market])
        self.assertEqual(self.found("type=income&type=refund"), [self.pay])
        self.assertEqual(len(self.found("type=income&type=expense")), 4)
        category(self.charlie, "Theirs")
        self.assertEqual(
            self.wrong_parameters(
                f"{PATH}?category=Groceries&category=No+%22one%22&category=theirs&type=income&type=no"
            ),
            {
                "category": 'There is no category "No "one"", "theirs".',
                "type": 'There is no transaction type "no".',
            },
        )
        many = "&".join(f"category=c{number}" for number in range(MAX_REPEATS + 1))
        self.assertEqual(list(self.wrong_parameters(f"{PATH}?{many}")), ["category"])

    def test_categories_are_also_found_by_id(self) -> None:
        groceries, cafe = (category(self.alice, name).pk for name in ("Groceries", "Café & Bar"))
        both = [self.market, self.cafe]
        self.assertEqual(self.found(f"category_id={groceries}&category_id={cafe}"), both)
        self.assertEqual(self.found(f"category_id={groceries}&category=caf%C3%89+%26+bar"), both)
        self.assertEqual(self.found(f"category_id={groceries}&category=groceries"), [self.market])
        self.assertEqual(self.found(f"category_id={groceries}&subtree=true"), [self.market])
        theirs = category(self.charlie, "Theirs").pk
        huge = 10**19 - 1
        unknown = f'There is no category "{theirs}", "{huge}".'
        for path in (PATH, "/api/threshold", "/api/alert"):
            asked = f"{path}?category_id={groceries}&category_id={theirs}&category_id={huge}"
            self.assertEqual(self.wrong_parameters(asked), {"category_id": unknown})
            self.assertEqual(
                list(self.wrong_parameters(f"{path}?category_id=Groceries")), ["category_id"]
            )
        many = "&".join(f"category_id={number}" for number in range(MAX_REPEATS + 1))
        self.assertEqual(list(self.wrong_parameters(f"{PATH}?{many}")), ["category_id"])
        child = Category(user=self.alice, name="Market", parent_id=groceries)
        child.save()
        self.assertEqual(self.ids(f"/api/category?parent_id={groceries}"), [child.pk])

    def test_everything_else_stands_once(self) -> None:
        for query in (
            "q=a&q=b",
            "date_from=2018-01-01&date_from=2018-01-02",
            "ordering=id&ordering=id",
        ):
            name = query.partition("=")[0]
            self.assertEqual(
                self.wrong_parameters(f"{PATH}?{query}"), {name: "Given more than once."}
            )

    def test_amounts_and_dates_are_inclusive(self) -> None:
        self.assertEqual(self.found("amount_min=7.00&amount_max=80"), [self.fee, self.market])
        self.assertEqual(self.found("amount_min=80.01"), [self.pay])
        self.assertEqual(self.found("amount_max=4.5"), [self.cafe])
        self.assertEqual(
            self.found("date_from=2018-03-02&date_to=2018-03-03"), [self.fee, self.market]
        )
        self.assertEqual(self.found("external_id=%3D1"), [self.fee])
        self.wrong_parameters(f"{PATH}?amount_min=2&amount_max=1")
        self.assertEqual(
            set(self.wrong_parameters(f"{PATH}?amount_min=-1&amount_max=1e3&ordering=price")),
            {"amount_min", "amount_max", "ordering"},
        )

    def test_filters_and_words_go_together(self) -> None:
        self.assertEqual(
            self.found("q=a&type=expense&amount_max=80&category=groceries"), [self.market]
        )

    def test_the_text_of_a_search_is_bounded(self) -> None:
        self.assertEqual(list(self.wrong_parameters(f"{PATH}?q={'a' * 201}")), ["q"])
        self.assertEqual(self.found(f"q={'+'.join('abcdefghij' * 10)}"), [])


class OrderingTestCase(ApiTestCase):
    def setUp(self) -> None:
        for number in range(23):
            day = f"2018-03-{number * 7 % 5 + 1:02}"
            spend(self.alice, f"{number * 5 % 4 + 1}.50", day)

    def test_every_ordering_has_pages_both_ways(self) -> None:
        rows = list(Transaction.objects.filter(user=self.alice))
        for name in ("date", "amount", "id"):
            for sign in ("", "-"):
                must = [
                    row.pk
                    for row in sorted(
                        rows, key=lambda row: (getattr(row, name), row.pk), reverse=sign == "-"
                    )
                ]
                with self.subTest(sign + name):
                    first = f"{PATH}?ordering={sign}{name}&limit=5"
                    there, last = self.walk_ids(first, "next")
                    back, _ = self.walk_ids(last, "previous")
                    self.assertEqual(there, must)
                    self.assertEqual(sorted(back), sorted(must))

    def test_an_ordering_is_part_of_what_a_cursor_belongs_to(self) -> None:
        following = self.get(f"{PATH}?ordering=amount&limit=5")["next"]
        self.wrong_parameters(following.replace("ordering=amount", "ordering=-amount"))

    def test_pages_keep_repeated_filters_in_whatever_order(self) -> None:
        spend(self.alice, "1.00", to="Other")
        query = "category=Uncategorised&category=Groceries&category=Other"
        with self.subTest("unknown names are no filter"):
            self.wrong_parameters(f"{PATH}?category=Nowhere&{query}")
        found, _ = self.walk_ids(f"{PATH}?{query}&limit=5", "next")
        self.assertEqual(len(found), 24)
        following = self.get(f"{PATH}?{query}&limit=5")["next"]
        turned = "category=Other&category=Groceries&category=Uncategorised"
        self.assertEqual(len(self.get(following.replace(query, turned))["items"]), 5)

    def test_nothing_is_counted_unless_asked_for(self) -> None:
        with CaptureQueriesContext(connection) as plain:
            self.assertNotIn("count", self.get(f"{PATH}?limit=5"))
        with CaptureQueriesContext(connection) as counting:
            found = self.get(f"{PATH}?limit=5&count=true")
        self.assertEqual((found["count"], len(counting) - len(plain)), (23, 1))
        self.assertFalse(any("COUNT(" in query["sql"] for query in plain))
        self.assertEqual(self.get(found["next"])["count"], 23)
        self.assertNotIn("count", self.get(found["next"].replace("count=true", "count=false")))
        self.assertEqual(self.get(f"{PATH}?count=true&date_to=2018-03-01")["count"], 5)
        self.assertEqual(list(self.wrong_parameters(f"{PATH}?count=1")), ["count"])


class EveryListTestCase(ApiTestCase):
    def test_every_list_searches_and_counts_and_names_what_it_does_not_know(self) -> None:
        spend(self.alice, "5.00", description="Ünique", to="Ünique")
        limit(self.alice, "1.00", "daily", name="Ünique", levels=[100])
        self.post("/api/transaction-type", {"name": "Ünique", "effect": "none"})
        spend(self.alice, "5.00", to="Another")
        raise_custom_alert(self.alice.pk, "Another")
        token = self.alice.api_tokens.get()
        token.issue(self.alice, "Ünique")
        for noun in LISTS:
            with self.subTest(noun):
                some = self.get(f"/api/{noun}?q=UNIQUE&count=true")
                self.assertEqual((len(some["items"]), some["count"]), (1, 1))
                self.assertEqual(self.ids(f"/api/{noun}?q=unique+nowhere"), [])
                whole = self.get(f"/api/{noun}?limit=200&count=true")
                self.assertGreater(len(whole["items"]), 0)
                self.assertEqual(whole["count"], len(whole["items"]))
                self.assertEqual(
                    self.wrong_parameters(f"/api/{noun}?words=a&limit=5&limit=5"),
                    {"limit": "Given more than once."},
                )
                self.assertEqual(list(self.wrong_parameters(f"/api/{noun}?words=a")), ["words"])


class ThresholdTestCase(ApiTestCase):
    def setUp(self) -> None:
        turn_back_the_day()
        self.now = at("2018-03-20 12:00")
        self.now.start()
        self.addCleanup(self.now.stop)
        spend(self.alice, "85.00", "2018-03-05", to="Food")
        spend(self.alice, "200.00", "2018-03-06", to="Rent")
        self.food = limit(self.alice, "100.00", of="Food", name="Café food").pk
        self.rent = limit(self.alice, "100.00", of="Rent", name="Rent").pk
        self.off = limit(self.alice, "100.00", "weekly", name="Off", enabled=False).pk
        self.single = limit(self.alice, "50.00", "transaction", name="Single").pk
        self.gone = limit(self.alice, "1.00", name="Rent of before")
        self.gone.delete()

    def found(self, query: str) -> list[int]:
        return self.ids(f"/api/threshold?{query}")

    def test_filters(self) -> None:
        for query, must in {
            "q=cafe": [self.food],
            "q=RENT": [self.rent],
            "type=monthly": [self.food, self.rent],
            "type=weekly&type=transaction": [self.off, self.single],
            "category=food": [self.food],
            "category=food&category=rent": [self.food, self.rent],
            "enabled=false": [self.off],
            "enabled=true": [self.food, self.rent, self.single],
            "level_reached=1": [self.food, self.rent],
            "level_reached=80": [self.food, self.rent],
            "level_reached=81": [self.rent],
            "level_reached=100": [self.rent],
            "level_reached=101": [],
            "level_reached=80&category=food": [self.food],
        }.items():
            with self.subTest(query):
                self.assertEqual(self.found(query), must)
                self.assertEqual(self.get(f"/api/threshold?count=true&{query}")["count"], len(must))

    def test_wrong_parameters_are_named(self) -> None:
        query = "type=hourly&enabled=1&level_reached=0&category=nowhere"
        self.assertEqual(
            set(self.wrong_parameters(f"/api/threshold?{query}")),
            {"type", "enabled", "level_reached", "category"},
        )

    def test_a_level_reached_is_found_page_by_page(self) -> None:
        first = self.get("/api/threshold?level_reached=80&limit=1")
        second = self.get(first["next"])
        self.assertEqual(
            [first["items"][0]["id"], second["items"][0]["id"]], [self.food, self.rent]
        )
        self.assertIsNone(second["next"])


class AlertTestCase(ApiTestCase):
    def setUp(self) -> None:
        turn_back_the_day()
        self.now = at("2018-03-20 12:00")
        self.now.start()
        self.addCleanup(self.now.stop)
        self.food = limit(self.alice, "100.00", of="Food", name="Café food")
        self.rent = limit(self.alice, "100.00", of="Rent", name="Rent")
        spend(self.alice, "85.00", "2018-03-05", to="Food")
        spend(self.alice, "200.00", "2018-02-06", to="Rent")
        self.own = raise_custom_alert(self.alice.pk, "Où est la facture?").pk
        self.all = {
            (item["threshold"], item["level"]): item["id"]
            for item in self.get("/api/alert")["items"]
        }
        self.patch(f"/api/alert/{self.own}", {"acknowledged": True})

    def found(self, query: str) -> set[int]:
        return set(self.ids(f"/api/alert?{query}"))

    def test_filters(self) -> None:
        food = self.all[self.food.pk, 80]
        rent80, rent100 = self.all[self.rent.pk, 80], self.all[self.rent.pk, 100]
        for query, must in {
            "q=cafe": {food},
            "q=facture+OU": {self.own},
            "q=rent": {rent80, rent100},
            "level=80": {food, rent80},
            "level=100": {rent100},
            "kind=custom": {self.own},
            "kind=threshold": {food, rent80, rent100},
            "acknowledged=true": {self.own},
            "acknowledged=false": {food, rent80, rent100},
            "category=food": {food},
            "category=food&category=rent&level=80": {food, rent80},
            "period=2018-03-01": {food},
            "period=2018-03-31": {food},
            "period=2018-02-28": {rent80, rent100},
            "period=2018-04-01": set(),
            "threshold=rent&level=100": {rent100},
            "active=true": {food, self.own},
            "status=resolved": set(),
        }.items():
            with self.subTest(query):
                self.assertEqual(self.found(query), must)

    def test_words_find_the_alerts_of_a_deleted_threshold(self) -> None:
        self.rent.delete()
        self.assertEqual(len(self.found("q=rent&status=resolved")), 2)

    def test_wrong_parameters_are_named(self) -> None:
        query = "level=1001&kind=x&acknowledged=yes&period=2018-2-1&since=-1"
        self.assertEqual(
            set(self.wrong_parameters(f"/api/alert?{query}")),
            {"level", "kind", "acknowledged", "period", "since"},
        )


class BoundedTestCase(ApiTestCase):
    def test_every_query_of_a_search_names_the_user(self) -> None:
        row = transaction_of(self.alice, "1.00", description="x")
        row.save()
        limit(self.alice, "1.00", "daily")
        for noun in LISTS:
            with CaptureQueriesContext(connection) as queries:
                self.get(f"/api/{noun}?q=x&count=true&limit=1")
            # The first finds out who asks, by the token.
            for query in list(queries)[1:]:
                with self.subTest(noun, sql=query["sql"]):
                    self.assertIn("user_id", query["sql"])
