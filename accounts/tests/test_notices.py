"""What ends with a password or an account, and the mails that tell the owner."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from unittest import mock

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.core import mail
from django.core.cache import cache
from django.core.management import call_command
from django.db import transaction
from django.test import Client, override_settings
from django.utils import timezone

from accounts.models import ApiToken, Device, Scope
from accounts.tests.clients import (
    PASSWORD,
    CommittedAccountTestCase,
    Phone,
    later,
    totp,
)
from budget.tests.pages import seen
from support.links import list_url, page_url

pytestmark = pytest.mark.once

OTHER = "another horse 8 battery"
SHA = "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher"
MD5 = "django.contrib.auth.hashers.MD5PasswordHasher"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/{}.0.0.0"


class NoticesTestCase(CommittedAccountTestCase):
    alice: User

    def setUp(self) -> None:
        super().setUp()
        self.phone = self.sign_up()
        self.alice = User.objects.get()
        self.personal, self.secret = ApiToken.issue(self.alice, "sync of my phone")
        self.service, _ = ApiToken.issue(self.alice, "bank feed", Scope.SERVICE)
        mail.outbox.clear()

    def told(self) -> mail.EmailMessage:
        """The only mail that was sent."""
        self.assertEqual([sent.to for sent in mail.outbox], [["alice@example.com"]])
        return mail.outbox.pop()

    def opens(self) -> bool:
        headers = {"Authorization": f"Bearer {self.secret}"}
        return self.client.get("/api/profile", headers=headers).status_code == 200

    def is_revoked(self, token: ApiToken) -> bool:
        token.refresh_from_db()
        return token.revoked_at is not None

    def check_password_mail(self) -> None:
        sent = self.told()
        self.assertEqual(sent.subject, "Your password was changed")
        body = str(sent.body)
        ended, _, left = body.partition("still in force")
        self.assertIn(f"sync of my phone ({self.personal.hint}...)", ended)
        self.assertIn(f"bank feed ({self.service.hint}...)", left)
        for secret in (self.secret, OTHER, PASSWORD, self.personal.digest):
            self.assertNotIn(secret, body)

    def root(self) -> Client:
        client = Client()
        client.force_login(User.objects.create_superuser("root"))
        return client


class PasswordTest(NoticesTestCase):
    def change_by_reset(self) -> None:
        phone = Phone()
        phone.account("POST", "auth/password/request", {"email": "alice@example.com"}, status=401)
        code = self.code()
        mail.outbox.clear()
        body = {"key": code, "password": OTHER}
        phone.account("POST", "auth/password/reset", body, status=401)

    def change_when_logged_in(self) -> None:
        body = {"current_password": PASSWORD, "new_password": OTHER}
        self.phone.account("POST", "account/password/change", body)

    def change_in_the_admin(self) -> None:
        data = {"password1": OTHER, "password2": OTHER}
        found = self.root().post(f"/admin/auth/user/{self.alice.pk}/password/", data)
        self.assertEqual(found.status_code, 302)

    def disable_in_the_admin(self) -> None:
        data = {"usable_password": "false", "unset-password": "1"}
        found = self.root().post(f"/admin/auth/user/{self.alice.pk}/password/", data)
        self.assertEqual(found.status_code, 302)

    def change_by_command(self) -> None:
        with mock.patch("getpass.getpass", return_value=OTHER):
            call_command("changepassword", self.alice.username, stdout=StringIO())

    def check(self, change: Callable[[], None], *, stays_in: bool = False) -> None:
        """A change ends the personal token, and one mail says so."""
        self.assertTrue(self.opens())
        change()
        self.assertFalse(self.opens())
        self.assertTrue(self.is_revoked(self.personal))
        self.assertFalse(self.is_revoked(self.service))
        self.check_password_mail()
        self.assertEqual(self.phone.is_in(), stays_in)

    def test_a_reset_by_mail_ends_tokens_and_tells_the_owner(self) -> None:
        self.check(self.change_by_reset)

    def test_so_does_another_password_of_somebody_who_is_logged_in(self) -> None:
        self.check(self.change_when_logged_in, stays_in=True)

    def test_so_does_one_that_is_set_in_the_admin(self) -> None:
        self.check(self.change_in_the_admin)

    def test_so_does_one_that_is_taken_away_in_the_admin(self) -> None:
        self.check(self.disable_in_the_admin)

    def test_so_does_one_that_is_set_by_a_command(self) -> None:
        self.check(self.change_by_command)

    def test_a_refused_password_ends_nothing(self) -> None:
        body = {"current_password": "wrong", "new_password": OTHER}
        self.phone.account("POST", "account/password/change", body, status=400)
        body = {"current_password": PASSWORD, "new_password": "short"}
        self.phone.account("POST", "account/password/change", body, status=400)
        self.assertTrue(self.opens())
        self.assertEqual(mail.outbox, [])

    def test_a_newer_hash_of_the_same_password_ends_nothing(self) -> None:
        before = self.alice.password
        with override_settings(PASSWORD_HASHERS=[SHA, MD5]):
            Phone().log_in()
        self.alice.refresh_from_db()
        self.assertNotEqual(self.alice.password, before)
        self.assertTrue(self.opens())
        self.assertEqual(mail.outbox, [])

    def test_what_is_rolled_back_ends_nothing_and_is_not_told(self) -> None:
        with transaction.atomic():
            self.alice.set_password(OTHER)
            self.alice.save()
            transaction.set_rollback(True)
        self.assertTrue(self.opens())
        self.assertEqual(mail.outbox, [])

    def test_a_mail_server_that_is_down_stops_no_change(self) -> None:
        with (
            mock.patch("django.core.mail.EmailMessage.send", side_effect=ConnectionRefusedError),
            self.assertLogs("accounts", "ERROR"),
        ):
            self.change_when_logged_in()
        self.assertFalse(self.opens())
        Phone().log_in(password=OTHER)

    def test_an_account_without_an_address_is_told_nothing(self) -> None:
        bob = User.objects.create_user("bob", password=PASSWORD)
        bob.set_password(OTHER)
        bob.save()
        self.assertEqual(mail.outbox, [])


class DeactivatedTest(NoticesTestCase):
    def test_an_account_that_is_closed_and_opened_again_has_no_way_in_left(self) -> None:
        root = self.root()
        page = page_url(User, self.alice.pk)
        data = {
            "username": self.alice.username,
            "email": self.alice.email,
            "date_joined_0": "2018-01-01",
            "date_joined_1": "12:00:00",
        }
        answer = root.post(page, data | seen(root, page))
        self.assertEqual(answer.status_code, 302)
        sent = self.told()
        self.assertEqual(sent.subject, "Your account was closed")
        self.assertIn("sync of my phone", str(sent.body))
        answer = root.post(page, data | {"is_active": "on"} | seen(root, page))
        self.assertEqual(answer.status_code, 302)
        self.assertFalse(self.opens())
        self.assertFalse(self.phone.is_in())
        self.assertTrue(self.is_revoked(self.service))
        Phone().log_in()


class TokenTest(NoticesTestCase):
    def test_each_way_to_make_one_is_told_without_the_secret(self) -> None:
        body = {"name": "widget", "scope": "read", "expires_at": None}
        made = self.phone.call("POST", "/api/token", body, status=201)
        sent = self.told()
        self.assertEqual(sent.subject, "A new API token was made for your account")
        self.assertIn(f"widget ({made['hint']}...)", str(sent.body))
        self.assertIn("reads your data", str(sent.body))
        self.assertNotIn(made["token"], str(sent.body))

        secret = call_command("create_token", self.alice.username, "--name", "cron")
        body_of = str(self.told().body)
        self.assertIn("cron", body_of)
        self.assertNotIn(secret, body_of)

        data = {"user": self.alice.pk, "name": "feed", "expires_at_0": "", "expires_at_1": ""}
        self.root().post("/admin/accounts/apitoken/add/", data)
        self.assertIn("reads and writes the data of every user", str(self.told().body))

    def test_one_that_is_refused_or_used_is_not_told(self) -> None:
        self.phone.call("POST", "/api/token", {"name": ""}, status=422)
        self.assertTrue(self.opens())
        self.assertEqual(mail.outbox, [])


class DeviceTest(NoticesTestCase):
    def log_in(self, agent: str, ip: str = "192.0.2.7") -> None:
        phone = Phone(HTTP_USER_AGENT=agent, REMOTE_ADDR=ip)
        phone.log_in()

    def test_the_first_log_in_from_a_device_is_told_and_no_later_one(self) -> None:
        self.log_in(MAC.format(120))
        sent = self.told()
        self.assertEqual(sent.subject, "A log-in from a new device")
        self.assertIn("Macintosh", str(sent.body))
        self.assertIn("192.0.2.7", str(sent.body))
        for agent, ip in ((MAC.format(120), "192.0.2.7"), (MAC.format(131), "192.0.2.99")):
            self.log_in(agent, ip)
            self.assertEqual(mail.outbox, [])

    def test_another_browser_and_another_network_are_told(self) -> None:
        self.log_in(MAC.format(120))
        self.told()
        self.log_in(MAC.format(120), "198.51.100.7")
        self.told()
        self.log_in("curl/8.5.0")
        self.told()

    def test_signing_up_is_no_news(self) -> None:
        cache.clear()
        with later(60):
            self.sign_up("bob@example.com")
        self.assertEqual([sent.subject for sent in mail.outbox], [CONFIRM])

    def test_a_script_that_logs_in_from_everywhere_fills_no_mailbox(self) -> None:
        for number in range(12):
            cache.clear()
            self.log_in("script/1.0", f"10.0.{number}.1")
        # The device of the sign-up is one of the five of this day.
        self.assertEqual(len(mail.outbox), 4)
        Device.objects.update(created_at=timezone.now() - timedelta(days=2))
        cache.clear()
        self.log_in("script/1.0", "10.1.0.1")
        self.assertEqual(len(mail.outbox), 5)

    def test_tokens_and_open_sessions_are_no_log_ins(self) -> None:
        self.assertTrue(self.opens())
        self.assertTrue(self.phone.is_in())
        self.assertEqual(Device.objects.count(), 1)

    def test_only_so_many_are_remembered(self) -> None:
        for number in range(Device.KEPT + 5):
            Device.note(self.alice.pk, "script", f"10.0.{number}.1")
        self.assertEqual(Device.objects.count(), Device.KEPT)

    def test_what_is_no_address_is_a_network_of_its_own(self) -> None:
        one = Device.fingerprint_of("a", "2001:db8:1:2::1")
        self.assertEqual(one, Device.fingerprint_of("a", "2001:db8:1:ffff::9"))
        self.assertNotEqual(one, Device.fingerprint_of("a", "2001:db8:2::1"))
        self.assertNotEqual(one, Device.fingerprint_of("a", "unknown"))


class FactorTest(NoticesTestCase):
    def set_up(self) -> None:
        answer = self.phone.account("GET", "account/authenticators/totp", status=404)
        body = {"code": totp(answer["meta"]["secret"])}
        self.phone.account("POST", "account/authenticators/totp", body)

    def test_the_owner_is_told_of_a_new_factor_and_of_one_less(self) -> None:
        self.set_up()
        self.assertEqual(
            sorted(sent.subject for sent in mail.outbox),
            ["Authenticator App Activated"],
        )
        mail.outbox.clear()
        self.phone.account("DELETE", "account/authenticators/totp")
        self.assertIn("Deactivated", self.told().subject)

    def test_and_of_one_that_somebody_else_took_away(self) -> None:
        self.set_up()
        mail.outbox.clear()
        ids = list(Authenticator.objects.values_list("pk", flat=True))
        data = {"action": "delete_selected", "_selected_action": ids, "post": "yes"}
        self.root().post(list_url(Authenticator), data)
        self.assertEqual(Authenticator.objects.count(), 0)
        self.assertEqual(self.told().subject, "A second factor of your account was removed")
        self.set_up()
        mail.outbox.clear()
        call_command("remove_second_factor", "alice@example.com")
        self.assertEqual(self.told().subject, "A second factor of your account was removed")

    def test_a_new_factor_stands_where_the_mail_cannot_be_sent(self) -> None:
        with (
            mock.patch("django.core.mail.EmailMessage.send", side_effect=ConnectionRefusedError),
            self.assertLogs("accounts", "ERROR"),
        ):
            self.set_up()
        self.assertTrue(Authenticator.objects.filter(type="totp").exists())


CONFIRM = "Your code to confirm your e-mail address"
