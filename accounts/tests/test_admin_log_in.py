"""The way into the admin, which is everybody's login; and which pages there are no more."""

from __future__ import annotations

import json
import re
from typing import Any
from unittest import mock

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.tests.clients import PASSWORD, AccountTestCase, Browser, totp
from accounts.tests.passkey import Passkey
from api.allauth import PAGES, no_page

pytestmark = pytest.mark.any_postgres

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
CREDENTIALS = {"login": "root@example.com", "password": PASSWORD}


class AdminLogInTest(AccountTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.root = User.objects.create_superuser("root", "root@example.com", PASSWORD)
        self.browser = Client(enforce_csrf_checks=True)

    def confirm(self) -> None:
        EmailAddress.objects.create(
            user=self.root, email=self.root.email, verified=True, primary=True
        )

    def send(self, path: str, data: dict[str, str]) -> Any:
        """Send the first form of a page, as the page itself would; where it leads to."""
        page = self.browser.get(path)
        self.assertEqual(page.status_code, 200)
        form = page.content.decode().partition("</form>")[0]
        hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)
        answer = self.browser.post(path, dict(hidden) | data)
        return answer.headers.get("Location", answer.status_code)

    def log_in(self) -> Any:
        found = self.browser.get("/admin/auth/user/", follow=True)
        path, _ = found.redirect_chain[-1]
        self.assertEqual(path, "/accounts/login/?next=%2Fadmin%2Fauth%2Fuser%2F")
        return self.send(path, CREDENTIALS)

    def test_a_password_leads_back_to_the_page_that_was_asked_for(self) -> None:
        self.confirm()
        self.assertEqual(self.log_in(), "/admin/auth/user/")
        self.assertEqual(self.browser.get("/admin/auth/user/").status_code, 200)

    def test_an_address_that_nobody_has_confirmed_takes_a_code_first(self) -> None:
        self.assertEqual(self.log_in(), "/accounts/confirm-email/")
        self.assertEqual(self.browser.get("/admin/").status_code, 302)
        self.assertEqual(mail.outbox[-1].to, ["root@example.com"])
        code = {"code": self.code()}
        self.assertEqual(self.send("/accounts/confirm-email/", code), "/admin/auth/user/")
        self.assertEqual(self.browser.get("/admin/").status_code, 200)

    def test_a_code_of_the_authenticator_app_is_needed_where_there_is_one(self) -> None:
        self.confirm()
        Authenticator.objects.create(
            user=self.root, type=Authenticator.Type.TOTP, data={"secret": SECRET}
        )
        path = "/accounts/2fa/authenticate/"
        self.assertTrue(self.log_in().startswith(path))
        self.assertEqual(self.browser.get("/admin/").status_code, 302)
        wrong = {"code": f"{(int(totp(SECRET)) + 1) % 1_000_000:06}"}
        self.assertEqual(self.send(path, wrong), 200)
        self.assertEqual(self.browser.get("/admin/").status_code, 302)
        self.assertEqual(self.send(path, {"code": totp(SECRET)}), "/admin/auth/user/")
        self.assertEqual(self.browser.get("/admin/").status_code, 200)

    def test_so_is_a_security_key(self) -> None:
        self.confirm()
        passkey = Passkey()
        self.register(passkey)
        self.assertTrue(self.log_in().startswith("/accounts/2fa/authenticate/"))
        page = self.browser.get("/accounts/2fa/authenticate/")
        data = re.search(
            r'<script id="js_data" type="application/json">(.*?)</script>',
            str(page.content.decode()),
        )
        assert data is not None
        signed = passkey.sign(json.loads(data[1])["request_options"])
        found = self.browser.post(
            "/accounts/2fa/authenticate/",
            {
                "credential": json.dumps(signed),
                "csrfmiddlewaretoken": self.browser.cookies["csrftoken"].value,
            },
        )
        self.assertEqual(found.get("Location"), "/admin/auth/user/")
        self.assertEqual(self.browser.get("/admin/").status_code, 200)

    def test_a_passkey_leads_in_by_itself(self) -> None:
        self.confirm()
        passkey = Passkey()
        self.register(passkey)
        self.browser.get("/accounts/login/?next=/admin/")
        options = self.browser.get(
            "/accounts/2fa/webauthn/login/", headers={"Accept": "application/json"}
        ).json()["request_options"]
        found = self.browser.post(
            "/accounts/2fa/webauthn/login/",
            {
                "credential": json.dumps(passkey.sign(options)),
                "csrfmiddlewaretoken": self.browser.cookies["csrftoken"].value,
                "next": "/admin/",
            },
        )
        self.assertEqual(found.get("Location"), "/admin/")
        self.assertEqual(self.browser.get("/admin/").status_code, 200)

    def register(self, passkey: Passkey) -> None:
        """Make a passkey for root, as the JSON API does."""
        device = Browser()
        device.account("POST", "auth/login", {"email": "root@example.com", "password": PASSWORD})
        path = "account/authenticators/webauthn"
        options = device.account("GET", f"{path}?passwordless")["data"]["creation_options"]
        device.account("POST", path, {"name": "key", "credential": passkey.register(options)})
        self.assertEqual(Authenticator.objects.filter(user=self.root, type="webauthn").count(), 1)

    def test_guessing_ends_after_five(self) -> None:
        self.confirm()
        for _ in range(5):
            self.send("/accounts/login/", {**CREDENTIALS, "password": "guess"})
        self.assertEqual(self.send("/accounts/login/", CREDENTIALS), 200)
        self.assertEqual(self.browser.get("/admin/").status_code, 302)

    def test_too_many_log_ins_are_told_on_a_page(self) -> None:
        token = self.browser.get("/accounts/login/").cookies["csrftoken"].value
        sent = {"login": "x", "csrfmiddlewaretoken": token}
        for _ in range(30):
            self.assertEqual(self.browser.post("/accounts/login/", sent).status_code, 200)
        answer = self.browser.post("/accounts/login/", sent)
        self.assertEqual(answer.status_code, 429)
        self.assertContains(answer, "Financial Alerts", status_code=429)

    def test_an_account_that_is_not_active_is_told_on_a_page(self) -> None:
        self.confirm()
        User.objects.update(is_active=False)
        self.assertEqual(self.log_in(), "/accounts/inactive/")
        self.assertContains(self.browser.get("/accounts/inactive/"), "not active")

    def test_a_mail_that_cannot_be_sent_is_told_on_a_page(self) -> None:
        with (
            mock.patch("django.core.mail.EmailMessage.send", side_effect=ConnectionRefusedError),
            self.assertLogs("accounts.adapters", "ERROR"),
        ):
            self.assertEqual(self.log_in(), 503)

    def test_whoever_is_no_staff_does_not_get_in(self) -> None:
        self.root.is_staff = False
        self.root.save()
        self.confirm()
        self.log_in()
        self.assertEqual(self.browser.get("/admin/", follow=True).status_code, 403)

    def test_the_admins_own_form_is_closed(self) -> None:
        self.confirm()
        sent = {"username": "root", "password": PASSWORD}
        answer = Client().post("/admin/login/", sent)
        self.assertTrue(answer["Location"].startswith("/accounts/login/"))
        self.assertNotIn("sessionid", answer.cookies)

    def test_logging_out_of_the_admin_ends_the_session(self) -> None:
        self.confirm()
        self.log_in()
        token = self.browser.cookies["csrftoken"].value
        self.browser.post("/admin/logout/", {"csrfmiddlewaretoken": token})
        self.assertEqual(self.browser.get("/api/profile").status_code, 401)

    def test_no_page_leads_to_another_site(self) -> None:
        self.confirm()
        answer = self.send("/accounts/login/?next=https://evil.example/", CREDENTIALS)
        self.assertEqual(answer, "/")


class PagesTest(AccountTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.browser = Client(enforce_csrf_checks=True)

    def names(self, patterns: Any, prefix: str = "") -> dict[str, URLPattern]:
        found: dict[str, URLPattern] = {}
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                found |= self.names(pattern.url_patterns, prefix + str(pattern.pattern))
            else:
                found[prefix + str(pattern.pattern)] = pattern
        return found

    def test_only_pages_with_a_template_of_ours_are_there(self) -> None:
        every = self.names(get_resolver().url_patterns)
        pages = {path: found for path, found in every.items() if path.startswith("accounts/")}
        self.assertGreater(len(pages), len(PAGES) + 5)
        self.assertEqual(PAGES - {found.name for found in pages.values()}, set())
        for path, found in pages.items():
            if found.name not in PAGES:
                self.assertIs(found.callback, no_page, path)

    def test_what_is_not_there_is_not_found_whoever_asks(self) -> None:
        User.objects.create_superuser("root", "root@example.com", PASSWORD)
        for _ in range(2):
            for path in ("email/", "password/set/", "login/code/confirm/"):
                for ask in (self.client.get, self.client.post):
                    answer = ask(f"/accounts/{path}")
                    self.assertEqual(answer.status_code, 404, path)
            self.client.force_login(User.objects.get())

    def test_what_is_not_there_under_allauth_is_told_as_json(self) -> None:
        for debug in (False, True):
            for path in ("/_allauth/nothing", "/_allauth/", "/_allauth/app/v1/account/phone"):
                for ask in (self.browser.get, self.browser.post):
                    with self.settings(DEBUG=debug):
                        answer = ask(path)
                    self.assertEqual((answer.status_code, answer.json()), (404, {"status": 404}))

    def test_its_own_description_is_served_and_made_once(self) -> None:
        for path in ("/_allauth/openapi.json", "/_allauth/openapi.yaml"):
            first = self.client.get(path)
            self.assertIn("/_allauth/{client}/v1/auth/login", first.content.decode())
            with mock.patch("yaml.safe_load", side_effect=AssertionError):
                again = self.client.get(path)
            self.assertEqual(
                (again.content, again["Content-Type"]), (first.content, first["Content-Type"])
            )
            refused = self.client.post(path, {}, content_type="application/json")
            self.assertEqual(refused.status_code, 405)
        self.assertEqual(self.client.get("/_allauth/openapi.html").status_code, 404)
