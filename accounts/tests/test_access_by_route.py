"""Every route of the API, asked by everybody who must not get through."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone

from accounts.authentication import ANY_KIND, PEOPLE, SESSION_ONLY, Kind
from accounts.models import ApiToken, Scope
from api.http.door import Door
from api.http.endpoint import Endpoint
from api.urls import urlpatterns
from budget.delivering import send_example
from budget.models import (
    Alert,
    Category,
    Delivery,
    Ledger,
    Profile,
    Threshold,
    Transaction,
    TransactionType,
)
from budget.tests.base import ApiTestCase
from budget.tests.people import fill_browser, limit, spend

pytestmark = pytest.mark.any_postgres

READS = ("GET", "HEAD")
# What is open to everybody: how the API describes itself, and the answer to unknown addresses.
OPEN = frozenset({"", "openapi.json", "docs"})


class Route(NamedTuple):
    method: str
    path: str
    endpoint: Endpoint

    @property
    def has_key(self) -> bool:
        return bool(re.search(r"/\d+", self.path))


class ReachTestCase(ApiTestCase):
    theirs: dict[str, int]

    @classmethod
    def setUpTestData(cls) -> None:
        super().setUpTestData()
        limit(cls.charlie, "10")
        spend(cls.charlie, "12")
        cls.tokens["service"] = ApiToken.issue(cls.alice, "bank feed", Scope.SERVICE)[1]
        cls.tokens["reader"] = ApiToken.issue(cls.alice, "widget", Scope.READ)[1]
        endpoint = cls.charlie.endpoints.create(url="https://example.com/")
        send_example(endpoint, timezone.now())
        browser = fill_browser(cls.charlie)
        rows: tuple[Any, ...] = (
            Alert,
            Category,
            Delivery,
            type(endpoint),
            Threshold,
            Transaction,
            TransactionType,
            ApiToken,
        )
        names = (
            "alert",
            "category",
            "delivery",
            "endpoint",
            "threshold",
            "transaction",
            "transaction-type",
            "token",
        )
        cls.theirs = {
            name: model._base_manager.filter(user=cls.charlie).order_by("-pk").first().pk
            for name, model in zip(names, rows, strict=True)
        } | {"push": browser.pk}

    def routes(self) -> Iterator[Route]:
        """Every method of every address, with the id of a row of charlie's where one is needed."""
        for pattern in urlpatterns:
            if not isinstance(pattern.callback, Door):
                continue
            route = str(pattern.pattern)
            key = self.theirs.get(route.partition("/")[0], 1)
            path = "/api/" + re.sub(r"<[^>]+>", str(key), route)
            for method, endpoint in pattern.callback.endpoints.items():
                yield Route(method, path, endpoint)
                if method == "GET":
                    yield Route("HEAD", path, endpoint)

    def ask(
        self, route: Route, body: Any = None, query: str = "", **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """The status and the problem that a request is answered with."""
        options: dict[str, Any] = {}
        if route.method not in READS:
            body = {} if body is None else body
            options = {"data": json.dumps(body), "content_type": "application/json"}
        sent = {name.replace("_", "-"): text for name, text in headers.items()}
        answer = self.client.generic(route.method, route.path + query, headers=sent, **options)
        is_problem = answer["Content-Type"] == "application/problem+json"
        said = json.loads(answer.content) if is_problem and answer.content else {}
        return answer.status_code, said

    def versions(self) -> list[Any]:
        return list(Ledger.objects.order_by("pk").values_list("pk", "version"))


class EveryRouteTest(ReachTestCase):
    def test_every_address_is_behind_the_door(self) -> None:
        open_ones = {
            str(pattern.pattern)
            for pattern in urlpatterns
            if not isinstance(pattern.callback, Door)
        }
        self.assertLessEqual(open_ones, OPEN)
        self.assertGreaterEqual(len(list(self.routes())), 40)

    def test_nobody_gets_in_without_a_credential_that_is_good(self) -> None:
        revoked, revoked_secret = ApiToken.issue(self.alice, "x")
        revoked.revoke()
        past = timezone.now() - timedelta(seconds=1)
        gone = User.objects.create_user("gone", is_active=False)
        half = SessionStore()
        half["account_login"] = {"user_pk": str(self.alice.pk)}
        half.save()
        self.client.force_login(self.alice)
        cookie = self.client.cookies.pop("sessionid").value
        for what, headers in {
            "nothing": {},
            "no token at all": {"Authorization": "Bearer"},
            "another scheme": {"Authorization": "Basic YWxpY2U6c3dvcmRmaXNo"},
            "an unknown token": {"Authorization": f"Bearer fa_{'A' * 43}"},
            "a revoked token": {"Authorization": f"Bearer {revoked_secret}"},
            "an expired token": {
                "Authorization": f"Bearer {ApiToken.issue(self.alice, 'x', expires_at=past)[1]}"
            },
            "a token of nobody active": {
                "Authorization": f"Bearer {ApiToken.issue(gone, 'x', Scope.SERVICE)[1]}"
            },
            "an unknown session": {"X-Session-Token": "a" * 32},
            "no session's token": {"X-Session-Token": "x"},
            "a session half-way in": {"X-Session-Token": str(half.session_key)},
            "a wrong token beside a good cookie": {
                "Authorization": "Bearer x",
                "Cookie": f"sessionid={cookie}",
            },
            "a wrong session beside a good cookie": {
                "X-Session-Token": "x",
                "Cookie": f"sessionid={cookie}",
            },
            "a wrong token beside a good session": {
                "Authorization": "Bearer x",
                "X-Session-Token": cookie,
            },
        }.items():
            before = self.versions()
            for route in self.routes():
                with self.subTest(what, route=f"{route.method} {route.path}"):
                    status, said = self.ask(route, **headers)
                    self.assertEqual(status, 401)
                    if route.method != "HEAD":
                        self.assertEqual(said["type"], "/problems/unauthenticated")
            self.assertEqual(self.versions(), before)
        # The cookie that was good is good.
        self.assertEqual(self.ask(next(self.routes()), Cookie=f"sessionid={cookie}")[0], 200)

    def test_a_token_that_reads_does_not_write(self) -> None:
        before = self.versions()
        for route in self.routes():
            with self.subTest(f"{route.method} {route.path}"):
                status, said = self.ask(route, Authorization=f"Bearer {self.tokens['reader']}")
                reads = route.endpoint.reads(route.method)
                if not reads or Kind.PERSONAL not in route.endpoint.kinds:
                    self.assertEqual(status, 403)
                    if route.method != "HEAD":
                        self.assertEqual(said["type"], "/problems/insufficient-scope")
                else:
                    self.assertIn(status, (200, 400, 404, 422))
        self.assertEqual(self.versions(), before)

    def test_nobody_reaches_anothers_rows(self) -> None:
        before = self.versions()[-1]
        for route in self.routes():
            for who in ("alice", "session"):
                with self.subTest(f"{route.method} {route.path}", who=who):
                    headers = self.credential_of(who)
                    named = {"user": self.charlie.pk}
                    reached = self.kind_of(who) in route.endpoint.kinds
                    status, _ = self.ask(route, query=f"?user={self.charlie.pk}", **headers)
                    self.assertEqual(status, 404 if reached else 403)
                    if route.endpoint.body is not None:
                        status, _ = self.ask(route, named, **headers)
                        self.assertEqual(status, 404 if reached else 403)
                    if route.has_key and reached:
                        # Whose it is matters before what is sent does, except for a body's form.
                        status, _ = self.ask(route, **headers)
                        self.assertIn(status, (404, 422))
        self.assertEqual(self.versions()[-1], before)

    def credential_of(self, who: str) -> dict[str, str]:
        if who != "session":
            return {"Authorization": f"Bearer {self.tokens[who]}"}
        self.client.force_login(self.alice)
        token = self.client.cookies.pop("sessionid").value
        return {"X-Session-Token": token}

    def kind_of(self, who: str) -> Kind:
        return Kind.SESSION if who == "session" else Kind.PERSONAL

    def test_a_service_says_for_whom_or_gets_nowhere(self) -> None:
        header = {"Authorization": f"Bearer {self.tokens['service']}"}
        gone = User.objects.create_user("gone", is_active=False)
        before = self.versions()
        for route in self.routes():
            with self.subTest(f"{route.method} {route.path}"):
                status, said = self.ask(route, **header)
                if Kind.SERVICE not in route.endpoint.kinds:
                    self.assertEqual(status, 403)
                    continue
                has_body = route.endpoint.body is not None
                self.assertEqual(status, 422 if has_body else 400)
                if route.method != "HEAD":
                    where = {"pointer": "#/user"} if has_body else {"parameter": "user"}
                    self.assertEqual(len(said["errors"]), 1)
                    self.assertLessEqual(where.items(), said["errors"][0].items())
                for nobody in (0, gone.pk, 10**6, 2**63):
                    self.assertEqual(self.ask(route, query=f"?user={nobody}", **header)[0], 404)
                    if has_body:
                        self.assertEqual(self.ask(route, {"user": nobody}, **header)[0], 404)
                for wrong in ("x", "1.5", "-1", ""):
                    self.assertEqual(self.ask(route, query=f"?user={wrong}", **header)[0], 400)
        self.assertEqual(self.versions(), before)

    def test_each_route_is_for_one_of_three_circles(self) -> None:
        for route in self.routes():
            self.assertIn(route.endpoint.kinds, (ANY_KIND, PEOPLE, SESSION_ONLY))


class ServiceTest(ReachTestCase):
    """A bank feed that writes for charlie; alice answers for it."""

    def feed(self, method: str, path: str, body: object = None, status: int = 200) -> Any:
        return self.call(method, path, body, who="service", status=status)

    def row(self, **fields: Any) -> dict[str, Any]:
        return {"date": "2018-03-05", "amount": "5", "category": "Bakery", **fields}

    def test_it_writes_in_the_name_of_whom_it_names(self) -> None:
        made = self.feed("POST", "/api/transaction", self.row(user=self.charlie.pk), 201)
        self.assertEqual(made["user"], self.charlie.pk)
        named = f"?user={self.charlie.pk}"
        made = self.feed("POST", f"/api/transaction{named}", self.row(), 201)
        self.assertEqual(made["user"], self.charlie.pk)
        self.assertFalse(Transaction.objects.filter(user=self.alice).exists())
        self.assertFalse(Category.objects.filter(user=self.alice, name="Bakery").exists())

    def test_it_does_with_rows_all_that_their_user_could(self) -> None:
        named = f"?user={self.charlie.pk}"
        path = f"/api/transaction/{self.theirs['transaction']}"
        self.assertEqual(self.feed("GET", path + named)["amount"], "12.00")
        self.assertEqual(len(self.feed("GET", f"/api/transaction{named}")["items"]), 1)
        changed = self.feed("PATCH", path, {"user": self.charlie.pk, "amount": "1"})
        self.assertEqual(len(changed["alerts"]["resolved"]), 2)
        self.feed("PUT", path + named, self.row())
        self.feed("DELETE", path + named)
        self.assertFalse(Transaction.objects.exists())

    def test_it_reaches_settings_and_limits_too(self) -> None:
        self.feed("PATCH", "/api/profile", {"user": self.charlie.pk, "currency": "EUR"})
        self.assertEqual(Profile.objects.get(user=self.charlie).currency, "EUR")
        self.assertEqual(Profile.objects.get(user=self.alice).currency, "USD")
        named = f"?user={self.charlie.pk}"
        self.assertEqual(self.feed("GET", f"/api/threshold{named}")["items"][0]["amount"], "10.00")

    def test_pages_of_a_list_keep_the_user(self) -> None:
        spend(self.charlie, "3")
        page = self.feed("GET", f"/api/transaction?limit=1&user={self.charlie.pk}")
        self.assertEqual(len(self.feed("GET", page["next"])["items"]), 1)
        other = page["next"].replace(f"user={self.charlie.pk}", f"user={self.alice.pk}")
        self.feed("GET", other, status=400)

    def test_it_names_one_user_at_a_time(self) -> None:
        path = f"/api/transaction?user={self.charlie.pk}"
        self.feed("POST", path, self.row(user=self.alice.pk), 404)
        self.feed("POST", path, self.row(user="x"), 422)
        mine = Transaction.objects.get()
        self.feed("GET", f"/api/transaction/{mine.pk}?user={self.alice.pk}", status=404)
        self.feed("DELETE", f"/api/transaction/{mine.pk}?user={self.alice.pk}", status=404)
        self.assertEqual(Transaction.objects.get(), mine)

    def test_it_has_no_account_to_look_after(self) -> None:
        for method, path in (
            ("GET", "/api/token"),
            ("DELETE", f"/api/token/{self.theirs['token']}"),
        ):
            found = self.feed(method, f"{path}?user={self.charlie.pk}", status=403)
            self.assertEqual(found["type"], "/problems/insufficient-scope")

    def test_it_ends_with_whoever_answers_for_it(self) -> None:
        User.objects.filter(pk=self.alice.pk).update(is_active=False)
        self.feed("GET", f"/api/transaction?user={self.charlie.pk}", status=401)

    def test_it_costs_one_query_more(self) -> None:
        path = f"/api/transaction?user={self.charlie.pk}"
        self.feed("GET", path)
        with self.assertNumQueries(4):
            self.feed("GET", path)
