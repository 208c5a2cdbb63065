"""The statements of every route: a request that needs another one has to say so here.

Of a process that remembers the user's rules and names, with a token whose use is noted. "rows of"
are statements of Reading.rows(), "look" is one of Reading.check(): both look at the ledger.
"""

from __future__ import annotations

import json
import re
from typing import Any
from unittest import mock

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from api.http.door import Door
from api.schemas.push import SUBSCRIPTION
from api.urls import urlpatterns
from budget.delivering import send_example
from budget.engine import Reading, raise_custom_alert
from budget.models import Alert, Endpoint, Threshold, Transaction
from budget.tests.base import ApiTestCase
from budget.tests.people import category, fill_browser, fill_import, limit, spend, stored_import

TOKEN = re.compile(r"SELECT t\.id, t\.scope")
ROWS = re.compile(r"SELECT l\.version = .*?LEFT JOIN \(.*?\bFROM \"?(\w+)", re.DOTALL)
LOOK = re.compile(r"SELECT version = ")
TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE) \"?(?:budget|accounts|auth)_(\w+)")
PREFIX = re.compile("(budget|accounts|auth)_")


def label(statement: str) -> str:
    """A statement in few words."""
    text = statement.strip()
    if TOKEN.match(text):
        return "token"
    if LOOK.match(text):
        return "look"
    if found := ROWS.match(text):
        return f"rows of {PREFIX.sub('', found[1])}"
    table = TABLE.search(text)
    return f"{text.partition(' ')[0]} {table[1] if table else ''}".strip()


# On each address, in the order of api/urls.py.
READS = {
    "transaction": "token, rows of transaction",
    "transaction?count=true": "token, rows of transaction, rows of transaction",
    "transaction?category=food&type=expense": "token, rows of transaction",
    "transaction?category=food&subtree=true": "token, rows of transaction",
    "transaction?category=food&category=coffee": "token, SELECT category, rows of transaction",
    "transaction?q=a&ordering=amount&amount_min=1": "token, rows of transaction",
    "transaction/{}": "token, rows of transaction",
    "transaction/export": "token, look, SELECT transaction",
    "threshold": "token, rows of threshold, rows of rollup",
    "threshold?category=food": "token, rows of threshold, rows of rollup",
    "threshold?level_reached=80": ("token, rows of threshold, rows of rollup, rows of threshold"),
    "threshold/{}": "token, rows of threshold, rows of rollup",
    "alert": "token, rows of alert, rows of rollup",
    "alert?since=0": "token, rows of alertevent, rows of alert, rows of rollup",
    "alert/{}": "token, rows of alert, rows of rollup",
    "alert/{}/events": ("token, SELECT alert, rows of alertevent, rows of alert, rows of rollup"),
    "alert/{}/explain": (
        "token, rows of alert, rows of rollup, rows of transaction, rows of category,"
        " rows of transaction"
    ),
    "endpoint": "token, rows of endpoint",
    "endpoint/{}": "token, SELECT endpoint, look",
    "endpoint/{}/delivery?state=pending": "token, SELECT endpoint, rows of delivery",
    "delivery/{}": "token, SELECT delivery, rows of deliverytry",
    "notification": "token, SELECT endpoint, SELECT endpoint, look",
    "notification/email": "token, SELECT endpoint, look",
    "notification/push": "token, SELECT endpoint, look",
    "push": "token, rows of endpoint",
    "push/key": "token, look",
    "push/{}": "token, SELECT endpoint, look",
    "category": "token, rows of category",
    "category?parent=food&q=a": "token, rows of category",
    "category/{}": "token, rows of category",
    "transaction-type": "token, rows of transactiontype",
    "transaction-type/{}": "token, rows of transactiontype",
    "import": "token, rows of import",
    "import/{}": "token, SELECT import, look",
    "profile": "token, rows of profile",
    "token": "token, rows of apitoken",
    "token/{}": "token, SELECT apitoken, look",
    "summary?date_from=2018-01-01&date_to=2018-12-31": "token, rows of win",
    "summary?date_from=2018-01-01&date_to=2018-12-31&group_by=category": "token, rows of win",
    "account/export": (
        "token, look, SELECT, SELECT user, SELECT, SELECT, SELECT, SELECT, SELECT apitoken,"
        " SELECT device, SELECT ledger, SELECT category, SELECT threshold, SELECT condition,"
        " SELECT deletedid, SELECT transactiontype, SELECT transaction, SELECT alert,"
        " SELECT alertevent, SELECT endpoint, SELECT delivery, SELECT deliverytry,"
        " SELECT formername, SELECT idempotentanswer,"
        " SELECT import, SELECT importpart, SELECT importchange, SELECT importanswer,"
        " SELECT thresholdrevision, SELECT rollup, SELECT profile"
    ),
}
ROW = {"date": "2018-03-05", "amount": "1.00", "category": "Food"}
NEW = {"name": "New", "amount": "100.00", "type": "monthly"}
PREVIEW = {**NEW, "date_from": "2018-01-01", "date_to": "2018-03-05"}
# One after the other. The statements on SQLite and on PostgreSQL, where some are one message.
WRITES: list[tuple[str, str, Any, tuple[int, int]]] = [
    ("POST", "transaction", ROW, (7, 6)),
    ("POST", "transaction", {"items": [ROW, ROW]}, (9, 9)),
    ("PATCH", "transaction/{}", {"amount": "130.00"}, (10, 9)),
    ("PUT", "transaction/{}", ROW, (16, 13)),
    ("DELETE", "transaction/{}", None, (14, 13)),
    ("POST", "threshold", NEW, (19, 19)),
    ("PATCH", "threshold/{}", {"amount": "50.00"}, (19, 19)),
    ("POST", "threshold/preview", PREVIEW, (3, 3)),
    ("DELETE", "threshold/{}", None, (14, 14)),
    ("POST", "alert", {"message": "Mind that"}, (9, 9)),
    ("PATCH", "alert/{}", {"acknowledged": True}, (13, 13)),
    ("POST", "endpoint", {"url": "https://example.com/alerts"}, (6, 6)),
    ("PATCH", "endpoint/{}", {"state": "paused"}, (9, 9)),
    ("PUT", "endpoint/{}", {"url": "https://example.com/alerts"}, (11, 11)),
    ("POST", "endpoint/{}/secret", {}, (6, 6)),
    ("POST", "endpoint/{}/example", {}, (6, 6)),
    ("POST", "endpoint/{}/replay", {"since": 0}, (10, 10)),
    ("DELETE", "endpoint/{}", None, (9, 9)),
    ("PATCH", "notification/email", {"state": "on"}, (11, 11)),
    ("PATCH", "notification/push", {"per_day": 5}, (8, 8)),
    ("POST", "push", SUBSCRIPTION, (9, 9)),
    ("DELETE", "push/{}", None, (8, 8)),
    ("POST", "category", {"name": "Bread", "parent": "Coffee"}, (16, 16)),
    ("PATCH", "category/{}", {"name": "Eating"}, (11, 11)),
    ("PUT", "category/{}", {"name": "Food"}, (11, 11)),
    ("POST", "category/{}/merge", {"into": "Coffee"}, (37, 37)),
    ("DELETE", "category/bread", None, (20, 20)),
    ("POST", "transaction-type", {"name": "Fee", "effect": "spending"}, (9, 9)),
    ("PATCH", "transaction-type/fee", {"name": "Fees"}, (9, 9)),
    ("PUT", "transaction-type/fee", {"name": "Fee", "effect": "none"}, (10, 10)),
    ("DELETE", "transaction-type/fee", None, (11, 11)),
    ("PATCH", "import/{}", {"dates": "day-first"}, (7, 7)),
    ("POST", "import/{}/undo", None, (33, 31)),
    ("PATCH", "profile", {"currency": "EUR"}, (7, 7)),
    ("PUT", "profile", {}, (7, 7)),
    ("PATCH", "profile", {"month_start": 5}, (28, 26)),
]


class StatementsTestCase(ApiTestCase):
    """Alice has a row of everything."""

    keys: dict[str, int]

    @classmethod
    def setUpTestData(cls) -> None:
        super().setUpTestData()
        limit(cls.alice, "100.00", of="Food", name="Food")
        limit(cls.alice, "10.00", "yearly", name="All")
        spend(cls.alice, "120.00", to="Food")
        spend(cls.alice, "5.00", to="Coffee")
        raise_custom_alert(cls.alice.pk, "Mind this")
        alert = Alert.objects.filter(user=cls.alice, threshold__name="Food").earliest("id")
        endpoint = Endpoint.objects.create(user=cls.alice, url="https://example.com/")
        cls.keys = {
            "endpoint": endpoint.pk,
            "delivery": send_example(endpoint, timezone.now()).pk,
            "push": fill_browser(cls.alice).pk,
            "transaction": Transaction.objects.filter(user=cls.alice).earliest("id").pk,
            "threshold": Threshold.objects.get(user=cls.alice, name="Food").pk,
            "alert": alert.pk,
            "category": category(cls.alice, "Food").pk,
            "transaction-type": cls.alice.transaction_types.get(slug="expense").pk,
            "import": fill_import(cls.alice).pk,
            "import/{}/undo": stored_import(cls.alice).pk,
            "token": cls.alice.api_tokens.earliest("id").pk,
        }

    def labels(self, path: str) -> list[str]:
        """The statements of a read, the second time that it is made."""
        noun = path.split("/")[0].split("?")[0]
        path = "/api/" + path.format(self.keys.get(noun))
        token = f"Bearer {self.tokens['alice']}"
        for _ in range(2):
            with CaptureQueriesContext(connection) as queries:
                answer = self.client.get(path, HTTP_AUTHORIZATION=token)
                self.assertEqual(answer.status_code, 200, path)
                b"".join(answer) if answer.streaming else answer.content
        return [label(query["sql"]) for query in queries]

    def test_every_read(self) -> None:
        for path, must in READS.items():
            with self.subTest(path):
                found = self.labels(path)
                self.assertEqual(", ".join(found), must)

    def test_the_last_statement_of_a_read_looks_at_the_ledger(self) -> None:
        """So that the answer is of one state; what is sent while it is read may be of many."""
        for path in READS:
            if "export" not in path:
                with self.subTest(path):
                    self.assertRegex(self.labels(path)[-1], "^(rows of|look)")

    def test_no_route_is_forgotten(self) -> None:
        asked = {re.sub(r"\?.*", "", path) for path in READS}
        asked |= {path for _, path, _, _ in WRITES}
        for url in urlpatterns:
            if isinstance(url.callback, Door):
                route = re.sub("<[^>]*>", "{}", str(url.pattern))
                if route != "account":  # which ends it
                    self.assertIn(route, asked)

    def cost(self, method: str, path: str, body: Any) -> int:
        """The statements of a write, savepoint and release included."""
        noun = path if path in self.keys else path.split("/")[0]
        path = "/api/" + path.format(self.keys.get(noun))
        options: dict[str, Any] = {} if body is None else {"content_type": "application/json"}
        with CaptureQueriesContext(connection) as queries:
            answer = self.client.generic(
                method,
                path,
                "" if body is None else json.dumps(body),
                HTTP_AUTHORIZATION=f"Bearer {self.tokens['alice']}",
                **options,
            )
        self.assertIn(answer.status_code, (200, 201), answer.content)
        return len(queries)

    def test_every_write(self) -> None:
        for path in ("alert", "transaction?category=food&type=expense"):
            self.labels(path)  # what is remembered of the rules and of the names
        for method, path, body, must in WRITES:
            with self.subTest(method=method, path=path, body=body):
                found = self.cost(method, path, body)
                self.assertEqual(found, must[connection.vendor == "postgresql"])

    def test_a_statement_more_is_noticed(self) -> None:
        """The control."""
        with mock.patch.object(Reading, "sure", property(lambda self: False, lambda *to: None)):
            self.assertNotEqual(", ".join(self.labels("profile")), READS["profile"])
