"""Lists stay whole while rows come and go, and cost the same whatever their length."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, TransactionTestCase
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import ApiToken
from api.http.door import Door
from api.urls import urlpatterns
from budget.delivering import send_example
from budget.engine import raise_custom_alert, record_transactions
from budget.models import (
    Category,
    Delivery,
    Endpoint,
    Import,
    Threshold,
    Transaction,
    TransactionType,
)
from budget.models.endpoint import Channel
from budget.tests.base import ApiTestCase, issue_token
from budget.tests.people import category, fill_browser, fill_endpoint, limit, make_user, spend

PATH = "/api/transaction"
ROWS, CHUNK = 50_000, 10_000
FIRST = date(2018, 1, 1)


def built(user: User, number: int) -> Transaction:
    """Many rows on each of few days and of few amounts, so that the id has to decide, too."""
    return Transaction(
        user=user,
        date=FIRST + timedelta(days=number * 7919 % 365),
        category=category(user, "Groceries"),
        type=TransactionType.objects.get(user=user, slug="expense"),
        amount=Decimal(number % 90 + 1),
    )


def store(user: User, count: int) -> None:
    """Store rows in few commits."""
    one = built(user, 0)
    for at in range(0, count, CHUNK):
        rows = [
            Transaction(
                user=user,
                date=FIRST + timedelta(days=number * 7919 % 365),
                category=one.category,
                type=one.type,
                amount=Decimal(number % 90 + 1),
            )
            for number in range(at, min(at + CHUNK, count))
        ]
        record_transactions(user.pk, rows)


class Walker:
    """Reads a list page by page, to its end."""

    def __init__(self, user: User) -> None:
        self.client = Client(headers={"Authorization": f"Bearer {issue_token(user)}"})

    def pages(self, url: str | None) -> Iterator[list[int]]:
        while url is not None:
            answer = self.client.get(url)
            assert answer.status_code == 200, answer.content
            found = answer.json()
            yield [item["id"] for item in found["items"]]
            url = found["next"]


@pytest.mark.long
class WalkTestCase(TransactionTestCase):
    """50,000 rows; a tenth of them goes and as many come while the list is read."""

    def setUp(self) -> None:
        self.alice = make_user("alice")
        limit(self.alice, "1000000.00")
        store(self.alice, ROWS)
        ids = list(Transaction.objects.order_by("pk").values_list("pk", flat=True))
        self.fleeting = ids[::10]
        self.steady = set(ids) - set(self.fleeting)
        self.left = iter(self.fleeting)

    def disturb(self, number: int) -> None:
        """One row comes, and one that was there goes."""
        built(self.alice, number * 31).save()
        Transaction.objects.get(pk=next(self.left)).delete()

    def check(self, found: list[int]) -> None:
        self.assertEqual(len(found), len(set(found)))
        self.assertEqual(self.steady - set(found), set())

    def read(self, ordering: str, number: int = 0, between: int = 0) -> int:
        """Walk once, with writes between the pages; the number of the last write."""
        found: list[int] = []
        for page in Walker(self.alice).pages(f"{PATH}?limit=200&ordering={ordering}"):
            found += page
            for _ in range(between):
                number += 1
                self.disturb(number)
        self.check(found)
        return number

    def test_writes_between_the_pages(self) -> None:
        number = 0
        for ordering in ("-date", "amount", "id"):
            with self.subTest(ordering):
                before = number
                number = self.read(ordering, number, between=2)
                self.assertGreater(number - before, 400)

    @pytest.mark.postgres
    def test_writers_at_work_while_the_list_is_read(self) -> None:
        stop, lock, failed = threading.Event(), threading.Lock(), []
        done = [0]

        def work() -> None:
            try:
                while not stop.is_set():
                    with lock:
                        done[0] += 1
                        number, gone = done[0], next(self.left)
                    built(self.alice, number * 31).save()
                    Transaction.objects.get(pk=gone).delete()
            except BaseException as error:
                failed.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for ordering in ("-date", "amount"):
                with self.subTest(ordering):
                    before = done[0]
                    self.read(ordering)
                    self.assertGreater(done[0] - before, 50)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failed, [])


FEW, MANY = 2, 200
QUERIES = {
    "summary": "?date_from=2018-01-01&date_to=2018-12-31&period=month&group_by=category",
    "transaction": "?limit=200&q=a&category=Groceries&type=expense&count=true",
    "threshold": "?limit=200&q=a&level_reached=50&type=monthly&type=daily&count=true",
    "alert": "?limit=200&q=a&active=true&acknowledged=false&count=true",
    "category": "?limit=200&q=a&count=true",
    "transaction-type": "?limit=200&q=a&count=true",
    "token": "?limit=200&q=a&count=true",
}


class QueriesTestCase(ApiTestCase):
    """No request runs more queries for 200 rows than for 2."""

    def grow(self, count: int) -> None:
        """Let alice have so many rows of everything; of what is limited, as many as may be."""
        alice = self.alice
        for number in range(Category.objects.filter(user=alice).count(), count):
            category(alice, f"Category a{number}")
        for number in range(TransactionType.objects.filter(user=alice).count(), min(count, 100)):
            TransactionType(user=alice, name=f"Type a{number}", effect="spending").save()
        # Two in force, and one at least that is not: for those there is a separate statement.
        for number in range(Threshold.objects.filter(user=alice).count(), max(count, 3)):
            kind = ("monthly", "transaction", "daily", "yearly")[number % 4]
            limit(alice, "1.00", kind, name=f"Limit a{number}", levels=[100], enabled=number < 2)
        names = list(Category.objects.filter(user=alice).values_list("name", flat=True))
        for number in range(Transaction.objects.filter(user=alice).count(), count):
            day = f"2018-{number % 12 + 1:02}-01"
            spend(alice, "5.00", day, to=names[number % len(names)], description=f"Row a{number}")
            spend(alice, "5.00", day, description=f"Row a{number}")
            raise_custom_alert(alice.pk, f"Alert a{number}")
        for number in range(ApiToken.objects.filter(user=alice).count(), count):
            ApiToken.issue(alice, f"Token a{number}")
        for _ in range(Import.objects.filter(user=alice).count(), count):
            Import.objects.create(user=alice, name="a.csv", state="done")
        if not Delivery.objects.filter(user=alice).exists():
            fill_endpoint(alice)
        for _ in range(Endpoint.objects.filter(user=alice, channel=Channel.PUSH).count(), count):
            fill_browser(alice)
        endpoint = Endpoint.objects.get(user=alice, channel=Channel.WEBHOOK)
        for _ in range(Delivery.objects.filter(user=alice).count(), count):
            send_example(endpoint, timezone.now())

    def paths(self) -> Iterator[str]:
        """Every address that a GET answers, with a row where it takes a key."""
        keys: dict[str, Any] = {
            "transaction": Transaction.objects.filter(user=self.alice)[0].pk,
            "threshold": Threshold.objects.filter(user=self.alice)[0].pk,
            "alert": self.ids("/api/alert?limit=1")[0],
            "category": Category.objects.filter(user=self.alice)[0].pk,
            "transaction-type": TransactionType.objects.filter(user=self.alice)[0].pk,
            "token": ApiToken.objects.filter(user=self.alice)[0].pk,
            "import": Import.objects.filter(user=self.alice)[0].pk,
            "endpoint": Endpoint.objects.filter(user=self.alice, channel=Channel.WEBHOOK)[0].pk,
            "push": Endpoint.objects.filter(user=self.alice, channel=Channel.PUSH)[0].pk,
            "delivery": Delivery.objects.filter(user=self.alice)[0].pk,
        }
        for url in urlpatterns:
            route = str(url.pattern)
            if not isinstance(url.callback, Door) or "GET" not in url.callback.endpoints:
                continue
            noun, _, rest = route.partition("/")
            if rest.endswith("key>"):
                yield f"/api/{noun}/{keys[noun]}"
            elif "key>/" in rest:
                yield f"/api/{noun}/{keys[noun]}/{rest.rpartition('/')[2]}"
            elif noun == "summary":
                yield f"/api/{noun}{QUERIES[noun]}"
            else:
                yield f"/api/{route}"
                if noun in QUERIES and not rest:
                    yield f"/api/{noun}{QUERIES[noun]}"
        yield "/api/alert?since=0&limit=200"

    def costs(self) -> dict[str, int]:
        found = {}
        for path in self.paths():
            with CaptureQueriesContext(connection) as queries:
                answer = self.client.get(path, HTTP_AUTHORIZATION=f"Bearer {self.tokens['alice']}")
                self.assertEqual(answer.status_code, 200, path)
                b"".join(answer) if answer.streaming else answer.content
            name = "/".join("id" if part.isdigit() else part for part in path.split("/"))
            found[name] = len(queries)
        return found

    def writes(self, year: int) -> Iterator[tuple[str, str, Any]]:
        """A write of every kind. year: one in which nothing has happened yet, so that the same
        alerts open and resolve each time.
        """
        row = {"date": f"{year}-03-05", "amount": "1.00", "category": "Groceries"}
        made = self.post("/api/transaction", row)["id"]
        yield "POST", "/api/transaction", row
        yield "PATCH", f"/api/transaction/{made}", {"amount": "2.00"}
        yield "PUT", f"/api/transaction/{made}", {**row, "date": f"{year}-04-05"}
        yield "DELETE", f"/api/transaction/{made}", None
        own = Threshold.objects.kept().filter(user=self.alice).order_by("pk")[0]
        yield "PATCH", f"/api/threshold/{own.pk}", {"name": "Renamed"}
        yield "PATCH", f"/api/alert/{self.ids('/api/alert?limit=1')[0]}", {"acknowledged": True}
        yield "PATCH", "/api/category/groceries", {"name": "Groceries!"}
        yield "PATCH", "/api/category/groceries", {"name": "Groceries"}
        yield "PATCH", "/api/profile", {"currency": "EUR"}

    def costs_of_writes(self, year: int) -> list[tuple[str, str, int]]:
        costs = []
        for method, path, body in self.writes(year):
            with CaptureQueriesContext(connection) as queries:
                self.call(method, path, body, status=201 if method == "POST" else 200)
            name = "/".join("id" if part.isdigit() else part for part in path.split("/"))
            costs.append((method, name, len(queries)))
        return costs

    def test_two_hundred_rows_take_the_queries_of_two(self) -> None:
        self.grow(FEW)
        few_writes, few = self.costs_of_writes(2010), self.costs()
        self.grow(MANY)
        self.assertGreaterEqual(len(self.ids("/api/alert?limit=200")), MANY)
        many_writes, many = self.costs_of_writes(2011), self.costs()
        self.assertEqual(set(many), set(few))
        self.assertGreaterEqual(len(few), 20)
        # Fewer they may be: a page of only custom alerts asks for no totals.
        self.assertEqual({path: count for path, count in many.items() if count > few[path]}, {})
        self.assertEqual(many_writes, few_writes)
