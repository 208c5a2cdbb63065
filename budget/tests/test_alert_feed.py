"""The change feed: everything that has happened to the alerts, once and in order."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection
from django.test import Client, TransactionTestCase
from django.test.utils import CaptureQueriesContext

from budget.engine import acknowledge
from budget.models import Alert, AlertEvent, Ledger, Transaction
from budget.tests.base import ApiTestCase, issue_token, turn_back_the_day
from budget.tests.people import at, limit, make_user, spend
from lib.text import moment

PATH = "/api/alert"


class FeedTestCase(ApiTestCase):
    def setUp(self) -> None:
        turn_back_the_day()
        self.now = at("2018-03-20 12:00")
        self.now.start()
        self.addCleanup(self.now.stop)
        self.threshold = limit(self.alice, "100.00", levels=[50, 100])

    def feed(self, since: int, **parameters: Any) -> Any:
        more = "".join(f"&{name}={value}" for name, value in parameters.items())
        return self.get(f"{PATH}?since={since}{more}")

    def test_it_tells_what_was_opened_resolved_and_acknowledged(self) -> None:
        row = spend(self.alice, "60.00")
        (half,) = self.ids(PATH)
        self.patch(f"{PATH}/{half}", {"acknowledged": True})
        row.amount = row.amount * 2
        row.save()
        row.delete()
        self.post(PATH, {"message": "Mine"})
        found = self.feed(0)
        self.assertEqual(
            [(item["seq"], item["kind"], item["alert"]["level"]) for item in found["items"]],
            [
                (1, "opened", 50),
                (2, "acknowledged", 50),
                (3, "opened", 100),
                (4, "resolved", 50),
                (5, "resolved", 100),
                (6, "opened", None),
            ],
        )
        self.assertEqual((found["next"], found["previous"], found["since"]), (None, None, 6))
        event = AlertEvent.objects.get(seq=3)
        self.assertEqual(
            found["items"][2],
            {
                "seq": 3,
                "kind": "opened",
                "cause": "transaction",
                "at": moment(event.at),
                "total": "120.00",
                "limit": "100.00",
                "transaction": event.transaction_id,
                "alert": self.get(f"{PATH}/{event.alert_id}"),
            },
        )

    def test_an_alert_is_shown_as_it_is_now(self) -> None:
        row = spend(self.alice, "60.00")
        row.delete()
        items = self.feed(0)["items"]
        self.assertEqual([item["kind"] for item in items], ["opened", "resolved"])
        self.assertEqual({item["alert"]["status"] for item in items}, {"resolved"})

    def test_it_goes_on_where_it_ended(self) -> None:
        self.assertEqual(self.feed(0), {"items": [], "next": None, "previous": None, "since": 0})
        spend(self.alice, "60.00")
        self.assertEqual([item["seq"] for item in self.feed(0)["items"]], [1])
        self.assertEqual(self.feed(1), {"items": [], "next": None, "previous": None, "since": 1})
        spend(self.alice, "60.00")
        found = self.feed(1)
        self.assertEqual(([item["seq"] for item in found["items"]], found["since"]), ([2], 2))

    def test_a_list_says_where_its_feed_begins(self) -> None:
        spend(self.alice, "60.00")
        since = self.get(PATH)["since"]
        self.assertEqual(since, 1)
        spend(self.alice, "60.00")
        self.assertEqual(len(self.feed(since)["items"]), 1)
        self.assertEqual(self.get(PATH, who="charlie")["since"], 0)

    def test_it_comes_in_pages(self) -> None:
        for _ in range(7):
            spend(self.alice, "120.00").delete()
        found = self.feed(0, limit=5)
        seqs, pages = [item["seq"] for item in found["items"]], 1
        self.assertEqual(self.answer["Link"], f'<{found["next"]}>; rel="next"')
        while found["next"] is not None:
            self.assertEqual(found["since"], seqs[-1])
            found = self.get(found["next"])
            seqs += [item["seq"] for item in found["items"]]
            pages += 1
        self.assertEqual((seqs, pages, found["since"]), (list(range(1, 29)), 6, 28))

    def test_nothing_of_others_is_in_it(self) -> None:
        spend(self.alice, "60.00")
        self.assertEqual(self.get(f"{PATH}?since=0", who="charlie")["items"], [])

    def test_a_number_that_was_never_given_out_is_gone(self) -> None:
        spend(self.alice, "60.00")
        for since in ("2", "9999999999999999999"):
            found = self.get(f"{PATH}?since={since}", status=410)
            self.assertEqual(found["type"], "/problems/gone")
            self.assertEqual([error["parameter"] for error in found["errors"]], ["since"])
        self.assertEqual(list(self.wrong_parameters(f"{PATH}?since=x")), ["since"])

    def test_it_is_never_less_than_the_whole(self) -> None:
        for other in ("status=open", "q=a", "cursor=x", "count=true", "active=true", "kind=custom"):
            with self.subTest(other):
                found = self.wrong_parameters(f"{PATH}?since=0&{other}")
                self.assertIn(other.partition("=")[0], " ".join(found.values()))

    def test_ten_or_two_hundred_events_take_the_same_queries(self) -> None:
        for _ in range(50):
            spend(self.alice, "120.00").delete()
        counts = []
        for limit_ in (2, 200):
            with CaptureQueriesContext(connection) as queries:
                self.assertEqual(len(self.feed(0, limit=limit_)["items"]), limit_)
            counts.append(len(queries))
        self.assertEqual(counts[0], counts[1])


WRITERS, ROUNDS = 4, 15


@pytest.mark.postgres
class ParallelTestCase(TransactionTestCase):
    """Four writers, each with a separate connection, while a fifth polls."""

    def test_a_poller_misses_nothing_and_sees_nothing_twice(self) -> None:
        self.alice = make_user("alice")
        self.headers = {"Authorization": f"Bearer {issue_token(self.alice)}"}
        limit(self.alice, "10.00", of="Groceries", levels=[10, 50, 100])
        limit(self.alice, "5.00", "daily")
        failed: list[BaseException] = []

        def work(number: int) -> None:
            try:
                for turn in range(ROUNDS):
                    day = f"2018-0{number % 3 + 1}-{turn % 9 + 10}"
                    row = spend(self.alice, "20.00", day)
                    if turn % 3 == 0:
                        newest = Alert.objects.filter(user=self.alice).order_by("-id")[0]
                        acknowledge(self.alice.pk, newest.pk)
                    Transaction.objects.get(pk=row.pk).delete()
            except BaseException as error:
                failed.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(WRITERS)]
        for thread in threads:
            thread.start()
        seen: list[tuple[int, str, int]] = []
        polls = since = 0
        while any(thread.is_alive() for thread in threads):
            since = self.poll(since, seen)
            polls += 1
        for thread in threads:
            thread.join()
        while (after := self.poll(since, seen)) > since:
            since = after
        self.assertEqual(failed, [])
        events = AlertEvent.objects.filter(user=self.alice).order_by("seq")
        must = [(event.seq, event.kind, event.alert_id) for event in events]
        self.assertGreater(len(must), 100)
        self.assertGreater(polls, 5)
        self.assertEqual(seen, must)
        self.assertEqual([seq for seq, _, _ in must], list(range(1, len(must) + 1)))
        self.assertEqual(since, Ledger.objects.get(user=self.alice).event_seq)

    def poll(self, since: int, seen: list[tuple[int, str, int]]) -> int:
        answer = Client(headers=self.headers).get(f"{PATH}?since={since}&limit=7")
        self.assertEqual(answer.status_code, 200, answer.content)
        found = answer.json()
        seen += [(item["seq"], item["kind"], item["alert"]["id"]) for item in found["items"]]
        reached: int = found["since"]
        return reached
