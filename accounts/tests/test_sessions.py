"""Sessions: what is looked up, how long they last, and what is taken from allauth unpromised."""

from __future__ import annotations

import inspect
from datetime import timedelta
from importlib import import_module
from typing import Any
from unittest import mock

import pytest
from allauth.headless import app_settings
from allauth.headless.tokens.strategies.base import AbstractTokenStrategy
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.models import Session
from django.db import OperationalError
from django.http import HttpRequest
from django.utils import timezone

from accounts.authentication import authenticate
from accounts.sessions import SingleLoadStrategy, prolong, session_from, session_of
from accounts.tests.clients import AccountTestCase, Browser, Device, Phone

pytestmark = pytest.mark.any_postgres

MONTH = timedelta(days=30)


def in_days(days: float) -> Any:
    now = timezone.now() + timedelta(days=days)
    return mock.patch("django.utils.timezone.now", return_value=now)


def with_token(phone: Phone) -> HttpRequest:
    request = HttpRequest()
    request.META["HTTP_X_SESSION_TOKEN"] = str(phone.token)
    return request


class LookUpTest(AccountTestCase):
    def test_allauth_still_has_what_is_used_of_it(self) -> None:
        strategy = app_settings.TOKEN_STRATEGY
        self.assertIs(type(strategy), SingleLoadStrategy)
        self.assertIsInstance(strategy, AbstractTokenStrategy)
        looks_up = inspect.signature(AbstractTokenStrategy.lookup_session)
        self.assertEqual(list(looks_up.parameters), ["self", "session_token"])

    def test_no_other_module_imports_it(self) -> None:
        accounts = [f"accounts.{name}" for name in ("authentication", "adapters", "refusals")]
        for name in (*accounts, "api.views.token"):
            source = inspect.getsource(import_module(name))
            self.assertNotIn("allauth.headless", source)

    def test_a_session_is_found_with_one_query(self) -> None:
        phone = self.sign_up()
        with self.assertNumQueries(1):
            found = session_of(str(phone.token))
        assert found is not None
        self.assertEqual(found["_auth_user_id"], str(User.objects.get().pk))

    def test_what_is_no_token_is_not_even_looked_up(self) -> None:
        with self.assertNumQueries(0):
            for token in ("", "x", "a" * 31, "a" * 33, "A" * 32, "a" * 31 + "\0", "é" * 32):
                self.assertIsNone(session_of(token))
        self.assertIsNone(session_of("a" * 32))

    def test_a_session_that_is_over_is_not_found(self) -> None:
        phone = self.sign_up()
        Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
        self.assertIsNone(session_of(str(phone.token)))
        self.assertFalse(phone.is_in())

    def test_a_phone_costs_one_query_and_a_browser_two(self) -> None:
        phone = self.sign_up()
        browser = Browser()
        browser.log_in()
        # Besides the profile, and for a browser its ledger.
        for device, count in ((phone, 2), (browser, 4)):
            device.is_in()
            with self.assertNumQueries(count):
                device.is_in()

    def test_a_session_of_one_query_is_the_one_that_loads_itself(self) -> None:
        phone = self.sign_up()
        token = str(phone.token)
        loaded = session_of(token)
        assert loaded is not None
        made = session_from(token, Session.objects.get(session_key=token).session_data)
        self.assertEqual(dict(made.items()), dict(loaded.items()))
        self.assertEqual((made.session_key, made.modified), (loaded.session_key, False))
        self.assertEqual(type(made), type(loaded))

    def test_a_session_that_no_list_names_is_still_its_users(self) -> None:
        phone = self.sign_up()
        UserSession.objects.all().delete()
        self.assertTrue(phone.is_in())

    def test_a_session_is_its_own_users_whatever_a_list_says(self) -> None:
        phone = self.sign_up()
        other = User.objects.create_user("other")
        UserSession.objects.update(user=other)
        owner = User.objects.exclude(pk=other.pk).get()
        self.assertEqual(authenticate(with_token(phone)).user, owner)

    def test_another_password_ends_it(self) -> None:
        phone = self.sign_up()
        user = User.objects.get()
        user.set_password("quite another one")
        user.save()
        self.assertFalse(phone.is_in())
        self.assertEqual(Session.objects.count(), 0)

    def test_a_user_who_is_not_active_is_not_let_in(self) -> None:
        phone = self.sign_up()
        User.objects.update(is_active=False)
        self.assertFalse(phone.is_in())

    def test_no_cookie_is_set_for_a_phone(self) -> None:
        phone = self.sign_up()
        answer = phone.client.get("/api/profile", headers=phone.headers())
        self.assertEqual(answer.status_code, 200)
        self.assertFalse(answer.cookies)
        self.assertIn("X-Session-Token", answer["Vary"])


class LifeTest(AccountTestCase):
    def devices(self) -> list[Device]:
        phone = self.sign_up()
        browser = Browser()
        browser.log_in()
        return [phone, browser]

    def ends(self) -> list[Any]:
        return list(Session.objects.order_by("expire_date").values_list("expire_date", flat=True))

    def test_a_session_lasts_for_thirty_days_without_use(self) -> None:
        for device in self.devices():
            with self.subTest(device.flavour):
                with in_days(29.9):
                    self.assertTrue(device.is_in())
                with in_days(29.9 + 30.1):
                    self.assertFalse(device.is_in())

    def test_one_that_is_used_now_and_then_never_ends(self) -> None:
        devices = self.devices()
        for day in range(20, 200, 20):
            with in_days(day):
                self.assertEqual([device.is_in() for device in devices], [True, True])

    def test_a_browsers_cookie_is_prolonged_with_it(self) -> None:
        _, browser = self.devices()
        with in_days(10):
            answer = browser.client.get("/api/profile")
        self.assertEqual(answer.cookies["sessionid"]["max-age"], MONTH.total_seconds())
        self.assertTrue(answer.cookies["sessionid"]["httponly"])

    def test_it_writes_once_a_day(self) -> None:
        phone, _ = self.devices()
        for day in (1, 1.0001, 1.0002):
            with in_days(day):
                phone.is_in()
        self.assertEqual(len(set(self.ends())), 2)
        with in_days(1.0003), self.assertNumQueries(2):
            phone.is_in()

    def test_the_list_of_sessions_says_when_each_was_seen_last(self) -> None:
        phone, _ = self.devices()
        with in_days(3):
            phone.is_in()
        seen = UserSession.objects.order_by("last_seen_at").last()
        assert seen is not None
        self.assertEqual({"X-Session-Token": seen.session_key}, phone.headers())
        self.assertGreater(seen.last_seen_at, timezone.now() + timedelta(days=2))

    def test_one_that_has_ended_meanwhile_does_not_come_back(self) -> None:
        phone = self.sign_up()
        session = session_of(str(phone.token))
        assert session is not None
        Session.objects.all().delete()
        with self.assertRaises(UpdateError):
            prolong(session, save=True)
        self.assertEqual(Session.objects.count(), 0)
        found = (session, User.objects.get(), None)
        with mock.patch("accounts.authentication.session_with_user", return_value=found):
            session.modified = False
            del session["seen"]
            self.assertFalse(phone.is_in())
        self.assertEqual(Session.objects.count(), 0)

    def test_a_database_that_takes_no_writes_can_still_be_read(self) -> None:
        phone = self.sign_up()
        with (
            mock.patch("accounts.authentication.prolong", side_effect=OperationalError("full")),
            self.assertLogs("accounts.authentication", "WARNING"),
        ):
            self.assertTrue(phone.is_in())
