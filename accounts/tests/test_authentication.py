from __future__ import annotations

from datetime import timedelta
from unittest import mock

from django.contrib.auth.models import AnonymousUser, User
from django.db import OperationalError
from django.test import RequestFactory, TestCase
from django.utils import timezone

from accounts.authentication import Unauthenticated, authenticate
from accounts.models import ApiToken, digest


class TokenTestCase(TestCase):
    def setUp(self) -> None:
        self.alice = User.objects.create_user("alice")
        self.token, self.secret = ApiToken.issue(self.alice, "phone")

    def ask(self, secret: str) -> User:
        request = RequestFactory().get("/", headers={"Authorization": f"Bearer {secret}"})
        request.user = AnonymousUser()
        return authenticate(request).user

    def test_a_token_is_its_users_and_kept_as_a_hash_only(self) -> None:
        self.assertEqual(self.ask(self.secret), self.alice)
        row = ApiToken.objects.values().get()
        self.assertNotIn(self.secret, str(row))
        self.assertEqual(row["digest"], digest(self.secret))
        self.assertEqual(self.secret[:8], row["hint"])

    def test_two_tokens_differ(self) -> None:
        other = ApiToken.issue(self.alice, "phone")[1]
        self.assertNotEqual(other, self.secret)
        self.assertRegex(other, r"^fa_[A-Za-z0-9_-]{43}$")

    def test_it_costs_one_query_and_its_use_is_noted_now_and_then(self) -> None:
        with self.assertNumQueries(2):
            self.ask(self.secret)
        with self.assertNumQueries(1):
            self.ask(self.secret)
        later = timezone.now() + timedelta(minutes=10)
        with mock.patch("django.utils.timezone.now", return_value=later):
            with self.assertNumQueries(2):
                self.ask(self.secret)
            with self.assertNumQueries(1):
                self.ask(self.secret)
        self.token.refresh_from_db()
        self.assertEqual(self.token.last_used_at, later)

    def test_a_use_that_cannot_be_noted_is_no_failure(self) -> None:
        with (
            mock.patch("django.db.models.QuerySet.update", side_effect=OperationalError("full")),
            self.assertLogs("accounts.authentication", "WARNING"),
        ):
            self.assertEqual(self.ask(self.secret), self.alice)

    def test_a_revoked_token_is_nobodys(self) -> None:
        ApiToken.objects.update(revoked_at=timezone.now())
        with self.assertRaises(Unauthenticated):
            self.ask(self.secret)

    def test_a_token_of_a_user_who_is_not_active_is_nobodys(self) -> None:
        User.objects.update(is_active=False)
        with self.assertRaises(Unauthenticated):
            self.ask(self.secret)

    def test_an_unknown_token_is_nobodys(self) -> None:
        for secret in (self.token.digest, self.secret.swapcase(), f"fa_{'A' * 43}"):
            with self.assertRaises(Unauthenticated):
                self.ask(secret)

    def test_without_a_credential_nobody_asks(self) -> None:
        request = RequestFactory().get("/")
        request.user = AnonymousUser()
        with self.assertRaises(Unauthenticated) as caught:
            authenticate(request)
        self.assertEqual(caught.exception.challenge, "Bearer")
