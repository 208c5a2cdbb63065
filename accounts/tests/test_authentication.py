from __future__ import annotations

from datetime import timedelta
from unittest import mock

from django.contrib.auth.models import AnonymousUser, User
from django.db import OperationalError
from django.test import RequestFactory, TestCase
from django.utils import timezone

from accounts.authentication import OF_USER, Unauthenticated, authenticate
from accounts.models import ApiToken
from lib.text import digest


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

    def test_its_user_is_the_one_that_the_model_reads(self) -> None:
        User.objects.update(first_name="A", last_name="L", email="a@example.com", is_staff=True)
        read, stored = self.ask(self.secret), User.objects.get()
        with self.assertNumQueries(0):
            for name in OF_USER:
                self.assertEqual(getattr(read, name), getattr(stored, name))
        self.assertIs(read.is_active, True)
        self.assertEqual(vars(read._state), vars(stored._state))
        # Read when they are asked for, and then right.
        for field in User._meta.concrete_fields:
            self.assertEqual(getattr(read, field.attname), getattr(stored, field.attname))

    def test_it_opens_until_the_instant_that_it_expires(self) -> None:
        end = timezone.now() + timedelta(hours=1)
        ApiToken.objects.update(expires_at=end, last_used_at=end)
        with mock.patch("django.utils.timezone.now", return_value=end - timedelta(microseconds=1)):
            self.assertEqual(self.ask(self.secret), self.alice)
        at_the_end = mock.patch("django.utils.timezone.now", return_value=end)
        with at_the_end, self.assertRaises(Unauthenticated):
            self.ask(self.secret)

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
