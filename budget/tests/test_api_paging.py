"""Pages of a list: whole, in order, and steady while rows come and go."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from urllib.parse import parse_qs, urlsplit

from budget.models import Transaction
from budget.tests.base import ApiTestCase, turn_back_the_day
from budget.tests.people import at, limit, spend

PATH = "/api/transaction"


def flat(pages: Iterable[list[int]]) -> list[int]:
    return list(chain.from_iterable(pages))


class PagingTestCase(ApiTestCase):
    def setUp(self) -> None:
        # Many rows on few days, so that the id has to decide, too.
        for number in range(23):
            spend(self.alice, "1.00", f"2018-03-{number * 7 % 4 + 1:02}")
        self.all = [row.pk for row in Transaction.objects.order_by("-date", "-id")]

    def walk(self, url: str | None, side: str = "next") -> list[list[int]]:
        pages = []
        while url is not None:
            found = self.get(url)
            pages.append([item["id"] for item in found["items"]])
            url = found[side]
        return pages

    def test_pages_forward_are_the_whole_list(self) -> None:
        for size in (1, 2, 5, 22, 23, 24, 200):
            pages = self.walk(f"{PATH}?limit={size}")
            with self.subTest(size):
                self.assertEqual(flat(pages), self.all)
                self.assertEqual({len(page) for page in pages[:-1]} - {size}, set())

    def test_pages_backward_are_the_same(self) -> None:
        last = f"{PATH}?limit=5"
        while (url := self.get(last)["next"]) is not None:
            last = url
        pages = self.walk(last, "previous")
        self.assertEqual(flat(reversed(pages)), self.all)

    def test_there_is_nothing_beside_a_list_of_one_page(self) -> None:
        found = self.get(PATH)
        self.assertEqual((len(found["items"]), found["next"], found["previous"]), (23, None, None))
        self.assertNotIn("Link", self.answer.headers)
        found = self.get(f"{PATH}?category=uncategorised")
        self.assertEqual(found, {"items": [], "next": None, "previous": None})

    def test_the_links_stand_in_the_header_too(self) -> None:
        first = self.get(f"{PATH}?limit=5")
        self.assertEqual(self.answer["Link"], f'<{first["next"]}>; rel="next"')
        second = self.get(first["next"])
        self.assertEqual(
            self.answer["Link"],
            f'<{second["next"]}>; rel="next", <{second["previous"]}>; rel="prev"',
        )

    def test_links_keep_the_filters(self) -> None:
        spend(self.alice, "1.00", "2018-03-02", to="Café & Bar=1")
        spend(self.alice, "1.00", "2018-03-02", to="Café & Bar=1")
        query = "category=caf%C3%A9+%26+bar%3D1&limit=1"
        found = self.get(f"{PATH}?{query}")
        parameters = parse_qs(urlsplit(found["next"]).query)
        self.assertEqual(parameters["category"], ["café & bar=1"])
        self.assertEqual(len(flat(self.walk(f"{PATH}?{query}"))), 2)

    def test_rows_that_come_and_go_elsewhere_move_nothing(self) -> None:
        first = self.get(f"{PATH}?limit=5")
        spend(self.alice, "1.00", "2018-03-09")
        for pk in self.all[:5]:
            Transaction.objects.get(pk=pk).delete()
        self.assertEqual(flat(self.walk(first["next"])), self.all[5:])

    def test_the_way_back_shows_rows_that_came_meanwhile(self) -> None:
        second = self.get(self.get(f"{PATH}?limit=5")["next"])
        new = spend(self.alice, "1.00", "2018-03-09").pk
        pages = self.walk(second["previous"], "previous")
        self.assertEqual(pages, [self.all[:5], [new]])

    def test_a_page_whose_rows_have_all_gone_leads_back(self) -> None:
        first = self.get(f"{PATH}?limit=20")
        Transaction.objects.filter(pk__in=self.all[20:]).delete()
        empty = self.get(first["next"])
        self.assertEqual((empty["items"], empty["next"]), ([], None))
        self.assertEqual(self.walk(empty["previous"], "previous"), [self.all[:20]])
        Transaction.objects.filter(pk__in=self.all[:20]).delete()
        empty = self.get(empty["previous"])
        self.assertEqual((empty["items"], empty["previous"]), ([], None))
        new = spend(self.alice, "1.00", "2018-01-01").pk
        self.assertEqual(self.walk(empty["next"]), [[new]])

    def test_a_way_back_whose_rows_have_all_gone_leads_forward(self) -> None:
        second = self.get(self.get(f"{PATH}?limit=5")["next"])
        Transaction.objects.filter(pk__in=self.all[:5]).delete()
        empty = self.get(second["previous"])
        self.assertEqual((empty["items"], empty["previous"]), ([], None))
        self.assertEqual(flat(self.walk(empty["next"])), self.all[5:])

    def test_the_limit_may_change_on_the_way(self) -> None:
        url = self.get(f"{PATH}?limit=5")["next"].replace("limit=5", "limit=200")
        self.assertEqual(flat(self.walk(url)), self.all[5:])

    def test_a_cursor_is_of_one_user_one_list_and_its_filters(self) -> None:
        limit(self.alice, "1.00")
        found = self.get(f"{PATH}?limit=5&type=expense")
        cursor = parse_qs(urlsplit(found["next"]).query)["cursor"][0]
        self.get(f"{PATH}?cursor={cursor}&type=expense&limit=5")
        for path in (
            f"{PATH}?cursor={cursor}",
            f"{PATH}?cursor={cursor}&type=income",
            f"{PATH}?cursor={cursor}&type=expense&date_to=2019-01-01",
            f"{PATH}?cursor={cursor}x&type=expense",
            f"{PATH}?cursor={cursor[1:]}&type=expense",
            f"{PATH}?cursor={cursor.partition(':')[0]}&type=expense",
            f"/api/alert?cursor={cursor}",
            f"/api/threshold?cursor={cursor}",
        ):
            with self.subTest(path.replace(cursor, "CURSOR")):
                self.assertEqual(list(self.wrong_parameters(path)), ["cursor"])
        self.get(f"{PATH}?cursor={cursor}&type=expense", who="charlie", status=400)
        url = self.get("/api/transaction-type?limit=1")["next"]
        self.wrong_parameters(url.replace("transaction-type", "threshold"))

    def test_every_list_has_pages(self) -> None:
        limit(self.alice, "1.00", "daily", name="One")
        limit(self.alice, "1.00", "weekly", name="Two")
        for noun in ("alert", "threshold", "category", "transaction-type"):
            with self.subTest(noun):
                whole = self.ids(f"/api/{noun}?limit=200")
                self.assertGreater(len(whole), 1)
                pages = self.walk(f"/api/{noun}?limit=1")
                self.assertEqual(pages, [[pk] for pk in whole])
                last = f"/api/{noun}?limit=1"
                while (url := self.get(last)["next"]) is not None:
                    last = url
                self.assertEqual(self.walk(last, "previous"), pages[::-1])

    def test_alerts_of_one_moment_are_in_order(self) -> None:
        turn_back_the_day()
        with at("2018-03-20 12:00"):
            limit(self.alice, "1.00", "daily")
            limit(self.alice, "1.00", "transaction")
        with at("2018-03-21 12:00:00.000001"):
            spend(self.alice, "100.00", "2018-04-01")
        whole = self.ids("/api/alert?limit=200")
        self.assertGreater(len(whole), 40)
        self.assertEqual(flat(self.walk("/api/alert?limit=7")), whole)
        found = self.get("/api/alert?limit=200")["items"]
        self.assertEqual(
            found, sorted(found, key=lambda item: (item["opened_at"], item["id"]), reverse=True)
        )
