"""The admin pages of accounts: users, settings and tokens."""

from __future__ import annotations

import re
from typing import Any
from unittest import mock

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client, TestCase
from django.urls import reverse

from accounts.models import ApiToken
from budget.models import Alert, Category, Ledger, Profile, Rollup, Threshold, Transaction
from budget.tests.pages import add_url, delete_url, seen, told
from budget.tests.people import limit, open_levels, spend
from lib.text import digest
from support.links import list_url, page_url

pytestmark = pytest.mark.any_postgres


class AccountsTestCase(TestCase):
    root: User
    helper: User
    alice: User

    @classmethod
    def setUpTestData(cls) -> None:
        cls.root = User.objects.create_superuser("root", password="swordfish")
        cls.helper = User.objects.create_user("helper", is_staff=True)
        cls.alice = User.objects.create_user("alice", email="alice@example.com")

    def setUp(self) -> None:
        self.client.force_login(self.root)

    def help_with(self, *codenames: str) -> None:
        """Log in as the helper, who may do this and no more."""
        self.helper.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        self.client.force_login(self.helper)

    def save(self, url: str, data: dict[str, Any]) -> Any:
        """Send a change page's form, as it was just opened."""
        return self.client.post(url, data | seen(self.client, url))

    def act(self, model: Any, action: str, *rows: Any, **data: Any) -> Any:
        chosen = {"action": action, "_selected_action": [row.pk for row in rows], **data}
        return self.client.post(list_url(model), chosen)


class UserTest(AccountsTestCase):
    def sent(self, user: User, **fields: Any) -> dict[str, Any]:
        """What the form of a user sends."""
        joined = {"date_joined_0": "2018-01-01", "date_joined_1": "12:00:00"}
        return {"username": user.username, "email": user.email, "is_active": "on"} | joined | fields

    def test_an_account_leads_to_everything_in_it(self) -> None:
        page = self.client.get(page_url(User, self.alice.pk))
        for model in (Transaction, Threshold, Alert, Category, Ledger, Profile, ApiToken):
            self.assertContains(page, list_url(model, user__id__exact=self.alice.pk))
        page = self.client.get(list_url(User))
        for model in (Transaction, Threshold, Alert):
            self.assertContains(page, list_url(model, user__id__exact=self.alice.pk))

    def test_a_user_is_found_by_id_start_of_username_or_address(self) -> None:
        for term in (self.alice.pk, "ali", "alice", "alice@example.com", "ALICE@example.com"):
            found = self.client.get(list_url(User), {"q": term}).context["cl"].result_list
            self.assertEqual(list(found), [self.alice], term)
        for term in ("lice", "example.com", "bob@example.com"):
            found = self.client.get(list_url(User), {"q": term}).context["cl"].result_list
            self.assertEqual(list(found), [], term)

    def test_a_user_made_here_has_what_every_user_has(self) -> None:
        data = {"username": "bob", "usable_password": "false"}
        response = self.client.post(add_url(User), data)
        bob = User.objects.get(username="bob")
        self.assertRedirects(response, page_url(User, bob.pk))
        self.assertTrue(Profile.objects.filter(user=bob).exists())
        self.assertTrue(Category.objects.filter(user=bob, builtin=True).exists())

    def test_a_taken_username_is_a_form_error(self) -> None:
        response = self.save(page_url(User, self.alice.pk), self.sent(self.root))
        self.assertIn("username", response.context["adminform"].form.errors)

    def test_an_edit_is_saved(self) -> None:
        sent = self.sent(self.alice, email="alice@example.org")
        response = self.save(page_url(User, self.alice.pk), sent)
        self.assertRedirects(response, list_url(User))
        self.alice.refresh_from_db()
        self.assertEqual(self.alice.email, "alice@example.org")

    def test_deleting_an_account_says_how_much_goes_and_takes_it_all(self) -> None:
        limit(self.alice, "10")
        for _ in range(12):
            spend(self.alice, "5")
        ApiToken.issue(self.alice, "phone")
        with mock.patch("support.user.CAP", 10):
            page = self.client.get(delete_url(self.alice))
        self.assertContains(page, "Transactions: more than 10")
        self.assertContains(page, "Thresholds: 1")
        self.assertContains(page, "Alerts: 2")
        self.assertNotContains(page, "protected")
        response = self.client.post(delete_url(self.alice), {"post": "yes"})
        self.assertRedirects(response, list_url(User))
        for model in (Transaction, Threshold, Alert, Category, Ledger, Rollup, Profile, ApiToken):
            self.assertFalse(model._base_manager.filter(user=self.alice.pk).exists(), model)
        self.assertFalse(User.objects.filter(pk=self.alice.pk).exists())
        self.assertEqual(LogEntry.objects.get().object_id, str(self.alice.pk))

    def test_accounts_can_be_deleted_in_bulk(self) -> None:
        bob = User.objects.create_user("bob")
        for user in (self.alice, bob):
            spend(user, "5")
        page = self.act(User, "delete_selected", self.alice, bob)
        self.assertContains(page, "Transactions: 2")
        response = self.act(User, "delete_selected", self.alice, bob, post="yes")
        self.assertIn("Successfully deleted 2 users.", told(response))
        self.assertEqual(set(User.objects.all()), {self.root, self.helper})
        self.assertEqual(Transaction.objects.count(), 0)

    def test_nobody_deletes_the_account_they_are_logged_in_with(self) -> None:
        said = "You cannot delete the account that you are logged in with."
        for response in (
            self.client.post(delete_url(self.root), {"post": "yes"}),
            self.act(User, "delete_selected", self.alice, self.root, post="yes"),
        ):
            self.assertEqual(told(response)[-1:], [said])
        self.assertEqual(User.objects.count(), 3)
        self.assertEqual(LogEntry.objects.count(), 0)

    def test_a_helper_hands_out_no_powers(self) -> None:
        self.help_with("view_user", "change_user")
        powers = {"is_staff": "on", "is_superuser": "on", "user_permissions": ["1"]}
        for user in (self.alice, self.helper):
            sent = self.sent(user, email="new@example.com", **powers)
            self.save(page_url(User, user.pk), sent)
            user.refresh_from_db()
            self.assertEqual((user.email, user.is_superuser), ("new@example.com", False))
        self.assertFalse(self.alice.is_staff)
        self.assertEqual(self.alice.user_permissions.count(), 0)

    def test_a_helper_does_not_touch_a_superuser(self) -> None:
        self.help_with("view_user", "change_user", "delete_user")
        password = reverse("admin:auth_user_password_change", args=[self.root.pk])
        for url in (page_url(User, self.root.pk), delete_url(self.root), password):
            self.assertEqual(self.client.post(url, self.sent(self.root)).status_code, 403)
        response = self.act(User, "delete_selected", self.alice, self.root, post="yes")
        self.assertEqual(told(response)[-1:], ["Only a superuser can delete root."])
        self.assertEqual(User.objects.count(), 3)


class ProfileTest(AccountsTestCase):
    def sent(self, **fields: Any) -> dict[str, Any]:
        return {
            "time_zone": "Europe/Berlin",
            "week_start": "7",
            "month_start": "1",
            "currency": "EUR",
            **fields,
        }

    def setUp(self) -> None:
        super().setUp()
        self.page = page_url(Profile, Profile.objects.get(user=self.alice).pk)

    def test_a_change_cuts_the_periods_anew(self) -> None:
        limit(self.alice, "10")
        spend(self.alice, "10", "2018-03-20")
        response = self.save(self.page, self.sent(month_start="15"))
        self.assertRedirects(response, list_url(Profile))
        self.assertEqual(open_levels(self.alice), [("2018-03-15", 80), ("2018-03-15", 100)])
        profile = Profile.objects.get(user=self.alice)
        self.assertEqual((profile.week_start, profile.currency), (7, "EUR"))

    def test_bad_values_are_form_errors(self) -> None:
        for field, value in {
            "time_zone": "Mars",
            "week_start": "8",
            "month_start": "29",
            "currency": "eur",
        }.items():
            with self.subTest(field):
                page = self.save(self.page, self.sent(**{field: value}))
                self.assertEqual(list(page.context["adminform"].form.errors), [field])
        self.assertEqual(Profile.objects.get(user=self.alice).currency, "USD")

    def test_it_comes_and_goes_with_its_account(self) -> None:
        for url in (add_url(Profile), self.page.replace("/change/", "/delete/")):
            self.assertEqual(self.client.post(url, {"post": "yes"}).status_code, 403)


class ApiTokenTest(AccountsTestCase):
    def test_no_page_shows_the_secret_or_what_is_stored_of_it(self) -> None:
        token, secret = ApiToken.issue(self.alice, "phone")
        for url in (list_url(ApiToken), page_url(ApiToken, token.pk)):
            page = self.client.get(url)
            self.assertContains(page, token.hint)
            self.assertNotContains(page, secret)
            self.assertNotContains(page, token.digest)
        guess = {"digest__startswith": token.digest[0]}
        self.assertEqual(self.client.get(list_url(ApiToken), guess).status_code, 400)

    def test_a_token_can_be_found_by_its_first_characters(self) -> None:
        token, _ = ApiToken.issue(self.alice, "phone")
        ApiToken.issue(self.root, "phone")
        for query in ({"q": token.hint}, {"q": "alice"}, {"q": str(token.pk)}):
            found = self.client.get(list_url(ApiToken), query).context["cl"].result_list
            self.assertEqual(list(found), [token])

    def test_tokens_are_revoked_once_and_stay(self) -> None:
        tokens = [ApiToken.issue(self.alice, name)[0] for name in ("phone", "laptop")]
        other, _ = ApiToken.issue(self.alice, "watch")
        response = self.act(ApiToken, "revoke", *tokens)
        self.assertEqual(told(response), ["Tokens revoked: 2."])
        revoked = {token.revoked_at for token in ApiToken.objects.exclude(pk=other.pk)}
        self.assertNotIn(None, revoked)
        response = self.act(ApiToken, "revoke", *tokens, other)
        self.assertEqual(told(response)[-1:], ["Tokens revoked: 1."])
        again = {token.revoked_at for token in ApiToken.objects.exclude(pk=other.pk)}
        self.assertEqual(again, revoked)
        self.assertEqual(LogEntry.objects.count(), 3)

    def test_a_token_is_neither_changed_nor_deleted_here(self) -> None:
        token, _ = ApiToken.issue(self.alice, "phone")
        for url in (page_url(ApiToken, token.pk), delete_url(token)):
            self.assertEqual(self.client.post(url, {"post": "yes"}).status_code, 403)

    def make(self, **fields: Any) -> Any:
        sent = {"user": self.alice.pk, "name": "Bank feed", **fields}
        return self.client.post(add_url(ApiToken), sent)

    def test_a_services_token_is_shown_once_and_works(self) -> None:
        page = self.make()
        self.assertIn("no-store", page["Cache-Control"])
        found = re.search(r'<code id="secret">(fa_[\w-]{43})</code>', page.content.decode())
        assert found is not None
        token = ApiToken.objects.get()
        self.assertEqual(
            (token.scope, token.user, token.name), ("service", self.alice, "Bank feed")
        )
        self.assertEqual(token.digest, digest(found[1]))
        self.assertTrue(token.key.startswith("bank feed fa_"))
        self.assertIn(str(token), str(LogEntry.objects.get()))
        for url in (list_url(ApiToken), page_url(ApiToken, token.pk)):
            self.assertNotContains(self.client.get(url), found[1])
        self.assertNotIn(found[1], str(self.client.cookies))
        header = {"Authorization": f"Bearer {found[1]}"}
        answer = self.client.get(f"/api/profile?user={self.root.pk}", headers=header)
        self.assertEqual(answer.json()["user"], self.root.pk)

    def test_its_end_and_its_owner_have_to_make_sense(self) -> None:
        for fields, wrong in (
            ({"name": ""}, "name"),
            ({"user": ""}, "user"),
            ({"expires_at_0": "2018-01-01", "expires_at_1": "00:00:00"}, "expires_at"),
        ):
            errors = self.make(**fields).context["adminform"].form.errors
            self.assertEqual(list(errors), [wrong])
        User.objects.filter(pk=self.alice.pk).update(is_active=False)
        self.assertEqual(list(self.make().context["adminform"].form.errors), ["user"])
        self.assertFalse(ApiToken.objects.exists())

    def test_the_scope_is_not_for_the_form_to_say(self) -> None:
        self.make(scope="write", digest="0" * 64)
        token = ApiToken.objects.get()
        self.assertEqual(token.scope, "service")
        self.assertNotEqual(token.digest, "0" * 64)

    def test_only_a_superuser_makes_a_service(self) -> None:
        self.help_with("view_apitoken", "add_apitoken", "change_apitoken", "view_user")
        self.assertEqual(self.client.get(add_url(ApiToken)).status_code, 403)
        self.assertEqual(self.make().status_code, 403)
        self.assertFalse(ApiToken.objects.exists())

    def test_revoking_takes_the_right_to_change(self) -> None:
        token, _ = ApiToken.issue(self.alice, "phone")
        self.help_with("view_apitoken")
        self.act(ApiToken, "revoke", token)
        token.refresh_from_db()
        self.assertIsNone(token.revoked_at)
        self.help_with("view_apitoken", "change_apitoken")
        self.act(ApiToken, "revoke", token)
        token.refresh_from_db()
        self.assertIsNotNone(token.revoked_at)


class LogInsTest(AccountsTestCase):
    """Addresses, second factors and sessions of users."""

    def setUp(self) -> None:
        super().setUp()
        self.rows: list[Any] = []
        for user in (self.alice, self.root):
            self.rows += [
                EmailAddress.objects.create(user=user, email=f"{user}@example.com", verified=True),
                Authenticator.objects.create(
                    user=user, type=Authenticator.Type.TOTP, data={"secret": f"SECRET-OF-{user}"}
                ),
            ]

    def log_in(self, user: User) -> tuple[Client, UserSession]:
        """A browser of the user's and its session."""
        browser = Client()
        browser.force_login(user)
        session = UserSession.objects.create(
            user=user,
            ip="203.0.113.7",
            user_agent="Mozilla",
            session_key=browser.cookies["sessionid"].value,
        )
        return browser, session

    def test_no_page_shows_what_opens_an_account(self) -> None:
        _, session = self.log_in(self.alice)
        for row in (*self.rows, session):
            for url in (list_url(type(row)), page_url(type(row), row.pk)):
                page = self.client.get(url)
                self.assertEqual(page.status_code, 200)
                self.assertNotContains(page, "SECRET-OF")
                self.assertNotContains(page, session.session_key)

    def test_nothing_is_added_or_edited(self) -> None:
        _, session = self.log_in(self.alice)
        for row in (*self.rows, session):
            for url in (add_url(type(row)), page_url(type(row), row.pk)):
                self.assertEqual(self.client.post(url, {"verified": "on"}).status_code, 403)
        page = self.client.post(delete_url(self.rows[0]), {"post": "yes"})
        self.assertEqual(page.status_code, 403)

    def test_an_address_is_found_by_its_text(self) -> None:
        page = self.client.get(list_url(EmailAddress), {"q": "Alice@Example.com"})
        self.assertEqual(list(page.context["cl"].result_list), [self.rows[0]])

    def test_a_lost_second_factor_is_taken_away(self) -> None:
        self.client.post(delete_url(self.rows[1]), {"post": "yes"})
        self.assertEqual(list(Authenticator.objects.all()), [self.rows[3]])

    def test_deleting_a_session_logs_it_out(self) -> None:
        for delete in (
            lambda row: self.client.post(delete_url(row), {"post": "yes"}),
            lambda row: self.act(UserSession, "delete_selected", row, post="yes"),
        ):
            browser, session = self.log_in(self.alice)
            self.assertEqual(browser.get("/api/profile").status_code, 200)
            delete(session)
            self.assertEqual(browser.get("/api/profile").status_code, 401)
            self.assertFalse(UserSession.objects.exists())

    def test_a_helper_does_not_disarm_a_superuser(self) -> None:
        self.help_with("view_authenticator", "delete_authenticator")
        for response in (
            self.client.post(delete_url(self.rows[3]), {"post": "yes"}),
            self.act(Authenticator, "delete_selected", self.rows[1], self.rows[3], post="yes"),
        ):
            self.assertEqual(told(response)[-1:], ["Only a superuser can do this to root."])
        self.assertEqual(Authenticator.objects.count(), 2)
        self.client.post(delete_url(self.rows[1]), {"post": "yes"})
        self.assertEqual(list(Authenticator.objects.all()), [self.rows[3]])

    def test_it_takes_the_right_to_delete(self) -> None:
        self.help_with("view_authenticator")
        self.assertEqual(self.client.post(delete_url(self.rows[1])).status_code, 403)

    def test_all_of_it_goes_with_the_account(self) -> None:
        self.log_in(self.alice)
        page = self.client.get(delete_url(self.alice))
        self.assertContains(page, "Authenticators: 1")
        self.client.post(delete_url(self.alice), {"post": "yes"})
        for model in (EmailAddress, Authenticator, UserSession):
            self.assertFalse(model._base_manager.filter(user=self.alice.pk).exists())
