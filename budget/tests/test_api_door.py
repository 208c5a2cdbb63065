"""What holds for every route, whatever stands behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from unittest import mock

from django.db import IntegrityError, InterfaceError, OperationalError, connection
from django.http import HttpRequest
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext

from accounts.authentication import SESSION_ONLY
from api.http.door import Door
from api.schemas.push import SUBSCRIPTION
from api.urls import urlpatterns
from budget.models import Transaction
from budget.models.ledger import open_book
from budget.tests.base import ApiTestCase
from budget.tests.people import category, fill_browser, fill_endpoint, fill_import, limit, spend

ROUTES: dict[str, Door] = {
    str(url.pattern): url.callback for url in urlpatterns if isinstance(url.callback, Door)
}
PATH = "/api/transaction"
ROW = {"date": "2018-03-05", "amount": "1.00"}
BODIES: dict[str, dict[str, Any]] = {
    "transaction": ROW,
    "threshold": {"name": "Mine", "amount": 1, "type": "daily"},
    "alert": {"acknowledged": True},
    "category": {"name": "Mine"},
    "transaction-type": {"name": "Mine", "effect": "none"},
    "profile": {"currency": "EUR"},
    "endpoint": {"url": "https://example.com/mine"},
    "endpoint/<int:key>/secret": {},
    "endpoint/<int:key>/replay": {"since": 0},
    "notification/email": {"state": "on"},
    "notification/push": {"state": "on"},
    "push": SUBSCRIPTION,
    "import": {"dates": "day-first"},
    "threshold/preview": {
        "amount": 1,
        "type": "daily",
        "date_from": "2018-01-01",
        "date_to": "2018-12-31",
    },
}
# A POST that stores nothing.
READS = {"/api/threshold/preview"}
# What a route cannot do without, and those whose answer is a file: they have separate tests.
QUERIES = {"summary": "date_from=2018-01-01&date_to=2018-12-31"}
FILES = {"transaction/export", "account/export"}


class EveryRouteTestCase(ApiTestCase):
    def setUp(self) -> None:
        self.row = spend(self.alice, "5.00", to="Secret")
        self.threshold = limit(self.alice, "1.00", name="Secret")
        delivery = fill_endpoint(self.alice)
        made = self.post("/api/transaction-type", {"name": "Secret", "effect": "spending"})
        self.keys: dict[str, list[Any]] = {
            "transaction": [self.row.pk],
            "threshold": [self.threshold.pk, "secret"],
            "alert": [alert["id"] for alert in self.get("/api/alert")["items"]],
            "category": [category(self.alice, "Secret").pk, "secret"],
            "transaction-type": [made["id"], "secret"],
            "token": [token["id"] for token in self.get("/api/token")["items"]],
            "endpoint": [delivery.endpoint_id],
            "delivery": [delivery.pk],
            "push": [fill_browser(self.alice).pk],
            "import": [fill_import(self.alice).pk],
        }

    def requests(self) -> Iterator[tuple[str, str, dict[str, Any] | None]]:
        """Method, address and a body that would do, for all that a token opens."""
        for route, door in ROUTES.items():
            if route in FILES:
                continue
            noun = route.partition("/")[0]
            for key in self.keys.get(noun, [""]) if "key>" in route else [""]:
                path = route.replace("<int:key>", str(key)).replace("<key:key>", str(key))
                body = {"into": "Mine"} if route.endswith("merge") else BODIES.get(noun)
                body = BODIES.get(route, body)
                if path == "alert":
                    body = {"message": "Mine"}
                if noun in QUERIES:
                    path = f"{path}?{QUERIES[noun]}"
                for method, endpoint in door.endpoints.items():
                    if (method, path) == ("POST", "import"):
                        continue  # takes a file: test_api_import.py
                    wants = method in ("POST", "PUT", "PATCH")
                    if endpoint.kinds != SESSION_ONLY:
                        yield method, f"/api/{path}", body if wants else None

    def test_the_table_is_whole(self) -> None:
        self.assertEqual(
            {route: " ".join(door.endpoints) for route, door in ROUTES.items()},
            {
                "transaction": "GET POST",
                "transaction/<int:key>": "GET PUT PATCH DELETE",
                "threshold": "GET POST",
                "threshold/preview": "POST",
                "threshold/<key:key>": "GET PUT PATCH DELETE",
                "alert": "GET POST",
                "alert/<int:key>": "GET PATCH DELETE",
                "alert/<int:key>/events": "GET",
                "alert/<int:key>/explain": "GET",
                "endpoint": "GET POST",
                "endpoint/<int:key>": "GET PUT PATCH DELETE",
                "endpoint/<int:key>/secret": "POST",
                "endpoint/<int:key>/example": "POST",
                "endpoint/<int:key>/replay": "POST",
                "endpoint/<int:key>/delivery": "GET",
                "push": "GET POST",
                "push/key": "GET",
                "push/<int:key>": "GET DELETE",
                "delivery/<int:key>": "GET",
                "notification": "GET",
                "notification/email": "GET PATCH",
                "notification/push": "GET PATCH",
                "import": "GET POST",
                "import/<int:key>": "GET PATCH",
                "import/<int:key>/undo": "POST",
                "category": "GET POST",
                "category/<key:key>": "GET PUT PATCH DELETE",
                "category/<key:key>/merge": "POST",
                "transaction-type": "GET POST",
                "transaction-type/<key:key>": "GET PUT PATCH DELETE",
                "profile": "GET PUT PATCH",
                "token": "GET POST",
                "token/<int:key>": "GET DELETE",
                "transaction/export": "GET",
                "summary": "GET",
                "account": "DELETE",
                "account/export": "GET",
            },
        )

    def test_strangers_get_nothing(self) -> None:
        for method, path, body in self.requests():
            with self.subTest(f"{method} {path}"):
                self.call(method, path, body, status=401, HTTP_AUTHORIZATION="Bearer fa_no")
                sent = "" if body is None else json.dumps(body)
                answer = self.client.generic(method, path, sent, "application/json")
                self.assertEqual(answer.status_code, 401)
                self.assertEqual(answer["WWW-Authenticate"], "Bearer")
                self.assertEqual(answer["Content-Type"], "application/problem+json")
                self.assertNotIn(b"Secret", answer.content)

    def test_charlie_sees_nothing_of_alice(self) -> None:
        category(self.charlie, "Mine")
        for method, path, body in self.requests():
            with self.subTest(f"{method} {path}"):
                reads = path in READS
                own = path.startswith("/api/notification") or path == "/api/push/key"
                one = path.count("/") > 2 and not reads and not own
                status = 404 if one else 201 if method == "POST" and not reads else 200
                if path == "/api/category" and method == "POST":
                    status = 409
                found = self.call(method, path, body, who="charlie", status=status, reads=reads)
                self.assertNotIn("Secret", json.dumps(found))
        self.row.refresh_from_db()
        self.threshold.refresh_from_db()
        self.assertEqual(
            (self.row.category.name, self.threshold.deleted_at, self.threshold.name),
            ("Secret", None, "Secret"),
        )

    def test_other_methods_are_not_allowed_and_the_allowed_ones_named(self) -> None:
        for _, path, _ in self.requests():
            one = path.count("/") == 3 and path not in READS
            for method in ("TRACE", "FOO", "POST" if one else "DELETE"):
                with self.subTest(f"{method} {path}"):
                    self.call(method, path, status=405)
                    self.assertIn("OPTIONS", self.answer["Allow"])
        self.call("DELETE", PATH, status=405)
        self.assertEqual(self.answer["Allow"], "GET, POST, HEAD, OPTIONS")

    def test_options_and_head_are_answered(self) -> None:
        for method, path, _ in self.requests():
            answer = self.client.options(path)
            self.assertEqual((answer.status_code, answer.content), (204, b""))
            self.assertIn(method, answer["Allow"].split(", "))
            if method == "GET":
                head = self.client.head(path, HTTP_AUTHORIZATION=f"Bearer {self.tokens['alice']}")
                self.assertEqual((head.status_code, head.content), (200, b""))

    def test_unknown_parameters_are_refused_everywhere(self) -> None:
        for method, path, body in self.requests():
            with self.subTest(f"{method} {path}"):
                sign = "&" if "?" in path else "?"
                found = self.call(method, f"{path}{sign}foo=1", body, status=400)
                self.assertEqual(found["errors"][0]["parameter"], "foo")

    def test_nothing_in_between_may_keep_an_answer(self) -> None:
        for path, status, kept in (
            (PATH, 200, "private, no-cache"),
            (f"{PATH}/0", 404, "no-store"),
            (f"{PATH}?nonsense=1", 400, "no-store"),
        ):
            self.call("GET", path, status=status)
            self.assertEqual(self.answer["Cache-Control"], kept)
            self.assertLessEqual({"Authorization", "Cookie"}, set(self.answer["Vary"].split(", ")))


class UnknownPathTestCase(ApiTestCase):
    @override_settings(DEBUG=True)
    def test_there_is_no_html_under_api(self) -> None:
        for path in ("/api/nothing", "/api/transaction/", "/api/alert/1/x", "/api/%ff"):
            for method in ("GET", "POST", "DELETE"):
                with self.subTest(f"{method} {path}"):
                    found = self.call(method, path, status=404)
                    self.assertIn("; /api/docs shows what there is.", found["detail"])
                    self.assertEqual(self.answer["Cache-Control"], "no-store")

    def test_a_bad_host_is_told_in_json_there(self) -> None:
        self.call("GET", PATH, status=400, HTTP_HOST="evil.example.com")

    def test_other_pages_stay_pages(self) -> None:
        answer = self.client.get("/nothing")
        self.assertEqual(answer.status_code, 404)
        self.assertTrue(answer["Content-Type"].startswith("text/html"))


class SessionTestCase(ApiTestCase):
    def setUp(self) -> None:
        self.browser = Client(enforce_csrf_checks=True)
        self.browser.force_login(self.alice)

    def send(self, **headers: str) -> int:
        answer = self.browser.post(
            PATH, json.dumps(ROW), content_type="application/json", headers=headers
        )
        self.problem = answer.json().get("type")
        return answer.status_code

    def test_a_read_needs_the_cookie_alone(self) -> None:
        self.assertEqual(self.browser.get(PATH).status_code, 200)

    def test_a_write_needs_the_csrf_token(self) -> None:
        self.assertEqual((self.send(), self.problem), (403, "/problems/csrf"))
        self.browser.get("/_allauth/browser/v1/config")
        self.assertEqual(self.send(**{"X-CSRFToken": "x" * 32}), 403)
        self.assertFalse(Transaction.objects.exists())
        token = self.browser.cookies["csrftoken"].value
        self.assertEqual(self.send(**{"X-CSRFToken": token}), 201)
        self.assertEqual(Transaction.objects.get().user, self.alice)

    def test_a_bearer_token_needs_none_and_wins(self) -> None:
        status = self.send(Authorization=f"Bearer {self.tokens['charlie']}")
        self.assertEqual(status, 201)
        self.assertEqual(Transaction.objects.get().user, self.charlie)

    def test_a_wrong_authorization_never_falls_back_to_the_cookie(self) -> None:
        good = self.tokens["alice"]
        for header in (
            *("", "Bearer", "Bearer ", "Bearer fa_", f"Basic {good}", good, f"Bearer {good}x"),
            *(f"Bearer {good[:-1]}", f"Bearer {good[3:]}", f"Bearer {good} {good}", "Bearer null"),
            *(f"Bearer {good},Bearer {good}", f'Bearer "{good}"', f"Bearer\t{good}", "Bearer é"),
            f"Bearer fa_{'a' * 43}",
        ):
            with self.subTest(header.replace(good, "TOKEN")):
                answer = self.browser.get(PATH, headers={"Authorization": header})
                self.assertEqual(answer.status_code, 401)
                self.assertIn("error=", answer["WWW-Authenticate"])

    def test_the_scheme_may_be_written_in_any_case(self) -> None:
        for scheme in ("bearer", "BEARER"):
            self.get(PATH, HTTP_AUTHORIZATION=f"{scheme} {self.tokens['alice']}")

    def test_a_user_who_is_not_active_is_a_stranger(self) -> None:
        self.alice.is_active = False
        self.alice.save()
        self.assertEqual(self.browser.get(PATH).status_code, 401)
        self.get(PATH, status=401)

    def test_a_read_by_cookie_costs_four_queries(self) -> None:
        self.browser.get("/api/transaction")  # the first of a day prolongs the session
        with self.assertNumQueries(4):
            self.browser.get(PATH)


class BodyTestCase(ApiTestCase):
    def refused(self, body: bytes | str, status: int = 400, **options: Any) -> str:
        found = self.call("POST", PATH, body, status=status, **options)
        self.assertFalse(Transaction.objects.exists())
        detail: str = found["detail"]
        return detail

    def test_what_is_no_json_object_is_refused(self) -> None:
        for body in (
            *(b" ", b"{", b"}", b"[]", b"[{}]", b"1", b"null", b'"a"', b"{}{}", b"{'a': 1}"),
            *(b'{"a": 1,}', b"{a: 1}", b'{"a" 1}', b"date=2018-03-05", b"<x/>", b"\x00", b"{}\x00"),
            *(b'{"a": NaN}', b'{"a": Infinity}', b'{"a": -Infinity}', b'{"amount": nan}'),
            *(b'{"a": 01}', b'{"a": .5}', b'{"a": 5.}', b'{"a": +5}', b'{"a": 0x10}'),
            *(b'{"description": "a\nb"}', b'{"description": "\x00"}', b'{"description": "\\x41"}'),
            *(b'{"description": "\\u0000"}', b'{"\\u0000": 1}', b'{"a": [{"b": "\\u0000"}]}'),
            *(b'{"description": "\\ud800"}', b'{"description": "\\udc00\\ud800"}'),
            *(b'{"description": "\xff"}', b'{"description": "\xc3"}', b'{"a": "\xed\xa0\x80"}'),
            *(b"\xef\xbb\xbf{}", '{"a": 1}'.encode("utf-16"), '{"a": 1}'.encode("utf-32")),
            *(b'{"a": 1, "a": 2}', b'{"a": {"b": 1, "b": 1}}'),
            *(b'{"a": ' + b"1" * 5000 + b"}", b'{"a": 1e' + b"9" * 30 + b"}"),
            *(b"[" * 100_000, b'{"a": ' * 100_000, b'{"a": ' + b"[" * 9999 + b"]" * 9999 + b"}"),
        ):
            with self.subTest(body[:30]):
                self.assertTrue(self.refused(body))

    def test_an_empty_body_is_told_so(self) -> None:
        self.assertIn("empty", self.refused(b"", CONTENT_TYPE="application/json"))

    def test_the_place_of_an_error_is_told(self) -> None:
        self.assertIn("line 2, column 6", self.refused(b'{"a":\n "b" c}'))

    def test_a_surrogate_pair_is_one_character(self) -> None:
        found = self.post(PATH, b'{"date":"2018-03-05","amount":1,"description":"\\ud83d\\ude00"}')
        self.assertEqual(found["description"], "😀")

    def test_only_json_in_utf_8_is_taken(self) -> None:
        for content_type in (
            *("text/plain", "application/x-www-form-urlencoded", "application/jsonp", "", "json"),
            *("application/json; charset=latin-1", "application/merge-patch+json"),
        ):
            with self.subTest(content_type):
                self.refused(json.dumps(ROW), 415, content_type=content_type)
        for content_type in ("application/json; charset=UTF-8", "Application/JSON"):
            self.post(PATH, json.dumps(ROW), content_type=content_type)

    def test_a_body_has_at_most_a_mebibyte(self) -> None:
        body = json.dumps(ROW | {"description": ""}).encode()
        room = 1024 * 1024 - len(body)
        self.refused(body[:-2] + b"x" * (room + 1) + body[-2:], 413)
        self.assertEqual(
            list(self.wrong("POST", PATH, body[:-2] + b"x" * room + body[-2:])), ["#/description"]
        )

    def test_its_length_has_to_be_said(self) -> None:
        for length in ("x", "1e3", "-"):
            self.refused(json.dumps(ROW), CONTENT_LENGTH=length)
        options = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
        self.assertIn("Content-Length", self.refused(json.dumps(ROW), 411, **options))

    def test_a_body_cut_off_is_refused(self) -> None:
        with mock.patch.object(HttpRequest, "read", side_effect=OSError("gone")):
            self.refused(json.dumps(ROW))


def driver_error(kind: type[Exception], **codes: object) -> Exception:
    """An error as Django raises it, with the code that the driver gave to its own."""
    error = kind("from the database")
    error.__cause__ = type("DriverError", (Exception,), codes)()
    return error


class DatabaseTestCase(ApiTestCase):
    def failing(self, *errors: Exception) -> mock._patch[mock.MagicMock]:
        """Let locking a ledger from the door fail so, one call after another."""
        effects = iter(errors)

        def lock(user_id: int) -> object:
            error = next(effects, None)
            if error is not None:
                raise error
            return open_book(user_id)

        return mock.patch("api.http.ledgered.open_book", side_effect=lock)

    def test_a_deadlock_is_tried_once_more(self) -> None:
        for code in ("40P01", "40001"):
            error = driver_error(OperationalError, pgcode=code)
            with self.failing(error) as locking:
                self.post(PATH, ROW)
            self.assertEqual(locking.call_count, 2)
        self.assertEqual(Transaction.objects.count(), 2)

    def test_a_second_deadlock_is_told(self) -> None:
        error = driver_error(OperationalError, pgcode="40P01")
        with self.failing(error, error) as locking:
            found = self.post(PATH, ROW, status=503)
        self.assertEqual((locking.call_count, found["type"]), (2, "/problems/busy"))
        self.assertEqual(self.answer["Retry-After"], "1")
        self.assertFalse(Transaction.objects.exists())

    def test_what_was_written_before_a_deadlock_is_undone(self) -> None:
        error = driver_error(OperationalError, pgcode="40P01")
        answers = [error, {"opened": [], "resolved": []}]
        with mock.patch("api.http.ledgered.describe_flipped", side_effect=answers) as shown:
            self.post(PATH, ROW | {"category": "New"})
        self.assertEqual((shown.call_count, Transaction.objects.count()), (2, 1))

    def test_a_database_that_cannot_now_is_503(self) -> None:
        for error in (
            driver_error(OperationalError, pgcode="55P03"),
            driver_error(OperationalError, pgcode="57014"),
            driver_error(OperationalError, pgcode="53100"),
            driver_error(OperationalError, pgcode=None),
            driver_error(InterfaceError),
            driver_error(OperationalError, sqlite_errorcode=5),
            driver_error(OperationalError, sqlite_errorcode=517),
            driver_error(OperationalError, sqlite_errorcode=6),
            driver_error(OperationalError, sqlite_errorcode=13),
        ):
            with self.subTest(vars(type(error.__cause__))), self.failing(error) as locking:
                self.post(PATH, ROW, status=503)
                self.assertEqual((locking.call_count, self.answer["Retry-After"]), (1, "1"))

    def test_a_rule_of_the_database_is_a_conflict(self) -> None:
        for error in (
            driver_error(IntegrityError, pgcode="23505"),
            driver_error(IntegrityError, sqlite_errorcode=2067),
            driver_error(IntegrityError, pgcode="23503"),
            driver_error(IntegrityError, sqlite_errorcode=787),
        ):
            with self.subTest(vars(type(error.__cause__))), self.failing(error):
                self.post(PATH, ROW, status=409)

    def test_a_race_for_a_unique_value_is_a_conflict(self) -> None:
        self.post(PATH, ROW | {"external_id": "a"})
        with mock.patch.object(
            Transaction, "before_write", lambda row, book, before: row.prepare()
        ):
            self.post(PATH, ROW | {"external_id": "a"}, status=409)
        self.assertEqual(Transaction.objects.count(), 1)

    def test_a_fault_of_our_own_is_a_500_that_is_logged(self) -> None:
        self.client.raise_request_exception = False
        for error in (
            RuntimeError("secret detail"),
            driver_error(OperationalError, sqlite_errorcode=1),
            driver_error(IntegrityError, pgcode="23514"),
        ):
            with self.failing(error), self.assertLogs("api.http.problems", "ERROR"):
                found = self.post(PATH, ROW, status=500)
            self.assertNotIn("secret", json.dumps(found))

    def test_a_write_locks_the_ledger_before_it_reads(self) -> None:
        row = spend(self.alice, "1.00")
        with CaptureQueriesContext(connection) as queries:
            self.patch(f"{PATH}/{row.pk}", {"amount": "2.00"})
        statements = [query["sql"] for query in queries.captured_queries]
        self.assertIn("accounts_apitoken", statements[0])
        self.assertIn("SAVEPOINT", statements[1])
        self.assertIn("UPDATE budget_ledger", statements[2])
