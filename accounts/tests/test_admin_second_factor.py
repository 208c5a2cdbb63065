"""In production the admin takes a second factor, which can be set up in the browser."""

from __future__ import annotations

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Permission, User
from django.core import mail
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client, TransactionTestCase, override_settings
from django.urls import URLPattern, get_resolver

from accounts.models import ApiToken
from accounts.tests.clients import CODE, PASSWORD, Browser, later, totp

pytestmark = pytest.mark.once

LOG_IN = "/accounts/login/"
SET_UP = "/accounts/2fa/totp/activate/"
SHOW = "/accounts/2fa/reauthenticate/"
ADD_TOKEN = "/admin/accounts/apitoken/add/"
OTHER = "another horse 8 battery"


@override_settings(ADMIN_SECOND_FACTOR=True)
class SecondFactorTestCase(TransactionTestCase):
    """Signals of a new factor come after the commit, so each test commits."""

    def setUp(self) -> None:
        cache.clear()
        self.root = User.objects.create_superuser("root", "root@example.com", PASSWORD)
        EmailAddress.objects.create(
            user=self.root, email=self.root.email, verified=True, primary=True
        )
        self.browser = Client(enforce_csrf_checks=True)

    def submit(self, path: str, data: dict[str, str], browser: Client | None = None) -> Any:
        """Open a page and send its first form; where that leads to."""
        page = (browser or self.browser).get(path, follow=True)
        self.assertEqual(page.status_code, 200, path)
        return self.send(page.content.decode(), data, browser)

    def send(self, page: str, data: dict[str, str], browser: Client | None = None) -> Any:
        form = page.partition("</form>")[0]
        hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)
        action = re.findall(r'<form method="post" action="([^"]+)"', form)[-1]
        answer = (browser or self.browser).post(action, dict(hidden) | data)
        return answer.headers.get("Location", answer.status_code)

    def log_in(self, browser: Client | None = None, asked_for: str = "/admin/") -> Any:
        path = f"{LOG_IN}?next={asked_for}"
        return self.submit(path, {"login": "root@example.com", "password": PASSWORD}, browser)

    def set_up(self) -> str:
        """Set up an authenticator app on the page; the key that it shows."""
        page = self.browser.get(SET_UP).content.decode()
        found = re.search(r'<code id="secret">(\w+)</code>', page)
        assert found is not None, page
        self.assertIn("data:image/svg+xml;base64,", page)
        answer = self.send(page, {"code": totp(found[1])})
        self.assertEqual(answer, "/accounts/2fa/recovery-codes/")
        return found[1]

    def leads_to(self, path: str, browser: Client | None = None) -> str:
        """The page on which a browser ends that asks for one."""
        found = (browser or self.browser).get(path, follow=True)
        self.assertEqual(found.status_code, 200)
        return found.redirect_chain[-1][0].partition("?")[0] if found.redirect_chain else path


class WayInTest(SecondFactorTestCase):
    def test_the_first_log_in_leads_to_the_set_up_and_then_into_the_admin(self) -> None:
        self.log_in()
        self.assertEqual(self.leads_to("/admin/"), SET_UP)
        self.set_up()
        codes = self.browser.get("/accounts/2fa/recovery-codes/")
        self.assertEqual(len(re.findall(r"<li><code>", codes.content.decode())), 10)
        self.assertContains(codes, 'href="/admin/"')
        self.assertEqual(self.browser.get("/admin/").status_code, 200)

    def test_later_log_ins_take_the_code(self) -> None:
        self.log_in()
        secret = self.set_up()
        other = Client(enforce_csrf_checks=True)
        with later(60):
            self.assertTrue(self.log_in(other).startswith("/accounts/2fa/authenticate/"))
            self.assertEqual(self.leads_to("/admin/", other), "/accounts/2fa/authenticate/")
            answer = self.submit("/accounts/2fa/authenticate/", {"code": totp(secret)}, other)
            self.assertEqual(answer, "/admin/")
            self.assertEqual(other.get("/admin/").status_code, 200)

    def test_a_session_from_before_the_factor_has_to_show_it(self) -> None:
        early = Client(enforce_csrf_checks=True)
        self.log_in(early)
        self.log_in()
        secret = self.set_up()
        self.assertEqual(self.leads_to("/admin/auth/user/", early), SHOW)
        with later(60):
            answer = self.submit(f"{SHOW}?next=/admin/auth/user/", {"code": totp(secret)}, early)
        self.assertEqual(answer, "/admin/auth/user/")
        self.assertEqual(early.get("/admin/auth/user/").status_code, 200)

    def test_without_the_factor_no_page_of_the_admin_opens(self) -> None:
        self.log_in()
        paths = [path for path in admin_paths() if path not in ("/admin/logout/",)]
        self.assertGreater(len(paths), 30)
        for path in paths:
            with self.subTest(path):
                self.assertIn(self.browser.get(path).status_code, (301, 302))
                self.assertIn(self.leads_to(path), (SET_UP, "/admin/"))

    def test_taking_the_factor_away_closes_the_admin(self) -> None:
        self.log_in()
        self.set_up()
        self.assertEqual(self.submit("/accounts/2fa/totp/deactivate/", {}), "/accounts/2fa/")
        self.assertEqual(self.leads_to("/admin/"), SET_UP)

    def test_a_helper_needs_one_too(self) -> None:
        User.objects.filter(pk=self.root.pk).update(is_superuser=False)
        self.root.user_permissions.add(Permission.objects.get(codename="view_user"))
        self.log_in()
        self.assertEqual(self.leads_to("/admin/"), SET_UP)
        self.set_up()
        self.assertEqual(self.browser.get("/admin/auth/user/").status_code, 200)

    def test_people_who_are_no_staff_do_not_get_in_with_one(self) -> None:
        User.objects.filter(pk=self.root.pk).update(is_superuser=False, is_staff=False)
        self.log_in()
        self.set_up()
        self.assertEqual(self.browser.get("/admin/", follow=True).status_code, 403)

    def test_it_may_have_been_set_up_over_the_api(self) -> None:
        browser = Browser()
        browser.log_in("root@example.com")
        answer = browser.account("GET", "account/authenticators/totp", status=404)
        body = {"code": totp(answer["meta"]["secret"])}
        browser.account("POST", "account/authenticators/totp", body)
        self.assertEqual(browser.client.get("/admin/").status_code, 200)

    def test_setting_it_up_long_after_the_log_in_takes_the_password(self) -> None:
        self.log_in()
        with later(6 * 60):
            self.assertEqual(self.leads_to("/admin/"), "/accounts/reauthenticate/")
            self.submit(f"/accounts/reauthenticate/?next={SET_UP}", {"password": PASSWORD})
            self.assertEqual(self.leads_to("/admin/"), SET_UP)

    @override_settings(ADMIN_SECOND_FACTOR=False)
    def test_a_developer_needs_none(self) -> None:
        self.assertEqual(self.log_in(), "/admin/")
        self.assertEqual(self.browser.get("/admin/").status_code, 200)
        self.assertEqual(self.browser.get(ADD_TOKEN).status_code, 200)

    def test_new_recovery_codes_replace_the_old(self) -> None:
        self.log_in()
        self.set_up()
        before = self.browser.get("/accounts/2fa/recovery-codes/download/").content
        self.submit("/accounts/2fa/recovery-codes/generate/", {})
        self.assertNotEqual(
            self.browser.get("/accounts/2fa/recovery-codes/download/").content, before
        )


class ServiceTokenTest(SecondFactorTestCase):
    def make(self) -> Any:
        return self.submit(ADD_TOKEN, {"user": str(self.root.pk), "name": "bank feed"})

    def test_the_form_says_what_it_makes_before_it_is_saved(self) -> None:
        self.log_in()
        self.set_up()
        page = self.browser.get(ADD_TOKEN)
        self.assertContains(page, "the data of every user")
        listed = self.browser.get("/admin/accounts/apitoken/")
        self.assertContains(listed, "Make a token of a service")
        self.assertNotContains(listed, "Add api token")

    def test_it_takes_a_proof_of_the_last_minutes(self) -> None:
        self.log_in()
        secret = self.set_up()
        with later(6 * 60):
            self.assertEqual(self.leads_to(ADD_TOKEN), "/accounts/reauthenticate/")
            self.assertEqual(self.browser.get("/admin/accounts/apitoken/").status_code, 200)
            self.submit(f"{SHOW}?next={ADD_TOKEN}", {"code": totp(secret)})
            self.assertEqual(self.browser.get(ADD_TOKEN).status_code, 200)
        self.assertEqual(ApiToken.objects.count(), 0)

    def test_a_form_that_was_left_open_takes_one_when_it_is_sent(self) -> None:
        self.log_in()
        self.set_up()
        token = self.browser.cookies["csrftoken"].value
        sent = {"user": str(self.root.pk), "name": "feed", "csrfmiddlewaretoken": token}
        with later(6 * 60):
            answer = self.browser.post(ADD_TOKEN, sent)
            self.assertTrue(answer["Location"].startswith("/accounts/reauthenticate/"))
            self.assertEqual(ApiToken.objects.count(), 0)
            found = self.submit(answer["Location"], {"password": PASSWORD})
            self.assertEqual(found, 200)
        # What was typed is not lost: the form is sent on, once.
        self.assertEqual(ApiToken.objects.get().name, "feed")


class PasswordResetTest(SecondFactorTestCase):
    def test_a_forgotten_password_is_replaced_on_pages(self) -> None:
        self.assertContains(self.browser.get(LOG_IN), 'href="/accounts/password/reset/"')
        path = self.submit("/accounts/password/reset/", {"email": "root@example.com"})
        self.assertEqual(path, "/accounts/password/reset/confirm/")
        self.assertEqual(self.submit(path, {"code": "BBBB-CCCC"}), 200)
        found = CODE.search(str(mail.outbox[-1].body))
        assert found is not None
        path = self.submit(path, {"code": found[0]})
        self.assertEqual(path, "/accounts/password/reset/complete/")
        weak = {"password1": "short", "password2": "short"}
        self.assertEqual(self.submit(path, weak), 200)
        strong = {"password1": OTHER, "password2": OTHER}
        self.assertEqual(self.submit(path, strong), "/accounts/password/reset/done/")
        self.assertEqual(self.log_in(), 200)
        sent = {"login": "root@example.com", "password": OTHER}
        self.assertEqual(self.submit(f"{LOG_IN}?next=/admin/", sent), "/admin/")

    def test_an_unknown_address_is_not_given_away(self) -> None:
        path = self.submit("/accounts/password/reset/", {"email": "nobody@example.com"})
        self.assertEqual(path, "/accounts/password/reset/confirm/")
        self.assertEqual(self.submit(path, {"code": "BBBB-CCCC"}), 200)


class LockedOutTest(SecondFactorTestCase):
    def test_a_command_takes_lost_factors_away(self) -> None:
        self.log_in()
        self.set_up()
        said = call_command("remove_second_factor", "ROOT@example.com")
        self.assertIn("root", said)
        self.assertEqual(Authenticator.objects.count(), 0)
        self.assertEqual(self.leads_to("/admin/"), LOG_IN)
        self.log_in()
        self.assertEqual(self.leads_to("/admin/"), SET_UP)

    def test_it_says_where_there_is_nothing_to_take(self) -> None:
        for name, words in (("nobody", "no account"), ("root", "no second factor")):
            with self.subTest(name), self.assertRaisesRegex(CommandError, words):
                call_command("remove_second_factor", name)


def admin_paths() -> list[str]:
    """Every address of the admin that has no id in it."""
    found = []
    for resolver in get_resolver().url_patterns:
        if str(resolver.pattern) == "admin/":
            for inner in getattr(resolver, "url_patterns", []):
                parts = getattr(inner, "url_patterns", [inner])
                prefix = "/admin/" + ("" if isinstance(inner, URLPattern) else str(inner.pattern))
                found += [prefix + str(part.pattern) for part in parts]
    return sorted({path for path in found if not set("<(^") & set(path)})
