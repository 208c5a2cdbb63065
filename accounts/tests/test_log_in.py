"""In and out again, and what happens to those who guess."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.core import mail

from accounts.tests.clients import PASSWORD, AccountTestCase, Browser, Device, Phone, later

pytestmark = pytest.mark.any_postgres

OTHER = "another staple 8 horse"


class LogInTest(AccountTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.first = self.sign_up()
        self.alice = User.objects.get()

    def devices(self) -> list[Device]:
        return [Phone(), Browser()]

    def test_a_login_opens_the_api_until_the_logout(self) -> None:
        for device in self.devices():
            with self.subTest(device.flavour):
                self.assertFalse(device.is_in())
                device.log_in()
                self.assertTrue(device.is_in())
                device.account("DELETE", "auth/session", status=401)
                self.assertFalse(device.is_in())

    def test_a_logout_ends_one_session_and_not_the_others(self) -> None:
        phone, browser = self.devices()
        phone.log_in()
        browser.log_in()
        phone.account("DELETE", "auth/session", status=401)
        self.assertEqual([self.first.is_in(), phone.is_in(), browser.is_in()], [True, False, True])

    def test_the_email_may_be_written_in_any_case_and_the_username_opens_nothing(self) -> None:
        Phone().log_in("Alice@Example.com")
        Phone().log_in(self.alice.username, status=400)
        body = {"username": self.alice.username, "password": PASSWORD}
        Phone().account("POST", "auth/login", body, status=400)

    def test_a_wrong_password_and_an_unknown_address_look_the_same(self) -> None:
        found = Phone().log_in(password="guess", status=400)
        self.assertEqual(found, Phone().log_in("nobody@example.com", "guess", status=400))
        self.assertEqual(found["errors"][0]["code"], "email_password_mismatch")

    def test_after_five_wrong_passwords_the_right_one_does_not_help_for_five_minutes(self) -> None:
        for _ in range(5):
            Phone().log_in(password="guess", status=400)
        found = Phone().log_in(status=400)
        self.assertEqual(found["errors"][0]["code"], "too_many_login_attempts")
        with later(5 * 60 + 1):
            Phone().log_in()

    def test_thirty_logins_a_minute_from_one_address_and_no_more(self) -> None:
        for _ in range(30):
            Phone().account("POST", "auth/login", {}, status=400)
        self.assertEqual(Phone().log_in(status=429), {"status": 429})
        with later(61):
            Phone().log_in()

    def test_an_address_is_counted_behind_trusted_proxies_only(self) -> None:
        def wait_for_the_limit(*, claim: bool) -> int:
            for number in range(40):
                hops = f"203.0.113.{number}, " if claim else ""
                phone = Phone()
                phone.client.defaults["HTTP_X_FORWARDED_FOR"] = f"{hops}198.51.100.7"
                found = phone.client.post(
                    "/_allauth/app/v1/auth/login", {}, content_type="application/json"
                )
                if found.status_code == 429:
                    return number
            return -1

        # Nobody is trusted: the header, whatever it says, does not count.
        self.assertEqual(wait_for_the_limit(claim=True), 30)
        with self.settings(ALLAUTH_TRUSTED_PROXY_COUNT=1):
            # The last hop is the load balancer's word; what stands before it is the client's.
            self.assertEqual(wait_for_the_limit(claim=True), 30)

    def test_a_user_who_is_not_active_does_not_get_in_and_is_thrown_out(self) -> None:
        browser = Browser()
        browser.log_in()
        User.objects.update(is_active=False)
        self.assertEqual([self.first.is_in(), browser.is_in()], [False, False])
        Phone().log_in(status=401)

    def test_a_browser_cannot_be_made_to_write_by_another_page(self) -> None:
        browser = Browser()
        browser.log_in()
        answer = browser.client.post("/_allauth/browser/v1/auth/login", {}, "application/json")
        self.assertEqual(answer.status_code, 403)
        self.assertEqual(answer["Content-Type"], "application/json")
        self.assertEqual(answer.json()["errors"][0]["code"], "csrf")
        answer = browser.client.delete("/_allauth/browser/v1/auth/session")
        self.assertEqual(answer.status_code, 403)
        self.assertTrue(browser.is_in())
        row = {"date": "2026-01-01", "amount": "1"}
        answer = browser.client.post("/api/transaction", row, "application/json")
        self.assertEqual(answer.json()["type"], "/problems/csrf")
        self.assertEqual(
            browser.call("POST", "/api/transaction", row, status=201)["amount"], "1.00"
        )


class PasswordTest(AccountTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.first = self.sign_up()

    def reset(self, device: Device, password: str = OTHER, status: int = 401) -> None:
        device.account("POST", "auth/password/request", {"email": "alice@example.com"}, status=401)
        self.assertEqual(mail.outbox[-1].subject, "Your code to choose a new password")
        body = {"key": self.code(), "password": password}
        device.account("POST", "auth/password/reset", body, status=status)

    def test_a_code_from_the_mail_sets_another_password_and_ends_every_session(self) -> None:
        for device, password in ((Phone(), OTHER), (Browser(), OTHER + "!")):
            with self.subTest(device.flavour):
                self.reset(device, password)
                self.assertFalse(self.first.is_in())
                Phone().log_in(status=400)
                self.first = Phone()
                self.first.log_in(password=password)

    def test_a_weak_password_is_refused_and_the_code_stays_good(self) -> None:
        phone = Phone()
        self.reset(phone, "short", status=400)
        body = {"key": self.code(), "password": OTHER}
        phone.account("POST", "auth/password/reset", body, status=401)
        Phone().log_in(password=OTHER)

    def test_a_code_can_be_checked_before_the_password_is_asked_for(self) -> None:
        phone = Phone()
        phone.account("POST", "auth/password/request", {"email": "alice@example.com"}, status=401)
        code = self.code()
        phone.account("GET", "auth/password/reset", X_Password_Reset_Key="x", status=400)
        phone.account("GET", "auth/password/reset", X_Password_Reset_Key=code)

    def test_three_wrong_codes_end_it(self) -> None:
        phone = Phone()
        phone.account("POST", "auth/password/request", {"email": "alice@example.com"}, status=401)
        right = self.code()
        for _ in range(3):
            body = {"key": "BBBB-CCCC", "password": OTHER}
            phone.account("POST", "auth/password/reset", body, status=400)
        body = {"key": right, "password": OTHER}
        phone.account("POST", "auth/password/reset", body, status=409)
        self.first.log_in(status=409)  # still logged in

    def test_an_unknown_address_is_not_given_away(self) -> None:
        answers = []
        for email in ("alice@example.com", "nobody@example.com"):
            found = Phone().account("POST", "auth/password/request", {"email": email}, status=401)
            found["meta"].pop("session_token")
            answers.append(found)
        self.assertEqual(*answers)
        sent = mail.outbox[-1]
        self.assertEqual(sent.to, ["nobody@example.com"])
        self.assertEqual(sent.subject, "There is no account with this address")
        self.assertIsNone(re.search("https?:", str(sent.body)))

    def test_nor_does_a_guess_give_it_away(self) -> None:
        answers = []
        for email in ("alice@example.com", "nobody@example.com"):
            body, guess = {"email": email}, {"key": "BBBB-CCCC", "password": OTHER}
            found = []
            for method in ("GET", "POST"):
                phone = Phone()
                phone.account("POST", "auth/password/request", body, status=401)
                for status in (400, 400, 400, 409):
                    if method == "GET":
                        given = {"X_Password_Reset_Key": "BBBB-CCCC"}
                        said = phone.account("GET", "auth/password/reset", status=status, **given)
                    else:
                        said = phone.account("POST", "auth/password/reset", guess, status=status)
                    found.append(said)
            answers.append(found)
        self.assertEqual(*answers)

    def test_five_mails_a_minute_to_one_address_and_no_more(self) -> None:
        body = {"email": "alice@example.com"}
        for _ in range(5):
            Phone().account("POST", "auth/password/request", body, status=401)
        Phone().account("POST", "auth/password/request", body, status=429)

    def test_whoever_changes_it_stays_in_and_the_others_do_not(self) -> None:
        second = Phone()
        second.log_in()
        body = {"current_password": PASSWORD, "new_password": OTHER}
        second.account("POST", "account/password/change", body)
        self.assertEqual([second.is_in(), self.first.is_in()], [True, False])


class EmailTest(AccountTestCase):
    def test_another_address_takes_the_password_again_and_a_code(self) -> None:
        phone = self.sign_up()
        new = {"email": "alice@example.org"}
        with later(6 * 60):
            phone.account("POST", "account/email", new, status=401)
            phone.account("POST", "auth/reauthenticate", {"password": PASSWORD})
            phone.account("POST", "account/email", new)
        phone.account("PATCH", "account/email", {**new, "primary": True}, status=400)
        phone.account("POST", "auth/email/verify", {"key": self.code()})
        phone.account("PATCH", "account/email", {**new, "primary": True})
        self.assertEqual(User.objects.get().email, "alice@example.org")
        Phone().log_in("alice@example.org")

    def test_nobody_takes_an_address_that_somebody_has(self) -> None:
        self.sign_up()
        with later(20):
            bob = self.sign_up("bob@example.com")
            bob.account("POST", "account/email", {"email": "alice@example.com"})
            found = bob.account("POST", "auth/email/verify", {"key": self.code()}, status=400)
        self.assertEqual(found["errors"][0]["code"], "email_taken")


class SessionsTest(AccountTestCase):
    def test_sessions_are_listed_and_ended_one_by_one(self) -> None:
        phone = self.sign_up()
        browser = Browser()
        browser.client.defaults["HTTP_USER_AGENT"] = "Mozilla/5.0 (Macintosh)"
        browser.log_in()
        browser.is_in()
        listed = phone.account("GET", "auth/sessions")["data"]
        self.assertEqual(len(listed), 2)
        others = [session for session in listed if not session["is_current"]]
        self.assertEqual([other["user_agent"] for other in others], ["Mozilla/5.0 (Macintosh)"])
        self.assertGreaterEqual(others[0]["last_seen_at"], others[0]["created_at"])
        left = phone.account("DELETE", "auth/sessions", {"sessions": [others[0]["id"]]})["data"]
        self.assertEqual([session["is_current"] for session in left], [True])
        self.assertEqual([phone.is_in(), browser.is_in()], [True, False])

    def test_nobody_sees_or_ends_the_sessions_of_somebody_else(self) -> None:
        alice = self.sign_up()
        bob = self.sign_up("bob@example.com")
        mine = alice.account("GET", "auth/sessions")["data"][0]["id"]
        self.assertNotIn(mine, [row["id"] for row in bob.account("GET", "auth/sessions")["data"]])
        bob.account("DELETE", "auth/sessions", {"sessions": [mine]}, status=400)
        self.assertTrue(alice.is_in())

    def test_a_session_may_end_itself(self) -> None:
        phone = self.sign_up()
        listed = phone.account("GET", "auth/sessions")["data"]
        phone.account("DELETE", "auth/sessions", {"sessions": [listed[0]["id"]]}, status=401)
        self.assertFalse(phone.is_in())
