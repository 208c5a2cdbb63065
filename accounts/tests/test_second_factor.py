"""Codes of an authenticator app, recovery codes and passkeys."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from accounts.tests.clients import PASSWORD, AccountTestCase, Browser, Device, Phone, later, totp
from accounts.tests.passkey import Passkey

pytestmark = pytest.mark.once

TOKEN = {"name": "sync", "scope": "write"}


class SecondFactorTestCase(AccountTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.phone = self.sign_up()

    def prove(self, device: Device) -> None:
        device.account("POST", "auth/reauthenticate", {"password": PASSWORD})

    def add_totp(self) -> str:
        """Set up an authenticator app; the secret that it holds."""
        self.prove(self.phone)
        found = self.phone.account("GET", "account/authenticators/totp", status=404)
        secret: str = found["meta"]["secret"]
        body = {"code": totp(secret)}
        self.phone.account("POST", "account/authenticators/totp", body)
        return secret

    def add_passkey(self, *, passwordless: bool = False) -> Passkey:
        self.prove(self.phone)
        passkey = Passkey()
        path = "account/authenticators/webauthn"
        options = self.phone.account("GET", f"{path}?passwordless" if passwordless else path)
        made = passkey.register(options["data"]["creation_options"])
        self.phone.account("POST", path, {"name": "phone", "credential": made})
        return passkey

    def pending(self, answer: Any) -> list[str]:
        return [flow["id"] for flow in answer["data"]["flows"] if flow.get("is_pending")]


class TotpTest(SecondFactorTestCase):
    def test_setting_it_up_minutes_after_the_log_in_takes_the_password_again(self) -> None:
        with later(6 * 60):
            answer = self.phone.account("GET", "account/authenticators/totp", status=404)
            body = {"code": totp(answer["meta"]["secret"])}
            found = self.phone.account("POST", "account/authenticators/totp", body, status=401)
        self.assertIn({"id": "reauthenticate"}, found["data"]["flows"])

    def test_setting_it_up_right_after_the_sign_up_or_the_log_in_takes_none(self) -> None:
        browser = Browser()
        with later(10 * 60):
            browser.log_in()
        for device, seconds in ((self.phone, 0), (browser, 11 * 60)):
            with self.subTest(device.flavour), later(seconds):
                answer = device.account("GET", "account/authenticators/totp", status=404)
                body = {"code": totp(answer["meta"]["secret"])}
                device.account("POST", "account/authenticators/totp", body)
                device.account("DELETE", "account/authenticators/totp")

    def test_a_password_alone_opens_nothing_any_more(self) -> None:
        secret = self.add_totp()
        for device in (Phone(), Browser()):
            with self.subTest(device.flavour):
                found = device.log_in(status=401)
                self.assertEqual(self.pending(found), ["mfa_authenticate"])
                # Half-way in: there is a session, and our API does not take it.
                self.assertFalse(device.is_in())
                wrong = {"code": f"{(int(totp(secret)) + 1) % 1_000_000:06}"}
                device.account("POST", "auth/2fa/authenticate", wrong, status=400)
                self.assertFalse(device.is_in())
        with later(60):
            device = Phone()
            device.log_in(status=401)
            device.account("POST", "auth/2fa/authenticate", {"code": totp(secret)})
            self.assertTrue(device.is_in())

    def test_a_code_counts_once(self) -> None:
        secret = self.add_totp()
        with later(60):
            first, second = Phone(), Phone()
            for phone, status in ((first, 200), (second, 400)):
                phone.log_in(status=401)
                body = {"code": totp(secret)}
                phone.account("POST", "auth/2fa/authenticate", body, status=status)
            self.assertFalse(second.is_in())

    def test_guessing_codes_ends_after_five(self) -> None:
        secret = self.add_totp()
        with later(60):
            phone = Phone()
            phone.log_in(status=401)
            wrong = {"code": f"{(int(totp(secret)) + 1) % 1_000_000:06}"}
            for _ in range(5):
                phone.account("POST", "auth/2fa/authenticate", wrong, status=400)
            body = {"code": totp(secret)}
            found = phone.account("POST", "auth/2fa/authenticate", body, status=400)
            self.assertEqual(found["errors"][0]["code"], "too_many_login_attempts")

    def test_a_recovery_code_stands_in_once(self) -> None:
        self.add_totp()
        found = self.phone.account("GET", "account/authenticators/recovery-codes")
        code = {"code": found["data"]["unused_codes"][0]}
        for status in (200, 400):
            phone = Phone()
            phone.log_in(status=401)
            phone.account("POST", "auth/2fa/authenticate", code, status=status)

    def test_a_session_that_was_open_before_stays_open(self) -> None:
        self.add_totp()
        self.assertTrue(self.phone.is_in())

    def test_a_log_in_of_this_minute_is_a_proof_for_five(self) -> None:
        secret = self.add_totp()
        codes = self.phone.account("GET", "account/authenticators/recovery-codes")["data"]
        for start, device, recovery in (
            (10 * 60, Phone(), None),
            (20 * 60, Browser(), None),
            (30 * 60, Phone(), codes["unused_codes"][0]),
        ):
            with self.subTest(start):
                with later(start):
                    device.log_in(status=401)
                    code = {"code": recovery or totp(secret)}
                    device.account("POST", "auth/2fa/authenticate", code)
                    device.call("POST", "/api/token", TOKEN, status=201)
                with later(start + 4 * 60):
                    device.call("POST", "/api/token", TOKEN, status=201)
                with later(start + 5 * 60 + 1):
                    found = device.call("POST", "/api/token", TOKEN, status=403)
                    self.assertEqual(found["type"], "/problems/reauthenticate")

    def test_a_token_takes_a_proof_of_the_last_minutes(self) -> None:
        secret = self.add_totp()
        with later(10 * 60):
            found = self.phone.call("POST", "/api/token", TOKEN, status=403)
            self.assertEqual(found["type"], "/problems/reauthenticate")
            code = {"code": totp(secret)}
            self.phone.account("POST", "auth/2fa/reauthenticate", code)
            self.phone.call("POST", "/api/token", TOKEN, status=201)
        with later(16 * 60):
            self.phone.call("POST", "/api/token", TOKEN, status=403)

    def test_so_does_the_end_of_the_account(self) -> None:
        self.add_totp()
        body = {"confirm": "alice@example.com"}
        with later(10 * 60):
            self.phone.call("DELETE", "/api/account", body, status=403)
        self.phone.call("DELETE", "/api/account", body)

    def test_half_a_log_in_is_no_proof(self) -> None:
        self.add_totp()
        with later(10 * 60):
            Phone().log_in(status=401)
            self.phone.call("POST", "/api/token", TOKEN, status=403)

    def test_a_token_takes_none_without_a_second_factor(self) -> None:
        with later(10 * 60):
            self.phone.call("POST", "/api/token", TOKEN, status=201)

    def test_it_can_be_taken_away_again(self) -> None:
        self.add_totp()
        self.phone.account("DELETE", "account/authenticators/totp")
        Phone().log_in()


class PasskeyTest(SecondFactorTestCase):
    def log_in(self, device: Device, passkey: Passkey, status: int = 200) -> Any:
        options = device.account("GET", "auth/webauthn/login")["data"]["request_options"]
        body = {"credential": passkey.sign(options)}
        return device.account("POST", "auth/webauthn/login", body, status=status)

    def test_it_opens_an_account_without_a_password(self) -> None:
        passkey = self.add_passkey(passwordless=True)
        for device in (Phone(), Browser()):
            with self.subTest(device.flavour):
                found = self.log_in(device, passkey)
                self.assertEqual(found["data"]["user"]["email"], "alice@example.com")
                self.assertTrue(device.is_in())

    def test_it_is_a_second_factor(self) -> None:
        passkey = self.add_passkey()
        phone = Phone()
        self.assertEqual(self.pending(phone.log_in(status=401)), ["mfa_authenticate"])
        self.assertFalse(phone.is_in())
        options = phone.account("GET", "auth/webauthn/authenticate")["data"]["request_options"]
        body = {"credential": passkey.sign(options)}
        phone.account("POST", "auth/webauthn/authenticate", body)
        self.assertTrue(phone.is_in())

    def test_logging_in_with_it_is_a_proof(self) -> None:
        passkey = self.add_passkey(passwordless=True)
        for device, start in ((Phone(), 10 * 60), (Browser(), 20 * 60)):
            with self.subTest(device.flavour):
                with later(start):
                    self.log_in(device, passkey)
                    device.call("POST", "/api/token", TOKEN, status=201)
                with later(start + 6 * 60):
                    device.call("POST", "/api/token", TOKEN, status=403)

    def test_one_that_was_made_for_another_site_opens_nothing(self) -> None:
        passkey = self.add_passkey(passwordless=True)
        passkey.origin = "https://testserver.evil.example"
        phone = Phone()
        self.log_in(phone, passkey, status=400)
        self.assertFalse(phone.is_in())

    def test_a_forged_signature_opens_nothing(self) -> None:
        passkey = self.add_passkey(passwordless=True)
        passkey.key = Passkey().key
        phone = Phone()
        self.log_in(phone, passkey, status=400)
        self.assertFalse(phone.is_in())

    def test_an_answer_counts_once(self) -> None:
        passkey = self.add_passkey(passwordless=True)
        phone = Phone()
        options = phone.account("GET", "auth/webauthn/login")["data"]["request_options"]
        body = {"credential": passkey.sign(options)}
        phone.account("POST", "auth/webauthn/login", body)
        Phone().account("POST", "auth/webauthn/login", body, status=400)
        thief = Phone()
        thief.account("GET", "auth/webauthn/login")
        thief.account("POST", "auth/webauthn/login", body, status=400)

    def test_it_is_made_for_the_domain_that_pages_and_api_share(self) -> None:
        self.prove(self.phone)
        with self.settings(PASSKEY_DOMAIN="example.com"):
            found = self.phone.account("GET", "account/authenticators/webauthn")
        made_for = found["data"]["creation_options"]["publicKey"]["rp"]
        self.assertEqual(made_for, {"id": "example.com", "name": "Financial Alerts"})

    def test_an_account_can_be_made_with_a_passkey_and_no_password(self) -> None:
        phone, passkey = Phone(), Passkey()
        body = {"email": "bob@example.com"}
        phone.account("POST", "auth/webauthn/signup", body, status=401)
        phone.account("POST", "auth/email/verify", {"key": self.code()}, status=401)
        self.assertFalse(phone.is_in())
        options = phone.account("GET", "auth/webauthn/signup")["data"]["creation_options"]
        made = {"name": "phone", "credential": passkey.register(options)}
        phone.account("PUT", "auth/webauthn/signup", made)
        self.assertTrue(phone.is_in())
        phone.call("POST", "/api/token", TOKEN, status=201)
        self.assertFalse(User.objects.get(email="bob@example.com").has_usable_password())
        again = Phone()
        self.log_in(again, passkey)
        self.assertTrue(again.is_in())
