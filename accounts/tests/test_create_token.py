from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO

from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import TestCase

from accounts.models import ApiToken
from budget.tests.people import at
from lib.text import digest


class CreateTokenTestCase(TestCase):
    def setUp(self) -> None:
        self.alice = User.objects.create_user("alice")

    def run_it(self, *args: str) -> str:
        out = StringIO()
        call_command("create_token", *args, stdout=out)
        return out.getvalue()

    def test_its_last_line_is_a_token_that_works(self) -> None:
        secret = self.run_it("alice").splitlines()[-1]
        token = ApiToken.objects.get()
        self.assertEqual((token.user, token.digest), (self.alice, digest(secret)))
        self.assertEqual(token.name, "command line")
        answer = self.client.get("/api/profile", headers={"Authorization": f"Bearer {secret}"})
        self.assertEqual(answer.json()["user"], self.alice.pk)

    def test_a_token_may_have_a_name(self) -> None:
        self.run_it("alice", "--name", "phone")
        self.assertEqual(ApiToken.objects.get().name, "phone")

    def test_a_token_reads_or_writes(self) -> None:
        for args, scope in (([], "write"), (["--scope", "read"], "read")):
            self.run_it("alice", *args)
            self.assertEqual(ApiToken.objects.latest("pk").scope, scope)

    def test_a_token_may_end(self) -> None:
        with at("2026-03-01T12:00:00"):
            self.run_it("alice", "--expires-days", "30")
        expiry = ApiToken.objects.get().expires_at
        self.assertEqual(expiry, datetime(2026, 3, 31, 12, tzinfo=UTC))

    def test_a_name_may_be_one_that_grows_when_it_is_folded(self) -> None:
        self.run_it("alice", "--name", "\ufdfa" * 100)
        self.assertGreater(len(ApiToken.objects.get().key), 1000)

    def test_it_refuses_what_makes_no_sense(self) -> None:
        User.objects.create_user("bob", is_active=False)
        for args, reason in (
            (["nobody"], "no user named 'nobody'"),
            (["bob"], "'bob' is not active"),
            (["alice", "--name", " "], "1 to 100 characters"),
            (["alice", "--name", "x" * 101], "1 to 100 characters"),
            (["alice", "--expires-days", "0"], "after 1 to 3660 days"),
            (["alice", "--expires-days", "3661"], "after 1 to 3660 days"),
            (["alice", "--scope", "service"], "invalid choice: 'service'"),
        ):
            with self.subTest(args), self.assertRaisesMessage(CommandError, reason):
                self.run_it(*args)
        self.assertFalse(ApiToken.objects.exists())
