"""From nothing to an account whose address is confirmed, as a phone and as a browser."""

from __future__ import annotations

from unittest import mock

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core import mail

from accounts.tests.clients import PASSWORD, AccountTestCase, Browser, Device, Phone, later
from budget.models import Category

pytestmark = pytest.mark.any_postgres

ALICE = {"email": "alice@example.com", "password": PASSWORD}


class SignUpTest(AccountTestCase):
    def devices(self) -> list[Device]:
        return [Phone(), Browser()]

    def test_a_code_from_the_mail_opens_the_account(self) -> None:
        for number, device in enumerate(self.devices()):
            with self.subTest(device.flavour):
                email = f"alice{number}@example.com"
                body = {"email": email, "password": PASSWORD}
                found = device.account("POST", "auth/signup", body, status=401)
                pending = [flow["id"] for flow in found["data"]["flows"] if flow.get("is_pending")]
                self.assertEqual(pending, ["verify_email"])
                self.assertFalse(device.is_in())
                self.assertEqual(mail.outbox[-1].to, [email])
                found = device.account("POST", "auth/email/verify", {"key": self.code()})
                self.assertEqual(found["data"]["user"]["email"], email)
                self.assertTrue(device.is_in())
                profile = device.call("GET", "/api/profile")
                self.assertEqual(profile["user"], found["data"]["user"]["id"])

    def test_whoever_has_signed_up_has_all_that_a_user_has(self) -> None:
        self.sign_up()
        alice = User.objects.get()
        self.assertRegex(alice.username, r"^alice_[0-9a-f]{10}$")
        self.assertTrue(Category.objects.filter(user=alice, builtin=True).exists())
        address = EmailAddress.objects.get(user=alice)
        self.assertTrue(address.verified and address.primary)

    def test_two_of_the_same_name_get_two_usernames(self) -> None:
        for email in ("alice@example.com", "alice@example.org"):
            self.sign_up(email)
        self.assertEqual(len(set(User.objects.values_list("username"))), 2)

    def test_the_mail_has_a_code_and_no_link(self) -> None:
        self.sign_up()
        sent = mail.outbox[0]
        self.assertEqual(sent.from_email, "Financial Alerts <no-reply@localhost>")
        self.assertNotIn("http", str(sent.body))
        self.assertNotIn("testserver", str(sent.body) + sent.subject)

    def test_a_wrong_code_opens_nothing_and_three_end_it(self) -> None:
        phone = Phone()
        phone.account("POST", "auth/signup", ALICE, status=401)
        code = self.code()
        wrong = {"key": "BBBB-BBBB" if code != "BBBB-BBBB" else "CCCC-CCCC"}
        for _ in range(3):
            found = phone.account("POST", "auth/email/verify", wrong, status=400)
            self.assertEqual(found["errors"][0]["code"], "incorrect_code")
        phone.account("POST", "auth/email/verify", {"key": code}, status=409)
        self.assertFalse(phone.is_in())

    def test_a_code_can_be_sent_again_and_then_the_new_one_counts(self) -> None:
        phone = Phone()
        phone.account("POST", "auth/signup", ALICE, status=401)
        first = self.code()
        phone.account("POST", "auth/email/verify/resend", status=429)
        with later(20):
            phone.account("POST", "auth/email/verify/resend")
        self.assertEqual(len(mail.outbox), 2)
        self.assertNotEqual(self.code(), first)
        phone.account("POST", "auth/email/verify", {"key": first}, status=400)
        phone.account("POST", "auth/email/verify", {"key": self.code()})
        self.assertTrue(phone.is_in())

    def test_a_code_is_of_no_use_on_another_device(self) -> None:
        Phone().account("POST", "auth/signup", ALICE, status=401)
        thief = Phone()
        thief.account("POST", "auth/email/verify", {"key": self.code()}, status=409)

    def test_a_code_ends_after_fifteen_minutes(self) -> None:
        phone = Phone()
        phone.account("POST", "auth/signup", ALICE, status=401)
        with later(15 * 60 + 1):
            phone.account("POST", "auth/email/verify", {"key": self.code()}, status=409)

    def test_an_address_that_has_an_account_is_not_given_away_and_gets_no_second(self) -> None:
        self.sign_up()
        for number, email in enumerate(("alice@example.com", "ALICE@example.com"), 1):
            with later(20 * number):
                found = Phone().account(
                    "POST", "auth/signup", {**ALICE, "email": email}, status=401
                )
            body = {**ALICE, "email": f"new{number}@example.com"}
            new = Phone().account("POST", "auth/signup", body, status=401)
            for answer in (found, new):
                answer["meta"].pop("session_token")
            self.assertEqual(found, new)
        self.assertEqual(User.objects.filter(email__iexact="alice@example.com").count(), 1)
        told = [sent for sent in mail.outbox if sent.subject == "You have an account already"]
        self.assertEqual([sent.to for sent in told], [["alice@example.com"]] * 2)

    def test_only_one_of_two_can_confirm_an_address(self) -> None:
        first = Phone()
        first.account("POST", "auth/signup", ALICE, status=401)
        bob = User.objects.create_user("bob", "alice@example.com", PASSWORD)
        EmailAddress.objects.create(user=bob, email="alice@example.com", verified=True)
        first.account("POST", "auth/email/verify", {"key": self.code()}, status=400)
        self.assertFalse(first.is_in())

    def test_bad_input_is_told_by_field_in_allauths_shape(self) -> None:
        phone = Phone()
        for body, field, code in (
            ({"email": "alice", "password": PASSWORD}, "email", "invalid"),
            ({"password": PASSWORD}, "email", "required"),
            ({"email": "alice@example.com"}, "password", "required"),
            ({**ALICE, "password": "password"}, "password", "password_too_common"),
            ({**ALICE, "password": "x7"}, "password", "password_too_short"),
        ):
            found = phone.account("POST", "auth/signup", body, status=400)
            told = {(error["param"], error["code"]) for error in found["errors"]}
            self.assertIn((field, code), told)
        self.assertFalse(User.objects.exists())

    def test_a_mail_that_cannot_be_sent_leaves_nothing_behind(self) -> None:
        phone = Phone()
        with (
            mock.patch("django.core.mail.EmailMessage.send", side_effect=ConnectionRefusedError),
            self.assertLogs("accounts.adapters", "ERROR"),
        ):
            found = phone.account("POST", "auth/signup", ALICE, status=503)
        self.assertEqual(found["errors"][0]["code"], "mail_failed")
        self.assertFalse(User.objects.exists())
        self.sign_up()

    def test_twenty_sign_ups_a_minute_from_one_address_and_no_more(self) -> None:
        for number in range(20):
            Phone().account("POST", "auth/signup", {"email": str(number)}, status=400)
        answer = Phone().account("POST", "auth/signup", ALICE, status=429)
        self.assertEqual(answer, {"status": 429})
