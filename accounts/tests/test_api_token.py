"""/api/token: making, listing and revoking one's tokens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from accounts.models import ApiToken, Scope
from budget.tests.base import ApiTestCase
from budget.tests.people import at

PATH = "/api/token"
BODY = {"name": "Sync on the train", "scope": "read"}


class TokenApiTestCase(ApiTestCase):
    """Alice's browser has a session; `tokens` hold a token of hers and one of charlie's."""

    def setUp(self) -> None:
        self.client = Client()
        self.client.force_login(self.alice)

    def make(self, **fields: Any) -> dict[str, Any]:
        return dict(self.by_session("POST", PATH, {**BODY, **fields}, status=201))

    def by_session(self, method: str, path: str, body: object = None, **options: Any) -> Any:
        options["HTTP_AUTHORIZATION"] = None
        return self.call(method, path, body, **options)

    def refused(self, **fields: Any) -> dict[str, str]:
        found = self.by_session("POST", PATH, {**BODY, **fields}, status=422)
        return {error["pointer"]: error["detail"] for error in found["errors"]}


class MakingTest(TokenApiTestCase):
    def test_the_secret_is_told_once_and_opens_the_account(self) -> None:
        made = self.make()
        self.assertEqual(self.answer["Location"], f"{PATH}/{made['id']}")
        self.assertEqual(self.answer["Cache-Control"], "no-store")
        secret = made.pop("token")
        self.assertRegex(secret, r"^fa_[A-Za-z0-9_-]{43}$")
        self.tokens["alice"] = secret
        self.assertEqual(self.get("/api/profile")["user"], self.alice.pk)
        for shown in (self.get(PATH), self.get(f"{PATH}/{made['id']}")):
            self.assertNotIn(secret, str(shown))
            self.assertNotIn("digest", str(shown))

    def test_it_is_shown_as_what_it_is(self) -> None:
        with at("2026-03-01T12:00:00"):
            made = self.make(expires_at="2026-04-01T00:00:00+02:00")
        alerts = made.pop("alerts")
        self.assertEqual(alerts, {"opened": [], "resolved": []})
        self.assertEqual(
            made,
            {
                "id": made["id"],
                "user": self.alice.pk,
                "name": "Sync on the train",
                "scope": "read",
                "hint": made["token"][:8],
                "created_at": "2026-03-01T12:00:00Z",
                "last_used_at": None,
                "expires_at": "2026-03-31T22:00:00Z",
                "revoked_at": None,
                "token": made["token"],
            },
        )

    def test_a_token_makes_no_tokens(self) -> None:
        for scope in Scope:
            self.tokens["alice"] = ApiToken.issue(self.alice, "x", scope)[1]
            before = ApiToken.objects.count()
            found = self.call("POST", PATH, BODY, status=403)
            self.assertEqual(found["type"], "/problems/insufficient-scope")
            self.assertIn("insufficient_scope", self.answer["WWW-Authenticate"])
            self.assertEqual(ApiToken.objects.count(), before)

    def test_nobody_makes_a_service_of_themselves(self) -> None:
        self.assertEqual(self.refused(scope="service"), {"#/scope": "Must be one of read, write."})

    def test_nobody_makes_one_for_somebody_else(self) -> None:
        self.by_session("POST", PATH, {**BODY, "user": self.charlie.pk}, status=404)

    def test_a_name_and_a_scope_are_required(self) -> None:
        found = self.by_session("POST", PATH, {}, status=422)
        told = {error["pointer"] for error in found["errors"]}
        self.assertEqual(told, {"#/name", "#/scope"})
        self.assertIn("#/name", self.refused(name=" "))
        self.assertIn("#/name", self.refused(name="x" * 101))
        self.assertIn("#/colour", self.refused(colour="red"))

    def test_an_end_lies_ahead_within_ten_years_and_says_its_zone(self) -> None:
        past = "Must be in the future, within ten years."
        form = "Must be a time with its zone, such as 2030-01-31T12:00:00Z."
        with at("2026-03-01T12:00:00"):
            for value, reason in (
                ("2026-03-01T12:00:00Z", past),
                ("2026-03-01T13:59:59+02:00", past),
                ("2037-01-01T00:00:00Z", past),
                ("0001-01-01T00:00:00+14:00", past),
                ("9999-12-31T23:59:59-23:59", past),
                ("2027-01-01", form),
                ("2027-01-01T00:00:00", form),
                ("2027-01-01 00:00:00Z", form),
                ("\uff12027-01-01T00:00:00Z", form),
                (1_800_000_000, form),
                ("2027-02-30T00:00:00Z", "There is no such time."),
                ("2027-01-01T25:00:00Z", "There is no such time."),
                ("2027-01-01T00:00:00+99:99", "There is no such time."),
            ):
                with self.subTest(value):
                    self.assertEqual(self.refused(expires_at=value), {"#/expires_at": reason})
            for end in ("2026-03-01T12:00:01Z", "2036-01-01T00:00:00.5+01:00", None):
                self.make(expires_at=end)

    def test_fifty_are_in_force_at_once_and_no_more(self) -> None:
        for number in range(ApiToken.MAX_LIVE - 1):  # one is there already
            ApiToken.issue(self.alice, str(number))
        self.by_session("POST", PATH, BODY, status=409)
        ApiToken.objects.filter(user=self.alice).first().revoke()  # type: ignore[union-attr]
        self.make()
        self.by_session("POST", PATH, BODY, status=409)
        ApiToken.objects.filter(user=self.alice).update(expires_at=timezone.now())
        self.make()

    def test_it_takes_the_csrf_token(self) -> None:
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(self.alice)
        answer = browser.post(PATH, BODY, "application/json")
        self.assertEqual((answer.status_code, answer.json()["type"]), (403, "/problems/csrf"))


class EndingTest(TokenApiTestCase):
    def test_a_token_opens_nothing_from_its_end_on(self) -> None:
        end = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self.tokens["alice"] = ApiToken.issue(self.alice, "x", expires_at=end)[1]
        with at("2026-03-01T11:59:59"):
            self.get("/api/profile")
        with at("2026-03-01T12:00:00"):
            found = self.get("/api/profile", status=401)
        self.assertIn("expired", found["detail"])
        self.assertEqual(self.answer["WWW-Authenticate"], 'Bearer error="invalid_token"')

    def test_a_revoked_token_opens_nothing_and_stays_listed(self) -> None:
        made = self.make(scope="write")
        path = f"{PATH}/{made['id']}"
        self.tokens["alice"] = made["token"]
        self.get("/api/profile")
        shown = self.by_session("DELETE", path)
        self.assertIsNotNone(shown["revoked_at"])
        self.get("/api/profile", status=401)
        again = self.by_session("DELETE", path)
        self.assertEqual(again["revoked_at"], shown["revoked_at"])
        self.assertIn(made["id"], [row["id"] for row in self.by_session("GET", PATH)["items"]])

    def test_a_token_may_revoke_itself_and_one_that_reads_may_not(self) -> None:
        for scope, status in ((Scope.READ, 403), (Scope.WRITE, 200)):
            token, self.tokens["alice"] = ApiToken.issue(self.alice, "x", scope)
            self.call("DELETE", f"{PATH}/{token.pk}", status=status)
            token.refresh_from_db()
            self.assertEqual(token.revoked_at is None, status == 403)

    def test_somebody_elses_is_not_there(self) -> None:
        theirs = ApiToken.objects.get(user=self.charlie)
        for method in ("GET", "DELETE"):
            self.by_session(method, f"{PATH}/{theirs.pk}", status=404)
        theirs.refresh_from_db()
        self.assertIsNone(theirs.revoked_at)


class ListTest(TokenApiTestCase):
    def test_it_has_ones_own_newest_first(self) -> None:
        ids = [self.make(name=name)["id"] for name in ("one", "two")]
        listed = self.get(PATH)["items"]
        self.assertEqual([row["id"] for row in listed][:2], ids[::-1])
        self.assertEqual({row["user"] for row in listed}, {self.alice.pk})

    def test_it_says_when_each_was_used_last(self) -> None:
        with at("2026-03-01T12:00:00"):
            ApiToken.objects.update(last_used_at=None)
            self.get("/api/profile")
            row = self.by_session("GET", PATH)["items"][0]
        self.assertEqual(row["last_used_at"], "2026-03-01T12:00:00Z")

    def test_q_finds_words_of_the_name_and_the_hint(self) -> None:
        train = self.make(name="Sync on the Train")
        cafe = self.make(name="Café 100%")
        for text, found in (
            ("train", [train]),
            ("TRAIN sync", [train]),
            ("train café", []),
            ("cafe", [cafe]),
            ("CAFÉ", [cafe]),
            ("100%", [cafe]),
            ("1_0", []),
            (train["hint"], [train]),
            ("ain", [train]),
        ):
            with self.subTest(text):
                answer = self.client.get(PATH, {"q": text})
                ids = [row["id"] for row in answer.json()["items"]]
                self.assertEqual(ids, [row["id"] for row in found])

    def test_pages_follow_one_another(self) -> None:
        for number in range(5):
            ApiToken.issue(self.alice, f"token {number}")
        seen, path = [], f"{PATH}?limit=2&q=token"
        while path:
            page = self.get(path)
            seen += [row["name"] for row in page["items"]]
            path = page["next"]
        self.assertEqual(seen, [f"token {number}" for number in range(4, -1, -1)])

    def test_what_is_wrong_with_the_query_is_told(self) -> None:
        self.assertEqual(list(self.wrong_parameters(f"{PATH}?scope=read")), ["scope"])
        self.get(f"{PATH}?user={self.charlie.pk}", status=404)

    def test_it_costs_the_same_for_two_and_for_two_hundred(self) -> None:
        def queries() -> int:
            with self.assertNumQueries(2):
                return len(self.get(f"{PATH}?limit=200")["items"])

        self.assertEqual(queries(), 1)
        for number in range(200):
            ApiToken.issue(self.alice, str(number))
        self.assertEqual(queries(), 200)


class OldTokensTest(ApiTestCase):
    def test_one_of_before_scopes_writes(self) -> None:
        self.assertEqual(ApiToken.objects.get(user=self.alice).scope, Scope.WRITE)
        self.post("/api/category", {"name": "Bakery"})

    def test_live_ones_are_neither_revoked_nor_over(self) -> None:
        dora = User.objects.create_user("dora")
        now = timezone.now()
        kept = ApiToken.issue(dora, "a", expires_at=now + timedelta(days=1))[0]
        ApiToken.issue(dora, "b", expires_at=now - timedelta(days=1))
        ApiToken.issue(dora, "c")[0].revoke()
        self.assertEqual(list(ApiToken.objects.filter(user=dora).live()), [kept])
